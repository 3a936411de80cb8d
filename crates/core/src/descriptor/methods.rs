//! What policy code may call on a platform's object.

use serde::Serialize;

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
