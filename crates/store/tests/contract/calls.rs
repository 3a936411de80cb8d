//! Calls: each change is valid only in the state it was made from.

use policykit_core::{
    call::{CallOutcome, CallState, OperationClass},
    decider::Decider,
};
use policykit_store::{CallChange, CallRow, CallSettled, Changes, Db, NewCall, StoreError};
use serde_json::json;

use crate::support::{Home, call_change, on_each, secs};

async fn write(db: &Db, calls: Vec<NewCall>) {
    db.commit(Changes { calls, ..Changes::default() }).await.unwrap();
}

async fn change(db: &Db, change: CallChange) -> Result<(), StoreError> {
    db.commit(Changes { call_changes: vec![change], ..Changes::default() }).await
}

async fn only(db: &Db, home: &Home) -> CallRow {
    let mut calls = db.community(home.community).calls_of(home.proposal("k").id).await.unwrap();
    assert_eq!(calls.len(), 1);
    calls.remove(0)
}

#[test]
fn a_call_changes_only_from_the_states_that_are_named() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        for (n, state) in CallState::ALL.into_iter().enumerate() {
            let call = NewCall { state, ..home.call("k", n) };
            let id = call.id;
            write(&db, vec![call]).await;
            let others: Vec<CallState> = CallState::ALL.into_iter().filter(|other| *other != state).collect();
            for from in [&others[..], &[]] {
                let outcome = change(&db, call_change(id, from, CallState::Sent)).await;
                assert!(matches!(outcome, Err(StoreError::Conflict { .. })), "{state:?} from {from:?}: {outcome:?}");
            }
            change(&db, call_change(id, &[CallState::Failed, state], CallState::Uncertain)).await.unwrap();
        }
        let states = db.community(home.community).calls_of(home.proposal("k").id).await.unwrap();
        assert!(states.iter().all(|call| call.state == CallState::Uncertain && call.updated_at == secs(50)));
        assert_eq!(states.len(), CallState::ALL.len());
    });
}

#[test]
fn a_try_is_counted_when_sending_begins_and_whenever_it_is_looked_for() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        write(&db, vec![home.call("k", 0)]).await;
        let id = home.call("k", 0).id;
        assert_eq!(only(&db, &home).await.attempt, 0);
        let mut wanted = 0;
        for (from, to, fence) in [
            (CallState::Planned, CallState::Sending, Some(7)),
            (CallState::Sending, CallState::Retry, None),
            (CallState::Retry, CallState::Sending, Some(9)),
            // Looked for, and not found out.
            (CallState::Sending, CallState::Sending, None),
            (CallState::Sending, CallState::Sent, None),
        ] {
            wanted += i64::from(to == CallState::Sending);
            change(&db, CallChange { fence, ..call_change(id, &[from], to) }).await.unwrap();
            assert_eq!(only(&db, &home).await.attempt, wanted, "{from:?} to {to:?}");
        }
        assert_eq!(only(&db, &home).await.fence, 9);
    });
}

#[test]
fn a_call_written_as_being_sent_has_been_tried_once() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        write(&db, vec![NewCall { state: CallState::Sending, fence: 3, ..home.call("k", 0) }]).await;
        let call = only(&db, &home).await;
        assert_eq!((call.attempt, call.fence, call.state), (1, 3, CallState::Sending));
        let sending = db.community(home.community).sending_calls(home.installation).await.unwrap();
        assert_eq!(sending.len(), 1);
        change(&db, call_change(call.id, &[CallState::Sending], CallState::Sent)).await.unwrap();
        assert!(db.community(home.community).sending_calls(home.installation).await.unwrap().is_empty());
    });
}

#[test]
fn what_came_of_a_call_is_read_back_equal_and_stays_until_something_else_comes_of_it() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let classes =
            [OperationClass::Idempotent, OperationClass::State, OperationClass::Marked, OperationClass::Blind];
        let outcomes = [
            CallOutcome::Done { reply: json!({"ts": "1.25", "n": [1, 2.5, null, true]}) },
            CallOutcome::Done { reply: json!(null) },
            CallOutcome::Refused { code: "no_such_channel".to_owned(), message: "it is gone".to_owned() },
            CallOutcome::Unknown { reason: "the line broke".to_owned() },
        ];
        for (n, (outcome, class)) in outcomes.iter().zip(classes).enumerate() {
            let key = format!("k{n}");
            let call = NewCall { class, ..home.call(&key, 0) };
            let id = call.id;
            write(&db, vec![call.clone()]).await;
            let settle = CallChange {
                outcome: Some(outcome.clone()),
                note: Some("said so".to_owned()),
                due_at: Some(secs(77)),
                ..call_change(id, &[CallState::Planned], CallState::Sent)
            };
            change(&db, settle).await.unwrap();
            change(&db, call_change(id, &[CallState::Sent], CallState::Sent)).await.unwrap();
            let read = db.community(home.community).calls_of(home.proposal(&key).id).await.unwrap().remove(0);
            assert_eq!(read.outcome.as_ref(), Some(outcome));
            assert_eq!((read.note.as_deref(), read.due_at, read.class), (Some("said so"), secs(77), class));
            assert_eq!((read.call, read.created_at), (call.call, call.created_at));
        }
    });
}

#[test]
fn a_word_of_a_person_settles_an_uncertain_call_once_and_wakes_its_proposal() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let told = CallOutcome::Unknown { reason: "the line broke".to_owned() };
        write(&db, vec![home.call("k", 0)]).await;
        let id = home.call("k", 0).id;
        let said = CallOutcome::Done { reply: json!({}) };
        let settle =
            async |by, remark, at| db.system().settle_call_by_person(id, &said, by, remark, "person", secs(at)).await;
        let early = settle(Decider::Operator, Some("Ada"), 60).await;
        assert!(matches!(early, Err(StoreError::Conflict { .. })), "{early:?}");
        let uncertain =
            CallChange { outcome: Some(told.clone()), ..call_change(id, &[CallState::Planned], CallState::Uncertain) };
        change(&db, uncertain).await.unwrap();
        assert_eq!(db.system().calls(CallState::Uncertain, 10).await.unwrap().len(), 1);
        let nobody = Decider::Member(home.user("U1").id);
        assert_eq!(settle(nobody, None, 60).await.unwrap(), CallSettled::NotAllowed);
        assert_eq!(only(&db, &home).await.state, CallState::Uncertain, "a permission is needed, and asked for here");
        assert_eq!(settle(Decider::Operator, Some("Ada"), 60).await.unwrap(), CallSettled::Yes);
        let record = db.community(home.community).decisions(0, 10).await.unwrap();
        assert_eq!(record.last().map(|entry| entry.kind.as_str()), Some("call.settled"));
        assert_eq!(record.last().unwrap().body["by"], "operator");
        let call = only(&db, &home).await;
        assert_eq!(call.state, CallState::SettledByPerson);
        assert_eq!(call.outcome, Some(told), "the policy has gone on with what it was told");
        assert!(call.note.unwrap().contains("Ada"));
        let fences = crate::support::every_fence(&db).await;
        assert_eq!(db.due_wakes(&fences, secs(60), 10).await.unwrap()[0].cause, "person");
        let again = settle(Decider::Operator, None, 61).await;
        assert!(matches!(again, Err(StoreError::Conflict { .. })), "{again:?}");
    });
}

#[test]
fn a_call_that_is_there_is_not_written_again_and_whoever_tries_is_told() {
    on_each(async |db| {
        let db = db.db().await;
        let home = Home::build(&db).await;
        let call = NewCall { state: CallState::Sending, ..home.call("k", 0) };
        write(&db, vec![call.clone()]).await;
        let again = db.commit(Changes { calls: vec![call], ..Changes::default() }).await;
        assert!(matches!(again, Err(StoreError::Conflict { .. })), "{again:?}");
    });
}
