//! What Slack refuses: the outcome carries its code and says in plain words what is wrong; nothing has happened.

use policykit_core::call::{CallOutcome, PlanStep, PlannedCall};
use policykit_platforms::{
    Platform,
    platform::CallError,
    slack::fake::{Act, Prefs, Setup},
};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::{
    rig::{Rig, call, reply, secrets},
    support::START,
};

async fn refused(rig: &Rig, call: &PlannedCall) -> (String, String) {
    let before = rig.changes();
    match rig.send(1, call).await {
        Ok(CallOutcome::Refused { code, message }) => {
            assert_eq!(rig.changes(), before, "{code}: something happened all the same");
            (code, message)
        }
        other => panic!("{}: expected a refusal, got {other:?}", call.operation),
    }
}

/// The code and a part of the words.
async fn expect(rig: &Rig, operation: &str, args: Value, code: &str, words: &str) {
    let (told, message) = refused(rig, &call(operation, args)).await;
    assert_eq!(told, code, "{operation}: {message}");
    assert!(message.contains(words), "{operation}: {message}");
    assert_eq!(message.trim_end_matches('.'), message);
}

fn prefs(rig: &Rig, prefs: Prefs) {
    rig.bench.fake.set_up(Setup::Prefs { team: rig.bench.id().into(), prefs }).unwrap();
}

#[tokio::test]
async fn posts_are_refused_in_slacks_words_and_ours() {
    let rig = Rig::start().await;
    let (random, cellar) = (rig.channel("random"), rig.channel("cellar"));
    let post = "chat.postMessage";
    expect(&rig, post, json!({ "channel": "C404", "text": "x" }), "channel_not_found", "no such channel").await;
    expect(&rig, post, json!({ "channel": cellar, "text": "x" }), "channel_not_found", "invite it there").await;
    expect(&rig, post, json!({ "channel": random, "text": "" }), "no_text", "no text").await;
    let blocks = json!([{ "type": "section" }]);
    expect(&rig, post, json!({ "channel": random, "text": "x", "blocks": blocks }), "invalid_blocks", "[ERROR]").await;
    let whisper = json!({ "channel": random, "text": "x", "user": "U404" });
    expect(&rig, "chat.postEphemeral", whisper, "user_not_in_channel", "not in the channel").await;
    prefs(&rig, Prefs { only_admins_post_in_general: true, ..Prefs::default() });
    let general = json!({ "channel": rig.channel("general"), "text": "x" });
    expect(&rig, post, general, "restricted_action", "workspace owner").await;
    rig.bench.fake.act(rig.bench.id(), "ada", Act::Archive { channel: "random".into() }).await.unwrap();
    expect(&rig, post, json!({ "channel": random, "text": "x" }), "is_archived", "unarchive").await;
}

#[tokio::test]
async fn a_channel_the_bot_may_neither_write_in_nor_join_is_refused() {
    let rig = Rig::start().await;
    let scopes = vec!["chat:write".to_owned()];
    rig.bench.fake.set_up(Setup::Scopes { token: rig.bench.bot(), scopes }).unwrap();
    let args = json!({ "channel": rig.channel("unseen"), "text": "x" });
    expect(&rig, "chat.postMessage", args, "not_in_channel", "invite it there").await;
}

#[tokio::test]
async fn deleting_is_refused_by_the_workspaces_preferences() {
    let rig = Rig::start().await;
    let ts = rig.bench.fake.post(rig.bench.id(), "bob", "random", "stays").await.unwrap();
    let args = || json!({ "channel": rig.channel("random"), "ts": ts });
    prefs(&rig, Prefs { admins_delete_messages: false, ..Prefs::default() });
    expect(&rig, "chat.delete", args(), "cant_delete_message", "allow administrators").await;
    prefs(&rig, Prefs { compliance_exports: true, ..Prefs::default() });
    expect(&rig, "chat.delete", args(), "compliance_exports_prevent_deletion", "compliance").await;
    expect(&rig, "chat.delete", json!({ "channel": "C404", "ts": ts }), "channel_not_found", "no such channel").await;
}

#[tokio::test]
async fn renaming_is_refused_to_those_who_may_not_and_for_names_that_cannot_be() {
    let mut rig = Rig::start().await;
    let random = rig.channel("random");
    let rename = |name: &str| json!({ "channel": random, "name": name });
    let operation = "conversations.rename";
    expect(&rig, operation, rename("general"), "name_taken", "already has this name").await;
    expect(&rig, operation, rename("what?!"), "invalid_name_specials", "lower-case").await;
    expect(&rig, operation, rename(&"x".repeat(81)), "invalid_name_maxlength", "80").await;
    rig.credentials.insert("admin_token".into(), SecretString::from(rig.bench.token_of("bob")));
    expect(&rig, operation, rename("bobs"), "not_authorized", "creator, an administrator").await;
    rig.bench.fake.act(rig.bench.id(), "bob", Act::Leave { channel: "random".into() }).await.unwrap();
    expect(&rig, operation, rename("bobs"), "not_in_channel", "administrator whose token").await;
}

#[tokio::test]
async fn adding_and_removing_people_is_refused_where_slack_forbids_it() {
    let rig = Rig::start().await;
    let (general, random, bob) = (rig.channel("general"), rig.channel("random"), rig.user("bob"));
    let (kick, invite) = ("conversations.kick", "conversations.invite");
    expect(&rig, kick, json!({ "channel": general, "user": bob }), "cant_kick_from_general", "general").await;
    let ada = json!({ "channel": random, "user": rig.user("ada") });
    expect(&rig, kick, ada, "cant_kick_self", "own token").await;
    expect(&rig, invite, json!({ "channel": random, "users": "U404" }), "user_not_found", "no such account").await;
    let ada = json!({ "channel": random, "users": rig.user("ada") });
    expect(&rig, invite, ada, "cant_invite_self", "own token").await;
    let gone = Setup::Deactivate { team: rig.bench.id().into(), user: "dee".into() };
    rig.bench.fake.set_up(gone).unwrap();
    let dee = json!({ "channel": rig.channel("council"), "users": rig.user("dee") });
    expect(&rig, invite, dee, "cant_invite", "cannot be added").await;
}

#[tokio::test]
async fn other_refusals_name_their_remedy() {
    let rig = Rig::start().await;
    let random = rig.channel("random");
    let at = |post_at: i64| json!({ "channel": random, "text": "x", "post_at": post_at });
    expect(&rig, "chat.scheduleMessage", at(START - 1), "time_in_past", "past").await;
    expect(&rig, "chat.scheduleMessage", at(START + 121 * 86_400), "time_too_far", "120 days").await;
    let ts = rig.bench.fake.post(rig.bench.id(), "bob", "random", "mine").await.unwrap();
    let edit = json!({ "channel": random, "ts": ts, "text": "x" });
    expect(&rig, "chat.update", edit, "cant_update_message", "the bot itself").await;
    let lost = json!({ "channel": random, "ts": "1.000001", "text": "x" });
    expect(&rig, "chat.update", lost, "message_not_found", "no such message").await;
    expect(&rig, "conversations.open", json!({ "users": "U404" }), "user_not_found", "no such account").await;
    rig.bench.fake.set_up(Setup::Scopes { token: rig.bench.bot(), scopes: vec![] }).unwrap();
    let post = json!({ "channel": random, "text": "x" });
    expect(&rig, "chat.postMessage", post, "missing_scope", "`chat:write`").await;
}

#[tokio::test]
async fn a_refusal_is_success_where_the_state_is_already_as_wanted() {
    let rig = Rig::start().await;
    let random = rig.channel("random");
    let ts = rig.bench.fake.post(rig.bench.id(), "bob", "random", "rules").await.unwrap();
    let pin = json!({ "channel": random, "timestamp": ts });
    rig.bench.fake.act(rig.bench.id(), "ada", Act::Pin { channel: random.clone(), ts: ts.clone() }).await.unwrap();
    let out = json!({ "channel": random, "user": rig.user("cy") });
    rig.bench.fake.act(rig.bench.id(), "cy", Act::Leave { channel: random.clone() }).await.unwrap();
    for (operation, args, code) in [
        ("chat.delete", json!({ "channel": random, "ts": "1.000001" }), "message_not_found"),
        ("pins.add", pin, "already_pinned"),
        ("pins.remove", json!({ "channel": random, "timestamp": "1.000001" }), "message_not_found"),
        ("conversations.invite", json!({ "channel": random, "users": rig.user("bob") }), "already_in_channel"),
        ("conversations.kick", out, "not_in_channel"),
    ] {
        assert_eq!(rig.done(1, operation, args).await, json!({ "already": code }), "{operation}");
    }
    rig.done(1, "pins.remove", json!({ "channel": random, "timestamp": ts })).await;
    let again = rig.send(1, &call("pins.remove", json!({ "channel": random, "timestamp": ts }))).await;
    assert_eq!(reply(&again)["already"], "no_pin");
    // The name it has is not "taken" by another.
    rig.done(1, "conversations.rename", json!({ "channel": random, "name": "random" })).await;
}

#[tokio::test]
async fn an_invitation_that_is_only_partly_fulfilled_already_is_refused() {
    let rig = Rig::start().await;
    let users = format!("{},{}", rig.user("bob"), rig.user("cy"));
    expect(
        &rig,
        "conversations.invite",
        json!({ "channel": rig.channel("council"), "users": users }),
        "already_in_channel",
        "",
    )
    .await;
}

#[tokio::test]
async fn a_refusal_raises_in_the_policy_with_slacks_code() {
    let rig = Rig::start().await;
    let (made, step) = rig.run("post_message", json!({ "text": "x", "channel": "C404" })).await;
    assert_eq!(made.len(), 1);
    let PlanStep::Raise { class, message } = step else { panic!("{step:?}") };
    assert_eq!(class, "Exception");
    assert!(message.contains("`chat.postMessage`") && message.contains("(channel_not_found)"), "{message}");
}

fn is_lost(result: &Result<CallOutcome, CallError>, credential: &str) -> bool {
    matches!(result, Err(CallError::AccessLost { reason }) if reason.contains(credential) && reason.contains("install"))
}

#[tokio::test]
async fn dead_credentials_are_told_apart_from_refusals_and_name_which_they_are() {
    let mut rig = Rig::start().await;
    let post = call("chat.postMessage", json!({ "channel": rig.channel("random"), "text": "x" }));
    let rename = call("conversations.rename", json!({ "channel": rig.channel("random"), "name": "new" }));
    let good = rig.credentials.clone();
    rig.credentials = secrets(&[("bot_token", "xoxb-wrong"), ("admin_token", "xoxp-wrong")]);
    assert!(is_lost(&rig.send(1, &post).await, "`bot_token`"), "invalid_auth");
    assert!(is_lost(&rig.send(1, &rename).await, "`admin_token`"), "invalid_auth");
    rig.credentials.clear();
    assert!(is_lost(&rig.send(1, &post).await, "`bot_token`"), "missing");
    rig.credentials = good;
    rig.bench.fake.set_up(Setup::RevokeToken { token: rig.bench.token_of("ada") }).unwrap();
    assert!(is_lost(&rig.send(1, &rename).await, "`admin_token`"), "token_revoked");
    reply(&rig.send(1, &post).await);
    rig.bench.fake.set_up(Setup::Uninstall { team: rig.bench.id().into() }).unwrap();
    let gone = rig.send(1, &post).await;
    assert!(is_lost(&gone, "`bot_token`"), "{gone:?}");
    assert!(rig.slack.people(None, &rig.context(1)).await.is_err());
}
