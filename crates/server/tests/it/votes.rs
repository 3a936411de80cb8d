//! Kinds of votes from the policy to the platform and back: several options, an option for each candidate, group messages.

use policykit_core::proposal::Status;
use policykit_platforms::slack::fake::{Act, ChannelKind, Press};
use policykit_testkit::{Draft, TestApp};

use crate::{policies::RENAME, run_test};

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
