//! The note on a merge request: opt-in, since a job's own token may not write one.
//!
//! It needs a project or group access token with scope `api` in `GITLAB_TOKEN`, masked and protected; pipelines of
//! forks have none, and then nothing is written. Reports (code quality, JUnit, secret detection) need no token.
//!
//! Source: GitLab documentation, "Notes API" and "Predefined CI/CD variables".

use serde_json::{Value, json};

use super::sticky::{self, Step};
use super::wire::{Verb, Wire};
use super::{Job, PublishError, agree, checked_name};
use crate::text::secret::Secret;

/// Publishes to the merge request of this pipeline, and adds to `said` what was done.
pub fn publish(job: &Job<'_>, token: &Secret, said: &mut Vec<String>) -> Result<(), PublishError> {
    let name = checked_name(job.name)?;
    let told = |variable: &str| job.environment.get(variable).unwrap_or_default();
    let number = |variable: &str| told(variable).parse::<u64>().ok();
    let Some(request) = number("CI_MERGE_REQUEST_IID") else {
        said.push("note: none, this pipeline belongs to no merge request".to_owned());
        return Ok(());
    };
    let project = number("CI_MERGE_REQUEST_PROJECT_ID").ok_or(PublishError::Run("its project"))?;
    agree("commit", &job.outcome.run.commit, told("CI_COMMIT_SHA"))?;
    let wire = Wire::open(told("CI_API_V4_URL"), token)?;
    let me = wire.get("the owner of the token", "/user")?;
    let me = me.get("id").and_then(Value::as_u64).ok_or(PublishError::Answer("the owner of the token"))?;
    let notes = Notes { wire, route: format!("/projects/{project}/merge_requests/{request}/notes"), me };
    said.push(format!("note: {}", notes.put(name, job)?));
    Ok(())
}

struct Notes {
    wire: Wire,
    route: String,
    me: u64,
}

impl Notes {
    fn put(&self, name: &str, job: &Job<'_>) -> Result<&'static str, PublishError> {
        let text = sticky::body(name, job.outcome);
        let body = json!({ "body": text });
        match self.step(&text, job)? {
            Step::Nothing => Ok("none, nothing was found"),
            Step::Leave => Ok("as it was"),
            Step::Edit(id) => {
                self.wire.set("the note", Verb::Put, &format!("{}/{id}", self.route), &body)?;
                Ok("edited")
            }
            Step::Make => {
                let find = || Ok((self.step(&text, job)? == Step::Leave).then_some(Value::Null));
                self.wire.add("the note", Verb::Post, &self.route, &body, find)?;
                Ok("made")
            }
        }
    }

    fn step(&self, text: &str, job: &Job<'_>) -> Result<Step, PublishError> {
        let all = self.wire.pages("the notes", &format!("{}?sort=asc", self.route), "")?;
        let own = all.iter().filter_map(|note| {
            let mine = note.pointer("/author/id").and_then(Value::as_u64) == Some(self.me);
            Some((note.get("id")?.as_u64()?, note.get("body")?.as_str()?)).filter(|_| mine)
        });
        Ok(sticky::step(own, text, job.outcome))
    }
}
