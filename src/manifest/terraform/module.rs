//! The resources of one file, and what `${aws_iam_role.ci.arn}` refers to.

use std::collections::BTreeMap;

use crate::text::tree::{Node, Value};

/// The resources of one file.
pub(super) struct Module {
    pub(super) resources: Vec<Resource>,
    /// Whether names are those the resources will have: in a plan nothing refers to labels.
    pub(super) planned: bool,
}

/// One resource or data source.
pub(super) struct Resource {
    pub(super) data: bool,
    pub(super) kind: String,
    pub(super) label: String,
    pub(super) body: Node,
}

/// What an expression refers to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reference<'t> {
    pub(super) data: bool,
    pub(super) kind: &'t str,
    pub(super) label: &'t str,
}

/// How often locals that name locals are looked up.
const MAX_LOCALS: usize = 4;

/// Nodes that the values of locals may add to a file.
const MAX_COPIED: usize = 100_000;

impl Module {
    /// The resources of a configuration or a plan; `None` where it has none.
    pub(super) fn read(document: &Node) -> Option<Self> {
        if let Some(root) = document.at(&["planned_values", "root_module"]) {
            let mut resources = Vec::new();
            planned(root, 0, &mut resources);
            return Some(Self { resources, planned: true });
        }
        let locals = locals(document);
        let mut left = MAX_COPIED;
        let mut resources = Vec::new();
        for (key, data) in [("resource", false), ("data", true)] {
            for (kind, labelled) in document.get(key).into_iter().flat_map(each).flat_map(Node::entries) {
                for (label, bodies) in each(labelled).flat_map(Node::entries) {
                    for body in each(bodies) {
                        let body = filled(body, &locals, &mut left);
                        resources.push(Resource {
                            data,
                            kind: kind.scalar().unwrap_or_default(),
                            label: label.scalar().unwrap_or_default(),
                            body,
                        });
                    }
                }
            }
        }
        (!resources.is_empty()).then_some(Self { resources, planned: false })
    }

    /// The resource of this file that a text such as `${data.aws_iam_policy_document.x.json}` refers to.
    pub(super) fn find(&self, text: &str) -> Option<&Resource> {
        let Reference { data, kind, label } = reference(text)?;
        self.resources.iter().find(|one| one.data == data && one.kind == kind && one.label == label)
    }
}

/// How deep modules of a plan may lie in each other.
const DEEPEST: usize = 16;

fn planned(module: &Node, depth: usize, resources: &mut Vec<Resource>) {
    for node in module.get("resources").map(Node::items).unwrap_or_default() {
        let text = |key| node.get(key).and_then(Node::scalar).unwrap_or_default();
        let Some(values) = node.get("values") else { continue };
        resources.push(Resource {
            data: text("mode") == "data",
            kind: text("type"),
            label: text("name"),
            body: values.clone(),
        });
    }
    if depth < DEEPEST {
        for child in module.get("child_modules").map(Node::items).unwrap_or_default() {
            planned(child, depth + 1, resources);
        }
    }
}

/// A list item by item, or the one thing that stands where a list may.
pub(super) fn each(node: &Node) -> impl Iterator<Item = &Node> {
    let one = if matches!(node.value, Value::List(_)) { None } else { Some(node) };
    one.into_iter().chain(node.items())
}

/// The blocks called `name` in `body`, those that are made by `dynamic` too.
pub(super) fn blocks<'n>(body: &'n Node, name: &str) -> Vec<&'n Node> {
    let dynamic = body.get("dynamic").into_iter().flat_map(each).filter_map(|block| block.get(name));
    let made = dynamic.flat_map(each).filter_map(|block| block.get("content")).flat_map(each);
    body.get(name).into_iter().flat_map(each).filter(|node| node.is_map()).chain(made).collect()
}

/// What `${type.label.attribute}` refers to; what stands in brackets picks one of many and is left out.
pub(super) fn reference(text: &str) -> Option<Reference<'_>> {
    let inner = text.strip_prefix("${")?.strip_suffix('}').filter(|inner| !inner.contains(['{', '}']))?;
    let mut parts = inner.split('.').map(|part| part.split('[').next().unwrap_or(part));
    let first = parts.next()?;
    let data = first == "data";
    let kind = if data { parts.next()? } else { first };
    let label = parts.next()?;
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    (plain(kind) && plain(label) && kind.contains('_')).then_some(Reference { data, kind, label })
}

fn locals(document: &Node) -> BTreeMap<String, Node> {
    let maps = document.get("locals").into_iter().flat_map(each);
    maps.flat_map(Node::entries)
        .filter_map(|(name, value)| Some((format!("local.{}", name.scalar()?), value.clone())))
        .collect()
}

/// A body with the values of locals, and all items of `for_each` at once where one of them belongs.
fn filled(body: &Node, locals: &BTreeMap<String, Node>, left: &mut usize) -> Node {
    let mut body = body.clone();
    let mut names = locals.clone();
    if let Some(mut items) = body.get("for_each").cloned() {
        fill(&mut items, locals, left, 0);
        let of = |nodes: Vec<Node>| Node { span: items.span, value: Value::List(nodes) };
        let (keys, values) = match &items.value {
            Value::List(list) => (of(list.clone()), of(list.clone())),
            Value::Map(pairs) => (
                of(pairs.iter().map(|(key, _)| key.clone()).collect()),
                of(pairs.iter().map(|(_, value)| value.clone()).collect()),
            ),
            _ => (of(vec![]), of(vec![])),
        };
        for (name, list) in [("each.key", keys), ("each.value", values)] {
            if list.items().iter().all(|item| item.scalar().is_some()) && !list.items().is_empty() {
                names.insert(name.to_owned(), list);
            }
        }
    }
    fill(&mut body, &names, left, 0);
    body
}

/// Puts the values of locals in the place of what names them, and nothing else.
fn fill(node: &mut Node, locals: &BTreeMap<String, Node>, left: &mut usize, depth: usize) {
    match &mut node.value {
        Value::Text(text) => {
            let name = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
            // One item of a list for each copy of the resource: all of them.
            let name = name.map(|name| name.strip_suffix("[count.index]").unwrap_or(name));
            let Some(found) = name.and_then(|name| locals.get(name)) else { return };
            let size = size(found);
            if depth >= MAX_LOCALS || *left < size {
                return;
            }
            *left -= size;
            *node = found.clone();
            fill(node, locals, left, depth + 1);
        }
        Value::List(items) => items.iter_mut().for_each(|item| fill(item, locals, left, depth)),
        Value::Map(pairs) => pairs.iter_mut().for_each(|(_, value)| fill(value, locals, left, depth)),
        _ => {}
    }
}

fn size(node: &Node) -> usize {
    let below = node.items().iter().chain(node.entries().iter().map(|(_, value)| value));
    1 + below.map(size).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_names_a_resource_whatever_follows() {
        let named = |data, kind, label| Some(Reference { data, kind, label });
        for (text, expected) in [
            ("${aws_iam_role.ci.arn}", named(false, "aws_iam_role", "ci")),
            ("${aws_iam_role.ci[0].arn}", named(false, "aws_iam_role", "ci")),
            ("${data.aws_iam_policy_document.x[each.key].json}", named(true, "aws_iam_policy_document", "x")),
            ("${aws_iam_role.ci.arn}/${var.name}", None),
            ("${var.name}", None),
            ("${local.policy}", None),
            ("${module.roles.arn}", None),
            ("aws_iam_role.ci.arn", None),
            ("${join(\",\", a_b.c)}", None),
        ] {
            assert_eq!(reference(text), expected, "{text}");
        }
    }
}
