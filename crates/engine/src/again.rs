//! Evaluations that this node could not go on with, and when each is taken up again: the first time at once, then less and
//! less often. Nothing else takes one up in between, so that what it asks of a platform is not asked without pause.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use policykit_core::{
    Timestamp,
    ids::{CommunityId, EvaluationId, ProposalId},
};
use policykit_store::CLOCKS_AGREE;

use crate::{
    EngineError,
    calls::backoff,
    parts::{Parts, lock},
};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Again(HashMap<EvaluationId, Waits>);

#[derive(Debug)]
struct Waits {
    proposal: ProposalId,
    community: CommunityId,
    failures: i64,
    /// When it was noted that it waits.
    noted_at: Timestamp,
    /// `None` while it is being tried.
    at: Option<Timestamp>,
}

impl Again {
    /// It failed at `now`; when it is taken up again.
    fn failed(&mut self, id: EvaluationId, proposal: ProposalId, community: CommunityId, now: Timestamp) -> Timestamp {
        let waits = self.0.entry(id).or_insert(Waits { proposal, community, failures: 0, noted_at: now, at: None });
        // Most of what goes wrong has passed by the next moment.
        let pause = if waits.failures == 0 { Duration::ZERO } else { backoff(waits.failures) };
        waits.failures = waits.failures.saturating_add(1);
        (waits.noted_at, waits.at) = (now, Some(now + pause));
        now + pause
    }

    /// It has to wait until `at` for what it asks for.
    pub(crate) fn put_off(
        &mut self,
        id: EvaluationId,
        proposal: ProposalId,
        community: CommunityId,
        at: Timestamp,
        now: Timestamp,
    ) {
        self.0.insert(id, Waits { proposal, community, failures: 0, noted_at: now, at: Some(at) });
    }

    /// Those whose time has come, which are tried from now on.
    fn take_due(&mut self, now: Timestamp) -> Vec<(EvaluationId, ProposalId, CommunityId)> {
        let mut due = Vec::new();
        for (id, waits) in &mut self.0 {
            // What was noted at a time that has not come yet was so before the clock was set back.
            if waits.at.is_some_and(|at| at <= now || waits.noted_at > now + CLOCKS_AGREE) {
                waits.at = None;
                due.push((*id, waits.proposal, waits.community));
            }
        }
        due
    }

    /// How many are known.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it waits for its time.
    pub(crate) fn holds(&self, id: EvaluationId) -> bool {
        self.0.get(&id).is_some_and(|waits| waits.at.is_some())
    }

    /// It has been gone on with.
    pub(crate) fn done(&mut self, id: EvaluationId) {
        self.0.remove(&id);
    }

    /// When the next one is taken up.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.0.values().filter_map(|waits| waits.at).min()
    }
}

impl Parts {
    /// Takes up what has waited long enough. Whether there was anything.
    pub(crate) async fn take_up_due(self: &Arc<Self>) -> bool {
        let due = lock(&self.again).take_due(self.clock.now());
        for (id, proposal, community) in &due {
            self.take_up(*id, *proposal, *community).await;
        }
        !due.is_empty()
    }

    /// Goes on with an evaluation that is stored as running, unless a task works on it. Whether it did.
    pub(crate) async fn take_up(
        self: &Arc<Self>,
        id: EvaluationId,
        proposal: ProposalId,
        community: CommunityId,
    ) -> bool {
        if !lock(&self.busy).resume(proposal, id) {
            return false;
        }
        match self.load(community, id).await {
            Ok(Some(evaluation)) => self.spawn_drive(evaluation, None),
            // It has ended meanwhile.
            Ok(None) => {
                lock(&self.again).done(id);
                lock(&self.busy).end(proposal, id);
                // Votes may have had to wait for it.
                self.recheck_parked.store(true, Ordering::SeqCst);
                self.due(self.clock.now());
            }
            Err(error) => {
                tracing::error!(%error, evaluation = %id, "engine.recover");
                self.take_up_later(id, proposal, community, &error);
            }
        }
        true
    }

    /// A task could not go on with an evaluation: it stays stored as running, and is replayed when its time comes.
    pub(crate) fn take_up_later(
        &self,
        id: EvaluationId,
        proposal: ProposalId,
        community: CommunityId,
        error: &EngineError,
    ) {
        let now = self.clock.now();
        if error.is_lost_lease() {
            // Whoever takes the shard picks it up.
            lock(&self.again).done(id);
            self.recover.store(true, Ordering::SeqCst);
        } else {
            // Noted before it is let go, so that nobody else takes it up.
            let at = lock(&self.again).failed(id, proposal, community, now);
            self.due(at);
        }
        lock(&self.busy).evaluations.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use policykit_core::ids::{ActionId, PolicyId};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_fails_again_and_again_is_tried_less_and_less_often() {
        let nobody = Uuid::from_u128(1);
        let proposal = ProposalId::derive(ActionId::from_uuid(nobody), PolicyId::from_uuid(nobody));
        let (id, community) = (EvaluationId::derive(proposal, 1), CommunityId::from_uuid(nobody));
        let mut again = Again::default();
        let mut now = Timestamp::from_micros(0);
        let mut pauses = Vec::new();
        for _ in 0..12 {
            let at = again.failed(id, proposal, community, now);
            assert_eq!((again.holds(id), again.next()), (true, Some(at)));
            pauses.push(at.micros_since(now) / 1_000_000);
            assert!(at == now || again.take_due(now).is_empty());
            assert_eq!(again.take_due(at), [(id, proposal, community)]);
            assert!(again.take_due(at).is_empty(), "it is being tried");
            assert!(!again.holds(id));
            now = at;
        }
        assert_eq!(pauses, [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        again.done(id);
        assert_eq!(again.failed(id, proposal, community, now), now, "it went on in between");
        assert_eq!(again.take_due(Timestamp::from_micros(0)).len(), 1, "the clock has been set back");
    }
}
