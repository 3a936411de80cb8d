//! A unit of work becomes true as a whole or not at all.

use policykit_core::{
    Value,
    call::CallState,
    community::InstallationStatus,
    ids::{ActionId, CallId, EvaluationId, InboxId},
    policy::Verdict,
};
use policykit_store::{
    ActionChange, Changes, Db, EvaluationEnd, EvaluationState, Fence, InboxState, LostInstallation, ProposalChange,
    Redact, StoreError,
};

use crate::support::{Home, TestDatabase, call_change, every_fence, id, inbox_change, node, on_each, secs, show};

/// One new row of every kind, and a delivery dealt with.
async fn one_of_each(db: &Db, home: &Home) -> Changes {
    db.receive(vec![home.delivery("k")]).await.unwrap();
    Changes {
        label: "T3",
        inbox: vec![inbox_change(home.delivery("k").id, InboxState::Done)],
        users: vec![home.user("U1")],
        actions: vec![home.action("k")],
        proposals: vec![home.proposal("k")],
        evaluations: vec![home.evaluation("k", 1)],
        reads: vec![home.read("k", 0, Value::Int(1)), home.read("k", 1, Value::str("x".repeat(5000)))],
        calls: vec![home.call("k", 0), home.call("k", 1)],
        owned: vec![home.owned("m1", None, 0)],
        ballots: vec![home.ballot("k", "U1", Some(true), secs(5))],
        wakes: vec![home.wake("k", "timer", secs(60))],
        logs: vec![home.log("k", "one"), home.log("k", "two")],
        decisions: vec![home.decision("passed")],
        ..Changes::default()
    }
}

#[test]
fn what_was_committed_is_read_back_equal() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let changes = one_of_each(&db, &home).await;
        db.commit(changes.clone()).await.unwrap();
        let scoped = db.community(home.community);

        let bundle = scoped.proposal(home.proposal("k").id).await.unwrap();
        assert_eq!(bundle.proposal, changes.proposals[0]);
        assert_eq!(bundle.action, changes.actions[0]);
        assert_eq!(bundle.initiator.as_ref(), Some(&changes.users[0]));
        assert_eq!(bundle.policy, home.policy);
        assert_eq!(bundle.ballots.len(), 1);
        assert_eq!(bundle.evaluations, 1);

        let record = scoped.evaluation(changes.evaluations[0].id).await.unwrap();
        assert_eq!(show(&record.evaluation), show(&changes.evaluations[0]));
        assert_eq!(record.reads, changes.reads);
        let calls: Vec<CallId> = record.calls.iter().map(|call| call.id).collect();
        assert_eq!(calls, [changes.calls[0].id, changes.calls[1].id]);
        assert_eq!(record.calls[0].args_hash, changes.calls[0].call.args_hash());

        let lines: Vec<String> =
            scoped.logs(home.proposal("k").id).await.unwrap().into_iter().map(|l| l.message).collect();
        assert_eq!(lines, ["one", "two"]);
        assert_eq!(scoped.decisions(0, 10).await.unwrap().len(), 1);
        let fences = every_fence(&db).await;
        assert!(db.inbox_new(&fences, 10).await.unwrap().is_empty());
        assert_eq!(db.due_wakes(&fences, secs(60), 10).await.unwrap().len(), 1);
    });
}

async fn nothing_is_left_of(database: &TestDatabase, db: &Db, home: &Home, what: &str, bad: Changes) -> StoreError {
    let mut raw = database.raw().await;
    let before = raw.census().await;
    let error = db.commit(bad).await.unwrap_err();
    assert_eq!(raw.census().await, before, "{what}");
    let waiting = db.inbox_new(&every_fence(db).await, 10).await.unwrap();
    assert_eq!(waiting.len(), 1, "{what}: the delivery is as it was");
    assert_eq!(waiting[0].tries, 0, "{what}");
    assert!(matches!(
        db.community(home.community).proposal(home.proposal("k").id).await,
        Err(StoreError::NotFound { .. })
    ));
    error
}

#[test]
fn a_conflict_in_one_change_undoes_everything_else() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let all = one_of_each(&db, &home).await;

        let mut bad = all.clone();
        bad.call_changes = vec![call_change(all.calls[0].id, &[CallState::Sending], CallState::Sent)];
        let error = nothing_is_left_of(database, &db, &home, "call in another state", bad).await;
        assert!(matches!(error, StoreError::Conflict { .. }), "{error}");

        let mut bad = all.clone();
        bad.proposal_changes = vec![ProposalChange::of(all.proposals[0].id, 2)];
        let error = nothing_is_left_of(database, &db, &home, "proposal of another revision", bad).await;
        assert!(matches!(error, StoreError::Conflict { .. }), "{error}");

        let mut bad = all.clone();
        bad.evaluation_ends = vec![end(EvaluationId::from_uuid(id("none")))];
        let error = nothing_is_left_of(database, &db, &home, "evaluation that does not run", bad).await;
        assert!(matches!(error, StoreError::Conflict { .. }), "{error}");

        let mut bad = all.clone();
        let none = ActionId::from_uuid(id("none"));
        bad.action_changes = vec![ActionChange { id: none, reverted: Some(true), standing: None, done_at: None }];
        let error = nothing_is_left_of(database, &db, &home, "no such action", bad).await;
        assert!(matches!(error, StoreError::NotFound { .. }), "{error}");

        let mut bad = all.clone();
        bad.inbox.push(inbox_change(InboxId::from_uuid(id("none")), InboxState::Done));
        let error = nothing_is_left_of(database, &db, &home, "no such delivery", bad).await;
        assert!(matches!(error, StoreError::NotFound { .. }), "{error}");

        db.commit(all).await.unwrap();
    });
}

fn end(id: EvaluationId) -> EvaluationEnd {
    EvaluationEnd {
        id,
        state: EvaluationState::Settled,
        verdict: Some(Verdict::Passed),
        error: None,
        ended_at: secs(9),
    }
}

#[test]
fn a_commit_under_a_lost_fence_writes_nothing() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let fences = every_fence(&db).await;
        let all = one_of_each(&db, &home).await;
        let ours = fences[5];
        let older = Fence { fence: ours.fence - 1, ..ours };
        let newer = Fence { fence: ours.fence + 1, ..ours };
        for lost in [vec![older], vec![newer], vec![ours, older], vec![fences[6], newer]] {
            let bad = Changes { fences: lost.clone(), ..all.clone() };
            let error = nothing_is_left_of(database, &db, &home, "lost fence", bad).await;
            assert!(matches!(error, StoreError::FenceLost), "{lost:?}: {error}");
        }
        db.release(node(1)).await.unwrap();
        let bad = Changes { fences: vec![ours], ..all.clone() };
        assert!(matches!(db.commit(bad).await, Err(StoreError::FenceLost)), "after a release");

        let fences = every_fence(&db).await;
        assert!(fences[5].fence > ours.fence);
        db.commit(Changes { fences: vec![fences[5], fences[5], fences[6]], ..all }).await.unwrap();
    });
}

#[test]
fn a_commit_of_nothing_writes_nothing() {
    on_each(async |database| {
        let db = database.db().await;
        let before = db.stats();
        db.commit(Changes { label: "T2", ..Changes::default() }).await.unwrap();
        assert_eq!(db.stats(), before);
    });
}

#[test]
fn what_is_written_again_is_left_as_it_is() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let all = one_of_each(&db, &home).await;
        db.commit(all.clone()).await.unwrap();
        let scoped = db.community(home.community);
        let proposal = home.proposal("k").id;
        let before = (scoped.proposal(proposal).await.unwrap(), scoped.evaluations(proposal).await.unwrap());

        let mut again = Changes {
            actions: all.actions.clone(),
            proposals: all.proposals.clone(),
            evaluations: all.evaluations.clone(),
            reads: all.reads.clone(),
            owned: all.owned.clone(),
            ..Changes::default()
        };
        again.actions[0].action_type = "changed".to_owned();
        again.proposals[0].rev = 7;
        again.evaluations[0].cause = "changed".to_owned();
        again.reads[0].value = Value::str("changed");
        // The new ones beside them are written all the same.
        again.actions.push(home.action("k2"));
        again.calls.push(home.call("k", 2));
        db.commit(again).await.unwrap();

        let (bundle, mut evaluations) =
            (scoped.proposal(proposal).await.unwrap(), scoped.evaluations(proposal).await.unwrap());
        assert_eq!(evaluations[0].calls.pop().unwrap().id, home.call("k", 2).id);
        assert_eq!(show(&(bundle, evaluations)), show(&before));
        assert!(scoped.action(home.action("k2").id).await.is_ok());
    });
}

#[test]
fn what_is_new_in_a_commit_can_be_changed_in_it() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let mut all = one_of_each(&db, &home).await;
        all.action_changes =
            vec![ActionChange { id: all.actions[0].id, reverted: Some(true), standing: None, done_at: None }];
        all.proposal_changes =
            vec![ProposalChange::of(all.proposals[0].id, 1), ProposalChange::of(all.proposals[0].id, 2)];
        all.evaluation_ends = vec![end(all.evaluations[0].id)];
        all.call_changes = vec![
            call_change(all.calls[0].id, &[CallState::Planned], CallState::Sending),
            call_change(all.calls[0].id, &[CallState::Sending], CallState::Sent),
        ];
        db.commit(all.clone()).await.unwrap();
        let bundle = db.community(home.community).proposal(all.proposals[0].id).await.unwrap();
        assert!(bundle.action.reverted);
        assert_eq!(bundle.proposal.rev, 3);
        let record = db.community(home.community).evaluation(all.evaluations[0].id).await.unwrap();
        assert_eq!(record.evaluation.verdict, Some(Verdict::Passed));
        assert_eq!((record.calls[0].state, record.calls[0].attempt), (CallState::Sent, 1));
        let again = Changes { evaluation_ends: vec![end(all.evaluations[0].id)], ..Changes::default() };
        assert!(matches!(db.commit(again).await, Err(StoreError::Conflict { .. })), "an evaluation ends once");
    });
}

#[test]
fn redaction_blanks_the_body_and_keeps_the_delivery_known() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        db.receive(vec![home.delivery("secret ballot"), home.delivery("post")]).await.unwrap();
        let mut first = inbox_change(home.delivery("secret ballot").id, InboxState::Parked);
        first.redact = Redact::Yes;
        first.note = Some("waits".to_owned());
        let second = inbox_change(home.delivery("post").id, InboxState::Parked);
        db.commit(Changes { inbox: vec![first.clone(), second], ..Changes::default() }).await.unwrap();
        let fences = every_fence(&db).await;
        for row in db.inbox_parked(&fences, 10).await.unwrap() {
            let redacted = row.delivery.delivery_key == "secret ballot";
            assert_eq!(row.delivery.body.is_empty(), redacted, "{row:?}");
            assert_eq!(row.note.is_some(), redacted);
            assert_eq!(row.tries, 1);
        }
        let mut raw = database.raw().await;
        assert_eq!(raw.number("SELECT count(*) FROM inbox WHERE body IS NULL").await, 1);
        assert_eq!(
            db.receive(vec![home.delivery("secret ballot")]).await.unwrap(),
            [policykit_store::Received::Duplicate]
        );
        assert_eq!(raw.number("SELECT count(*) FROM inbox WHERE body IS NULL").await, 1, "it does not come back");
    });
}

#[test]
fn a_policy_suspended_and_an_installation_lost_change_what_is_kept_in_memory() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let scoped = db.community(home.community);
        let before = scoped.state().await.unwrap();
        assert_eq!(before.policies, std::slice::from_ref(&home.policy));
        let changes = Changes {
            policies_suspended: vec![home.policy.id],
            installations_lost: vec![LostInstallation {
                installation: home.installation,
                status: InstallationStatus::CredentialsDead,
                note: "token_revoked".to_owned(),
                generation: None,
                at: None,
            }],
            ..Changes::default()
        };
        db.commit(changes.clone()).await.unwrap();
        let after = scoped.state().await.unwrap();
        assert!(after.policies.is_empty());
        assert_eq!(after.installations[0].status.as_str(), "credentials_dead");
        assert!(after.version > before.version);
        db.commit(changes).await.unwrap();
        assert_eq!(scoped.state().await.unwrap().version, after.version, "it is so already");
    });
}

#[test]
fn a_hundred_changes_of_different_rows_take_as_many_statements_as_one() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let mut statements = Vec::new();
        for (round, size) in [1, 100].into_iter().enumerate() {
            let keys: Vec<String> = (0..size).map(|n| format!("r{round}-{n}")).collect();
            let before = db.stats();
            let changes = Changes {
                actions: keys.iter().map(|key| home.action(key)).collect(),
                proposals: keys.iter().map(|key| home.proposal(key)).collect(),
                proposal_changes: keys.iter().map(|key| ProposalChange::of(home.proposal(key).id, 1)).collect(),
                calls: keys.iter().map(|key| home.call(key, 0)).collect(),
                wakes: keys.iter().map(|key| home.wake(key, "timer", secs(60))).collect(),
                decisions: keys.iter().map(|key| home.decision(key)).collect(),
                ..Changes::default()
            };
            db.commit(changes).await.unwrap();
            assert_eq!(db.stats().transactions - before.transactions, 1);
            statements.push(db.stats().statements - before.statements);
        }
        assert_eq!(statements[0], statements[1], "{statements:?}");
    });
}
