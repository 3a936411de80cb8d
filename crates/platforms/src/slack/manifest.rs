//! The description of the app as Slack takes it, made of what the descriptor says and where the server is.

use policykit_core::descriptor::Holder;
use serde_json::{Value, json};

use super::descriptor::descriptor;

/// Events that keep the mirror of people and tell of lost access; the others are the descriptor's triggers.
const OWN_EVENTS: [&str; 3] = ["app_uninstalled", "tokens_revoked", "user_change"];
/// `message` is subscribed to by kind of conversation.
const MESSAGES: [&str; 4] = ["message.channels", "message.groups", "message.im", "message.mpim"];
/// What signing in asks for; asked for apart from installing.
const IDENTITY: [&str; 2] = ["openid", "profile"];

/// For a server at this address, without a slash at the end.
pub(super) fn manifest(base: &str) -> Value {
    let descriptor = descriptor();
    let scopes = |holder: Holder| -> Vec<&str> {
        descriptor.scopes.iter().filter(|scope| scope.holder == holder).map(|scope| scope.name).collect()
    };
    let mut person = scopes(Holder::Installer);
    person.extend(IDENTITY);
    let heard = descriptor.triggers.iter().filter_map(|t| t.event_type.strip_prefix("slack."));
    let mut events: Vec<&str> = heard.filter(|event| *event != "message").chain(OWN_EVENTS).chain(MESSAGES).collect();
    events.sort_unstable();
    let hooks = format!("{base}/api/hooks/slack");
    json!({
        "display_information": {
            "name": "PolicyKit",
            "description": "Governs this workspace by the policies its members agree on",
            "background_color": "#1f2937",
        },
        "features": { "bot_user": { "display_name": "PolicyKit", "always_online": true } },
        "oauth_config": {
            "redirect_urls": [format!("{base}/auth/slack/callback")],
            "scopes": { "bot": scopes(Holder::Program), "user": person },
        },
        "settings": {
            "event_subscriptions": { "request_url": hooks, "bot_events": events },
            "interactivity": { "is_enabled": true, "request_url": hooks },
            "org_deploy_enabled": false,
            "socket_mode_enabled": false,
            "token_rotation_enabled": false,
        },
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn list(value: &Value) -> Vec<&str> {
        value.as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect()
    }

    #[test]
    fn every_event_is_subscribed_to_once_and_every_scope_is_asked_for() {
        let manifest = manifest("https://pk.example");
        let events = list(&manifest["settings"]["event_subscriptions"]["bot_events"]);
        assert_eq!(events.iter().collect::<BTreeSet<_>>().len(), events.len());
        for needed in ["message.channels", "pin_added", "team_join", "user_change", "app_uninstalled", "tokens_revoked"]
        {
            assert!(events.contains(&needed), "{needed}");
        }
        assert!(!events.contains(&"message"));
        let scopes = &manifest["oauth_config"]["scopes"];
        assert!(list(&scopes["bot"]).contains(&"chat:write") && list(&scopes["user"]).contains(&"openid"));
        assert_eq!(manifest["oauth_config"]["redirect_urls"][0], "https://pk.example/auth/slack/callback");
    }

    #[test]
    fn the_texts_are_as_short_as_slack_wants_them() {
        let shown = &manifest("https://pk.example")["display_information"];
        assert!(shown["name"].as_str().unwrap().len() <= 35);
        assert!(shown["description"].as_str().unwrap().len() <= 140);
    }
}
