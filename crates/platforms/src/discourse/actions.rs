//! What undoing and doing an action means in calls. Pure; also the arguments every operation takes are built here.

use policykit_core::{JsonMap, action::Origin, call::PlannedCall, snapshot::ActionView};
use serde_json::{Value, json};

use super::descriptor::{
    CLOSE_TOPIC, CREATE_POST, CREATE_TOPIC, DELETE_POST, DELETE_TOPIC, EDIT_POST, EDIT_TOPIC, JOIN_GROUP, OPEN_TOPIC,
};

/// Operation: open a topic.
pub(super) const NEW_TOPIC: &str = "topic.create";
/// Operation: write to some members alone.
pub(super) const NEW_MESSAGE: &str = "message.create";
/// Operation: write a post.
pub(super) const NEW_POST: &str = "post.create";
/// Operation: replace the text of a post.
pub(super) const REWRITE: &str = "post.update";
/// Operation: keep a post from being edited by its author, or allow it again.
pub(super) const LOCK: &str = "post.lock";
/// Operation: give a topic another title, category or other tags.
pub(super) const CHANGE_TOPIC: &str = "topic.update";
/// Operation: close, archive or list a topic, or the opposite.
pub(super) const STATUS: &str = "topic.status";
/// Operation: delete a topic.
pub(super) const REMOVE_TOPIC: &str = "topic.delete";
/// Operation: bring a deleted topic back.
pub(super) const RECOVER_TOPIC: &str = "topic.recover";
/// Operation: delete a post.
pub(super) const REMOVE_POST: &str = "post.delete";
/// Operation: bring a deleted post back.
pub(super) const RECOVER_POST: &str = "post.recover";
/// Operation: put back what a post said before an edit.
pub(super) const UNDO_POST: &str = "post.undo_edit";
/// Operation: put back title, category and tags that a topic had before an edit.
pub(super) const UNDO_TOPIC: &str = "topic.undo_edit";
/// Operation: add somebody to a group.
pub(super) const GROUP_ADD: &str = "group.add";
/// Operation: take somebody out of a group.
pub(super) const GROUP_REMOVE: &str = "group.remove";
/// Operation: find out whose name something is. Only reads.
pub(super) const FIND: &str = "member.find";
/// Operation: a request that a policy worded itself and that only reads.
pub(super) const FREE_READ: &str = "request.read";
/// Operation: a request that a policy worded itself.
pub(super) const FREE: &str = "request.change";
/// Operation: give up all access to a forum.
pub(super) const LEAVE: &str = "leave";

/// The call that undoes an action.
pub(super) fn revert(action: &ActionView) -> Option<PlannedCall> {
    let topic = || id(&action.fields, "topic_id");
    let post = || id(&action.fields, "post_id");
    match action.action_type.as_str() {
        CREATE_TOPIC => Some(topic_call(REMOVE_TOPIC, topic()?)),
        CREATE_POST => Some(post_call(REMOVE_POST, post()?)),
        DELETE_TOPIC => Some(topic_call(RECOVER_TOPIC, topic()?)),
        DELETE_POST => Some(post_call(RECOVER_POST, post()?)),
        CLOSE_TOPIC => Some(status(topic()?, "closed", Switch::Off)),
        OPEN_TOPIC => Some(status(topic()?, "closed", Switch::On)),
        EDIT_POST => {
            let (raw, revision) = (whole_text(&action.fields, "raw")?, id(&action.fields, "revision")?);
            // With the topic, whose title may have been changed in the same revision.
            let args = json!({ "post_id": post()?, "topic_id": topic(), "raw": raw, "revision": revision });
            Some(call(UNDO_POST, args))
        }
        // Only what happened can be undone: what was proposed says nothing of what the topic was like.
        EDIT_TOPIC => {
            let mut args = changes(&action.fields);
            args.insert("topic_id".to_owned(), topic()?.into());
            ["title", "category", "tags"]
                .iter()
                .all(|name| args.contains_key(*name))
                .then(|| PlannedCall { operation: UNDO_TOPIC.to_owned(), args })
        }
        _ => None,
    }
}

/// The call that carries out an action. What was undone on the forum is brought back as it was.
pub(super) fn execute(action: &ActionView) -> Option<PlannedCall> {
    let fields = &action.fields;
    let topic = || id(fields, "topic_id");
    match action.action_type.as_str() {
        CREATE_TOPIC => match topic() {
            Some(topic) => Some(topic_call(RECOVER_TOPIC, topic)),
            None => Some(new_topic(
                &text(fields, "title")?,
                &whole_text(fields, "raw")?,
                id(fields, "category"),
                &texts(fields.get("tags")),
            )),
        },
        CREATE_POST => match id(fields, "post_id") {
            Some(post) => Some(post_call(RECOVER_POST, post)),
            None => Some(new_post(topic()?, &whole_text(fields, "raw")?, id(fields, "reply_to_post_number"))),
        },
        DELETE_TOPIC => Some(topic_call(REMOVE_TOPIC, topic()?)),
        DELETE_POST => Some(post_call(REMOVE_POST, id(fields, "post_id")?)),
        CLOSE_TOPIC => Some(status(topic()?, "closed", Switch::On)),
        OPEN_TOPIC => Some(status(topic()?, "closed", Switch::Off)),
        EDIT_POST => Some(rewrite(id(fields, "post_id")?, &whole_text(fields, "raw")?, None)),
        EDIT_TOPIC => {
            let call = change_topic(topic()?, changes(fields))?;
            Some(if action.origin == Origin::Platform { again(call) } else { call })
        }
        JOIN_GROUP => Some(member(GROUP_ADD, &text(fields, "group")?, &text(fields, "user")?)),
        _ => None,
    }
}

/// What was written anew is another topic or post.
pub(super) fn stands_as(action: &mut ActionView, reply: &Value) {
    let told: &[(&str, &str)] = match action.action_type.as_str() {
        CREATE_TOPIC => &[("topic_id", "topic_id")],
        CREATE_POST => &[("post_id", "post_id"), ("topic_id", "topic_id")],
        _ => return,
    };
    for (field, told) in told {
        if let Some(value) = reply.get(*told).filter(|value| value.is_i64()) {
            action.fields.insert((*field).to_owned(), value.clone());
        }
    }
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Switch {
    On,
    Off,
}

impl Switch {
    /// As a flag says it; without one it is on.
    pub(super) fn given(value: Option<&Value>) -> Self {
        if value == Some(&Value::Bool(false)) { Self::Off } else { Self::On }
    }
}

/// A call that opens a topic.
pub(super) fn new_topic(title: &str, raw: &str, category: Option<i64>, tags: &[String]) -> PlannedCall {
    let mut args = JsonMap::new();
    args.insert("title".to_owned(), title.into());
    args.insert("raw".to_owned(), raw.into());
    if let Some(category) = category {
        args.insert("category".to_owned(), category.into());
    }
    if !tags.is_empty() {
        args.insert("tags".to_owned(), json!(tags));
    }
    PlannedCall { operation: NEW_TOPIC.to_owned(), args }
}

/// A call that writes a post.
pub(super) fn new_post(topic: i64, raw: &str, answers: Option<i64>) -> PlannedCall {
    let mut args = json!({ "topic_id": topic, "raw": raw });
    if let (Some(number), Value::Object(args)) = (answers, &mut args) {
        args.insert("reply_to_post_number".to_owned(), number.into());
    }
    call(NEW_POST, args)
}

/// A call that writes to some members alone.
pub(super) fn new_message(title: &str, raw: &str, to: &[String]) -> PlannedCall {
    call(NEW_MESSAGE, json!({ "title": title, "raw": raw, "users": to }))
}

/// A call that replaces the text of a post.
pub(super) fn rewrite(post: i64, raw: &str, reason: Option<&str>) -> PlannedCall {
    call(REWRITE, json!({ "post_id": post, "raw": raw, "reason": reason }))
}

/// A call that gives a topic what is new about it; `None` when nothing is.
pub(super) fn change_topic(topic: i64, mut changes: JsonMap) -> Option<PlannedCall> {
    if changes.is_empty() {
        return None;
    }
    changes.insert("topic_id".to_owned(), topic.into());
    Some(PlannedCall { operation: CHANGE_TOPIC.to_owned(), args: changes })
}

/// Argument of a call that writes something: it calls no group.
pub(super) const CAREFUL: &str = "careful";

/// Argument of a call that changes a topic: it says all that the topic was like after an edit, of which the edit changed a part.
pub(super) const AGAIN: &str = "again";

/// A call that makes an edit again which was undone.
fn again(mut call: PlannedCall) -> PlannedCall {
    if ["title", "category", "tags"].iter().all(|name| call.args.contains_key(*name)) {
        call.args.insert(AGAIN.to_owned(), true.into());
    }
    call
}

/// A call that sets a status of a topic.
pub(super) fn status(topic: i64, what: &str, switch: Switch) -> PlannedCall {
    call(STATUS, json!({ "topic_id": topic, "status": what, "enabled": switch == Switch::On }))
}

/// A call about a topic as a whole.
pub(super) fn topic_call(operation: &str, topic: i64) -> PlannedCall {
    call(operation, json!({ "topic_id": topic }))
}

/// A call about a post as a whole.
pub(super) fn post_call(operation: &str, post: i64) -> PlannedCall {
    call(operation, json!({ "post_id": post }))
}

/// A call about somebody's place in a group.
pub(super) fn member(operation: &str, group: &str, user: &str) -> PlannedCall {
    call(operation, json!({ "group": group, "user": user }))
}

/// A call with these arguments.
pub(super) fn call(operation: &str, args: Value) -> PlannedCall {
    let args = if let Value::Object(map) = args { map } else { JsonMap::new() };
    PlannedCall { operation: operation.to_owned(), args }
}

/// Title, category and tags, as far as they are there.
fn changes(fields: &JsonMap) -> JsonMap {
    let mut changes = JsonMap::new();
    if let Some(title) = text(fields, "title") {
        changes.insert("title".to_owned(), title.into());
    }
    if let Some(category) = id(fields, "category") {
        changes.insert("category".to_owned(), category.into());
    }
    if let Some(tags) = fields.get("tags").filter(|tags| !tags.is_null()) {
        changes.insert("tags".to_owned(), json!(texts(Some(tags))));
    }
    changes
}

/// A whole number, also when it is written as text.
pub(super) fn id(fields: &JsonMap, name: &str) -> Option<i64> {
    let value = fields.get(name)?;
    value.as_i64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()))
}

/// A text that is there and not empty.
pub(super) fn text(fields: &JsonMap, name: &str) -> Option<String> {
    match fields.get(name)? {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A text as it was written, with what stands around it.
pub(super) fn whole_text(fields: &JsonMap, name: &str) -> Option<String> {
    fields.get(name)?.as_str().filter(|text| !text.trim().is_empty()).map(str::to_owned)
}

/// Texts of a list, or of a text that separates them by commas. Tags may be objects with a name.
pub(super) fn texts(value: Option<&Value>) -> Vec<String> {
    let all: Vec<&str> = match value {
        Some(Value::String(text)) => text.split(',').collect(),
        Some(Value::Array(items)) => {
            items.iter().filter_map(|item| item.as_str().or_else(|| item.get("name")?.as_str())).collect()
        }
        _ => Vec::new(),
    };
    let mut seen: Vec<String> = Vec::new();
    for one in all.into_iter().map(str::trim).filter(|one| !one.is_empty()) {
        if !seen.iter().any(|s| s == one) {
            seen.push(one.to_owned());
        }
    }
    seen
}

#[cfg(test)]
#[path = "actions_tests.rs"]
mod tests;
