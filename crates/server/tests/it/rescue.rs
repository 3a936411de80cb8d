//! When the rules break: what is held, and who decides about it.

use policykit_core::{
    JsonMap,
    action::Standing,
    constitution::{Amendment, RoleDraft},
    ids::UserId,
    permission::SETTLE_HELD,
    policy::{OnError, PolicyDraft, PolicyKind},
    proposal::{EffectStatus, Proposal, Status},
};
use policykit_engine::{Changeable, Held, HeldAs, ProposeError, Rescuer, SettleError, Settler};
use policykit_platforms::slack::fake::{CallFault, CallRule};
use policykit_store::{Page, Sight};
use policykit_testkit::{Draft, TestApp};

use crate::{policies::POST, run_test};

const BUSY: CallFault = CallFault::StatusBeforeEffect { status: 503 };
const GENERAL: &str = "C0GENERAL";

pub(crate) fn everything_passes() -> Draft {
    Draft::constitution("Every change passes", &[]).check("return PASSED")
}

pub(crate) fn nothing_passes() -> Draft {
    Draft::constitution("Nothing changes", &[]).check("return FAILED")
}

pub(crate) fn broken(on_error: OnError) -> Draft {
    Draft::constitution("Broken", &[]).check("return PASSED if action.no_such_thing else FAILED").on_error(on_error)
}

pub(crate) fn role(name: &str) -> Amendment {
    Amendment::AddRole(RoleDraft { name: name.to_owned(), ..RoleDraft::default() })
}

pub(crate) async fn amend(t: &TestApp, who: &str, amendment: &Amendment) -> Option<Proposal> {
    amend_with(t, who, amendment, amendment.fields()).await
}

pub(crate) async fn amend_with(t: &TestApp, who: &str, amendment: &Amendment, fields: JsonMap) -> Option<Proposal> {
    t.propose(&t.slack, who, &amendment.action_type(), fields).await;
    t.settle().await;
    t.proposals(&t.slack).await.pop()
}

pub(crate) fn member(t: &TestApp, id: &str) -> UserId {
    UserId::derive(t.slack.installation, id)
}

pub(crate) async fn settle(t: &TestApp, held: Held, settled: HeldAs, by: Settler) -> Result<(), SettleError> {
    let (engine, community) = (t.engine(), t.slack.community);
    let said = t.node().on(async move { engine.settle_held(community, held, settled, by).await }).await;
    t.settle().await;
    said.map(|_| ())
}

pub(crate) async fn in_force(t: &TestApp) -> Vec<String> {
    let (db, community) = (t.db(), t.slack.community);
    let state = t.node().on(async move { db.community(community).state().await }).await.expect("a state");
    state.policies.into_iter().map(|p| p.draft.name).collect()
}

pub(crate) async fn decided(t: &TestApp) -> Vec<(String, serde_json::Value)> {
    let (db, community) = (t.db(), t.slack.community);
    let log = t.node().on(async move { db.community(community).decisions(0, 100).await }).await.expect("a log");
    log.into_iter().map(|d| (d.kind, d.body)).collect()
}

pub(crate) async fn changeable(t: &TestApp) -> Changeable {
    let (engine, community) = (t.engine(), t.slack.community);
    t.node().on(async move { engine.changeable(community).await }).await.expect("it can be found out")
}

#[test]
fn a_broken_constitution_policy_is_mended_by_letting_the_held_repair_pass() {
    run_test(async |t: &mut TestApp| {
        t.role(&t.slack, "Keepers", &[SETTLE_HELD], &["carol"]).await;
        let policy = t.policy_in(t.slack.community, broken(OnError::Hold).into()).await;
        let mended = PolicyDraft::from(everything_passes());
        let repair = Amendment::ChangePolicy { policy, version: Some(1), draft: mended };
        let held = amend(t, "bob", &repair).await.expect("a proposal");
        assert_eq!(held.status, Status::Held);
        assert_eq!(t.story(&held).await.bundle.action.standing, Standing::Held);

        let refused = settle(t, Held::Proposal(held.id), HeldAs::Passed, Settler::Member(member(t, "U02"))).await;
        assert!(matches!(refused, Err(SettleError::NotAllowed)), "{refused:?}");
        assert_eq!(in_force(t).await, ["Broken"]);

        let carol = Settler::Member(member(t, "U03"));
        settle(t, Held::Proposal(held.id), HeldAs::Passed, carol.clone()).await.expect("she may");
        let passed = t.proposals(&t.slack).await.pop().expect("the proposal");
        assert_eq!((passed.status, passed.effect), (Status::Passed, EffectStatus::Done));
        assert_eq!(in_force(t).await, ["Every change passes"]);
        let again = settle(t, Held::Proposal(held.id), HeldAs::Failed, carol).await;
        assert!(matches!(again, Err(SettleError::NotHeld)), "{again:?}");

        let next = amend(t, "dave", &role("Gardeners")).await.expect("a proposal");
        assert_eq!((next.status, next.effect), (Status::Passed, EffectStatus::Done), "the rules work again");
        let log = decided(t).await;
        let entry = log.iter().find(|(kind, _)| kind == "proposal.settled_by_person").expect("it is in the record");
        assert_eq!(entry.1["by"], member(t, "U03").to_string(), "the record keeps who, not what they are called");
    });
}

#[test]
fn whoever_proposed_a_change_of_the_rules_does_not_let_it_pass_themselves() {
    run_test(async |t: &mut TestApp| {
        t.role(&t.slack, "Keepers", &[SETTLE_HELD], &["carol", "dave"]).await;
        let ungoverned = Amendment::AddPolicy(everything_passes().into());
        assert!(amend(t, "carol", &ungoverned).await.is_none(), "nobody governs it");
        let (db, community) = (t.db(), t.slack.community);
        let action = t
            .node()
            .on(async move { db.community(community).held(&Sight::EVERYTHING, Page::first(10)).await })
            .await
            .expect("a list");
        let action = Held::Action(action[0].action.id);
        t.policy_in(t.slack.community, broken(OnError::Hold).into()).await;
        let held = Held::Proposal(amend(t, "carol", &role("Gardeners")).await.expect("a proposal").id);
        let (carol, dave) = (Settler::Member(member(t, "U03")), Settler::Member(member(t, "U04")));
        for what in [action, held] {
            let own = settle(t, what, HeldAs::Passed, carol.clone()).await;
            assert!(matches!(own, Err(SettleError::OwnChange)), "{own:?}");
        }
        assert_eq!(in_force(t).await, ["Broken"]);
        settle(t, action, HeldAs::Passed, dave).await.expect("a second person may");
        assert_eq!(in_force(t).await.len(), 2);
        settle(t, held, HeldAs::Failed, carol).await.expect("she may take it back");
        assert_eq!(t.proposals(&t.slack).await.pop().expect("a proposal").status, Status::Failed);
    });
}

#[test]
fn nothing_is_proposed_or_settled_where_the_community_is_on_no_platform() {
    run_test(async |t: &mut TestApp| {
        t.role(&t.slack, "Keepers", &[SETTLE_HELD], &["carol"]).await;
        t.policy_in(t.slack.community, everything_passes().into()).await;
        t.policy_in(t.slack.community, broken(OnError::Hold).into()).await;
        let held = Held::Proposal(amend(t, "bob", &role("Gardeners")).await.expect("a proposal").id);
        let by = member(t, "U03");
        t.remove_integration(&t.slack, "carol").await;
        let change = role("Usurpers");
        let refused = t.try_propose(&t.slack, "dave", &change.action_type(), change.fields()).await;
        assert!(matches!(refused, Err(ProposeError::Nowhere)), "{refused:?}");
        let refused = settle(t, held, HeldAs::Passed, Settler::Member(by)).await;
        assert!(matches!(refused, Err(SettleError::Nowhere)), "{refused:?}");
    });
}

#[test]
fn what_happens_where_the_community_was_removed_from_is_not_governed() {
    run_test(async |t: &mut TestApp| {
        t.policy(Draft::platform("Nothing stays", &[POST]).check("return FAILED")).await;
        t.slack.post("alice", GENERAL, "before").await;
        t.settle().await;
        // The platform does not take the app out, so it goes on sending.
        t.fake().fault_calls(CallRule { times: 1_000, ..CallRule::next("apps.uninstall", BUSY) });
        t.remove_integration(&t.slack, "carol").await;
        t.slack.post("alice", GENERAL, "after").await;
        t.settle().await;
        assert_eq!(t.slack.texts(GENERAL), ["after"]);
        t.fake().clear_faults();
        t.recover().await;
        assert_eq!(t.proposals(&t.slack).await.len(), 1, "only what was posted before it was removed");
    });
}

#[test]
fn a_held_repair_that_is_refused_changes_nothing_and_two_who_decide_at_once_decide_once() {
    run_test(async |t: &mut TestApp| {
        t.role(&t.slack, "Keepers", &[SETTLE_HELD], &["carol", "dave"]).await;
        t.policy_in(t.slack.community, broken(OnError::Hold).into()).await;
        let held = amend(t, "bob", &role("Gardeners")).await.expect("a proposal");
        let (engine, community, id) = (t.engine(), t.slack.community, held.id);
        let by = [Settler::Member(member(t, "U03")), Settler::Operator];
        let said = t
            .node()
            .on(async move {
                let [first, second] = by;
                let first = engine.settle_held(community, Held::Proposal(id), HeldAs::Failed, first).await;
                (first, engine.settle_held(community, Held::Proposal(id), HeldAs::Passed, second).await)
            })
            .await;
        assert!(said.0.is_ok() && said.1.is_ok(), "neither knew of the other: {said:?}");
        t.settle().await;
        let decided_once = t.proposals(&t.slack).await.pop().expect("the proposal");
        let log = decided(t).await;
        let settled: Vec<_> = log.iter().filter(|(kind, _)| kind == "proposal.settled_by_person").collect();
        assert_eq!(settled.len(), 1, "{settled:?}");
        assert_eq!(settled[0].1["status"], decided_once.status.as_str());
        let last = t.policy_in(t.slack.community, nothing_passes().into()).await;
        let refused = amend(t, "bob", &Amendment::RemovePolicy { kind: PolicyKind::Constitution, policy: last }).await;
        assert_eq!(refused.expect("a proposal").status, Status::Failed);
    });
}

#[test]
fn a_constitution_policy_is_not_switched_off_by_proposals_that_break_it() {
    run_test(async |t: &mut TestApp| {
        t.policy_in(t.slack.community, everything_passes().into()).await;
        t.policy_in(t.slack.community, broken(OnError::Hold).into()).await;
        for number in 0..6 {
            let held = amend(t, "bob", &role(&format!("Number {number}"))).await.expect("a proposal");
            assert_eq!(held.status, Status::Held, "{number}: the laxer policy below is not asked");
        }
        assert_eq!(in_force(t).await, ["Broken", "Every change passes"]);
        assert!(decided(t).await.iter().all(|(kind, _)| kind != "policy.suspended"));
    });
}

#[test]
fn a_constitution_policy_whose_filter_breaks_hands_nothing_on() {
    run_test(async |t: &mut TestApp| {
        t.role(&t.slack, "Keepers", &[SETTLE_HELD], &["carol"]).await;
        t.policy_in(t.slack.community, everything_passes().into()).await;
        let strict = Draft::constitution("Strict", &[]).filter("return action.no_such_thing").check("return FAILED");
        t.policy_in(t.slack.community, strict.into()).await;
        let held = amend(t, "bob", &role("Gardeners")).await.expect("a proposal");
        assert_eq!(held.status, Status::Held, "the laxer policy below is not asked");
        assert!(held.error.as_ref().is_some_and(|why| why.starts_with("filter: ")), "{:?}", held.error);
        let story = t.story(&held).await;
        assert_eq!(story.evaluations.len(), 1, "what was tried can be read");
        assert_eq!(decided(t).await.iter().filter(|(kind, _)| kind == "proposal.held").count(), 1);
        let carol = Settler::Member(member(t, "U03"));
        settle(t, Held::Proposal(held.id), HeldAs::Passed, carol).await.expect("she may");
        let made = t.proposals(&t.slack).await.pop().expect("the proposal");
        assert_eq!((made.status, made.effect), (Status::Passed, EffectStatus::Done));
    });
}

#[test]
fn a_constitution_policy_that_would_hand_on_is_refused_before_anybody_is_asked() {
    run_test(async |t: &mut TestApp| {
        t.policy_in(t.slack.community, everything_passes().into()).await;
        let handing_on = Amendment::AddPolicy(broken(OnError::Next).into());
        let refused = t.try_propose(&t.slack, "bob", &handing_on.action_type(), handing_on.fields()).await;
        let why = refused.expect_err("it is refused").to_string();
        assert!(why.contains("`on_error` is `next`") && why.contains("take `hold`"), "{why}");
        // One of before there was this rule.
        t.policy_in(t.slack.community, broken(OnError::Next).into()).await;
        let held = amend(t, "bob", &role("Gardeners")).await.expect("a proposal");
        assert_eq!(held.status, Status::Held, "the policy below is not asked");
    });
}

#[test]
fn a_version_of_before_handing_on_was_refused_is_put_back_and_holds() {
    run_test(async |t: &mut TestApp| {
        let community = t.slack.community;
        let policy = t.policy_in(community, everything_passes().on_error(OnError::Next).into()).await;
        let second = PolicyDraft { name: "Second".to_owned(), ..everything_passes().into() };
        let change = Amendment::ChangePolicy { policy, version: Some(1), draft: second };
        assert_eq!(amend(t, "bob", &change).await.expect("a proposal").effect, EffectStatus::Done);
        let engine = t.engine();
        let history = t.node().on(async move { engine.policy_history(community, policy).await }).await;
        let back = history.expect("a history").roll_back(1).expect("the first version");

        let (engine, announced) = (t.engine(), back.clone());
        let recovery = async move {
            engine.announce_recovery(community, announced, "The second does not work.", &Rescuer::Operator).await
        };
        t.node().on(recovery).await.expect("it is a way for the operator too");
        assert_eq!(amend(t, "bob", &back).await.expect("a proposal").effect, EffectStatus::Done);
        let db = t.db();
        let state = t.node().on(async move { db.community(community).state().await }).await.expect("a state");
        let draft = &state.policies[0].draft;
        assert_eq!((draft.name.as_str(), draft.on_error), ("Every change passes", OnError::Hold));
    });
}

#[test]
fn a_change_that_nobody_governs_is_held_and_can_be_let_through() {
    run_test(async |t: &mut TestApp| {
        assert!(
            amend(t, "bob", &Amendment::AddPolicy(everything_passes().into())).await.is_none(),
            "nobody governs it"
        );
        let (db, community) = (t.db(), t.slack.community);
        let held = t
            .node()
            .on(async move { db.community(community).held(&Sight::EVERYTHING, Page::first(10)).await })
            .await
            .expect("a list");
        assert_eq!(held.len(), 1);
        assert!(held[0].proposal.is_none());
        settle(t, Held::Action(held[0].action.id), HeldAs::Passed, Settler::Operator).await.expect("the operator may");
        assert_eq!(in_force(t).await, ["Every change passes"]);
        let passed = amend(t, "bob", &role("Gardeners")).await.expect("a proposal");
        assert_eq!(passed.status, Status::Passed);
    });
}

#[test]
fn what_happened_on_the_platform_and_is_held_is_left_or_undone_as_the_person_says() {
    run_test(async |t: &mut TestApp| {
        t.policy(Draft::platform("Broken", &["slackpostmessage"]).check("return action.no_such_thing")).await;
        let stays = t.slack.post("bob", GENERAL, "one").await;
        let goes = t.slack.post("bob", GENERAL, "two").await;
        t.settle().await;
        let all = t.proposals(&t.slack).await;
        for (proposal, settled) in all.iter().zip([HeldAs::Passed, HeldAs::Failed]) {
            assert_eq!(proposal.status, Status::Held);
            settle(t, Held::Proposal(proposal.id), settled, Settler::Operator).await.expect("the operator may");
        }
        assert!(t.slack.message(GENERAL, &stays).is_some());
        assert_eq!(t.slack.message(GENERAL, &goes), None);
        let after = t.proposals(&t.slack).await;
        assert_eq!((after[0].status, after[1].status), (Status::Passed, Status::Failed));
        assert_eq!(after[1].effect, EffectStatus::Done);
    });
}

#[test]
fn trigger_policies_hear_of_a_change_that_was_made_and_not_of_one_that_was_refused() {
    run_test(async |t: &mut TestApp| {
        t.policy_in(t.slack.community, everything_passes().into()).await;
        let tell = Draft::trigger("Tell of new roles", &["policykitaddrole"])
            .check("return PASSED")
            .success("slack.post_message(text=f'{action.initiator.readable_name}: a new role', channel='C0GENERAL')");
        t.policy_in(t.slack.community, tell.into()).await;
        t.role(&t.slack, "Doers", &["can_execute_policykitaddrole"], &["ada"]).await;
        // For the others the name is taken, which shows only when the change is made: they are proposed before there is one.
        let gardeners = role("Gardeners");
        for who in ["bob", "bob", "ada"] {
            t.propose(&t.slack, who, &gardeners.action_type(), gardeners.fields()).await;
        }
        t.settle().await;
        assert_eq!(t.slack.texts(GENERAL), ["bob: a new role"]);
        amend(t, "ada", &role("Cooks")).await;
        assert_eq!(t.slack.texts(GENERAL), ["bob: a new role", "ada: a new role"]);
    });
}

#[test]
fn policies_that_apply_to_everything_are_tried_after_those_that_name_their_actions() {
    run_test(async |t: &mut TestApp| {
        t.policy(Draft::platform("No pins", &["slackpinmessage"]).check("return FAILED")).await;
        t.policy(
            Draft::platform("No forbidden word", &["slackpostmessage"])
                .filter("return 'forbidden' in action.text")
                .check("return FAILED"),
        )
        .await;
        // Added last and so on top, and yet it swallows nothing.
        t.policy(Draft::platform("Everything passes", &[]).check("return PASSED")).await;
        let gone = t.slack.post("bob", GENERAL, "a forbidden word").await;
        let stays = t.slack.post("bob", GENERAL, "a word").await;
        t.settle().await;
        assert_eq!(t.slack.message(GENERAL, &gone), None);
        assert!(t.slack.message(GENERAL, &stays).is_some());
    });
}
