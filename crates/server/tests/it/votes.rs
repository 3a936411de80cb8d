//! Kinds of votes from the policy to the platform and back: several options, an option for each candidate, group messages.

use policykit_core::{ballot::BallotValue, proposal::Status};
use policykit_platforms::slack::fake::{Act, ChannelKind, Press};
use policykit_testkit::{Draft, TestApp};

use crate::{
    browser::{Browser, Page},
    policies::RENAME,
    run_test,
};

const GENERAL: &str = "C0GENERAL";
const RANDOM: &str = "C0RANDOM";

/// Somebody uses a menu of the newest vote in a channel.
async fn choose(t: &TestApp, who: &str, channel: &str, nth: usize, option: &str) {
    let message = t.slack.vote_message(channel).expect("a vote");
    let menus: Vec<String> =
        message.controls.iter().filter(|c| c.kind.ends_with("static_select")).map(|c| c.action_id.clone()).collect();
    let on = Press::ActionId(menus[nth].clone());
    let act = Act::Press { channel: channel.into(), ts: message.ts, on, option: Some(option.into()) };
    let click = t.slack.act(who, act).await.expect("the menu offers it").click.expect("a click");
    assert!(click.taken(), "{click:?}");
    t.settle().await;
}

fn text(t: &TestApp, channel: &str) -> String {
    t.slack.bot_messages(channel).pop().expect("a message").text
}

#[test]
fn a_board_is_elected_with_a_menu_for_each_candidate() {
    run_test(async |t: &mut TestApp| {
        let draft = Draft::platform("Board", &[RENAME])
            .check(
                "votes = proposal.get_select_votes_by_candidates()\n\
                 for name in votes:\n  if len(votes[name].get('yes', [])) >= 2:\n    proposal.data.set('elected', name)\n    return PASSED\n\
                 return PROPOSED",
            )
            .notify(
                "slack.initiate_advanced_vote(candidates=['J. R. Smith', 'cy: the one'], options=['yes', 'no'], \
                 channel='C0GENERAL', title='Board', users=['U01', 'U02', 'U03'])",
            )
            .success("by_user = proposal.get_select_votes_by_users()\n\
                 slack.post_message(text=f\"Elected {proposal.data.get('elected')} by {sorted(by_user)} of {len(proposal.get_select_voters())}\", channel='C0GENERAL')");
        t.policy(draft).await;
        t.slack.rename("bob", RANDOM, "lounge").await;
        t.settle().await;
        choose(t, "alice", GENERAL, 0, "yes").await;
        choose(t, "alice", GENERAL, 1, "yes").await;
        assert!(text(t, GENERAL).contains("*cy: the one*\nyes  `1` <@U01>"), "{}", text(t, GENERAL));
        // Changed: only what was picked for this candidate.
        choose(t, "alice", GENERAL, 1, "no").await;
        assert!(text(t, GENERAL).contains("*cy: the one*\nno  `1` <@U01>"), "{}", text(t, GENERAL));
        // Not in the electorate.
        choose(t, "dave", GENERAL, 1, "yes").await;
        assert_eq!(t.slack.whispers("dave", GENERAL).len(), 1);
        choose(t, "bob", GENERAL, 0, "no").await;
        t.slack.vote("bob", GENERAL, "Take my vote back").await;
        t.settle().await;
        assert!(!text(t, GENERAL).contains("no  `1` <@U02>"), "{}", text(t, GENERAL));
        assert_eq!(t.proposal().await.status, Status::Proposed);
        choose(t, "carol", GENERAL, 0, "yes").await;
        assert_eq!(t.proposal().await.status, Status::Passed);
        let messages = t.slack.bot_messages(GENERAL);
        let board = messages.iter().find(|m| m.text.contains("Board")).expect("the vote");
        assert!(board.controls.is_empty() && board.text.contains("Passed"), "{}", board.text);
        assert!(board.text.contains("*J. R. Smith*\nyes  `2`"), "{}", board.text);
        assert!(messages.iter().any(|m| m.text == "Elected J. R. Smith by ['U01', 'U03'] of 2"), "{messages:#?}");
    });
}

#[test]
fn several_of_more_than_ten_options_are_chosen_and_changed() {
    run_test(async |t: &mut TestApp| {
        let draft = Draft::platform("Snacks", &[RENAME])
            .check("if proposal.get_choice_votes(value='snack 1.2').count() >= 2:\n  return PASSED\nreturn PROPOSED")
            .notify(
                "slack.initiate_vote(options=[f'snack 1.{n}' for n in range(12)], multiple=True, channel='C0GENERAL', \
                 closes_at=proposal.proposal_time + datetime.timedelta(days=2))",
            );
        t.policy(draft).await;
        t.slack.rename("bob", RANDOM, "lounge").await;
        t.settle().await;
        assert!(text(t, GENERAL).contains("Open until <!date^"), "{}", text(t, GENERAL));
        choose(t, "alice", GENERAL, 0, r#"["snack 1.2", "snack 1.11"]"#).await;
        choose(t, "bob", GENERAL, 0, r#"["snack 1.3"]"#).await;
        assert!(text(t, GENERAL).contains("12. snack 1.11  `1`\n<@U01>"), "{}", text(t, GENERAL));
        choose(t, "alice", GENERAL, 0, "[]").await;
        assert!(text(t, GENERAL).contains("12. snack 1.11  `0`"), "{}", text(t, GENERAL));
        choose(t, "alice", GENERAL, 0, r#"["snack 1.2"]"#).await;
        choose(t, "bob", GENERAL, 0, r#"["snack 1.2", "snack 1.3"]"#).await;
        assert_eq!(t.proposal().await.status, Status::Passed);
    });
}

#[test]
fn a_vote_in_a_group_message_counts_like_any_other() {
    run_test(async |t: &mut TestApp| {
        let draft = Draft::platform("Council", &[RENAME])
            .check("if proposal.get_yes_votes().count() >= 2:\n  return PASSED\nreturn PROPOSED")
            .notify("slack.initiate_vote(text='Shall we?', post_type='mpim', users=['U01', 'U02'])");
        t.policy(draft).await;
        t.slack.rename("bob", RANDOM, "lounge").await;
        t.settle().await;
        let team = t.fake().team(t.slack.team.as_str()).expect("the workspace");
        let group = team.channels.iter().find(|c| c.kind == ChannelKind::Mpim).expect("a group message").id.to_string();
        for who in ["alice", "bob"] {
            t.slack.vote(who, &group, "Yes").await;
            t.settle().await;
        }
        assert_eq!(t.proposal().await.status, Status::Passed);
        assert_eq!(t.slack.name_of(RANDOM), "lounge");
    });
}

/// Sends the ballot of a page while the engine works.
async fn put(t: &TestApp, browser: &mut Browser, on: &Page, what: &str, ballot: &[(&str, &str)]) -> Page {
    t.clock.advance(std::time::Duration::from_millis(1));
    let path = format!("{}/{what}", on.path());
    let key = t.proposal().await.poll.expect("a vote").key();
    let ballot = [&[("vote", key.as_str())], ballot].concat();
    browser.send_at_work(t, on, &path, &ballot).await
}

/// A candidate's name as forms send it.
const BO: &str = "Bo%3A+the+one";

/// A ballot about candidates: of each the name, what stood picked on the page, and what is picked now.
fn filled<'a>(picks: &[(&'a str, &'a str, &'a str)]) -> Vec<(&'static str, &'a str)> {
    picks.iter().flat_map(|(who, was, pick)| [("candidate", *who), ("was", *was), ("pick", *pick)]).collect()
}

#[test]
fn an_option_for_each_candidate_is_picked_on_the_page_too_and_counts_with_those_of_the_platform() {
    run_test(async |t: &mut TestApp| {
        let draft = Draft::platform("Board", &[RENAME])
            .check(
                "votes = proposal.get_select_votes_by_candidates()\n\
                 if len(votes.get('Ada', {}).get('yes', [])) >= 2:\n  return PASSED\nreturn PROPOSED",
            )
            .notify(
                "slack.initiate_advanced_vote(candidates=['Ada', 'Bo: the one'], options=['yes', 'no'], \
                 channel='C0GENERAL', title='Board', users=['U01', 'U02', 'U03'])",
            );
        t.policy(draft).await;
        t.slack.rename("bob", RANDOM, "lounge").await;
        t.settle().await;
        let path = format!("/proposals/{}", t.proposal().await.id);
        let mut alice = Browser::member(t, "T0A", "U01").await;
        let page = alice.open(&path).await;
        page.must_say("<option value=\"\">No choice</option><option value=\"yes\">yes</option>");

        let none = put(t, &mut alice, &page, "vote", &[("candidate", "Ada"), ("was", ""), ("pick", "")]).await;
        assert_eq!(none.status, 422);
        none.must_say("No answer was chosen.");
        let both = filled(&[("Ada", "", "no"), (BO, "", "yes")]);
        let page = put(t, &mut alice, &page, "vote", &both).await;
        page.must_say("Your vote is in the box");
        page.must_say("You said Ada: no, Bo: the one: yes");
        assert!(text(t, GENERAL).contains("*Bo: the one*\nyes  `1` <@U01>"), "{}", text(t, GENERAL));

        // Changed for one, taken back for the other, and what is picked on the platform stands beside it.
        let change = filled(&[("Ada", "no", "yes"), (BO, "yes", "")]);
        let page = put(t, &mut alice, &page, "vote", &change).await;
        page.must_say("You said Ada: yes on");
        choose(t, "alice", GENERAL, 1, "no").await;
        alice.open(&path).await.must_say("You said Ada: yes, Bo: the one: no");
        assert!(!text(t, GENERAL).contains("yes  `1` <@U01>\n\n*Bo"), "{}", text(t, GENERAL));

        // Somebody else's, what there is not, and whom it does not ask.
        let mut bob = Browser::member(t, "T0A", "U02").await;
        let page = bob.open(&path).await;
        for wrong in [filled(&[("Cy", "", "yes")]), filled(&[("Ada", "", "maybe")])] {
            let page = put(t, &mut bob, &page, "vote", &wrong).await;
            assert_eq!(page.status, 422);
            page.must_say("This vote has no such option.");
        }
        let page = put(t, &mut bob, &page, "vote", &filled(&[("Ada", "", "yes")])).await;
        assert_eq!(page.status, 200, "{}", page.text);
        assert_eq!(t.proposal().await.status, Status::Passed, "two said yes, both here");
        let mut dave = Browser::member(t, "T0A", "U04").await;
        let page = dave.open(&path).await;
        assert!(!page.says("class=\"ballot\""), "{}", page.text);
        let page = put(t, &mut dave, &page, "vote", &filled(&[("Ada", "", "yes")])).await;
        assert!([403, 409].contains(&page.status.as_u16()), "{page:?}");
    });
}

#[test]
fn several_choices_of_an_old_page_do_not_take_the_place_of_newer_ones() {
    run_test(async |t: &mut TestApp| {
        let draft = Draft::platform("Snacks", &[RENAME]).check("return PROPOSED").notify(
            "slack.initiate_vote(options=['tea_', 'cake', 'pie'], multiple=True, text='Which?', channel='C0GENERAL')",
        );
        t.policy(draft).await;
        t.slack.rename("bob", RANDOM, "lounge").await;
        t.settle().await;
        let path = format!("/proposals/{}", t.proposal().await.id);
        let mut alice = Browser::member(t, "T0A", "U01").await;
        let old = alice.open(&path).await;
        assert_eq!(old.hidden("was"), None, "nothing is chosen yet");
        choose(t, "alice", GENERAL, 0, r#"["cake"]"#).await;

        let refused = put(t, &mut alice, &old, "vote", &[("choice", "tea_")]).await;
        assert_eq!(refused.status, 409);
        refused.must_say("Your choices changed after the page that you sent was made");
        refused.must_say("value=\"cake\" checked");
        assert!(text(t, GENERAL).contains("2. cake  `1`\n<@U01>"), "{}", text(t, GENERAL));

        // On the page that came back they are as they stand, and can be changed.
        let was = refused.hidden("was").expect("what stands");
        assert_eq!(was, "cake");
        let ballot = [("was", was.as_str()), ("choice", "tea_"), ("choice", "cake")];
        put(t, &mut alice, &old, "vote", &ballot).await.must_say("Your vote is in the box");
        assert!(text(t, GENERAL).contains("1. tea_  `1`\n<@U01>\n2. cake  `1`\n<@U01>"), "{}", text(t, GENERAL));
        let same = put(t, &mut alice, &old, "vote", &[("was", "cake"), ("choice", "cake"), ("choice", "tea_")]).await;
        same.must_say("Your vote is as it was");
    });
}

#[test]
fn a_ballot_about_candidates_is_taken_back_on_the_page() {
    run_test(async |t: &mut TestApp| {
        let draft = Draft::platform("Board", &[RENAME]).check("return PROPOSED").notify(
            "slack.initiate_advanced_vote(candidates=['Ada', 'Bo'], options=['yes', 'no'], channel='C0GENERAL', users=['U01', 'U02'])",
        );
        t.policy(draft).await;
        t.slack.rename("bob", RANDOM, "lounge").await;
        t.settle().await;
        let path = format!("/proposals/{}", t.proposal().await.id);
        choose(t, "alice", GENERAL, 0, "yes").await;
        let mut alice = Browser::member(t, "T0A", "U01").await;
        let page = alice.open(&path).await;
        page.must_say("<option value=\"yes\" selected>yes</option>");
        let page = put(t, &mut alice, &page, "retract", &[]).await;
        page.must_say("Your vote was taken back");
        page.must_say("Nobody has voted yet.");
        // It is one of those that wait for her, and she is one of those who are missing.
        page.must_say("<span class=\"count\">1<span class=\"vh\"> waiting</span>");
        alice.open("/main").await.must_say("One proposal needs your vote");
        page.must_say("Not voted yet:</b> alice, bob.");
        assert!(!page.says("Take my vote back</button>") && !page.says("\" selected>"), "{}", page.text);
        assert!(!text(t, GENERAL).contains("`1`"), "{}", text(t, GENERAL));
        let ballots = t.survey().await.ballots;
        assert_eq!(ballots.len(), 1);
        let value = ballots[0].value.as_ref().expect("it is kept with nothing in it");
        assert!(matches!(value, BallotValue::Select(_)) && value.picks().count() == 0, "{value:?}");
    });
}

#[test]
fn a_page_that_is_older_than_what_was_picked_elsewhere_changes_only_what_was_changed_on_it() {
    run_test(async |t: &mut TestApp| {
        let draft = Draft::platform("Board", &[RENAME]).check("return PROPOSED").notify(
            "slack.initiate_advanced_vote(candidates=['Ada', 'Bo', 'Cy'], options=['yes', 'no'], channel='C0GENERAL')",
        );
        t.policy(draft).await;
        t.slack.rename("bob", RANDOM, "lounge").await;
        t.settle().await;
        let path = format!("/proposals/{}", t.proposal().await.id);
        choose(t, "alice", GENERAL, 0, "yes").await;
        let mut alice = Browser::member(t, "T0A", "U01").await;
        let old = alice.open(&path).await;
        old.must_say("name=\"candidate\" value=\"Ada\"><input type=\"hidden\" name=\"was\" value=\"yes\">");
        // Elsewhere, since the page was loaded.
        choose(t, "alice", GENERAL, 0, "no").await;
        choose(t, "alice", GENERAL, 1, "yes").await;

        let page =
            put(t, &mut alice, &old, "vote", &filled(&[("Ada", "yes", "yes"), ("Bo", "", ""), ("Cy", "", "no")])).await;
        page.must_say("Your vote is in the box");
        page.must_say("You said Ada: no, Bo: yes, Cy: no");

        let page =
            put(t, &mut alice, &old, "vote", &filled(&[("Ada", "yes", "yes"), ("Bo", "", ""), ("Cy", "", "")])).await;
        page.must_say("Your vote is as it was");
        page.must_say("You said Ada: no, Bo: yes, Cy: no");
        assert_eq!(t.survey().await.ballots.len(), 1);
    });
}

#[test]
fn candidates_and_options_of_several_lines_are_voted_for_on_the_page() {
    run_test(async |t: &mut TestApp| {
        let draft = Draft::platform("Board", &[RENAME]).check("return PROPOSED").notify(
            "slack.initiate_advanced_vote(candidates=['Ada\\nand Bo', 'Cy'], options=['yes', 'no'], channel='C0GENERAL')",
        );
        t.policy(draft).await;
        t.slack.rename("bob", RANDOM, "lounge").await;
        t.settle().await;
        let mut alice = Browser::member(t, "T0A", "U01").await;
        let page = alice.open(&format!("/proposals/{}", t.proposal().await.id)).await;
        let sent = page.hidden("candidate").expect("a candidate");
        let page = put(t, &mut alice, &page, "vote", &filled(&[(sent.as_str(), "", "yes")])).await;
        page.must_say("Your vote is in the box");
        let ballots = t.survey().await.ballots;
        let picked: Vec<_> = ballots.iter().flat_map(|b| b.value.iter().flat_map(BallotValue::picks)).collect();
        assert_eq!(picked, [("Ada\nand Bo", "yes")]);
    });
}
