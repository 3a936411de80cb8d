//! Announced recoveries of the rules: changes made around governance, after a time in which everybody can see them
//! coming.

use std::collections::BTreeSet;

use policykit_core::{
    JsonMap, Timestamp,
    action::Action,
    constitution::described,
    ids::{ActionId, CommunityId},
};
use serde_json::json as object;

use crate::{
    action, amendment,
    changes::{DecisionEntry, NewAmendment},
    decision,
    error::StoreError,
    fence,
    rows::Page,
    scoped::Scoped,
    sql::{Arg, Conn, Reader, json},
};

/// Where a recovery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecoveryState {
    /// Everybody can see it; it waits for its time, then for somebody who carries it out.
    Announced,
    /// It was taken back.
    Withdrawn,
    /// It was carried out.
    Done,
    /// It was carried out and could not be made.
    Refused,
    /// Nobody carried it out in time.
    Expired,
}

impl RecoveryState {
    /// The name used in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Announced => "announced",
            Self::Withdrawn => "withdrawn",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Expired => "expired",
        }
    }

    /// The state with this name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Announced, Self::Withdrawn, Self::Done, Self::Refused, Self::Expired]
            .into_iter()
            .find(|s| s.as_str() == text)
    }
}

/// A recovery.
#[derive(Debug, Clone, PartialEq)]
pub struct Recovery {
    /// The action it will be.
    pub id: ActionId,
    /// The tenant.
    pub community: CommunityId,
    /// The type of the change.
    pub action_type: String,
    /// Its fields.
    pub fields: JsonMap,
    /// Why, in the words of who announced it.
    pub reason: String,
    /// Who announced it, see [`policykit_core::decider::Decider`]; a name in those from before ids were kept.
    pub announced_by: String,
    /// When.
    pub announced_at: Timestamp,
    /// Before this it cannot be carried out.
    pub opens_at: Timestamp,
    /// Where it stands.
    pub state: RecoveryState,
    /// What became of it, in words.
    pub note: Option<String>,
}

pub(crate) const COLUMNS: &str =
    "id, community_id, action_type, fields, reason, announced_by, announced_at, opens_at, state, note";

pub(crate) fn read(r: &mut Reader<'_>) -> Result<Recovery, StoreError> {
    Ok(Recovery {
        id: r.id()?,
        community: r.id()?,
        action_type: r.text()?,
        fields: r.json()?,
        reason: r.text()?,
        announced_by: r.text()?,
        announced_at: r.time()?,
        opens_at: r.time()?,
        state: r.word(RecoveryState::parse)?,
        note: r.opt_text()?,
    })
}

impl Scoped {
    /// Recoveries, latest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn recoveries(&self, page: Page<ActionId>) -> Result<Vec<Recovery>, StoreError> {
        let mut args: Vec<Arg> = vec![self.id().into(), Arg::limit(page.limit)];
        let before = action::before(&page.before, "announced_at", "id", &mut args);
        let sql = format!(
            "SELECT {COLUMNS} FROM recovery WHERE community_id = $1 {before} ORDER BY announced_at DESC, id DESC LIMIT $2"
        );
        self.db().reader().await?.conn().all(&sql, args, read).await
    }

    /// One recovery.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the community has none with this id.
    pub async fn recovery(&self, id: ActionId) -> Result<Recovery, StoreError> {
        one(&mut self.db().reader().await?.conn(), self.id(), id).await
    }

    /// Whether a recovery is announced that has not come to its end.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn has_announced_recovery(&self) -> Result<bool, StoreError> {
        let sql = "SELECT id FROM recovery WHERE community_id = $1 AND state = $2 LIMIT 1";
        let args = vec![self.id().into(), RecoveryState::Announced.as_str().into()];
        let found = self.db().reader().await?.conn().first(sql, args, |r| r.id::<ActionId>()).await?;
        Ok(found.is_some())
    }

    /// Announces a recovery, also in the log of decisions.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn announce_recovery(&self, recovery: Recovery) -> Result<(), StoreError> {
        let community = self.id();
        self.db()
            .write(move |conn| {
                let new = recovery.clone();
                Box::pin(async move {
                    let heads = fence::check(conn, &[], BTreeSet::from([community])).await?;
                    conn.execute(
                        "INSERT INTO recovery (id, community_id, action_type, fields, reason, announced_by, announced_at, \
                         opens_at, state, note) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                        vec![
                            new.id.into(),
                            community.into(),
                            (&new.action_type).into(),
                            json(&new.fields)?,
                            (&new.reason).into(),
                            (&new.announced_by).into(),
                            new.announced_at.into(),
                            new.opens_at.into(),
                            new.state.as_str().into(),
                            new.note.as_deref().into(),
                        ],
                    )
                    .await?;
                    let entry = entry(&new, "announced", &new.announced_by, new.announced_at);
                    decision::append(conn, &[entry], heads).await
                })
            })
            .await
    }

    /// Takes a recovery back.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none; [`StoreError::Conflict`] when it is past that.
    pub async fn withdraw_recovery(&self, id: ActionId, by: &str, now: Timestamp) -> Result<(), StoreError> {
        let (community, by) = (self.id(), by.to_owned());
        self.db()
            .write(move |conn| {
                let by = by.clone();
                Box::pin(async move {
                    let heads = fence::check(conn, &[], BTreeSet::from([community])).await?;
                    let found = waiting(conn, community, id).await?;
                    end(conn, &found, RecoveryState::Withdrawn, Some(&format!("withdrawn by {by}"))).await?;
                    decision::append(conn, &[entry(&found, "withdrawn", &by, now)], heads).await
                })
            })
            .await
    }

    /// Makes the change of a recovery, as `action`, and says what became of it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none; [`StoreError::Conflict`] when it is past that, its time has not
    /// come, or the community has another version than the change was judged by.
    pub async fn carry_out_recovery(
        &self,
        action: Action,
        change: NewAmendment,
        by: &str,
        now: Timestamp,
    ) -> Result<RecoveryState, StoreError> {
        let (community, by) = (self.id(), by.to_owned());
        self.db()
            .write(move |conn| {
                let (action, change, by) = (action.clone(), change.clone(), by.clone());
                Box::pin(async move {
                    let heads = fence::check(conn, &[], BTreeSet::from([community])).await?;
                    let found = waiting(conn, community, action.id).await?;
                    if now < found.opens_at {
                        return Err(StoreError::conflict("the time of the recovery has not come; it"));
                    }
                    let change = [change];
                    amendment::claim(conn, &change).await?;
                    action::insert(conn, &[action]).await?;
                    let made = amendment::apply(conn, &change).await?;
                    let refused = made.iter().find(|e| e.kind == "amendment.refused");
                    let note = refused.and_then(|e| e.body.get("note")).and_then(|n| n.as_str()).map(str::to_owned);
                    let state = if refused.is_some() { RecoveryState::Refused } else { RecoveryState::Done };
                    end(conn, &found, state, note.as_deref()).await?;
                    let mut entries = vec![entry(&found, state.as_str(), &by, now)];
                    entries.extend(made);
                    decision::append(conn, &entries, heads).await?;
                    Ok(state)
                })
            })
            .await
    }
}

async fn one(conn: &mut Conn<'_>, community: CommunityId, id: ActionId) -> Result<Recovery, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM recovery WHERE id = $1 AND community_id = $2");
    let found = conn.first(&sql, vec![id.into(), community.into()], read).await?;
    found.ok_or(StoreError::NotFound { what: "recovery" })
}

async fn waiting(conn: &mut Conn<'_>, community: CommunityId, id: ActionId) -> Result<Recovery, StoreError> {
    let found = one(conn, community, id).await?;
    if found.state == RecoveryState::Announced { Ok(found) } else { Err(StoreError::conflict("the recovery")) }
}

pub(crate) async fn end(
    conn: &mut Conn<'_>,
    recovery: &Recovery,
    state: RecoveryState,
    note: Option<&str>,
) -> Result<(), StoreError> {
    let changed = conn
        .execute(
            "UPDATE recovery SET state = $3, note = $4 WHERE id = $1 AND community_id = $2 AND state = 'announced'",
            vec![recovery.id.into(), recovery.community.into(), state.as_str().into(), note.into()],
        )
        .await?;
    if changed == 1 { Ok(()) } else { Err(StoreError::conflict("the recovery")) }
}

pub(crate) fn entry(recovery: &Recovery, word: &str, by: &str, at: Timestamp) -> DecisionEntry {
    DecisionEntry {
        community: recovery.community,
        at,
        kind: format!("recovery.{word}"),
        body: object!({
            "action": recovery.id, "action_type": recovery.action_type, "by": by, "opens_at": recovery.opens_at,
            "change": described(&recovery.action_type, &recovery.fields),
        }),
    }
}
