//! What GitHub offers.

mod events;
mod methods;

use policykit_core::descriptor::PlatformDescriptor;

use crate::declare::{
    ActionType, Auth, Field, FieldKind, Holder, Scope, TriggerType, Voting, Webhook, lasting, platform, undoable,
};

/// What GitHub offers.
pub(crate) fn descriptor() -> PlatformDescriptor {
    PlatformDescriptor {
        auth: vec![Auth::OAuth],
        webhook: Webhook::AppWide,
        scopes: scopes(),
        governable: governable(),
        triggers: triggers(),
        methods: methods::methods(),
        voting: vec![Voting::Boolean, Voting::Choice],
        ..platform("github", "GitHub")
    }
}

fn scopes() -> Vec<Scope> {
    [
        ("metadata: read", "to know the repositories"),
        ("issues: write", "to open, label, close and lock issues and to comment"),
        ("pull_requests: write", "to review, close and label pull requests"),
        ("contents: write", "to merge"),
        ("checks: write", "to show how a vote stands where it matters"),
        ("members: read", "to know teams and who is in them"),
    ]
    .map(|(name, doc)| Scope { name, holder: Holder::Program, doc })
    .into()
}

const REPO: Field = Field::used("repo_name", "name of the repository, without its owner");
const NUMBER: Field = Field::used("issue_number", "number of the issue or pull request").of(FieldKind::Int);
const LABELS: Field = Field::used("labels", "names of the labels").of(FieldKind::List);

fn governable() -> Vec<ActionType> {
    const TITLE: Field = Field::used("title", "its title");
    const BODY: Field = Field::used("body", "what it says");
    const MADE: Field = Field::told("issue_number", "its number").of(FieldKind::Int);
    vec![
        undoable("githubopenissue", "open an issue", vec![REPO, TITLE, BODY, LABELS, MADE]),
        undoable(
            "githubcloseissue",
            "close an issue",
            vec![REPO, NUMBER, Field::used("reason", "completed, or not_planned")],
        ),
        undoable("githubreopenissue", "open an issue again", vec![REPO, NUMBER]),
        undoable("githublabel", "label an issue or a pull request", vec![REPO, NUMBER, LABELS]),
        undoable("githubunlabel", "take a label from an issue or a pull request", vec![REPO, NUMBER, LABELS]),
        undoable("githublock", "lock a conversation", vec![REPO, NUMBER]),
        undoable(
            "githubcomment",
            "comment on an issue or a pull request",
            vec![REPO, NUMBER, BODY, Field::told("comment_id", "id of the comment").of(FieldKind::Int)],
        ),
        undoable(
            "githubopenpullrequest",
            "open a pull request",
            vec![
                REPO,
                TITLE,
                BODY,
                Field::used("head", "the branch that is to be taken over"),
                Field::used("base", "the branch that takes it over"),
                MADE,
            ],
        ),
        undoable("githubclosepullrequest", "close a pull request", vec![REPO, NUMBER]),
        undoable("githubreopenpullrequest", "open a pull request again", vec![REPO, NUMBER]),
        lasting(
            "githubmergepullrequest",
            "merge a pull request",
            vec![
                REPO,
                NUMBER,
                Field::used("merge_method", "merge, squash or rebase"),
                Field::told("sha", "the commit that was merged"),
            ],
        ),
    ]
}

fn triggers() -> Vec<TriggerType> {
    events::events()
}
