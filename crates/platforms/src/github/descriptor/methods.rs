//! What policy code may call on `github`.

use policykit_core::descriptor::Param;

use crate::declare::{
    Method, Returns, flag, int, int_or_none, one_of, text, text_or_none, texts, texts_or_none, users, users_or_none,
    values, word,
};

const ISSUES: &str = "issues: write";
const PULLS: &str = "pull_requests: write";

/// All of them.
pub(super) fn methods() -> Vec<Method> {
    [votes(), issues(), comments(), pulls(), free(), reading()].concat()
}

/// A repository and a number in it, then the rest.
fn at(rest: impl IntoIterator<Item = Param>) -> Vec<Param> {
    [text("repo_name"), int("issue_number")].into_iter().chain(rest).collect()
}

fn votes() -> Vec<Method> {
    vec![
        Method::call(
            "initiate_vote",
            "asks for thumbs up or down on an issue or pull request, or on a new issue when no number is given, and returns its number; users are those whose thumbs count",
            vec![
                text("repo_name"),
                text_or_none("text"),
                users_or_none("users"),
                int_or_none("issue_number"),
                text_or_none("help_text"),
                int_or_none("closes_at"),
            ],
        )
        .returning(Returns::Text)
        .needing(ISSUES),
        Method::call(
            "initiate_comment_vote",
            "asks for comments that begin with one of the options and returns the number of what carries the vote; users are those whose comments count",
            vec![
                text("repo_name"),
                texts("options"),
                text_or_none("text"),
                users_or_none("users"),
                int_or_none("issue_number"),
                int_or_none("closes_at"),
            ],
        )
        .returning(Returns::Text)
        .needing(ISSUES),
    ]
}

fn issues() -> Vec<Method> {
    vec![
        Method::call(
            "create_issue",
            "opens an issue and returns its number",
            vec![
                text("repo_name"),
                text("title"),
                text_or_none("body"),
                texts_or_none("labels"),
                users_or_none("assignees"),
            ],
        )
        .returning(Returns::Text)
        .needing(ISSUES),
        Method::call(
            "edit_issue",
            "replaces title or text of an issue or pull request",
            at([text_or_none("title"), text_or_none("body")]),
        )
        .needing(ISSUES),
        Method::call("close_issue", "closes an issue", at([one_of("reason", &["completed", "not_planned"])]))
            .needing(ISSUES),
        Method::call("reopen_issue", "opens an issue again", at([])).needing(ISSUES),
        Method::call(
            "lock",
            "closes a conversation for everybody who may not write to the repository",
            at([one_of("reason", &["resolved", "off-topic", "too heated", "spam"])]),
        )
        .needing(ISSUES),
        Method::call("unlock", "opens a conversation again", at([])).needing(ISSUES),
        Method::call("add_labels", "adds labels to an issue or pull request", at([texts("labels")])).needing(ISSUES),
        Method::call("remove_label", "takes a label from an issue or pull request", at([text("label")]))
            .needing(ISSUES),
        Method::call("assign", "makes people responsible for an issue or pull request", at([users("users")]))
            .needing(ISSUES),
        Method::call("unassign", "takes the responsibility from people again", at([users("users")])).needing(ISSUES),
    ]
}

fn comments() -> Vec<Method> {
    let comment = || vec![text("repo_name"), int("comment_id")];
    vec![
        Method::call("post_message", "comments on an issue or pull request and returns the comment's id", {
            vec![text("text"), text("repo_name"), int("issue_number")]
        })
        .returning(Returns::Text)
        .needing(ISSUES),
        Method::call("edit_comment", "replaces the text of a comment", [comment(), vec![text("text")]].concat())
            .needing(ISSUES),
        Method::call("delete_comment", "deletes a comment for good", comment()).needing(ISSUES),
        Method::call(
            "minimize_comment",
            "hides a comment behind a reason; whoever wants to can still read it",
            [comment(), vec![one_of("reason", &["off-topic", "outdated", "resolved", "duplicate", "spam", "abuse"])]]
                .concat(),
        )
        .needing(ISSUES),
        Method::call(
            "add_reaction",
            "reacts to an issue or pull request",
            at([word("reaction", &["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"])]),
        )
        .needing(ISSUES),
    ]
}

fn pulls() -> Vec<Method> {
    vec![
        Method::call(
            "merge_pull_request",
            "merges a pull request and returns the commit; with sha only when its newest commit is still that one",
            at([one_of("merge_method", &["merge", "squash", "rebase"]), text_or_none("sha"), text_or_none("title")]),
        )
        .returning(Returns::Text)
        .needing("contents: write"),
        Method::call(
            "revert_pull_request",
            "opens a pull request that undoes a merged one and returns its number",
            at([text_or_none("title")]),
        )
        .returning(Returns::Text)
        .needing("contents: write"),
        Method::call("close_pull_request", "closes a pull request without merging it", at([])).needing(PULLS),
        Method::call("reopen_pull_request", "opens a pull request again", at([])).needing(PULLS),
        Method::call("request_reviewers", "asks people to look at a pull request", at([users("users")])).needing(PULLS),
        Method::call(
            "review_pull_request",
            "writes a review",
            at([word("event", &["APPROVE", "REQUEST_CHANGES", "COMMENT"]), text_or_none("text")]),
        )
        .needing(PULLS),
        Method::call(
            "set_check",
            "shows at a commit how something stands, and keeps it from being merged where checks must pass",
            vec![
                text("repo_name"),
                text("sha"),
                text("name"),
                word("state", &["in_progress", "success", "failure", "neutral"]),
                text_or_none("summary"),
            ],
        )
        .needing("checks: write"),
    ]
}

fn free() -> Vec<Method> {
    vec![
        Method::call(
            "make_call",
            "makes a request to GitHub's API as the app and returns the answer; route is what follows the host, such as /repos/o/r/tags",
            vec![text("route"), one_of("method", &["GET", "POST", "PUT", "PATCH", "DELETE"]), values("values")],
        )
        .returning(Returns::Anything),
    ]
}

fn reading() -> Vec<Method> {
    vec![
        Method::read("get_users_in_team", "the members of a team of the organization", vec![text("team")])
            .returning(Returns::Members)
            .needing("members: read"),
        Method::read("get_users_collaborating", "the people who may write to a repository", vec![text("repo_name")])
            .returning(Returns::Members)
            .needing("metadata: read"),
        Method::read("get_users_assigned", "the people who are responsible for an issue or pull request", at([]))
            .returning(Returns::Members)
            .needing("issues: write"),
        Method::read(
            "get_permission",
            "what somebody may do in a repository: none, read, triage, write, maintain or admin",
            vec![text("repo_name"), users("user")],
        )
        .returning(Returns::Text)
        .needing("metadata: read"),
        Method::read("get_issue", "an issue as GitHub describes it", at([])).returning(Returns::Dict).needing(ISSUES),
        Method::read("get_pull_request", "a pull request as GitHub describes it", at([]))
            .returning(Returns::Dict)
            .needing(PULLS),
        Method::read("get_reviews", "the reviews of a pull request, oldest first", at([flag("latest", true)]))
            .returning(Returns::List)
            .needing(PULLS),
        Method::read("get_files", "names of the files a pull request changes", at([]))
            .returning(Returns::List)
            .needing(PULLS),
        Method::read("get_comments", "the comments on an issue or pull request, oldest first", at([]))
            .returning(Returns::List)
            .needing(ISSUES),
        Method::read("get_reactions", "the reactions to an issue or pull request, with who reacted", at([]))
            .returning(Returns::List)
            .needing(ISSUES),
        Method::read("get_repositories", "the repositories, as dictionaries with value and name", Vec::new())
            .returning(Returns::List)
            .needing("metadata: read"),
    ]
}
