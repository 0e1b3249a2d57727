//! Deny beats allow: what an identity may not do is taken out of what it may.

use super::wildcard::covers_resource;
use super::{Effect, Grant};

/// Takes the actions of each denying grant back from the allowing ones beside it.
///
/// Only a denial without conditions counts, and only where it covers every resource of the grant: anything less leaves
/// a way, and a gate may not overlook one.
pub fn take_back(grants: &mut [Grant]) {
    let denied: Vec<Grant> = grants
        .iter()
        .filter(|grant| grant.effect == Effect::Deny && grant.conditions.is_empty() && grant.names.is_empty())
        .filter(|grant| grant.not_actions.is_empty() && grant.not_resources.is_empty())
        .cloned()
        .collect();
    for grant in grants.iter_mut().filter(|grant| grant.effect == Effect::Allow) {
        for deny in &denied {
            let covered =
                |resource: &String| deny.resources.iter().any(|pattern| covers_resource(pattern, resource));
            if grant.resources.iter().all(covered) {
                let new = deny.actions.iter().filter(|action| !grant.not_actions.contains(action));
                let new: Vec<String> = new.cloned().collect();
                grant.not_actions.extend(new);
            }
        }
    }
}
