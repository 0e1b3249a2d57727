//! Permission rules of coding agents, `Bash(git push *)` and their like: what they really let through.

use super::redact::redact;
use crate::finding::Location;
use crate::identity::{Approval, Authority, Tool};

/// The tool that the rule `entry` is about.
pub(super) fn tool(entry: &str, approval: Approval, place: Location) -> Tool {
    let (base, pattern) = split(entry);
    let authority = authority(base, pattern);
    let server = base.strip_prefix("mcp__").map(|rest| rest.split("__").next().unwrap_or(rest));
    Tool {
        name: redact(entry),
        source: server.map_or_else(|| "builtin".to_owned(), |server| format!("mcp:{server}")),
        authority,
        approval,
        reversible: authority != Authority::Execute,
        pinned: server.is_none(),
        unlimited: is_unlimited(base, pattern),
        place,
    }
}

/// The tool that `shown`, a rule in the words of another agent, is about; `rule` says the same in ours.
pub(super) fn tool_as(shown: &str, rule: &str, approval: Approval, place: Location) -> Tool {
    Tool { name: redact(shown), ..tool(rule, approval, place) }
}

/// A tool of a server or a program that is listed by its name alone.
pub(super) fn listed(
    name: &str,
    source: String,
    authority: Authority,
    approval: Approval,
    place: Location,
) -> Tool {
    let reversible = authority != Authority::Execute;
    Tool {
        name: redact(name),
        source,
        authority,
        approval,
        reversible,
        pinned: true,
        unlimited: false,
        place,
    }
}

/// Any tool at all.
pub(super) fn everything(approval: Approval, place: Location) -> Tool {
    Tool {
        name: "*".to_owned(),
        source: "builtin".to_owned(),
        authority: Authority::Execute,
        approval,
        reversible: false,
        pinned: true,
        unlimited: true,
        place,
    }
}

/// Whether `rule` covers what `entry` names: the same words, or the whole tool.
pub(super) fn is_same_tool(rule: &str, entry: &str) -> bool {
    let (base, pattern) = split(rule);
    rule == entry || (base == split(entry).0 && matches!(pattern, None | Some("*" | ":*" | "**")))
}

/// Tool and pattern of `Tool(pattern)`.
fn split(entry: &str) -> (&str, Option<&str>) {
    let entry = entry.trim();
    match entry.split_once('(') {
        Some((base, rest)) => (base.trim(), Some(rest.strip_suffix(')').unwrap_or(rest).trim())),
        None => (entry, None),
    }
}

fn authority(base: &str, pattern: Option<&str>) -> Authority {
    match base {
        "Read" | "Grep" | "Glob" | "LS" | "NotebookRead" | "WebSearch" | "WebFetch" | "TodoRead"
        | "TodoWrite" => Authority::Inspect,
        "ExitPlanMode" | "AskUserQuestion" => Authority::Recommend,
        "Bash" | "Shell" if pattern.is_some_and(only_reads) => Authority::Inspect,
        _ => named_authority(base.rsplit("__").next().filter(|_| base.starts_with("mcp__"))),
    }
}

/// What a tool of a server does, as far as the first word of its name tells; execute when in doubt.
pub(super) fn named_authority(name: Option<&str>) -> Authority {
    let words = words(name.unwrap_or_default());
    let first = words.first().map(String::as_str).unwrap_or_default();
    let searches = words.iter().any(|word| word == "search") && !["create", "delete"].contains(&first);
    match first {
        "get" | "list" | "read" | "search" | "view" | "describe" | "find" | "show" | "lookup" | "ask"
        | "validate" | "analyze" | "check" | "explain" | "count" | "resolve" => Authority::Inspect,
        "comment" | "draft" | "plan" | "propose" | "suggest" => Authority::Recommend,
        _ if searches => Authority::Inspect,
        _ => Authority::Execute,
    }
}

/// The words of a name in lower case: `k8s_get_pods`, `getPods`, `GetPodLogs`, `LIST_ALL`.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower = false;
    for letter in name.chars() {
        if !letter.is_alphanumeric() || (letter.is_uppercase() && lower) {
            words.push(String::new());
        }
        lower = letter.is_lowercase() || letter.is_numeric();
        if let Some(last) = words.last_mut().filter(|_| letter.is_alphanumeric()) {
            last.extend(letter.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Commands that only look. A redirection, a pipe or a second command makes them something else.
fn only_reads(pattern: &str) -> bool {
    const READERS: [&str; 24] = [
        "ls",
        "cat",
        "pwd",
        "head",
        "tail",
        "wc",
        "grep",
        "rg",
        "which",
        "tree",
        "stat",
        "file",
        "git status",
        "git diff",
        "git log",
        "git show",
        "docker ps",
        "docker images",
        "docker logs",
        "kubectl get",
        "kubectl describe",
        "kubectl logs",
        "helm list",
        "terraform plan",
    ];
    let command = head(pattern).unwrap_or(pattern);
    !command.contains(['|', '>', ';', '&', '`', '$', '\n'])
        && READERS.iter().any(|reader| {
            command.strip_prefix(reader).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        })
        && !command.starts_with("kubectl get secret")
}

/// What stands before a wildcard at the end; `None` for an exact pattern.
fn head(pattern: &str) -> Option<&str> {
    let start = pattern.strip_suffix(":*").or_else(|| pattern.strip_suffix('*'))?;
    Some(start.trim_end_matches('*').trim_end())
}

/// Whether the rule gives the whole tool, or arguments that amount to any command.
fn is_unlimited(base: &str, pattern: Option<&str>) -> bool {
    match (base, pattern) {
        ("Read", Some(pattern)) => ["//**", "~/**", "/**/*", "//*"].contains(&pattern),
        ("Read" | "Grep" | "Glob" | "LS" | "NotebookRead" | "WebSearch" | "TodoRead" | "TodoWrite", _) => {
            false
        }
        ("Bash" | "Shell", Some(pattern)) => is_any_command(pattern),
        ("Mcp", Some(pattern)) => pattern.starts_with('*'),
        ("WebFetch", Some(pattern)) => matches!(pattern, "*" | "domain:*" | ""),
        (_, Some(pattern)) => matches!(pattern, "*" | "**" | "//**" | "" | ":*"),
        // `mcp__server__tool` is one tool of a server, `mcp__server` all of them.
        (name, None) if name.starts_with("mcp__") => {
            let tool = name.trim_start_matches("mcp__").split_once("__").map_or("*", |(_, tool)| tool);
            tool.contains('*')
        }
        ("ExitPlanMode" | "AskUserQuestion" | "Task" | "Skill", None) => false,
        (_, None) => true,
    }
}

/// Interpreters: any program when the program itself is free.
const INTERPRETERS: [&str; 18] = [
    "bash",
    "sh",
    "zsh",
    "dash",
    "fish",
    "pwsh",
    "powershell",
    "python",
    "python2",
    "python3",
    "node",
    "deno",
    "bun",
    "ruby",
    "perl",
    "php",
    "osascript",
    "lua",
];

/// Options behind which an interpreter takes a program.
const PROGRAM_OPTIONS: [&str; 12] =
    ["-c", "-e", "-E", "-r", "-p", "-lc", "-ic", "-ec", "--eval", "--print", "-Command", "eval"];

/// Commands that run a package by name: any command as long as the name is free.
const RUNNERS: [&[&str]; 13] = [
    &["npx"],
    &["bunx"],
    &["uvx"],
    &["pipx", "run"],
    &["pnpm", "dlx"],
    &["pnpm", "exec"],
    &["npm", "exec"],
    &["yarn", "dlx"],
    &["yarn", "exec"],
    &["uv", "run"],
    &["uv", "tool", "run"],
    &["bun", "x"],
    &["nix", "run"],
];

/// Commands that run others whatever stands between.
const WRAPPERS: [&[&str]; 12] = [
    &["eval"],
    &["xargs"],
    &["env"],
    &["sudo"],
    &["ssh"],
    &["docker", "run"],
    &["docker", "exec"],
    &["podman", "run"],
    &["podman", "exec"],
    &["kubectl", "exec"],
    &["doas"],
    &["su"],
];

/// Whether a shell pattern lets any command through. An exact command never does.
fn is_any_command(pattern: &str) -> bool {
    if pattern.starts_with('*') || pattern.is_empty() || pattern == ":*" {
        return true;
    }
    let Some(start) = head(pattern) else { return false };
    let words: Vec<&str> = start.split_whitespace().collect();
    let Some((first, rest)) = words.split_first() else { return true };
    let program = first.rsplit('/').next().unwrap_or(first);
    let free = |rest: &[&str]| rest.iter().all(|word| word.starts_with('-'));
    let begins = |command: &&[&str]| {
        command.split_first().is_some_and(|(name, more)| *name == program && rest.starts_with(more))
    };
    if INTERPRETERS.contains(&program) {
        return rest.is_empty() || rest.iter().any(|word| PROGRAM_OPTIONS.contains(word));
    }
    if let Some(runner) = RUNNERS.iter().find(|command| begins(command)) {
        return free(rest.get(runner.len().saturating_sub(1)..).unwrap_or_default());
    }
    let wide = ["docker", "podman", "kubectl", "find"].contains(&program) && rest.is_empty();
    wide || WRAPPERS.iter().any(begins) || (program == "find" && rest.contains(&"-exec"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::span::{Position, Span};

    fn read(entry: &str) -> Tool {
        let start = Position { line: 1, column: 1 };
        let place = Location { path: String::new(), start, end: start, span: Span::new(0, 0), commit: None };
        tool(entry, Approval::None, place)
    }

    #[test]
    fn a_rule_is_unlimited_when_any_command_fits() {
        for entry in [
            "Bash",
            "Bash(*)",
            "Bash(:*)",
            "Bash(python3 *)",
            "Bash(python3:*)",
            "Bash(bash -c *)",
            "Bash(node -e:*)",
            "Bash(npx *)",
            "Bash(npx -y *)",
            "Bash(docker *)",
            "Bash(docker run:*)",
            "Bash(sudo *)",
            "Bash(/usr/bin/env *)",
            "Bash(uv tool run *)",
            "Bash(find . -exec *)",
            "Edit",
            "Write",
            "WebFetch",
            "Read(//**)",
            "mcp__jira",
            "mcp__jira__*",
            "mcp__*",
            "*",
        ] {
            assert!(read(entry).unlimited, "{entry}");
        }
        for entry in [
            "Bash(npm test)",
            "Bash(bash -c 'make')",
            "Bash(curl https://a.example/x)",
            "Bash(./scripts/lint.sh:*)",
            "Bash(docker ps *)",
            "Bash(git push *)",
            "Bash(npx prettier *)",
            "Bash(python3 -m pytest *)",
            "Read",
            "Bash(environment *)",
            "WebFetch(domain:docs.rs)",
            "Edit(src/**)",
            "mcp__jira__get_issue",
        ] {
            assert!(!read(entry).unlimited, "{entry}");
        }
    }

    #[test]
    fn a_tool_that_is_not_known_executes() {
        for (entry, authority) in [
            ("Read", Authority::Inspect),
            ("Bash(docker ps *)", Authority::Inspect),
            ("Bash(git log:*)", Authority::Inspect),
            ("Bash(cat a > b)", Authority::Execute),
            ("Bash(kubectl get secrets *)", Authority::Execute),
            ("Bash(lsof *)", Authority::Execute),
            ("mcp__jira__get_issue", Authority::Inspect),
            ("mcp__jira__delete_issue", Authority::Execute),
            ("mcp__jira", Authority::Execute),
            ("Teleport", Authority::Execute),
        ] {
            assert_eq!(read(entry).authority, authority, "{entry}");
        }
        assert_eq!(read("mcp__jira__get_issue").source, "mcp:jira");
    }
}
