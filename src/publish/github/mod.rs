//! What GitHub is sent for one outcome, and in which order: the check run, the comment, the comments at lines.
//!
//! A surface the token may not write is said and left out: a comment that cannot be posted is no reason to stop
//! anything, and the gate has spoken by its exit code before. Requests go out one at a time, as GitHub asks.
//!
//! Source: GitHub REST API, version 2022-11-28.

/// The check and its annotations.
pub mod check_run;
/// The one comment on the request.
pub mod comment;
/// Comments at the lines a request adds.
pub mod lines;
/// Which lines a patch adds.
pub mod patch;
/// What this run is about.
pub mod place;

use serde_json::Value;

use super::wire::Wire;
use super::{Job, PublishError, agree, checked_name};
use crate::text::secret::Secret;
use place::{Place, Wanted};

/// The login of what `GITHUB_TOKEN` writes. Nobody can register a name with brackets.
const AUTHOR: &str = "github-actions[bot]";

/// One run's business with one repository.
struct Hub<'a> {
    wire: Wire,
    place: Place,
    name: &'a str,
    author: &'a str,
    job: &'a Job<'a>,
}

/// Publishes to the commit and the pull request of this run, and adds to `said` what was done.
pub fn publish(job: &Job<'_>, token: &Secret, said: &mut Vec<String>) -> Result<(), PublishError> {
    let name = checked_name(job.name)?;
    let place = Place::of(job.environment, job.event)?;
    if place.read_only {
        let where_to = "annotate in a workflow that starts on `workflow_run`";
        said.push(format!("nothing: a run for the pull request of a fork may not write; {where_to}"));
        return Ok(());
    }
    agree("commit", &job.outcome.run.commit, &place.head)?;
    agree("repository", &job.outcome.run.repo_id, &place.repository_id)?;
    let wire = Wire::open(job.environment.get("GITHUB_API_URL").unwrap_or("https://api.github.com"), token)?;
    let hub = Hub { wire, place, name, author: job.author.unwrap_or(AUTHOR), job };
    said.push(shown("check run", hub.put_check_run())?);
    match hub.request() {
        Ok(Ok(number)) => {
            said.push(shown("comment", hub.put_comment(number))?);
            said.push(shown("lines", hub.put_lines(number))?);
        }
        Ok(Err(why)) => said.push(format!("comments: none, {why}")),
        Err(error) => said.push(shown("comments", Err(error))?),
    }
    Ok(())
}

/// The line about one surface; a refusal for want of permission is one too.
fn shown(surface: &str, result: Result<String, PublishError>) -> Result<String, PublishError> {
    match result {
        Ok(what) => Ok(format!("{surface}: {what}")),
        Err(PublishError::Refused { status: 403, message, needs, .. }) => {
            let needs = if needs.is_empty() { message } else { format!("it needs `{needs}`") };
            Ok(format!("{surface}: not written, the token may not ({needs})"))
        }
        Err(error) => Err(error),
    }
}

impl Hub<'_> {
    /// The number of the open pull request whose head this is about, or why there is none to comment on.
    fn request(&self) -> Result<Result<u64, &'static str>, PublishError> {
        let number = match &self.place.wanted {
            Wanted::Nothing => return Ok(Err("this run belongs to no pull request")),
            Wanted::Number(number) => *number,
            Wanted::Head { owner, branch, repository } => match self.by_head(owner, branch, *repository)? {
                Some(number) => number,
                None => return Ok(Err("no open pull request has this commit as its head")),
            },
        };
        let route = format!("/repos/{}/pulls/{number}", self.place.repository);
        let request = self.wire.get("the pull request", &route)?;
        let is = |pointer: &str, text: &str| request.pointer(pointer).and_then(Value::as_str) == Some(text);
        Ok(match (is("/state", "open"), is("/head/sha", &self.place.head)) {
            (false, _) => Err("the pull request is closed"),
            (_, false) => Err("the pull request has a newer commit, whose run will say more"),
            _ => Ok(number),
        })
    }

    /// Runs for forks name no request, and what a file claims counts for nothing: the forge is asked.
    fn by_head(&self, owner: &str, branch: &str, repository: u64) -> Result<Option<u64>, PublishError> {
        let head = place::encoded(&format!("{owner}:{branch}"));
        let route = format!("/repos/{}/pulls?state=open&head={head}", self.place.repository);
        let requests = self.wire.pages("the pull requests", &route, "")?;
        let fits = |request: &&Value| {
            request.pointer("/head/sha").and_then(Value::as_str) == Some(&self.place.head)
                && request.pointer("/head/repo/id").and_then(Value::as_u64) == Some(repository)
        };
        Ok(requests.iter().find(fits).and_then(|request| request.get("number")?.as_u64()))
    }

    /// Whether `entry`, a comment of any kind, was written by us.
    fn is_ours(&self, entry: &Value) -> bool {
        let login = entry.pointer("/user/login").and_then(Value::as_str);
        login.is_some_and(|login| login.eq_ignore_ascii_case(self.author))
    }

    /// Refuses to go on where what we just wrote bears another login than ours: the next run would write it again.
    fn know_again(&self, written: &Value) -> Result<(), PublishError> {
        match written.pointer("/user/login").and_then(Value::as_str) {
            Some(login) if !login.eq_ignore_ascii_case(self.author) => {
                Err(PublishError::Author(login.to_owned()))
            }
            _ => Ok(()),
        }
    }
}
