//! What a person may see: proposals and entries of the record by the type of their action, and of what happened in a private
//! conversation no more than that it happened.
//!
//! INVARIANT: whatever this crate reads for a page is read with a [`Sight`], and leaves this crate without what it hides: see
//! [`crate::withheld`].

use std::collections::BTreeSet;

use policykit_core::ids::{CommunityId, InstallationId, UserId};

use crate::{
    error::StoreError,
    overview::asks,
    sql::{Arg, Conn, list, values},
};

/// Up to how many types the latest rows of each are looked up by themselves. Of more the rows are read in their order and
/// those of other types passed over: somebody who sees so many passes over few.
const APART: usize = 100;

/// What is never so.
const NEVER: &str = "(1 = 0)";

/// What somebody may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    /// Of which types.
    pub types: Types,
    /// And of what happened in private conversations, whose.
    pub private: Private,
}

/// Which action types somebody may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Types {
    /// All of them, also such as no integration knows any more.
    Everything,
    /// These.
    Only(BTreeSet<String>),
}

/// Of what happened in private conversations, what somebody may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Private {
    /// All of it.
    Everything,
    /// What they did themselves, and what a vote asks them about by name. A vote that asks everybody asks nobody by name:
    /// in a private conversation that is everybody there, and who is there is known to its platform alone.
    Own {
        /// The member.
        member: UserId,
        /// Their account.
        account: String,
        /// Where the account is.
        installation: InstallationId,
    },
}

/// How the latest rows that somebody may see are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Way {
    /// Nothing is hidden.
    All,
    /// The latest of each of these conditions, and of those the latest.
    Each(Vec<Vec<(&'static str, String)>>),
    /// In their order, those of other types passed over.
    Among(Vec<String>),
}

impl Sight {
    /// Nothing is hidden.
    pub const EVERYTHING: Self = Self { types: Types::Everything, private: Private::Everything };

    /// These types, and nothing is hidden of what is private.
    pub const fn only(types: BTreeSet<String>) -> Self {
        Self { types: Types::Only(types), private: Private::Everything }
    }

    /// Whether matters of this type may be seen.
    pub fn sees(&self, action_type: &str) -> bool {
        match &self.types {
            Types::Everything => true,
            Types::Only(types) => types.contains(action_type),
        }
    }

    /// An expression that says whether what the action `a` says is withheld, where `p` is its proposal or a missing row.
    pub(crate) fn withheld(&self, args: &mut Vec<Arg>) -> String {
        let Private::Own { member, account, installation } = &self.private else { return NEVER.to_owned() };
        args.push((*member).into());
        let member = args.len();
        args.push(installation.to_string().into());
        let installation = args.len();
        let asked = asks(account, args);
        // Whom a vote asks may be a long list: it is read of few rows.
        format!(
            "CASE WHEN a.is_private AND (a.initiator_id IS NULL OR a.initiator_id <> ${member}) THEN \
             NOT (p.electorate IS NOT NULL AND COALESCE(p.poll->>'installation', '') = ${installation} AND {asked}) \
             ELSE {NEVER} END"
        )
    }

    /// The same of an action that has no proposal.
    pub(crate) fn withheld_alone(&self, args: &mut Vec<Arg>) -> String {
        let Private::Own { member, .. } = &self.private else { return NEVER.to_owned() };
        args.push((*member).into());
        format!("(a.is_private AND (a.initiator_id IS NULL OR a.initiator_id <> ${}))", args.len())
    }

    /// Whether lines are withheld that are about something private which nobody can be told to have done.
    pub(crate) fn hides_private(&self) -> bool {
        self.private != Private::Everything
    }

    /// A condition on the column that holds the type, to be joined to others.
    pub(crate) fn condition(&self, column: &str, args: &mut Vec<Arg>) -> String {
        match &self.types {
            Types::Everything => String::new(),
            Types::Only(types) => among(types, column, args),
        }
    }

    /// How the latest rows of a table with an index by community, type and `order` are found.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(crate) async fn way(
        &self,
        conn: &mut Conn<'_>,
        community: CommunityId,
        table: &str,
        order: &str,
    ) -> Result<Way, StoreError> {
        let Types::Only(types) = &self.types else { return Ok(Way::All) };
        let mut args: Vec<Arg> = vec![community.into()];
        args.extend(types.iter().map(Arg::from));
        // The order leads the planner to the index by type: without it PostgreSQL looks through the table for a row of the
        // type, which takes long where there is none. As an equal type would be left out of the order, and any index that
        // has the rest of it then serves as well, the type is asked for as a range.
        let sql = format!(
            "WITH t (word) AS (VALUES {}) SELECT t.word FROM t WHERE (SELECT 1 FROM {table} x \
             WHERE x.community_id = $1 AND x.action_type BETWEEN t.word AND t.word \
             ORDER BY x.action_type, x.{order} LIMIT 1) IS NOT NULL ORDER BY t.word",
            values(types.len(), 1, 2)
        );
        let known = if types.is_empty() { Vec::new() } else { conn.all(&sql, args, |r| r.text()).await? };
        Ok(if known.len() <= APART {
            Way::Each(known.into_iter().map(|word| vec![("action_type", word)]).collect())
        } else {
            Way::Among(known)
        })
    }

    /// The same for entries of the record of these kinds. An entry about no action is everybody's to see.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(crate) async fn way_of_entries(
        &self,
        conn: &mut Conn<'_>,
        community: CommunityId,
        kinds: &[String],
    ) -> Result<Way, StoreError> {
        let Types::Only(types) = self.with_none().types else {
            let each = kinds.iter().map(|kind| vec![("kind", kind.clone())]).collect();
            return Ok(if kinds.is_empty() { Way::All } else { Way::Each(each) });
        };
        if kinds.is_empty() {
            return Self::only(types).way(conn, community, "decision", "seq").await;
        }
        let mut args: Vec<Arg> = vec![community.into()];
        args.extend(types.iter().chain(kinds).map(Arg::from));
        let sql = format!(
            "WITH t (word) AS (VALUES {}), k (word) AS (VALUES {}) SELECT k.word, t.word FROM k CROSS JOIN t \
             WHERE (SELECT 1 FROM decision x WHERE x.community_id = $1 AND x.kind = k.word \
             AND x.action_type BETWEEN t.word AND t.word ORDER BY x.action_type, x.seq LIMIT 1) IS NOT NULL \
             ORDER BY k.word, t.word",
            values(types.len(), 1, 2),
            values(kinds.len(), 1, 2 + types.len())
        );
        let known: Vec<(String, String)> = conn.all(&sql, args, |r| Ok((r.text()?, r.text()?))).await?;
        Ok(if known.len() <= APART {
            Way::Each(known.into_iter().map(|(kind, word)| vec![("kind", kind), ("action_type", word)]).collect())
        } else {
            Way::Among(types.into_iter().collect())
        })
    }

    /// The same, with what has no type because it is about no action.
    pub(crate) fn with_none(&self) -> Self {
        let types = match &self.types {
            Types::Everything => Types::Everything,
            Types::Only(types) => Types::Only(types.iter().cloned().chain([String::new()]).collect()),
        };
        Self { types, private: self.private.clone() }
    }
}

impl Way {
    /// Whether nothing can be found.
    pub(crate) fn is_nowhere(&self) -> bool {
        matches!(self, Self::Each(each) if each.is_empty())
    }

    /// Conditions, each to be joined to others; what is to be found is the latest of what any of them finds.
    pub(crate) fn conditions(&self, table: &str, args: &mut Vec<Arg>) -> Vec<String> {
        match self {
            Self::All => vec![String::new()],
            Self::Among(types) => vec![among(types, &format!("{table}.action_type"), args)],
            Self::Each(each) => each
                .iter()
                .map(|all| {
                    let one = all.iter().map(|(column, word)| {
                        args.push(word.into());
                        format!("AND {table}.{column} = ${}", args.len())
                    });
                    one.collect::<Vec<_>>().join(" ")
                })
                .collect(),
        }
    }
}

fn among<'a>(
    types: impl IntoIterator<Item = &'a String, IntoIter: ExactSizeIterator>,
    column: &str,
    args: &mut Vec<Arg>,
) -> String {
    let (types, first) = (types.into_iter(), args.len() + 1);
    let count = types.len();
    if count == 0 {
        return "AND 1 = 0".to_owned();
    }
    args.extend(types.map(Arg::from));
    format!("AND {column} IN ({})", list(count, first))
}
