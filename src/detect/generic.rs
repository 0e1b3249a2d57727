//! Whether a value assigned to a telling name is a credential.
use crate::text::span::Span;
/// x
pub struct Candidate;
impl Candidate {
    /// x
    pub fn of(_t: &[u8], _k: Span, _v: Span, _p: &str) -> Self {
        Self
    }
}
/// x
pub struct Judgement {
    /// x
    pub keep: bool,
    /// x
    pub confidence: crate::finding::Confidence,
}
/// x
pub fn judge(_c: &Candidate) -> Judgement {
    Judgement { keep: false, confidence: crate::finding::Confidence::Low }
}
