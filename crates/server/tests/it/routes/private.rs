//! What was said in a private conversation, and who reads it where: every page that the router knows is asked as everybody,
//! and looked through for words that nobody could guess.

use policykit_core::{
    ids::{ProposalId, UserId},
    permission::{SETTLE_CALLS, SETTLE_HELD, VIEW_PRIVATE},
    proposal::Status,
};
use policykit_platforms::slack::fake::{Act, ChannelSeed, Setup as Make};
use policykit_server::{AppState, app, config::Registration};
use policykit_store::StoreError;
use policykit_testkit::{Draft, TestApp};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{fill, paths};
use crate::{
    policies::{POST, RENAME},
    run_test,
    visitor::Visitor,
};

/// A private channel; bob, alice and the bot are in it.
const DEN: &str = "C0DEN";
const GENERAL: &str = "C0GENERAL";

/// Asks carol, by name, and tells everything to everything that keeps words.
fn asks_carol() -> Draft {
    Draft::platform("Asks carol", &[POST])
        .filter("return 'asked' in action.text")
        .initialize("variables.said = action.text")
        .check(
            "proposal.data.set('said', action.text)\nlogger.info(action.text)\n\
             if len(proposal.get_choice_votes()) > 0:\n  return PASSED\nreturn PROPOSED",
        )
        .notify(
            "slack.initiate_vote(text=f'Is it so: {action.text}?', channel='C0DEN', users=['U03'], \
             options=['No', action.text])",
        )
}

/// Asks everybody in the channel.
fn asks_all() -> Draft {
    Draft::platform("Asks all", &[POST])
        .filter("return 'polled' in action.text")
        .check("return PROPOSED")
        .notify("slack.initiate_vote(text=f'Is it so: {action.text}?', channel='C0DEN')")
}

fn rules() -> Vec<Draft> {
    vec![
        asks_carol(),
        asks_all(),
        Draft::platform("Breaks", &[POST]).filter("return 'broken' in action.text").check("return {}[action.text]"),
        Draft::platform("Breaks at once", &[POST])
            .filter("return {}[action.text] == 1 if 'sifted' in action.text else False")
            .check("return FAILED"),
        Draft::platform("Forbids", &[POST])
            .filter("return 'forbidden' in action.text")
            .check("logger.warning(action.text)\nproposal.data.set('said', action.text)\nreturn FAILED")
            .fail("slack.post_message(text=f'Removed: {action.text}', channel=action.channel)"),
        Draft::platform("Renames", &[RENAME]).check("logger.info(action.name)\nreturn PASSED"),
        Draft::trigger("Hears", &["webhooktriggeraction"])
            .filter("return action.event_type == 'slack.message' and 'heard' in action.data['text']")
            .check("logger.info(action.data['text'])\nreturn PASSED"),
    ]
}

fn word(number: usize) -> String {
    format!("xq{number}{}", hex::encode(rand::random::<[u8; 6]>()))
}

/// Everything that somebody is shown: the pages of all routes, filled with what there is, and in all their parts.
async fn everything(t: &TestApp, who: &Visitor) -> Vec<(String, String)> {
    let router = app(AppState::new(t.engine(), "http://127.0.0.1:1", Registration::Open));
    let proposals = t.proposals(&t.slack).await;
    let (db, community) = (t.db(), t.slack.community);
    let state = t.node().on(async move { db.community(community).state().await }).await.expect("the community");
    let mut addresses = Vec::new();
    for path in paths(&router) {
        // The stream never ends; it is read by itself.
        if path.ends_with("/live") {
            continue;
        }
        match path.as_str() {
            "/proposals/{id}" => addresses.extend(proposals.iter().map(|p| format!("/proposals/{}", p.id))),
            "/main/policies/{id}" => {
                addresses.extend(state.policies.iter().map(|p| format!("/main/policies/{}", p.id)));
            }
            _ => addresses.push(fill(t, &path).await),
        }
    }
    for status in ["proposed", "held", "passed", "failed"] {
        addresses.push(format!("/main/proposals?status={status}"));
    }
    addresses.extend(state.policies.iter().map(|p| format!("/main/proposals?policy={}", p.id)));
    for outcome in ["passed", "refused", "done", "rules", "problem"] {
        addresses.push(format!("/main/decisions?outcome={outcome}"));
    }
    addresses.extend(state.policies.iter().map(|p| format!("/main/decisions?policy={}", p.id)));
    addresses.push("/main/decisions/logs?level=trouble".to_owned());
    let mut shown = Vec::new();
    for address in addresses {
        let body = who.get(&address).await.body;
        shown.push((address, body));
    }
    // Pages are also the answers to forms.
    for proposal in &proposals {
        for (path, fields) in [
            ("vote", &[("choice", "yes")][..]),
            ("vote", &[][..]),
            ("vote", &[("vote", "elsewhere"), ("choice", "yes")][..]),
        ] {
            let address = format!("/proposals/{}/{path}", proposal.id);
            let body = who.post(&address, fields).await.body;
            shown.push((format!("POST {address} {fields:?}"), body));
        }
    }
    shown.push(("the stream".to_owned(), stream(t, who).await));
    shown
}

/// The stream of decisions from its beginning, up to what was written last.
async fn stream(t: &TestApp, who: &Visitor) -> String {
    let (db, community) = (t.db(), t.slack.community);
    let head = t.node().on(async move { db.community(community).record_head().await }).await.expect("the record");
    let last = head.expect("there are entries").0;
    let mut stream = TcpStream::connect(who.address()).await.expect("it listens");
    let request = format!(
        "GET /main/decisions/live?after=0 HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncookie: {}\r\n\r\n",
        who.cookie()
    );
    stream.write_all(request.as_bytes()).await.expect("it is sent");
    let (mut text, mut buffer) = (String::new(), [0_u8; 4096]);
    let end = format!("id: {last}\n");
    while !(text.contains(&end) && text.ends_with("\r\n")) {
        let read = stream.read(&mut buffer).await.expect("the stream stays open");
        assert!(read > 0, "the stream ended after {text}");
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    text
}

/// Where each of these words is shown.
fn shown_at(shown: &[(String, String)], words: &[String]) -> Vec<Vec<String>> {
    let with = |word: &String| {
        let found = shown.iter().filter(|(_, body)| body.contains(word.as_str()));
        found.map(|(at, _)| at.clone()).collect()
    };
    words.iter().map(with).collect()
}

#[test]
fn what_was_said_in_private_is_read_by_its_author_whom_its_vote_names_and_those_who_may() {
    run_test(async |t: &mut TestApp| {
        t.fake()
            .set_up(Make::Channel {
                team: "T0A".to_owned(),
                channel: ChannelSeed {
                    id: Some(DEN.to_owned()),
                    name: "den".to_owned(),
                    is_private: true,
                    creator: Some("bob".to_owned()),
                    members: Some(vec!["bob".to_owned(), "alice".to_owned(), "carol".to_owned()]),
                    ..ChannelSeed::default()
                },
            })
            .expect("a channel");
        for draft in rules() {
            t.policy(draft).await;
        }
        t.role(&t.slack, "Confidants", &[VIEW_PRIVATE], &["erin"]).await;
        t.role(&t.slack, "Settlers", &[SETTLE_HELD, SETTLE_CALLS], &["frank"]).await;
        let words: Vec<String> = (0..7).map(word).collect();
        for (n, sort) in ["asked", "polled", "broken", "sifted", "forbidden", "heard"].iter().enumerate() {
            t.slack.post("bob", DEN, &format!("{} {sort}", words[n])).await;
            t.settle().await;
        }
        t.slack
            .act("bob", Act::Rename { channel: DEN.to_owned(), name: words[6].clone() })
            .await
            .expect("it is renamed");
        t.settle().await;
        // Where everybody could hear it, everybody may read it: otherwise nothing would be shown by this.
        let loud = word(7);
        t.slack.post("bob", GENERAL, &format!("{loud} forbidden")).await;
        t.settle().await;
        let proposals = t.proposals(&t.slack).await;
        assert!(proposals.len() >= 7, "everything has become a proposal: {proposals:#?}");
        assert!(proposals.iter().any(|p| p.status == Status::Held) && proposals.iter().any(|p| p.poll_open));

        for outsider in ["dave", "alice", "frank"] {
            let seen = everything(t, &Visitor::member(t, &t.slack, outsider).await).await;
            let found = shown_at(&seen, &words);
            assert!(found.iter().all(Vec::is_empty), "{outsider} reads what is not theirs: {found:#?}");
            assert!(!shown_at(&seen, std::slice::from_ref(&loud))[0].is_empty(), "{outsider} reads what is public");
            assert!(seen.iter().any(|(_, body)| body.contains("in a private conversation")), "{outsider}");
        }
        let carol = everything(t, &Visitor::member(t, &t.slack, "carol").await).await;
        let found = shown_at(&carol, &words);
        assert!(!found[0].is_empty(), "whom a vote names reads what it is about");
        assert!(found[1..].iter().all(Vec::is_empty), "and nothing else: {found:#?}");
        for reader in [
            Visitor::member(t, &t.slack, "bob").await,
            Visitor::member(t, &t.slack, "erin").await,
            Visitor::operator(t, &t.slack).await,
        ] {
            let found = shown_at(&everything(t, &reader).await, &words);
            // A line of the log that is about no proposal is nobody's own.
            let own = [0, 1, 2, 4, 5, 6].map(|n| &found[n]);
            assert!(own.iter().all(|places| !places.is_empty()), "{reader:?} reads all of it: {found:#?}");
        }
        let erin = everything(t, &Visitor::member(t, &t.slack, "erin").await).await;
        assert!(!shown_at(&erin, &words)[3].is_empty(), "what a filter broke on is read by those who may");
    });
}

#[test]
fn about_what_is_private_nobody_votes_or_decides_who_may_not_read_it() {
    run_test(async |t: &mut TestApp| {
        t.fake()
            .set_up(Make::Channel {
                team: "T0A".to_owned(),
                channel: ChannelSeed {
                    id: Some(DEN.to_owned()),
                    name: "den".to_owned(),
                    is_private: true,
                    creator: Some("bob".to_owned()),
                    members: Some(vec!["bob".to_owned(), "alice".to_owned()]),
                    ..ChannelSeed::default()
                },
            })
            .expect("a channel");
        t.policy(asks_all()).await;
        t.policy(Draft::platform("Breaks", &[POST]).filter("return 'broken' in action.text").check("return 1 / 0"))
            .await;
        t.role(&t.slack, "Settlers", &[SETTLE_HELD], &["frank", "erin"]).await;
        t.role(&t.slack, "Confidants", &[VIEW_PRIVATE], &["erin"]).await;
        t.policy(Draft::platform("Pins", &["slackpinmessage"]).check("return PASSED")).await;
        // One after the other, so that their proposals are in this order.
        let said = t.slack.post("bob", DEN, "it is polled").await;
        t.settle().await;
        t.slack.post("bob", DEN, "it is broken").await;
        let loud = t.slack.post("bob", GENERAL, "hello").await;
        t.settle().await;
        t.slack.pin("bob", DEN, &said).await;
        t.settle().await;
        t.slack.pin("bob", GENERAL, &loud).await;
        t.settle().await;
        let all: Vec<ProposalId> = t.proposals(&t.slack).await.iter().map(|p| p.id).collect();
        let ([polled, held], pinned) = all.split_first_chunk().expect("two about messages");
        let (polled, held) = (*polled, *held);

        let dave = Visitor::member(t, &t.slack, "dave").await;
        let address = format!("/proposals/{polled}");
        assert!(!dave.get("/main").await.body.contains(&address), "no vote waits for whoever was not there");
        assert!(Visitor::member(t, &t.slack, "bob").await.get("/main").await.body.contains(&address));
        let refused = dave.post(&format!("{address}/vote"), &[("choice", "yes")]).await;
        assert_eq!(refused.status, 403, "{}", refused.body);
        assert_eq!(dave.post(&format!("{address}/retract"), &[]).await.status, 403);
        t.settle().await;
        let ballots = {
            let (db, community, user) = (t.db(), t.slack.community, UserId::derive(t.slack.installation, "U04"));
            t.node()
                .on(async move {
                    let bundle = db.community(community).proposal(polled).await?;
                    Ok::<_, StoreError>(bundle.voters.contains(&user))
                })
                .await
                .expect("the proposal")
        };
        assert!(!ballots, "nothing is counted");
        // What does not say where it was heard is private unless the channel is known to be open.
        let dave_reads = async |id: ProposalId| dave.get(&format!("/proposals/{id}")).await.body;
        let [den, general] = pinned else { panic!("two pins: {pinned:?}") };
        assert!(dave_reads(*den).await.contains("in a private conversation"));
        assert!(!dave_reads(*general).await.contains("in a private conversation"));
        // In the channel they vote as ever.
        t.slack.vote("alice", DEN, "Yes").await;
        t.settle().await;

        let frank = Visitor::member(t, &t.slack, "frank").await;
        let settle = format!("/proposals/{held}/settle");
        let list = frank.get("/main/held").await.body;
        assert!(list.contains("somebody decides whose role also allows") && !list.contains(&settle), "{list}");
        let page = frank.get(&format!("/proposals/{held}")).await.body;
        assert!(
            page.contains("Your role allows to decide about what is held, but") && !page.contains(&settle),
            "{page}"
        );
        let refused = frank.post(&settle, &[("settled", "passed")]).await;
        assert_eq!(refused.status, 403, "{}", refused.body);
        let status = async || t.proposals(&t.slack).await.into_iter().find(|p| p.id == held).expect("it").status;
        assert_eq!(status().await, Status::Held);
        let erin = Visitor::member(t, &t.slack, "erin").await;
        assert!(erin.get("/main/held").await.body.contains(&settle));
        erin.post(&settle, &[("settled", "passed")]).await;
        t.settle().await;
        assert_eq!(status().await, Status::Passed);
    });
}
