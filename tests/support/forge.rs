//! A forge on this machine: it keeps what it is sent, checks every request against the description of the real one,
//! and fails when it is told to.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};

use crate::contract::{Contract, percent_decoded};

/// The token that the forge takes.
pub const TOKEN: &str = "not-a-token-but-what-stands-for-one";

/// What goes wrong with the next request of a method whose path ends in `path`.
#[derive(Debug, Clone)]
pub struct Fault {
    pub method: &'static str,
    pub path: &'static str,
    pub status: u16,
    pub headers: &'static str,
    pub body: Value,
    /// Whether the request is carried out all the same.
    pub done: bool,
}

/// All that the forge knows.
#[derive(Default)]
#[allow(dead_code, reason = "not every test binary looks at all of it")]
pub struct State {
    pub comments: Vec<Value>,
    pub lines: Vec<Value>,
    pub reviews: Vec<Value>,
    pub checks: Vec<Value>,
    pub annotations: Vec<Value>,
    pub files: Vec<Value>,
    pub pulls: Vec<Value>,
    pub faults: Vec<Fault>,
    /// Method and target of every request.
    pub log: Vec<(String, String)>,
    /// What a request did against the description.
    pub violations: Vec<String>,
    next: u64,
}

/// A forge that runs until the test ends.
pub struct Forge {
    state: Arc<Mutex<State>>,
    address: String,
}

impl Forge {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State { next: 1_000, ..State::default() }));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            let contract = Contract::new(&[
                include_str!("../contracts/github-openapi-subset.json"),
                include_str!("../contracts/github-pulls-list.own.json"),
            ]);
            for stream in listener.incoming().flatten() {
                // A client that goes away is no fault of the forge.
                let _ = serve(&stream, &contract, &shared);
            }
        });
        Self { state, address }
    }

    /// Where its API is; `base` as in `/api/v3`.
    pub fn api(&self, base: &str) -> String {
        format!("{}{base}", self.address)
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// How many requests since the last call changed something, and panics where one broke the contract.
    #[track_caller]
    pub fn writes(&self) -> usize {
        let mut state = self.state();
        assert!(state.violations.is_empty(), "{:#?}", state.violations);
        let log = std::mem::take(&mut state.log);
        log.iter().filter(|(method, _)| method != "GET").count()
    }
}

fn serve(stream: &TcpStream, contract: &Contract, state: &Mutex<State>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (mut length, mut token) = (0, String::new());
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        match name.to_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap_or(0),
            "authorization" => value.clone_into(&mut token),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let body: Option<Value> = (length > 0).then(|| serde_json::from_slice(&body).unwrap());
    let mut state = state.lock().unwrap();
    state.log.push((method.clone(), target.clone()));
    if token != format!("Bearer {TOKEN}") {
        state.violations.push(format!("{method} {target} bears `{token}`"));
    }
    let (status, headers, answer) = state.answer(contract, &method, &target, body.as_ref());
    let answer = answer.to_string();
    write!(
        &mut &*stream,
        "HTTP/1.1 {status} said\r\nContent-Type: application/json\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{answer}",
        answer.len(),
    )
}

type Answer = (u16, String, Value);

impl State {
    fn answer(&mut self, contract: &Contract, method: &str, target: &str, body: Option<&Value>) -> Answer {
        if let Some(target) = target.strip_prefix("/api/v3") {
            self.violations.extend(contract.faults(method, target, body));
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let at = self.faults.iter().position(|fault| fault.method == method && path.ends_with(fault.path));
        if let Some(fault) = at.map(|at| self.faults.remove(at)) {
            if fault.done {
                let _ = self.carry_out(method, path, query, body);
            }
            return (fault.status, fault.headers.to_owned(), fault.body);
        }
        let (status, answer) = self.carry_out(method, path, query, body);
        (status, String::new(), answer)
    }

    fn carry_out(&mut self, method: &str, path: &str, query: &str, body: Option<&Value>) -> (u16, Value) {
        let of = |name: &str| {
            query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .find(|(key, _)| *key == name)
                .map(|(_, it)| it)
        };
        let empty = json!({});
        let body = body.unwrap_or(&empty);
        let parts: Vec<&str> =
            path.trim_start_matches("/api").split('/').filter(|part| !part.is_empty()).collect();
        let rest = parts.get(1..).unwrap_or_default();
        match (method, rest) {
            ("GET", ["user"]) => (200, json!({ "id": 41, "username": "project_77_bot" })),
            ("GET", ["projects", "77", "merge_requests", "7", "notes"]) => (200, page(&self.comments, of)),
            ("POST", ["projects", "77", "merge_requests", "7", "notes"]) => {
                let note = json!({ "id": self.id(), "body": body["body"], "author": { "id": 41 } });
                (201, kept(&mut self.comments, note))
            }
            ("PUT", ["projects", "77", "merge_requests", "7", "notes", id]) => {
                edit(&mut self.comments, id, body)
            }
            (_, ["repos", "acme", "pay", rest @ ..]) => self.repository(method, rest, of, body),
            _ => (404, json!({ "message": "Not Found" })),
        }
    }

    fn repository<'q>(
        &mut self,
        method: &str,
        rest: &[&str],
        of: impl Fn(&str) -> Option<&'q str>,
        body: &Value,
    ) -> (u16, Value) {
        match (method, rest) {
            ("GET", ["pulls"]) => {
                let head = percent_decoded(of("head").unwrap_or_default());
                let fits = |pull: &&Value| pull["head"]["label"] == head.as_str();
                (200, self.pulls.iter().filter(fits).cloned().collect())
            }
            ("GET", ["pulls", number]) => {
                let pull = self.pulls.iter().find(|pull| is(&pull["number"], number));
                pull.map_or((404, json!({ "message": "Not Found" })), |pull| (200, pull.clone()))
            }
            ("GET", ["pulls", "7", "files"]) => (200, page(&self.files, of)),
            ("GET", ["pulls", "7", "comments"]) => (200, page(&self.lines, of)),
            ("POST", ["pulls", "7", "comments"]) => self.line(body),
            ("PATCH", ["pulls", "comments", id]) => edit(&mut self.lines, id, body),
            ("POST", ["pulls", "7", "reviews"]) => self.review(body),
            ("GET", ["issues", "7", "comments"]) => (200, page(&self.comments, of)),
            ("POST", ["issues", "7", "comments"]) => {
                if body["body"].as_str().unwrap().chars().count() > 65_536 {
                    return (422, json!({ "message": "body is too long" }));
                }
                let comment = json!({ "id": self.id(), "body": body["body"], "user": bot() });
                (201, kept(&mut self.comments, comment))
            }
            ("PATCH", ["issues", "comments", id]) => edit(&mut self.comments, id, body),
            ("GET", ["commits", head, "check-runs"]) => {
                let name = percent_decoded(of("check_name").unwrap_or_default());
                let fits = |run: &&Value| run["head_sha"] == *head && run["name"] == name.as_str();
                let runs: Vec<Value> = self.checks.iter().filter(fits).cloned().collect();
                (200, json!({ "total_count": runs.len(), "check_runs": page(&runs, of) }))
            }
            ("POST", ["check-runs"]) => {
                let mut run = body.clone();
                run["id"] = json!(self.id());
                run["app"] = json!({ "slug": "github-actions" });
                run["output"]["annotations_count"] = json!(0);
                self.checks.push(run.clone());
                self.update(run["id"].as_u64().unwrap(), body)
            }
            ("GET", ["check-runs", id]) => {
                (200, self.checks.iter().find(|run| is(&run["id"], id)).unwrap().clone())
            }
            ("PATCH", ["check-runs", id]) => self.update(id.parse().unwrap(), body),
            _ => (404, json!({ "message": "Not Found" })),
        }
    }

    /// Annotations are added to those that are there, as GitHub does.
    fn update(&mut self, id: u64, body: &Value) -> (u16, Value) {
        let run = self.checks.iter_mut().find(|run| run["id"] == id).unwrap();
        for field in ["status", "conclusion"].iter().filter(|field| body.get(**field).is_some()) {
            run[*field] = body[*field].clone();
        }
        let new = body["output"]["annotations"].as_array().cloned().unwrap_or_default();
        let count = run["output"]["annotations_count"].as_u64().unwrap() + new.len() as u64;
        run["output"]["annotations_count"] = json!(count);
        self.annotations.extend(new);
        (200, run.clone())
    }

    /// A comment outside the lines of the diff makes the whole review fail, as GitHub does.
    fn review(&mut self, body: &Value) -> (u16, Value) {
        let comments = body["comments"].as_array().unwrap().clone();
        if !comments.iter().all(|comment| self.in_diff(comment)) {
            return (
                422,
                json!({ "message": "Unprocessable Entity", "errors": ["Line could not be resolved"] }),
            );
        }
        for comment in &comments {
            self.keep_line(comment);
        }
        let review = json!({ "id": self.id(), "user": bot(), "body": body["body"] });
        (200, kept(&mut self.reviews, review))
    }

    fn line(&mut self, body: &Value) -> (u16, Value) {
        if !self.in_diff(body) {
            return (422, json!({ "message": "Validation Failed" }));
        }
        (201, self.keep_line(body))
    }

    fn keep_line(&mut self, comment: &Value) -> Value {
        let mut comment = comment.clone();
        comment["id"] = json!(self.id());
        comment["user"] = bot();
        kept(&mut self.lines, comment)
    }

    /// Every file of these tests is new, so all lines but those called otherwise are in its diff.
    fn in_diff(&self, comment: &Value) -> bool {
        self.files
            .iter()
            .any(|file| file["filename"] == comment["path"] && file["refuses"] != comment["line"])
    }

    fn id(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

fn bot() -> Value {
    json!({ "login": "github-actions[bot]", "type": "Bot" })
}

fn kept(list: &mut Vec<Value>, entry: Value) -> Value {
    list.push(entry.clone());
    entry
}

/// Whether a number of ours is the one of an address.
fn is(number: &Value, text: &str) -> bool {
    number.as_u64() == text.parse().ok()
}

fn edit(list: &mut [Value], id: &str, body: &Value) -> (u16, Value) {
    let entry = list.iter_mut().find(|entry| is(&entry["id"], id)).unwrap();
    entry["body"] = body["body"].clone();
    (200, entry.clone())
}

fn page<'q>(list: &[Value], of: impl Fn(&str) -> Option<&'q str>) -> Value {
    let number = |name: &str, usual: usize| of(name).and_then(|text| text.parse().ok()).unwrap_or(usual);
    let (size, page) = (number("per_page", 30), number("page", 1));
    list.iter().skip((page - 1) * size).take(size).cloned().collect()
}
