//! What `*` really covers, by meaning and not by text.

use super::grant::{Effect, Grant};

/// Whether `grant` lets its holder do `action` on `resource` of API group `group`.
///
/// `group` is `""` for the core group and counts only where the grant names groups. A `*` in the question
/// is answered by a `*` in the grant alone, so `allows(g, "*", "*", "*")` asks for everything. A denying
/// grant allows nothing, and what a grant leaves out it does not allow. Names limit a grant without emptying it, but
/// for `create` and `deletecollection` of whole objects: such a request carries no name, so a grant limited to names
/// never matches it.
///
/// Source: Kubernetes, "Using RBAC Authorization", section "Referring to resources", read 2026-11-21.
pub fn allows(grant: &Grant, action: &str, resource: &str, group: &str) -> bool {
    let nameless = matches!(action, "create" | "deletecollection") && !resource.contains('/');
    allows_somewhere(grant, action)
        && (grant.names.is_empty() || !nameless)
        && grant.resources.iter().any(|pattern| covers_resource(pattern, resource))
        && !grant
            .not_resources
            .iter()
            .any(|out| covers_resource(out, resource) || covers_resource(resource, out))
        && (grant.groups.is_empty() || grant.groups.iter().any(|pattern| covers_group(pattern, group)))
}

/// Whether `grant` lets its holder do `action` on any resource at all.
///
/// A question that is itself a pattern, such as `iam:*`, is not answered where the grant leaves out a part of it.
pub fn allows_somewhere(grant: &Grant, action: &str) -> bool {
    grant.effect == Effect::Allow
        && grant.actions.iter().any(|pattern| covers_action(pattern, action))
        && !grant.not_actions.iter().any(|out| covers_action(out, action) || covers_action(action, out))
}

/// Whether the action `pattern` of a grant covers `action`.
///
/// Kubernetes verbs know only the whole `*`. A pattern with a colon or a slash is a cloud action such as
/// `s3:Get*` or `Microsoft.Storage/*/read`: letter case does not count, `*` covers any run of characters, `?` one.
pub fn covers_action(pattern: &str, action: &str) -> bool {
    if pattern == "*" || pattern == action {
        return true;
    }
    if !pattern.contains([':', '/']) {
        return false;
    }
    // Everything there is, for a pattern that means it without saying so.
    let action = if action == "*" { "any:any/any" } else { action };
    glob(pattern.to_ascii_lowercase().as_bytes(), action.to_ascii_lowercase().as_bytes())
}

/// Whether the resource `pattern` of a grant covers `resource`, a subresource written `pods/exec`.
///
/// `*` covers every resource and subresource, `*/scale` that subresource of all, `pods` no subresource.
/// `pods/*` counts as every subresource of pods: that is what its author asked for, though the API
/// server takes it by the letter. A resource that starts with `/` is a URL path: `/*` covers all of
/// them, `/api/*` those below, and no other pattern covers any. Names of a cloud begin with `arn:`: see [`covers_arn`].
pub fn covers_resource(pattern: &str, resource: &str) -> bool {
    if pattern == resource {
        return true;
    }
    if resource.starts_with('/') {
        return pattern.starts_with('/')
            && pattern.strip_suffix('*').is_some_and(|start| resource.starts_with(start));
    }
    if pattern == "*" {
        return true;
    }
    if pattern.starts_with("arn:") || pattern.starts_with("*:") || pattern.starts_with("**") {
        return covers_arn(pattern, if resource == "*" { "arn:any:any:any:any:any/any" } else { resource });
    }
    match (pattern.split_once('/'), resource.split_once('/')) {
        (Some(("*", wanted)), Some((_, sub))) => wanted == sub || wanted == "*",
        (Some((kind, "*")), Some((wanted, _))) => kind == wanted,
        _ => false,
    }
}

/// Whether an Amazon resource name with wildcards covers another.
///
/// ```text
/// arn:aws:iam::111122223333:role/app-*     partition, service, region and account stand before the name
/// arn:aws:iam:::role/*                     as a question: every role of whatever account
/// ```
///
/// A `*` in the question is a letter that only a wildcard covers. Partition, region and account do not count in
/// it: whoever holds the grant lives in one account, and what matters is how much of it the grant covers.
pub fn covers_arn(pattern: &str, arn: &str) -> bool {
    match (arn_parts(pattern), arn_parts(arn)) {
        (Some((service, _, name)), Some((wanted, _, wanted_name))) => {
            glob(service.as_bytes(), wanted.as_bytes()) && glob(name.as_bytes(), wanted_name.as_bytes())
        }
        _ => glob(pattern.as_bytes(), arn.as_bytes()),
    }
}

/// Service, account and name of an Amazon resource name; colons inside `${...}` separate nothing.
pub fn arn_parts(arn: &str) -> Option<(&str, &str, &str)> {
    let mut depth = 0_u32;
    let mut colons = [0_usize; 5];
    let mut found = 0;
    for (at, letter) in arn.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ':' if depth == 0 => {
                *colons.get_mut(found)? = at;
                found += 1;
                if found == colons.len() {
                    break;
                }
            }
            _ => {}
        }
    }
    let [_, partition, service, region, account] = colons;
    let part = |from: usize, to: usize| arn.get(from + 1..to);
    (found == colons.len())
        .then(|| Some((part(partition, service)?, part(region, account)?, arn.get(account + 1..)?)))?
}

/// Whether a path of a policy of Vault covers `path`: `+` is one segment, and a `*` at the end any rest.
///
/// Source: Vault, "Policies", section "Policy syntax", read 2026-11-21.
pub fn covers_path(pattern: &str, path: &str) -> bool {
    let (pattern, open) = pattern.strip_suffix('*').map_or((pattern, false), |pattern| (pattern, true));
    let mut wanted = path.split('/');
    let mut parts = pattern.split('/').peekable();
    while let Some(part) = parts.next() {
        let last = parts.peek().is_none();
        match wanted.next() {
            Some(word) if part == "+" || part == word => {}
            Some(word) => return last && open && word.starts_with(part),
            None => return false,
        }
        if last && open {
            return true;
        }
    }
    wanted.next().is_none()
}

/// Whether the API group `pattern` of a grant covers `group`; `""` is the core group and nothing more.
pub fn covers_group(pattern: &str, group: &str) -> bool {
    pattern == "*" || pattern == group
}

/// `*` stands for any run of bytes, `?` for one. Linear memory, no recursion.
pub(super) fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut from, mut star, mut mark) = (0, 0, None, 0);
    while from < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some(at);
                mark = from;
                at += 1;
            }
            Some(letter) if *letter == b'?' || text.get(from) == Some(letter) => {
                at += 1;
                from += 1;
            }
            _ => {
                let Some(last) = star else { return false };
                at = last + 1;
                mark += 1;
                from = mark;
            }
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|letter| *letter == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Location;
    use crate::identity::{Authority, Scope};
    use crate::text::span::{Position, Span};

    fn grant(actions: &[&str], resources: &[&str], groups: &[&str], names: &[&str]) -> Grant {
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let start = Position { line: 1, column: 1 };
        Grant {
            effect: Effect::Allow,
            actions: owned(actions),
            resources: owned(resources),
            not_actions: vec![],
            not_resources: vec![],
            groups: owned(groups),
            names: owned(names),
            scope: Scope::Cluster,
            namespace: String::new(),
            conditions: vec![],
            authority: Authority::Execute,
            given_by: vec![],
            place: Location { path: String::new(), start, end: start, span: Span::new(0, 0), commit: None },
            action_places: vec![],
            bound_at: None,
        }
    }

    #[test]
    fn a_path_of_vault_covers_what_its_wildcards_say() {
        for (pattern, path, covers) in [
            ("*", "sys/auth/any", true),
            ("sys/*", "sys/auth/any", true),
            ("sys/auth/+", "sys/auth/any", true),
            ("sys/auth/+", "sys/auth/any/tune", false),
            ("+/auth/*", "sys/auth/any", true),
            ("sys/au*", "sys/auth/any", true),
            ("sys/auth", "sys/auth/any", false),
            ("secret/*", "sys/auth/any", false),
            ("auth/token/create", "auth/token/create", true),
        ] {
            assert_eq!(covers_path(pattern, path), covers, "{pattern} over {path}");
        }
    }

    #[test]
    fn a_star_covers_what_it_means() {
        for (pattern, resource, covers) in [
            ("*", "secrets", true),
            ("*", "pods/exec", true),
            ("*", "*", true),
            ("*/scale", "deployments/scale", true),
            ("*/scale", "deployments", false),
            ("*/*", "pods/exec", true),
            ("*/*", "pods", false),
            ("pods/*", "pods/exec", true),
            ("pods/*", "pods", false),
            ("pods", "pods/exec", false),
            ("pods", "*", false),
            ("*", "/metrics", false),
            ("/*", "/metrics", true),
            ("/api/*", "/api/v1", true),
            ("/api/*", "/apis", false),
            ("/*", "pods", false),
        ] {
            assert_eq!(covers_resource(pattern, resource), covers, "{pattern} over {resource}");
        }
        for (pattern, action, covers) in [
            ("*", "escalate", true),
            ("get", "get", true),
            ("get*", "get", false),
            ("g*", "get", false),
            ("s3:Get*", "s3:GetObject", true),
            ("S3:get*", "s3:GetObject", true),
            ("iam:*Role*", "iam:PassRole", true),
            ("iam:?assRole", "iam:PassRole", true),
            ("iam:Pass?", "iam:PassRole", false),
            ("impersonate:user-info", "impersonate:user-info", true),
            ("*:*", "*", true),
            ("**", "iam:PassRole", false),
            ("s3:*", "*", false),
            ("iam:*", "iam:*", true),
            ("iam:Get*", "iam:*", false),
            ("Microsoft.Authorization/*", "microsoft.authorization/roleAssignments/write", true),
            ("*/write", "Microsoft.Authorization/roleAssignments/write", true),
            ("*/read", "Microsoft.Authorization/roleAssignments/write", false),
        ] {
            assert_eq!(covers_action(pattern, action), covers, "{pattern} over {action}");
        }
    }

    #[test]
    fn a_resource_name_of_a_cloud_is_judged_by_how_much_of_an_account_it_covers() {
        const ROLES: &str = "arn:aws:iam:::role/*";
        for (pattern, resource, covers) in [
            ("*", ROLES, true),
            ("arn:aws:iam::*:role/*", ROLES, true),
            ("arn:aws:iam::111122223333:role/*", ROLES, true),
            ("arn:aws:iam::${AWS::AccountId}:role/*", ROLES, true),
            ("arn:${AWS::Partition}:iam::*:*", ROLES, true),
            ("arn:aws:iam::*", ROLES, true),
            ("arn:*", ROLES, true),
            ("arn:aws:*:*:*:*", ROLES, true),
            ("arn:aws:iam::111122223333:role/app-*", ROLES, false),
            ("arn:aws:s3:::*", ROLES, false),
            ("arn:*", "*", true),
            ("arn:aws:*:*:*:*", "*", true),
            ("*:*", "*", true),
            ("arn:aws:s3:::*", "*", false),
            ("arn:aws:iam::*:role/*", "*", false),
            ("${Role.Arn}", ROLES, false),
        ] {
            assert_eq!(covers_resource(pattern, resource), covers, "{pattern} over {resource}");
        }
    }

    #[test]
    fn what_a_grant_leaves_out_it_does_not_allow() {
        let mut power = grant(&["*"], &["*"], &[], &[]);
        power.not_actions = vec!["iam:*".to_owned(), "organizations:*".to_owned()];
        assert!(allows(&power, "s3:GetObject", "*", ""));
        assert!(!allows(&power, "iam:PassRole", "*", ""));
        assert!(!allows(&power, "*", "*", ""), "not everything");
        power.not_actions = vec!["iam:CreateUser".to_owned()];
        assert!(!allows(&power, "iam:*", "*", ""), "not all of it");
        power.not_actions.clear();
        power.not_resources = vec!["arn:aws:s3:::keep".to_owned()];
        assert!(allows(&power, "iam:PassRole", "arn:aws:iam:::role/*", ""));
        assert!(!allows(&power, "*", "*", ""));
    }

    #[test]
    fn a_resource_star_in_another_group_reaches_no_secret() {
        let other = grant(&["get"], &["*"], &["apps"], &[]);
        assert!(!allows(&other, "get", "secrets", ""));
        assert!(allows(&other, "get", "deployments", "apps"));
        assert!(allows(&grant(&["*"], &["*"], &["*"], &[]), "get", "secrets", ""));
    }

    #[test]
    fn everything_is_held_by_whoever_holds_every_star() {
        assert!(allows(&grant(&["*"], &["*"], &["*"], &[]), "*", "*", "*"));
        for near in [
            grant(&["get"], &["*"], &["*"], &[]),
            grant(&["*"], &["secrets"], &["*"], &[]),
            grant(&["*"], &["*"], &[""], &[]),
        ] {
            assert!(!allows(&near, "*", "*", "*"));
        }
    }

    #[test]
    fn a_grant_limited_to_names_creates_no_whole_object() {
        let named = grant(&["create", "get"], &["secrets", "pods/exec"], &[""], &["one"]);
        assert!(!allows(&named, "create", "secrets", ""));
        assert!(allows(&named, "get", "secrets", ""));
        assert!(allows(&named, "create", "pods/exec", ""));
    }

    #[test]
    fn a_denying_grant_allows_nothing() {
        let mut deny = grant(&["*"], &["*"], &["*"], &[]);
        deny.effect = Effect::Deny;
        assert!(!allows(&deny, "get", "pods", ""));
    }
}
