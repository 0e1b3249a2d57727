//! Strict reading of JSON, and the one way of writing JSON that gets hashed or signed.

use std::fmt;

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Why a text is not JSON as we take it, and at which line and column.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} (line {line}, column {column})")]
pub struct JsonError {
    /// What is wrong, without any value of the text.
    pub message: String,
    /// Line, from 1; 0 when unknown.
    pub line: usize,
    /// Column, from 1; 0 when unknown.
    pub column: usize,
}

/// Reads `bytes` as one JSON value and nothing behind it.
///
/// Refused: a key that stands twice in one object, null, a number that is no integer of at most 53
/// bits, nesting deeper than 127, invalid UTF-8. What passes means the same to every JSON reader.
pub fn read_strict(bytes: &[u8]) -> Result<Value, JsonError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Strict::deserialize(&mut deserializer).map_err(|error| fault(&error))?;
    deserializer.end().map_err(|error| fault(&error))?;
    Ok(value.0)
}

/// Writes `value` with sorted keys and without white space.
///
/// With ASCII keys and integers only these are the bytes of RFC 8785.
pub fn write_canonical(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_value(value, &mut bytes);
    bytes
}

fn write_value(value: &Value, bytes: &mut Vec<u8>) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by(|left, right| left.0.as_bytes().cmp(right.0.as_bytes()));
            bytes.push(b'{');
            for (index, (key, item)) in entries.into_iter().enumerate() {
                if index > 0 {
                    bytes.push(b',');
                }
                write_text(key, bytes);
                bytes.push(b':');
                write_value(item, bytes);
            }
            bytes.push(b'}');
        }
        Value::Array(items) => {
            bytes.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    bytes.push(b',');
                }
                write_value(item, bytes);
            }
            bytes.push(b']');
        }
        Value::String(text) => write_text(text, bytes),
        other => bytes.extend_from_slice(other.to_string().as_bytes()),
    }
}

/// RFC 8785, section 3.2.2.2: two-letter escapes where JSON has them, `\u00xx` for the other controls.
fn write_text(text: &str, bytes: &mut Vec<u8>) {
    bytes.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => bytes.extend_from_slice(b"\\\""),
            b'\\' => bytes.extend_from_slice(b"\\\\"),
            8 => bytes.extend_from_slice(b"\\b"),
            9 => bytes.extend_from_slice(b"\\t"),
            10 => bytes.extend_from_slice(b"\\n"),
            12 => bytes.extend_from_slice(b"\\f"),
            13 => bytes.extend_from_slice(b"\\r"),
            control @ 0..=31 => bytes.extend_from_slice(format!("\\u{control:04x}").as_bytes()),
            other => bytes.push(other),
        }
    }
    bytes.push(b'"');
}

fn fault(error: &serde_json::Error) -> JsonError {
    let message = match error.classify() {
        serde_json::error::Category::Eof => "the text ends too early".to_owned(),
        serde_json::error::Category::Data => {
            let text = error.to_string();
            text.split(" at line ").next().unwrap_or_default().to_owned()
        }
        _ => "this is not JSON".to_owned(),
    };
    JsonError { message, line: error.line(), column: error.column() }
}

/// A JSON value read under the rules of [`read_strict`].
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> DeserializeSeed<'de> for StrictVisitor {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object, a list, a text, an integer, true or false")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        if value.unsigned_abs() >= 1 << 53 {
            return Err(E::custom("a number is too large to mean the same everywhere"));
        }
        Ok(Value::Number(Number::from(value)))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        let value = i64::try_from(value)
            .map_err(|_| E::custom("a number is too large to mean the same everywhere"))?;
        self.visit_i64(value)
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Value, E> {
        Err(E::custom("numbers are whole here"))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Err(E::custom("null is not used here; leave the field out"))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(StrictVisitor)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(StrictVisitor)?;
            if map.insert(key, value).is_some() {
                return Err(de::Error::custom("a key stands twice in one object"));
            }
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_two_readers_could_take_differently_is_refused() {
        for text in [
            r#"{"a":1,"a":2}"#,
            r#"{"a":{"b":1,"b":1}}"#,
            "1.0",
            "1e3",
            "null",
            "[null]",
            "9007199254740992",
            "18446744073709551615",
            "{} x",
            "[1,]",
            "\"\\ud800\"",
            "",
            "{\"a\":\"\u{1}\"}",
            "\u{feff}{}",
        ] {
            assert!(read_strict(text.as_bytes()).is_err(), "{text}");
        }
        assert!(read_strict(b"\"\xff\"").is_err());
        assert!(read_strict("[".repeat(200_000).as_bytes()).is_err());
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            (-(1_i64 << 53) + 1..1_i64 << 53).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_and_writes_the_same_bytes(value in any_json()) {
            let bytes = write_canonical(&value);
            let read = read_strict(&bytes).unwrap();
            prop_assert_eq!(&read, &value);
            prop_assert_eq!(write_canonical(&read), bytes);
        }

        #[test]
        fn no_bytes_make_the_reader_fall_over(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = read_strict(&bytes);
        }
    }
}
