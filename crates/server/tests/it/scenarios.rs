//! Policies on the command line: checked, tried on stories, rewritten, without a server.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use policykit_testkit::shared_policy;
use serde_json::Value;
use tempfile::TempDir;

const RENAMES: &str = r#"# /// policy
# name = "Renames are voted on"
# kind = "platform"
# action_types = ["slackrenameconversation"]
# ///


def initialize():
    variables.needed = 1
    return variables


def check():
    if proposal.get_yes_votes().count() >= variables.needed:
        return PASSED
    if proposal.get_time_elapsed() > datetime.timedelta(hours=2):
        return FAILED
    return PROPOSED


def notify():
    ts = slack.initiate_vote(text=f"{action.initiator.readable_name} renamed a channel to {action.name}")
    proposal.data.set("ts", ts)
    logger.info("asked")


def success():
    slack.post_message(text=f"{action.name}: passed", thread_ts=proposal.data.get("ts"))


def fail():
    slack.post_message(text="nobody agreed")
"#;

const STORY: &str = r#"
name: a rename is voted on
policy: renames.py
community:
  platforms: [slack]
  roles: [{name: Moderator}]
  users:
    - {id: U01, name: First member, platform: slack, roles: [Moderator]}
    - {id: U02, name: Second member, platform: slack}
action: {type: slackrenameconversation, initiator: U02, origin: platform, fields: {channel: C1, name: new, previous_name: old}}
replies:
  - {call: slack.initiate_vote, returns: {message_ts: "7.5"}}
steps:
  - expect:
      matched: true
      status: proposed
      reverted: true
      executed: false
      calls: [{slack.initiate_vote: {text: {contains: "Second member renamed"}}}]
      logs: [{level: info, message: asked}]
      data: {ts: "7.5"}
      variables: {needed: 1}
  - after: 1h
    expect: {status: proposed, calls: []}
  - votes: [{user: U01, value: yes}]
    expect:
      status: passed
      reverted: false
      executed: true
      calls: [{slack.post_message: {text: "new: passed", thread_ts: "7.5"}}]
"#;

struct Folder(TempDir);

impl Folder {
    fn with(files: &[(&str, &str)]) -> Self {
        let folder = Self(TempDir::new().expect("a folder"));
        for (name, text) in files {
            fs::write(folder.path(name), text).expect("a file");
        }
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs the program here: exit code, stdout, stderr.
    fn policykit(&self, args: &[&str]) -> (i32, String, String) {
        run(self.0.path(), args)
    }
}

fn run(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_policykit"))
        .args(args)
        .current_dir(folder)
        .output()
        .expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (status.code().expect("it ends by itself"), text(stdout), text(stderr))
}

#[test]
fn a_story_comes_out_as_it_is_told() {
    let folder = Folder::with(&[("renames.py", RENAMES), ("story.yaml", STORY)]);
    let (code, out, err) = folder.policykit(&["policy", "test", "story.yaml"]);
    assert_eq!((code, out.contains("1 scenarios, 0 failed")), (0, true), "{out}{err}");
}

#[test]
fn what_came_of_each_step_is_shown_as_json() {
    let folder = Folder::with(&[("renames.py", RENAMES), ("story.yaml", STORY)]);
    let args = ["policy", "run", "renames.py", "--scenario", "story.yaml", "--format", "json"];
    let (code, out, err) = folder.policykit(&args);
    assert_eq!(code, 0, "{out}{err}");
    let played: Value = serde_json::from_str(&out).expect("JSON");
    let [first, second, third] = played["steps"].as_array().expect("steps").as_slice() else { panic!("{out}") };
    assert_eq!(first["status"], "proposed");
    assert_eq!(first["reverted"], true);
    assert_eq!(first["calls"][0]["call"], "slack.initiate_vote");
    assert_eq!(first["calls"][0]["result"], "7.5");
    assert_eq!(first["logs"][0]["level"], "info");
    assert_eq!(first["error"], Value::Null);
    assert_eq!(second["calls"], serde_json::json!([]));
    assert_eq!(third["status"], "passed");
    assert_eq!((&third["executed"], &third["reverted"]), (&Value::Bool(true), &Value::Bool(false)));
}

#[test]
fn deadlines_pass_at_their_moment_and_not_only_where_the_story_looks() {
    let late = STORY.split("  - after: 1h").next().expect("a beginning").to_owned()
        + "  - after: 3 days\n    expect: {status: failed, executed: false, calls: [{slack.post_message: {text: nobody agreed}}]}\n";
    let folder = Folder::with(&[("renames.py", RENAMES), ("story.yaml", &late)]);
    let (code, out, err) = folder.policykit(&["policy", "test", "story.yaml"]);
    assert_eq!(code, 0, "{out}{err}");
}

#[test]
fn what_comes_otherwise_is_told_with_its_line() {
    let other = STORY.replace("status: passed", "status: failed").replace("First member, platform", "F, platform");
    let folder = Folder::with(&[("renames.py", RENAMES), ("story.yaml", &other)]);
    let (code, out, _) = folder.policykit(&["policy", "test", "."]);
    let line = other.lines().position(|l| l.contains("status: failed")).expect("the line") + 1;
    assert_eq!(code, 1);
    assert!(out.contains(&format!("story.yaml:{line}:")) && out.contains("expected `failed`, came `passed`"), "{out}");
}

#[test]
fn a_refused_call_and_a_refused_ballot_are_part_of_the_story() {
    let only = RENAMES.replace("slack.initiate_vote(text", "slack.initiate_vote(users=[\"U01\"], text");
    let story = STORY.replace("{user: U01, value: yes}]", "{user: U02, value: yes, refused: true}]");
    let story =
        story.split("      status: passed").next().expect("a beginning").to_owned() + "      status: proposed\n";
    let folder = Folder::with(&[("renames.py", &only), ("story.yaml", &story)]);
    let (code, out, err) = folder.policykit(&["policy", "test", "story.yaml"]);
    assert_eq!(code, 0, "{out}{err}");

    let refused = STORY.replace("returns: {message_ts: \"7.5\"}", "refused: channel_not_found");
    let refused = refused.split("steps:").next().expect("a beginning").to_owned()
        + "steps:\n  - expect: {status: held, error: {contains: channel_not_found}}\n";
    let folder = Folder::with(&[("renames.py", RENAMES), ("story.yaml", &refused)]);
    let (code, out, err) = folder.policykit(&["policy", "test", "story.yaml"]);
    assert_eq!(code, 0, "{out}{err}");
}

#[test]
fn a_story_that_cannot_be_read_is_told_with_line_and_key() {
    let folder = Folder::with(&[("renames.py", RENAMES), ("story.yaml", &STORY.replace("user: U01", "user: U1"))]);
    let args = ["policy", "run", "renames.py", "--scenario", "story.yaml"];
    let (code, _, err) = folder.policykit(&args);
    assert_eq!(code, 2);
    assert!(err.contains("story.yaml:") && err.contains("`user`") && err.contains("did you mean `U01`?"), "{err}");
    let (code, _, err) = folder.policykit(&["policy", "test", "nowhere"]);
    assert_eq!((code, err.contains("`nowhere` is not there")), (2, true), "{err}");
}

/// Block, what is written there, its code, where it is in the file, and a part of what is said.
const MISTAKES: &[(&str, &str, &str, &str)] = &[
    ("return PASSED", "return PASED", "PK020", "did you mean `PASSED`?"),
    ("action.name}: passed", "action.nmae}: passed", "PK021", "did you mean `name`?"),
    ("thread_ts=", "thred_ts=", "PK022", "did you mean `thread_ts`?"),
    ("return FAILED", "return \"fail\"", "PK023", "return `PASSED` or `FAILED`"),
    ("    return variables\n", "    return variables\n    return None\n", "PK024", "never reached"),
    ("    return PROPOSED\n", "    return (\n", "PK005", "line"),
    ("logger.info", "import os\n    logger.info", "PK010", "`os` cannot be imported"),
];

#[test]
fn mistakes_are_told_at_their_place() {
    for (from, to, code, says) in MISTAKES {
        assert!(RENAMES.contains(from), "{from}");
        let text = RENAMES.replacen(from, to, 1);
        let folder = Folder::with(&[("p.py", &text)]);
        let (exit, out, err) = folder.policykit(&["policy", "check", "p.py", "--format", "json"]);
        assert_eq!(exit, 1, "{to}: {out}{err}");
        let found: Value = serde_json::from_str(&out).expect("JSON");
        let [one] = found.as_array().expect("a list").as_slice() else { panic!("{to}: {out}") };
        assert_eq!(one["code"], *code, "{to}: {out}");
        if *code != "PK005" {
            assert!(one["message"].as_str().expect("text").contains(says), "{to}: {out}");
            let number = |name: &str| usize::try_from(one[name].as_u64().expect("a number")).expect("small");
            let line = text.lines().nth(number("line") - 1).expect("the line");
            let marked: String =
                line.chars().skip(number("column") - 1).take(number("end_column") - number("column")).collect();
            assert!(to.contains(&marked) && !marked.is_empty(), "{to}: `{marked}` is marked");
        }
    }
}

#[test]
fn a_good_policy_has_no_findings_and_sarif_says_so_too() {
    let folder = Folder::with(&[("p.py", RENAMES), ("q.py", &RENAMES.replace("PASSED", "PASED"))]);
    assert_eq!(folder.policykit(&["policy", "check", "p.py"]), (0, String::new(), String::new()));
    let (code, out, _) = folder.policykit(&["policy", "check", "p.py", "q.py", "--format", "sarif"]);
    let sarif: Value = serde_json::from_str(&out).expect("JSON");
    let result = &sarif["runs"][0]["results"][0];
    assert_eq!((code, &sarif["version"], &result["ruleId"]), (1, &"2.1.0".into(), &"PK020".into()), "{out}");
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!((&place["artifactLocation"]["uri"], &place["region"]["startColumn"]), (&"q.py".into(), &16.into()));
}

#[test]
fn a_policy_is_written_the_same_whichever_way_it_went() {
    let untidy = RENAMES
        .replace("\n\n\ndef check", "\n\ndef check")
        .replace("# kind = \"platform\"\n", "")
        .replace("# action_types", "# kind = 'platform'\n# action_types");
    let folder = Folder::with(&[("p.py", &untidy)]);
    let (code, out, _) = folder.policykit(&["policy", "fmt", "--check", "p.py"]);
    assert_eq!((code, out.as_str()), (1, "p.py is not formatted\n"));
    assert_eq!(folder.policykit(&["policy", "fmt", "p.py"]).0, 0);
    assert_eq!(fs::read_to_string(folder.path("p.py")).expect("a file"), RENAMES);
    assert_eq!(folder.policykit(&["policy", "fmt", "--check", "."]), (0, String::new(), String::new()));

    let (code, json, err) = folder.policykit(&["policy", "convert", "p.py", "--to", "json"]);
    assert_eq!(code, 0, "{err}");
    fs::write(folder.path("p.json"), json).expect("a file");
    let (code, python, err) = folder.policykit(&["policy", "convert", "p.json", "--to", "python"]);
    assert_eq!((code, python.as_str()), (0, RENAMES), "{err}");
}

#[test]
fn published_policies_are_converted_and_played() {
    for name in
        ["Don_t_allow_posts_in_Slack_channel.json", "Consensus_vote_in_Slack_with_restricted_voting___reminder.json"]
    {
        let Some(draft) = shared_policy(name) else { return };
        let json = policykit_policy::to_policykit_json(std::slice::from_ref(&draft));
        let folder = Folder::with(&[("p.json", &json)]);
        let (code, python, err) = folder.policykit(&["policy", "convert", "p.json", "--to", "python"]);
        assert_eq!(code, 0, "{err}");
        let read = policykit_policy::from_python(&python).expect("our own format").draft;
        let end = |text: &str| text.trim_end().to_owned();
        for block in policykit_core::policy::Block::ALL {
            assert_eq!(read.blocks.get(block), end(draft.blocks.get(block)), "{name}: {block}");
        }
        assert!(!python.contains("[blocks]"), "{name}: every block is a function");
    }
    let Some(draft) = shared_policy("Don_t_allow_posts_in_Slack_channel.json") else { return };
    let folder = Folder::with(&[
        ("p.json", &policykit_policy::to_policykit_json(&[draft])),
        (
            "story.yaml",
            "name: a post where nobody posts\npolicy: p.json\n\
             community: {platforms: [slack], users: [{id: U01, name: Somebody}]}\n\
             action: {type: slackpostmessage, initiator: U01, fields: {channel: C025LDZ76R3, text: hi, timestamp: \"1.2\"}}\n\
             steps: [{expect: {status: failed, reverted: true, calls: [slack.post_message]}}]\n",
        ),
    ]);
    let (code, out, err) = folder.policykit(&["policy", "test", "story.yaml"]);
    assert_eq!(code, 0, "{out}{err}");
}

#[test]
fn our_own_policies_do_what_their_stories_tell() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    let (code, out, err) = run(&folder, &["policy", "test", "."]);
    assert_eq!(code, 0, "{out}{err}");
    let (code, out, err) = run(&folder, &["policy", "check", "library"]);
    assert_eq!(code, 0, "{out}{err}");
    let (code, out, err) = run(&folder, &["policy", "fmt", "--check", "library"]);
    assert_eq!(code, 0, "{out}{err}");
}

#[test]
fn every_scenario_of_ours_is_what_the_schema_describes() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
    let text = fs::read_to_string(docs.join("scenario.schema.json")).expect("the schema");
    let schema = jsonschema::validator_for(&serde_json::from_str(&text).expect("JSON")).expect("a schema");
    let read = |text: &str| serde_saphyr::from_str::<Value>(text).expect("YAML");
    let page = fs::read_to_string(docs.join("scenarios.md")).expect("the page");
    let example = page.split("```yaml").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    assert!(schema.is_valid(&read(STORY)) && schema.is_valid(&read(example)));
    let mut seen = 0;
    for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/library")).expect("a folder") {
        let path = file.expect("a file").path();
        if path.extension().is_some_and(|e| e == "yaml") {
            seen += 1;
            let story = read(&fs::read_to_string(&path).expect("a file"));
            let wrong: Vec<String> = schema.iter_errors(&story).map(|e| e.to_string()).collect();
            assert!(wrong.is_empty(), "{}: {wrong:?}", path.display());
        }
    }
    assert!(seen >= 20, "{seen}");
    for (from, to) in [("steps:", "stps:"), ("platforms:", "platform:"), ("origin: platform", "origin: chat")] {
        assert!(!schema.is_valid(&read(&STORY.replacen(from, to, 1))), "{to}");
    }
}
