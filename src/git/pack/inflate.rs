//! What is compressed: one zlib stream of a known size.

use zlib_rs::{Inflate, InflateFlush, Status};

use super::Fault;

/// A state that is used for one stream after the other.
pub(super) struct Inflater(Inflate);

/// What a loose object begins with is shorter.
const LONGEST_HEAD: usize = 32;

impl Inflater {
    pub(super) fn new() -> Self {
        Self(Inflate::new(true, 15))
    }

    /// Inflates the stream at the front of `input` into `out`, which then has `size` bytes.
    pub(super) fn exactly(&mut self, input: &[u8], size: usize, out: &mut Vec<u8>) -> Result<(), Fault> {
        out.clear();
        // A stream that holds more than it states has room to show it.
        out.resize(size + 1, 0);
        self.0.reset(true);
        let status = self.0.decompress(input, out, InflateFlush::Finish).map_err(|_| Fault::Inflate)?;
        let made = self.0.total_out();
        out.truncate(size);
        if status == Status::StreamEnd && made == size as u64 { Ok(()) } else { Err(Fault::Inflate) }
    }

    /// Inflates a stream that begins with `<word> <size>` and a zero byte: the word, and the bytes behind it in `out`.
    pub(super) fn headed(
        &mut self,
        input: &[u8],
        limit: u64,
        out: &mut Vec<u8>,
    ) -> Result<(Vec<u8>, u64), Fault> {
        let mut head = [0; LONGEST_HEAD];
        self.0.reset(true);
        self.0.decompress(input, &mut head, InflateFlush::NoFlush).map_err(|_| Fault::Inflate)?;
        let zero = memchr::memchr(0, &head).ok_or(Fault::Format)?;
        let text = head.get(..zero).unwrap_or_default();
        let space = memchr::memchr(b' ', text).ok_or(Fault::Format)?;
        let word = text.get(..space).unwrap_or_default().to_vec();
        let digits = str::from_utf8(text.get(space + 1..).unwrap_or_default()).map_err(|_| Fault::Format)?;
        let size: u64 = digits.parse().map_err(|_| Fault::Format)?;
        if size > limit {
            return Ok((word, size));
        }
        let whole = usize::try_from(size).map_err(|_| Fault::Large)? + zero + 1;
        self.exactly(input, whole, out)?;
        out.drain(..=zero);
        Ok((word, size))
    }
}
