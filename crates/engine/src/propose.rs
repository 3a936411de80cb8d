//! Actions proposed in PolicyKit itself, on a platform or to the rules themselves. They enter as deliveries like everything else, so that they are written down
//! before anything comes of them.

use policykit_core::{
    JsonMap, Timestamp,
    constitution::{self, Amendment, Invalid},
    descriptor::PlatformDescriptor,
    event::{Event, EventBody, Heard, Home},
    ids::{CommunityId, InboxId, InstallationId, UserId},
    permission,
};
use policykit_policy::Diagnostic;
use policykit_store::{CommunityState, NewDelivery, StoreError};
use serde::{Deserialize, Serialize};

use crate::{
    Engine,
    amend::{AMENDED_HERE, AmendedBody},
    held::{SETTLED_HERE, SettleBody, connected},
    integrations,
    subject::{NameError, check_name},
    vote::{self, CAST_HERE},
};

/// Kind of the deliveries that carry a proposed action.
pub(crate) const PROPOSED_HERE: &str = "policykit.propose";

/// An action somebody wants done.
#[derive(Debug, Clone)]
pub struct Proposition {
    /// The tenant.
    pub community: CommunityId,
    /// Where it is to be done; for a change of the rules, where the initiator's account is.
    pub installation: InstallationId,
    /// Its type: one of the platform's, or a change of the rules (see [`policykit_core::constitution`]).
    pub action_type: String,
    /// Its fields.
    pub fields: JsonMap,
    /// Account id of who wants it.
    pub initiator: Option<String>,
}

/// Why an action cannot be proposed.
#[derive(Debug, thiserror::Error)]
pub enum ProposeError {
    /// There is no such action type on this platform.
    #[error("`{0}` cannot be proposed here; known types: {1}")]
    UnknownType(String, String),
    /// A field that is needed to carry the action out is missing.
    #[error("the field `{0}` is missing: {1}")]
    MissingField(String, String),
    /// A change of the rules that cannot be made, whatever is decided.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// A policy whose code cannot run.
    #[error("the policy cannot run as it is written: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Code(Vec<Diagnostic>),
    /// The installation is not the community's.
    #[error("the community has no such installation")]
    UnknownInstallation,
    /// The community is on no platform, so that policies that ask people there could only fail.
    #[error("the community is connected to no platform at present; add the integration again, then propose")]
    Nowhere,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Serialize, Deserialize)]
struct Body {
    action_type: String,
    fields: JsonMap,
    initiator: Option<String>,
    at: Timestamp,
}

impl Engine {
    /// Writes a proposed action down; it is dealt with as soon as a node gets to it.
    ///
    /// # Errors
    /// See [`ProposeError`]; nothing is written then.
    pub async fn propose(&self, wanted: Proposition) -> Result<InboxId, ProposeError> {
        let parts = &self.0;
        let state = parts.db.community(wanted.community).state().await?;
        let installation = state
            .installations
            .iter()
            .find(|i| i.id == wanted.installation)
            .cloned()
            .ok_or(ProposeError::UnknownInstallation)?;
        // A place whose keys are dead can be given up by whoever needs to ask nobody: no policy runs then.
        let unasked = permission::is_guarded(&wanted.action_type)
            && wanted.initiator.as_ref().is_some_and(|account| {
                let member = UserId::derive(installation.id, account);
                state.may(member, &permission::execute(&wanted.action_type))
            });
        if !connected(&parts.registry, &state.installations) && !unasked {
            return Err(ProposeError::Nowhere);
        }
        let platform = parts.registry.get(&installation.platform).ok_or(ProposeError::UnknownInstallation)?;
        if constitution::label(&wanted.action_type).is_some() {
            let amendment = Amendment::read(&wanted.action_type, &wanted.fields)?;
            self.check_amendment(&state, &amendment).await?;
        } else {
            check_action(platform.descriptor(), &wanted)?;
        }
        let now = parts.clock.now();
        let key = parts.ids.uuid(now).to_string();
        let body =
            Body { action_type: wanted.action_type, fields: wanted.fields, initiator: wanted.initiator, at: now };
        let id = InboxId::derive(PROPOSED_HERE, &wanted.community.to_string(), &key);
        parts
            .db
            .receive(vec![NewDelivery {
                id,
                platform: installation.platform,
                installation: installation.id,
                community: wanted.community,
                scope: format!("{PROPOSED_HERE}:{}", wanted.community),
                delivery_key: key,
                kind: PROPOSED_HERE.to_owned(),
                body: serde_json::to_vec(&body).unwrap_or_default(),
                received_at: now,
            }])
            .await?;
        parts.work.notify_one();
        Ok(id)
    }

    /// Whether a change of the rules can be proposed as things are.
    ///
    /// # Errors
    /// Why it cannot.
    pub async fn check_change(&self, community: CommunityId, change: &Amendment) -> Result<(), ProposeError> {
        let state = self.0.db.community(community).state().await?;
        self.check_amendment(&state, change).await
    }

    /// A change of the rules that cannot be made is not put to anybody.
    async fn check_amendment(&self, state: &CommunityState, amendment: &Amendment) -> Result<(), ProposeError> {
        amendment.check()?;
        if !integrations::is_there(state, amendment) {
            let problem = "names no integration that the community has; reload the page to see those it has".to_owned();
            return Err(Invalid::Field { field: "integration", problem }.into());
        }
        check_name(&self.0.db.community(state.community.id), state, amendment).await.map_err(|error| match error {
            NameError::Invalid(invalid) => ProposeError::Invalid(invalid),
            NameError::Store(error) => error.into(),
        })?;
        if let Amendment::AddPolicy(draft) | Amendment::ChangePolicy { draft, .. } = amendment {
            self.check_code(draft.blocks.clone()).await.map_err(ProposeError::Code)?;
        }
        Ok(())
    }
}

fn check_action(descriptor: &PlatformDescriptor, wanted: &Proposition) -> Result<(), ProposeError> {
    let Some(known) = descriptor.action_type(&wanted.action_type) else {
        let known: Vec<_> = descriptor.governable.iter().map(|t| t.codename).collect();
        return Err(ProposeError::UnknownType(wanted.action_type.clone(), known.join(", ")));
    };
    match known.fields.iter().find(|f| f.used_to_execute && !wanted.fields.contains_key(f.name)) {
        Some(missing) => Err(ProposeError::MissingField(missing.name.to_owned(), missing.doc.to_owned())),
        None => Ok(()),
    }
}

/// The events of a delivery that PolicyKit wrote itself; `None` when a platform must read it.
pub(crate) fn own_events(delivery: &NewDelivery) -> Option<Result<Vec<Event>, String>> {
    if delivery.kind == CAST_HERE {
        return Some(vote::read(&delivery.body));
    }
    if delivery.kind == AMENDED_HERE {
        return Some(one(serde_json::from_slice::<AmendedBody>(&delivery.body).map(AmendedBody::event)));
    }
    if delivery.kind == SETTLED_HERE {
        return Some(one(serde_json::from_slice::<SettleBody>(&delivery.body).map(SettleBody::event)));
    }
    if delivery.kind != PROPOSED_HERE {
        return None;
    }
    Some(serde_json::from_slice::<Body>(&delivery.body).map_err(|e| e.to_string()).map(|body| {
        let Body { action_type, fields, initiator, at } = body;
        let body = if constitution::label(&action_type).is_some() {
            EventBody::Amendment { action_type, fields }
        } else {
            EventBody::Action { action_type, fields }
        };
        vec![Event { actor: initiator, at, echo_keys: Vec::new(), heard: Heard::Openly, home: Home::Here, body }]
    }))
}

fn one(event: Result<Event, serde_json::Error>) -> Result<Vec<Event>, String> {
    event.map(|event| vec![event]).map_err(|e| e.to_string())
}
