//! Policy documents: each statement is one grant, with its own conditions.

use super::action::{authority, reach};
use super::symbol::{is_unknown, names_oneself, text, texts};
use crate::identity::{Authority, Delegation, Effect, Grant, Scope, deny};
use crate::manifest::file::File;
use crate::text::tree::{self, Node};

/// One statement of a policy document.
pub(in crate::manifest) struct Statement<'n> {
    pub(super) node: &'n Node,
    pub(super) effect: Effect,
    /// Actions as written, each with its place; those of `NotAction` where `but_actions` holds.
    pub(super) actions: Vec<(String, &'n Node)>,
    but_actions: bool,
    resources: Vec<(String, &'n Node)>,
    but_resources: bool,
    pub(super) conditions: Vec<Condition<'n>>,
}

/// One key of a condition.
pub(super) struct Condition<'n> {
    /// Such as `StringEquals`, without a quantifier.
    operator: String,
    /// Such as `aws:SourceArn`.
    pub(super) key: String,
    pub(super) values: Vec<(String, &'n Node)>,
    /// Whether it binds: it cannot be met by leaving the key out, by a negation, or by anything at all.
    pub(super) binds: bool,
}

/// The document itself: a map, or the JSON that a text holds.
pub(in crate::manifest) fn opened(file: &File<'_>, node: &Node) -> Option<Node> {
    if node.get("Statement").is_some() {
        return Some(node.clone());
    }
    tree::read_json_within(file.bytes, node).filter(|inner| inner.get("Statement").is_some())
}

/// The statements of a document; one alone may stand without a list around it.
pub(in crate::manifest) fn statements(document: &Node) -> Vec<Statement<'_>> {
    let Some(node) = document.get("Statement") else { return vec![] };
    let one = if node.is_map() { std::slice::from_ref(node) } else { node.items() };
    one.iter().filter_map(Statement::read).collect()
}

impl<'n> Statement<'n> {
    fn read(node: &'n Node) -> Option<Self> {
        let effect = match node.get("Effect").and_then(Node::scalar)?.to_ascii_lowercase().as_str() {
            "deny" => Effect::Deny,
            _ => Effect::Allow,
        };
        let (but_actions, but_resources) =
            (node.get("NotAction").is_some(), node.get("NotResource").is_some());
        Some(Self {
            node,
            effect,
            actions: texts(node.get(if but_actions { "NotAction" } else { "Action" })),
            but_actions,
            resources: texts(node.get(if but_resources { "NotResource" } else { "Resource" })),
            but_resources,
            conditions: conditions(node.get("Condition")),
        })
    }

    /// Whether the statement says who is meant, so that it belongs to a resource or to a role that is assumed.
    pub(super) fn names_principals(&self) -> bool {
        self.node.get("Principal").is_some() || self.node.get("NotPrincipal").is_some()
    }

    /// Whether it lets somebody take on a role.
    pub(super) fn assumes(&self) -> bool {
        self.actions.iter().any(|(action, _)| covers("sts:AssumeRole*", action))
    }

    /// Whether what it does is not known.
    pub(super) fn is_unknown(&self) -> bool {
        self.actions.is_empty() || self.actions.iter().any(|(action, _)| is_unknown(action))
    }

    /// The grant of the statement, given by `giver`.
    pub(super) fn grant(&self, file: &File<'_>, giver: &str) -> Grant {
        let plain = |list: &[(String, &Node)]| list.iter().map(|(text, _)| text.clone()).collect::<Vec<_>>();
        let everything = || vec!["*".to_owned()];
        let (actions, resources) = (plain(&self.actions), plain(&self.resources));
        let authority = if self.but_actions {
            Authority::Execute
        } else {
            actions.iter().map(|action| authority(action)).max().unwrap_or(Authority::Inspect)
        };
        let scope = if self.but_resources {
            Scope::Cluster
        } else {
            resources.iter().map(|resource| reach(resource)).max().unwrap_or(Scope::Resource)
        };
        let whole = || vec![file.location(self.node.span)];
        let places = self.actions.iter().map(|(_, node)| file.location(node.span));
        Grant {
            effect: self.effect,
            not_actions: if self.but_actions { actions.clone() } else { vec![] },
            action_places: if self.but_actions { whole() } else { places.collect() },
            actions: if self.but_actions { everything() } else { actions },
            not_resources: if self.but_resources { resources.clone() } else { vec![] },
            resources: if self.but_resources { everything() } else { resources },
            groups: vec![],
            names: vec![],
            scope,
            namespace: String::new(),
            conditions: self.conditions.iter().map(Condition::shown).chain(self.oneself()).collect(),
            authority,
            given_by: vec![giver.to_owned()],
            place: file.location(self.node.span),
            bound_at: None,
        }
    }

    /// The condition that hides in a resource: it is whoever asks.
    fn oneself(&self) -> Option<String> {
        let all =
            !self.resources.is_empty() && self.resources.iter().all(|(resource, _)| names_oneself(resource));
        (all && !self.but_resources).then(|| "StringEquals aws:username oneself".to_owned())
    }

    /// Whom the holder of the statement can become: roles it may assume, and those it may hand to a service.
    fn steps(&self, file: &File<'_>, name_of: &dyn Fn(&str) -> Option<String>) -> Vec<Delegation> {
        let mut steps = Vec::new();
        if self.effect == Effect::Deny || self.but_actions || self.but_resources {
            return steps;
        }
        for (how, action) in [("can-become", "sts:AssumeRole"), ("passes", "iam:PassRole")] {
            let Some((_, place)) =
                self.actions.iter().find(|(pattern, _)| pattern.contains(':') && covers(pattern, action))
            else {
                continue;
            };
            for (resource, _) in &self.resources {
                let all = (reach(resource) == Scope::Cluster).then(|| "*".to_owned());
                let Some(to) = all.or_else(|| name_of(resource)) else { continue };
                steps.push(Delegation {
                    how: how.to_owned(),
                    to,
                    through: String::new(),
                    scope: reach(resource),
                    namespace: String::new(),
                    conditions: self.conditions.iter().map(Condition::shown).collect(),
                    place: file.location(place.span),
                });
            }
        }
        steps
    }
}

fn covers(pattern: &str, action: &str) -> bool {
    crate::identity::wildcard::covers_action(pattern, action)
}

/// What the statements of a policy give to whoever holds it.
pub(in crate::manifest) struct Given {
    pub(in crate::manifest) grants: Vec<Grant>,
    pub(in crate::manifest) steps: Vec<Delegation>,
    /// Statements of which nobody knows what they do.
    pub(in crate::manifest) unknown: usize,
}

/// Reads `document` as a policy that `giver` hands to its holder; statements about others are left out.
pub(in crate::manifest) fn given(
    file: &File<'_>,
    document: &Node,
    giver: &str,
    name_of: &dyn Fn(&str) -> Option<String>,
) -> Given {
    let statements: Vec<Statement<'_>> =
        statements(document).into_iter().filter(|statement| !statement.names_principals()).collect();
    let mut grants: Vec<Grant> = statements.iter().map(|statement| statement.grant(file, giver)).collect();
    deny::take_back(&mut grants);
    Given {
        grants,
        steps: statements.iter().flat_map(|statement| statement.steps(file, name_of)).collect(),
        unknown: statements.iter().filter(|statement| statement.is_unknown()).count(),
    }
}

fn conditions(node: Option<&Node>) -> Vec<Condition<'_>> {
    let mut found = Vec::new();
    for (operator, keys) in node.map(Node::entries).unwrap_or_default() {
        let Some(operator) = operator.as_text() else { continue };
        for (key, values) in keys.entries() {
            let (Some(key), values) = (text(key), texts(Some(values))) else { continue };
            let binds = binds(operator, &key, &values);
            let operator = operator.rsplit(':').next().unwrap_or(operator).to_owned();
            found.push(Condition { operator, key, values, binds });
        }
    }
    found
}

/// Whether a condition keeps anybody out.
///
/// Not those that hold where the key is missing, negations, patterns that anything fits, or what says nothing about
/// who asks: encryption of the connection and the region.
fn binds(operator: &str, key: &str, values: &[(String, &Node)]) -> bool {
    const SAYS_NOTHING: [&str; 2] = ["aws:securetransport", "aws:requestedregion"];
    let anything = |value: &String| {
        ["0.0.0.0/0", "::/0"].contains(&value.as_str())
            || (!value.is_empty() && value.bytes().all(|byte| byte == b'*'))
    };
    !operator.starts_with("ForAllValues:")
        && !operator.ends_with("IfExists")
        && !operator.contains("Not")
        && !operator.ends_with("Null")
        && !SAYS_NOTHING.contains(&key.to_ascii_lowercase().as_str())
        && !values.iter().any(|(value, _)| anything(value))
}

impl Condition<'_> {
    /// As people read it; what binds nothing says so.
    pub(super) fn shown(&self) -> String {
        let weak = if self.binds { "" } else { "weak: " };
        let values: Vec<&str> = self.values.iter().map(|(value, _)| value.as_str()).collect();
        format!("{weak}{} {} {}", self.operator, self.key, values.join(" "))
    }
}
