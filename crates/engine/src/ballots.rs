//! A ballot that somebody has cast on a platform: counted for the vote it is for, or refused with the reason.

use std::{sync::Arc, time::Duration};

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
    decider::Decider,
    event::{Event, Home},
    ids::{ActionId, CallId, ProposalId, WakeId},
    proposal::Status,
};
use policykit_store::{BallotRow, CLOCKS_AGREE, DecisionEntry, InboxRow, ProposalBundle, StoreError, WakeRow};
use serde_json::json;

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
                // Everybody is every member: others are asked by name.
                if event.home == Home::Elsewhere && poll.electorate.is_none() {
                    return Err(Refusal::NotEligible);
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
                let known = here.or(bundle.as_ref().and_then(|bundle| cast_before(bundle, &voter)));
                let heard_at = after(heard_at, known.map(|(_, at)| at), self.clock.now());
                let counted = count(value, heard_at, known);
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
            Err(refusal) => {
                let about = bundle.as_ref().map(|bundle| bundle.action.id);
                self.refuse_ballot(community, row, ordinal, &voter, cast, refusal, about, out);
            }
        }
        Ok(Taken::Yes)
    }

    #[expect(clippy::too_many_arguments, reason = "each is a different part of what is refused")]
    fn refuse_ballot(
        &self,
        community: &CommunityHandle,
        row: &InboxRow,
        ordinal: usize,
        voter: &User,
        cast: &Cast<'_>,
        refusal: Refusal,
        about: Option<ActionId>,
        out: &mut Outbox,
    ) {
        if row.delivery.kind == CAST_HERE {
            // Whoever cast it has been thanked and has left: it was refused only since, and only the record can say so.
            out.changes.decisions.push(DecisionEntry {
                community: row.delivery.community,
                at: self.clock.now(),
                kind: "ballot.refused".to_owned(),
                body: json!({
                    "proposal": cast.proposal, "action": about, "by": Decider::Member(voter.id).to_string(),
                    "reason": refusal.message(),
                }),
            });
        }
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

/// What a voter said last in the present vote, as far as it is written down; `None` in it was taken back.
fn cast_before<'a>(bundle: &'a ProposalBundle, voter: &User) -> Option<(Option<&'a BallotValue>, Timestamp)> {
    let mut ballots = bundle.voters.iter().zip(&bundle.ballots);
    let said = ballots.find(|(id, _)| **id == voter.id).map(|(_, ballot)| (Some(&ballot.value), ballot.cast_at));
    said.or_else(|| bundle.retracted.iter().find(|(id, _)| *id == voter.id).map(|(_, at)| (None, *at)))
}

/// When a word counts as said. What is known to have been said at a time that has not come yet was written down by a clock
/// that has been set back since, which says nothing about what came later: then the order counts in which they came in.
fn after(heard_at: Timestamp, known: Option<Timestamp>, now: Timestamp) -> Timestamp {
    match known {
        Some(ahead) if ahead > now + CLOCKS_AGREE => heard_at.max(ahead + Duration::from_micros(1)),
        _ => heard_at,
    }
}
