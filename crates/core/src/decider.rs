//! Who decides by hand, where rules do not.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::ids::UserId;

/// Whoever has decided something by hand: a member, by id, or the operator of the server. Their name is looked up when
/// it is shown, because people change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Decider {
    /// A member.
    Member(UserId),
    /// The operator of the server.
    Operator,
}

/// How the operator is written down.
const OPERATOR: &str = "operator";

/// A text that names nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a member's id nor `operator`")]
pub struct Nobody(String);

impl fmt::Display for Decider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member(id) => id.fmt(f),
            Self::Operator => f.write_str(OPERATOR),
        }
    }
}

impl FromStr for Decider {
    type Err = Nobody;

    fn from_str(text: &str) -> Result<Self, Nobody> {
        if text == OPERATOR {
            return Ok(Self::Operator);
        }
        text.parse().map(Self::Member).map_err(|_| Nobody(text.to_owned()))
    }
}

impl From<Decider> for String {
    fn from(decider: Decider) -> Self {
        decider.to_string()
    }
}

impl TryFrom<String> for Decider {
    type Error = Nobody;

    fn try_from(text: String) -> Result<Self, Nobody> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn who_decided_is_read_back_and_a_name_is_nobody() {
        for decider in [Decider::Operator, Decider::Member(UserId::from_uuid(Uuid::from_u128(7)))] {
            assert_eq!(decider.to_string().parse(), Ok(decider));
            let json = serde_json::to_string(&decider).expect("a text");
            assert_eq!(serde_json::from_str::<Decider>(&json).expect("the same"), decider);
        }
        assert_eq!("carol".parse::<Decider>(), Err(Nobody("carol".to_owned())));
    }
}
