//! Answers of platforms as policy code gets them.

use policykit_core::{
    ObjectKind, ObjectRef, Value,
    descriptor::{PlatformDescriptor, Returns},
};

/// The name of a key and what it holds at first.
type Key = (&'static str, fn() -> Value);

/// What every process has, whatever the plugin says of it.
const OF_PROCESSES: [Key; 4] = [
    ("status", || Value::str("pending")),
    ("outcome", || Value::Dict(Vec::new())),
    ("errors", || Value::None),
    ("url", || Value::None),
];

/// What a method returns to the policy when the platform answers this.
pub fn returned(descriptor: &PlatformDescriptor, method: &str, answer: &serde_json::Value) -> Value {
    let method = descriptor.methods.iter().find(|m| m.name == method);
    match (method.map(|m| m.returns), answer) {
        (Some(Returns::Process), serde_json::Value::Object(keys)) => {
            let missing = OF_PROCESSES.into_iter().filter(|(name, _)| !keys.contains_key(*name));
            let attrs = keys
                .iter()
                .map(|(name, value)| (name.clone(), Value::from_json(value)))
                .chain(missing.map(|(name, default)| (name.to_owned(), default())));
            let id = keys.get("id").map_or_else(|| "process".to_owned(), ToString::to_string);
            Value::Object(ObjectRef {
                kind: ObjectKind::Process,
                label: format!("Process {id}"),
                id,
                attrs: attrs.collect(),
            })
        }
        _ => Value::from_json(answer),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::metagov;

    #[test]
    fn a_process_has_its_keys_as_attributes_and_is_under_way_unless_the_plugin_says_otherwise() {
        let of = |answer| match returned(&metagov::descriptor(), "get_process", &answer) {
            Value::Object(process) => process,
            other => panic!("{other:?}"),
        };
        let process = of(json!({ "poll_url": "https://x", "status": "completed", "outcome": { "agree": 3 } }));
        let attr =
            |process: &ObjectRef, name: &str| process.attrs.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
        assert_eq!(attr(&process, "poll_url"), Some(Value::str("https://x")));
        assert_eq!(attr(&process, "status"), Some(Value::str("completed")));
        assert_eq!(attr(&of(json!({})), "status"), Some(Value::str("pending")));
        assert_eq!(attr(&process, "errors"), Some(Value::None));
        assert_eq!(returned(&metagov::descriptor(), "get_process", &json!(null)), Value::None);
        assert_eq!(returned(&metagov::descriptor(), "perform_action", &json!({})), Value::Dict(Vec::new()));
    }
}
