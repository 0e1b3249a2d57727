//! Two rules claim the same bytes: which one speaks.

use super::text::Candidate;

/// Keeps, of candidates whose secrets share bytes, the one that knows most.
///
/// A rule whose check holds beats one without a check; a specific rule beats a generic one; then the
/// higher severity, the longer secret, the smaller id. What a check refuted is told by no rule.
pub fn settle(mut candidates: Vec<Candidate>) -> Vec<Candidate> {
    let refuted: Vec<_> = candidates.iter().filter(|one| one.refuted).map(|one| one.secret).collect();
    candidates
        .retain(|one| !one.refuted && (one.proved || !refuted.iter().any(|span| span.overlaps(&one.secret))));
    candidates.sort_by(|left, right| {
        (right.proved, left.generic, right.severity, right.confidence, right.secret.end - right.secret.start)
            .cmp(&(
                left.proved,
                right.generic,
                left.severity,
                left.confidence,
                left.secret.end - left.secret.start,
            ))
            .then_with(|| left.secret.cmp(&right.secret))
            .then_with(|| left.rule_id.cmp(&right.rule_id))
    });
    let mut kept: Vec<Candidate> = Vec::new();
    for candidate in candidates {
        if !kept.iter().any(|other| other.secret.overlaps(&candidate.secret)) {
            kept.push(candidate);
        }
    }
    kept.sort_by(|left, right| left.secret.cmp(&right.secret).then_with(|| left.rule_id.cmp(&right.rule_id)));
    kept
}
