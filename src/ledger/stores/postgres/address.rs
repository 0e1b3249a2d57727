//! Where a database is and how to get there: the URL, and what it says of encryption.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use postgres::Config;
use postgres::config::{Host, SslMode};

/// How long connecting may take, where the URL does not say.
const PATIENCE: Duration = Duration::from_secs(10);

/// A database and the way to it.
#[derive(Debug, Clone)]
pub(super) struct Address {
    pub(super) config: Config,
    /// Whether the server must show a certificate.
    pub(super) encrypted: bool,
    /// The certificates it is checked by; those of the system where none are named.
    pub(super) roots: Option<PathBuf>,
}

impl Address {
    /// Reads a URL; the reason why it is none never quotes it.
    ///
    /// Outside this machine `sslmode` is `verify-full` unless it is `disable`: a way that falls back to plain
    /// text when somebody in between wishes so is refused.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut kept, mut mode, mut roots) = (Vec::new(), None, None);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value),
                Some(("sslrootcert", value)) => roots = Some(PathBuf::from(unescaped(value))),
                _ => kept.push(pair),
            }
        }
        let url = if kept.is_empty() { base.to_owned() } else { format!("{base}?{}", kept.join("&")) };
        let mut config: Config = url.parse().map_err(|_| "the URL cannot be read".to_owned())?;
        if config.get_hosts().is_empty() || config.get_dbname().is_none() {
            return Err("the URL names no host, or no database".to_owned());
        }
        let encrypted = match mode {
            Some("disable") => false,
            None => !is_here(&config),
            Some("require" | "verify-ca" | "verify-full") => true,
            Some("prefer" | "allow") => {
                return Err(
                    "`sslmode` must be `verify-full` or `disable`: the others fall back to plain text"
                        .to_owned(),
                );
            }
            Some(_) => return Err("`sslmode` must be `verify-full` or `disable`".to_owned()),
        };
        config.ssl_mode(if encrypted { SslMode::Require } else { SslMode::Disable });
        config.application_name("tollgate");
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(PATIENCE);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(PATIENCE * 3);
        }
        Ok(Self { config, encrypted, roots })
    }
}

/// Whether nothing leaves the machine.
fn is_here(config: &Config) -> bool {
    let is_here = |host: &Host| match host {
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback()),
        #[cfg(unix)]
        Host::Unix(_) => true,
    };
    config.get_hostaddrs().is_empty() && config.get_hosts().iter().all(is_here)
}

/// A path out of a query: `%2F` is a slash.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((byte, behind)) = rest.split_first() {
        let escaped = behind.split_at_checked(2).filter(|_| *byte == b'%').and_then(|(digits, behind)| {
            let digits = std::str::from_utf8(digits).ok()?;
            Some((u8::from_str_radix(digits, 16).ok()?, behind))
        });
        let (byte, behind) = escaped.unwrap_or((*byte, behind));
        bytes.push(byte);
        rest = behind;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn outside_this_machine_a_connection_is_encrypted_unless_the_url_says_otherwise() {
        for (url, encrypted) in [
            ("postgres://g@db.example/t", Some(true)),
            ("postgresql://g@db.example/t?sslmode=require", Some(true)),
            ("postgres://g@db.example/t?sslmode=disable", Some(false)),
            ("postgres://g@db.example/t?sslmode=prefer", None),
            ("postgres://g@db.example/t?sslmode=nonsense", None),
            ("postgres://g@localhost:5433/t", Some(false)),
            ("postgres://g@127.0.0.1/t?sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem", Some(true)),
            ("postgres://g@localhost,db.example/t", Some(true)),
            ("postgres://g@localhost/t?hostaddr=10.0.0.1", Some(true)),
            ("postgres://g@db.example", None),
            ("postgres:///t", None),
            ("postgres://g@db.example/t?unheard=of", None),
        ] {
            assert_eq!(Address::parse(url).ok().map(|address| address.encrypted), encrypted, "{url}");
        }
        let address = Address::parse("postgres://g@db.example/t?sslrootcert=%2Fetc%2Fa%25b.pem").unwrap();
        assert_eq!(address.roots, Some(PathBuf::from("/etc/a%b.pem")));
    }

    proptest! {
        #[test]
        fn no_url_makes_the_reader_panic_or_shows_its_password(rest in ".{0,40}", query in "[a-z=&%0-9]{0,20}") {
            let _ = unescaped(&rest);
            if let Err(why) = Address::parse(&format!("postgres://u:verysecret@{rest}?{query}")) {
                prop_assert!(!why.contains("verysecret"));
            }
        }
    }
}
