//! A database server of our own: on a free port, in a temporary folder, as an unprivileged user, gone with the tests.

#![cfg_attr(
    not(feature = "postgres"),
    allow(dead_code, clippy::unused_self, reason = "nothing is started without it")
)]

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Makes a cluster in a folder of its own, starts it, says where, and ends it when standard input ends: a test
/// that is killed closes it too, and a signal to all processes of the test does not keep us from it. A server refuses to run as root.
const SCRIPT: &str = r#"
set -eu
bin=$1 port=$2 dir=$(mktemp -d)
as() { if [ "$(id -u)" = 0 ]; then setpriv --reuid=nobody --regid=nogroup --clear-groups "$@"; else "$@"; fi; }
[ "$(id -u)" != 0 ] || chown nobody "$dir"
cd /
printf boss > "$dir/password"; [ "$(id -u)" != 0 ] || chown nobody "$dir/password"
as "$bin/initdb" --pgdata="$dir/data" --username=boss --pwfile="$dir/password" --auth=scram-sha-256 \
  --encoding=UTF8 --locale=C >/dev/null
if command -v openssl >/dev/null; then
  printf '[req]\ndistinguished_name=name\n[name]\n[own]\nsubjectAltName=DNS:localhost\n' > "$dir/openssl"
  as openssl req -new -x509 -days 2 -nodes -subj /CN=localhost -config "$dir/openssl" -extensions own \
    -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
    -out "$dir/data/server.crt" -keyout "$dir/data/server.key" 2>/dev/null
  chmod 600 "$dir/data/server.key"; cp "$dir/data/server.crt" "$dir/ca.pem"
  chmod 755 "$dir"; chmod 644 "$dir/ca.pem"
  echo "ssl = on" >> "$dir/data/postgresql.conf"
fi
cat >> "$dir/data/postgresql.conf" <<END
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = ''
max_connections = 200
END
as "$bin/pg_ctl" -D "$dir/data" -l "$dir/data/log" -w -t 60 start >/dev/null </dev/null || {
  cat "$dir/data/log" >&2; exit 1
}
trap '' HUP INT TERM
echo "$dir"
read -r _ || true
as "$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null || true
rm -rf "$dir"
"#;

/// The server, and what keeps it alive.
pub struct Server {
    pub port: u16,
    /// The certificate it shows, where it has one.
    pub certificate: Option<PathBuf>,
    _alive: Child,
}

/// A fresh database: the URL of its owner, and of a role that may only append.
pub struct Database {
    pub owner: String,
    pub name: String,
}

/// The server of this test process; `None` where none is installed, which is said.
pub fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER.get_or_init(start).as_ref()
}

fn start() -> Option<Server> {
    let Some(folder) = programs().filter(|_| cfg!(feature = "postgres")) else {
        assert!(std::env::var_os("TOLLGATE_CI").is_none(), "PostgreSQL is not here");
        eprintln!("left out: the store in a database, since no PostgreSQL is installed here");
        return None;
    };
    // Free now; whoever takes it in between makes the server end and the test fail, not pass.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut child = Command::new("sh")
        .args(["-c", SCRIPT, "sh"])
        .arg(folder)
        .arg(port.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(!line.trim().is_empty(), "PostgreSQL does not start");
    let certificate = Some(PathBuf::from(line.trim()).join("ca.pem")).filter(|path| path.is_file());
    Some(Server { port, certificate, _alive: child })
}

/// Where Debian and others put the newest server's programs.
fn programs() -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path().join("bin"))
        .collect();
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    folders.sort();
    folders
        .into_iter()
        .rev()
        .find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
}

/// A database of its own, without a ledger; `None` where there is no server.
pub fn database() -> Option<Database> {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let server = server()?;
    let name = format!("ledger{}", COUNT.fetch_add(1, Ordering::Relaxed));
    server.run("postgres", &format!("CREATE DATABASE {name}"));
    Some(Database { owner: server.url("boss", "boss", &name), name })
}

impl Server {
    pub fn url(&self, role: &str, password: &str, database: &str) -> String {
        format!("postgres://{role}:{password}@localhost:{}/{database}", self.port)
    }

    /// Runs statements as the server's owner.
    pub fn run(&self, database: &str, sql: &str) {
        self.try_run(database, sql).unwrap();
    }

    /// The one text that a question is answered with.
    #[cfg(feature = "postgres")]
    pub fn ask(&self, database: &str, sql: &str) -> String {
        let url = self.url("boss", "boss", database);
        postgres::Client::connect(&url, postgres::NoTls).unwrap().query_one(sql, &[]).unwrap().get(0)
    }

    #[cfg(not(feature = "postgres"))]
    pub fn ask(&self, _: &str, _: &str) -> String {
        String::new()
    }

    /// As [`Self::run`]; what the server said against it.
    #[cfg(feature = "postgres")]
    pub fn try_run(&self, database: &str, sql: &str) -> Result<(), String> {
        let url = self.url("boss", "boss", database);
        let told = |error: postgres::Error| {
            error.as_db_error().map_or(error.to_string(), |e| e.message().to_owned())
        };
        postgres::Client::connect(&url, postgres::NoTls)
            .and_then(|mut client| client.batch_execute(sql))
            .map_err(told)
    }

    #[cfg(not(feature = "postgres"))]
    pub fn try_run(&self, _: &str, _: &str) -> Result<(), String> {
        Err("this build has no PostgreSQL".to_owned())
    }
}
