//! How an MCP server is started or reached: command, package, URL, roots.

use super::redact::{is_reference, names_secret};
use crate::identity::Authority;
use crate::text::tree::Node;

/// How a server is started or reached.
pub(super) struct Launch<'n> {
    command: Option<(String, &'n Node)>,
    args: Vec<(String, &'n Node)>,
    url: Option<(String, &'n Node)>,
}

/// A name, its value, and where it stands.
type Named<'n> = (String, String, &'n Node);

/// Programs that run a package, and the words between them and its name.
const RUNNERS: [(&str, &[&str]); 9] = [
    ("npx", &[]),
    ("bunx", &[]),
    ("uvx", &[]),
    ("pnpm", &["dlx", "exec"]),
    ("yarn", &["dlx"]),
    ("npm", &["exec"]),
    ("pipx", &["run"]),
    ("uv", &["tool", "run"]),
    ("docker", &["run"]),
];

/// Options of the runners that take a value.
const VALUE_OPTIONS: [&str; 14] = [
    "-e",
    "--env",
    "-v",
    "--volume",
    "--mount",
    "--name",
    "--network",
    "--env-file",
    "-p",
    "--publish",
    "-w",
    "--user",
    "-u",
    "--python",
];

impl<'n> Launch<'n> {
    /// Reads a server entry of any client.
    pub(super) fn read(server: &'n Node) -> Self {
        let scalar = |node: &'n Node| Some((node.scalar()?, node));
        let command = server.get("command");
        // One client writes a map, another one list for command and arguments.
        let holder = command.filter(|node| node.is_map());
        let mut words: Vec<_> =
            command.map(Node::items).unwrap_or_default().iter().filter_map(scalar).collect();
        let path = holder.and_then(|node| node.get("path"));
        let named = command.and_then(scalar).or_else(|| path.and_then(scalar));
        let first = if words.is_empty() { None } else { Some(words.remove(0)) };
        let lists = [holder.unwrap_or(server).get("args")];
        words.extend(lists.into_iter().flatten().flat_map(Node::items).filter_map(scalar));
        let url = ["url", "httpUrl", "serverUrl"].iter().find_map(|key| server.get(key));
        Self { command: named.or(first), args: words, url: url.and_then(scalar) }
    }

    /// What the launch says as settings: `command`, `args`, `url`, the package and what is in reach.
    pub(super) fn settings(&self) -> Vec<(&'static str, String, &'n Node)> {
        let mut found = Vec::new();
        if let Some((text, at)) = &self.command {
            found.push(("command", text.clone(), *at));
            found.push(("launch", self.line(), *at));
        }
        found.extend(self.shown_args());
        if let Some((text, at)) = &self.url {
            found.push(("url", text.clone(), *at));
        }
        if let Some((spec, at)) = self.package() {
            found.push(("package", spec.to_owned(), at));
            found.push(("package.pinned", self.is_pinned().to_string(), at));
        }
        found.extend(self.reach());
        found
    }

    /// The arguments, but for those that an option before them makes a secret.
    fn shown_args(&self) -> Vec<(&'static str, String, &'n Node)> {
        let mut secret = false;
        let mut shown = Vec::new();
        for (text, at) in &self.args {
            let hide = secret && !text.starts_with('-') && !is_reference(text);
            shown.push(("args", if hide { "***".to_owned() } else { text.clone() }, *at));
            secret =
                text.starts_with('-') && !text.contains('=') && names_secret(text.trim_start_matches('-'));
        }
        shown
    }

    /// Values of arguments and of the URL that have a name, as the sources of credentials.
    pub(super) fn named_values(&self) -> Vec<Named<'n>> {
        let mut found = Vec::new();
        let mut args = self.args.iter().peekable();
        while let Some((text, at)) = args.next() {
            let (name, value) = match text.split_once('=') {
                Some((name, value)) => (name, value.to_owned()),
                // A variable that is handed on by name alone.
                None if names_secret(text)
                    && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') =>
                {
                    (text.as_str(), format!("${{{text}}}"))
                }
                None if text.starts_with('-') => match args.peek() {
                    Some((next, _)) => (text.as_str(), next.clone()),
                    None => continue,
                },
                None => ("", text.clone()),
            };
            let at = if text.starts_with('-') && !text.contains('=') {
                args.peek().map_or(*at, |(_, at)| *at)
            } else {
                *at
            };
            found.push((format!("args.{}", name.trim_start_matches('-')), value, at));
        }
        if let Some((url, at)) = &self.url {
            found.push(("url".to_owned(), url.clone(), *at));
            let query = url.split_once('?').map_or("", |(_, query)| query);
            for pair in query.split('&').filter_map(|pair| pair.split_once('=')) {
                found.push((format!("url.{}", pair.0), pair.1.to_owned(), *at));
            }
        }
        found
    }

    /// Whether what runs is fixed: an exact package version, a digest, or a program that is here already.
    pub(super) fn is_pinned(&self) -> bool {
        if self.url.is_some() {
            return false;
        }
        let Some((spec, _)) = self.package() else { return true };
        if self.program() == "docker" {
            return spec.contains("@sha256:");
        }
        let version =
            spec.rsplit_once("==").or_else(|| spec.rsplit_once('@').filter(|(name, _)| !name.is_empty()));
        version.is_some_and(|(_, version)| {
            version.starts_with(|letter: char| letter.is_ascii_digit())
                && version.matches('.').count() >= 2
                && !version.contains(['x', '*', ' ', '/'])
        })
    }

    /// What a server of this kind can do; execute when nothing is known of it.
    pub(super) fn authority(&self) -> Authority {
        const LOOKS: [&str; 9] = [
            "search",
            "fetch",
            "context7",
            "docs",
            "time",
            "sequential-thinking",
            "sequentialthinking",
            "wikipedia",
            "weather",
        ];
        const ACTS: [&str; 6] = ["shell", "browser", "filesystem", "git", "elasticsearch", "opensearch"];
        let url = self.url.as_ref().map_or("", |(url, _)| url.as_str());
        let what = self.package().map_or(url, |(spec, _)| spec).to_ascii_lowercase();
        let words: Vec<&str> =
            what.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-').collect();
        let last = words.iter().flat_map(|word| word.split('-')).chain(words.iter().copied());
        let mut looks = false;
        for word in last {
            if ACTS.contains(&word) {
                return Authority::Execute;
            }
            looks |= LOOKS.contains(&word);
        }
        if looks { Authority::Inspect } else { Authority::Execute }
    }

    fn program(&self) -> &str {
        let command = self.command.as_ref().map_or("", |(text, _)| text.as_str());
        let name = command.split_whitespace().next().unwrap_or_default();
        name.rsplit(['/', '\\']).next().unwrap_or_default().trim_end_matches(".cmd").trim_end_matches(".exe")
    }

    /// Command and arguments as one line.
    fn line(&self) -> String {
        let words = self.command.iter().chain(&self.args).map(|(text, _)| text.as_str());
        words.collect::<Vec<_>>().join(" ")
    }

    /// The package or image that a runner starts.
    fn package(&self) -> Option<(&str, &'n Node)> {
        let (_, between) = RUNNERS.iter().find(|(runner, _)| *runner == self.program())?;
        let mut args = self.args.iter().map(|(text, at)| (text.as_str(), *at)).peekable();
        let mut entered = between.is_empty();
        while let Some((text, at)) = args.next() {
            if let Some(spec) = text.strip_prefix("--package=").or_else(|| text.strip_prefix("--from=")) {
                return Some((spec, at));
            }
            if matches!(text, "--package" | "--from") || (text == "-p" && self.program() != "docker") {
                return args.next();
            }
            if text.starts_with('-') {
                if VALUE_OPTIONS.contains(&text) {
                    args.next();
                }
                continue;
            }
            if between.contains(&text) {
                entered = true;
                continue;
            }
            return entered.then_some((text, at));
        }
        None
    }

    /// Roots, hosts and sockets that the launch names.
    fn reach(&self) -> Vec<(&'static str, String, &'n Node)> {
        let mut found = Vec::new();
        for (text, at) in &self.args {
            if text.contains("docker.sock") {
                found.push(("reach", "docker-socket".to_owned(), *at));
            }
            let root = text.split([':', '=']).next_back().filter(|_| text.starts_with("--")).unwrap_or(text);
            if ["/", "~", "$HOME", "${HOME}", ".."].contains(&root)
                || root.starts_with(['/', '~']) && !root.contains(':')
            {
                found.push(("reach", format!("file:{root}"), *at));
            }
        }
        if let Some((url, at)) = &self.url {
            let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
            let authority = rest.split(['/', '?']).next().unwrap_or_default();
            let host = authority.rsplit('@').next().unwrap_or_default();
            found.push(("reach", format!("host:{host}"), *at));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tree::read_json;

    /// Whether the entry is pinned, and what it can do.
    fn look(json: &str) -> (bool, Authority) {
        let tree = read_json(json.as_bytes());
        let launch = Launch::read(&tree.documents[0]);
        (launch.is_pinned(), launch.authority())
    }

    #[test]
    fn a_package_is_pinned_by_an_exact_version_alone() {
        for (json, pinned) in [
            (r#"{"command":"npx","args":["-y","@scope/server@1.2.3"]}"#, true),
            (r#"{"command":"npx","args":["-y","@scope/server"]}"#, false),
            (r#"{"command":"npx","args":["-y","server@latest"]}"#, false),
            (r#"{"command":"npx","args":["-y","server@^1.2.3"]}"#, false),
            (r#"{"command":"uvx","args":["mcp-server-git==2025.1.14"]}"#, true),
            (r#"{"command":"uvx","args":["--from","git+https://a.example/b","x"]}"#, false),
            (r#"{"command":["bunx","server@1.0.0"]}"#, true),
            (r#"{"command":"docker","args":["run","-i","--rm","-e","TOKEN","ghcr.io/a/b:1.2.3"]}"#, false),
            (r#"{"command":"docker","args":["run","-i","ghcr.io/a/b@sha256:00"]}"#, true),
            (r#"{"command":"./bin/server"}"#, true),
            (r#"{"url":"https://a.example/mcp"}"#, false),
        ] {
            assert_eq!(look(json).0, pinned, "{json}");
        }
    }

    #[test]
    fn a_server_that_only_looks_things_up_is_known_by_its_name() {
        for (json, authority) in [
            (r#"{"command":"npx","args":["-y","@a/brave-search"]}"#, Authority::Inspect),
            (r#"{"command":"uvx","args":["mcp-server-git"]}"#, Authority::Execute),
            (r#"{"command":"npx","args":["mystery"]}"#, Authority::Execute),
            (r#"{"command":"npx","args":["elasticsearch-docs"]}"#, Authority::Execute),
            (r#"{"url":"https://mcp.context7.com/mcp"}"#, Authority::Inspect),
        ] {
            assert_eq!(look(json).1, authority, "{json}");
        }
    }
}
