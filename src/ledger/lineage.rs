//! Who, in which session, with which tool: what every record begins with.

use super::record::{Kind, Record};
use crate::pipeline::{Run, Stage};
use crate::text::time::Timestamp;

/// The audit lineage of one run. Every record of the run is begun with [`Self::begin`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lineage {
    origin: String,
    version: String,
    /// Digest of the binary; empty on a person's machine.
    tool: String,
    run: Run,
    stage: Stage,
}

impl Lineage {
    /// For records of `run` in the ledger `origin` ([`super::Ledger::origin`]), written by tollgate `version`.
    pub fn new(origin: &str, version: &str, run: &Run, stage: Stage) -> Self {
        let (origin, version) = (origin.to_owned(), version.to_owned());
        Self { origin, version, tool: String::new(), run: run.clone(), stage }
    }

    /// The same, where each record also names the binary that wrote it, by its `sha256:` digest.
    #[must_use]
    pub fn by_tool(mut self, digest: &str) -> Self {
        digest.clone_into(&mut self.tool);
        self
    }

    /// A record of `kind` with head, identity and session, and nothing of its own yet.
    ///
    /// Call [`Record::computed_rid`] through [`finish`] once its subject is set.
    pub fn begin(&self, kind: Kind, at: Timestamp) -> Record {
        let run = &self.run;
        let mut record = Record::new(kind, at);
        for (path, text) in [
            ("ledger", self.origin.as_str()),
            ("tool.name", "tollgate"),
            ("tool.version", &self.version),
            ("actor.provider", &run.provider),
            ("actor.id", &run.actor_id),
            ("actor.login", &run.actor_login),
            ("actor.class", &run.actor_class),
            ("commit.id", &run.commit),
            ("repo.host", &run.repo_host),
            ("repo.id", &run.repo_id),
            ("repo.name", &run.repo_name),
            ("pipeline", &run.pipeline),
            ("product", &run.product),
            ("run_id", &run.run_id),
            ("job", &run.job),
            ("stage", self.stage.word()),
            ("trigger", &run.trigger),
            ("ref", &run.reference),
        ] {
            record.set(path, text);
        }
        if !self.tool.is_empty() {
            record.set("tool.digest", self.tool.as_str());
        }
        record.set("attempt", run.attempt.max(1));
        if !run.request.is_empty() {
            record.set("pr.number", run.request.as_str());
            record.set("pr.author", run.request_author.as_str());
        }
        record
    }
}

/// Gives `record` its id. Nothing the id is made of may change afterwards.
#[must_use]
pub fn finish(mut record: Record) -> Record {
    record.set("rid", record.computed_rid());
    record
}
