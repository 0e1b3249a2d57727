//! The one comment on a pull request.
//!
//! Source: GitHub REST API, "Issue comments"; a pull request is an issue to it.

use serde_json::{Value, json};

use super::Hub;
use crate::publish::PublishError;
use crate::publish::sticky::{self, Step};
use crate::publish::wire::Verb;

const WHAT: &str = "the comment";

impl Hub<'_> {
    /// Makes or edits the comment on request `number`, or leaves it; says which.
    pub(super) fn put_comment(&self, number: u64) -> Result<String, PublishError> {
        let text = sticky::body(self.name, self.job.outcome);
        let issues = format!("/repos/{}/issues", self.place.repository);
        let route = format!("{issues}/{number}/comments");
        let body = json!({ "body": text });
        let said = match self.comment_step(&route, &text)? {
            Step::Nothing => "none, nothing was found",
            Step::Leave => "as it was",
            Step::Edit(id) => {
                self.wire.set(WHAT, Verb::Patch, &format!("{issues}/comments/{id}"), &body)?;
                "edited"
            }
            Step::Make => {
                let find = || Ok((self.comment_step(&route, &text)? == Step::Leave).then_some(Value::Null));
                let made = self.wire.add(WHAT, Verb::Post, &route, &body, find)?;
                self.know_again(&made)?;
                "made"
            }
        };
        Ok(said.to_owned())
    }

    fn comment_step(&self, route: &str, text: &str) -> Result<Step, PublishError> {
        let all = self.wire.pages("the comments", route, "")?;
        let own = all.iter().filter(|comment| self.is_ours(comment));
        let own =
            own.filter_map(|comment| Some((comment.get("id")?.as_u64()?, comment.get("body")?.as_str()?)));
        Ok(sticky::step(own, text, self.job.outcome))
    }
}
