use policykit_core::{
    ballot::{Cast, Poll},
    ids::InstallationId,
};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;

fn proposal() -> ProposalId {
    ProposalId::from_uuid(Uuid::from_u128(0xF00D))
}

fn look<'a>(kind: PollKind, text: &'a str, options: &'a [String], electorate: Option<&'a [String]>) -> Look<'a> {
    Look { proposal: proposal(), kind, text, options, candidates: &[], electorate, closes_at: None }
}

fn strings(items: &[&str]) -> Vec<String> {
    items.iter().map(|s| (*s).to_owned()).collect()
}

fn blocks(args: &JsonMap) -> &Vec<Value> {
    args["blocks"].as_array().unwrap()
}

/// The buttons of the options, without the one that takes a ballot back.
fn buttons(args: &JsonMap) -> Vec<&Value> {
    let elements =
        blocks(args).iter().filter(|b| b["type"] == "actions").flat_map(|b| b["elements"].as_array().unwrap());
    elements.filter(|e| e["action_id"] != "policykit_vote:back").collect()
}

fn menus(args: &JsonMap) -> Vec<&Value> {
    blocks(args).iter().map(|b| &b["accessory"]).filter(|a| !a.is_null()).collect()
}

/// What Slack documents for blocks, checked on everything we draw.
fn within_slacks_limits(args: &JsonMap) {
    let list = blocks(args);
    assert!(!list.is_empty() && list.len() <= 50, "{} blocks", list.len());
    assert!(args["text"].as_str().unwrap().chars().count() <= 4_000);
    for block in list {
        match block["type"].as_str().unwrap() {
            "section" => {
                let text = block["text"]["text"].as_str().unwrap();
                assert!((1..=3_000).contains(&text.chars().count()), "section of {}", text.chars().count());
                for option in block["accessory"]["options"].as_array().into_iter().flatten() {
                    assert!(option["text"]["text"].as_str().unwrap().chars().count() <= 75);
                    assert!((1..=150).contains(&option["value"].as_str().unwrap().chars().count()));
                }
                assert!(block["accessory"]["action_id"].as_str().unwrap_or_default().len() <= 255);
            }
            "actions" => {
                let elements = block["elements"].as_array().unwrap();
                assert!((1..=25).contains(&elements.len()));
                for element in elements {
                    assert!(element["text"]["text"].as_str().unwrap().chars().count() <= 75);
                    assert!(element["value"].as_str().unwrap().chars().count() <= 2_000);
                    assert!(element["action_id"].as_str().unwrap().len() <= 255);
                }
            }
            "context" => {
                let text = block["elements"][0]["text"].as_str().unwrap();
                assert!((1..=2_000).contains(&text.chars().count()));
            }
            other => panic!("unexpected block {other}"),
        }
    }
}

#[test]
fn each_option_has_its_count_its_voters_and_a_button_that_says_what_it_means() {
    let options = strings(&["consent", "object", "abstain"]);
    let tally = [
        TallyRow { candidate: None, option: "consent".into(), voters: strings(&["U1", "U2"]) },
        TallyRow { candidate: None, option: "object".into(), voters: vec![] },
        TallyRow { candidate: None, option: "abstain".into(), voters: strings(&["U3"]) },
    ];
    let args = message(&look(PollKind::Choice, "Shall we?", &options, None), &tally, Status::Proposed);
    within_slacks_limits(&args);
    let texts: Vec<&str> = blocks(&args).iter().filter_map(|b| b["text"]["text"].as_str()).collect();
    assert_eq!(texts, ["Shall we?", "1. consent  `2`\n<@U1>, <@U2>", "2. object  `0`", "3. abstain  `1`\n<@U3>"]);
    let pressed: Vec<_> = buttons(&args).iter().map(|b| said(b)).collect();
    for (index, value) in pressed.iter().enumerate() {
        assert_eq!(value, &Some((proposal(), Cast::For(options[index].clone()))));
        assert_eq!(buttons(&args)[index]["action_id"], format!("policykit_vote:{index}"));
    }
}

#[test]
fn several_options_are_chosen_in_one_menu() {
    let options = strings(&["tea", "v1.2", "cake"]);
    let args = message(&look(PollKind::Multi, "What?", &options, None), &[], Status::Proposed);
    within_slacks_limits(&args);
    let mut used = menus(&args)[0].clone();
    used["selected_options"] = json!([{ "value": "tea" }, { "value": "v1.2" }]);
    let both = Cast::Several(["tea".to_owned(), "v1.2".to_owned()].into());
    assert_eq!(said(&used), Some((proposal(), both)));
    used["selected_options"] = json!([]);
    assert_eq!(said(&used), Some((proposal(), Cast::Several([].into()))));
}

#[test]
fn each_candidate_has_a_menu_and_names_with_dots_and_colons_stay_whole() {
    let (options, candidates) = (strings(&["yes", "no"]), strings(&["J. R. Smith", "a:b"]));
    let look = Look { candidates: &candidates, ..look(PollKind::Select, "Who?", &options, None) };
    let tally = [TallyRow { candidate: Some("a:b".into()), option: "no".into(), voters: strings(&["U1"]) }];
    let args = message(&look, &tally, Status::Proposed);
    within_slacks_limits(&args);
    for (menu, candidate) in menus(&args).into_iter().zip(&candidates) {
        let mut used = menu.clone();
        used["selected_option"] = json!({ "value": "no" });
        let pick = Cast::Pick { candidate: candidate.clone(), option: "no".into() };
        assert_eq!(said(&used), Some((proposal(), pick)));
    }
    assert!(args["blocks"].to_string().contains("*a:b*\\nno  `1` <@U1>"), "{:?}", args["blocks"]);
    let over = message(&look, &tally, Status::Passed);
    assert!(menus(&over).is_empty() && buttons(&over).is_empty());
    assert!(over["blocks"].to_string().contains("no  `1`"));
}

#[test]
fn a_ballot_can_be_taken_back_and_the_end_is_shown() {
    let options = strings(&["yes", "no"]);
    let look = Look { closes_at: Some(Timestamp::from_secs(1_800)), ..look(PollKind::Boolean, "x", &options, None) };
    let args = message(&look, &[], Status::Proposed);
    let actions =
        blocks(&args).iter().filter(|b| b["type"] == "actions").flat_map(|b| b["elements"].as_array().unwrap());
    let back = actions.last().unwrap();
    assert_eq!(said(back), Some((proposal(), Cast::Retract)));
    assert!(args["blocks"].to_string().contains("Open until <!date^1800^"));
    assert!(!message(&look, &[], Status::Failed)["blocks"].to_string().contains("Open until"));
}

#[test]
fn candidates_that_cannot_be_voted_on_are_named() {
    let problem = |options: &[&str], candidates: &[&str]| {
        problem(PollKind::Select, &strings(options), &strings(candidates)).unwrap_or_default()
    };
    assert_eq!(problem(&["yes"], &["Ada"]), "");
    assert!(problem(&["yes"], &[]).contains("`candidates`"));
    assert!(problem(&["yes"], &["Ada", "Ada"]).contains("the candidate `Ada` twice"));
    assert!(problem(&["yes"], &[&"é".repeat(100)]).contains("too long"));
    assert!(problem(&[&"x".repeat(151)], &["Ada"]).contains("150 characters"));
}

#[test]
fn a_closed_vote_has_no_buttons_and_says_how_it_ended() {
    let options = strings(&["yes", "no"]);
    for (status, says) in [
        (Status::Passed, "Passed"),
        (Status::Failed, "Not passed"),
        (Status::Held, "without a decision"),
        (Status::Superseded, "without a decision"),
    ] {
        let args = message(&look(PollKind::Boolean, "Shall we?", &options, None), &[], status);
        within_slacks_limits(&args);
        assert!(buttons(&args).is_empty());
        let last = blocks(&args).last().unwrap()["text"]["text"].as_str().unwrap().to_owned();
        assert!(last.contains(says), "{last}");
    }
}

#[test]
fn who_may_vote_is_said_where_not_everybody_may() {
    let (options, people) = (strings(&["yes", "no"]), strings(&["U1", "U2"]));
    let args = message(&look(PollKind::Boolean, "x", &options, Some(&people)), &[], Status::Proposed);
    assert!(args["blocks"].to_string().contains("Only <@U1>, <@U2> may vote."));
}

#[test]
fn forty_options_and_five_thousand_voters_fit_into_one_message() {
    let options: Vec<String> = (0..MAX_OPTIONS).map(|n| format!("{n:é>1000}")).collect();
    let voters: Vec<String> = (0..5_000).map(|n| format!("U{n:010}")).collect();
    let tally = [TallyRow { candidate: None, option: options[0].clone(), voters: voters.clone() }];
    let text = "long line\n".repeat(5_000);
    let args = message(&look(PollKind::Choice, &text, &options, Some(&voters)), &tally, Status::Proposed);
    within_slacks_limits(&args);
    assert_eq!(buttons(&args).len(), MAX_OPTIONS);
    let line = blocks(&args).iter().find_map(|b| b["text"]["text"].as_str().filter(|t| t.contains("more"))).unwrap();
    assert!(line.contains("<@U0000000000>"), "the first voters are named, the rest counted");
    assert_eq!(problem(PollKind::Choice, &options, &[]), None);
}

#[test]
fn options_that_cannot_be_voted_on_are_named() {
    assert_eq!(problem(PollKind::Choice, &[], &[]), None);
    let problem = |options: &[&str]| problem(PollKind::Choice, &strings(options), &[]).unwrap_or_default();
    assert!(problem(&["a", "b", "a"]).contains("`a` twice"), "{}", problem(&["a", "b", "a"]));
    assert!(problem(&["a", " "]).contains("empty"));
    assert!(super::problem(PollKind::Choice, &vec!["x".to_owned(); 41], &[]).unwrap().contains("41"));
    assert!(super::problem(PollKind::Choice, &["x".repeat(1_001)], &[]).unwrap().contains("too long"));
    assert!(
        super::problem(PollKind::Choice, &["\"".repeat(1_000)], &[]).unwrap().contains("too long"),
        "it would not fit its button"
    );
}

#[test]
fn the_drawing_goes_to_the_message_that_carries_the_vote() {
    let poll = Poll {
        kind: PollKind::Boolean,
        text: "Shall we?".into(),
        options: strings(&["yes", "no"]),
        candidates: vec![],
        closes_at: None,
        installation: InstallationId::from_uuid(Uuid::from_u128(2)),
        electorate: None,
        channel: "C1".into(),
        post_id: "1.2".into(),
        url: None,
    };
    let tally = poll.tally(&[]);
    let drawing = VoteDrawing { proposal: proposal(), poll: &poll, tally: &tally, status: Status::Passed };
    let call = draw(&drawing).unwrap();
    assert_eq!(
        (call.operation.as_str(), &call.args["channel"], &call.args["ts"]),
        ("chat.update", &json!("C1"), &json!("1.2"))
    );
    let nowhere = Poll { post_id: String::new(), ..poll.clone() };
    assert_eq!(draw(&VoteDrawing { poll: &nowhere, ..drawing }), None);
}

#[test]
fn a_permalink_is_made_of_the_workspaces_address() {
    assert_eq!(
        permalink("https://team.slack.com/", "C1", "1700000000.123456").as_deref(),
        Some("https://team.slack.com/archives/C1/p1700000000123456")
    );
    assert_eq!(permalink("", "C1", "1.2"), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_is_asked_the_message_keeps_slacks_limits(
        text in "\\PC{1,200}",
        repeat in 1_usize..200,
        options in proptest::collection::btree_set("[^\\s]\\PC{0,300}", 1..40),
        voters in proptest::collection::vec("U[A-Z0-9]{8,11}", 0..400),
    ) {
        let options: Vec<String> = options.into_iter().collect();
        prop_assume!(problem(PollKind::Choice, &options, &[]).is_none());
        let tally = [TallyRow { candidate: None, option: options[0].clone(), voters: voters.clone() }];
        let text = text.repeat(repeat);
        let menu: Vec<String> = options.iter().filter(|o| o.chars().count() <= 75).cloned().collect();
        for status in [Status::Proposed, Status::Failed] {
            if problem(PollKind::Select, &menu, &menu).is_none() {
                let rows: Vec<TallyRow> = menu
                    .iter()
                    .map(|o| TallyRow { candidate: Some(menu[0].clone()), option: o.clone(), voters: voters.clone() })
                    .collect();
                let select = Look { candidates: &menu, ..look(PollKind::Select, &text, &menu, Some(&voters)) };
                within_slacks_limits(&message(&select, &rows, status));
                within_slacks_limits(&message(&look(PollKind::Multi, &text, &menu, Some(&voters)), &rows, status));
            }
            within_slacks_limits(&message(&look(PollKind::Choice, &text, &options, Some(&voters)), &tally, status));
        }
    }

    #[test]
    fn any_button_value_is_read_or_refused_without_panic(text in "\\PC{0,200}") {
        let _any = said(&json!({ "action_id": "policykit_vote:0", "value": text }));
        let _any = said(&json!({ "action_id": format!("policykit_vote:{text}"), "selected_option": { "value": text } }));
    }
}
