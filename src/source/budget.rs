//! Bytes and files: what does not fit is a gap.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::finding::{Gap, Reason};

/// How much one run reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one file; a file of exactly so many is read.
    pub file_bytes: u64,
    /// Files and links of one run.
    pub files: u64,
    /// Bytes of all files of one run.
    pub bytes: u64,
}

/// What one run has read so far, shared by its threads.
#[derive(Debug)]
pub(super) struct Budget {
    limits: Limits,
    files: AtomicU64,
    bytes: AtomicU64,
    left_over: AtomicU64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { file_bytes: 64 << 20, files: 5_000_000, bytes: 1 << 40 }
    }
}

impl Budget {
    pub(super) fn new(limits: Limits) -> Self {
        let zero = || AtomicU64::new(0);
        Self { limits, files: zero(), bytes: zero(), left_over: zero() }
    }

    /// Whether one more file of `bytes` bytes fits; it counts from now on.
    ///
    /// Which files are left over depends on the threads, that some are does not.
    pub(super) fn take(&self, bytes: u64) -> bool {
        let fits = self.files.fetch_add(1, Ordering::Relaxed) < self.limits.files
            && self.bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) <= self.limits.bytes;
        if !fits {
            self.left_over.fetch_add(1, Ordering::Relaxed);
        }
        fits
    }

    pub(super) const fn file_bytes(&self) -> u64 {
        self.limits.file_bytes
    }

    /// One gap for all files that did not fit.
    pub(super) fn gap(&self) -> Option<Gap> {
        let count = self.left_over.load(Ordering::Relaxed);
        let Limits { files, bytes, .. } = self.limits;
        let detail = format!("{count} files were not read: one run reads {files} files and {bytes} bytes");
        (count > 0).then(|| Gap { path: String::new(), reason: Reason::Budget, detail })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_that_fills_the_budget_fits_and_the_next_does_not() {
        let budget = Budget::new(Limits { file_bytes: 10, files: 3, bytes: 10 });
        assert!(budget.take(4) && budget.take(6) && budget.gap().is_none());
        assert!(!budget.take(1) && !budget.take(0));
        assert!(budget.gap().unwrap().detail.starts_with("2 files"));
    }
}
