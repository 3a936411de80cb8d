//! What policy code may call on `slack`.

use policykit_core::descriptor::{Method, Param, ParamKind, Returns};
use serde_json::{Value, json};

use crate::slack::harmless::CALLS;

/// All of them.
pub(super) fn methods() -> Vec<Method> {
    let mut all = writing();
    all.extend(reading());
    all.into_iter().map(described).collect()
}

/// With what it returns and what the app must be allowed for it.
fn described(method: Method) -> Method {
    let (returns, needs) = match method.name {
        "post_message" => (Returns::Anything, "chat:write"),
        "initiate_vote" | "initiate_advanced_vote" => (Returns::Text, "chat:write"),
        "schedule_message" => (Returns::Text, "chat:write"),
        "update_message" | "delete_scheduled_message" => (Returns::Nothing, "chat:write"),
        "delete_message" => (Returns::Nothing, "chat:write of the administrator"),
        "pin_message" | "unpin_message" => (Returns::Nothing, "pins:write"),
        "add_reaction" | "remove_reaction" => (Returns::Nothing, "reactions:write"),
        "set_topic" => (Returns::Nothing, "channels:manage"),
        "archive_conversation"
        | "unarchive_conversation"
        | "rename_conversation"
        | "join_conversation"
        | "kick_conversation" => (Returns::Nothing, "channels:write of the administrator"),
        "update_usergroup" => (Returns::Nothing, "usergroups:write"),
        "make_call" => (Returns::Dict, ""),
        "get_users" | "get_users_in_channel" => (Returns::Members, "users:read"),
        "get_users_in_usergroup" => (Returns::Members, "usergroups:read"),
        "get_usergroups" => (Returns::List, "usergroups:read"),
        "get_real_users" => (Returns::List, "users:read"),
        "get_conversations" => (Returns::List, "channels:read"),
        _ => return method,
    };
    method.returning(returns).needing(needs)
}

fn writing() -> Vec<Method> {
    vec![
        call(
            "post_message",
            "posts a message and returns its timestamp (a list of them for several people); post_type is channel, im, mpim or ephemeral",
            vec![
                needed("text", ParamKind::Text),
                optional("users", ParamKind::Users),
                or("post_type", ParamKind::Text, json!("channel")),
                optional("channel", ParamKind::Text),
                optional("thread_ts", ParamKind::Text),
                or("reply_broadcast", ParamKind::Bool, json!(false)),
                calls(),
            ],
        ),
        call(
            "initiate_vote",
            "starts a vote and returns the timestamp of its message; yes or no without options, several options per voter with multiple; users are those who may vote; closes_at is shown under it, and nobody votes after it",
            vec![
                optional("users", ParamKind::Users),
                or("post_type", ParamKind::Text, json!("channel")),
                optional("text", ParamKind::Text),
                optional("channel", ParamKind::Text),
                optional("options", ParamKind::TextList),
                or("multiple", ParamKind::Bool, json!(false)),
                optional("closes_at", ParamKind::Int),
                calls(),
            ],
        ),
        call(
            "initiate_advanced_vote",
            "starts a vote in which one of the options is picked for each candidate; returns the timestamp of its message",
            vec![
                needed("candidates", ParamKind::TextList),
                needed("options", ParamKind::TextList),
                optional("users", ParamKind::Users),
                or("post_type", ParamKind::Text, json!("channel")),
                optional("title", ParamKind::Text),
                optional("channel", ParamKind::Text),
                optional("details", ParamKind::Text),
                optional("closes_at", ParamKind::Int),
                calls(),
            ],
        ),
        call(
            "update_message",
            "replaces the text of a message the bot posted",
            vec![
                needed("channel", ParamKind::Text),
                needed("ts", ParamKind::Text),
                needed("text", ParamKind::Text),
                calls(),
            ],
        ),
        call(
            "delete_message",
            "deletes a message",
            vec![needed("channel", ParamKind::Text), needed("ts", ParamKind::Text)],
        ),
        call(
            "schedule_message",
            "posts a message later; post_at is in seconds since 1970",
            vec![
                needed("text", ParamKind::Text),
                needed("post_at", ParamKind::Int),
                optional("channel", ParamKind::Text),
                calls(),
            ],
        ),
        call("pin_message", "pins a message", vec![needed("channel", ParamKind::Text), needed("ts", ParamKind::Text)]),
        call(
            "unpin_message",
            "takes a pin away",
            vec![needed("channel", ParamKind::Text), needed("ts", ParamKind::Text)],
        ),
        call(
            "delete_scheduled_message",
            "takes a message back that was to be posted later",
            vec![needed("channel", ParamKind::Text), needed("scheduled_message_id", ParamKind::Text)],
        ),
        call("add_reaction", "reacts to a message; name is the emoji's", reaction()),
        call("remove_reaction", "takes the bot's own reaction back", reaction()),
        call(
            "set_topic",
            "sets the topic of a channel",
            vec![needed("channel", ParamKind::Text), needed("topic", ParamKind::Text)],
        ),
        call("archive_conversation", "archives a channel", vec![needed("channel", ParamKind::Text)]),
        call("unarchive_conversation", "opens an archived channel again", vec![needed("channel", ParamKind::Text)]),
        call(
            "update_usergroup",
            "replaces the members of a user group",
            vec![needed("usergroup", ParamKind::Text), needed("users", ParamKind::Users)],
        ),
        call(
            "make_call",
            "calls a method of Slack's Web API with the bot's token and returns what Slack answered; dangerous ones are refused, and what PolicyKit does not know is not sent again after a crash",
            vec![needed("method_name", ParamKind::Text), or("values", ParamKind::Any, json!({})), calls()],
        ),
        call(
            "rename_conversation",
            "renames a channel",
            vec![needed("channel", ParamKind::Text), needed("name", ParamKind::Text)],
        ),
        call(
            "join_conversation",
            "adds people to a channel",
            vec![needed("channel", ParamKind::Text), needed("users", ParamKind::Users)],
        ),
        call(
            "kick_conversation",
            "removes somebody from a channel",
            vec![needed("channel", ParamKind::Text), needed("user", ParamKind::Users)],
        ),
    ]
}

fn reading() -> Vec<Method> {
    vec![
        read(
            "get_users",
            "the workspace's members, or those with any of these roles",
            vec![optional("role_names", ParamKind::TextList)],
        ),
        read("get_users_in_channel", "the members of a channel", vec![needed("channel", ParamKind::Text)]),
        read("get_usergroups", "the user groups, as dictionaries with value, name and handle", vec![]),
        read("get_users_in_usergroup", "the members of a user group", vec![needed("usergroup", ParamKind::Text)]),
        read("get_real_users", "the people who are not programs, as dictionaries with value and name", vec![]),
        read(
            "get_conversations",
            "conversations as dictionaries with value and name; types are channel, group, im",
            vec![
                or("types", ParamKind::TextList, json!(["channel"])),
                or("types_arg", ParamKind::Text, json!("public_channel")),
            ],
        ),
    ]
}

const fn call(name: &'static str, doc: &'static str, params: Vec<Param>) -> Method {
    Method::call(name, doc, params)
}

const fn read(name: &'static str, doc: &'static str, params: Vec<Param>) -> Method {
    Method::read(name, doc, params)
}

const fn needed(name: &'static str, kind: ParamKind) -> Param {
    Param { name, kind, default: None }
}

const fn optional(name: &'static str, kind: ParamKind) -> Param {
    Param { name, kind, default: Some(Value::Null) }
}

const fn or(name: &'static str, kind: ParamKind, default: Value) -> Param {
    Param { name, kind, default: Some(default) }
}

/// Whether a text calls everybody that it names in Slack's notation.
fn calls() -> Param {
    or(CALLS, ParamKind::Bool, json!(false))
}

fn reaction() -> Vec<Param> {
    vec![needed("channel", ParamKind::Text), needed("ts", ParamKind::Text), needed("name", ParamKind::Text)]
}
