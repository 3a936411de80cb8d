//! Tokens, scopes, argument encodings, pages and rate limits.

use std::{collections::BTreeSet, time::Duration};

use policykit_platforms::slack::fake::{RateLimits, Setup, What};
use serde_json::json;

use crate::support::Bench;

#[tokio::test]
async fn a_call_is_refused_by_the_state_of_its_token() {
    let bench = Bench::start().await;
    let url = format!("{}/api/auth.test", bench.fake.base_url());
    let bare: serde_json::Value = bench.http().post(url).send().await.unwrap().json().await.unwrap();
    assert_eq!(bare, json!({ "ok": false, "error": "not_authed" }));
    assert_eq!(bench.get("xoxb-nobody", "auth.test", &[]).await.error(), "invalid_auth");
    assert_eq!(bench.get(&bench.bot(), "auth.nonsense", &[]).await.error(), "unknown_method");

    let own = bench.get(&bench.bot(), "auth.test", &[]).await.ok();
    assert_eq!(own["user_id"], bench.team.bot_user.as_str());
    assert_eq!(own["bot_id"], bench.team.bot_id);

    bench.fake.set_up(Setup::RevokeToken { token: bench.token_of("bob") }).unwrap();
    assert_eq!(bench.get(&bench.token_of("bob"), "auth.test", &[]).await.error(), "token_revoked");
    bench.fake.set_up(Setup::Deactivate { team: bench.id().into(), user: "ada".into() }).unwrap();
    assert_eq!(bench.get(&bench.token_of("ada"), "auth.test", &[]).await.error(), "account_inactive");
    bench.fake.set_up(Setup::Uninstall { team: bench.id().into() }).unwrap();
    assert_eq!(bench.get(&bench.bot(), "auth.test", &[]).await.error(), "token_revoked");
    let neighbour = bench.other.bot_token.clone().unwrap();
    bench.get(&neighbour, "auth.test", &[]).await.ok();
}

#[tokio::test]
async fn a_token_without_the_scope_is_told_which_one_it_needs() {
    let bench = Bench::start().await;
    let scopes = vec!["channels:read".into(), "users:read".into()];
    bench.fake.set_up(Setup::Scopes { token: bench.bot(), scopes }).unwrap();
    let channel = bench.channel("random");
    let refused = bench.json(&bench.bot(), "chat.postMessage", json!({ "channel": channel, "text": "hi" })).await;
    assert_eq!(refused.status, 200);
    assert_eq!(refused.error(), "missing_scope");
    assert_eq!(refused.body["needed"], "chat:write");
    assert_eq!(refused.body["provided"], "channels:read,users:read");
    bench.get(&bench.bot(), "conversations.info", &[("channel", &channel)]).await.ok();
    let listed = bench.get(&bench.bot(), "conversations.list", &[("types", "public_channel,private_channel")]).await;
    assert_eq!((listed.error(), &listed.body["needed"]), ("missing_scope", &json!("groups:read")));
    // The address of a person is a scope of its own.
    let shown = bench.get(&bench.bot(), "users.info", &[("user", &bench.user("bob"))]).await.ok();
    assert!(shown["user"]["profile"].get("email").is_none());
}

#[tokio::test]
async fn writes_take_json_and_forms_while_reads_ignore_json() {
    let bench = Bench::start().await;
    let (bot, channel) = (bench.bot(), bench.channel("random"));
    bench.json(&bot, "chat.postMessage", json!({ "channel": channel, "text": "json" })).await.ok();
    let blocks = json!([{ "type": "section", "text": { "type": "mrkdwn", "text": "in a form" } }]).to_string();
    let fields = [("channel", channel.as_str()), ("text", "form"), ("blocks", blocks.as_str())];
    bench.form(&bot, "chat.postMessage", &fields).await.ok();
    bench.form(&bot, "conversations.info", &[("channel", &channel)]).await.ok();
    let ignored = bench.json(&bot, "conversations.info", json!({ "channel": channel })).await;
    assert_eq!(ignored.error(), "invalid_arguments");
    assert_eq!(ignored.body["response_metadata"]["messages"], json!(["[ERROR] missing required field: channel"]));

    let url = format!("{}/api/chat.postMessage", bench.fake.base_url());
    let post = |kind: &'static str, body: &'static str| {
        let request = bench.http().post(&url).bearer_auth(&bot).header("content-type", kind).body(body);
        async move { request.send().await.unwrap().json::<serde_json::Value>().await.unwrap()["error"].clone() }
    };
    assert_eq!(post("application/json", "{").await, "invalid_json");
    assert_eq!(post("application/json", "[]").await, "json_not_object");
    assert_eq!(post("text/xml", "<a/>").await, "invalid_post_type");
    // A token may also travel in a form, but not in a JSON body.
    let form = format!("token={bot}&channel={channel}&text=x");
    let request = bench.http().post(&url).header("content-type", "application/x-www-form-urlencoded").body(form);
    assert_eq!(request.send().await.unwrap().json::<serde_json::Value>().await.unwrap()["ok"], true);
    let body = json!({ "token": bot, "channel": channel, "text": "x" });
    let answer: serde_json::Value = bench.http().post(&url).json(&body).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["error"], "not_authed");
}

#[tokio::test]
async fn pages_cover_a_list_exactly_once_and_foreign_cursors_are_refused() {
    let bench = Bench::start().await;
    let bot = bench.bot();
    let (mut cursor, mut ids, mut pages) = (String::new(), Vec::new(), 0);
    loop {
        let page = bench.get(&bot, "users.list", &[("limit", "2"), ("cursor", &cursor)]).await.ok();
        let members = page["members"].as_array().unwrap();
        assert!(members.len() <= 2);
        ids.extend(members.iter().map(|member| member["id"].as_str().unwrap().to_owned()));
        pages += 1;
        cursor = page["response_metadata"]["next_cursor"].as_str().unwrap().to_owned();
        if cursor.is_empty() {
            break;
        }
    }
    assert_eq!((ids.len(), pages), (5, 3));
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 5);
    assert_eq!(bench.get(&bot, "users.list", &[("cursor", "nonsense")]).await.error(), "invalid_cursor");
    let channel = bench.channel("general");
    let first = bench.get(&bot, "conversations.members", &[("channel", &channel), ("limit", "3")]).await.ok();
    let cursor = first["response_metadata"]["next_cursor"].as_str().unwrap();
    let rest = bench.get(&bot, "conversations.members", &[("channel", &channel), ("cursor", cursor)]).await.ok();
    assert_eq!((first["members"].as_array().unwrap().len(), rest["members"].as_array().unwrap().len()), (3, 2));
    let wrong_list = bench.get(&bot, "conversations.history", &[("channel", &channel), ("cursor", cursor)]).await;
    assert_eq!(wrong_list.error(), "invalid_cursor");
}

#[tokio::test]
async fn a_method_has_its_budget_per_workspace_and_says_when_to_come_back() {
    let bench = Bench::start_with(|config| {
        config.rate_limits = RateLimits { methods: [("team.info".into(), 2)].into(), ..RateLimits::default() };
    })
    .await;
    let bot = bench.bot();
    bench.get(&bot, "team.info", &[]).await.ok();
    bench.clock.advance(Duration::from_millis(20_500));
    bench.get(&bot, "team.info", &[]).await.ok();
    let refused = bench.get(&bot, "team.info", &[]).await;
    assert_eq!((refused.status, refused.retry_after, refused.error()), (429, Some(40), "ratelimited"));
    bench.get(&bot, "auth.test", &[]).await.ok();
    bench.get(&bench.other.bot_token.clone().unwrap(), "team.info", &[]).await.ok();
    bench.clock.advance(Duration::from_secs(40));
    bench.get(&bot, "team.info", &[]).await.ok();
    assert_eq!(bench.get(&bot, "team.info", &[]).await.status, 429);
}

#[tokio::test]
async fn the_record_shows_calls_and_replies_without_tokens() {
    let bench = Bench::start().await;
    let channel = bench.channel("random");
    bench.form(&bench.bot(), "chat.postMessage", &[("channel", &channel), ("text", "noted")]).await.ok();
    let record = bench.fake.record();
    let seq = record
        .iter()
        .find_map(|entry| match &entry.what {
            What::Call { method, args, .. } if method == "chat.postMessage" => {
                assert_eq!(args["text"], "noted");
                Some(entry.seq)
            }
            _ => None,
        })
        .expect("the call is recorded");
    assert!(
        record.iter().any(|entry| matches!(&entry.what, What::Reply { call, status: Some(200), .. } if *call == seq))
    );
    let text = serde_json::to_string(&record).unwrap();
    assert!(!text.contains(&bench.bot()) && !text.contains("xoxb"));
}

#[tokio::test]
async fn people_groups_and_the_workspace_can_be_looked_up() {
    let bench = Bench::start().await;
    let bot = bench.bot();
    let found = bench.get(&bot, "users.lookupByEmail", &[("email", "CY@example.org")]).await.ok();
    assert_eq!(found["user"]["id"], bench.user("cy"));
    assert_eq!(bench.get(&bot, "users.lookupByEmail", &[("email", "no@example.org")]).await.error(), "users_not_found");
    assert_eq!(bench.get(&bot, "users.info", &[("user", "U0NOBODY")]).await.error(), "user_not_found");
    let ada = bench.get(&bot, "users.info", &[("user", &bench.user("ada"))]).await.ok();
    assert_eq!((&ada["user"]["is_admin"], &ada["user"]["profile"]["email"]), (&json!(true), &json!("ada@example.org")));
    let groups = bench.get(&bot, "usergroups.list", &[("include_users", "true")]).await.ok();
    assert_eq!(groups["usergroups"][0]["users"], json!([bench.user("ada"), bench.user("cy")]));
    let group = groups["usergroups"][0]["id"].as_str().unwrap();
    let members = bench.get(&bot, "usergroups.users.list", &[("usergroup", group)]).await.ok();
    assert_eq!(members["users"].as_array().unwrap().len(), 2);
    assert_eq!(bench.get(&bot, "team.info", &[]).await.ok()["team"]["name"], "town");
    assert_eq!(bench.get(&bot, "bots.info", &[]).await.ok()["bot"]["app_id"], bench.team.app_id);
    assert_eq!(bench.get(&bot, "bots.info", &[("bot", "B0NOBODY")]).await.error(), "bot_not_found");
}
