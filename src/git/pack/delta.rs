//! How an object is made out of its base.
//!
//! ```text
//! size of the base, size of the result     seven bits a byte, low bits first
//! 1osss.... offset and length bytes        copy from the base: flags say which bytes of both are there
//! 0nnnnnnn n bytes                         insert these
//! ```
//!
//! Source: gitformat-pack(5), "Deltified representation".

use super::Fault;

/// A part of an object that was copied from its base. What lies in no run is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Where it stands in the base.
    pub from: usize,
    /// Where it stands now.
    pub to: usize,
    /// Bytes of it, at least one.
    pub length: usize,
}

/// Makes the object that `delta` says out of `base`, into `out`, which is emptied first, as is `runs`.
///
/// Runs come in the order of their new places; two that also follow each other in the base are one.
pub(super) fn apply(
    base: &[u8],
    delta: &[u8],
    limit: usize,
    out: &mut Vec<u8>,
    runs: &mut Vec<Run>,
) -> Result<(), Fault> {
    out.clear();
    runs.clear();
    let (of_base, rest) = size(delta).ok_or(Fault::Delta)?;
    let (of_result, mut rest) = size(rest).ok_or(Fault::Delta)?;
    if of_base != base.len() {
        return Err(Fault::Delta);
    }
    if of_result > limit {
        return Err(Fault::Large);
    }
    out.reserve(of_result);
    while let Some((command, behind)) = rest.split_first() {
        let behind = if command & 0x80 == 0 {
            let (text, behind) = behind.split_at_checked(usize::from(*command)).ok_or(Fault::Delta)?;
            if text.is_empty() {
                return Err(Fault::Delta);
            }
            out.extend_from_slice(text);
            behind
        } else {
            let (from, length, behind) = copy(*command, behind).ok_or(Fault::Delta)?;
            let text = base.get(from..from + length).ok_or(Fault::Delta)?;
            add(Run { from, to: out.len(), length }, runs);
            out.extend_from_slice(text);
            behind
        };
        if out.len() > of_result {
            return Err(Fault::Delta);
        }
        rest = behind;
    }
    if out.len() == of_result { Ok(()) } else { Err(Fault::Delta) }
}

fn add(run: Run, runs: &mut Vec<Run>) {
    match runs.last_mut() {
        Some(last) if last.to + last.length == run.to && last.from + last.length == run.from => {
            last.length += run.length;
        }
        _ => runs.push(run),
    }
}

/// Offset, length, and what follows.
fn copy(command: u8, bytes: &[u8]) -> Option<(usize, usize, &[u8])> {
    let mut rest = bytes;
    let mut number = |flags: u8, width: u32| {
        let mut value = 0_usize;
        for byte in (0..width).filter(|byte| flags >> byte & 1 == 1) {
            let (digit, behind) = rest.split_first()?;
            value |= usize::from(*digit) << (8 * byte);
            rest = behind;
        }
        Some(value)
    };
    let offset = number(command & 0x0f, 4)?;
    let length = number(command >> 4 & 0x07, 3)?;
    Some((offset, if length == 0 { 0x1_0000 } else { length }, rest))
}

fn size(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0_usize;
    let mut rest = bytes;
    for shift in (0..56).step_by(7) {
        let (byte, behind) = rest.split_first()?;
        value |= usize::from(byte & 0x7f) << shift;
        rest = behind;
        if byte & 0x80 == 0 {
            return Some((value, rest));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sized(mut size: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        loop {
            let low = u8::try_from(size & 0x7f).unwrap();
            size >>= 7;
            bytes.push(if size > 0 { low | 0x80 } else { low });
            if size == 0 {
                return bytes;
            }
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Insert(Vec<u8>),
        Copy(prop::sample::Index, prop::sample::Index),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let insert = prop::collection::vec(any::<u8>(), 1..128).prop_map(Step::Insert);
        let copy =
            (any::<prop::sample::Index>(), any::<prop::sample::Index>()).prop_map(|(a, b)| Step::Copy(a, b));
        prop::collection::vec(prop_oneof![insert, copy], 0..20)
    }

    proptest! {
        #[test]
        fn a_delta_makes_what_it_says_and_runs_are_what_it_copies(
            base in prop::collection::vec(any::<u8>(), 1..2000), steps in steps()
        ) {
            let (mut commands, mut expected) = (Vec::new(), Vec::new());
            for step in steps {
                match step {
                    Step::Insert(text) => {
                        commands.push(u8::try_from(text.len()).unwrap());
                        commands.extend_from_slice(&text);
                        expected.extend(text);
                    }
                    Step::Copy(start, length) => {
                        let start = start.index(base.len());
                        let length = 1 + length.index(base.len() - start);
                        commands.push(0xff);
                        commands.extend(u32::try_from(start).unwrap().to_le_bytes());
                        commands.extend(&u32::try_from(length).unwrap().to_le_bytes()[..3]);
                        expected.extend_from_slice(&base[start..start + length]);
                    }
                }
            }
            let delta = [sized(base.len()), sized(expected.len()), commands].concat();
            let (mut out, mut runs) = (vec![9], vec![Run { from: 9, to: 9, length: 9 }]);
            prop_assert_eq!(apply(&base, &delta, 1 << 30, &mut out, &mut runs), Ok(()));
            prop_assert_eq!(&out, &expected);
            for run in &runs {
                prop_assert_eq!(&base[run.from..run.from + run.length], &out[run.to..run.to + run.length]);
            }
            prop_assert!(runs.windows(2).all(|pair| pair[0].to + pair[0].length <= pair[1].to));
            if !expected.is_empty() {
                prop_assert_eq!(apply(&base, &delta, expected.len() - 1, &mut out, &mut runs), Err(Fault::Large));
            }
        }

        #[test]
        fn no_delta_panics_or_makes_more_than_it_may(
            base in prop::collection::vec(any::<u8>(), 0..200), delta in prop::collection::vec(any::<u8>(), 0..60),
            fits: bool, result in 0..300_usize
        ) {
            let delta = if fits { [sized(base.len()), sized(result), delta].concat() } else { delta };
            let mut out = Vec::new();
            if apply(&base, &delta, 250, &mut out, &mut Vec::new()).is_ok() {
                prop_assert!(out.len() <= 250);
            }
        }
    }
}
