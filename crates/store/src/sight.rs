//! What a person may see: proposals and entries of the record by the type of their action.

use std::collections::BTreeSet;

use crate::sql::{Arg, list};

/// Which action types somebody may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// All of them, also such as no integration knows any more.
    Everything,
    /// These.
    Only(BTreeSet<String>),
}

impl Sight {
    /// Whether matters of this type may be seen.
    pub fn sees(&self, action_type: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Only(types) => types.contains(action_type),
        }
    }

    /// A condition on the column that holds the type, to be joined to others.
    pub(crate) fn condition(&self, column: &str, args: &mut Vec<Arg>) -> String {
        match self {
            Self::Everything => String::new(),
            Self::Only(types) if types.is_empty() => "AND 1 = 0".to_owned(),
            Self::Only(types) => {
                let first = args.len() + 1;
                args.extend(types.iter().map(Arg::from));
                format!("AND {column} IN ({})", list(types.len(), first))
            }
        }
    }

    /// The same where the column may be NULL: what has no type is seen by everybody.
    pub(crate) fn condition_if_any(&self, column: &str, args: &mut Vec<Arg>) -> String {
        match self {
            Self::Everything => String::new(),
            Self::Only(types) if types.is_empty() => format!("AND {column} IS NULL"),
            Self::Only(types) => {
                let first = args.len() + 1;
                args.extend(types.iter().map(Arg::from));
                format!("AND ({column} IS NULL OR {column} IN ({}))", list(types.len(), first))
            }
        }
    }
}
