//! YAML, several documents to a file.

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use super::build::{Builder, Kind, Role};
use super::template::{self, Masked};
use super::{Fault, FaultKind, MAX_BYTES, Node, Tree, Value};
use crate::text::places::Places;
use crate::text::span::{Position, Span};

/// Reads every document of `bytes`.
///
/// A document in which a key stands twice is left out and reading goes on; any other fault ends it. The
/// first fault is told.
pub fn read(bytes: &[u8]) -> Tree {
    read_as(bytes, Tags::Dropped)
}

/// The same, with the tags of other languages kept: `!Ref Bucket` becomes a map with one pair, `!Ref: Bucket`.
pub fn read_with_tags(bytes: &[u8]) -> Tree {
    read_as(bytes, Tags::Kept)
}

/// What becomes of tags that are not those of YAML itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tags {
    /// The node stays as if it had none; a scalar is text.
    Dropped,
    /// The node becomes the value of a map whose one key is the tag.
    Kept,
}

fn read_as(bytes: &[u8], tags: Tags) -> Tree {
    if bytes.len() > MAX_BYTES {
        return faulty(FaultKind::Size, Position { line: 1, column: 1 });
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return faulty(FaultKind::Encoding, Position::at(bytes, error.valid_up_to())),
    };
    let masked = template::mask(text);
    let parsed = masked.as_ref().map_or(text, |masked| masked.text.as_str());
    // The parser's own characters do not count a byte order mark.
    let base = if parsed.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let parsed = parsed.get(base..).unwrap_or_default();
    let places = Places::new(parsed.as_bytes());
    let reader = Reader { text, masked: masked.as_ref(), base, places, tags };
    let (mut tree, mut shallow) = reader.read(parsed);
    let mut parsed = parsed.to_owned();
    let mut left = MAX_BYTES;
    while let Some(joined) = shallow.and_then(|offset| join_line(&parsed, offset)) {
        let Some(rest) = left.checked_sub(parsed.len()) else { break };
        left = rest;
        parsed = joined;
        (tree, shallow) = reader.read(&parsed);
    }
    tree
}

/// Reads some parts of `bytes`, each of which holds whole documents, as if nothing stood between them.
///
/// The limits are those of each part.
pub fn read_parts(bytes: &[u8], parts: &[Span]) -> Tree {
    let mut tree = Tree::default();
    for part in parts {
        let before = Span::new(0, part.start).of(bytes);
        let lines = u32::try_from(memchr::memchr_iter(b'\n', before).count()).unwrap_or(u32::MAX);
        tree.take(read(part.of(bytes)), part.start, lines);
    }
    tree
}

/// Joins the line of the byte at `offset` to the one before it, byte for byte.
///
/// Between brackets YAML asks for more indentation than around them. Kubernetes and many CI services do not,
/// and a closing bracket below its key is common; our parser does. `None` when a comment would swallow the line.
fn join_line(text: &str, offset: usize) -> Option<String> {
    let before = text.get(..offset)?;
    let feed = before.rfind('\n')?;
    let blank = before.get(feed..)?.trim().is_empty();
    let previous = before.get(..feed)?.rsplit('\n').next()?;
    let comment = previous.contains(" #") || previous.starts_with('#');
    (blank && !comment).then(|| {
        format!("{} {}", before.get(..feed).unwrap_or_default(), text.get(feed + 1..).unwrap_or_default())
    })
}

fn faulty(kind: FaultKind, position: Position) -> Tree {
    Tree { fault: Some(Fault { kind, position }), ..Tree::default() }
}

struct Reader<'t> {
    text: &'t str,
    masked: Option<&'t Masked>,
    base: usize,
    places: Places<'t>,
    tags: Tags,
}

impl Reader<'_> {
    /// Reads `parsed`; tells the offset of a line between brackets that is indented too little for the parser.
    fn read(&self, parsed: &str) -> (Tree, Option<usize>) {
        let mut tree = Tree::default();
        let mut shallow = None;
        let mut builder = Builder::default();
        let mut tagged = Vec::new();
        let mut parser = Parser::new_from_str(parsed);
        let mut open = self.masked.map(|masked| masked.spans.clone()).unwrap_or_default();
        while let Some(event) = parser.next_event() {
            let (event, at) = match event {
                Ok(event) => event,
                Err(error) => {
                    let character = error.marker().index();
                    if ["invalid indentation", "invalid indentation in flow construct"]
                        .contains(&error.info())
                    {
                        shallow = Some(self.places.offset(character));
                    }
                    self.note(&mut tree, reason(error.info()), character);
                    break;
                }
            };
            if matches!(event, Event::DocumentEnd | Event::StreamEnd) {
                match builder.finish() {
                    Ok(document) => tree.documents.extend(document),
                    Err(offset) => self.note_offset(&mut tree, FaultKind::Duplicate, offset),
                }
                continue;
            }
            let mut span = self.span(at);
            if let Event::Scalar(_, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted, ..) = &event {
                span = self.quoted(parsed, span);
            }
            if let Event::Scalar(_, style, ..) = &event
                && *style != ScalarStyle::Plain
            {
                let quoted = open.iter().filter(|template| span.contains(template));
                tree.quoted_templates.extend(quoted);
                open.retain(|template| !span.contains(template));
            }
            if let Err(kind) = self.take_tagged(&mut builder, event, span, &mut tagged) {
                self.note(&mut tree, kind, at.start.index());
                break;
            }
        }
        tree.templates = open;
        (tree, shallow)
    }

    /// Takes an event; where tags are kept, `tagged` says of each open collection whether a map stands around it.
    fn take_tagged(
        &self,
        builder: &mut Builder,
        event: Event<'_>,
        span: Span,
        tagged: &mut Vec<bool>,
    ) -> Result<(), FaultKind> {
        if self.tags == Tags::Dropped {
            return self.take(builder, event, span);
        }
        let tag = match &event {
            Event::Scalar(.., tag) | Event::SequenceStart(_, tag) | Event::MappingStart(_, tag) => {
                tag.as_deref().filter(|tag| !tag.is_yaml_core_schema())
            }
            _ => None,
        };
        if let Some(tag) = tag {
            builder.open(Kind::Map, span.start, 0)?;
            let key = Node { span, value: Value::Text(format!("{}{}", tag.handle, tag.suffix)) };
            builder.leaf(key, Role::Plain, 0)?;
        }
        let wrapped = tag.is_some();
        match &event {
            Event::Scalar(..) => {
                self.take(builder, event, span)?;
                if wrapped { builder.close(span.end) } else { Ok(()) }
            }
            Event::SequenceStart(..) | Event::MappingStart(..) => {
                tagged.push(wrapped);
                self.take(builder, event, span)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.take(builder, event, span)?;
                if tagged.pop() == Some(true) { builder.close(span.end) } else { Ok(()) }
            }
            _ => self.take(builder, event, span),
        }
    }

    fn take(&self, builder: &mut Builder, event: Event<'_>, span: Span) -> Result<(), FaultKind> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let role = if plain && tag.is_none() && text == "<<" { Role::Merge } else { Role::Plain };
                let value = match self.restored(span, style) {
                    Some(original) => Value::Text(original),
                    None if plain && !is_text(tag.as_deref()) => resolve(&text),
                    None => Value::Text(text.into_owned()),
                };
                builder.leaf(Node { span, value }, role, anchor)
            }
            Event::SequenceStart(anchor, _) => builder.open(Kind::List, span.start, anchor),
            Event::MappingStart(anchor, _) => builder.open(Kind::Map, span.start, anchor),
            Event::SequenceEnd | Event::MappingEnd => builder.close(span.end),
            Event::Alias(anchor) => builder.alias(anchor),
            _ => Ok(()),
        }
    }

    /// The text of the file where a template was masked inside one line of it.
    fn restored(&self, span: Span, style: ScalarStyle) -> Option<String> {
        let masked = self.masked?;
        masked.spans.iter().find(|template| span.contains(template))?;
        let written = self.text.get(span.start..span.end)?;
        match style {
            ScalarStyle::Plain => Some(written.to_owned()),
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
                Some(written.get(1..written.len().saturating_sub(1))?.to_owned())
            }
            _ => None,
        }
    }

    fn span(&self, at: saphyr_parser::Span) -> Span {
        let start = self.base + self.places.offset(at.start.index());
        Span::new(start, self.base + self.places.offset(at.end.index()))
    }

    /// From quote to quote: the parser's own span takes in blanks and a comment behind them.
    fn quoted(&self, parsed: &str, span: Span) -> Span {
        let text = Span::new(span.start - self.base, span.end - self.base).of(parsed.as_bytes());
        let Some((quote, rest)) = text.split_first() else { return span };
        let mut letters = rest.iter().enumerate().peekable();
        while let Some((at, letter)) = letters.next() {
            let escapes = match quote {
                b'"' => *letter == b'\\',
                _ => letter == quote && letters.peek().is_some_and(|(_, next)| *next == quote),
            };
            if escapes {
                letters.next();
            } else if letter == quote {
                return Span::new(span.start, span.start + at + 2);
            }
        }
        span
    }

    fn note(&self, tree: &mut Tree, kind: FaultKind, character: usize) {
        self.note_offset(tree, kind, self.base + self.places.offset(character));
    }

    fn note_offset(&self, tree: &mut Tree, kind: FaultKind, offset: usize) {
        tree.fault.get_or_insert(Fault { kind, position: Position::at(self.text.as_bytes(), offset) });
    }
}

/// Our words for what the parser says; its own may quote the text.
fn reason(info: &str) -> FaultKind {
    const WORDS: [(&str, &str); 5] = [
        ("unknown anchor", "an alias names nothing before it"),
        ("tab", "a tab stands where only spaces may indent"),
        ("mapping values are not allowed", "a second `: ` stands on a line, or the line is indented wrongly"),
        ("quoted scalar", "a quote is not closed"),
        ("handle", "a tag uses a prefix that is not declared"),
    ];
    // It looks ahead for keys and meets its own limit before we meet ours.
    if info.contains("recursion limit") {
        return FaultKind::Depth;
    }
    let known = WORDS.iter().find(|(part, _)| info.contains(part));
    FaultKind::Syntax(known.map_or("this is not YAML", |(_, words)| words))
}

/// Whether a tag says that a plain scalar is text; tags of other languages (`!Ref`) do.
fn is_text(tag: Option<&Tag>) -> bool {
    tag.is_some_and(|tag| !tag.is_yaml_core_schema() || matches!(tag.suffix.as_str(), "str" | "binary"))
}

/// What a plain scalar means: YAML 1.2, but for whole numbers, which Kubernetes and many CI services read
/// as YAML 1.1 does (`017` is fifteen, `86_400` a day). Words like `yes` stay text: see [`Node::truthy`].
fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    whole(text).map_or_else(|| Value::Text(text.to_owned()), Value::Int)
}

fn whole(text: &str) -> Option<i64> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    if !rest.starts_with(|letter: char| letter.is_ascii_digit()) {
        return None;
    }
    let digits = rest.replace('_', "");
    let (radix, digits) = if let Some(hex) = digits.strip_prefix("0x") {
        (16, hex)
    } else if let Some(binary) = digits.strip_prefix("0b") {
        (2, binary)
    } else if let Some(octal) = digits.strip_prefix("0o") {
        (8, octal)
    } else if digits.len() > 1 && digits.starts_with('0') {
        (8, digits.as_str())
    } else {
        (10, digits.as_str())
    };
    // A second sign would be taken by the number reader.
    if digits.starts_with(['+', '-']) {
        return None;
    }
    i64::from_str_radix(&format!("{sign}{digits}"), radix).ok()
}
