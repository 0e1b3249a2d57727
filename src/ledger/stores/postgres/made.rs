//! Whether the database is as `schema.sql` makes it: an append rests on the function, and on what the triggers refuse.
//!
//! The role of the gate can see this and change nothing of it. Whoever owns the tables can do both, so this finds what
//! was changed by mistake or left behind, and the replay finds what was done on purpose.

use postgres::{Client, Error};

use super::SCHEMA;

/// Table, trigger, its function, when it fires (also in replication), and at what.
///
/// The numbers are those of `pg_trigger.tgtype`: row 1, before 2, delete 8, update 16, truncate 32.
const TRIGGERS: [(&str, &str, &str, &str, i32); 4] = [
    ("entry", "only_grows", "refuse", "A", 58),
    ("head", "only_grows", "refuse_less", "A", 19),
    ("head", "stays", "refuse", "A", 42),
    ("seal", "stays", "refuse", "A", 42),
];

const FUNCTIONS: [&str; 4] = ["append", "keep_seal", "refuse", "refuse_less"];

/// What is not as it was made, in words.
pub(super) fn differs(client: &mut Client) -> Result<Option<String>, Error> {
    for name in FUNCTIONS {
        let found = client.query(
            "SELECT prosrc, array_to_string(proconfig, ';') FROM pg_proc \
             WHERE pronamespace = 'tollgate'::regnamespace AND proname = $1",
            &[&name],
        )?;
        let ours = |row: &postgres::Row| {
            Some(row.get::<_, &str>(0)) == body(name)
                && row.get::<_, Option<&str>>(1) == Some("search_path=pg_catalog, pg_temp")
        };
        if found.len() != 1 || !found.iter().all(ours) {
            return Ok(Some(format!("the function `{name}`")));
        }
    }
    let found = client.query(
        "SELECT c.relname::text, t.tgname::text, p.proname::text, t.tgenabled::text, t.tgtype::int \
         FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid \
         WHERE c.relnamespace = 'tollgate'::regnamespace AND NOT t.tgisinternal ORDER BY 1, 2",
        &[],
    )?;
    let triggers = found.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4)));
    if !triggers.eq(TRIGGERS) {
        return Ok(Some("a trigger".to_owned()));
    }
    // A table that is not logged is emptied by a crash, and a rule may turn an insert into nothing.
    let found = client.query(
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'tollgate'::regnamespace \
         AND relname IN ('entry', 'head', 'seal') AND relkind = 'r' AND relpersistence = 'p' AND NOT relhasrules",
        &[],
    )?;
    Ok((found.len() != 3).then(|| "a table".to_owned()))
}

/// What stands between the dollars of a function.
fn body(name: &str) -> Option<&'static str> {
    let (_, behind) = SCHEMA.split_once(&format!("FUNCTION tollgate.{name}("))?;
    behind.split("$$").nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c10_every_function_of_the_schema_is_known_with_its_body() {
        assert_eq!(SCHEMA.matches("CREATE OR REPLACE FUNCTION").count(), FUNCTIONS.len());
        for name in FUNCTIONS {
            let body = body(name).unwrap();
            assert!(!body.contains("CREATE") && body.len() > 50, "{name}: {body}");
        }
    }
}
