//! Every case of `manifests/<dialect>/`: some files of a tree, and the identities they make together.
//!
//! A case is one text, `== <path>` before each file and `== identities` before what is expected, so that
//! no scanner takes a fixture for a manifest of this repository. `UPDATE=1 cargo test --test manifests`
//! writes what is expected anew.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails says so by panicking")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use tollgate::finding::Location;
use tollgate::identity::{self, Effect, Identity, Storage};
use tollgate::manifest;

const EXPECTED: &str = "== identities\n";

#[test]
fn each_case_reads_as_its_snapshot_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/manifests");
    let mut wrong = Vec::new();
    let mut seen = 0;
    for dialect in manifest::DIALECTS {
        let folder = root.join(dialect.name.replace('-', "_"));
        for entry in fs::read_dir(&folder).expect("each dialect has a folder of cases") {
            let path = entry.unwrap().path();
            let case = fs::read_to_string(&path).unwrap();
            let (files, expected) = case.split_once(EXPECTED).unwrap_or((&case, ""));
            let found = show(files);
            seen += 1;
            if found == expected {
                continue;
            }
            if std::env::var_os("UPDATE").is_some() {
                let mut out = fs::File::create(&path).unwrap();
                std::io::Write::write_all(&mut out, format!("{files}{EXPECTED}{found}").as_bytes()).unwrap();
            }
            wrong.push(format!("{}:\n{found}", path.display()));
        }
    }
    assert!(seen >= 20, "the cases are where they should be");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What the files of a case declare together, one fact a line.
fn show(files: &str) -> String {
    let mut parts = Vec::new();
    let mut out = String::new();
    let mut gaps = Vec::new();
    for file in files.split("== ").skip(1) {
        let (path, text) = file.split_once('\n').expect("a path ends its line");
        let reading = manifest::read(path, None, text.as_bytes(), manifest::Keep::Identities);
        parts.extend(reading.identities);
        gaps.extend(reading.gaps);
    }
    let joined = identity::join(parts);
    gaps.extend(joined.gaps.iter().cloned());
    for one in &joined.identities {
        show_identity(one, &joined.identities, &mut out);
    }
    for gap in gaps {
        writeln!(out, "gap {} {}: {}", gap.path, gap.reason.word(), gap.detail).unwrap();
    }
    out
}

fn show_identity(one: &Identity, all: &[Identity], out: &mut String) {
    let word = |value: &dyn erased::Word| value.word();
    let mut line = |text: String| writeln!(out, "{text}").unwrap();
    let partial = if one.complete { "" } else { ", incomplete" };
    line(format!("{} ({} {}, {}{partial})", one.name, word(&one.kind), one.native_kind, word(&one.context)));
    line(format!("  at {}", one.places.iter().map(at).collect::<Vec<_>>().join(", ")));
    for (name, value) in [("owner", &one.owner), ("purpose", &one.purpose), ("environment", &one.environment)]
    {
        if !value.is_empty() && value != "unknown" {
            line(format!("  {name} {value}"));
        }
    }
    for grant in &one.grants {
        let names = if grant.names.is_empty() { String::new() } else { format!(" names {:?}", grant.names) };
        let place = if grant.namespace.is_empty() { String::new() } else { format!(" {}", grant.namespace) };
        line(format!(
            "  grant {:?} on {:?} of {:?}{names}, {}{place}, {}, by {:?} at {} ({})",
            grant.actions,
            grant.resources,
            grant.groups,
            word(&grant.scope),
            word(&grant.authority),
            grant.given_by,
            at(&grant.place),
            grant.action_places.iter().map(at).collect::<Vec<_>>().join(" "),
        ));
        for (word, list) in
            [("but", &grant.not_actions), ("but on", &grant.not_resources), ("if", &grant.conditions)]
        {
            if !list.is_empty() {
                line(format!("    {word} {list:?}"));
            }
        }
        if grant.effect == Effect::Deny {
            line("    denied".to_owned());
        }
    }
    for held in &one.credentials {
        line(format!(
            "  credential {} `{}`, {}, {} s, {}, audience `{}` at {}",
            word(&held.kind),
            held.name,
            word(&held.life),
            held.lifetime,
            word(&held.storage),
            held.audience,
            at(&held.place),
        ));
        if held.storage == Storage::Federated && !held.issuer.is_empty() {
            line(format!("    from {} for `{}`", held.issuer, held.subject));
        }
    }
    for tool in &one.tools {
        let unlimited = if tool.unlimited { ", unlimited" } else { "" };
        let pinned = if tool.pinned { "" } else { ", not pinned" };
        line(format!(
            "  tool `{}` of {}, {}, approval {}{unlimited}{pinned} at {}",
            tool.name,
            tool.source,
            word(&tool.authority),
            word(&tool.approval),
            at(&tool.place),
        ));
    }
    for step in &one.delegation {
        line(format!("  {} {} through `{}` at {}", step.how, step.to, step.through, at(&step.place)));
        if !step.conditions.is_empty() {
            line(format!("    if {:?}", step.conditions));
        }
    }
    for setting in &one.settings {
        line(format!("  {} = {} at {}", setting.name, setting.value, at(&setting.place)));
    }
    let blast = identity::radius(one, all);
    line(format!(
        "  blast {} (P{} D{} R{} E{}), {} to {}",
        blast.score,
        blast.privilege.level,
        blast.duration.level,
        blast.reach.level,
        blast.ease.level,
        blast.least,
        blast.most,
    ));
}

fn at(place: &Location) -> String {
    let file = place.path.rsplit('/').next().unwrap_or_default();
    format!("{file}:{}:{}", place.start.line, place.start.column)
}

/// The words that rules see.
mod erased {
    pub trait Word {
        fn word(&self) -> String;
    }

    impl<T: serde::Serialize> Word for T {
        fn word(&self) -> String {
            serde_json::to_value(self).unwrap().as_str().unwrap().to_owned()
        }
    }
}
