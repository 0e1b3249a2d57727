//! A head as members of a JSON object, for stores that keep it as text.

use serde_json::{Map, Value};

use super::Head;
use crate::ledger::merkle::{Frontier, Hash};
use crate::text::hash;

impl Head {
    /// `{"frontier":["<64 hex>",...],"ledger":"local/pay/2026","root":"<64 hex>","size":3,"v":1}`
    pub(super) fn members(&self) -> Map<String, Value> {
        let frontier: Vec<Value> = self.frontier.nodes().iter().map(|node| hash::hex(node).into()).collect();
        let mut object = Map::new();
        for (name, value) in [
            ("v", Value::from(1)),
            ("ledger", self.origin.as_str().into()),
            ("size", self.size().into()),
            ("root", hash::hex(&self.root()).into()),
            ("frontier", frontier.into()),
        ] {
            object.insert(name.to_owned(), value);
        }
        object
    }

    /// The head these members tell; that they tell its root too is for the caller to check, by writing it again.
    pub(super) fn of_members(value: &Value) -> Option<Self> {
        let nodes = value.get("frontier")?.as_array()?;
        let nodes: Option<Vec<Hash>> =
            nodes.iter().map(|node| hash::unhex(node.as_str()?)?.try_into().ok()).collect();
        let frontier = Frontier::from_parts(value.get("size")?.as_u64()?, nodes?)?;
        Some(Self { origin: value.get("ledger")?.as_str()?.to_owned(), frontier })
    }
}
