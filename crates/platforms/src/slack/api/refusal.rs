//! Slack's refusals in plain words, with the remedy where one is known.

use serde_json::Value;

/// What a refusal means and what can be done about it.
pub(in crate::slack) fn explain(code: &str, body: &Value) -> String {
    let text = |name: &str| body.get(name).and_then(Value::as_str).filter(|t| !t.is_empty());
    let fixed = match code {
        "cant_delete_message" => {
            "the message may not be deleted; a workspace owner must allow administrators to delete messages, and the administrator's token must belong to one"
        }
        "compliance_exports_prevent_deletion" => "the workspace's compliance exports forbid deleting messages",
        "restricted_action"
        | "restricted_action_read_only_channel"
        | "restricted_action_thread_only_channel"
        | "restricted_action_non_threadable_channel"
        | "restricted_action_thread_locked" => {
            "the workspace's preferences do not allow it; a workspace owner can change them"
        }
        "not_authorized" => {
            "the administrator's account may not do this; a channel may be renamed by its creator, an administrator or a channel manager"
        }
        "not_in_channel" => "the bot is not in the channel and could not join it; invite it there",
        "user_not_in_channel" => "the person is not in the channel",
        "channel_not_found" => "there is no such channel, or it is private and the bot is not in it; invite it there",
        "is_archived" => "the channel is archived; unarchive it first",
        "thread_not_found" => "there is no such thread",
        "message_not_found" => "there is no such message",
        "msg_too_long" => "the text is longer than Slack takes",
        "no_text" => "there is no text",
        "invalid_blocks" | "invalid_blocks_format" => "Slack does not take the layout of the message",
        "too_many_attachments" => "the message has too many parts",
        "cant_update_message" => "only messages the bot itself posted can be changed",
        "edit_window_closed" => "the message is too old to be changed",
        "cant_kick_from_general" => "nobody can be removed from the general channel",
        "cant_kick_self" => "the administrator cannot be removed with the administrator's own token",
        "cant_invite_self" => "the administrator cannot be added with the administrator's own token",
        "cant_invite" => "the person cannot be added to this channel",
        "user_not_found" | "users_not_found" => "there is no such account in the workspace",
        "user_disabled" | "user_is_restricted" | "user_is_ultra_restricted" => {
            "the account is deactivated or a guest's"
        }
        "invalid_users" => "not everybody named has an account in the workspace",
        "no_such_subteam" => "there is no such user group",
        "permission_denied" => {
            "the workspace's preferences let only administrators change user groups; a workspace owner can allow it"
        }
        "already_reacted" => "the bot has reacted with this already",
        "invalid_name_reaction" | "no_such_emoji" => "there is no such emoji",
        "topic_too_long" | "too_long" => "the text is longer than Slack takes",
        "cant_archive_general" => "the general channel cannot be archived",
        "invalid_scheduled_message_id" => "there is no such scheduled message, or it was posted already",
        "unknown_method" => "there is no such method",
        "already_in_channel" => "the person is in the channel already",
        "already_archived" => "the channel is archived already",
        "not_archived" => "the channel is not archived",
        "already_pinned" => "the message is pinned already",
        "no_pin" => "the message is not pinned",
        "no_reaction" => "nobody reacted with this",
        "too_many_reactions" | "too_many_emoji" => "the message has as many reactions as Slack takes",
        "too_many_users" => "these are more people than Slack takes at once",
        "bad_timestamp" | "invalid_ts" => "this is no message’s time",
        "invalid_time" => "this is no time",
        "ura_max_channels" => "the person is in as many channels as a guest may be",
        "is_bot" | "user_is_bot" => "this cannot be done with an app’s account",
        "user_team_not_in_channel" => "the person’s workspace has no part in the channel",
        "account_inactive" => "the account whose token is used is deactivated",
        "team_access_not_granted" | "access_denied" | "no_permission" => {
            "the app may not do this here; a workspace owner can allow it"
        }
        "posting_to_general_channel_denied" => {
            "not everybody may write in the general channel; a workspace owner can allow it"
        }
        "duplicate_channel_not_found" | "duplicate_message_not_found" => {
            "what was posted before cannot be found any more"
        }
        "request_timeout" | "fatal_error" | "internal_error" | "service_unavailable" => {
            "Slack has a fault of its own at present"
        }
        "name_taken" => "another channel already has this name",
        "invalid_name" | "invalid_name_specials" | "invalid_name_punctuation" => {
            "Slack does not take the name; channels take lower-case letters, digits, hyphens and underscores"
        }
        "invalid_name_maxlength" => "the name is too long; Slack takes 80 characters",
        "invalid_name_required" => "the name is empty",
        "time_in_past" => "the time lies in the past",
        "time_too_far" => "the time is more than 120 days ahead",
        "restricted_too_many" | "message_limit_exceeded" => "too many messages are scheduled for this time",
        "not_pinnable" => "this cannot be pinned",
        "ekm_access_denied" => "the workspace's administrators have suspended posting",
        "method_not_supported_for_channel_type" => "this is not possible in this kind of conversation",
        "missing_scope" => {
            let needed = text("needed").unwrap_or("unknown");
            return format!(
                "the token lacks the permission `{needed}`; add it to the app, re-install the app in the workspace, and install here again"
            );
        }
        _ => "Slack refuses it",
    };
    match detail(body) {
        Some(detail) => format!("{fixed}: {detail}"),
        None => fixed.to_owned(),
    }
}

/// What Slack adds in `response_metadata.messages`.
fn detail(body: &Value) -> Option<String> {
    let messages = body.get("response_metadata")?.get("messages")?.as_array()?;
    let texts: Vec<&str> = messages.iter().filter_map(Value::as_str).take(3).collect();
    (!texts.is_empty()).then(|| texts.join("; "))
}
