//! The first page, proposals, votes and the record of decisions, as people see them over HTTP.

use std::time::Duration;

use policykit_core::{ids::RoleId, permission, proposal::Status};
use policykit_platforms::slack::fake::Act;
use policykit_testkit::{Draft, Reply, TestApp};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    policies::{POST, RENAME, no_forbidden_word, renames_by_vote},
    run_test,
    visitor::Visitor,
};

const GENERAL: &str = "C0GENERAL";
const RANDOM: &str = "C0RANDOM";

/// Somebody renamed a channel, and a vote is open.
async fn contested(t: &TestApp) -> String {
    t.policy(renames_by_vote()).await;
    t.slack.rename("bob", RANDOM, "lounge").await;
    t.settle().await;
    format!("/proposals/{}", t.proposal().await.id)
}

/// Sends a form while the node works, as it does outside of tests.
async fn send(t: &TestApp, visitor: &Visitor, path: &str, fields: &[(&str, &str)]) -> Reply {
    t.clock.advance(Duration::from_millis(1));
    let (visitor, path) = (visitor.clone(), path.to_owned());
    let fields: Vec<(String, String)> = fields.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let sent = tokio::spawn(async move {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        visitor.post(&path, &fields).await
    });
    while !sent.is_finished() {
        t.node().drain().await.expect("draining goes well");
        tokio::task::yield_now().await;
    }
    t.settle().await;
    sent.await.expect("it is answered")
}

/// Sends a ballot for the vote that there is, or takes it back.
async fn put(t: &TestApp, visitor: &Visitor, page: &str, what: &str, fields: &[(&str, &str)]) -> Reply {
    let key = t.proposal().await.poll.expect("a vote").key();
    let fields = [&[("vote", key.as_str())], fields].concat();
    send(t, visitor, &format!("{page}/{what}"), &fields).await
}

fn location(reply: &Reply) -> &str {
    let line = reply.head.lines().find_map(|l| l.strip_prefix("location: ").or_else(|| l.strip_prefix("Location: ")));
    line.unwrap_or_default()
}

/// The permissions of the base role become these.
async fn everybody_may(t: &TestApp, permissions: Vec<String>) {
    let scope = t.db().community(t.slack.community);
    let set = async move {
        let base: RoleId = scope.state().await?.roles.into_iter().find(|r| r.is_base).expect("a base role").id;
        scope.set_permissions(base, permissions.into_iter().collect()).await
    };
    t.node().on(set).await.expect("the permissions are set");
}

#[test]
fn a_member_votes_changes_the_vote_and_takes_it_back_without_script_and_the_platform_shows_it() {
    run_test(async |t: &mut TestApp| {
        let page = contested(t).await;
        let alice = Visitor::member(t, &t.slack, "alice").await;
        let home = alice.get("/main").await.body;
        assert!(home.contains("<h1>One proposal needs your vote</h1>"), "{home}");
        let before = alice.get(&page).await.body;
        assert!(before.contains("class=\"ballot\"") && before.contains("Cast my vote"), "{before}");

        let reply = put(t, &alice, &page, "vote", &[("choice", "yes")]).await;
        assert_eq!((reply.status, location(&reply)), (303, format!("{page}?said=voted").as_str()));
        let after = alice.get(location(&reply)).await.body;
        assert!(after.contains("Your vote is in the box") && after.contains("value=\"yes\" checked"), "{after}");
        let post = t.slack.vote_message(GENERAL).expect("the vote").ts;
        let shown = |t: &TestApp| t.slack.message(GENERAL, &post).expect("the vote").text;
        assert!(shown(t).contains("Yes  `1`"), "{}", shown(t));
        assert!(alice.get("/main").await.body.contains("<h1>Nothing needs your vote</h1>"));

        put(t, &alice, &page, "vote", &[("choice", "no")]).await;
        assert!(shown(t).contains("Yes  `0`") && shown(t).contains("No  `1`"), "{}", shown(t));
        let reply = put(t, &alice, &page, "retract", &[]).await;
        assert_eq!(location(&reply), format!("{page}?said=retracted"));
        assert!(shown(t).contains("No  `0`"), "{}", shown(t));
        assert!(alice.get("/main").await.body.contains("One proposal needs your vote"));
    });
}

#[test]
fn a_vote_from_the_first_page_and_one_on_the_platform_decide_and_the_page_says_why() {
    run_test(async |t: &mut TestApp| {
        let page = contested(t).await;
        let alice = Visitor::member(t, &t.slack, "alice").await;
        let reply = put(t, &alice, &page, "vote", &[("choice", "yes"), ("from", "home")]).await;
        assert_eq!(location(&reply), "/main?said=voted");
        t.slack.vote("carol", GENERAL, "Yes").await;
        t.settle().await;
        assert_eq!(t.proposal().await.status, Status::Passed);
        let shown = alice.get(&page).await.body;
        assert!(shown.contains("Passed under <i>Renames need a vote</i> with 2 yes; it was carried out."), "{shown}");
        assert!(shown.contains("alice voted yes, here.") && shown.contains("carol voted yes."), "{shown}");
        assert!(shown.contains("bob</i> may propose this (as Base Role), but not do it without asking"), "{shown}");
        assert!(shown.contains("The vote is closed"), "{shown}");
        let late = put(t, &alice, &page, "vote", &[("choice", "no")]).await;
        assert_eq!(late.status, 409);
        assert!(late.body.contains("This vote is closed, so your choice was not counted."), "{}", late.body);
    });
}

#[test]
fn the_top_of_every_page_counts_the_votes_that_wait_for_its_reader() {
    run_test(async |t: &mut TestApp| {
        const WAITS: &str = "<span class=\"count\">1<span class=\"vh\"> waiting</span></span>";
        t.policy(
            Draft::platform("Core decides", &[RENAME])
                .check("return PROPOSED")
                .notify("slack.initiate_vote(text='Core only', channel='C0GENERAL', users=['U03', 'U04'])"),
        )
        .await;
        t.slack.rename("bob", RANDOM, "lounge").await;
        t.settle().await;
        let page = format!("/proposals/{}", t.proposal().await.id);
        let carol = Visitor::member(t, &t.slack, "carol").await;
        let others = [
            ("whom it does not ask", Visitor::member(t, &t.slack, "alice").await),
            ("an operator", Visitor::operator(t, &t.slack).await),
            ("a member of another community", Visitor::member(t, &t.other, "carol").await),
        ];
        for path in ["/main", "/main/policies", "/main/you", "/main/settings/integrations"] {
            let shown = carol.get(path).await.body;
            assert!(shown.contains(WAITS), "{path}: {shown}");
            for (who, visitor) in &others {
                assert!(!visitor.get(path).await.body.contains("class=\"count\""), "{path} for {who}");
            }
        }
        put(t, &carol, &page, "vote", &[("choice", "yes")]).await;
        assert!(!carol.get("/main/policies").await.body.contains("class=\"count\""));
        put(t, &carol, &page, "retract", &[]).await;
        assert!(carol.get("/main/policies").await.body.contains(WAITS));
    });
}

#[test]
fn whom_a_message_mentions_is_named_where_it_is_shown_and_the_record_keeps_it_as_it_was() {
    run_test(async |t: &mut TestApp| {
        t.policy(
            Draft::platform("Asks", &[POST])
                .check("return PROPOSED")
                .notify("slack.initiate_vote(text='May <@U03> stay?', channel='C0GENERAL')"),
        )
        .await;
        t.slack.post("alice", GENERAL, "hear hear, <@U02> &amp; <@U0GONE> in <#C0RANDOM|random>").await;
        t.settle().await;
        let carol = Visitor::member(t, &t.slack, "carol").await;
        let page = format!("/proposals/{}", t.proposal().await.id);
        let (bob, himself) = (name_of(t, "U02").await, name_of(t, "U03").await);
        let text = format!("hear hear, @{bob} &#38; @U0GONE in #random");
        let shown = carol.get(&page).await.body;
        assert!(shown.contains(&format!("<blockquote>“{text}”</blockquote>")), "{shown}");
        assert!(shown.contains(&format!("<dd>{text}</dd>")), "{shown}");
        assert!(shown.contains(&format!("<legend>May @{himself} stay?</legend>")), "{shown}");
        for list in ["/main", "/main/proposals"] {
            let shown = carol.get(list).await.body;
            assert!(shown.contains(&text) && !shown.contains("&#60;@U02"), "{list}: {shown}");
        }
        let found = t.survey().await.actions;
        assert!(found.iter().any(|a| a.fields["text"] == "hear hear, <@U02> &amp; <@U0GONE> in <#C0RANDOM|random>"));
    });
}

#[test]
fn what_a_rule_or_a_member_marks_up_is_plain_text_on_pages() {
    run_test(async |t: &mut TestApp| {
        t.policy(Draft::platform("Asks", &[POST]).check("return PROPOSED").notify(
            "slack.initiate_vote(text='*May* <@U03> _really_ stay &amp; <b>go</b>?', channel='C0GENERAL', \
             options=['*Tea*', 'a_cake_'])",
        ))
        .await;
        t.slack.post("alice", GENERAL, "a *bold* `x_y_z` snake_case_word &lt;i&gt; _slanted_").await;
        t.settle().await;
        let carol = Visitor::member(t, &t.slack, "carol").await;
        let himself = name_of(t, "U03").await;
        let shown = carol.get(&format!("/proposals/{}", t.proposal().await.id)).await.body;
        let question = format!("May @{himself} really stay &#38; b");
        assert!(shown.contains(&format!("<legend>{question}")), "{shown}");
        assert!(!shown.contains("<b>go"), "as ever, nothing that was written is a part of the page: {shown}");
        let text = "a bold x_y_z snake_case_word &#60;i&#62; slanted";
        assert!(shown.contains(&format!("<blockquote>“{text}”</blockquote>")), "{shown}");
        assert!(shown.contains(&format!("<dd>{text}</dd>")), "{shown}");
        assert!(shown.contains("<span>Tea</span><input type=\"radio\" name=\"choice\" value=\"*Tea*\">"), "{shown}");
        assert!(shown.contains("<span>a_cake_</span>"), "no mark within a word: {shown}");
        let shown = carol.get("/main").await.body;
        assert!(shown.contains(&question) && shown.contains(text) && !shown.contains("*May*"), "{shown}");
        // A channel's name marks nothing.
        t.policy(Draft::platform("Names", &[RENAME]).check("return PROPOSED")).await;
        t.slack.rename("bob", RANDOM, "_lounge_").await;
        t.settle().await;
        assert!(carol.get("/main/proposals").await.body.contains("“_lounge_”"));
    });
}

#[test]
fn channels_are_called_by_their_names_and_private_ones_only_before_whoever_sees_everything() {
    run_test(async |t: &mut TestApp| {
        t.policy(Draft::platform("Notes", &[POST]).check("logger.info('it is in ' + action.channel)\nreturn PASSED"))
            .await;
        let act = Act::CreateChannel { name: "plans".into(), is_private: true };
        let hidden = t.slack.act("alice", act).await.expect("they may").channel.expect("it has an id");
        let hidden = hidden.as_str().to_owned();
        t.slack.invite("alice", &hidden, "policykit").await;
        t.slack.rename("alice", &hidden, "secret-plans").await;
        t.slack.rename("alice", RANDOM, "salon").await;
        t.settle().await;
        let page_of = async |channel: &str| {
            t.slack.post("alice", channel, &format!("see <#{RANDOM}> and <#{hidden}>")).await;
            t.settle().await;
            let newest = t.proposals(&t.slack).await.into_iter().max_by_key(|p| p.created_at).expect("a proposal");
            format!("/proposals/{}", newest.id)
        };
        let (carol, operator) = (Visitor::member(t, &t.slack, "carol").await, Visitor::operator(t, &t.slack).await);

        let open = page_of(GENERAL).await;
        let shown = carol.get(&open).await.body;
        assert!(shown.contains("<dt>channel</dt><dd><span title=\"C0GENERAL\">#general</span></dd>"), "{shown}");
        assert!(shown.contains("it is in #general (C0GENERAL)"), "what a rule notes too: {shown}");
        assert!(shown.contains(&format!("see #salon and #{hidden}")), "by the name it has now: {shown}");
        let notes = carol.get("/main/decisions/logs").await.body;
        assert!(notes.contains("it is in #general (C0GENERAL)"), "and on the page of all notes: {notes}");
        let shown = carol.get("/main/proposals").await.body;
        assert!(shown.contains(&format!("see #salon and #{hidden}")), "{shown}");

        let private = page_of(&hidden).await;
        let shown = carol.get(&private).await.body;
        assert!(shown.contains("in a private conversation") && !shown.contains(&hidden), "{shown}");
        let shown = Visitor::member(t, &t.slack, "alice").await.get(&private).await.body;
        assert!(shown.contains(&format!("<dt>channel</dt><dd>{hidden}</dd>")), "{shown}");
        assert!(!shown.contains("secret-plans"), "who is in it is not known here: {shown}");
        assert!(!carol.get("/main/decisions/logs").await.body.contains("secret-plans"));
        assert!(operator.get("/main/decisions/logs").await.body.contains(&format!("#secret-plans ({hidden})")));
        let shown = operator.get(&private).await.body;
        assert!(shown.contains(&format!("<span title=\"{hidden}\">#secret-plans</span>")), "{shown}");
        assert!(shown.contains("see #salon and #secret-plans"), "{shown}");
    });
}

#[test]
fn the_names_of_private_channels_that_a_rule_read_or_somebody_wrote_are_for_operators() {
    run_test(async |t: &mut TestApp| {
        let check = "slack.get_conversations(types=['channel', 'group'], types_arg='public_channel,private_channel')\n\
                     slack.get_conversations()\nreturn PASSED";
        t.policy(Draft::platform("Reads", &[POST]).check(check)).await;
        let act = Act::CreateChannel { name: "secret-plans".into(), is_private: true };
        let hidden = t.slack.act("alice", act).await.expect("they may").channel.expect("it has an id");
        t.slack.invite("alice", hidden.as_str(), "policykit").await;
        t.settle().await;
        // Slack's own text may name a channel beside its id.
        let text = format!("see <#{}|secret-plans> and <#{RANDOM}|random>", hidden.as_str());
        t.slack.post("alice", GENERAL, &text).await;
        t.settle().await;
        let newest = t.proposals(&t.slack).await.into_iter().max_by_key(|p| p.created_at).expect("a proposal");
        let page = format!("/proposals/{}", newest.id);
        let (carol, operator) = (Visitor::member(t, &t.slack, "carol").await, Visitor::operator(t, &t.slack).await);
        let shown = carol.get(&page).await.body;
        assert!(!shown.contains("secret-plans"), "{shown}");
        assert!(shown.contains(&format!("see #{} and #", hidden.as_str())), "{shown}");
        assert!(shown.contains("only operators see this"), "{shown}");
        assert!(shown.contains("C0GENERAL"), "the public ones are shown: {shown}");
        let list = carol.get("/main/proposals").await.body;
        assert!(list.contains("see #") && !list.contains("secret-plans"), "{list}");
        let shown = operator.get(&page).await.body;
        assert!(shown.contains("see #secret-plans") && !shown.contains("only operators see this"), "{shown}");
        assert!(shown.matches("secret-plans").count() > 1, "also what the rule read: {shown}");
    });
}

/// The name of the member with this account.
async fn name_of(t: &TestApp, account: &str) -> String {
    let (scope, user) =
        (t.db().community(t.slack.community), policykit_core::ids::UserId::derive(t.slack.installation, account));
    t.node().on(async move { scope.user(user).await }).await.expect("a member").name
}

#[test]
fn who_may_not_vote_is_told_why_and_nothing_is_counted() {
    run_test(async |t: &mut TestApp| {
        t.policy(
            Draft::platform("Core decides", &[RENAME])
                .check("return PASSED if proposal.get_yes_votes() else PROPOSED")
                .notify("slack.initiate_vote(text='Core only', channel='C0GENERAL', users=['U03', 'U04'])"),
        )
        .await;
        t.slack.rename("bob", RANDOM, "lounge").await;
        t.settle().await;
        let page = format!("/proposals/{}", t.proposal().await.id);
        let (alice, carol) = (Visitor::member(t, &t.slack, "alice").await, Visitor::member(t, &t.slack, "carol").await);
        assert!(alice.get(&page).await.body.contains("This vote does not ask you."));
        assert!(alice.get("/main").await.body.contains("Nothing needs your vote"));
        assert!(carol.get("/main").await.body.contains("One proposal needs your vote"));
        let refused = put(t, &alice, &page, "vote", &[("choice", "yes")]).await;
        assert_eq!(refused.status, 403);
        assert!(refused.body.contains("You are not among the people who may vote here"), "{}", refused.body);
        let empty = put(t, &carol, &page, "vote", &[]).await;
        assert_eq!(empty.status, 422);
        assert!(empty.body.contains("No answer was chosen."), "{}", empty.body);
        for what in ["vote", "retract"] {
            let unsaid = send(t, &carol, &format!("{page}/{what}"), &[("choice", "yes")]).await;
            assert_eq!(unsaid.status, 422, "{what}");
            assert!(unsaid.body.contains("The form did not say which vote it is for."), "{what}: {}", unsaid.body);
        }
        let forged = carol.post_signed(&format!("{page}/vote"), &[("choice", "yes")], "0000").await;
        assert_eq!(forged.status, 403);
        let operator = Visitor::operator(t, &t.slack).await;
        assert!(operator.get(&page).await.body.contains("only members vote"));
        assert_eq!(put(t, &operator, &page, "vote", &[("choice", "yes")]).await.status, 403);
        assert!(t.survey().await.ballots.is_empty());
    });
}

#[test]
fn of_another_community_there_is_nothing_to_see_and_nothing_to_do() {
    run_test(async |t: &mut TestApp| {
        let page = contested(t).await;
        let alice = Visitor::member(t, &t.other, "alice").await;
        assert_eq!(alice.get(&page).await.status, 404);
        assert_eq!(put(t, &alice, &page, "vote", &[("choice", "yes")]).await.status, 404);
        assert_eq!(put(t, &alice, &page, "retract", &[]).await.status, 404);
        assert!(!alice.get("/main/proposals").await.body.contains(&page));
        assert!(!alice.get("/main/decisions").await.body.contains(&page));
        assert_eq!(Visitor::stranger(t).get(&page).await.status, 303);
        assert!(t.survey().await.ballots.is_empty());
    });
}

#[test]
fn who_may_not_see_a_type_of_action_sees_neither_the_proposal_nor_its_line_in_the_record() {
    run_test(async |t: &mut TestApp| {
        t.policy(no_forbidden_word()).await;
        let page = contested(t).await;
        t.slack.post("alice", GENERAL, "a forbidden word").await;
        t.settle().await;
        let carol = Visitor::member(t, &t.slack, "carol").await;
        let all = carol.get("/main/proposals").await.body;
        assert!(all.contains(&page) && all.contains("No forbidden word"), "{all}");

        everybody_may(t, vec![permission::propose(RENAME), permission::propose(POST), permission::view(POST)]).await;
        assert_eq!(carol.get(&page).await.status, 404);
        for list in ["/main", "/main/proposals", "/main/decisions", "/main/decisions/logs"] {
            let shown = carol.get(list).await.body;
            assert!(!shown.contains(&page), "{list}: {shown}");
        }
        assert!(carol.get("/main/decisions").await.body.contains("No forbidden word"));
        assert_eq!(send(t, &carol, &format!("{page}/vote"), &[("choice", "yes")]).await.status, 404);
        t.role(&t.slack, "Readers", &[&permission::view(RENAME)], &["dave"]).await;
        let dave = Visitor::member(t, &t.slack, "dave").await;
        assert_eq!(dave.get(&page).await.status, 200);
        assert!(dave.get("/main/decisions").await.body.contains(&page));
    });
}

#[test]
fn the_list_is_filtered_and_goes_on_page_by_page_without_losing_or_repeating_a_proposal() {
    run_test(async |t: &mut TestApp| {
        t.policy(no_forbidden_word()).await;
        for n in 0..30 {
            t.slack.post("alice", GENERAL, &format!("a forbidden word {n}")).await;
            t.clock.advance(Duration::from_secs(1));
        }
        t.settle().await;
        let carol = Visitor::member(t, &t.slack, "carol").await;
        let mut address = "/main/proposals?status=failed".to_owned();
        let mut seen = Vec::new();
        for _ in 0..3 {
            let body = carol.get(&address).await.body;
            seen.extend(body.split("href=\"/proposals/").skip(1).map(|rest| rest[..36].to_owned()));
            let Some((_, next)) =
                body.split_once("rel=\"next\"").map(|(before, _)| before.rsplit_once("href=\"").expect("a link"))
            else {
                break;
            };
            address = next.trim_end_matches("\" ").replace("&#38;", "&");
        }
        let mut once = seen.clone();
        once.sort();
        once.dedup();
        assert_eq!((seen.len(), once.len()), (30, 30));
        assert!(carol.get("/main/proposals?status=passed").await.body.contains("There is none at the moment."));
    });
}

#[test]
fn the_record_shows_each_decision_with_its_reason_and_place_in_the_chain_and_can_be_checked() {
    run_test(async |t: &mut TestApp| {
        t.policy(no_forbidden_word()).await;
        t.slack.post("alice", GENERAL, "a forbidden word").await;
        t.settle().await;
        let carol = Visitor::member(t, &t.slack, "carol").await;
        let shown = carol.get("/main/decisions").await.body;
        assert!(shown.contains("Refused under <i>No forbidden word</i>; it was undone."), "{shown}");
        assert!(shown.contains("It was undone on the platform, under <i>No forbidden word</i>."), "{shown}");
        assert!(shown.contains("No. 1<") && shown.contains("No. 2<"), "{shown}");
        let undone = carol.get("/main/decisions?outcome=done").await.body;
        assert!(undone.contains("It was undone on the platform") && !undone.contains("Refused under"), "{undone}");
        let (path, sound) = ("/main/decisions/check", "Record complete and unaltered");
        assert!(carol.post(path, &[]).await.body.contains(sound));
        assert_eq!(carol.get(path).await.status, 405, "a link does not begin it");
        assert_eq!(carol.post_signed(path, &[], "forged").await.status, 403, "nor does another site");
        let older = carol.get("/main/decisions?before=2").await.body;
        assert!(older.contains("No. 1<") && !older.contains("No. 2<"), "{older}");
    });
}

/// Reads a stream until it has said so many ids, and returns them.
async fn ids(visitor: &Visitor, path: &str, last: Option<i64>, many: usize) -> (Vec<String>, TcpStream) {
    let mut stream = TcpStream::connect(visitor.address()).await.expect("it listens");
    let last = last.map(|last| format!("last-event-id: {last}\r\n")).unwrap_or_default();
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncookie: {}\r\n{last}\r\n", visitor.cookie());
    stream.write_all(request.as_bytes()).await.expect("it is sent");
    let found = read_ids(&mut stream, many).await;
    (found, stream)
}

async fn read_ids(stream: &mut TcpStream, many: usize) -> Vec<String> {
    let mut text = String::new();
    let mut buffer = [0_u8; 4096];
    loop {
        let found: Vec<String> = text
            .lines()
            .filter_map(|l| l.strip_prefix("id: ").or_else(|| l.strip_prefix("id:")))
            .map(str::to_owned)
            .collect();
        if found.len() >= many && text.ends_with("\r\n") {
            return found;
        }
        let read = stream.read(&mut buffer).await.expect("the stream stays open");
        assert!(read > 0, "the stream ended after {text}");
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
}

#[test]
fn new_entries_arrive_by_themselves_and_a_browser_that_was_away_misses_none() {
    run_test(async |t: &mut TestApp| {
        t.policy(no_forbidden_word()).await;
        let carol = Visitor::member(t, &t.slack, "carol").await;
        t.slack.post("alice", GENERAL, "a forbidden word").await;
        t.settle().await;
        let (first, mut stream) = ids(&carol, "/main/decisions/live?after=0", None, 2).await;
        assert_eq!(first, ["1", "2"]);
        t.slack.post("bob", GENERAL, "a forbidden word too").await;
        t.settle().await;
        assert_eq!(read_ids(&mut stream, 2).await, ["3", "4"]);
        drop(stream);
        t.slack.post("dave", GENERAL, "a forbidden word again").await;
        t.settle().await;
        let (missed, stream) = ids(&carol, "/main/decisions/live?after=0", Some(4), 2).await;
        assert_eq!(missed, ["5", "6"]);
        drop(stream);
        // Somebody who may not see them is told of none of them, also on a stream that is open already; one whose session
        // is over is told of nothing.
        let (_, mut open) = ids(&carol, "/main/decisions/live?after=0", Some(5), 1).await;
        everybody_may(t, vec![permission::propose(POST)]).await;
        t.slack.post("erin", GENERAL, "a forbidden word at last").await;
        t.settle().await;
        let shown = carol.get("/main/decisions").await.body;
        assert!(!shown.contains("No. 5<"), "{shown}");
        carol.post("/logout", &[]).await;
        let mut rest = String::new();
        open.read_to_string(&mut rest).await.expect("the stream ends");
        assert!(!rest.contains("id: 7") && !rest.contains("id:7"), "{rest}");
    });
}

#[test]
fn a_session_has_a_few_streams_and_no_more() {
    run_test(async |t: &mut TestApp| {
        t.policy(no_forbidden_word()).await;
        t.slack.post("alice", GENERAL, "a forbidden word").await;
        t.settle().await;
        let (carol, dave) = (Visitor::member(t, &t.slack, "carol").await, Visitor::member(t, &t.slack, "dave").await);
        let path = "/main/decisions/live?after=0";
        let mut open = Vec::new();
        for _ in 0..3 {
            open.push(ids(&carol, path, None, 1).await.1);
        }
        assert_eq!(carol.get(path).await.status, 429);
        ids(&dave, path, None, 1).await;
        assert_eq!(open.len(), 3);
    });
}

#[test]
fn pages_ask_the_database_no_more_often_when_there_is_more_to_show() {
    run_test(async |t: &mut TestApp| {
        t.policy(no_forbidden_word()).await;
        let page = contested(t).await;
        t.slack.post("alice", GENERAL, "a forbidden word").await;
        t.slack.vote("alice", GENERAL, "Yes").await;
        t.settle().await;
        let carol = Visitor::member(t, &t.slack, "carol").await;
        let pages = ["/main", "/main/proposals", &page, "/main/decisions", "/main/decisions/logs"];
        let mut few = Vec::new();
        for path in pages {
            few.push(statements(t, &carol, path).await);
        }
        for n in 0..20 {
            t.slack.post("alice", GENERAL, &format!("a forbidden word {n}")).await;
        }
        t.policy(Draft::platform("Another", &[POST]).filter("return False").check("return PASSED")).await;
        t.slack.vote("dave", GENERAL, "No").await;
        t.settle().await;
        for ((path, few), most) in pages.into_iter().zip(few).zip([16, 8, 18, 10, 6]) {
            let many = statements(t, &carol, path).await;
            assert!(many <= few, "{path} took {few} statements before there was more to show, now {many}");
            assert!(many <= most, "{path} takes {many} statements, {most} are allowed");
        }
    });
}

/// How many statements a page takes.
async fn statements(t: &TestApp, visitor: &Visitor, path: &str) -> u64 {
    // The first time may also load what is kept in memory.
    visitor.get(path).await;
    let before = t.db().stats().statements;
    assert_eq!(visitor.get(path).await.status, 200);
    t.db().stats().statements - before
}
