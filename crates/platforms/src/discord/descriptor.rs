//! What Discord offers.

mod events;
mod methods;

use policykit_core::descriptor::PlatformDescriptor;

use crate::declare::{
    ActionType, Auth, Field, Holder, Scope, TriggerType, Voting, Webhook, lasting, platform, undoable,
};

/// What Discord offers.
pub(crate) fn descriptor() -> PlatformDescriptor {
    PlatformDescriptor {
        auth: vec![Auth::OAuth],
        webhook: Webhook::AppWide,
        scopes: scopes(),
        governable: governable(),
        triggers: triggers(),
        methods: methods::methods(),
        voting: vec![Voting::Boolean, Voting::Choice, Voting::Multi, Voting::Select],
        ..platform("discord", "Discord")
    }
}

fn scopes() -> Vec<Scope> {
    [
        ("bot", "to be a member of the server"),
        ("applications.commands", "to offer the command /policykit"),
        ("VIEW_CHANNEL", "to see channels"),
        ("READ_MESSAGE_HISTORY", "to catch up on what was posted while it was away"),
        ("SEND_MESSAGES", "to post"),
        ("SEND_MESSAGES_IN_THREADS", "to answer in threads"),
        ("SEND_POLLS", "to start Discord's own polls"),
        ("ADD_REACTIONS", "to react"),
        ("MANAGE_MESSAGES", "to delete messages and reactions of others"),
        ("PIN_MESSAGES", "to pin and unpin"),
        ("MANAGE_CHANNELS", "to rename, create and delete channels"),
        ("MANAGE_THREADS", "to close threads"),
        ("MANAGE_ROLES", "to give and take roles that stand below its own"),
        ("MODERATE_MEMBERS", "to time members out"),
        ("KICK_MEMBERS", "to remove members"),
        ("BAN_MEMBERS", "to ban members and to lift bans"),
    ]
    .map(|(name, doc)| Scope { name, holder: Holder::Program, doc })
    .into()
}

const CHANNEL: Field = Field::used("channel", "id of the channel");
const MESSAGE: Field = Field::used("message_id", "id of the message");
const USER: Field = Field::used("user", "account id of the member it is about");

fn governable() -> Vec<ActionType> {
    vec![
        undoable(
            "discordpostmessage",
            "post a message",
            vec![
                Field::used("text", "what it says"),
                CHANNEL,
                Field::told("message_id", "id of the message"),
                Field::used("reply_to", "id of the message it answers; none when it answers nothing"),
            ],
        ),
        undoable(
            "discordrenamechannel",
            "rename a channel",
            vec![CHANNEL, Field::used("name", "the new name"), Field::told("previous_name", "the name before")],
        ),
        undoable(
            "discordsettopic",
            "change the topic of a channel",
            vec![CHANNEL, Field::used("topic", "the new topic"), Field::told("previous_topic", "the topic before")],
        ),
        undoable(
            "discordcreatechannel",
            "create a channel",
            vec![
                Field::used("name", "its name"),
                Field::used("channel_kind", "text, voice, forum or announcement"),
                Field::used("parent", "id of the category it stands in; none outside categories"),
                Field::told("channel", "id of the channel"),
            ],
        ),
        lasting("discorddeletechannel", "delete a channel", vec![CHANNEL, Field::told("name", "its name")]),
        undoable("discordpinmessage", "pin a message", vec![CHANNEL, MESSAGE]),
        undoable(
            "discordaddreaction",
            "react to a message",
            vec![CHANNEL, MESSAGE, Field::used("emoji", "the emoji, or name:id of one of the server's own")],
        ),
        undoable("discordjoinserver", "join the server", vec![Field::told("user", "account id of who joined")]),
        lasting("discordkickmember", "remove somebody from the server", vec![USER, Field::used("reason", "why")]),
        undoable("discordbanmember", "ban somebody from the server", vec![USER, Field::used("reason", "why")]),
        undoable("discordaddrole", "give somebody a role of the server", vec![USER, ROLE]),
        undoable("discordremoverole", "take a role of the server from somebody", vec![USER, ROLE]),
    ]
}

const ROLE: Field = Field::used("role", "id of the server's role");

fn triggers() -> Vec<TriggerType> {
    const COMMAND: &[Field] = &[
        Field::told("channel", "id of the channel it was used in"),
        Field::told("value", "what was written behind it"),
        Field::told("interaction_token", "with which it can be answered for a quarter of an hour"),
    ];
    let mut all = vec![TriggerType::own("discordslashcommand", "somebody used the command /policykit", COMMAND)];
    all.extend(events::EVENTS.iter().map(|(event_type, doc, fields)| TriggerType::event(event_type, doc, fields)));
    all
}
