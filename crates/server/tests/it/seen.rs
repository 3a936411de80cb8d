//! What people read: the words of messages and pages as they stand, kept as snapshots. A change of wording or order shows
//! here as a difference to be looked at (`cargo insta review`, or `INSTA_UPDATE=always`).

use policykit_platforms::slack::fake::Ts;
use policykit_testkit::TestApp;

use crate::{
    policies::{no_forbidden_word, renames_by_vote},
    run_test,
    visitor::Visitor,
};

const GENERAL: &str = "C0GENERAL";
const RANDOM: &str = "C0RANDOM";

/// Elements whose end is the end of a line.
const BLOCKS: [&str; 26] = [
    "p",
    "li",
    "dt",
    "dd",
    "h1",
    "h2",
    "h3",
    "h4",
    "tr",
    "div",
    "section",
    "article",
    "header",
    "nav",
    "ul",
    "ol",
    "form",
    "button",
    "summary",
    "label",
    "time",
    "legend",
    "option",
    "pre",
    "figcaption",
    "aside",
];

/// The words of a page's main part, a line for each block, as somebody without style sheets reads them.
/// Code and what is shown as it is stored are left out.
pub(crate) fn words(html: &str) -> String {
    let from = html.find("<main").expect("a page has a main part");
    let to = html.find("</main>").expect("a page has a main part");
    let mut text = String::new();
    let mut rest = &html[from..to];
    while let Some(open) = rest.find('<') {
        text.push_str(&rest[..open]);
        let close = rest[open..].find('>').expect("a tag ends") + open;
        let tag = &rest[open + 1..close];
        let name = tag.trim_start_matches('/').split([' ', '\n', '/']).next().unwrap_or_default();
        if let Some(hidden) =
            ["svg", "script", "template", "pre"].into_iter().find(|h| *h == name && !tag.starts_with('/'))
        {
            let end = format!("</{hidden}>");
            let skipped = rest[close..].find(&end).expect("it ends");
            rest = &rest[close + skipped + end.len()..];
            continue;
        }
        text.push(if BLOCKS.contains(&name) { '\n' } else { ' ' });
        rest = &rest[close + 1..];
    }
    text.push_str(rest);
    for (code, sign) in
        [("&#38;", "&"), ("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&nbsp;", " ")]
    {
        text = text.replace(code, sign);
    }
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// A message of the channel as its readers see it: the text, and what can be pressed.
fn message(t: &TestApp, ts: &Ts) -> String {
    let message = t.slack.message(GENERAL, ts).expect("the message");
    let controls: Vec<_> = message.controls.iter().map(|control| format!("[{}]", control.label)).collect();
    format!("{}\n{}", message.text, controls.join(" "))
}

/// Compares with what is kept. The same on every database, hence one name for both.
pub(crate) fn seen(name: &str, text: &str) {
    // What the fingerprint is computed of differs from run to run.
    let filters = [(r"([0-9a-f]{4} ){15}[0-9a-f]{4}", "[fingerprint]")];
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true, filters => filters }, {
        insta::assert_snapshot!(name, text);
    });
}

#[test]
fn a_vote_from_its_first_word_to_its_last() {
    run_test(async |t: &mut TestApp| {
        t.policy(renames_by_vote()).await;
        t.slack.rename("bob", RANDOM, "lounge").await;
        t.settle().await;
        let vote = t.slack.vote_message(GENERAL).expect("a message with buttons").ts;
        let mut stages = vec![message(t, &vote)];
        t.slack.vote("alice", GENERAL, "Yes").await;
        t.settle().await;
        stages.push(message(t, &vote));
        let open = t.proposal().await;
        let alice = Visitor::member(t, &t.slack, "alice").await;
        seen("proposal-open", &words(&alice.get(&format!("/proposals/{}", open.id)).await.body));
        seen("home-with-a-vote", &words(&Visitor::member(t, &t.slack, "carol").await.get("/main").await.body));
        t.slack.vote("carol", GENERAL, "Yes").await;
        t.settle().await;
        stages.push(message(t, &vote));
        seen("vote-in-the-channel", &stages.join("\n----\n"));
        seen("proposal-passed", &words(&alice.get(&format!("/proposals/{}", open.id)).await.body));
        seen("proposals", &words(&alice.get("/main/proposals").await.body));
    });
}

#[test]
fn a_message_that_is_gone_and_its_story() {
    run_test(async |t: &mut TestApp| {
        t.policy(no_forbidden_word()).await;
        t.slack.post("alice", GENERAL, "one forbidden word").await;
        t.settle().await;
        let alice = Visitor::member(t, &t.slack, "alice").await;
        let story = alice.get(&format!("/proposals/{}", t.proposal().await.id)).await.body;
        seen("message-gone", &words(&story));
        seen("decisions", &words(&alice.get("/main/decisions").await.body));
        seen("rules", &words(&alice.get("/main/policies").await.body));
    });
}

#[test]
fn whoever_is_not_signed_in_is_asked_to() {
    run_test(async |t: &mut TestApp| {
        let stranger = Visitor::stranger(t);
        seen("login", &words(&stranger.get("/login").await.body));
        seen("no-such-page", &words(&stranger.get("/nowhere").await.body));
    });
}
