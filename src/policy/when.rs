//! `when:` as CEL over the models, with the place of every error.
//!
//! CEL is the expression language of Kubernetes admission policies. Here a misspelt field, word or
//! function is an error at load and not a rule that never fires; an expression is short, nests few
//! loops and takes a bounded number of steps, so that no rule can stop the gate.
//!
//! ```text
//! credential  credential, path
//! identity    identity, path, and with `each:` one of grant, tool, credential, delegation, setting
//! document    document, path, change (added, modified, deleted, or empty without a base)
//! ```
//!
//! Beside the standard functions there is `allows(grant, action, resource, group)`: what a grant means,
//! wildcards included. Action, resource and group may be lists, of which any combination counts; the
//! group may be left out, which is the core group, and so may the resource: on any at all.

use std::sync::atomic::Ordering;
use std::sync::{Arc, LazyLock, OnceLock};

use cel::common::ast::{CallExpr, EntryExpr, Expr};
use cel::{Env, ExecutionError, IdedExpr, Value};

pub use super::facts::Facts;
use super::facts::{MATCH, STEPS, WALK};
use super::guard::{self, Ask, Guard};
use super::sample;
use super::shape::{Checker, Shape, part_name, variables};
use crate::identity::Grant;
use crate::policy::syntax::Each;
use crate::text::span::Position;

/// The longest expression in bytes.
pub const LONGEST: usize = 2000;

/// What an expression is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sees {
    /// One credential.
    Credential,
    /// One identity, or each item of one of its lists.
    Identity(Option<Each>),
    /// One raw document.
    Document,
}

/// A condition that was checked.
#[derive(Debug, Clone)]
pub struct When {
    text: String,
    sees: Sees,
    guards: OnceLock<Vec<Guard>>,
    asks: OnceLock<Vec<Vec<Ask>>>,
    compiled: OnceLock<Result<Arc<IdedExpr>, WhenError>>,
}

/// Why an expression is no condition, or gives no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WhenError {
    /// Longer than [`LONGEST`].
    #[error("the expression is {0} bytes long, at most {LONGEST} are read")]
    TooLong(usize),
    /// Not CEL.
    #[error("{message}")]
    Syntax {
        /// What is wrong.
        message: String,
        /// Where in the expression.
        at: Position,
    },
    /// A loop in a loop in a loop.
    #[error("loops (`all`, `exists`, `filter`, `map`) may nest two deep")]
    Nested {
        /// Where in the expression.
        at: Position,
    },
    /// No such variable.
    #[error("there is no variable `{name}` here: known are {known}")]
    Variable {
        /// As written.
        name: String,
        /// The variables there are.
        known: String,
        /// Where in the expression.
        at: Position,
    },
    /// No such field.
    #[error("there is no field `{name}`: known are {known}")]
    Field {
        /// As written.
        name: String,
        /// The fields there are.
        known: String,
        /// Where in the expression.
        at: Position,
    },
    /// No such function.
    #[error("there is no function `{name}`: known are {known}")]
    Function {
        /// As written.
        name: String,
        /// The functions there are.
        known: String,
        /// Where in the expression.
        at: Position,
    },
    /// A word that the field never holds.
    #[error("`{text}` is never the value: possible are {known}")]
    Word {
        /// As written.
        text: String,
        /// The words there are.
        known: String,
        /// Where in the expression.
        at: Position,
    },
    /// Values that do not go together.
    #[error("{message}")]
    Kinds {
        /// What stands where it cannot.
        message: String,
        /// Where in the expression.
        at: Position,
    },
    /// The result is neither true nor false.
    #[error("the expression gives {0} where it must give true or false")]
    NotBoolean(&'static str),
    /// It took more steps than any sensible rule needs.
    #[error("the expression takes more than {STEPS} steps")]
    Steps,
    /// It cannot be answered.
    #[error("the expression has no answer: {0}")]
    Evaluation(&'static str),
    /// A value cannot be shown to expressions.
    #[error("`{0}` cannot be shown to a rule")]
    Value(String),
}

impl WhenError {
    /// Where in the expression, where that is known.
    pub const fn at(&self) -> Option<Position> {
        match self {
            Self::Syntax { at, .. }
            | Self::Nested { at }
            | Self::Variable { at, .. }
            | Self::Field { at, .. }
            | Self::Function { at, .. }
            | Self::Word { at, .. }
            | Self::Kinds { at, .. } => Some(*at),
            _ => None,
        }
    }
}

impl When {
    /// Checks `expression` in full.
    pub fn new(expression: &str, sees: Sees) -> Result<Self, WhenError> {
        let when = Self::deferred(expression, sees);
        when.compiled()?;
        Ok(when)
    }

    /// Takes an expression that tests have checked and compiles it at its first use.
    ///
    /// For the built-in rules: compiling all of them at each start would cost more than a small scan.
    /// A fault that slipped through shows as an error of [`When::holds`].
    pub fn deferred(expression: &str, sees: Sees) -> Self {
        Self {
            text: expression.to_owned(),
            sees,
            guards: OnceLock::new(),
            asks: OnceLock::new(),
            compiled: OnceLock::new(),
        }
    }

    /// A condition on one credential, compiled at its first use.
    pub fn credential(expression: &str) -> Self {
        Self::deferred(expression, Sees::Credential)
    }

    /// A condition on one identity, or on each item of one of its lists, compiled at its first use.
    pub fn identity(expression: &str, each: Option<Each>) -> Self {
        Self::deferred(expression, Sees::Identity(each))
    }

    /// A condition on one raw document, compiled at its first use.
    pub fn document(expression: &str) -> Self {
        Self::deferred(expression, Sees::Document)
    }

    /// Compiles the condition and tries it on a sample of every kind of what it sees.
    pub fn check(&self) -> Result<(), WhenError> {
        self.compiled()?;
        self.try_on_samples()
    }

    /// The expression as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it is about.
    pub const fn sees(&self) -> Sees {
        self.sees
    }

    /// Whether the condition is true of `facts`.
    ///
    /// # Errors
    ///
    /// [`WhenError`] when it has no answer: a field a document lacks, an index behind the end, too many
    /// steps. An error is no decision, never false.
    pub fn holds(&self, facts: &Facts) -> Result<bool, WhenError> {
        Ok(self.may_hold(facts) && self.answer(facts)?)
    }

    /// Whether what is asked first, as far as `facts` know it, rules nothing out. It costs next to nothing.
    ///
    /// What follows a question without an answer is not asked.
    pub fn may_hold(&self, facts: &Facts) -> bool {
        let guards = self.guards.get_or_init(|| guard::guards(&self.text)).iter();
        guards.map_while(|guard| facts.pass(guard)).all(|passes| passes)
    }

    /// Whether `grant` allows what the condition asks of it in plain words; as cheap, and true where it asks otherwise.
    pub fn may_allow(&self, grant: &Grant) -> bool {
        let asks = self.asks.get_or_init(|| guard::asks(&self.text));
        asks.iter().all(|any| any.iter().any(|ask| ask.holds(grant)))
    }

    fn answer(&self, facts: &Facts) -> Result<bool, WhenError> {
        let expression = self.compiled()?;
        facts.left.store(STEPS, Ordering::Relaxed);
        match Value::resolve(&expression, &facts.context) {
            Ok(Value::Bool(holds)) => Ok(holds),
            Ok(_) => Err(WhenError::NotBoolean("another value")),
            Err(_) if facts.left.load(Ordering::Relaxed) == 0 => Err(WhenError::Steps),
            Err(error) => Err(WhenError::Evaluation(reason(&error))),
        }
    }

    /// Tries the condition on a sample of every kind of what it sees; a document has no samples.
    pub fn try_on_samples(&self) -> Result<(), WhenError> {
        let mut facts = Facts::new();
        facts.set("path", "sample.yaml")?;
        match self.sees {
            Sees::Document => {
                self.compiled()?;
            }
            Sees::Credential => {
                for credential in sample::credentials() {
                    facts.set("credential", &credential)?;
                    self.holds(&facts)?;
                }
            }
            Sees::Identity(each) => {
                for identity in sample::identities() {
                    facts.set("identity", &identity)?;
                    if let Some(each) = each {
                        set_first_part(&mut facts, each, &identity)?;
                    }
                    self.holds(&facts)?;
                }
            }
        }
        Ok(())
    }

    fn compiled(&self) -> Result<Arc<IdedExpr>, WhenError> {
        self.compiled.get_or_init(|| compile(&self.text, self.sees).map(Arc::new)).clone()
    }
}

fn set_first_part(
    facts: &mut Facts,
    each: Each,
    identity: &crate::identity::Identity,
) -> Result<(), WhenError> {
    let name = part_name(each);
    match each {
        Each::Grants => facts.set(name, &identity.grants.first()),
        Each::Tools => facts.set(name, &identity.tools.first()),
        Each::Credentials => facts.set(name, &identity.credentials.first()),
        Each::Delegation => facts.set(name, &identity.delegation.first()),
        Each::Settings => facts.set(name, &identity.settings.first()),
        Each::Widened => facts.set(name, &identity.widened.first()),
    }
}

fn compile(text: &str, sees: Sees) -> Result<IdedExpr, WhenError> {
    if text.len() > LONGEST {
        return Err(WhenError::TooLong(text.len()));
    }
    let program = ENVIRONMENT.compile(text).map_err(|errors| syntax(&errors))?;
    let mut checker = Checker { info: program.source_info(), scope: variables(sees), depth: 0 };
    match checker.shape(program.expression())? {
        Shape::Bool | Shape::Any => {}
        Shape::Number => return Err(WhenError::NotBoolean("a number")),
        Shape::Text | Shape::Word(_) | Shape::Literal(_) => return Err(WhenError::NotBoolean("a text")),
        Shape::List(_) | Shape::Model(_) => return Err(WhenError::NotBoolean("a list or a group")),
    }
    let mut expression = program.expression().clone();
    count_steps(&mut expression);
    Ok(expression)
}

/// Without optional values: `a.?b` would bring back the field that is silently not there.
pub(super) static ENVIRONMENT: LazyLock<Arc<Env>> =
    LazyLock::new(|| Arc::new(Env::stdlib().with_optional_support(false)));

/// How the parser marks what the grammar refused; the other errors follow from it.
const SYNTAX: &str = "Syntax error: ";

fn syntax(errors: &cel::ParseErrors) -> WhenError {
    let list = &errors.errors;
    let first = list.iter().find(|error| error.msg.starts_with(SYNTAX)).or(list.first());
    let (line, column) = first.map_or((1, 1), |error| error.pos);
    let number = |number: isize| u32::try_from(number).unwrap_or(1).max(1);
    let message = first.map_or("this is not CEL", |error| error.msg.as_str());
    let message = message.strip_prefix(SYNTAX).unwrap_or(message);
    let message = message.split(" expecting ").next().unwrap_or(message).replace('\'', "`");
    let message = message.replace("mismatched input `<EOF>`", "the expression ends too early");
    WhenError::Syntax { message, at: Position { line: number(line), column: number(column) } }
}

/// Wraps what is walked and what is matched, so that every evaluation counts its own steps.
fn count_steps(node: &mut IdedExpr) {
    match &mut node.expr {
        Expr::Call(call) => {
            call.target.as_deref_mut().into_iter().chain(&mut call.args).for_each(count_steps);
            if call.func_name == "matches" {
                MATCH.clone_into(&mut call.func_name);
                call.args.splice(0..0, call.target.take().map(|target| *target));
            }
        }
        Expr::Comprehension(inner) => {
            count_steps(&mut inner.iter_range);
            count_steps(&mut inner.loop_step);
            wrap(&mut inner.iter_range, WALK);
        }
        Expr::List(list) => list.elements.iter_mut().for_each(count_steps),
        Expr::Map(map) => {
            for entry in &mut map.entries {
                if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                    count_steps(&mut entry.key);
                    count_steps(&mut entry.value);
                }
            }
        }
        Expr::Select(select) => count_steps(&mut select.operand),
        _ => {}
    }
}

fn wrap(node: &mut IdedExpr, function: &str) {
    let inner = std::mem::take(node);
    let call = CallExpr { func_name: function.to_owned(), target: None, args: vec![inner] };
    node.expr = Expr::Call(call);
}

/// Why there is no answer, in words that hold no value: those of a document may be secret.
const fn reason(error: &ExecutionError) -> &'static str {
    match error {
        ExecutionError::NoSuchKey(_) => "a field it asks for is not there",
        ExecutionError::IndexOutOfBounds(_) => "an index lies behind the end of its list",
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => "a division by zero",
        ExecutionError::Overflow(..) => "a number grew too large",
        ExecutionError::FunctionError { .. } => "a function refused its values",
        _ => "it joins values of different kinds",
    }
}

#[cfg(test)]
mod tests;
