//! E2 to E5: sending calls, writing down what came of them, and finding out after a crash.
//!
//! INVARIANT: a call is sent only when it is committed as `sending` under a fence this node holds; a call that may have
//! been sent is sent again only when that does no harm.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use policykit_core::{
    Timestamp,
    call::{CallOutcome, CallState, OperationClass},
    community::InstallationStatus,
    ids::{CommunityId, InstallationId},
};
use policykit_platforms::platform::{CallError, Confirmation, Platform, Renewal, SendContext, Sent};
use policykit_store::{
    CLOCKS_AGREE, CallChange, CallRow, Changes, Keys, LostInstallation, OwnedObject, StoreError, WakeRow,
};

use crate::{
    EngineError,
    drawings::REDRAW,
    integrations::{LEAVE, LEAVE_WITHIN, out_of_place},
    parts::{Parts, lock},
    states::{Beforehand, InTurn, noted},
};

/// When what could not be sent for want of time on the lease is sent: by then the lease is renewed, or another's.
const SOON_MS: u64 = 1_000;

/// Whether the call was committed as sending by this very process a moment ago, or found so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// Certainly not sent before.
    JustWritten,
    /// As it stands in the database.
    InDatabase,
}

impl Parts {
    /// Takes a call as far as it goes now. `Some` when it has an outcome; `None` when it waits for its time or for a
    /// person, or when somebody else here is at it.
    pub(crate) async fn resolve(&self, row: CallRow, found: Found) -> Result<Option<CallRow>, EngineError> {
        let id = row.id;
        if !lock(&self.busy).calls.insert(id) && found == Found::InDatabase {
            return Ok(None);
        }
        self.resolve_claimed(row, found).await
    }

    /// The same for a call that is noted as being dealt with already; ends the note.
    pub(crate) async fn resolve_claimed(&self, row: CallRow, found: Found) -> Result<Option<CallRow>, EngineError> {
        let id = row.id;
        let result = self.resolve_alone(row, found).await;
        lock(&self.busy).calls.remove(&id);
        if matches!(&result, Ok(Some(_))) {
            // Echoes that waited for this call can be told apart now.
            self.recheck_parked.store(true, std::sync::atomic::Ordering::SeqCst);
            self.work.notify_one();
        }
        result
    }

    async fn resolve_alone(&self, row: CallRow, found: Found) -> Result<Option<CallRow>, EngineError> {
        let now = self.clock.now();
        if found == Found::InDatabase && row.due_at > now && !ahead(&row, now) {
            return Ok(None);
        }
        // Before anything is decided about it: what another one does to the same thing changes what this one has to do.
        let state = self.in_turn(&row).await?;
        let state = state.as_ref();
        match row.state {
            CallState::Sending if found == Found::JustWritten => self.send_now(row, state).await,
            CallState::Planned | CallState::Retry if row.purpose == REDRAW && found == Found::InDatabase => {
                self.supersede(row, now).await
            }
            CallState::Planned | CallState::Retry => {
                // One after the other, so that a death leaves one of them in doubt and not as many as were waiting.
                let turn = (row.class == OperationClass::Blind).then(|| self.turn(row.installation));
                let _my_turn = match turn {
                    Some(turn) => Some(turn.lock_owned().await),
                    None => None,
                };
                let row = self.begin_sending(row).await?;
                self.send_now(row, state).await
            }
            CallState::Sending => self.recover(row, state).await,
            CallState::Sent | CallState::Failed | CallState::SettledByPerson | CallState::Uncertain => {
                Ok(row.outcome.is_some().then_some(row))
            }
        }
    }

    /// What the blind calls of an installation wait for, one at a time.
    fn turn(&self, installation: InstallationId) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(lock(&self.turns).entry(installation).or_default())
    }

    /// T4: from now on it may have been sent. Not begun with a lease that is about to end: written down as being sent and
    /// then not sent, nobody could tell any more.
    async fn begin_sending(&self, mut row: CallRow) -> Result<CallRow, EngineError> {
        let fence = self.fence(row.community)?;
        if !self.may_send(row.community, fence.fence) {
            return Err(EngineError::NotOurs);
        }
        let now = self.clock.now();
        let mut changes = self.labelled("T4");
        changes.fences.push(fence);
        changes.call_changes.push(CallChange {
            id: row.id,
            from: vec![row.state],
            to: CallState::Sending,
            fence: Some(fence.fence),
            due_at: None,
            outcome: None,
            note: None,
            at: now,
        });
        self.commit(changes).await?;
        (row.state, row.fence, row.updated_at) = (CallState::Sending, fence.fence, now);
        row.attempt += 1;
        Ok(row)
    }

    /// E3: the request itself. The row is committed as sending under our fence.
    async fn send_now(&self, row: CallRow, state: Option<&InTurn>) -> Result<Option<CallRow>, EngineError> {
        self.probe("E3.before").await;
        let (platform, mut context) = self.send_context(&row).await?;
        let mut note = None;
        match self.known_of(&row, state).await? {
            Some(Beforehand::Settled(outcome)) => return self.record(row, outcome).await.map(Some),
            Some(Beforehand::Undo(undoing)) => context.undoing = Some(undoing),
            Some(Beforehand::Do(replaces)) => note = replaces,
            None => {}
        }
        let Some(platform) = self.registry.get(&platform) else {
            return Err(EngineError::Inconsistent(format!("there is no integration `{platform}` any more")));
        };
        let mut result = self.send_as(&row, platform, &mut context, Renewal::WhenDue).await?;
        if matches!(result, Err(CallError::Expired { .. })) {
            result = self.send_as(&row, platform, &mut context, Renewal::Refused).await?;
        }
        self.probe("E3.after").await;
        let now = self.clock.now();
        match result {
            Ok(outcome) => self.record(row, noted(outcome, note)).await.map(Some),
            Err(CallError::Retry { after_ms, .. }) if row.purpose == REDRAW => {
                let wait = Duration::from_millis(after_ms).max(backoff(row.attempt));
                self.supersede(row, now + wait).await
            }
            Err(CallError::Unknown { reason }) if row.purpose == REDRAW => {
                self.look_again(row, now + self.options.http_timeout, reason).await
            }
            Err(CallError::Retry { after_ms, reason }) => {
                self.try_again(row, Duration::from_millis(after_ms), reason, now).await
            }
            Err(CallError::Unknown { reason }) => match row.class {
                OperationClass::Idempotent => self.ask_again(row, reason, now).await,
                OperationClass::State | OperationClass::Marked => {
                    // It may still be under way: looked for when nobody can be sending it any more.
                    self.look_again(row, now + self.options.http_timeout, reason).await
                }
                OperationClass::Blind => self.record(row, CallOutcome::Unknown { reason }).await.map(Some),
            },
            Err(CallError::Refused { reason }) => {
                let outcome = CallOutcome::Refused { code: "refused".to_owned(), message: reason };
                self.record(row, outcome).await.map(Some)
            }
            Err(CallError::Expired { reason }) => self.try_again(row, Duration::ZERO, reason, now).await,
            Err(CallError::AccessLost { .. }) if self.has_other_keys(&context).await? => {
                let reason = "the keys it was sent with had been replaced meanwhile".to_owned();
                self.try_again(row, Duration::ZERO, reason, now).await
            }
            Err(CallError::AccessLost { reason }) => {
                let message = format!("the platform no longer accepts our credentials: {reason}");
                self.access_lost(&row, context.generation, &message).await?;
                self.record(row, CallOutcome::Refused { code: "access_lost".to_owned(), message }).await.map(Some)
            }
        }
    }

    /// What the journal says of the state that it changes, if it changes one.
    async fn known_of(&self, row: &CallRow, state: Option<&InTurn>) -> Result<Option<Beforehand>, EngineError> {
        match state {
            Some(state) => self.beforehand(row, state).await,
            None => Ok(None),
        }
    }

    /// Sends once, with credentials that do not run out on the way.
    async fn send_as(
        &self,
        row: &CallRow,
        platform: &dyn Platform,
        context: &mut SendContext,
        renewal: Renewal,
    ) -> Result<Result<CallOutcome, CallError>, EngineError> {
        if let Some(refused) = out_of_place(&row.purpose, context.installation.status) {
            return Ok(Ok(refused));
        }
        if let Err(error) = self.renewed(context, renewal).await? {
            return Ok(Err(error));
        }
        // They are those of the moment at which they were read, and so is this.
        if let Some(refused) = out_of_place(&row.purpose, context.installation.status) {
            return Ok(Ok(refused));
        }
        let fence = self.fence(row.community)?.fence;
        if row.fence != fence || !self.may_send(row.community, fence) {
            // Certainly not sent. Whoever has the shard by now knows better, and does not let this be written down.
            let reason = "the server was about to lose the right to send".to_owned();
            return Ok(Err(CallError::Retry { after_ms: SOON_MS, reason }));
        }
        // Renewing takes time, and by now somebody could already be looking for what is sent only now.
        if self.clock.now() > row.updated_at + self.options.lease_ttl {
            let reason = "renewing the credentials took too long".to_owned();
            return Ok(Err(CallError::Retry { after_ms: 0, reason }));
        }
        Ok(platform.send(&row.call, context).await)
    }

    /// E5: it is `sending`, and whoever was sending it is gone.
    async fn recover(&self, mut row: CallRow, state: Option<&InTurn>) -> Result<Option<CallRow>, EngineError> {
        let now = self.clock.now();
        let fence = self.fence(row.community)?.fence;
        if !self.may_send(row.community, fence) {
            return Err(EngineError::NotOurs);
        }
        // The one who was sending may be frozen, not dead: wait until its lease and its request have run out.
        let safe_at = self.safe_at(&row, now);
        // What the clock said when it was sent tells nothing once it has been set back: it may have been just now.
        let another = row.fence != fence || ahead(&row, now);
        let in_doubt = another && now < safe_at;
        if row.purpose == REDRAW && !in_doubt {
            return self.supersede(row, now).await;
        }
        match row.class {
            _ if in_doubt && (row.purpose == REDRAW || row.class == OperationClass::Marked) => {
                let reason = "waiting until nobody can be sending it any more".to_owned();
                self.take_over(&row, safe_at, reason).await?;
                Ok(None)
            }
            OperationClass::Idempotent => {
                let row = self.begin_sending(row).await?;
                self.send_now(row, state).await
            }
            OperationClass::Blind => {
                let reason = "the process ended while the request was under way; nobody can tell whether it arrived";
                self.record(row, CallOutcome::Unknown { reason: reason.to_owned() }).await.map(Some)
            }
            OperationClass::State | OperationClass::Marked => {
                let (platform, mut context) = self.send_context(&row).await?;
                let Some(platform) = self.registry.get(&platform) else {
                    return Err(EngineError::Inconsistent(format!("there is no integration `{platform}` any more")));
                };
                // Keys that have run out find nothing; those that cannot be renewed are tried all the same.
                if let Err(error) = self.renewed(&mut context, Renewal::WhenDue).await? {
                    tracing::warn!(%error, call = %row.id, "engine.renew");
                }
                match self.known_of(&row, state).await? {
                    Some(Beforehand::Undo(undoing)) => context.undoing = Some(undoing),
                    // There is nothing to undo any more, whether it was undone before or not.
                    Some(Beforehand::Settled(outcome @ CallOutcome::Done { .. })) => {
                        // It may have been sent, and what tells of it may be on its way: that is ours, as it is of one
                        // that was sent twice.
                        row.attempt = row.attempt.max(2);
                        return self.record(row, outcome).await.map(Some);
                    }
                    // Whether it was done is worth knowing, whatever was decided later.
                    Some(Beforehand::Settled(_) | Beforehand::Do(_)) | None => {}
                }
                match platform.confirm(&row.call, &context).await {
                    Confirmation::Done { reply } => self.record(row, CallOutcome::Done { reply }).await.map(Some),
                    Confirmation::NotDone => {
                        let row = self.begin_sending(row).await?;
                        self.send_now(row, state).await
                    }
                    Confirmation::Unknown { reason } if row.attempt >= self.options.max_attempts => {
                        self.record(row, CallOutcome::Unknown { reason }).await.map(Some)
                    }
                    Confirmation::Unknown { reason } => {
                        let at = now + backoff(row.attempt);
                        self.look_again(row, at, reason).await
                    }
                }
            }
        }
    }

    /// When nobody can be sending this call any more, however long they were frozen. It was not sent later than now,
    /// whatever the clock said then.
    pub(crate) fn safe_at(&self, row: &CallRow, now: Timestamp) -> Timestamp {
        row.updated_at.min(now) + self.options.lease_ttl + self.options.http_timeout
    }

    /// It certainly had no effect: back to waiting for its time.
    async fn try_again(
        &self,
        row: CallRow,
        after: Duration,
        reason: String,
        now: Timestamp,
    ) -> Result<Option<CallRow>, EngineError> {
        let wait = after.max(if after.is_zero() { backoff(row.attempt) } else { Duration::ZERO });
        let too_late = row.purpose == LEAVE && now + wait > row.created_at + LEAVE_WITHIN;
        if row.attempt >= self.options.max_attempts || too_late {
            let message = format!("given up after {} attempts: {reason}", row.attempt);
            let outcome = match row.class {
                OperationClass::Idempotent => CallOutcome::Unknown { reason: message },
                _ => CallOutcome::Refused { code: "gave_up".to_owned(), message },
            };
            return self.record(row, outcome).await.map(Some);
        }
        self.postpone(&row, CallState::Retry, now + wait, reason).await?;
        Ok(None)
    }

    /// It may have had an effect, and is made again whatever came of it. Until then it stays `sending`, so that what looks
    /// like its echo waits for its answer.
    async fn ask_again(&self, row: CallRow, reason: String, now: Timestamp) -> Result<Option<CallRow>, EngineError> {
        if row.attempt >= self.options.max_attempts {
            return self.try_again(row, Duration::ZERO, reason, now).await;
        }
        let at = now + backoff(row.attempt);
        self.look_again(row, at, reason).await
    }

    /// It may have had an effect: stays `sending`, looked at again at `at`.
    async fn look_again(&self, row: CallRow, at: Timestamp, reason: String) -> Result<Option<CallRow>, EngineError> {
        self.postpone(&row, CallState::Sending, at, reason).await?;
        Ok(None)
    }

    async fn postpone(
        &self,
        row: &CallRow,
        to: CallState,
        due_at: Timestamp,
        reason: String,
    ) -> Result<(), EngineError> {
        self.move_on(row, to, None, due_at, reason).await
    }

    /// From now on the call is this node's to find out about, from `due_at` on.
    async fn take_over(&self, row: &CallRow, due_at: Timestamp, reason: String) -> Result<(), EngineError> {
        let fence = self.fence(row.community)?.fence;
        self.move_on(row, CallState::Sending, Some(fence), due_at, reason).await
    }

    async fn move_on(
        &self,
        row: &CallRow,
        to: CallState,
        fence: Option<i64>,
        due_at: Timestamp,
        reason: String,
    ) -> Result<(), EngineError> {
        let mut changes = self.labelled("T5");
        changes.fences.push(self.fence(row.community)?);
        changes.call_changes.push(CallChange {
            id: row.id,
            from: vec![CallState::Sending],
            to,
            fence,
            due_at: Some(due_at),
            outcome: None,
            note: Some(reason),
            at: self.clock.now(),
        });
        self.commit(changes).await?;
        self.due(due_at);
        Ok(())
    }

    /// T5: what came of it, what it created, and what that means for the action and the proposal it was for.
    pub(crate) async fn record(&self, row: CallRow, outcome: CallOutcome) -> Result<CallRow, EngineError> {
        self.record_with(row, outcome, None).await
    }

    pub(crate) async fn record_with(
        &self,
        mut row: CallRow,
        outcome: CallOutcome,
        wake: Option<WakeRow>,
    ) -> Result<CallRow, EngineError> {
        let from = vec![row.state];
        let to = match &outcome {
            CallOutcome::Done { .. } => CallState::Sent,
            CallOutcome::Refused { .. } => CallState::Failed,
            CallOutcome::Unknown { .. } => CallState::Uncertain,
        };
        for attempt in 0..5_u8 {
            let mut changes = self.labelled("T5");
            changes.fences.push(self.fence(row.community)?);
            changes.call_changes.push(CallChange {
                id: row.id,
                from: from.clone(),
                to,
                fence: None,
                due_at: None,
                outcome: Some(outcome.clone()),
                note: None,
                at: self.clock.now(),
            });
            changes.wakes.extend(wake.clone());
            self.own(&row, &outcome, &mut changes).await?;
            self.left(&row, &outcome, &mut changes);
            self.effects_of(&row, &outcome, &mut changes).await?;
            match self.commit(changes).await {
                // The proposal has moved on between reading and writing it: read it again.
                Err(EngineError::Store(StoreError::Conflict { .. })) if attempt < 4 => {}
                Err(error) => return Err(error),
                Ok(()) => break,
            }
        }
        row.state = to;
        row.outcome = Some(outcome);
        Ok(row)
    }

    async fn own(&self, row: &CallRow, outcome: &CallOutcome, changes: &mut Changes) -> Result<(), EngineError> {
        let CallOutcome::Done { reply } = outcome else { return Ok(()) };
        let community = self.community(row.community, None).await?;
        let Some(platform) = community.installation(row.installation).and_then(|i| self.registry.get(&i.platform))
        else {
            return Ok(());
        };
        let now = self.clock.now();
        let sent = if row.attempt > 1 { Sent::Again } else { Sent::Once };
        changes.owned.extend(platform.owned_keys(&row.call, reply, sent).into_iter().map(|(key, once)| OwnedObject {
            community: row.community,
            installation: row.installation,
            key,
            call: row.id,
            once_until: once.map(|millis| now + Duration::from_millis(millis)),
        }));
        Ok(())
    }

    async fn access_lost(&self, row: &CallRow, generation: i64, message: &str) -> Result<(), EngineError> {
        let mut changes = self.labelled("T5");
        changes.fences.push(self.fence(row.community)?);
        changes.installations_lost.push(LostInstallation {
            installation: row.installation,
            status: InstallationStatus::CredentialsDead,
            note: message.to_owned(),
            generation: Some(generation),
            at: None,
        });
        self.commit(changes).await
    }

    /// The platform's id and everything sending through the call's installation needs.
    pub(crate) async fn send_context(&self, row: &CallRow) -> Result<(String, SendContext), EngineError> {
        let community = self.community(row.community, None).await?;
        let mut installation = community
            .installation(row.installation)
            .cloned()
            .ok_or_else(|| EngineError::Inconsistent(format!("call {} has no installation", row.id)))?;
        let Keys { generation, status, secrets: credentials } = self.credentials(&installation).await?;
        // What is in memory may be older than the keys.
        installation.status = status;
        let app = self.app(&installation.platform);
        let platform = installation.platform.clone();
        Ok((
            platform,
            SendContext {
                call: row.id,
                installation,
                credentials,
                generation,
                app,
                planned_at: row.created_at,
                now: self.clock.now(),
                pages: self.options.address.clone(),
                undoing: None,
            },
        ))
    }

    /// An empty unit of work with the name under which crash tests stop it.
    pub(crate) fn labelled(&self, label: &'static str) -> Changes {
        Changes { label, ..Changes::default() }
    }

    /// Commits; whoever loses a shard forgets all it believed about it.
    pub(crate) async fn commit(&self, changes: Changes) -> Result<(), EngineError> {
        let shards: BTreeSet<u16> = changes.fences.iter().map(|fence| fence.shard).collect();
        let due =
            changes.wakes.iter().map(|w| w.due_at).chain(changes.call_changes.iter().filter_map(|c| c.due_at)).min();
        let amended: Vec<CommunityId> = changes.amendments.iter().map(|a| a.community).collect();
        self.pass();
        let committed = self.db.commit(changes).await;
        for community in amended {
            // The rules may have changed: they are read anew.
            lock(&self.communities).remove(&community);
        }
        if let Err(error) = committed {
            if matches!(error, StoreError::FenceLost) {
                self.forget(&shards);
            }
            return Err(error.into());
        }
        if let Some(due) = due {
            self.due(due);
        }
        Ok(())
    }
}

/// Whether it was written down before a clock was set back. When it is due was told by that clock, and says nothing now.
fn ahead(row: &CallRow, now: Timestamp) -> bool {
    row.updated_at > now + CLOCKS_AGREE
}

/// How long to wait before the next try: doubling from a second, at most five minutes.
pub(crate) fn backoff(attempt: i64) -> Duration {
    let exponent = u32::try_from(attempt.clamp(1, 10) - 1).unwrap_or_default();
    Duration::from_secs(1 << exponent).min(Duration::from_secs(300))
}
