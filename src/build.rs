//! Compiles the rules of `policies/` into what the binary holds: `pack.rs` (an entry for each rule, sorted by id),
//! `docs.json` (what people read about a rule, in the same order) and `pack.digest` over both.
//!
//! A start reads nothing but the entries: what a rule looks for stands in them as JSON, which is read when one of its
//! keywords is met. The keywords of a pattern take a parse of it, which is done here once. A file that is no YAML, or a key that stands twice, stops the build.

#[path = "policy/literals.rs"]
#[allow(dead_code, reason = "the library uses the rest")]
mod literals;

use std::error::Error;
use std::fs;
use std::path::Path;

use serde_json::Value;
use sha2::{Digest, Sha256};

#[expect(clippy::disallowed_methods, reason = "a build script writes where cargo tells it to")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=policies");
    println!("cargo:rerun-if-changed=src/policy/literals.rs");
    let mut rules = Vec::new();
    for folder in sorted(Path::new("policies"))?.iter().filter(|folder| folder.is_dir()) {
        for file in sorted(folder)? {
            let path = file.to_string_lossy().replace('\\', "/");
            rules.extend(read(&file, &path).map_err(|error| format!("{path}: {error}"))?);
        }
    }
    rules.sort_by(|left, right| left.id.cmp(&right.id));
    let pack: String = rules.iter().map(|rule| rule.entry.as_str()).collect();
    let pack = format!("[\n{pack}]\n");
    let docs = serde_json::to_vec(&rules.into_iter().map(|rule| rule.doc).collect::<Vec<_>>())?;
    let both = [Sha256::digest(&pack), Sha256::digest(&docs)].concat();
    let digest = Sha256::digest(both).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    let out = std::env::var_os("OUT_DIR").ok_or("no OUT_DIR")?;
    let out = Path::new(&out);
    fs::write(out.join("pack.digest"), format!("sha256:{digest}"))?;
    fs::write(out.join("docs.json"), docs)?;
    fs::write(out.join("pack.rs"), pack)?;
    Ok(())
}

/// A rule as it goes into the pack.
struct Packed {
    id: String,
    /// The entry of `policy/pack.rs`, as Rust.
    entry: String,
    doc: Value,
}

/// The rules of one file.
fn read(file: &Path, path: &str) -> Result<Vec<Packed>, Box<dyn Error>> {
    let yaml: serde_yaml::Value = serde_yaml::from_str(&fs::read_to_string(file)?)?;
    let mut file = serde_json::to_value(yaml)?;
    let rules = file.get_mut("rules").and_then(Value::as_array_mut).ok_or("there is no list `rules`")?;
    rules.iter_mut().map(|rule| packed(rule, path)).collect()
}

fn packed(rule: &mut Value, path: &str) -> Result<Packed, Box<dyn Error>> {
    let rule = rule.as_object_mut().ok_or("a rule is no map")?;
    let doc = DOC_FIELDS.iter().filter_map(|name| Some(((*name).to_owned(), rule.remove(*name)?)));
    let doc = Value::Object(doc.collect());
    let mut text = |name: &str| match rule.remove(name) {
        Some(Value::String(text)) => Ok(text),
        _ => Err(format!("a rule has no `{name}`")),
    };
    let (id, title, severity) = (text("id")?, text("title")?, text("severity")?);
    let folder = path.split('/').nth(1).unwrap_or_default();
    let family = variant("Family", folder.trim_end_matches('s'));
    let severity = variant("Severity", &severity);
    let confidence = text("confidence").map(|word| variant("Confidence", &word)).ok();
    let enforcement = text("enforcement").map(|word| variant("Enforcement", &word)).ok();
    let detect = rule.remove("detect").ok_or("a rule has no `detect`")?;
    if let Some(unknown) = rule.keys().next() {
        return Err(format!("`{id}` has an unknown field `{unknown}`").into());
    }
    let (keywords, detect) = looks_for(detect).map_err(|error| format!("{id}: {error}"))?;
    let optional = |word: Option<String>| word.map_or("None".to_owned(), |word| format!("Some({word})"));
    let entry = format!(
        "Entry {{ id: {id:?}, title: {title:?}, family: {family}, severity: {severity}, confidence: {}, \
         enforcement: {}, origin: {path:?}, keywords: &{keywords:?}, detect: {:?} }},\n",
        optional(confidence),
        optional(enforcement),
        detect.to_string(),
    );
    Ok(Packed { id, entry, doc })
}

/// The word of a rule as a variant of the Rust type; one that is none stops the build.
fn variant(of: &str, word: &str) -> String {
    let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
    format!("{of}::{}{rest}", first.to_uppercase())
}

/// The keywords of a text rule, written beside its pattern too; and what the rule looks for.
fn looks_for(mut detect: Value) -> Result<(Vec<String>, Value), Box<dyn Error>> {
    let Some(mut text) = detect.get_mut("text").map(Value::take) else { return Ok((Vec::new(), detect)) };
    let named: Option<Vec<String>> = text.get("keywords").cloned().map(serde_json::from_value).transpose()?;
    let pattern = text.get("pattern").and_then(Value::as_str).unwrap_or_default();
    let near = text.pointer("/near/pattern").and_then(Value::as_str);
    let keywords = literals::keywords(&named.unwrap_or_default(), pattern, near)?;
    let fields = text.as_object_mut().ok_or("`text` is no map")?;
    fields.insert("keywords".to_owned(), Value::from(keywords.clone()));
    Ok((keywords, text))
}

/// The fields of a rule that no decision depends on.
const DOC_FIELDS: [&str; 9] =
    ["why", "fix", "source", "maps", "examples", "look_alikes", "also", "lifetime", "revoke"];

fn sorted(folder: &Path) -> Result<Vec<std::path::PathBuf>, Box<dyn Error>> {
    let mut paths =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    Ok(paths)
}
