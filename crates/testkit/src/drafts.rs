//! Policies for tests.

use std::path::Path;

use policykit_core::policy::{Blocks, OnError, PolicyDraft, PolicyKind};

/// A policy being written down, block by block. What is left out does nothing.
#[derive(Debug, Clone)]
pub struct Draft(PolicyDraft);

impl Draft {
    /// A platform policy for these action types; none means every action.
    pub fn platform(name: &str, action_types: &[&str]) -> Self {
        Self::of(PolicyKind::Platform, name, action_types)
    }

    /// A trigger policy for these action types.
    pub fn trigger(name: &str, action_types: &[&str]) -> Self {
        Self::of(PolicyKind::Trigger, name, action_types)
    }

    /// A constitution policy for these types of changes; none means every change of the rules.
    pub fn constitution(name: &str, action_types: &[&str]) -> Self {
        Self::of(PolicyKind::Constitution, name, action_types)
    }

    fn of(kind: PolicyKind, name: &str, action_types: &[&str]) -> Self {
        Self(PolicyDraft {
            kind,
            name: name.to_owned(),
            description: String::new(),
            action_types: action_types.iter().map(|t| (*t).to_owned()).collect(),
            blocks: Blocks::default(),
            on_error: OnError::Hold,
        })
    }

    /// Sets `filter`.
    #[must_use]
    pub fn filter(mut self, code: &str) -> Self {
        self.0.blocks.filter = code.to_owned();
        self
    }

    /// Sets `initialize`.
    #[must_use]
    pub fn initialize(mut self, code: &str) -> Self {
        self.0.blocks.initialize = code.to_owned();
        self
    }

    /// Sets `check`.
    #[must_use]
    pub fn check(mut self, code: &str) -> Self {
        self.0.blocks.check = code.to_owned();
        self
    }

    /// Sets `notify`.
    #[must_use]
    pub fn notify(mut self, code: &str) -> Self {
        self.0.blocks.notify = code.to_owned();
        self
    }

    /// Sets `success`.
    #[must_use]
    pub fn success(mut self, code: &str) -> Self {
        self.0.blocks.success = code.to_owned();
        self
    }

    /// Sets `fail`.
    #[must_use]
    pub fn fail(mut self, code: &str) -> Self {
        self.0.blocks.fail = code.to_owned();
        self
    }

    /// Sets what happens when the code fails.
    #[must_use]
    pub const fn on_error(mut self, on_error: OnError) -> Self {
        self.0.on_error = on_error;
        self
    }
}

impl From<Draft> for PolicyDraft {
    fn from(draft: Draft) -> Self {
        draft.0
    }
}

/// A policy of the acceptance set beside the project, exactly as published. `None`, with one line that says so, where
/// the set is absent.
pub fn shared_policy(file: &str) -> Option<PolicyDraft> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/policykit").join(file);
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let mut drafts = policykit_policy::from_policykit_json(&text).expect("policies that can be imported");
            assert_eq!(drafts.len(), 1, "{file} holds one policy");
            drafts.pop()
        }
        Err(_) => {
            eprintln!("skipped: ../shared/data/policykit/{file} is not there");
            None
        }
    }
}
