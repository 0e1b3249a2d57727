//! What others call an identity: Terraform knows a role by its label, and every other file by the name it will have.

use std::collections::BTreeMap;

use super::{Context, Identity};

/// The setting in which a dialect hands over the name that an identity will have, where that is written out.
pub const CALLED: &str = "called";

/// Gives identities, and the steps and grants of their folder that speak of them, the names that others call them by.
///
/// The label `aws/role/ci` of `name = "deployer"` becomes `aws/role/deployer`, as `arn:aws:iam::…:role/deployer` is read.
/// A label with two such names keeps itself.
pub(super) fn rename(parts: &mut [Identity]) {
    let mut names: BTreeMap<(String, Context, String), Option<String>> = BTreeMap::new();
    for part in parts.iter_mut() {
        let Some(at) = part.settings.iter().position(|setting| setting.name == CALLED) else { continue };
        let called = part.settings.remove(at).value;
        let Some((word, _)) = part.name.rsplit_once('/') else { continue };
        let new = format!("{word}/{called}");
        let known = names.entry((part.home.clone(), part.context, part.name.clone()));
        known.and_modify(|one| *one = one.take().filter(|one| *one == new)).or_insert(Some(new));
    }
    if names.is_empty() {
        return;
    }
    for part in parts {
        let context = part.context;
        let renamed = |home: &str, name: &mut String| {
            if let Some(Some(new)) = names.get(&(home.to_owned(), context, name.clone())) {
                name.clone_from(new);
            }
        };
        renamed(&part.home, &mut part.name);
        // Whoever is the same everywhere becomes a role by a step that its folder writes.
        for step in &mut part.delegation {
            let home = folder(&step.place.path).to_owned();
            renamed(&home, &mut step.to);
            renamed(&home, &mut step.through);
        }
        for grant in &mut part.grants {
            let home = folder(&grant.place.path).to_owned();
            grant.given_by.iter_mut().for_each(|name| renamed(&home, name));
        }
    }
}

/// The folder of a file, as dialects name the home of what its files declare together.
fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or(".", |(folder, _)| folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::tests::{identity, place};
    use crate::identity::{Delegation, Scope, Setting};

    fn role(label: &str, called: &str, home: &str) -> Identity {
        let mut role = identity("aws", "role", &format!("aws/role/{label}"), Context::Live);
        home.clone_into(&mut role.home);
        let name = CALLED.to_owned();
        role.settings.push(Setting { name, value: called.to_owned(), place: place("a.tf") });
        role
    }

    fn user_of(label: &str, home: &str) -> Identity {
        let mut user = identity("aws", "user", "aws/user/a", Context::Live);
        user.delegation.push(Delegation {
            how: "can-become".to_owned(),
            to: format!("aws/role/{label}"),
            through: String::new(),
            scope: Scope::Unbound,
            namespace: String::new(),
            conditions: vec![],
            place: place(&format!("{home}/b.tf")),
        });
        user
    }

    #[test]
    fn a_label_means_something_in_its_folder_alone() {
        let mut parts = [role("ci", "deployer", "x"), user_of("ci", "x"), user_of("ci", "y")];
        rename(&mut parts);
        let [role, near, far] = &parts;
        assert_eq!((role.name.as_str(), role.settings.len()), ("aws/role/deployer", 0));
        assert_eq!(near.delegation[0].to, "aws/role/deployer");
        assert_eq!(far.delegation[0].to, "aws/role/ci");
    }

    #[test]
    fn a_label_with_two_names_keeps_itself() {
        let mut parts = [role("ci", "a", "x"), role("ci", "b", "x")];
        rename(&mut parts);
        assert!(parts.iter().all(|part| part.name == "aws/role/ci"));
    }
}
