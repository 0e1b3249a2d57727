//! Puts the events of a parser together, within the limits.

use std::collections::{BTreeMap, BTreeSet};

use super::{FaultKind, MAX_DEPTH, MAX_NODES, MAX_TEXT, Node, Value};
use crate::text::span::Span;

/// A tree under construction.
#[derive(Default)]
pub(super) struct Builder {
    frames: Vec<Frame>,
    anchors: BTreeMap<usize, Anchored>,
    nodes: usize,
    text: usize,
    root: Option<Node>,
    duplicate: Option<usize>,
}

/// Whether a collection is a list or a map.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// A list.
    List,
    /// A map.
    Map,
}

/// What stands where a key may stand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// A key like any other, or a value.
    Plain,
    /// `<<` without quotes, if it stands where a key does.
    Merge,
}

/// A collection that is still open.
struct Frame {
    start: usize,
    anchor: usize,
    kind: Kind,
    /// Items of a list.
    items: Vec<Node>,
    /// Pairs of a map.
    entries: Vec<(Node, Node)>,
    /// The key that waits for its value.
    key: Option<(Node, Role)>,
    /// Values of merge keys.
    merges: Vec<Node>,
}

/// A node with a name, and what a copy of it costs.
struct Anchored {
    node: Node,
    size: Size,
}

#[derive(Clone, Copy, Default)]
struct Size {
    nodes: usize,
    text: usize,
    depth: usize,
}

impl Builder {
    /// Opens a collection at byte `start`; `anchor` is 0 without one.
    pub(super) fn open(&mut self, kind: Kind, start: usize, anchor: usize) -> Result<(), FaultKind> {
        if self.frames.len() >= MAX_DEPTH {
            return Err(FaultKind::Depth);
        }
        self.count(Size { nodes: 1, ..Size::default() })?;
        let (items, entries, merges) = (Vec::new(), Vec::new(), Vec::new());
        self.frames.push(Frame { start, anchor, kind, items, entries, key: None, merges });
        Ok(())
    }

    /// Adds a scalar; `anchor` is 0 without one.
    pub(super) fn leaf(&mut self, node: Node, role: Role, anchor: usize) -> Result<(), FaultKind> {
        let text = node.as_text().map_or(0, str::len);
        self.count(Size { nodes: 1, text, depth: 0 })?;
        self.keep(anchor, &node)?;
        self.place(node, role)
    }

    /// Closes the innermost collection just before byte `end`.
    pub(super) fn close(&mut self, end: usize) -> Result<(), FaultKind> {
        let Some(frame) = self.frames.pop() else {
            return Err(FaultKind::Syntax("a bracket closes nothing"));
        };
        let span = Span::new(frame.start, end);
        let anchor = frame.anchor;
        let value = match frame.kind {
            Kind::List => Value::List(frame.items),
            Kind::Map => Value::Map(self.merged(frame)?),
        };
        let node = Node { span, value };
        self.keep(anchor, &node)?;
        self.place(node, Role::Plain)
    }

    /// Puts a copy of the node called `anchor` here.
    pub(super) fn alias(&mut self, anchor: usize) -> Result<(), FaultKind> {
        let Some(found) = self.anchors.get(&anchor) else {
            return Err(FaultKind::Syntax("an alias stands inside what it names"));
        };
        let size = found.size;
        if self.frames.len() + size.depth > MAX_DEPTH {
            return Err(FaultKind::Depth);
        }
        self.count(size)?;
        let Some(found) = self.anchors.get(&anchor) else { return Ok(()) };
        let node = found.node.clone();
        self.place(node, Role::Plain)
    }

    /// Takes the document that is complete, or the offset of the key that stands twice in it.
    ///
    /// Names end with their document; what was counted stays counted.
    pub(super) fn finish(&mut self) -> Result<Option<Node>, usize> {
        self.anchors.clear();
        self.frames.clear();
        let root = self.root.take();
        self.duplicate.take().map_or(Ok(root), Err)
    }

    /// Whether the innermost open collection is a map or a list; `None` outside of all.
    pub(super) fn inside(&self) -> Option<Kind> {
        self.frames.last().map(|frame| frame.kind)
    }

    /// How many collections are open.
    pub(super) fn depth(&self) -> usize {
        self.frames.len()
    }

    fn count(&mut self, size: Size) -> Result<(), FaultKind> {
        self.nodes = self.nodes.saturating_add(size.nodes);
        self.text = self.text.saturating_add(size.text);
        if self.nodes > MAX_NODES {
            return Err(FaultKind::Nodes);
        }
        if self.text > MAX_TEXT { Err(FaultKind::Text) } else { Ok(()) }
    }

    /// Remembers a copy of a named node; the copy counts, or names inside names would cost the square.
    fn keep(&mut self, anchor: usize, node: &Node) -> Result<(), FaultKind> {
        if anchor == 0 {
            return Ok(());
        }
        let size = measure(node);
        self.count(size)?;
        self.anchors.insert(anchor, Anchored { node: node.clone(), size });
        Ok(())
    }

    fn place(&mut self, node: Node, role: Role) -> Result<(), FaultKind> {
        let Some(frame) = self.frames.last_mut() else {
            if self.root.is_some() {
                return Err(FaultKind::Syntax("something stands behind the end of the document"));
            }
            self.root = Some(node);
            return Ok(());
        };
        match (frame.kind, frame.key.take()) {
            (Kind::List, _) => frame.items.push(node),
            (Kind::Map, None) => frame.key = Some((as_key(node), role)),
            (Kind::Map, Some((_, Role::Merge))) => frame.merges.push(node),
            (Kind::Map, Some((key, Role::Plain))) => frame.entries.push((key, node)),
        }
        Ok(())
    }

    /// The pairs of a map with those of its merge keys behind them; what the map says itself wins.
    fn merged(&mut self, frame: Frame) -> Result<Vec<(Node, Node)>, FaultKind> {
        let Frame { mut entries, merges, .. } = frame;
        if let Some(twice) = first_duplicate(&entries) {
            self.duplicate.get_or_insert(twice);
        }
        if merges.is_empty() {
            return Ok(entries);
        }
        let names = entries.iter().filter_map(|(key, _)| key.as_text().map(str::to_owned));
        let mut seen: BTreeSet<String> = names.collect();
        for source in merges {
            let maps = match source.value {
                Value::List(items) => items,
                _ => vec![source],
            };
            for map in maps {
                let Value::Map(pairs) = map.value else {
                    return Err(FaultKind::Syntax("a merge key takes a map or a list of maps"));
                };
                entries.extend(
                    pairs
                        .into_iter()
                        .filter(|(key, _)| key.as_text().is_none_or(|name| seen.insert(name.to_owned()))),
                );
            }
        }
        Ok(entries)
    }
}

/// The offset of the first key that stands there a second time.
fn first_duplicate(entries: &[(Node, Node)]) -> Option<usize> {
    let mut keys: Vec<_> =
        entries.iter().filter_map(|(key, _)| Some((key.as_text()?, key.span.start))).collect();
    keys.sort_unstable();
    let pairs = keys.iter().zip(keys.iter().skip(1));
    pairs.filter(|(left, right)| left.0 == right.0).map(|(_, right)| right.1).min()
}

/// Scalar keys are text, whatever they look like: `on:`, `1:` and `true:` are names.
fn as_key(node: Node) -> Node {
    let value = match node.value {
        Value::Bool(truth) => Value::Text(truth.to_string()),
        Value::Int(number) => Value::Text(number.to_string()),
        Value::Null => Value::Text(String::new()),
        other => other,
    };
    Node { span: node.span, value }
}

fn measure(node: &Node) -> Size {
    let children: Vec<&Node> = match &node.value {
        Value::List(items) => items.iter().collect(),
        Value::Map(entries) => entries.iter().flat_map(|(key, value)| [key, value]).collect(),
        Value::Text(text) => return Size { nodes: 1, text: text.len(), depth: 0 },
        _ => return Size { nodes: 1, ..Size::default() },
    };
    let start = Size { nodes: 1, text: 0, depth: 1 };
    children.into_iter().map(measure).fold(start, |all, one| Size {
        nodes: all.nodes + one.nodes,
        text: all.text + one.text,
        depth: all.depth.max(one.depth + 1),
    })
}
