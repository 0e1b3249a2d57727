//! Records read into what the numbers need: the only place of this stage that knows the names of fields.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

use crate::decide::{Action, Verdict};
use crate::finding::Severity;
use crate::ledger::{Kind, Record, spool};
use crate::pipeline::Stage;
use crate::text::time::Timestamp;

/// A text, kept once; 0 is the empty text.
pub(super) type Id = u32;

/// Every text that was seen, each once.
pub(super) struct Names {
    ids: HashMap<String, Id>,
    texts: Vec<String>,
    /// Fingerprints of before a change of keys, each with the one that took its place.
    renamed: HashMap<Id, Id>,
}

/// One fingerprint in one pipeline: what a risk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    pub pipeline: Id,
    pub fp: Id,
}

/// One event, small: texts are [`Id`]s, rare kinds stand behind a box.
#[derive(Debug)]
pub(super) struct Event {
    pub ts: Timestamp,
    pub rid: u128,
    pub what: What,
}

#[derive(Debug)]
pub(super) enum What {
    Run(Box<Trip>),
    Observed(Sighting),
    Cleared { key: Key, reference: Id, how: Clearing },
    Exception(Box<Step>),
    Deploy(Box<Deploy>),
    Found(Box<Found>),
    Notice(Key),
    Revoked(Key),
    Remediated { key: Key, how: Id },
    Dismissed(Key),
    BreakGlass(Box<Glass>),
    PolicyActivated { pipeline: Id, digest: Id },
    EnforcementChanged { pipeline: Id, rule: Id, blocks: bool },
    Rerated { key: Key, to: Severity },
}

impl What {
    /// Calls each risk by its newest name: keys of fingerprints may change, and a risk stays the same.
    pub(super) fn rename(&mut self, names: &Names) {
        let key = match self {
            Self::Observed(seen) => &mut seen.key,
            Self::Found(found) => &mut found.key,
            Self::Cleared { key, .. }
            | Self::Notice(key)
            | Self::Revoked(key)
            | Self::Remediated { key, .. }
            | Self::Dismissed(key)
            | Self::Rerated { key, .. } => key,
            Self::Exception(step) => {
                step.findings.iter_mut().for_each(|fp| *fp = names.newest(*fp));
                return;
            }
            _ => return,
        };
        key.fp = names.newest(key.fp);
    }
}

/// The name of a run: unique within its pipeline.
pub(super) type RunKey = (Id, Id);

/// One gate run, clean ones too.
#[derive(Debug)]
pub(super) struct Trip {
    pub run: RunKey,
    pub attempt: i64,
    pub outcome: Verdict,
    pub stage: Stage,
    pub reference: Id,
    pub commit: Id,
    pub artifacts: Vec<Id>,
    pub policy: Id,
    /// The policy lets the one signer approve what they wrote.
    pub alone: bool,
    /// Commits that a hook would have stopped.
    pub past_hook: Vec<Id>,
}

/// One finding in one run, and what the gate did with it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sighting {
    pub key: Key,
    pub run: Id,
    pub attempt: i64,
    pub action: Action,
    pub severity: Severity,
    pub reference: Id,
    pub commit: Id,
    pub exception: Id,
    pub policy: Id,
    pub rule: Id,
    pub family: Id,
    pub blast: Option<u8>,
    /// Seen in a pull or merge request.
    pub change: bool,
    /// Seen on the road to production.
    pub deploying: bool,
    /// Whether the rule blocked then.
    pub blocks: bool,
}

/// Why a risk counts as gone from a ref.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clearing {
    Absent,
    Merged,
    RefDeleted,
    Abandoned,
}

/// One step in the life of an exception.
#[derive(Debug)]
pub(super) struct Step {
    pub exception: Id,
    pub pipeline: Id,
    pub findings: Vec<Id>,
    pub by: Id,
    pub reason: Id,
    pub kind: StepKind,
}

#[derive(Debug)]
pub(super) enum StepKind {
    Requested,
    Approved(Approval),
    Denied,
    Refused,
    Revoked,
}

#[derive(Debug, Clone)]
pub(super) struct Approval {
    pub approvers: Vec<Id>,
    pub requested_at: Option<Timestamp>,
    pub approved_at: Timestamp,
    pub latency_s: Option<i64>,
    pub expires_at: Option<Timestamp>,
    pub self_approved: bool,
    /// Those who are not of the group that owns the risk, where that group is known.
    pub outside: Vec<Id>,
}

#[derive(Debug)]
pub(super) struct Deploy {
    pub pipeline: Id,
    pub id: Id,
    pub environment: Id,
    pub artifact: Id,
    pub commit: Id,
    pub reference: Id,
    /// The ref is a tag, which names no branch.
    pub tag: bool,
    pub relied_on: Id,
    pub actor: Id,
    /// Whether an authorised writer signed it; one that is not counts as presumed.
    pub signed: bool,
}

/// The gate overridden by several persons, for one deploy.
#[derive(Debug)]
pub(super) struct Glass {
    pub pipeline: Id,
    /// The deploy, the run and the commit it is for; 0 where it names none.
    pub names: [Id; 3],
    /// The first instant it no longer holds.
    pub until: Option<Timestamp>,
}

#[derive(Debug)]
pub(super) struct Found {
    pub key: Key,
    pub severity: Option<Severity>,
    pub rule: Id,
    pub family: Id,
    pub blast: Option<u8>,
    pub introduced_by: Id,
    pub since: Option<Timestamp>,
}

/// What a record is to the numbers.
pub(super) enum Reading {
    Event(What),
    /// Seen on a developer's machine: never feeds a rate.
    Local,
    /// Tells nothing that is counted here.
    Silent,
    /// Comes from outside the gate and no authorised writer signed it: shown, never counted.
    Unsigned,
    /// Brings what a run could not record, and nobody signed that: shown, never counted, and believed in nothing.
    Imported,
    /// Lacks the field that is named.
    Unreadable(&'static str),
}

impl Names {
    pub(super) fn new() -> Self {
        let ids = HashMap::from([(String::new(), 0)]);
        Self { ids, texts: vec![String::new()], renamed: HashMap::new() }
    }

    pub(super) fn id(&mut self, text: &str) -> Id {
        if let Some(id) = self.ids.get(text) {
            return *id;
        }
        // INVARIANT: a ledger holds fewer than 2^32 different texts; past that all share one name.
        let id = Id::try_from(self.texts.len()).unwrap_or(Id::MAX);
        self.texts.push(text.to_owned());
        self.ids.insert(text.to_owned(), id);
        id
    }

    /// The newest name of the fingerprint `id`.
    pub(super) fn newest(&self, mut id: Id) -> Id {
        // Whoever renames in a circle gets somewhere in it.
        for _ in 0..self.renamed.len() {
            let Some(next) = self.renamed.get(&id) else { break };
            id = *next;
        }
        id
    }

    pub(super) fn text(&self, id: Id) -> &str {
        usize::try_from(id).ok().and_then(|at| self.texts.get(at)).map_or("", String::as_str)
    }

    pub(super) fn owned(&self, id: Id) -> String {
        self.text(id).to_owned()
    }
}

/// What `record` tells, where `authorised` says whether the signature in a record from outside holds.
pub(super) fn read(record: &Record, names: &mut Names, authorised: &dyn Fn(&Record) -> bool) -> Reading {
    use Kind as K;
    let Some(kind) = record.kind() else { return Reading::Unreadable("kind") };
    let local = record.text("stage") == Stage::Local.word();
    if local && matches!(kind, K::Run | K::Observed | K::EnforcementChanged | K::Rerated | K::PolicyActivated)
    {
        return Reading::Local;
    }
    let gone = record.text("how") == "ref_deleted";
    if local && kind == K::Cleared && !gone {
        return Reading::Local;
    }
    let outside = matches!(
        kind,
        K::ProductionFound
            | K::Notice
            | K::Revoked
            | K::Remediated
            | K::Dismissed
            | K::BreakGlass
            | K::ExceptionRevoked
    ) || kind == K::Cleared && gone
        // What a run could not record counts by the signature of whoever brought it.
        || record.get("sig").is_some() && spool::KINDS.contains(&kind);
    if kind == K::Import {
        return Reading::Imported;
    }
    if outside && !authorised(record) {
        return Reading::Unsigned;
    }
    match what(kind, record, names, authorised) {
        Ok(Some(what)) => Reading::Event(what),
        Ok(None) => Reading::Silent,
        Err(field) => Reading::Unreadable(field),
    }
}

type Field<T> = Result<T, &'static str>;

fn what(
    kind: Kind,
    record: &Record,
    names: &mut Names,
    authorised: &dyn Fn(&Record) -> bool,
) -> Field<Option<What>> {
    let pipeline = names.id(record.text("pipeline"));
    let mut id = |path: &str| names.id(record.text(path));
    Ok(Some(match kind {
        Kind::Run => What::Run(Box::new(trip(record, names)?)),
        Kind::Observed => What::Observed(sighting(record, names)?),
        Kind::Cleared => What::Cleared {
            reference: id("ref"),
            how: match record.text("how") {
                "absent" => Clearing::Absent,
                "merged_absent" => Clearing::Merged,
                "ref_deleted" => Clearing::RefDeleted,
                "abandoned" => Clearing::Abandoned,
                _ => return Err("how"),
            },
            key: key(record, names)?,
        },
        Kind::ExceptionRequested => step(record, names, StepKind::Requested)?,
        Kind::ExceptionApproved => {
            let approval = approval(record, names);
            step(record, names, StepKind::Approved(approval))?
        }
        Kind::ExceptionDenied => step(record, names, StepKind::Denied)?,
        Kind::ExceptionRefused => step(record, names, StepKind::Refused)?,
        Kind::ExceptionRevoked => step(record, names, StepKind::Revoked)?,
        Kind::Deploy => What::Deploy(Box::new(deploy(record, names, authorised(record))?)),
        Kind::ProductionFound => What::Found(Box::new(Found {
            severity: Severity::from_word(record.text("finding.severity")),
            rule: id("finding.rule"),
            family: id("finding.family"),
            blast: blast(record),
            introduced_by: id("introduced_by"),
            since: Timestamp::parse(record.text("since")).ok(),
            key: key(record, names)?,
        })),
        Kind::Notice => What::Notice(key(record, names)?),
        Kind::Revoked => What::Revoked(key(record, names)?),
        Kind::Remediated => What::Remediated { how: id("how"), key: key(record, names)? },
        Kind::Dismissed => What::Dismissed(key(record, names)?),
        Kind::BreakGlass => {
            // The run that writes it is not the one it overrides, unless it names none.
            let run = if record.text("relied_on").is_empty() { id("run_id") } else { id("relied_on") };
            What::BreakGlass(Box::new(Glass {
                pipeline,
                names: [id("deploy_id"), run, id("commit.id")],
                until: Timestamp::parse(record.text("expires_at")).ok(),
            }))
        }
        Kind::PolicyActivated => What::PolicyActivated { pipeline, digest: id("policy.digest") },
        Kind::EnforcementChanged => What::EnforcementChanged {
            pipeline,
            rule: id("finding.rule"),
            blocks: record.text("to") == "block",
        },
        Kind::Rerated => What::Rerated {
            to: Severity::from_word(record.text("to")).ok_or("to")?,
            key: key(record, names)?,
        },
        Kind::Adopted | Kind::SignerRevoked | Kind::ShardOpen | Kind::Import | Kind::Note => return Ok(None),
    }))
}

fn key(record: &Record, names: &mut Names) -> Field<Key> {
    let fp = record.text("finding.fp");
    if fp.is_empty() {
        return Err("finding.fp");
    }
    Ok(Key { pipeline: names.id(record.text("pipeline")), fp: names.id(fp) })
}

fn trip(record: &Record, names: &mut Names) -> Field<Trip> {
    let verdict = record.text("outcome");
    let outcome = [Verdict::Clean, Verdict::Advised, Verdict::Excepted, Verdict::Blocked]
        .into_iter()
        .find(|known| known.word() == verdict)
        .ok_or("outcome")?;
    Ok(Trip {
        run: (names.id(record.text("pipeline")), required(record, names, "run_id")?),
        attempt: record.integer("attempt").unwrap_or(1),
        outcome,
        stage: stage(record).ok_or("stage")?,
        reference: names.id(record.text("ref")),
        commit: names.id(record.text("commit.id")),
        artifacts: texts(record, "artifact.digest").into_iter().map(|text| names.id(text)).collect(),
        policy: names.id(record.text("policy.digest")),
        alone: record.get("separation_of_duties") == Some(&Value::Bool(false)),
        past_hook: texts(record, "past_hook").into_iter().map(|text| names.id(text)).collect(),
    })
}

fn sighting(record: &Record, names: &mut Names) -> Field<Sighting> {
    let word = record.text("action");
    let action = Action::ALL.into_iter().find(|known| known.word() == word).ok_or("action")?;
    let reference = record.text("ref");
    let stage = stage(record).ok_or("stage")?;
    let requested = record.get("pr.number").is_some_and(|number| number != &Value::from(""))
        || reference.starts_with("refs/pull/")
        || reference.starts_with("refs/merge-requests/");
    let key = key(record, names)?;
    let former = names.id(record.text("finding.former_fp"));
    if former != 0 && former != key.fp {
        names.renamed.insert(former, key.fp);
    }
    Ok(Sighting {
        key,
        run: required(record, names, "run_id")?,
        attempt: record.integer("attempt").unwrap_or(1),
        action,
        severity: Severity::from_word(record.text("finding.severity")).ok_or("finding.severity")?,
        reference: names.id(reference),
        commit: names.id(record.text("commit.id")),
        exception: names.id(record.text("exception_id")),
        policy: names.id(record.text("policy.digest")),
        rule: names.id(record.text("finding.rule")),
        family: names.id(record.text("finding.family")),
        blast: blast(record),
        change: stage == Stage::Merge && requested,
        deploying: stage == Stage::Deploy,
        blocks: if record.text("enforcement").is_empty() {
            action != Action::Advise
        } else {
            record.text("enforcement") == "block"
        },
    })
}

fn deploy(record: &Record, names: &mut Names, signed: bool) -> Field<Deploy> {
    let login = record.text("actor.login");
    Ok(Deploy {
        pipeline: names.id(record.text("pipeline")),
        id: required(record, names, "deploy_id")?,
        environment: names.id(record.text("environment")),
        artifact: names.id(record.text("artifact.digest")),
        commit: names.id(record.text("commit.id")),
        reference: names.id(record.text("ref")),
        tag: record.text("ref").starts_with("refs/tags/"),
        relied_on: names.id(record.text("relied_on")),
        actor: names.id(if login.is_empty() { record.text("actor.id") } else { login }),
        signed,
    })
}

fn step(record: &Record, names: &mut Names, kind: StepKind) -> Field<What> {
    Ok(What::Exception(Box::new(Step {
        exception: required(record, names, "exception_id")?,
        pipeline: names.id(record.text("pipeline")),
        findings: texts(record, "findings").into_iter().map(|text| names.id(text)).collect(),
        by: names.id(record.text("by")),
        reason: names
            .id(Some(record.text("code")).filter(|code| !code.is_empty()).unwrap_or(record.text("reason"))),
        kind,
    })))
}

fn approval(record: &Record, names: &mut Names) -> Approval {
    let time = |path: &str| Timestamp::parse(record.text(path)).ok();
    let mut approvers: Vec<Id> = texts(record, "approvers").into_iter().map(|text| names.id(text)).collect();
    if approvers.is_empty() && !record.text("by").is_empty() {
        approvers.push(names.id(record.text("by")));
    }
    Approval {
        approvers,
        requested_at: time("requested_at"),
        approved_at: time("approved_at").unwrap_or_else(|| record.ts()),
        latency_s: record.integer("latency_s"),
        expires_at: time("expires_at"),
        self_approved: record.get("self_approved").and_then(Value::as_bool).unwrap_or_default(),
        outside: texts(record, "outside_owner_group").into_iter().map(|text| names.id(text)).collect(),
    }
}

/// A text, or a list of texts or of objects that name a person or principal.
fn texts<'r>(record: &'r Record, path: &str) -> Vec<&'r str> {
    let named = |item: &'r Value| {
        let inner = || item.get("person").or_else(|| item.get("principal"))?.as_str();
        item.as_str().or_else(inner).filter(|text| !text.is_empty())
    };
    match record.get(path) {
        Some(Value::Array(items)) => items.iter().filter_map(named).collect(),
        Some(item) => named(item).into_iter().collect(),
        None => Vec::new(),
    }
}

fn required(record: &Record, names: &mut Names, path: &'static str) -> Field<Id> {
    let text = record.text(path);
    if text.is_empty() { Err(path) } else { Ok(names.id(text)) }
}

fn stage(record: &Record) -> Option<Stage> {
    let word = record.text("stage");
    [Stage::Merge, Stage::Deploy].into_iter().find(|known| known.word() == word)
}

fn blast(record: &Record) -> Option<u8> {
    record.integer("finding.blast").map(|blast| u8::try_from(blast.clamp(0, 100)).unwrap_or_default())
}

/// The pipeline of a record; empty without one.
pub(super) fn pipeline(record: &Record) -> &str {
    record.text("pipeline")
}

/// The product line of a record; empty without one.
pub(super) fn product(record: &Record) -> &str {
    record.text("product")
}

/// Reads a record id: 32 hex digits.
pub(super) fn rid(record: &Record) -> Option<u128> {
    let text = record.rid();
    (text.len() == 32).then(|| u128::from_str_radix(text, 16).ok())?
}

/// Hash of a record's body without its time, equal for equal bodies however their fields are ordered.
///
/// It tells a retry from a clash; what proves a record unchanged is the ledger's tree.
pub(super) fn body_hash(record: &Record) -> u64 {
    let fields = record.fields().iter().filter(|(name, _)| *name != "ts");
    fields.fold(0, |sum: u64, (name, value)| sum.wrapping_add(hash_of(name, value)))
}

fn hash_of(name: &str, value: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    match value {
        Value::Object(map) => {
            let sum = map.iter().fold(1, |sum: u64, (name, value)| sum.wrapping_add(hash_of(name, value)));
            (1_u8, sum).hash(&mut hasher);
        }
        Value::Array(items) => {
            let all: Vec<u64> = items.iter().map(|item| hash_of("", item)).collect();
            (2_u8, all).hash(&mut hasher);
        }
        Value::String(text) => (3_u8, text).hash(&mut hasher),
        Value::Bool(truth) => (4_u8, truth).hash(&mut hasher),
        Value::Number(number) => (5_u8, number.as_i64()).hash(&mut hasher),
        Value::Null => 6_u8.hash(&mut hasher),
    }
    hasher.finish()
}

/// Whether a record of `what` names identity, session, action, resource, policy, rule and reason as its kind needs.
pub(super) fn complete(record: &Record) -> bool {
    let any =
        |paths: &[&str]| paths.iter().any(|path| record.get(path).is_some_and(|value| !is_empty(value)));
    let lineage = any(&["actor.id", "actor.login"]) && any(&["run_id"]) && any(&["kind"]) && any(&["ts"]);
    let resource = any(&[
        "commit.id",
        "artifact.digest",
        "finding.fp",
        "exception_id",
        "deploy_id",
        "repo.id",
        "policy.digest",
    ]);
    lineage
        && resource
        && match record.kind() {
            Some(Kind::Run) => any(&["policy.digest"]) && any(&["outcome"]),
            Some(Kind::Observed) => {
                let excepted = record.text("action") == Action::Except.word();
                any(&["policy.digest"])
                    && any(&["finding.rule"])
                    && any(&["action"])
                    && (!excepted || any(&["exception_id"]))
            }
            Some(
                Kind::ExceptionRequested
                | Kind::ExceptionApproved
                | Kind::ExceptionDenied
                | Kind::ExceptionRefused,
            ) => any(&["reason"]),
            _ => true,
        }
}

fn is_empty(value: &Value) -> bool {
    value.as_str().is_some_and(str::is_empty) || value.as_array().is_some_and(Vec::is_empty)
}
