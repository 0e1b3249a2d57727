//! Who holds which role where.

use crate::identity::{
    Authority, Credential, CredentialKind, Delegation, Effect, Grant, Life, Scope, Storage,
};
use crate::manifest::file::{File, unknown_credential};
use crate::manifest::parts::Parts;
use crate::text::tree::Node;

/// What a role is given on.
pub(in crate::manifest) struct Target {
    pub(in crate::manifest) scope: Scope,
    /// As written; for people.
    pub(in crate::manifest) resource: String,
}

/// Gives `role` on `target` to `member`; `name_of` knows what references stand for.
pub(in crate::manifest) fn bind(
    file: &File<'_>,
    parts: &mut Parts<'_, '_>,
    member: &Node,
    role: &Node,
    target: &Target,
    condition: Option<&Node>,
    name_of: &dyn Fn(&str) -> Option<String>,
) {
    let (Some(member_text), Some(role_text)) = (member.scalar(), role.scalar()) else { return };
    let (name, native_kind) = member_of(&member_text, name_of);
    let mut conditions = condition_of(condition);
    if target.scope == Scope::Resource && name_of(&target.resource).is_some_and(|to| to == name) {
        conditions.push("the member is the account itself".to_owned());
    }
    let own = name_of(&role_text).or_else(|| own_role(&role_text));
    // A role of one's own has its name in one place alone, and its holder must be found there.
    let everywhere = own.is_none() && !name.contains("${") && name_of(&member_text).is_none();
    let steps = steps(file, &name, &role_text, target, role, &conditions, name_of);
    let identity = parts.mention(&name, native_kind, member, everywhere);
    identity.delegation.extend(steps);
    if let Some(to) = own {
        identity.delegation.push(Delegation {
            how: "bound-to".to_owned(),
            to,
            through: target.resource.clone(),
            scope: target.scope,
            namespace: String::new(),
            conditions,
            place: file.location(role.span),
        });
        return;
    }
    identity.grants.push(Grant {
        effect: Effect::Allow,
        actions: vec![role_text.clone()],
        not_actions: vec![],
        resources: vec![target.resource.clone()],
        not_resources: vec![],
        groups: vec![],
        names: vec![],
        scope: target.scope,
        namespace: String::new(),
        conditions,
        authority: authority(&role_text),
        given_by: vec![name],
        place: file.location(member.span),
        action_places: vec![file.location(role.span)],
        bound_at: None,
    });
}

/// Text of a condition: its expression.
fn condition_of(condition: Option<&Node>) -> Vec<String> {
    let blocks = condition.into_iter().flat_map(|node| {
        let items = node.items();
        if items.is_empty() { std::slice::from_ref(node) } else { items }
    });
    blocks.filter_map(|block| block.get("expression").and_then(Node::scalar)).collect()
}

/// Roles that let their holder act as a service account of the target.
const ACTS_AS: [&str; 4] = [
    "roles/iam.serviceAccountTokenCreator",
    "roles/iam.serviceAccountUser",
    "roles/iam.workloadIdentityUser",
    "roles/iam.serviceAccountKeyAdmin",
];

/// Whom the holder of a role can become: one account where the role is given on it, else any.
fn steps(
    file: &File<'_>,
    holder: &str,
    role: &str,
    target: &Target,
    at: &Node,
    conditions: &[String],
    name_of: &dyn Fn(&str) -> Option<String>,
) -> Vec<Delegation> {
    if !ACTS_AS.contains(&role) {
        return vec![];
    }
    let to = match target.scope {
        Scope::Resource => name_of(&target.resource).or_else(|| {
            let (kind, name) = target.resource.rsplit_once('/')?;
            (kind.ends_with("erviceAccount") || kind.ends_with("serviceAccounts") || name.contains('@'))
                .then(|| format!("gcp/serviceAccount/{name}"))
        }),
        _ => Some("*".to_owned()),
    };
    let step = |to: String| Delegation {
        how: "can-become".to_owned(),
        to,
        through: role.to_owned(),
        scope: target.scope,
        namespace: String::new(),
        conditions: conditions.to_vec(),
        place: file.location(at.span),
    };
    to.filter(|to| to != holder).map(step).into_iter().collect()
}

/// Name and kind of a member such as `serviceAccount:ci@pay.iam.gserviceaccount.com`.
pub(in crate::manifest) fn member_of(
    text: &str,
    name_of: &dyn Fn(&str) -> Option<String>,
) -> (String, &'static str) {
    if let Some(name) = name_of(text) {
        return (name, "service-account");
    }
    if matches!(text, "allUsers" | "allAuthenticatedUsers") {
        return (format!("gcp/{text}"), "anyone");
    }
    let Some((kind, rest)) = text.split_once(':').filter(|_| !text.starts_with("${")) else {
        return (format!("gcp/member/{text}"), "member");
    };
    if let Some(name) = name_of(rest).filter(|_| kind == "serviceAccount") {
        return (name, "service-account");
    }
    let native_kind = match kind {
        // An account of a cluster that a pool of the project vouches for.
        "serviceAccount" if rest.contains(".svc.id.goog[") => "workload-identity",
        "serviceAccount" => "service-account",
        "user" => "user",
        "group" => "group",
        "domain" => "domain",
        "principal" | "principalSet" => "workload-identity",
        _ => "member",
    };
    (format!("gcp/{kind}/{rest}"), native_kind)
}

/// The stable name of a role of one's own: `projects/pay/roles/deployer`.
fn own_role(role: &str) -> Option<String> {
    let (holder, name) = role.rsplit_once("/roles/")?;
    (holder.starts_with("projects/") || holder.starts_with("organizations/"))
        .then(|| format!("gcp/role/{name}"))
}

/// What a role does, by the word its name ends with.
///
/// Source: Google Cloud, "IAM basic and predefined roles reference", read 2026-11-21.
pub(in crate::manifest) fn authority(role: &str) -> Authority {
    let name = role.rsplit(['/', '.']).next().unwrap_or(role).to_ascii_lowercase();
    let reads = ["viewer", "reader", "browser", "accessor", "subscriber", "auditor"];
    if reads.iter().any(|end| name.ends_with(end)) { Authority::Inspect } else { Authority::Execute }
}

/// What a permission of a role of one's own does.
pub(in crate::manifest) fn permission_authority(permission: &str) -> Authority {
    let verb = permission.rsplit('.').next().unwrap_or(permission);
    let reads = verb.starts_with("get") && verb != "getAccessToken" && verb != "getOpenIdToken";
    if reads || verb.starts_with("list") { Authority::Inspect } else { Authority::Execute }
}

/// The permissions of a role of one's own, as one grant.
pub(in crate::manifest) fn permissions(file: &File<'_>, list: &Node, giver: &str) -> Grant {
    let named: Vec<(String, &Node)> =
        list.items().iter().filter_map(|item| Some((item.scalar()?, item))).collect();
    Grant {
        effect: Effect::Allow,
        actions: named.iter().map(|(text, _)| text.clone()).collect(),
        not_actions: vec![],
        resources: vec!["*".to_owned()],
        not_resources: vec![],
        groups: vec![],
        names: vec![],
        scope: Scope::Unbound,
        namespace: String::new(),
        conditions: vec![],
        authority: named
            .iter()
            .map(|(text, _)| permission_authority(text))
            .max()
            .unwrap_or(Authority::Inspect),
        given_by: vec![giver.to_owned()],
        place: file.location(list.span),
        action_places: named.iter().map(|(_, item)| file.location(item.span)).collect(),
        bound_at: None,
    }
}

/// A key of a service account, which never ends unless a policy of the organisation says so.
pub(in crate::manifest) fn key(file: &File<'_>, kind: CredentialKind, name: &str, at: &Node) -> Credential {
    Credential {
        life: Life::Never,
        storage: Storage::SecretManager,
        ..unknown_credential(kind, name, file.location(at.span))
    }
}

/// What a workload identity pool believes: an issuer, and whom of it a condition lets in.
pub(in crate::manifest) fn provider(
    file: &File<'_>,
    name: &str,
    issuer: &Node,
    condition: Option<&Node>,
    audiences: Option<&Node>,
) -> Credential {
    let text = |node: Option<&Node>| node.and_then(Node::scalar).unwrap_or_default();
    let host = text(Some(issuer));
    let host = host.trim_start_matches("https://").trim_end_matches('/');
    Credential {
        issuer: host.to_owned(),
        subject: text(condition),
        // Without a list of its own a provider asks for a token made for itself.
        audience: audiences
            .and_then(|list| list.items().first())
            .and_then(Node::scalar)
            .unwrap_or_else(|| name.to_owned()),
        life: Life::Bounded,
        lifetime: 3600,
        storage: Storage::Federated,
        ..unknown_credential(CredentialKind::OidcFederated, name, file.location(issuer.span))
    }
}
