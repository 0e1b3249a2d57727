//! One value of every model with every word it can hold: what rules are tried on when they are loaded,
//! and where the names of all fields come from.

use crate::finding::Location;
use crate::identity::{
    Approval, Authority, Blast, Context, Credential, CredentialKind, Delegation, Effect, Grant, Identity,
    IdentityKind, Life, Scope, Session, Setting, Storage, Tool, Widened,
};
use crate::text::span::{Position, Span};

const KINDS: [IdentityKind; 5] = [
    IdentityKind::Person,
    IdentityKind::ServiceAccount,
    IdentityKind::Workload,
    IdentityKind::Pipeline,
    IdentityKind::Agent,
];
const CONTEXTS: [Context; 6] =
    [Context::Live, Context::LocalOptional, Context::Template, Context::Docs, Context::Test, Context::Plugin];
const ENVIRONMENTS: [&str; 5] = ["dev", "test", "stage", "prod", "unknown"];
const EFFECTS: [Effect; 2] = [Effect::Allow, Effect::Deny];
const SCOPES: [Scope; 5] =
    [Scope::Unbound, Scope::Resource, Scope::Namespace, Scope::Cluster, Scope::Organisation];
const AUTHORITIES: [Authority; 3] = [Authority::Inspect, Authority::Recommend, Authority::Execute];
const APPROVALS: [Approval; 3] = [Approval::None, Approval::Ask, Approval::Required];
const LIVES: [Life; 3] = [Life::Bounded, Life::Never, Life::Unknown];
const STORAGES: [Storage; 4] =
    [Storage::Literal, Storage::Environment, Storage::SecretManager, Storage::Federated];
const CREDENTIALS: [CredentialKind; 18] = [
    CredentialKind::StaticKey,
    CredentialKind::Password,
    CredentialKind::Pat,
    CredentialKind::SaKeyFile,
    CredentialKind::X509,
    CredentialKind::Jwt,
    CredentialKind::KubeLegacyToken,
    CredentialKind::KubeBoundToken,
    CredentialKind::OidcFederated,
    CredentialKind::StsSession,
    CredentialKind::VaultToken,
    CredentialKind::VaultSecretId,
    CredentialKind::AppInstallationToken,
    CredentialKind::OauthClientSecret,
    CredentialKind::ApiKey,
    CredentialKind::SshKey,
    CredentialKind::Sas,
    CredentialKind::PresignedUrl,
];

/// How many samples show every word of every list above.
const COUNT: usize = CREDENTIALS.len();

/// Identities that together hold every kind and every word of the model.
pub(super) fn identities() -> Vec<Identity> {
    (0..COUNT).filter_map(identity).collect()
}

/// Credentials that together hold every kind and every word of the model.
pub(super) fn credentials() -> Vec<Credential> {
    (0..COUNT).filter_map(credential).collect()
}

/// A place that is nowhere in particular.
pub(super) fn place() -> Location {
    let start = Position { line: 1, column: 1 };
    Location { path: "sample.yaml".to_owned(), start, end: start, span: Span::default(), commit: None }
}

fn turn<T: Copy>(list: &[T], index: usize) -> Option<T> {
    list.get(index.checked_rem(list.len())?).copied()
}

fn text() -> String {
    "sample".to_owned()
}

fn identity(index: usize) -> Option<Identity> {
    Some(Identity {
        kind: turn(&KINDS, index)?,
        native_kind: text(),
        platform: text(),
        name: text(),
        owner: text(),
        environment: turn(&ENVIRONMENTS, index)?.to_owned(),
        purpose: text(),
        context: turn(&CONTEXTS, index)?,
        complete: index.is_multiple_of(2),
        grants: vec![grant(index)?],
        credentials: vec![credential(index)?],
        tools: vec![tool(index)?],
        session: Session { max_seconds: -1, bound_to_task: false, teardown: text() },
        delegation: vec![delegation(index)?],
        settings: vec![Setting { name: text(), value: text(), place: place() }],
        widened: vec![Widened { what: "grant", old: text(), new: text(), place: place() }],
        blast: Blast { score: 50, privilege: 4, path: vec![text()] },
        home: String::new(),
        places: vec![place()],
    })
}

fn delegation(index: usize) -> Option<Delegation> {
    Some(Delegation {
        conditions: vec![text()],
        how: text(),
        to: text(),
        through: text(),
        scope: turn(&SCOPES, index)?,
        namespace: text(),
        place: place(),
    })
}

fn grant(index: usize) -> Option<Grant> {
    Some(Grant {
        effect: turn(&EFFECTS, index)?,
        actions: vec![text()],
        resources: vec![text()],
        not_actions: vec![text()],
        not_resources: vec![text()],
        groups: vec![text()],
        names: vec![text()],
        scope: turn(&SCOPES, index)?,
        namespace: text(),
        conditions: vec![text()],
        authority: turn(&AUTHORITIES, index)?,
        given_by: vec![text()],
        place: place(),
        action_places: vec![place()],
        bound_at: None,
    })
}

fn credential(index: usize) -> Option<Credential> {
    Some(Credential {
        kind: turn(&CREDENTIALS, index)?,
        name: text(),
        issuer: text(),
        subject: text(),
        audience: text(),
        algorithm: text(),
        issued: 0,
        expires: 3600,
        life: turn(&LIVES, index)?,
        lifetime: 3600,
        remaining: 1800,
        limit: 900,
        storage: turn(&STORAGES, index)?,
        place: place(),
    })
}

fn tool(index: usize) -> Option<Tool> {
    Some(Tool {
        name: text(),
        source: text(),
        authority: turn(&AUTHORITIES, index)?,
        approval: turn(&APPROVALS, index)?,
        reversible: index.is_multiple_of(2),
        pinned: index.is_multiple_of(2),
        unlimited: index.is_multiple_of(2),
        place: place(),
    })
}
