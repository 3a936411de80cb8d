//! The way back when the rules no longer let anybody change them: announced in public, carried out days later.
//!
//! An integration admin may announce one, and carry it out, only where no change of the constitution can pass any more.
//! The operator may at any time: whoever runs the server can change its database anyway, and this way leaves a trace.

use std::{sync::Arc, time::Duration};

use policykit_core::{
    JsonMap, Timestamp,
    action::{Action, Origin, Standing},
    constitution::{Amendment, Invalid, at_most},
    decider::Decider,
    ids::{ActionId, CommunityId, UserId},
    permission::RECOVER,
    policy::PolicyKind,
};
use policykit_store::{NewAmendment, Recovery, RecoveryState, StoreError};

use crate::{
    Changeable, Engine, EngineError,
    overdue::RECOVERY_LASTS,
    parts::Parts,
    subject::{NameError, check_name},
};

/// How long everybody can see a recovery coming before it can be carried out.
pub const RECOVERY_WAITS: Duration = Duration::from_secs(72 * 60 * 60);

/// How often it is looked again whether a recovery may be carried out when something has changed meanwhile.
const MOST_RACES: usize = 4;

/// Longest reason of a recovery, in characters.
const REASON_CHARS: usize = 2_000;

/// Who recovers the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rescuer {
    /// A member with the permission [`RECOVER`].
    Member(UserId),
    /// The operator of the server.
    Operator,
}

/// Why a recovery is not announced, withdrawn or carried out.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// The member lacks the permission.
    #[error("you need the permission to recover the rules")]
    NotAllowed,
    /// There is another way.
    #[error("the rules can still be changed by a proposal: {0}")]
    NotNeeded(String),
    /// It is not known whether there is.
    #[error(
        "it could not be found out in time whether the rules can still be changed by a proposal, so nothing was done; try \
         again later, or ask whoever runs this server, who may recover the rules at any time"
    )]
    NotKnown,
    /// The change is of another sort.
    #[error("a recovery changes constitution policies or roles, nothing else")]
    NotARescue,
    /// The change cannot be made.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// No reason was given.
    #[error("`reason` is empty; say why, for everybody to read")]
    NoReason,
    /// There is no such recovery.
    #[error("there is no such recovery")]
    NotFound,
    /// It was withdrawn or carried out.
    #[error("this recovery is over")]
    Over,
    /// Its time has not come.
    #[error("this recovery cannot be carried out before {0}")]
    TooEarly(Timestamp),
    /// Nobody carried it out in time.
    #[error("this recovery was announced more than 14 days ago and cannot be carried out any more; announce it again")]
    Expired,
    /// Inside.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl From<StoreError> for RecoveryError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { what: "recovery" } => Self::NotFound,
            StoreError::Conflict { .. } => Self::Over,
            other => Self::Engine(other.into()),
        }
    }
}

impl From<NameError> for RecoveryError {
    fn from(error: NameError) -> Self {
        match error {
            NameError::Invalid(invalid) => Self::Invalid(invalid),
            NameError::Store(error) => error.into(),
        }
    }
}

impl Engine {
    /// Announces a change of the rules that is to be made around them.
    ///
    /// # Errors
    /// See [`RecoveryError`]; nothing is announced then.
    pub async fn announce_recovery(
        &self,
        community: CommunityId,
        amendment: Amendment,
        reason: &str,
        by: &Rescuer,
    ) -> Result<Recovery, RecoveryError> {
        let parts = &self.0;
        let by_whom = self.rescuer(community, by).await?;
        if reason.trim().is_empty() {
            return Err(RecoveryError::NoReason);
        }
        at_most("reason", reason, REASON_CHARS)?;
        amendment.check()?;
        if !amendment.rescues() {
            return Err(RecoveryError::NotARescue);
        }
        if *by != Rescuer::Operator {
            parts.in_need(community).await?;
        }
        let scope = parts.db.community(community);
        let state = scope.state().await?;
        check_name(&scope, &state, &amendment).await?;
        let action_type = amendment.action_type();
        let fields = parts.told(community, &action_type, &amendment.fields()).await?;
        let now = parts.clock.now();
        let recovery = Recovery {
            id: ActionId::from_uuid(parts.ids.uuid(now)),
            community,
            action_type,
            fields,
            reason: reason.trim().to_owned(),
            announced_by: by_whom.to_string(),
            announced_at: now,
            opens_at: now + RECOVERY_WAITS,
            state: RecoveryState::Announced,
            note: None,
        };
        scope.announce_recovery(recovery.clone()).await?;
        Ok(recovery)
    }

    /// Takes a recovery back.
    ///
    /// # Errors
    /// See [`RecoveryError`].
    pub async fn withdraw_recovery(
        &self,
        community: CommunityId,
        id: ActionId,
        by: &Rescuer,
    ) -> Result<(), RecoveryError> {
        let by = self.rescuer(community, by).await?;
        Ok(self.0.db.community(community).withdraw_recovery(id, &by.to_string(), self.0.clock.now()).await?)
    }

    /// Makes the change of a recovery whose time has come.
    ///
    /// # Errors
    /// See [`RecoveryError`].
    pub async fn carry_out_recovery(
        &self,
        community: CommunityId,
        id: ActionId,
        by: &Rescuer,
    ) -> Result<RecoveryState, RecoveryError> {
        let parts = &self.0;
        let scope = parts.db.community(community);
        let mut races = 0;
        loop {
            // Who may not is told so before anything else, also about recoveries that are not there.
            self.rescuer(community, by).await?;
            let (action, change) = self.due_recovery(community, id, by).await?;
            // Once more, after the version was read that the transaction insists on: whoever has lost the permission by
            // then is turned away here, and whoever loses it later changes that version.
            let by_whom = self.rescuer(community, by).await?.to_string();
            match scope.carry_out_recovery(action, change, &by_whom, parts.clock.now()).await {
                // The rules have changed meanwhile, or somebody else was faster: the next look tells.
                Err(StoreError::Conflict { .. }) if races < MOST_RACES => races += 1,
                done => {
                    parts.outdate(community);
                    return Ok(done?);
                }
            }
        }
    }

    /// The change of a recovery that may be carried out now.
    async fn due_recovery(
        &self,
        community: CommunityId,
        id: ActionId,
        by: &Rescuer,
    ) -> Result<(Action, NewAmendment), RecoveryError> {
        let parts = &self.0;
        let found = match parts.db.community(community).recovery(id).await {
            Err(StoreError::NotFound { .. }) => return Err(RecoveryError::NotFound),
            found => found?,
        };
        let now = parts.clock.now();
        match found.state {
            RecoveryState::Expired => return Err(RecoveryError::Expired),
            RecoveryState::Announced if now >= found.announced_at + RECOVERY_LASTS => {
                return Err(RecoveryError::Expired);
            }
            RecoveryState::Announced => {}
            RecoveryState::Withdrawn | RecoveryState::Done | RecoveryState::Refused => return Err(RecoveryError::Over),
        }
        if now < found.opens_at {
            return Err(RecoveryError::TooEarly(found.opens_at));
        }
        let judged_by = match by {
            Rescuer::Operator => None,
            // Days have passed: the community may have found another way.
            Rescuer::Member(_) => Some(parts.in_need(community).await?),
        };
        let amendment = Amendment::read(&found.action_type, &found.fields)?;
        let action = Action {
            id,
            community,
            installation: None,
            inbox: None,
            kind: PolicyKind::Constitution,
            action_type: found.action_type.clone(),
            initiator: match by {
                Rescuer::Member(user) => Some(*user),
                Rescuer::Operator => None,
            },
            origin: Origin::PolicyKit,
            fields: JsonMap::clone(&found.fields),
            about: None,
            is_private: false,
            reverted: false,
            standing: Standing::Stands,
            occurred_at: now,
        };
        let change = NewAmendment {
            community,
            action: id,
            proposal: None,
            amendment,
            at: now,
            accepts_lockout: false,
            forbidden: None,
            judged_by,
            announce: None,
        };
        Ok((action, change))
    }

    /// Who recovers, if they may.
    async fn rescuer(&self, community: CommunityId, by: &Rescuer) -> Result<Decider, RecoveryError> {
        let Rescuer::Member(id) = by else { return Ok(Decider::Operator) };
        let state = self.0.db.community(community).state().await?;
        if state.may(*id, RECOVER) { Ok(Decider::Member(*id)) } else { Err(RecoveryError::NotAllowed) }
    }
}

impl Parts {
    /// The version of the community's rules, under which nobody can change them any more. Only what is shown counts: a member
    /// could make it slow to find out, and so open the way around rules that work.
    async fn in_need(self: &Arc<Self>, community: CommunityId) -> Result<i64, RecoveryError> {
        match self.way_to_change(community).await? {
            (Changeable::Yes(how), _) => Err(RecoveryError::NotNeeded(how)),
            (Changeable::Unknown, _) => Err(RecoveryError::NotKnown),
            (Changeable::No, version) => Ok(version),
        }
    }
}
