//! HCL, the language of Terraform, in the shape its own JSON form has.
//!
//! ```text
//! resource "aws_iam_role" "ci" { name = "ci" }     {resource: [{aws_iam_role: {ci: {name: ci}}}]}
//! role = aws_iam_role.ci.name                      {role: "${aws_iam_role.ci.name}"}
//! policy = jsonencode({ Version = "2012-10-17" })  {policy: {Version: 2012-10-17}}
//! actions = var.wide ? ["*"] : ["s3:*"]            {actions: {!If: [.., ["*"], ["s3:*"]]}}
//! ```
//!
//! Blocks of one kind are a list. Functions that only hand on, join or encode what they are given give just that; what
//! any other expression gives is not known, and stays its text between `${` and `}`.

use hcl_edit::Span as _;
use hcl_edit::expr::{Expression, FuncCall, ObjectKey};
use hcl_edit::structure::{Block, Body, Structure};
use hcl_edit::template::{Element, Template};

use super::{Fault, FaultKind, MAX_BYTES, MAX_NODES, Node, Tree, Value};
use crate::text::span::{Position, Span};

/// Pairs of one file: the parser compares each key of an object with all before it.
const MAX_PAIRS: usize = 20_000;

/// Reads `bytes` as one file of HCL.
pub fn read(bytes: &[u8]) -> Tree {
    let fault = |kind, offset| Tree {
        fault: Some(Fault { kind, position: Position::at(bytes, offset) }),
        ..Tree::default()
    };
    if bytes.len() > MAX_BYTES {
        return fault(FaultKind::Size, 0);
    }
    if memchr::memchr2_iter(b'=', b':', bytes).count() > MAX_PAIRS {
        return fault(FaultKind::Nodes, 0);
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return fault(FaultKind::Encoding, error.valid_up_to()),
    };
    let base = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let text = text.get(base..).unwrap_or_default();
    let body = match parsed(text) {
        Ok(body) => body,
        Err((kind, offset)) => return fault(kind, base + offset),
    };
    let mut reader = Reader { text, nodes: 0, fault: None };
    let root = reader.body(&body, Span::new(0, text.len()));
    match reader.fault {
        Some((kind, offset)) => fault(kind, base + offset),
        None => Tree { documents: vec![root.moved(base)], ..Tree::default() },
    }
}

/// As [`read`], for policies: as in the first HCL, a block may open on the line after its label, and the label may hold
/// `${…}`, which HCL itself lets stand in values alone.
pub fn read_with_open_labels(bytes: &[u8]) -> Tree {
    let mut masked = bytes.to_vec();
    for brace in memchr::memchr_iter(b'{', bytes) {
        let before = bytes.get(..brace).unwrap_or_default();
        let label = before.trim_ascii_end().len();
        if before.get(..label).is_some_and(|text| text.ends_with(b"\"")) {
            let gap = masked.get_mut(label..brace).unwrap_or_default();
            gap.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
        }
    }
    let starts: Vec<usize> = memchr::memmem::find_iter(bytes, b"${").collect();
    for start in starts {
        let rest = masked.get_mut(start + 1..).unwrap_or_default();
        let Some(length) = rest.iter().position(|byte| matches!(byte, b'}' | b'\n')) else { continue };
        if let Some([open, inner @ .., close]) = rest.get_mut(..=length).filter(|text| text.ends_with(b"}")) {
            (*open, *close) = MASKS;
            inner.iter_mut().filter(|byte| **byte == b'"').for_each(|byte| *byte = b'\'');
        }
    }
    let mut tree = read(&masked);
    tree.documents = tree.documents.into_iter().map(unmasked).collect();
    tree
}

/// What stands for the brackets of a variable while a label is read.
const MASKS: (u8, u8) = (b'[', b']');

fn unmasked(node: Node) -> Node {
    let value = match node.value {
        Value::Text(text) if text.contains("$[") => Value::Text(text.replace("$[", "${").replace(']', "}")),
        Value::List(items) => Value::List(items.into_iter().map(unmasked).collect()),
        Value::Map(pairs) => {
            Value::Map(pairs.into_iter().map(|(key, value)| (unmasked(key), unmasked(value))).collect())
        }
        value => value,
    };
    Node { span: node.span, value }
}

/// The tree of a policy or its like that stands in a text of `bytes`, such as a heredoc; its places are those of the file.
///
/// A text that is not written as it reads, because of escapes, has the place of the whole text everywhere.
pub fn read_within(bytes: &[u8], node: &Node) -> Option<Node> {
    let text = node.as_text()?;
    let mut tree = read_with_open_labels(text.as_bytes());
    let inner = tree.documents.pop().filter(|_| tree.fault.is_none())?;
    Some(match memchr::memmem::find(node.span.of(bytes), text.as_bytes()) {
        Some(offset) => inner.moved(node.span.start + offset),
        None => inner.pinned(node.span),
    })
}

/// Parses `text`, with lines joined where the parser takes a line feed for an end that HCL does not: between the
/// brackets of a `for`, an operator may stand at the end of a line or begin the next.
fn parsed(text: &str) -> Result<Body, (FaultKind, usize)> {
    let mut joined = std::borrow::Cow::Borrowed(text);
    let mut left = MAX_BYTES;
    loop {
        let error = match hcl_edit::parser::parse_body(&joined) {
            Ok(body) => return Ok(body),
            Err(error) => error,
        };
        let kind = match error.message() {
            message if message.contains("depth") => FaultKind::Depth,
            message if message.contains("unique attribute") => FaultKind::Duplicate,
            _ => FaultKind::Syntax("this is not HCL"),
        };
        let fault = (kind, error.location().offset());
        let (Some(rest), Some(next)) = (left.checked_sub(text.len()), join_line(&joined, fault.1)) else {
            return Err(fault);
        };
        left = rest;
        joined = std::borrow::Cow::Owned(next);
    }
}

/// `text` with a blank for the line feed beside `offset`, where an operator there shows that the line goes on.
fn join_line(text: &str, offset: usize) -> Option<String> {
    let (before, behind) = text.split_at_checked(offset)?;
    let line = before.rsplit('\n').next()?;
    let rest = behind.split('\n').next()?;
    let operator = |letter: char| "?:&|=<>+-*%!".contains(letter);
    let feed = if line.trim().is_empty() && rest.starts_with(operator) {
        before.rfind('\n')?
    } else if rest.trim().is_empty()
        && (line.trim_end().ends_with(operator) || behind.trim_start().starts_with(operator))
    {
        offset + behind.find('\n')?
    } else {
        return None;
    };
    let (head, tail) = (text.get(..feed)?, text.get(feed + 1..)?);
    let last = head.rsplit('\n').next()?;
    // A comment would swallow what is joined to it.
    (!last.contains('#') && !last.contains("//")).then(|| format!("{head} {tail}"))
}

struct Reader<'t> {
    text: &'t str,
    nodes: usize,
    fault: Option<(FaultKind, usize)>,
}

impl<'t> Reader<'t> {
    /// A map of the attributes and blocks of a body, in their order.
    fn body(&mut self, body: &Body, span: Span) -> Node {
        let mut entries: Vec<(Node, Node)> = Vec::new();
        let mut lists: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
        for structure in body {
            match structure {
                Structure::Attribute(attribute) => {
                    let at = place(attribute.key.span(), span);
                    let key = self.text_node(attribute.key.as_str(), at);
                    let value = self.expression(&attribute.value, at);
                    entries.push((key, value));
                }
                Structure::Block(block) => {
                    let at = place(block.span(), span);
                    let node = self.block(block, at);
                    let known = lists.get(block.ident.as_str()).and_then(|index| entries.get_mut(*index));
                    if let Some((_, Node { value: Value::List(items), span })) = known {
                        span.end = at.end;
                        items.push(node);
                    } else {
                        lists.insert(block.ident.as_str().to_owned(), entries.len());
                        let key = self.text_node(block.ident.as_str(), place(block.ident.span(), at));
                        entries.push((key, Node { span: at, value: Value::List(vec![node]) }));
                    }
                }
            }
        }
        self.node(span, Value::Map(entries))
    }

    /// The body of a block inside one map for each of its labels.
    fn block(&mut self, block: &Block, at: Span) -> Node {
        let body = self.body(&block.body, at);
        block.labels.iter().rev().fold(body, |inner, label| {
            let key = self.text_node(label.as_str(), place(label.span(), at));
            self.node(at, Value::Map(vec![(key, inner)]))
        })
    }

    fn expression(&mut self, expression: &Expression, around: Span) -> Node {
        let span = place(expression.span(), around);
        let value = match expression {
            Expression::Null(_) => Value::Null,
            Expression::Bool(truth) => Value::Bool(*truth.value()),
            Expression::Number(number) => {
                number.value().as_i64().map_or_else(|| Value::Text(number.value().to_string()), Value::Int)
            }
            Expression::String(text) => Value::Text(text.value().clone()),
            Expression::Array(items) => {
                Value::List(items.iter().map(|item| self.expression(item, span)).collect())
            }
            Expression::Object(object) => {
                let mut entries: Vec<(Node, Node)> = Vec::new();
                for (key, value) in object {
                    entries.push((self.key(key, span), self.expression(value.expr(), span)));
                }
                Value::Map(entries)
            }
            Expression::StringTemplate(template) => Value::Text(self.template(template.iter())),
            Expression::HeredocTemplate(heredoc) => Value::Text(self.heredoc(&heredoc.template)),
            Expression::Parenthesis(inner) => return self.expression(inner.inner(), span),
            Expression::Conditional(choice) => {
                let question = self.text_node(self.written(span), span);
                let sides = [&choice.true_expr, &choice.false_expr].map(|side| self.expression(side, span));
                let branches = std::iter::once(question).chain(sides).collect();
                let branches = self.node(span, Value::List(branches));
                Value::Map(vec![(self.text_node("!If", span), branches)])
            }
            Expression::FuncCall(call) => return self.call(call, span),
            _ => Value::Text(format!("${{{}}}", self.written(span))),
        };
        self.node(span, value)
    }

    fn key(&mut self, key: &ObjectKey, around: Span) -> Node {
        match key {
            ObjectKey::Ident(name) => self.text_node(name.as_str(), place(name.span(), around)),
            ObjectKey::Expression(expression) => {
                let node = self.expression(expression, around);
                let text = node.scalar().unwrap_or_default();
                Node { value: Value::Text(text), ..node }
            }
        }
    }

    /// What a function gives, where that can be told.
    fn call(&mut self, call: &FuncCall, span: Span) -> Node {
        let mut arguments = call.args.iter();
        let value = match call.name.name.as_str() {
            "jsonencode" | "tolist" | "toset" | "compact" | "distinct" | "sort" | "sensitive"
            | "nonsensitive" | "tostring" | "trimspace" | "try" | "coalesce" | "one" => {
                let Some(first) = arguments.next() else { return self.unknown(span) };
                return self.expression(first, span);
            }
            "concat" | "flatten" | "setunion" | "coalescelist" => {
                let parts: Vec<Node> = arguments.map(|argument| self.expression(argument, span)).collect();
                Value::List(parts.into_iter().flat_map(flat).collect())
            }
            _ => return self.unknown(span),
        };
        self.node(span, value)
    }

    fn unknown(&mut self, span: Span) -> Node {
        let text = format!("${{{}}}", self.written(span));
        self.text_node(&text, span)
    }

    /// The text of a template; what is filled in stays as it is written.
    fn template<'e>(&self, elements: impl Iterator<Item = &'e Element>) -> String {
        elements
            .map(|element| match element {
                Element::Literal(text) => text.value().clone(),
                // Quotes in it would end the text of a policy too early.
                Element::Interpolation(_) | Element::Directive(_) => {
                    self.written(place(element.span(), Span::default())).replace('"', "'")
                }
            })
            .collect()
    }

    /// The text of a heredoc as it stands in the file, so that places in it can be found again.
    fn heredoc(&self, template: &Template) -> String {
        let spans: Vec<_> = template.iter().filter_map(Element::span).collect();
        let (Some(first), Some(last)) = (spans.first(), spans.last()) else { return String::new() };
        let plain = template.iter().all(|element| match element {
            Element::Literal(_) => true,
            Element::Interpolation(_) => {
                element.span().is_some_and(|span| !self.text.get(span).unwrap_or_default().contains('"'))
            }
            Element::Directive(_) => false,
        });
        if plain {
            self.written(Span::new(first.start, last.end)).to_owned()
        } else {
            self.template(template.iter())
        }
    }

    fn written(&self, span: Span) -> &'t str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    fn text_node(&mut self, text: &str, span: Span) -> Node {
        self.node(span, Value::Text(text.to_owned()))
    }

    fn node(&mut self, span: Span, value: Value) -> Node {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            self.fault.get_or_insert((FaultKind::Nodes, span.start));
        }
        Node { span, value }
    }
}

/// The items of a list in it, to any depth that was written.
fn flat(node: Node) -> Vec<Node> {
    match node.value {
        Value::List(items) => items.into_iter().flat_map(flat).collect(),
        _ => vec![node],
    }
}

fn place(range: Option<std::ops::Range<usize>>, around: Span) -> Span {
    range.map_or(around, |range| Span::new(range.start, range.end))
}
