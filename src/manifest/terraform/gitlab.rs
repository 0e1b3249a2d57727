//! Access and deploy tokens of GitLab in Terraform.

use super::home;
use super::module::{Module, Resource, each};
use crate::identity::{Credential, CredentialKind, Life};
use crate::manifest::Reading;
use crate::manifest::file::{File, unknown_credential};
use crate::manifest::parts::Parts;
use crate::text::time::Timestamp;
use crate::text::tree::Node;

const PLATFORM: &str = "gitlab";

/// The access of a token that says none. Source: provider `gitlabhq/gitlab`, `gitlab_project_access_token`, read 2026-11-21.
const DEFAULT_ACCESS: &str = "maintainer";

/// Adds the tokens of GitLab that `module` declares.
pub(super) fn read(file: &File<'_>, module: &Module, reading: &mut Reading) {
    let mut parts = Parts::new(file, PLATFORM, &home(file));
    for resource in module.resources.iter().filter(|one| !one.data) {
        match resource.kind.as_str() {
            "gitlab_project_access_token" | "gitlab_group_access_token" => {
                token(file, resource, Some(DEFAULT_ACCESS), &mut parts);
            }
            "gitlab_personal_access_token" | "gitlab_deploy_token" => token(file, resource, None, &mut parts),
            _ => {}
        }
    }
    reading.identities.extend(parts.finish());
}

fn token(file: &File<'_>, resource: &Resource, access: Option<&str>, parts: &mut Parts<'_, '_>) {
    let body = &resource.body;
    let word = resource.kind.trim_start_matches("gitlab_").replace('_', "-");
    let name = format!("{PLATFORM}/{word}/{}", resource.label);
    let identity = parts.declare(&name, &word, body);
    for scope in body.get("scopes").into_iter().flat_map(each).filter(|node| node.scalar().is_some()) {
        identity.settings.push(file.setting("scopes", &scope.scalar().unwrap_or_default(), scope));
    }
    if let Some(access) = access {
        let at = body.get("access_level");
        let said = at.and_then(Node::scalar).unwrap_or_else(|| access.to_owned());
        identity.settings.push(file.setting("access_level", &said, at.unwrap_or(body)));
    }
    let end = body.get("expires_at");
    let date = end.and_then(Node::scalar).and_then(|text| Timestamp::parse(&text).ok());
    let renewed = body.get("rotation_configuration");
    let days = renewed.and_then(|at| at.get("expiration_days")).and_then(Node::as_int);
    let place = end.or(renewed).unwrap_or(body);
    identity.credentials.push(Credential {
        expires: date.map_or(-1, |date| date.0 / 1000),
        issuer: PLATFORM.to_owned(),
        // An end that is computed is an end.
        life: if end.is_some() || renewed.is_some() { Life::Bounded } else { Life::Never },
        lifetime: days.map_or(-1, |days| days.saturating_mul(86_400)),
        ..unknown_credential(CredentialKind::Pat, &name, file.location(place.span))
    });
}
