//! Deflate streams undone, within a bound: a stream never yields more than its reader asked for, whatever it claims.

use zlib_rs::{Inflate, InflateFlush, Status};

/// What stands around a deflate stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrapper {
    /// Nothing, as in zip entries.
    Raw,
    /// The header and check of zlib.
    Zlib,
    /// Those of gzip.
    Gzip,
}

/// What became of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inflated {
    /// The bytes up to the end; on [`End::Limit`] as many as were asked for.
    pub bytes: Vec<u8>,
    /// How many bytes of the input the stream takes.
    pub consumed: usize,
    /// Where it ended.
    pub end: End,
}

/// Where a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// At its own end, and its check holds where the wrapper has one.
    Complete,
    /// It goes on beyond the limit, or has more members than we read.
    Limit,
    /// It is damaged, cut off, or needs a dictionary.
    Broken,
}

/// Members of one gzip file; block-wise ones have one for each 64 KiB.
const MEMBERS: usize = 10_000;

/// The first room for output; it doubles from there.
const FIRST_ROOM: usize = 4096;

/// Undoes the stream at the start of `input`, for at most `limit` bytes. What follows it is not looked at.
pub fn inflate(wrapper: Wrapper, input: &[u8], limit: usize) -> Inflated {
    let mut state = match wrapper {
        Wrapper::Raw => Inflate::new(false, 15),
        Wrapper::Zlib => Inflate::new(true, 15),
        Wrapper::Gzip => Inflate::new(true, 16 + 15),
    };
    let mut bytes: Vec<u8> = Vec::new();
    let end = loop {
        let (taken, given) = (place(state.total_in()), place(state.total_out()));
        if given > limit {
            break End::Limit;
        }
        if given == bytes.len() {
            // One byte more than the limit tells a stream that ends there from one that goes on.
            let room = bytes.len().saturating_mul(2).max(FIRST_ROOM).min(limit.saturating_add(1));
            bytes.resize(room, 0);
        }
        let rest = input.get(taken..).unwrap_or_default();
        let status =
            state.decompress(rest, bytes.get_mut(given..).unwrap_or_default(), InflateFlush::NoFlush);
        let stuck = place(state.total_in()) == taken && place(state.total_out()) == given;
        match status {
            Ok(Status::StreamEnd) if place(state.total_out()) > limit => break End::Limit,
            Ok(Status::StreamEnd) => break End::Complete,
            Ok(Status::Ok | Status::BufError) if !stuck => {}
            Ok(_) | Err(_) => break End::Broken,
        }
    };
    bytes.truncate(place(state.total_out()).min(limit));
    Inflated { bytes, consumed: place(state.total_in()).min(input.len()), end }
}

/// All members of a gzip file, one behind the other.
///
/// Zero bytes behind the last member are padding, as tape drives leave them; anything else there is damage.
pub fn gunzip(input: &[u8], limit: usize) -> Inflated {
    let mut all = inflate(Wrapper::Gzip, input, limit);
    let mut members = 1;
    while all.end == End::Complete {
        let rest = input.get(all.consumed..).unwrap_or_default();
        if rest.iter().all(|byte| *byte == 0) {
            all.consumed = input.len();
            break;
        }
        if members == MEMBERS {
            all.end = End::Limit;
            break;
        }
        members += 1;
        let next = inflate(Wrapper::Gzip, rest, limit.saturating_sub(all.bytes.len()));
        all.bytes.extend_from_slice(&next.bytes);
        all.consumed += next.consumed;
        all.end = next.end;
    }
    all
}

fn place(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use zlib_rs::{DeflateConfig, ReturnCode, compress_bound, compress_slice};

    use super::*;

    const ALL: [(Wrapper, i32); 3] = [(Wrapper::Raw, -15), (Wrapper::Zlib, 15), (Wrapper::Gzip, 31)];

    fn deflate(window_bits: i32, text: &[u8]) -> Vec<u8> {
        let mut room = vec![0; compress_bound(text.len()) + 32];
        let config = DeflateConfig { window_bits, ..DeflateConfig::default() };
        let (packed, code) = compress_slice(&mut room, text, config);
        assert_eq!(code, ReturnCode::Ok);
        packed.to_vec()
    }

    #[test]
    fn a_stream_of_just_the_limit_is_complete_and_one_byte_more_is_not() {
        for (wrapper, bits) in ALL {
            let packed = deflate(bits, &[b'a'; 5000]);
            let at = |limit| inflate(wrapper, &packed, limit);
            assert_eq!((at(5000).bytes.len(), at(5000).end), (5000, End::Complete), "{wrapper:?}");
            assert_eq!((at(4999).bytes.len(), at(4999).end), (4999, End::Limit), "{wrapper:?}");
            assert_eq!((at(0).bytes.len(), at(0).end), (0, End::Limit), "{wrapper:?}");
            assert_eq!(inflate(wrapper, &packed[..packed.len() / 2], 5000).end, End::Broken, "{wrapper:?}");
        }
        assert_eq!(inflate(Wrapper::Raw, &deflate(-15, b""), 0).end, End::Complete);
    }

    #[test]
    fn members_of_a_gzip_file_are_read_as_one_and_what_follows_is_damage() {
        let two = [deflate(31, b"one "), deflate(31, b"two")].concat();
        assert_eq!(gunzip(&two, 100).bytes, b"one two");
        assert_eq!(gunzip(&two, 5).end, End::Limit);
        assert_eq!(gunzip(&[two.as_slice(), &[0; 600]].concat(), 100).end, End::Complete);
        assert_eq!(gunzip(&[two.as_slice(), b"rest"].concat(), 100).end, End::Broken);
        assert_eq!(gunzip(b"", 100).end, End::Broken);
        let mut wrong_check = deflate(31, b"text");
        let at = wrong_check.len() - 6;
        wrong_check[at] ^= 1;
        assert_eq!(gunzip(&wrong_check, 100).end, End::Broken);
    }

    proptest! {
        #[test]
        fn any_bytes_end_within_the_limit(bytes: Vec<u8>, limit in 0..5000_usize, kind in 0..3_usize) {
            let read = inflate(ALL[kind].0, &bytes, limit);
            prop_assert!(read.bytes.len() <= limit && read.consumed <= bytes.len());
            prop_assert!(gunzip(&bytes, limit).bytes.len() <= limit);
        }

        #[test]
        fn what_was_deflated_comes_back(text: Vec<u8>, behind: Vec<u8>, kind in 0..3_usize) {
            let (wrapper, bits) = ALL[kind];
            let packed = deflate(bits, &text);
            let read = inflate(wrapper, &[packed.as_slice(), &behind].concat(), text.len());
            prop_assert_eq!((&read.bytes, read.consumed, read.end), (&text, packed.len(), End::Complete));
        }
    }
}
