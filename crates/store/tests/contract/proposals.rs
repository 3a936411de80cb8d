//! Proposals: no change is lost, whatever else is being written.

use futures::future::join_all;
use policykit_core::{
    Value,
    action::{Action, Standing},
    ballot::{Poll, PollKind},
    ids::{ActionId, ProposalId},
    proposal::{EffectStatus, Proposal, Status},
};
use policykit_store::{ActionChange, Changes, Db, Page, ProposalChange, StoreError};
use serde_json::json;

use crate::support::{Home, on_each, secs};

async fn start(db: &Db, home: &Home) -> ProposalId {
    let changes =
        Changes { actions: vec![home.action("k")], proposals: vec![home.proposal("k")], ..Changes::default() };
    db.commit(changes).await.unwrap();
    home.proposal("k").id
}

async fn read(db: &Db, home: &Home) -> Proposal {
    db.community(home.community).proposal(home.proposal("k").id).await.unwrap().proposal
}

fn changes(change: ProposalChange) -> Changes {
    Changes { proposal_changes: vec![change], ..Changes::default() }
}

#[test]
fn a_change_made_from_an_older_revision_is_refused() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let id = start(&db, &home).await;
        let pass = ProposalChange { status: Some(Status::Passed), ..ProposalChange::of(id, 1) };
        db.commit(changes(pass)).await.unwrap();
        let fail = ProposalChange { status: Some(Status::Failed), ..ProposalChange::of(id, 1) };
        let error = db.commit(changes(fail)).await.unwrap_err();
        assert!(matches!(error, StoreError::Conflict { .. }), "{error}");
        let now = read(&db, &home).await;
        assert_eq!((now.status, now.rev), (Status::Passed, 2));
        assert!(db.commit(changes(ProposalChange::of(id, 3))).await.is_err(), "nor from one that is still to come");
    });
}

#[test]
fn a_change_leaves_alone_what_it_does_not_name() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let id = start(&db, &home).await;
        let poll = Poll {
            kind: PollKind::Choice,
            text: "Which?".to_owned(),
            options: vec!["a".to_owned(), "b".to_owned()],
            candidates: vec![],
            closes_at: None,
            installation: home.installation,
            electorate: Some(vec!["U1".to_owned()]),
            channel: "C1".to_owned(),
            post_id: "1.25".to_owned(),
            url: None,
        };
        let full = ProposalChange {
            status: Some(Status::Held),
            effect: Some(EffectStatus::Refused),
            effect_note: Some("not allowed".to_owned()),
            data: json!({"n": 1}).as_object().cloned(),
            variables: Some(Value::Dict(vec![(Value::Int(1), Value::str("x"))])),
            poll: Some(poll.clone()),
            poll_open: Some(true),
            decided_at: Some(secs(8)),
            error: Some("check: line 3, column 1".to_owned()),
            ..ProposalChange::of(id, 1)
        };
        db.commit(changes(full)).await.unwrap();
        let before = read(&db, &home).await;
        assert_eq!(before.poll, Some(poll));
        assert!(before.poll_open);
        assert_eq!(before.variables, Value::Dict(vec![(Value::Int(1), Value::str("x"))]));
        db.commit(changes(ProposalChange::of(id, 2))).await.unwrap();
        assert_eq!(read(&db, &home).await, Proposal { rev: 3, ..before.clone() });
        let closed = ProposalChange { poll_open: Some(false), ..ProposalChange::of(id, 3) };
        db.commit(changes(closed)).await.unwrap();
        assert_eq!(read(&db, &home).await, Proposal { rev: 4, poll_open: false, ..before });
    });
}

#[test]
fn of_many_who_change_the_same_revision_exactly_one_succeeds() {
    on_each(async |database| {
        let db = database.db().await;
        let other = database.open().await;
        let home = Home::build(&db).await;
        let id = start(&db, &home).await;
        let tasks = (0..12).map(|n| {
            let node = if n % 2 == 0 { db.clone() } else { other.clone() };
            tokio::spawn(async move { node.commit(changes(ProposalChange::of(id, 1))).await })
        });
        let outcomes: Vec<_> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        for outcome in outcomes {
            assert!(matches!(outcome, Ok(()) | Err(StoreError::Conflict { .. })), "{outcome:?}");
        }
        assert_eq!(read(&db, &home).await.rev, 2);
    });
}

#[test]
fn an_action_change_leaves_alone_what_it_does_not_name() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        start(&db, &home).await;
        let id = home.action("k").id;
        let change = |reverted, standing| Changes {
            action_changes: vec![ActionChange { id, reverted, standing, done_at: None }],
            ..Changes::default()
        };
        db.commit(change(Some(true), None)).await.unwrap();
        db.commit(change(None, Some(Standing::Contested))).await.unwrap();
        let wanted = Action { reverted: true, standing: Standing::Contested, ..home.action("k") };
        assert_eq!(db.community(home.community).action(id).await.unwrap(), wanted);
        db.commit(change(Some(false), None)).await.unwrap();
        assert!(!db.community(home.community).action(id).await.unwrap().reverted);
    });
}

#[test]
fn pages_show_every_row_once_also_when_many_are_of_the_same_moment() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let keys: Vec<String> = (0..23).map(|n| n.to_string()).collect();
        let mut made = Changes { users: vec![home.user("U1")], ..Changes::default() };
        for (n, key) in keys.iter().enumerate() {
            let at = secs(i64::try_from(n / 5).unwrap());
            made.actions.push(Action { occurred_at: at, ..home.action(key) });
            made.proposals.push(Proposal { created_at: at, ..home.proposal(key) });
        }
        db.commit(made.clone()).await.unwrap();
        let scoped = db.community(home.community);
        let (mut actions, mut proposals): (Vec<Action>, Vec<Proposal>) = (Vec::new(), Vec::new());
        loop {
            let before = actions.last().map(|action| (action.occurred_at, action.id));
            let page = scoped.actions(Page { before, limit: 4 }).await.unwrap();
            if page.is_empty() {
                break;
            }
            actions.extend(page);
        }
        loop {
            let before = proposals.last().map(|proposal| (proposal.created_at, proposal.id));
            let page = scoped.proposals(Page { before, limit: 4 }).await.unwrap();
            if page.is_empty() {
                break;
            }
            assert!(page.iter().all(|row| row.initiator_name.as_deref() == Some("name of U1")));
            assert!(page.iter().all(|row| row.policy_name == "vote on it" && row.action.id == row.proposal.action));
            proposals.extend(page.into_iter().map(|row| row.proposal));
        }
        made.actions.sort_by_key(|action| std::cmp::Reverse((action.occurred_at, action.id)));
        made.proposals.sort_by_key(|proposal| std::cmp::Reverse((proposal.created_at, proposal.id)));
        assert_eq!(
            actions.iter().map(|a| a.id).collect::<Vec<ActionId>>(),
            made.actions.iter().map(|a| a.id).collect::<Vec<_>>()
        );
        assert_eq!(proposals, made.proposals);
    });
}
