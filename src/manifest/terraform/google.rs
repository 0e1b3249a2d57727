//! IAM of Google Cloud in Terraform.

use super::home;
use super::module::{Module, Resource, blocks, each, reference};
use crate::identity::{CredentialKind, Scope};
use crate::manifest::Reading;
use crate::manifest::file::File;
use crate::manifest::gcp_iam::PLATFORM;
use crate::manifest::gcp_iam::binding::{Target, bind, key, permissions, provider};
use crate::manifest::parts::Parts;
use crate::text::tree::{Node, Value};

/// Adds the identities of Google Cloud that `module` declares; tells how many policies are not known.
pub(super) fn read(file: &File<'_>, module: &Module, reading: &mut Reading) -> usize {
    let reader = Reader { file, module };
    let mut parts = Parts::new(file, PLATFORM, &home(file));
    let resources = module.resources.iter().filter(|one| !one.data && one.kind.starts_with("google_"));
    let unknown = resources.map(|resource| reader.resource(resource, &mut parts)).sum();
    reading.identities.extend(parts.finish());
    unknown
}

/// What a reference to a resource, or a member that holds one, stands for.
fn name_of(text: &str) -> Option<String> {
    let found = reference(text)?;
    let word = match found.kind {
        "google_service_account" => "serviceAccount",
        "google_project_iam_custom_role" | "google_organization_iam_custom_role" => "role",
        _ => return None,
    };
    Some(format!("gcp/{word}/{}", found.label))
}

struct Reader<'r, 'f> {
    file: &'r File<'f>,
    module: &'r Module,
}

impl Reader<'_, '_> {
    /// Adds what one resource declares; tells whether its policy is not known.
    fn resource(&self, resource: &Resource, parts: &mut Parts<'_, '_>) -> usize {
        let body = &resource.body;
        if let Some(what) = resource.kind.strip_prefix("google_").and_then(iam_of) {
            return self.iam(what, body, parts);
        }
        match resource.kind.as_str() {
            "google_service_account" => {
                let name = format!("gcp/serviceAccount/{}", self.own_name(resource, "email"));
                parts.declare(&name, "service-account", body).purpose =
                    body.get("display_name").and_then(Node::scalar).unwrap_or_default();
            }
            "google_service_account_key" | "google_storage_hmac_key" => self.key(resource, parts),
            "google_project_iam_custom_role" | "google_organization_iam_custom_role" => {
                let name = format!("gcp/role/{}", self.own_name(resource, "role_id"));
                let list = body.get("permissions").map(|list| permissions(self.file, list, &name));
                parts.declare(&name, "role-definition", body).grants.extend(list);
            }
            "google_iam_workload_identity_pool_provider" => self.provider(resource, parts),
            "google_apikeys_key" if blocks(body, "restrictions").is_empty() => {
                let name = format!("gcp/api-key/{}", resource.label);
                let held = key(self.file, CredentialKind::ApiKey, &name, body);
                let identity = parts.declare(&name, "api-key", body);
                identity.settings.push(self.file.setting("restrictions", "none", body));
                identity.credentials.push(held);
            }
            _ => self.runs_as(resource, parts),
        }
        0
    }

    /// `google_<what>_iam_{member,binding,policy}`.
    fn iam(&self, what: &str, body: &Node, parts: &mut Parts<'_, '_>) -> usize {
        let target = target(what, body);
        let mut give = |role: &Node, member: &Node, condition: Option<&Node>| {
            bind(self.file, parts, member, role, &target, condition, &name_of);
        };
        if let Some(role) = body.get("role") {
            for role in each(role) {
                for member in members(body) {
                    give(role, member, body.get("condition"));
                }
            }
            return 0;
        }
        let Some(data) = body.get("policy_data").and_then(Node::as_text) else { return 0 };
        let Some(policy) = self.module.find(data).filter(|source| source.kind == "google_iam_policy") else {
            return usize::from(!data.contains("data.google_iam_policy."));
        };
        for binding in blocks(&policy.body, "binding") {
            for member in members(binding) {
                if let Some(role) = binding.get("role") {
                    give(role, member, binding.get("condition"));
                }
            }
        }
        0
    }

    fn key(&self, resource: &Resource, parts: &mut Parts<'_, '_>) {
        let body = &resource.body;
        let Some(at) = body.get("service_account_id").or_else(|| body.get("service_account_email")) else {
            return;
        };
        let text = at.scalar().unwrap_or_default();
        let last = text.rsplit('/').next().unwrap_or_default().to_owned();
        let name = name_of(&text).unwrap_or_else(|| format!("gcp/serviceAccount/{last}"));
        let hmac = resource.kind == "google_storage_hmac_key";
        let kind = if hmac { CredentialKind::StaticKey } else { CredentialKind::SaKeyFile };
        let held = key(self.file, kind, &format!("gcp/key/{}", resource.label), at);
        parts.mention(&name, "service-account", at, false).credentials.push(held);
    }

    fn provider(&self, resource: &Resource, parts: &mut Parts<'_, '_>) {
        let body = &resource.body;
        let name = format!("gcp/identity-provider/{}", resource.label);
        for oidc in blocks(body, "oidc") {
            let Some(issuer) = oidc.get("issuer_uri") else { continue };
            let condition = body.get("attribute_condition").filter(|node| node.value != Value::Null);
            let proof = provider(self.file, &name, issuer, condition, oidc.get("allowed_audiences"));
            parts.declare(&name, "identity-provider", body).credentials.push(proof);
        }
    }

    /// A machine that runs as the account every project has, with leave to call everything.
    fn runs_as(&self, resource: &Resource, parts: &mut Parts<'_, '_>) {
        const MACHINES: [&str; 3] =
            ["google_compute_instance", "google_compute_instance_template", "google_container_node_pool"];
        if !MACHINES.contains(&resource.kind.as_str()) {
            return;
        }
        let own = blocks(&resource.body, "service_account");
        let nodes = blocks(&resource.body, "node_config");
        for block in own.into_iter().chain(nodes) {
            let account = block.get("email").or_else(|| block.get("service_account"));
            let scopes = block.get("scopes").or_else(|| block.get("oauth_scopes"));
            let whole = scopes.map(Node::items).unwrap_or_default().iter().find(|scope| {
                scope
                    .scalar()
                    .is_some_and(|scope| scope == "cloud-platform" || scope.ends_with("/cloud-platform"))
            });
            if let (None, Some(at)) = (account, whole) {
                let name = format!("gcp/{}/{}", resource.kind.trim_start_matches("google_"), resource.label);
                let identity = parts.declare(&name, "machine", &resource.body);
                identity.settings.push(self.file.setting("default-account.scope", "cloud-platform", at));
            }
        }
    }

    fn own_name(&self, resource: &Resource, key: &str) -> String {
        let said = resource.body.get(key).and_then(Node::scalar).filter(|_| self.module.planned);
        said.unwrap_or_else(|| resource.label.clone())
    }
}

/// `project` of `project_iam_member`.
fn iam_of(kind: &str) -> Option<&str> {
    ["_iam_member", "_iam_binding", "_iam_policy"].iter().find_map(|end| kind.strip_suffix(end))
}

fn members(node: &Node) -> impl Iterator<Item = &Node> {
    node.get("member").into_iter().flat_map(each).chain(node.get("members").into_iter().flat_map(each))
}

/// What the role is given on.
fn target(what: &str, body: &Node) -> Target {
    let scope = match what {
        "organization" | "folder" => Scope::Organisation,
        "project" => Scope::Cluster,
        _ => Scope::Resource,
    };
    let key = match what {
        "organization" => "org_id",
        "service_account" => "service_account_id",
        "storage_bucket" => "bucket",
        "secret_manager_secret" => "secret_id",
        _ => what,
    };
    let said = body.get(key).and_then(Node::scalar);
    // The reference to an account names it; anything else is for people.
    let resource = match said {
        Some(text) if what == "service_account" => text,
        said => format!("{what}/{}", said.unwrap_or_default()),
    };
    Target { scope, resource }
}
