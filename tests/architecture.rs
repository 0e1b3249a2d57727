//! The import table on the front page of `src/lib.rs` is law.

#![allow(
    clippy::unwrap_used,
    clippy::string_slice,
    reason = "a test that meets what it cannot read has failed"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Module name to layer, as the front page of the library states it.
fn layers() -> BTreeMap<String, u32> {
    let page = fs::read_to_string("src/lib.rs").unwrap();
    let table = page.lines().filter_map(|line| line.strip_prefix("//! "));
    let rows = table.filter_map(|line| line.trim_start().split_once("  ")).filter_map(|(layer, names)| {
        let layer: u32 = layer.trim().parse().ok()?;
        Some(names.split_whitespace().map(move |name| (name.to_owned(), layer)))
    });
    rows.flatten().collect()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// The top module a source file belongs to.
fn module_of(path: &Path) -> String {
    let name = path.strip_prefix("src").unwrap().components().next().unwrap();
    name.as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
}

/// Every `crate::name` of a file, with its line, outside comments.
fn imports(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
        for rest in line.split("crate::").skip(1) {
            let group = rest.strip_prefix('{').map(|group| group.split('}').next().unwrap_or(group));
            let names = group.map_or_else(|| vec![rest], |group| group.split(',').map(str::trim).collect());
            for name in names {
                let name: String =
                    name.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
                found.push((at + 1, name));
            }
        }
    }
    found
}

#[test]
fn a_module_imports_only_from_lines_below_its_own() {
    let layers = layers();
    let mut files = Vec::new();
    sources(Path::new("src"), &mut files);
    files.sort();
    let mut faults = Vec::new();
    for path in files {
        let own = module_of(&path);
        let Some(layer) = layers.get(&own) else { continue };
        for (line, name) in imports(&fs::read_to_string(&path).unwrap()) {
            let Some(other) = layers.get(&name) else { continue };
            if name != own && other >= layer {
                faults.push(format!(
                    "{}:{line}: `{own}` (line {layer}) imports `{name}` (line {other})",
                    path.display()
                ));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn every_module_stands_in_the_table() {
    let layers = layers();
    let page = fs::read_to_string("src/lib.rs").unwrap();
    let declared = page.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    for name in declared {
        assert!(layers.contains_key(name), "`{name}` has no line in the table");
    }
}

#[test]
fn processes_are_started_in_git_alone() {
    let mut files = Vec::new();
    sources(Path::new("src"), &mut files);
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let starts = text.contains("process::Command") || text.contains("Command::new(");
        let module = module_of(&path);
        let tests_only = text.find("#[cfg(test)]").is_some_and(|at| !text[..at].contains("Command::new("));
        // `except request` asks for the reason in the user's editor.
        let editor = path.ends_with("cli/except/editor.rs");
        assert!(!starts || module == "git" || editor || tests_only, "{} starts a process", path.display());
    }
}

#[test]
fn no_code_knows_the_name_of_a_rule() {
    let mut ids = Vec::new();
    for folder in ["secrets", "lifetimes", "privileges", "agents"] {
        for entry in fs::read_dir(Path::new("policies").join(folder)).unwrap() {
            let text = fs::read_to_string(entry.unwrap().path()).unwrap();
            ids.extend(
                text.lines()
                    .filter_map(|line| line.trim_start().strip_prefix("- id: "))
                    .map(|id| id.split_whitespace().next().unwrap_or_default().to_owned()),
            );
        }
    }
    assert!(ids.len() > 100, "the pack has {} rules", ids.len());
    let mut files = Vec::new();
    sources(Path::new("src"), &mut files);
    files.retain(|path| !path.ends_with("tests.rs"));
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let code: Vec<&str> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        let code = code.join("\n");
        for id in &ids {
            let quoted = format!("\"{id}\"");
            assert!(!code.contains(&quoted), "{} knows the rule `{id}`", path.display());
        }
    }
}

/// A folder of kinds, its list, and what a file declares that is one of the kinds (the rest is shared by them).
const KINDS: [(&str, &str, &str); 4] = [
    ("src/credential", "FORMS", "const FORM:"),
    ("src/manifest", "DIALECTS", "const DIALECT:"),
    ("src/report/outcome", "FORMATS", "pub fn render("),
    ("src/report/rate", "FORMATS", "pub fn render("),
];

#[test]
fn every_file_of_a_folder_of_kinds_stands_in_its_list() {
    for (folder, list, declaration) in KINDS {
        let folder = Path::new(folder);
        let lists: Vec<String> = [folder, folder.parent().unwrap()]
            .iter()
            .filter_map(|folder| fs::read_to_string(folder.join("mod.rs")).ok())
            .filter(|text| text.contains(&format!("const {list}")))
            .collect();
        assert!(!lists.is_empty(), "{} has no {list}", folder.display());
        let mut kinds = 0;
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            if name == "mod" || path.is_dir() || !fs::read_to_string(&path).unwrap().contains(declaration) {
                continue;
            }
            kinds += 1;
            assert!(
                lists.iter().any(|text| text.contains(&format!("{name}::"))),
                "{} is in no list",
                path.display()
            );
        }
        assert!(kinds > 1, "{} has {kinds} kinds: the shape is not proven", folder.display());
    }
}
