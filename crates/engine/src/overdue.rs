//! What has waited too long. A held matter that nobody decides is told to those who may, once; a recovery that nobody
//! carries out ends, so that nobody is surprised by it when everybody has forgotten it.

use std::{sync::Arc, time::Duration};

use policykit_core::{
    action::Action,
    call::CallState,
    community::InstallationStatus,
    constitution,
    ids::{CallId, UserId},
    permission::SETTLE_HELD,
};
use policykit_store::{DecisionEntry, Fence, HELD_OVERDUE, NewCall, Overdue, StoreError};
use serde_json::json;

use crate::{
    EngineError,
    community::CommunityHandle,
    outbox::Outbox,
    parts::{Parts, lock},
};

/// How long something may be held before those who may decide are told.
pub const HELD_TOO_LONG: Duration = Duration::from_secs(72 * 60 * 60);
/// How long after its announcement a recovery can be carried out.
pub const RECOVERY_LASTS: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// How often it is looked for what has waited too long.
const LOOK_EVERY: Duration = Duration::from_secs(10 * 60);
/// How much of it is told at once.
const AT_ONCE: usize = 50;
/// How many people are told of one matter at most.
const MOST_TOLD: usize = 20;
/// What such a call is for.
const NOTICE: &str = "notice";

impl Parts {
    /// Looks for what has waited too long, now and then. Whether there was anything.
    pub(crate) async fn look_for_overdue(self: &Arc<Self>, fences: &[Fence]) -> Result<bool, EngineError> {
        let now = self.clock.now();
        {
            let mut last = lock(&self.last_overdue);
            if last.is_some_and(|last| now < last + LOOK_EVERY) {
                return Ok(false);
            }
            *last = Some(now);
        }
        let mut worked = false;
        for recovery in self.db.expired_recoveries(fences, now - RECOVERY_LASTS).await? {
            match self.db.community(recovery.community).expire_recovery(&recovery, now).await {
                // Somebody has withdrawn it, or carried it out.
                Ok(()) | Err(StoreError::Conflict { .. }) => worked = true,
                Err(error) => return Err(error.into()),
            }
        }
        let overdue = self.db.overdue(fences, now - HELD_TOO_LONG, AT_ONCE).await?;
        if overdue.is_empty() {
            return Ok(worked);
        }
        let mut out = Outbox::default();
        out.changes.label = "overdue";
        for matter in &overdue {
            let Ok(fence) = self.fence(matter.community) else { continue };
            if !out.changes.fences.contains(&fence) {
                out.changes.fences.push(fence);
            }
            let community = self.community(matter.community, None).await?;
            out.changes.decisions.push(DecisionEntry {
                community: matter.community,
                at: now,
                kind: HELD_OVERDUE.to_owned(),
                body: json!({
                    "action": matter.action, "proposal": matter.proposal, "action_type": matter.action_type,
                }),
            });
            let action = self.db.community(matter.community).action(matter.action).await?;
            self.tell_settlers(&community, matter, &action, &mut out).await?;
        }
        if overdue.len() >= AT_ONCE {
            *lock(&self.last_overdue) = None;
        }
        self.commit_and_follow(out).await?;
        Ok(true)
    }

    /// Tells those who may decide, each alone. Where everybody may, nobody in particular is told: the record is.
    async fn tell_settlers(
        &self,
        community: &CommunityHandle,
        matter: &Overdue,
        action: &Action,
        out: &mut Outbox,
    ) -> Result<(), EngineError> {
        let state = &community.state;
        if state.roles.iter().any(|role| role.is_base && role.permissions.contains(SETTLE_HELD)) {
            return Ok(());
        }
        let scope = self.db.community(matter.community);
        let who = match matter.initiator {
            Some(initiator) => scope.user(initiator).await.map(|user| format!(", wanted by {}", user.name))?,
            None => String::new(),
        };
        let text = format!(
            "This has waited for three days for somebody to decide: {}{who}. You may let it pass or refuse it, on \
             PolicyKit’s page “What is held”.",
            self.label_of(action)
        );
        let settlers: Vec<UserId> = state
            .role_members
            .keys()
            .copied()
            .filter(|member| state.may(*member, SETTLE_HELD))
            .take(MOST_TOLD)
            .collect();
        for settler in settlers {
            let user = scope.user(settler).await?;
            let place = community.installation(user.installation);
            let Some(place) = place.filter(|place| place.status == InstallationStatus::Active) else { continue };
            if user.is_gone || user.is_bot {
                continue;
            }
            let Some(call) = self.registry.get(&place.platform).and_then(|p| p.tell(&user.external_id, &text)) else {
                continue;
            };
            let now = self.clock.now();
            out.send(NewCall {
                id: CallId::derive_action(matter.action, &format!("{NOTICE}:{settler}")),
                community: matter.community,
                installation: place.id,
                proposal: matter.proposal,
                evaluation: None,
                action: None,
                purpose: NOTICE.to_owned(),
                idx: 0,
                class: self.class_of(&place.platform, &call.operation),
                call,
                state: CallState::Sending,
                fence: 0,
                due_at: now,
                created_at: now,
            });
        }
        Ok(())
    }

    fn label_of(&self, action: &Action) -> String {
        constitution::label(&action.action_type)
            .or_else(|| {
                let known = self.registry.descriptors().find_map(|d| d.action_type(&action.action_type));
                known.map(|known| known.label)
            })
            .unwrap_or(&action.action_type)
            .to_owned()
    }
}
