//! A message with its place, causes and help, as a reader sees it.
//!
//! ```text
//! error: rule `acme-deploy-key`: the pattern has no group named `secret`
//!   --> policies/secrets/acme.yml:7:46
//! 7 |     text: { pattern: 'acme_dk_[0-9A-Za-z]{32}' }
//!   |                      ^^^^^^^^^^^^^^^^^^^^^^^^^
//!   = help: name the part that is secret, as in `(?<secret>acme_dk_[0-9A-Za-z]{32})`
//! ```
//!
//! miette draws the source line and its carets (it knows how wide letters are); its handler is built here,
//! so that no variable of the environment changes a byte.

use std::fmt;

use miette::{
    Diagnostic, GraphicalReportHandler, LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan,
    SpanContents,
};

use super::Options;
use super::paint::Paint;
use crate::text::safe;

/// Why there is no decision, or another fault a reader should mend.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Problem {
    /// What is wrong: lower case, no full stop, what the user wrote in backticks.
    pub message: String,
    /// Where, if it is in a file.
    pub place: Option<Place>,
    /// What led to it, nearest first.
    pub causes: Vec<String>,
    /// What to do.
    pub help: Option<String>,
}

/// A place in a file, with its line where that may be shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// Path as a reader knows it.
    pub path: String,
    /// Line, from 1; 0 when only the file is known.
    pub line: u32,
    /// Column in characters, from 1; 0 when only the line is known.
    pub column: u32,
    /// The line itself. Printed as it is: give none of a file that may hold a secret.
    pub source: Option<String>,
    /// How many characters from `column` on are marked; 0 counts as 1.
    pub length: usize,
}

/// `problem` in the shape on top of this file, without colour.
pub fn problem(problem: &Problem) -> String {
    problem_in(problem, &Options::default())
}

/// `problem` in the shape on top of this file.
pub fn problem_in(problem: &Problem, options: &Options) -> String {
    let head = Paint::Shut.on("error", options.colour);
    let mut text = format!("{head}: {}\n", message(&problem.message));
    let mut margin = 1;
    if let Some(place) = &problem.place {
        margin = margin_of(place.line);
        text.push_str(&arrow(margin, "-->", &place.to_string(), options));
        if let (Some(source), true) = (&place.source, place.line > 0) {
            let start = place.column.saturating_sub(1) as usize;
            let marked = Marked { text: source, start, length: place.length.max(1), line: place.line };
            text.push_str(&frame(&marked, "", Paint::Shut, options));
        }
    }
    for cause in &problem.causes {
        text.push_str(&note(margin, "because", cause, options));
    }
    if let Some(help) = &problem.help {
        text.push_str(&note(margin, "help", help, options));
    }
    text
}

/// A line of source with the part that matters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Marked<'a> {
    /// The line, masked where it held a secret.
    pub text: &'a str,
    /// First marked character, from 0.
    pub start: usize,
    /// How many characters are marked.
    pub length: usize,
    /// Number of the line, from 1.
    pub line: u32,
}

/// The line with its number, and under it the carets and `label`; empty for an empty line.
pub(crate) fn frame(marked: &Marked<'_>, label: &str, paint: Paint, options: &Options) -> String {
    let line = Line::new(marked);
    if line.text.trim().is_empty() {
        return String::new();
    }
    let handler = GraphicalReportHandler::new_themed(paint.theme(options.colour))
        .with_links(false)
        .with_urls(false)
        .with_width(options.width)
        .with_wrap_lines(false)
        .without_cause_chain()
        .without_syntax_highlighting()
        .with_context_lines(0);
    let mut drawn = String::new();
    if handler.render_report(&mut drawn, &line).is_err() {
        return String::new();
    }
    // miette draws: an empty message, a head, the line, the carets, a foot. We want the two in the middle.
    let mut rows = drawn.lines().skip(2).map(|row| row.strip_prefix(' ').unwrap_or(row).trim_end());
    let (Some(source), Some(carets)) = (rows.next(), rows.next()) else { return String::new() };
    let label = label.trim();
    let room = line.caret_end() + margin_of(marked.line) + 4 + label.chars().count() <= options.width;
    match (label.is_empty(), room) {
        (true, _) => format!("{source}\n{carets}\n"),
        (false, true) => format!("{source}\n{carets} {}\n", message(label)),
        (false, false) => {
            format!("{source}\n{carets}\n{}", note(margin_of(marked.line), "", label, options))
        }
    }
}

/// `  --> path:line:column`, or another mark than the arrow.
pub(crate) fn arrow(margin: usize, mark: &str, place: &str, options: &Options) -> String {
    format!("{:margin$} {} {place}\n", "", Paint::Quiet.on(mark, options.colour))
}

/// `  = key: text`, wrapped to the width; without a key `  = text`.
pub(crate) fn note(margin: usize, key: &str, text: &str, options: &Options) -> String {
    let key = if key.is_empty() { String::new() } else { format!("{key}: ") };
    let indent = margin + 3 + key.chars().count();
    let room = options.width.saturating_sub(indent).max(20);
    let body = wrap(&message(text), room).join(&format!("\n{:indent$}", ""));
    format!("{:margin$} = {}{body}\n", "", Paint::Quiet.on(&key, options.colour && !key.is_empty()))
}

/// How wide the number of the line is: what stands left of the bar.
pub(crate) fn margin_of(line: u32) -> usize {
    line.max(1).to_string().len()
}

/// Text as it may stand in a line that begins with words of ours; line feeds count as spaces.
pub(crate) fn message(text: &str) -> String {
    let words: Vec<&str> = text.lines().map(str::trim).filter(|part| !part.is_empty()).collect();
    safe::line(&words.join(" "))
}

/// `text` in lines of at most `room` characters, broken at spaces; a longer word keeps a line of its own.
fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        let breaks = used > 0 && used + 1 + length > room;
        if breaks {
            lines.push(String::new());
            used = 0;
        }
        let Some(line) = lines.last_mut() else { break };
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        // Runners look for `::` behind leading blanks, where the broken sentence goes on.
        match word.strip_prefix("::").filter(|_| breaks) {
            Some(rest) => line.extend([":\u{200b}:", rest]),
            None => line.push_str(word),
        }
        used += length;
    }
    lines
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&safe::line(&self.path))?;
        for number in [self.line, self.column].into_iter().take_while(|number| *number > 0) {
            write!(formatter, ":{number}")?;
        }
        Ok(())
    }
}

/// How many characters of a line are shown before, in and behind its mark.
const REACH: usize = 200;

/// One safe line as miette's source, diagnostic and error at once.
#[derive(Debug)]
struct Line {
    text: String,
    number: usize,
    start: usize,
    length: usize,
}

impl Line {
    /// Makes the parts safe one by one, so that the carets stay under what they mark.
    fn new(marked: &Marked<'_>) -> Self {
        // A minified file is one line: what stands far before and behind the mark is left out.
        let hidden = marked.start.saturating_sub(if marked.start > REACH { REACH / 2 } else { REACH });
        let part = |from: usize, most: usize| -> String {
            safe::terminal(
                &marked.text.chars().skip(from).take(most).collect::<String>().replace('\t', "    "),
            )
        };
        let gone = if hidden > 0 { "…" } else { "" };
        let before = format!("{gone}{}", part(hidden, marked.start - hidden));
        let mut inside = part(marked.start, marked.length.min(REACH));
        if inside.is_empty() {
            inside.push(' ');
        }
        let after = part(marked.start.saturating_add(marked.length.min(REACH)), REACH);
        let inside = format!("{before}{inside}");
        let (start, end) = (safe::line(&before).len(), safe::line(&inside).len());
        let text = safe::line(&format!("{inside}{after}"));
        Self { text, number: marked.line as usize, start, length: end.saturating_sub(start).max(1) }
    }

    fn caret_end(&self) -> usize {
        self.text.char_indices().filter(|(at, _)| *at < self.start + self.length).count()
    }
}

impl SourceCode for Line {
    fn read_span<'a>(
        &'a self,
        _: &SourceSpan,
        _: usize,
        _: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let whole = SourceSpan::from((0, self.text.len()));
        let line = self.number.saturating_sub(1);
        Ok(Box::new(MietteSpanContents::new(self.text.as_bytes(), whole, line, 0, 1)))
    }
}

impl Diagnostic for Line {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = LabeledSpan::new_primary_with_span(None, (self.start, self.length));
        Some(Box::new(std::iter::once(span)))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl std::error::Error for Line {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(source: &str, column: u32, length: usize) -> Problem {
        let source = Some(source.to_owned());
        let place = Place { path: "policies/acme.yml".to_owned(), line: 7, column, source, length };
        Problem {
            message: "the pattern has no group named `secret`".to_owned(),
            place: Some(place),
            ..Problem::default()
        }
    }

    #[test]
    fn a_problem_shows_its_place_its_causes_and_what_to_do() {
        let mut fault = at("\ttext: 'ab\u{4e2d}c'", 8, 4);
        fault.causes = vec!["the file was read from commit `4f0c`".to_owned()];
        fault.help = Some("name the part that is secret".to_owned());
        let expected = "\
error: the pattern has no group named `secret`
  --> policies/acme.yml:7:8
7 |     text: 'ab\u{4e2d}c'
  |           ^^^^^
  = because: the file was read from commit `4f0c`
  = help: name the part that is secret
";
        assert_eq!(problem(&fault), expected);
    }

    #[test]
    fn a_problem_without_a_place_is_one_line() {
        let fault = Problem { message: "no such\nfile".to_owned(), ..Problem::default() };
        assert_eq!(problem(&fault), "error: no such file\n");
    }

    #[test]
    fn a_place_may_be_a_file_or_a_line_alone() {
        let place = |line, column| Place { path: "a".to_owned(), line, column, ..Place::default() };
        assert_eq!(
            [place(0, 0), place(3, 0), place(3, 9)].map(|place| place.to_string()),
            ["a", "a:3", "a:3:9"]
        );
    }

    #[test]
    fn a_mark_behind_the_end_of_a_line_still_has_a_caret() {
        let text = problem(&at("key", 4, 0));
        assert!(text.contains("7 | key\n  |    ^\n"), "{text}");
    }

    #[test]
    fn of_a_line_without_end_only_the_part_around_the_mark_is_shown() {
        let text = problem(&at(&"x".repeat(100_000), 50_000, 3));
        assert!(text.len() < 1000 && text.contains("…xxx") && text.contains("^^^"));
    }

    #[test]
    fn long_sentences_are_wrapped_under_their_key() {
        let options = Options { width: 40, ..Options::default() };
        let text = note(1, "fix", "delete the key and let the job assume the role", &options);
        assert_eq!(text, "  = fix: delete the key and let the job\n         assume the role\n");
    }

    #[test]
    fn e2_a_wrapped_sentence_never_goes_on_with_a_command() {
        let options = Options { width: 24, ..Options::default() };
        let text = note(1, "fix", &"::error::x ".repeat(9), &options);
        assert!(text.lines().all(|line| !line.trim_start().starts_with("::")), "{text}");
    }

    proptest! {
        #[test]
        fn e1_no_text_and_no_mark_breaks_the_frame(
            text in any::<String>(), path in any::<String>(), column in any::<u32>(), length in any::<usize>(),
        ) {
            let mut fault = at(&text, column, length);
            fault.message.clone_from(&text);
            fault.help = Some(path.clone());
            if let Some(place) = &mut fault.place {
                place.path = path;
            }
            let shown = problem(&fault);
            prop_assert!(!shown.chars().any(|letter| letter.is_control() && letter != '\n'));
            let known = |row: &str| ["error: ", "  ", "7 | "].iter().any(|start| row.starts_with(start));
            prop_assert!(shown.lines().all(known), "{shown}");
        }
    }
}
