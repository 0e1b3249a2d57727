//! What an expression may ask of each variable: the check that finds a misspelt field, word or function
//! even where `&&` or `exists` would never reach it.
//!
//! The fields are not listed here: they are read off the samples of [`super::sample`].

use std::collections::{BTreeMap, BTreeSet};

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, SourceInfo, operators};
use serde_json::Value;

use super::sample;
use super::when::{Sees, WhenError};
use crate::policy::syntax::Each;
use crate::text::span::Position;

/// The kind of value an expression gives.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    /// Nothing is known: part of a document, or the result of a conversion.
    Any,
    /// True or false.
    Bool,
    /// An integer or a fraction.
    Number,
    /// Free text.
    Text,
    /// One of a closed set of words.
    Word(BTreeSet<String>),
    /// One of the texts that stand in the expression.
    Literal(BTreeSet<String>),
    /// A list of one kind of item.
    List(Box<Shape>),
    /// A model with its fields.
    Model(BTreeMap<String, Shape>),
}

/// How deep comprehensions may nest: cost grows with the power.
const NESTED: usize = 2;

/// Fields whose words form a closed set, in whichever model they stand.
const CLOSED: [&str; 9] =
    ["kind", "context", "environment", "effect", "scope", "authority", "approval", "life", "storage"];

/// Functions an expression may call: name, least and most arguments (with the target), what they give.
const FUNCTIONS: [(&str, usize, usize, Shape); 13] = [
    ("size", 1, 1, Shape::Number),
    ("contains", 2, 2, Shape::Bool),
    ("startsWith", 2, 2, Shape::Bool),
    ("endsWith", 2, 2, Shape::Bool),
    ("matches", 2, 2, Shape::Bool),
    ("allows", 2, 4, Shape::Bool),
    ("string", 1, 1, Shape::Text),
    ("int", 1, 1, Shape::Number),
    ("double", 1, 1, Shape::Number),
    ("bool", 1, 1, Shape::Bool),
    ("dyn", 1, 1, Shape::Any),
    ("type", 1, 1, Shape::Any),
    (operators::NOT_STRICTLY_FALSE, 1, 1, Shape::Bool),
];

/// Names of kinds, as in `type(x) == string`.
const TYPES: [&str; 7] = ["bool", "int", "double", "string", "list", "map", "null_type"];

/// The variables of an expression and the shape of each.
pub(super) fn variables(sees: Sees) -> Vec<(String, Shape)> {
    let mut list = vec![("path".to_owned(), Shape::Text)];
    match sees {
        Sees::Credential => list.push(("credential".to_owned(), credential())),
        Sees::Identity(each) => {
            let identity = identity();
            if let Some(each) = each {
                let part = identity.field(list_name(each)).and_then(Shape::item).unwrap_or(Shape::Any);
                list.push((part_name(each).to_owned(), part));
            }
            list.push(("identity".to_owned(), identity));
        }
        Sees::Document => {
            let changes = ["", "added", "modified", "deleted"];
            list.push(("change".to_owned(), Shape::Word(changes.map(str::to_owned).into())));
            list.push(("document".to_owned(), Shape::Any));
        }
    }
    list
}

/// The variable that holds one item of a list of an identity.
pub(super) const fn part_name(each: Each) -> &'static str {
    match each {
        Each::Grants => "grant",
        Each::Tools => "tool",
        Each::Credentials => "credential",
        Each::Delegation => "delegation",
        Each::Settings => "setting",
        Each::Widened => "widened",
    }
}

const fn list_name(each: Each) -> &'static str {
    match each {
        Each::Grants => "grants",
        Each::Tools => "tools",
        Each::Credentials => "credentials",
        Each::Delegation => "delegation",
        Each::Settings => "settings",
        Each::Widened => "widened",
    }
}

fn identity() -> Shape {
    merged(sample::identities().iter().filter_map(|one| serde_json::to_value(one).ok()))
}

fn credential() -> Shape {
    merged(sample::credentials().iter().filter_map(|one| serde_json::to_value(one).ok()))
}

fn merged(samples: impl Iterator<Item = Value>) -> Shape {
    samples.map(|value| Shape::of(&value, "")).reduce(Shape::merge).unwrap_or(Shape::Any)
}

impl Shape {
    fn of(value: &Value, name: &str) -> Self {
        match value {
            Value::Bool(_) => Self::Bool,
            Value::Number(_) => Self::Number,
            Value::String(word) if CLOSED.contains(&name) => Self::Word([word.clone()].into()),
            Value::String(_) => Self::Text,
            Value::Array(items) => Self::List(Box::new(
                items.iter().map(|item| Self::of(item, "")).reduce(Self::merge).unwrap_or(Self::Any),
            )),
            Value::Object(fields) => Self::Model(
                fields.iter().map(|(name, field)| (name.clone(), Self::of(field, name))).collect(),
            ),
            Value::Null => Self::Any,
        }
    }

    fn merge(self, other: Self) -> Self {
        match (self, other) {
            (Self::Word(mut left), Self::Word(right)) => {
                left.extend(right);
                Self::Word(left)
            }
            (Self::Literal(mut left), Self::Literal(right)) => {
                left.extend(right);
                Self::Literal(left)
            }
            (Self::List(left), Self::List(right)) => Self::List(Box::new(left.merge(*right))),
            (Self::Model(mut left), Self::Model(right)) => {
                for (name, field) in right {
                    let known = left.remove(&name);
                    left.insert(name, known.map_or(field.clone(), |known| known.merge(field)));
                }
                Self::Model(left)
            }
            (Self::Any, other) => other,
            (left, _) => left,
        }
    }

    fn field(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Model(fields) => fields.get(name),
            _ => None,
        }
    }

    fn item(&self) -> Option<Self> {
        match self {
            Self::List(item) => Some((**item).clone()),
            _ => None,
        }
    }

    /// What a person calls it.
    const fn word(&self) -> &'static str {
        match self {
            Self::Any => "a value",
            Self::Bool => "true or false",
            Self::Number => "a number",
            Self::Text | Self::Word(_) | Self::Literal(_) => "a text",
            Self::List(_) => "a list",
            Self::Model(_) => "a group of fields",
        }
    }

    fn is(&self, other: &Self) -> bool {
        matches!(self, Self::Any) || matches!(other, Self::Any) || self.word() == other.word()
    }
}

/// Walks an expression with the shapes of its variables.
pub(super) struct Checker<'e> {
    /// Where each node stands.
    pub(super) info: &'e SourceInfo,
    /// Variables in scope, innermost last.
    pub(super) scope: Vec<(String, Shape)>,
    /// Comprehensions around the node.
    pub(super) depth: usize,
}

impl Checker<'_> {
    /// The shape of what `node` gives; an error for what can never be meant.
    pub(super) fn shape(&mut self, node: &IdedExpr) -> Result<Shape, WhenError> {
        match &node.expr {
            Expr::Ident(name) => self.variable(node, name),
            Expr::Literal(literal) => Ok(literal_shape(literal)),
            Expr::Select(select) => {
                let model = self.shape(&select.operand)?;
                let field = self.select(node, &model, &select.field)?;
                Ok(if select.test { Shape::Bool } else { field })
            }
            Expr::Call(call) => self.call(node, call),
            Expr::Comprehension(comprehension) => self.comprehension(node, comprehension),
            Expr::List(list) => {
                let mut item = Shape::Any;
                for element in &list.elements {
                    item = item.merge(self.shape(element)?);
                }
                Ok(Shape::List(Box::new(item)))
            }
            Expr::Map(map) => {
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        self.shape(&entry.key)?;
                        self.shape(&entry.value)?;
                    }
                }
                Ok(Shape::Any)
            }
            Expr::Struct(_) | Expr::Unspecified => Err(self.syntax(node, "this form is not supported")),
        }
    }

    fn variable(&self, node: &IdedExpr, name: &str) -> Result<Shape, WhenError> {
        if let Some((_, shape)) = self.scope.iter().rev().find(|(known, _)| known == name) {
            return Ok(shape.clone());
        }
        if TYPES.contains(&name) {
            return Ok(Shape::Any);
        }
        let known =
            self.scope.iter().map(|(known, _)| known.as_str()).filter(|known| !known.starts_with('@'));
        Err(WhenError::Variable { name: name.to_owned(), known: listed(known), at: self.at(node) })
    }

    fn select(&self, node: &IdedExpr, model: &Shape, name: &str) -> Result<Shape, WhenError> {
        match model {
            Shape::Any => Ok(Shape::Any),
            Shape::Model(fields) => fields.get(name).cloned().ok_or_else(|| WhenError::Field {
                name: name.to_owned(),
                known: listed(fields.keys().map(String::as_str)),
                at: self.at(node),
            }),
            other => Err(self.kinds(node, format!("`{name}` is asked of {}", other.word()))),
        }
    }

    fn call(&mut self, node: &IdedExpr, call: &CallExpr) -> Result<Shape, WhenError> {
        let mut shapes = Vec::new();
        for argument in call.target.as_deref().into_iter().chain(&call.args) {
            shapes.push(self.shape(argument)?);
        }
        match (call.func_name.as_str(), shapes.as_slice()) {
            (operators::LOGICAL_AND | operators::LOGICAL_OR | operators::LOGICAL_NOT, sides) => {
                self.all(node, sides, &Shape::Bool)
            }
            (operators::CONDITIONAL, [asked, yes, no]) => {
                self.all(node, std::slice::from_ref(asked), &Shape::Bool)?;
                Ok(yes.clone().merge(no.clone()))
            }
            (
                operators::EQUALS
                | operators::NOT_EQUALS
                | operators::LESS
                | operators::LESS_EQUALS
                | operators::GREATER
                | operators::GREATER_EQUALS,
                [left, right],
            ) => {
                self.comparable(node, left, right)?;
                Ok(Shape::Bool)
            }
            (operators::IN, [item, list]) => self.contained(node, item, list),
            (operators::ADD, [left, right]) => {
                self.comparable(node, left, right)?;
                Ok(match left.clone().merge(right.clone()) {
                    Shape::Word(_) | Shape::Literal(_) => Shape::Text,
                    other => other,
                })
            }
            (operators::SUBSTRACT | operators::MULTIPLY | operators::DIVIDE | operators::MODULO, sides) => {
                self.all(node, sides, &Shape::Number)
            }
            (operators::NEGATE, sides) => self.all(node, sides, &Shape::Number),
            (operators::INDEX, [list, _]) => Ok(list.item().unwrap_or(Shape::Any)),
            (name, shapes) => self.function(node, call, name, shapes),
        }
    }

    fn function(
        &self,
        node: &IdedExpr,
        call: &CallExpr,
        name: &str,
        shapes: &[Shape],
    ) -> Result<Shape, WhenError> {
        let known = FUNCTIONS.iter().find(|(known, ..)| *known == name);
        let Some((_, least, most, gives)) = known else {
            let known = FUNCTIONS.iter().map(|(known, ..)| *known).filter(|known| !known.starts_with('@'));
            let known = listed(known.chain(["all", "exists", "exists_one", "filter", "has", "map"]));
            return Err(WhenError::Function { name: name.to_owned(), known, at: self.at(node) });
        };
        if shapes.len() < *least || shapes.len() > *most {
            return Err(self.kinds(node, format!("`{name}` takes {least} to {most} values")));
        }
        match name {
            "contains" | "startsWith" | "endsWith" => {
                self.all(node, shapes, &Shape::Text)?;
            }
            "matches" => {
                self.all(node, shapes, &Shape::Text)?;
                self.pattern(node, call.args.last())?;
            }
            "size" if matches!(shapes, [Shape::Bool | Shape::Number]) => {
                return Err(self.kinds(node, "only texts, lists and groups have a size".to_owned()));
            }
            _ => {}
        }
        Ok(gives.clone())
    }

    /// A pattern is a literal, so that it is judged here and not at the first match.
    fn pattern(&self, node: &IdedExpr, pattern: Option<&IdedExpr>) -> Result<(), WhenError> {
        let Some(Expr::Literal(LiteralValue::String(text))) = pattern.map(|pattern| &pattern.expr) else {
            return Err(self.syntax(node, "the pattern of `matches` must stand in the expression"));
        };
        match regex::RegexBuilder::new(text.inner()).size_limit(1 << 18).build() {
            Ok(_) => Ok(()),
            Err(_) => {
                Err(self.syntax(node, "the pattern of `matches` is no regular expression, or too large"))
            }
        }
    }

    fn contained(&self, node: &IdedExpr, item: &Shape, list: &Shape) -> Result<Shape, WhenError> {
        match list {
            Shape::List(inner) => self.comparable(node, item, inner)?,
            Shape::Any | Shape::Model(_) => {}
            other => return Err(self.kinds(node, format!("`in` looks into {}", other.word()))),
        }
        Ok(Shape::Bool)
    }

    fn comparable(&self, node: &IdedExpr, left: &Shape, right: &Shape) -> Result<(), WhenError> {
        match (left, right) {
            (Shape::Word(words), Shape::Literal(texts)) | (Shape::Literal(texts), Shape::Word(words)) => {
                let Some(text) = texts.difference(words).next() else { return Ok(()) };
                let known = listed(words.iter().map(String::as_str).filter(|word| !word.is_empty()));
                Err(WhenError::Word { text: text.clone(), known, at: self.at(node) })
            }
            (Shape::List(left), Shape::List(right)) => self.comparable(node, left, right),
            (left, right) if left.is(right) => Ok(()),
            (left, right) => {
                Err(self.kinds(node, format!("{} is compared with {}", left.word(), right.word())))
            }
        }
    }

    fn all(&self, node: &IdedExpr, shapes: &[Shape], wanted: &Shape) -> Result<Shape, WhenError> {
        match shapes.iter().find(|shape| !shape.is(wanted)) {
            None => Ok(wanted.clone()),
            Some(shape) => {
                Err(self.kinds(node, format!("{} stands where {} must", shape.word(), wanted.word())))
            }
        }
    }

    fn comprehension(&mut self, node: &IdedExpr, inner: &ComprehensionExpr) -> Result<Shape, WhenError> {
        let range = self.shape(&inner.iter_range)?;
        let item = match range {
            Shape::List(item) => *item,
            Shape::Any => Shape::Any,
            Shape::Model(_) => Shape::Text,
            other => return Err(self.kinds(node, format!("{} has no items", other.word()))),
        };
        if self.depth == NESTED {
            return Err(WhenError::Nested { at: self.at(node) });
        }
        let start = self.shape(&inner.accu_init)?;
        self.depth += 1;
        let known = self.scope.len();
        self.scope.push((inner.iter_var.clone(), item));
        self.scope.push((inner.accu_var.clone(), start));
        let step = self.shape(&inner.loop_step);
        let condition = self.shape(&inner.loop_cond);
        self.scope.truncate(known);
        self.depth -= 1;
        condition?;
        self.scope.push((inner.accu_var.clone(), step?));
        let result = self.shape(&inner.result);
        self.scope.truncate(known);
        result
    }

    fn at(&self, node: &IdedExpr) -> Position {
        let offset = self.info.offset_for(node.id).map_or(0, |(start, _)| start as usize);
        Position::at(self.info.source.as_bytes(), offset)
    }

    fn kinds(&self, node: &IdedExpr, message: String) -> WhenError {
        WhenError::Kinds { message, at: self.at(node) }
    }

    fn syntax(&self, node: &IdedExpr, message: &str) -> WhenError {
        WhenError::Syntax { message: message.to_owned(), at: self.at(node) }
    }
}

fn literal_shape(literal: &LiteralValue) -> Shape {
    match literal {
        LiteralValue::Boolean(_) => Shape::Bool,
        LiteralValue::Double(_) | LiteralValue::Int(_) | LiteralValue::UInt(_) => Shape::Number,
        LiteralValue::String(text) => Shape::Literal([text.inner().to_owned()].into()),
        LiteralValue::Bytes(_) | LiteralValue::Null => Shape::Any,
    }
}

fn listed<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}
