//! Policies as lists show them: counted, a part at a time, and no more of each than is shown.

use policykit_core::{
    ids::{CommunityId, PolicyId},
    policy::{Policy, PolicyKind},
};

use crate::{
    error::StoreError,
    people::pattern,
    policy::{COLUMNS, PolicyState, read},
    scoped::Scoped,
    sql::{Arg, Conn, Reader},
};

/// Every policy with its version in force, as far as lists need it; from the word `FROM` on.
const SHELF: &str = "FROM policy po JOIN policy_version pv ON pv.id = po.version_id AND pv.community_id = po.community_id \
                     WHERE po.community_id = $1";
/// What an older program did not write beside the policy stands in its version.
const KIND: &str = "COALESCE(po.kind, pv.draft->>'kind')";
const NAME: &str = "COALESCE(po.name, pv.draft->>'name')";
const IS_GENERAL: &str = "COALESCE(po.is_general, json_array_length(pv.draft->'action_types') = 0, TRUE)";

/// How many policies are alike in what lists tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicyCount {
    /// What they govern.
    pub kind: PolicyKind,
    /// Where they stand.
    pub state: PolicyState,
    /// Whether they name no actions: those are tried after all others of their kind.
    pub is_general: bool,
    /// How many.
    pub count: usize,
}

/// Which policies to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shelf {
    /// Those of a kind that are in force, in the order in which they are tried.
    InForce(PolicyKind),
    /// Those that are not.
    Resting,
    /// Those of a kind, in force or not.
    OfKind(PolicyKind),
}

/// A policy with its place in the list it is of.
#[derive(Debug, Clone, PartialEq)]
pub struct ShelvedPolicy {
    /// The policy in its version in force, or the last that was.
    pub policy: Policy,
    /// Where it stands.
    pub state: PolicyState,
    /// Its number in its list, from 1, whatever is searched for.
    pub place: usize,
}

/// A policy that decides about changes of the rules, in as much as is told of it beforehand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decider {
    /// Its name.
    pub name: String,
    /// What it says about itself.
    pub description: String,
    /// The changes it is about; empty is every one.
    pub action_types: Vec<String>,
}

impl Decider {
    /// Whether it may govern changes of this type.
    pub fn applies_to(&self, action_type: &str) -> bool {
        self.action_types.is_empty() || self.action_types.iter().any(|t| t == action_type)
    }
}

impl Shelf {
    /// The condition and the arguments of a list, whose parameters begin with `$2`.
    fn condition(self) -> (String, Vec<Arg>) {
        match self {
            Self::InForce(kind) => (format!("AND po.state = 'active' AND {KIND} = $2"), vec![kind.as_str().into()]),
            Self::Resting => ("AND po.state <> 'active'".to_owned(), Vec::new()),
            Self::OfKind(kind) => (format!("AND {KIND} = $2"), vec![kind.as_str().into()]),
        }
    }

    /// The order of a list.
    fn order(self) -> String {
        match self {
            Self::InForce(_) => format!("{IS_GENERAL}, po.position, po.id"),
            Self::Resting | Self::OfKind(_) => "po.position, po.id".to_owned(),
        }
    }
}

fn count(found: i64) -> usize {
    usize::try_from(found).unwrap_or_default()
}

impl Scoped {
    /// How many policies there are, by kind, state, and whether they name actions.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn policy_counts(&self) -> Result<Vec<PolicyCount>, StoreError> {
        let sql = format!(
            "SELECT s.kind, s.state, s.is_general, count(*) \
             FROM (SELECT {KIND} AS kind, po.state AS state, {IS_GENERAL} AS is_general {SHELF}) s \
             GROUP BY s.kind, s.state, s.is_general ORDER BY s.kind, s.state, s.is_general"
        );
        let read = |r: &mut Reader<'_>| {
            Ok(PolicyCount {
                kind: r.word(PolicyKind::parse)?,
                state: r.word(PolicyState::parse)?,
                is_general: r.flag()?,
                count: count(r.int()?),
            })
        };
        self.db().reader().await?.conn().all(&sql, vec![self.id().into()], read).await
    }

    /// A part of a list: `limit` policies after the first `skip` of those whose name contains `search`, whatever its
    /// case; an empty one is contained in every name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn shelved(
        &self,
        shelf: Shelf,
        search: &str,
        skip: usize,
        limit: usize,
    ) -> Result<Vec<ShelvedPolicy>, StoreError> {
        let (condition, more) = shelf.condition();
        let order = shelf.order();
        let mut args: Vec<Arg> = vec![self.id().into()];
        args.extend(more);
        let mut fits = String::new();
        if !search.trim().is_empty() {
            args.push(pattern(search.trim()).into());
            fits = format!("WHERE lower(w.name) LIKE ${} ESCAPE '!'", args.len());
        }
        args.extend([Arg::limit(limit), Arg::limit(skip)]);
        let sql = format!(
            "SELECT {COLUMNS}, po.state, s.place FROM (SELECT w.id, w.place FROM (\
             SELECT po.id AS id, {NAME} AS name, row_number() OVER (ORDER BY {order}) AS place {SHELF} {condition}) w \
             {fits} ORDER BY w.place LIMIT ${} OFFSET ${}) s \
             CROSS JOIN policy po \
             JOIN policy_version pv ON pv.id = po.version_id AND pv.community_id = po.community_id \
             WHERE po.id = s.id AND po.community_id = $1 ORDER BY s.place",
            args.len() - 1,
            args.len()
        );
        let read = |r: &mut Reader<'_>| {
            Ok(ShelvedPolicy { policy: read(r)?, state: r.word(PolicyState::parse)?, place: count(r.int()?) })
        };
        self.db().reader().await?.conn().all(&sql, args, read).await
    }

    /// The ids of the policies of a kind that are in force, in the order in which they are tried.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn policy_order(&self, kind: PolicyKind) -> Result<Vec<PolicyId>, StoreError> {
        let shelf = Shelf::InForce(kind);
        let (condition, more) = shelf.condition();
        let sql = format!("SELECT po.id {SHELF} {condition} ORDER BY {}", shelf.order());
        let mut args: Vec<Arg> = vec![self.id().into()];
        args.extend(more);
        self.db().reader().await?.conn().all(&sql, args, |r| r.id()).await
    }

    /// The names of the policies that govern, or will again when they are saved anew.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn policy_names(&self) -> Result<Vec<(PolicyId, String)>, StoreError> {
        names(&mut self.db().reader().await?.conn(), self.id()).await
    }

    /// The number of a policy among those of its kind that are in force, from 1; `None` when it is not in force.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn policy_place(&self, kind: PolicyKind, id: PolicyId) -> Result<Option<usize>, StoreError> {
        let shelf = Shelf::InForce(kind);
        let (condition, more) = shelf.condition();
        let mut args: Vec<Arg> = vec![self.id().into()];
        args.extend(more);
        args.push(id.into());
        let sql = format!(
            "SELECT w.place FROM (SELECT po.id AS id, row_number() OVER (ORDER BY {}) AS place {SHELF} {condition}) w \
             WHERE w.id = ${}",
            shelf.order(),
            args.len()
        );
        Ok(self.db().reader().await?.conn().first(&sql, args, |r| r.int()).await?.map(count))
    }

    /// A policy in its version in force, or the last that was, and where it stands.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the community has none with this id.
    pub async fn policy(&self, id: PolicyId) -> Result<(Policy, PolicyState), StoreError> {
        let sql = format!("SELECT {COLUMNS}, po.state {SHELF} AND po.id = $2");
        let args = vec![self.id().into(), id.into()];
        let read = |r: &mut Reader<'_>| Ok((read(r)?, r.word(PolicyState::parse)?));
        let found = self.db().reader().await?.conn().first(&sql, args, read).await?;
        found.ok_or(StoreError::NotFound { what: "policy" })
    }

    /// The policies that decide about changes of the rules, in the order in which they are asked.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn deciders(&self) -> Result<Vec<Decider>, StoreError> {
        let shelf = Shelf::InForce(PolicyKind::Constitution);
        let (condition, more) = shelf.condition();
        let sql = format!(
            "SELECT {NAME}, pv.draft->>'description', pv.draft->'action_types' {SHELF} {condition} ORDER BY {}",
            shelf.order()
        );
        let mut args: Vec<Arg> = vec![self.id().into()];
        args.extend(more);
        let read = |r: &mut Reader<'_>| {
            Ok(Decider {
                name: r.opt_text()?.unwrap_or_default(),
                description: r.opt_text()?.unwrap_or_default(),
                action_types: r.opt_json()?.unwrap_or_default(),
            })
        };
        self.db().reader().await?.conn().all(&sql, args, read).await
    }
}

/// The names of the policies that govern, or will again when they are saved anew.
pub(crate) async fn names(conn: &mut Conn<'_>, community: CommunityId) -> Result<Vec<(PolicyId, String)>, StoreError> {
    let sql = format!("SELECT po.id, {NAME} {SHELF} AND po.state <> 'inactive' ORDER BY po.position, po.id");
    conn.all(&sql, vec![community.into()], |r| Ok((r.id()?, r.opt_text()?.unwrap_or_default()))).await
}
