//! TOML.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::build::{Builder, Kind, Role};
use super::{Fault, FaultKind, MAX_BYTES, Node, Tree, Value};
use crate::text::span::{Position, Span};

/// Reads `bytes` as one TOML document.
pub fn read(bytes: &[u8]) -> Tree {
    let fault = |kind, offset| Tree {
        fault: Some(Fault { kind, position: Position::at(bytes, offset) }),
        ..Tree::default()
    };
    if bytes.len() > MAX_BYTES {
        return fault(FaultKind::Size, 0);
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return fault(FaultKind::Encoding, error.valid_up_to()),
    };
    let table = match DeTable::parse(text) {
        Ok(table) => table,
        Err(error) => {
            return fault(FaultKind::Syntax("this is not TOML"), error.span().map_or(0, |span| span.start));
        }
    };
    let mut builder = Builder::default();
    let whole = Span::new(0, bytes.len());
    if let Err(kind) = add_table(&mut builder, table.get_ref(), whole) {
        return fault(kind, 0);
    }
    let documents = builder.finish().ok().flatten().into_iter().collect();
    Tree { documents, ..Tree::default() }
}

fn add_table(builder: &mut Builder, table: &DeTable<'_>, span: Span) -> Result<(), FaultKind> {
    builder.open(Kind::Map, span.start, 0)?;
    for (key, value) in table {
        let text = Value::Text(key.get_ref().clone().into_owned());
        builder.leaf(Node { span: span_of(key), value: text }, Role::Plain, 0)?;
        add(builder, value)?;
    }
    builder.close(span.end)
}

fn add(builder: &mut Builder, value: &Spanned<DeValue<'_>>) -> Result<(), FaultKind> {
    let span = span_of(value);
    let scalar = match value.get_ref() {
        DeValue::Table(table) => return add_table(builder, table, span),
        DeValue::Array(items) => {
            builder.open(Kind::List, span.start, 0)?;
            for item in items {
                add(builder, item)?;
            }
            return builder.close(span.end);
        }
        DeValue::String(text) => Value::Text(text.clone().into_owned()),
        DeValue::Boolean(truth) => Value::Bool(*truth),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Value::Text(number.as_str().to_owned()), Value::Int),
        DeValue::Float(number) => Value::Text(number.as_str().to_owned()),
        DeValue::Datetime(when) => Value::Text(when.to_string()),
    };
    builder.leaf(Node { span, value: scalar }, Role::Plain, 0)
}

fn span_of<T>(spanned: &Spanned<T>) -> Span {
    let span = spanned.span();
    Span::new(span.start, span.end)
}
