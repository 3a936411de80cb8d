//! What Slack offers, said once: action types, triggers, methods, votes, credentials and outbound operations.

mod methods;
mod scopes;

use policykit_core::{
    call::OperationClass,
    descriptor::{
        ActionType, Auth, Credential, Field, FieldKind, Operation, PlatformDescriptor, Reversible, TriggerType, Voting,
        Webhook,
    },
    state::{StateOf, Told},
};

pub(super) use scopes::scopes;

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

/// Action type: a channel was archived.
pub(super) const ARCHIVE_CONVERSATION: &str = "slackarchiveconversation";
/// Action type: an archived channel was opened again.
pub(super) const UNARCHIVE_CONVERSATION: &str = "slackunarchiveconversation";

/// Action type: a channel got another topic.
pub(super) const SET_TOPIC: &str = "slacksettopic";

/// Operation: post to a `response_url`.
pub(super) const RESPONSE_URL: &str = "response_url";

/// Operation: take the app out of a workspace.
pub(super) const LEAVE_WORKSPACE: &str = "apps.uninstall";

const OPERATIONS: &[(&str, OperationClass)] = &[
    ("chat.postMessage", OperationClass::Marked),
    ("chat.postEphemeral", OperationClass::Blind),
    ("chat.update", OperationClass::Idempotent),
    ("chat.delete", OperationClass::State),
    // No mark survives on a scheduled message, but the list of them can be read.
    ("chat.scheduleMessage", OperationClass::State),
    ("chat.deleteScheduledMessage", OperationClass::State),
    ("conversations.open", OperationClass::Idempotent),
    ("conversations.join", OperationClass::Idempotent),
    // Asked for a second time Slack says that it is so already.
    ("conversations.archive", OperationClass::Idempotent),
    ("conversations.unarchive", OperationClass::Idempotent),
    ("reactions.add", OperationClass::Idempotent),
    ("reactions.remove", OperationClass::Idempotent),
    ("usergroups.users.update", OperationClass::Idempotent),
    ("conversations.rename", OperationClass::State),
    ("conversations.setTopic", OperationClass::State),
    ("conversations.invite", OperationClass::State),
    ("conversations.kick", OperationClass::State),
    ("pins.add", OperationClass::State),
    ("pins.remove", OperationClass::State),
    // Made again, Slack says that the tokens are not valid any more: that is what it was for.
    (LEAVE_WORKSPACE, OperationClass::Idempotent),
    (RESPONSE_URL, OperationClass::Blind),
];

/// Whether it is an operation that methods of ours are made of, not one that a policy worded itself.
pub(super) fn is_ours(operation: &str) -> bool {
    OPERATIONS.iter().any(|(name, _)| *name == operation)
}

/// What only reads, for calls that a policy words itself: asking again does no harm.
pub(super) const READS: &[&str] = &[
    "auth.test",
    "bots.info",
    "chat.getPermalink",
    "chat.scheduledMessages.list",
    "conversations.history",
    "conversations.info",
    "conversations.list",
    "conversations.members",
    "conversations.replies",
    "emoji.list",
    "pins.list",
    "reactions.get",
    "team.info",
    "usergroups.list",
    "usergroups.users.list",
    "users.conversations",
    "users.getPresence",
    "users.info",
    "users.list",
    "users.profile.get",
];

pub(super) fn descriptor() -> PlatformDescriptor {
    PlatformDescriptor {
        id: ID,
        name: "Slack",
        auth: vec![Auth::OAuth],
        webhook: Webhook::AppWide,
        returns_to: None,
        preview: false,
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
        methods: methods::methods(),
        voting: vec![Voting::Boolean, Voting::Choice, Voting::Multi, Voting::Select],
        operations: OPERATIONS
            .iter()
            .copied()
            .chain(READS.iter().map(|name| (*name, OperationClass::Idempotent)))
            .map(|(name, class)| Operation { name, class })
            .collect(),
    }
}

fn governable() -> Vec<ActionType> {
    const CHANNEL: Field = used("channel", "id of the channel").of(FieldKind::Channel);
    vec![
        ActionType {
            codename: POST_MESSAGE,
            label: "post a message",
            fields: vec![
                used("text", "what it says").of(FieldKind::Markup),
                CHANNEL,
                told("timestamp", "id of the message within its channel"),
                used("thread_ts", "id of the message it answers; none outside threads"),
            ],
            reversible: Reversible::Yes,
            state: None,
        },
        ActionType {
            codename: RENAME_CONVERSATION,
            label: "rename a channel",
            fields: vec![used("name", "the new name"), CHANNEL, told("previous_name", "the name before")],
            reversible: Reversible::Yes,
            state: Some(of_channel("name", Told::By("name"), Some(Told::By("previous_name")))),
        },
        ActionType {
            codename: JOIN_CONVERSATION,
            label: "add somebody to a channel",
            fields: vec![CHANNEL, used("users", "account id of who was added")],
            reversible: Reversible::Yes,
            state: Some(StateOf {
                of: &["channel", "users"],
                ..of_channel("membership", Told::Always("inside"), Some(Told::Always("outside")))
            }),
        },
        ActionType {
            codename: PIN_MESSAGE,
            label: "pin a message",
            fields: vec![CHANNEL, used("timestamp", "id of the message within its channel")],
            reversible: Reversible::Yes,
            state: Some(StateOf {
                of: &["channel", "timestamp"],
                ..of_channel("pin", Told::Always("pinned"), Some(Told::Always("loose")))
            }),
        },
        ActionType {
            codename: SCHEDULE_MESSAGE,
            label: "schedule a message",
            fields: vec![
                used("text", "what it will say").of(FieldKind::Markup),
                CHANNEL,
                used("post_at", "when, in seconds since 1970; at most 120 days ahead").of(FieldKind::Int),
            ],
            reversible: Reversible::No,
            state: None,
        },
        ActionType {
            codename: KICK_CONVERSATION,
            label: "remove somebody from a channel",
            fields: vec![used("user", "account id of who is removed"), CHANNEL],
            reversible: Reversible::No,
            state: None,
        },
        ActionType {
            codename: ARCHIVE_CONVERSATION,
            label: "archive a channel",
            fields: vec![CHANNEL],
            reversible: Reversible::Yes,
            state: Some(of_channel("openness", Told::Always("archived"), Some(Told::Always("open")))),
        },
        ActionType {
            codename: UNARCHIVE_CONVERSATION,
            label: "open an archived channel again",
            fields: vec![CHANNEL],
            reversible: Reversible::Yes,
            state: Some(of_channel("openness", Told::Always("open"), Some(Told::Always("archived")))),
        },
        ActionType {
            codename: SET_TOPIC,
            label: "set a channel's topic",
            fields: vec![
                used("topic", "the new topic; none takes it away"),
                CHANNEL,
                told("timestamp", "id of the message by which the channel was told"),
            ],
            reversible: Reversible::Yes,
            state: Some(of_channel("topic", Told::By("topic"), None)),
        },
    ]
}

const fn used(name: &'static str, doc: &'static str) -> Field {
    Field::used(name, doc)
}

const fn told(name: &'static str, doc: &'static str) -> Field {
    Field::told(name, doc)
}

/// A state of a channel.
const fn of_channel(what: &'static str, value: Told, before: Option<Told>) -> StateOf {
    StateOf { what, of: &["channel"], value, before }
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
    .map(|(event_type, doc)| TriggerType::event(event_type, doc, &[]))
    .into()
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
