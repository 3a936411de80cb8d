//! Renaming, membership, archiving and direct messages.

use policykit_platforms::slack::fake::{Act, Prefs, Setup};
use serde_json::json;

use crate::support::Bench;

#[tokio::test]
async fn a_rename_is_normalised_and_returned_as_it_is_stored() {
    let bench = Bench::start().await;
    let channel = bench.channel("random");
    let rename =
        |name: &'static str| bench.json_as("ada", "conversations.rename", json!({ "channel": channel, "name": name }));
    let renamed = rename("Big  News").await.ok();
    assert_eq!(renamed["channel"]["name"], "big--news");
    assert_eq!(renamed["channel"]["previous_names"], json!(["random"]));
    assert_eq!(rename("general").await.error(), "name_taken");
    assert_eq!(rename("").await.error(), "invalid_name_required");
    assert_eq!(rename("---").await.error(), "invalid_name_punctuation");
    assert_eq!(rename("a!b").await.error(), "invalid_name_specials");
    let long: &'static str = Box::leak("x".repeat(81).into_boxed_str());
    assert_eq!(rename(long).await.error(), "invalid_name_maxlength");
    rename(&long[..80]).await.ok();
}

#[tokio::test]
async fn only_the_creator_or_an_administrator_renames_through_the_api() {
    let bench = Bench::start().await;
    let channel = bench.channel("random");
    let body = json!({ "channel": channel, "name": "other" });
    assert_eq!(bench.json(&bench.bot(), "conversations.rename", body.clone()).await.error(), "not_authorized");
    assert_eq!(bench.json_as("bob", "conversations.rename", body.clone()).await.error(), "not_authorized");
    let made =
        bench.fake.act(bench.id(), "bob", Act::CreateChannel { name: "Bobs Own".into(), is_private: false }).await;
    let own = made.unwrap().channel.unwrap();
    let renamed = bench.json_as("bob", "conversations.rename", json!({ "channel": own, "name": "bobs" })).await.ok();
    assert_eq!(renamed["channel"]["name"], "bobs");
    let outside = bench.json_as("ada", "conversations.rename", json!({ "channel": own, "name": "adas" })).await;
    assert_eq!(outside.error(), "not_in_channel");
    bench.json_as("ada", "conversations.rename", body).await.ok();
}

#[tokio::test]
async fn a_person_renames_in_the_client_unless_the_workspace_forbids_it() {
    let bench = Bench::start().await;
    assert_eq!(bench.fake.rename(bench.id(), "bob", "random", "Chaos").await.unwrap(), "chaos");
    bench.fake.quiesce().await;
    let kinds = bench.app.kinds();
    assert!(
        kinds.contains(&"message.channel_name".to_owned()) && kinds.contains(&"channel_rename".to_owned()),
        "{kinds:?}"
    );
    let seen = bench.app.seen().into_iter().find(|seen| seen.kind() == "message.channel_name").unwrap().json();
    let event = &seen["event"];
    assert_eq!((&event["old_name"], &event["name"]), (&json!("random"), &json!("chaos")));
    assert_eq!(event["user"], bench.user("bob"));
    let prefs = Prefs { only_admins_rename: true, ..Prefs::default() };
    bench.fake.set_up(Setup::Prefs { team: bench.id().into(), prefs }).unwrap();
    let refused = bench.fake.rename(bench.id(), "bob", "chaos", "order").await.unwrap_err();
    assert_eq!(refused.to_string(), "slack refuses: not_authorized");
    bench.fake.rename(bench.id(), "ada", "chaos", "order").await.unwrap();
}

#[tokio::test]
async fn invitations_and_removals_follow_slacks_rules() {
    let bench = Bench::start().await;
    let (bot, random, general) = (bench.bot(), bench.channel("random"), bench.channel("general"));
    let bob = bench.user("bob");
    let invite = |channel: &str, user: &str| {
        bench.json_as("ada", "conversations.invite", json!({ "channel": channel, "users": user }))
    };
    let kick = |channel: &str, user: &str| {
        bench.json_as("ada", "conversations.kick", json!({ "channel": channel, "user": user }))
    };
    assert_eq!(invite(&random, &bob).await.error(), "already_in_channel");
    assert_eq!(invite(&random, "U0NOBODY").await.error(), "user_not_found");
    assert_eq!(invite(&random, &bench.user("ada")).await.error(), "cant_invite_self");
    assert_eq!(invite(&random, "").await.error(), "no_user");
    assert_eq!(kick(&general, &bob).await.error(), "cant_kick_from_general");
    assert_eq!(kick(&random, &bench.user("ada")).await.error(), "cant_kick_self");
    kick(&random, &bob).await.ok();
    assert_eq!(kick(&random, &bob).await.error(), "not_in_channel");
    invite(&random, &bob).await.ok();
    bench.fake.quiesce().await;
    let joined =
        bench.app.seen().into_iter().map(|seen| seen.json()).find(|s| s["event"]["type"] == "member_joined_channel");
    assert_eq!(joined.unwrap()["event"]["inviter"], bench.user("ada"));

    let prefs = Prefs { only_admins_kick: true, ..Prefs::default() };
    bench.fake.set_up(Setup::Prefs { team: bench.id().into(), prefs }).unwrap();
    let by_bot = bench.json(&bot, "conversations.kick", json!({ "channel": random, "user": bob })).await;
    assert_eq!(by_bot.error(), "restricted_action");
    kick(&random, &bob).await.ok();

    let unseen = bench.channel("unseen");
    assert_eq!(
        bench.json(&bot, "conversations.invite", json!({ "channel": unseen, "users": bob })).await.error(),
        "not_in_channel"
    );
    let first = bench.json(&bot, "conversations.join", json!({ "channel": unseen })).await.ok();
    assert!(first.get("warning").is_none());
    let second = bench.json(&bot, "conversations.join", json!({ "channel": unseen })).await.ok();
    assert_eq!(second["warning"], "already_in_channel");
}

#[tokio::test]
async fn private_channels_hide_from_outsiders() {
    let bench = Bench::start_with(|config| config.teams[0].channels[3].bot_is_member = false).await;
    let team = bench
        .fake
        .teams()
        .into_iter()
        .find(|team| !team.channel("council").unwrap().members.contains(&team.bot_user))
        .unwrap();
    let (bot, council) = (team.bot_token.clone().unwrap(), team.channel("council").unwrap().id.to_string());
    assert_eq!(bench.get(&bot, "conversations.info", &[("channel", &council)]).await.error(), "channel_not_found");
    let posted = bench.json(&bot, "chat.postMessage", json!({ "channel": council, "text": "psst" })).await;
    assert_eq!(posted.error(), "channel_not_found");
    let listed = bench.get(&bot, "conversations.list", &[("types", "public_channel,private_channel")]).await.ok();
    assert!(!listed.to_string().contains(&council));
    assert!(bench.fake.channel(team.id.as_str(), "council", Some("cy")).is_err());
    assert!(bench.fake.channel(team.id.as_str(), "council", Some("bob")).is_ok());
}

#[tokio::test]
async fn an_archived_channel_takes_no_messages_until_a_person_reopens_it() {
    let bench = Bench::start().await;
    let (bot, random) = (bench.bot(), bench.channel("random"));
    let body = json!({ "channel": random });
    bench.json(&bot, "conversations.archive", body.clone()).await.ok();
    assert_eq!(bench.json(&bot, "conversations.archive", body.clone()).await.error(), "already_archived");
    let post = json!({ "channel": random, "text": "hello?" });
    assert_eq!(bench.json(&bot, "chat.postMessage", post.clone()).await.error(), "is_archived");
    assert!(bench.fake.post(bench.id(), "bob", "random", "hello?").await.is_err());
    assert_eq!(bench.json(&bot, "conversations.unarchive", body.clone()).await.error(), "not_allowed_token_type");
    bench.json_as("ada", "conversations.unarchive", body.clone()).await.ok();
    bench.json(&bot, "chat.postMessage", post).await.ok();
    let general = json!({ "channel": bench.channel("general") });
    assert_eq!(bench.json(&bot, "conversations.archive", general).await.error(), "cant_archive_general");
    let topic = bench.json(&bot, "conversations.setTopic", json!({ "channel": random, "topic": "calm" })).await.ok();
    assert_eq!(topic["channel"]["topic"]["value"], "calm");
}

#[tokio::test]
async fn opening_a_direct_message_twice_gives_the_same_channel() {
    let bench = Bench::start().await;
    let open = |users: String| bench.json_owned("conversations.open", json!({ "users": users }));
    let one = open(bench.user("bob")).await.ok()["channel"]["id"].clone();
    let two = open(bench.user("bob")).await.ok()["channel"]["id"].clone();
    assert_eq!(one, two);
    assert!(one.as_str().unwrap().starts_with('D'));
    let group = open(format!("{},{}", bench.user("bob"), bench.user("cy"))).await.ok()["channel"]["id"].clone();
    assert!(group.as_str().unwrap().starts_with('G'));
    assert_eq!(open(String::new()).await.error(), "users_list_not_supplied");
    // Posting to a person's id reaches the same conversation.
    let posted = bench.json_owned("chat.postMessage", json!({ "channel": bench.user("bob"), "text": "hi" })).await.ok();
    assert_eq!(posted["channel"], one);
    assert_eq!(bench.fake.channel(bench.id(), one.as_str().unwrap(), Some("bob")).unwrap().messages[0].text, "hi");
}

impl Bench {
    pub(crate) async fn json_as(&self, user: &str, method: &str, body: serde_json::Value) -> crate::support::Answered {
        self.json(&self.token_of(user), method, body).await
    }

    /// As the bot.
    pub(crate) async fn json_owned(&self, method: &str, body: serde_json::Value) -> crate::support::Answered {
        self.json(&self.bot(), method, body).await
    }
}
