//! Events of Discord's gateway and of its interactions.

use crate::declare::Field;

const CHANNEL: Field = Field::told("channel_id", "id of the channel");
const MESSAGE: Field = Field::told("message_id", "id of the message");
const USER: Field = Field::told("user_id", "account id");

const IN_CHANNEL: &[Field] = &[Field::told("id", "id of the message"), CHANNEL, Field::told("content", "what it says")];
const ON_MESSAGE: &[Field] = &[CHANNEL, MESSAGE, USER];
const OF_CHANNEL: &[Field] = &[Field::told("id", "id of the channel"), Field::told("name", "its name")];

/// Name, meaning, what the data hold.
pub(super) const EVENTS: &[(&str, &str, &[Field])] = &[
    ("discord.slash_command", "a command of the app was used", &[CHANNEL]),
    ("discord.message_create", "a message was posted", IN_CHANNEL),
    ("discord.message_update", "a message was edited", IN_CHANNEL),
    ("discord.message_delete", "a message was deleted", &[Field::told("id", "id of the message"), CHANNEL]),
    ("discord.message_delete_bulk", "several messages were deleted at once", &[CHANNEL]),
    ("discord.message_reaction_add", "somebody reacted to a message", ON_MESSAGE),
    ("discord.message_reaction_remove", "somebody took a reaction back", ON_MESSAGE),
    ("discord.message_reaction_remove_all", "all reactions to a message were removed", &[CHANNEL, MESSAGE]),
    ("discord.message_poll_vote_add", "somebody voted in one of Discord's own polls", ON_MESSAGE),
    ("discord.message_poll_vote_remove", "somebody took such a vote back", ON_MESSAGE),
    ("discord.channel_create", "a channel was created", OF_CHANNEL),
    ("discord.channel_update", "a channel was changed", OF_CHANNEL),
    ("discord.channel_delete", "a channel was deleted", OF_CHANNEL),
    ("discord.channel_pins_update", "pins of a channel changed", &[CHANNEL]),
    ("discord.thread_create", "a thread was begun", OF_CHANNEL),
    ("discord.thread_update", "a thread was changed", OF_CHANNEL),
    ("discord.thread_delete", "a thread was deleted", &[Field::told("id", "id of the thread")]),
    ("discord.guild_member_add", "somebody joined the server", &[]),
    ("discord.guild_member_update", "a member's name or roles changed", &[]),
    ("discord.guild_member_remove", "somebody left the server or was removed", &[]),
    ("discord.guild_role_create", "a role of the server was created", &[]),
    ("discord.guild_role_update", "a role of the server was changed", &[]),
    ("discord.guild_role_delete", "a role of the server was deleted", &[Field::told("role_id", "id of the role")]),
    ("discord.guild_ban_add", "somebody was banned", &[]),
    ("discord.guild_ban_remove", "a ban was lifted", &[]),
    ("discord.guild_update", "the server was changed", &[]),
    ("discord.guild_emojis_update", "emoji of the server changed", &[]),
    ("discord.guild_audit_log_entry_create", "something was written to the server's audit log", &[]),
    ("discord.guild_scheduled_event_create", "an event was announced", &[]),
    ("discord.guild_scheduled_event_update", "an announced event was changed", &[]),
    ("discord.guild_scheduled_event_delete", "an announced event was called off", &[]),
    ("discord.auto_moderation_action_execution", "a rule of Discord's own moderation acted", &[CHANNEL, USER]),
    ("discord.invite_create", "an invitation was made", &[CHANNEL]),
    ("discord.invite_delete", "an invitation was withdrawn", &[CHANNEL]),
    ("discord.voice_state_update", "somebody joined or left a voice channel", &[CHANNEL, USER]),
];
