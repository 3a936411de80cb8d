//! A ballot that somebody has cast on a platform: counted for the vote it is for, or refused with the reason.

use std::sync::Arc;

use crate::{
    EngineError,
    batch::Taken,
    community::CommunityHandle,
    drawings::REDRAW,
    outbox::Outbox,
    parts::{Parts, lock},
    vote::CAST_HERE,
};
use policykit_core::{
    Timestamp,
    ballot::{BallotValue, Refusal, VoteKey, count},
    community::User,
    event::Event,
    ids::{CallId, ProposalId, WakeId},
    proposal::Status,
    snapshot::BallotView,
};
use policykit_store::{BallotRow, InboxRow, StoreError, WakeRow};

/// A ballot as its delivery claims it.
pub(crate) struct Cast<'a> {
    pub(crate) proposal: ProposalId,
    pub(crate) post_id: &'a str,
    pub(crate) cast: &'a policykit_core::ballot::Cast,
    pub(crate) reply_to: Option<&'a str>,
}

impl Parts {
    pub(crate) async fn ballot(
        &self,
        community: &Arc<CommunityHandle>,
        row: &InboxRow,
        ordinal: usize,
        event: &Event,
        cast: &Cast<'_>,
        out: &mut Outbox,
    ) -> Result<Taken, EngineError> {
        let Some(account) = event.actor.as_ref() else { return Ok(Taken::Yes) };
        let Some(voter) = community.member(row.delivery.installation, account) else {
            // Everybody who is named was looked up: a vote is not dropped because of a mistake here.
            return Err(EngineError::Inconsistent(format!("the voter `{account}` is not known")));
        };
        // The platform's clock may be ahead of ours: a later word said here, by our clock, must not be older.
        let heard_at = if row.delivery.kind == CAST_HERE {
            // This is our clock, or later than a word that was said by it.
            event.at
        } else {
            event.at.min(row.delivery.received_at)
        };
        // Asked before the row is read: an evaluation that ends in between has written the vote down by then, and asked
        // afterwards it would be gone while the row at hand still knows nothing of the vote.
        let busy = lock(&self.busy).holds(cast.proposal);
        // Read within the community: a ballot that names another community's proposal finds nothing.
        let bundle = match self.db.community(row.delivery.community).proposal(cast.proposal).await {
            Ok(bundle) => Some(bundle),
            Err(StoreError::NotFound { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        // The post can be seen as soon as it is sent; the vote is written down only when its evaluation gets on.
        let vote = VoteKey::of(row.delivery.installation, cast.post_id);
        let started = bundle.as_ref().and_then(|b| b.proposal.poll.as_ref()).is_some_and(|p| p.key() == vote);
        let open = bundle.as_ref().is_some_and(|b| b.proposal.status == Status::Proposed);
        // One that this process has not picked up yet starts it all the same: its shard may have changed hands just now.
        let running = busy || bundle.as_ref().is_some_and(|b| b.running > 0);
        if !started && open && running {
            return Ok(Taken::TooEarly("a ballot for a vote that is being started"));
        }
        let accepted = bundle.as_ref().and_then(|b| b.proposal.poll.as_ref().map(|poll| (b, poll))).map_or(
            Err(Refusal::Unknown),
            |(bundle, poll)| {
                // Nothing is open under this proposal's name but its latest vote: what is said on the post of another one
                // was said to another question, or by people whom this one does not ask.
                if poll.key() != vote {
                    return Err(Refusal::Replaced);
                }
                // The end that people were told counts, also where the policy's code gets to look only later.
                let ended = poll.closes_at.is_some_and(|end| heard_at > end);
                let open = bundle.proposal.poll_open && bundle.proposal.status == Status::Proposed && !ended;
                poll.accept(&voter.external_id, cast.cast, open)
            },
        );
        match accepted {
            Ok(value) => {
                let same = |b: &&BallotRow| b.proposal == cast.proposal && b.vote == vote && b.voter == voter.id;
                let here = out.changes.ballots.iter().find(same).map(|b| (b.value.as_ref(), b.cast_at));
                let before = bundle.as_ref().and_then(|b| cast_before(&b.ballots, &voter, community, row));
                let counted = count(value, heard_at, here.or(before));
                // What is older than what is known changes nothing; a later one of the same batch stands already.
                let Some((value, cast_at)) = counted else { return Ok(Taken::Yes) };
                out.changes.ballots.retain(|b| !same(&b));
                out.changes.ballots.push(BallotRow {
                    community: row.delivery.community,
                    proposal: cast.proposal,
                    vote: vote.clone(),
                    voter: voter.id,
                    value,
                    cast_at,
                    inbox: Some(row.delivery.id),
                });
                for cause in ["vote", REDRAW] {
                    let id = WakeId::derive(cast.proposal, cause);
                    if !out.changes.wakes.iter().any(|w| w.id == id) {
                        out.changes.wakes.push(WakeRow {
                            id,
                            community: row.delivery.community,
                            proposal: cast.proposal,
                            cause: cause.to_owned(),
                            due_at: self.clock.now(),
                            token: 0,
                        });
                    }
                }
            }
            Err(refusal) => self.refuse_ballot(community, row, ordinal, cast, refusal, out),
        }
        Ok(Taken::Yes)
    }

    fn refuse_ballot(
        &self,
        community: &CommunityHandle,
        row: &InboxRow,
        ordinal: usize,
        cast: &Cast<'_>,
        refusal: Refusal,
        out: &mut Outbox,
    ) {
        let Some(reply_to) = cast.reply_to else { return };
        let Some(installation) = community.installation(row.delivery.installation) else { return };
        let Some(call) = self.registry.get(&installation.platform).and_then(|p| p.reply(reply_to, refusal.message()))
        else {
            return;
        };
        let id = CallId::derive_reply(row.delivery.id, ordinal);
        out.send(self.new_call(id, installation, "reply", call, self.clock.now()));
    }
}

/// What a voter said before, as far as it is written down and was not taken back.
fn cast_before<'a>(
    ballots: &'a [BallotView],
    voter: &User,
    community: &CommunityHandle,
    row: &InboxRow,
) -> Option<(Option<&'a BallotValue>, Timestamp)> {
    let platform = community.installation(row.delivery.installation).map(|i| i.platform.as_str())?;
    ballots
        .iter()
        .find(|b| b.voter.external_id == voter.external_id && b.voter.platform == platform)
        .map(|b| (Some(&b.value), b.cast_at))
}
