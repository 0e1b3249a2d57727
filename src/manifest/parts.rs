//! The identities of one file while it is read: a role, its policies and those who can become it name each other.

use std::collections::BTreeMap;

use super::context::environment;
use super::file::File;
use crate::identity::{Credential, Identity, IdentityKind};

use crate::text::tree::Node;

/// The identities of one file, each once.
pub(super) struct Parts<'r, 'f> {
    file: &'r File<'f>,
    platform: &'static str,
    home: String,
    by_name: BTreeMap<String, Identity>,
}

impl<'r, 'f> Parts<'r, 'f> {
    /// None yet; `home` is where their names mean something.
    pub(super) fn new(file: &'r File<'f>, platform: &'static str, home: &str) -> Self {
        Self { file, platform, home: home.to_owned(), by_name: BTreeMap::new() }
    }

    /// The identity that `node` declares.
    pub(super) fn declare(&mut self, name: &str, native_kind: &str, node: &Node) -> &mut Identity {
        let place = self.file.location(node.span);
        let identity = self.mention(name, native_kind, node, false);
        native_kind.clone_into(&mut identity.native_kind);
        identity.places = vec![place];
        identity
    }

    /// An identity that `node` speaks of; `everywhere` where its name means the same in every file.
    pub(super) fn mention(
        &mut self,
        name: &str,
        native_kind: &str,
        node: &Node,
        everywhere: bool,
    ) -> &mut Identity {
        let (file, home, platform) = (self.file, &self.home, self.platform);
        self.by_name.entry(name.to_owned()).or_insert_with(|| {
            let kind = kind_of(native_kind);
            let mut identity = file.identity(kind, platform, native_kind, name.to_owned(), node);
            if !everywhere {
                identity.home.clone_from(home);
            }
            let folders = file.path.rsplit('/').skip(1);
            let words = std::iter::once(name.rsplit('/').next().unwrap_or_default()).chain(folders);
            if let Some(word) = words.into_iter().find_map(environment) {
                word.clone_into(&mut identity.environment);
            }
            identity
        })
    }

    /// Seconds a session of the identity called `name` lasts, where it says so.
    pub(super) fn session_of(&self, name: &str) -> Option<i64> {
        self.by_name.get(name).map(|identity| identity.session.max_seconds).filter(|seconds| *seconds > 0)
    }

    /// Adds what the identity called `name` is proved with.
    pub(super) fn credentials(&mut self, name: &str, credentials: Vec<Credential>) {
        if let Some(identity) = self.by_name.get_mut(name) {
            identity.credentials.extend(credentials);
        }
    }

    /// All of them, by name.
    pub(super) fn finish(self) -> Vec<Identity> {
        self.by_name.into_values().collect()
    }
}

/// The kind of identity behind the word a platform has for it.
fn kind_of(native_kind: &str) -> IdentityKind {
    if native_kind == "user" { IdentityKind::Person } else { IdentityKind::ServiceAccount }
}
