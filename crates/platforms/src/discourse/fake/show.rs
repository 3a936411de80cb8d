//! What whom is shown, in the shape of Discourse's own answers.

mod people;
pub(super) mod posts;
pub(super) mod topics;

use serde_json::{Value, json};

use super::{
    config::TagForm,
    world::{User, World},
};

/// Sets a field when the value is an object.
pub(super) fn set(object: &mut Value, field: &str, value: Value) {
    if let Value::Object(map) = object {
        map.insert(field.to_owned(), value);
    }
}

/// Sets a field when there is something to set.
pub(super) fn set_some(object: &mut Value, field: &str, value: Option<Value>) {
    if let Some(value) = value {
        set(object, field, value);
    }
}

/// Adds the fields of another object.
pub(super) fn merge(object: &mut Value, more: Value) {
    if let (Value::Object(map), Value::Object(more)) = (object, more) {
        map.extend(more);
    }
}

/// Takes fields away when the value is an object.
pub(super) fn drop_fields(object: &mut Value, fields: &[&str]) {
    if let Value::Object(map) = object {
        for field in fields {
            map.remove(*field);
        }
    }
}

/// Where somebody's picture is.
pub(super) fn avatar(user: &User) -> String {
    let letter = user.username.chars().next().unwrap_or('x').to_ascii_lowercase();
    format!("/letter_avatar_proxy/v4/letter/{letter}/a9a28c/{{size}}.png")
}

/// A member in the fewest words.
pub(super) fn basic_user(user: &User) -> Value {
    json!({ "id": user.id, "username": user.username, "name": full_name(user), "avatar_template": avatar(user) })
}

/// A member with what they are called.
pub(super) fn named_user(user: &User) -> Value {
    let mut view = basic_user(user);
    set(&mut view, "title", json!(user.title));
    view
}

/// The full name; empty when there is none.
pub(super) fn full_name(user: &User) -> &str {
    user.name.as_deref().unwrap_or_default()
}

impl World {
    /// Tags as this forum writes them.
    pub(super) fn tags_view(&self, tags: &[String]) -> Value {
        match self.settings.tags {
            TagForm::Names => json!(tags),
            TagForm::Objects => tags
                .iter()
                .map(|tag| json!({ "id": self.tags.get(tag).copied().unwrap_or(0), "name": tag, "slug": tag }))
                .collect(),
        }
    }
}
