//! AWS IAM: policy documents, alone and in templates of `CloudFormation`, SAM and the Serverless Framework.
//!
//! A policy that stands by itself is an identity of its own, since what it grants is decided there, and whoever it is
//! attached to is `bound-to` it. Those a trust policy names are identities too: each `can-become` the role, under the
//! conditions of its own statement. Names:
//!
//! ```text
//! aws/role/deployer                  the name where it is written out, else the logical id; users, groups, policies too
//! aws/managed-policy/ReadOnlyAccess  one that Amazon keeps: see `identity::join` for what it grants
//! aws/principal/*                    everybody
//! aws/account/111122223333           whoever that account lets
//! aws/service/lambda.amazonaws.com   a service of Amazon
//! aws/federated/gitlab.com           whoever that identity provider vouches for
//! ```

/// What actions and resources mean.
mod action;
/// Templates.
pub(super) mod cloudformation;
/// Policy documents.
pub(super) mod policy;
/// Values that are not known yet.
pub(super) mod symbol;
/// Policies that name others.
pub(super) mod trust;

use super::file::{File, Text, ends_in};
use super::parts::Parts;
use super::{Dialect, Keep, Reading};
use crate::finding::Reason;
use crate::identity::{Context, wildcard};
use crate::text::tree::{self, Node, Tree, Value};
use cloudformation::{Template, serverless};
use policy::statements;

pub(super) const DIALECT: Dialect = Dialect { name: "aws-iam", claims, read };

/// The platform of what this dialect reads, and of the same resources in Terraform.
pub(super) const PLATFORM: &str = "aws";

/// Types of resources that a template must hold one of.
const TYPES: [&str; 3] = ["AWS::IAM::", "AWS::Serverless::", "AWS::SSO::PermissionSet"];

fn claims(path: &str, text: &Text<'_>) -> bool {
    let named = ends_in(path, &[".json", ".jsonc", ".yaml", ".yml"]) || path.ends_with(".template");
    let policy = || text.may_hold(&["Statement", "statements"]) && text.may_hold(&["Effect"]);
    named && (text.may_hold(&TYPES) || policy())
}

fn read(file: &File<'_>, reading: &mut Reading) {
    let json =
        file.bytes.trim_ascii_start().starts_with(b"{") && ends_in(file.path, &[".json", ".jsonc", ""]);
    let tree = if json { tree::read_json(file.bytes) } else { tree::read_yaml_with_tags(file.bytes) };
    let first = reading.identities.len();
    for document in &tree.documents {
        read_document(file, document, reading);
    }
    let found = reading.identities.len() > first;
    file.note_fault(&tree, found || super::file::holds(file.bytes, &TYPES), reading);
    note_templates(file, &tree, reading, first);
    if found && file.keep == Keep::Documents {
        reading.documents.extend(tree.documents.into_iter().map(|document| (DIALECT.name, document)));
    }
}

fn read_document(file: &File<'_>, document: &Node, reading: &mut Reading) {
    let mut parts = Parts::new(file, PLATFORM, file.path);
    let unknown = if let Some(template) = Template::read(document) {
        template.identities(file, &mut parts) + serverless(file, document, &mut parts)
    } else if document.get("provider").is_some() || document.get("iamRoleStatements").is_some() {
        serverless(file, document, &mut parts)
    } else {
        let stem = file.path.rsplit('/').next().unwrap_or_default();
        let stem = stem.split('.').next().unwrap_or_default();
        let template =
            document.get("AWSTemplateFormatVersion").is_some() || document.get("Resources").is_some();
        if template { 0 } else { alone(file, document, &mut vec![stem.to_owned()], &mut parts) }
    };
    let mut identities = parts.finish();
    for identity in &mut identities {
        // Templates of this kind are what is deployed, whatever the folder is called.
        if identity.context == Context::Template
            && (file.path.contains("templates/") || document.get("Resources").is_some())
        {
            identity.context = Context::Live;
        }
    }
    reading.identities.extend(identities);
    note_unknown(file, unknown, reading);
}

/// Says how many policies hold values that are not in the file.
pub(super) fn note_unknown(file: &File<'_>, unknown: usize, reading: &mut Reading) {
    if unknown > 0 {
        let noun = if unknown == 1 { "policy is" } else { "policies are" };
        reading.gap(
            file,
            Reason::Partial,
            format!("{unknown} {noun} made of values that are not in the file"),
        );
    }
}

fn note_templates(file: &File<'_>, tree: &Tree, reading: &mut Reading, first: usize) {
    if tree.templates.is_empty() || reading.identities.len() == first {
        return;
    }
    reading.identities.iter_mut().skip(first).for_each(|identity| identity.complete = false);
    reading.gap(file, Reason::Partial, "templates are not known before rendering".to_owned());
}

/// How deep a policy may lie in a document of another kind, such as the answer of a command line.
const DEEPEST: usize = 6;

/// Policies that stand alone: the document itself, or what lies in it. `path` names them, from the file inwards.
fn alone(file: &File<'_>, node: &Node, path: &mut Vec<String>, parts: &mut Parts<'_, '_>) -> usize {
    let all = statements(node);
    if node.get("Statement").is_some() && !all.is_empty() {
        return document(file, node, &path.join("."), parts);
    }
    if path.len() > DEEPEST {
        return 0;
    }
    let mut unknown = 0;
    for (key, value) in node.entries() {
        path.push(key.as_text().unwrap_or_default().to_owned());
        unknown += alone(file, value, path, parts);
        path.pop();
    }
    for (at, item) in node.items().iter().enumerate() {
        path.push(at.to_string());
        unknown += alone(file, item, path, parts);
        path.pop();
    }
    unknown
}

/// One policy document that says nowhere what it is for: whether it names principals tells.
pub(super) fn document(file: &File<'_>, node: &Node, name: &str, parts: &mut Parts<'_, '_>) -> usize {
    let all = statements(node);
    if all.iter().all(|statement| !statement.names_principals()) {
        let stable = format!("aws/policy/{name}");
        let given = policy::given(file, node, &stable, &stable_name);
        let identity = parts.declare(&stable, "policy", node);
        identity.grants = given.grants;
        identity.delegation = given.steps;
        identity.complete = given.unknown == 0;
        return given.unknown;
    }
    if all.iter().any(|statement| statement.assumes()) {
        let stable = format!("aws/role/{name}");
        parts.declare(&stable, "role", node);
        trust::trust(file, node, &stable, parts, &stable_name);
    } else {
        trust::resource_policy(file, node, &format!("aws/resource-policy/{name}"), parts, &stable_name);
    }
    0
}

/// `list` as the document whose statements it holds.
pub(super) fn policy_of(list: &Node) -> Node {
    let key = Node { span: list.span, value: Value::Text("Statement".to_owned()) };
    Node { span: list.span, value: Value::Map(vec![(key, list.clone())]) }
}

/// The stable name behind an Amazon resource name of a role, user, group or policy.
pub(super) fn stable_name(text: &str) -> Option<String> {
    let (service, account, name) = wildcard::arn_parts(text)?;
    let (word, path) = name.split_once('/')?;
    if service == "sts" && word == "assumed-role" {
        return Some(format!("aws/role/{}", path.split('/').next()?));
    }
    let last = path.rsplit('/').next()?;
    match (service, account, word) {
        ("iam", "aws", "policy") => Some(managed(last)),
        ("iam", _, "role" | "user" | "group" | "policy") => Some(format!("aws/{word}/{last}")),
        _ => None,
    }
}

/// The stable name of a policy that Amazon keeps.
pub(super) fn managed(name: &str) -> String {
    format!("aws/managed-policy/{}", name.rsplit('/').next().unwrap_or(name))
}
