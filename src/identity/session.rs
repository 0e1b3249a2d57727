//! What several identities come to together: servers in one session, credentials in two hands, agents that call in a
//! circle, a gate that those behind it can move.

use std::collections::{BTreeMap, BTreeSet};

use super::{Approval, Authority, Context, Identity, IdentityKind, Setting, Storage};

/// Marks what no file says alone, as settings that rules can ask for.
///
/// ```text
/// together           server: the servers of its session read what is private, read strangers, and reach outside
/// shared-credential  server: another server is handed a credential of the same name
/// calls-in-circle    agent: the agents it calls call it again
/// calls-deep         agent: how many steps away the farthest agent is that it may set to work, from three on
/// loose-gate         agent: a tool that nobody is asked about writes the files which say who is asked
/// uncompiled         agentic workflow: the compiled one that belongs beside it is not there
/// ```
///
/// Only what stands in the same context is taken together: a fixture meets nothing that is live.
pub fn relate(identities: &mut [Identity]) {
    let mut marks: Vec<(usize, Mark)> = Vec::new();
    marks.extend(together(identities));
    marks.extend(shared(identities));
    marks.extend(called(identities));
    marks.extend(loose_gates(identities));
    marks.extend(uncompiled(identities));
    for (at, (name, value)) in marks {
        let Some(identity) = identities.get_mut(at) else { continue };
        let Some(place) = identity.places.first().cloned() else { continue };
        identity.settings.push(Setting { name: name.to_owned(), value, place });
    }
}

/// Name and value of a setting.
type Mark = (&'static str, String);

const SERVER: &str = "mcp-server";

/// What a server brings into a session, told by its name and by what starts it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Brings {
    private: bool,
    strangers: bool,
    outside: bool,
}

/// Words for servers that read what is private, read what strangers wrote, and send to where others read.
const PRIVATE: [&str; 16] = [
    "filesystem",
    "postgres",
    "postgresql",
    "mysql",
    "sqlite",
    "mongodb",
    "redis",
    "database",
    "supabase",
    "bigquery",
    "snowflake",
    "gmail",
    "gdrive",
    "onedrive",
    "notion",
    "confluence",
];
const STRANGERS: [&str; 14] = [
    "fetch",
    "browser",
    "playwright",
    "puppeteer",
    "search",
    "firecrawl",
    "crawl",
    "scrape",
    "gmail",
    "slack",
    "rss",
    "reddit",
    "twitter",
    "tavily",
];
const OUTSIDE: [&str; 14] = [
    "fetch",
    "browser",
    "playwright",
    "puppeteer",
    "gmail",
    "slack",
    "discord",
    "telegram",
    "twitter",
    "mail",
    "twilio",
    "sendgrid",
    "resend",
    "whatsapp",
];

impl Brings {
    fn of(server: &Identity) -> Self {
        let name = server.name.rsplit('/').next().unwrap_or_default();
        let said =
            server.settings.iter().filter(|one| ["package", "url", "command"].contains(&one.name.as_str()));
        let all = said
            .map(|one| one.value.as_str())
            .chain([name])
            .collect::<Vec<_>>()
            .join(" ")
            .to_ascii_lowercase();
        let words: BTreeSet<&str> = all.split(|letter: char| !letter.is_ascii_alphanumeric()).collect();
        let has = |list: &[&str]| list.iter().any(|word| words.contains(word));
        Self { private: has(&PRIVATE), strangers: has(&STRANGERS), outside: has(&OUTSIDE) }
    }

    const fn and(self, other: Self) -> Self {
        Self {
            private: self.private || other.private,
            strangers: self.strangers || other.strangers,
            outside: self.outside || other.outside,
        }
    }

    const fn is_all(self) -> bool {
        self.private && self.strangers && self.outside
    }
}

/// The first private server of each session that brings all three together, with the names of the others.
fn together(identities: &[Identity]) -> Vec<(usize, Mark)> {
    let mut sessions: BTreeMap<(&str, &str, Context), Vec<usize>> = BTreeMap::new();
    for (at, server) in servers(identities) {
        let client = server.name.rsplit_once('/').map_or("", |(client, _)| client);
        let file = server.places.first().map_or("", |place| place.path.as_str());
        sessions.entry((client, file, server.context)).or_default().push(at);
    }
    let one = |at: &usize| identities.get(*at).map(|server| (*at, server, Brings::of(server)));
    sessions
        .values()
        .filter_map(|members| {
            let members: Vec<_> = members.iter().filter_map(one).collect();
            let all = members.iter().fold(Brings::default(), |all, (_, _, brings)| all.and(*brings));
            let (first, ..) = members.iter().find(|(_, _, brings)| all.is_all() && brings.private)?;
            let others =
                members.iter().filter(|(at, _, brings)| at != first && (brings.strangers || brings.outside));
            let names: Vec<&str> =
                others.filter_map(|(_, server, _)| server.name.rsplit('/').next()).collect();
            Some((*first, ("together", names.join(", "))))
        })
        .collect()
}

fn servers(identities: &[Identity]) -> impl Iterator<Item = (usize, &Identity)> {
    identities.iter().enumerate().filter(|(_, one)| one.native_kind == SERVER)
}

/// Servers that are handed a variable which another server has too; the same server in two clients is one.
fn shared(identities: &[Identity]) -> Vec<(usize, Mark)> {
    let mut holders: BTreeMap<(&str, Context), BTreeSet<&str>> = BTreeMap::new();
    let held = |server: &Identity| -> Vec<(String, Context)> {
        let kept = server
            .credentials
            .iter()
            .filter(|one| one.storage != Storage::Literal && one.name.starts_with("env."));
        kept.map(|one| (one.name.clone(), server.context)).collect()
    };
    for (_, server) in servers(identities) {
        for credential in server.credentials.iter().filter(|one| one.storage != Storage::Literal) {
            if credential.name.starts_with("env.") {
                let name = server.name.rsplit('/').next().unwrap_or_default();
                holders.entry((&credential.name, server.context)).or_default().insert(name);
            }
        }
    }
    let mut marks = Vec::new();
    for (at, server) in servers(identities) {
        let own = server.name.rsplit('/').next().unwrap_or_default();
        for (name, context) in held(server) {
            // One finding for each pair: the first by name has the credential, the others share it.
            let first = holders.get(&(name.as_str(), context)).and_then(|all| all.first());
            if let Some(first) = first.filter(|first| **first != own) {
                let name = name.trim_start_matches("env.");
                marks.push((at, ("shared-credential", format!("{name} with {first}"))));
            }
        }
    }
    marks
}

/// So many agents are followed from each one.
const MOST_CALLED: usize = 64;

/// Agents that reach themselves through others, each circle once, and agents at the head of a long line.
fn called(identities: &[Identity]) -> Vec<(usize, Mark)> {
    let agents: BTreeMap<(&str, Context), &Identity> = identities
        .iter()
        .filter(|one| one.kind == IdentityKind::Agent)
        .map(|one| ((one.name.as_str(), one.context), one))
        .collect();
    let calls = |agent: &Identity| -> Vec<String> {
        let steps = agent.delegation.iter().filter(|step| step.how == "calls");
        steps
            .filter(|step| agents.contains_key(&(step.to.as_str(), agent.context)))
            .map(|step| step.to.clone())
            .collect()
    };
    let all: BTreeSet<(String, Context)> =
        agents.values().flat_map(|agent| calls(agent).into_iter().map(|to| (to, agent.context))).collect();
    let mut marks = Vec::new();
    for (at, agent) in identities.iter().enumerate().filter(|(_, one)| one.kind == IdentityKind::Agent) {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let mut edge = calls(agent);
        let (mut steps, mut circle) = (0, false);
        while !edge.is_empty() && seen.len() < MOST_CALLED {
            steps += 1;
            let mut next = Vec::new();
            for to in edge {
                circle |= to == agent.name;
                if to != agent.name && !seen.contains_key(&to) {
                    let inner =
                        agents.get(&(to.as_str(), agent.context)).map(|one| calls(one)).unwrap_or_default();
                    next.extend(inner);
                    seen.insert(to, steps);
                }
            }
            edge = next;
        }
        let farthest = seen.values().max().copied().unwrap_or_default();
        let back = |name: &&String| {
            agents.get(&(name.as_str(), agent.context)).is_some_and(|one| calls(one).contains(&agent.name))
        };
        // Of the agents of a circle the first by name is told.
        let is_first = seen.keys().filter(back).all(|name| *name > agent.name);
        if circle && is_first {
            let through = seen.keys().find(back).cloned().unwrap_or_default();
            marks.push((at, ("calls-in-circle", through)));
        }
        if farthest >= DEEP && !circle && !all.contains(&(agent.name.clone(), agent.context)) {
            marks.push((at, ("calls-deep", farthest.to_string())));
        }
    }
    marks
}

/// So many steps between the agent a person talks to and the one that acts are too many to follow.
const DEEP: usize = 3;

/// Agents that ask about some tools, and about one that writes any file do not.
fn loose_gates(identities: &[Identity]) -> Vec<(usize, Mark)> {
    let acts = |tool: &super::Tool| tool.authority == Authority::Execute;
    let writes = |name: &str| {
        let base = name.split('(').next().unwrap_or_default();
        ["Edit", "Write", "MultiEdit", "edit", "write", "fs_write", "edit_file", "create_file"]
            .contains(&base)
    };
    let mut marks = Vec::new();
    for (at, agent) in identities.iter().enumerate().filter(|(_, one)| one.kind == IdentityKind::Agent) {
        let asks = agent.tools.iter().any(|tool| acts(tool) && tool.approval != Approval::None);
        let free = agent.tools.iter().find(|tool| {
            let gate = GATES.iter().any(|path| tool.name.contains(path));
            tool.approval == Approval::None && writes(&tool.name) && (tool.unlimited || gate)
        });
        if let Some(free) = free.filter(|_| asks) {
            marks.push((at, ("loose-gate", free.name.clone())));
        }
    }
    marks
}

/// Paths of files that say what agents and jobs may do, and of folders as a whole that hold such files.
const GATES: [&str; 15] = [
    ".claude/*",
    ".claude/settings",
    ".claude/hooks",
    ".github/*",
    ".github/workflows",
    ".cursor/*",
    ".cursor/cli.json",
    ".cursor/hooks",
    ".codex/*",
    ".codex/config",
    ".kiro/*",
    ".kiro/agents",
    ".kiro/settings",
    ".kiro/hooks",
    ".tollgate/",
];

/// Agentic workflows beside which nothing compiled lies, in trees where others of them were compiled or are to be.
fn uncompiled(identities: &[Identity]) -> Vec<(usize, Mark)> {
    let paths = |one: &Identity| one.places.iter().map(|place| place.path.clone()).collect::<Vec<_>>();
    let compiled: BTreeSet<String> =
        identities.iter().flat_map(paths).filter(|path| path.ends_with(".lock.yml")).collect();
    let mut marks = Vec::new();
    for (at, workflow) in identities.iter().enumerate().filter(|(_, one)| one.platform == "agentic-workflow")
    {
        let Some(path) = workflow.places.first().map(|place| &place.path) else { continue };
        let lock = path.strip_suffix(".md").map(|stem| format!("{stem}.lock.yml"));
        if let Some(lock) = lock.filter(|lock| !compiled.contains(lock)) {
            let name = lock.rsplit('/').next().unwrap_or_default().to_owned();
            marks.push((at, ("uncompiled", name)));
        }
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Delegation;
    use crate::identity::tests::{identity, place};

    fn agent(name: &str, calls: &[&str]) -> Identity {
        let step = |to: &&str| Delegation {
            how: "calls".to_owned(),
            to: (*to).to_owned(),
            through: String::new(),
            scope: super::super::Scope::Resource,
            namespace: String::new(),
            conditions: vec![],
            place: place("a"),
        };
        let one = identity("kagent", "agent", name, Context::Live);
        Identity { kind: IdentityKind::Agent, delegation: calls.iter().map(step).collect(), ..one }
    }

    fn marks(mut all: Vec<Identity>, name: &str) -> Vec<(String, String)> {
        relate(&mut all);
        let marked = |one: &Identity| {
            let named = one.settings.iter().filter(|setting| setting.name == name);
            named.map(|setting| (one.name.clone(), setting.value.clone())).collect::<Vec<_>>()
        };
        all.iter().flat_map(marked).collect()
    }

    fn server(name: &str, package: &str) -> Identity {
        let mut one = identity("mcp", SERVER, name, Context::Live);
        one.settings.push(Setting {
            name: "package".to_owned(),
            value: package.to_owned(),
            place: place("a"),
        });
        one
    }

    #[test]
    fn a_circle_is_told_once_and_a_long_line_at_its_head() {
        let circle = vec![agent("a", &["b"]), agent("b", &["c"]), agent("c", &["a"]), agent("d", &["a"])];
        assert_eq!(marks(circle.clone(), "calls-in-circle").len(), 1);
        let line = vec![agent("a", &["b"]), agent("b", &["c"]), agent("c", &["d"]), agent("d", &[])];
        assert_eq!(marks(line.clone(), "calls-deep"), [("a".to_owned(), "3".to_owned())]);
        assert!(marks(line, "calls-in-circle").is_empty());
        assert!(marks(vec![agent("a", &["b"]), agent("b", &[])], "calls-deep").is_empty());
        assert_eq!(marks(vec![agent("a", &["a"])], "calls-in-circle").len(), 1);
    }

    #[test]
    fn only_what_meets_in_one_session_is_together() {
        let all = |third: &str| {
            vec![
                server("mcp/x/files", "server-filesystem"),
                server("mcp/x/web", "server-fetch"),
                server("mcp/x/chat", third),
            ]
        };
        assert_eq!(marks(all("server-slack"), "together").len(), 1);
        let apart = vec![server("mcp/x/files", "server-filesystem"), server("mcp/y/web", "server-fetch")];
        assert!(marks(apart, "together").is_empty());
        assert!(
            marks(
                vec![server("mcp/x/files", "server-filesystem"), server("mcp/x/time", "server-time")],
                "together"
            )
            .is_empty()
        );
    }
}
