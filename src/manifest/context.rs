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

/// `path` in lower case and without an ending that only says it is a template.
pub(super) fn plain_name(path: &str) -> String {
    let mut name = path.to_ascii_lowercase();
    while let Some(rest) = TEMPLATE_ENDINGS.iter().find_map(|ending| name.strip_suffix(ending)) {
        name = rest.to_owned();
    }
    name
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
