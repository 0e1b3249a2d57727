//! What holds for the store in a database alone: roles, triggers, settings, encryption.

use tollgate::ledger::stores::{self, StoreError};
use tollgate::ledger::{Ledger, LedgerError};

use super::server::{Database, Server, database, server};
use super::{NoTime, ORIGIN, batch_of_one, ledger_on, record, records, verified};

/// A ledger with five records, and the server it is on.
fn begun() -> Option<(&'static Server, Database)> {
    let database = database()?;
    ledger_on(stores::open(&database.owner).unwrap(), 1).append(&records("88", 0..5)).unwrap();
    Some((server()?, database))
}

/// The URL of a new role that is a member of `groups` and of nothing else.
fn role(server: &Server, database: &Database, name: &str, groups: &str) -> String {
    let name = format!("{name}_{}", database.name);
    server.run(&database.name, &format!("CREATE ROLE {name} LOGIN PASSWORD 'pass' IN ROLE {groups}"));
    server.url(&name, "pass", &database.name)
}

#[test]
fn the_role_of_the_gate_appends_and_reads_and_does_nothing_else() {
    let Some((server, database)) = begun() else { return };
    let url = role(server, &database, "gate", "tollgate_writer");
    let mut ledger = ledger_on(stores::open(&url).unwrap(), 1);
    assert_eq!(ledger.append(&records("89", 0..2)).unwrap()[1].index, 6);
    assert!(verified(&mut ledger).holds());
    let mut client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
    for statement in [
        "INSERT INTO tollgate.entry (index, leaf, hash, rid) VALUES (9, '', sha256(''), substr(sha256(''), 1, 16))",
        "UPDATE tollgate.entry SET leaf = ''",
        "DELETE FROM tollgate.entry",
        "TRUNCATE tollgate.entry",
        "UPDATE tollgate.head SET size = 9",
        "INSERT INTO tollgate.seal VALUES (1, '')",
        "SELECT tollgate.keep_seal(1, '')",
        "ALTER TABLE tollgate.entry DISABLE TRIGGER only_grows",
        "CREATE TABLE tollgate.more (a int)",
    ] {
        let error = client.batch_execute(statement).unwrap_err();
        let told = error.as_db_error().unwrap().message().to_owned();
        assert!(told.contains("permission denied") || told.contains("must be owner"), "{statement}: {told}");
    }
    let sealer = role(server, &database, "sealer", "tollgate_sealer");
    let mut sealer = stores::open(&sealer).unwrap();
    sealer.keep_seal(5, b"a seal\n").unwrap();
    sealer.keep_seal(5, b"another\n").unwrap();
    assert_eq!(ledger_on(stores::open(&url).unwrap(), 1).head().size(), 7);
    assert_eq!((sealer.seals().unwrap(), sealer.read_seal(5).unwrap()), (vec![5], b"another\n".to_vec()));
    let head = sealer.load_head().unwrap().unwrap();
    let refused = sealer.try_append(&head, &batch_of_one(&head, &record("90", 0)));
    assert!(matches!(refused, Err(StoreError::Fatal(LedgerError::Unavailable(_)))), "{refused:?}");
}

#[test]
fn the_owner_of_the_tables_rewrites_nothing_by_mistake() {
    let Some((server, database)) = begun() else { return };
    for statement in [
        "UPDATE tollgate.entry SET leaf = '{}' WHERE index = 3",
        "DELETE FROM tollgate.entry WHERE index = 4",
        "TRUNCATE tollgate.entry",
        "SET session_replication_role = replica; DELETE FROM tollgate.entry",
        "UPDATE tollgate.head SET size = 4",
        "UPDATE tollgate.head SET origin = 'other', size = 6",
        "DELETE FROM tollgate.head",
        "TRUNCATE tollgate.head, tollgate.entry",
        "DELETE FROM tollgate.seal",
    ] {
        let told = server.try_run(&database.name, statement).unwrap_err();
        assert!(told.starts_with("a ledger only grows"), "{statement}: {told}");
    }
    assert!(verified(&mut ledger_on(stores::open(&database.owner).unwrap(), 1)).holds());
}

#[test]
fn c3_what_was_changed_behind_the_triggers_is_named() {
    let Some((server, database)) = begun() else { return };
    let change = |statement: &str| {
        server.run(
            &database.name,
            &format!(
                "ALTER TABLE tollgate.entry DISABLE TRIGGER only_grows; {statement}; \
                 ALTER TABLE tollgate.entry ENABLE ALWAYS TRIGGER only_grows"
            ),
        );
        let mut ledger = ledger_on(stores::open(&database.owner).unwrap(), 1);
        verified(&mut ledger).problems.first().map(|problem| problem.index)
    };
    assert_eq!(change("UPDATE tollgate.entry SET leaf = leaf || ' ' WHERE index = 2"), Some(2));
    assert_eq!(change("UPDATE tollgate.entry SET leaf = rtrim(leaf, ' ') WHERE index = 2"), None);
    assert_eq!(change("DELETE FROM tollgate.entry WHERE index = 3"), Some(3));
}

#[test]
fn c13_a_server_that_is_not_there_or_forgets_what_it_acknowledged_keeps_the_gate_shut() {
    let Some((server, database)) = begun() else { return };
    let open = |url: &str| Ledger::with(stores::open(url)?, Box::new(NoTime), ORIGIN).map(|_| ());
    let told = |url: &str| match open(url) {
        Err(LedgerError::Unavailable(why)) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(open(&database.owner), Ok(()));
    for (url, words) in [
        (server.url("boss", "wrongpass", &database.name), "password"),
        (server.url("boss", "boss", "nowhere"), "nowhere"),
        (format!("postgres://u:{}@127.0.0.1:9/none", "wrongpass"), "127.0.0.1:9"),
    ] {
        let why = told(&url);
        assert!(why.contains(words) && !why.contains("wrongpass"), "{why}");
    }
    server.run(&database.name, &format!("ALTER DATABASE {} SET synchronous_commit = off", database.name));
    assert!(told(&database.owner).contains("synchronous_commit"));
    // No tables, and a role that may not make them.
    let empty = super::server::database().unwrap();
    let url = role(server, &empty, "gate", "pg_read_all_settings");
    let refused = ledger_on(stores::open(&url).unwrap(), 1).append(&records("88", 0..1));
    assert!(matches!(refused, Err(LedgerError::Unavailable(_))), "{refused:?}");
}

#[test]
fn c10_a_database_that_is_not_as_it_was_made_takes_no_record() {
    let append = "CREATE OR REPLACE FUNCTION tollgate.append(the_origin text, old_size bigint, old_root bytea, \
        new_size bigint, new_root bytea, new_frontier bytea, leaves bytea[], hashes bytea[], rids bytea[], \
        findings bytea[], matters bytea[]) RETURNS boolean LANGUAGE sql SECURITY DEFINER \
        SET search_path = pg_catalog, pg_temp AS $$ SELECT true $$";
    for (statement, words) in [
        (append, "the function `append`"),
        ("ALTER FUNCTION tollgate.append RESET ALL", "the function `append`"),
        (
            "CREATE OR REPLACE FUNCTION tollgate.refuse() RETURNS trigger LANGUAGE plpgsql \
          SET search_path = pg_catalog, pg_temp AS $$ BEGIN RETURN NULL; END $$",
            "the function `refuse`",
        ),
        ("ALTER TABLE tollgate.entry DISABLE TRIGGER only_grows", "a trigger"),
        ("ALTER TABLE tollgate.head ENABLE TRIGGER only_grows", "a trigger"),
        ("DROP TRIGGER stays ON tollgate.seal", "a trigger"),
        (
            "CREATE TRIGGER more BEFORE INSERT ON tollgate.entry FOR EACH ROW EXECUTE FUNCTION tollgate.refuse()",
            "a trigger",
        ),
        ("ALTER TABLE tollgate.entry SET UNLOGGED", "a table"),
        ("CREATE RULE lost AS ON INSERT TO tollgate.entry DO INSTEAD NOTHING", "a table"),
    ] {
        let Some((server, database)) = begun() else { return };
        let gate = role(server, &database, "gate", "tollgate_writer");
        assert_eq!(stores::open(&gate).unwrap().probe(), Ok(None));
        server.run(&database.name, statement);
        for url in [&gate, &database.owner] {
            let refused = ledger_on(stores::open(url).unwrap(), 1).append(&records("89", 0..1));
            let Err(LedgerError::Unavailable(why)) = refused else { panic!("{statement}: {refused:?}") };
            assert!(why.contains(words), "{statement}: {why}");
        }
    }
}

#[test]
fn c7_a_connection_lost_in_the_middle_is_begun_anew_and_read_back() {
    let Some((server, database)) = begun() else { return };
    let mut ledger = ledger_on(stores::open(&database.owner).unwrap(), 1);
    for number in 0..5 {
        server.run(
            "postgres",
            &format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE datname = '{}' AND pid <> pg_backend_pid()",
                database.name
            ),
        );
        // The first call may meet the broken connection: it is an error, and never a false success.
        let receipts =
            ledger.append(&[record("89", number)]).or_else(|_| ledger.append(&[record("89", number)]));
        assert_eq!(receipts.unwrap()[0].index, 5 + number);
    }
    assert!(verified(&mut ledger).holds());
    assert_eq!(ledger.head().size(), 10);
}

#[test]
fn a_connection_is_encrypted_and_the_certificate_is_checked() {
    let Some((server, database)) = begun() else { return };
    let Some(certificate) = &server.certificate else {
        assert!(std::env::var_os("TOLLGATE_CI").is_none(), "openssl is not here");
        eprintln!("left out: no openssl here");
        return;
    };
    let url = |mode: &str, host: &str| format!("{}{mode}", database.owner.replace("localhost", host));
    let trusted = format!("?sslmode=verify-full&sslrootcert={}", certificate.display());
    let mut ledger = Ledger::open(&url(&trusted, "localhost"), ORIGIN).unwrap();
    assert_eq!(ledger.append(&records("89", 0..1)).unwrap()[0].index, 5);
    for (url, words) in [
        (url("?sslmode=verify-full", "localhost"), "certificate"),
        (url(&trusted, "127.0.0.1"), "certificate"),
    ] {
        let error = Ledger::open(&url, ORIGIN).err().unwrap().to_string();
        assert!(error.contains(words) || error.contains("trusted"), "{error}");
    }
    for mode in ["prefer", "allow"] {
        let error = Ledger::open(&url(&format!("?sslmode={mode}"), "localhost"), ORIGIN).err().unwrap();
        assert!(matches!(error, LedgerError::Url(..)) && !error.to_string().contains("boss:boss"), "{error}");
    }
}

#[test]
fn c15_a_dump_and_restore_keeps_every_byte() {
    let Some((server, database)) = begun() else { return };
    let mut ledger = ledger_on(stores::open(&database.owner).unwrap(), 1);
    let target = super::server::database().unwrap();
    let dump = std::process::Command::new("pg_dump").arg(&database.owner).output();
    let Ok(dump) = dump else {
        assert!(std::env::var_os("TOLLGATE_CI").is_none(), "pg_dump is not here");
        eprintln!("left out: dump and restore, since no pg_dump is on the path here");
        return;
    };
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    let mut restore = std::process::Command::new("psql")
        .args(["--quiet", "--set=ON_ERROR_STOP=1", "--output=/dev/null"])
        .arg(&target.owner)
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut restore.stdin.take().unwrap(), &dump.stdout).unwrap();
    assert!(restore.wait().unwrap().success());
    let mut restored = ledger_on(stores::open(&target.owner).unwrap(), 1);
    assert_eq!(restored.checkpoint(), ledger.checkpoint());
    assert!(verified(&mut restored).holds());
    assert_eq!(restored.append(&records("89", 0..1)).unwrap()[0].index, 5);
    assert!(server.try_run(&target.name, "DELETE FROM tollgate.entry").is_err());
    assert_eq!(ledger.append(&records("90", 0..1)).unwrap()[0].index, 5);
}
