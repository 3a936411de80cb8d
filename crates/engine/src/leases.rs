//! Which shards are this node's, and what it must pick up when it takes one.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, atomic::Ordering},
};

use policykit_core::{
    community::User,
    ids::{CommunityId, EvaluationId, ProposalId, shard_of},
    machine::Round,
};
use policykit_store::{EvaluationRecord, Fence, RunningEvaluation, StoreError};
use tokio_util::sync::CancellationToken;

use crate::{
    EngineError,
    deeds::Deeds,
    evaluation::{Evaluation, Generous, Journalled},
    parts::{Parts, lock},
};

impl Parts {
    /// Says that this node lives, and takes the shards that nobody holds.
    pub(crate) async fn heartbeat(&self) -> Result<(), EngineError> {
        // The lease counts from before the request: what the database grants later ends later there.
        let asked = self.clock.now();
        let fences =
            self.db.lease(self.options.node, asked, self.options.lease_ttl, policykit_core::ids::SHARDS).await?;
        let now_held: HashMap<u16, i64> = fences.iter().map(|f| (f.shard, f.fence)).collect();
        let taken: BTreeSet<u16> = {
            let leases = lock(&self.leases);
            let new = now_held.iter().filter(|(shard, fence)| leases.held.get(shard) != Some(fence));
            new.map(|(shard, _)| *shard).collect()
        };
        if !taken.is_empty() {
            // What is believed of these is from before; whoever held them may have changed it. All this is said before
            // anybody can act upon them.
            lock(&self.communities).retain(|community, _| !taken.contains(&shard_of(*community)));
        }
        let mut leases = lock(&self.leases);
        if !taken.is_empty() {
            // A look that finds them held finds this, too: what was running there is picked up before anything else.
            self.recover.store(true, Ordering::SeqCst);
            self.recheck_parked.store(true, Ordering::SeqCst);
        }
        leases.held = now_held;
        // A margin, so that a request begun at the last moment is on its way before the lease ends.
        leases.until = asked + self.options.lease_ttl * 3 / 4;
        drop(leases);
        if !taken.is_empty() {
            *lock(&self.next_due) = Some(asked);
            self.work.notify_one();
        }
        Ok(())
    }

    /// Whether there is too little time left on the lease to begin anything.
    pub(crate) fn is_lease_ending(&self) -> bool {
        let leases = lock(&self.leases);
        !leases.held.is_empty() && self.clock.now() >= leases.until
    }

    pub(crate) async fn beat(self: Arc<Self>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(self.options.heartbeat) => {}
            }
            if let Err(error) = self.heartbeat().await {
                tracing::error!(%error, "engine.heartbeat");
            }
        }
    }

    /// All the shards this node holds.
    pub(crate) fn fences(&self) -> Vec<Fence> {
        let mut fences: Vec<Fence> =
            lock(&self.leases).held.iter().map(|(shard, fence)| Fence { shard: *shard, fence: *fence }).collect();
        fences.sort_unstable();
        fences
    }

    /// One of these shards is lost: whatever is believed about what is in them may be old. Those that are still held are
    /// taken again with the next heartbeat.
    pub(crate) fn forget(&self, shards: &BTreeSet<u16>) {
        lock(&self.leases).held.retain(|shard, _| !shards.contains(shard));
        lock(&self.communities).retain(|community, _| !shards.contains(&shard_of(*community)));
        // What is under way here stays noted until it has ended, also for shards that come back: taken for abandoned, it
        // would be looked for while its request has not arrived, and be made again. What rests is let go of by the next
        // look at what is stored as running.
        self.recover.store(true, Ordering::SeqCst);
    }

    /// Picks up the evaluations that were running when their shard changed hands. Calls are picked up when due.
    pub(crate) async fn recover_shards(self: &Arc<Self>) -> Result<bool, EngineError> {
        if !self.recover.swap(false, Ordering::SeqCst) {
            return Ok(false);
        }
        let resting = lock(&self.busy).resting();
        let running = match self.db.running_evaluations(&self.fences()).await {
            Ok(running) => running,
            Err(error) => {
                self.recover.store(true, Ordering::SeqCst);
                return Err(error.into());
            }
        };
        let mut worked = self.let_go(resting, &running);
        for row in running {
            // One that could not be gone on with has a time of its own, and so has one whose read was put off.
            if !lock(&self.again).holds(row.id) && !self.goes_on_later(&row) {
                worked |= self.take_up(row.id, row.proposal, row.community).await;
            }
        }
        Ok(worked)
    }

    /// Frees the proposals of evaluations that rested before the running ones were read and are not among these: they
    /// have ended, although this process was told that writing it down had failed.
    fn let_go(&self, resting: Vec<(ProposalId, EvaluationId)>, running: &[RunningEvaluation]) -> bool {
        let mut busy = lock(&self.busy);
        let mut any = false;
        for (proposal, evaluation) in resting {
            if !running.iter().any(|row| row.id == evaluation) {
                busy.end(proposal, evaluation);
                any = true;
            }
        }
        any
    }

    /// Rebuilds a running evaluation from what is stored, ready to be replayed. `None` when it has ended meanwhile.
    pub(crate) async fn load(
        &self,
        community: CommunityId,
        id: EvaluationId,
    ) -> Result<Option<Evaluation>, EngineError> {
        let record = self.db.community(community).evaluation(id).await?;
        if record.evaluation.state != policykit_store::EvaluationState::Running {
            return Ok(None);
        }
        self.rebuild(community, record).await.map(Some)
    }

    /// The evaluation as it was, on its stored snapshot, with everything that was recorded for it.
    pub(crate) async fn rebuild(
        &self,
        community: CommunityId,
        record: EvaluationRecord,
    ) -> Result<Evaluation, EngineError> {
        let bundle = self.db.community(community).proposal(record.evaluation.proposal).await?;
        let handle = self.community(community, Some(bundle.community_version)).await?;
        let compiled = handle
            .policies
            .iter()
            .find(|c| c.policy.version_id == bundle.proposal.policy_version)
            .cloned()
            .unwrap_or_else(|| Arc::new(self.compile(&bundle.policy)));
        let round = if record.evaluation.seq == 1 { Round::First } else { Round::Later };
        let rev = Some(bundle.proposal.rev);
        // The vote that ran when it began; one that it has started itself comes out of its replay.
        let poll = bundle.proposal.poll.filter(|_| record.evaluation.snapshot.proposal.vote.is_some());
        let journal = Journalled { reads: record.reads, calls: record.calls, awaited: record.awaited };
        let seq = record.evaluation.seq;
        let before = match round {
            Round::First => Vec::new(),
            Round::Later => self.db.community(community).deeds_of(bundle.proposal.id, Some(seq)).await?,
        };
        Evaluation::new(self, record.evaluation, handle, compiled, bundle.action, round, rev, Generous::No)
            .map(|evaluation| evaluation.with_poll(poll).with_deeds(Deeds::of(before)).with_journal(journal))
            .map_err(EngineError::Inconsistent)
    }

    /// The member behind the action of an evaluation.
    // An evaluation cannot be shared between threads, only moved: nothing may borrow it across a wait.
    pub(crate) fn initiator<'a>(
        &'a self,
        evaluation: &Evaluation,
    ) -> impl Future<Output = Result<Option<User>, EngineError>> + Send + 'a {
        let external_id = evaluation.row.snapshot.action.initiator.as_ref().map(|view| view.external_id.clone());
        let wanted = evaluation.action.installation.zip(external_id);
        let id = evaluation.action.initiator;
        let community = evaluation.community.clone();
        let scope = self.db.community(evaluation.row.community);
        async move {
            if let Some((installation, external_id)) = wanted {
                let account = [(installation, [external_id.clone()].into_iter().collect())].into_iter().collect();
                self.meet(&community, &account).await?;
                return Ok(community.member(installation, &external_id));
            }
            // A change of the rules belongs to no installation, and is somebody's all the same.
            let Some(id) = id else { return Ok(None) };
            match scope.user(id).await {
                Ok(user) => Ok(Some(user)),
                Err(StoreError::NotFound { .. }) => Ok(None),
                Err(error) => Err(error.into()),
            }
        }
    }
}
