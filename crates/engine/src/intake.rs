//! N and N': reading deliveries as events, and recognising those that are our own echo.

use policykit_core::{
    Timestamp,
    call::CallState,
    community::{Installation, InstallationStatus},
    event::{Event, EventBody},
    ids::InstallationId,
    value::json_is_within,
};
use policykit_platforms::platform::MayEcho;
use policykit_store::InboxRow;

use crate::{EngineError, community::CommunityHandle, parts::Parts, propose};

/// How deep what a delivery tells may be nested. No platform comes near it.
const DEEPEST: usize = 64;

/// What a delivery turned out to be.
pub(crate) enum Intake {
    /// These events, after taking out our own echoes, with the keys that echoes have used up.
    Events(Vec<Event>, Vec<(InstallationId, String)>),
    /// It may be the echo of a call whose answer is not there yet.
    Park(String),
    /// It cannot be read.
    Dead(String),
}

impl Parts {
    /// Reads a delivery and takes out what we caused ourselves.
    pub(crate) async fn read_delivery(
        &self,
        community: &CommunityHandle,
        row: &InboxRow,
    ) -> Result<Intake, EngineError> {
        let delivery = &row.delivery;
        let Some(installation) = community.installation(delivery.installation) else {
            return Ok(Intake::Dead("its installation is gone".to_owned()));
        };
        let read = match propose::own_events(delivery) {
            Some(own) => own,
            // Whoever still sends does so without the community's leave: nothing there is governed, and nobody votes.
            None if installation.status == InstallationStatus::Uninstalled => Ok(Vec::new()),
            None => match self.registry.get(&delivery.platform) {
                Some(platform) => platform
                    .normalise(&delivery.kind, &delivery.body, installation)
                    .map_err(|unreadable| unreadable.to_string()),
                None => Err(format!("there is no integration `{}` any more", delivery.platform)),
            },
        };
        let events = match read {
            Ok(events) if !events.iter().all(|event| is_flat_enough(&event.body)) => {
                return Ok(Intake::Dead(format!("it is nested more than {DEEPEST} levels deep")));
            }
            Ok(events) => events,
            Err(why) => return Ok(Intake::Dead(why)),
        };
        let mut kept = Vec::with_capacity(events.len());
        let mut used = Vec::new();
        for event in events {
            match self.echo(installation, &event, self.clock.now()).await? {
                Echo::No => kept.push(event),
                Echo::Ours(mut keys) => used.append(&mut keys),
                Echo::Perhaps(operation) => {
                    return Ok(Intake::Park(format!("may be the echo of our `{operation}`, whose answer is awaited")));
                }
            }
        }
        Ok(Intake::Events(kept, used))
    }

    async fn echo(&self, installation: &Installation, event: &Event, now: Timestamp) -> Result<Echo, EngineError> {
        // Where a platform does not tell who did it, it may have been us.
        let by_us = event.actor.as_ref().is_none_or(|actor| installation.acts_as.contains(actor));
        if !by_us || event.echo_keys.is_empty() || matches!(event.body, EventBody::Ballot { .. }) {
            return Ok(Echo::No);
        }
        // First what may be under way, then what is known to be ours: a call that resolves in between is in the second.
        let scope = self.db.community(installation.community);
        let sending = scope.sending_calls(installation.id).await?;
        let owned = scope.owned(installation.id, &event.echo_keys, now).await?;
        if !owned.is_empty() {
            let used = owned.into_iter().filter(|o| o.once).map(|o| (installation.id, o.key)).collect();
            return Ok(Echo::Ours(used));
        }
        let Some(platform) = self.registry.get(&installation.platform) else { return Ok(Echo::No) };
        Ok(sending
            .iter()
            .filter(|call| call.state == CallState::Sending)
            .find(|call| platform.may_echo(event, &call.call) == MayEcho::Yes)
            .map_or(Echo::No, |call| Echo::Perhaps(call.call.operation.clone())))
    }
}

/// What is nested deeper could be written down but not be read again, with what is put around it.
fn is_flat_enough(body: &EventBody) -> bool {
    match body {
        EventBody::Action { fields, .. } | EventBody::Amendment { fields, .. } => {
            fields.values().all(|value| json_is_within(value, DEEPEST))
        }
        EventBody::Trigger { data, .. } => data.values().all(|value| json_is_within(value, DEEPEST)),
        // Made by ourselves, or without anything that could be nested.
        EventBody::Amended { .. }
        | EventBody::Settled { .. }
        | EventBody::Ballot { .. }
        | EventBody::Person(_)
        | EventBody::Channel(_)
        | EventBody::AccessLost { .. }
        | EventBody::Uninstalled { .. }
        | EventBody::Nothing { .. } => true,
    }
}

enum Echo {
    No,
    Ours(Vec<(InstallationId, String)>),
    Perhaps(String),
}
