use super::*;

fn identity(text: &str) -> Result<When, WhenError> {
    When::new(text, Sees::Identity(None))
}

fn about(text: &str, document: &serde_json::Value) -> Result<bool, WhenError> {
    let mut facts = Facts::new();
    facts.set("path", "a.json")?;
    facts.set("change", "")?;
    facts.set("document", document)?;
    When::new(text, Sees::Document)?.holds(&facts)
}

#[test]
fn a_condition_is_true_or_false_of_an_identity() {
    let agent = &sample::identities()[4];
    let mut facts = Facts::new();
    facts.set("identity", agent).unwrap();
    for (text, holds) in [
        ("identity.kind == 'agent'", true),
        ("identity.kind == 'person'", false),
        ("identity.tools.exists(t, t.authority == 'recommend' && !t.approval.startsWith('x'))", true),
        ("identity.grants.filter(g, g.effect == 'allow').size() == 1", true),
        ("'sample' in identity.grants[0].actions", true),
        ("identity.session.max_seconds < 0", true),
    ] {
        assert_eq!(identity(text).unwrap().holds(&facts), Ok(holds), "{text}");
    }
}

#[test]
fn a_misspelt_field_is_found_even_where_it_is_never_asked() {
    for (text, column) in [
        ("identity.kind == 'agent' && identity.tols.size() > 0", 37),
        ("identity.tools.exists(t, t.name == 'x' && t.aproval == 'none')", 44),
        ("identity.tools.filter(t, t.pinned).exists(t, t.nam == 'x')", 47),
        ("has(identity.tols)", 4),
        ("identity.kind == 'agent' ||\nidentity.session.max_secs > 0", 17),
    ] {
        let error = identity(text).unwrap_err();
        assert!(matches!(error, WhenError::Field { .. }), "{text}: {error}");
        assert_eq!(error.at().unwrap().column, column, "{text}: {:?}", error.at());
    }
}

#[test]
fn columns_are_counted_in_characters() {
    let error = identity("identity.name == 'äöü' && identity.nme == ''").unwrap_err();
    assert_eq!(error.at(), Some(Position { line: 1, column: 35 }));
    let error = identity("identity.name == 'äöü' ? == true").unwrap_err();
    assert_eq!(error.at(), Some(Position { line: 1, column: 26 }));
}

#[test]
fn what_can_never_be_true_is_an_error() {
    for (text, message) in [
        ("identity.kind == 'agnet'", "`agnet` is never the value"),
        ("identity.kind in ['agent', 'robot']", "`robot` is never the value"),
        ("identity.grants.exists(g, g.scope != 'global')", "`global` is never the value"),
        ("identity.session.max_seconds == '3600'", "a number is compared with a text"),
        ("identity.name", "gives a text"),
        ("identity.tools.size()", "gives a number"),
        ("identity.grants && true", "a list stands where true or false must"),
        ("identity.name.beginsWith('x')", "no function `beginsWith`"),
        ("identity.name.startsWith('x', 'y')", "takes 2 to 2 values"),
        ("identity.name.kind == 'x'", "`kind` is asked of a text"),
        ("agent.kind == 'x'", "no variable `agent`"),
        ("tool.name == 'x'", "no variable `tool`"),
        ("identity.name.matches('(')", "no regular expression"),
        ("identity.name.matches('(a{99}){99}{99}')", "no regular expression"),
        ("identity.name.matches(identity.owner)", "must stand in the expression"),
        ("identity.?name == 'x'", "unsupported syntax"),
        ("identity.kind ==", "the expression ends too early"),
        ("", "the expression ends too early"),
    ] {
        let error = identity(text).expect_err(text);
        assert!(error.to_string().contains(message), "{text}: {error}");
    }
}

#[test]
fn each_list_brings_its_own_variable() {
    for (each, text) in [
        (Each::Grants, "allows(grant, 'get', 'secrets')"),
        (Each::Tools, "tool.unlimited"),
        (Each::Credentials, "credential.life == 'never'"),
        (Each::Delegation, "delegation.to == '*'"),
        (Each::Settings, "setting.value == 'true'"),
        (Each::Widened, "widened.what == 'grant'"),
    ] {
        let when = When::new(text, Sees::Identity(Some(each))).unwrap();
        assert_eq!(when.try_on_samples(), Ok(()), "{text}");
    }
    assert_eq!(When::new("credential.remaining > 0", Sees::Credential).unwrap().try_on_samples(), Ok(()));
}

#[test]
fn allows_answers_by_meaning_and_for_any_of_its_lists() {
    let mut grant = sample::identities().remove(0).grants.remove(0);
    grant.actions = vec!["get".to_owned()];
    grant.resources = vec!["*".to_owned()];
    grant.groups = vec![String::new()];
    grant.names.clear();
    let mut facts = Facts::new();
    facts.set("grant", &grant).unwrap();
    for (text, holds) in [
        ("allows(grant, 'get', 'secrets')", true),
        ("allows(grant, ['list', 'get'], ['secrets'], ['apps', ''])", true),
        ("allows(grant, 'get', 'deployments', 'apps')", false),
        ("allows(grant, '*', '*', '*')", false),
    ] {
        let when = When::new(text, Sees::Identity(Some(Each::Grants))).unwrap();
        assert_eq!(when.holds(&facts), Ok(holds), "{text}");
    }
}

#[test]
fn what_is_asked_first_rules_nothing_out_that_holds() {
    let rules = crate::policy::pack::builtin().unwrap();
    let mut ruled_out = 0;
    for identity in sample::identities() {
        for rule in &rules {
            let crate::policy::Detect::Identity { each, when } = &rule.detect else { continue };
            let mut facts = Facts::new();
            facts.set("path", "a.yaml").unwrap();
            facts.set("identity", &identity).unwrap();
            each.map_or(Ok(()), |each| set_first_part(&mut facts, each, &identity)).unwrap();
            let (may_hold, answer) = (when.may_hold(&facts), when.answer(&facts));
            assert!(may_hold || answer == Ok(false), "{}", rule.id);
            let may_allow =
                *each != Some(Each::Grants) || identity.grants.iter().all(|one| when.may_allow(one));
            assert!(may_allow || answer == Ok(false), "{}", rule.id);
            ruled_out += usize::from(!may_hold);
        }
    }
    assert!(ruled_out > 0);
}

#[test]
fn no_grant_is_ruled_out_for_which_a_rule_of_the_pack_holds() {
    let rules = crate::policy::pack::builtin().unwrap();
    let Some(sample) = sample::identities().into_iter().next() else { panic!("no sample") };
    let (mut held, mut ruled_out) = (0, 0);
    for native_kind in ["Role", "ClusterRole"] {
        for action in ["*", "get", "create", "update", "escalate", "impersonate", "approve", "patch"] {
            for resource in
                ["*", "secrets", "pods", "pods/exec", "roles", "signers", "nodes/proxy", "configmaps"]
            {
                let grant = Grant {
                    actions: vec![action.to_owned()],
                    resources: vec![resource.to_owned()],
                    groups: vec!["*".to_owned()],
                    names: vec![],
                    effect: crate::identity::Effect::Allow,
                    scope: crate::identity::Scope::Cluster,
                    ..sample.grants[0].clone()
                };
                let mut identity = sample.clone();
                identity.platform = "kubernetes".to_owned();
                identity.native_kind = native_kind.to_owned();
                identity.name = format!("kubernetes/{native_kind}/a");
                let mut facts = Facts::new();
                facts.set("path", "a.yaml").unwrap();
                facts.set("identity", &identity).unwrap();
                facts.set("grant", &grant).unwrap();
                for rule in &rules {
                    let crate::policy::Detect::Identity { each: Some(Each::Grants), when } = &rule.detect
                    else {
                        continue;
                    };
                    let (possible, answer) = (when.may_allow(&grant), when.answer(&facts));
                    assert!(possible || answer == Ok(false), "{} of {action} {resource}", rule.id);
                    held += usize::from(answer == Ok(true));
                    ruled_out += usize::from(!possible);
                }
            }
        }
    }
    assert!(held > 50 && ruled_out > 1000, "{held} {ruled_out}");
}

#[test]
fn a_question_without_an_answer_is_no_decision_whatever_follows() {
    let document = serde_json::json!({"a": 1, "b": "c"});
    assert_eq!(about("document.b == 'd' && document.x == 'y'", &document), Ok(false));
    assert!(about("document.x == 'y' && document.b == 'c'", &document).is_err());
    assert_eq!(about("document.b in ['d', 'c'] && document.a == 1", &document), Ok(true));
}

#[test]
fn a_field_that_a_document_lacks_is_no_decision() {
    let document = serde_json::json!({"a": {"b": 18_446_744_073_709_551_615_u64}, "n": 5});
    assert_eq!(about("document.n == 5 && document.n + 1 == 6", &document), Ok(true));
    assert_eq!(about("document.a.b > 1", &document), Ok(true));
    assert_eq!(about("has(document.c) && document.c == 1", &document), Ok(false));
    assert_eq!(about("path == 'a.json' && change == ''", &document), Ok(true));
    let lacking = about("document.c == 1", &document);
    assert_eq!(lacking, Err(WhenError::Evaluation("a field it asks for is not there")));
    assert!(about("document.n", &document).is_err(), "a number is no answer");
}

#[test]
fn loops_nest_two_deep_and_take_a_bounded_number_of_steps() {
    let three = "document.exists(a, document.exists(b, document.exists(c, a == b && b == c)))";
    assert!(matches!(When::new(three, Sees::Document), Err(WhenError::Nested { .. })));
    let row = "document.filter(a, a > 0).filter(a, a > 1).all(a, document.exists(b, b == a))";
    assert!(When::new(row, Sees::Document).is_ok(), "loops in a row are not nested");
    let large = serde_json::json!((0..2000).collect::<Vec<_>>());
    assert_eq!(about("document.all(a, document.exists(b, b == -1 - a))", &large), Ok(false));
    assert_eq!(about("document.all(a, document.exists(b, b == a))", &large), Err(WhenError::Steps));
    let texts = serde_json::json!(vec!["x"; 60_000]);
    assert_eq!(about("document.exists(a, a.matches('y'))", &texts), Err(WhenError::Steps));
    let long = format!("path == '{}'", "x".repeat(LONGEST));
    assert_eq!(When::new(&long, Sees::Document).err(), Some(WhenError::TooLong(long.len())));
}

#[test]
fn the_names_of_a_group_come_in_one_order() {
    let document = serde_json::json!({"b": 1, "a": 2, "c": 3});
    assert_eq!(about("document.map(name, name) == ['a', 'b', 'c']", &document), Ok(true));
}

#[test]
fn no_error_repeats_a_value() {
    let document = serde_json::json!({"password": "hunter2-hunter2"});
    for text in ["document.password + 1 == 2", "document.password[0]", "document.password.x == 1"] {
        let error = about(text, &document).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "[a-z.()\\[\\]'\" &|!=<>0-9{},:?+*-]{0,80}") {
        let _ = identity(&text);
    }

    #[test]
    fn a_place_lies_in_the_expression(cut in 0_usize..90) {
        let text = "identity.kind == 'agent' && identity.tools.exists(t, t.name == 'ä' && t.pinned)";
        let text: String = text.chars().take(cut).collect();
        if let Some(at) = identity(&text).err().and_then(|error| error.at()) {
            proptest::prop_assert!(at.line == 1 && at.column as usize <= text.chars().count() + 1);
        }
    }
}
