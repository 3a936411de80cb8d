//! The unit of work becomes true: everything in one transaction, one statement per kind of change.

use std::{collections::BTreeSet, sync::Arc};

use policykit_core::ids::CommunityId;

use crate::{
    action, amendment, awaited, ballot, call,
    changes::{Changes, Fence},
    channel,
    db::{Db, Points},
    decision,
    error::StoreError,
    evaluation, fence, inbox, installation, integration, log, member, owned, policy, proposal, role,
    sql::Conn,
    wake,
};

impl Db {
    /// Writes everything in `changes`, or nothing.
    ///
    /// # Errors
    /// [`StoreError::FenceLost`] when a shard is somebody else's by now; [`StoreError::Conflict`] when a proposal, call
    /// or evaluation is not as the change expects it, or a community has another version than a change of its rules was
    /// judged by, or a member who decided may not any more; [`StoreError::NotFound`] when a change concerns no row.
    pub async fn commit(&self, changes: Changes) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        let points = Points::of(changes.label);
        self.probe(points.before).await;
        let _turns =
            if self.shared.has_parallel_writers() && !(changes.decisions.is_empty() && changes.amendments.is_empty()) {
                self.shared.sequencer.turn(communities(&changes).into_iter()).await
            } else {
                Vec::new()
            };
        let changes = Arc::new(changes);
        let (decided, taken) =
            (!(changes.decisions.is_empty() && changes.amendments.is_empty()), !changes.inbox.is_empty());
        self.shared
            .write(Some(points.commit), move |conn| {
                let changes = Arc::clone(&changes);
                Box::pin(async move { apply(conn, &changes).await })
            })
            .await?;
        if decided {
            self.shared.bell.decided();
        }
        if taken {
            self.shared.bell.taken();
        }
        self.probe(points.after).await;
        Ok(())
    }
}

impl Changes {
    /// Whether there is nothing to write. Fences alone write nothing.
    pub fn is_empty(&self) -> bool {
        // Without `..`, so that a new kind of change cannot be forgotten here.
        let Self {
            label: _,
            fences: _,
            permitted: _,
            inbox,
            users,
            channels,
            actions,
            action_changes,
            proposals,
            proposal_changes,
            evaluations,
            evaluation_ends,
            reads,
            reads_awaited,
            calls,
            call_changes,
            owned,
            owned_used,
            ballots,
            wakes,
            wakes_done,
            logs,
            decisions,
            amendments,
            policies_suspended,
            installations_lost,
            keys_destroyed,
        } = self;
        inbox.is_empty()
            && users.is_empty()
            && channels.is_empty()
            && actions.is_empty()
            && action_changes.is_empty()
            && proposals.is_empty()
            && proposal_changes.is_empty()
            && evaluations.is_empty()
            && evaluation_ends.is_empty()
            && reads.is_empty()
            && reads_awaited.is_empty()
            && calls.is_empty()
            && call_changes.is_empty()
            && owned.is_empty()
            && owned_used.is_empty()
            && ballots.is_empty()
            && wakes.is_empty()
            && wakes_done.is_empty()
            && logs.is_empty()
            && decisions.is_empty()
            && amendments.is_empty()
            && policies_suspended.is_empty()
            && installations_lost.is_empty()
            && keys_destroyed.is_empty()
    }
}

/// Whose log of decisions is written to.
fn communities(changes: &Changes) -> BTreeSet<CommunityId> {
    let amended = changes.amendments.iter().map(|a| a.community);
    decision::communities(&changes.decisions).into_iter().chain(amended).collect()
}

async fn apply(conn: &mut Conn<'_>, changes: &Changes) -> Result<(), StoreError> {
    let mut fences: Vec<Fence> = changes.fences.clone();
    fences.sort_unstable();
    fences.dedup();
    let heads = fence::check(conn, &fences, communities(changes)).await?;
    amendment::claim(conn, &changes.amendments).await?;
    role::check(conn, &changes.permitted).await?;
    inbox::apply(conn, &changes.inbox).await?;
    member::upsert(conn, &changes.users).await?;
    channel::upsert(conn, &changes.channels).await?;
    action::insert(conn, &changes.actions).await?;
    action::apply(conn, &changes.action_changes).await?;
    proposal::insert(conn, &changes.proposals).await?;
    proposal::apply(conn, &changes.proposal_changes).await?;
    evaluation::insert(conn, &changes.evaluations).await?;
    evaluation::end(conn, &changes.evaluation_ends).await?;
    evaluation::insert_reads(conn, &changes.reads).await?;
    // After the answers: what is asked for next may be put off in the same unit of work.
    awaited::upsert(conn, &changes.reads_awaited).await?;
    call::insert(conn, &changes.calls).await?;
    call::apply(conn, &changes.call_changes).await?;
    owned::insert(conn, &changes.owned).await?;
    owned::use_up(conn, &changes.owned_used).await?;
    ballot::upsert(conn, &changes.ballots).await?;
    // What is done first, then what is new: a wake that its own handling sets again stays.
    wake::done(conn, &changes.wakes_done).await?;
    wake::upsert(conn, &changes.wakes).await?;
    log::insert(conn, &changes.logs).await?;
    policy::suspend(conn, &changes.policies_suspended).await?;
    installation::lose(conn, &changes.installations_lost).await?;
    let made = amendment::apply(conn, &changes.amendments).await?;
    integration::destroy_keys(conn, &changes.keys_destroyed).await?;
    // Last, because it holds the chain until the commit.
    let decisions = [changes.decisions.as_slice(), &made].concat();
    decision::append(conn, &decisions, heads).await
}
