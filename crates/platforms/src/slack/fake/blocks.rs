//! Block Kit as far as messages need it: Slack's limits, the text a person reads, and what they can press.
//!
//! Limits are those of Slack's reference: 50 blocks, 25 elements of an actions block, 255 characters of an
//! `action_id`, 2,000 of a `value`, 3,000 of a section's text, 75 of a button's label.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::errors::{Refusal, add};

/// Something a person can press or choose from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Control {
    /// `block_id` of its block.
    pub block_id: String,
    /// `action_id`.
    pub action_id: String,
    /// `button`, `static_select`, …
    pub kind: String,
    /// Its visible label.
    pub label: String,
    /// `value` of a button.
    pub value: Option<String>,
    /// Options of a select: label and value.
    pub options: Vec<(String, String)>,
}

/// Refuses blocks Slack would refuse.
pub(super) fn check(blocks: &Value) -> Result<(), Refusal> {
    let Some(list) = blocks.as_array() else { return refuse("must be an array".into()) };
    if list.len() > 50 {
        return refuse("no more than 50 items allowed [json-pointer:/blocks]".into());
    }
    let mut block_ids = BTreeSet::new();
    for (at, block) in list.iter().enumerate() {
        let Some(kind) = block.get("type").and_then(Value::as_str) else {
            return refuse(format!("missing required field: type [json-pointer:/blocks/{at}]"));
        };
        if let Some(id) = block.get("block_id").and_then(Value::as_str) {
            limit(id, 255, &format!("/blocks/{at}/block_id"))?;
            if !block_ids.insert(id) {
                return refuse(format!("`block_id` {id} already exists [json-pointer:/blocks/{at}/block_id]"));
            }
        }
        check_block(kind, block, at)?;
    }
    Ok(())
}

fn check_block(kind: &str, block: &Value, at: usize) -> Result<(), Refusal> {
    let elements = block.get("elements").and_then(Value::as_array);
    match kind {
        "actions" => {
            let count = elements.map_or(0, Vec::len);
            if count == 0 || count > 25 {
                return refuse(format!("must have between 1 and 25 items [json-pointer:/blocks/{at}/elements]"));
            }
        }
        "context" => {
            let count = elements.map_or(0, Vec::len);
            if count == 0 || count > 10 {
                return refuse(format!("must have between 1 and 10 items [json-pointer:/blocks/{at}/elements]"));
            }
        }
        "section" => {
            let text = block.get("text");
            if text.is_none() && block.get("fields").is_none() {
                return refuse(format!("must have `text` or `fields` [json-pointer:/blocks/{at}]"));
            }
            if let Some(text) = text {
                check_text(text, 3_000, &format!("/blocks/{at}/text"))?;
            }
        }
        "header" => match block.get("text") {
            Some(text) => check_text(text, 150, &format!("/blocks/{at}/text"))?,
            None => return refuse(format!("missing required field: text [json-pointer:/blocks/{at}]")),
        },
        "divider" | "image" | "rich_text" | "file" | "video" | "input" | "markdown" | "table" | "call" => {}
        other => return refuse(format!("unsupported type: {other} [json-pointer:/blocks/{at}/type]")),
    }
    let mut action_ids = BTreeSet::new();
    for element in interactive_elements(block) {
        let pointer = format!("/blocks/{at}");
        if let Some(id) = element.get("action_id").and_then(Value::as_str) {
            limit(id, 255, &format!("{pointer}/action_id"))?;
            if !action_ids.insert(id) {
                return refuse(format!("`action_id` {id} already exists [json-pointer:{pointer}]"));
            }
        }
        if let Some(value) = element.get("value").and_then(Value::as_str) {
            limit(value, 2_000, &format!("{pointer}/value"))?;
        }
        let kind = element.get("type").and_then(Value::as_str).unwrap_or_default();
        if kind.ends_with("static_select") {
            check_menu(element, &pointer)?;
        }
        if kind.starts_with("multi_") && block.get("type").and_then(Value::as_str) == Some("actions") {
            return refuse(format!("unsupported element: {kind} [json-pointer:{pointer}]"));
        }
        if kind == "button" {
            match element.get("text") {
                Some(text) => check_text(text, 75, &format!("{pointer}/text"))?,
                None => return refuse(format!("missing required field: text [json-pointer:{pointer}]")),
            }
        }
    }
    Ok(())
}

/// A menu: at most 100 options, 75 characters of a label, 150 of a value and of the placeholder.
fn check_menu(element: &Value, pointer: &str) -> Result<(), Refusal> {
    let options = element.get("options").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if options.is_empty() || options.len() > 100 {
        return refuse(format!("must have between 1 and 100 items [json-pointer:{pointer}/options]"));
    }
    if let Some(placeholder) = element.get("placeholder") {
        check_text(placeholder, 150, &format!("{pointer}/placeholder"))?;
    }
    for option in options {
        check_text(option.get("text").unwrap_or(&Value::Null), 75, &format!("{pointer}/options/text"))?;
        limit(&string(option, "value"), 150, &format!("{pointer}/options/value"))?;
    }
    Ok(())
}

fn check_text(text: &Value, most: usize, pointer: &str) -> Result<(), Refusal> {
    match text.get("text").and_then(Value::as_str) {
        Some("") | None => refuse(format!("must be more than 0 characters [json-pointer:{pointer}]")),
        Some(content) => limit(content, most, pointer),
    }
}

fn limit(content: &str, most: usize, pointer: &str) -> Result<(), Refusal> {
    if content.chars().count() > most {
        return refuse(format!("must be less than {} characters [json-pointer:{pointer}]", most + 1));
    }
    Ok(())
}

fn refuse<T>(message: String) -> Result<T, Refusal> {
    Err(Refusal::InvalidBlocks(vec![message]))
}

/// Gives every block and every interactive element an id, as Slack does.
pub(super) fn fill_ids(blocks: &mut Value, mut mint: impl FnMut() -> String) {
    for block in blocks.as_array_mut().into_iter().flatten() {
        if block.get("block_id").is_none() {
            add(block, "block_id", json!(mint()));
        }
        let accessory = block.get("accessory").is_some_and(|accessory| accessory.get("action_id").is_none());
        if accessory
            && let Some(element) = block.get_mut("accessory")
            && is_interactive(element)
        {
            add(element, "action_id", json!(mint()));
        }
        if block.get("type").and_then(Value::as_str) == Some("actions") {
            for element in block.get_mut("elements").and_then(Value::as_array_mut).into_iter().flatten() {
                if element.get("action_id").is_none() {
                    add(element, "action_id", json!(mint()));
                }
            }
        }
    }
}

fn is_interactive(element: &Value) -> bool {
    element.get("type").and_then(Value::as_str).is_some_and(|kind| kind != "image")
}

fn interactive_elements(block: &Value) -> impl Iterator<Item = &Value> {
    let in_actions = (block.get("type").and_then(Value::as_str) == Some("actions"))
        .then(|| block.get("elements").and_then(Value::as_array))
        .flatten()
        .into_iter()
        .flatten();
    in_actions.chain(block.get("accessory").filter(|element| is_interactive(element)))
}

/// What a person can press in these blocks, from top to bottom.
pub(super) fn controls(blocks: Option<&Value>) -> Vec<Control> {
    let mut controls = Vec::new();
    for block in blocks.and_then(Value::as_array).into_iter().flatten() {
        for element in interactive_elements(block) {
            let text = |field: &str| element.get(field).map(plain).unwrap_or_default();
            controls.push(Control {
                block_id: string(block, "block_id"),
                action_id: string(element, "action_id"),
                kind: string(element, "type"),
                label: if element.get("text").is_some() { text("text") } else { text("placeholder") },
                value: element.get("value").and_then(Value::as_str).map(str::to_owned),
                options: element
                    .get("options")
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                    .map(|option| (option.get("text").map(plain).unwrap_or_default(), string(option, "value")))
                    .collect(),
            });
        }
    }
    controls
}

fn string(value: &Value, field: &str) -> String {
    value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn plain(text: &Value) -> String {
    string(text, "text")
}

/// The text of blocks as a person reads it, one line per block; buttons in brackets.
pub(super) fn visible_text(blocks: Option<&Value>) -> Option<String> {
    let list = blocks.and_then(Value::as_array).filter(|list| !list.is_empty())?;
    let lines: Vec<String> = list.iter().map(block_text).filter(|line| !line.is_empty()).collect();
    Some(lines.join("\n"))
}

fn block_text(block: &Value) -> String {
    let mut parts = Vec::new();
    collect(block, &mut parts);
    parts.join(" ")
}

/// Walks a block in reading order: its text, fields, elements, accessory.
fn collect(node: &Value, parts: &mut Vec<String>) {
    if node.get("type").and_then(Value::as_str) == Some("button") {
        parts.push(format!("[{}]", node.get("text").map(plain).unwrap_or_default()));
        return;
    }
    match node.get("text") {
        Some(Value::String(text)) => parts.push(text.clone()),
        Some(text @ Value::Object(_)) => collect(text, parts),
        _ => {}
    }
    for field in ["placeholder", "alt_text"] {
        match node.get(field) {
            Some(Value::String(text)) => parts.push(text.clone()),
            Some(text) => parts.push(format!("[{}]", plain(text))),
            None => {}
        }
    }
    for field in ["fields", "elements"] {
        for child in node.get(field).and_then(Value::as_array).into_iter().flatten() {
            collect(child, parts);
        }
    }
    if let Some(accessory) = node.get("accessory") {
        collect(accessory, parts);
    }
}
