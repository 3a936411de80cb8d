//! Words with which the descriptors of platforms are written.

pub(crate) use policykit_core::descriptor::{
    ActionType, Auth, Credential, Field, FieldKind, Holder, Method, Question, Returns, Reversible, Scope, TriggerType,
    Voting, Webhook,
};
use policykit_core::descriptor::{Param, ParamKind, PlatformDescriptor};

/// A platform of which nothing has been said yet.
pub(crate) const fn platform(id: &'static str, name: &'static str) -> PlatformDescriptor {
    PlatformDescriptor {
        id,
        name,
        auth: Vec::new(),
        webhook: Webhook::None,
        returns_to: None,
        preview: false,
        credentials: Vec::new(),
        renewed: Vec::new(),
        questions: Vec::new(),
        scopes: Vec::new(),
        governable: Vec::new(),
        triggers: Vec::new(),
        methods: Vec::new(),
        voting: Vec::new(),
        operations: Vec::new(),
    }
}

/// An action that can be undone.
pub(crate) const fn undoable(codename: &'static str, label: &'static str, fields: Vec<Field>) -> ActionType {
    ActionType { codename, label, fields, reversible: Reversible::Yes, state: None }
}

/// An action that the platform does not take back.
pub(crate) const fn lasting(codename: &'static str, label: &'static str, fields: Vec<Field>) -> ActionType {
    ActionType { codename, label, fields, reversible: Reversible::No, state: None }
}

/// A text that must be given.
pub(crate) const fn text(name: &'static str) -> Param {
    Param::needed(name, ParamKind::Text)
}

/// A text that may be left out.
pub(crate) const fn text_or_none(name: &'static str) -> Param {
    Param::optional(name, ParamKind::Text)
}

/// A whole number that must be given.
pub(crate) const fn int(name: &'static str) -> Param {
    Param::needed(name, ParamKind::Int)
}

/// A whole number that may be left out.
pub(crate) const fn int_or_none(name: &'static str) -> Param {
    Param::optional(name, ParamKind::Int)
}

/// A whole number that is this when left out.
pub(crate) fn int_or(name: &'static str, default: i64) -> Param {
    Param::or(name, ParamKind::Int, default.into())
}

/// Yes or no, and which when left out.
pub(crate) const fn flag(name: &'static str, default: bool) -> Param {
    Param::or(name, ParamKind::Bool, serde_json::Value::Bool(default))
}

/// Texts that must be given.
pub(crate) const fn texts(name: &'static str) -> Param {
    Param::needed(name, ParamKind::TextList)
}

/// Texts that may be left out.
pub(crate) const fn texts_or_none(name: &'static str) -> Param {
    Param::optional(name, ParamKind::TextList)
}

/// Members that must be given.
pub(crate) const fn users(name: &'static str) -> Param {
    Param::needed(name, ParamKind::Users)
}

/// Members that may be left out.
pub(crate) const fn users_or_none(name: &'static str) -> Param {
    Param::optional(name, ParamKind::Users)
}

/// A moment that may be left out.
pub(crate) const fn moment_or_none(name: &'static str) -> Param {
    Param::optional(name, ParamKind::Moment)
}

/// One of these words, the first when left out.
pub(crate) fn one_of(name: &'static str, words: &'static [&'static str]) -> Param {
    Param::or(name, ParamKind::OneOf(words), words.first().copied().into())
}

/// One of these words, to be given.
pub(crate) const fn word(name: &'static str, words: &'static [&'static str]) -> Param {
    Param::needed(name, ParamKind::OneOf(words))
}

/// Values of a request that is worded freely.
pub(crate) const fn values(name: &'static str) -> Param {
    Param::optional(name, ParamKind::Any)
}
