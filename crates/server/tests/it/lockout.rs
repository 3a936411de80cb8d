//! What counts as a way to change the rules, and that the last one is not lost by accident, haste or slowness.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use policykit_core::{
    call::CallState,
    community::InstallationStatus,
    constitution::{ACCEPTS_LOCKOUT, Amendment, PlaceDraft, RoleDraft},
    ids::{PolicyId, RoleId, UserId},
    permission::{self, ADD_INTEGRATION_TYPE, RECOVER, SETTLE_HELD},
    policy::{Block, Blocks, PolicyKind},
    proposal::{EffectStatus, Proposal, Status},
};
use policykit_engine::{Changeable, Held, HeldAs, RECOVERY_WAITS, RecoveryError, Rescuer, Settler};
use policykit_policy::{Budget, Diagnostic, Filters, MontySandbox, Program, Sandbox, Scope, Step};
use policykit_store::RecoveryState;
use policykit_testkit::{Draft, Gate, Kind, Setup, TestApp, run_test_on, run_test_with};

use crate::{browser::Browser, run_test, serve};

const ADD_POLICY: &str = "can_execute_policykitaddconstitutionpolicy";
const TAKE_ROLE: &str = "can_execute_policykitremoveuserrole";
const EDIT_ROLE: &str = "can_execute_policykiteditrole";

fn everything_passes() -> Draft {
    Draft::constitution("Every change passes", &[]).check("return PASSED")
}

fn nothing_passes() -> Draft {
    Draft::constitution("Nothing changes", &[]).check("return FAILED")
}

async fn propose(t: &TestApp, who: &str, amendment: &Amendment) {
    t.propose(&t.slack, who, &amendment.action_type(), amendment.fields()).await;
}

async fn amend(t: &TestApp, who: &str, amendment: &Amendment) -> Option<Proposal> {
    propose(t, who, amendment).await;
    t.settle().await;
    t.proposals(&t.slack).await.pop()
}

fn member(t: &TestApp, id: &str) -> UserId {
    UserId::derive(t.slack.installation, id)
}

async fn changeable(t: &TestApp) -> Changeable {
    let (engine, community) = (t.engine(), t.slack.community);
    t.node().on(async move { engine.changeable(community).await }).await.expect("it can be found out")
}

async fn holders(t: &TestApp, role: RoleId) -> Vec<UserId> {
    let (db, community) = (t.db(), t.slack.community);
    let state = t.node().on(async move { db.community(community).state().await }).await.expect("a state");
    state.role_members.into_iter().filter(|(_, roles)| roles.contains(&role)).map(|(user, _)| user).collect()
}

/// Why the last change that was not made was not made.
async fn refusal(t: &TestApp) -> Option<String> {
    let (db, community) = (t.db(), t.slack.community);
    let log = t.node().on(async move { db.community(community).decisions(0, 100).await }).await.expect("a log");
    let last = log.into_iter().rfind(|entry| entry.kind == "amendment.refused")?;
    last.body["note"].as_str().map(str::to_owned)
}

fn take(role: RoleId, user: UserId) -> Amendment {
    Amendment::RemoveUserRole { role, users: BTreeSet::from([user]) }
}

#[test]
fn the_last_constitution_policy_may_go_while_somebody_can_add_another_without_asking() {
    run_test(async |t: &mut TestApp| {
        let policy = t.policy_in(t.slack.community, everything_passes().into()).await;
        let last = Amendment::RemovePolicy { kind: PolicyKind::Constitution, policy };
        t.role(&t.slack, "Founders", &[ADD_POLICY], &["carol"]).await;
        let made = amend(t, "bob", &last).await.expect("a proposal");
        assert_eq!((made.status, made.effect), (Status::Passed, EffectStatus::Done), "{:?}", made.effect_note);
        assert!(matches!(changeable(t).await, Changeable::Yes(_)));
    });
}

#[test]
fn where_no_policy_governs_the_rules_the_last_who_can_add_one_cannot_be_made_unable() {
    run_test(async |t: &mut TestApp| {
        let founders = t.role(&t.slack, "Founders", &[ADD_POLICY, TAKE_ROLE, EDIT_ROLE], &["carol"]).await;
        let carol = member(t, "U03");
        amend(t, "carol", &take(founders, carol)).await;
        assert_eq!(holders(t, founders).await, [carol]);
        let why = refusal(t).await.expect("it is refused");
        assert!(why.contains("nobody could change the rules"), "{why}");
        let draft = RoleDraft {
            name: "Founders".to_owned(),
            permissions: BTreeSet::from([TAKE_ROLE.to_owned()]),
            ..RoleDraft::default()
        };
        amend(t, "carol", &Amendment::EditRole { role: founders, draft }).await;
        assert!(matches!(changeable(t).await, Changeable::Yes(_)), "it is as it was");

        let others = t.role(&t.slack, "Others", &[ADD_POLICY], &["dave"]).await;
        amend(t, "carol", &take(founders, carol)).await;
        assert!(holders(t, founders).await.is_empty(), "there is another way");
        assert_eq!(holders(t, others).await.len(), 1);
    });
}

#[test]
fn two_changes_of_which_each_takes_one_of_the_last_two_ways_are_not_both_made() {
    for kind in Kind::available() {
        let gate = Gate::new("T2.before");
        let setup = Setup { probe: Some(gate.clone()), ..Setup::default() };
        run_test_on(kind, serve, &setup, async |t: &mut TestApp| {
            let first = t.role(&t.slack, "First", &[ADD_POLICY, TAKE_ROLE], &["carol"]).await;
            let second = t.role(&t.slack, "Second", &[ADD_POLICY], &["dave"]).await;
            let (carol, dave) = (member(t, "U03"), member(t, "U04"));
            let (engine, community) = (t.engine(), t.slack.community);
            let announce = async move {
                engine.announce_recovery(community, take(second, dave), "He left.", &Rescuer::Operator).await
            };
            let id = t.node().on(announce).await.expect("the operator may").id;
            t.clock.advance(RECOVERY_WAITS);

            // It is judged while there is another way, and that one goes before it is written down.
            propose(t, "carol", &take(first, carol)).await;
            let look = t.node().drain_aside();
            gate.reached().await;
            let engine = t.engine();
            let carried = async move { engine.carry_out_recovery(community, id, &Rescuer::Operator).await };
            assert_eq!(t.node().on(carried).await.expect("its time has come"), RecoveryState::Done);
            gate.open();
            look.await.expect("no panic").expect("the look goes well");
            t.settle().await;

            assert!(holders(t, second).await.is_empty());
            assert_eq!(holders(t, first).await, [carol]);
            let why = refusal(t).await.expect("it is refused");
            assert!(why.contains("nobody could change the rules"), "{why}");
        });
    }
}

#[test]
fn rules_that_cannot_be_judged_in_time_are_not_put_in_force_and_nobody_waits_for_long() {
    run_test(async |t: &mut TestApp| {
        t.policy_in(t.slack.community, everything_passes().into()).await;
        // Every set of roles is tried by itself.
        for who in ["ada", "alice", "bob", "carol", "dave", "erin"] {
            t.role(&t.slack, &format!("Role of {who}"), &[], &[who]).await;
        }
        let slow = Draft::constitution("Slow", &[]).check("n = 0\nwhile True:\n  n += 1\nreturn FAILED");
        let refused = amend(t, "bob", &Amendment::AddPolicy(slow.into())).await.expect("a proposal");
        assert_eq!((refused.status, refused.effect), (Status::Passed, EffectStatus::Refused));
        let why = refused.effect_note.expect("it says why");
        assert!(why.contains("could not be shown in time"), "{why}");
    });
}

#[test]
fn a_policy_that_asks_who_is_there_is_judged_by_who_is_known_here() {
    run_test(async |t: &mut TestApp| {
        let elders = Draft::constitution("While there are elders", &[])
            .check("return PASSED if len(slack.get_users(role_names=['Elders'])) == 2 else FAILED");
        t.policy_in(t.slack.community, elders.into()).await;
        t.role(&t.slack, "Elders", &[], &["carol"]).await;
        assert_eq!(changeable(t).await, Changeable::No);
        t.role(&t.slack, "Others", &[], &["dave"]).await;
        let both = Draft::constitution("While there are others", &[])
            .check("return PASSED if len(slack.get_users(role_names=['Elders', 'Others'])) == 2 else FAILED");
        t.policy_in(t.slack.community, both.into()).await;
        assert!(matches!(changeable(t).await, Changeable::Yes(_)));
    });
}

#[test]
fn members_of_a_workspace_that_was_removed_are_no_way_to_change_the_rules() {
    run_test(async |t: &mut TestApp| {
        t.role(&t.slack, "Founders", &[ADD_POLICY], &["carol"]).await;
        assert!(matches!(changeable(t).await, Changeable::Yes(_)));
        t.remove_integration(&t.slack, "carol").await;
        assert_eq!(changeable(t).await, Changeable::No);
    });
}

#[test]
fn the_place_of_all_who_can_change_the_rules_is_not_removed_while_another_stays() {
    run_test(async |t: &mut TestApp| {
        t.role(&t.slack, "Founders", &[ADD_POLICY, &permission::execute(ADD_INTEGRATION_TYPE)], &["carol"]).await;
        let elsewhere =
            PlaceDraft { platform: "elsewhere".to_owned(), external_id: "E1".to_owned(), name: "Elsewhere".to_owned() };
        propose(t, "carol", &Amendment::AddIntegration(elsewhere)).await;
        t.settle().await;
        t.remove_integration(&t.slack, "carol").await;
        let (db, community, installation) = (t.db(), t.slack.community, t.slack.installation);
        let state = t.node().on(async move { db.community(community).state().await }).await.expect("a state");
        assert_eq!(state.installations.len(), 2, "the other place is there");
        let slack = state.installations.iter().find(|there| there.id == installation).expect("it is there");
        assert_eq!(slack.status, InstallationStatus::Active, "nobody elsewhere can change the rules");
        let calls = t.survey().await.calls;
        let leave = calls.iter().find(|call| call.purpose == "leave");
        assert!(leave.is_none_or(|call| call.state == CallState::Failed), "and the platform is not told: {leave:?}");
        let why = refusal(t).await.expect("it is refused");
        assert!(why.contains("nobody in the places that stay"), "{why}");
    });
}

#[test]
fn a_recovery_that_is_no_longer_needed_is_not_carried_out_by_a_member() {
    run_test(async |t: &mut TestApp| {
        t.role(&t.slack, "Rescuers", &[RECOVER], &["carol"]).await;
        let wall: PolicyId = t.policy_in(t.slack.community, nothing_passes().into()).await;
        let carol = Rescuer::Member(member(t, "U03"));
        let (engine, community, by) = (t.engine(), t.slack.community, carol.clone());
        let way = Amendment::RemovePolicy { kind: PolicyKind::Constitution, policy: wall };
        let announce = async move { engine.announce_recovery(community, way, "It refuses everything.", &by).await };
        let id = t.node().on(announce).await.expect("she may").id;
        t.clock.advance(RECOVERY_WAITS);
        t.policy_in(community, everything_passes().into()).await;
        let carry_out = async |by: Rescuer| {
            let engine = t.engine();
            t.node().on(async move { engine.carry_out_recovery(community, id, &by).await }).await
        };
        let needless = carry_out(carol).await;
        assert!(matches!(needless, Err(RecoveryError::NotNeeded(_))), "{needless:?}");
        assert_eq!(carry_out(Rescuer::Operator).await.expect("the operator may"), RecoveryState::Done);
        let role = Amendment::AddRole(RoleDraft { name: "Gardeners".to_owned(), ..RoleDraft::default() });
        assert_eq!(amend(t, "bob", &role).await.expect("a proposal").status, Status::Passed);
    });
}

#[test]
fn a_policy_that_would_lock_the_rules_comes_back_only_for_whoever_ticks_that_they_accept_it() {
    run_test(async |t: &mut TestApp| {
        let wall = t.policy_in(t.slack.community, nothing_passes().into()).await;
        t.policy_in(t.slack.community, everything_passes().into()).await;
        let gone = amend(t, "bob", &Amendment::RemovePolicy { kind: PolicyKind::Constitution, policy: wall }).await;
        assert_eq!(gone.expect("a proposal").effect, EffectStatus::Done);
        let path = format!("/main/policies/{wall}");
        let mut bob = Browser::member(t, "T0A", "U02").await;
        let page = bob.open(&path).await;
        page.must_say("Accept that the rules can then no longer be changed");
        bob.send(&page, &format!("{path}/recover"), &[]).await;
        t.settle().await;
        let why = refusal(t).await.expect("it is refused");
        assert!(why.contains("nobody could change the rules"), "{why}");
        assert!(matches!(changeable(t).await, Changeable::Yes(_)));
        bob.send(&page, &format!("{path}/recover"), &[("accepts_lockout", "yes")]).await;
        t.settle().await;
        assert_eq!(changeable(t).await, Changeable::No, "they said so");
    });
}

/// No policy has the time to be rehearsed.
fn in_haste() -> Setup {
    Setup { rehearsal: Some(Duration::ZERO), ..Setup::default() }
}

#[test]
fn a_recovery_is_not_opened_to_a_member_because_nobody_had_the_time_to_look_for_another_way() {
    run_test_with(serve, &in_haste(), async |t: &mut TestApp| {
        t.role(&t.slack, "Rescuers", &[RECOVER], &["carol"]).await;
        let policy = t.policy_in(t.slack.community, everything_passes().into()).await;
        assert_eq!(changeable(t).await, Changeable::Unknown);
        let carol = Rescuer::Member(member(t, "U03"));
        let announce = async |by: Rescuer| {
            let (engine, community) = (t.engine(), t.slack.community);
            let way = Amendment::RemovePolicy { kind: PolicyKind::Constitution, policy };
            t.node().on(async move { engine.announce_recovery(community, way, "It is slow.", &by).await }).await
        };
        let unknown = announce(carol.clone()).await;
        assert!(matches!(unknown, Err(RecoveryError::NotKnown)), "{unknown:?}");
        let id = announce(Rescuer::Operator).await.expect("the operator may at any time").id;
        t.clock.advance(RECOVERY_WAITS);
        let carry_out = async |by: Rescuer| {
            let (engine, community) = (t.engine(), t.slack.community);
            t.node().on(async move { engine.carry_out_recovery(community, id, &by).await }).await
        };
        let unknown = carry_out(carol).await;
        assert!(matches!(unknown, Err(RecoveryError::NotKnown)), "{unknown:?}");
        let page = Browser::member(t, "T0A", "U03").await.open("/main/policies/recovery").await;
        page.must_say("It is not known whether a proposal can change the rules about the rules");
        t.slack.post("alice", "C0GENERAL", "What is going on?").await;
        t.settle().await;
        assert_eq!(carry_out(Rescuer::Operator).await.expect("the operator may"), RecoveryState::Done);
    });
}

#[test]
fn a_change_is_not_made_unchecked_because_nobody_had_the_time_to_look_how_it_was_before() {
    run_test_with(serve, &in_haste(), async |t: &mut TestApp| {
        t.policy_in(t.slack.community, everything_passes().into()).await;
        let wall = Amendment::AddPolicy(nothing_passes().into());
        let refused = amend(t, "bob", &wall).await.expect("a proposal");
        assert_eq!((refused.status, refused.effect), (Status::Passed, EffectStatus::Refused));
        let why = refused.effect_note.expect("it says why");
        assert!(why.contains("could not be shown in time"), "{why}");
        let mut fields = wall.fields();
        fields.insert(ACCEPTS_LOCKOUT.to_owned(), true.into());
        t.propose(&t.slack, "bob", &wall.action_type(), fields).await;
        t.settle().await;
        let made = t.proposals(&t.slack).await.pop().expect("a proposal");
        assert_eq!((made.status, made.effect), (Status::Passed, EffectStatus::Done), "whoever means it can");
    });
}

#[test]
fn rules_that_are_too_slow_to_be_judged_are_mended_by_a_change_after_which_they_can_be() {
    run_test(async |t: &mut TestApp| {
        for who in ["ada", "alice", "bob", "carol", "dave", "erin"] {
            t.role(&t.slack, &format!("Role of {who}"), &[SETTLE_HELD], &[who]).await;
        }
        let slow = Draft::constitution("Slow", &[]).check("n = 0\nwhile True:\n  n += 1\nreturn FAILED");
        let policy = t.policy_in(t.slack.community, slow.into()).await;
        assert_eq!(changeable(t).await, Changeable::Unknown);
        let quick = Amendment::ChangePolicy { policy, version: None, draft: everything_passes().into() };
        let held = amend(t, "bob", &quick).await.expect("a proposal");
        assert_eq!(held.status, Status::Held, "its policy comes to no end");
        let by = Settler::Member(member(t, "U03"));
        let (engine, community) = (t.engine(), t.slack.community);
        let what = Held::Proposal(held.id);
        let settled = t.node().on(async move { engine.settle_held(community, what, HeldAs::Passed, by).await }).await;
        settled.expect("she may");
        t.settle().await;
        let made = t.proposals(&t.slack).await.pop().expect("a proposal");
        assert_eq!((made.status, made.effect), (Status::Passed, EffectStatus::Done), "{:?}", made.effect_note);
        assert!(matches!(changeable(t).await, Changeable::Yes(_)));
    });
}

#[test]
fn pages_that_many_open_at_once_cost_one_look_for_a_way() {
    let counted = Arc::new(Counted::default());
    let setup = Setup { sandbox: Arc::clone(&counted) as Arc<dyn Sandbox>, ..Setup::default() };
    run_test_with(serve, &setup, async |t: &mut TestApp| {
        t.policy_in(t.slack.community, nothing_passes().into()).await;
        let begun = || counted.0.load(Ordering::SeqCst);
        let before = begun();
        assert_eq!(changeable(t).await, Changeable::No);
        let one_look = begun() - before;
        assert!(one_look > 0);
        t.role(&t.slack, "Gardeners", &[], &["dave"]).await;
        let before = begun();
        assert_eq!(changeable(t).await, Changeable::No);
        let one_look_now = begun() - before;
        assert!(one_look_now > one_look, "every set of roles is tried");
        t.role(&t.slack, "Farmers", &[], &["erin"]).await;
        let before = begun();
        let look = || {
            let (engine, community) = (t.engine(), t.slack.community);
            async move { engine.changeable_lately(community).await }
        };
        let all = t.node().on(futures::future::join_all((0..20).map(|_| look()))).await;
        assert!(all.into_iter().all(|found| matches!(found, Ok(Changeable::No))));
        let at_once = begun() - before;
        assert!(at_once <= 2 * one_look_now, "{at_once} blocks for twenty pages");
        let before = begun();
        t.clock.advance(Duration::from_secs(59));
        t.node().on(look()).await.expect("it is remembered");
        assert_eq!(begun(), before);
        t.clock.advance(Duration::from_secs(1));
        t.node().on(look()).await.expect("it is found out");
        assert_eq!(begun() - before, at_once);
    });
}

/// Counts how many blocks are begun.
#[derive(Default)]
struct Counted(AtomicUsize);

impl Sandbox for Counted {
    fn build(&self) -> &str {
        MontySandbox.build()
    }

    fn compile(&self, blocks: &Blocks) -> Result<Program, Vec<Diagnostic>> {
        MontySandbox.compile(blocks)
    }

    fn begin(&self, program: &Program, block: Block, scope: Scope, budget: Budget) -> Step {
        self.0.fetch_add(1, Ordering::SeqCst);
        MontySandbox.begin(program, block, scope, budget)
    }

    fn join(&self, programs: &[Option<&Program>]) -> Arc<dyn Filters> {
        MontySandbox.join(programs)
    }
}
