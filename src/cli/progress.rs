//! The line on standard error that says how far a long run is.
//!
//! Only for a person who waits: standard error is a terminal, nobody asked for quiet, it is not CI, and the run has
//! taken half a second. It is wiped away before anything else is said.

use std::io::{IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use tollgate::source::{Extent, Item, Source, SourceError};

use super::context::Context;

/// How long a run is left in peace.
const PATIENCE: Duration = Duration::from_millis(500);

/// How often the line is written anew.
const STEP: Duration = Duration::from_millis(100);

/// A source that says on standard error how much of it was judged.
pub struct Watched {
    inner: Box<dyn Source>,
    files: AtomicU64,
    bytes: AtomicU64,
}

/// `source` with a line on standard error, where somebody would see it.
pub fn watched(source: Box<dyn Source>, in_ci: bool, context: &Context) -> Box<dyn Source> {
    let dumb = context.environment.get("TERM") == Some("dumb");
    if context.quiet || in_ci || dumb || !std::io::stderr().is_terminal() {
        return source;
    }
    Box::new(Watched { inner: source, files: AtomicU64::new(0), bytes: AtomicU64::new(0) })
}

impl Source for Watched {
    fn read(&self, threads: usize, sink: &(dyn Fn(Item) + Sync)) -> Result<Extent, SourceError> {
        let (done, end) = channel::<()>();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let mut wait = PATIENCE;
                while end.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                    say(&self.line());
                    wait = STEP;
                }
                if wait == STEP {
                    say("");
                }
            });
            let extent = self.inner.read(threads, &|item| {
                let size = match &item {
                    Item::Blob(blob) | Item::Base(blob) => Some(blob.bytes.len() as u64),
                    _ => None,
                };
                sink(item);
                if let Some(size) = size {
                    self.files.fetch_add(1, Ordering::Relaxed);
                    self.bytes.fetch_add(size, Ordering::Relaxed);
                }
            });
            drop(done);
            extent
        })
    }
}

impl Watched {
    fn line(&self) -> String {
        line(self.files.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }
}

fn line(files: u64, bytes: u64) -> String {
    format!("{files} files, {} MB", bytes / 1_000_000)
}

/// Writes `text` in place of the line; a closed standard error is no reason to fail.
fn say(text: &str) {
    let mut terminal = std::io::stderr().lock();
    let _ = write!(terminal, "\r\x1b[2K{text}").and_then(|()| terminal.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_counts_in_files_and_megabytes() {
        assert_eq!(line(27_674, 182_400_000), "27674 files, 182 MB");
    }
}
