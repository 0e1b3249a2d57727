//! What a job proves itself with: stored secrets, roles it takes on, tokens of apps.

use super::expression::{expressions, named};
use crate::identity::{Credential, CredentialKind, Delegation, Identity, Life, Scope, Storage};
use crate::manifest::file::{File, unknown_credential};
use crate::text::tree::Node;

/// A key of `with:` or `env:` that takes a key which lives until somebody deletes it: name (dashes written `_`), issuer,
/// kind.
const CLOUD_KEYS: [(&str, &str, CredentialKind); 8] = [
    ("aws_secret_access_key", "aws", CredentialKind::StaticKey),
    ("credentials_json", "gcp", CredentialKind::SaKeyFile),
    ("service_account_key", "gcp", CredentialKind::SaKeyFile),
    ("google_credentials", "gcp", CredentialKind::SaKeyFile),
    ("creds", "azure", CredentialKind::OauthClientSecret),
    ("azure_credentials", "azure", CredentialKind::OauthClientSecret),
    ("azure_client_secret", "azure", CredentialKind::OauthClientSecret),
    ("arm_client_secret", "azure", CredentialKind::OauthClientSecret),
];

/// A key that takes the token of a package registry which takes a proof of identity too.
const REGISTRY_KEYS: [(&str, &str, &str); 6] = [
    ("twine_password", "pypi", "twine upload"),
    ("uv_publish_token", "pypi", "uv publish"),
    ("node_auth_token", "npm", "npm publish"),
    ("npm_token", "npm", "npm publish"),
    ("cargo_registry_token", "crates.io", "cargo publish"),
    ("gem_host_api_key", "rubygems", "gem push"),
];

/// Keys through which tools and actions take a token for the API of GitHub.
const API_KEYS: [&str; 8] = [
    "github_token",
    "gh_token",
    "github-token",
    "gh-token",
    "repo-token",
    "repo_token",
    "githubtoken",
    "github_pat",
];

/// Actions whose `token` is one for the API of GitHub.
const API_ACTIONS: [&str; 9] = [
    "actions/checkout",
    "peter-evans/",
    "softprops/action-gh-release",
    "stefanzweifel/git-auto-commit-action",
    "googleapis/release-please-action",
    "google-github-actions/release-please-action",
    "ncipollo/release-action",
    "dependabot/fetch-metadata",
    "actions/stale",
];

/// Reads `env:` of a workflow, a job or a step, or `with:` of a step; `consumer` is what gets it, `uses` and commands.
pub(super) fn values(file: &File<'_>, map: Option<&Node>, consumer: &str, identity: &mut Identity) {
    let entries = map.map(Node::entries).unwrap_or_default();
    // Keys of a session end by themselves, and an address of its own is that of another service.
    let temporary = entries.iter().any(|(key, _)| {
        let key = key.as_text().unwrap_or_default().to_ascii_lowercase().replace('-', "_");
        key == "aws_session_token"
            || (key.contains("endpoint") && (key.contains("aws") || key.contains("s3")))
    });
    for (key, value) in entries {
        let (Some(key), Some(text)) = (key.as_text(), value.scalar()) else { continue };
        let stored = secret_names(&text);
        for secret in stored {
            identity.credentials.push(stored_secret(file, key, secret, consumer, temporary, value));
        }
    }
}

/// The secrets a text names, but for the token of the job itself.
pub(super) fn secret_names(text: &str) -> Vec<&str> {
    let names = expressions(text).flat_map(|one| named(one.inner, "secrets."));
    names.filter(|name| !name.eq_ignore_ascii_case("GITHUB_TOKEN")).collect()
}

/// The password of a registry that stands in `credentials:` of a container. Other literals are told by their text.
pub(super) fn registry_password(file: &File<'_>, container: &Node, identity: &mut Identity) {
    let Some(at) = container.at(&["credentials", "password"]) else { return };
    let Some(text) = at.scalar().filter(|text| !text.contains("${{")) else { return };
    let found = file.credential("credentials.password", &text, at);
    identity.credentials.extend(found.filter(|one| one.storage == Storage::Literal));
}

fn stored_secret(
    file: &File<'_>,
    key: &str,
    secret: &str,
    consumer: &str,
    temporary: bool,
    at: &Node,
) -> Credential {
    let lower = key.to_ascii_lowercase();
    let (kind, issuer, life) = match () {
        () if is_api_token(&lower, secret, consumer) => (CredentialKind::Pat, "github", Life::Unknown),
        () if registry(&lower, consumer).is_some() => {
            (CredentialKind::ApiKey, registry(&lower, consumer).unwrap_or_default(), Life::Unknown)
        }
        () => match cloud(&lower, secret, consumer) {
            Some((kind, issuer)) if !temporary => (kind, issuer, Life::Never),
            _ => (kind_of(secret), "", Life::Unknown),
        },
    };
    Credential {
        issuer: issuer.to_owned(),
        life,
        ..unknown_credential(kind, &format!("secrets.{secret}"), file.location(at.span))
    }
}

fn is_api_token(key: &str, secret: &str, consumer: &str) -> bool {
    let secret = secret.to_ascii_uppercase();
    let pat =
        secret == "PAT" || secret.ends_with("_PAT") || secret.contains("_PAT_") || secret.starts_with("PAT_");
    API_KEYS.contains(&key)
        || (key == "token" && (pat || API_ACTIONS.iter().any(|action| consumer.starts_with(action))))
}

fn registry(key: &str, consumer: &str) -> Option<&'static str> {
    if key == "password" && consumer.starts_with("pypa/gh-action-pypi-publish") {
        return Some("pypi");
    }
    let known = REGISTRY_KEYS.iter().find(|(name, _, command)| *name == key && consumer.contains(command));
    known.map(|(_, registry, _)| *registry)
}

/// Services that speak the protocol of AWS and know no proof of identity of a job.
const OTHER_CLOUDS: [&str; 12] = [
    "R2",
    "MINIO",
    "SPACES",
    "BACKBLAZE",
    "B2_",
    "WASABI",
    "CLOUDFLARE",
    "SCALEWAY",
    "SCW",
    "HETZNER",
    "OVH",
    "LINODE",
];

fn cloud(key: &str, secret: &str, consumer: &str) -> Option<(CredentialKind, &'static str)> {
    if OTHER_CLOUDS.iter().any(|name| secret.to_ascii_uppercase().contains(name)) {
        return None;
    }
    if key.contains("kubeconfig") || key.contains("kube_config") || key == "kube-config" {
        return Some((CredentialKind::X509, "kubernetes"));
    }
    let (_, issuer, kind) = CLOUD_KEYS.iter().find(|(name, ..)| *name == key.replace('-', "_"))?;
    let login = key != "creds" || consumer.starts_with("azure/");
    login.then_some((*kind, *issuer))
}

fn kind_of(secret: &str) -> CredentialKind {
    let name = secret.to_ascii_uppercase();
    match () {
        () if name.contains("SSH") || name.contains("DEPLOY_KEY") => CredentialKind::SshKey,
        () if name.contains("PASSWORD") => CredentialKind::Password,
        () if name.contains("PAT") && (name.starts_with("PAT") || name.ends_with("_PAT")) => {
            CredentialKind::Pat
        }
        () => CredentialKind::ApiKey,
    }
}

/// Whom a step that logs in to a cloud makes of the job, and for how long.
pub(super) fn login(file: &File<'_>, action: &str, with: &Node, identity: &mut Identity) {
    let (cloud, keys): (&str, &[&str]) = match action {
        "aws-actions/configure-aws-credentials" => ("aws", &["role-to-assume"]),
        "google-github-actions/auth" => ("gcp", &["service_account", "workload_identity_provider"]),
        "azure/login" | "Azure/login" => ("azure", &["client-id"]),
        "hashicorp/vault-action" => ("vault", &["role"]),
        _ => return,
    };
    let Some(node) = keys.iter().find_map(|key| with.get(key)) else { return };
    identity.delegation.push(Delegation {
        conditions: vec![],
        how: "can-become".to_owned(),
        to: format!("{cloud}/{}", role_name(&node.scalar().unwrap_or_default())),
        through: action.to_owned(),
        scope: Scope::Cluster,
        namespace: String::new(),
        place: file.location(node.span),
    });
    let Some(seconds) = with.get("role-duration-seconds") else { return };
    identity.credentials.push(Credential {
        issuer: cloud.to_owned(),
        life: Life::Bounded,
        lifetime: seconds.as_int().unwrap_or(-1),
        storage: Storage::Federated,
        ..unknown_credential(CredentialKind::StsSession, "role-duration-seconds", file.location(seconds.span))
    });
}

/// The name under which a role of AWS is declared, where `text` is its ARN: `role/deploy`.
fn role_name(text: &str) -> String {
    let role = text.strip_prefix("arn:aws").and_then(|rest| rest.split_once(":role/"));
    role.map_or_else(
        || text.to_owned(),
        |(_, path)| format!("role/{}", path.rsplit('/').next().unwrap_or(path)),
    )
}

/// Actions that make a token of a GitHub app.
const APP_ACTIONS: [&str; 2] = ["actions/create-github-app-token", "tibdex/github-app-token"];

/// The token of an app that a step makes, and what it is not limited to.
pub(super) fn app_token(file: &File<'_>, action: &str, step: &Node, identity: &mut Identity) {
    let (Some(with), true) = (step.get("with"), APP_ACTIONS.contains(&action)) else { return };
    identity.credentials.push(Credential {
        issuer: "github".to_owned(),
        life: Life::Bounded,
        lifetime: 3600,
        ..unknown_credential(CredentialKind::AppInstallationToken, "app token", file.location(with.span))
    });
    let at = step.get("uses").unwrap_or(with);
    let mut note = |name: &str, at: &Node| identity.settings.push(file.setting(name, "all", at));
    if let (Some(owner), None) = (with.get("owner"), with.get("repositories")) {
        note("app-token.repositories", owner);
    }
    let limited = |key: &Node| key.as_text().is_some_and(|key| key.starts_with("permission"));
    if !with.entries().iter().any(|(key, _)| limited(key)) {
        note("app-token.permissions", at);
    }
    if let Some(skip) = with.get("skip-token-revoke").filter(|node| node.truthy() == Some(true)) {
        identity.settings.push(file.setting("app-token.skip-token-revoke", "true", skip));
    }
}
