//! Agents and the manifests that govern them: who answers for an agent, until when, and which agents nobody answers for.

use super::{Authority, Context, Identity, IdentityKind, Setting};
use crate::text::time::Timestamp;

/// The platform of agents that `tollgate-agent.yml` declares.
pub const PLATFORM: &str = "tollgate-agent";

/// Joins agents with the manifests that govern them, judged at `now`.
///
/// A manifest past its `expires` or `review_by` gets the setting `expired` or `review-overdue`. An agent that a manifest
/// names in `governs` gets `governed-by`, `declared-authority` where the manifest declares less than execute, and the
/// owner and purpose it has none of its own. Where there is any manifest, a live agent that none names gets
/// `ungoverned`, and a manifest that names an agent that is not there `governs-nothing` with that name.
pub fn govern(identities: &mut [Identity], now: Timestamp) {
    let mut manifests: Vec<Identity> = identities
        .iter()
        .filter(|one| one.platform == PLATFORM && one.context == Context::Live)
        .cloned()
        .collect();
    for manifest in identities.iter_mut().filter(|one| one.platform == PLATFORM) {
        mark_dates(manifest, now);
    }
    if manifests.is_empty() {
        return;
    }
    manifests.sort_by(|left, right| left.name.cmp(&right.name));
    for agent in identities.iter_mut().filter(|one| is_governable(one)) {
        match manifests.iter().find(|manifest| names(manifest, &agent.name)) {
            Some(manifest) => take(agent, manifest),
            None => {
                if let Some(place) = agent.places.first().cloned() {
                    agent.settings.push(Setting {
                        name: "ungoverned".to_owned(),
                        value: "true".to_owned(),
                        place,
                    });
                }
            }
        }
    }
    let known: Vec<String> = identities.iter().map(|one| one.name.clone()).collect();
    for manifest in identities.iter_mut().filter(|one| one.platform == PLATFORM) {
        let missing: Vec<Setting> = governs(manifest)
            .filter(|setting| !known.iter().any(|name| fits(&setting.value, name)))
            .map(|setting| Setting { name: "governs-nothing".to_owned(), ..setting.clone() })
            .collect();
        manifest.settings.extend(missing);
    }
}

fn is_governable(identity: &Identity) -> bool {
    identity.kind == IdentityKind::Agent && identity.platform != PLATFORM && identity.context == Context::Live
}

fn governs(manifest: &Identity) -> impl Iterator<Item = &Setting> {
    manifest.settings.iter().filter(|setting| setting.name == "governs")
}

fn names(manifest: &Identity, agent: &str) -> bool {
    governs(manifest).any(|setting| fits(&setting.value, agent))
}

/// A name as it is, or everything that begins with what stands before a final `*`.
fn fits(wanted: &str, name: &str) -> bool {
    wanted.strip_suffix('*').map_or(wanted == name, |start| name.starts_with(start))
}

fn take(agent: &mut Identity, manifest: &Identity) {
    for (own, theirs) in [(&mut agent.owner, &manifest.owner), (&mut agent.purpose, &manifest.purpose)] {
        if own.is_empty() {
            own.clone_from(theirs);
        }
    }
    if let Some(place) = manifest.places.first().cloned() {
        let mut mark = |name: &str, value: String| {
            agent.settings.push(Setting { name: name.to_owned(), value, place: place.clone() });
        };
        mark("governed-by", manifest.name.clone());
        // A manifest that names no tools says nothing about them.
        let most = manifest.tools.iter().map(|tool| tool.authority).max();
        if let Some(most) = most.filter(|most| *most < Authority::Execute) {
            mark("declared-authority", most.word().to_owned());
        }
    }
}

fn mark_dates(manifest: &mut Identity, now: Timestamp) {
    let mut found = Vec::new();
    for (name, mark) in [("expires", "expired"), ("review_by", "review-overdue")] {
        let dates = manifest.settings.iter().filter(|setting| setting.name == name);
        let past = dates.filter(|setting| Timestamp::parse(&setting.value).is_ok_and(|end| end <= now));
        found.extend(past.map(|setting| Setting { name: mark.to_owned(), ..setting.clone() }));
    }
    manifest.settings.extend(found);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::tests::{identity, place};

    fn agent(platform: &str, name: &str, settings: &[(&str, &str)]) -> Identity {
        let settings = settings
            .iter()
            .map(|(name, value)| Setting {
                name: (*name).to_owned(),
                value: (*value).to_owned(),
                place: place("a"),
            })
            .collect();
        let one = identity(platform, "agent", name, Context::Live);
        Identity { kind: IdentityKind::Agent, settings, ..one }
    }

    fn has(identity: &Identity, name: &str) -> bool {
        identity.settings.iter().any(|setting| setting.name == name)
    }

    #[test]
    fn agents_are_held_to_manifests_only_where_there_is_one() {
        let mut alone = [agent("codex", "codex/project", &[])];
        govern(&mut alone, Timestamp(0));
        assert!(alone[0].settings.is_empty());
        let mut all = [
            Identity {
                owner: "pay".to_owned(),
                ..agent(PLATFORM, "tollgate-agent/a", &[("governs", "codex/*")])
            },
            agent("codex", "codex/project", &[]),
            agent("zed", "zed/project", &[]),
        ];
        govern(&mut all, Timestamp(0));
        assert_eq!((all[1].owner.as_str(), has(&all[1], "governed-by")), ("pay", true));
        assert!(has(&all[2], "ungoverned") && !has(&all[0], "governs-nothing"));
    }

    #[test]
    fn dates_that_have_passed_are_marked() {
        let now = Timestamp::parse("2026-11-21").unwrap();
        for (date, past) in
            [("2026-11-20", true), ("2026-11-21", true), ("2026-11-22", false), ("soon", false)]
        {
            let mut one = [agent(PLATFORM, "tollgate-agent/a", &[("expires", date), ("review_by", date)])];
            govern(&mut one, now);
            assert_eq!([has(&one[0], "expired"), has(&one[0], "review-overdue")], [past; 2], "{date}");
        }
    }
}
