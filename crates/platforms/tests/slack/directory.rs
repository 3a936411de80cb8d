//! People, conversations, and what a pair of tokens gives access to.

use std::collections::BTreeSet;

use policykit_core::{
    Value as PolicyValue,
    community::{Channel, Profile},
};
use policykit_platforms::{
    Platform,
    platform::CallError,
    slack::fake::{CallFault, ChannelSeed, Setup, UserSeed},
};
use serde_json::{Value, json};

use crate::rig::{Rig, secrets};

async fn crowd(count: usize) -> Rig {
    Rig::start_with(|config| {
        for team in &mut config.teams {
            team.users.extend((0..count).map(|n| UserSeed { name: format!("person{n}"), ..UserSeed::default() }));
            team.users.push(UserSeed { name: "gone".into(), deleted: true, ..UserSeed::default() });
            team.users.push(UserSeed { name: "robot".into(), is_bot: true, ..UserSeed::default() });
            team.channels
                .extend((0..count / 2).map(|n| ChannelSeed { name: format!("room-{n}"), ..ChannelSeed::default() }));
        }
    })
    .await
}

async fn read(rig: &Rig, method: &str, args: Value) -> Result<PolicyValue, CallError> {
    rig.slack.read(method, args.as_object().unwrap(), &rig.context(1)).await
}

fn names(value: &PolicyValue) -> BTreeSet<String> {
    let PolicyValue::List(items) = value else { panic!("expected a list, got {value:?}") };
    let name = |item: &PolicyValue| match item {
        PolicyValue::Str(text) => text.clone(),
        PolicyValue::Dict(pairs) => match &pairs[1] {
            (_, PolicyValue::Str(name)) => name.clone(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    items.iter().map(name).collect()
}

#[tokio::test]
async fn the_directory_comes_page_by_page_and_complete() {
    let rig = crowd(2_200).await;
    let (mut all, mut cursor, mut pages) = (Vec::<Profile>::new(), None, 0);
    loop {
        let page = rig.slack.people(cursor.as_deref(), &rig.context(1)).await.unwrap();
        assert!(page.people.len() <= 999);
        all.extend(page.people);
        pages += 1;
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    assert_eq!(pages, 3);
    let ids: BTreeSet<&str> = all.iter().map(|p| p.external_id.as_str()).collect();
    let expected: BTreeSet<&str> = rig.bench.team.users.iter().map(|u| u.id.as_str()).collect();
    assert_eq!((ids, all.len()), (expected, rig.bench.team.users.len()), "everybody, nobody twice");
    let who = |name: &str| all.iter().find(|p| p.external_id == rig.user(name)).unwrap();
    assert!(who("ada").is_admin && !who("bob").is_admin);
    assert!(who("gone").is_gone && !who("ada").is_gone);
    assert!(who("robot").is_bot && who("policykit").is_bot && !who("bob").is_bot);
}

#[tokio::test]
async fn the_directory_of_channels_is_complete_and_says_which_are_private() {
    let rig = crowd(2_200).await;
    let all = async || {
        let (mut all, mut cursor, mut pages) = (Vec::new(), None, 0);
        loop {
            let page = rig.slack.channels(cursor.as_deref(), &rig.context(1)).await.unwrap();
            assert!(page.channels.len() <= 999);
            all.extend(page.channels);
            pages += 1;
            match page.next {
                Some(next) => cursor = Some(next),
                None => return (all, pages),
            }
        }
    };
    let (channels, pages) = all().await;
    assert_eq!(pages, 2);
    let called = |name: &str| channels.iter().filter(|c| c.name == name).collect::<Vec<_>>();
    let [general] = called("general")[..] else { panic!("once: {channels:?}") };
    assert_eq!((general.external_id.clone(), general.is_private), (rig.channel("general"), false));
    assert!(called("council")[0].is_private);
    assert_eq!(called("room-224").len(), 1);
    assert_eq!(called("cellar"), [] as [&Channel; 0], "the bot is not in it");
    // An app that may not see private channels sees the public ones.
    let scopes = vec!["channels:read".to_owned()];
    rig.bench.fake.set_up(Setup::Scopes { token: rig.bench.bot(), scopes }).unwrap();
    let (public, _) = all().await;
    assert_eq!(public, channels.into_iter().filter(|c| !c.is_private).collect::<Vec<_>>());
}

#[tokio::test]
async fn lists_that_policies_read_are_complete_too() {
    let rig = crowd(2_200).await;
    let members = read(&rig, "get_users_in_channel", json!({ "channel": rig.channel("general") })).await.unwrap();
    assert_eq!(names(&members).len(), 2_200 + 4 + 1, "all living people and the bot");
    let real = names(&read(&rig, "get_real_users", json!({})).await.unwrap());
    assert!(real.contains("person2199") && !real.contains("robot") && !real.contains("gone"));
    assert_eq!(real.len(), 2_204);
    let public = names(&read(&rig, "get_conversations", json!({})).await.unwrap());
    assert_eq!(public.len(), 1_100 + 3);
    assert!(!public.contains("council"));
    let read = read(&rig, "get_users_in_channel", json!({ "channel": rig.channel("cellar") })).await;
    assert!(read.is_err(), "the bot is not in it: {read:?}");
}

#[tokio::test]
async fn a_read_that_fails_is_tried_again_later_and_dead_credentials_are_told() {
    let rig = Rig::start().await;
    for fault in [CallFault::StatusBeforeEffect { status: 503 }, CallFault::RateLimited { retry_after_secs: 3 }] {
        rig.fault("users.list", fault);
        let people = rig.slack.people(None, &rig.context(1)).await;
        assert!(matches!(people, Err(CallError::Retry { after_ms: 1.., .. })), "{people:?}");
    }
    rig.bench.clock.advance(std::time::Duration::from_secs(3));
    rig.bench.fake.set_up(Setup::RevokeToken { token: rig.bench.bot() }).unwrap();
    let people = rig.slack.people(None, &rig.context(1)).await;
    assert!(matches!(&people, Err(CallError::AccessLost { reason }) if reason.contains("bot_token")), "{people:?}");
    let real = read(&rig, "get_real_users", json!({})).await;
    assert!(matches!(real, Err(CallError::AccessLost { .. })), "{real:?}");
}

#[tokio::test]
async fn an_installation_knows_who_acts_in_it() {
    let rig = Rig::start().await;
    let team = &rig.bench.team;
    assert_eq!((rig.installation.external_id.as_str(), rig.installation.name.as_str()), (team.id.as_str(), "town"));
    assert_eq!(rig.installation.acts_as, [team.bot_user.to_string(), rig.user("ada")]);
    let settings = json!({
        "url": "https://town-1.slack.com/",
        "bot_user_id": team.bot_user,
        "bot_id": team.bot_id,
        "app_id": team.app_id,
        "admin_user_id": rig.user("ada"),
    });
    assert_eq!(Value::from(rig.installation.settings.clone()), settings);
}

#[tokio::test]
async fn tokens_that_would_not_do_are_turned_away_with_what_to_do() {
    let rig = Rig::start().await;
    let (bot, ada, bob) = (rig.bench.bot(), rig.bench.token_of("ada"), rig.bench.token_of("bob"));
    let elsewhere = rig.bench.other.bot_token.clone().unwrap();
    let inspect = async |bot: &str, admin: &str| {
        let credentials = secrets(&[("bot_token", bot), ("admin_token", admin)]);
        rig.inspect(&credentials).await.unwrap_err()
    };
    for (bot, admin, expected) in [
        (&ada, &ada, "`bot_token`"),
        (&bot, &bot, "`admin_token`"),
        (&elsewhere, &ada, "different workspaces"),
        (&bot, &bob, "does not administer"),
        (&"xoxb-never".to_owned(), &ada, "`bot_token` cannot be used"),
        (&bot, &"xoxp-never".to_owned(), "`admin_token` cannot be used"),
    ] {
        let told = inspect(bot, admin).await;
        assert!(told.contains(expected), "{expected}: {told}");
        assert!(!told.contains("xoxb-n") && !told.contains("xoxp-n"), "a token is shown: {told}");
    }
    let scopes = vec!["chat:write".to_owned(), "users:read".to_owned()];
    rig.bench.fake.set_up(Setup::Scopes { token: bot.clone(), scopes }).unwrap();
    let told = inspect(&bot, &ada).await;
    assert!(told.contains("channels:history, channels:read") && told.contains("re-install"), "{told}");
    let missing = rig.inspect(&secrets(&[("bot_token", &bot)])).await.unwrap_err();
    assert!(missing.contains("bot_token") || missing.contains("admin_token"), "{missing}");
}
