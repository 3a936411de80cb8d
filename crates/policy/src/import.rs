//! Reading policies in the original PolicyKit's file format.

use policykit_core::policy::{Blocks, OnError, PolicyDraft, PolicyKind};
use serde::{Deserialize, Serialize};

/// Longest name of a policy, as in the original.
const MAX_NAME: usize = 100;

/// Why a file cannot be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It is not JSON, or not in this format.
    #[error(
        "this is not a policy file: {0}; expected an object, or a list of objects, with `policy_kind`, `name`, `action_types` and the six blocks"
    )]
    Format(#[from] serde_json::Error),
    /// A field has a value that is not possible.
    #[error("policy `{policy}`: `{field}` {problem}")]
    Field {
        /// The policy's name.
        policy: String,
        /// The field.
        field: &'static str,
        /// What is wrong and what is possible.
        problem: String,
    },
}

#[derive(Deserialize, Serialize)]
struct FilePolicy {
    policy_kind: String,
    name: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    action_types: Vec<String>,
    #[serde(flatten)]
    blocks: Blocks,
    /// A word of ours that the original does not know; left out where it says what is usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    on_error: Option<OnError>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum File {
    Many(Vec<FilePolicy>),
    One(Box<FilePolicy>),
}

/// Reads one policy or a list of them. Policies in this format hand a matter on when their code fails, as they did in the
/// original.
///
/// # Errors
/// Names the policy and the field.
pub fn from_policykit_json(text: &str) -> Result<Vec<PolicyDraft>, ImportError> {
    let policies = match serde_json::from_str(text)? {
        File::Many(policies) => policies,
        File::One(policy) => vec![*policy],
    };
    policies.into_iter().map(draft).collect()
}

fn draft(file: FilePolicy) -> Result<PolicyDraft, ImportError> {
    let field = |field, problem: String| ImportError::Field { policy: file.name.clone(), field, problem };
    let Some(kind) = PolicyKind::parse(&file.policy_kind) else {
        let problem = format!("is `{}`; it must be `Platform`, `Constitution` or `Trigger`", file.policy_kind);
        return Err(field("policy_kind", problem));
    };
    if kind == PolicyKind::Trigger && file.action_types.is_empty() {
        return Err(field("action_types", "is empty; a trigger policy must say what triggers it".to_owned()));
    }
    let name = file.name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME {
        return Err(field("name", format!("must have 1 to {MAX_NAME} characters")));
    }
    Ok(PolicyDraft {
        kind,
        name: name.to_owned(),
        description: file.description.unwrap_or_default().trim().to_owned(),
        action_types: file.action_types,
        blocks: file.blocks,
        on_error: file.on_error.unwrap_or(usual_on_error(kind)),
    })
}

/// What happens when the code of a policy fails whose file does not say so.
const fn usual_on_error(kind: PolicyKind) -> OnError {
    match kind {
        // As files from elsewhere expect.
        PolicyKind::Platform | PolicyKind::Trigger => OnError::Next,
        PolicyKind::Constitution => OnError::Hold,
    }
}

/// Writes policies in this format, as a list. What it has no word for, what happens when code fails, stands under a key
/// of ours, and only where reading would take it for something else.
pub fn to_policykit_json(drafts: &[PolicyDraft]) -> String {
    #[derive(Serialize)]
    struct Out {
        #[serde(flatten)]
        policy: FilePolicy,
        is_bundled: bool,
    }
    let kind = |kind: PolicyKind| match kind {
        PolicyKind::Platform => "Platform",
        PolicyKind::Constitution => "Constitution",
        PolicyKind::Trigger => "Trigger",
    };
    let policies: Vec<Out> = drafts
        .iter()
        .map(|draft| Out {
            policy: FilePolicy {
                policy_kind: kind(draft.kind).to_owned(),
                name: draft.name.clone(),
                description: Some(draft.description.clone()),
                action_types: draft.action_types.clone(),
                blocks: draft.blocks.clone(),
                on_error: Some(draft.on_error).filter(|on_error| *on_error != usual_on_error(draft.kind)),
            },
            is_bundled: false,
        })
        .collect();
    // Texts and lists are always JSON.
    serde_json::to_string_pretty(&policies).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_kind_is_named_with_what_is_possible() {
        let error = from_policykit_json(r#"{"policy_kind": "Platfrom", "name": "x"}"#).unwrap_err().to_string();
        assert!(
            error.contains("`policy_kind`") && error.contains("Platfrom") && error.contains("`Trigger`"),
            "{error}"
        );
    }

    #[test]
    fn a_trigger_policy_must_say_what_triggers_it() {
        let error = from_policykit_json(r#"[{"policy_kind": "Trigger", "name": "x"}]"#).unwrap_err().to_string();
        assert!(error.contains("`action_types`"), "{error}");
    }

    #[test]
    fn what_is_written_is_read_back() {
        let text = r#"[{"policy_kind": "Trigger", "name": "n", "description": "d", "action_types": ["a"],
            "is_bundled": false, "filter": "return True", "check": "return PASSED"}]"#;
        let read = from_policykit_json(text).unwrap();
        assert_eq!(from_policykit_json(&to_policykit_json(&read)).unwrap(), read);
    }

    #[test]
    fn what_is_not_a_policy_file_is_said_so() {
        assert!(from_policykit_json("[1]").unwrap_err().to_string().contains("not a policy file"));
    }
}
