//! Built-in rules, then the files of `extends:`, then the repository's own; and who may override what.

use serde_json::{Value, json};

use super::pack::{self, builtin};
use super::rule::{Detect, Rule};
use super::settings::{Override, Settings};
use super::syntax::RuleFile;
use super::{Policies, PolicyError, PolicyFile};
use crate::finding::{Confidence, Enforcement};
use crate::text::hash;
use crate::text::json::write_canonical;

/// The largest policy or rule file.
const MAX_FILE: usize = 1 << 20;

/// Puts the policy of a repository together from its files.
///
/// `files` holds every file of `.tollgate/` that the trust root has, and those it extends; paths
/// relative to the repository. Without a `policy.yml` the built-in rules are in force as they are.
///
/// # Errors
///
/// The first thing that is wrong in any of the files, with its place.
pub fn policies(files: &[PolicyFile]) -> Result<Policies, PolicyError> {
    let settings_file = files.iter().find(|file| file.path == ".tollgate/policy.yml");
    let settings = settings_file.map_or_else(|| Ok(Settings::default()), read_settings)?;
    let mut rules = Vec::new();
    let bases = settings.extends.clone().unwrap_or_else(|| vec!["builtin".to_owned()]);
    for base in &bases {
        if base == "builtin" {
            rules.extend(builtin()?);
            continue;
        }
        let file = files.iter().find(|file| file.path == *base).ok_or_else(|| {
            let place = settings_file.and_then(|file| file.place(base));
            PolicyError::at(
                ".tollgate/policy.yml",
                place,
                format!("`extends` names `{base}`, and there is no such file"),
            )
            .help("write `builtin`, or the path of a rule file in this repository")
        })?;
        rules.extend(read_rules(file)?);
    }
    let own = |file: &&PolicyFile| file.path.starts_with(".tollgate/rules/") && is_yaml(&file.path);
    for file in files.iter().filter(own) {
        rules.extend(read_rules(file)?);
    }
    rules.sort_by(|left, right| left.id.cmp(&right.id));
    refuse_twins(&rules, files)?;
    let rules = apply_settings(rules, &settings, settings_file)?;
    Ok(Policies { rules, settings, digest: digest(pack::DIGEST, files) })
}

/// The files of this repository that a policy extends, beside the built-in rules.
///
/// # Errors
///
/// The policy cannot be read, or a path leads out of the repository.
pub fn extended(policy: &PolicyFile) -> Result<Vec<String>, PolicyError> {
    let settings = read_settings(policy)?;
    let paths = settings.extends.unwrap_or_default().into_iter().filter(|base| base != "builtin");
    paths
        .map(|path| {
            let inside =
                !path.starts_with('/') && path.split('/').all(|part| !part.is_empty() && part != "..");
            if inside && !path.contains(':') {
                return Ok(path);
            }
            let message = format!("`extends` names `{path}`, which is no path inside this repository");
            Err(PolicyError::at(&policy.path, policy.place(&path), message))
        })
        .collect()
}

fn is_yaml(path: &str) -> bool {
    let ending = std::path::Path::new(path).extension();
    ending.is_some_and(|ending| ending == "yml" || ending == "yaml")
}

fn read_settings(file: &PolicyFile) -> Result<Settings, PolicyError> {
    let settings: Settings = read_yaml(file)?;
    if let Some(version) = settings.version
        && version != 1
    {
        let message = format!("version `{version}` of the policy format is unknown; this is version 1");
        return Err(PolicyError::at(&file.path, file.place("version"), message));
    }
    for pattern in &settings.paths.exclude {
        if !super::rule::is_glob(pattern) {
            return Err(PolicyError::at(
                &file.path,
                file.place(pattern),
                format!("`{pattern}` is no path pattern"),
            ));
        }
    }
    if let Some(target) = settings.rate.target
        && !(0.0..=1.0).contains(&target)
    {
        return Err(PolicyError::at(
            &file.path,
            file.place("target"),
            "`target` is a share from 0 to 1".to_owned(),
        ));
    }
    Ok(settings)
}

fn read_rules(file: &PolicyFile) -> Result<Vec<Rule>, PolicyError> {
    let rules: RuleFile = read_yaml(file)?;
    let mut checked = Vec::new();
    for syntax in rules.rules {
        let family = syntax.family.unwrap_or_else(|| Detect::default_family(&syntax.detect));
        let fault = |message: String, word: &str| {
            let place = super::spot::of_rule(file, &syntax).or_else(|| file.place(word));
            PolicyError::at(&file.path, place, message)
        };
        let rule = Rule::new(syntax.clone(), family, &file.path);
        let rule = rule.map_err(|(message, word)| fault(message, &word))?;
        super::lint::usable(&rule).map_err(|message| fault(message, &format!("id: {}", rule.id)))?;
        checked.push(rule);
    }
    Ok(checked)
}

/// Reads YAML without duplicate keys, anchors or a second document.
fn read_yaml<T: serde::de::DeserializeOwned>(file: &PolicyFile) -> Result<T, PolicyError> {
    if file.text.len() > MAX_FILE {
        return Err(PolicyError::at(
            &file.path,
            None,
            format!("the file is larger than {} KiB", MAX_FILE >> 10),
        ));
    }
    let fault = |error: serde_yaml::Error| {
        let place = error.location().map(|place| (place.line(), place.column()));
        let message = words(&error.to_string());
        let place = second_of(file, &message, place).or(place);
        let help = help(&message);
        PolicyError::at(&file.path, place, message).help(&help)
    };
    // A `Value` refuses keys that stand twice at any depth; structs alone would let maps pass.
    let _: serde_yaml::Value = serde_yaml::from_str(&file.text).map_err(fault)?;
    serde_yaml::from_str(&file.text).map_err(fault)
}

/// The message of a YAML error in our words, without its place.
fn words(message: &str) -> String {
    let message = message.split(" at line ").next().unwrap_or(message);
    let message =
        message.rsplit_once(": ").filter(|(path, _)| !path.contains(' ')).map_or(message, |(_, rest)| rest);
    message
        .replace("duplicate entry with key", "a key stands twice:")
        .replace("unknown variant", "unknown word")
        .replace("invalid type:", "this is of the wrong type:")
        .replace("repetition limit exceeded", "its aliases make the file grow beyond any use")
        .replace("recursion limit exceeded", "it is nested deeper than any policy")
}

/// Where a key stands for the second time; the reader of YAML only tells where the map begins that holds both.
fn second_of(file: &PolicyFile, message: &str, map: Option<(usize, usize)>) -> Option<(usize, usize)> {
    let key = message.strip_prefix("a key stands twice: \"")?.strip_suffix('"')?;
    let stands = |line: &str| {
        line.trim_start_matches([' ', '-', '{']).strip_prefix(key).is_some_and(|rest| rest.starts_with(':'))
    };
    let from = map.map_or(1, |(line, _)| line);
    let lines = file.text.lines().enumerate().skip(from - 1);
    let (index, line) = lines.filter(|(_, line)| stands(line)).nth(1)?;
    Some((index + 1, line.find(key)? + 1))
}

/// What to do about a YAML error: the known word that is nearest to an unknown one, where there is one.
fn help(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = quoted.next().filter(|_| message.starts_with("unknown ")).unwrap_or_default();
    nearest(unknown, quoted).map(|word| format!("did you mean `{word}`?")).unwrap_or_default()
}

/// Refuses two of `rules`, sorted by id, that have the same one.
fn refuse_twins(rules: &[Rule], files: &[PolicyFile]) -> Result<(), PolicyError> {
    let twins = rules.iter().zip(rules.iter().skip(1)).find(|(first, rule)| first.id == rule.id);
    let Some((first, rule)) = twins else { return Ok(()) };
    let message = format!("the rule id `{}` is taken: it stands in `{}` already", rule.id, first.origin);
    let place = files.iter().find(|file| file.path == rule.origin);
    let place = place.and_then(|file| file.place(&format!("id: {}", rule.id)));
    Err(PolicyError::at(&rule.origin, place, message).help("give the rule another id"))
}

fn apply_settings(
    mut rules: Vec<Rule>,
    settings: &Settings,
    file: Option<&PolicyFile>,
) -> Result<Vec<Rule>, PolicyError> {
    for rule in &mut rules {
        if let Some(enforcement) = settings.enforce.get(&rule.severity) {
            rule.enforcement = *enforcement;
        }
    }
    for change in &settings.rules {
        let Some(at) = rules.iter().position(|rule| rule.id.0 == change.id) else {
            return Err(unmatched(change, &rules, file));
        };
        if change.enabled == Some(false) {
            rules.remove(at);
            continue;
        }
        let Some(rule) = rules.get_mut(at) else { continue };
        rule.severity = change.severity.unwrap_or(rule.severity);
        rule.enforcement = change.enforcement.unwrap_or(rule.enforcement);
        rule.overridden_by = file.map(|file| file.path.clone()).unwrap_or_default();
    }
    for rule in &mut rules {
        if rule.confidence == Confidence::Low {
            rule.enforcement = Enforcement::Advise;
        }
    }
    Ok(rules)
}

fn unmatched(change: &Override, rules: &[Rule], file: Option<&PolicyFile>) -> PolicyError {
    let path = file.map_or(".tollgate/policy.yml", |file| file.path.as_str());
    let place = file.and_then(|file| file.place(&change.id));
    let nearest = nearest(&change.id, rules.iter().map(|rule| rule.id.0.as_str()));
    let help = nearest.map_or_else(
        || "`tollgate rules list` shows every id".to_owned(),
        |id| format!("did you mean `{id}`? `tollgate rules list` shows every id"),
    );
    PolicyError::at(
        path,
        place,
        format!("no rule has the id `{}`, so this override changes nothing", change.id),
    )
    .help(&help)
}

/// The known word that differs least from `word`, if any is close.
pub fn nearest<'w>(word: &str, known: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let close = known.map(|candidate| (distance(word, candidate), candidate)).min()?;
    (close.0 <= 1 + word.len() / 4).then_some(close.1)
}

/// Levenshtein distance in bytes.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.bytes().enumerate() {
        let mut diagonal = std::mem::replace(row.first_mut().unwrap_or(&mut 0), i + 1);
        let mut before = i + 1;
        for (b, cell) in right.bytes().zip(row.iter_mut().skip(1)) {
            let here = (diagonal + usize::from(a != b)).min(before + 1).min(*cell + 1);
            diagonal = std::mem::replace(cell, here);
            before = here;
        }
    }
    row.last().copied().unwrap_or_default()
}

/// Over everything that can change a decision: the pack of built-in rules, by its digest, and every policy file as
/// it stands, in the order it was read.
pub fn digest(pack: &str, files: &[PolicyFile]) -> String {
    let texts: Vec<Value> =
        files.iter().map(|file| json!([file.path, hash::digest(file.text.as_bytes())])).collect();
    hash::digest(&write_canonical(&json!({ "pack": pack, "files": texts })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_one_letter_off_is_suggested() {
        let known = ["github-token", "gitlab-token", "aws-access-key"];
        assert_eq!(nearest("github-tokne", known.into_iter()), Some("github-token"));
        assert_eq!(nearest("something-else", known.into_iter()), None);
    }
}
