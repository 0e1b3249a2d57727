//! Where in the tree a file stands, as far as its path tells.

use crate::identity::Context;

/// What the path of a file says about whether the product loads it.
///
/// A fixture of a test stays a fixture wherever it lies below; then come documentation, plugins, templates
/// and local files. What is left is live: a path that says nothing is no excuse.
pub fn context_of(path: &str) -> Context {
    let path = path.to_ascii_lowercase();
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", &path));
    let inside = |words: &[&str]| folders.split('/').any(|folder| words.contains(&folder));
    if inside(&["test", "tests", "__tests__", "fixtures", "testdata", "e2e"]) {
        return Context::Test;
    }
    if inside(&[
        "docs",
        "doc",
        "examples",
        "example",
        "samples",
        "sample",
        "demo",
        "demos",
        "tutorial",
        "tutorials",
        "guide",
        "guides",
        "cookbook",
        "playground",
    ]) {
        return Context::Docs;
    }
    if inside(&[".claude-plugin"]) || path.contains(".claude/plugins/") {
        return Context::Plugin;
    }
    if inside(&["templates", "mcp-configs"]) || TEMPLATE_ENDINGS.iter().any(|ending| name.ends_with(ending)) {
        return Context::Template;
    }
    if name.contains(".local.") { Context::LocalOptional } else { Context::Live }
}

/// The environment that a name such as `payments-prod` tells of.
pub(super) fn environment(text: &str) -> Option<&'static str> {
    let text = text.to_ascii_lowercase();
    text.split(['-', '_', '.']).find_map(|word| match word {
        "prod" | "production" | "live" => Some("prod"),
        "stage" | "staging" | "preprod" => Some("stage"),
        "dev" | "development" => Some("dev"),
        "test" | "testing" | "qa" => Some("test"),
        _ => None,
    })
}

/// Endings of files that something else is made from.
pub(super) const TEMPLATE_ENDINGS: [&str; 9] =
    [".example", ".sample", ".tmpl", ".tpl", ".template", ".dist", ".j2", ".gotmpl", ".in"];

/// `path` without an ending that only says it is a template.
fn without_template_ending(mut path: &str) -> &str {
    while let Some(rest) = TEMPLATE_ENDINGS.iter().find_map(|ending| without_ending(path, ending)) {
        path = rest;
    }
    path
}

/// Whether the name of a file, without endings such as `.example`, ends in one of `endings`, which are in lower case.
pub(super) fn ends_in(path: &str, endings: &[&str]) -> bool {
    // Asked by each dialect of each file, so nothing is copied.
    let name = without_template_ending(path);
    endings.iter().any(|ending| without_ending(name, ending).is_some())
}

/// What stands before `ending`, in whatever case it is written.
fn without_ending<'p>(path: &'p str, ending: &str) -> Option<&'p str> {
    let (rest, end) = path.split_at_checked(path.len().checked_sub(ending.len())?)?;
    end.eq_ignore_ascii_case(ending).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_tells_where_a_file_stands() {
        for (path, context) in [
            (".claude/settings.json", Context::Live),
            (".claude/settings.local.json", Context::LocalOptional),
            ("deploy/role.yaml", Context::Live),
            ("chart/templates/role.yaml", Context::Template),
            (".mcp.json.example", Context::Template),
            ("docs/role.yaml", Context::Docs),
            ("docs/tests/role.yaml", Context::Test),
            ("Examples/a/role.yaml", Context::Docs),
            ("a/.claude-plugin/x.json", Context::Plugin),
            ("latest/contest.yaml", Context::Live),
        ] {
            assert_eq!(context_of(path), context, "{path}");
        }
    }
}
