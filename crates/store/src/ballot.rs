//! Ballots: one voter, one ballot in each vote; of two the one cast later counts, in whatever order they arrive.
//!
//! INVARIANT: whatever is counted or shown as said in a vote was cast in that very vote. Ballots of a vote that another one
//! has taken the place of stay, and are read only as what was said before.

use std::collections::HashMap;

use policykit_core::{
    Timestamp,
    ballot::VoteKey,
    ids::{CommunityId, ProposalId, UserId},
    snapshot::{BallotView, UserView},
};

use crate::{
    changes::BallotRow,
    error::StoreError,
    scoped::Scoped,
    sql::{Conn, Reader, Rows, opt_json},
};

/// That a ballot `b` says something. Of one with candidates everything may have been taken back: then no option is in it,
/// and nothing that people write looks like one, because quotes in names are written with a backslash.
pub(crate) const SAYS: &str = "(b.choice IS NOT NULL AND (b.choice->>'kind' <> 'select' \
                               OR CAST(b.choice AS TEXT) LIKE '%\"option\":\"%'))";

/// The key of the present vote of a proposal `p`, as [`policykit_core::ballot::Poll::key`] has it.
pub(crate) const PRESENT: &str = "((p.poll->>'installation') || ':' || (p.poll->>'post_id'))";

/// Every ballot there is, also retracted ones and those of votes that another one has taken the place of.
pub(crate) const ALL: &str = "SELECT community_id, proposal_id, vote, voter_id, choice, cast_at, inbox_id FROM ballot \
                              ORDER BY proposal_id, vote, voter_id";

pub(crate) fn read(r: &mut Reader<'_>) -> Result<BallotRow, StoreError> {
    Ok(BallotRow {
        community: r.id()?,
        proposal: r.id()?,
        vote: VoteKey::from_text(r.text()?),
        voter: r.id()?,
        value: r.opt_json()?,
        cast_at: r.time()?,
        inbox: r.opt_id()?,
    })
}

/// Writes ballots. A retracted one stays as an empty row, so that an older one that arrives late does not come back.
pub(crate) async fn upsert(conn: &mut Conn<'_>, ballots: &[BallotRow]) -> Result<(), StoreError> {
    if ballots.is_empty() {
        return Ok(());
    }
    let mut latest: HashMap<(ProposalId, &VoteKey, UserId), &BallotRow> = HashMap::with_capacity(ballots.len());
    for ballot in ballots {
        latest
            .entry((ballot.proposal, &ballot.vote, ballot.voter))
            .and_modify(|known| {
                if ballot.cast_at >= known.cast_at {
                    *known = ballot;
                }
            })
            .or_insert(ballot);
    }
    let mut sorted: Vec<&BallotRow> = latest.into_values().collect();
    sorted.sort_by_key(|ballot| (ballot.proposal, &ballot.vote, ballot.voter));
    let mut rows = Rows::new(7);
    for ballot in sorted {
        rows.push([
            ballot.proposal.into(),
            ballot.vote.as_str().into(),
            ballot.voter.into(),
            ballot.community.into(),
            opt_json(ballot.value.as_ref())?,
            ballot.cast_at.into(),
            ballot.inbox.into(),
        ]);
    }
    rows.execute(
        conn,
        "INSERT INTO ballot (proposal_id, vote, voter_id, community_id, choice, cast_at, inbox_id)",
        "ON CONFLICT (proposal_id, vote, voter_id) DO UPDATE SET choice = excluded.choice, cast_at = excluded.cast_at, \
         inbox_id = excluded.inbox_id \
         WHERE ballot.community_id = excluded.community_id AND excluded.cast_at >= ballot.cast_at",
    )
    .await?;
    Ok(())
}

impl Scoped {
    /// When the latest word of a member in a vote of a proposal was said, also if it took the ballot back; `None` when
    /// nothing was said in it that is written down.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn last_word_at(
        &self,
        proposal: ProposalId,
        vote: &VoteKey,
        voter: UserId,
    ) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT cast_at FROM ballot \
                   WHERE proposal_id = $1 AND vote = $2 AND voter_id = $3 AND community_id = $4";
        let args = vec![proposal.into(), vote.as_str().into(), voter.into(), self.id().into()];
        self.db().reader().await?.conn().first(sql, args, |r| r.time()).await
    }
}

/// What was said in a vote.
pub(crate) struct OfVote {
    /// The ballots in the order in which they were cast, without the voters' roles.
    pub(crate) ballots: Vec<BallotView>,
    /// Who cast them, in the same order.
    pub(crate) voters: Vec<UserId>,
    /// Who took theirs back, and when.
    pub(crate) retracted: Vec<(UserId, Timestamp)>,
}

pub(crate) async fn of_vote(
    conn: &mut Conn<'_>,
    community: CommunityId,
    proposal: ProposalId,
    vote: &VoteKey,
) -> Result<OfVote, StoreError> {
    let mut found = OfVote { ballots: Vec::new(), voters: Vec::new(), retracted: Vec::new() };
    let all = conn.all(
        "SELECT m.id, m.external_id, i.platform, m.name, m.is_admin, b.choice, b.cast_at FROM ballot b \
         JOIN member m ON m.id = b.voter_id AND m.community_id = b.community_id \
         JOIN installation i ON i.id = m.installation_id AND i.community_id = b.community_id \
         WHERE b.community_id = $1 AND b.proposal_id = $2 AND b.vote = $3 \
         ORDER BY b.cast_at, m.external_id",
        vec![community.into(), proposal.into(), vote.as_str().into()],
        |r| {
            let id: UserId = r.id()?;
            let voter = UserView {
                external_id: r.text()?,
                platform: r.text()?,
                name: r.text()?,
                is_admin: r.flag()?,
                roles: Vec::new(),
            };
            Ok((id, voter, r.opt_json()?, r.time()?))
        },
    );
    for (id, voter, value, cast_at) in all.await? {
        match value {
            Some(value) => {
                found.voters.push(id);
                found.ballots.push(BallotView { voter, value, cast_at });
            }
            None => found.retracted.push((id, cast_at)),
        }
    }
    Ok(found)
}
