//! Scenarios as files: what is said about wrong ones.

mod originals;
mod pauses;
mod signatures;

use std::{fs, path::Path};

use policykit_core::policy::{Block, Blocks, OnError, PolicyDraft, PolicyKind};
use policykit_platforms::Registry;
use policykit_policy::{MontySandbox, Severity, Vocabulary, diagnose};
use policykit_testkit::shared_policy;

use super::{Scenario, play};

fn registry() -> Registry {
    crate::cli::integrations_for_tests()
}

fn problem(text: &str) -> String {
    let file = Path::new("s.yaml");
    let found = Scenario::parse(file, text).and_then(|s| s.check(&registry()).map(|()| s));
    found.map_or_else(|e| e.to_string(), |_| "nothing is wrong".to_owned())
}

const GOOD: &str = "\
name: a rename
policy: p.json
community:
  platforms: [slack]
  roles: [{name: Moderator}]
  users:
    - {id: U01, name: First, roles: [Moderator]}
action: {type: slackrenameconversation, initiator: U01, origin: platform, fields: {channel: C1, name: new}}
replies:
  - {call: slack.initiate_vote, returns: {message_ts: \"1.0\"}}
steps:
  - after: 1h 30m
    votes: [{user: U01, value: yes}]
    expect: {status: passed, calls: [{slack.post_message: {text: {contains: hi}}}]}
";

fn with(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    problem(&GOOD.replacen(from, to, 1))
}

#[test]
fn a_good_scenario_has_nothing_wrong() {
    assert_eq!(problem(GOOD), "nothing is wrong");
}

#[test]
fn a_key_that_is_not_known_is_named_with_those_that_are() {
    let said = with("steps:\n  - after", "steps:\n  - afer");
    assert!(said.starts_with("s.yaml:12:") && said.contains("afer") && said.contains("after, votes"), "{said}");
}

#[test]
fn names_that_are_not_known_come_with_their_place_and_the_nearest() {
    for (from, to, place, wrong, right) in [
        ("[slack]", "[slak]", "s.yaml:4:15: `platforms`", "`slak`", "`slack`"),
        ("user: U01", "user: U1", "s.yaml:13:", "`U1`", "`U01`"),
        ("initiator: U01", "initiator: Nobody", "s.yaml:8:", "`Nobody`", "U01"),
        ("roles: [Moderator]}", "roles: [Modrator]}", "s.yaml:7:", "`Modrator`", "`Moderator`"),
        ("slackrenameconversation", "slackrenameconversaton", "s.yaml:8:", "conversaton`", "`slackrenameconversation`"),
        ("name: new}", "nme: new}", "s.yaml:8:", "`nme`", "`name`"),
        (
            "call: slack.initiate_vote",
            "call: slack.initate_vote",
            "s.yaml:10:",
            "`slack.initate_vote`",
            "`slack.initiate_vote`",
        ),
        ("slack.post_message: ", "slack.post_mesage: ", "s.yaml:14:", "`slack.post_mesage`", "`slack.post_message`"),
        ("{text: {contains", "{txt: {contains", "s.yaml:14:", "`txt`", "`text`"),
        ("status: passed", "status: pased", "s.yaml:14:", "`pased`", "`passed`"),
    ] {
        let said = with(from, to);
        assert!(said.contains(place), "{to}: {said}");
        assert!(said.contains(wrong) && said.contains(right), "{to}: {said}");
    }
}

#[test]
fn lengths_of_time_are_written_with_their_unit() {
    let said = with("1h 30m", "\"90\"");
    assert!(said.contains("`after` is `90`") && said.contains("`90m`"), "{said}");
}

#[test]
fn a_reply_says_one_thing() {
    let said = with("returns: {message_ts: \"1.0\"}", "args: {}");
    assert!(said.contains("`returns` or `refused`"), "{said}");
}

const TWO: &str = "\
name: on two platforms
community:
  platforms: [discord, opencollective]
  users:
    - {id: \"1\", name: Ada}
    - {id: ben, name: Ben, platform: opencollective}
action: {type: expensecreated, initiator: ben, fields: {expense_id: e1, description: Cake}}
replies:
  - {call: discord.initiate_vote, returns: \"7\"}
steps:
  - expect: {matched: false}
";

#[test]
fn a_story_may_be_on_several_platforms_that_cannot_be_connected() {
    assert_eq!(problem(TWO), "nothing is wrong");
    for (from, to, said) in [
        ("[discord, opencollective]", "[discord, discord]", "`platforms` names `discord` twice"),
        ("[discord, opencollective]", "[]", "names no platform"),
        ("platform: opencollective", "platform: loomio", "names the platform `loomio`"),
        ("initiator: ben", "initiator: \"1\"", "is `1`, who is on `discord`, but this happens on `opencollective`"),
        ("expense_id: e1", "expense: e1", "did you mean `expense_id`?"),
        ("type: expensecreated", "type: expensecreatd", "did you mean `expensecreated`?"),
        ("discord.initiate_vote", "discord.initiate_vot", "did you mean `discord.initiate_vote`?"),
        (
            "  - expect: {matched",
            "  - replies: [{call: discord.post, returns: 1}]\n    expect: {matched",
            "names the method `discord.post`",
        ),
    ] {
        assert!(TWO.contains(from), "{from}");
        let found = problem(&TWO.replacen(from, to, 1));
        assert!(found.contains(said), "{to}: {found}");
    }
}

/// Plays a story, which has to come out as it says.
async fn played(text: &str, policies: Vec<PolicyDraft>) {
    let scenario = Scenario::parse(Path::new("story.yaml"), text).expect("a scenario");
    let played = Box::pin(play(&scenario, policies, &registry())).await.expect("it can be played");
    assert!(played.is_good(), "{:#?}", played.steps);
}

fn policy(kind: PolicyKind, action_types: &[&str], blocks: Blocks) -> PolicyDraft {
    PolicyDraft {
        kind,
        name: "rule".to_owned(),
        description: String::new(),
        action_types: action_types.iter().map(|t| (*t).to_owned()).collect(),
        blocks,
        on_error: OnError::Hold,
    }
}

#[test]
fn published_policies_have_nothing_wrong() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/policykit");
    let Ok(files) = fs::read_dir(&folder) else { return eprintln!("skipped: published policies are not here") };
    let registry = registry();
    let vocabulary = Vocabulary::new(registry.known());
    let mut seen = 0;
    for file in files.flatten().filter(|f| f.path().extension().is_some_and(|e| e == "json")) {
        let text = fs::read_to_string(file.path()).expect("a file");
        // Starter kits have another form.
        for policy in policykit_policy::from_policykit_json(&text).unwrap_or_default() {
            seen += 1;
            let found = diagnose(&MontySandbox, &policy, &vocabulary);
            let wrong: Vec<_> = found.into_iter().filter(|d| d.severity == Severity::Error).collect();
            assert!(wrong.is_empty(), "{}: {wrong:#?}", policy.name);
        }
    }
    assert!(seen >= 5, "{seen}");
}

#[tokio::test]
async fn the_published_vote_by_command_runs_from_command_to_result() {
    let Some(policy) = shared_policy("Trigger_a_vote_in_Discord.json") else { return };
    let story = "\
name: a vote of five minutes
community: {platforms: [discord], users: [{id: \"1\", name: Ada}, {id: \"2\", name: Ben}]}
action: {type: discordslashcommand, initiator: \"1\", fields: {channel: \"40\", value: vote no meeting today, interaction_token: t}}
replies: [{call: discord.initiate_vote, returns: \"77\"}]
steps:
  - votes: [{user: \"2\", value: yes}]
    expect: {status: proposed, calls: [{discord.initiate_vote: {text: {contains: no meeting today}}}]}
  - after: 6m
    expect: {status: passed, calls: [{discord.post_message: {text: vote passed!, channel: \"40\", message_id: \"77\"}}]}
";
    played(story, vec![policy.clone()]).await;
    let other = story.replacen("value: vote no", "value: help no", 1);
    let steps = other.find("steps:").expect("steps");
    played(&format!("{}steps: [{{expect: {{matched: false}}}}]\n", &other[..steps]), vec![policy]).await;
}

#[tokio::test]
async fn the_published_vote_on_expenses_runs_on_both_platforms() {
    let Some(policy) = shared_policy("Vote_in_Slack_on_OpenCollective_expenses_with_restricted_voting_.json") else {
        return;
    };
    let story = |value: &str, end: &str| {
        format!(
            "\
name: an expense
community:
  platforms: [slack, opencollective]
  users: [{{id: UABC123, name: Alice}}, {{id: UABC999, name: Bob}}, {{id: dag, name: Dag, platform: opencollective}}]
action: {{type: expensecreated, initiator: dag, fields: {{expense_id: e1, url: \"https://x\", description: Cake}}}}
replies: [{{call: slack.initiate_vote, returns: {{message_ts: \"5.5\"}}}}]
steps:
  - votes: [{{user: UABC123, value: {value}}}, {{user: UABC999, value: {value}}}]
    expect:
      status: proposed
      calls:
      - {{slack.initiate_vote: {{users: [UABC123, UABC999], text: {{contains: Cake}}}}}}
      - {{slack.post_message: {{thread_ts: \"5.5\"}}}}
      - {{opencollective.post_message: {{expense_id: e1}}}}
  - after: 3h 1m
    expect: {end}
"
        )
    };
    let approved = "{status: passed, calls: [{opencollective.process_expense: {action: APPROVE, expense_id: e1}}]}";
    played(&story("yes", approved), vec![policy.clone()]).await;
    let rejected = "{status: failed, calls: [{opencollective.process_expense: {action: REJECT}}, slack.post_message]}";
    played(&story("no", rejected), vec![policy]).await;
}

/// Whether the page of the original prints these blocks, where it is here.
fn is_printed(blocks: &Blocks) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/seed");
    let Ok(files) = fs::read_dir(folder) else { return eprintln!("skipped: the page of the original is not here") };
    let pages: String = files.flatten().filter_map(|file| fs::read_to_string(file.path()).ok()).collect();
    for block in Block::ALL {
        assert!(pages.contains(blocks.get(block)), "it is printed otherwise: {}", blocks.get(block));
    }
}

#[tokio::test]
async fn the_samples_of_the_original_for_plugins_run_as_they_are_printed() {
    let random = Blocks {
        check: "parameters = {\"low\": 0, \"high\": 10}\n\
            response = metagov.perform_action(\"randomness.random-int\", parameters)\n\
            if response and response.get('value') >  5:\n    return PASSED\nelse:\n    return FAILED"
            .to_owned(),
        ..Blocks::default()
    };
    is_printed(&random);
    for (value, status) in [(7, "passed"), (5, "failed")] {
        let story = format!(
            "\
name: chance decides
community: {{platforms: [slack, metagov], users: [{{id: U1, name: Ada}}]}}
action: {{type: slackrenameconversation, initiator: U1, fields: {{channel: C1, name: n, previous_name: o}}}}
replies: [{{call: metagov.perform_action, args: {{parameters: {{low: 0, high: 10}}}}, returns: {{value: {value}}}}}]
steps: [{{expect: {{status: {status}, calls: [{{metagov.perform_action: {{name: randomness.random-int}}}}]}}}}]
"
        );
        played(&story, vec![policy(PolicyKind::Platform, &["slackrenameconversation"], random.clone())]).await;
    }

    let mut poll = Blocks {
        notify: "import datetime\n\n\
            closing_at = (action.proposal.proposal_time + datetime.timedelta(days=3)).strftime(\"%Y-%m-%d\")\n\
            result = metagov.start_process(\"loomio.poll\", {\n    \"title\": \"Agree or disagree?\",\n    \
            \"options\": [\"agree\", \"disagree\"],\n    \"closing_at\": closing_at\n})\n\
            poll_url = result.get('poll_url')"
            .to_owned(),
        check: "result = metagov.get_process()\nif result.status != \"completed\":\n    return # still processing\n\
            if result.errors:\n    return FAILED\nif result.outcome:\n    \
            agree_count = result.outcome.get(\"agree\")\n    disagree_count = result.outcome.get(\"disagree\")\n    \
            return PASSED if agree_count > disagree_count else FAILED\nreturn FAILED"
            .to_owned(),
        ..Blocks::default()
    };
    is_printed(&poll);
    // What came of the last line of `notify` is seen by going on after it.
    poll.notify.push_str("\nlogger.info(poll_url)");
    for (agree, status) in [(3, "passed"), (1, "failed")] {
        let story = format!(
            "\
name: a poll elsewhere decides
community: {{platforms: [slack, metagov], users: [{{id: U1, name: Ada}}]}}
action: {{type: slackrenameconversation, initiator: U1, fields: {{channel: C1, name: n, previous_name: o}}}}
replies:
  - {{call: metagov.get_process, returns: {{status: pending}}}}
  - {{call: metagov.start_process, returns: {{poll_url: \"https://poll\"}}}}
steps:
  - expect:
      status: proposed
      calls: [{{metagov.start_process: {{name: loomio.poll, parameters: {{closing_at: \"2026-01-08\"}}}}}}]
      logs: [{{message: \"https://poll\"}}]
  - after: 3 days 1h
    replies: [{{call: metagov.get_process, returns: {{status: completed, outcome: {{agree: {agree}, disagree: 2}}}}}}]
    expect: {{status: {status}}}
"
        );
        played(&story, vec![policy(PolicyKind::Platform, &["slackrenameconversation"], poll.clone())]).await;
    }

    let told = Blocks {
        filter: "return action.event_type == 'opencollective.expense_created'".to_owned(),
        check: "return PASSED".to_owned(),
        ..Blocks::default()
    };
    is_printed(&told);
    for (event, matched) in [("opencollective.expense_created", true), ("opencollective.expense_paid", false)] {
        let story = format!(
            "\
name: an event
community: {{platforms: [opencollective], users: [{{id: dag, name: Dag}}]}}
action: {{type: {event}, initiator: dag, fields: {{id: e1}}}}
steps: [{{expect: {{matched: {matched}}}}}]
"
        );
        played(&story, vec![policy(PolicyKind::Trigger, &["webhooktriggeraction"], told.clone())]).await;
    }
}

#[tokio::test]
async fn a_platform_the_community_is_not_on_is_told_where_the_policy_fails() {
    let blocks =
        Blocks { check: "discord.post_message('hi', channel='1')\nreturn PASSED".to_owned(), ..Blocks::default() };
    let story = "\
name: not connected
community: {platforms: [slack], users: [{id: U1, name: Ada}]}
action: {type: slackrenameconversation, initiator: U1, fields: {channel: C1, name: n, previous_name: o}}
steps: [{expect: {status: held, calls: [], error: {contains: \"this community is not connected to `discord`\"}}}]
";
    played(story, vec![policy(PolicyKind::Platform, &["slackrenameconversation"], blocks)]).await;
}

#[tokio::test]
async fn what_is_known_of_the_community_needs_no_reply() {
    let check = "\
assert [r.name for r in community.get_roles() if r.is_base_role] == ['Base Role']
steward = community.get_roles().filter(name='Steward').first()
assert [u.username for u in steward.user_set] == ['U1'], 'user_set'
assert 'add_slackpostmessage' in steward.permissions, 'permissions'
assert action.initiator.has_perm('add_slackpostmessage') and not action.initiator.has_perm('can_fly')
assert sorted([u.username for u in community.get_members()]) == ['1', 'U1', 'U2'], 'members'
assert [u.username for u in discord.get_users()] == ['1'], 'discord'
assert [u.username for u in constitution.get_users(role_names=['Steward'])] == ['U1']
assert [u.username for u in slack.get_users_with_permission('can_sing')] == ['U1']
assert slack.get_username_to_readable_name_dict() == {'U1': 'Ada', 'U2': 'Ben'}, 'names'
assert [p.name for p in community.get_policies()] == ['rule'] and not community.get_trigger_policies()
assert community.get_policies()[0].action_types == policy.action_types
assert community.get_documents().count() == 0 and community.get_platform_community('discord').team_id
assert action.initiator.find_linked_username('discord') is None
return PASSED";
    let story = "\
name: what is known
community:
  platforms: [slack, discord]
  roles: [{name: Steward, permissions: [can_sing, add_slackpostmessage]}]
  users: [{id: U1, name: Ada, roles: [Steward]}, {id: U2, name: Ben}, {id: \"1\", name: Ada, platform: discord}]
action: {type: slackrenameconversation, initiator: U1, fields: {channel: C1, name: n, previous_name: o}}
steps: [{expect: {status: passed, error: null}}]
";
    let blocks = Blocks { check: check.to_owned(), ..Blocks::default() };
    played(story, vec![policy(PolicyKind::Platform, &["slackrenameconversation"], blocks)]).await;
}
