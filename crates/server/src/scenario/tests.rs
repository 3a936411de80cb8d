//! Scenarios as files: what is said about wrong ones.

use std::path::Path;

use policykit_platforms::Registry;

use super::Scenario;

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
