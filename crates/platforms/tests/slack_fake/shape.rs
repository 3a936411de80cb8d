//! The fields that published samples and schemas name, and what lies outside them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use serde_json::Value;

/// A file of the shared data, or `None` with a line on the terminal.
pub(crate) fn shared_json(path: &str) -> Option<Value> {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(path);
    match std::fs::read(&file) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).unwrap()),
        Err(_) => {
            eprintln!("skipped: {} is absent", file.display());
            None
        }
    }
}

/// The fields an object may have. Lists are looked through; a shape without fields allows anything.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shape(pub(crate) BTreeMap<String, Shape>);

impl Shape {
    pub(crate) fn of_sample(sample: &Value) -> Self {
        match sample {
            Value::Object(map) => Self(map.iter().map(|(k, v)| (k.clone(), Self::of_sample(v))).collect()),
            Value::Array(items) => items.iter().fold(Self::default(), |shape, item| shape.with(Self::of_sample(item))),
            _ => Self::default(),
        }
    }

    pub(crate) fn of_schema(root: &Value, schema: &Value, depth: usize) -> Self {
        if depth > 9 {
            return Self::default();
        }
        if let Some(target) = schema["$ref"].as_str() {
            return Self::of_schema(root, root.pointer(target.trim_start_matches('#')).unwrap(), depth + 1);
        }
        let mut shape = Self::default();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            shape.0.insert(name.clone(), Self::of_schema(root, property, depth + 1));
        }
        for union in ["items", "anyOf", "oneOf", "allOf"] {
            let alternatives = match &schema[union] {
                Value::Array(alternatives) => alternatives.as_slice(),
                one @ Value::Object(_) => std::slice::from_ref(one),
                _ => &[],
            };
            for alternative in alternatives {
                shape = shape.with(Self::of_schema(root, alternative, depth + 1));
            }
        }
        shape
    }

    pub(crate) fn with(mut self, other: Self) -> Self {
        for (name, shape) in other.0 {
            let merged = self.0.remove(&name).unwrap_or_default().with(shape);
            self.0.insert(name, merged);
        }
        self
    }

    pub(crate) fn field(mut self, name: &str, shape: Self) -> Self {
        let merged = self.0.remove(name).unwrap_or_default().with(shape);
        self.0.insert(name.to_owned(), merged);
        self
    }

    pub(crate) fn get(&self, name: &str) -> Self {
        self.0.get(name).cloned().unwrap_or_default()
    }

    pub(crate) fn unknown(&self, value: &Value, path: &str, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) if !self.0.is_empty() => {
                for (name, value) in map {
                    // What apps put into metadata and which inputs a message holds is their own.
                    let free = name == "event_payload" || name == "values";
                    match self.0.get(name) {
                        Some(_) if free => {}
                        Some(shape) => shape.unknown(value, &format!("{path}.{name}"), found),
                        None => {
                            found.insert(format!("{path}.{name}"));
                        }
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.unknown(item, path, found)),
            _ => {}
        }
    }
}
