//! The topics of `explain`: every command in them runs, in its order, as it is written there.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::format_push_string,
    clippy::disallowed_methods,
    reason = "a set-up that fails is a test that fails"
)]

#[path = "support/run.rs"]
mod run;
mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use run::{Stage, fingerprints, token};

const NAMESPACES: &str = "exception@tollgate,exception-critical@tollgate,baseline@tollgate,revoke@tollgate,\
                          policy@tollgate,record@tollgate,break-glass@tollgate";

/// A repository with a finding, a deploy gate that saw it, people with keys under `~/.ssh`, and the keys themselves.
fn stage() -> Stage {
    let stage = Stage::new();
    fs::create_dir(stage.home().join(".ssh")).unwrap();
    let mut signers = String::new();
    for name in ["dana", "lee", "ci", "seal"] {
        stage.key(&format!(".ssh/{name}"));
        let public = fs::read_to_string(stage.home().join(format!(".ssh/{name}.pub"))).unwrap();
        if name != "seal" {
            signers.push_str(&format!("{name}@acme.example namespaces=\"{NAMESPACES}\" {public}"));
        }
    }
    stage
        .repo
        .write(".tollgate/signers", signers)
        .write("prod.env", format!("TOKEN={}\n", token("one")))
        .commit("one");
    stage
}

/// The commands of a text: its lines that begin with one, without the words behind two spaces.
fn commands(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| line.starts_with("  tollgate "));
    lines.map(|line| line.trim_start().split("   ").next().unwrap().trim_end().to_owned()).collect()
}

/// `command` with what a reader would put in place of the words in capitals.
fn filled(command: &str, stage: &Stage) -> String {
    let mut command = command.to_owned();
    if command.contains("FINDING") || command.contains("FULL") {
        let print = &fingerprints(&stage.check(&[]).1)[0];
        command = command.replace("FINDING", print).replace("FULL", print);
    }
    if command.contains(" ID ") {
        let listed = stage.run(&["except", "list"]).out;
        command = command.replace(" ID ", &format!(" {} ", listed.split_whitespace().next().unwrap()));
    }
    command
}

fn run_all(topic: &str) -> usize {
    let stage = stage();
    stage.check(&["--stage", "deploy", "--trust", "main"]);
    let text = stage.run(&["explain", topic]).ends(0).out;
    let binary = Path::new(assert_cmd::cargo::cargo_bin!("tollgate")).parent().unwrap().to_owned();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let commands = commands(&text);
    for command in &commands {
        let command = filled(command, &stage);
        let output = Command::new("sh")
            .args(["-c", &command])
            .current_dir(stage.repo.path())
            .env_clear()
            .envs([("PATH", path.as_str()), ("USER", "kim")])
            .env("HOME", stage.home())
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        let code = output.status.code();
        assert!(
            matches!(code, Some(0 | 1)),
            "{topic}: {command}: {code:?}\n{}",
            String::from_utf8_lossy(&said)
        );
    }
    commands.len()
}

#[test]
fn every_command_of_every_topic_runs() {
    let mut seen = 0;
    for entry in fs::read_dir("src/cli/explain/topics").unwrap() {
        let path = entry.unwrap().path();
        seen += run_all(path.file_stem().unwrap().to_str().unwrap());
    }
    assert!(seen >= 30, "{seen}");
}

#[test]
fn the_policy_of_its_topic_is_one() {
    let stage = stage();
    let text = stage.run(&["explain", "policy"]).ends(0).out;
    let from = text.find("version: 1").unwrap();
    let to = text.find("\nWhat the change").unwrap();
    // What is said about a line stands behind two spaces or more.
    let lines = text[from..to].lines().map(|line| {
        let body = line.trim_start();
        let indent = &line[..line.len() - body.len()];
        format!("{indent}{}", body.split("   ").next().unwrap())
    });
    let policy: String = lines.map(|line| line.split(" told in").next().unwrap().to_owned() + "\n").collect();
    stage.repo.write(".tollgate/policy.yml", &policy);
    let said = stage.run(&["rules", "lint"]);
    assert_eq!(said.code, 0, "{policy}\n{}\n{}", said.out, said.err);
}
