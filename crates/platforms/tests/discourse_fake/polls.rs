//! Polls of all types: voting, changing one's mind, taking it back, ending, and who may see what.

use policykit_platforms::discourse::fake::{Act, Denied};
use serde_json::{Value, json};

use crate::support::Forum;

fn poll(attributes: &str) -> String {
    format!("Which is it to be?\n\n[poll {attributes}]\n* Beans\n* Peas\n* Corn\n[/poll]")
}

async fn with_poll(attributes: &str) -> (Forum, i64, Vec<String>) {
    let forum = Forum::start().await;
    let (_, post) = forum.topic("tom", "What do we plant this year", &poll(attributes));
    let shown = forum.get("ada", &format!("/posts/{post}.json")).await.json();
    let options = shown["polls"][0]["options"].as_array().unwrap();
    let ids = options.iter().map(|option| option["id"].as_str().unwrap().to_owned()).collect();
    (forum, post, ids)
}

fn ballot(post: i64, options: Value) -> Value {
    let mut ballot = json!({ "post_id": post, "poll_name": "poll" });
    ballot["options"] = options;
    ballot
}

fn votes(reply: &Value) -> Vec<i64> {
    let options = reply["poll"]["options"].as_array().unwrap();
    options.iter().map(|option| option["votes"].as_i64().unwrap_or(-1)).collect()
}

#[tokio::test]
async fn one_choice_is_made_changed_and_taken_back() {
    let (forum, post, ids) = with_poll("public=true").await;
    let voted = forum.put("tess", "/polls/vote", ballot(post, json!([ids[0]]))).await.json();
    assert_eq!((votes(&voted), voted["poll"]["voters"].clone()), (vec![1, 0, 0], json!(1)));
    let changed = forum.put("tess", "/polls/vote", ballot(post, json!([ids[1]]))).await.json();
    assert_eq!(votes(&changed), [0, 1, 0]);
    let both = forum.put("tess", "/polls/vote", ballot(post, json!([ids[0], ids[1]]))).await;
    assert_eq!((both.status, both.error()), (422, "Only 1 vote is allowed for this poll.".to_owned()));
    let none = forum.put("tess", "/polls/vote", ballot(post, json!(["nothing"]))).await;
    assert_eq!((none.status, none.error()), (422, "You must select at least 1 valid option.".to_owned()));
    let shown = forum.get("tess", &format!("/posts/{post}.json")).await.json();
    assert_eq!(shown["polls_votes"], json!({ "poll": [ids[1]] }));
    let path = format!("/polls/vote?post_id={post}&poll_name=poll");
    assert_eq!(votes(&forum.delete("tess", &path).await.json()), [0, 0, 0]);
}

#[tokio::test]
async fn several_choices_stay_within_their_bounds() {
    let (forum, post, ids) = with_poll("type=multiple min=1 max=2 public=true").await;
    let voted = forum.put("tess", "/polls/vote", ballot(post, json!([ids[0], ids[2]]))).await.json();
    assert_eq!((votes(&voted), voted["poll"]["voters"].clone()), (vec![1, 0, 1], json!(1)));
    assert_eq!(voted["poll"]["options"][0]["chosen"], true);
    let many = forum.put("tess", "/polls/vote", ballot(post, json!(ids))).await;
    assert_eq!((many.status, many.error()), (422, "A maximum of 2 options can be selected for this poll.".to_owned()));
}

#[tokio::test]
async fn numbers_have_options_without_being_written() {
    let forum = Forum::start().await;
    let raw = "How many beds do we need?\n\n[poll type=number min=2 max=8 step=3 public=true]\n[/poll]";
    let (_, post) = forum.topic("tom", "How many beds do we need", raw);
    let shown = forum.get("tess", &format!("/posts/{post}.json")).await.json();
    let options: Vec<_> = shown["polls"][0]["options"].as_array().unwrap().iter().map(|o| o["html"].clone()).collect();
    assert_eq!(options, ["2", "5", "8"]);
    let five = shown["polls"][0]["options"][1]["id"].clone();
    assert_eq!(forum.put("tess", "/polls/vote", ballot(post, json!([five]))).await.status, 200);
    let voters = forum.get("tom", &format!("/polls/voters.json?post_id={post}&poll_name=poll")).await.json();
    assert_eq!(voters["voters"][0]["username"], "tess", "a list, for numbers alone");
}

#[tokio::test]
async fn ranks_decide_by_rounds() {
    let (forum, post, ids) = with_poll("type=ranked_choice public=true").await;
    let ranked = |order: [usize; 3]| {
        let ranks: Vec<Value> =
            order.iter().enumerate().map(|(rank, at)| json!({ "digest": ids[*at], "rank": rank + 1 })).collect();
        json!({ "0": ranks[0], "1": ranks[1], "2": ranks[2] })
    };
    for (who, order) in
        [("tess", [0, 1, 2]), ("ada", [0, 2, 1]), ("max", [1, 2, 0]), ("nils", [2, 1, 0]), ("tom", [1, 0, 2])]
    {
        let reply = forum.put(who, "/polls/vote", ballot(post, ranked(order))).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
    }
    let shown = forum.get("tom", &format!("/posts/{post}.json")).await.json();
    let outcome = &shown["polls"][0]["ranked_choice_outcome"];
    assert_eq!(outcome["winning_candidate"]["html"], "Peas", "corn falls out, and its vote goes to peas");
    assert_eq!(outcome["round_activity"].as_array().unwrap().len(), 2);
    let part = json!([{ "digest": ids[0], "rank": 1 }]);
    assert_eq!(forum.put("tess", "/polls/vote", ballot(post, part)).await.status, 422, "all of them");
    let voters = forum.get("tom", &format!("/polls/voters.json?post_id={post}&poll_name=poll")).await.json();
    assert_eq!(voters["voters"][&ids[0]][0]["rank"], "1");
}

#[tokio::test]
async fn nobody_votes_after_the_end() {
    let (forum, post, ids) = with_poll("public=true close=2026-09-21T15:13:20.000Z").await;
    let vote = || forum.put("tess", "/polls/vote", ballot(post, json!([ids[0]])));
    assert_eq!(vote().await.status, 200);
    forum.later(4_000);
    let late = vote().await;
    assert_eq!((late.status, late.error()), (422, "Poll must be open to vote.".to_owned()));
    let open = json!({ "post_id": post, "poll_name": "poll", "status": "closed" });
    let refused = forum.put("tess", "/polls/toggle_status", open.clone()).await;
    assert_eq!(refused.error(), "Only a staff member or the original poster can toggle a poll status.");
    assert_eq!(forum.put("tom", "/polls/toggle_status", open).await.json()["poll"]["status"], "closed");
}

#[tokio::test]
async fn votes_nobody_may_see_are_not_shown() {
    let (forum, post, ids) = with_poll("results=on_close").await;
    let voted = forum.put("tess", "/polls/vote", ballot(post, json!([ids[0]]))).await.json();
    assert_eq!(votes(&voted), [-1, -1, -1]);
    let path = format!("/polls/voters.json?post_id={post}&poll_name=poll");
    let refused = forum.get("ada", &path).await;
    assert_eq!((refused.status, refused.json()["error_type"].clone()), (400, json!("invalid_parameters")));
    forum.fake.act("tom", Act::Poll { post, poll: "poll".into(), status: "closed".into() }).unwrap();
    let shown = forum.get("tess", &format!("/posts/{post}.json")).await.json();
    assert_eq!(votes(&json!({ "poll": shown["polls"][0] })), [1, 0, 0]);
    assert!(shown["polls"][0].get("preloaded_voters").is_none(), "not a public one");
}

#[tokio::test]
async fn voters_come_in_pages_that_overlap_by_one() {
    let (forum, post, ids) = with_poll("public=true").await;
    for who in ["ada", "max", "tess", "nils"] {
        forum.fake.act(who, Act::Vote { post, poll: "poll".into(), options: vec!["Beans".into()] }).unwrap();
    }
    let page = async |page: u8| {
        let path = format!("/polls/voters.json?post_id={post}&poll_name=poll&option_id={}&limit=2&page={page}", ids[0]);
        let voters = forum.get("tom", &path).await.json();
        let list = voters["voters"][&ids[0]].as_array().cloned().unwrap_or_default();
        list.iter().map(|user| user["username"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(page(1).await, ["ada", "max"]);
    assert_eq!(page(2).await, ["max", "tess", "nils"], "as Discourse counts");
    assert_eq!(page(3).await, ["nils"]);
}

#[tokio::test]
async fn a_poll_that_was_voted_in_is_changed_for_five_minutes() {
    let (forum, post, _) = with_poll("public=true").await;
    forum.fake.act("tess", Act::Vote { post, poll: "poll".into(), options: vec!["Beans".into()] }).unwrap();
    let around = Act::Edit { post, raw: format!("{}\n\nPlease say soon.", poll("public=true")), reason: None };
    forum.fake.act("tom", around).unwrap();
    let shown = forum.fake.post(post, None).unwrap();
    assert_eq!(shown["polls"][0]["voters"], 1, "words around a poll leave it alone");
    forum.later(301);
    let other = poll("public=true").replace("Corn", "Rye");
    let late = forum.fake.act("tom", Act::Edit { post, raw: other, reason: None });
    assert!(
        matches!(&late, Err(Denied::Refused { errors, .. }) if errors[0].contains("after the first 5 minutes")),
        "{late:?}"
    );
}

#[tokio::test]
async fn polls_that_make_no_sense_are_refused() {
    let forum = Forum::start().await;
    let refused = [
        ("[poll]\n[/poll]", "Poll must have at least 1 option."),
        ("[poll]\n* One\n* One\n[/poll]", "Poll must have different options."),
        (
            "[poll type=multiple min=3 max=2]\n* One\n* Two\n* Three\n[/poll]",
            "Poll with multiple choice has invalid parameters.",
        ),
    ];
    for (poll, error) in refused {
        let raw = format!("Which one is it to be?\n\n{poll}");
        let reply = forum.post("tom", "/posts.json", json!({ "title": "Which one is it to be", "raw": raw })).await;
        assert_eq!((reply.status, reply.error()), (422, error.to_owned()));
    }
    let new = json!({ "title": "Which one is it to be", "raw": poll("public=true") });
    assert_eq!(forum.post("nils", "/posts.json", new).await.error(), "You are not allowed to create polls.");
}
