//! What an evaluation sees, put together from what is known when it begins.

use policykit_core::{
    JsonMap, Timestamp, Value,
    action::Action,
    community::User,
    constitution,
    descriptor::PlatformDescriptor,
    ids::ProposalId,
    policy::Verdict,
    snapshot::{ActionView, PolicyView, ProposalView, Snapshot, VoteView},
};
use policykit_store::ProposalBundle;

use crate::{
    community::{CommunityHandle, Compiled},
    known,
    parts::Parts,
};

impl Parts {
    /// What the first evaluation of a policy sees of an action.
    pub(crate) fn first_snapshot(
        &self,
        community: &CommunityHandle,
        action: &Action,
        initiator: Option<&User>,
        compiled: &Compiled,
    ) -> Snapshot {
        let now = self.clock.now();
        Snapshot {
            now,
            seed: 0,
            community: community.view(),
            action: self.action_view(community, action, initiator),
            policy: policy_view(compiled),
            proposal: ProposalView {
                id: ProposalId::derive(action.id, compiled.policy.id),
                created_at: now,
                status: Verdict::Proposed,
                vote: None,
                data: JsonMap::new(),
                variables: Value::None,
            },
            ballots: Vec::new(),
            platforms: community.platforms(),
        }
    }

    /// What a later evaluation sees.
    pub(crate) fn later_snapshot(
        &self,
        community: &CommunityHandle,
        bundle: &ProposalBundle,
        now: Timestamp,
    ) -> Snapshot {
        let proposal = &bundle.proposal;
        // By their ids: few of those who voted have been met in memory since this process began, or the rules changed.
        let ballots = bundle.ballots.iter().zip(&bundle.voters).map(|(ballot, voter)| {
            let mut ballot = ballot.clone();
            ballot.voter.roles = community.role_names(*voter);
            ballot
        });
        let ballots = ballots.collect();
        Snapshot {
            now,
            seed: self.ids.random(),
            community: community.view(),
            action: self.action_view(community, &bundle.action, bundle.initiator.as_ref()),
            policy: known::view(&bundle.policy),
            proposal: ProposalView {
                id: proposal.id,
                created_at: proposal.created_at,
                status: Verdict::Proposed,
                vote: proposal.poll.as_ref().map(|poll| VoteView {
                    post_id: poll.post_id.clone(),
                    url: poll.url.clone(),
                    open: proposal.poll_open,
                    kind: Some(poll.kind),
                }),
                data: proposal.data.clone(),
                variables: proposal.variables.clone(),
            },
            ballots,
            platforms: community.platforms(),
        }
    }

    pub(crate) fn action_view(
        &self,
        community: &CommunityHandle,
        action: &Action,
        initiator: Option<&User>,
    ) -> ActionView {
        let installation = action.installation.and_then(|id| community.installation(id));
        let label = installation
            .and_then(|i| self.registry.get(&i.platform))
            .and_then(|p| label_in(p.descriptor(), &action.action_type))
            .map(str::to_owned)
            .or_else(|| constitution::described(&action.action_type, &action.fields))
            .unwrap_or_else(|| action.action_type.clone());
        ActionView {
            id: action.id,
            action_type: action.action_type.clone(),
            label,
            kind: action.kind,
            platform: installation.map(|i| i.platform.clone()),
            origin: action.origin,
            reverted: action.reverted,
            initiator: initiator.map(|user| community.user_view(user)),
            fields: action.fields.clone(),
        }
    }
}

/// How a type of action or event reads in a sentence.
pub(crate) fn label_in(descriptor: &PlatformDescriptor, action_type: &str) -> Option<&'static str> {
    let action = descriptor.action_type(action_type).map(|t| t.label);
    action.or_else(|| descriptor.trigger(action_type).map(|t| t.doc))
}

/// A policy as its own code sees it.
pub(crate) fn policy_view(compiled: &Compiled) -> PolicyView {
    known::view(&compiled.policy)
}
