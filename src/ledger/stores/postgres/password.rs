//! The password of the database, from where other programs for `PostgreSQL` find it: a URL stands in the list of
//! processes and in policies, where a password has no place.

use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use postgres::Config;
use postgres::config::Host;

use crate::text::secret::Secret;

/// A variable of the environment by its name.
pub(super) type Variable<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The largest file of passwords that is read.
const FILE_BYTES: u64 = 1 << 20;

/// The password in `PGPASSWORD`, else in the file that `PGPASSFILE` names, else in `~/.pgpass`.
///
/// A file that others may read is refused, as `psql` does; the reason never quotes it.
///
/// Source: `PostgreSQL` documentation, "Environment Variables" and "The Password File".
pub(super) fn find(config: &Config, variable: Variable<'_>) -> Result<Option<Secret>, String> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    if let Some(password) = set("PGPASSWORD") {
        return Ok(Some(Secret::new(password.as_encoded_bytes())));
    }
    let named = set("PGPASSFILE").map(PathBuf::from);
    let usual = set("HOME").map(|home| Path::new(&home).join(".pgpass"));
    match (named, usual) {
        (Some(path), _) => in_file(&path, config),
        (None, Some(path)) if path.is_file() => in_file(&path, config),
        (None, _) => Ok(None),
    }
}

fn in_file(path: &Path, config: &Config) -> Result<Option<Secret>, String> {
    let fault = |why: String| format!("the password file `{}` {why}", path.display());
    let unread = |error: std::io::Error| fault(format!("cannot be read: {error}"));
    let file = std::fs::File::open(path).map_err(unread)?;
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().map_err(unread)?.permissions());
        if mode & 0o077 != 0 {
            return Err(fault("may be read by others: `chmod 600` it".to_owned()));
        }
    }
    let mut bytes = Vec::new();
    file.take(FILE_BYTES).read_to_end(&mut bytes).map_err(unread)?;
    Ok(bytes.split(|byte| *byte == b'\n').find_map(|line| in_line(line, &asked(config))))
}

/// Host, port, database and user, as a line must name them.
fn asked(config: &Config) -> [String; 4] {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        _ => "localhost".to_owned(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    [host, port.to_string(), text(config.get_dbname()), text(config.get_user())]
}

/// The password of `host:port:database:user:password` where the four fit; `*` fits all, `\` takes a `:` or `\` as it is.
fn in_line(line: &[u8], asked: &[String; 4]) -> Option<Secret> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut rest = line.iter();
    if line.first() == Some(&b'#') {
        return None;
    }
    for wanted in asked {
        let (field, ended) = field(&mut rest);
        if !ended || field != b"*" && field != wanted.as_bytes() {
            return None;
        }
    }
    let (password, _) = field(&mut rest);
    Some(Secret::new(&password)).filter(|_| !password.is_empty())
}

/// Bytes up to a colon or the end, and whether it was a colon.
fn field(rest: &mut std::slice::Iter<'_, u8>) -> (Vec<u8>, bool) {
    let mut field = Vec::new();
    while let Some(byte) = rest.next() {
        match byte {
            b':' => return (field, true),
            b'\\' => field.extend(rest.next()),
            byte => field.push(*byte),
        }
    }
    (field, false)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn config() -> Config {
        "postgres://gate@db.example:5433/ledger".parse().unwrap()
    }

    fn revealed(secret: Option<Secret>) -> Option<String> {
        secret.map(|secret| String::from_utf8(secret.expose().to_vec()).unwrap())
    }

    #[test]
    fn a_line_gives_its_password_where_all_four_fit() {
        for (line, expected) in [
            ("db.example:5433:ledger:gate:pass", Some("pass")),
            ("*:*:*:*:pass", Some("pass")),
            ("*:*:*:gate:a\\:b\\\\c", Some("a:b\\c")),
            ("*:*:*:*:pass\r", Some("pass")),
            ("other:5433:ledger:gate:pass", None),
            ("db.example:5432:ledger:gate:pass", None),
            ("db.example:5433:ledger:gate", None),
            ("db.example:5433:ledger:gate:", None),
            ("#*:*:*:*:pass", None),
            ("", None),
        ] {
            let found = revealed(in_line(line.as_bytes(), &asked(&config())));
            assert_eq!(found.as_deref(), expected, "{line}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_variable_wins_over_the_file_and_a_file_that_others_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".pgpass");
        let mut file = std::fs::File::create(&path).unwrap();
        std::io::Write::write_all(&mut file, b"other:*:*:*:wrong\ndb.example:*:*:gate:right\n").unwrap();
        let found_by = |mode: u32, set: &[(&str, &str)]| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let variable =
                |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
            let found = find(&config(), &variable);
            found.map(revealed)
        };
        let (home, named) = (folder.path().to_str().unwrap(), path.to_str().unwrap());
        assert_eq!(found_by(0o600, &[]), Ok(None));
        assert_eq!(found_by(0o600, &[("HOME", home)]), Ok(Some("right".to_owned())));
        assert_eq!(found_by(0o600, &[("PGPASSFILE", named)]), Ok(Some("right".to_owned())));
        assert_eq!(found_by(0o600, &[("HOME", home), ("PGPASSWORD", "first")]), Ok(Some("first".to_owned())));
        assert_eq!(found_by(0o600, &[("HOME", home), ("PGPASSWORD", "")]), Ok(Some("right".to_owned())));
        let refused = found_by(0o644, &[("HOME", home)]).unwrap_err();
        assert!(refused.contains("chmod 600") && !refused.contains("right"), "{refused}");
        assert!(
            found_by(0o600, &[("PGPASSFILE", "/nowhere")]).is_err(),
            "a file that was named must be there"
        );
    }

    proptest! {
        #[test]
        fn no_line_makes_the_reader_panic(line: Vec<u8>) {
            let _ = in_line(&line, &asked(&config()));
        }

        #[test]
        fn every_password_comes_back_as_it_was_escaped(password in "[ -~]{1,20}") {
            let escaped = password.replace('\\', "\\\\").replace(':', "\\:");
            let found = in_line(format!("*:*:*:*:{escaped}").as_bytes(), &asked(&config()));
            prop_assert_eq!(revealed(found), Some(password));
        }
    }
}
