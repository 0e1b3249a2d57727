//! Terraform and `OpenTofu`: the identity resources of the three clouds, in HCL, in its JSON form and in plans.
//!
//! What a file says of resources in another file of its folder is joined later: the folder is the home of all names.
//! A resource is named by its label until it is joined, and by the name it will have where that is written out. `count` and `for_each` make one identity.

/// Resources of Amazon.
mod aws;
/// Resources of Azure.
mod azure;
/// Tokens of GitLab.
mod gitlab;
/// Resources of Google.
mod google;
/// The resources of one file and what they say of each other.
mod module;
/// Resources of Vault.
mod vault;

use super::file::{File, Text, ends_in, holds};
use super::{Dialect, Keep, Reading};
use crate::identity::Identity;
use crate::identity::called::CALLED;
use crate::text::tree::{self, Node, Tree};
use module::Module;

pub(super) const DIALECT: Dialect = Dialect { name: "terraform", claims, read };

/// Parts of the names of resources that declare identities, one of which a file must hold.
const WORDS: [&str; 21] = [
    "aws_iam_",
    "aws_ssoadmin_",
    "aws_eks_access_",
    "_policy\"",
    "_iam_member",
    "_iam_binding",
    "google_service_account",
    "google_iam_",
    "google_project_iam_",
    "google_apikeys_",
    "cloud-platform",
    "azurerm_role_",
    "azuread_",
    "_federated_identity_credential",
    "azurerm_kubernetes_cluster",
    "azurerm_storage_account",
    "vault_policy",
    "vault_token",
    "_backend_role",
    "gitlab_deploy_token",
    "_access_token",
];

/// What makes a JSON file a plan.
const PLAN: &str = "planned_values";

fn claims(path: &str, text: &Text<'_>) -> bool {
    if ends_in(path, &[".tf", ".tofu", ".tf.json", ".tofu.json"]) {
        return text.may_hold(&WORDS);
    }
    ends_in(path, &[".json"]) && holds(text.bytes, &[PLAN]) && text.may_hold(&WORDS)
}

fn read(file: &File<'_>, reading: &mut Reading) {
    let json = ends_in(file.path, &[".json"]);
    let tree = if json { tree::read_json(file.bytes) } else { tree::read_hcl(file.bytes) };
    file.note_fault(&tree, true, reading);
    let Tree { documents, .. } = tree;
    for document in documents {
        let Some(module) = Module::read(&document) else { continue };
        let unknown = aws::read(file, &module, reading) + google::read(file, &module, reading);
        azure::read(file, &module, reading);
        gitlab::read(file, &module, reading);
        vault::read(file, &module, reading);
        super::aws_iam::note_unknown(file, unknown, reading);
        if file.keep == Keep::Documents {
            reading.documents.push((DIALECT.name, document));
        }
    }
}

/// Keeps the name that a resource will have, where it is written out: others may call it by that.
fn called(file: &File<'_>, body: &Node, key: &str, identity: &mut Identity) {
    if let Some((at, name)) =
        body.get(key).and_then(|at| Some((at, at.as_text()?))).filter(|(_, name)| !name.contains("${"))
    {
        identity.settings.push(file.setting(CALLED, name, at));
    }
}

/// The folder of a module.
fn home(file: &File<'_>) -> String {
    file.path.rsplit_once('/').map_or(".", |(folder, _)| folder).to_owned()
}
