//! Proposals: written with the revision they were read with, so that no change is lost.

use policykit_core::{
    ballot::Poll,
    ids::ProposalId,
    proposal::{EffectStatus, Proposal, Status},
};

use crate::{
    action, ballot,
    changes::ProposalChange,
    error::StoreError,
    member, policy,
    rounds::rounds,
    rows::{Page, ProposalBundle, ProposalSummary},
    scoped::Scoped,
    sql::{Arg, Conn, Reader, Rows, json, opt_json},
};

/// The columns of a proposal, in the order in which [`read`] reads them; the table is `p`.
pub(crate) const COLUMNS: &str = "p.id, p.community_id, p.action_id, p.policy_id, p.policy_version_id, p.status, p.effect, \
                       p.effect_note, p.rev, p.data, p.variables, p.poll, p.poll_open, p.created_at, p.decided_at, \
                       p.error, p.electorate";
/// The same without the last one, whom the vote asks: it may name thousands.
pub(crate) const WITHOUT_ELECTORATE: &str = "p.id, p.community_id, p.action_id, p.policy_id, p.policy_version_id, \
                       p.status, p.effect, p.effect_note, p.rev, p.data, p.variables, p.poll, p.poll_open, \
                       p.created_at, p.decided_at, p.error";

/// What a new proposal is written with, besides the type of its action.
const NEW: &str = "id, community_id, action_id, policy_id, policy_version_id, status, effect, effect_note, rev, data, \
                   variables, poll, poll_open, created_at, decided_at, error, electorate, asked";

pub(crate) fn read(r: &mut Reader<'_>) -> Result<Proposal, StoreError> {
    let mut proposal = Proposal {
        id: r.id()?,
        community: r.id()?,
        action: r.id()?,
        policy: r.id()?,
        policy_version: r.id()?,
        status: r.word(Status::parse)?,
        effect: r.word(EffectStatus::parse)?,
        effect_note: r.opt_text()?,
        rev: r.int()?,
        data: r.json()?,
        variables: r.json()?,
        poll: r.opt_json()?,
        poll_open: r.flag()?,
        created_at: r.time()?,
        decided_at: r.opt_time()?,
        error: r.opt_text()?,
    };
    let electorate: Option<Vec<String>> = r.opt_json()?;
    if let Some(poll) = &mut proposal.poll {
        poll.electorate = electorate;
    }
    Ok(proposal)
}

/// A vote as it is stored: itself, whom it asks, and how many that are.
fn stored(poll: Option<&Poll>) -> Result<[Arg; 3], StoreError> {
    let Some(poll) = poll else { return Ok([Arg::Json(None), Arg::Json(None), Arg::Int(None)]) };
    let asked = poll.electorate.as_ref().map(|people| i64::try_from(people.len()).unwrap_or(i64::MAX));
    let electorate = opt_json(poll.electorate.as_ref())?;
    Ok([json(&Poll { electorate: None, ..poll.clone() })?, electorate, asked.into()])
}

/// Writes new proposals, whose actions are there already; those that exist are left as they are.
pub(crate) async fn insert(conn: &mut Conn<'_>, proposals: &[Proposal]) -> Result<(), StoreError> {
    let mut rows = Rows::new(18);
    for p in proposals {
        let [poll, electorate, asked] = stored(p.poll.as_ref())?;
        rows.push([
            p.id.into(),
            p.community.into(),
            p.action.into(),
            p.policy.into(),
            p.policy_version.into(),
            p.status.as_str().into(),
            p.effect.as_str().into(),
            p.effect_note.as_deref().into(),
            p.rev.into(),
            json(&p.data)?,
            json(&p.variables)?,
            poll,
            p.poll_open.into(),
            p.created_at.into(),
            p.decided_at.into(),
            p.error.as_deref().into(),
            electorate,
            asked,
        ]);
    }
    rows.execute(
        conn,
        &format!("WITH v ({NEW}) AS ("),
        &format!(
            ") INSERT INTO proposal ({NEW}, action_type) SELECT v.*, (SELECT a.action_type FROM action a \
             WHERE a.id = v.action_id AND a.community_id = v.community_id) FROM v WHERE TRUE ON CONFLICT DO NOTHING"
        ),
    )
    .await?;
    Ok(())
}

/// Writes changes of proposals, each only on the revision it was made from.
pub(crate) async fn apply(conn: &mut Conn<'_>, changes: &[ProposalChange]) -> Result<(), StoreError> {
    for round in rounds(changes, |change| change.id) {
        let wanted = round.len() as u64;
        let mut rows = Rows::new(13);
        for c in round {
            let [poll, electorate, asked] = stored(c.poll.as_ref())?;
            rows.push([
                c.id.into(),
                c.rev.into(),
                c.status.map(Status::as_str).into(),
                c.effect.map(EffectStatus::as_str).into(),
                c.effect_note.as_deref().into(),
                opt_json(c.data.as_ref())?,
                opt_json(c.variables.as_ref())?,
                poll,
                c.poll_open.into(),
                c.decided_at.into(),
                c.error.as_deref().into(),
                electorate,
                asked,
            ]);
        }
        let changed = rows
            .execute(
                conn,
                "WITH v (id, rev, status, effect, effect_note, data, variables, poll, poll_open, decided_at, error, \
                 electorate, asked) AS (",
                ") UPDATE proposal SET rev = proposal.rev + 1, status = COALESCE(v.status, proposal.status), \
                 effect = COALESCE(v.effect, proposal.effect), \
                 effect_note = COALESCE(v.effect_note, proposal.effect_note), \
                 data = COALESCE(v.data, proposal.data), variables = COALESCE(v.variables, proposal.variables), \
                 electorate = CASE WHEN v.poll IS NULL THEN proposal.electorate ELSE v.electorate END, \
                 asked = CASE WHEN v.poll IS NULL THEN proposal.asked ELSE v.asked END, \
                 poll = COALESCE(v.poll, proposal.poll), poll_open = COALESCE(v.poll_open, proposal.poll_open), \
                 decided_at = COALESCE(v.decided_at, proposal.decided_at), error = COALESCE(v.error, proposal.error) \
                 FROM v WHERE proposal.id = v.id AND proposal.rev = v.rev",
            )
            .await?;
        if changed != wanted {
            return Err(StoreError::conflict("a proposal"));
        }
    }
    Ok(())
}

impl Scoped {
    /// A proposal with everything that a further evaluation of it needs.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none with this id in the community.
    pub async fn proposal(&self, id: ProposalId) -> Result<ProposalBundle, StoreError> {
        let mut reader = self.db().reader().await?;
        let mut conn = reader.conn();
        let sql = format!(
            "SELECT {COLUMNS}, {}, {}, \
             (SELECT count(*) FROM evaluation e WHERE e.proposal_id = p.id AND e.community_id = p.community_id), \
             (SELECT count(*) FROM evaluation r WHERE r.proposal_id = p.id AND r.community_id = p.community_id \
             AND r.state = 'running'), \
             (SELECT c.version FROM community c WHERE c.id = p.community_id), {} \
             FROM proposal p \
             JOIN action a ON a.id = p.action_id AND a.community_id = p.community_id \
             JOIN policy_version pv ON pv.id = p.policy_version_id AND pv.community_id = p.community_id \
             JOIN policy po ON po.id = p.policy_id AND po.community_id = p.community_id \
             LEFT JOIN member m ON m.id = a.initiator_id AND m.community_id = p.community_id \
             WHERE p.community_id = $1 AND p.id = $2",
            action::COLUMNS,
            policy::COLUMNS,
            member::COLUMNS
        );
        let found = conn
            .first(&sql, vec![self.id().into(), id.into()], |r| {
                // In the order of the columns.
                Ok(ProposalBundle {
                    proposal: read(r)?,
                    action: action::read(r)?,
                    policy: policy::read(r)?,
                    evaluations: r.int()?,
                    running: r.int()?,
                    community_version: r.int()?,
                    initiator: r.or_missing(member::read)?,
                    ballots: Vec::new(),
                    voters: Vec::new(),
                    retracted: Vec::new(),
                })
            })
            .await?;
        let bundle = found.ok_or(StoreError::NotFound { what: "proposal" })?;
        // Of the vote that was read a moment ago, also where another one has begun since.
        let Some(poll) = &bundle.proposal.poll else { return Ok(bundle) };
        let ballot::OfVote { ballots, voters, retracted } =
            ballot::of_vote(&mut conn, self.id(), id, &poll.key()).await?;
        Ok(ProposalBundle { ballots, voters, retracted, ..bundle })
    }

    /// A proposal alone.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none with this id in the community.
    pub async fn proposal_row(&self, id: ProposalId) -> Result<Proposal, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM proposal p WHERE p.community_id = $1 AND p.id = $2");
        let found = self.db().reader().await?.conn().first(&sql, vec![self.id().into(), id.into()], read).await?;
        found.ok_or(StoreError::NotFound { what: "proposal" })
    }

    /// Proposals, latest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn proposals(&self, page: Page<ProposalId>) -> Result<Vec<ProposalSummary>, StoreError> {
        let mut args: Vec<Arg> = vec![self.id().into(), Arg::limit(page.limit)];
        let before = action::before(&page.before, "p.created_at", "p.id", &mut args);
        let sql = format!(
            "SELECT {COLUMNS}, {}, m.name, {} FROM proposal p \
             JOIN action a ON a.id = p.action_id AND a.community_id = p.community_id \
             JOIN policy_version pv ON pv.id = p.policy_version_id AND pv.community_id = p.community_id \
             JOIN policy po ON po.id = p.policy_id AND po.community_id = p.community_id \
             LEFT JOIN member m ON m.id = a.initiator_id AND m.community_id = p.community_id \
             WHERE p.community_id = $1 {before} ORDER BY p.created_at DESC, p.id DESC LIMIT $2",
            action::COLUMNS,
            policy::COLUMNS
        );
        self.db()
            .reader()
            .await?
            .conn()
            .all(&sql, args, |r| {
                Ok(ProposalSummary {
                    proposal: read(r)?,
                    action: action::read(r)?,
                    initiator_name: r.opt_text()?,
                    policy_name: policy::read(r)?.draft.name,
                })
            })
            .await
    }
}
