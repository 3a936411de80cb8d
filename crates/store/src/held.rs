//! What waits for a person because a policy failed to decide, or none governs it.

use policykit_core::{
    Timestamp,
    action::Action,
    ids::{ActionId, ProposalId},
    proposal::{Proposal, Status},
};
use uuid::Uuid;

use crate::{
    action,
    error::StoreError,
    overview::{FOUND, ProposalFilter, latest},
    proposal,
    rows::Page,
    scoped::Scoped,
    sight::Sight,
    sql::Arg,
};

/// Something that is held.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldRow {
    /// The action.
    pub action: Action,
    /// Its proposal, and the name of the policy that failed; none when nobody governs the action.
    pub proposal: Option<(Proposal, String)>,
    /// Name of who did or proposed it.
    pub initiator: Option<String>,
    /// Whether what it says is withheld from the reader, because it happened in a private conversation.
    pub withheld: bool,
}

impl HeldRow {
    /// Where it stands in the list: since when it is there, and an id that tells it from others of the same moment.
    pub fn place(&self) -> (Timestamp, Uuid) {
        self.proposal.as_ref().map_or_else(
            || (self.action.occurred_at, self.action.id.uuid()),
            |(proposal, _)| (proposal.created_at, proposal.id.uuid()),
        )
    }
}

/// Proposals about the action `a` that are not decided: with them it is decided, and not by itself.
const OPEN: &str = "SELECT 1 FROM proposal o WHERE o.community_id = a.community_id AND o.action_id = a.id \
                    AND o.status IN ('held', 'proposed')";

impl Scoped {
    /// Whether a proposal about an action is not decided yet, so that the action is decided with it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn has_open_proposal(&self, action: ActionId) -> Result<bool, StoreError> {
        let sql = format!("SELECT a.id FROM action a WHERE a.community_id = $1 AND a.id = $2 AND EXISTS ({OPEN})");
        let args = vec![self.id().into(), action.into()];
        let found = self.db().reader().await?.conn().first(&sql, args, |r| r.id::<ActionId>()).await?;
        Ok(found.is_some())
    }

    /// What is held and may be seen, latest first; the part that follows a [place](HeldRow::place), or the first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn held(&self, sight: &Sight, page: Page<Uuid>) -> Result<Vec<HeldRow>, StoreError> {
        let Page { before, limit } = page;
        let mut reader = self.db().reader().await?;
        let mut conn = reader.conn();
        let mut args: Vec<Arg> = vec![self.id().into(), Arg::limit(limit)];
        let filter = ProposalFilter { status: Some(Status::Held), policy: None, sight: sight.clone() };
        let last = before.map(|(at, id)| (at, ProposalId::from_uuid(id)));
        let latest = latest(&mut conn, self, &filter, &last, &mut args).await?;
        let mut held: Vec<HeldRow> = Vec::new();
        if let Some(latest) = latest {
            let withheld = sight.withheld(&mut args);
            // Whom a vote asks is not shown here, and may be thousands.
            let sql = format!(
                "SELECT {}, {}, CASE WHEN 1 = 0 THEN p.electorate END, pv.draft->>'name', m.name, {withheld} \
                 FROM ({latest}) s \
                 {FOUND} \
                 JOIN action a ON a.id = p.action_id AND a.community_id = p.community_id \
                 JOIN policy_version pv ON pv.id = p.policy_version_id AND pv.community_id = p.community_id \
                 LEFT JOIN member m ON m.id = a.initiator_id AND m.community_id = p.community_id \
                 WHERE p.id = s.id AND p.community_id = $1 ORDER BY p.created_at DESC, p.id DESC",
                action::COLUMNS,
                proposal::WITHOUT_ELECTORATE
            );
            held = conn
                .all(&sql, args, |r| {
                    let (action, proposal) = (action::read(r)?, proposal::read(r)?);
                    let policy = r.opt_text()?.unwrap_or_default();
                    let (initiator, withheld) = (r.opt_text()?, r.flag()?);
                    Ok(HeldRow { action, proposal: Some((proposal, policy)), initiator, withheld }.within_sight())
                })
                .await?;
        }
        debug_assert!(held.iter().all(|h| h.proposal.as_ref().is_some_and(|(p, _)| p.status == Status::Held)));
        let mut args: Vec<Arg> = vec![self.id().into(), Arg::limit(limit)];
        let last = before.map(|(at, id)| (at, ActionId::from_uuid(id)));
        let further = action::before(&last, "a.occurred_at", "a.id", &mut args);
        let seen = sight.condition("a.action_type", &mut args);
        let withheld = sight.withheld_alone(&mut args);
        let sql = format!(
            "SELECT {}, m.name, {withheld} FROM action a \
             LEFT JOIN member m ON m.id = a.initiator_id AND m.community_id = a.community_id \
             WHERE a.community_id = $1 AND a.standing = 'held' {further} {seen} AND NOT EXISTS ({OPEN}) \
             ORDER BY a.occurred_at DESC, a.id DESC LIMIT $2",
            action::COLUMNS
        );
        let actions: Vec<HeldRow> = conn
            .all(&sql, args, |r| {
                let (action, initiator, withheld) = (action::read(r)?, r.opt_text()?, r.flag()?);
                Ok(HeldRow { action, proposal: None, initiator, withheld }.within_sight())
            })
            .await?;
        held.extend(actions);
        held.sort_by_key(|h| std::cmp::Reverse(h.place()));
        held.truncate(limit);
        Ok(held)
    }
}
