//! Settings files of coding agents: one identity a file, with the tools it waves through and every switch.

use super::Reading;
use super::file::File;
use crate::identity::{Identity, IdentityKind};
use crate::text::tree::Node;

/// How the settings of one coding agent are read.
pub(super) struct Agent {
    /// The word rules and reports use.
    pub(super) platform: &'static str,
    /// Settings that become tools, or that another dialect reads: left out with all that is below them.
    pub(super) handled: &'static [&'static str],
    /// The tools that run without asking, or after asking.
    pub(super) add_tools: fn(file: &File<'_>, document: &Node, identity: &mut Identity),
    /// Further agents that a document sets up, such as its profiles.
    pub(super) others: fn(file: &File<'_>, document: &Node) -> Vec<Identity>,
}

impl Agent {
    /// Reads the agents of every document of `file` for which `is_own` holds.
    pub(super) fn read(&self, file: &File<'_>, is_own: fn(&Node) -> bool, reading: &mut Reading) {
        let tree = file.tree();
        file.note_fault(&tree, true, reading);
        for document in tree.documents.into_iter().filter(|document| document.is_map() && is_own(document)) {
            let project = self.identity(file, "project", &document);
            // A file that only names servers says nothing about the agent.
            let says = !project.tools.is_empty() || !project.settings.is_empty();
            for mut identity in says.then_some(project).into_iter().chain((self.others)(file, &document)) {
                identity.complete = tree.templates.is_empty();
                reading.identities.push(identity);
            }
            reading.documents.push((self.platform, document));
        }
    }

    /// The agent that `settings` set up, called `name` among those of its platform.
    pub(super) fn identity(&self, file: &File<'_>, name: &str, settings: &Node) -> Identity {
        let name = format!("{}/{name}", self.platform);
        let mut identity = file.identity(IdentityKind::Agent, self.platform, "coding-agent", name, settings);
        (self.add_tools)(file, settings, &mut identity);
        let skip = |name: &str| self.handled.contains(&name);
        file.settings("", settings, &skip, &mut identity.settings);
        identity
    }
}

/// No further agents.
pub(super) fn none(_: &File<'_>, _: &Node) -> Vec<Identity> {
    Vec::new()
}
