//! Google Cloud IAM: policies as `gcloud … get-iam-policy` prints them, and what Config Connector declares.
//!
//! A member is an identity and holds one grant for each role it is given, whose one action is the name of the role:
//! what the many roles of Google allow is not in the tree. A role of one's own is an identity with its permissions,
//! and members are `bound-to` it. Names:
//!
//! ```text
//! gcp/serviceAccount/ci@pay.iam.gserviceaccount.com   the account as members are written; in Terraform its label
//! gcp/role/deployer                                   a role of one's own
//! gcp/allUsers                                        everybody
//! gcp/identity-provider/github                        whom a workload identity pool believes
//! ```

/// Who holds which role where.
pub(super) mod binding;
/// Objects of Config Connector.
mod config_connector;

use super::file::{File, Text, ends_in, holds};
use super::parts::Parts;
use super::{Dialect, Keep, Reading};
use crate::finding::Reason;
use crate::identity::Scope;
use crate::text::tree::Node;
use binding::{Target, bind};

pub(super) const DIALECT: Dialect = Dialect { name: "gcp-iam", claims, read };

/// The platform of what this dialect reads, and of the same resources in Terraform.
pub(super) const PLATFORM: &str = "gcp";

/// What an object of Config Connector says it is.
const CONNECTOR: &str = "cnrm.cloud.google.com/";

fn claims(path: &str, text: &Text<'_>) -> bool {
    ends_in(path, &[".yaml", ".yml", ".json"])
        && (text.may_hold(&[CONNECTOR]) || (text.may_hold(&["roles/"]) && text.may_hold(&["bindings"])))
}

fn read(file: &File<'_>, reading: &mut Reading) {
    let tree = file.tree();
    let first = reading.identities.len();
    for document in tree.documents.iter() {
        // Objects of a cluster name each other across files.
        let objects = config_connector::is_object(document);
        let mut parts = Parts::new(file, PLATFORM, if objects { "" } else { file.path });
        if objects {
            for object in document.get("items").map_or(std::slice::from_ref(document), Node::items) {
                config_connector::read(file, object, &mut parts);
            }
        } else {
            policy(file, document, &mut parts);
        }
        reading.identities.extend(parts.finish());
    }
    let found = reading.identities.len() > first;
    file.note_fault(&tree, found || holds(file.bytes, &[CONNECTOR]), reading);
    if found && !tree.templates.is_empty() {
        reading.identities.iter_mut().skip(first).for_each(|identity| identity.complete = false);
        reading.gap(file, Reason::Partial, "templates are not known before rendering".to_owned());
    }
    if found && file.keep == Keep::Documents {
        reading.documents.extend(tree.documents.into_iter().map(|document| (DIALECT.name, document)));
    }
}

/// A policy that does not say what it is attached to: that of a project, unless its name says otherwise.
fn policy(file: &File<'_>, document: &Node, parts: &mut Parts<'_, '_>) {
    let Some(bindings) = document.get("bindings") else { return };
    let stem = file.path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let whole = ["organization", "organisation", "folder"].iter().any(|word| stem.contains(word));
    let scope = if whole { Scope::Organisation } else { Scope::Cluster };
    let target = Target { scope, resource: stem.split('.').next().unwrap_or_default().to_owned() };
    for binding in bindings.items() {
        let Some(role) = binding.get("role") else { continue };
        for member in binding.get("members").map(Node::items).unwrap_or_default() {
            bind(file, parts, member, role, &target, binding.get("condition"), &|_| None);
        }
    }
}
