//! What every CI provider tells, on the sample of its environment in `tests/providers/<name>.txt`.
//!
//! ```text
//! CIRCLECI=true                       the variables
//! ---
//! repo_name: acme/pay                 what the run is, field by field; what is not named is not looked at
//! ```
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use tollgate::pipeline::Environment;
use tollgate::pipeline::providers::{self, PROVIDERS};

fn samples() -> Vec<(String, Environment, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/providers");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let sample = |path: &std::path::PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        let (variables, expected) = text.split_once("---\n").unwrap();
        let pairs = variables.lines().filter_map(|line| line.split_once('='));
        let pairs: BTreeMap<_, _> = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        (name, Environment(pairs), expected.to_owned())
    };
    paths.iter().map(sample).collect()
}

#[test]
fn a_run_needs_no_flags_on_any_provider() {
    for (file, environment, expected) in samples() {
        let provider = providers::recognise(&environment).unwrap();
        let run = provider.run(&environment);
        let run_fields = serde_json::to_value(&run).unwrap();
        for line in expected.lines() {
            let (field, value) = line.split_once(": ").unwrap_or((line.trim_end_matches(':'), ""));
            let told = match field {
                "protected" => run.protected.join(" "),
                "target" => provider.target(&environment).unwrap_or_default(),
                _ => run_fields[field].as_str().map_or_else(|| run_fields[field].to_string(), str::to_owned),
            };
            assert_eq!(told, value, "{file}: {field}");
        }
        // `<provider>` or `<provider>-<what else>`
        assert!(file.starts_with(provider.name), "{file} is taken for {}", provider.name);
        assert!(expected.contains("pipeline: ") && expected.contains("run_id: "), "{file} says too little");
        assert_eq!(providers::unknown(&environment), None, "{file}");
    }
}

#[test]
fn every_provider_has_a_sample() {
    let samples = samples();
    for provider in PROVIDERS {
        assert!(samples.iter().any(|(file, ..)| file.starts_with(provider.name)), "{}", provider.name);
    }
}

#[test]
fn what_others_can_write_into_a_variable_stays_a_value() {
    for (file, environment, _) in samples() {
        let hostile = |value: &String| format!("{value}\n::error::x\u{1b}[31m{}", "y".repeat(400));
        let pairs = environment.0.iter().map(|(name, value)| (name.clone(), hostile(value)));
        let mut pairs: BTreeMap<_, _> = pairs.collect();
        let provider = providers::recognise(&environment).unwrap();
        pairs.insert(provider.detect.0.to_owned(), provider.detect.1.to_owned());
        let run = provider.run(&Environment(pairs));
        let text = serde_json::to_value(&run).unwrap();
        for value in text.as_object().unwrap().values().filter_map(|value| value.as_str()) {
            assert!(!value.contains(char::is_control), "{file}: {value:?}");
            assert!(value.chars().count() <= 401, "{file}: a name is two values at most");
        }
        assert_eq!((run.commit.as_str(), run.request.as_str()), ("", ""), "{file}");
    }
}
