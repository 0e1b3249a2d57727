//! IAM of Amazon in Terraform.

use super::module::{Module, Resource, blocks, reference};
use super::{called, home};
use crate::identity::{CredentialKind, Delegation, Identity, Scope};
use crate::manifest::Reading;
use crate::manifest::aws_iam::cloudformation::{access_key, bound, seconds};
use crate::manifest::aws_iam::policy::{given, opened};
use crate::manifest::aws_iam::symbol::{is_unknown, text, texts};
use crate::manifest::aws_iam::trust::{DEFAULT_SESSION, resource_policy, trust};
use crate::manifest::aws_iam::{self, PLATFORM, document, managed, stable_name};
use crate::manifest::file::{File, unknown_credential};
use crate::manifest::parts::Parts;
use crate::text::tree::{Node, Value};

/// The data source in which policies are written.
const DOCUMENT: &str = "aws_iam_policy_document";

/// Adds the identities of Amazon that `module` declares; tells how many policies are not known.
pub(super) fn read(file: &File<'_>, module: &Module, reading: &mut Reading) -> usize {
    let name_of = |text: &str| name_of(module, text);
    let reader = Reader { file, module, name_of: &name_of };
    let mut parts = Parts::new(file, PLATFORM, &home(file));
    let used = reader.used();
    let mut unknown = 0;
    for resource in &module.resources {
        unknown += match (resource.data, resource.kind.as_str()) {
            (true, DOCUMENT) if !module.planned && !used.contains(&resource.label.as_str()) => {
                let made = reader.written(&resource.body, 0);
                document(file, &made, &document_name(&resource.label), &mut parts)
            }
            (true, _) => 0,
            _ => reader.resource(resource, &mut parts),
        };
    }
    reading.identities.extend(parts.finish());
    unknown
}

/// The end of the stable name of a policy that is written as a data source.
fn document_name(label: &str) -> String {
    format!("document.{label}")
}

/// What a reference or an Amazon resource name stands for.
fn name_of(module: &Module, text: &str) -> Option<String> {
    let Some(found) = reference(text) else { return stable_name(text) };
    let word = word(found.kind)?;
    if found.data {
        // The data source of a policy that exists names it.
        let body = module.find(text).map(|resource| &resource.body)?;
        let name = body.get("arn").or_else(|| body.get("name")).and_then(aws_iam::symbol::text)?;
        return stable_name(&name)
            .or_else(|| Some(if word == "policy" { managed(&name) } else { format!("aws/{word}/{name}") }));
    }
    Some(format!("aws/{word}/{}", found.label))
}

/// The word of a stable name for each type that others refer to.
fn word(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "aws_iam_role" => "role",
        "aws_iam_user" => "user",
        "aws_iam_group" => "group",
        "aws_iam_policy" => "policy",
        "aws_ssoadmin_permission_set" => "permission-set",
        _ => return None,
    })
}

struct Reader<'r, 'f> {
    file: &'r File<'f>,
    module: &'r Module,
    name_of: &'r dyn Fn(&str) -> Option<String>,
}

/// A policy as far as it is known.
enum Policy {
    /// The document itself.
    Known(Node),
    /// A data source in another file of the folder.
    Elsewhere(String),
    /// A value that is not in the folder.
    Unknown,
}

impl Reader<'_, '_> {
    /// Labels of the documents that a resource of this file uses: it holds what they grant.
    fn used(&self) -> Vec<&str> {
        let mut found = Vec::new();
        for resource in self.module.resources.iter().filter(|resource| !resource.data) {
            mentions(&resource.body, &mut found);
        }
        let labels = self.module.resources.iter().filter(|one| one.data && one.kind == DOCUMENT);
        labels.map(|one| one.label.as_str()).filter(|label| found.iter().any(|name| name == label)).collect()
    }

    /// Adds what one resource declares; tells how many policies are not known.
    fn resource(&self, resource: &Resource, parts: &mut Parts<'_, '_>) -> usize {
        let body = &resource.body;
        match resource.kind.as_str() {
            "aws_iam_role" => self.role(resource, parts),
            "aws_iam_user" | "aws_iam_group" => {
                let kind = word(&resource.kind).unwrap_or_default();
                let name = self.own_name(resource, kind);
                describe(self.file, body, parts.declare(&name, kind, body));
                0
            }
            "aws_iam_policy" => {
                let name = self.own_name(resource, "policy");
                describe(self.file, body, parts.declare(&name, "policy", body));
                self.grant(&name, "policy", body.get("policy"), body, parts)
            }
            "aws_iam_role_policy" | "aws_iam_user_policy" | "aws_iam_group_policy" => {
                let kind = holder_kind(&resource.kind);
                match self.holder(kind, body) {
                    Some(name) => self.grant(&name, kind, body.get("policy"), body, parts),
                    None => 0,
                }
            }
            "aws_iam_role_policy_attachment"
            | "aws_iam_user_policy_attachment"
            | "aws_iam_group_policy_attachment" => {
                let kind = holder_kind(&resource.kind);
                let holder = self.holder(kind, body);
                holder.map_or(0, |name| self.attach(&name, kind, body.get("policy_arn"), parts))
            }
            "aws_iam_policy_attachment" => {
                let mut unknown = 0;
                for (kind, key) in [("role", "roles"), ("user", "users"), ("group", "groups")] {
                    for (holder, _) in texts(body.get(key)) {
                        unknown +=
                            self.attach(&self.named(kind, &holder), kind, body.get("policy_arn"), parts);
                    }
                }
                unknown
            }
            "aws_iam_user_group_membership" => {
                for (group, at) in texts(body.get("groups")) {
                    if let Some(user) = self.holder("user", body) {
                        let step = bound(self.file, self.named("group", &group), "", at);
                        parts.mention(&user, "user", at, false).delegation.push(step);
                    }
                }
                0
            }
            "aws_iam_access_key" | "aws_iam_user_login_profile" => {
                self.secret(resource, parts);
                0
            }
            kind if kind.starts_with("aws_ssoadmin_") => self.permission_set(resource, parts),
            "aws_eks_access_policy_association" => {
                self.cluster_access(resource, parts);
                0
            }
            kind => self.resource_policy(kind, resource, parts),
        }
    }

    fn role(&self, resource: &Resource, parts: &mut Parts<'_, '_>) -> usize {
        let body = &resource.body;
        let name = self.own_name(resource, "role");
        let identity = parts.declare(&name, "role", body);
        describe(self.file, body, identity);
        let session = body.get("max_session_duration");
        identity.session.max_seconds = session.and_then(Node::as_int).unwrap_or(DEFAULT_SESSION);
        if let Some((seconds, at)) = session.and_then(|at| Some((at.as_int()?, at))) {
            identity.settings.push(self.file.setting("session.max_seconds", &seconds.to_string(), at));
        }
        let mut unknown = 0;
        if let Some(at) = body.get("assume_role_policy") {
            match self.policy(at) {
                Policy::Known(document) => trust(self.file, &document, &name, parts, self.name_of),
                Policy::Elsewhere(_) => {}
                Policy::Unknown => unknown += 1,
            }
        }
        for inline in blocks(body, "inline_policy") {
            unknown += inline.get("policy").map_or(0, |at| self.grant(&name, "role", Some(at), body, parts));
        }
        unknown + self.attach(&name, "role", body.get("managed_policy_arns"), parts)
    }

    /// Permission sets of Identity Center, and what is attached to them.
    fn permission_set(&self, resource: &Resource, parts: &mut Parts<'_, '_>) -> usize {
        const KIND: &str = "permission-set";
        let body = &resource.body;
        if resource.kind == "aws_ssoadmin_permission_set" {
            let name = self.own_name(resource, KIND);
            let identity = parts.declare(&name, KIND, body);
            describe(self.file, body, identity);
            let said = body.get("session_duration").and_then(Node::scalar);
            identity.session.max_seconds = said.as_deref().and_then(seconds).unwrap_or(DEFAULT_SESSION);
            if let Some(at) =
                body.get("session_duration").filter(|_| said.as_deref().and_then(seconds).is_some())
            {
                let seconds = identity.session.max_seconds.to_string();
                identity.settings.push(self.file.setting("session.max_seconds", &seconds, at));
            }
            return 0;
        }
        let Some(set) = body.get("permission_set_arn").and_then(text).and_then(|text| (self.name_of)(&text))
        else {
            return 0;
        };
        let inline = body.get("inline_policy").map_or(0, |at| self.grant(&set, KIND, Some(at), body, parts));
        inline + self.attach(&set, KIND, body.get("managed_policy_arn"), parts)
    }

    /// A role of the cloud that becomes a group of a cluster.
    fn cluster_access(&self, resource: &Resource, parts: &mut Parts<'_, '_>) {
        let body = &resource.body;
        let policy = body.get("policy_arn").and_then(text).unwrap_or_default();
        let role = match policy.rsplit('/').next() {
            Some("AmazonEKSClusterAdminPolicy") => "cluster-admin",
            Some("AmazonEKSAdminPolicy") => "admin",
            Some("AmazonEKSEditPolicy") => "edit",
            _ => return,
        };
        let principal = body.get("principal_arn").and_then(text).unwrap_or_default();
        let name = (self.name_of)(&principal).unwrap_or_else(|| format!("aws/principal/{principal}"));
        let whole = blocks(body, "access_scope")
            .iter()
            .any(|scope| scope.get("type").and_then(Node::as_text) == Some("cluster"));
        let at = body.get("policy_arn").unwrap_or(body);
        parts.mention(&name, "role", body, false).delegation.push(Delegation {
            scope: if whole { Scope::Cluster } else { Scope::Namespace },
            ..bound(
                self.file,
                format!("kubernetes/ClusterRole/{role}"),
                "aws_eks_access_policy_association",
                at,
            )
        });
    }

    fn secret(&self, resource: &Resource, parts: &mut Parts<'_, '_>) {
        let body = &resource.body;
        let Some(user) = self.holder("user", body) else { return };
        let at = body.get("user").unwrap_or(body);
        let identity = parts.mention(&user, "user", at, false);
        if resource.kind == "aws_iam_access_key" {
            identity.credentials.push(access_key(
                self.file,
                &format!("aws/access-key/{}", resource.label),
                at,
            ));
        } else {
            identity.settings.push(self.file.setting("login-profile", "true", at));
            let place = self.file.location(at.span);
            identity.credentials.push(unknown_credential(CredentialKind::Password, "login-profile", place));
        }
    }

    fn resource_policy(&self, kind: &str, resource: &Resource, parts: &mut Parts<'_, '_>) -> usize {
        let known = [
            "aws_s3_bucket_policy",
            "aws_sns_topic_policy",
            "aws_sqs_queue_policy",
            "aws_kms_key",
            "aws_kms_key_policy",
            "aws_secretsmanager_secret_policy",
            "aws_ecr_repository_policy",
            "aws_ecrpublic_repository_policy",
        ];
        let Some(at) = resource.body.get("policy").filter(|_| known.contains(&kind)) else { return 0 };
        match self.policy(at) {
            Policy::Known(document) => {
                let owner = format!("{kind}.{}", resource.label);
                resource_policy(self.file, &document, &owner, parts, self.name_of);
                0
            }
            Policy::Elsewhere(_) => 0,
            Policy::Unknown => 1,
        }
    }

    /// Gives what a policy grants to the identity called `name`; tells whether it is not known.
    fn grant(
        &self,
        name: &str,
        native_kind: &str,
        policy: Option<&Node>,
        at: &Node,
        parts: &mut Parts<'_, '_>,
    ) -> usize {
        let policy = policy.map_or(Policy::Unknown, |node| self.policy(node));
        let identity = parts.mention(name, native_kind, at, false);
        match policy {
            Policy::Known(document) => {
                let given = given(self.file, &document, name, self.name_of);
                identity.grants.extend(given.grants);
                identity.delegation.extend(given.steps);
                identity.complete &= given.unknown == 0;
                given.unknown
            }
            Policy::Elsewhere(to) => {
                identity.delegation.push(bound(self.file, to, "", at));
                0
            }
            Policy::Unknown => {
                identity.complete = false;
                1
            }
        }
    }

    /// Attaches policies by name; tells how many are not known.
    fn attach(
        &self,
        name: &str,
        native_kind: &str,
        policies: Option<&Node>,
        parts: &mut Parts<'_, '_>,
    ) -> usize {
        for (policy, at) in texts(policies) {
            let to = (self.name_of)(&policy).or_else(|| (!policy.contains("${")).then(|| managed(&policy)));
            let identity = parts.mention(name, native_kind, at, false);
            match to {
                Some(to) => identity.delegation.push(bound(self.file, to, "", at)),
                // Modules are given their policies by whoever calls them: the call is what counts.
                None => identity.complete = false,
            }
        }
        0
    }

    fn policy(&self, node: &Node) -> Policy {
        if let Some(document) = opened(self.file, node) {
            return Policy::Known(document);
        }
        let Some(text) = node.as_text() else { return Policy::Unknown };
        match (self.module.find(text), reference(text)) {
            (Some(resource), _) if resource.kind == DOCUMENT => {
                Policy::Known(self.written(&resource.body, 0))
            }
            (None, Some(found)) if found.kind == DOCUMENT => {
                Policy::Elsewhere(format!("aws/policy/{}", document_name(found.label)))
            }
            // A file of the tree is read by itself, as the policy it is.
            _ => file_name(text)
                .map_or(Policy::Unknown, |name| Policy::Elsewhere(format!("aws/policy/{name}"))),
        }
    }

    /// The document that a data source writes, in the shape of JSON, with the places of the data source.
    fn written(&self, body: &Node, depth: usize) -> Node {
        let mut all: Vec<Node> = blocks(body, "statement").into_iter().map(statement).collect();
        if depth < MAX_SOURCES {
            for key in
                ["source_policy_documents", "override_policy_documents", "source_json", "override_json"]
            {
                for (text, _) in texts(body.get(key)) {
                    if let Some(source) = self.module.find(&text).filter(|source| source.kind == DOCUMENT) {
                        let inner = self.written(&source.body, depth + 1);
                        all.extend(inner.get("Statement").map(Node::items).unwrap_or_default().to_vec());
                    }
                }
            }
        }
        let list = Node { span: body.span, value: Value::List(all) };
        map(body, vec![("Statement", list)])
    }

    /// The stable name of a resource that is declared here.
    fn own_name(&self, resource: &Resource, word: &str) -> String {
        let said = resource.body.get("name").and_then(Node::scalar).filter(|_| self.module.planned);
        format!("aws/{word}/{}", said.unwrap_or_else(|| resource.label.clone()))
    }

    /// The stable name of whoever a policy or a key is for.
    fn holder(&self, kind: &str, body: &Node) -> Option<String> {
        let (text, _) = texts(body.get(kind)).into_iter().next()?;
        Some(self.named(kind, &text))
    }

    fn named(&self, kind: &str, text: &str) -> String {
        let name = (self.name_of)(text);
        name.unwrap_or_else(|| {
            let plain = if is_unknown(text) { text.trim_matches(['$', '{', '}']) } else { text };
            format!("aws/{kind}/{plain}")
        })
    }
}

/// How many documents may be made of each other.
const MAX_SOURCES: usize = 4;

fn holder_kind(kind: &str) -> &'static str {
    match () {
        () if kind.contains("_role_") => "role",
        () if kind.contains("_user_") => "user",
        () => "group",
    }
}

/// The name of the file, without endings, that `${file("policies/deploy.json")}` or `templatefile` reads.
fn file_name(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("${")?;
    let path =
        inner.strip_prefix("file(").or_else(|| inner.strip_prefix("templatefile("))?.split('"').nth(1)?;
    let name = path.rsplit('/').next()?;
    name.contains(".json").then(|| name.split('.').next())?
}

/// Labels of the documents that the texts below `node` refer to.
fn mentions<'n>(node: &'n Node, found: &mut Vec<&'n str>) {
    if let Some(label) = node.as_text().and_then(reference).filter(|one| one.data && one.kind == DOCUMENT) {
        found.push(label.label);
    }
    node.items().iter().for_each(|item| mentions(item, found));
    node.entries().iter().for_each(|(_, value)| mentions(value, found));
}

/// A statement of a data source in the shape of JSON.
fn statement(block: &Node) -> Node {
    const KEYS: [(&str, &str); 4] = [
        ("actions", "Action"),
        ("not_actions", "NotAction"),
        ("resources", "Resource"),
        ("not_resources", "NotResource"),
    ];
    let effect = block.get("effect").cloned();
    let allow = Node { span: block.span, value: Value::Text("Allow".to_owned()) };
    let mut pairs = vec![("Effect", effect.unwrap_or(allow))];
    pairs.extend(KEYS.iter().filter_map(|(from, to)| Some((*to, block.get(from)?.clone()))));
    for (from, to) in [("principals", "Principal"), ("not_principals", "NotPrincipal")] {
        let named: Vec<(Node, Node)> = blocks(block, from).into_iter().filter_map(principal).collect();
        if !named.is_empty() {
            pairs.push((to, Node { span: block.span, value: Value::Map(named) }));
        }
    }
    let conditions: Vec<(Node, Node)> =
        blocks(block, "condition").into_iter().filter_map(condition).collect();
    if !conditions.is_empty() {
        pairs.push(("Condition", Node { span: block.span, value: Value::Map(conditions) }));
    }
    map(block, pairs)
}

fn principal(block: &Node) -> Option<(Node, Node)> {
    let kind = block.get("type")?;
    let kind = if kind.as_text() == Some("*") {
        Node { span: kind.span, value: Value::Text("AWS".to_owned()) }
    } else {
        kind.clone()
    };
    Some((kind, block.get("identifiers")?.clone()))
}

fn condition(block: &Node) -> Option<(Node, Node)> {
    let values = block.get("values").cloned();
    let none = Node { span: block.span, value: Value::List(vec![]) };
    let keys = vec![(block.get("variable")?.clone(), values.unwrap_or(none))];
    Some((block.get("test")?.clone(), Node { span: block.span, value: Value::Map(keys) }))
}

fn map(at: &Node, pairs: Vec<(&str, Node)>) -> Node {
    let key = |name: &str| Node { span: at.span, value: Value::Text(name.to_owned()) };
    let pairs = pairs.into_iter().map(|(name, value)| (key(name), value)).collect();
    Node { span: at.span, value: Value::Map(pairs) }
}

fn describe(file: &File<'_>, body: &Node, identity: &mut Identity) {
    called(file, body, "name", identity);
    identity.purpose = body.get("description").and_then(Node::scalar).unwrap_or_default();
    for (key, value) in body.get("tags").map(Node::entries).unwrap_or_default() {
        let key = key.scalar().unwrap_or_default().to_ascii_lowercase();
        if ["owner", "team"].contains(&key.as_str()) {
            identity.owner = value.scalar().unwrap_or_default();
        }
    }
    if let Some(at) = body.get("permissions_boundary").filter(|at| at.value != Value::Null) {
        identity.settings.push(file.setting("permissions-boundary", &at.scalar().unwrap_or_default(), at));
    }
}
