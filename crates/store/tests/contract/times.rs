//! A moment is read back as it was written, to the microsecond, wherever it stands, and moments sort as time does.

use policykit_core::{Timestamp, Value, community::Community, ids::CommunityId};
use policykit_store::{CallChange, Changes, EvaluationEnd, EvaluationState, NewDelivery, ProposalChange};

use crate::support::{Home, call_change, community, draft, every_fence, id, on_each, secs};

/// Whole, quarter and half seconds, single microseconds, before the epoch, and the ends of the range.
fn moments() -> Vec<Timestamp> {
    let base = 1_700_000_000_000_000;
    let mut micros = vec![0, -1, -250_000, 1, i64::MIN, i64::MAX];
    micros.extend([0, 1, 10, 250_000, 250_001, 500_000, 999_999, 1_000_000].map(|part| base + part));
    micros.sort_unstable();
    micros.into_iter().map(Timestamp::from_micros).collect()
}

#[test]
fn moments_are_read_back_equal_wherever_they_stand() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let scoped = db.community(home.community);
        for (n, at) in moments().into_iter().enumerate() {
            let key = format!("k{n}");
            db.receive(vec![NewDelivery { received_at: at, ..home.delivery(&key) }]).await.unwrap();
            let mut made = Changes {
                users: vec![home.user("U1")],
                actions: vec![home.action(&key)],
                proposals: vec![home.proposal(&key)],
                evaluations: vec![home.evaluation(&key, 1)],
                reads: vec![home.read(&key, 0, Value::DateTime(at))],
                calls: vec![home.call(&key, 0)],
                ballots: vec![home.ballot(&key, "U1", Some(true), at)],
                wakes: vec![home.wake(&key, "timer", at)],
                logs: vec![home.log(&key, "x")],
                decisions: vec![home.decision(&key)],
                ..Changes::default()
            };
            made.actions[0].occurred_at = at;
            made.proposals[0].created_at = at;
            made.evaluations[0].started_at = at;
            made.evaluations[0].snapshot.now = at;
            (made.calls[0].due_at, made.calls[0].created_at) = (at, at);
            made.logs[0].at = at;
            made.decisions[0].at = at;
            let proposal = made.proposals[0].id;
            made.proposal_changes = vec![ProposalChange { decided_at: Some(at), ..ProposalChange::of(proposal, 1) }];
            made.evaluation_ends = vec![EvaluationEnd {
                id: made.evaluations[0].id,
                state: EvaluationState::Settled,
                verdict: None,
                error: None,
                ended_at: at,
            }];
            let state = made.calls[0].state;
            made.call_changes = vec![CallChange { at, ..call_change(made.calls[0].id, &[state], state) }];
            db.commit(made).await.unwrap();

            let bundle = scoped.proposal(proposal).await.unwrap();
            assert_eq!(bundle.action.occurred_at, at);
            assert_eq!((bundle.proposal.created_at, bundle.proposal.decided_at), (at, Some(at)));
            assert_eq!(bundle.ballots[0].cast_at, at);
            let record = scoped.evaluations(proposal).await.unwrap().remove(0);
            assert_eq!((record.evaluation.started_at, record.evaluation.ended_at), (at, Some(at)));
            assert_eq!(record.evaluation.snapshot.now, at);
            assert_eq!(record.reads[0].value, Value::DateTime(at));
            let call = &record.calls[0];
            assert_eq!((call.due_at, call.created_at, call.updated_at), (at, at, at));
            assert_eq!(scoped.logs(proposal).await.unwrap()[0].at, at);
            assert_eq!(scoped.decisions(i64::try_from(n).unwrap(), 1).await.unwrap()[0].at, at);
        }
        let fences = every_fence(&db).await;
        let received: Vec<Timestamp> =
            db.inbox_new(&fences, 99).await.unwrap().into_iter().map(|row| row.delivery.received_at).collect();
        assert_eq!(received, moments(), "also in this order");
        let latest = Timestamp::from_micros(i64::MAX);
        let due: Vec<Timestamp> =
            db.due_wakes(&fences, latest, 99).await.unwrap().into_iter().map(|wake| wake.due_at).collect();
        assert_eq!(due, moments());
    });
}

#[test]
fn communities_and_versions_keep_their_moments() {
    on_each(async |database| {
        let db = database.db().await;
        for (n, at) in moments().into_iter().enumerate() {
            let home: CommunityId = community(3, u8::try_from(n).unwrap());
            let made = db.system().create_community(home, "x", at).await.unwrap();
            assert_eq!(made, Community { id: home, name: "x".to_owned(), created_at: at });
            let (policy, version) = (id(&format!("p{n}")), id(&format!("v{n}")));
            let ids = (
                policykit_core::ids::PolicyId::from_uuid(policy),
                policykit_core::ids::PolicyVersionId::from_uuid(version),
            );
            let scoped = db.community(home);
            scoped.add_policy(draft("x"), at, ids).await.unwrap();
            assert_eq!(scoped.policy_versions(ids.0).await.unwrap()[0].saved_at, at);
            assert_eq!(scoped.state().await.unwrap().community, made);
        }
    });
}

#[test]
fn what_is_due_at_a_fraction_of_a_second_is_due_then_and_not_before() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let fences = every_fence(&db).await;
        let at = |micros: i64| Timestamp::from_micros(secs(10).micros() + micros);
        let wakes = [0, 250_000, 500_000].map(|part| home.wake("k", &part.to_string(), at(part))).to_vec();
        db.commit(Changes { wakes, ..Changes::default() }).await.unwrap();
        for (now, due) in [(-1, 0), (0, 1), (249_999, 1), (250_000, 2), (499_999, 2), (500_000, 3)] {
            assert_eq!(db.due_wakes(&fences, at(now), 9).await.unwrap().len(), due, "at {now}");
        }
    });
}
