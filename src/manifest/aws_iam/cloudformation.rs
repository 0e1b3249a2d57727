//! Templates of `CloudFormation` and SAM, and what the Serverless Framework takes from them.

use std::collections::BTreeMap;

use super::policy::{given, opened};
use super::symbol::{branches, is_unknown, text, texts};
use super::trust::{DEFAULT_SESSION, resource_policy, trust};
use super::{managed, stable_name};
use crate::identity::{Credential, CredentialKind, Delegation, Identity, Life, Scope, Storage};
use crate::manifest::file::{File, unknown_credential};
use crate::manifest::parts::Parts;
use crate::text::time::Length;
use crate::text::tree::Node;

/// The resources of one template.
pub(super) struct Template<'n> {
    resources: Vec<Resource<'n>>,
    /// Stable names by logical id, and by the id of a function for the role made for it.
    names: BTreeMap<&'n str, String>,
}

struct Resource<'n> {
    kind: &'n str,
    name: String,
    node: &'n Node,
    properties: &'n Node,
}

impl<'n> Template<'n> {
    /// The template in `document`; `None` where it is something else.
    pub(super) fn read(document: &'n Node) -> Option<Self> {
        let entries =
            document.get("Resources").or_else(|| document.at(&["resources", "Resources"]))?.entries();
        let mut resources = Vec::new();
        let mut names = BTreeMap::new();
        for (id, node) in entries {
            let (Some(id), Some(kind)) = (id.as_text(), node.get("Type").and_then(Node::as_text)) else {
                continue;
            };
            let Some(properties) = node.get("Properties") else { continue };
            let Some((word, key)) = named(kind) else { continue };
            // A name in the template is a name in the account; without one the logical id stands for it.
            let said = properties.get(key).and_then(text).filter(|name| !name.contains("${"));
            let name = match kind {
                "AWS::Serverless::Function" | "AWS::Serverless::StateMachine" => format!("aws/role/{id}Role"),
                _ => format!("aws/{word}/{}", said.as_deref().unwrap_or(id)),
            };
            names.insert(id, name.clone());
            resources.push(Resource { kind, name, node, properties });
        }
        (!resources.is_empty()).then_some(Self { resources, names })
    }

    /// Adds the identities of the template to `parts`; tells how many policies are not known.
    pub(super) fn identities(&self, file: &File<'_>, parts: &mut Parts<'_, '_>) -> usize {
        let name_of = |text: &str| self.name_of(text);
        let reader = Reader { file, name_of: &name_of };
        self.resources.iter().map(|resource| reader.resource(resource, parts)).sum()
    }

    /// What `${Role.Arn}` or an Amazon resource name stands for.
    fn name_of(&self, text: &str) -> Option<String> {
        let id = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
        let id = id.map(|id| id.split('.').next().unwrap_or(id));
        id.and_then(|id| self.names.get(id).cloned()).or_else(|| stable_name(text))
    }
}

/// The word of a stable name and the property that holds the name, for each type that matters here.
fn named(kind: &str) -> Option<(&'static str, &'static str)> {
    Some(match kind {
        "AWS::IAM::Role" => ("role", "RoleName"),
        "AWS::IAM::User" => ("user", "UserName"),
        "AWS::IAM::Group" => ("group", "GroupName"),
        "AWS::IAM::ManagedPolicy" => ("policy", "ManagedPolicyName"),
        "AWS::IAM::Policy" | "AWS::IAM::RolePolicy" | "AWS::IAM::UserPolicy" | "AWS::IAM::GroupPolicy" => {
            ("policy", "PolicyName")
        }
        "AWS::IAM::AccessKey" => ("access-key", ""),
        "AWS::SSO::PermissionSet" => ("permission-set", "Name"),
        "AWS::Serverless::Function" | "AWS::Serverless::StateMachine" => ("role", ""),
        "AWS::S3::BucketPolicy" => ("bucket-policy", ""),
        "AWS::SNS::TopicPolicy" => ("topic-policy", ""),
        "AWS::SQS::QueuePolicy" => ("queue-policy", ""),
        "AWS::KMS::Key" => ("key-policy", ""),
        "AWS::SecretsManager::ResourcePolicy" => ("secret-policy", ""),
        "AWS::ECR::Repository" => ("repository-policy", ""),
        _ => return None,
    })
}

struct Reader<'r, 'f> {
    file: &'r File<'f>,
    name_of: &'r dyn Fn(&str) -> Option<String>,
}

impl Reader<'_, '_> {
    /// Adds what one resource declares; tells how many policies are not known.
    fn resource(&self, resource: &Resource<'_>, parts: &mut Parts<'_, '_>) -> usize {
        let get = |key| resource.properties.get(key);
        match resource.kind {
            "AWS::IAM::Role" | "AWS::IAM::User" | "AWS::IAM::Group" => self.holder(resource, parts),
            "AWS::Serverless::Function" | "AWS::Serverless::StateMachine" => {
                if get("Role").is_some() {
                    return 0;
                }
                self.describe(resource, parts.declare(&resource.name, "role", resource.node));
                self.attached(resource, get("Policies"), parts)
            }
            "AWS::SSO::PermissionSet" => {
                let identity = parts.declare(&resource.name, "permission-set", resource.node);
                let duration = get("SessionDuration").and_then(Node::scalar);
                identity.session.max_seconds =
                    duration.as_deref().and_then(seconds).unwrap_or(DEFAULT_SESSION);
                let managed = self.attached(resource, get("ManagedPolicies"), parts);
                managed + get("InlinePolicy").map_or(0, |node| self.inline(resource, node, parts))
            }
            "AWS::IAM::AccessKey" => {
                self.access_key(resource, parts);
                0
            }
            kind if kind.starts_with("AWS::IAM::") => self.policy(resource, parts),
            _ => {
                let keys = ["PolicyDocument", "KeyPolicy", "ResourcePolicy", "RepositoryPolicyText"];
                for node in keys.iter().filter_map(|key| get(key)) {
                    if let Some(document) = opened(self.file, node) {
                        resource_policy(self.file, &document, &resource.name, parts, self.name_of);
                    }
                }
                0
            }
        }
    }

    /// A role, a user or a group.
    fn holder(&self, resource: &Resource<'_>, parts: &mut Parts<'_, '_>) -> usize {
        let get = |key| resource.properties.get(key);
        let word = resource.name.split('/').nth(1).unwrap_or_default().to_owned();
        let identity = parts.declare(&resource.name, &word, resource.node);
        self.describe(resource, identity);
        if word == "role" {
            let seconds = get("MaxSessionDuration").and_then(Node::as_int);
            identity.session.max_seconds = seconds.unwrap_or(DEFAULT_SESSION);
            let at = get("MaxSessionDuration").filter(|_| seconds.is_some());
            identity.settings.extend(at.map(|at| self.session(seconds.unwrap_or_default(), at)));
        }
        if let Some(at) = get("LoginProfile") {
            identity.settings.push(self.file.setting("login-profile", "true", at));
            let password =
                unknown_credential(CredentialKind::Password, "login-profile", self.file.location(at.span));
            identity.credentials.push(password);
        }
        for (group, at) in texts(get("Groups")) {
            let to = (self.name_of)(&group).unwrap_or_else(|| format!("aws/group/{group}"));
            identity.delegation.push(bound(self.file, to, "", at));
        }
        if let Some(document) = get("AssumeRolePolicyDocument").and_then(|node| opened(self.file, node)) {
            trust(self.file, &document, &resource.name, parts, self.name_of);
        }
        self.attached(resource, get("ManagedPolicyArns"), parts)
            + self.attached(resource, get("Policies"), parts)
    }

    fn session(&self, seconds: i64, at: &Node) -> crate::identity::Setting {
        self.file.setting("session.max_seconds", &seconds.to_string(), at)
    }

    fn describe(&self, resource: &Resource<'_>, identity: &mut Identity) {
        let get = |key| resource.properties.get(key);
        identity.purpose = get("Description").and_then(Node::scalar).unwrap_or_default();
        for tag in get("Tags").map(Node::items).unwrap_or_default() {
            let key = tag.get("Key").and_then(Node::scalar).unwrap_or_default().to_ascii_lowercase();
            if ["owner", "team"].contains(&key.as_str()) {
                identity.owner = tag.get("Value").and_then(text).unwrap_or_default();
            }
        }
        if let Some(at) = get("PermissionsBoundary") {
            let boundary = text(at).unwrap_or_default();
            identity.settings.push(self.file.setting("permissions-boundary", &boundary, at));
        }
    }

    /// Policies in a list: names, documents, or documents with a name.
    fn attached(&self, resource: &Resource<'_>, list: Option<&Node>, parts: &mut Parts<'_, '_>) -> usize {
        let mut unknown = 0;
        let Some(list) = list else { return 0 };
        for item in branches(list) {
            let node = item.get("PolicyDocument").unwrap_or(item);
            if opened(self.file, node).is_some() {
                unknown += self.inline(resource, node, parts);
            }
        }
        for (policy, at) in texts(Some(list)) {
            let to = (self.name_of)(&policy).or_else(|| (!is_unknown(&policy)).then(|| managed(&policy)));
            let identity = parts.mention(&resource.name, "role", resource.node, false);
            match to {
                Some(to) => identity.delegation.push(bound(self.file, to, "", at)),
                None => {
                    identity.complete = false;
                    unknown += 1;
                }
            }
        }
        unknown
    }

    /// A policy that belongs to one holder alone.
    fn inline(&self, resource: &Resource<'_>, node: &Node, parts: &mut Parts<'_, '_>) -> usize {
        let Some(document) = opened(self.file, node) else { return 0 };
        let given = given(self.file, &document, &resource.name, self.name_of);
        let identity = parts.mention(&resource.name, "role", resource.node, false);
        identity.grants.extend(given.grants);
        identity.delegation.extend(given.steps);
        identity.complete &= given.unknown == 0;
        given.unknown
    }

    /// A policy that stands by itself, and those it is attached to.
    fn policy(&self, resource: &Resource<'_>, parts: &mut Parts<'_, '_>) -> usize {
        let get = |key| resource.properties.get(key);
        self.describe(resource, parts.declare(&resource.name, "policy", resource.node));
        let holders = [
            ("role", "Roles"),
            ("user", "Users"),
            ("group", "Groups"),
            ("role", "RoleName"),
            ("user", "UserName"),
            ("group", "GroupName"),
        ];
        for (word, key) in holders {
            for (holder, at) in texts(get(key)) {
                let name = (self.name_of)(&holder).unwrap_or_else(|| format!("aws/{word}/{holder}"));
                let step = bound(self.file, resource.name.clone(), "", at);
                parts.mention(&name, word, at, false).delegation.push(step);
            }
        }
        get("PolicyDocument").map_or(1, |node| self.inline(resource, node, parts))
    }

    fn access_key(&self, resource: &Resource<'_>, parts: &mut Parts<'_, '_>) {
        for (user, at) in texts(resource.properties.get("UserName")) {
            let name = (self.name_of)(&user).unwrap_or_else(|| format!("aws/user/{user}"));
            let key = access_key(self.file, &resource.name, at);
            parts.mention(&name, "user", at, false).credentials.push(key);
        }
    }
}

/// A key of a user, which never ends; the service writes it where the template says, which is not in the tree.
pub(in crate::manifest) fn access_key(file: &File<'_>, name: &str, at: &Node) -> Credential {
    Credential {
        life: Life::Never,
        storage: Storage::SecretManager,
        ..unknown_credential(CredentialKind::StaticKey, name, file.location(at.span))
    }
}

/// The step from a holder to a policy.
pub(in crate::manifest) fn bound(file: &File<'_>, to: String, through: &str, at: &Node) -> Delegation {
    Delegation {
        how: "bound-to".to_owned(),
        to,
        through: through.to_owned(),
        scope: Scope::Unbound,
        namespace: String::new(),
        conditions: vec![],
        place: file.location(at.span),
    }
}

/// Seconds of `PT8H` and its like.
pub(in crate::manifest) fn seconds(text: &str) -> Option<i64> {
    Length::parse(text).ok().map(|length| length.0 / 1000)
}

/// The roles that the Serverless Framework makes from the statements of a service.
pub(super) fn serverless(file: &File<'_>, document: &Node, parts: &mut Parts<'_, '_>) -> usize {
    let paths: [&[&str]; 3] = [
        &["provider", "iam", "role", "statements"],
        &["provider", "iamRoleStatements"],
        &["iamRoleStatements"],
    ];
    let service = document.get("service").and_then(|node| node.get("name").unwrap_or(node).scalar());
    let name = format!("aws/role/{}", service.as_deref().unwrap_or("serverless"));
    for list in paths.iter().filter_map(|path| document.at(path)).filter(|list| !list.items().is_empty()) {
        let policy = super::policy_of(list);
        let given = given(file, &policy, &name, &stable_name);
        let identity = parts.declare(&name, "role", list);
        identity.grants = given.grants;
        identity.delegation = given.steps;
        identity.session.max_seconds = DEFAULT_SESSION;
        return given.unknown;
    }
    0
}
