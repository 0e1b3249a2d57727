//! An API description, and whether a request keeps to it: the path, the query, and every field of the body.

use std::collections::BTreeMap;

use jsonschema::Draft;
use serde_json::{Value, json};

/// The operations of one or more `OpenAPI` 3.0 documents.
pub struct Contract {
    paths: Vec<(Vec<String>, Value)>,
    components: Value,
}

impl Contract {
    /// Reads `documents`; `$ref`s point into the first.
    pub fn new(documents: &[&str]) -> Self {
        let documents: Vec<Value> =
            documents.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
        let paths = documents.iter().flat_map(|document| document["paths"].as_object().unwrap());
        let segments = |path: &str| path.split('/').map(str::to_owned).collect();
        Self {
            paths: paths.map(|(path, item)| (segments(path), item.clone())).collect(),
            components: documents[0]["components"].clone(),
        }
    }

    /// What is wrong with a request; empty where it is as the description says.
    pub fn faults(&self, method: &str, target: &str, body: Option<&Value>) -> Vec<String> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let given: Vec<&str> = path.split('/').collect();
        let fits = |(names, item): &&(Vec<String>, Value)| {
            let same =
                |(name, part): (&String, &&str)| name.starts_with('{') && !part.is_empty() || name == part;
            names.len() == given.len()
                && names.iter().zip(&given).all(same)
                && item.get(method.to_lowercase()).is_some()
        };
        // Of `/pulls/{n}` and `/pulls/comments` the one with fewer names is meant.
        let candidates = self.paths.iter().filter(fits);
        let Some((_, item)) =
            candidates.min_by_key(|(names, _)| names.iter().filter(|it| it.starts_with('{')).count())
        else {
            return vec![format!("{method} {path} is no operation")];
        };
        let operation = &item[method.to_lowercase()];
        let mut faults = self.query_faults(operation, query);
        let schema = operation.pointer("/requestBody/content/application~1json/schema");
        match (schema, body) {
            (Some(schema), Some(body)) => faults.extend(self.body_faults(schema, body)),
            (None, Some(_)) => faults.push(format!("{method} {path} takes no body")),
            (Some(_), None) => faults.push(format!("{method} {path} has no body")),
            (None, None) => {}
        }
        faults
    }

    fn query_faults(&self, operation: &Value, query: &str) -> Vec<String> {
        let parameters =
            operation["parameters"].as_array().unwrap().iter().map(|parameter| self.resolve(parameter));
        let known: BTreeMap<&str, &Value> = parameters
            .filter(|parameter| parameter["in"] == "query")
            .map(|parameter| (parameter["name"].as_str().unwrap(), &parameter["schema"]))
            .collect();
        let mut faults = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_decoded(value);
            match known.get(name) {
                None => faults.push(format!("`{name}` is no parameter")),
                Some(schema) => {
                    let value = value.parse::<u64>().map_or_else(|_| json!(value), |number| json!(number));
                    faults.extend(self.schema_faults(schema, &value));
                }
            }
        }
        faults
    }

    fn body_faults(&self, schema: &Value, body: &Value) -> Vec<String> {
        let mut faults = self.schema_faults(schema, body);
        self.unknown(schema, body, "body", &mut faults);
        faults
    }

    fn schema_faults(&self, schema: &Value, value: &Value) -> Vec<String> {
        let whole = json!({ "allOf": [schema], "components": self.components });
        let validator = jsonschema::options().with_draft(Draft::Draft4).build(&whole).unwrap();
        validator.iter_errors(value).map(|fault| format!("{fault} at {}", fault.instance_path())).collect()
    }

    /// Fields the description does not have: servers pass them over, and what was meant is lost.
    fn unknown(&self, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
        let schema = self.resolve(schema);
        if let (Some(known), Some(fields)) = (schema["properties"].as_object(), value.as_object()) {
            for (name, field) in fields {
                match known.get(name) {
                    None => faults.push(format!("`{at}.{name}` is no field")),
                    Some(schema) => self.unknown(schema, field, &format!("{at}.{name}"), faults),
                }
            }
        }
        for entry in value.as_array().into_iter().flatten() {
            self.unknown(&schema["items"], entry, at, faults);
        }
    }

    fn resolve<'v>(&'v self, value: &'v Value) -> &'v Value {
        let reference = value["$ref"].as_str().and_then(|name| name.strip_prefix("#/components"));
        reference.map_or(value, |pointer| self.components.pointer(pointer).unwrap())
    }
}

/// The text behind `%2F` and the like.
pub fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next().unwrap(), rest.next().unwrap()];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).unwrap()
}
