//! Changes that would lock everybody out, and the way back from them.

use std::{collections::BTreeSet, time::Duration};

use policykit_core::{
    constitution::{ACCEPTS_LOCKOUT, Amendment, RoleDraft},
    ids::PolicyId,
    permission::RECOVER,
    policy::{OnError, PolicyKind},
    proposal::{EffectStatus, Status},
};
use policykit_engine::{Changeable, RECOVERY_LASTS, RECOVERY_WAITS, RecoveryError, Rescuer};
use policykit_store::{ChainReport, Page, Recovery, RecoveryState};
use policykit_testkit::{Draft, TestApp};

use crate::{
    rescue::{
        amend, amend_with, broken, changeable, decided, everything_passes, in_force, member, nothing_passes, role,
    },
    run_test,
};

#[test]
fn a_change_after_which_nobody_could_change_the_rules_is_refused_unless_it_says_so() {
    run_test(async |t: &mut TestApp| {
        t.policy_in(t.slack.community, everything_passes().into()).await;
        let lockout = Amendment::AddPolicy(nothing_passes().into());
        let refused = amend(t, "bob", &lockout).await.expect("a proposal");
        assert_eq!((refused.status, refused.effect), (Status::Passed, EffectStatus::Refused));
        let why = refused.effect_note.expect("it says why");
        assert!(why.contains("nobody could change the rules"), "{why}");
        assert_eq!(in_force(t).await, ["Every change passes"]);
        assert!(matches!(changeable(t).await, Changeable::Yes(_)));

        let mut fields = lockout.fields();
        fields.insert(ACCEPTS_LOCKOUT.to_owned(), true.into());
        let made = amend_with(t, "bob", &lockout, fields).await.expect("a proposal");
        assert_eq!((made.status, made.effect), (Status::Passed, EffectStatus::Done));
        assert_eq!(in_force(t).await, ["Nothing changes", "Every change passes"]);
        assert_eq!(changeable(t).await, Changeable::No);
    });
}

#[test]
fn the_ways_of_locking_everybody_out_are_many_and_each_is_refused() {
    run_test(async |t: &mut TestApp| {
        let policy = t.policy_in(t.slack.community, everything_passes().into()).await;
        let kind = PolicyKind::Constitution;
        let change = |draft: Draft| Amendment::ChangePolicy { policy, version: None, draft: draft.into() };
        let by_role = || {
            Draft::constitution("By role", &[])
                .check("return PASSED if action.initiator.has_role('Nobody') else FAILED")
        };
        let ways = [
            ("refuses", change(nothing_passes())),
            ("breaks", change(broken(OnError::Hold))),
            ("a role nobody has", change(by_role())),
            ("no policy", Amendment::RemovePolicy { kind, policy }),
            ("never decides", change(Draft::constitution("Waits", &[]).check("return PROPOSED"))),
        ];
        for (what, way) in ways {
            let refused = amend(t, "bob", &way).await.expect("a proposal");
            assert_eq!(refused.effect, EffectStatus::Refused, "{what}");
        }
        let base = {
            let (db, community) = (t.db(), t.slack.community);
            let state = t.node().on(async move { db.community(community).state().await }).await.expect("a state");
            state.roles.into_iter().find(|r| r.is_base).expect("a base role")
        };
        let silent = RoleDraft { name: base.name, description: base.description, permissions: BTreeSet::new() };
        let refused = amend(t, "bob", &Amendment::EditRole { role: base.id, draft: silent }).await.expect("a proposal");
        assert_eq!(refused.effect, EffectStatus::Refused, "nobody could propose anything");
        assert_eq!(in_force(t).await, ["Every change passes"]);
    });
}

#[test]
fn rules_that_ask_for_votes_time_or_roles_somebody_has_are_no_lockout() {
    run_test(async |t: &mut TestApp| {
        let policy = t.policy_in(t.slack.community, everything_passes().into()).await;
        t.role(&t.slack, "Elders", &[], &["erin"]).await;
        let vote = Draft::constitution("All elders agree", &[])
            .initialize("return {'asked': ['U05']}")
            .check(
                "if not proposal.vote_post_id:\n  return PROPOSED\n\
                 return PASSED if len(proposal.get_yes_votes()) >= 1 else PROPOSED",
            )
            .notify("slack.initiate_vote(text='Shall we?', channel='C0GENERAL', users=['U05'])");
        let time = Draft::constitution("After a week", &[])
            .check("return PASSED if proposal.get_time_elapsed() > datetime.timedelta(days=7) else PROPOSED");
        let by_role = Draft::constitution("Elders decide", &[])
            .check("return PASSED if action.initiator.has_role('Elders') else FAILED");
        let last = Amendment::RemovePolicy { kind: PolicyKind::Constitution, policy };
        for draft in [vote, time, by_role] {
            t.policy_in(t.slack.community, draft.clone().into()).await;
            assert!(matches!(changeable(t).await, Changeable::Yes(_)), "{draft:?}");
        }
        // On top is "Elders decide": what bob proposes fails, what erin proposes passes.
        let refused = amend(t, "bob", &last).await.expect("a proposal");
        assert_eq!(refused.status, Status::Failed);
        let made = amend(t, "erin", &last).await.expect("a proposal");
        assert_eq!((made.status, made.effect), (Status::Passed, EffectStatus::Done));
    });
}

async fn announce(t: &TestApp, policy: PolicyId, by: Rescuer) -> Result<Recovery, RecoveryError> {
    let (engine, community) = (t.engine(), t.slack.community);
    let way = Amendment::RemovePolicy { kind: PolicyKind::Constitution, policy };
    t.node().on(async move { engine.announce_recovery(community, way, "It refuses everything.", &by).await }).await
}

#[test]
fn a_locked_out_community_comes_back_by_a_recovery_that_everybody_could_see_coming() {
    run_test(async |t: &mut TestApp| {
        t.role(&t.slack, "Rescuers", &[RECOVER], &["carol"]).await;
        t.policy_in(t.slack.community, everything_passes().into()).await;
        let carol = Rescuer::Member(member(t, "U03"));
        let policy =
            t.policy_in(t.slack.community, Draft::constitution("Fine", &[]).check("return PASSED").into()).await;
        let needless = announce(t, policy, carol.clone()).await;
        assert!(matches!(needless, Err(RecoveryError::NotNeeded(_))), "{needless:?}");

        let wall = t.policy_in(t.slack.community, nothing_passes().into()).await;
        assert_eq!(changeable(t).await, Changeable::No);
        let stranger = announce(t, wall, Rescuer::Member(member(t, "U02"))).await;
        assert!(matches!(stranger, Err(RecoveryError::NotAllowed)), "{stranger:?}");
        let announced = announce(t, wall, carol.clone()).await.expect("she may");
        let carry_out = async |by: Rescuer| {
            let (engine, community, id) = (t.engine(), t.slack.community, announced.id);
            t.node().on(async move { engine.carry_out_recovery(community, id, &by).await }).await
        };
        t.clock.advance(RECOVERY_WAITS - Duration::from_secs(1));
        let early = carry_out(carol.clone()).await;
        assert!(matches!(early, Err(RecoveryError::TooEarly(_))), "{early:?}");
        assert_eq!(in_force(t).await.len(), 3);
        t.clock.advance(Duration::from_secs(1));
        assert_eq!(carry_out(carol.clone()).await.expect("its time has come"), RecoveryState::Done);
        assert_eq!(in_force(t).await, ["Fine", "Every change passes"]);
        let twice = carry_out(carol).await;
        assert!(matches!(twice, Err(RecoveryError::Over)), "{twice:?}");
        let passed = amend(t, "bob", &role("Gardeners")).await.expect("a proposal");
        assert_eq!(passed.status, Status::Passed);

        let kinds: Vec<String> = decided(t).await.into_iter().map(|(kind, _)| kind).collect();
        for kind in ["recovery.announced", "recovery.done", "amendment.done"] {
            assert!(kinds.iter().any(|k| k == kind), "{kind} in {kinds:?}");
        }
        let (db, community) = (t.db(), t.slack.community);
        let chain = t.node().on(async move { db.community(community).verify_decisions().await }).await;
        assert!(matches!(chain, Ok(ChainReport::Intact { .. })), "{chain:?}");
    });
}

#[test]
fn a_recovery_that_nobody_carries_out_within_two_weeks_is_over() {
    run_test(async |t: &mut TestApp| {
        let wall = t.policy_in(t.slack.community, nothing_passes().into()).await;
        let id = announce(t, wall, Rescuer::Operator).await.expect("the operator may").id;
        t.advance(RECOVERY_LASTS - Duration::from_secs(1)).await;
        assert!(!decided(t).await.iter().any(|(kind, _)| kind == "recovery.expired"), "its last second has not passed");
        t.advance(Duration::from_secs(3_600)).await;
        let (engine, community) = (t.engine(), t.slack.community);
        let late = t.node().on(async move { engine.carry_out_recovery(community, id, &Rescuer::Operator).await }).await;
        assert!(matches!(late, Err(RecoveryError::Expired)), "{late:?}");
        assert_eq!(in_force(t).await, ["Nothing changes"]);
        let log = decided(t).await;
        let expired: Vec<_> = log.iter().filter(|(kind, _)| kind == "recovery.expired").collect();
        assert_eq!(expired.len(), 1);
        let (db, community) = (t.db(), t.slack.community);
        let all = t
            .node()
            .on(async move { db.community(community).recoveries(Page::first(10)).await })
            .await
            .expect("a list");
        assert_eq!(all[0].state, RecoveryState::Expired);
    });
}

#[test]
fn a_recovery_that_is_withdrawn_never_happens_and_the_operator_may_announce_one_at_any_time() {
    run_test(async |t: &mut TestApp| {
        let policy = t.policy_in(t.slack.community, everything_passes().into()).await;
        let announced = announce(t, policy, Rescuer::Operator).await.expect("the operator may");
        let (engine, community) = (t.engine(), t.slack.community);
        t.clock.advance(RECOVERY_WAITS);
        let id = announced.id;
        let late = t
            .node()
            .on(async move {
                engine.withdraw_recovery(community, id, &Rescuer::Operator).await.expect("it is withdrawn");
                engine.carry_out_recovery(community, id, &Rescuer::Operator).await
            })
            .await;
        assert!(matches!(late, Err(RecoveryError::Over)), "{late:?}");
        assert_eq!(in_force(t).await, ["Every change passes"]);
    });
}
