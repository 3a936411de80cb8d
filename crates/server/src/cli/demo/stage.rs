//! What the scenery of the demo asks for: time that passes, and changes of rules proposed as members propose them.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use futures::future::{BoxFuture, FutureExt as _};
use policykit_core::{
    Clock, SystemClock, Timestamp,
    constitution::Amendment,
    ids::{CommunityId, InstallationId},
};
use policykit_engine::{Engine, Proposition};
use policykit_platforms::demo::{Amend, Stagehand, Wanted};
use policykit_store::PolicyState;

/// The machine's clock, which can be moved ahead.
#[derive(Debug, Default)]
pub(super) struct DemoClock(AtomicI64);

impl Clock for DemoClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(SystemClock.now().micros().saturating_add(self.0.load(Ordering::Relaxed)))
    }
}

impl DemoClock {
    fn skip(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX), Ordering::Relaxed);
    }
}

/// The community that plays.
pub(super) struct Playing {
    pub(super) engine: Engine,
    pub(super) community: CommunityId,
    pub(super) installation: InstallationId,
}

impl std::fmt::Debug for Playing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Playing").field("community", &self.community).finish_non_exhaustive()
    }
}

/// Who does what the scenery asks for. There is somebody to play before there is a community.
#[derive(Debug, Default)]
pub(super) struct Stage {
    pub(super) clock: Arc<DemoClock>,
    pub(super) playing: OnceLock<Playing>,
}

impl Stagehand for Stage {
    fn skip(&self, by: Duration) {
        self.clock.skip(by);
    }

    fn amend(&self, wanted: Wanted) -> BoxFuture<'_, Result<(), String>> {
        async move {
            let playing = self.playing.get().ok_or("The demo is still starting. Try again in a moment.")?;
            let amendment = playing.amendment(&wanted).await?;
            let proposition = Proposition {
                community: playing.community,
                installation: playing.installation,
                action_type: amendment.action_type(),
                fields: amendment.fields(),
                initiator: Some(wanted.account.to_owned()),
            };
            match playing.engine.propose(proposition).await {
                Ok(_) => Ok(()),
                Err(error) => Err(format!("The change was not proposed: {error}.")),
            }
        }
        .boxed()
    }
}

impl Playing {
    /// The change of the rules that is meant.
    async fn amendment(&self, wanted: &Wanted) -> Result<Amendment, String> {
        let broken = |error: &dyn std::fmt::Display| {
            tracing::error!(%error, "the rules of the demo could not be read");
            "The rules could not be read. Try again.".to_owned()
        };
        let rules = self.engine.db().community(self.community).policies().await.map_err(|error| broken(&error))?;
        let named = |(rule, state): &&(policykit_core::policy::Policy, PolicyState)| {
            *state == PolicyState::Active && rule.draft.name == wanted.rule
        };
        let Some((rule, _)) = rules.iter().find(named) else {
            return Err(format!(
                "No rule in force is called “{}” any more. Go on under Rules on the web.",
                wanted.rule
            ));
        };
        match wanted.amend {
            Amend::Replace { old, new } => {
                let mut draft = rule.draft.clone();
                draft.blocks.filter = draft.blocks.filter.replace(old, new);
                if draft == rule.draft {
                    return Err(format!(
                        "The rule says nothing of “{old}” any more. Go on with it under Rules on the web."
                    ));
                }
                Ok(Amendment::ChangePolicy { policy: rule.id, version: Some(rule.version), draft })
            }
            Amend::RollBack => {
                let history = self.engine.policy_history(self.community, rule.id).await;
                let history = history.map_err(|error| broken(&error))?;
                history.roll_back(1).ok_or_else(|| "The first version of the rule is not kept.".to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_moves_ahead_and_goes_on() {
        let clock = DemoClock::default();
        let before = clock.now();
        clock.skip(Duration::from_secs(60));
        assert!(clock.now() >= before + Duration::from_secs(60));
    }
}
