//! Values that are not known before deployment, as text: `!Ref Bucket` is `${Bucket}`, as `!Sub` writes it.

use crate::text::tree::Node;

/// The texts of a list, or the one text where a list belongs; both sides of a choice.
pub(in crate::manifest) fn texts(node: Option<&Node>) -> Vec<(String, &Node)> {
    let mut found = Vec::new();
    if let Some(node) = node {
        collect(node, &mut found);
    }
    found
}

fn collect<'n>(node: &'n Node, found: &mut Vec<(String, &'n Node)>) {
    if let Some(("If", value)) = function(node) {
        value.items().iter().skip(1).for_each(|branch| collect(branch, found));
    } else if let Some(text) = text(node) {
        found.extend((text != NO_VALUE).then_some((text, node)));
    } else {
        node.items().iter().for_each(|item| collect(item, found));
    }
}

/// The items of a list, or what stands where a list belongs; both sides of a choice.
pub(super) fn branches(node: &Node) -> Vec<&Node> {
    match function(node) {
        Some(("If", value)) => value.items().iter().skip(1).flat_map(branches).collect(),
        _ if node.is_map() => vec![node],
        _ => node.items().iter().flat_map(branches).collect(),
    }
}

const NO_VALUE: &str = "${AWS::NoValue}";

/// The text of a scalar or of a function that gives one; `None` for lists and other maps.
pub(in crate::manifest) fn text(node: &Node) -> Option<String> {
    if let Some(text) = node.scalar() {
        // Terraform writes variables of a policy in two ways that it leaves alone itself.
        return Some(text.replace("$${", "${").replace("&{", "${"));
    }
    let (name, value) = function(node)?;
    Some(match name {
        "Sub" => value.scalar().or_else(|| value.items().first()?.scalar())?.replace("${!", "${"),
        "Ref" => format!("${{{}}}", value.scalar()?),
        "GetAtt" => match value.scalar() {
            Some(path) => format!("${{{path}}}"),
            None => format!("${{{}}}", parts(value)?.join(".")),
        },
        "Join" => {
            let [separator, list] = value.items() else { return Some(unknown(name)) };
            let Some(parts) = parts(list) else { return Some(unknown(name)) };
            parts.join(&separator.scalar()?)
        }
        "If" => return None,
        _ => unknown(name),
    })
}

fn parts(list: &Node) -> Option<Vec<String>> {
    if list.items().is_empty() {
        return None;
    }
    list.items().iter().map(text).collect()
}

fn unknown(name: &str) -> String {
    format!("${{Fn::{name}}}")
}

/// Name and argument of a function: `!Sub x`, `{"Fn::Sub": x}`, `{"Ref": x}`.
fn function(node: &Node) -> Option<(&str, &Node)> {
    let [(key, value)] = node.entries() else { return None };
    let key = key.as_text()?;
    let name = key.strip_prefix('!').or_else(|| key.strip_prefix("Fn::"));
    name.or((key == "Ref").then_some(key)).map(|name| (name, value))
}

/// Whether nothing of a text is known: it is one variable and no variable of the policy language.
pub(in crate::manifest) fn is_unknown(text: &str) -> bool {
    let inner = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    inner.is_some_and(|name| !name.contains('}') && !is_policy_variable(name))
}

/// Whether a name between `${` and `}` is filled in when a request is judged: `aws:username`.
fn is_policy_variable(name: &str) -> bool {
    name.split_once(':').is_some_and(|(service, key)| {
        !key.starts_with(':') && service.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    })
}

/// Whether a text names whoever asks: such a grant ends at oneself.
pub(super) fn names_oneself(text: &str) -> bool {
    ["${aws:username}", "${aws:userid}"].iter().any(|name| text.contains(name))
}
