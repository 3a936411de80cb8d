//! What follows from each verdict, for what happened on the platform and for what was proposed here; refusals; errors.

use policykit_core::{
    JsonMap,
    action::Standing,
    policy::OnError,
    proposal::{EffectStatus, Proposal, Status},
};
use policykit_platforms::slack::fake::{Prefs, Setup as Arrange};
use policykit_testkit::{Draft, TestApp, Workspace};

use crate::{
    policies::{POST, RENAME, no_forbidden_word, renames_by_vote},
    run_test,
};

const GENERAL: &str = "C0GENERAL";
const RANDOM: &str = "C0RANDOM";

/// A policy with this check that says in the channel which block ran.
fn speaking(check: &str) -> Draft {
    let say = |what: &str| format!("slack.post_message(text='{what}', channel='C0GENERAL')");
    Draft::platform("Speaking", &[RENAME])
        .check(check)
        .notify(&say("notify"))
        .success(&say("success"))
        .fail(&say("fail"))
}

/// PROPOSED at first; the second evaluation, a day later, says `then`.
fn later(then: &str) -> String {
    format!("if proposal.get_time_elapsed().days >= 1:\n  return {then}\nreturn PROPOSED")
}

async fn rename(t: &TestApp) {
    t.slack.rename("bob", RANDOM, "lounge").await;
    t.settle().await;
}

async fn propose_rename(t: &TestApp, workspace: &Workspace) {
    let fields: JsonMap =
        [("channel", RANDOM), ("name", "lounge")].into_iter().map(|(k, v)| (k.to_owned(), v.into())).collect();
    t.propose(workspace, "bob", RENAME, fields).await;
    t.settle().await;
}

fn said(t: &TestApp) -> Vec<String> {
    t.slack.bot_messages(GENERAL).into_iter().map(|m| m.text).collect()
}

fn end(proposal: &Proposal) -> (Status, EffectStatus) {
    (proposal.status, proposal.effect)
}

const A_DAY: std::time::Duration = std::time::Duration::from_hours(25);

#[test]
fn what_happened_and_passes_at_once_stays() {
    run_test(async |t: &mut TestApp| {
        t.policy(speaking("return PASSED")).await;
        rename(t).await;
        assert_eq!(t.slack.name_of(RANDOM), "lounge");
        assert_eq!(said(t), ["success"]);
        assert_eq!(end(&t.proposal().await), (Status::Passed, EffectStatus::None));
    });
}

#[test]
fn what_happened_and_fails_at_once_is_undone() {
    run_test(async |t: &mut TestApp| {
        t.policy(speaking("return FAILED")).await;
        rename(t).await;
        assert_eq!(t.slack.name_of(RANDOM), "random");
        assert_eq!(said(t), ["fail"]);
        assert_eq!(end(&t.proposal().await), (Status::Failed, EffectStatus::Done));
    });
}

#[test]
fn what_happened_and_is_contested_is_undone_then_comes_back_when_it_passes() {
    run_test(async |t: &mut TestApp| {
        t.policy(speaking(&later("PASSED"))).await;
        rename(t).await;
        assert_eq!((t.slack.name_of(RANDOM), said(t)), ("random".to_owned(), vec!["notify".to_owned()]));
        t.advance(A_DAY).await;
        assert_eq!(t.slack.name_of(RANDOM), "lounge");
        assert_eq!(said(t), ["notify", "success"]);
        assert_eq!(end(&t.proposal().await), (Status::Passed, EffectStatus::Done));
    });
}

#[test]
fn what_happened_and_is_contested_stays_undone_when_it_fails() {
    run_test(async |t: &mut TestApp| {
        t.policy(speaking(&later("FAILED"))).await;
        rename(t).await;
        t.advance(A_DAY).await;
        assert_eq!(t.slack.name_of(RANDOM), "random");
        assert_eq!(said(t), ["notify", "fail"]);
        assert_eq!(t.proposal().await.status, Status::Failed);
    });
}

#[test]
fn what_is_proposed_here_is_done_when_it_passes_and_only_then() {
    for (check, then, name, words) in [
        ("return PASSED".to_owned(), None, "lounge", vec!["success"]),
        ("return FAILED".to_owned(), None, "random", vec!["fail"]),
        (later("PASSED"), Some("random"), "lounge", vec!["notify", "success"]),
        (later("FAILED"), Some("random"), "random", vec!["notify", "fail"]),
    ] {
        run_test(async |t: &mut TestApp| {
            t.policy(speaking(&check)).await;
            propose_rename(t, &t.slack).await;
            if let Some(meanwhile) = then {
                assert_eq!(t.slack.name_of(RANDOM), meanwhile);
                t.advance(A_DAY).await;
            }
            assert_eq!(t.slack.name_of(RANDOM), name, "{check}");
            assert_eq!(said(t), words, "{check}");
            assert_eq!(t.survey().await.actions.len(), 1, "doing it is no action of its own");
        });
    }
}

#[test]
fn when_the_platform_refuses_to_undo_the_proposal_says_so() {
    run_test(async |t: &mut TestApp| {
        t.policy(no_forbidden_word()).await;
        for team in ["T0A", "T0B"] {
            let prefs = Prefs { admins_delete_messages: false, ..Prefs::default() };
            t.fake().set_up(Arrange::Prefs { team: team.to_owned(), prefs }).expect("the workspace is there");
        }
        let stays = t.slack.post("alice", GENERAL, "a forbidden word").await;
        t.settle().await;
        assert!(t.slack.message(GENERAL, &stays).is_some());
        let proposal = t.proposal().await;
        assert_eq!(end(&proposal), (Status::Failed, EffectStatus::Refused));
        let note = proposal.effect_note.clone().expect("why");
        assert!(note.contains("cant_delete_message"), "{note}");
        assert_eq!(t.story(&proposal).await.bundle.action.standing, Standing::Stands);
    });
}

#[test]
fn when_the_platform_no_longer_knows_our_token_the_community_is_marked() {
    run_test(async |t: &mut TestApp| {
        t.policy(renames_by_vote()).await;
        let token = t.fake().team("T0A").and_then(|v| v.bot_token).expect("a token");
        rename(t).await;
        t.fake().set_up(Arrange::RevokeToken { token }).expect("the token is there");
        t.slack.vote("alice", GENERAL, "Yes").await;
        t.recover().await;
        let (db, community) = (t.db(), t.slack.community);
        let state = t.node().on(async move { db.community(community).state().await }).await.expect("it is there");
        assert_eq!(state.installations[0].status, policykit_core::community::InstallationStatus::CredentialsDead);
        assert_eq!(t.survey().await.ballots.len(), 1, "the vote counts all the same");
    });
}

#[test]
fn an_error_holds_the_action_where_it_is_and_names_block_and_line() {
    run_test(async |t: &mut TestApp| {
        t.policy(speaking("x = 1\nreturn action.nonsense")).await;
        rename(t).await;
        assert_eq!(t.slack.name_of(RANDOM), "lounge", "it stands until a person has looked");
        let proposal = t.proposal().await;
        assert_eq!(proposal.status, Status::Held);
        let error = proposal.error.clone().expect("what went wrong");
        assert!(error.contains("check") && error.contains('2') && error.contains("nonsense"), "{error}");
        assert!(said(t).is_empty());
    });
}

#[test]
fn an_error_is_dealt_with_as_the_policy_says() {
    for (on_error, name, status) in
        [(OnError::HoldReverted, "random", Status::Held), (OnError::Fail, "random", Status::Failed)]
    {
        run_test(async |t: &mut TestApp| {
            t.policy(speaking("return action.nonsense").on_error(on_error)).await;
            rename(t).await;
            assert_eq!(t.slack.name_of(RANDOM), name, "{on_error:?}");
            assert_eq!(t.proposal().await.status, status, "{on_error:?}");
        });
    }
}

#[test]
fn after_an_error_the_next_policy_decides_when_the_first_one_says_next() {
    run_test(async |t: &mut TestApp| {
        t.policy(speaking("return FAILED")).await;
        t.policy(Draft::platform("Broken", &[RENAME]).check("return 1 / 0").on_error(OnError::Next)).await;
        rename(t).await;
        assert_eq!(t.slack.name_of(RANDOM), "random");
        assert_eq!(said(t), ["fail"]);
        let mut ends: Vec<_> = t.proposals(&t.slack).await.iter().map(|p| p.status).collect();
        ends.sort_by_key(|s| s.as_str());
        assert_eq!(ends, [Status::Failed, Status::Superseded]);
    });
}

#[test]
fn the_first_policy_whose_filter_matches_decides_alone() {
    run_test(async |t: &mut TestApp| {
        t.policy(Draft::platform("Second", &[POST]).check("return FAILED")).await;
        t.policy(Draft::platform("First", &[POST]).filter("return 'keep' in action.text").check("return PASSED")).await;
        let kept = t.slack.post("alice", GENERAL, "keep this").await;
        let gone = t.slack.post("alice", GENERAL, "not that").await;
        t.settle().await;
        assert!(t.slack.message(GENERAL, &kept).is_some());
        assert_eq!(t.slack.message(GENERAL, &gone), None);
    });
}

#[test]
fn a_filter_that_fails_disturbs_no_other_and_is_named_with_its_line() {
    run_test(async |t: &mut TestApp| {
        t.policy(Draft::platform("Decides", &[POST]).filter("return 'keep' in action.text").check("return FAILED"))
            .await;
        t.policy(Draft::platform("Broken", &[POST]).filter("text = action.text\nreturn action.nonsense")).await;
        t.policy(Draft::platform("Elsewhere", &[POST]).filter("return action.channel == 'C0NOWHERE'")).await;
        t.policy(Draft::platform("By itself", &[POST]).filter("return policy.name == 'another'")).await;
        let gone = t.slack.post("alice", GENERAL, "keep this").await;
        t.settle().await;
        assert_eq!(t.slack.message(GENERAL, &gone), None);
        let evaluation = t.survey().await.evaluations.remove(0);
        let text = |entry: &serde_json::Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        let considered: Vec<serde_json::Value> = evaluation.considered.as_array().cloned().unwrap_or_default();
        let looked: Vec<(String, String)> =
            considered.iter().skip(1).map(|entry| (text(entry, "name"), text(entry, "result"))).collect();
        let expected =
            [("By itself", "no_match"), ("Elsewhere", "no_match"), ("Broken", "error"), ("Decides", "matched")];
        assert_eq!(looked, expected.map(|(name, result)| (name.to_owned(), result.to_owned())));
        let note = text(&considered[3], "note");
        assert!(note.contains("filter") && note.contains("line 2") && note.contains("nonsense"), "{note}");
    });
}

#[test]
fn a_trigger_policy_speaks_after_the_decision_and_undoes_nothing() {
    run_test(async |t: &mut TestApp| {
        t.policy(
            Draft::trigger("Echo", &[RENAME])
                .check("return FAILED")
                .fail("slack.post_message(text=f'seen {action.name}', channel='C0GENERAL')"),
        )
        .await;
        rename(t).await;
        assert_eq!(t.slack.name_of(RANDOM), "lounge");
        assert_eq!(said(t), ["seen lounge"]);
    });
}

#[test]
fn who_may_not_propose_is_undone_at_once() {
    run_test(async |t: &mut TestApp| {
        t.policy(speaking("return PASSED")).await;
        let (db, community) = (t.db(), t.slack.community);
        t.node()
            .on(async move {
                let scope = db.community(community);
                let base = scope.state().await.expect("it is there").roles.into_iter().find(|r| r.is_base);
                scope.set_permissions(base.expect("a base role").id, std::collections::BTreeSet::new()).await
            })
            .await
            .expect("the role can be changed");
        rename(t).await;
        assert_eq!(t.slack.name_of(RANDOM), "random");
    });
}
