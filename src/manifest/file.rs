//! One file while it is read: its text, its places, and what every dialect asks of it.

use std::cell::OnceCell;

use super::context::context_of;
pub(super) use super::context::ends_in;
use super::redact::{is_reference, names_secret, redact};
pub(super) use super::words::{Text, holds};
use super::{Keep, Reading};
use crate::finding::{Location, Reason};
use crate::identity::{
    Blast, Context, Credential, CredentialKind, Delegation, Identity, IdentityKind, Scope, Session, Setting,
    Storage,
};
use crate::text::places::Places;
use crate::text::span::Span;
use crate::text::tree::{self, Node, Tree};

/// One file while it is read.
pub struct File<'f> {
    pub(super) path: &'f str,
    pub(super) commit: Option<&'f str>,
    pub(super) bytes: &'f [u8],
    pub(super) context: Context,
    pub(super) keep: Keep,
    places: OnceCell<Places<'f>>,
}

impl<'f> File<'f> {
    pub(super) fn new(path: &'f str, commit: Option<&'f str>, bytes: &'f [u8], keep: Keep) -> Self {
        Self { path, commit, bytes, context: context_of(path), keep, places: OnceCell::new() }
    }

    /// Where `span` stands.
    pub(super) fn location(&self, span: Span) -> Location {
        let places = self.places.get_or_init(|| Places::new(self.bytes));
        Location {
            path: self.path.to_owned(),
            start: places.position(span.start),
            end: places.position(span.end),
            span,
            commit: self.commit.map(str::to_owned),
        }
    }

    /// A switch of the platform; what looks like a secret in its value is masked.
    pub(super) fn setting(&self, name: impl Into<String>, value: &str, at: &Node) -> Setting {
        Setting { name: name.into(), value: redact(value), place: self.location(at.span) }
    }

    /// Every scalar at and below `node` as a setting, by its dotted name; items of a list share one name, and what has
    /// the name of a secret is masked.
    ///
    /// Names for which `skip` holds are left out with all that is below them.
    pub(super) fn settings(
        &self,
        name: &str,
        node: &Node,
        skip: &dyn Fn(&str) -> bool,
        out: &mut Vec<Setting>,
    ) {
        if skip(name) {
            return;
        }
        if let Some(text) = node.scalar() {
            let value = node.truthy().filter(|_| node.as_text().is_none());
            let text = value.map_or(text, |truth| truth.to_string());
            let key = name.rsplit('.').next().unwrap_or_default();
            let is_switch = matches!(text.as_str(), "true" | "false");
            let hide = names_secret(key) && !is_switch && !is_reference(&text);
            out.push(self.setting(name, if hide { "***" } else { &text }, node));
        }
        for item in node.items() {
            self.settings(name, item, skip, out);
        }
        for (key, value) in node.entries() {
            let Some(key) = key.as_text() else { continue };
            let name = if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
            self.settings(&name, value, skip, out);
        }
    }

    /// Says which keys of `node`, that decides what is allowed, are not `known`; true where there are none such.
    ///
    /// What nobody has taught us may allow anything, so it is never taken for nothing.
    pub(super) fn note_unknown(
        &self,
        what: &str,
        node: &Node,
        known: &[&str],
        reading: &mut Reading,
    ) -> bool {
        let keys = node.entries().iter().map(|(key, _)| key.as_text().unwrap_or_default());
        let mut odd: Vec<&str> = keys.filter(|key| !known.contains(key)).map(safe).collect();
        odd.sort_unstable();
        odd.dedup();
        if !odd.is_empty() {
            let detail = format!("what `{}` of `{what}` allows is not known", odd.join("`, `"));
            reading.gap(self, Reason::Partial, detail);
        }
        odd.is_empty()
    }

    /// Has `read` look at each document of `tree`, keeps those that declare something, and marks what templates leave open.
    ///
    /// Where `certain` is false a mistake is that of some other kind of file: see [`File::note_fault`].
    pub(super) fn each_document(
        &self,
        dialect: &'static str,
        (tree, certain): (Tree, bool),
        reading: &mut Reading,
        read: impl Fn(&Node, &mut Reading),
    ) {
        self.note_fault(&tree, certain, reading);
        let first = reading.identities.len();
        for document in tree.documents {
            let before = reading.identities.len();
            read(&document, reading);
            if reading.identities.len() > before {
                reading.documents.push((dialect, document));
            }
        }
        let found = reading.identities.get_mut(first..).unwrap_or_default();
        if !tree.templates.is_empty() && !found.is_empty() {
            for identity in found {
                identity.complete = false;
            }
            reading.gap(self, Reason::Partial, "templates are not known before rendering".to_owned());
        }
    }

    /// What a named value proves an identity with: `None` where neither name nor value is that of a secret.
    pub(super) fn credential(&self, name: &str, value: &str, at: &Node) -> Option<Credential> {
        let key = name.rsplit('.').next().unwrap_or(name);
        let login = value.split_once("://").is_some_and(|(_, rest)| {
            let authority = rest.split('/').next().unwrap_or_default();
            authority.rsplit_once('@').is_some_and(|(user, _)| {
                user.split_once(':').is_some_and(|(_, password)| !is_reference(password))
            })
        });
        if !names_secret(key) && !login {
            return None;
        }
        let storage = match () {
            () if !login && value.contains("${input:") => Storage::SecretManager,
            () if !login && value.trim().starts_with("op://") => Storage::SecretManager,
            () if !login && is_reference(value) => Storage::Environment,
            () => Storage::Literal,
        };
        let kind = if login { CredentialKind::Password } else { kind_of(key) };
        Some(Credential { storage, ..unknown_credential(kind, name, self.location(at.span)) })
    }

    /// An identity that can do nothing yet.
    pub(super) fn identity(
        &self,
        kind: IdentityKind,
        platform: &str,
        native_kind: &str,
        name: String,
        at: &Node,
    ) -> Identity {
        Identity {
            kind,
            native_kind: native_kind.to_owned(),
            platform: platform.to_owned(),
            name,
            owner: String::new(),
            environment: "unknown".to_owned(),
            purpose: String::new(),
            context: self.context,
            complete: true,
            grants: vec![],
            credentials: vec![],
            tools: vec![],
            session: Session { max_seconds: -1, ..Session::default() },
            delegation: vec![],
            settings: vec![],
            widened: vec![],
            blast: Blast::default(),
            home: String::new(),
            places: vec![self.location(at.span)],
        }
    }

    /// A step to the identity called `to`: `how` is one of the words of [`Delegation::how`].
    pub(super) fn step(&self, how: &str, to: String, at: &Node) -> Delegation {
        Delegation {
            how: how.to_owned(),
            to,
            through: String::new(),
            scope: Scope::Resource,
            namespace: String::new(),
            conditions: vec![],
            place: self.location(at.span),
        }
    }

    /// The tree of the file, by the ending of its name.
    pub(super) fn tree(&self) -> Tree {
        if ends_in(self.path, &[".toml"]) {
            return tree::read_toml(self.bytes);
        }
        if ends_in(self.path, &[".json", ".jsonc", ".json5"]) {
            let tree = tree::read_json(self.bytes);
            // A chart may write JSON with templates: the other reader masks them and takes JSON too.
            let templates = self.context == Context::Template && tree.fault.is_some();
            return if templates { tree::read_yaml(self.bytes) } else { tree };
        }
        tree::read_yaml(self.bytes)
    }

    /// Notes what kept the file from being read in full.
    ///
    /// Where only an escape made the file worth parsing (`certain` is false) a mistake is that of some other
    /// kind of file; a limit is noted all the same, because nobody knows what stands behind it.
    pub(super) fn note_fault(&self, tree: &Tree, certain: bool, reading: &mut Reading) {
        let Some(fault) = tree.fault.filter(|fault| certain || fault.kind.is_limit()) else { return };
        let reason = match () {
            () if fault.kind.is_limit() => Reason::Limit,
            () if !tree.templates.is_empty() => Reason::Partial,
            () => Reason::Unparsed,
        };
        reading.gap(self, reason, fault.to_string());
    }
}

/// A key as a report may show it: one that is too long for a name may hold anything.
fn safe(key: &str) -> &str {
    if key.len() > LONGEST_KEY || redact(key) != key { "***" } else { key }
}

/// Bytes of a key that is still a name.
const LONGEST_KEY: usize = 64;

/// A credential of which only kind and name are known.
pub(super) fn unknown_credential(kind: CredentialKind, name: &str, place: Location) -> Credential {
    Credential::unknown(kind, name, Storage::SecretManager, place)
}

/// What a secret is, as far as its name tells.
fn kind_of(name: &str) -> CredentialKind {
    let name = name.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    match () {
        () if has(&["password", "passwd"]) => CredentialKind::Password,
        () if has(&["client_secret", "client-secret"]) => CredentialKind::OauthClientSecret,
        () if has(&["aws_secret", "aws_access"]) => CredentialKind::StaticKey,
        () if has(&["github", "gitlab", "_pat"]) || name == "pat" => CredentialKind::Pat,
        () => CredentialKind::ApiKey,
    }
}
