//! What each rule costs on a source.
//!
//! Every text is searched twice: once as a scan does it, and once rule by rule with a clock beside it. So a scan
//! knows nothing of this and pays nothing for it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::engine::Engine;
use super::{DetectError, Setting, text};
use crate::finding::RuleId;
use crate::policy::TextRule;
use crate::policy::syntax::THEN_BYTES;
use crate::source::{Blob, Item, Source};
use crate::text::encoding;
use crate::text::span::Span;

/// What one rule over text did and took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cost {
    /// The rule.
    pub rule: RuleId,
    /// Places where one of its keywords stands.
    pub hits: u64,
    /// Those of them where its pattern was tried: all, unless it has a `then`.
    pub tried: u64,
    /// Files its pattern was run on.
    pub runs: u64,
    /// What it took for a secret, before rules that claim the same bytes were settled.
    pub matches: u64,
    /// How long that took.
    pub time: Duration,
}

/// What a scan of a source is made of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    /// Every rule with a hit, the dearest first and then by id.
    pub rules: Vec<Cost>,
    /// The pass that finds the keywords of all rules.
    pub filter: Duration,
    /// All else that is done with a text: decoding, credentials, manifests, documents, masking.
    pub rest: Duration,
    /// Files that were read.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// What could not be read in full, and so is not measured.
    pub gaps: u64,
}

/// Reads `source` on one thread and measures with `clock`, which tells the time since any moment.
///
/// All but the times is the same in every run.
///
/// # Errors
///
/// [`DetectError`], as in a scan.
pub fn run(
    source: &dyn Source,
    setting: Setting<'_>,
    clock: &(dyn Fn() -> Duration + Sync),
) -> Result<Profile, DetectError> {
    let engine = Engine::new(setting, None);
    let costs = setting.policies.rules.iter().map(|rule| Cost::of(rule.id.clone())).collect();
    let meter = Mutex::new(Meter { engine: &engine, clock, profile: Profile::default(), costs, error: None });
    source.read(1, &|item| meter.lock().unwrap_or_else(PoisonError::into_inner).take(item))?;
    meter.into_inner().unwrap_or_else(PoisonError::into_inner).finish()
}

struct Meter<'a> {
    engine: &'a Engine<'a>,
    clock: &'a (dyn Fn() -> Duration + Sync),
    profile: Profile,
    costs: Vec<Cost>,
    error: Option<DetectError>,
}

impl Cost {
    fn of(rule: RuleId) -> Self {
        Self { rule, hits: 0, tried: 0, runs: 0, matches: 0, time: Duration::ZERO }
    }
}

impl Meter<'_> {
    fn take(&mut self, item: Item) {
        match item {
            Item::Blob(blob) => {
                if let Err(error) = self.blob(&blob) {
                    self.error = self.error.take().or(Some(error));
                }
            }
            Item::Gap(_) => self.profile.gaps += 1,
            _ => {}
        }
    }

    fn timed<T>(&self, work: impl FnOnce() -> T) -> (T, Duration) {
        let started = (self.clock)();
        let done = work();
        (done, (self.clock)().saturating_sub(started))
    }

    fn blob(&mut self, blob: &Blob) -> Result<(), DetectError> {
        self.profile.files += 1;
        self.profile.bytes += blob.bytes.len() as u64;
        let bytes = encoding::to_scan(&blob.bytes);
        let subject = text::Subject { path: &blob.path, bytes: &bytes };
        let policies = self.engine.setting.policies;
        let mut hits = Vec::new();
        let ((), mut spent) = self.timed(|| self.engine.prefilter.hits(&bytes, &mut hits));
        self.profile.filter += spent;
        for group in hits.chunk_by(|left, right| left.rule == right.rule) {
            let index = group.first().map_or(0, |hit| hit.rule as usize);
            let (found, time) = self.timed(|| text::of_hits(subject, policies, group, &|_, _| true));
            let Some(rule) = policies.rules.get(index).and_then(|rule| rule.text_rule()) else { continue };
            let ends: Vec<usize> = group.iter().map(|hit| hit.end).collect();
            let tried = if runs_at(rule, &blob.path) { tried(rule, &bytes, &ends) } else { 0 };
            let Some(cost) = self.costs.get_mut(index) else { continue };
            cost.hits += group.len() as u64;
            cost.tried += tried;
            cost.runs += u64::from(tried > 0);
            cost.matches += found?.len() as u64;
            cost.time += time;
            spent += time;
        }
        let (found, all) = self.timed(|| self.engine.blob(blob));
        self.profile.rest += all.saturating_sub(spent);
        found.map(|_| ())
    }

    fn finish(mut self) -> Result<Profile, DetectError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        self.costs.retain(|cost| cost.hits > 0);
        self.costs.sort_by(|one, other| (other.time, &one.rule).cmp(&(one.time, &other.rule)));
        self.profile.rules = self.costs;
        Ok(self.profile)
    }
}

fn runs_at(rule: &TextRule, path: &str) -> bool {
    rule.paths.as_ref().is_none_or(|globs| globs.is_match(path))
}

/// At how many of the keywords that end at `ends` the pattern is tried.
fn tried(rule: &TextRule, bytes: &[u8], ends: &[usize]) -> u64 {
    let then = rule.then.as_ref().and_then(|then| then.regex().ok());
    let goes_on =
        |end: &&usize| then.is_none_or(|then| then.is_match(Span::new(**end, **end + THEN_BYTES).of(bytes)));
    ends.iter().filter(goes_on).count() as u64
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::finding::Fingerprinter;
    use crate::policy::load;
    use crate::source::{Limits, Stdin};
    use crate::text::time::Timestamp;

    #[test]
    fn a_profile_counts_what_each_rule_did_and_adds_up_its_time() {
        let policies = load::policies(&[]).unwrap();
        let token = format!("glpat-{}", "x7Qm2Lp9".repeat(3).chars().take(20).collect::<String>());
        let text = format!("GITLAB_TOKEN={token}\npassword password password\nplain text\n");
        let fingerprinter = Fingerprinter::default();
        let setting =
            Setting { policies: &policies, fingerprinter: &fingerprinter, now: Timestamp(0), threads: 2 };
        let ticks = AtomicU64::new(0);
        let clock = || Duration::from_micros(ticks.fetch_add(1, Ordering::Relaxed));
        let profile = || {
            let source = Stdin::new("a.env", std::io::Cursor::new(text.clone()), Limits::default());
            run(&source, setting, &clock).unwrap()
        };
        let profile_1 = profile();
        assert_eq!(profile_1, profile(), "with a clock that only counts, all is the same");
        assert_eq!((profile_1.files, profile_1.bytes), (1, text.len() as u64));
        let gitlab = profile_1.rules.iter().find(|cost| cost.rule.0.starts_with("gitlab")).unwrap();
        assert!(gitlab.hits >= 1 && gitlab.runs == 1 && gitlab.time > Duration::ZERO, "{gitlab:?}");
        assert!(profile_1.rules.iter().any(|cost| cost.matches == 1));
        assert!(profile_1.rules.iter().all(|cost| cost.tried <= cost.hits && cost.hits > 0));
    }
}
