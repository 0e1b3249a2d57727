//! What `*` really covers, by meaning and not by text.

use super::grant::{Effect, Grant};

/// Whether `grant` lets its holder do `action` on `resource` of API group `group`.
///
/// `group` is `""` for the core group and counts only where the grant names groups. A `*` in the question
/// is answered by a `*` in the grant alone, so `allows(g, "*", "*", "*")` asks for everything. A denying
/// grant allows nothing. Names limit a grant without emptying it, but for `create` and `deletecollection`
/// of whole objects: such a request carries no name, so a grant limited to names never matches it.
///
/// Source: Kubernetes, "Using RBAC Authorization", section "Referring to resources", read 2026-11-21.
pub fn allows(grant: &Grant, action: &str, resource: &str, group: &str) -> bool {
    let nameless = matches!(action, "create" | "deletecollection") && !resource.contains('/');
    grant.effect == Effect::Allow
        && (grant.names.is_empty() || !nameless)
        && grant.actions.iter().any(|pattern| covers_action(pattern, action))
        && grant.resources.iter().any(|pattern| covers_resource(pattern, resource))
        && (grant.groups.is_empty() || grant.groups.iter().any(|pattern| covers_group(pattern, group)))
}

/// Whether the action `pattern` of a grant covers `action`.
///
/// Kubernetes verbs know only the whole `*`. A pattern with a colon is a cloud action such as
/// `s3:Get*`: letter case does not count, `*` covers any run of characters, `?` one.
pub fn covers_action(pattern: &str, action: &str) -> bool {
    if pattern == "*" || pattern == action {
        return true;
    }
    pattern.contains(':')
        && pattern.contains(['*', '?'])
        && glob(pattern.to_ascii_lowercase().as_bytes(), action.to_ascii_lowercase().as_bytes())
}

/// Whether the resource `pattern` of a grant covers `resource`, a subresource written `pods/exec`.
///
/// `*` covers every resource and subresource, `*/scale` that subresource of all, `pods` no subresource.
/// `pods/*` counts as every subresource of pods: that is what its author asked for, though the API
/// server takes it by the letter. A resource that starts with `/` is a URL path: `/*` covers all of
/// them, `/api/*` those below, and no other pattern covers any.
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
    match (pattern.split_once('/'), resource.split_once('/')) {
        (Some(("*", wanted)), Some((_, sub))) => wanted == sub || wanted == "*",
        (Some((kind, "*")), Some((wanted, _))) => kind == wanted,
        _ => false,
    }
}

/// Whether the API group `pattern` of a grant covers `group`; `""` is the core group and nothing more.
pub fn covers_group(pattern: &str, group: &str) -> bool {
    pattern == "*" || pattern == group
}

/// `*` stands for any run of bytes, `?` for one. Linear memory, no recursion.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
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
        ] {
            assert_eq!(covers_action(pattern, action), covers, "{pattern} over {action}");
        }
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
