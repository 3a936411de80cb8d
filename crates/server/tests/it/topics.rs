//! The topic of a channel is governed, although the platform does not say what it was before.

use policykit_core::{
    JsonMap,
    proposal::{EffectStatus, Status},
};
use policykit_platforms::slack::fake::Act;
use policykit_testkit::{Draft, TestApp};

use crate::{browser::Browser, run_test};

const TOPIC: &str = "slacksettopic";
const RANDOM: &str = "C0RANDOM";
const A_DAY: std::time::Duration = std::time::Duration::from_hours(25);

fn topic(t: &TestApp) -> String {
    t.slack.channel(RANDOM).channel.topic
}

async fn set(t: &TestApp, topic: &str) {
    t.slack.act("bob", Act::SetTopic { channel: RANDOM.into(), topic: topic.into() }).await.expect("bob may");
    t.settle().await;
}

/// Undecided at first; a day later it is `then`.
fn a_day_later(then: &str) -> Draft {
    let check = format!("if proposal.get_time_elapsed().days >= 1:\n  return {then}\nreturn PROPOSED");
    Draft::platform("A day later", &[TOPIC]).check(check.as_str())
}

#[test]
fn the_topic_before_comes_back_until_it_is_decided_and_the_new_one_when_it_passes() {
    run_test(async |t: &mut TestApp| {
        set(t, "tea").await;
        t.policy(a_day_later("PASSED")).await;
        set(t, "coffee").await;
        assert_eq!(topic(t), "tea", "put back while it is not decided");
        assert_eq!(t.proposal().await.status, Status::Proposed);
        t.advance(A_DAY).await;
        assert_eq!(topic(t), "coffee");
        let decided = t.proposal().await;
        assert_eq!((decided.status, decided.effect), (Status::Passed, EffectStatus::Done));
        assert_eq!(t.survey().await.actions.len(), 1, "what we did ourselves is nobody's action");
    });
}

#[test]
fn a_topic_that_is_taken_away_comes_back_and_the_first_one_of_a_channel_goes() {
    run_test(async |t: &mut TestApp| {
        set(t, "tea").await;
        t.policy(Draft::platform("No", &[TOPIC]).check("return FAILED if not action.topic else PASSED")).await;
        set(t, "").await;
        assert_eq!(topic(t), "tea");
        t.policy(Draft::platform("Nothing at all", &[TOPIC]).check("return FAILED")).await;
        set(t, "coffee").await;
        assert_eq!(topic(t), "tea", "what the bot put back was the topic before this one");
        let all = t.proposals(&t.slack).await;
        assert!(all.iter().all(|p| (p.status, p.effect) == (Status::Failed, EffectStatus::Done)), "{all:?}");
    });
}

#[test]
fn where_nobody_can_tell_what_it_was_before_it_stays_and_the_proposal_says_so() {
    run_test(async |t: &mut TestApp| {
        t.policy(a_day_later("FAILED")).await;
        t.advance(A_DAY).await;
        set(t, "tea").await;
        t.advance(A_DAY).await;
        assert_eq!(topic(t), "tea");
        let decided = t.proposal().await;
        assert_eq!((decided.status, decided.effect), (Status::Failed, EffectStatus::Refused));
        let note = decided.effect_note.clone().expect("why");
        assert!(note.contains("set it by hand"), "{note}");
    });
}

#[test]
fn a_topic_that_is_proposed_here_is_set_when_it_passes() {
    run_test(async |t: &mut TestApp| {
        t.policy(Draft::platform("Everything passes", &[]).check("return PASSED")).await;
        for wanted in ["tea", ""] {
            let fields: JsonMap = [("channel", RANDOM), ("topic", wanted)]
                .map(|(name, value)| (name.to_owned(), value.into()))
                .into_iter()
                .collect();
            t.propose(&t.slack, "bob", TOPIC, fields).await;
            t.settle().await;
            assert_eq!(topic(t), wanted);
        }
        let all = t.proposals(&t.slack).await;
        assert!(all.len() == 2 && all.iter().all(|p| p.effect == EffectStatus::Done), "{all:?}");
    });
}

#[test]
fn a_topic_is_shown_as_people_wrote_it_and_not_in_the_notation_in_which_it_is_kept() {
    run_test(async |t: &mut TestApp| {
        set(t, "bread & butter").await;
        t.policy(a_day_later("PASSED")).await;
        set(t, "tea & <cake>").await;
        assert_eq!((topic(t).as_str(), t.proposals(&t.slack).await.len()), ("bread &amp; butter", 1));
        let mut alice = Browser::member(t, "T0A", "U01").await;
        for path in ["/main/proposals".to_owned(), format!("/proposals/{}", t.proposal().await.id)] {
            alice.open(&path).await.must_say("tea &#38; &#60;cake&#62;");
        }
        t.advance(A_DAY).await;
        assert_eq!(topic(t), "tea &amp; &lt;cake&gt;");
    });
}
