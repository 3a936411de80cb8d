//! Descriptors: what a platform offers, said once. Routes, permissions, forms, lint types, documentation and the
//! conformance suite are derived from them.

mod methods;

use std::collections::BTreeMap;

use serde::Serialize;

pub use methods::{Method, MethodEffect, Param, ParamKind, Returns, common_methods};

use crate::{JsonMap, call::OperationClass, state::StateOf};

/// Name of the secret with which a platform signs what it delivers to one installation. It is made here, kept when the
/// installation is renewed, and told the platform. Among the `renewed` of every platform that has such addresses and signs.
pub const WEBHOOK_SECRET: &str = "webhook_secret";

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
    /// Where browsers come back to after a journey, where the platform's own set-up names the address: a path of this server.
    /// Such a platform brings nothing back by which it could be told what the browser set out for, so that is kept in the
    /// browser. Elsewhere it comes back to the address that all platforms share.
    pub returns_to: Option<&'static str>,
    /// Whether only those operators get it who ask for it by name: it is not known yet to be right in everything. What is
    /// missing stands in its guide.
    pub preview: bool,
    /// What its installations must be given when it is connected by a form; secrets are sealed.
    pub credentials: Vec<Credential>,
    /// Names of further secrets that come with a grant and are replaced when credentials are renewed.
    pub renewed: Vec<&'static str>,
    /// What is asked before somebody is sent there to install or to sign in, or in the form that connects it. Settings of
    /// an installation keep the answers under the same names.
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

    /// Everything policy code may call on its object: its own methods and [`common_methods`].
    pub fn all_methods(&self) -> Vec<Method> {
        let common = common_methods().into_iter().filter(|c| self.methods.iter().all(|own| own.name != c.name));
        self.methods.iter().cloned().chain(common).collect()
    }

    /// Whether people have accounts there, by which they are known here and could sign in.
    pub fn has_people(&self) -> bool {
        self.auth.iter().any(|auth| *auth != Auth::None)
    }

    /// Whether any number of communities may use the same place there. Nothing is handed over for one, nobody comes from it
    /// and nothing is delivered, so it is no one community's.
    pub fn is_shared(&self) -> bool {
        self.credentials.is_empty() && self.webhook == Webhook::None && !self.has_people()
    }

    /// Whether it can be connected by a form here.
    pub fn is_entered(&self) -> bool {
        !self.is_visited() || self.auth.contains(&Auth::ApiKey)
    }

    /// Whether an administrator can be sent there to let PolicyKit in, and members to sign in.
    pub fn is_visited(&self) -> bool {
        self.auth.contains(&Auth::OAuth)
    }

    /// The answers to its questions as the settings of an installation keep them.
    pub fn answers_in(&self, settings: &JsonMap) -> BTreeMap<String, String> {
        let answer = |name: &str| settings.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
        self.questions.iter().filter_map(|question| Some((question.name.to_owned(), answer(question.name)?))).collect()
    }

    /// The event with this name.
    pub fn trigger(&self, event_type: &str) -> Option<&TriggerType> {
        self.triggers.iter().find(|t| t.event_type == event_type)
    }

    /// The events that policies name by an action type of their own.
    pub fn own_triggers(&self) -> impl Iterator<Item = &TriggerType> {
        self.triggers.iter().filter(|t| t.shape == TriggerShape::Own)
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
    /// How it is asked of whoever connects it.
    pub label: &'static str,
    /// How it is asked of whoever signs in.
    pub at_sign_in: &'static str,
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
    /// The state it changes, where it changes one of which there is one at a time.
    pub state: Option<StateOf>,
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

/// A field of an action or an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Field {
    /// Its name in policy code.
    pub name: &'static str,
    /// What it holds.
    pub doc: &'static str,
    /// What sort of value it is.
    pub kind: FieldKind,
    /// Whether it is part of what is done when the action is carried out (and so asked for in the propose form).
    pub used_to_execute: bool,
}

impl Field {
    /// A text that is part of what is done.
    pub const fn used(name: &'static str, doc: &'static str) -> Self {
        Self { name, doc, kind: FieldKind::Text, used_to_execute: true }
    }

    /// A text that is only told.
    pub const fn told(name: &'static str, doc: &'static str) -> Self {
        Self { name, doc, kind: FieldKind::Text, used_to_execute: false }
    }

    /// The same, of another sort.
    #[must_use]
    pub const fn of(self, kind: FieldKind) -> Self {
        Self { kind, ..self }
    }
}

/// What sort of value a field holds, as policy code sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// Text; ids of all platforms are.
    Text,
    /// The id of a channel, see [`crate::community::Channel`]: pages show its name.
    Channel,
    /// A text in which the platform marks up words, see the platform's own notation: pages show it without the marks.
    Markup,
    /// A whole number.
    Int,
    /// `True` or `False`.
    Bool,
    /// A list.
    List,
    /// A dictionary.
    Dict,
}

impl FieldKind {
    /// Its name in the policy language.
    pub const fn python(self) -> &'static str {
        match self {
            Self::Text | Self::Channel | Self::Markup => "str",
            Self::Int => "int",
            Self::Bool => "bool",
            Self::List => "list",
            Self::Dict => "dict",
        }
    }
}

/// A type of event for trigger policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TriggerType {
    /// `platform.event`, or the name of an action type of its own.
    pub event_type: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// What its data hold, as far as it is worth knowing beforehand.
    pub fields: &'static [Field],
    /// How policies name it.
    pub shape: TriggerShape,
}

impl TriggerType {
    /// An event that comes as `webhooktriggeraction`.
    pub const fn event(event_type: &'static str, doc: &'static str, fields: &'static [Field]) -> Self {
        Self { event_type, doc, fields, shape: TriggerShape::Event }
    }

    /// An event with an action type of its own.
    pub const fn own(codename: &'static str, doc: &'static str, fields: &'static [Field]) -> Self {
        Self { event_type: codename, doc, fields, shape: TriggerShape::Own }
    }
}

/// How policies name an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TriggerShape {
    /// As `webhooktriggeraction`, whose `event_type` says which it is and whose `data` hold its fields.
    Event,
    /// By an action type of its own, which has its fields as attributes.
    Own,
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
