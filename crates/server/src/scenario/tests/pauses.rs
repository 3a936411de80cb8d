//! What comes of a story does not depend on which looks are left out.

use std::path::Path;

use policykit_core::policy::{Blocks, PolicyKind};

use super::{
    super::{
        Scenario, StepReport,
        play::{Pace, play_at},
    },
    policy, registry,
};

const STORY: &str = "\
name: days pass
community: {platforms: [slack, metagov], users: [{id: U1, name: Ada}]}
action: {type: slackrenameconversation, initiator: U1, fields: {channel: C1, name: n, previous_name: o}}
replies: [{call: metagov.get_process, returns: {status: pending}}]
steps:
  - after: 5 minutes
  - after: 7h 11s
  - after: 2h
    replies: [{call: metagov.get_process, returns: {status: completed}}]
";

async fn steps(pace: Pace, check: &str, story: &str) -> Vec<StepReport> {
    let blocks = Blocks { check: check.to_owned(), ..Blocks::default() };
    let policies = vec![policy(PolicyKind::Platform, &["slackrenameconversation"], blocks)];
    let scenario = Scenario::parse(Path::new("story.yaml"), story).expect("a scenario");
    Box::pin(play_at(pace, &scenario, policies, &registry())).await.expect("it can be played").steps
}

/// What comes of the story at this pace, as it is told.
async fn told(pace: Pace, check: &str) -> String {
    serde_json::to_string_pretty(&steps(pace, check, STORY).await).expect("JSON")
}

const WAITS: &str = "if metagov.get_process().status != 'completed':\n    return PROPOSED\nreturn PASSED";

#[tokio::test]
async fn a_rule_that_waits_for_a_platform_is_played_the_same_with_fewer_looks() {
    let every = told(Pace::EveryLook, WAITS).await;
    let fewer = told(Pace::LeavesOut, WAITS).await;
    assert_eq!(every, fewer);
    // A look every minute, and what each of them read.
    assert!(every.matches("\"call\": \"metagov.get_process\"").count() > 420, "{every}");
    assert!(every.contains("passed"), "{every}");
}

#[tokio::test]
async fn months_pass_in_no_time() {
    let story = STORY.replace("after: 5 minutes", "after: 60 days");
    let steps = steps(Pace::LeavesOut, WAITS, &story).await;
    let reads = steps.first().expect("a step").reads.len();
    assert!((86_395..=86_405).contains(&reads), "a look every minute: {reads}");
    assert_eq!(steps.last().and_then(|step| step.status.as_deref()), Some("passed"));
}

#[tokio::test]
async fn a_rule_that_changes_something_with_every_look_is_looked_at_every_time() {
    for changes in [
        "proposal.data.set('n', (proposal.data.get('n') or 0) + 1)",
        "logger.info('still waiting')",
        "slack.post_message('still waiting', channel='C1') if len(proposal.data.get('n') or '') < 40 else None\n\
         proposal.data.set('n', (proposal.data.get('n') or '') + '.')",
    ] {
        let check = format!("{changes}\n{WAITS}");
        assert_eq!(told(Pace::EveryLook, &check).await, told(Pace::LeavesOut, &check).await, "{changes}");
    }
}

#[test]
fn a_rule_that_knows_the_time_is_looked_at_every_time() {
    let pace = |check: &str| {
        let blocks = Blocks { check: check.to_owned(), ..Blocks::default() };
        Pace::of(&[policy(PolicyKind::Platform, &[], Blocks::default()), policy(PolicyKind::Platform, &[], blocks)])
    };
    assert_eq!(pace(WAITS), Pace::LeavesOut);
    for knows in [
        "datetime.datetime.now().hour > 3",
        "proposal.get_time_elapsed() > datetime.timedelta(days=1)",
        "datetime.date.today().day == 1",
        "random.random() < 0.1",
        "getattr(datetime.datetime, 'n' + 'ow')()",
    ] {
        assert_eq!(pace(&format!("{WAITS} if {knows} else FAILED")), Pace::EveryLook, "{knows}");
    }
}
