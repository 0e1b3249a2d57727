//! What the jobs of CI systems have in common: variables, scripts, and the words for what a job does.
//!
//! Settings that dialects share: `deploys` (the command that changes something that runs), `script.piped`, and `gate`.

use super::context::environment;
use super::file::{File, unknown_credential};
use super::redact::is_reference;
use super::script;
use crate::identity::{Credential, CredentialKind, Identity, Life, Storage};
use crate::text::tree::Node;

/// Variables that hold the key of a cloud.
const CLOUD_KEYS: [(&str, &str, CredentialKind); 8] = [
    ("AWS_SECRET_ACCESS_KEY", "aws", CredentialKind::StaticKey),
    ("GOOGLE_CREDENTIALS", "gcp", CredentialKind::SaKeyFile),
    ("GCP_SERVICE_ACCOUNT_KEY", "gcp", CredentialKind::SaKeyFile),
    ("GCLOUD_SERVICE_KEY", "gcp", CredentialKind::SaKeyFile),
    ("SERVICE_ACCOUNT_KEY", "gcp", CredentialKind::SaKeyFile),
    ("ARM_CLIENT_SECRET", "azure", CredentialKind::OauthClientSecret),
    ("AZURE_CLIENT_SECRET", "azure", CredentialKind::OauthClientSecret),
    ("AZURE_PASSWORD", "azure", CredentialKind::Password),
];

/// Adds what a variable proves an identity with: the key of a cloud, a reference, or a secret in the clear.
pub(super) fn variable(file: &File<'_>, key: &str, value: &Node, identity: &mut Identity) {
    let Some(text) = value.scalar() else { return };
    let reference = text.contains('$') || text.contains("<<") || is_reference(&text);
    // Words are what tests log in with to a database that lives as long as they do.
    let random = text.len() >= 12
        && text.bytes().any(|byte| byte.is_ascii_digit())
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
        && !text.contains(char::is_whitespace)
        && !text.contains("://");
    if !reference && !random {
        return;
    }
    if reference && cloud_key(file, key, value, identity) {
        return;
    }
    let found = file.credential(&format!("variables.{key}"), &text, value);
    identity.credentials.extend(found.map(|one| Credential {
        storage: if reference { Storage::Environment } else { one.storage },
        ..one
    }));
}

/// Notes the key of a cloud that a variable of this name holds.
fn cloud_key(file: &File<'_>, name: &str, at: &Node, identity: &mut Identity) -> bool {
    let Some((_, issuer, kind)) = CLOUD_KEYS.iter().find(|(known, ..)| *known == name) else { return false };
    identity.credentials.push(Credential {
        issuer: (*issuer).to_owned(),
        life: Life::Never,
        ..unknown_credential(*kind, &format!("variables.{name}"), file.location(at.span))
    });
    true
}

/// Adds what a script does and which keys of a cloud it uses.
pub(super) fn script(file: &File<'_>, at: &Node, identity: &mut Identity) {
    let Some(text) = at.as_text() else { return };
    if script::piped(text).is_some() {
        identity.settings.push(file.setting("script.piped", "a downloaded script", at));
    }
    if let Some(command) = script::deploys(text) {
        identity.settings.push(file.setting("deploys", command, at));
    }
    // Where a manager or a role gives the keys, they end by themselves.
    if ["vault", "VAULT", "assume-role"].iter().any(|word| text.contains(word)) {
        return;
    }
    for (name, ..) in CLOUD_KEYS {
        let held = identity.credentials.iter().any(|one| one.name == format!("variables.{name}"));
        let forms = [format!("${name}"), format!("${{{name}}}"), format!("$({name})")];
        if !held && forms.iter().any(|form| text.contains(form.as_str())) {
            cloud_key(file, name, at, identity);
        }
    }
}

/// Adds what the name of a job tells: that it deploys, and where.
pub(super) fn named(file: &File<'_>, names: &[&str], at: &Node, identity: &mut Identity) {
    if let Some(word) = names.iter().copied().find_map(environment) {
        word.clone_into(&mut identity.environment);
    }
    let says = |name: &&str| {
        let name = name.to_ascii_lowercase();
        ["deploy", "release", "rollout", "promote"].iter().any(|word| name.contains(word))
    };
    if names.iter().any(says) {
        identity.settings.push(file.setting("deploys", "by its name", at));
    }
}

/// The session of a job, which ends with it, and the token that the platform gives to it.
pub(super) fn session(
    file: &File<'_>,
    issuer: &str,
    token: &str,
    seconds: i64,
    at: &Node,
    identity: &mut Identity,
) {
    identity.session.max_seconds = seconds;
    identity.session.bound_to_task = true;
    "the job ends".clone_into(&mut identity.session.teardown);
    identity.credentials.push(Credential {
        issuer: issuer.to_owned(),
        life: Life::Bounded,
        lifetime: seconds,
        storage: Storage::Federated,
        ..unknown_credential(CredentialKind::Jwt, token, file.location(at.span))
    });
}
