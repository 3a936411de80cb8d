//! Why: everything that is known about one proposal, for pages and the command line.

use std::collections::BTreeSet;

use policykit_core::{
    constitution,
    descriptor::Field,
    ids::{CommunityId, ProposalId},
    policy::Policy,
};
use policykit_store::{CallRow, EvaluationRecord, LogLine, ProposalBundle};

use crate::{Engine, EngineError, govern::WEBHOOK_TRIGGER, views::label_in};

/// The story of a proposal.
#[derive(Debug)]
pub struct ProposalStory {
    /// Proposal, action, initiator and ballots.
    pub bundle: ProposalBundle,
    /// How the action reads in a sentence.
    pub action_label: String,
    /// Its evaluations, in order.
    pub evaluations: Vec<StoryEvaluation>,
    /// All its calls, in the order they were written down.
    pub calls: Vec<CallRow>,
    /// Its log.
    pub logs: Vec<LogLine>,
}

/// One evaluation of the story.
pub type StoryEvaluation = EvaluationRecord;

impl ProposalStory {
    /// The policy version that decides.
    pub const fn policy(&self) -> &Policy {
        &self.bundle.policy
    }
}

impl Engine {
    /// Every type of action that a proposal can be about: those of the integrations, changes of the rules, and events
    /// that trigger policies react to.
    pub fn visible_types(&self) -> BTreeSet<String> {
        self.0
            .registry
            .descriptors()
            .flat_map(|d| d.governable.iter().map(|t| t.codename).chain(d.own_triggers().map(|t| t.event_type)))
            .map(str::to_owned)
            .chain(constitution::action_types().iter().map(|t| t.codename.to_owned()))
            .chain([WEBHOOK_TRIGGER.to_owned()])
            .collect()
    }

    /// How an action of this type reads in a sentence: `rename a channel`.
    pub fn label<'a>(&'a self, action_type: &'a str) -> &'a str {
        self.0
            .registry
            .descriptors()
            .find_map(|d| label_in(d, action_type))
            .or_else(|| constitution::label(action_type))
            .unwrap_or(match action_type {
                WEBHOOK_TRIGGER => "react to an event",
                other => other,
            })
    }

    /// The fields of an action of this type, with what each holds; none of a type that nobody here describes.
    pub fn fields<'a>(&'a self, action_type: &str) -> &'a [Field] {
        self.0
            .registry
            .descriptors()
            .find_map(|d| {
                let action = d.action_type(action_type).map(|t| t.fields.as_slice());
                action.or_else(|| d.trigger(action_type).map(|t| t.fields))
            })
            .unwrap_or_else(|| constitution::fields(action_type))
    }

    /// Everything that is known about a proposal of this community.
    ///
    /// # Errors
    /// `NotFound` when the community has no such proposal.
    pub async fn story(&self, community: CommunityId, proposal: ProposalId) -> Result<ProposalStory, EngineError> {
        let scope = self.0.db.community(community);
        let bundle = scope.proposal(proposal).await?;
        let handle = self.0.community(community, None).await?;
        let action_label = self.0.action_view(&handle, &bundle.action, bundle.initiator.as_ref()).label;
        Ok(ProposalStory {
            evaluations: scope.evaluations(proposal).await?,
            calls: scope.calls_of(proposal).await?,
            logs: scope.logs(proposal).await?,
            bundle,
            action_label,
        })
    }
}
