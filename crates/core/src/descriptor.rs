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

    /// Everything policy code may call on its object: its own methods and [`common_methods`].
    pub fn all_methods(&self) -> Vec<Method> {
        let common = common_methods().into_iter().filter(|c| self.methods.iter().all(|own| own.name != c.name));
        self.methods.iter().cloned().chain(common).collect()
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
            Self::Text => "str",
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
    /// What it returns.
    pub returns: Returns,
    /// What PolicyKit has to be allowed there for it, in the platform's own word; empty for nothing in particular.
    pub needs: &'static str,
}

impl Method {
    /// A method that changes something outside and returns nothing.
    pub const fn call(name: &'static str, doc: &'static str, params: Vec<Param>) -> Self {
        Self { name, doc, params, effect: MethodEffect::Call, returns: Returns::Nothing, needs: "" }
    }

    /// A method that reads.
    pub const fn read(name: &'static str, doc: &'static str, params: Vec<Param>) -> Self {
        Self { name, doc, params, effect: MethodEffect::Read, returns: Returns::Anything, needs: "" }
    }

    /// The same, returning this.
    #[must_use]
    pub fn returning(self, returns: Returns) -> Self {
        Self { returns, ..self }
    }

    /// The same, needing this permission on the platform.
    #[must_use]
    pub fn needing(self, needs: &'static str) -> Self {
        Self { needs, ..self }
    }

    /// How it is written in code: names, types and what may be left out.
    pub fn signature(&self) -> String {
        let params: Vec<String> = self.params.iter().map(Param::signature).collect();
        format!("{}({}) -> {}", self.name, params.join(", "), self.returns.python())
    }
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

/// What a method returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Returns {
    /// `None`.
    Nothing,
    /// Text, mostly the id of what was made.
    Text,
    /// A number.
    Number,
    /// `True` or `False`.
    Bool,
    /// A list.
    List,
    /// A dictionary.
    Dict,
    /// A list of members.
    Members,
    /// A list of roles.
    Roles,
    /// A process of decision on the platform, see [`crate::ObjectKind::Process`].
    Process,
    /// Whatever the platform answers.
    Anything,
}

impl Returns {
    /// Its name in the policy language.
    pub const fn python(self) -> &'static str {
        match self {
            Self::Nothing => "None",
            Self::Text => "str",
            Self::Number => "float",
            Self::Bool => "bool",
            Self::List => "list",
            Self::Dict => "dict",
            Self::Members => "list[User]",
            Self::Roles => "list[Role]",
            Self::Process => "Process",
            Self::Anything => "Any",
        }
    }
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

impl Param {
    /// One that must be given.
    pub const fn needed(name: &'static str, kind: ParamKind) -> Self {
        Self { name, kind, default: None }
    }

    /// One that is nothing when left out.
    pub const fn optional(name: &'static str, kind: ParamKind) -> Self {
        Self { name, kind, default: Some(serde_json::Value::Null) }
    }

    /// One that is this when left out.
    pub const fn or(name: &'static str, kind: ParamKind, default: serde_json::Value) -> Self {
        Self { name, kind, default: Some(default) }
    }

    /// How it is written in code.
    pub fn signature(&self) -> String {
        if self.kind == ParamKind::Rest {
            return format!("**{}", self.name);
        }
        let kind = self.kind.python();
        match &self.default {
            None => format!("{}: {kind}", self.name),
            Some(default) => format!("{}: {kind} = {}", self.name, python(default)),
        }
    }
}

/// A default as the policy language writes it.
fn python(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => "None".to_owned(),
        serde_json::Value::Bool(true) => "True".to_owned(),
        serde_json::Value::Bool(false) => "False".to_owned(),
        other => other.to_string(),
    }
}

/// What a parameter accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ParamKind {
    /// Text; numbers are turned into text.
    Text,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// A whole number.
    Int,
    /// `True` or `False`.
    Bool,
    /// A list of texts.
    TextList,
    /// One member or several, as objects or account ids; handed on as a list of account ids.
    Users,
    /// A day or a moment, as text or as `datetime`; handed on as text.
    Moment,
    /// Anything; handed on as JSON.
    Any,
    /// Whatever else is given by name; handed on as a dictionary. Stands last.
    Rest,
}

impl ParamKind {
    /// Its name in the policy language.
    pub fn python(self) -> String {
        match self {
            Self::Text => "str".to_owned(),
            Self::OneOf(all) => {
                let all: Vec<String> = all.iter().map(|one| format!("\"{one}\"")).collect();
                format!("Literal[{}]", all.join(", "))
            }
            Self::Int => "int".to_owned(),
            Self::Bool => "bool".to_owned(),
            Self::TextList => "list[str]".to_owned(),
            Self::Users => "User | str | list".to_owned(),
            Self::Moment => "datetime | str".to_owned(),
            Self::Any | Self::Rest => "Any".to_owned(),
        }
    }
}

/// What policy code may call on every platform's object. It is answered from what is known here, without asking the
/// platform.
pub fn common_methods() -> Vec<Method> {
    vec![
        Method::read(
            "get_users",
            "the members on this platform, or those with any of these roles",
            vec![Param::optional("role_names", ParamKind::TextList)],
        )
        .returning(Returns::Members),
        Method::read(
            "get_users_with_permission",
            "the members on this platform who have a permission through one of their roles, by its name such as can_execute_…",
            vec![Param::needed("permission", ParamKind::Text)],
        )
        .returning(Returns::Members),
        Method::read("get_roles", "the community's roles", Vec::new()).returning(Returns::Roles),
        Method::read(
            "get_username_to_readable_name_dict",
            "the names of the members on this platform by their accounts",
            Vec::new(),
        )
        .returning(Returns::Dict),
    ]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_reads_as_the_policy_language_writes_it() {
        let method = Method::call(
            "start",
            "",
            vec![
                Param::needed("name", ParamKind::Text),
                Param::or("kind", ParamKind::OneOf(&["a", "b"]), "a".into()),
                Param::or("open", ParamKind::Bool, false.into()),
                Param::optional("users", ParamKind::Users),
                Param::optional("more", ParamKind::Rest),
            ],
        )
        .returning(Returns::Process);
        assert_eq!(
            method.signature(),
            "start(name: str, kind: Literal[\"a\", \"b\"] = \"a\", open: bool = False, \
             users: User | str | list = None, **more) -> Process"
        );
    }
}
