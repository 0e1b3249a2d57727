//! Records as lines for a person.

use super::record::{Kind, Record};
use super::spool;
use crate::text::safe;
use crate::text::time::Timestamp;

/// One record in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its index, from 0.
    pub index: u64,
    /// When it was written, by the clock of whoever wrote it.
    pub ts: Timestamp,
    /// What it is, such as `observed`.
    pub kind: String,
    /// What it says, safe for a terminal.
    pub text: String,
}

/// The line of the record at `index`.
pub fn line(index: u64, record: &Record) -> Line {
    Line {
        index,
        ts: record.ts(),
        kind: safe::terminal(record.text("kind")),
        text: safe::terminal(&say(record)),
    }
}

fn say(record: &Record) -> String {
    if record.kind() == Some(Kind::Import) {
        return format!("not counted: {}  {}", record.text("imported.kind"), say(&spool::brought(record)));
    }
    let text = |path: &str| record.text(path).to_owned();
    let short = |digits: String| digits.chars().take(12).collect::<String>();
    let finding = [text("finding.rule"), short(text("finding.fp")), text("finding.path")];
    let parts: Vec<String> = match record.kind() {
        Some(Kind::Run) => {
            let coverage = record.integer("coverage.files").unwrap_or_default();
            vec![text("outcome"), text("pipeline"), text("stage"), format!("{coverage} files"), by(record)]
        }
        Some(Kind::Observed) => {
            let under = text("exception_id");
            let under = if under.is_empty() { under } else { format!("under {under}") };
            [vec![text("action")], finding.to_vec(), vec![under]].concat()
        }
        Some(Kind::Deploy) => {
            let relied = text("relied_on");
            let relied = if relied.is_empty() { "no run".to_owned() } else { format!("run {relied}") };
            vec![
                text("deploy_id"),
                text("environment"),
                short(text("commit.id")),
                format!("relies on {relied}"),
            ]
        }
        Some(Kind::PolicyActivated) => {
            let version = record.integer("policy.version").unwrap_or_default();
            vec![format!("version {version}"), text("standing"), text("policy.digest")]
        }
        Some(Kind::SignerRevoked) => {
            let from = record.integer("void_from").unwrap_or_default();
            let who = [text("signer.principal"), text("signer.key")];
            [&who[..], &[format!("void from record {from}"), text("reason"), by(record)]].concat()
        }
        Some(Kind::Adopted) => {
            let count = record.integer("baseline.findings").unwrap_or_default();
            vec![text("exception_id"), format!("{count} findings"), by(record)]
        }
        Some(Kind::EnforcementChanged | Kind::Rerated) => {
            [finding.to_vec(), vec![format!("{} to {}", text("from"), text("to"))]].concat()
        }
        _ if !record.text("exception_id").is_empty() => {
            vec![text("exception_id"), text("code"), text("reason"), by(record)]
        }
        _ => [finding.to_vec(), vec![text("how"), text("reason"), by(record)]].concat(),
    };
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("  ")
}

fn by(record: &Record) -> String {
    let names = [record.text("by"), record.text("actor.login"), record.text("actor.id")];
    names.iter().find(|name| !name.is_empty()).map(|name| format!("by {name}")).unwrap_or_default()
}
