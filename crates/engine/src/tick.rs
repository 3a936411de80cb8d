//! When something is done: one look at everything that may be due, and when the next look is.

use std::sync::{Arc, atomic::Ordering};

use policykit_core::{Timestamp, call::CallState, ids::InboxId};
use policykit_store::{CLOCKS_AGREE, Fence, InboxRow, InboxWindow, SetBack, Waiting};

use crate::{
    EngineError,
    parts::{Parts, lock},
};

impl Parts {
    /// One look at everything that may be due. Whether there was anything.
    pub(crate) async fn tick(self: &Arc<Self>) -> Result<bool, EngineError> {
        let clock = self.clock_since();
        if clock == SetBack::Yes {
            // What was to be done at once, or again, may lie ahead now.
            self.recover.store(true, Ordering::SeqCst);
        }
        // Also without a shard: whoever has it now cannot let itself in without them.
        self.write_unwritten().await;
        if self.is_lease_ending() {
            // A heartbeat has come too late, or this process or its clock made a leap. Begun now, nothing could be sent.
            self.heartbeat().await?;
        }
        let fences = self.fences();
        if fences.is_empty() {
            return Ok(false);
        }
        // Before the inbox is read: whoever cast a ballot before a deadline is counted before the deadline is acted upon.
        let mut heard_until = self.clock.now();
        if self.recover.load(Ordering::SeqCst) {
            // Seldom, and not worth its room in every look. Announced only when there is any: whatever else is wrong may
            // set this off again and again.
            if Box::pin(self.db.wake_what_waits_for_nothing(&fences, heard_until, clock)).await? > 0 {
                self.due(heard_until);
            }
        }
        let mut worked = self.recover_shards().await?;
        worked |= self.take_up_due().await;
        if lock(&self.stuck).release(heard_until) {
            // It may have been one of these that could not be dealt with.
            self.recheck_parked.store(true, Ordering::SeqCst);
        }
        worked |= self.look_at_parked(&fences).await?;
        if let Some((at, _)) = *lock(&self.parked_after) {
            // The others of them have not been looked at yet.
            heard_until = heard_until.min(at);
        }
        let mut rows = self.waiting(Waiting::New, &fences, None).await?;
        if let Some(last) = rows.last().filter(|_| rows.len() >= self.options.batch) {
            heard_until = heard_until.min(last.delivery.received_at);
        }
        self.leave_stuck(&mut rows);
        if !rows.is_empty() {
            self.process(&rows).await?;
            worked = true;
        }
        if self.recheck_parked.load(Ordering::SeqCst) {
            // A vote has been written down since those that wait for one were looked at: their ballots come before its end.
            return Ok(true);
        }
        worked |= self.due_work(&fences, heard_until).await?;
        worked |= self.look_for_overdue(&fences).await?;
        Ok(worked)
    }

    /// Whether the clock has been set back under this node since it last did something. Told once.
    fn clock_since(&self) -> SetBack {
        let now = self.clock.now();
        let before = std::mem::replace(&mut *lock(&self.latest), now);
        if before > now + CLOCKS_AGREE { SetBack::Yes } else { SetBack::NotKnown }
    }

    /// Notes that something is done now.
    pub(crate) fn pass(&self) {
        let now = self.clock.now();
        let mut latest = lock(&self.latest);
        *latest = now.max(*latest);
    }

    /// Looks again at deliveries that wait for a call of ours, when there is a reason to: at as many as are settled at once,
    /// and the next time at those after them, until all have had their turn. Those that go on waiting keep their place,
    /// so that those of one community could hide all others for ever. Whether there was anything.
    async fn look_at_parked(self: &Arc<Self>, fences: &[Fence]) -> Result<bool, EngineError> {
        let after = lock(&self.parked_after).take();
        if after.is_none() && !self.recheck_parked.swap(false, Ordering::SeqCst) {
            return Ok(false);
        }
        let looked = self.look_at_parked_after(fences, after).await;
        match &looked {
            Ok(_) if after.is_some() && lock(&self.parked_after).is_none() => {
                // What was due had to wait for the last of them.
                self.due(self.clock.now());
            }
            Ok(_) => {}
            // The same ones are looked at again.
            Err(_) if after.is_some() => *lock(&self.parked_after) = after,
            Err(_) => self.recheck_parked.store(true, Ordering::SeqCst),
        }
        looked
    }

    async fn look_at_parked_after(
        self: &Arc<Self>,
        fences: &[Fence],
        after: Option<(Timestamp, InboxId)>,
    ) -> Result<bool, EngineError> {
        let mut parked = self.waiting(Waiting::Parked, fences, after).await?;
        let before = parked.len();
        let last = parked.last().map(|row| (row.delivery.received_at, row.delivery.id));
        self.leave_stuck(&mut parked);
        if !parked.is_empty() {
            self.process(&parked).await?;
        }
        if before >= self.options.batch {
            *lock(&self.parked_after) = last;
            return Ok(last.is_some());
        }
        Ok(before > 0 && self.waiting(Waiting::Parked, fences, after).await?.len() < before)
    }

    /// The oldest deliveries that wait, after this one, without those of communities that wait for another try.
    async fn waiting(
        &self,
        waiting: Waiting,
        fences: &[Fence],
        after: Option<(Timestamp, InboxId)>,
    ) -> Result<Vec<InboxRow>, EngineError> {
        let without = lock(&self.stuck).named();
        let window = InboxWindow { without: &without, after, ..InboxWindow::of(fences, self.options.batch) };
        Ok(self.db.inbox(waiting, window).await?)
    }

    /// There may be more of them than could be named.
    fn leave_stuck(&self, rows: &mut Vec<InboxRow>) {
        let stuck = lock(&self.stuck);
        rows.retain(|row| !stuck.holds(row.delivery.community));
    }

    /// Calls and wakes that are due; `heard_until` is the time up to which every delivery has been dealt with.
    async fn due_work(self: &Arc<Self>, fences: &[Fence], heard_until: Timestamp) -> Result<bool, EngineError> {
        let now = self.clock.now();
        if !self.is_due(now) {
            return Ok(false);
        }
        let mut worked = false;
        let open = [CallState::Planned, CallState::Retry, CallState::Sending];
        // Those that are under way, or wait for their evaluation's time, keep their place in the order: as many more are
        // looked at, or they would hide all others.
        let passed_over = lock(&self.busy).calls.len() + lock(&self.again).len();
        for row in self.db.calls_in_state(fences, &open, now, self.options.batch + passed_over).await? {
            let waits = row.evaluation.is_some_and(|evaluation| lock(&self.again).holds(evaluation));
            if !waits && !lock(&self.busy).calls.contains(&row.id) {
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
            let next = next.into_iter().chain(lock(&self.again).next()).min();
            // What was announced while the database was asked stays.
            let mut known = lock(&self.next_due);
            *known = known.iter().copied().chain(next).min();
        }
        Ok(worked)
    }

    /// Whether something may be due; nothing is asked of the database before that.
    fn is_due(&self, now: Timestamp) -> bool {
        let poll = lock(&self.last_look).is_none_or(|last| last + self.options.poll <= now || last > now);
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
}
