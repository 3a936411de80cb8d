//! What policy code may call on `discourse`.

use crate::declare::{
    Method, Returns, flag, int, int_or_none, moment_or_none, one_of, text, text_or_none, texts, texts_or_none, users,
    users_or_none, values,
};

use crate::discourse::harmless::CALLS;

/// All of them.
pub(super) fn methods() -> Vec<Method> {
    [posting(), topics(), posts(), people(), free(), reading()].concat()
}

fn posting() -> Vec<Method> {
    vec![
        Method::call("post_message", "writes a post in a topic and returns its id", vec![text("text"), int("topic_id"), calls()])
            .returning(Returns::Text)
            .needing("write"),
        Method::call(
            "initiate_vote",
            "writes a post that asks to vote on PolicyKit's page, in a topic or in a new one with a title and a category, and returns the post's id; yes or no without options, several options per voter with multiple; users are those who may vote",
            vec![
                users_or_none("users"),
                text_or_none("text"),
                int_or_none("topic_id"),
                texts_or_none("options"),
                flag("multiple", false),
                text_or_none("title"),
                int_or_none("category"),
                moment_or_none("closes_at"),
                calls(),
            ],
        )
        .returning(Returns::Text)
        .needing("write"),
        Method::call(
            "create_topic",
            "opens a topic and returns its id",
            vec![text("title"), text("text"), int_or_none("category"), texts_or_none("tags"), calls()],
        )
        .returning(Returns::Text)
        .needing("write"),
        Method::call(
            "send_message",
            "writes to some members alone and returns the id of the conversation",
            vec![text("text"), users("users"), text("title"), calls()],
        )
        .returning(Returns::Text)
        .needing("write"),
    ]
}

/// Whether a text may call groups.
fn calls() -> policykit_core::descriptor::Param {
    flag(CALLS, false)
}

fn topics() -> Vec<Method> {
    let staff = "write, as a member of the staff";
    vec![
        Method::call("rename_topic", "renames a topic", vec![int("topic_id"), text("title")]).needing(staff),
        Method::call("move_topic", "moves a topic to a category", vec![int("topic_id"), int("category")])
            .needing(staff),
        Method::call("tag_topic", "replaces the tags of a topic", vec![int("topic_id"), texts("tags")]).needing(staff),
        Method::call("close_topic", "closes a topic for answers, or opens it again", toggle("closed")).needing(staff),
        Method::call("archive_topic", "archives a topic, or takes it out of the archive", toggle("archived"))
            .needing(staff),
        Method::call("list_topic", "shows a topic in lists, or hides it from them", toggle("listed")).needing(staff),
        Method::call("delete_topic", "deletes a topic; it can be brought back", vec![int("topic_id")]).needing(staff),
        Method::call("recover_topic", "brings a deleted topic back", vec![int("topic_id")]).needing(staff),
    ]
}

fn toggle(name: &'static str) -> Vec<policykit_core::descriptor::Param> {
    vec![int("topic_id"), flag(name, true)]
}

fn posts() -> Vec<Method> {
    let staff = "write, as a member of the staff";
    vec![
        Method::call(
            "edit_post",
            "replaces the text of a post",
            vec![int("post_id"), text("text"), text_or_none("reason"), calls()],
        )
        .needing(staff),
        Method::call("delete_post", "deletes a post; it can be brought back", vec![int("post_id")]).needing(staff),
        Method::call("recover_post", "brings a deleted post back", vec![int("post_id")]).needing(staff),
        Method::call(
            "lock_post",
            "keeps a post from being edited by its author, or allows it again",
            vec![int("post_id"), flag("locked", true)],
        )
        .needing(staff),
    ]
}

fn people() -> Vec<Method> {
    let staff = "write, as a member of the staff";
    vec![
        Method::call("add_to_group", "adds members to a group", vec![text("group"), users("users")]).needing(staff),
        Method::call("remove_from_group", "removes members from a group", vec![text("group"), users("users")])
            .needing(staff),
    ]
}

fn free() -> Vec<Method> {
    vec![
        Method::call(
            "make_call",
            "makes a request to the forum with the key it was given and returns the answer; url is what follows the forum's address. It reaches topics, posts, categories, tags and groups, and neither messages between members nor what administers the forum",
            vec![
                text("url"),
                values("values"),
                text_or_none("action"),
                one_of("method", &["GET", "POST", "PUT", "DELETE"]),
            ],
        )
        .returning(Returns::Anything),
    ]
}

fn reading() -> Vec<Method> {
    vec![
        Method::read("get_users_in_group", "the members of a group", vec![text("group")])
            .returning(Returns::Members)
            .needing("read"),
        Method::read("get_groups", "the groups, as dictionaries with value and name", Vec::new())
            .returning(Returns::List)
            .needing("read"),
        Method::read("get_categories", "the categories, as dictionaries with value and name", Vec::new())
            .returning(Returns::List)
            .needing("read"),
        Method::read("get_topic", "a topic as the forum describes it", vec![int("topic_id")])
            .returning(Returns::Dict)
            .needing("read"),
        Method::read("get_post", "a post as the forum describes it", vec![int("post_id")])
            .returning(Returns::Dict)
            .needing("read"),
        Method::read("get_trust_level", "how far the forum trusts a member, from 0 to 4", vec![users("user")])
            .returning(Returns::Number)
            .needing("read"),
    ]
}
