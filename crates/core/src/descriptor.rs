//! Descriptors: what a platform offers, said once. Routes, permissions, forms, lint types, documentation and the
//! conformance suite are derived from them.

use serde::Serialize;

use crate::call::OperationClass;

/// Everything the rest of PolicyKit knows about a platform.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlatformDescriptor {
    /// Its id: name in routes and configuration, and of the object in policy code.
    pub id: &'static str,
    /// Its name for people.
    pub name: &'static str,
    /// How access is obtained.
    pub auth: Vec<Auth>,
    /// How its deliveries reach us.
    pub webhook: Webhook,
    /// What its installations must be given; secrets are sealed.
    pub credentials: Vec<Credential>,
    /// Names of further secrets that come with a grant and are replaced when credentials are renewed.
    pub renewed: Vec<&'static str>,
    /// What is asked before somebody is sent there to install or to sign in.
    pub questions: Vec<Question>,
    /// What PolicyKit asks to be allowed there.
    pub scopes: Vec<Scope>,
    /// Types of actions that can be governed.
    pub governable: Vec<ActionType>,
    /// Types of events that trigger policies can react to, besides the governable actions.
    pub triggers: Vec<TriggerType>,
    /// What policy code may call on the platform's object.
    pub methods: Vec<Method>,
    /// Kinds of votes it can carry.
    pub voting: Vec<Voting>,
    /// The outbound operations its methods are made of.
    pub operations: Vec<Operation>,
}

impl PlatformDescriptor {
    /// The governable action type with this codename.
    pub fn action_type(&self, codename: &str) -> Option<&ActionType> {
        self.governable.iter().find(|t| t.codename == codename)
    }

    /// The operation with this name.
    pub fn operation(&self, name: &str) -> Option<&Operation> {
        self.operations.iter().find(|o| o.name == name)
    }
}

/// How access to a platform is obtained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// Nothing is needed.
    None,
    /// A key a person copies.
    ApiKey,
    /// An OAuth flow.
    OAuth,
}

/// How deliveries reach us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Webhook {
    /// One address for all communities; the body says which.
    AppWide,
    /// One secret address per installation.
    PerInstallation,
    /// None; polled.
    None,
}

/// Something an installation must be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Credential {
    /// Its name in storage; `--name` on the command line with dashes.
    pub name: &'static str,
    /// What it is and where to find it.
    pub doc: &'static str,
}

/// Something that has to be known before a browser can be sent to the platform, such as a forum's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Question {
    /// Its name in forms.
    pub name: &'static str,
    /// How it is asked.
    pub label: &'static str,
    /// What is expected, with an example.
    pub doc: &'static str,
}

/// Something PolicyKit asks to be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Scope {
    /// Its name there.
    pub name: &'static str,
    /// Who is allowed it.
    pub holder: Holder,
    /// What it is needed for.
    pub doc: &'static str,
}

/// On whose behalf something is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    /// The program's own account.
    Program,
    /// The administrator who installed it.
    Installer,
}

/// A type of action that can be governed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ActionType {
    /// Name in policies and permissions.
    pub codename: &'static str,
    /// How it is called in a sentence, such as `post a message`.
    pub label: &'static str,
    /// Its fields.
    pub fields: Vec<Field>,
    /// Whether the platform lets us undo it.
    pub reversible: Reversible,
}

/// Whether an action can be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reversible {
    /// Yes.
    Yes,
    /// The platform offers no way back.
    No,
}

/// A field of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Field {
    /// Its name in policy code.
    pub name: &'static str,
    /// What it holds.
    pub doc: &'static str,
    /// Whether it is part of what is done when the action is carried out (and so asked for in the propose form).
    pub used_to_execute: bool,
}

/// A type of event for trigger policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TriggerType {
    /// `platform.event`.
    pub event_type: &'static str,
    /// What it means.
    pub doc: &'static str,
}

/// A method of the platform's object.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Method {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// Its parameters, in order.
    pub params: Vec<Param>,
    /// Whether it only reads.
    pub effect: MethodEffect,
}

/// Whether a method changes anything outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MethodEffect {
    /// It makes outbound calls, each of them journalled.
    Call,
    /// It reads; the answer is recorded.
    Read,
}

/// A parameter of a method.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// What it accepts.
    pub kind: ParamKind,
    /// Its value when left out; `None` means it must be given.
    pub default: Option<serde_json::Value>,
}

/// What a parameter accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ParamKind {
    /// Text; numbers are turned into text.
    Text,
    /// A whole number.
    Int,
    /// `True` or `False`.
    Bool,
    /// A list of texts.
    TextList,
    /// One member or several, as objects or account ids; handed on as a list of account ids.
    Users,
    /// Anything; handed on as JSON.
    Any,
}

/// A kind of vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Voting {
    /// Yes or no.
    Boolean,
    /// One of several options.
    Choice,
    /// Several of several options.
    Multi,
    /// One option for each of several candidates.
    Select,
}

/// An outbound operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Operation {
    /// Its name, the platform's own where it has one.
    pub name: &'static str,
    /// How it is confirmed after a crash.
    pub class: OperationClass,
}
