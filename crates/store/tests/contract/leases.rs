//! Shards: who holds them, and who may write.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures::future::join_all;
use policykit_store::{Changes, Db, Fence, StoreError};

use crate::support::{Gate, Home, node, on_each, on_postgres, secs};

const TTL: Duration = Duration::from_secs(12);

async fn lease(db: &Db, who: u128, at: i64) -> Vec<Fence> {
    db.lease(node(who), secs(at), TTL, 256).await.unwrap()
}

fn shards(fences: &[Fence]) -> BTreeSet<u16> {
    fences.iter().map(|fence| fence.shard).collect()
}

fn write(home: &Home, message: &str, fence: Fence) -> Changes {
    Changes { fences: vec![fence], logs: vec![home.log("k", message)], ..Changes::default() }
}

/// The shard in which [`Home::build`] puts its community.
fn of_home(fences: &[Fence]) -> Fence {
    *fences.iter().find(|fence| fence.shard == 5).unwrap()
}

#[test]
fn a_node_alone_holds_everything_and_keeps_its_fences_while_it_renews() {
    on_each(async |database| {
        let db = database.db().await;
        let first = lease(&db, 1, 0).await;
        assert_eq!(shards(&first), (0..256).collect());
        for at in [5, 10, 15, 26] {
            assert_eq!(lease(&db, 1, at).await, first, "at {at}");
        }
        assert_eq!(db.lease(node(1), secs(30), TTL, 10).await.unwrap().len(), 10, "no more than it wants");
    });
}

#[test]
fn two_nodes_come_to_share_without_overlap() {
    on_each(async |database| {
        let db = database.db().await;
        let first = lease(&db, 1, 0).await;
        assert!(lease(&db, 2, 1).await.is_empty(), "nothing is taken from a living node");
        let one = lease(&db, 1, 2).await;
        let two = lease(&db, 2, 3).await;
        assert_eq!((one.len(), two.len()), (128, 128));
        assert_eq!(&shards(&one) | &shards(&two), (0..256).collect());
        assert!(one.iter().all(|fence| first.contains(fence)), "what a node keeps, it keeps under the same fence");
        for taken in &two {
            let before = first.iter().find(|fence| fence.shard == taken.shard).unwrap();
            assert!(taken.fence > before.fence);
        }
        assert_eq!((lease(&db, 1, 4).await, lease(&db, 2, 5).await), (one, two), "and there it rests");
    });
}

#[test]
fn a_node_that_is_not_heard_of_loses_its_shards_when_the_lease_has_run_out() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let old = of_home(&lease(&db, 1, 0).await);
        assert!(lease(&db, 2, 11).await.is_empty());
        let taken = lease(&db, 2, 12).await;
        assert_eq!(taken.len(), 256);
        let new = of_home(&taken);
        assert!(new.fence > old.fence);
        let late = db.commit(write(&home, "late", old)).await;
        assert!(matches!(late, Err(StoreError::FenceLost)), "{late:?}");
        db.commit(write(&home, "in time", new)).await.unwrap();
        let lines = db.community(home.community).logs(home.proposal("k").id).await.unwrap();
        assert_eq!(lines.iter().map(|line| line.message.as_str()).collect::<Vec<_>>(), ["in time"]);
        assert!(lease(&db, 1, 13).await.is_empty(), "it must wait until the other gives some back");
    });
}

#[test]
fn a_lease_from_before_the_clock_was_set_back_counts_as_run_out() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let old = of_home(&lease(&db, 1, 3600).await);
        // It dies, the clock is set back by an hour, and it begins anew as somebody else.
        let taken = lease(&db, 2, 0).await;
        assert_eq!(taken.len(), 256, "all of it at once, and nothing is left to the one that is gone");
        let new = of_home(&taken);
        assert!(new.fence > old.fence);
        let late = db.commit(write(&home, "late", old)).await;
        assert!(matches!(late, Err(StoreError::FenceLost)), "{late:?}");
        db.commit(write(&home, "in time", new)).await.unwrap();
        assert!(lease(&db, 3, 1).await.is_empty(), "a lease of now is waited for");
    });
}

#[test]
fn a_node_whose_clock_is_a_little_ahead_keeps_its_shards() {
    on_each(async |database| {
        let db = database.db().await;
        let ahead = lease(&db, 1, 12).await;
        assert!(lease(&db, 2, 0).await.is_empty());
        assert_eq!(ahead.len(), 256);
    });
}

#[test]
fn a_node_late_with_its_heartbeat_keeps_what_nobody_has_taken() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let first = lease(&db, 1, 0).await;
        assert_eq!(lease(&db, 1, 500).await, first);
        db.commit(write(&home, "late and alone", of_home(&first))).await.unwrap();
    });
}

#[test]
fn what_is_given_back_can_be_taken_at_once_and_no_longer_written_under() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let old = of_home(&lease(&db, 1, 0).await);
        db.release(node(1)).await.unwrap();
        assert!(matches!(db.commit(write(&home, "late", old)).await, Err(StoreError::FenceLost)));
        let taken = lease(&db, 2, 0).await;
        assert_eq!(taken.len(), 256, "the node that left does not count any more");
        assert!(of_home(&taken).fence > old.fence);
        db.release(node(1)).await.unwrap();
        assert_eq!(lease(&db, 2, 1).await, taken, "releasing what one does not hold changes nothing");
    });
}

#[test]
fn fences_outlive_a_restart() {
    on_each(async |database| {
        let db = database.db().await;
        let before = of_home(&lease(&db, 1, 0).await);
        db.close().await;
        let db = database.db().await;
        assert!(of_home(&lease(&db, 2, 100).await).fence > before.fence);
    });
}

#[test]
fn renewing_and_taking_in_parallel_with_commits_disturbs_none_of_them() {
    on_each(async |database| {
        let db = database.db().await;
        let other = database.open().await;
        let home = Home::build(&db).await;
        let ours = of_home(&lease(&db, 1, 0).await);
        let writers = (0..30).map(|n| {
            let (db, changes) = (db.clone(), write(&home, &n.to_string(), ours));
            tokio::spawn(async move { db.commit(changes).await })
        });
        let heartbeats = (0..15).map(|at| {
            let db = if at % 3 == 0 { other.clone() } else { db.clone() };
            tokio::spawn(async move {
                db.lease(node(1), secs(at), TTL, 256).await.map(|fences| assert_eq!(fences.len(), 256))
            })
        });
        for outcome in join_all(writers.chain(heartbeats)).await {
            outcome.unwrap().unwrap();
        }
        assert_eq!(db.community(home.community).logs(home.proposal("k").id).await.unwrap().len(), 30);
    });
}

#[test]
fn a_shard_under_which_somebody_writes_at_this_moment_is_not_taken_before_that_is_done() {
    on_postgres(async |database| {
        let gate = Gate::at("T6.commit");
        let db = database.db().await.with_probe(Arc::clone(&gate) as _);
        let other = database.open().await;
        let home = Home::build(&db).await;
        let ours = of_home(&lease(&db, 1, 0).await);
        let commit = tokio::spawn({
            let (db, changes) = (db.clone(), Changes { label: "T6", ..write(&home, "in time", ours) });
            async move { db.commit(changes).await }
        });
        gate.reached().await;
        assert_eq!(lease(&db, 1, 1).await.len(), 256, "renewing waits for nobody");
        let taken = lease(&other, 2, 100).await;
        assert_eq!(taken.len(), 255, "the lease has run out, yet the fence was checked and the commit is not over");
        assert!(!shards(&taken).contains(&5));
        gate.open();
        commit.await.unwrap().unwrap();
        assert!(shards(&lease(&other, 2, 101).await).contains(&5));
        assert!(matches!(db.commit(write(&home, "late", ours)).await, Err(StoreError::FenceLost)));
    });
}

#[test]
fn many_nodes_that_start_at_once_never_hold_the_same_shard() {
    on_each(async |database| {
        let db = database.db().await;
        let other = database.open().await;
        let mut last = Vec::new();
        for round in 0..4 {
            let tasks = (0..6_u128).map(|who| {
                let db = if who % 2 == 0 { db.clone() } else { other.clone() };
                tokio::spawn(async move { lease(&db, who + 1, round).await })
            });
            last = join_all(tasks).await.into_iter().map(Result::unwrap).collect::<Vec<_>>();
        }
        // Whoever renewed before another gave back may believe in more than it holds; the fence settles that. What
        // stands in the table is without overlap, because a shard is one row; here each takes no more than its share.
        let mut held: Vec<Fence> = Vec::new();
        for who in 0..6_u128 {
            held.extend(lease(&db, who + 1, 5).await);
        }
        for who in 0..6_u128 {
            last[usize::try_from(who).unwrap()] = lease(&db, who + 1, 6).await;
        }
        let all: Vec<u16> = last.iter().flatten().map(|fence| fence.shard).collect();
        assert_eq!(all.len(), 256);
        assert_eq!(all.into_iter().collect::<BTreeSet<_>>().len(), 256);
        assert!(last.iter().all(|fences| fences.len() <= 43), "a fair share each");
    });
}
