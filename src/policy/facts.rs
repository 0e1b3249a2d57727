//! What expressions are asked about, and the functions they may call. Every evaluation counts its own steps.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use cel::common::types::{CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString};
use cel::common::value::{CowVal, Val};
use cel::{Context, ExecutionError, FunctionContext};
use regex::Regex;
use serde::Serialize;

use super::guard::Guard;
use super::sample;
use super::when::{ENVIRONMENT, WhenError};
use crate::identity::{Authority, Effect, Grant, Scope, wildcard};

/// Steps one evaluation may take: an item walked is one, a regular expression is [`PATTERN_STEPS`].
pub(super) const STEPS: u64 = 500_000;

/// What one match against a regular expression costs, in steps.
const PATTERN_STEPS: u64 = 10;

/// Stands around each list that is walked; no expression can write this name.
pub(super) const WALK: &str = "@walk";

/// Stands in place of `matches`, whose own form compiles the pattern at each use.
pub(super) const MATCH: &str = "@matches";

/// The values an expression is asked about.
pub struct Facts {
    pub(super) context: Context<'static, 'static>,
    pub(super) left: Arc<AtomicU64>,
}

impl Default for Facts {
    fn default() -> Self {
        Self::new()
    }
}

impl Facts {
    /// No values yet.
    pub fn new() -> Self {
        let left = Arc::new(AtomicU64::new(STEPS));
        let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
        // INVARIANT: none of these names is one of the standard functions, so adding them cannot fail.
        let _ = context.add_function("allows", native(|call| allows(&call.args)));
        let steps = Arc::clone(&left);
        let _ = context.add_function(WALK, native(move |call| walk(call, &steps)));
        let steps = Arc::clone(&left);
        let _ = context.add_function(MATCH, native(move |call| matches(&call.args, &steps)));
        Self { context, left }
    }

    /// Gives the variable `name` a value, in place of an earlier one.
    pub fn set(&mut self, name: &str, value: &(impl Serialize + ?Sized)) -> Result<(), WhenError> {
        let value = serde_json::to_value(value).map_err(|_| WhenError::Value(name.to_owned()))?;
        self.context.add_variable_as_val(name, shown(value));
        Ok(())
    }

    /// Whether the field that `guard` asks for is one of its words; `None` where there is none, or no text.
    pub(super) fn pass(&self, guard: &Guard) -> Option<bool> {
        let value = self.context.get_variable(&guard.variable)?;
        let field = value.downcast_ref::<CelMap>()?.inner().get(&key(guard.field.clone()))?;
        let word = field.downcast_ref::<CelString>()?.inner();
        Some(guard.words.iter().any(|one| one == word))
    }
}

/// A value as expressions see it: every integer signed, whatever its size.
fn shown(value: serde_json::Value) -> Box<dyn Val> {
    match value {
        serde_json::Value::Null => Box::new(CelNull),
        serde_json::Value::Bool(value) => Box::new(CelBool::from(value)),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(integer) => Box::new(CelInt::from(integer)),
            None => Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::MAX))),
        },
        serde_json::Value::String(text) => Box::new(CelString::from(text)),
        serde_json::Value::Array(items) => {
            Box::new(CelList::from(items.into_iter().map(shown).collect::<Vec<_>>()))
        }
        serde_json::Value::Object(fields) => {
            let fields = fields.into_iter().map(|(name, field)| (key(name), shown(field)));
            Box::new(CelMap::from(fields.collect::<HashMap<_, _>>()))
        }
    }
}

fn key(name: String) -> CelMapKey<'static> {
    CelMapKey::String(CelString::from(name))
}

type Native = Box<
    dyn for<'c, 'v> Fn(&mut FunctionContext<'c, 'v>) -> Result<CowVal<'c, 'v>, ExecutionError> + Send + Sync,
>;

fn native(
    function: impl for<'c, 'v> Fn(&mut FunctionContext<'c, 'v>) -> Result<CowVal<'c, 'v>, ExecutionError>
    + Send
    + Sync
    + 'static,
) -> Native {
    Box::new(function)
}

/// Hands on what is walked, for one step an item; the names of a group come in the order of the alphabet.
fn walk<'c, 'v>(
    call: &mut FunctionContext<'c, 'v>,
    left: &AtomicU64,
) -> Result<CowVal<'c, 'v>, ExecutionError> {
    let Some(value) = call.args.pop() else { return Err(ExecutionError::missing_argument_or_target()) };
    let items = value.as_sizer().map_or(0, |sizer| u64::try_from(sizer.size().into_inner()).unwrap_or(0));
    let names = value.downcast_ref::<CelMap>().map(|map| {
        let mut names: Vec<String> = map
            .inner()
            .keys()
            .filter_map(|key| match key {
                CelMapKey::String(name) => Some(name.inner().to_owned()),
                _ => None,
            })
            .collect();
        names.sort_unstable();
        let names = names.into_iter().map(|name| Box::new(CelString::from(name)) as Box<dyn Val>);
        CelList::from(names.collect::<Vec<_>>())
    });
    spend(Some(names.map_or(value, CowVal::owned)), left, items.saturating_add(1))
}

/// Hands `value` on for `price` steps; an error once they are spent.
fn spend<'c, 'v>(
    value: Option<CowVal<'c, 'v>>,
    left: &AtomicU64,
    price: u64,
) -> Result<CowVal<'c, 'v>, ExecutionError> {
    let before = left.load(Ordering::Relaxed);
    left.store(before.saturating_sub(price), Ordering::Relaxed);
    match value {
        Some(value) if before > price => Ok(value),
        Some(_) => Err(ExecutionError::function_error("steps", "spent")),
        None => Err(ExecutionError::missing_argument_or_target()),
    }
}

/// `matches(text, pattern)`, the pattern from the few that stand in rules.
fn matches<'c, 'v>(arguments: &[CowVal<'c, 'v>], left: &AtomicU64) -> Result<CowVal<'c, 'v>, ExecutionError> {
    static PATTERNS: LazyLock<RwLock<BTreeMap<String, Regex>>> = LazyLock::new(RwLock::default);
    let fault = || ExecutionError::function_error("matches", "takes a text and a pattern");
    let [text, pattern] = arguments else { return Err(fault()) };
    let text = text.downcast_ref::<CelString>().ok_or_else(fault)?;
    let pattern = pattern.downcast_ref::<CelString>().ok_or_else(fault)?.inner();
    let known = PATTERNS.read().unwrap_or_else(PoisonError::into_inner).get(pattern).cloned();
    let regex = if let Some(regex) = known {
        regex
    } else {
        let regex = Regex::new(pattern).map_err(|_| fault())?;
        let mut patterns = PATTERNS.write().unwrap_or_else(PoisonError::into_inner);
        patterns.insert(pattern.to_owned(), regex.clone());
        regex
    };
    let found = CelBool::from(regex.is_match(text.inner()));
    spend(Some(CowVal::owned(found)), left, PATTERN_STEPS)
}

/// `allows(grant, action, resource, group)`, each of the last three a text or a list of texts; without a resource:
/// on any at all.
fn allows<'c, 'v>(arguments: &[CowVal<'c, 'v>]) -> Result<CowVal<'c, 'v>, ExecutionError> {
    let fault = || ExecutionError::function_error("allows", "takes a grant, an action and a resource");
    let [grant, actions, rest @ ..] = arguments else { return Err(fault()) };
    let grant = grant_of(grant).ok_or_else(fault)?;
    let actions = texts(actions).ok_or_else(fault)?;
    let [resources, groups @ ..] = rest else {
        let allows = actions.iter().any(|action| wildcard::allows_somewhere(&grant, action));
        return Ok(CowVal::owned(CelBool::from(allows)));
    };
    let resources = texts(resources).ok_or_else(fault)?;
    let groups = match groups {
        [] => vec![String::new()],
        [groups, ..] => texts(groups).ok_or_else(fault)?,
    };
    let allows = actions.iter().any(|action| {
        resources
            .iter()
            .any(|resource| groups.iter().any(|group| wildcard::allows(&grant, action, resource, group)))
    });
    Ok(CowVal::owned(CelBool::from(allows)))
}

/// The part of a grant that says what it allows, read back from what expressions see.
fn grant_of(value: &CowVal<'_, '_>) -> Option<Grant> {
    let map = value.downcast_ref::<CelMap>()?;
    let list = |name: &str| list_of(&**map.inner().get(&key(name.to_owned()))?);
    let effect = map.inner().get(&key("effect".to_owned()))?;
    let deny = effect.downcast_ref::<CelString>().is_some_and(|word| word.inner() == "deny");
    Some(Grant {
        effect: if deny { Effect::Deny } else { Effect::Allow },
        actions: list("actions")?,
        resources: list("resources")?,
        not_actions: list("not_actions")?,
        not_resources: list("not_resources")?,
        groups: list("groups")?,
        names: list("names")?,
        scope: Scope::Unbound,
        namespace: String::new(),
        conditions: Vec::new(),
        authority: Authority::Execute,
        given_by: Vec::new(),
        place: sample::place(),
        action_places: Vec::new(),
        bound_at: None,
    })
}

fn texts(value: &CowVal<'_, '_>) -> Option<Vec<String>> {
    match value.downcast_ref::<CelString>() {
        Some(text) => Some(vec![text.inner().to_owned()]),
        None => list_of(&**value),
    }
}

fn list_of(value: &(dyn Val + '_)) -> Option<Vec<String>> {
    let items = value.downcast_ref::<CelList>()?.inner().iter();
    items.map(|item| Some(item.downcast_ref::<CelString>()?.inner().to_owned())).collect()
}
