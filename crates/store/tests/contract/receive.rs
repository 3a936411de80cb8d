//! Deliveries are written down once, whoever sends them again.

use std::{collections::HashSet, sync::Arc, time::Duration};

use futures::future::join_all;
use policykit_core::ids::InboxId;
use policykit_store::{NewDelivery, Received};

use crate::support::{Gate, Home, every_fence, on_each, on_postgres, secs};

fn keys(rows: &[policykit_store::InboxRow]) -> Vec<String> {
    rows.iter().map(|row| row.delivery.delivery_key.clone()).collect()
}

#[test]
fn a_delivery_is_fresh_once_and_known_ever_after() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let first = home.delivery("Ev1");
        assert_eq!(db.receive(vec![first.clone()]).await.unwrap(), [Received::Fresh]);
        assert_eq!(db.receive(vec![first.clone()]).await.unwrap(), [Received::Duplicate]);
        let resent = NewDelivery { body: b"another body".to_vec(), received_at: secs(99), ..first.clone() };
        assert_eq!(db.receive(vec![resent.clone()]).await.unwrap(), [Received::Duplicate]);
        db.close().await;

        let db = database.open().await;
        assert_eq!(db.receive(vec![resent]).await.unwrap(), [Received::Duplicate], "after a restart");
        let rows = db.inbox_new(&every_fence(&db).await, 10).await.unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].delivery.body, b"Ev1", "the first body stays");
        assert_eq!(rows[0].delivery.received_at, secs(1));
        assert_eq!((rows[0].tries, rows[0].note.as_deref()), (0, None));
    });
}

#[test]
fn a_key_counts_within_its_platform_and_scope_only() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let here = home.delivery("Ev1");
        let elsewhere =
            NewDelivery { scope: "T2".to_owned(), id: InboxId::derive("chat", "T2", "Ev1"), ..here.clone() };
        let id = InboxId::derive("forum", &here.scope, "Ev1");
        let other_platform = NewDelivery { platform: "forum".to_owned(), id, ..here.clone() };
        let got = db.receive(vec![here, elsewhere, other_platform]).await.unwrap();
        assert_eq!(got, [Received::Fresh, Received::Fresh, Received::Fresh]);
        assert_eq!(db.inbox_new(&every_fence(&db).await, 10).await.unwrap().len(), 3);
    });
}

#[test]
fn answers_come_in_the_order_of_the_deliveries_and_a_key_given_twice_is_fresh_once() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        db.receive(vec![home.delivery("b")]).await.unwrap();
        let rows = ["c", "b", "a", "c"].map(|key| home.delivery(key)).to_vec();
        let got = db.receive(rows).await.unwrap();
        assert_eq!(got, [Received::Fresh, Received::Duplicate, Received::Fresh, Received::Duplicate]);
        assert_eq!(db.receive(Vec::new()).await.unwrap(), []);
    });
}

#[test]
fn deliveries_are_claimed_in_the_order_of_their_coming() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let at = |key: &str, at| NewDelivery { received_at: secs(at), ..home.delivery(key) };
        db.receive(vec![at("third", 3), at("first", 1)]).await.unwrap();
        db.receive(vec![at("second", 2)]).await.unwrap();
        let rows = db.inbox_new(&every_fence(&db).await, 10).await.unwrap();
        assert_eq!(keys(&rows), ["first", "second", "third"]);
        assert_eq!(keys(&db.inbox_new(&every_fence(&db).await, 2).await.unwrap()), ["first", "second"]);
    });
}

#[test]
fn what_comes_while_a_commit_is_under_way_shares_the_next_one() {
    on_each(async |database| {
        let gate = Gate::at("T1.commit");
        let db = database.db().await.with_probe(Arc::clone(&gate) as _);
        let home = Home::build(&db).await;
        let before = db.stats().transactions;
        let first = tokio::spawn({
            let (db, delivery) = (db.clone(), home.delivery("first"));
            async move { db.receive(vec![delivery]).await }
        });
        gate.reached().await;
        let mut waiting = Vec::new();
        for n in 0..50 {
            let mut receive = Box::pin(db.receive(vec![home.delivery(&format!("k{}", n % 40))]));
            assert!(futures::poll!(&mut receive).is_pending(), "told before it is committed");
            waiting.push(receive);
        }
        gate.open();
        assert_eq!(first.await.unwrap().unwrap(), [Received::Fresh]);
        let got: Vec<Received> = join_all(waiting).await.into_iter().map(|got| got.unwrap()[0]).collect();
        assert!(got[..40].iter().all(|got| *got == Received::Fresh));
        assert!(got[40..].iter().all(|got| *got == Received::Duplicate));
        assert_eq!(db.stats().transactions - before, 2, "fifty deliveries, one commit");
        assert_eq!(db.inbox_new(&every_fence(&db).await, 100).await.unwrap().len(), 41);
    });
}

#[test]
fn of_many_who_deliver_the_same_at_once_exactly_one_is_fresh() {
    on_each(async |database| {
        let db = database.db().await;
        let other = database.open().await;
        let home = Home::build(&db).await;
        let mut tasks = Vec::new();
        for n in 0..20_usize {
            let node = if n % 2 == 0 { db.clone() } else { other.clone() };
            let mut rows: Vec<NewDelivery> = (0..10).map(|k| home.delivery(&format!("k{k}"))).collect();
            rows.rotate_left(n % 10);
            tasks.push(tokio::spawn(async move {
                let got = node.receive(rows.clone()).await.unwrap();
                rows.into_iter().zip(got).filter(|(_, got)| *got == Received::Fresh).map(|(row, _)| row.id).collect()
            }));
        }
        let fresh: Vec<Vec<InboxId>> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(fresh.iter().map(Vec::len).sum::<usize>(), 10);
        assert_eq!(fresh.into_iter().flatten().collect::<HashSet<_>>().len(), 10);
    });
}

#[test]
fn more_deliveries_than_fit_one_statement_are_written_in_one_commit() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let before = db.stats().transactions;
        let rows: Vec<NewDelivery> = (0..2700).map(|n| home.delivery(&format!("k{n}"))).collect();
        assert!(db.receive(rows.clone()).await.unwrap().iter().all(|got| *got == Received::Fresh));
        assert_eq!(db.stats().transactions - before, 1);
        assert!(db.receive(rows).await.unwrap().iter().all(|got| *got == Received::Duplicate));
        assert_eq!(db.inbox_new(&every_fence(&db).await, usize::MAX).await.unwrap().len(), 2700);
    });
}

#[test]
fn a_body_of_any_bytes_is_kept_as_it_is() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let bodies = [Vec::new(), vec![0, 1, 0, 255, 254], "ünï 🙂".as_bytes().to_vec(), vec![b'x'; 1 << 20]];
        for (n, body) in bodies.iter().enumerate() {
            let row = NewDelivery { body: body.clone(), received_at: secs(n as i64), ..home.delivery(&n.to_string()) };
            db.receive(vec![row]).await.unwrap();
        }
        let rows = db.inbox_new(&every_fence(&db).await, 10).await.unwrap();
        for (row, body) in rows.iter().zip(&bodies) {
            assert!(row.delivery.body == *body, "{} bytes", body.len());
        }
        assert_eq!(rows.len(), bodies.len());
    });
}

#[test]
fn a_delivery_wakes_those_who_wait_for_one() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let waiting = tokio::spawn({
            let db = db.clone();
            async move { db.inbox_changed().await }
        });
        db.receive(vec![home.delivery("Ev1")]).await.unwrap();
        tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("woken").unwrap();
        db.receive(vec![home.delivery("Ev2")]).await.unwrap();
        tokio::time::timeout(Duration::from_secs(10), db.inbox_changed()).await.expect("what came before counts too");
    });
}

#[test]
fn a_delivery_wakes_those_who_wait_on_another_node() {
    on_postgres(async |database| {
        let db = database.db().await;
        let other = database.open().await;
        let home = Home::build(&db).await;
        // The other node begins to listen at some moment after it was opened.
        for n in 0..50 {
            db.receive(vec![home.delivery(&n.to_string())]).await.unwrap();
            if tokio::time::timeout(Duration::from_millis(200), other.inbox_changed()).await.is_ok() {
                return;
            }
        }
        panic!("nobody was woken");
    });
}

#[test]
fn after_closing_nothing_is_accepted() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        db.close().await;
        let error = db.receive(vec![home.delivery("Ev1")]).await.unwrap_err();
        assert!(error.is_retryable(), "{error}");
        let db = database.open().await;
        assert_eq!(db.receive(vec![home.delivery("Ev1")]).await.unwrap(), [Received::Fresh]);
    });
}
