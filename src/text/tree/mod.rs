//! YAML, JSON, TOML and HCL as one tree whose nodes know their span; bounded.
//!
//! Numbers that are not whole stay text, as written. A node that an alias or a merge key brought here
//! keeps the span of its definition. Templates such as `{{ .Values.name }}` are masked before the text
//! is parsed; a scalar that holds one has the text of the file, so equal templates stay equal.

/// Puts the events of a parser together, within the limits.
mod build;
/// HCL.
mod hcl;
/// JSON with comments and trailing commas.
mod json;
/// Templates, masked.
mod serde;
mod template;
/// TOML.
mod toml;
/// YAML, several documents to a file.
mod yaml;

use std::fmt;

use super::span::{Position, Span};

pub use hcl::{
    read as read_hcl, read_with_open_labels as read_hcl_with_open_labels, read_within as read_hcl_within,
};
pub use json::{read as read_json, read_within as read_json_within};
pub use toml::read as read_toml;
pub use yaml::{read as read_yaml, read_parts as read_yaml_parts, read_with_tags as read_yaml_with_tags};

/// Nodes of one file, copies made for aliases included.
pub const MAX_NODES: usize = 250_000;
/// How deep nodes may lie in each other.
pub const MAX_DEPTH: usize = 64;
/// Bytes of one file.
pub const MAX_BYTES: usize = 10 << 20;
/// Bytes of all scalars of one file, copies made for aliases included.
pub const MAX_TEXT: usize = 16 << 20;

/// A value and where it stands.
#[derive(Clone, PartialEq, Eq)]
pub struct Node {
    /// From its first byte to just behind its last; quotes and brackets included.
    pub span: Span,
    /// What stands there.
    pub value: Value,
}

/// What a node holds.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing, or the word for it.
    Null,
    /// `true` or `false`; see [`Node::truthy`] for the other words.
    Bool(bool),
    /// A whole number of 64 bits.
    Int(i64),
    /// Anything else that is one scalar.
    Text(String),
    /// Nodes in order.
    List(Vec<Node>),
    /// Pairs in the order of the file, those of merge keys last; no key stands twice.
    Map(Vec<(Node, Node)>),
}

/// What one file holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tree {
    /// The documents that could be read, in order.
    pub documents: Vec<Node>,
    /// Templates in the open: what stands there is not known.
    pub templates: Vec<Span>,
    /// Templates inside quotes or block scalars: text like any other, unless the file is a template.
    pub quoted_templates: Vec<Span>,
    /// What kept the rest from being read.
    pub fault: Option<Fault>,
}

/// Why a text could not be read in full. Says nothing of what stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kind} (line {}, column {})", position.line, position.column)]
pub struct Fault {
    /// What is wrong.
    pub kind: FaultKind,
    /// Where.
    pub position: Position,
}

/// What is wrong with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FaultKind {
    /// The text is not UTF-8.
    #[error("the text is not UTF-8")]
    Encoding,
    /// The grammar is broken.
    #[error("{0}")]
    Syntax(&'static str),
    /// A key stands twice.
    #[error("a key stands twice in one map")]
    Duplicate,
    /// Too large.
    #[error("limit reached: the file is larger than {MAX_BYTES} bytes")]
    Size,
    /// Too deep.
    #[error("limit reached: nested deeper than {MAX_DEPTH}")]
    Depth,
    /// Too many nodes.
    #[error("limit reached: more than {MAX_NODES} nodes, counting what aliases repeat")]
    Nodes,
    /// Too much text.
    #[error("limit reached: more than {MAX_TEXT} bytes of text, counting what aliases repeat")]
    Text,
}

impl Tree {
    /// Takes in what was read of a part of the text that begins at `offset`, behind so many line feeds.
    fn take(&mut self, part: Self, offset: usize, lines: u32) {
        let moved = |span: Span| Span::new(span.start + offset, span.end + offset);
        self.documents.extend(part.documents.into_iter().map(|document| document.moved(offset)));
        self.templates.extend(part.templates.into_iter().map(moved));
        self.quoted_templates.extend(part.quoted_templates.into_iter().map(moved));
        self.fault = self.fault.or(part.fault.map(|fault| {
            let position = Position { line: fault.position.line.saturating_add(lines), ..fault.position };
            Fault { position, ..fault }
        }));
    }
}

impl FaultKind {
    /// Whether a limit was reached rather than a mistake found.
    pub const fn is_limit(self) -> bool {
        matches!(self, Self::Size | Self::Depth | Self::Nodes | Self::Text)
    }
}

impl Node {
    /// The same node, so many bytes further on.
    fn moved(self, by: usize) -> Self {
        let each = |nodes: Vec<Self>| nodes.into_iter().map(|node| node.moved(by)).collect();
        let value = match self.value {
            Value::List(items) => Value::List(each(items)),
            Value::Map(pairs) => {
                Value::Map(pairs.into_iter().map(|(key, value)| (key.moved(by), value.moved(by))).collect())
            }
            other => other,
        };
        Self { span: Span::new(self.span.start + by, self.span.end + by), value }
    }

    /// The same node, with one place for all that is in it.
    fn pinned(self, span: Span) -> Self {
        let each = |nodes: Vec<Self>| nodes.into_iter().map(|node| node.pinned(span)).collect();
        let value = match self.value {
            Value::List(items) => Value::List(each(items)),
            Value::Map(pairs) => Value::Map(
                pairs.into_iter().map(|(key, value)| (key.pinned(span), value.pinned(span))).collect(),
            ),
            other => other,
        };
        Self { span, value }
    }

    /// The value under `key`, in a map that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|(_, value)| value)
    }

    /// Key and value under `key`, in a map that has it.
    pub fn entry(&self, key: &str) -> Option<&(Self, Self)> {
        self.entries().iter().find(|(name, _)| name.as_text() == Some(key))
    }

    /// The value at the end of a path of keys.
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The text of a scalar that is text.
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The text of any scalar but null: `true`, `3600`, `name`.
    pub fn scalar(&self) -> Option<String> {
        match &self.value {
            Value::Text(text) => Some(text.clone()),
            Value::Bool(truth) => Some(truth.to_string()),
            Value::Int(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// A whole number, in quotes or not.
    pub fn as_int(&self) -> Option<i64> {
        match &self.value {
            Value::Int(number) => Some(*number),
            Value::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// The items of a list; none for anything else.
    pub fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The pairs of a map; none for anything else.
    pub fn entries(&self) -> &[(Self, Self)] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Whether the node is a map.
    pub fn is_map(&self) -> bool {
        matches!(self.value, Value::Map(_))
    }

    /// Yes or no as YAML 1.1 reads it: `true`, `yes`, `on` and their opposites in the usual cases, in quotes
    /// too, because hosts differ and a gate may not guess wrong. `None` for anything else.
    pub fn truthy(&self) -> Option<bool> {
        let text = match &self.value {
            Value::Bool(truth) => return Some(*truth),
            Value::Text(text) => text.to_ascii_lowercase(),
            _ => return None,
        };
        match text.as_str() {
            "true" | "yes" | "on" | "y" => Some(true),
            "false" | "no" | "off" | "n" => Some(false),
            _ => None,
        }
    }
}

/// Shapes and lengths only: a scalar may be a secret.
impl fmt::Debug for Node {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}..{} {:?}", self.span.start, self.span.end, self.value)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => formatter.write_str("null"),
            Self::Bool(_) => formatter.write_str("bool"),
            Self::Int(_) => formatter.write_str("int"),
            Self::Text(text) => write!(formatter, "text of {}", text.len()),
            Self::List(items) => formatter.debug_list().entries(items).finish(),
            Self::Map(entries) => {
                formatter.debug_map().entries(entries.iter().map(|(key, value)| (key, value))).finish()
            }
        }
    }
}

#[cfg(test)]
mod tests;
