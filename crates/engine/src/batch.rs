//! A batch of deliveries from reading to one commit: T2.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use crate::{
    EngineError,
    ballots::Cast,
    community::{Accounts, CommunityHandle},
    govern::WEBHOOK_TRIGGER,
    intake::Intake,
    outbox::{FollowUp, Outbox},
    parts::{Parts, lock},
    propose::PROPOSED_HERE,
    stuck::pause_after,
};
use policykit_core::{
    JsonMap, Timestamp,
    action::{Action, Origin, Standing},
    community::{InstallationStatus, User},
    event::{Event, EventBody},
    ids::{ActionId, CommunityId, UserId},
    policy::PolicyKind,
};
use policykit_store::{ChannelRow, Fence, InboxChange, InboxRow, InboxState, LostInstallation, Redact, StoreError};

/// A delivery that was read, with the community it is for and what it tells of.
pub(crate) type Read<'a> = (&'a InboxRow, Arc<CommunityHandle>, Intake);

/// How often it is tried to deal with a delivery that the batch it came in broke on.
const MOST_TRIES: i64 = 5;

/// Whether an event could be dealt with now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    Yes,
    /// What it refers to is not written down yet, or is under way; with what is waited for.
    TooEarly(&'static str),
}

impl Parts {
    /// Deals with deliveries in order and commits all that comes of them at once. Where one of them stands in the way,
    /// each is dealt with by itself, and one that still cannot be is given up after a while.
    pub(crate) async fn process(self: &Arc<Self>, rows: &[InboxRow]) -> Result<(), EngineError> {
        match self.process_at_once(rows).await {
            Err(error) if error.is_about_the_work() => {
                tracing::warn!(%error, rows = rows.len(), "engine.batch.apart");
                self.process_apart(rows).await
            }
            result => result,
        }
    }

    async fn process_apart(self: &Arc<Self>, rows: &[InboxRow]) -> Result<(), EngineError> {
        let mut stuck = BTreeSet::new();
        for row in rows {
            let community = row.delivery.community;
            // What came after it waits for it, so that nothing of a community is dealt with out of order.
            if stuck.contains(&community) {
                continue;
            }
            match self.process_at_once(std::slice::from_ref(row)).await {
                Ok(()) => {}
                Err(error) if error.is_about_the_work() => {
                    stuck.insert(community);
                    self.count_failure(row, &error).await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn count_failure(&self, row: &InboxRow, error: &EngineError) -> Result<(), EngineError> {
        let tries = row.tries.saturating_add(1);
        let again_at = self.clock.now() + pause_after(tries);
        let state = if tries < MOST_TRIES { row.state } else { InboxState::Dead };
        tracing::error!(inbox = %row.delivery.id, %error, tries, state = state.as_str(), "engine.inbox.failed");
        let note = Some(format!("it could not be dealt with: {error}"));
        let mut changes = self.labelled("T2");
        changes.fences.push(self.fence(row.delivery.community)?);
        changes.inbox.push(InboxChange { id: row.delivery.id, state, note, redact: Redact::No });
        self.commit(changes).await?;
        if state != InboxState::Dead {
            lock(&self.stuck).hold(row.delivery.community, again_at);
        }
        Ok(())
    }

    async fn process_at_once(self: &Arc<Self>, rows: &[InboxRow]) -> Result<(), EngineError> {
        match self.work_out(rows).await {
            Ok(out) => self.commit_and_follow(out).await,
            Err(error) => {
                // Who was met for it is not in the database.
                lock(&self.communities).clear();
                Err(error)
            }
        }
    }

    /// What comes of deliveries, ready to be committed.
    async fn work_out(&self, rows: &[InboxRow]) -> Result<Outbox, EngineError> {
        let mut out = Outbox::default();
        out.changes.label = "T2";
        let mut fences: BTreeMap<u16, Fence> = BTreeMap::new();
        let read = self.read_all(rows, &mut fences).await?;
        self.meet_all(&read, &mut out).await?;
        self.foresee(&read, &mut out);
        for (row, community, intake) in read {
            // Nothing of this will be written, so nothing more of it need be known.
            if out.nowhere.is_some() {
                break;
            }
            self.take_in(&community, row, intake, &mut out).await?;
        }
        out.changes.fences = fences.into_values().collect();
        Ok(out)
    }

    /// Reads deliveries; those of shards lost since they were fetched are left to the new owner.
    async fn read_all<'a>(
        &self,
        rows: &'a [InboxRow],
        fences: &mut BTreeMap<u16, Fence>,
    ) -> Result<Vec<Read<'a>>, EngineError> {
        let mut newest: HashMap<CommunityId, Arc<CommunityHandle>> = HashMap::new();
        let mut read = Vec::with_capacity(rows.len());
        for row in rows {
            let Ok(fence) = self.fence(row.delivery.community) else { continue };
            let community = self.community(row.delivery.community, Some(row.community_version)).await?;
            fences.insert(fence.shard, fence);
            let intake = self.read_delivery(&community, row).await?;
            self.probe("T2.read").await;
            newest.insert(row.delivery.community, Arc::clone(&community));
            read.push((row, community, intake));
        }
        // INVARIANT: all deliveries of a community have the same handle. What is in memory may be replaced while they are
        // read, by a change of the rules or by whoever else loads the community first, and who is met through one handle is
        // a stranger to another: what strangers do is nobody's, and no permission keeps them from it.
        for (row, community, _) in &mut read {
            if let Some(newest) = newest.get(&row.delivery.community) {
                *community = Arc::clone(newest);
            }
        }
        Ok(read)
    }

    /// Commits what is in the outbox, then begins the work that had to wait for that.
    pub(crate) async fn commit_and_follow(self: &Arc<Self>, out: Outbox) -> Result<(), EngineError> {
        let result = self.commit_all(out).await;
        if result.is_err() {
            // What was met in memory may not be in the database.
            lock(&self.communities).clear();
        }
        result
    }

    async fn commit_all(self: &Arc<Self>, mut out: Outbox) -> Result<(), EngineError> {
        if let Some(why) = out.nowhere.take() {
            return Err(EngineError::Nowhere(why));
        }
        for call in &mut out.changes.calls {
            call.fence = self.fence(call.community)?.fence;
        }
        let failed = std::mem::take(&mut out.failed);
        let amended: Vec<CommunityId> = out.changes.amendments.iter().map(|new| new.community).collect();
        let follow_ups = std::mem::take(&mut out.follow_ups);
        {
            // Before the commit, so that nobody who sees the committed rows takes them for abandoned.
            let mut busy = lock(&self.busy);
            for follow_up in &follow_ups {
                busy.begin(follow_up);
            }
        }
        if let Err(error) = self.commit_guarded(out.changes).await {
            let mut busy = lock(&self.busy);
            for follow_up in &follow_ups {
                busy.abandon(follow_up);
            }
            drop(busy);
            if !follow_ups.is_empty() && !matches!(error, EngineError::Store(StoreError::Conflict { .. })) {
                // It may have been written down all the same: then there is something to go on with.
                self.recover.store(true, std::sync::atomic::Ordering::SeqCst);
            }
            return Err(error);
        }
        failed.note(&mut lock(&self.errors));
        for community in amended {
            self.outdate(community);
            self.work.notify_one();
        }
        for follow_up in follow_ups {
            self.follow(follow_up);
        }
        Ok(())
    }

    fn follow(self: &Arc<Self>, follow_up: FollowUp) {
        match follow_up {
            FollowUp::Send(mut row) => {
                row.fence = self.fence(row.community).map(|f| f.fence).unwrap_or_default();
                self.spawn_call(*row, crate::calls::Found::JustWritten);
            }
            FollowUp::Drive(evaluation, call) => self.spawn_drive(*evaluation, call.map(|c| *c)),
        }
    }

    /// Looks up everybody the events name, all at once.
    async fn meet_all(&self, read: &[Read<'_>], out: &mut Outbox) -> Result<(), EngineError> {
        let mut wanted: HashMap<CommunityId, (Arc<CommunityHandle>, Accounts)> = HashMap::new();
        for (row, community, intake) in read {
            let Intake::Events(events, _) = intake else { continue };
            for actor in events.iter().filter_map(|e| e.actor.as_ref()) {
                if community.member(row.delivery.installation, actor).is_none() {
                    wanted
                        .entry(row.delivery.community)
                        .or_insert_with(|| (Arc::clone(community), BTreeMap::new()))
                        .1
                        .entry(row.delivery.installation)
                        .or_default()
                        .insert(actor.clone());
                }
            }
        }
        for (community, accounts) in wanted.into_values() {
            out.changes.users.extend(self.meet(&community, &accounts).await?);
        }
        Ok(())
    }

    async fn take_in(
        &self,
        community: &Arc<CommunityHandle>,
        row: &InboxRow,
        intake: Intake,
        out: &mut Outbox,
    ) -> Result<(), EngineError> {
        let (state, note, redact) = match intake {
            Intake::Park(why) => (InboxState::Parked, Some(why), Redact::No),
            Intake::Dead(why) => {
                tracing::warn!(inbox = %row.delivery.id, %why, "engine.inbox.dead");
                (InboxState::Dead, Some(why), Redact::No)
            }
            Intake::Events(events, used) => {
                out.changes.owned_used.extend(used);
                let mut taken = (InboxState::Done, None, Redact::No);
                for (ordinal, event) in events.iter().enumerate() {
                    if matches!(event.body, EventBody::Ballot { .. }) {
                        taken.2 = Redact::Yes;
                    }
                    if let Taken::TooEarly(why) = self.event(community, row, ordinal, event, out).await? {
                        taken = (InboxState::Parked, Some(why.to_owned()), Redact::No);
                    }
                }
                taken
            }
        };
        // A parked delivery that stays parked has not changed.
        if !(state == InboxState::Parked && row.state == InboxState::Parked) {
            out.changes.inbox.push(InboxChange { id: row.delivery.id, state, note, redact });
        }
        Ok(())
    }

    async fn event(
        &self,
        community: &Arc<CommunityHandle>,
        row: &InboxRow,
        ordinal: usize,
        event: &Event,
        out: &mut Outbox,
    ) -> Result<Taken, EngineError> {
        let initiator = event.actor.as_ref().and_then(|a| community.member(row.delivery.installation, a));
        match &event.body {
            EventBody::Action { action_type, fields } => {
                let mut action =
                    action_of(row, ordinal, event.at, PolicyKind::Platform, action_type, fields, initiator.as_ref());
                action.about = self.about(community, &action);
                action.is_private =
                    self.is_private(community, row, event, action_type, fields, &out.changes.channels).await?;
                self.govern(community, &action, initiator.as_ref(), event.home, out);
            }
            EventBody::Amendment { action_type, fields } => {
                let fields = self.told(row.delivery.community, action_type, fields).await?;
                let mut action = action_of(
                    row,
                    ordinal,
                    event.at,
                    PolicyKind::Constitution,
                    action_type,
                    &fields,
                    initiator.as_ref(),
                );
                // The rules are the community's, whichever platform somebody stood on when proposing to change them.
                action.installation = None;
                self.govern(community, &action, initiator.as_ref(), event.home, out);
            }
            EventBody::Trigger { event_type, data } => {
                // Some events have an action type of their own; all others are told as one.
                let own = community
                    .installation(row.delivery.installation)
                    .and_then(|i| self.registry.get(&i.platform))
                    .is_some_and(|p| p.descriptor().own_triggers().any(|t| t.event_type == event_type));
                let (action_type, fields) = if own {
                    (event_type.as_str(), data.clone())
                } else {
                    let fields = [
                        ("event_type".to_owned(), event_type.clone().into()),
                        ("data".to_owned(), data.clone().into()),
                    ];
                    (WEBHOOK_TRIGGER, fields.into_iter().collect())
                };
                // Most are nobody's business, and then nothing is asked of the database.
                if community.index.candidates(PolicyKind::Trigger, action_type).is_none() {
                    return Ok(Taken::Yes);
                }
                let mut action =
                    action_of(row, ordinal, event.at, PolicyKind::Trigger, action_type, &fields, initiator.as_ref());
                action.is_private =
                    self.is_private(community, row, event, action_type, &JsonMap::new(), &out.changes.channels).await?;
                self.trigger(community, &action, initiator.as_ref(), out);
            }
            EventBody::Amended { action } => self.fire_triggers(community, action, initiator.as_ref(), out),
            EventBody::Settled { proposal, action, verdict, by } => {
                if let Some(id) = proposal {
                    return self.settle_proposal(community, *id, *verdict, *by, out).await;
                }
                if let Some(id) = action {
                    self.settle_action(community, *id, *verdict, *by, out).await?;
                }
            }
            EventBody::Ballot { proposal, post_id, cast, reply_to } => {
                let cast = Cast { proposal: *proposal, post_id, cast, reply_to: reply_to.as_deref() };
                return self.ballot(community, row, ordinal, event, &cast, out).await;
            }
            EventBody::Person(profile) => {
                let user = User {
                    id: UserId::derive(row.delivery.installation, &profile.external_id),
                    community: row.delivery.community,
                    installation: row.delivery.installation,
                    external_id: profile.external_id.clone(),
                    name: profile.name.clone(),
                    is_admin: profile.is_admin,
                    is_bot: profile.is_bot,
                    is_gone: profile.is_gone,
                };
                community.remember(&user);
                // One delivery may tell of the same person twice; the later word counts.
                out.changes.users.retain(|u| u.id != user.id);
                out.changes.users.push(user);
            }
            EventBody::Channel(channel) => out.changes.channels.push(ChannelRow {
                community: row.delivery.community,
                installation: row.delivery.installation,
                channel: channel.clone(),
                // A time that is still to come would keep what is learned until then from being believed.
                at: event.at.min(self.clock.now()),
            }),
            EventBody::AccessLost { reason } => {
                Self::lost(row, InstallationStatus::CredentialsDead, event.at, reason, out);
            }
            EventBody::Uninstalled { reason } => {
                Self::lost(row, InstallationStatus::Uninstalled, event.at, reason, out);
            }
            EventBody::Nothing { .. } => {}
        }
        Ok(Taken::Yes)
    }

    /// The platform no longer lets us in: noted with what can be done about it. The record stays. Somebody may have let us
    /// in again since: then this is the echo of what was before.
    fn lost(row: &InboxRow, status: InstallationStatus, at: Timestamp, note: &str, out: &mut Outbox) {
        out.changes.installations_lost.push(LostInstallation {
            installation: row.delivery.installation,
            status,
            note: note.to_owned(),
            generation: None,
            // Some times are told to the second: what happened within it may have been later. One that cannot be read
            // says nothing.
            at: (at != Timestamp::default()).then(|| at + Duration::from_micros(999_999)),
        });
    }
}

pub(crate) fn action_of(
    row: &InboxRow,
    ordinal: usize,
    at: Timestamp,
    kind: PolicyKind,
    action_type: &str,
    fields: &JsonMap,
    initiator: Option<&User>,
) -> Action {
    Action {
        id: ActionId::derive(row.delivery.id, ordinal),
        community: row.delivery.community,
        installation: Some(row.delivery.installation),
        inbox: Some(row.delivery.id),
        kind,
        action_type: action_type.to_owned(),
        initiator: initiator.map(|u| u.id),
        origin: if row.delivery.kind == PROPOSED_HERE { Origin::PolicyKit } else { Origin::Platform },
        fields: fields.clone(),
        about: None,
        is_private: false,
        reverted: false,
        standing: Standing::Stands,
        occurred_at: at,
    }
}
