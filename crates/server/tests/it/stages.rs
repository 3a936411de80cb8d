//! A proposal with one vote after the other: each has its own ballots, and nobody speaks in one who was not asked in it.

use policykit_core::{ballot::Cast, ids::InboxId, proposal::Status};
use policykit_platforms::slack::fake::{CallFault, CallRule, Ts, posts_containing};
use policykit_store::NewDelivery;
use policykit_testkit::{Draft, TestApp};
use serde_json::json;

use crate::{policies::RENAME, run_test, visitor::Visitor};

const GENERAL: &str = "C0GENERAL";
const RANDOM: &str = "C0RANDOM";
const GIVEN_WAY: &str = "This vote has given way to a later one about the same matter, so your choice was not counted.";

/// Everybody is asked first; when two are for it the council is, of which one is enough. The votes are counted again as
/// soon as the second has begun, and what is told in between names the first post.
fn everybody_then_council() -> Draft {
    Draft::platform("Everybody, then the council", &[RENAME])
        .check(
            "if proposal.data.get('stage') == 'council':\n  return PASSED if proposal.get_yes_votes() else PROPOSED\n\
             if len(proposal.get_active_votes() or []) < 2:\n  return PROPOSED\n\
             proposal.data.set('stage', 'council')\n\
             slack.post_message(text=f'{len(proposal.get_active_votes())} in {proposal.vote_post_id}', channel='C0RANDOM')\n\
             slack.initiate_vote(text='The council?', channel='C0GENERAL', users=['U03', 'U04'])\n\
             slack.post_message(text='The council is asked', channel='C0RANDOM')\n\
             return PASSED if proposal.get_yes_votes() or proposal.get_active_votes() else PROPOSED",
        )
        .notify("slack.initiate_vote(text='Everybody?', channel='C0GENERAL')")
}

/// The post of the vote that runs.
async fn running(t: &TestApp) -> Ts {
    t.proposal().await.poll.expect("a vote").post_id.as_str().into()
}

/// Everybody is asked, and alice and dave are for it. The post of the vote.
async fn first_stage(t: &TestApp) -> Ts {
    t.policy(everybody_then_council()).await;
    t.slack.rename("bob", RANDOM, "lounge").await;
    t.settle().await;
    t.slack.vote("alice", GENERAL, "Yes").await;
    t.slack.vote("dave", GENERAL, "Yes").await;
    running(t).await
}

/// The council is asked. The posts of the first vote and of the second.
async fn second_stage(t: &TestApp) -> (Ts, Ts) {
    let first = first_stage(t).await;
    t.settle().await;
    assert_eq!(t.proposal().await.status, Status::Proposed, "decided when the second vote had just begun");
    let second = running(t).await;
    assert_ne!(first, second, "the council is asked");
    (first, second)
}

fn shown(t: &TestApp, post: &Ts) -> String {
    t.slack.message(GENERAL, post).expect("the vote").text
}

#[test]
fn the_ballots_of_a_first_vote_do_not_count_in_the_second() {
    run_test(async |t: &mut TestApp| {
        let (_, second) = second_stage(t).await;
        t.slack.vote("dave", GENERAL, "No").await;
        t.settle().await;
        assert_eq!(t.proposal().await.status, Status::Proposed, "decided by people whom the second vote does not ask");
        assert!(shown(t, &second).contains("Yes  `0`") && shown(t, &second).contains("No  `1`\n<@U04>"));
        t.slack.vote("dave", GENERAL, "Take my vote back").await;
        t.settle().await;
        assert!(shown(t, &second).contains("No  `0`"), "{}", shown(t, &second));
        t.slack.vote("carol", GENERAL, "Yes").await;
        t.settle().await;
        assert_eq!(t.proposal().await.status, Status::Passed);
        assert!(shown(t, &second).contains("Yes  `1`\n<@U03>"), "{}", shown(t, &second));
        assert_eq!(t.slack.name_of(RANDOM), "lounge");
        let values: Vec<_> = t.survey().await.ballots.into_iter().map(|b| b.value.is_some()).collect();
        assert_eq!(values.iter().filter(|said| **said).count(), 3, "those of the first vote are kept: {values:?}");
    });
}

#[test]
fn what_is_said_on_a_vote_that_another_has_taken_the_place_of_is_refused_with_the_reason() {
    run_test(async |t: &mut TestApp| {
        let (first, _) = second_stage(t).await;
        for (who, button) in [("carol", "Yes"), ("alice", "No"), ("dave", "Take my vote back")] {
            let click = t.slack.press(who, GENERAL, &first, button).await.expect("the button is still there");
            assert!(click.taken(), "{click:?}");
            t.settle().await;
            assert_eq!(t.slack.whispers(who, GENERAL), [GIVEN_WAY]);
        }
        assert_eq!(t.proposal().await.status, Status::Proposed);
        let ballots = t.survey().await.ballots;
        assert_eq!(ballots.len(), 2, "nothing was written: {ballots:?}");
    });
}

/// Taken in here in the last moment of the first vote, it is looked at only when the second has begun.
#[test]
fn a_ballot_cast_here_that_comes_up_after_its_vote_has_given_way_is_refused_in_the_record() {
    run_test(async |t: &mut TestApp| {
        let (first, _) = second_stage(t).await;
        let body = json!({
            "proposal": t.proposal().await.id, "post_id": first.as_str(), "voter": "U03",
            "cast": Cast::For("yes".to_owned()), "at": t.engine().now(),
        });
        let delivery = NewDelivery {
            id: InboxId::derive("policykit.vote", "late", "1"),
            platform: "slack".to_owned(),
            installation: t.slack.installation,
            community: t.slack.community,
            scope: "policykit.vote:late".to_owned(),
            delivery_key: "1".to_owned(),
            kind: "policykit.vote".to_owned(),
            body: serde_json::to_vec(&body).expect("JSON"),
            received_at: t.engine().now(),
        };
        let db = t.db();
        t.node().on(async move { db.receive(vec![delivery]).await }).await.expect("it is taken in");
        t.settle().await;
        assert_eq!(t.survey().await.ballots.len(), 2, "it counts in neither vote");
        assert_eq!(t.proposal().await.status, Status::Proposed);
        let carol = Visitor::member(t, &t.slack, "carol").await;
        let record = carol.get("/main/decisions").await.body;
        assert!(
            record.contains("Vote not counted") && record.contains("voted here, and it was not counted"),
            "{record}"
        );
        assert!(record.contains("given way to a later one"), "{record}");
        t.expect_rows_from_outside();
    });
}

#[test]
fn the_page_counts_those_of_the_present_vote_and_a_page_of_the_first_vote_does_not_speak_in_the_second() {
    run_test(async |t: &mut TestApp| {
        let first = first_stage(t).await;
        let key = |t: &TestApp, post: &Ts| format!("{}:{}", t.slack.installation, post.as_str());
        let page = format!("/proposals/{}", t.proposal().await.id);
        let dave = Visitor::member(t, &t.slack, "dave").await;
        let old = dave.get(&page).await.body;
        assert!(old.contains(&format!("name=\"vote\" value=\"{}\"", key(t, &first))), "{old}");
        t.settle().await;
        let second = running(t).await;
        for (what, choice) in [("vote", "yes"), ("retract", "")] {
            let sent = [("choice", choice), ("vote", &key(t, &first))];
            let late = dave.post(&format!("{page}/{what}"), &sent).await;
            assert!(late.status == 409 && late.body.contains(GIVEN_WAY), "{}", late.body);
        }
        t.settle().await;
        let home = dave.get("/main").await.body;
        assert!(home.contains("One proposal needs your vote") && home.contains(&key(t, &second)), "{home}");
        let now = dave.get(&page).await.body;
        assert!(now.contains("2 people may vote."), "{now}");
        assert!(now.contains("dave voted yes in an earlier vote.") && !now.contains("Change my vote"), "{now}");
        assert!(now.contains(&key(t, &second)) && !now.contains(&key(t, &first)), "{now}");
        assert_eq!(t.proposal().await.status, Status::Proposed);
    });
}

#[test]
fn a_death_while_the_second_vote_begins_changes_nothing() {
    // In doubt when it dies: whether the second vote was posted, and what is told when it is written down already.
    for (told, skip) in [("The council?", 1), ("The council is asked", 2)] {
        run_test(async |t: &mut TestApp| {
            let first = first_stage(t).await;
            let rule = CallRule::next("chat.postMessage", CallFault::DropAfterEffect);
            t.fake().fault_calls(CallRule { skip, ..rule });
            t.settle().await;
            assert_eq!(posts_containing(&t.fake().record(), told).len(), 1, "{told}");
            t.crash().await;
            t.recover().await;
            assert_eq!(posts_containing(&t.fake().record(), told).len(), 1, "{told}");
            assert_eq!(t.proposal().await.status, Status::Proposed, "{told}");
            let second = running(t).await;
            assert_ne!(first, second);
            t.slack.press("carol", GENERAL, &second, "Yes").await.expect("a button");
            t.recover().await;
            assert_eq!(t.proposal().await.status, Status::Passed, "{told}");
        });
    }
}
