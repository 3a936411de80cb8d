//! Writers in each other's way: those who can succeed do, and one that fails harms nobody else.

use std::sync::Arc;

use futures::future::join_all;
use policykit_core::call::CallState;
use policykit_store::{ActionChange, Changes, Db, Fence, Page, ProposalChange, StoreError};

use crate::support::{Gate, Home, Raw, call_change, on_each, on_postgres, on_sqlite};

/// A line, which is among the last things of a commit to be written, and an action, which is among the first.
fn log(home: &Home, message: &str) -> Changes {
    Changes { logs: vec![home.log("k", message)], actions: vec![home.action(message)], ..Changes::default() }
}

async fn lines(db: &Db, home: &Home) -> Vec<String> {
    let lines = db.community(home.community).logs(home.proposal("k").id).await.unwrap();
    lines.into_iter().map(|line| line.message).collect()
}

#[test]
fn commits_that_wait_share_the_next_one_and_one_that_fails_hurts_none_of_its_neighbours() {
    on_sqlite(async |database| {
        let gate = Gate::at("T6.commit");
        let db = database.db().await.with_probe(Arc::clone(&gate) as _);
        let home = Home::build(&db).await;
        db.commit(Changes { calls: vec![home.call("k", 0)], ..Changes::default() }).await.unwrap();
        let before = db.stats().transactions;
        let first = tokio::spawn({
            let (db, changes) = (db.clone(), Changes { label: "T6", ..log(&home, "first") });
            async move { db.commit(changes).await }
        });
        gate.reached().await;
        let conflict = Changes {
            call_changes: vec![call_change(home.call("k", 0).id, &[CallState::Sent], CallState::Failed)],
            ..log(&home, "conflict")
        };
        let fence_lost = Changes { fences: vec![Fence { shard: 5, fence: 99 }], ..log(&home, "fence") };
        let none = Changes {
            proposal_changes: vec![ProposalChange::of(home.proposal("none").id, 1)],
            ..log(&home, "missing")
        };
        let group = [log(&home, "a"), conflict, log(&home, "b"), fence_lost, none, log(&home, "c")];
        let mut waiting: Vec<_> = group.into_iter().map(|changes| Box::pin(db.commit(changes))).collect();
        for commit in &mut waiting {
            assert!(futures::poll!(commit).is_pending());
        }
        gate.open();
        first.await.unwrap().unwrap();
        let outcomes = join_all(waiting).await;
        assert!(outcomes[0].is_ok() && outcomes[2].is_ok() && outcomes[5].is_ok(), "{outcomes:?}");
        assert!(matches!(outcomes[1], Err(StoreError::Conflict { .. })), "{outcomes:?}");
        assert!(matches!(outcomes[3], Err(StoreError::FenceLost)), "{outcomes:?}");
        assert!(matches!(outcomes[4], Err(StoreError::Conflict { .. })), "{outcomes:?}");
        assert_eq!(db.stats().transactions - before, 2, "six commits, one sync to disk");
        assert_eq!(lines(&db, &home).await, ["first", "a", "b", "c"]);
        assert_eq!(db.community(home.community).actions(Page::first(9)).await.unwrap().len(), 4);
    });
}

#[test]
fn a_group_of_nothing_but_failures_writes_nothing_and_the_next_commit_succeeds() {
    on_sqlite(async |database| {
        let gate = Gate::at("T6.commit");
        let db = database.db().await.with_probe(Arc::clone(&gate) as _);
        let home = Home::build(&db).await;
        let first = tokio::spawn({
            let (db, changes) = (db.clone(), Changes { label: "T6", ..log(&home, "first") });
            async move { db.commit(changes).await }
        });
        gate.reached().await;
        let bad = Changes { fences: vec![Fence { shard: 5, fence: 99 }], ..log(&home, "never") };
        let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(db.commit(bad.clone()))).collect();
        for commit in &mut waiting {
            assert!(futures::poll!(commit).is_pending());
        }
        gate.open();
        first.await.unwrap().unwrap();
        assert!(join_all(waiting).await.iter().all(|outcome| matches!(outcome, Err(StoreError::FenceLost))));
        db.commit(log(&home, "last")).await.unwrap();
        assert_eq!(lines(&db, &home).await, ["first", "last"]);
    });
}

#[test]
fn a_commit_whose_caller_has_gone_away_is_done_as_a_whole() {
    on_sqlite(async |database| {
        let gate = Gate::at("T6.commit");
        let db = database.db().await.with_probe(Arc::clone(&gate) as _);
        let home = Home::build(&db).await;
        {
            let mut commit = Box::pin(db.commit(Changes { label: "T6", ..log(&home, "given up") }));
            assert!(futures::poll!(&mut commit).is_pending());
            gate.reached().await;
        }
        gate.open();
        db.commit(log(&home, "after")).await.unwrap();
        assert_eq!(lines(&db, &home).await, ["given up", "after"]);
    });
}

#[test]
fn a_commit_waits_for_another_process_that_writes_to_the_same_file() {
    on_sqlite(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let mut raw = database.raw().await;
        raw.run("BEGIN IMMEDIATE").await;
        let mut commit = Box::pin(db.commit(log(&home, "waited")));
        assert!(futures::poll!(&mut commit).is_pending());
        raw.run("COMMIT").await;
        commit.await.unwrap();
        assert_eq!(lines(&db, &home).await, ["waited"]);
    });
}

/// Waits until somebody waits for a lock that somebody else holds.
async fn until_somebody_waits(raw: &mut Raw) {
    let blocked = "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.datname = current_database() \
                   JOIN pg_stat_activity a ON a.pid = l.pid AND a.datid = d.oid WHERE NOT l.granted";
    while raw.number(blocked).await == 0 {}
}

#[test]
fn of_two_transactions_that_lock_in_opposite_order_both_succeed() {
    on_postgres(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let made =
            Changes { actions: vec![home.action("k")], proposals: vec![home.proposal("k")], ..Changes::default() };
        db.commit(made).await.unwrap();
        let (mut other, mut watch) = (database.raw().await, database.raw().await);
        // The other one leaves finding the deadlock to the store's transaction, which is the one that must recover.
        other.run("SET deadlock_timeout = '1min'").await;
        other.run("BEGIN").await;
        other.run("UPDATE proposal SET effect_note = 'theirs'").await;
        let commit = tokio::spawn({
            let changes = Changes {
                action_changes: vec![ActionChange {
                    id: home.action("k").id,
                    reverted: Some(true),
                    standing: None,
                    done_at: None,
                }],
                proposal_changes: vec![ProposalChange {
                    error: Some("ours".to_owned()),
                    ..ProposalChange::of(home.proposal("k").id, 1)
                }],
                ..log(&home, "written once")
            };
            let db = db.clone();
            async move { db.commit(changes).await }
        });
        until_somebody_waits(&mut watch).await;
        other.run("UPDATE action SET standing = 'held'").await;
        other.run("COMMIT").await;
        commit.await.unwrap().unwrap();
        let bundle = db.community(home.community).proposal(home.proposal("k").id).await.unwrap();
        assert_eq!(
            (bundle.proposal.effect_note.as_deref(), bundle.proposal.error.as_deref()),
            (Some("theirs"), Some("ours"))
        );
        assert_eq!((bundle.action.standing.as_str(), bundle.action.reverted), ("held", true));
        assert_eq!(bundle.proposal.rev, 2);
        assert_eq!(lines(&db, &home).await, ["written once"]);
    });
}

#[test]
fn many_commits_over_the_same_rows_in_any_order_all_succeed() {
    on_each(async |database| {
        let db = database.db().await;
        let other = database.open().await;
        let home = Home::build(&db).await;
        let keys: Vec<String> = (0..8).map(|n| n.to_string()).collect();
        let actions = keys.iter().map(|key| home.action(key)).collect();
        db.commit(Changes { actions, ..Changes::default() }).await.unwrap();
        let tasks = (0..24_usize).map(|n| {
            let mut order = keys.clone();
            order.rotate_left(n % 8);
            if n % 3 == 0 {
                order.reverse();
            }
            let action_changes = order
                .iter()
                .map(|key| ActionChange {
                    id: home.action(key).id,
                    reverted: Some(true),
                    standing: None,
                    done_at: None,
                })
                .collect();
            let wakes = order.iter().map(|key| home.wake(key, "vote", crate::support::secs(1))).collect();
            let ballots = order.iter().map(|key| home.ballot(key, "U1", Some(true), crate::support::secs(1))).collect();
            let changes = Changes { action_changes, wakes, ballots, ..log(&home, &n.to_string()) };
            let node = if n % 2 == 0 { db.clone() } else { other.clone() };
            tokio::spawn(async move { node.commit(changes).await })
        });
        for outcome in join_all(tasks).await {
            outcome.unwrap().unwrap();
        }
        assert_eq!(lines(&db, &home).await.len(), 24);
    });
}

#[test]
fn of_connections_that_were_cut_commits_hear_nothing_and_reads_that_trying_again_helps() {
    on_postgres(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let mut raw = database.raw().await;
        for n in 0..3 {
            raw.number(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                 WHERE datname = current_database() AND pid <> pg_backend_pid()",
            )
            .await;
            db.commit(log(&home, &n.to_string())).await.unwrap();
        }
        // No connection is tried out before it is used, so a read may meet each of the dead ones once.
        let found = loop {
            match db.community(home.community).logs(home.proposal("k").id).await {
                Ok(found) => break found,
                Err(error) => assert!(error.is_retryable(), "{error}"),
            }
        };
        assert_eq!(found.into_iter().map(|line| line.message).collect::<Vec<_>>(), ["0", "1", "2"]);
    });
}
