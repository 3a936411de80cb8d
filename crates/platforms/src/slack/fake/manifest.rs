//! An app's manifest, read as Slack reads one that is pasted on the app's page.

use serde_json::Value;

use super::config::AppSeed;

/// Events an app may subscribe to, as far as the fake knows them.
const EVENTS: &[&str] = &[
    "app_mention",
    "app_uninstalled",
    "channel_archive",
    "channel_created",
    "channel_deleted",
    "channel_rename",
    "channel_unarchive",
    "emoji_changed",
    "file_shared",
    "group_rename",
    "member_joined_channel",
    "member_left_channel",
    "message.channels",
    "message.groups",
    "message.im",
    "message.mpim",
    "pin_added",
    "pin_removed",
    "reaction_added",
    "reaction_removed",
    "subteam_created",
    "subteam_updated",
    "team_join",
    "tokens_revoked",
    "user_change",
];
/// The scope without which an event is refused.
const NEEDS: &[(&str, &str)] = &[
    ("app_mention", "app_mentions:read"),
    ("emoji_changed", "emoji:read"),
    ("file_shared", "files:read"),
    ("message.channels", "channels:history"),
    ("message.groups", "groups:history"),
    ("message.im", "im:history"),
    ("message.mpim", "mpim:history"),
    ("pin_added", "pins:read"),
    ("reaction_added", "reactions:read"),
    ("subteam_updated", "usergroups:read"),
    ("team_join", "users:read"),
    ("user_change", "users:read"),
];

impl AppSeed {
    /// Takes over what a manifest says, or says what is wrong with it.
    pub(super) fn apply(&mut self, manifest: &Value) -> Result<(), String> {
        let at = |pointer: &str| manifest.pointer(pointer);
        let text = |pointer: &str| at(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
        let list = |pointer: &str| -> Vec<&str> {
            at(pointer).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
        };
        let name = text("/display_information/name").ok_or("display_information.name is missing")?;
        if name.chars().count() > 35 {
            return Err("display_information.name is longer than 35 characters".to_owned());
        }
        if text("/display_information/description").is_some_and(|t| t.chars().count() > 140) {
            return Err("display_information.description is longer than 140 characters".to_owned());
        }
        let bot = list("/oauth_config/scopes/bot");
        if !bot.is_empty() && text("/features/bot_user/display_name").is_none() {
            return Err("bot scopes need features.bot_user".to_owned());
        }
        let events = list("/settings/event_subscriptions/bot_events");
        if let Some(unknown) = events.iter().find(|event| !EVENTS.contains(event)) {
            return Err(format!("settings.event_subscriptions.bot_events has no `{unknown}`"));
        }
        if let Some((event, scope)) = NEEDS.iter().find(|(event, scope)| events.contains(event) && !bot.contains(scope))
        {
            return Err(format!("`{event}` needs the bot scope `{scope}`"));
        }
        self.redirect_urls = Some(list("/oauth_config/redirect_urls").into_iter().map(str::to_owned).collect());
        self.events_url = text("/settings/event_subscriptions/request_url").map(str::to_owned);
        self.interactivity_url = text("/settings/interactivity/request_url")
            .filter(|_| at("/settings/interactivity/is_enabled") == Some(&Value::Bool(true)))
            .map(str::to_owned);
        let mut types: Vec<String> =
            events.iter().map(|event| event.split('.').next().unwrap_or(event).to_owned()).collect();
        types.dedup();
        self.event_types = Some(types);
        self.token_rotation = at("/settings/token_rotation_enabled") == Some(&Value::Bool(true));
        Ok(())
    }
}
