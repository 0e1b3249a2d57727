//! Compiles the rules of `policies/` into what the binary reads: `pack.json` at each start, `docs.json` (what people
//! read about a rule, in the same order) when somebody asks, and `pack.digest` over both.
//!
//! YAML takes twenty times as long to read as JSON, and the literals of a pattern take a parse of it:
//! both are done here once. A file that is no YAML, or a key that stands twice, stops the build.

#[path = "policy/literals.rs"]
#[allow(dead_code, reason = "the library uses the rest")]
mod literals;

use std::error::Error;
use std::fs;
use std::path::Path;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

#[expect(clippy::disallowed_methods, reason = "a build script writes where cargo tells it to")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=policies");
    println!("cargo:rerun-if-changed=src/policy/literals.rs");
    let mut files = Vec::new();
    let mut docs = Vec::new();
    for folder in sorted(Path::new("policies"))? {
        if !folder.is_dir() {
            continue;
        }
        for file in sorted(&folder)? {
            let path = file.to_string_lossy().replace('\\', "/");
            let text = fs::read_to_string(&file)?;
            let yaml: serde_yaml::Value =
                serde_yaml::from_str(&text).map_err(|error| format!("{path}: {error}"))?;
            let mut rules = serde_json::to_value(yaml).map_err(|error| format!("{path}: {error}"))?;
            add_literals(&mut rules).map_err(|error| format!("{path}: {error}"))?;
            take_docs(&mut rules, &mut docs);
            let mut entry = Map::new();
            entry.insert("path".to_owned(), Value::from(path));
            entry.insert("file".to_owned(), rules);
            files.push(Value::Object(entry));
        }
    }
    let out = std::env::var_os("OUT_DIR").ok_or("no OUT_DIR")?;
    let (pack, docs) = (serde_json::to_vec(&Value::Array(files))?, serde_json::to_vec(&Value::Array(docs))?);
    let both = [Sha256::digest(&pack), Sha256::digest(&docs)].concat();
    let digest = Sha256::digest(both).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    let out = Path::new(&out);
    fs::write(out.join("pack.digest"), format!("sha256:{digest}"))?;
    fs::write(out.join("docs.json"), docs)?;
    fs::write(out.join("pack.json"), pack)?;
    Ok(())
}

/// The fields of a rule that no decision depends on.
const DOC_FIELDS: [&str; 9] =
    ["why", "fix", "source", "maps", "examples", "look_alikes", "also", "lifetime", "revoke"];

/// Moves what people read about each rule out of `file`.
fn take_docs(file: &mut Value, docs: &mut Vec<Value>) {
    let rules = file.get_mut("rules").and_then(Value::as_array_mut);
    for rule in rules.into_iter().flatten().filter_map(Value::as_object_mut) {
        let fields = DOC_FIELDS.iter().filter_map(|name| Some(((*name).to_owned(), rule.remove(*name)?)));
        docs.push(Value::Object(fields.collect()));
    }
}

fn sorted(folder: &Path) -> Result<Vec<std::path::PathBuf>, Box<dyn Error>> {
    let mut paths =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    Ok(paths)
}

/// Writes the literals of each text rule beside its pattern, as `keywords`.
fn add_literals(file: &mut Value) -> Result<(), String> {
    let Some(rules) = file.get_mut("rules").and_then(Value::as_array_mut) else { return Ok(()) };
    for rule in rules {
        let Some(text) = rule.pointer_mut("/detect/text").and_then(Value::as_object_mut) else { continue };
        if text.contains_key("keywords") {
            continue;
        }
        let pattern = text.get("pattern").and_then(Value::as_str).unwrap_or_default();
        let found = literals::required(pattern)?;
        if !found.is_empty() {
            text.insert("keywords".to_owned(), Value::from(found));
        }
    }
    Ok(())
}
