//! A2A agent cards: where an agent can be called, by whom, and what it does when it is.
//!
//! ```text
//! requires        a scheme that some way in asks for
//! open-to-all     no way in asks for anything, or one of several asks for nothing
//! url             each address
//! skill.open      a skill that acts and asks for nothing beyond what the card asks for
//! signed          whether somebody signed the card
//! ```
//!
//! Source: A2A protocol specification 1.0 and 0.3, "Agent Card", as summarised on 2026-11-20.

use super::file::{File, Text, ends_in, holds};
use super::permission::listed;
use super::{Dialect, Reading};
use crate::identity::{Approval, Authority, Identity, IdentityKind};
use crate::text::tree::Node;

pub(super) const DIALECT: Dialect = Dialect { name: "a2a-card", claims, read };

const PLATFORM: &str = "a2a";

/// Both stand in every card, in either version.
const WORDS: [&str; 1] = ["defaultInputModes"];

fn claims(path: &str, text: &Text<'_>) -> bool {
    ends_in(path, &[".json"]) && text.may_hold(&WORDS)
}

fn read(file: &File<'_>, reading: &mut Reading) {
    let certain = holds(file.bytes, &WORDS);
    file.each_document(DIALECT.name, (file.tree(), certain), reading, |document, reading| {
        if document.get("defaultInputModes").is_some() && document.get("skills").is_some() {
            let complete = is_known(file, document, reading);
            reading.identities.push(Identity { complete, ..card(file, document) });
        }
    });
}

/// What a scheme may say; one that says something else may let in whom we do not know.
const SCHEME: [&str; 20] = [
    "type",
    "description",
    "in",
    "name",
    "location",
    "scheme",
    "bearerFormat",
    "flows",
    "openIdConnectUrl",
    "oauth2MetadataUrl",
    "apiKeySecurityScheme",
    "httpAuthSecurityScheme",
    "oauth2SecurityScheme",
    "openIdConnectSecurityScheme",
    "mtlsSecurityScheme",
    "mutualTlsSecurityScheme",
    "apiKey",
    "httpAuth",
    "oauth2",
    "openIdConnect",
];

fn is_known(file: &File<'_>, document: &Node, reading: &mut Reading) -> bool {
    let mut known = true;
    for (_, scheme) in document.get("securitySchemes").map(Node::entries).unwrap_or_default() {
        known &= file.note_unknown("securitySchemes", scheme, &SCHEME, reading);
    }
    known
}

fn card(file: &File<'_>, document: &Node) -> Identity {
    let text = |key| document.get(key).and_then(Node::scalar).unwrap_or_default();
    let mut identity = file.identity(
        IdentityKind::Agent,
        PLATFORM,
        "agent-card",
        format!("{PLATFORM}/{}", text("name")),
        document,
    );
    identity.purpose = text("description");
    identity.owner = document.at(&["provider", "organization"]).and_then(Node::scalar).unwrap_or_default();
    let mut add = |name: &str, value: &str, at: &Node| identity.settings.push(file.setting(name, value, at));
    let interfaces =
        ["supportedInterfaces", "additionalInterfaces"].iter().filter_map(|key| document.get(key));
    let further = interfaces.flat_map(Node::items).filter_map(|one| one.get("url"));
    for node in document.get("url").into_iter().chain(further) {
        add("url", &node.scalar().unwrap_or_default(), node);
    }
    let required = requirements(document);
    for (scheme, scopes, at) in &required {
        add("requires", scheme, at);
        for (scope, at) in scopes {
            add("scope", scope, at);
        }
    }
    if required.is_empty() || required.iter().any(|(scheme, ..)| scheme.is_empty()) {
        let at = ["security", "securityRequirements"].iter().find_map(|key| document.get(key));
        add("open-to-all", "true", at.unwrap_or(document));
    }
    for (name, scheme) in document.get("securitySchemes").map(Node::entries).unwrap_or_default() {
        if let Some(weak) = weakness(scheme) {
            add("weak-scheme", weak, name);
        }
    }
    let signed = document.get("signatures").is_some_and(|node| !node.items().is_empty());
    add("signed", if signed { "true" } else { "false" }, document.get("signatures").unwrap_or(document));
    for skill in document.get("skills").map(Node::items).unwrap_or_default() {
        add_skill(file, skill, &mut identity);
    }
    identity
}

/// A scheme, the scopes it asks for, and where; an empty scheme is a way in that asks for nothing.
type Requirement<'n> = (String, Vec<(String, &'n Node)>, &'n Node);

fn requirements(holder: &Node) -> Vec<Requirement<'_>> {
    let lists = ["security", "securityRequirements"].iter().filter_map(|key| holder.get(key));
    let mut found = Vec::new();
    for one in lists.flat_map(Node::items) {
        let schemes = one.get("schemes").unwrap_or(one);
        if schemes.entries().is_empty() {
            found.push((String::new(), vec![], one));
        }
        for (name, scopes) in schemes.entries() {
            let listed = scopes.get("list").or_else(|| scopes.get("values")).unwrap_or(scopes).items();
            let scopes = listed.iter().filter_map(|scope| Some((scope.scalar()?, scope))).collect();
            found.push((name.scalar().unwrap_or_default(), scopes, one));
        }
    }
    found
}

/// What makes a way in weak: a key in an address, a password each time, a flow that hands tokens to a browser.
fn weakness(scheme: &Node) -> Option<&'static str> {
    let inner = scheme.entries().iter().map(|(_, value)| value).filter(|value| value.is_map());
    for one in std::iter::once(scheme).chain(inner) {
        let text = |key| one.get(key).and_then(Node::as_text).unwrap_or_default().to_ascii_lowercase();
        let flows = one.get("flows");
        let flow = |name: &str| flows.is_some_and(|flows| flows.get(name).is_some());
        match () {
            () if text("in") == "query" || text("location") == "query" => return Some("key in the address"),
            () if text("scheme") == "basic" => return Some("password with every call"),
            () if flow("implicit") => return Some("implicit flow"),
            () if flow("password") => return Some("password flow"),
            () => {}
        }
    }
    None
}

/// A skill as a tool: whoever may call the agent may ask for it, and nobody is asked first.
fn add_skill(file: &File<'_>, skill: &Node, identity: &mut Identity) {
    let text = |key| skill.get(key).and_then(Node::scalar).unwrap_or_default();
    let authority = skill_authority(&text("id"), &text("name"));
    let place = file.location(skill.span);
    if authority == Authority::Execute && requirements(skill).is_empty() {
        identity.settings.push(file.setting("skill.open", &text("id"), skill));
    }
    identity.tools.push(listed(&text("id"), "code".to_owned(), authority, Approval::None, place));
}

/// What a skill does: execute only where a word of its name says so, since most talk and look things up.
fn skill_authority(id: &str, name: &str) -> Authority {
    const ACTING: [&str; 22] = [
        "book",
        "buy",
        "pay",
        "payment",
        "send",
        "delete",
        "remove",
        "create",
        "update",
        "write",
        "deploy",
        "execute",
        "run",
        "transfer",
        "order",
        "cancel",
        "approve",
        "submit",
        "publish",
        "reimburse",
        "purchase",
        "modify",
    ];
    let words = [id, name].into_iter().flat_map(|text| text.split(|letter: char| !letter.is_alphanumeric()));
    let acts = words.map(str::to_ascii_lowercase).any(|word| ACTING.contains(&word.as_str()));
    if acts { Authority::Execute } else { Authority::Inspect }
}
