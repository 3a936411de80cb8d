//! What Slack offers, said once: action types, triggers, methods, votes, credentials and outbound operations.

use policykit_core::{
    call::OperationClass,
    descriptor::{
        ActionType, Auth, Credential, Field, Holder, Method, MethodEffect, Operation, Param, ParamKind,
        PlatformDescriptor, Reversible, Scope, TriggerType, Voting, Webhook,
    },
};
use serde_json::{Value, json};

/// The platform's id.
pub const ID: &str = "slack";
/// Credential: token of the app's bot user.
pub(super) const BOT_TOKEN: &str = "bot_token";
/// Credential: token of the administrator who installed the app.
pub(super) const ADMIN_TOKEN: &str = "admin_token";

/// Action type: a message was posted.
pub(super) const POST_MESSAGE: &str = "slackpostmessage";
/// Action type: a channel was renamed.
pub(super) const RENAME_CONVERSATION: &str = "slackrenameconversation";
/// Action type: somebody was added to a channel.
pub(super) const JOIN_CONVERSATION: &str = "slackjoinconversation";
/// Action type: a message was pinned.
pub(super) const PIN_MESSAGE: &str = "slackpinmessage";
/// Action type: a message is to be posted later; can only be proposed.
pub(super) const SCHEDULE_MESSAGE: &str = "slackschedulemessage";
/// Action type: somebody is to be removed from a channel; can only be proposed.
pub(super) const KICK_CONVERSATION: &str = "slackkickconversation";

/// Operation: post to a `response_url`.
pub(super) const RESPONSE_URL: &str = "response_url";

const OPERATIONS: &[(&str, OperationClass)] = &[
    ("chat.postMessage", OperationClass::Marked),
    ("chat.postEphemeral", OperationClass::Blind),
    ("chat.update", OperationClass::Idempotent),
    ("chat.delete", OperationClass::State),
    // No mark survives on a scheduled message, but the list of them can be read.
    ("chat.scheduleMessage", OperationClass::State),
    ("conversations.open", OperationClass::Idempotent),
    ("conversations.join", OperationClass::Idempotent),
    ("conversations.rename", OperationClass::State),
    ("conversations.invite", OperationClass::State),
    ("conversations.kick", OperationClass::State),
    ("pins.add", OperationClass::State),
    ("pins.remove", OperationClass::State),
    (RESPONSE_URL, OperationClass::Blind),
];

pub(super) fn descriptor() -> PlatformDescriptor {
    PlatformDescriptor {
        id: ID,
        name: "Slack",
        auth: vec![Auth::OAuth],
        webhook: Webhook::AppWide,
        credentials: vec![
            Credential {
                name: BOT_TOKEN,
                doc: "token of the app's bot user, begins with xoxb-; on the app's page under OAuth & Permissions",
            },
            Credential {
                name: ADMIN_TOKEN,
                doc: "user token of the administrator who installed the app, begins with xoxp-; only it may delete messages of others and rename channels",
            },
        ],
        renewed: super::api::RENEWED.into(),
        questions: Vec::new(),
        scopes: scopes(),
        governable: governable(),
        triggers: triggers(),
        methods: methods(),
        voting: vec![Voting::Boolean, Voting::Choice],
        operations: OPERATIONS.iter().map(|(name, class)| Operation { name, class: *class }).collect(),
    }
}

/// What is asked for when the app is installed.
pub(super) fn scopes() -> Vec<Scope> {
    let bot = [
        ("app_mentions:read", "to hear when it is mentioned"),
        ("channels:history", "to hear what is posted in public channels"),
        ("channels:join", "to join the channels it posts in"),
        ("channels:manage", "to set topics and to open channels"),
        ("channels:read", "to list public channels and their members"),
        ("chat:write", "to post"),
        ("chat:write.public", "to post in public channels it is not in"),
        ("emoji:read", "to hear of new emoji"),
        ("files:read", "to hear of shared files"),
        ("groups:history", "to hear what is posted in private channels it was invited to"),
        ("groups:read", "to list those channels and their members"),
        ("groups:write", "to set their topics"),
        ("im:history", "to hear what it is told directly"),
        ("im:read", "to know its direct messages"),
        ("im:write", "to write to somebody directly"),
        ("mpim:history", "to hear what is said in groups it is in"),
        ("mpim:read", "to know those groups"),
        ("mpim:write", "to write to a group of people directly"),
        ("pins:read", "to hear what is pinned"),
        ("pins:write", "to pin and unpin"),
        ("reactions:read", "to hear reactions"),
        ("reactions:write", "to react"),
        ("team:read", "to know the workspace's name"),
        ("usergroups:read", "to know user groups and who is in them"),
        ("usergroups:write", "to change who is in a user group"),
        ("users:read", "to know the workspace's people"),
    ];
    let installer = [
        ("channels:write", "to rename and archive public channels, and to add and remove people"),
        ("chat:write", "to delete messages of others"),
        ("groups:write", "the same in private channels"),
    ];
    let of = |holder: Holder| move |(name, doc): (&'static str, &'static str)| Scope { name, holder, doc };
    bot.into_iter().map(of(Holder::Program)).chain(installer.into_iter().map(of(Holder::Installer))).collect()
}

fn governable() -> Vec<ActionType> {
    const CHANNEL: Field = used("channel", "id of the channel");
    vec![
        ActionType {
            codename: POST_MESSAGE,
            label: "post a message",
            fields: vec![
                used("text", "what it says"),
                CHANNEL,
                told("timestamp", "id of the message within its channel"),
                used("thread_ts", "id of the message it answers; none outside threads"),
            ],
            reversible: Reversible::Yes,
        },
        ActionType {
            codename: RENAME_CONVERSATION,
            label: "rename a channel",
            fields: vec![used("name", "the new name"), CHANNEL, told("previous_name", "the name before")],
            reversible: Reversible::Yes,
        },
        ActionType {
            codename: JOIN_CONVERSATION,
            label: "add somebody to a channel",
            fields: vec![CHANNEL, used("users", "account id of who was added")],
            reversible: Reversible::Yes,
        },
        ActionType {
            codename: PIN_MESSAGE,
            label: "pin a message",
            fields: vec![CHANNEL, used("timestamp", "id of the message within its channel")],
            reversible: Reversible::Yes,
        },
        ActionType {
            codename: SCHEDULE_MESSAGE,
            label: "schedule a message",
            fields: vec![
                used("text", "what it will say"),
                CHANNEL,
                used("post_at", "when, in seconds since 1970; at most 120 days ahead"),
            ],
            reversible: Reversible::No,
        },
        ActionType {
            codename: KICK_CONVERSATION,
            label: "remove somebody from a channel",
            fields: vec![used("user", "account id of who is removed"), CHANNEL],
            reversible: Reversible::No,
        },
    ]
}

const fn used(name: &'static str, doc: &'static str) -> Field {
    Field { name, doc, used_to_execute: true }
}

const fn told(name: &'static str, doc: &'static str) -> Field {
    Field { name, doc, used_to_execute: false }
}

fn triggers() -> Vec<TriggerType> {
    [
        ("slack.message", "a message was posted, also by other apps and in direct messages with the bot"),
        ("slack.app_mention", "the bot was mentioned"),
        ("slack.reaction_added", "somebody reacted to something"),
        ("slack.reaction_removed", "somebody took a reaction back"),
        ("slack.pin_added", "something was pinned"),
        ("slack.pin_removed", "something was unpinned"),
        ("slack.member_joined_channel", "somebody joined a channel or was added to it"),
        ("slack.member_left_channel", "somebody left a channel or was removed from it"),
        ("slack.channel_created", "a channel was created"),
        ("slack.channel_rename", "a channel was renamed"),
        ("slack.channel_archive", "a channel was archived"),
        ("slack.channel_unarchive", "a channel was opened again"),
        ("slack.channel_deleted", "a channel was deleted"),
        ("slack.team_join", "somebody is new in the workspace"),
        ("slack.emoji_changed", "an emoji was added or removed"),
        ("slack.file_shared", "a file was shared"),
        ("slack.subteam_created", "a user group was created"),
        ("slack.subteam_updated", "a user group was changed"),
    ]
    .map(|(event_type, doc)| TriggerType { event_type, doc })
    .into()
}

fn methods() -> Vec<Method> {
    let mut all = writing();
    all.extend(reading());
    all
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
            ],
        ),
        call(
            "initiate_vote",
            "starts a vote with buttons and returns the timestamp of its message; yes or no without options; users are those who may vote",
            vec![
                optional("users", ParamKind::Users),
                or("post_type", ParamKind::Text, json!("channel")),
                optional("text", ParamKind::Text),
                optional("channel", ParamKind::Text),
                optional("options", ParamKind::TextList),
            ],
        ),
        call(
            "update_message",
            "replaces the text of a message the bot posted",
            vec![needed("channel", ParamKind::Text), needed("ts", ParamKind::Text), needed("text", ParamKind::Text)],
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
            ],
        ),
        call("pin_message", "pins a message", vec![needed("channel", ParamKind::Text), needed("ts", ParamKind::Text)]),
        call(
            "unpin_message",
            "takes a pin away",
            vec![needed("channel", ParamKind::Text), needed("ts", ParamKind::Text)],
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
    Method { name, doc, params, effect: MethodEffect::Call }
}

const fn read(name: &'static str, doc: &'static str, params: Vec<Param>) -> Method {
    Method { name, doc, params, effect: MethodEffect::Read }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_every_operation_has_one_class() {
        let d = descriptor();
        let unique = |mut names: Vec<&str>| {
            let before = names.len();
            names.sort_unstable();
            names.dedup();
            names.len() == before
        };
        assert!(unique(d.operations.iter().map(|o| o.name).collect()));
        assert!(unique(d.methods.iter().map(|m| m.name).collect()));
        assert!(unique(d.governable.iter().map(|a| a.codename).collect()));
        assert!(unique(d.triggers.iter().map(|t| t.event_type).collect()));
    }

    #[test]
    fn what_leaves_no_trace_is_blind_and_what_can_be_read_back_is_not() {
        let d = descriptor();
        let class = |name: &str| d.operation(name).unwrap().class;
        assert_eq!(class("chat.postEphemeral"), OperationClass::Blind);
        assert_eq!(class(RESPONSE_URL), OperationClass::Blind);
        assert_eq!(class("chat.postMessage"), OperationClass::Marked);
        assert_eq!(class("chat.delete"), OperationClass::State);
        assert_eq!(class("chat.update"), OperationClass::Idempotent);
    }
}
