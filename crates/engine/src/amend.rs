//! A change of the rules that has been decided, on its way into the transaction that makes it.
//!
//! Trigger policies hear of it only once it is made: in its transaction a change may turn out to be impossible. So the
//! transaction that makes it also writes down a delivery, and that fires them.

use policykit_core::{
    Timestamp,
    action::{Action, Standing},
    community::{Installation, User},
    constitution::Amendment,
    event::{Event, EventBody, Heard, Home},
    ids::{CommunityId, InboxId, ProposalId},
    policy::PolicyKind,
    proposal::EffectStatus,
};
use policykit_store::{NewAmendment, NewDelivery, StoreError};
use serde::{Deserialize, Serialize};

use crate::{community::CommunityHandle, govern::Effect, outbox::Outbox, parts::Parts, witness::accepts};

/// Kind of the deliveries that tell of a change of the rules that was made.
pub(crate) const AMENDED_HERE: &str = "policykit.amended";

#[derive(Serialize, Deserialize)]
pub(crate) struct AmendedBody {
    action: Action,
    initiator: Option<String>,
    at: Timestamp,
}

impl AmendedBody {
    pub(crate) fn event(self) -> Event {
        let body = EventBody::Amended { action: Box::new(self.action) };
        Event {
            actor: self.initiator,
            at: self.at,
            echo_keys: Vec::new(),
            heard: Heard::Openly,
            home: Home::Here,
            body,
        }
    }
}

impl Parts {
    /// Has a change of the rules made with what is in the outbox. How its effect stands, unless it turns out in the
    /// transaction that it cannot be made: that is written over this.
    pub(crate) fn amend(
        &self,
        community: &CommunityHandle,
        action: &Action,
        proposal: Option<ProposalId>,
        initiator: Option<&User>,
        at: Timestamp,
        out: &mut Outbox,
    ) -> Effect {
        let mut amendment = match Amendment::read(&action.action_type, &action.fields) {
            Ok(amendment) => amendment,
            Err(why) => return (EffectStatus::Refused, Some(why.to_string())),
        };
        if let Amendment::RemoveIntegration { integration } = &amendment {
            self.leave(community, action, proposal, *integration, at, out);
        }
        // However it was proposed, it is the place that somebody finds who enters its address later.
        if let Amendment::AddIntegration(draft) = &mut amendment
            && let Some(platform) = self.registry.get(&draft.platform)
            && platform.descriptor().is_shared()
        {
            let key = |id: &str| Installation::key_of_shared(id, action.community);
            // What is a key already is one that was made of what the platform said.
            if draft.external_id != key(&draft.external_id) {
                draft.external_id = key(&platform.id_of_place(&draft.external_id));
            }
        }
        out.changes.amendments.push(NewAmendment {
            community: action.community,
            action: action.id,
            proposal,
            amendment,
            at,
            accepts_lockout: accepts(action),
            forbidden: None,
            judged_by: None,
            announce: self.announcement(community, action, initiator, at),
        });
        (EffectStatus::Done, None)
    }

    /// What is written down when the change is made, if a trigger policy waits for it.
    fn announcement(
        &self,
        community: &CommunityHandle,
        action: &Action,
        initiator: Option<&User>,
        at: Timestamp,
    ) -> Option<NewDelivery> {
        let awaited = |policy: &policykit_core::policy::Policy| {
            policy.draft.kind == PolicyKind::Trigger && policy.applies_to(&action.action_type)
        };
        if !community.policies.iter().any(|compiled| awaited(&compiled.policy)) {
            return None;
        }
        let installation = initiator.map(|user| user.installation);
        let installation = community
            .state
            .installations
            .iter()
            .find(|i| installation.is_none_or(|wanted| i.id == wanted))
            .or_else(|| community.state.home())?;
        let body = AmendedBody {
            action: Action { standing: Standing::Stands, ..action.clone() },
            initiator: Self::account_of(initiator),
            at,
        };
        let body = serde_json::to_vec(&body).ok()?;
        Some(delivery(installation, AMENDED_HERE, action.id.to_string(), body, at))
    }

    /// Writes a delivery of our own down for the node that owns the community. `None` when the community is nowhere.
    pub(crate) async fn write_down(
        &self,
        community: CommunityId,
        kind: &'static str,
        body: Vec<u8>,
    ) -> Result<Option<InboxId>, StoreError> {
        let state = self.db.community(community).state().await?;
        let Some(installation) = state.home() else { return Ok(None) };
        let now = self.clock.now();
        let delivery = delivery(installation, kind, self.ids.uuid(now).to_string(), body, now);
        let id = delivery.id;
        self.db.receive(vec![delivery]).await?;
        self.work.notify_one();
        Ok(Some(id))
    }
}

fn delivery(installation: &Installation, kind: &str, key: String, body: Vec<u8>, at: Timestamp) -> NewDelivery {
    let community = installation.community;
    NewDelivery {
        id: InboxId::derive(kind, &community.to_string(), &key),
        platform: installation.platform.clone(),
        installation: installation.id,
        community,
        scope: format!("{kind}:{community}"),
        delivery_key: key,
        kind: kind.to_owned(),
        body,
        received_at: at,
    }
}
