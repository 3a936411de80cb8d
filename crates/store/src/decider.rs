//! Names of those who decided by hand, looked up when they are shown.

use std::collections::{BTreeMap, BTreeSet};

use policykit_core::{
    decider::Decider,
    ids::{CommunityId, UserId},
};

use crate::{
    error::StoreError,
    scoped::Scoped,
    sql::{Arg, Conn, values},
};

/// How the operator is called.
const OPERATOR: &str = "the operator of this server";
/// How somebody is called who is no member any more.
const SOMEBODY: &str = "somebody who is no longer known";

/// Names for what the record holds about deciders; what names nobody is a name itself, from before ids were kept.
pub(crate) async fn names<'a>(
    conn: &mut Conn<'_>,
    community: CommunityId,
    said: impl IntoIterator<Item = &'a str>,
) -> Result<BTreeMap<String, String>, StoreError> {
    let said: BTreeSet<&str> = said.into_iter().collect();
    let members: Vec<UserId> = said
        .iter()
        .filter_map(|by| match by.parse() {
            Ok(Decider::Member(user)) => Some(user),
            Ok(Decider::Operator) | Err(_) => None,
        })
        .collect();
    let mut known: BTreeMap<UserId, String> = BTreeMap::new();
    if !members.is_empty() {
        let mut args: Vec<Arg> = vec![community.into()];
        args.extend(members.iter().map(|user| Arg::from(*user)));
        let sql = format!(
            "SELECT m.id, m.name FROM (VALUES {}) s CROSS JOIN member m WHERE m.id = s.column1 AND m.community_id = $1",
            values(members.len(), 1, 2)
        );
        known.extend(conn.all(&sql, args, |r| Ok((r.id()?, r.text()?))).await?);
    }
    let name = |by: &str| match by.parse() {
        Ok(Decider::Operator) => OPERATOR.to_owned(),
        Ok(Decider::Member(user)) => known.get(&user).cloned().unwrap_or_else(|| SOMEBODY.to_owned()),
        Err(_) => by.to_owned(),
    };
    Ok(said.into_iter().map(|by| (by.to_owned(), name(by))).collect())
}

/// A text that begins with who said it, with their name there.
pub(crate) fn named(text: &str, names: &BTreeMap<String, String>) -> String {
    let (by, rest) = first_word(text);
    names.get(by).map_or_else(|| text.to_owned(), |name| format!("{name}{rest}"))
}

/// The first word of a text and everything after it.
pub(crate) fn first_word(text: &str) -> (&str, &str) {
    text.find(' ').map_or((text, ""), |end| text.split_at(end))
}

impl Scoped {
    /// Names for what the record holds about who decided by hand.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn decider_names(&self, said: &BTreeSet<String>) -> Result<BTreeMap<String, String>, StoreError> {
        names(&mut self.db().reader().await?.conn(), self.id(), said.iter().map(String::as_str)).await
    }
}
