use proptest::prelude::*;

use super::*;
use crate::identity::tests::{identity, place};
use crate::identity::{Context, CredentialKind, Delegation};

fn levels((privilege, duration, reach, ease): (u8, u8, u8, u8)) -> Levels {
    Levels { privilege, duration, reach, ease }
}

#[test]
fn the_check_values_of_the_formula() {
    for (factors, expected) in [
        ((5, 5, 3, 5), 90),
        ((5, 2, 3, 1), 54),
        ((5, 2, 3, 2), 62),
        ((5, 5, 4, 3), 86),
        ((4, 4, 4, 4), 80),
        ((4, 2, 2, 3), 57),
        ((3, 2, 2, 1), 40),
        ((1, 2, 2, 1), 26),
        ((3, 3, 3, 3), 60),
        ((1, 1, 1, 1), 20),
        ((5, 5, 5, 5), 100),
        ((0, 5, 5, 5), 0),
    ] {
        assert_eq!(score(levels(factors)), expected, "{factors:?}");
    }
    assert_eq!(
        [100, 85, 84, 65, 64, 45, 44, 25, 24, 0].map(band).join(" "),
        "critical critical high high medium medium low low minimal minimal"
    );
}

proptest! {
    #[test]
    fn raising_a_factor_never_lowers_the_score(p in 0..5_u8, d in 0..5_u8, r in 0..5_u8, e in 0..5_u8) {
        let base = score(levels((p, d, r, e)));
        for raised in [(p + 1, d, r, e), (p, d + 1, r, e), (p, d, r + 1, e), (p, d, r, e + 1)] {
            prop_assert!(score(levels(raised)) >= base);
        }
    }
}

fn grant(actions: &[&str], resources: &[&str], groups: &[&str], scope: Scope) -> Grant {
    let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    Grant {
        effect: Effect::Allow,
        actions: owned(actions),
        resources: owned(resources),
        not_actions: vec![],
        not_resources: vec![],
        groups: owned(groups),
        names: vec![],
        scope,
        namespace: String::new(),
        conditions: vec![],
        authority: Authority::Execute,
        given_by: vec![],
        place: place("g"),
        action_places: vec![],
        bound_at: None,
    }
}

fn account() -> Identity {
    identity("kubernetes", "ServiceAccount", "kubernetes/ServiceAccount/a/api", Context::Live)
}

fn token() -> Credential {
    Credential {
        kind: CredentialKind::KubeLegacyToken,
        name: "t".to_owned(),
        issuer: String::new(),
        subject: String::new(),
        audience: String::new(),
        algorithm: String::new(),
        issued: -1,
        expires: -1,
        life: Life::Never,
        lifetime: -1,
        remaining: 0,
        limit: -1,
        storage: Storage::Literal,
        place: place("t"),
    }
}

#[test]
fn a_cluster_admin_with_a_committed_token_scores_ninety() {
    let mut admin = account();
    admin.grants = vec![grant(&["*"], &["*"], &["*"], Scope::Cluster)];
    admin.credentials = vec![token()];
    let found = radius(&admin, &[]);
    assert_eq!((found.score, found.band, found.least, found.most), (90, "critical", 90, 90));
    assert_eq!(found.change.unwrap().score, 54);
}

#[test]
fn a_namespaced_editor_scores_forty_and_says_what_it_assumed() {
    let mut editor = account();
    editor.grants = vec![grant(&["update"], &["configmaps"], &[""], Scope::Namespace)];
    let found = radius(&editor, &[]);
    assert_eq!(found.score, 40);
    assert!(found.duration.assumed && found.ease.assumed && !found.privilege.assumed);
    assert!(found.least < 40 && found.most > 40);
}

fn agent(approval: Approval) -> Identity {
    let mut agent = identity("claude-code", "coding-agent", "claude-code/project", Context::Live);
    agent.kind = IdentityKind::Agent;
    agent.tools = vec![Tool {
        name: "Bash".to_owned(),
        source: "builtin".to_owned(),
        authority: Authority::Execute,
        approval,
        reversible: false,
        pinned: true,
        unlimited: true,
        place: place("s"),
    }];
    agent
}

#[test]
fn an_agent_that_runs_anything_unasked_scores_eighty_and_asking_helps() {
    assert_eq!(radius(&agent(Approval::None), &[]).score, 80);
    assert!(radius(&agent(Approval::Ask), &[]).score < 80);
}

#[test]
fn what_one_can_become_counts_and_the_path_is_told() {
    let mut admin = account();
    admin.grants = vec![grant(&["*"], &["*"], &["*"], Scope::Cluster)];
    let mut pod = identity("kubernetes", "Deployment", "kubernetes/Deployment/a/web", Context::Live);
    pod.delegation = vec![Delegation {
        conditions: vec![],
        how: "runs-as".to_owned(),
        to: admin.name.clone(),
        through: String::new(),
        scope: Scope::Cluster,
        namespace: String::new(),
        place: place("d"),
    }];
    let alone = radius(&pod, &[]);
    assert_eq!(alone.score, 0);
    let found = radius(&pod, &[admin.clone()]);
    assert_eq!(found.privilege.level, 5);
    assert_eq!(found.path, [pod.name.clone(), admin.name]);
}
