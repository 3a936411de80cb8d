//! Wakes: one per proposal and cause, at the earliest time asked for, and never lost to what was done before it was set.

use policykit_store::{Changes, Db, WakeRow};

use crate::support::{Home, every_fence, on_each, secs};

async fn set(db: &Db, wakes: Vec<WakeRow>) {
    db.commit(Changes { wakes, ..Changes::default() }).await.unwrap();
}

async fn all(db: &Db) -> Vec<WakeRow> {
    db.due_wakes(&every_fence(db).await, secs(1_000_000), 100).await.unwrap()
}

#[test]
fn a_wake_set_again_keeps_the_earlier_time_and_gets_another_token() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let mut tokens = Vec::new();
        for (asked, kept) in [(60, 60), (90, 60), (30, 30), (30, 30)] {
            set(&db, vec![home.wake("k", "timer", secs(asked))]).await;
            let wakes = all(&db).await;
            assert_eq!(wakes.len(), 1, "one per cause");
            assert_eq!(wakes[0].due_at, secs(kept));
            assert!(!tokens.contains(&wakes[0].token), "{tokens:?}");
            tokens.push(wakes[0].token);
        }
        set(&db, vec![home.wake("k", "vote", secs(70)), home.wake("k2", "timer", secs(50))]).await;
        let wakes = all(&db).await;
        assert_eq!(wakes.iter().map(|wake| wake.cause.as_str()).collect::<Vec<_>>(), ["timer", "timer", "vote"]);
        assert_eq!(wakes.iter().map(|wake| wake.due_at).collect::<Vec<_>>(), [30, 50, 70].map(secs));
    });
}

#[test]
fn a_wake_given_twice_in_one_commit_has_the_earlier_time() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        set(
            &db,
            vec![home.wake("k", "vote", secs(9)), home.wake("k", "vote", secs(3)), home.wake("k", "vote", secs(7))],
        )
        .await;
        assert_eq!(all(&db).await[0].due_at, secs(3));
    });
}

#[test]
fn a_wake_is_done_only_with_the_token_it_was_read_with() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        set(&db, vec![home.wake("k", "vote", secs(1)), home.wake("k", "timer", secs(2))]).await;
        let read = all(&db).await;
        // A vote arrives while the wake is being handled.
        set(&db, vec![home.wake("k", "vote", secs(3))]).await;
        let done = read.iter().map(|wake| (wake.id, wake.token)).collect();
        db.commit(Changes { wakes_done: done, ..Changes::default() }).await.unwrap();
        let left = all(&db).await;
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].cause, "vote");
        let done = vec![(left[0].id, left[0].token)];
        db.commit(Changes { wakes_done: done.clone(), ..Changes::default() }).await.unwrap();
        assert!(all(&db).await.is_empty());
        db.commit(Changes { wakes_done: done, ..Changes::default() }).await.unwrap();
    });
}

#[test]
fn a_wake_that_its_own_handling_sets_again_stays_with_the_new_time() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        set(&db, vec![home.wake("k", "timer", secs(1))]).await;
        let read = all(&db).await;
        let changes = Changes {
            wakes_done: vec![(read[0].id, read[0].token)],
            wakes: vec![home.wake("k", "timer", secs(100))],
            ..Changes::default()
        };
        db.commit(changes).await.unwrap();
        let left = all(&db).await;
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].due_at, secs(100), "the time that has passed does not count any more");
    });
}

#[test]
fn a_token_once_used_up_does_not_take_away_a_wake_set_later() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        set(&db, vec![home.wake("k", "vote", secs(1))]).await;
        let read = all(&db).await;
        let done = vec![(read[0].id, read[0].token)];
        db.commit(Changes { wakes_done: done.clone(), ..Changes::default() }).await.unwrap();
        set(&db, vec![home.wake("k", "vote", secs(2))]).await;
        // Somebody slow who had read the first one says that it is done.
        db.commit(Changes { wakes_done: done, ..Changes::default() }).await.unwrap();
        assert_eq!(all(&db).await.len(), 1);
    });
}

#[test]
fn wakes_by_the_hundred_are_set_and_done_in_one_commit_each() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        set(&db, (0..1200).map(|n| home.wake(&format!("k{n}"), "vote", secs(1))).collect()).await;
        let read = db.due_wakes(&every_fence(&db).await, secs(1), usize::MAX).await.unwrap();
        assert_eq!(read.len(), 1200);
        let done = read.iter().map(|wake| (wake.id, wake.token)).collect();
        db.commit(Changes { wakes_done: done, ..Changes::default() }).await.unwrap();
        assert!(all(&db).await.is_empty());
    });
}
