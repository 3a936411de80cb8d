use policykit_core::{
    community::InstallationStatus,
    ids::{CommunityId, InstallationId},
};
use serde_json::json;
use uuid::Uuid;

use super::*;

fn app(settings: &[(&str, &str)]) -> AppConfig {
    AppConfig {
        settings: settings.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        ..AppConfig::default()
    }
}

fn installation(settings: Value) -> Installation {
    Installation {
        id: InstallationId::from_uuid(Uuid::from_u128(3)),
        community: CommunityId::from_uuid(Uuid::from_u128(4)),
        platform: "slack".into(),
        external_id: "T1".into(),
        name: "Team".into(),
        acts_as: vec![],
        settings: settings.as_object().unwrap().clone(),
        status: InstallationStatus::Active,
    }
}

fn base(app: &AppConfig, installation: Option<&Installation>) -> (String, Trust) {
    let (url, trust) = base_url(app, installation).unwrap();
    (url.to_string(), trust)
}

#[test]
fn only_the_operators_base_address_is_trusted() {
    assert_eq!(base(&app(&[]), None), ("https://slack.com/api/".into(), Trust::Outside));
    let theirs = installation(json!({"api_url": "https://slack-gov.com/api"}));
    assert_eq!(base(&app(&[]), Some(&theirs)), ("https://slack-gov.com/api/".into(), Trust::Outside));
    let ours = app(&[("api_url", "http://127.0.0.1:99")]);
    assert_eq!(base(&ours, Some(&theirs)), ("http://127.0.0.1:99/api/".into(), Trust::Operator));
    for bad in ["nonsense", "file:///etc/passwd", "unix:/x"] {
        assert!(base_url(&app(&[("api_url", bad)]), None).is_err(), "{bad}");
    }
}

fn reply(status: u16, body: &str) -> Reply {
    Reply { status, headers: vec![], body: body.as_bytes().to_vec() }
}

fn sorted(status: u16, body: &str, effect: Effect) -> Trouble {
    sort(&reply(status, body), effect, BOT_TOKEN).unwrap_err()
}

#[test]
fn an_answer_that_cannot_be_read_leaves_it_unknown() {
    for body in ["", "{\"ok\":tr", "[]", "{}", "<html>"] {
        let trouble = sorted(200, body, Effect::Change);
        assert!(matches!(trouble, Trouble::Call(CallError::Unknown { .. })), "{body}: {trouble:?}");
    }
}

#[test]
fn a_page_that_is_not_slacks_means_that_nothing_was_done() {
    let trouble = sorted(404, "<html>not found</html>", Effect::Change);
    assert!(matches!(trouble, Trouble::Call(CallError::Retry { .. })), "{trouble:?}");
}

#[test]
fn errors_that_may_hide_an_effect_are_told_apart_from_those_that_cannot() {
    let change = |code: &str| sorted(200, &json!({"ok": false, "error": code}).to_string(), Effect::Change);
    for code in ["internal_error", "fatal_error"] {
        assert!(matches!(change(code), Trouble::Call(CallError::Unknown { .. })), "{code}");
        let read = sorted(200, &json!({"ok": false, "error": code}).to_string(), Effect::Read);
        assert!(matches!(read, Trouble::Call(CallError::Retry { .. })), "{code}");
    }
    for code in ["ratelimited", "service_unavailable", "request_timeout"] {
        assert!(matches!(change(code), Trouble::Call(CallError::Retry { .. })), "{code}");
    }
    for code in ["invalid_auth", "not_authed", "token_revoked", "account_inactive"] {
        assert!(matches!(change(code), Trouble::Call(CallError::AccessLost { .. })), "{code}");
    }
    assert!(change("cant_delete_message").is_refusal(&["cant_delete_message"]));
}

#[test]
fn refusals_are_explained_with_their_remedy() {
    let scope = refusal::explain("missing_scope", &json!({"needed": "pins:write"}));
    assert!(scope.contains("`pins:write`") && scope.contains("re-install"), "{scope}");
    let blocks = refusal::explain("invalid_blocks", &json!({"response_metadata": {"messages": ["[ERROR] too long"]}}));
    assert!(blocks.ends_with(": [ERROR] too long"), "{blocks}");
    assert_eq!(refusal::explain("something_new", &json!({})), "Slack refuses it");
}

#[test]
fn only_undoing_and_renaming_use_the_administrators_token() {
    for operation in ["chat.delete", "conversations.rename", "conversations.invite", "conversations.kick"] {
        assert_eq!(Token::for_operation(operation), Token::Admin);
    }
    for operation in ["chat.postMessage", "chat.postEphemeral", "chat.update", "pins.add", "conversations.open"] {
        assert_eq!(Token::for_operation(operation), Token::Bot);
    }
}

#[test]
fn slacks_own_hosts_are_known_by_their_whole_name() {
    for host in ["slack.com", "hooks.slack.com", "hooks.slack-gov.com"] {
        assert!(is_slack_host(host), "{host}");
    }
    for host in ["notslack.com", "slack.com.evil.test", "slack.co", ""] {
        assert!(!is_slack_host(host), "{host}");
    }
}
