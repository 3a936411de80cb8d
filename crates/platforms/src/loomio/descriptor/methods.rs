//! What policy code may call on `loomio`.

use policykit_core::descriptor::{Param, ParamKind};

use crate::declare::{Method, Returns, flag, int, int_or_none, one_of, text, text_or_none, texts, texts_or_none};

/// Who is told.
const AUDIENCE: &[&str] = &["group", "discussion_group", "voters", "undecided_voters", "non_voters"];

/// All of them.
pub(super) fn methods() -> Vec<Method> {
    [polls(), discussions(), reading()].concat()
}

fn polls() -> Vec<Method> {
    let moment = |name| Param::needed(name, ParamKind::Moment);
    vec![
        Method::call(
            "initiate_vote",
            "opens a poll and returns its key; what is voted there counts here",
            vec![
                text("title"),
                moment("closing_at"),
                texts("options"),
                text_or_none("details"),
                one_of(
                    "poll_type",
                    &["proposal", "poll", "count", "score", "ranked_choice", "stv", "meeting", "dot_vote"],
                ),
                text_or_none("subgroup"),
                flag("specified_voters_only", false),
                flag("hide_results_until_closed", false),
                flag("anonymous", false),
                int_or_none("discussion_id"),
                flag("voter_can_add_options", false),
                Param::optional("recipient_audience", ParamKind::OneOf(AUDIENCE)),
                one_of("notify_on_closing_soon", &["nobody", "author", "undecided_voters", "voters"]),
                texts_or_none("recipient_user_ids"),
                texts_or_none("recipient_emails"),
                text_or_none("recipient_message"),
                one_of("details_format", &["md", "html"]),
            ],
        )
        .returning(Returns::Text),
        Method::call("extend_poll", "moves the end of a poll", vec![text("poll"), moment("closing_at")]),
        Method::call("close_poll", "ends a poll now", vec![text("poll")]),
        Method::call("delete_poll", "takes a poll back", vec![text("poll")]),
    ]
}

fn discussions() -> Vec<Method> {
    vec![
        Method::call(
            "create_discussion",
            "opens a discussion and returns its id",
            vec![
                text("title"),
                text_or_none("description"),
                text_or_none("subgroup"),
                one_of("description_format", &["md", "html"]),
                Param::optional("recipient_audience", ParamKind::OneOf(AUDIENCE)),
                texts_or_none("recipient_user_ids"),
                texts_or_none("recipient_emails"),
                text_or_none("recipient_message"),
            ],
        )
        .returning(Returns::Text),
        Method::call(
            "edit_discussion",
            "replaces title or description of a discussion",
            vec![int("discussion_id"), text_or_none("title"), text_or_none("description")],
        ),
        Method::call("delete_discussion", "takes a discussion back", vec![int("discussion_id")]),
        Method::call(
            "post_message",
            "comments in a discussion and returns the comment's id",
            vec![text("text"), int("discussion_id")],
        )
        .returning(Returns::Text),
        Method::call("delete_comment", "takes a comment back", vec![int("comment_id")]),
        Method::call(
            "invite",
            "invites people to the group by their addresses; nobody is removed",
            vec![texts("emails"), text_or_none("subgroup")],
        )
        .needing("administrator of the group"),
    ]
}

fn reading() -> Vec<Method> {
    vec![
        Method::read("get_poll", "a poll as Loomio describes it, with its results where they are shown", {
            vec![text("poll")]
        })
        .returning(Returns::Dict),
        Method::read("get_polls", "the polls of the group", vec![one_of("status", &["active", "closed", "all"])])
            .returning(Returns::List),
        Method::read("get_discussions", "the discussions of the group", {
            vec![one_of("status", &["active", "closed", "all"])]
        })
        .returning(Returns::List),
        Method::read("get_users_in_subgroup", "the members of a subgroup", vec![text("subgroup")])
            .returning(Returns::Members),
    ]
}
