//! What a node is given to do: of its own shards only, the oldest first, and no more than it asked for.

use std::collections::BTreeSet;

use policykit_core::{call::CallState, ids::CommunityId};
use policykit_store::{Changes, Db, Fence, InboxState, InboxWindow, NewCall, NewDelivery, Waiting};

use crate::support::{Home, community, every_fence, inbox_change, on_each, secs};

const SHARDS: [u8; 6] = [0, 1, 2, 128, 254, 255];

async fn homes(db: &Db) -> Vec<Home> {
    let mut homes = Vec::new();
    for shard in SHARDS {
        homes.push(Home::build_in(db, community(shard, 0)).await);
    }
    homes
}

fn held(shards: &[u16]) -> Vec<Fence> {
    shards.iter().map(|shard| Fence { shard: *shard, fence: 1 }).collect()
}

/// Sets of shards: neighbours, gaps, the ends, in any order, twice.
fn holdings() -> Vec<Vec<u16>> {
    let scattered = (0..256).step_by(2).collect();
    vec![vec![0], vec![255, 0], vec![1, 2, 1], vec![3, 4], vec![254, 128, 2], (0..256).collect(), scattered, vec![]]
}

fn owned(homes: &[Home], shards: &[u16]) -> BTreeSet<CommunityId> {
    let here = |home: &&Home| shards.contains(&policykit_core::ids::shard_of(home.community));
    homes.iter().filter(here).map(|home| home.community).collect()
}

#[test]
fn claims_give_what_is_of_the_shards_held_and_nothing_else() {
    on_each(async |database| {
        let db = database.db().await;
        let homes = homes(&db).await;
        let mut changes = Changes::default();
        for home in &homes {
            db.receive(vec![home.delivery("new"), home.delivery("parked"), home.delivery("done")]).await.unwrap();
            changes.inbox.push(inbox_change(home.delivery("parked").id, InboxState::Parked));
            changes.inbox.push(inbox_change(home.delivery("done").id, InboxState::Done));
            changes.wakes.push(home.wake("k", "timer", secs(10)));
            changes.calls.push(home.call("k", 0));
            changes.evaluations.push(home.evaluation("k", 1));
        }
        db.commit(changes).await.unwrap();
        for shards in holdings() {
            let (fences, wanted) = (held(&shards), owned(&homes, &shards));
            let new = db.inbox_new(&fences, 100).await.unwrap();
            assert!(new.iter().all(|row| row.delivery.delivery_key == "new"));
            assert!(new.iter().all(|row| row.community_version == 3), "created, an installation, a policy");
            assert_eq!(new.len(), wanted.len());
            assert_eq!(new.iter().map(|row| row.delivery.community).collect::<BTreeSet<_>>(), wanted, "{shards:?}");
            let parked = db.inbox_parked(&fences, 100).await.unwrap();
            assert!(parked.iter().all(|row| row.delivery.delivery_key == "parked"));
            assert_eq!(parked.iter().map(|row| row.delivery.community).collect::<BTreeSet<_>>(), wanted);
            let wakes = db.due_wakes(&fences, secs(10), 100).await.unwrap();
            assert_eq!(wakes.iter().map(|wake| wake.community).collect::<BTreeSet<_>>(), wanted);
            let calls = db.calls_in_state(&fences, &[CallState::Planned], secs(10), 100).await.unwrap();
            assert_eq!(calls.iter().map(|call| call.community).collect::<BTreeSet<_>>(), wanted);
            let running = db.running_evaluations(&fences).await.unwrap();
            assert_eq!(running.iter().map(|row| row.community).collect::<BTreeSet<_>>(), wanted);
            let due = db.next_due(&fences).await.unwrap();
            assert_eq!(due, (!wanted.is_empty()).then_some(secs(4)), "{shards:?}");
        }
    });
}

#[test]
fn claims_give_the_oldest_first_and_no_more_than_was_asked_for() {
    on_each(async |database| {
        let db = database.db().await;
        let homes = homes(&db).await;
        let mut changes = Changes::default();
        // In another order than that of their times, over several communities.
        for (n, minute) in [5_i64, 2, 4, 1, 3, 0].into_iter().enumerate() {
            let (home, at) = (&homes[n], secs(minute));
            let key = minute.to_string();
            let delivery = |key: &str| NewDelivery { received_at: at, ..home.delivery(key) };
            db.receive(vec![delivery(&key), delivery(&format!("p{key}"))]).await.unwrap();
            changes.inbox.push(inbox_change(home.delivery(&format!("p{key}")).id, InboxState::Parked));
            changes.wakes.push(home.wake("k", &key, at));
            let mut call = NewCall { due_at: at, ..home.call("k", 0) };
            call.purpose = key;
            changes.calls.push(call);
        }
        db.commit(changes).await.unwrap();
        let fences = every_fence(&db).await;
        for limit in [0, 1, 4, 6, 100, usize::MAX] {
            let wanted: Vec<String> = (0..limit.min(6)).map(|n| n.to_string()).collect();
            let keys = |rows: Vec<policykit_store::InboxRow>| -> Vec<String> {
                rows.into_iter().map(|row| row.delivery.delivery_key.trim_start_matches('p').to_owned()).collect()
            };
            assert_eq!(keys(db.inbox_new(&fences, limit).await.unwrap()), wanted);
            assert_eq!(keys(db.inbox_parked(&fences, limit).await.unwrap()), wanted);
            // The same a piece at a time: each after the last one of the piece before.
            let (mut pieces, mut after, mut due, mut due_after) = (Vec::new(), None, Vec::new(), None);
            loop {
                let window = InboxWindow { after, ..InboxWindow::of(&fences, limit) };
                let piece = db.inbox(Waiting::New, window).await.unwrap();
                let Some(last) = piece.last() else { break };
                after = Some((last.delivery.received_at, last.delivery.id));
                pieces.extend(keys(piece));
                let piece = db.due_wakes_after(&fences, secs(60), due_after, limit).await.unwrap();
                due_after = piece.last().map(|wake| (wake.due_at, wake.id));
                due.extend(piece.into_iter().map(|wake| wake.cause));
            }
            let all: Vec<String> = (0..if limit > 0 { 6 } else { 0 }).map(|n: usize| n.to_string()).collect();
            assert_eq!((&pieces, &due), (&all, &all), "{limit} at a time");
            let without = [homes[5].community, homes[3].community];
            let window = InboxWindow { without: &without, ..InboxWindow::of(&fences, 100) };
            assert_eq!(keys(db.inbox(Waiting::New, window).await.unwrap()), ["2", "3", "4", "5"]);
            let wakes = db.due_wakes(&fences, secs(60), limit).await.unwrap();
            assert_eq!(wakes.into_iter().map(|wake| wake.cause).collect::<Vec<_>>(), wanted);
            let calls = db.calls_in_state(&fences, &[CallState::Planned], secs(60), limit).await.unwrap();
            assert_eq!(calls.into_iter().map(|call| call.purpose).collect::<Vec<_>>(), wanted);
        }
    });
}

#[test]
fn only_what_is_due_and_in_one_of_the_states_is_claimed() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let fences = every_fence(&db).await;
        assert_eq!(db.next_due(&fences).await.unwrap(), None);
        let mut changes = Changes { wakes: vec![home.wake("k", "timer", secs(10))], ..Changes::default() };
        for (n, state) in CallState::ALL.into_iter().enumerate() {
            let due_at = secs(i64::try_from(n).unwrap());
            changes.calls.push(NewCall { state, due_at, created_at: secs(0), ..home.call("k", n) });
        }
        db.commit(changes).await.unwrap();
        assert!(db.due_wakes(&fences, secs(9), 9).await.unwrap().is_empty());
        assert_eq!(db.due_wakes(&fences, secs(10), 9).await.unwrap().len(), 1);
        for states in [&CallState::ALL[..], &[CallState::Planned, CallState::Retry], &[CallState::Uncertain], &[]] {
            let claimed = db.calls_in_state(&fences, states, secs(99), 99).await.unwrap();
            let found: Vec<CallState> = claimed.into_iter().map(|call| call.state).collect();
            assert_eq!(found, states, "in the order in which they are due");
        }
        let claimed = db.calls_in_state(&fences, &CallState::ALL, secs(2), 99).await.unwrap();
        assert_eq!(claimed.len(), 3, "due at 0, 1 and 2");
        // Planned at 0, sending at 1 (not waited for), retry at 3, the wake at 10.
        let settle = |n: usize, from| crate::support::call_change(home.call("k", n).id, &[from], CallState::Sent);
        assert_eq!(db.next_due(&fences).await.unwrap(), Some(secs(0)));
        let call_changes = vec![settle(0, CallState::Planned)];
        db.commit(Changes { call_changes, ..Changes::default() }).await.unwrap();
        assert_eq!(db.next_due(&fences).await.unwrap(), Some(secs(3)));
        let call_changes = vec![settle(3, CallState::Retry)];
        db.commit(Changes { call_changes, ..Changes::default() }).await.unwrap();
        assert_eq!(db.next_due(&fences).await.unwrap(), Some(secs(10)));
    });
}

#[test]
fn running_evaluations_come_in_the_order_of_their_beginning_and_go_when_they_end() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let fences = every_fence(&db).await;
        let mut changes = Changes::default();
        for (key, at) in [("b", 20), ("a", 10), ("c", 30)] {
            let mut evaluation = home.evaluation(key, 1);
            evaluation.started_at = secs(at);
            changes.evaluations.push(evaluation);
        }
        db.commit(changes.clone()).await.unwrap();
        let ids = async || -> Vec<_> {
            db.running_evaluations(&fences).await.unwrap().into_iter().map(|row| row.id).collect()
        };
        let [a, b, c] = ["a", "b", "c"].map(|key| home.evaluation(key, 1).id);
        assert_eq!(ids().await, [a, b, c]);
        let end = policykit_store::EvaluationEnd {
            id: b,
            state: policykit_store::EvaluationState::Error,
            verdict: None,
            error: Some("check: line 1, column 2: NameError".to_owned()),
            ended_at: secs(40),
        };
        db.commit(Changes { evaluation_ends: vec![end], ..Changes::default() }).await.unwrap();
        assert_eq!(ids().await, [a, c]);
        // The policy's errors are found by the proposal they belong to.
        let rows =
            Changes { actions: vec![home.action("b")], proposals: vec![home.proposal("b")], ..Changes::default() };
        db.commit(rows).await.unwrap();
        let scoped = db.community(home.community);
        assert_eq!(scoped.policy_errors_since(home.policy.id, secs(40)).await.unwrap(), 1);
        assert_eq!(scoped.policy_errors_since(home.policy.id, secs(41)).await.unwrap(), 0);
    });
}
