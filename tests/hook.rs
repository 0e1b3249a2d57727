//! The gate as git starts it: real commits, hooks that were there before, and where they live.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a set-up that fails is a test that fails"
)]

#[path = "support/run.rs"]
mod run;
mod support;

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use run::Stage;

/// A line no hook lets through.
fn secret() -> String {
    format!("DB_PASSWORD=\"{}\"\n", ["x9Kq", "2mVb", "T7zL", "0pWd"].concat())
}

/// A commit as a person makes it, with hooks; `path` is searched for programs.
fn commit(stage: &Stage, path: &str) -> Output {
    stage.repo.git(&["add", "--all"]);
    Command::new("git")
        .current_dir(stage.repo.path())
        .env_clear()
        .envs([("PATH", path), ("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null")])
        .env("HOME", stage.home())
        .args(["-c", "user.name=Kim", "-c", "user.email=kim@acme.example", "commit", "-qm", "change"])
        .output()
        .unwrap()
}

const SYSTEM: &str = "/usr/local/bin:/usr/bin:/bin";

fn script(path: &Path, text: &str) {
    File::create(path).and_then(|mut file| file.write_all(text.as_bytes())).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_commit_with_a_secret_is_refused_and_one_without_is_made() {
    let stage = Stage::new();
    stage.run(&["hook", "install"]).ends(0);
    stage.repo.write("a.env", secret());
    let refused = commit(&stage, SYSTEM);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr) + String::from_utf8_lossy(&refused.stdout);
    assert!(said.contains("generic-credential"), "{said}");
    stage.repo.write("a.env", "REGION=eu\n");
    assert!(commit(&stage, SYSTEM).status.success());
}

#[test]
fn a_commit_that_went_past_the_hook_is_counted_once_by_the_runs_that_see_it() {
    let stage = Stage::new();
    let base = stage.repo.write("a.txt", "x\n").commit("base");
    stage.run(&["hook", "install"]).ends(0);
    stage.repo.write("a.env", secret());
    assert!(!commit(&stage, SYSTEM).status.success());
    stage.repo.git(&["commit", "-qnm", "past the hook"]);
    let past = stage.repo.git(&["rev-parse", "HEAD"]);
    stage.protect(&base);
    let arguments = ["check", "--stage", "merge", "--trust", "main", "--since", base.as_str()];
    for _ in 0..2 {
        let said = stage.run(&arguments).ends(1);
        assert!(said.out.contains("past the hook") && said.out.contains("1 commit "), "{}", said.out);
    }
    let runs = stage.records(&[]);
    let run = runs.iter().rfind(|record| record["kind"] == "run").unwrap();
    assert_eq!(run["past_hook"], serde_json::json!([past.trim()]));
    let rate = stage.run(&["rate", "--format", "json"]).ends(0).json();
    assert_eq!(rate["all"]["trust"]["past_hook"], 1, "{rate:#}");
    assert!(stage.run(&["rate"]).ends(0).out.contains("1 commits came past the hook"));
    // A change without such a commit says nothing of hooks.
    let clean = stage.run(&["check", "--stage", "merge", "--trust", "main", "--since", "HEAD"]);
    assert!(!clean.out.contains("past the hook"), "{}", clean.out);
}

#[test]
fn the_real_pre_commit_and_prek_run_the_gate_by_the_example() {
    let binary = Path::new(assert_cmd::cargo::cargo_bin!("tollgate")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    for program in ["pre-commit", "prek"] {
        let stage = Stage::new();
        let example = fs::read("examples/hooks/pre-commit-config.yaml").unwrap();
        stage.repo.write(".pre-commit-config.yaml", example);
        let installed = Command::new(program)
            .arg("install")
            .current_dir(stage.repo.path())
            .env_clear()
            .envs([("PATH", path.as_str()), ("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null")])
            .env("HOME", stage.home())
            .output();
        let Ok(installed) = installed else {
            assert!(std::env::var_os("TOLLGATE_CI").is_none(), "{program} is not here");
            eprintln!("left out: {program}, which is not installed here");
            continue;
        };
        assert!(installed.status.success(), "{program}: {}", String::from_utf8_lossy(&installed.stderr));
        assert!(commit(&stage, &path).status.success(), "{program}: nothing to find");
        stage.repo.write("a.env", secret());
        let refused = commit(&stage, &path);
        let said = String::from_utf8_lossy(&refused.stderr) + String::from_utf8_lossy(&refused.stdout);
        assert!(!refused.status.success() && said.contains("generic-credential"), "{program}: {said}");
    }
}

#[test]
fn the_commit_that_brings_the_gate_in_goes_through_its_hook_and_a_secret_beside_it_does_not() {
    let stage = Stage::new();
    stage.repo.write("a.txt", "x\n").commit("base");
    stage.run(&["init"]).ends(0);
    assert!(commit(&stage, SYSTEM).status.success(), "what `init` wrote and says to commit");
    stage.repo.write(".tollgate/signers", "# nobody yet\n");
    stage.repo.git(&["add", "--all"]);
    let said = stage.run(&["check", "--staged"]).ends(0);
    assert!(said.out.contains("advise[gate-own-files]"), "{}", said.out);
    stage.repo.write(".tollgate/notes.env", secret());
    assert!(!commit(&stage, SYSTEM).status.success());
}

#[test]
fn a_hook_that_was_there_runs_first_and_is_back_in_the_end() {
    let stage = Stage::new();
    let hook = stage.repo.path().join(".git/hooks/pre-commit");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    let old = "#!/bin/sh\necho old >> \"$(git rev-parse --git-dir)/ran\"\n[ ! -e stop ]\n";
    script(&hook, old);
    for said in ["installed; the hook that was there runs before it", "was installed already"] {
        assert!(stage.run(&["hook", "install"]).ends(0).out.contains(said));
    }
    stage.repo.write("a.txt", "x\n");
    assert!(commit(&stage, SYSTEM).status.success());
    stage.repo.write("stop", "").write("b.txt", "x\n");
    assert!(!commit(&stage, SYSTEM).status.success());
    assert_eq!(fs::read_to_string(stage.repo.path().join(".git/ran")).unwrap(), "old\nold\n");
    stage.run(&["hook", "uninstall"]).ends(0);
    assert_eq!(fs::read_to_string(&hook).unwrap(), old);
    assert!(stage.run(&["hook", "uninstall"]).ends(0).out.contains("nothing of ours is there"));
    assert_eq!(fs::read_to_string(&hook).unwrap(), old);
}

#[test]
fn a_second_foreign_hook_is_never_overwritten() {
    let stage = Stage::new();
    let folder = stage.repo.path().join(".git/hooks");
    fs::create_dir_all(&folder).unwrap();
    script(&folder.join("pre-commit"), "#!/bin/sh\n");
    script(&folder.join("pre-commit.before-tollgate"), "#!/bin/sh\nexit 3\n");
    let said = stage.run(&["hook", "install"]).ends(2);
    assert!(said.err.contains("would be overwritten") && said.err.contains("help:"), "{}", said.err);
    assert_eq!(fs::read(folder.join("pre-commit")).unwrap(), b"#!/bin/sh\n");
}

#[test]
fn hooks_are_put_where_git_looks_for_them() {
    let stage = Stage::new();
    stage.repo.git(&["config", "core.hooksPath", "tools/hooks"]);
    stage.run(&["hook", "install"]).ends(0);
    assert!(stage.repo.path().join("tools/hooks/pre-commit").is_file());
    stage.repo.git(&["config", "core.hooksPath", ".husky/_"]);
    let said = stage.run(&["hook", "install"]).ends(2);
    assert!(said.err.contains("husky") && said.err.contains(".husky/pre-commit"), "{}", said.err);
    let said = Stage::folder().run(&["hook", "install"]).ends(2);
    assert!(said.err.contains("git repository"), "{}", said.err);
}

#[test]
fn without_the_program_nothing_is_committed() {
    let stage = Stage::new();
    stage.run(&["hook", "install"]).ends(0);
    let hook = stage.repo.path().join(".git/hooks/pre-commit");
    let text = fs::read_to_string(&hook).unwrap();
    script(&hook, &text.replace("tollgate)", "tollgate-gone)").replace("|| gate='", "|| gate='/nowhere"));
    stage.repo.write("a.txt", "x\n");
    let refused = commit(&stage, SYSTEM);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("not installed any more"));
}

#[test]
fn shells_and_man_learn_every_command() {
    let stage = Stage::folder();
    for shell in ["bash", "zsh", "fish"] {
        let said = stage.run(&["completions", shell]).ends(0);
        assert!(said.out.contains("rules") && said.out.contains("staged"), "{shell}");
    }
    stage.run(&["man", "pages"]).ends(0);
    let page = fs::read_to_string(stage.repo.path().join("pages/tollgate-check.1")).unwrap();
    assert!(page.contains("staged") && page.contains("Exit codes"), "{page}");
    assert!(stage.repo.path().join("pages/tollgate-rules-test.1").is_file());
}

/// `cargo build --release --no-default-features`, then this with `TOLLGATE_HOOK_BINARY` naming what came out, and
/// `-- --ignored --nocapture figures`.
#[test]
#[ignore = "needs a release build; a figure, not a promise"]
fn figures_of_the_binary_of_the_hook() {
    let Some(binary) = std::env::var_os("TOLLGATE_HOOK_BINARY") else { return };
    let size = fs::metadata(&binary).unwrap().len();
    let start = || {
        let begun = std::time::Instant::now();
        assert!(Command::new(&binary).arg("--version").output().unwrap().status.success());
        begun.elapsed()
    };
    let mut times: Vec<_> = (0..51).map(|_| start()).collect();
    times.sort_unstable();
    eprintln!(
        "{:.1} MiB, starts in {:?}, {:?} at best",
        size as f64 / f64::from(1 << 20),
        times[25],
        times[0]
    );
}
