//! A git remote over `https` on this machine that wants a name and a token.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// The token it takes, of a user `x-access-token`.
pub const TOKEN: &str = "token-of-a-test";

/// Serves `git http-backend` behind TLS, says on which port, and ends with standard input. Paths below `/elsewhere/PORT`
/// are sent on to that port.
const SERVER: &str = r#"
import base64, http.server, os, ssl, subprocess, sys, threading
root, certificate, key, token, log = sys.argv[1:6]
wanted = "Basic " + base64.b64encode(("x-access-token:" + token).encode()).decode()

class Git(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def end(self, status, headers, body=b""):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = self.path.split("/")
        if parts[1] == "elsewhere":
            place = "https://localhost:%s/%s" % (parts[2], "/".join(parts[3:]))
            return self.end(302, [("Location", place)])
        given = self.headers.get("Authorization")
        if given:
            open(log, "a").write("asked\n")
        if given != wanted:
            return self.end(401, [("WWW-Authenticate", 'Basic realm="ledger"')])
        path, _, query = self.path.partition("?")
        environment = {
            "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": root, "GIT_HTTP_EXPORT_ALL": "1",
            "REMOTE_USER": "x-access-token", "PATH_INFO": path, "QUERY_STRING": query,
            "REQUEST_METHOD": self.command, "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)), "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_COUNT": "2", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
            "GIT_CONFIG_KEY_1": "http.receivepack", "GIT_CONFIG_VALUE_1": "true",
        }
        said = subprocess.run(["git", "http-backend"], input=body, env=environment, stdout=subprocess.PIPE)
        head, _, content = said.stdout.partition(b"\r\n\r\n")
        headers = [line.split(": ", 1) for line in head.decode().split("\r\n")]
        status = next((int(value[:3]) for name, value in headers if name == "Status"), 200)
        self.end(status, [pair for pair in headers if pair[0] != "Status"], content)

    do_GET = do_POST = answer

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Git)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server.socket = context.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
"#;

/// The server, and what keeps it alive.
pub struct Remote {
    pub port: u16,
    /// The certificate it shows, which is its own authority.
    pub certificate: PathBuf,
    folder: TempDir,
    _alive: Child,
}

impl Remote {
    /// A remote with an empty repository; `None` where a program it needs is missing, which is said.
    pub fn start() -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let at = |name: &str| folder.path().join(name);
        let made = Command::new("openssl")
            .args(["req", "-x509", "-days", "2", "-nodes", "-subj", "/CN=localhost"])
            .args(["-addext", "subjectAltName=DNS:localhost", "-newkey", "ec"])
            .args(["-pkeyopt", "ec_paramgen_curve:prime256v1", "-keyout"])
            .arg(at("key.pem"))
            .arg("-out")
            .arg(at("certificate.pem"))
            .output();
        let git = Command::new("git").args(["init", "--quiet", "--bare"]).arg(at("ledger.git")).output();
        assert!(git.unwrap().status.success());
        let server = Command::new("python3")
            .args(["-c", SERVER])
            .arg(folder.path())
            .args([at("certificate.pem"), at("key.pem")])
            .arg(TOKEN)
            .arg(at("log"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let (Ok(mut server), true) = (server, made.is_ok_and(|made| made.status.success())) else {
            assert!(std::env::var_os("TOLLGATE_CI").is_none(), "openssl or python3 is not here");
            eprintln!("left out: a remote over https, since openssl or python3 is not here");
            return None;
        };
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap();
        Some(Self { port, certificate: at("certificate.pem"), folder, _alive: server })
    }

    /// The ledger on a branch of it; `user` stands before the host.
    pub fn url(&self, user: &str) -> String {
        format!("git:https://{user}localhost:{}/ledger.git#ledger", self.port)
    }

    /// How often somebody showed a name and a password.
    pub fn asked_with_a_password(&self) -> usize {
        std::fs::read_to_string(self.folder.path().join("log")).map_or(0, |log| log.lines().count())
    }
}
