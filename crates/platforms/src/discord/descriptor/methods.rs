//! What policy code may call on `discord`.

use crate::declare::{
    Method, Returns, flag, int, int_or, int_or_none, one_of, text, text_or_none, texts, texts_or_none, users,
    users_or_none, values,
};

/// All of them.
pub(super) fn methods() -> Vec<Method> {
    [votes(), messages(), channels(), members(), free(), reading()].concat()
}

fn votes() -> Vec<Method> {
    vec![
        Method::call(
            "initiate_vote",
            "starts a vote with buttons and returns the id of its message; yes or no without options, several options per voter with multiple; users are those who may vote; without channel it goes where the command was used",
            vec![
                users_or_none("users"),
                one_of("post_type", &["channel"]),
                text_or_none("text"),
                text_or_none("channel"),
                texts_or_none("options"),
                flag("multiple", false),
                int_or_none("closes_at"),
            ],
        )
        .returning(Returns::Text)
        .needing("SEND_MESSAGES"),
        Method::call(
            "initiate_advanced_vote",
            "starts a vote in which one of the options is picked for each candidate; returns the id of its message",
            vec![
                texts("candidates"),
                texts("options"),
                users_or_none("users"),
                text_or_none("title"),
                text_or_none("channel"),
                text_or_none("details"),
                int_or_none("closes_at"),
            ],
        )
        .returning(Returns::Text)
        .needing("SEND_MESSAGES"),
        Method::call(
            "create_poll",
            "posts one of Discord's own polls, which everybody in the channel may answer, and returns the id of its message",
            vec![
                text("question"),
                texts("options"),
                text_or_none("channel"),
                int_or("hours", 24),
                flag("multiple", false),
            ],
        )
        .returning(Returns::Text)
        .needing("SEND_POLLS"),
        Method::call(
            "end_poll",
            "ends a poll of Discord's own that PolicyKit posted",
            vec![text("channel"), text("message_id")],
        )
        .needing("SEND_POLLS"),
    ]
}

fn messages() -> Vec<Method> {
    let of_message = || vec![text("channel"), text("message_id")];
    vec![
        Method::call(
            "post_message",
            "posts a message and returns its id; message_id is the message it answers",
            vec![text("text"), text_or_none("channel"), text_or_none("message_id")],
        )
        .returning(Returns::Text)
        .needing("SEND_MESSAGES"),
        Method::call(
            "send_direct_message",
            "writes to one member alone and returns the message's id; members may have closed this way",
            vec![users("user"), text("text")],
        )
        .returning(Returns::Text),
        Method::call(
            "respond",
            "answers the command that the action is about; with ephemeral only who used it sees the answer",
            vec![text("text"), flag("ephemeral", true)],
        ),
        Method::call(
            "edit_message",
            "replaces the text of a message that PolicyKit posted",
            [of_message(), vec![text("text")]].concat(),
        )
        .needing("SEND_MESSAGES"),
        Method::call("delete_message", "deletes a message", of_message()).needing("MANAGE_MESSAGES"),
        Method::call("pin_message", "pins a message", of_message()).needing("PIN_MESSAGES"),
        Method::call("unpin_message", "takes a pin away", of_message()).needing("PIN_MESSAGES"),
        Method::call("add_reaction", "reacts to a message", [of_message(), vec![text("emoji")]].concat())
            .needing("ADD_REACTIONS"),
        Method::call(
            "remove_reaction",
            "takes a reaction away: the program's own, or that of a member",
            [of_message(), vec![text("emoji"), users_or_none("user")]].concat(),
        )
        .needing("MANAGE_MESSAGES"),
    ]
}

fn channels() -> Vec<Method> {
    vec![
        Method::call("rename_channel", "renames a channel", vec![text("channel"), text("name")])
            .needing("MANAGE_CHANNELS"),
        Method::call("set_topic", "sets the topic of a channel", vec![text("channel"), text("topic")])
            .needing("MANAGE_CHANNELS"),
        Method::call(
            "create_channel",
            "creates a channel and returns its id",
            vec![
                text("name"),
                one_of("kind", &["text", "voice", "forum", "announcement"]),
                text_or_none("parent"),
                text_or_none("topic"),
            ],
        )
        .returning(Returns::Text)
        .needing("MANAGE_CHANNELS"),
        Method::call("delete_channel", "deletes a channel with everything in it, for good", vec![text("channel")])
            .needing("MANAGE_CHANNELS"),
        Method::call(
            "create_thread",
            "begins a thread, under a message if one is named, and returns its id",
            vec![text("channel"), text("name"), text_or_none("message_id")],
        )
        .returning(Returns::Text)
        .needing("SEND_MESSAGES_IN_THREADS"),
        Method::call("close_thread", "closes a thread", vec![text("thread")]).needing("MANAGE_THREADS"),
    ]
}

fn members() -> Vec<Method> {
    vec![
        Method::call("kick_member", "removes a member from the server", vec![users("user"), text_or_none("reason")])
            .needing("KICK_MEMBERS"),
        Method::call(
            "ban_member",
            "bans somebody; their messages of the last hours can be deleted with it",
            vec![users("user"), text_or_none("reason"), int_or("delete_hours", 0)],
        )
        .needing("BAN_MEMBERS"),
        Method::call("unban_member", "lifts a ban", vec![users("user")]).needing("BAN_MEMBERS"),
        Method::call(
            "time_out_member",
            "keeps a member from posting for some minutes, at most 28 days; 0 ends it",
            vec![users("user"), int("minutes"), text_or_none("reason")],
        )
        .needing("MODERATE_MEMBERS"),
        Method::call("add_member_role", "gives a member a role of the server", vec![users("user"), text("role")])
            .needing("MANAGE_ROLES"),
        Method::call(
            "remove_member_role",
            "takes a role of the server from a member",
            vec![users("user"), text("role")],
        )
        .needing("MANAGE_ROLES"),
    ]
}

fn free() -> Vec<Method> {
    vec![
        Method::call(
            "make_call",
            "makes a request to Discord's API as the program and returns the answer; route is what follows the version, such as /channels/1/invites",
            vec![text("route"), one_of("method", &["GET", "POST", "PUT", "PATCH", "DELETE"]), values("values")],
        )
        .returning(Returns::Anything),
    ]
}

fn reading() -> Vec<Method> {
    vec![
        Method::read("get_users_in_channel", "the members who can see a channel", vec![text("channel")])
            .returning(Returns::Members)
            .needing("VIEW_CHANNEL"),
        Method::read("get_users_with_role", "the members who have a role of the server", vec![text("role")])
            .returning(Returns::Members),
        Method::read(
            "get_users_who_reacted",
            "the members who reacted to a message with an emoji",
            vec![text("channel"), text("message_id"), text("emoji")],
        )
        .returning(Returns::Members)
        .needing("READ_MESSAGE_HISTORY"),
        Method::read("get_channels", "the channels, as dictionaries with value, name and kind", Vec::new())
            .returning(Returns::List),
        Method::read("get_guild", "the server as Discord describes it", Vec::new()).returning(Returns::Dict),
        Method::read("get_guild_roles", "the server's roles, as dictionaries with value and name", Vec::new())
            .returning(Returns::List),
        Method::read("get_message", "a message as Discord describes it", vec![text("channel"), text("message_id")])
            .returning(Returns::Dict)
            .needing("READ_MESSAGE_HISTORY"),
    ]
}
