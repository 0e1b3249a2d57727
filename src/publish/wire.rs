//! Requests to a forge, one at a time: octocrab carries them, and what is sent twice is decided here.
//!
//! A GET, and a change that says how things shall be, may be sent again. A request that adds something may not: a 502
//! can come after the forge has done it. Whoever adds says how to find what was added, and that is asked before
//! anything is sent again. A forge that is asked too often names a time to wait; it is kept, within bounds.
//!
//! Source: GitHub, "Best practices for using the REST API"; octocrab 0.54, whose own retries repeat a POST.

use std::cell::Cell;
use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use octocrab::Octocrab;
use serde_json::Value;

use super::PublishError;
use crate::text::safe;
use crate::text::secret::Secret;

/// How long one request may take.
const REQUEST: Duration = Duration::from_secs(30);

/// How long all waiting together may take.
const WAITING: Duration = Duration::from_secs(120);

/// How often a request without an answer is sent.
const TRIES: u32 = 3;

/// The most bytes of an answer that are read.
const ANSWER: usize = 16 << 20;

/// Entries of a page, and the most pages that are read.
const PAGE: usize = 100;
const PAGES: usize = 31;

/// A connection to one forge as one writer.
#[derive(Debug)]
pub struct Wire {
    runtime: tokio::runtime::Runtime,
    client: Octocrab,
    left: Cell<Duration>,
}

/// How a request changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Adds.
    Post,
    /// Sets some fields.
    Patch,
    /// Sets all of them.
    Put,
}

/// What became of a request that was sent once.
enum Sent {
    Done(Value),
    Refused(PublishError),
    Limited(Duration),
    Unclear(String),
}

impl Wire {
    /// Opens one to the API at `api` with `token`.
    ///
    /// Plain HTTP is for this machine alone: a token is not sent over a network that others can read.
    pub fn open(api: &str, token: &Secret) -> Result<Self, PublishError> {
        let address = || PublishError::Address(api.to_owned());
        let (scheme, rest) = api.split_once("://").ok_or_else(address)?;
        let host = rest.split('/').next().unwrap_or_default();
        let here = ["127.0.0.1", "localhost", "[::1]"]
            .iter()
            .any(|name| host.strip_prefix(name).is_some_and(|port| port.is_empty() || port.starts_with(':')));
        if host.contains('@') || !(scheme == "https" || scheme == "http" && here) {
            return Err(address());
        }
        // What went wrong may hold the token, so its words are not repeated.
        let setup = |what: &'static str| PublishError::Setup(what);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|_| setup("the system gives no sockets"))?;
        // The library takes a token that fits into no header for a bug of its caller.
        let token = std::str::from_utf8(token.expose())
            .ok()
            .filter(|token| token.bytes().all(|byte| byte.is_ascii_graphic()))
            .ok_or_else(|| setup("the token is malformed"))?;
        let client = {
            let _entered = runtime.enter();
            Octocrab::builder()
                .base_uri(api)
                .map_err(|_| address())?
                .personal_token(token)
                .set_connect_timeout(Some(REQUEST))
                .build()
                .map_err(|_| setup("no certificates of authorities are installed"))?
        };
        Ok(Self { runtime, client, left: Cell::new(WAITING) })
    }

    /// Reads `route`.
    pub fn get(&self, what: &'static str, route: &str) -> Result<Value, PublishError> {
        self.repeat(what, || self.send(what, None, route), || Ok(None))
    }

    /// Reads every entry of a list, page by page; `key` names the list where an object is around it.
    pub fn pages(&self, what: &'static str, route: &str, key: &str) -> Result<Vec<Value>, PublishError> {
        let mut all = Vec::new();
        let sign = if route.contains('?') { '&' } else { '?' };
        for page in 1..=PAGES {
            let answer = self.get(what, &format!("{route}{sign}per_page={PAGE}&page={page}"))?;
            let list = if key.is_empty() { Some(&answer) } else { answer.get(key) };
            let list = list.and_then(Value::as_array).ok_or(PublishError::Answer(what))?;
            all.extend(list.iter().cloned());
            if list.len() < PAGE {
                return Ok(all);
            }
        }
        Err(PublishError::TooMany { what, most: PAGE * PAGES })
    }

    /// Says how things shall be; sending it twice is as good as once.
    pub fn set(
        &self,
        what: &'static str,
        verb: Verb,
        route: &str,
        body: &Value,
    ) -> Result<Value, PublishError> {
        self.repeat(what, || self.send(what, Some((verb, body)), route), || Ok(None))
    }

    /// Adds something; `find` looks for it where it is not clear whether the forge has added it.
    pub fn add(
        &self,
        what: &'static str,
        verb: Verb,
        route: &str,
        body: &Value,
        find: impl Fn() -> Result<Option<Value>, PublishError>,
    ) -> Result<Value, PublishError> {
        self.repeat(what, || self.send(what, Some((verb, body)), route), find)
    }

    fn repeat(
        &self,
        what: &'static str,
        send: impl Fn() -> Sent,
        find: impl Fn() -> Result<Option<Value>, PublishError>,
    ) -> Result<Value, PublishError> {
        let mut tries = 0;
        loop {
            match send() {
                Sent::Done(answer) => return Ok(answer),
                Sent::Refused(error) => return Err(error),
                Sent::Limited(pause) => self.wait(what, pause)?,
                Sent::Unclear(cause) => {
                    tries += 1;
                    self.wait(what, Duration::from_secs(1 << (tries - 1)))?;
                    if let Some(found) = find()? {
                        return Ok(found);
                    }
                    if tries == TRIES {
                        return Err(PublishError::NoAnswer { what, cause });
                    }
                }
            }
        }
    }

    fn wait(&self, what: &'static str, pause: Duration) -> Result<(), PublishError> {
        let pause = pause.max(Duration::from_secs(1));
        let Some(left) = self.left.get().checked_sub(pause) else {
            return Err(PublishError::Busy { what, seconds: pause.as_secs() });
        };
        self.left.set(left);
        std::thread::sleep(pause);
        Ok(())
    }

    fn send(&self, what: &'static str, change: Option<(Verb, &Value)>, route: &str) -> Sent {
        let exchange = async {
            let answer = match change {
                None => self.client._get(route).await,
                Some((Verb::Post, body)) => self.client._post(route, Some(body)).await,
                Some((Verb::Patch, body)) => self.client._patch(route, Some(body)).await,
                Some((Verb::Put, body)) => self.client._put(route, Some(body)).await,
            };
            let (head, body) = answer.map_err(|error| last_cause(&error))?.into_parts();
            let body = Limited::new(body, ANSWER).collect().await.map_err(|error| last_cause(&*error))?;
            Ok((head, body.to_bytes()))
        };
        let timed = self.runtime.block_on(async { tokio::time::timeout(REQUEST, exchange).await });
        match timed {
            Err(_) => Sent::Unclear(format!("nothing came within {} s", REQUEST.as_secs())),
            Ok(Err(cause)) => Sent::Unclear(cause),
            Ok(Ok((head, body))) => {
                let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
                classify(what, head.status.as_u16(), &header, &body)
            }
        }
    }
}

/// What an answer means for what was asked.
fn classify<'h>(
    what: &'static str,
    status: u16,
    header: &dyn Fn(&str) -> Option<&'h str>,
    body: &[u8],
) -> Sent {
    let value: Option<Value> = serde_json::from_slice(body).ok();
    let message = value.as_ref().and_then(|value| value.get("message")?.as_str()).unwrap_or_default();
    let message = safe::cut(message, 200);
    let after = header("retry-after").and_then(|text| text.parse().ok()).map(Duration::from_secs);
    let limited = status == 429
        || status == 403
            && (after.is_some()
                || header("x-ratelimit-remaining") == Some("0")
                || message.to_lowercase().contains("rate limit"));
    match status {
        200..=299 => value.map_or_else(|| Sent::Unclear("the answer is not JSON".to_owned()), Sent::Done),
        // Without a time to wait a minute is what the documentation asks for.
        _ if limited => Sent::Limited(after.unwrap_or(Duration::from_secs(60))),
        500..=599 => Sent::Unclear(format!("status {status}")),
        _ => Sent::Refused(PublishError::Refused {
            what,
            status,
            message,
            needs: header("x-accepted-github-permissions").unwrap_or_default().to_owned(),
        }),
    }
}

/// The innermost cause: the outer ones say no more than the name of a library.
fn last_cause(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    safe::cut(&error.to_string(), 200)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_out_encrypted_or_not_at_all() {
        let open = |api| Wire::open(api, &Secret::new(b"x")).map(|_| ());
        for api in [
            "http://forge.example",
            "http://127.0.0.1.evil.example",
            "https://user@forge.example",
            "forge",
            "",
        ] {
            assert!(matches!(open(api), Err(PublishError::Address(_))), "{api}");
        }
        for api in ["http://127.0.0.1:8080/api/v3", "http://localhost", "http://[::1]:1"] {
            assert!(open(api).is_ok(), "{api}");
        }
        let error = Wire::open("http://localhost", &Secret::new(b"se\ncret")).unwrap_err();
        assert!(!format!("{error:?} {error}").contains("cret"), "{error}");
    }

    #[test]
    fn an_answer_is_done_refused_or_to_be_asked_for_again() {
        let none = |_: &str| None;
        let after = |name: &str| (name == "retry-after").then_some("7");
        let spent = |name: &str| (name == "x-ratelimit-remaining").then_some("0");
        let of = |status, header: &dyn Fn(&str) -> Option<&'static str>, body: &str| match classify(
            "it",
            status,
            header,
            body.as_bytes(),
        ) {
            Sent::Done(_) => "done".to_owned(),
            Sent::Refused(_) => "refused".to_owned(),
            Sent::Limited(pause) => format!("wait {}", pause.as_secs()),
            Sent::Unclear(_) => "unclear".to_owned(),
        };
        for (said, expected) in [
            (of(201, &none, "{}"), "done"),
            (of(201, &none, "<html>"), "unclear"),
            (of(502, &none, "{}"), "unclear"),
            (of(403, &none, "{\"message\":\"Resource not accessible\"}"), "refused"),
            (of(403, &none, "{\"message\":\"You have exceeded a secondary rate limit\"}"), "wait 60"),
            (of(403, &spent, "{}"), "wait 60"),
            (of(429, &after, "{}"), "wait 7"),
            (of(422, &after, "{}"), "refused"),
            (of(301, &none, ""), "refused"),
        ] {
            assert_eq!(said, expected);
        }
    }
}
