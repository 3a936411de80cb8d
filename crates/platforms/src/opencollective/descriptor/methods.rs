//! What policy code may call on `opencollective`.

use crate::declare::{Method, Returns, int_or, text, text_or_none, texts_or_none, values, word};

/// What can be done with an expense.
const DECISIONS: &[&str] = &[
    "APPROVE",
    "UNAPPROVE",
    "REJECT",
    "REQUEST_RE_APPROVAL",
    "MARK_AS_INCOMPLETE",
    "HOLD",
    "RELEASE",
    "MARK_AS_SPAM",
    "SCHEDULE_FOR_PAYMENT",
    "UNSCHEDULE_PAYMENT",
    "PAY",
    "MARK_AS_UNPAID",
];

/// All of them.
pub(super) fn methods() -> Vec<Method> {
    vec![
        Method::call(
            "post_message",
            "comments on an expense, in HTML, and returns the comment's id",
            vec![text("text"), text("expense_id")],
        )
        .returning(Returns::Text)
        .needing("expenses"),
        Method::call(
            "process_expense",
            "decides about an expense and returns how it stands then; PAY moves money and cannot be taken back",
            vec![text("expense_id"), word("action", DECISIONS), text_or_none("message")],
        )
        .returning(Returns::Text)
        .needing("expenses"),
        Method::call(
            "initiate_vote",
            "opens a conversation in which thumbs up and down are counted and returns its id; the platform does not say whose they are",
            vec![text("text"), text_or_none("details")],
        )
        .returning(Returns::Text)
        .needing("conversations"),
        Method::call(
            "create_conversation",
            "opens a conversation and returns its id",
            vec![text("title"), text("text"), texts_or_none("tags")],
        )
        .returning(Returns::Text)
        .needing("conversations"),
        Method::call(
            "create_comment",
            "comments on an expense or in a conversation, in HTML, and returns the comment's id",
            vec![text("text"), text_or_none("expense_id"), text_or_none("conversation_id")],
        )
        .returning(Returns::Text)
        .needing("expenses, conversations"),
        Method::call("edit_comment", "replaces a comment of PolicyKit's", vec![text("comment_id"), text("text")])
            .needing("expenses, conversations"),
        Method::call("delete_comment", "deletes a comment", vec![text("comment_id")])
            .needing("expenses, conversations"),
        Method::call(
            "add_reaction",
            "reacts to a comment",
            vec![text("comment_id"), word("emoji", &["👍️", "👎", "😀", "🎉", "😕", "❤️", "🚀", "👀"])],
        )
        .needing("conversations"),
        Method::call(
            "make_call",
            "sends a GraphQL query or mutation and returns the data of the answer",
            vec![text("query"), values("variables")],
        )
        .returning(Returns::Dict),
        Method::read("get_expense", "an expense as the platform describes it", vec![text("expense_id")])
            .returning(Returns::Dict)
            .needing("expenses"),
        Method::read(
            "get_expenses",
            "expenses, newest first; with a status such as PENDING only those",
            vec![text_or_none("status"), int_or("limit", 50)],
        )
        .returning(Returns::List)
        .needing("expenses"),
        Method::read("get_balance", "what the collective has, in hundredths of its currency", Vec::new())
            .returning(Returns::Number)
            .needing("account"),
        Method::read(
            "get_users_with_collective_role",
            "the members with a role of the platform's, such as ADMIN, MEMBER or BACKER",
            vec![text("role")],
        )
        .returning(Returns::Members)
        .needing("account"),
        Method::read("get_reactions", "how often each emoji stands under a comment", vec![text("comment_id")])
            .returning(Returns::Dict)
            .needing("conversations"),
    ]
}
