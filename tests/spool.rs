//! A ledger out of reach: what a run says then, what is kept of it, and how that comes in later.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a set-up that fails is a test that fails"
)]

#[path = "stores/https.rs"]
mod https;
#[path = "support/run.rs"]
mod run;
#[path = "stores/server.rs"]
#[cfg_attr(feature = "postgres", allow(dead_code, reason = "the tests of the store use more of it"))]
mod server;
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use run::{Stage, borrowed, token};
use serde_json::Value;

/// Nobody listens there.
const NO_SERVER: &str = "postgres://gate@127.0.0.1:9/none";

const DEPLOY: [&str; 4] = ["--stage", "deploy", "--trust", "main"];

/// A repository with a token in it, and somebody who may sign what happened.
fn stage() -> Stage {
    let stage = Stage::new();
    stage.key("ci");
    stage.key("mallory");
    stage.repo.write(".tollgate/signers", stage.signers(&["ci"])).commit("signers");
    stage.repo.write("prod.env", format!("TOKEN={}\n", token("one"))).commit("one");
    stage
}

fn key(stage: &Stage, name: &str) -> String {
    stage.home().join(name).display().to_string()
}

fn folder(stage: &Stage) -> PathBuf {
    stage.repo.path().join(".git/tollgate/spool")
}

/// The files that runs left.
fn kept(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "jsonl"));
    paths.sort();
    paths
}

fn lines(path: &Path) -> Vec<Value> {
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Runs the gate at `deploy` with no ledger in reach; the one file it left.
fn spooled(stage: &Stage) -> PathBuf {
    let before = kept(&folder(stage));
    let said = stage.run(&[&["check", "--ledger", NO_SERVER], &DEPLOY[..]].concat()).ends(2);
    assert!(said.out.is_empty() && said.err.contains("tollgate ledger import"), "{}", said.err);
    let after = kept(&folder(stage));
    after.into_iter().find(|path| !before.contains(path)).unwrap()
}

fn import(stage: &Stage, path: &Path, arguments: &[&str]) -> run::Said {
    stage.run(&[&["ledger", "import", path.to_str().unwrap()], arguments].concat())
}

fn headline(stage: &Stage) -> Value {
    let mut rate = stage.run(&["rate", "--format", "json"]).ends(0).json();
    // What was read is told; what is computed must not move.
    rate.as_object_mut().unwrap().remove("records");
    rate.as_object_mut().unwrap().remove("header");
    for scope in ["all", "products", "pipelines"] {
        remove_chain(&mut rate[scope]);
    }
    rate
}

/// How many records were verified goes with their number.
fn remove_chain(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|name, _| !name.contains("chain"));
            map.values_mut().for_each(remove_chain);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_chain),
        _ => {}
    }
}

#[test]
fn c13_whatever_store_is_down_a_request_is_judged_and_a_deployment_is_not_and_both_are_kept() {
    let stage = stage();
    fs::write(stage.home().join("file"), "x").unwrap();
    let file = format!("file:{}", stage.home().join("file/ledger").display());
    let git = format!("git:{}#ledger", stage.home().join("gone.git").display());
    let variables = stage.github(&stage.repo.git(&["rev-parse", "HEAD~1"]), "HEAD", "kim");
    stage.protect("main");
    for (number, url) in [file.as_str(), git.as_str(), NO_SERVER].into_iter().enumerate() {
        if cfg!(not(feature = "postgres")) && url == NO_SERVER {
            continue;
        }
        let spool = stage.home().join(format!("spool{number}"));
        let mut variables = borrowed(&variables);
        variables.push(("TOLLGATE_SPOOL", spool.to_str().unwrap()));
        let (code, report) = stage.check_with(&["--ledger", url], &variables);
        let why = report["unrecorded"].as_str().unwrap();
        assert_eq!((code, kept(&spool).len()), (1, 1), "{url}: {why}");
        let path = kept(&spool).remove(0);
        assert!(why.contains(path.to_str().unwrap()), "{why}");
        let records = lines(&path);
        assert_eq!(records.last().unwrap()["outcome"], "blocked");
        assert_eq!(records.last().unwrap()["actor"]["login"], "kim", "the run's own claims");
        assert!(records.iter().any(|record| record["kind"] == "observed"), "{records:?}");
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains(&token("one")) && !text.contains(&token("one")[4..]));
        // Made again, it is the same run and the same file.
        stage.check_with(&["--ledger", url], &variables);
        assert_eq!(kept(&spool).len(), 1);
        // At `deploy` the gate stays shut whatever was found, and the record says so.
        let said = stage.run_with(&[&["check", "--ledger", url], &DEPLOY[..]].concat(), &variables).ends(2);
        assert!(said.out.is_empty() && said.err.contains("kept in"), "{}", said.err);
        let said = stage.run_with(&["check", "--stage", "local", "--ledger", url], &[]).ends(2);
        assert!(!said.err.contains("kept in"), "nothing of a person's machine is kept: {}", said.err);
    }
}

#[cfg(unix)]
#[test]
fn a_clean_run_at_deploy_is_kept_as_one_that_let_nothing_through_and_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let stage = stage();
    stage.repo.remove("prod.env").commit("clean");
    let path = spooled(&stage);
    let run = lines(&path).pop().unwrap();
    assert_eq!((&run["outcome"], &run["spooled"]["outcome"]), (&"blocked".into(), &"clean".into()));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    // And where nothing can be kept either, that is said and the gate stays shut.
    let arguments = [&["check", "--ledger", NO_SERVER], &DEPLOY[..]].concat();
    let said = stage.run_with(&arguments, &[("TOLLGATE_SPOOL", "/dev/null/spool")]).ends(2);
    assert!(said.err.contains("could not be kept"), "{}", said.err);
}

#[test]
fn c8_an_import_that_nobody_signed_is_kept_and_shown_and_moves_no_number() {
    let stage = stage();
    stage.check(&DEPLOY);
    let before = headline(&stage);
    let path = spooled(&stage);
    let said = import(&stage, &path, &[]).ends(0);
    assert!(said.out.contains("never count"), "{}", said.out);
    let records = stage.records(&[]);
    let imports: Vec<&Value> = records.iter().filter(|record| record["kind"] == "import").collect();
    assert_eq!(imports.len(), lines(&path).len());
    assert_eq!(imports.last().unwrap()["imported"]["kind"], "run");
    assert_eq!(headline(&stage), before);
    assert!(stage.run(&["ledger", "log"]).out.contains("not counted: run"));
    stage.run(&["ledger", "verify"]).ends(0);
    // Again, it changes nothing, whoever does it.
    let size = stage.records(&[]).len();
    let said = stage.run_with(&["ledger", "import", path.to_str().unwrap()], &[("USER", "lee")]).ends(0);
    assert!(said.out.contains("nothing new"), "{}", said.out);
    assert_eq!(stage.records(&[]).len(), size);
    // Somebody who may vouch for it comes later: then it counts.
    import(&stage, &path, &["--key", &key(&stage, "ci")]).ends(0);
    assert_ne!(headline(&stage), before);
    stage.run(&["ledger", "verify"]).ends(0);
}

#[test]
fn a_run_that_was_signed_counts_whether_the_job_signed_it_or_who_imports_it() {
    for by_job in [true, false] {
        let stage = stage();
        let ci = key(&stage, "ci");
        let path = if by_job {
            let arguments = [&["check", "--ledger", NO_SERVER], &DEPLOY[..]].concat();
            stage.run_with(&arguments, &[("TOLLGATE_RECORD_KEY", &ci)]).ends(2);
            kept(&folder(&stage)).remove(0)
        } else {
            spooled(&stage)
        };
        let arguments: &[&str] = if by_job { &[] } else { &["--key", &ci] };
        let said = import(&stage, &path, arguments).ends(0);
        assert!(!said.out.contains("never count"), "{}", said.out);
        let rate = stage.run(&["rate", "--format", "json"]).ends(0).json();
        assert_eq!(rate["all"]["rate"]["pending"].as_u64(), Some(1), "{rate:#}");
        let said = import(&stage, &path, arguments).ends(0);
        assert!(said.out.contains("nothing new"), "{}", said.out);
        stage.run(&["ledger", "verify"]).ends(0);
        // Nobody else's key will do: by hand it is refused, and in a file it does not count.
        import(&stage, &path, &["--key", &key(&stage, "mallory")]).ends(2);
        let other = stage.repo.path().join(".tollgate/signers");
        fs::write(&other, stage.signers(&["mallory"])).unwrap();
        let rate = stage.run(&["rate", "--format", "json"]).ends(0).json();
        assert_eq!(
            rate["all"]["rate"]["pending"].as_u64(),
            Some(0),
            "the signer is listed no more: {rate:#}"
        );
    }
}

#[test]
fn a_run_that_reached_the_ledger_after_all_is_not_brought_again() {
    let stage = stage();
    stage.protect("main");
    let variables = stage.github(&stage.repo.git(&["rev-parse", "HEAD~1"]), "HEAD", "kim");
    let mut variables = borrowed(&variables);
    let spool = folder(&stage);
    let ledger = format!("file:{}", stage.ledger().display());
    variables.push(("TOLLGATE_SPOOL", spool.to_str().unwrap()));
    stage.check_with(&["--ledger", &ledger], &variables);
    stage.check_with(&["--ledger", NO_SERVER], &variables);
    let path = kept(&spool).remove(0);
    for arguments in [&[][..], &["--key", &key(&stage, "ci")]] {
        let said = import(&stage, &path, &[&["--ledger", &ledger], arguments].concat()).ends(0);
        assert!(said.out.contains("nothing new"), "{}", said.out);
    }
}

#[test]
fn c8_a_file_that_was_altered_brings_nothing() {
    let stage = stage();
    let path = spooled(&stage);
    let honest = fs::read_to_string(&path).unwrap();
    let run_at = honest.trim_end().rfind('\n').unwrap() + 1;
    let altered = stage.home().join("altered.jsonl");
    let refused = |text: &str| {
        fs::write(&altered, text).unwrap();
        let said = import(&stage, &altered, &[]);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{text}");
        assert!(said.err.contains("is not imported"), "{}", said.err);
        assert!(!stage.ledger().join("head.json").exists());
    };
    for text in [
        honest.replacen("\"action\":\"block\"", "\"action\":\"advise\"", 1),
        honest[..run_at].to_owned(),
        honest[run_at..].to_owned(),
        honest.trim_end().to_owned(),
        format!("{}{honest}", &honest[..run_at]),
        honest.replacen("\"kind\":\"observed\"", "\"kind\":\"deploy\"", 1),
        String::new(),
        "\n".to_owned(),
        "{}\n".to_owned(),
        "no record\n".to_owned(),
    ] {
        assert_ne!(text, honest);
        refused(&text);
    }
    // Signed, no field may change, that of the run itself neither.
    let ci = key(&stage, "ci");
    let arguments = [&["check", "--ledger", NO_SERVER], &DEPLOY[..]].concat();
    stage.run_with(&arguments, &[("TOLLGATE_RECORD_KEY", &ci)]).ends(2);
    let signed = kept(&folder(&stage)).into_iter().find(|other| *other != path).unwrap();
    let signed = fs::read_to_string(signed).unwrap();
    refused(&signed.replacen("\"outcome\":\"blocked\"", "\"outcome\":\"clean\"", 1));
    refused(&signed.replacen("\"trigger\":\"manual\"", "\"trigger\":\"pushed\"", 1));
    fs::write(&altered, &signed).unwrap();
    import(&stage, &altered, &[]).ends(0);
}

#[test]
fn f2_a_forged_run_that_was_imported_lets_nothing_be_deployed() {
    let stage = stage();
    let digest = format!("sha256:{}", "4e".repeat(32));
    let arguments = [&["check", "--ledger", NO_SERVER, "--artifact", &digest], &DEPLOY[..]].concat();
    stage.run(&arguments).ends(2);
    let path = kept(&folder(&stage)).remove(0);
    let text = fs::read_to_string(&path).unwrap();
    // Nothing but a signature tells a run from what somebody wrote into a file.
    let forged = text.replacen("\"outcome\":\"blocked\"", "\"outcome\":\"clean\"", 1);
    assert_ne!(forged, text);
    fs::write(&path, forged).unwrap();
    import(&stage, &path, &[]).ends(0);
    let said =
        stage.run(&["check", "--verify-deploy", &digest, "--stage", "deploy", "--trust", "main"]).ends(1);
    assert!(!said.out.contains("let it through"), "{}", said.out);
}

#[test]
fn a_run_of_another_organisation_is_not_brought() {
    let stage = stage();
    let path = spooled(&stage);
    let policy = "version: 1\norganisation: acme\n";
    stage.repo.write(".tollgate/policy.yml", policy).commit("acme");
    stage.check(&DEPLOY);
    let said = import(&stage, &path, &[]).ends(2);
    assert!(said.err.contains("the ledger there is `acme/ledger/"), "{}", said.err);
}

#[cfg(unix)]
#[test]
fn c6_a_run_that_is_killed_leaves_a_whole_file_or_none() {
    let stage = stage();
    let spool = folder(&stage);
    let mut milliseconds = 7;
    for _ in 0..30 {
        let arguments = [&["check", "--ledger", NO_SERVER], &DEPLOY[..]].concat();
        let mut child = stage.command(&arguments, &[]).stderr(std::process::Stdio::null()).spawn().unwrap();
        milliseconds = (milliseconds * 37 + 11) % 400;
        std::thread::sleep(Duration::from_millis(milliseconds));
        let _ = child.kill();
        child.wait().unwrap();
    }
    spooled(&stage);
    let files = kept(&spool);
    let mut arguments = vec!["ledger", "import"];
    arguments.extend(files.iter().map(|path| path.to_str().unwrap()));
    let said = stage.run(&arguments).ends(0);
    assert_eq!(said.out.lines().count(), files.len(), "{}", said.out);
    stage.run(&["ledger", "verify"]).ends(0);
}

#[cfg(feature = "postgres")]
#[test]
fn a_database_that_is_back_takes_what_was_kept_and_its_password_stands_in_no_url() {
    let Some(database) = server::database() else { return };
    let server = server::server().unwrap();
    let stage = stage();
    let path = spooled(&stage);
    let url = format!("postgres://boss@localhost:{}/{}", server.port, database.name);
    let with = |variables: &[(&str, &str)]| {
        stage.run_with(&["ledger", "import", "--ledger", &url, path.to_str().unwrap()], variables)
    };
    assert!(with(&[]).ends(2).err.contains("password"));
    let (wrong, right) = ("wr0ngpass", "boss");
    let said = with(&[("PGPASSWORD", wrong)]).ends(2);
    assert!(!said.err.contains(wrong), "{}", said.err);
    with(&[("PGPASSWORD", right)]).ends(0);
    let file = stage.home().join("passwords");
    fs::write(&file, format!("localhost:{}:*:boss:boss\n", server.port)).unwrap();
    let named = [("PGPASSFILE", file.to_str().unwrap())];
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(with(&named).ends(2).err.contains("chmod 600"));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    }
    assert!(with(&named).ends(0).out.contains("nothing new"));
}

#[test]
fn a_remote_over_https_takes_a_token_that_stands_in_no_url_and_goes_to_no_other_host() {
    let Some(remote) = https::Remote::start() else { return };
    let stage = Stage::new();
    let authority = remote.certificate.to_str().unwrap();
    let init = |url: &str, variables: &[(&str, &str)]| {
        let all = [&[("GIT_SSL_CAINFO", authority)], variables].concat();
        stage.run_with(&["ledger", "init", "--ledger", url], &all)
    };
    let url = remote.url("");
    assert!(init(&url, &[]).ends(2).err.contains("cannot be used"));
    let wrong = init(&url, &[("TOLLGATE_LEDGER_TOKEN", "wr0ng-t0ken")]).ends(2);
    assert!(!wrong.err.contains("wr0ng-t0ken"), "{}", wrong.err);
    let token = [("TOLLGATE_LEDGER_TOKEN", https::TOKEN)];
    assert!(init(&url, &token).ends(0).out.contains("1 records"));
    // A name in the address is the one the token goes with.
    assert!(init(&remote.url("oauth2@"), &token).code == 2, "the server knows nobody of that name");
    // Git's own helpers serve as well, without a variable of ours.
    let helper = format!("!f() {{ echo username=x-access-token; echo password={}; }}; f", https::TOKEN);
    let settings = [
        ("GIT_CONFIG_COUNT", "1"),
        ("GIT_CONFIG_KEY_0", "credential.helper"),
        ("GIT_CONFIG_VALUE_0", &helper),
    ];
    assert!(init(&url, &settings).ends(0).out.contains("1 records"));
    // Sent elsewhere by the server, git asks for that host, and nobody answers.
    let other = https::Remote::start().unwrap();
    let elsewhere =
        format!("git:https://localhost:{}/elsewhere/{}/ledger.git#ledger", remote.port, other.port);
    let lost = init(&elsewhere, &token);
    assert_eq!(lost.code, 2, "{}", lost.out);
    assert_eq!(other.asked_with_a_password(), 0, "the token went to a host it is not for");
}
