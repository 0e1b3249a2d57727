//! Azure role definitions, role assignments and federated credentials, as the command line prints them and in ARM
//! templates.
//!
//! A principal is an identity and holds one grant for each role it is assigned, whose one action is the name of the
//! role. A role of one's own is an identity with its actions, and principals are `bound-to` it. Names:
//!
//! ```text
//! azure/principal/<id or expression>    whoever is assigned a role; in Terraform its label
//! azure/role/Deployer                   a role of one's own
//! azure/federated/<name>                whom an application or a managed identity believes
//! ```
//!
//! Bicep is not read: there is no kept reader for it. `az bicep build` makes the ARM template that is.

/// Resources of ARM templates.
mod arm;
/// Who is assigned which role where.
pub(super) mod assignment;

use super::file::{File, Text, ends_in};
use super::parts::Parts;
use super::{Dialect, Keep, Reading};
use crate::text::tree::Node;
use arm::Template;
use assignment::{Assignment, assign, define, key};

pub(super) const DIALECT: Dialect = Dialect { name: "azure-rbac", claims, read };

/// The platform of what this dialect reads, and of the same resources in Terraform.
pub(super) const PLATFORM: &str = "azure";

/// Words one of which a file must hold, in whatever letter case the command line prints them.
const WORDS: [&str; 9] = [
    "roleDefinitions",
    "roleAssignments",
    "roleDefinitionName",
    "RoleDefinitionName",
    "AssignableScopes",
    "assignableScopes",
    "federatedIdentityCredentials",
    "token.actions.githubusercontent.com",
    "managedClusters",
];

fn claims(path: &str, text: &Text<'_>) -> bool {
    ends_in(path, &[".json", ".jsonc"]) && text.may_hold(&WORDS)
}

fn read(file: &File<'_>, reading: &mut Reading) {
    let tree = file.tree();
    let first = reading.identities.len();
    for document in &tree.documents {
        let mut parts = Parts::new(file, PLATFORM, file.path);
        match Template::read(document) {
            Some(template) => template.identities(file, &mut parts),
            None => objects(file, document, &mut parts),
        }
        reading.identities.extend(parts.finish());
    }
    let found = reading.identities.len() > first;
    file.note_fault(&tree, found, reading);
    if found && file.keep == Keep::Documents {
        reading.documents.extend(tree.documents.into_iter().map(|document| (DIALECT.name, document)));
    }
}

/// What the command line prints or takes: one object or a list of them.
fn objects(file: &File<'_>, document: &Node, parts: &mut Parts<'_, '_>) {
    let one = if document.is_map() { std::slice::from_ref(document) } else { document.items() };
    for object in one {
        if key(object, "assignableScopes").is_some() {
            define(file, object, None, parts);
        } else if let (Some(role), Some(at)) = (key(object, "roleDefinitionName"), key(object, "scope")) {
            let named = ["principalName", "displayName", "signInName", "principalId", "objectId"];
            let Some(principal) = named.iter().find_map(|name| {
                key(object, name).filter(|node| node.scalar().is_some_and(|text| !text.is_empty()))
            }) else {
                continue;
            };
            let kind = key(object, "principalType").or_else(|| key(object, "objectType"));
            let scope = at.scalar().unwrap_or_default();
            let assignment = Assignment {
                principal,
                kind: kind.and_then(Node::scalar).unwrap_or_default(),
                role,
                scope: assignment::scope_of(&scope),
                resource: scope,
                condition: key(object, "condition"),
            };
            assign(file, parts, &assignment, &|_| None);
        }
    }
}
