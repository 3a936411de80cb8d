//! What web hooks are told, how it is signed, and what becomes of it on its way.

use policykit_platforms::discourse::fake::{
    Act, DeliveryFault, DeliveryRule, DeliveryState, NetworkOrder, Order, Setup, sign,
};
use serde_json::json;

use crate::support::{Ear, Forum, SECRET, WORDS};

const OTHER: &str = "These are other words than those that stood here.";

#[tokio::test]
async fn everything_that_happens_is_told_and_signed() {
    let (forum, ear) = (Forum::start().await, Ear::open().await);
    forum.hook(&ear);
    let (topic, post) = forum.topic("tom", "When do we plant the beans", WORDS);
    let heard = ear.all(&forum).await;
    let mut events: Vec<&str> = heard.iter().map(|heard| heard.event()).collect();
    events.sort_unstable();
    assert_eq!(events, ["post_created", "topic_created"]);
    let told = heard.iter().find(|heard| heard.event() == "post_created").unwrap();
    assert_eq!(told.header("x-discourse-event-type"), "post");
    assert_eq!(told.header("x-discourse-instance"), forum.fake.base_url());
    assert_eq!(told.header("x-discourse-event-signature"), sign(SECRET, &told.body));
    assert!(told.header("x-discourse-event-signature").starts_with("sha256="));
    let said = &told.json()["post"];
    assert_eq!(
        (said["id"].clone(), said["raw"].clone(), said["username"].clone()),
        (json!(post), json!(WORDS), json!("tom"))
    );
    assert_eq!((said["topic_id"].clone(), said["category_slug"].clone()), (json!(topic), json!("general")));
    let told = heard.iter().find(|heard| heard.event() == "topic_created").unwrap();
    assert_eq!(told.json()["topic"]["created_by"]["username"], "tom");
}

/// Holds deliveries while something happens, and tells in which order it was told.
async fn told(forum: &Forum, ear: &Ear, deed: impl AsyncFnOnce()) -> Vec<String> {
    let before = ear.all(forum).await.len();
    forum.fake.pause();
    deed().await;
    forum.fake.resume();
    ear.events(forum).await.split_off(before)
}

#[tokio::test]
async fn changes_are_told_under_discourses_names() {
    let (forum, ear) = (Forum::start().await, Ear::open().await);
    forum.hook(&ear);
    let (topic, post) = forum.topic("tom", "When do we plant the beans", WORDS);
    let act = async |who: &str, act: Act| {
        let deed = async || {
            forum.fake.act(who, act).unwrap();
        };
        told(&forum, &ear, deed).await
    };
    assert_eq!(act("tom", Act::Edit { post, raw: OTHER.into(), reason: None }).await, ["post_edited"]);
    assert_eq!(act("max", Act::Rename { topic, title: "When do we plant the peas".into() }).await, ["topic_edited"]);
    let close = Act::Status { topic, status: "closed".into(), enabled: true };
    assert_eq!(act("max", close.clone()).await, ["topic_closed_status_updated", "post_created"]);
    assert_eq!(act("max", close).await, Vec::<String>::new(), "nothing changed");
    assert_eq!(act("max", Act::DeleteTopic { topic }).await, ["post_destroyed", "topic_destroyed"]);
    assert_eq!(act("max", Act::RecoverTopic { topic }).await, ["post_recovered", "topic_recovered"]);
    let joined = Act::AddToGroup { group: "gardeners".into(), members: vec!["tom".into()] };
    assert_eq!(act("ada", joined).await, ["user_added_to_group"]);
    let last = ear.heard().pop().unwrap();
    assert_eq!(last.header("x-discourse-event-type"), "group_user");
    assert_eq!(last.json()["group_user"]["user_id"], forum.get("ada", "/u/tom.json").await.json()["user"]["id"]);
    let seed = policykit_platforms::discourse::fake::MemberSeed { username: "una".into(), ..Default::default() };
    let made = told(&forum, &ear, async || drop(forum.fake.set_up(Setup::Member(seed)).unwrap())).await;
    assert_eq!(made, ["user_created"]);
}

#[tokio::test]
async fn web_hooks_are_made_by_administrators_and_told_what_they_chose() {
    let (forum, ear) = (Forum::start().await, Ear::open().await);
    let hook = |change: serde_json::Value| {
        let mut hook = json!({
            "payload_url": ear.url, "content_type": "1", "secret": "twelve letters", "wildcard_web_hook": false,
            "active": true, "web_hook_event_type_ids": ["201", "103"],
        });
        hook.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        json!({ "web_hook": hook })
    };
    assert_eq!(forum.post("max", "/admin/api/web_hooks.json", hook(json!({}))).await.status, 404);
    let refused = [
        (json!({ "secret": "short" }), "Secret is too short (minimum is 12 characters)"),
        (json!({ "web_hook_event_type_ids": [] }), "Web hook event types can't be blank"),
        (json!({ "payload_url": "nowhere" }), "Payload URL is invalid"),
    ];
    for (change, error) in refused {
        let reply = forum.post("ada", "/admin/api/web_hooks.json", hook(change)).await;
        assert_eq!((reply.status, reply.error()), (422, error.to_owned()));
    }
    let made = forum.post("ada", "/admin/api/web_hooks.json", hook(json!({}))).await.json();
    let id = made["web_hook"]["id"].clone();
    assert_eq!(made["web_hook"]["web_hook_event_types"][0]["name"], "topic_edited");
    assert_eq!(
        forum.post("ada", &format!("/admin/api/web_hooks/{id}/ping.json"), json!({})).await.json()["success"],
        "OK"
    );
    assert_eq!(ear.all(&forum).await[0].json(), json!({ "ping": "OK" }));
    let (topic, _) = forum.topic("tom", "When do we plant the beans", WORDS);
    forum.fake.act("max", Act::Status { topic, status: "archived".into(), enabled: true }).unwrap();
    let mut events = ear.events(&forum).await;
    events.sort();
    assert_eq!(events, ["ping", "post_created", "post_created", "topic_archived_status_updated"]);
    let off = json!({ "web_hook": { "active": false } });
    assert_eq!(forum.put("ada", &format!("/admin/api/web_hooks/{id}.json"), off).await.status, 200);
    forum.topic("tom", "When do we plant the peas", OTHER);
    assert_eq!(ear.all(&forum).await.len(), 4);
    assert_eq!(forum.delete("ada", &format!("/admin/api/web_hooks/{id}.json")).await.status, 200);
    assert_eq!(forum.get("ada", "/admin/api/web_hooks.json").await.json()["total_rows_web_hooks"], 0);
}

#[tokio::test]
async fn deliveries_are_doubled_lost_forged_and_turned_round_on_demand() {
    let (forum, ear) = (Forum::start().await, Ear::open().await);
    forum.hook(&ear);
    let (topic, _) = forum.topic("tom", "When do we plant the beans", WORDS);
    ear.all(&forum).await;
    let ids = async |fault: DeliveryFault| {
        let before = ear.all(&forum).await.len();
        forum.fake.fault_deliveries(DeliveryRule::next("post_created", fault));
        forum.reply("max", topic, OTHER);
        let heard = ear.all(&forum).await.split_off(before);
        heard.iter().map(|heard| heard.header("x-discourse-event-id").to_owned()).collect::<Vec<_>>()
    };
    let twice = ids(DeliveryFault::Duplicate).await;
    assert!(twice.len() == 2 && twice[0] == twice[1], "{twice:?}");
    let twice = ids(DeliveryFault::DuplicateOtherId).await;
    assert!(twice.len() == 2 && twice[0] != twice[1], "{twice:?}");
    assert_eq!(ids(DeliveryFault::Lose).await, Vec::<String>::new());
    for fault in [DeliveryFault::BadSignature, DeliveryFault::NoSignature] {
        ids(fault).await;
        let last = ear.heard().pop().unwrap();
        assert_ne!(last.header("x-discourse-event-signature"), sign(SECRET, &last.body), "{fault:?}");
    }
    let before = ear.heard().len();
    forum.fake.pause();
    let (first, second) = (forum.reply("max", topic, WORDS), forum.reply("max", topic, OTHER));
    assert_eq!(ear.all(&forum).await.len(), before, "held");
    assert_eq!(forum.fake.release(Order::Reversed), 2);
    let told: Vec<_> =
        ear.all(&forum).await.split_off(before).iter().map(|heard| heard.json()["post"]["id"].clone()).collect();
    assert_eq!(told, [second, first]);
}

#[tokio::test]
async fn a_delivery_is_made_once_more_on_demand() {
    let (forum, ear) = (Forum::start().await, Ear::open().await);
    forum.hook(&ear);
    forum.topic("tom", "When do we plant the beans", WORDS);
    let first = ear.all(&forum).await[0].clone();
    let event_id = first.header("x-discourse-event-id").parse().unwrap();
    let order = serde_json::to_value(NetworkOrder::Redeliver { event_id }).unwrap();
    let reply = forum.post("ada", "/control/network", order).await;
    assert_eq!(reply.json()["released"], 1, "{}", reply.text);
    let again = ear.all(&forum).await.pop().unwrap();
    assert_eq!(
        (again.header("x-discourse-event-id"), &again.body),
        (first.header("x-discourse-event-id"), &first.body)
    );
}

#[tokio::test]
async fn what_nobody_takes_is_not_told_again_unless_the_forum_wants_it() {
    let (forum, ear) = (Forum::start().await, Ear::open().await);
    forum.hook(&ear);
    ear.answer(500);
    forum.topic("tom", "When do we plant the beans", WORDS);
    assert_eq!(ear.all(&forum).await.len(), 2);
    assert!(forum.fake.deliveries().iter().all(|delivery| delivery.state == DeliveryState::Failed));

    let (forum, ear) = (Forum::start_with(|config| config.retry_delays_ms = vec![1, 1]).await, Ear::open().await);
    forum.hook(&ear);
    ear.answer(500);
    forum.topic("tom", "When do we plant the beans", WORDS);
    let heard = ear.all(&forum).await;
    let mut ids: Vec<_> = heard.iter().map(|heard| heard.header("x-discourse-event-id").to_owned()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!((heard.len(), ids.len()), (6, 6), "each try has an id of its own");
}

#[tokio::test]
async fn an_address_that_is_gone_is_told_nothing_more() {
    let (forum, ear) = (Forum::start().await, Ear::open().await);
    forum.hook(&ear);
    ear.answer(410);
    let (topic, _) = forum.topic("tom", "When do we plant the beans", WORDS);
    for _ in 0..5 {
        forum.reply("max", topic, OTHER);
        forum.fake.quiesce().await;
    }
    assert_eq!(ear.heard().len(), 4);
}
