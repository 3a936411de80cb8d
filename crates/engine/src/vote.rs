//! Ballots cast in PolicyKit itself. They enter as deliveries like those of a platform: written down before anybody is
//! thanked, then counted, announced and drawn by the same code.

use std::time::Duration;

use policykit_core::{
    Timestamp,
    ballot::{Cast, Refusal, VoteKey},
    event::{Event, EventBody, Heard, Home},
    ids::{CommunityId, InboxId, ProposalId, UserId},
    proposal::Status,
};
use policykit_store::{NewDelivery, StoreError};
use serde::{Deserialize, Serialize};

use crate::{Engine, EngineError};

/// Kind of the deliveries that carry a ballot cast here.
pub(crate) const CAST_HERE: &str = "policykit.vote";

/// What a member says in a vote.
#[derive(Debug, Clone)]
pub struct VoteHere {
    /// The tenant.
    pub community: CommunityId,
    /// The proposal that is voted on.
    pub proposal: ProposalId,
    /// Who votes.
    pub voter: UserId,
    /// What they say; the last word of a voter counts, wherever it was said.
    pub cast: Cast,
    /// The vote that they were shown, where they were shown one: in another one it does not count.
    pub shown: Option<VoteKey>,
}

/// Why a ballot is not taken. Nothing is written then.
#[derive(Debug, thiserror::Error)]
pub enum VoteError {
    /// It would not count; the reason is for the voter.
    #[error("{}", .0.message())]
    Refused(Refusal),
    /// The community has no such proposal or no such member.
    #[error("the community has no such {0}")]
    NotFound(&'static str),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Serialize, Deserialize)]
struct Body {
    proposal: ProposalId,
    post_id: String,
    /// The voter's account.
    voter: String,
    cast: Cast,
    at: Timestamp,
}

impl Engine {
    /// Writes a ballot down; it is counted as soon as the node that owns the community gets to it. Whether it counts is
    /// asked now, so that the voter hears of a refusal, and again then, because the vote may end in between.
    ///
    /// # Errors
    /// See [`VoteError`].
    pub async fn vote(&self, vote: VoteHere) -> Result<InboxId, VoteError> {
        let parts = &self.0;
        let scope = parts.db.community(vote.community);
        let (proposal, voter) = (scope.proposal_row(vote.proposal).await, scope.user(vote.voter).await);
        let (proposal, voter) = (known(proposal)?, known(voter)?);
        let poll = proposal.poll.as_ref().ok_or(VoteError::Refused(Refusal::Unknown))?;
        if vote.shown.is_some_and(|shown| shown != poll.key()) {
            return Err(VoteError::Refused(Refusal::Replaced));
        }
        if poll.installation != voter.installation || voter.is_gone {
            return Err(VoteError::Refused(Refusal::NotEligible));
        }
        let open = proposal.poll_open && proposal.status == Status::Proposed;
        poll.accept(&voter.external_id, &vote.cast, open).map_err(VoteError::Refused)?;
        let installation = poll.installation;
        let community = parts.community(vote.community, None).await.map_err(|error| match error {
            EngineError::Store(error) => VoteError::Store(error),
            EngineError::NotOurs | EngineError::Inconsistent(_) | EngineError::Nowhere(_) => {
                VoteError::NotFound("community")
            }
        })?;
        let known = community.installation(installation).map(|i| i.platform.clone());
        let platform = match known {
            Some(platform) => platform,
            // It may have been added by another node since; this one need not own the community to hear of it.
            None => {
                let found = scope.installations().await?.into_iter().find(|i| i.id == installation);
                found.ok_or(VoteError::Refused(Refusal::Unknown))?.platform
            }
        };
        let now = parts.clock.now();
        let key = parts.ids.uuid(now).to_string();
        let id = InboxId::derive(CAST_HERE, &vote.community.to_string(), &key);
        // Later than the word it corrects, also when the clock has been set back since.
        let known = scope.last_word_at(vote.proposal, &poll.key(), vote.voter).await?;
        let at = known.map_or(now, |known| now.max(known + Duration::from_micros(1)));
        let body = Body {
            proposal: vote.proposal,
            post_id: poll.post_id.clone(),
            voter: voter.external_id,
            cast: vote.cast,
            at,
        };
        parts
            .db
            .receive(vec![NewDelivery {
                id,
                platform,
                installation,
                community: vote.community,
                scope: format!("{CAST_HERE}:{}", vote.community),
                delivery_key: key,
                kind: CAST_HERE.to_owned(),
                body: serde_json::to_vec(&body).unwrap_or_default(),
                received_at: now,
            }])
            .await?;
        parts.work.notify_one();
        Ok(id)
    }
}

fn known<T>(found: Result<T, StoreError>) -> Result<T, VoteError> {
    found.map_err(|error| match error {
        StoreError::NotFound { what } => VoteError::NotFound(what),
        other => VoteError::Store(other),
    })
}

/// The event of a delivery of this kind.
pub(crate) fn read(body: &[u8]) -> Result<Vec<Event>, String> {
    let Body { proposal, post_id, voter, cast, at } = serde_json::from_slice(body).map_err(|e| e.to_string())?;
    let body = EventBody::Ballot { proposal, post_id, cast, reply_to: None };
    Ok(vec![Event { actor: Some(voter), at, echo_keys: Vec::new(), heard: Heard::Openly, home: Home::Here, body }])
}
