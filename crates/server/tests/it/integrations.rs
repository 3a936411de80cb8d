//! Removing an integration is a change of the rules: who may ask for it, who decides, what the platform is told.

use std::time::Duration;

use policykit_core::{
    Clock as _,
    call::CallState,
    community::InstallationStatus,
    constitution::{Amendment, PlaceDraft},
    ids::UserId,
    permission::{ADD_INTEGRATION, REMOVE_INTEGRATION},
    proposal::{EffectStatus, Status},
};
use policykit_engine::ProposeError;
use policykit_platforms::slack::fake::{CallFault, CallRule, Change, What};
use policykit_testkit::{Draft, TestApp, Workspace};

use crate::{policies::answers, run_test};

fn removal(of: &Workspace) -> Amendment {
    Amendment::RemoveIntegration { integration: of.installation }
}

async fn ask(t: &TestApp, who: &str, amendment: &Amendment) {
    t.propose(&t.slack, who, &amendment.action_type(), amendment.fields()).await;
    t.settle().await;
}

async fn status(t: &TestApp) -> InstallationStatus {
    let (db, community) = (t.db(), t.slack.community);
    t.node().on(async move { db.community(community).state().await }).await.expect("it is there").installations[0]
        .status
}

async fn has_keys(t: &TestApp) -> bool {
    let (db, community, installation) = (t.db(), t.slack.community, t.slack.installation);
    let secret = async move { db.community(community).get_secret(installation, "bot_token").await };
    t.node().on(secret).await.expect("the database").is_some()
}

async fn kinds(t: &TestApp) -> Vec<String> {
    let (db, community) = (t.db(), t.slack.community);
    let record = t.node().on(async move { db.community(community).decisions(0, 500).await }).await;
    record.expect("the record").into_iter().map(|entry| entry.kind).collect()
}

/// How often the app was taken out of the workspace.
fn taken_out(t: &TestApp) -> usize {
    let record = t.fake().record();
    record.iter().filter(|entry| matches!(&entry.what, What::Effect { change: Change::Uninstalled, .. })).count()
}

#[test]
fn a_removal_is_voted_on_and_the_platform_is_told_to_forget_us() {
    run_test(async |t: &mut TestApp| {
        t.role(&t.slack, "Keepers", &[REMOVE_INTEGRATION], &["carol"]).await;
        let yes = "if proposal.get_yes_votes(users=['U01']):\n    return PASSED";
        let vote = Draft::constitution("Ask alice", &[])
            .check(yes)
            .notify("slack.initiate_vote(channel='C0GENERAL', text=f'{action.action_type}?')");
        t.policy_in(t.slack.community, vote.into()).await;
        ask(t, "carol", &removal(&t.slack)).await;
        assert_eq!(t.proposal().await.status, Status::Proposed);
        assert_eq!((status(t).await, taken_out(t)), (InstallationStatus::Active, 0), "nothing happens before");
        t.slack.vote("alice", "C0GENERAL", "Yes").await;
        t.recover().await;
        let decided = t.proposal().await;
        assert_eq!((decided.status, decided.effect), (Status::Passed, EffectStatus::Done));
        assert_eq!((status(t).await, taken_out(t)), (InstallationStatus::Uninstalled, 1));
        assert!(!has_keys(t).await, "the keys are destroyed once the platform was told");
        let record = kinds(t).await;
        for entry in ["amendment.done", "integration.leave.done"] {
            assert!(record.iter().any(|kind| kind == entry), "{entry}: {record:?}");
        }
    });
}

#[test]
fn whoever_is_no_integration_admin_cannot_even_ask() {
    run_test(async |t: &mut TestApp| {
        t.policy_in(t.slack.community, Draft::constitution("Anything", &[]).check("return PASSED").into()).await;
        ask(t, "bob", &removal(&t.slack)).await;
        let place = PlaceDraft { platform: "slack".into(), external_id: "T0C".into(), name: "Elsewhere".into() };
        ask(t, "bob", &Amendment::AddIntegration(place)).await;
        assert!(t.proposals(&t.slack).await.is_empty(), "no policy is asked");
        assert_eq!(status(t).await, InstallationStatus::Active);
        assert_eq!(kinds(t).await.iter().filter(|kind| *kind == "action.refused").count(), 2);
    });
}

#[test]
fn what_is_not_there_is_not_proposed_to_be_removed() {
    run_test(async |t: &mut TestApp| {
        t.role(&t.slack, "Keepers", &[REMOVE_INTEGRATION, ADD_INTEGRATION], &["carol"]).await;
        let theirs = removal(&t.other);
        let refused = t.try_propose(&t.slack, "carol", &theirs.action_type(), theirs.fields()).await;
        let Err(ProposeError::Invalid(why)) = refused else { panic!("it is refused: {refused:?}") };
        assert!(why.to_string().starts_with("`integration` names no integration"), "{why}");
    });
}

#[test]
fn a_lost_answer_is_found_out_and_the_keys_stay_until_then() {
    run_test(async |t: &mut TestApp| {
        t.fake().fault_calls(CallRule::next("apps.uninstall", CallFault::DropAfterEffect));
        t.remove_integration(&t.slack, "carol").await;
        assert_eq!((status(t).await, taken_out(t)), (InstallationStatus::Uninstalled, 1));
        assert!(has_keys(t).await, "nobody knows yet whether the platform heard it");
        assert!(!kinds(t).await.iter().any(|kind| kind.starts_with("integration.leave")));
        t.recover().await;
        assert_eq!(taken_out(t), 1, "asked again, the platform says that we are gone");
        assert!(!has_keys(t).await);
        assert!(kinds(t).await.contains(&"integration.leave.done".to_owned()));
    });
}

#[test]
fn what_cannot_be_confirmed_stays_visible_as_uncertain() {
    run_test(async |t: &mut TestApp| {
        let lost = CallFault::StatusBeforeEffect { status: 502 };
        t.fake().fault_calls(CallRule { times: 1_000, ..CallRule::next("apps.uninstall", lost) });
        t.remove_integration(&t.slack, "carol").await;
        // As often as it is tried, with the longest pause in between.
        for _ in 0..70 {
            t.advance(Duration::from_secs(300)).await;
        }
        let calls = t.survey().await.calls;
        let leave = calls.iter().find(|call| call.purpose == "leave").expect("the call");
        assert_eq!(leave.state, CallState::Uncertain, "{leave:?}");
        assert!(!has_keys(t).await, "what nobody needs any more is not kept");
        assert!(kinds(t).await.contains(&"integration.leave.uncertain".to_owned()));
        t.fake().clear_faults();
        t.expect_uncertain(1);
    });
}

#[test]
fn where_it_was_removed_nothing_is_done_any_more_while_the_platform_has_not_answered() {
    run_test(async |t: &mut TestApp| {
        let busy = CallFault::RateLimited { retry_after_secs: 60 };
        t.policy(answers()).await;
        t.fake().fault_calls(CallRule::next("chat.postMessage", busy));
        t.slack.post("bob", "C0RANDOM", "a question").await;
        t.settle().await;
        t.fake().fault_calls(CallRule { times: 1_000, ..CallRule::next("apps.uninstall", busy) });
        t.remove_integration(&t.slack, "carol").await;
        assert!(has_keys(t).await, "the platform is still to be told");
        t.advance(Duration::from_secs(120)).await;
        assert!(t.slack.bot_messages("C0RANDOM").is_empty(), "it could still be sent, and must not be");
        let calls = t.survey().await.calls;
        let late = calls.iter().find(|call| call.purpose != "leave").expect("the call");
        assert_eq!(late.state, CallState::Failed, "{late:?}");
        // It is not tried for ever: the keys go.
        t.advance(Duration::from_secs(15 * 60)).await;
        assert!(!has_keys(t).await);
        assert!(kinds(t).await.contains(&"integration.leave.uncertain".to_owned()));
        t.fake().clear_faults();
        t.expect_uncertain(1);
    });
}

#[test]
fn a_place_that_is_let_in_again_before_the_platform_was_told_stays() {
    run_test(async |t: &mut TestApp| {
        let busy = CallFault::RateLimited { retry_after_secs: 60 };
        t.fake().fault_calls(CallRule::next("apps.uninstall", busy));
        t.remove_integration(&t.slack, "carol").await;
        let (db, community, now) = (t.db(), t.slack.community, t.clock.now());
        let back = async move {
            let scope = db.community(community);
            let there = scope.state().await?.installations.remove(0);
            let was = db.system().known_place(&there.platform, &there.external_id).await?.expect("it is there");
            let keys = scope.keys(there.id).await?.secrets;
            scope.hand_over(&was, &there, &keys, now).await
        };
        t.node().on(back).await.expect("it is let in again");
        t.recover().await;
        assert_eq!((status(t).await, taken_out(t)), (InstallationStatus::Active, 0));
        assert!(has_keys(t).await);
        let calls = t.survey().await.calls;
        let leave = calls.iter().find(|call| call.purpose == "leave").expect("the call");
        assert_eq!(leave.state, CallState::Failed);
        assert!(
            kinds(t).await.contains(&"integration.leave.dropped".to_owned()),
            "the record says that keys were kept"
        );
    });
}

#[test]
fn under_a_kit_that_says_so_integration_admins_ask_like_everybody() {
    for (kit, asked) in [("testing", false), ("dictator", true), ("moderators", true)] {
        run_test(async move |t: &mut TestApp| {
            let (engine, community) = (t.engine(), t.slack.community);
            let ada = UserId::derive(t.slack.installation, "UADMIN");
            t.node().on(async move { engine.install_kit(community, kit, ada).await }).await.expect("it is installed");
            ask(t, "ada", &removal(&t.slack)).await;
            assert_eq!(!t.proposals(&t.slack).await.is_empty(), asked, "{kit}");
            assert_eq!(status(t).await, InstallationStatus::Uninstalled, "{kit}: ada decides under each of them");
        });
    }
}
