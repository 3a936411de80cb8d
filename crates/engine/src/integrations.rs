//! Adding and removing integrations: changes of the rules like others, with an outside part. A place that is removed is
//! told to forget us, by a call like any other; only when that has ended are the keys destroyed.

use std::time::Duration;

use policykit_core::{
    Timestamp,
    action::{Action, Origin, Standing},
    call::CallOutcome,
    community::InstallationStatus,
    constitution::{Amendment, PlaceDraft},
    ids::{ActionId, CallId, CommunityId, InboxId, InstallationId, ProposalId, UserId},
    permission,
    policy::PolicyKind,
    proposal::EffectStatus,
};
use policykit_platforms::{Registry, platform::Grant};
use policykit_store::{CallRow, Changes, CommunityState, DecisionEntry, NewCall};
use serde_json::json;

use crate::{
    Engine, JourneyError, ProposeError, Proposition, community::CommunityHandle, outbox::Outbox, parts::Parts,
};

/// What a call is for that gives access to a place up.
pub(crate) const LEAVE: &str = "leave";

/// How long after the decision it is tried to tell the platform. The keys go then, whether it has heard or not: as long as
/// they are here, they could be used.
pub(crate) const LEAVE_WITHIN: Duration = Duration::from_secs(15 * 60);

/// Code of the outcome of such a call that was not made, because the place has been let in again meanwhile.
const LET_IN_AGAIN: &str = "let_in_again";

/// Code of the outcome of a call that was not made, because the community has removed the place.
const PLACE_REMOVED: &str = "place_removed";

/// Why a call must not be sent to a place as that stands now: where the community is no longer present it does nothing but
/// leave, and where it has been let in again since that was decided, it does not leave.
pub(crate) fn out_of_place(purpose: &str, status: InstallationStatus) -> Option<CallOutcome> {
    let (code, message) = match (purpose == LEAVE, status == InstallationStatus::Uninstalled) {
        (true, false) => (LET_IN_AGAIN, "the place has been let in again meanwhile, so nothing was given up"),
        (false, true) => (PLACE_REMOVED, "PolicyKit was removed from there, so nothing is done there any more"),
        (true, true) | (false, false) => return None,
    };
    Some(CallOutcome::Refused { code: code.to_owned(), message: message.to_owned() })
}

impl Parts {
    /// Plans giving up access to a place that is being removed. Where the platform has no way to do so, the keys are
    /// destroyed at once.
    pub(crate) fn leave(
        &self,
        community: &CommunityHandle,
        action: &Action,
        proposal: Option<ProposalId>,
        id: InstallationId,
        at: Timestamp,
        out: &mut Outbox,
    ) {
        let Some(installation) =
            community.installation(id).filter(|there| there.status != InstallationStatus::Uninstalled)
        else {
            return;
        };
        let Some(call) = self.registry.get(&installation.platform).and_then(|platform| platform.leave()) else {
            out.changes.keys_destroyed.push((action.community, id));
            return;
        };
        let call = self.new_call(CallId::derive_action(action.id, LEAVE), installation, LEAVE, call, at);
        out.send(NewCall { proposal, action: Some(action.id), ..call });
    }

    /// Adds to the transaction that records what came of giving access up: the keys go, and the record says so.
    pub(crate) fn left(&self, row: &CallRow, outcome: &CallOutcome, changes: &mut Changes) {
        if row.purpose != LEAVE {
            return;
        }
        let (word, note) = match outcome {
            CallOutcome::Done { .. } => ("done", None),
            // Its own kind of entry says so: the keys are kept.
            CallOutcome::Refused { code, .. } if code == LET_IN_AGAIN => ("dropped", None),
            CallOutcome::Refused { code, message } => ("refused", Some(format!("{message} ({code})"))),
            CallOutcome::Unknown { reason } => ("uncertain", Some(reason.clone())),
        };
        // The store leaves the keys of a place that has been let in again alone.
        changes.keys_destroyed.push((row.community, row.installation));
        changes.decisions.push(DecisionEntry {
            community: row.community,
            at: self.clock.now(),
            kind: format!("integration.leave.{word}"),
            body: json!({
                "action": row.action, "proposal": row.proposal, "installation": row.installation, "call": row.id,
                "note": note,
            }),
        });
    }
}

/// What becomes of somebody who has let us in at a further place.
pub(crate) enum Admission {
    /// The place is there: its keys are to be kept.
    Granted,
    /// The community decides first. The keys were not kept.
    Proposed(InboxId),
}

impl Engine {
    /// A member has let us in at a place where the community is not present: done at once where they need not ask or
    /// nobody could be asked, proposed otherwise.
    pub(crate) async fn admit(
        &self,
        state: &CommunityState,
        by: UserId,
        platform: &str,
        grant: &Grant,
    ) -> Result<Admission, JourneyError> {
        let parts = &self.0;
        let community = state.community.id;
        let amendment = addition(platform, grant);
        if may_add_without_asking(self.registry(), state, by, platform) {
            self.make_place(community, Some(by), &amendment).await?;
            return Ok(Admission::Granted);
        }
        let member = parts.db.community(community).user(by).await?;
        let wanted = Proposition {
            community,
            installation: member.installation,
            action_type: amendment.action_type(),
            fields: amendment.fields(),
            initiator: Some(member.external_id),
        };
        match self.propose(wanted).await {
            Ok(inbox) => Ok(Admission::Proposed(inbox)),
            Err(ProposeError::Store(error)) => Err(error.into()),
            Err(other) => Err(JourneyError::NotProposed(other.to_string())),
        }
    }

    /// Makes the place of a further installation, as an action that nobody is asked about. It works once its keys are
    /// there. An error when the place was not made.
    pub(crate) async fn make_place(
        &self,
        community: CommunityId,
        by: Option<UserId>,
        amendment: &Amendment,
    ) -> Result<(), JourneyError> {
        let parts = &self.0;
        let now = parts.clock.now();
        let action = Action {
            id: ActionId::from_uuid(parts.ids.uuid(now)),
            community,
            installation: None,
            inbox: None,
            kind: PolicyKind::Constitution,
            action_type: amendment.action_type(),
            initiator: by,
            origin: Origin::PolicyKit,
            fields: parts.told(community, &amendment.action_type(), &amendment.fields()).await?,
            about: None,
            is_private: false,
            reverted: false,
            standing: Standing::Stands,
            occurred_at: now,
        };
        let handle = parts.community(community, None).await?;
        let initiator = match by {
            Some(user) => Some(parts.db.community(community).user(user).await?),
            None => None,
        };
        let mut out = Outbox::default();
        out.insert_action(&action);
        let (effect, note) = parts.amend(&handle, &action, None, initiator.as_ref(), now, &mut out);
        if effect == EffectStatus::Refused {
            return Err(JourneyError::NotMade(note.unwrap_or_default()));
        }
        out.changes.label = "place";
        parts.commit(out.changes).await?;
        // In its transaction it may have turned out to be impossible, because somebody was faster.
        let scope = parts.db.community(community);
        match scope.action(action.id).await?.standing {
            Standing::Undone => Err(JourneyError::NotMade(scope.refusal(action.id).await?.unwrap_or_default())),
            _ => Ok(()),
        }
    }
}

/// The change of the rules that adds the place to which a grant gives access.
pub(crate) fn addition(platform: &str, grant: &Grant) -> Amendment {
    Amendment::AddIntegration(PlaceDraft {
        platform: platform.to_owned(),
        external_id: grant.inspection.external_id.clone(),
        name: grant.inspection.name.clone(),
    })
}

/// Whether a member may add a place on this platform without asking: by a permission of theirs, or because the community has
/// left every place where people could be asked, and this is one. Where the keys alone have died people are still there:
/// whoever can have keys revoked could else add what the community was never asked about.
pub(crate) fn may_add_without_asking(
    registry: &Registry,
    state: &CommunityState,
    user: UserId,
    platform: &str,
) -> bool {
    let action_type = permission::ADD_INTEGRATION_TYPE;
    state.may(user, &permission::execute(action_type))
        || (!has_people_somewhere(registry, state)
            && registry.has_people(platform)
            && state.may(user, &permission::propose(action_type)))
}

/// Whether the community is in a place where people are, whether we are let in there at the moment or not.
pub(crate) fn has_people_somewhere(registry: &Registry, state: &CommunityState) -> bool {
    let mut there = state.installations.iter().filter(|there| there.status != InstallationStatus::Uninstalled);
    there.any(|there| registry.has_people(&there.platform))
}

/// Whether a change is proposed about an integration that is there.
pub(crate) fn is_there(state: &CommunityState, amendment: &Amendment) -> bool {
    match amendment {
        Amendment::RemoveIntegration { integration } => state
            .installations
            .iter()
            .any(|there| there.id == *integration && there.status != InstallationStatus::Uninstalled),
        _ => true,
    }
}
