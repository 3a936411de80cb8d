//! Objects as policy code has them, with what they carry along: reading that asks nobody.

use policykit_core::{
    ObjectKind, ObjectRef, Value,
    action::Origin,
    community::Document,
    snapshot::{ActionView, PolicyView, UserView},
};

/// Attributes that every action carries along, before those of its type.
const ACTION_ATTRIBUTES: &[&str] = &["id", "pk", "action_type", "kind", "initiator", "community_origin", "is_bundled"];

/// What every member carries along. Methods, taken as values, are none of these.
pub(crate) const MEMBER_ATTRIBUTES: &[&str] = &["username", "readable_name", "is_community_admin", "role_names"];

/// An action with everything it carries along.
pub(crate) fn action(view: &ActionView) -> Value {
    let own = view.fields.keys().map(String::as_str).filter(|name| !ACTION_ATTRIBUTES.contains(name));
    let names = ACTION_ATTRIBUTES.iter().copied().chain(own);
    let attrs = names.filter_map(|name| Some((name.to_owned(), action_attribute(view, name)?))).collect();
    object(ObjectKind::Action, &view.id.to_string(), &view.label, attrs)
}

/// An attribute that an action carries along, if it has it.
pub(crate) fn action_attribute(view: &ActionView, name: &str) -> Option<Value> {
    Some(match name {
        "id" | "pk" => Value::str(view.id.to_string()),
        "action_type" => Value::str(&view.action_type),
        "kind" => Value::str(view.kind.as_str()),
        "initiator" => view.initiator.as_ref().map_or(Value::None, user_value),
        "community_origin" => Value::Bool(view.origin == Origin::Platform),
        "is_bundled" => Value::Bool(false),
        private if private.starts_with('_') => return None,
        field => Value::from_json(view.fields.get(field)?),
    })
}

/// A member as policy code has it.
pub fn user_value(user: &UserView) -> Value {
    let attrs = MEMBER_ATTRIBUTES.iter().filter_map(|name| Some(((*name).to_owned(), user_attribute(user, name)?)));
    let attrs = attrs.collect();
    let label = if user.name.is_empty() { &user.external_id } else { &user.name };
    object(ObjectKind::User, &format!("{}:{}", user.platform, user.external_id), label, attrs)
}

/// An attribute that a member carries along.
pub(crate) fn user_attribute(user: &UserView, name: &str) -> Option<Value> {
    Some(match name {
        "username" => Value::str(user.username()),
        "readable_name" => Value::str(&user.name),
        "is_community_admin" => Value::Bool(user.is_admin),
        "role_names" => Value::List(user.roles.iter().map(Value::str).collect()),
        _ => return None,
    })
}

/// A policy as policy code has it.
pub fn policy_value(view: &PolicyView) -> Value {
    let id = view.id.to_string();
    let attrs = vec![
        ("id".to_owned(), Value::str(&id)),
        ("pk".to_owned(), Value::str(&id)),
        ("name".to_owned(), Value::str(&view.name)),
        ("description".to_owned(), Value::str(&view.description)),
        ("kind".to_owned(), Value::str(view.kind.as_str())),
        ("version".to_owned(), Value::Int(view.version)),
        ("action_types".to_owned(), Value::List(view.action_types.iter().map(Value::str).collect())),
        ("is_active".to_owned(), Value::Bool(true)),
        ("is_bundled".to_owned(), Value::Bool(false)),
        ("bundled_policies".to_owned(), Value::List(Vec::new())),
    ];
    object(ObjectKind::Policy, &id, &view.name, attrs)
}

/// A role as policy code has it: by its name, which is its own within the community.
pub fn role_value(name: &str) -> Value {
    let attrs = vec![("role_name".to_owned(), Value::str(name)), ("name".to_owned(), Value::str(name))];
    object(ObjectKind::Role, name, name, attrs)
}

/// A document as policy code has it.
pub fn document_value(document: &Document) -> Value {
    let attrs = vec![
        ("name".to_owned(), Value::str(&document.name)),
        ("text".to_owned(), Value::str(&document.text)),
        ("is_active".to_owned(), Value::Bool(document.is_active)),
    ];
    object(ObjectKind::Document, &document.id.to_string(), &document.name, attrs)
}

pub(super) fn object(kind: ObjectKind, id: &str, label: &str, attrs: Vec<(String, Value)>) -> Value {
    Value::Object(ObjectRef { kind, id: id.to_owned(), label: label.to_owned(), attrs })
}

/// A key of a process, or what is given in its place.
pub(super) fn key_of(process: &ObjectRef, args: &[Value]) -> Value {
    let wanted = args.first().and_then(Value::as_str).unwrap_or_default();
    let found = process.attrs.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
    found.or_else(|| args.get(1).cloned()).unwrap_or_default()
}

pub(super) fn roles_of(user: &ObjectRef) -> Value {
    Value::List(role_names(user).iter().map(|role| role_value(role)).collect())
}

pub(super) fn role_names(user: &ObjectRef) -> Vec<String> {
    match user.attrs.iter().find(|(name, _)| name == "role_names") {
        Some((_, Value::List(roles))) => roles.iter().filter_map(|r| r.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}
