//! Since when, until when and by whom something stood in the history.

/// When a finding of the history was there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Past {
    /// The oldest commit whose tree holds it.
    pub first: Moment,
    /// The newest commit whose tree holds it.
    pub last: Moment,
    /// Who wrote the first one, as `Name <address>`. Anyone can write any name into a commit; untrusted text.
    pub author: String,
    /// Whether the commit that is checked out still holds it, at any path.
    pub in_head: bool,
}

/// A commit and its place in the history: parents before children, then the older before the newer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Counts the commits before it.
    pub order: u64,
    /// Its name.
    pub commit: String,
}

impl Past {
    /// Takes in when the same thing stood in another version.
    pub fn join(&mut self, other: &Self) {
        if other.first < self.first {
            self.first = other.first.clone();
            self.author.clone_from(&other.author);
        }
        if other.last > self.last {
            self.last = other.last.clone();
        }
        self.in_head |= other.in_head;
    }
}
