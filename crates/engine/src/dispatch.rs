//! What runs and when: the loop of a node, and the same steps one by one for tests and benches.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use policykit_core::{Timestamp, call::CallState};
use policykit_store::CallRow;
use tokio_util::sync::CancellationToken;

use crate::{
    Engine, EngineError,
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
        while !stop.is_cancelled() {
            match parts.tick().await {
                Ok(true) => {}
                Ok(false) => parts.wait_for_work(&stop).await,
                Err(error) => {
                    if !error.is_lost_lease() {
                        tracing::error!(%error, "engine.tick");
                    }
                    parts.wait_for_work(&stop).await;
                }
            }
        }
        let _ = tokio::time::timeout(DRAIN, parts.idle()).await;
        // The last chance: they end with this process.
        parts.write_unwritten().await;
        heart.abort();
        news.abort();
        parts.db.release(parts.options.node).await?;
        Ok(())
    }

    /// When something of this node's shards is due next: a wake, or a call to be sent again. `None` when nothing is. For
    /// tools that move the clock themselves.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn next_due(&self) -> Result<Option<Timestamp>, EngineError> {
        Ok(self.0.db.next_due(&self.0.fences()).await?)
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
    /// One look at everything that may be due. Whether there was anything.
    pub(crate) async fn tick(self: &Arc<Self>) -> Result<bool, EngineError> {
        // Also without a shard: whoever has it now cannot let itself in without them.
        self.write_unwritten().await;
        let fences = self.fences();
        if fences.is_empty() {
            return Ok(false);
        }
        // Before the inbox is read: whoever cast a ballot before a deadline is counted before the deadline is acted upon.
        let mut heard_until = self.clock.now();
        let mut worked = self.recover_shards().await?;
        if self.recheck_parked.swap(false, Ordering::SeqCst) {
            let parked = self.db.inbox_parked(&fences, self.options.batch).await?;
            let before = parked.len();
            if before > 0 {
                if let Err(error) = self.process(&parked).await {
                    self.recheck_parked.store(true, Ordering::SeqCst);
                    return Err(error);
                }
                worked |= self.db.inbox_parked(&fences, self.options.batch).await?.len() < before;
            }
        }
        let rows = self.db.inbox_new(&fences, self.options.batch).await?;
        if let Some(last) = rows.last() {
            if rows.len() >= self.options.batch {
                heard_until = heard_until.min(last.delivery.received_at);
            }
            self.process(&rows).await?;
            worked = true;
        }
        worked |= self.due_work(&fences, heard_until).await?;
        worked |= self.look_for_overdue(&fences).await?;
        Ok(worked)
    }

    /// Calls and wakes that are due; `heard_until` is the time up to which every delivery has been dealt with.
    async fn due_work(
        self: &Arc<Self>,
        fences: &[policykit_store::Fence],
        heard_until: Timestamp,
    ) -> Result<bool, EngineError> {
        let now = self.clock.now();
        if !self.is_due(now) {
            return Ok(false);
        }
        let mut worked = false;
        let open = [CallState::Planned, CallState::Retry, CallState::Sending];
        for row in self.db.calls_in_state(fences, &open, now, self.options.batch).await? {
            if !lock(&self.busy).calls.contains(&row.id) {
                worked = true;
                self.spawn_resume(row);
            }
        }
        worked |= self.handle_wakes(fences, heard_until).await?;
        if worked {
            // There may be more than one batch of it.
            self.due(now);
        } else {
            // What is due but has to wait for something that is under way is announced when that ends.
            let next = self.db.next_due(fences).await?.map(|at| if at <= now { now + self.options.poll } else { at });
            // What was announced while the database was asked stays.
            let mut known = lock(&self.next_due);
            *known = known.iter().copied().chain(next).min();
        }
        Ok(worked)
    }

    /// Whether something may be due; nothing is asked of the database before that.
    fn is_due(&self, now: Timestamp) -> bool {
        let poll = lock(&self.last_look).is_none_or(|last| last + self.options.poll <= now);
        let mut next = lock(&self.next_due);
        let due = poll || next.is_some_and(|at| at <= now);
        if due {
            // Announced anew by whoever has something to announce from now on.
            *next = None;
            *lock(&self.last_look) = Some(now);
        }
        drop(next);
        due
    }

    /// Notes that there will be something to do at `at`.
    pub(crate) fn due(&self, at: Timestamp) {
        let mut next = lock(&self.next_due);
        *next = Some(next.map_or(at, |known| known.min(at)));
        drop(next);
        self.work.notify_one();
    }

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
    fn spawn_resume(self: &Arc<Self>, row: CallRow) {
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
                            Ok(())
                        }
                        Err(error) => {
                            // The call is still due: it comes up again.
                            lock(&parts.busy).evaluations.remove(&evaluation);
                            Err(error)
                        }
                    }
                });
            }
        }
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
        let (id, proposal) = (evaluation.row.id, evaluation.row.proposal);
        let result = match self.drive_on(&mut evaluation, call).await {
            Ok(Driven::Ended(end)) => self.end(evaluation, end).await,
            Ok(Driven::Parked) => Ok(After::Open),
            Err(error) => Err(error),
        };
        match &result {
            Ok(After::Settled) => {
                lock(&self.busy).end(proposal, id);
                // Votes may have come while it ran, also such as had to wait for it.
                self.recheck_parked.store(true, Ordering::SeqCst);
                self.due(self.clock.now());
            }
            // The proposal stays busy: nothing else may evaluate it until this evaluation has ended.
            Ok(After::Open) => {
                lock(&self.busy).evaluations.remove(&id);
            }
            Ok(After::GoesOn) => {}
            Err(_) => {
                lock(&self.busy).evaluations.remove(&id);
                // It is stored as running: the next look picks it up and replays it.
                self.recover.store(true, Ordering::SeqCst);
            }
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
            row.fence = self.fence(row.community)?.fence;
            match self.resolve(row, Found::JustWritten).await? {
                Some(row) => evaluation.supply_call(row),
                None => return Ok(Driven::Parked),
            }
        }
        loop {
            match evaluation.advance(self) {
                Pause::Ended(end) => return Ok(Driven::Ended(end)),
                Pause::Read(request) => {
                    let value = self.read_outside(&evaluation.community, &request).await?;
                    evaluation.supply_read(&request, value);
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
