//! ARM templates: resources, those inside them, and nested templates.

use super::assignment::{Assignment, assign, define, federated};
use crate::identity::Scope;
use crate::manifest::file::File;
use crate::manifest::parts::Parts;
use crate::text::tree::{Node, Value};

/// One template, with the values that its expressions may name.
pub(super) struct Template<'n> {
    root: &'n Node,
    /// What a resource without a scope of its own is deployed to.
    scope: Scope,
}

/// How deep resources and templates may lie in each other.
const DEEPEST: usize = 12;

impl<'n> Template<'n> {
    /// The template in `document`; `None` where it is something else.
    pub(super) fn read(document: &'n Node) -> Option<Self> {
        document.get("resources")?;
        let schema = document.get("$schema").and_then(Node::scalar)?.to_ascii_lowercase();
        let scope = match () {
            () if schema.contains("tenantdeployment") || schema.contains("managementgroup") => {
                Scope::Organisation
            }
            () if schema.contains("subscriptiondeployment") => Scope::Cluster,
            () if schema.contains("deploymenttemplate") => Scope::Namespace,
            () => return None,
        };
        Some(Self { root: document, scope })
    }

    /// Adds the identities of the template to `parts`.
    pub(super) fn identities(&self, file: &File<'_>, parts: &mut Parts<'_, '_>) {
        self.resources(file, self.root, "", self.scope, 0, parts);
    }

    /// The resources of a template or of another resource, whose type stands before theirs.
    fn resources(
        &self,
        file: &File<'_>,
        holder: &Node,
        around: &str,
        scope: Scope,
        depth: usize,
        parts: &mut Parts<'_, '_>,
    ) {
        let Some(list) = holder.get("resources").filter(|_| depth < DEEPEST) else { return };
        let named = list.entries().iter().map(|(_, value)| value);
        for resource in list.items().iter().chain(named).filter(|node| node.is_map()) {
            let kind = resource.get("type").and_then(Node::scalar).unwrap_or_default();
            let kind = if around.is_empty() { kind } else { format!("{around}/{kind}") };
            let Some(properties) = resource.get("properties") else { continue };
            self.resource(file, &kind, resource, properties, scope, parts);
            self.resources(file, resource, &kind, scope, depth + 1, parts);
            if let Some(nested) = properties.get("template") {
                let scope = nested_scope(resource).unwrap_or(scope);
                let inner = Template { root: nested, scope };
                inner.resources(file, nested, "", scope, depth + 1, parts);
            }
        }
    }

    fn resource(
        &self,
        file: &File<'_>,
        kind: &str,
        resource: &Node,
        properties: &Node,
        scope: Scope,
        parts: &mut Parts<'_, '_>,
    ) {
        let lower = kind.to_ascii_lowercase();
        let name = resource.get("name").and_then(Node::scalar).unwrap_or_default();
        if lower.ends_with("/roleassignments") {
            let own = lower != "microsoft.authorization/roleassignments" || resource.get("scope").is_some();
            self.assignment(file, properties, if own { Scope::Resource } else { scope }, parts);
        } else if lower.ends_with("/roledefinitions") {
            define(file, properties, None, parts);
        } else if lower.ends_with("/federatedidentitycredentials") {
            let Some(issuer) = properties.get("issuer") else { return };
            let stable = format!("azure/federated/{name}");
            let proof =
                federated(file, &stable, issuer, properties.get("subject"), properties.get("audiences"));
            parts.declare(&stable, "federated-credential", resource).credentials.push(proof);
        } else if lower == "microsoft.containerservice/managedclusters" {
            let open = properties.get("disableLocalAccounts").and_then(Node::truthy) != Some(true);
            if open && properties.get("disableLocalAccounts").and_then(Node::as_text).is_none() {
                let stable = format!("azure/cluster/{name}");
                let identity = parts.declare(&stable, "cluster", resource);
                identity.settings.push(file.setting("local-accounts", "enabled", resource));
            }
        }
    }

    fn assignment(&self, file: &File<'_>, properties: &Node, scope: Scope, parts: &mut Parts<'_, '_>) {
        let (Some(principal), Some(role)) =
            (properties.get("principalId"), properties.get("roleDefinitionId"))
        else {
            return;
        };
        let resolved = Node { span: role.span, value: Value::Text(self.resolved(role)) };
        // The name of a person or a service lies behind an id that the tree does not know.
        let kind = properties.get("principalType").map(|node| self.resolved(node)).unwrap_or_default();
        let assignment = Assignment {
            principal,
            kind,
            role: &resolved,
            scope,
            resource: deployed_to(scope).to_owned(),
            condition: properties.get("condition"),
        };
        assign(file, parts, &assignment, &|_| None);
    }

    /// A text with the values of the variables and the defaults of the parameters that it is made of.
    fn resolved(&self, node: &Node) -> String {
        let mut text = node.scalar().unwrap_or_default();
        for _ in 0..MAX_NAMES {
            let Some(value) = self.named(&text) else { break };
            text = value;
        }
        text
    }

    /// The value that `[variables('x')]` or `[parameters('x')]` names, anywhere in `text`.
    fn named(&self, text: &str) -> Option<String> {
        [("variables", None), ("parameters", Some("defaultValue"))].iter().find_map(|(holder, inner)| {
            let name = text.split_once(&format!("{holder}('"))?.1.split('\'').next()?;
            let value = self.root.at(&[*holder, name])?;
            inner.map_or(Some(value), |inner| value.get(inner))?.scalar().filter(|value| value != text)
        })
    }
}

/// What a template of that scope is deployed to.
const fn deployed_to(scope: Scope) -> &'static str {
    match scope {
        Scope::Organisation => "management group or tenant",
        Scope::Cluster => "subscription",
        Scope::Namespace => "resource group",
        Scope::Resource | Scope::Unbound => "one resource",
    }
}

/// How many names are followed.
const MAX_NAMES: usize = 4;

/// Where a nested deployment goes, where it says so.
fn nested_scope(resource: &Node) -> Option<Scope> {
    let schema =
        resource.at(&["properties", "template", "$schema"]).and_then(Node::scalar)?.to_ascii_lowercase();
    match () {
        () if resource.get("resourceGroup").is_some() => Some(Scope::Namespace),
        () if schema.contains("tenantdeployment") || schema.contains("managementgroup") => {
            Some(Scope::Organisation)
        }
        () if schema.contains("subscriptiondeployment") => Some(Scope::Cluster),
        () => None,
    }
}
