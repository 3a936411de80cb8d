//! What policy code may call on `reddit`.

use crate::declare::{
    Method, Returns, flag, int_or, int_or_none, one_of, text, text_or_none, users, users_or_none, values,
};

/// All of them.
pub(super) fn methods() -> Vec<Method> {
    [writing(), moderating(), people(), reading()].concat()
}

fn writing() -> Vec<Method> {
    vec![
        Method::call(
            "initiate_vote",
            "asks for comments of +1 and -1, under a post if one is named and else under a new one, and returns the full name of what carries the vote; users are those whose votes count",
            vec![users_or_none("users"), text_or_none("text"), text_or_none("title"), text_or_none("thing_id")],
        )
        .returning(Returns::Text)
        .needing("submit"),
        Method::call(
            "submit_post",
            "makes a post and returns its full name; with a url it is a link",
            vec![text("title"), text_or_none("text"), text_or_none("url"), text_or_none("flair")],
        )
        .returning(Returns::Text)
        .needing("submit"),
        Method::call(
            "post_message",
            "answers a post or a comment and returns the full name of the comment",
            vec![text("text"), text("thing_id")],
        )
        .returning(Returns::Text)
        .needing("submit"),
        Method::call("edit", "replaces a text that PolicyKit wrote", vec![text("thing_id"), text("text")])
            .needing("edit"),
        Method::call("delete", "deletes something that PolicyKit wrote", vec![text("thing_id")]).needing("edit"),
        Method::call(
            "message_moderators",
            "opens a conversation with the moderators and returns its id",
            vec![text("subject"), text("text")],
        )
        .returning(Returns::Text)
        .needing("modmail"),
        Method::call(
            "message_user",
            "writes to somebody in the moderators' name; Reddit does not promise that it arrives",
            vec![users("user"), text("subject"), text("text")],
        )
        .returning(Returns::Text)
        .needing("modmail"),
        Method::call(
            "edit_wiki",
            "replaces a page of the community's wiki",
            vec![text("page"), text("text"), text_or_none("reason")],
        )
        .needing("modwiki"),
        Method::call(
            "make_call",
            "makes a request to Reddit's API with the moderator's grant and returns the answer; url is what follows the host",
            vec![text("url"), values("values"), text_or_none("action"), one_of("method", &["GET", "POST", "PUT", "DELETE"])],
        )
        .returning(Returns::Anything),
    ]
}

fn moderating() -> Vec<Method> {
    let thing = || vec![text("thing_id")];
    vec![
        Method::call("approve", "lets a post or a comment stand", thing()).needing("modposts"),
        Method::call(
            "remove",
            "takes a post or a comment out of sight; approving it brings it back",
            vec![text("thing_id"), flag("spam", false)],
        )
        .needing("modposts"),
        Method::call("lock", "closes a post or a comment for answers", thing()).needing("modposts"),
        Method::call("unlock", "opens it for answers again", thing()).needing("modposts"),
        Method::call("ignore_reports", "lets further reports of it come to nothing", thing()).needing("modposts"),
        Method::call(
            "distinguish",
            "marks a comment that PolicyKit wrote as a moderator's",
            vec![text("thing_id"), flag("sticky", false)],
        )
        .needing("modposts"),
        Method::call(
            "set_sticky",
            "puts a post on top of the community, or takes it down from there",
            vec![text("thing_id"), flag("sticky", true)],
        )
        .needing("modposts"),
        Method::call("set_flair", "sets the flair of a post", vec![text("thing_id"), text("flair")]).needing("flair"),
    ]
}

fn people() -> Vec<Method> {
    vec![
        Method::call("set_user_flair", "sets somebody's flair", vec![users("user"), text("flair")]).needing("flair"),
        Method::call(
            "ban_user",
            "bans somebody, for good without a number of days",
            vec![users("user"), text_or_none("reason"), int_or_none("days"), text_or_none("note")],
        )
        .needing("modcontributors"),
        Method::call("unban_user", "lifts a ban", vec![users("user")]).needing("modcontributors"),
        Method::call("approve_user", "lets somebody post whatever the filters say", vec![users("user")])
            .needing("modcontributors"),
        Method::call("disapprove_user", "takes that back", vec![users("user")]).needing("modcontributors"),
    ]
}

fn reading() -> Vec<Method> {
    vec![
        Method::read("get_users_moderating", "the moderators", Vec::new()).returning(Returns::Members).needing("read"),
        Method::read("get_post", "a post or a comment as Reddit describes it", vec![text("thing_id")])
            .returning(Returns::Dict)
            .needing("read"),
        Method::read("get_comments", "the comments under a post", vec![text("thing_id"), int_or("limit", 100)])
            .returning(Returns::List)
            .needing("read"),
        Method::read("get_flairs", "the flairs a post can have, as dictionaries with value and name", Vec::new())
            .returning(Returns::List)
            .needing("flair"),
        Method::read("get_rules", "the community's rules as Reddit shows them", Vec::new())
            .returning(Returns::List)
            .needing("read"),
        Method::read("get_karma", "what somebody's posts and comments were worth so far", vec![users("user")])
            .returning(Returns::Number)
            .needing("read"),
        Method::read("get_mod_log", "what moderators did, newest first", vec![int_or("limit", 25)])
            .returning(Returns::List)
            .needing("modlog"),
    ]
}
