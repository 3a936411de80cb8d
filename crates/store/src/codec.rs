//! The words by which states are stored. Changing one needs a migration.

use policykit_core::call::OperationClass;

use crate::changes::{EvaluationState, InboxState};

impl InboxState {
    /// All states.
    pub const ALL: [Self; 4] = [Self::New, Self::Done, Self::Parked, Self::Dead];

    /// The name used in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Done => "done",
            Self::Parked => "parked",
            Self::Dead => "dead",
        }
    }

    /// The state with this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == text)
    }
}

impl EvaluationState {
    /// All states.
    pub const ALL: [Self; 3] = [Self::Running, Self::Settled, Self::Error];

    /// The name used in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Settled => "settled",
            Self::Error => "error",
        }
    }

    /// The state with this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == text)
    }
}

pub(crate) const fn class_word(class: OperationClass) -> &'static str {
    match class {
        OperationClass::Idempotent => "idempotent",
        OperationClass::State => "state",
        OperationClass::Marked => "marked",
        OperationClass::Blind => "blind",
    }
}

pub(crate) fn parse_class(text: &str) -> Option<OperationClass> {
    [OperationClass::Idempotent, OperationClass::State, OperationClass::Marked, OperationClass::Blind]
        .into_iter()
        .find(|class| class_word(*class) == text)
}
