//! One named stream.

use std::io::Read;
use std::sync::{Mutex, PoisonError};

use super::budget::Budget;
use super::intake::Intake;
use super::{Extent, Item, Limits, Source, SourceError};
use crate::finding::Reason;

/// A stream under a name of the user's choice.
#[derive(Debug)]
pub struct Stdin<R> {
    name: String,
    limits: Limits,
    stream: Mutex<R>,
}

impl<R: Read + Send> Stdin<R> {
    /// The stream, called `name` in findings. It is read once: a second [`Source::read`] finds it empty.
    pub fn new(name: &str, stream: R, limits: Limits) -> Self {
        Self { name: name.to_owned(), limits, stream: Mutex::new(stream) }
    }
}

impl<R: Read + Send> Source for Stdin<R> {
    /// A stream that is longer than the limit is read up to there and is a gap as well.
    fn read(&self, _: usize, sink: &(dyn Fn(Item) + Sync)) -> Result<Extent, SourceError> {
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        let limit = self.limits.file_bytes;
        let mut bytes = Vec::new();
        let read = stream.by_ref().take(limit.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|error| SourceError::Read { path: self.name.clone().into(), error })?;
        let intake = Intake { budget: Budget::new(self.limits), repository: None, sink };
        if bytes.len() as u64 > limit {
            bytes.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
            let detail = format!("only its first {limit} bytes were read");
            intake.gap(self.name.as_bytes(), Reason::TooLarge, &detail);
        }
        intake.blob(self.name.as_bytes(), None, None, bytes);
        intake.finish();
        Ok(Extent::default())
    }
}
