//! What has waited too long. A held matter that nobody decides is told to those who may, once; a recovery that nobody
//! carries out ends, so that nobody is surprised by it when everybody has forgotten it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use policykit_core::{
    action::Action,
    community::InstallationStatus,
    constitution,
    ids::{CallId, CommunityId},
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
/// How much of each sort is told of at once: whoever may decide is told once of all of it.
const AT_ONCE: usize = 200;
/// How many people of a community are told at most.
const MOST_TOLD: usize = 20;
/// What such a call is for.
const NOTICE: &str = "notice";

impl Parts {
    /// Looks for what has waited too long, now and then. Whether there was anything.
    pub(crate) async fn look_for_overdue(self: &Arc<Self>, fences: &[Fence]) -> Result<bool, EngineError> {
        let now = self.clock.now();
        {
            let mut last = lock(&self.last_overdue);
            // Not so when the clock has been set back since.
            if last.is_some_and(|last| now < last + LOOK_EVERY && last <= now) {
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
        let mut by_community: BTreeMap<CommunityId, Vec<&Overdue>> = BTreeMap::new();
        for matter in &overdue {
            by_community.entry(matter.community).or_default().push(matter);
        }
        for (id, matters) in by_community {
            let Ok(fence) = self.fence(id) else { continue };
            if !out.changes.fences.contains(&fence) {
                out.changes.fences.push(fence);
            }
            let community = self.community(id, None).await?;
            let told = self.tell_settlers(&community, &matters, &mut out).await?;
            out.changes.decisions.extend(matters.into_iter().map(|matter| DecisionEntry {
                community: id,
                at: now,
                kind: HELD_OVERDUE.to_owned(),
                body: json!({
                    "action": matter.action, "proposal": matter.proposal, "action_type": matter.action_type,
                    "told": told,
                }),
            }));
        }
        if overdue.len() >= AT_ONCE {
            *lock(&self.last_overdue) = None;
        }
        self.commit_and_follow(out).await?;
        Ok(true)
    }

    /// Tells those who may decide, each alone and once for all these matters of one community. How many were told;
    /// `None` where everybody may decide: then nobody in particular is told, the record is.
    async fn tell_settlers(
        &self,
        community: &CommunityHandle,
        matters: &[&Overdue],
        out: &mut Outbox,
    ) -> Result<Option<usize>, EngineError> {
        let state = &community.state;
        if state.roles.iter().any(|role| role.is_base && role.permissions.contains(SETTLE_HELD)) {
            return Ok(None);
        }
        let Some(oldest) = matters.first() else { return Ok(Some(0)) };
        let scope = self.db.community(oldest.community);
        let who = match oldest.initiator {
            Some(initiator) => Some(scope.user(initiator).await?.name),
            None => None,
        };
        let action = scope.action(oldest.action).await?;
        let now = self.clock.now();
        let mut told = 0;
        for settler in state.role_members.keys().copied().filter(|member| state.may(*member, SETTLE_HELD)) {
            if told == MOST_TOLD {
                break;
            }
            let user = scope.user(settler).await?;
            let place = community.installation(user.installation);
            let Some(place) = place.filter(|place| place.status == InstallationStatus::Active) else { continue };
            if user.is_gone || user.is_bot {
                continue;
            }
            let Some(platform) = self.registry.get(&place.platform) else { continue };
            // Names are somebody's own words, and may hold signs that mean something where they are told.
            let text = self.overdue_text(&action, matters.len(), who.as_deref(), &|name| platform.literally(name));
            let Some(call) = platform.tell(&user.external_id, &text) else { continue };
            told += 1;
            let id = CallId::derive_action(oldest.action, &format!("{NOTICE}:{settler}"));
            out.send(NewCall { proposal: oldest.proposal, ..self.new_call(id, place, NOTICE, call, now) });
        }
        Ok(Some(told))
    }

    /// What somebody is told who may decide about so many matters. What is not ours is written `literally`.
    fn overdue_text(
        &self,
        action: &Action,
        count: usize,
        who: Option<&str>,
        literally: &dyn Fn(&str) -> String,
    ) -> String {
        let who = who.map(|name| format!(", wanted by {}", literally(name))).unwrap_or_default();
        let what = format!("{}{who}", literally(&self.label_of(action)));
        let page = match &self.options.address {
            Some(address) => format!("here: {address}/main/held"),
            None => "on PolicyKit’s page “What is held”.".to_owned(),
        };
        if count == 1 {
            format!(
                "This has waited for three days for somebody to decide: {what}. You may let it pass or refuse it, {page}"
            )
        } else {
            format!(
                "{count} matters have waited for three days for somebody to decide. The one that has waited longest: \
                 {what}. You may let each pass or refuse it, {page}"
            )
        }
    }

    fn label_of(&self, action: &Action) -> String {
        let action_type = action.action_type.as_str();
        let known = || self.registry.descriptors().find_map(|d| d.action_type(action_type)).map(|known| known.label);
        constitution::described(action_type, &action.fields)
            .unwrap_or_else(|| known().unwrap_or(action_type).to_owned())
    }
}
