//! What runs: the loop of a node, the same steps one by one for tests and benches, and the tasks that are begun.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use policykit_core::{Timestamp, ids::CallId};
use policykit_store::CallRow;
use tokio_util::sync::CancellationToken;

use crate::{
    Engine, EngineError,
    awaited::Outside,
    calls::Found,
    evaluation::{End, Evaluation, Pause},
    outbox::Outbox,
    parts::{Parts, lock},
};

/// How long a node that is told to stop waits for what is under way.
const DRAIN: Duration = Duration::from_secs(10);

impl Engine {
    /// Works until told to stop, then finishes what is under way and gives its shards back.
    ///
    /// # Errors
    /// Only when the database cannot be reached at the start; later it is waited for.
    pub async fn run(&self, stop: CancellationToken) -> Result<(), EngineError> {
        let parts = &self.0;
        // Before any shard is taken: with many communities it may take longer than a lease lasts.
        self.give_new_permissions().await?;
        parts.heartbeat().await?;
        let heart = tokio::spawn(parts.clone().beat(stop.clone()));
        let news = tokio::spawn(parts.clone().listen(stop.clone()));
        let engine = self.clone();
        let names = tokio::spawn(async move {
            if let Err(error) = engine.name_channels().await {
                tracing::warn!(%error, "engine.channels");
            }
        });
        while !stop.is_cancelled() {
            match parts.tick().await {
                Ok(true) => {}
                Ok(false) => parts.wait_for_work(&stop).await,
                Err(error) => {
                    if error.is_lost_lease() {
                        parts.wait_for_work(&stop).await;
                    } else {
                        tracing::error!(%error, "engine.tick");
                        parts.wait_after_trouble(&stop).await;
                    }
                }
            }
        }
        let _ = tokio::time::timeout(DRAIN, parts.idle()).await;
        // The last chance: they end with this process.
        parts.write_unwritten().await;
        heart.abort();
        news.abort();
        names.abort();
        parts.db.release(parts.options.node).await?;
        Ok(())
    }

    /// When something of this node's shards is due next: a wake, a call to be sent again, or another try with what
    /// could not be done.
    /// `None` when nothing is. For tools that move the clock themselves.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn next_due(&self) -> Result<Option<Timestamp>, EngineError> {
        let next = self.0.db.next_due(&self.0.fences()).await?;
        Ok(next.into_iter().chain(lock(&self.0.stuck).next()).chain(lock(&self.0.again).next()).min())
    }

    /// Does everything that can be done now and waits until it is done. For tests, benches and command-line tools.
    ///
    /// # Errors
    /// What a step fails with.
    pub async fn drain(&self) -> Result<(), EngineError> {
        let parts = &self.0;
        parts.heartbeat().await?;
        loop {
            if parts.tick().await? {
                continue;
            }
            let changed = parts.work.notified();
            if parts.in_flight.load(Ordering::SeqCst) == 0 {
                // Something may have ended between the tick and the look.
                if !parts.tick().await? && parts.in_flight.load(Ordering::SeqCst) == 0 {
                    return Ok(());
                }
                continue;
            }
            let _ = tokio::time::timeout(Duration::from_millis(50), changed).await;
        }
    }
}

impl Parts {
    async fn wait_for_work(&self, stop: &CancellationToken) {
        let now = self.clock.now();
        let until_due = lock(&self.next_due)
            .map(|at| Duration::from_micros(u64::try_from(at.micros_since(now)).unwrap_or_default()));
        // Never without pause: what is due but cannot be done yet must not spin.
        let wait = until_due.unwrap_or(self.options.poll).clamp(Duration::from_millis(5), self.options.poll);
        tokio::select! {
            () = self.work.notified() => {}
            () = stop.cancelled() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }

    /// Whatever is announced meanwhile would meet the same trouble.
    async fn wait_after_trouble(&self, stop: &CancellationToken) {
        let _ = tokio::time::timeout(self.options.poll, stop.cancelled()).await;
    }

    async fn idle(&self) {
        while self.in_flight.load(Ordering::SeqCst) > 0 {
            let _ = tokio::time::timeout(Duration::from_millis(50), self.work.notified()).await;
        }
    }

    /// Wakes the loop when another process writes a delivery for one of our shards.
    async fn listen(self: Arc<Self>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            self.db.inbox_changed().await;
            self.work.notify_one();
        }
    }

    pub(crate) fn spawn(
        self: &Arc<Self>,
        what: &'static str,
        work: impl Future<Output = Result<(), EngineError>> + Send + 'static,
    ) {
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        let done = InFlight(Arc::clone(self));
        tokio::spawn(async move {
            if let Err(error) = work.await
                && !error.is_lost_lease()
            {
                tracing::error!(%error, what, "engine.task");
            }
            drop(done);
        });
    }

    /// A call is due: its evaluation goes on if it has one, else it is sent for its own sake.
    pub(crate) fn spawn_resume(self: &Arc<Self>, row: CallRow) {
        match row.evaluation {
            None => self.spawn_call(row, Found::InDatabase),
            Some(evaluation) => {
                // Calls of an evaluation are a proposal's.
                let Some(proposal) = row.proposal else { return };
                if !lock(&self.busy).resume(proposal, evaluation) {
                    return;
                }
                let parts = Arc::clone(self);
                self.spawn("evaluation", async move {
                    match parts.load(row.community, evaluation).await {
                        Ok(Some(loaded)) => Box::pin(parts.drive(loaded, None)).await,
                        // It ended after the call was read as due: wakes that were left for it are handled now.
                        Ok(None) => {
                            lock(&parts.busy).end(proposal, evaluation);
                            parts.due(parts.clock.now());
                            parts.send_without_evaluation(row.id).await
                        }
                        Err(error) => {
                            parts.take_up_later(evaluation, proposal, row.community, &error);
                            Err(error)
                        }
                    }
                });
            }
        }
    }

    /// An evaluation that could not be run any more ends without what it had written down to be sent. That is due all the
    /// same, and goes on for its own sake.
    async fn send_without_evaluation(self: &Arc<Self>, id: CallId) -> Result<(), EngineError> {
        let mut row = self.db.system().call(id).await?;
        if row.outcome.is_none() {
            row.evaluation = None;
            self.spawn_call(row, Found::InDatabase);
        }
        Ok(())
    }

    pub(crate) fn spawn_drive(self: &Arc<Self>, evaluation: Evaluation, call: Option<CallRow>) {
        let parts = Arc::clone(self);
        self.spawn("evaluation", async move { Box::pin(parts.drive(evaluation, call)).await });
    }

    /// Takes an evaluation to its end, call by call. Parks it when a call must wait.
    pub(crate) async fn drive(
        self: &Arc<Self>,
        mut evaluation: Evaluation,
        call: Option<CallRow>,
    ) -> Result<(), EngineError> {
        let (id, proposal, community) = (evaluation.row.id, evaluation.row.proposal, evaluation.row.community);
        let result = match self.drive_on(&mut evaluation, call).await {
            Ok(Driven::Ended(end)) => self.end(evaluation, end).await,
            Ok(Driven::Parked) => Ok(After::Open),
            Ok(Driven::PutOff(until)) => {
                // Noted before it is let go, so that nobody else takes it up.
                lock(&self.again).put_off(id, proposal, community, until, self.clock.now());
                self.due(until);
                lock(&self.busy).evaluations.remove(&id);
                return Ok(());
            }
            Err(error) => Err(error),
        };
        match &result {
            Ok(After::Settled) => {
                // Votes may have come while it ran, also such as had to wait for it. Said before it is over: whoever sees that
                // it is over and acts upon a deadline has looked at them.
                self.recheck_parked.store(true, Ordering::SeqCst);
                lock(&self.busy).end(proposal, id);
                self.due(self.clock.now());
            }
            // The proposal stays busy: nothing else may evaluate it until this evaluation has ended.
            Ok(After::Open) => {
                lock(&self.busy).evaluations.remove(&id);
            }
            Ok(After::GoesOn) => {}
            Err(error) => self.take_up_later(id, proposal, community, error),
        }
        if result.is_ok() {
            lock(&self.again).done(id);
        }
        result.map(|_| ())
    }

    async fn end(self: &Arc<Self>, evaluation: Evaluation, end: End) -> Result<After, EngineError> {
        let id = evaluation.row.id;
        let initiator = self.initiator(&evaluation).await?;
        let mut out = Outbox::default();
        out.changes.label = "T6";
        out.changes.fences.push(self.fence(evaluation.row.community)?);
        self.settle(evaluation, end, initiator.as_ref(), &mut out);
        // One that met a limit is not settled but begins again with more room.
        let settled = out.changes.evaluation_ends.iter().any(|e| e.id == id);
        self.commit_and_follow(out).await?;
        Ok(if settled { After::Settled } else { After::GoesOn })
    }

    async fn drive_on(&self, evaluation: &mut Evaluation, call: Option<CallRow>) -> Result<Driven, EngineError> {
        if let Some(mut row) = call {
            row.fence = match self.fence(row.community) {
                Ok(fence) => fence.fence,
                Err(error) => {
                    // Nobody here is at it any more, and whoever has the shard next may be this node.
                    lock(&self.busy).calls.remove(&row.id);
                    return Err(error);
                }
            };
            match self.resolve(row, Found::JustWritten).await? {
                Some(row) => evaluation.supply_call(row),
                None => return Ok(Driven::Parked),
            }
        }
        loop {
            match evaluation.advance(self) {
                Pause::Ended(end) => return Ok(Driven::Ended(end)),
                Pause::Read(request) => {
                    // Whoever has the shard by now asks for itself.
                    self.fence(evaluation.row.community)?;
                    match self.read_outside(&evaluation.community, &request).await? {
                        Outside::Answer(value) => evaluation.supply_read(&request, value),
                        Outside::Later(later) => {
                            if let Some(until) = self.put_off(evaluation, &request, later).await? {
                                return Ok(Driven::PutOff(until));
                            }
                        }
                    }
                }
                Pause::Resolve(row) => match self.resolve(*row, Found::InDatabase).await? {
                    Some(row) => evaluation.supply_call(row),
                    None => return Ok(Driven::Parked),
                },
                Pause::Send(mut call) => {
                    let fence = self.fence(call.community)?;
                    call.fence = fence.fence;
                    let mut out = Outbox::default();
                    out.changes.label = "T3";
                    out.changes.fences.push(fence);
                    self.write_intent(evaluation, Some(&call), &mut out);
                    let row = crate::outbox::new_row(&call);
                    out.changes.calls.push(*call);
                    lock(&self.busy).calls.insert(row.id);
                    let id = row.id;
                    if let Err(error) = self.commit(out.changes).await {
                        lock(&self.busy).calls.remove(&id);
                        return Err(error);
                    }
                    match self.resolve(row, Found::JustWritten).await? {
                        Some(row) => evaluation.supply_call(row),
                        None => return Ok(Driven::Parked),
                    }
                }
            }
        }
    }
}

enum Driven {
    Ended(End),
    Parked,
    /// A platform wants to be asked again at this time.
    PutOff(Timestamp),
}

/// What has become of an evaluation that was driven.
enum After {
    Settled,
    /// It waits for a call.
    Open,
    /// Another task has taken it over.
    GoesOn,
}

/// Counts a spawned task while it lives, also when it panics.
struct InFlight(Arc<Parts>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
        self.0.work.notify_one();
    }
}
