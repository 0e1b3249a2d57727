//! The line of a finding, masked.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use crate::finding::Snippet;
use crate::text::secret::MASK;
use crate::text::span::{Span, line_within};
use crate::text::{mask, safe};

/// How many characters of a line are shown at most, on either side of the mark.
const AROUND: usize = 80;

/// How much of a line is looked at, in bytes on either side of the mark: minified files have one line.
const FAR: usize = 1 << 10;

/// How much of a marked part that is no secret is shown.
const MARKED: usize = 60;

/// Shorter values are also other words, so that hiding each of them would tell more than it hides.
const LEAST: usize = 6;

/// The line that holds `mark`, with every span of `secrets`, sorted and apart, in it replaced by a mask of one length.
///
/// `shown` is how many bytes at the start of a secret its rule writes in the clear: the public prefix
/// of the format. A part that goes on behind its line is cut there.
pub fn masked(text: &[u8], mark: Span, secrets: &[(Span, usize)]) -> Snippet {
    let line = line_within(text, mark.start, FAR + mark.end.saturating_sub(mark.start));
    let line =
        Span::new(line.start.max(mark.start.saturating_sub(FAR)), line.end.min(mark.end.saturating_add(FAR)));
    let mut out = Builder { text: String::new(), mark, start: None, end: 0 };
    let mut at = line.start;
    // A line can hold thousands of findings, and each of them asks.
    let first = secrets.partition_point(|(secret, _)| secret.end <= line.start);
    let in_line = secrets.iter().skip(first).take_while(|(secret, _)| secret.start < line.end);
    for (secret, shown) in in_line.filter(|(secret, _)| secret.overlaps(&line)) {
        if secret.start > at {
            out.plain(text, Span::new(at, secret.start));
        }
        let from = secret.start.max(at);
        let clear = Span::new(from, (secret.start + shown).clamp(from, line.end));
        if *secret == mark || secret.contains(&mark) {
            out.start.get_or_insert(out.text.chars().count());
        }
        out.text.push_str(&shown_text(text, clear));
        out.text.push_str(MASK);
        if *secret == mark || secret.contains(&mark) {
            out.end = out.text.chars().count();
        }
        at = secret.end.max(at);
    }
    if at < line.end {
        out.plain(text, Span::new(at, line.end));
    }
    out.finish()
}

/// Where else in `text` the values of `secrets` stand: a password that is also the name of its user, or a copy that
/// no rule finds. `decoded` are values that stand there encoded.
pub fn repeats(text: &[u8], secrets: &[(Span, usize)], decoded: &[&[u8]]) -> Vec<(Span, usize)> {
    let long: Vec<(&[u8], usize)> = secrets
        .iter()
        .map(|(span, shown)| (span.of(text), *shown))
        .chain(decoded.iter().map(|value| (*value, 0)))
        .filter(|(value, _)| value.len() >= LEAST)
        .collect();
    if long.is_empty() {
        return Vec::new();
    }
    let values = long.iter().map(|(value, _)| value);
    // For one text, what is quickly made is worth more than what searches quickly.
    let mut search = AhoCorasick::builder();
    search.match_kind(MatchKind::LeftmostLongest).kind(Some(AhoCorasickKind::NoncontiguousNFA));
    let Ok(search) = search.build(values) else {
        return vec![(Span::new(0, text.len()), 0)];
    };
    let found = search.find_iter(text).map(|found| {
        let shown = long.get(found.pattern().as_usize()).map_or(0, |(_, shown)| *shown);
        (Span::new(found.start(), found.end()), shown)
    });
    found.collect()
}

struct Builder {
    text: String,
    mark: Span,
    start: Option<usize>,
    end: usize,
}

impl Builder {
    /// Adds a part without secrets, noting where the mark begins and ends in it.
    fn plain(&mut self, text: &[u8], part: Span) {
        let cut = [self.mark.start, self.mark.end].map(|at| at.clamp(part.start, part.end));
        self.text.push_str(&shown_text(text, Span::new(part.start, cut[0])));
        if cut[1] > cut[0] {
            self.start.get_or_insert(self.text.chars().count());
            self.text.push_str(&shown_text(text, Span::new(cut[0], cut[1])));
            self.end = self.text.chars().count();
        }
        self.text.push_str(&shown_text(text, Span::new(cut[1], part.end)));
    }

    /// Cuts the line to what stands around the mark.
    fn finish(self) -> Snippet {
        let start = self.start.unwrap_or_default();
        let length = self.end.saturating_sub(start).max(1);
        let first = start.saturating_sub(AROUND);
        let last = start + length.min(MARKED) + AROUND;
        let total = self.text.chars().count();
        let mut cut: String = self.text.chars().skip(first).take(last - first).collect();
        let mut offset = start - first;
        if first > 0 {
            cut.insert(0, '…');
            offset += 1;
        }
        if last < total {
            cut.push('…');
        }
        let room = cut.chars().count().saturating_sub(offset).max(1);
        Snippet { text: cut, start: offset, length: length.min(room) }
    }
}

/// Untrusted bytes as one safe line, without what looks like a secret that no rule found; a tab becomes a space, so that carets stay below their text.
fn shown_text(text: &[u8], part: Span) -> String {
    let line = String::from_utf8_lossy(part.of(text)).replace('\t', " ").replace('\r', "");
    safe::terminal(&mask::line(&line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_becomes_a_mask_of_one_length_behind_its_public_prefix() {
        let text = b"first\nKEY=pre_abcdefgh # note\n";
        let secret = Span::new(10, 22);
        let snippet = masked(text, secret, &[(secret, 4)]);
        assert_eq!(snippet.text, format!("KEY=pre_{MASK} # note"));
        assert_eq!((snippet.start, snippet.length), (4, 4 + MASK.chars().count()));
    }

    #[test]
    fn another_secret_on_the_line_is_masked_too() {
        let text = b"a=SECRET1 b=SECRET2";
        let spans = [(Span::new(2, 9), 0), (Span::new(12, 19), 0)];
        assert_eq!(masked(text, spans[1].0, &spans).text, format!("a={MASK} b={MASK}"));
    }

    #[test]
    fn a_copy_that_no_rule_finds_is_masked_too() {
        let text = b"acme://saleor:saleor@db as sale or\npre_saleor";
        let secret = (Span::new(14, 20), 0);
        let mut spans = repeats(text, &[secret], &[]);
        assert_eq!(spans.iter().map(|(span, _)| span.start).collect::<Vec<_>>(), [7, 14, 39]);
        spans.dedup();
        assert_eq!(masked(text, secret.0, &spans).text, format!("acme://{MASK}:{MASK}@db as sale or"));
        assert_eq!(repeats(b"key: abc abc", &[(Span::new(5, 8), 0)], &[]), []);
    }

    #[test]
    fn a_long_line_is_cut_around_the_mark() {
        let text = format!("{}KEY{}", "x".repeat(5000), "y".repeat(5000));
        let snippet = masked(text.as_bytes(), Span::new(5000, 5003), &[]);
        assert!(snippet.text.chars().count() < 200);
        let marked: String = snippet.text.chars().skip(snippet.start).take(snippet.length).collect();
        assert_eq!(marked, "KEY");
    }

    #[test]
    fn what_goes_on_behind_the_line_is_cut_at_its_end() {
        let text = b"-----BEGIN\nSECRET\nLINES";
        let snippet = masked(text, Span::new(11, 23), &[(Span::new(11, 23), 0)]);
        assert_eq!(snippet.text, MASK);
    }
}
