//! For programs: one versioned object.

use serde_json::{Value, json};

use super::{at, authority};
use crate::identity::inventory::{Inventory, Row};
use crate::identity::radius::Factor;
use crate::identity::widen;
use crate::text::safe;

/// The version of the object's fields.
pub const SCHEMA: &str = "tollgate.inventory/v1";

/// Renders `inventory`, indented, with a final line feed.
pub fn render(inventory: &Inventory) -> String {
    let value = json!({
        "schema": SCHEMA,
        "compared": inventory.compared,
        "identities": inventory.rows.iter().map(row).collect::<Vec<_>>(),
        "gaps": inventory.gaps,
    });
    // INVARIANT: texts, integers and booleans under text keys always serialise.
    let text = serde_json::to_string_pretty(&value).unwrap_or_default();
    safe::json(&text) + "\n"
}

fn row(row: &Row) -> Value {
    let identity = &row.identity;
    let radius = &row.radius;
    json!({
        "name": identity.name,
        "kind": identity.kind,
        "native_kind": identity.native_kind,
        "platform": identity.platform,
        "context": identity.context,
        "complete": identity.complete,
        "owner": identity.owner,
        "environment": identity.environment,
        "places": identity.places.iter().map(at).collect::<Vec<_>>(),
        "authority": authority(row),
        "approval": row.approval,
        "reaches": row.reaches,
        "credentials": identity.credentials.iter().map(|one| json!({
            "name": one.name,
            "kind": one.kind,
            "storage": one.storage,
            "life": widen::life(one),
            "expires": one.expires,
            "lifetime": one.lifetime,
            "place": at(&one.place),
        })).collect::<Vec<_>>(),
        "tools": identity.tools.iter().map(|tool| json!({
            "name": tool.name,
            "source": tool.source,
            "authority": tool.authority,
            "approval": tool.approval,
            "reversible": tool.reversible,
            "pinned": tool.pinned,
            "place": at(&tool.place),
        })).collect::<Vec<_>>(),
        "delegation": identity.delegation,
        "radius": {
            "score": radius.score,
            "band": radius.band,
            "least": radius.least,
            "most": radius.most,
            "privilege": factor(&radius.privilege),
            "duration": factor(&radius.duration),
            "reach": factor(&radius.reach),
            "ease": factor(&radius.ease),
            "path": radius.path,
            "change": radius.change,
        },
        "rules": row.faults.iter().map(|fault| json!({
            "rule": fault.rule,
            "severity": fault.severity,
            "place": at(&fault.place),
        })).collect::<Vec<_>>(),
        "widened": row.widened.iter().map(|one| json!({
            "what": one.what, "old": one.old, "new": one.new, "place": at(&one.place),
        })).collect::<Vec<_>>(),
    })
}

fn factor(factor: &Factor) -> Value {
    json!({
        "level": factor.level,
        "reason": factor.reason,
        "assumed": factor.assumed,
        "evidence": factor.evidence.as_ref().map(at),
    })
}
