//! Events of GitHub's webhooks: `github.<action> <event>`, or the event alone where it knows no actions.

use crate::declare::{Field, FieldKind, TriggerType};

const REPOSITORY: Field = Field::told("repository", "the repository, with name and full_name").of(FieldKind::Dict);
const SENDER: Field = Field::told("sender", "who did it, with login and type").of(FieldKind::Dict);
const ISSUE: Field = Field::told("issue", "the issue, with number, title, body and labels").of(FieldKind::Dict);
const PULL: Field =
    Field::told("pull_request", "the pull request, with number, title, body, head and base").of(FieldKind::Dict);
const LABEL: Field = Field::told("label", "the label that was added or removed").of(FieldKind::Dict);
const COMMENT: Field = Field::told("comment", "the comment, with id, body and user").of(FieldKind::Dict);
const REVIEW: Field = Field::told("review", "the review, with state, body and user").of(FieldKind::Dict);

const ANY: &[Field] = &[REPOSITORY, SENDER];
const OF_ISSUE: &[Field] = &[ISSUE, LABEL, REPOSITORY, SENDER];
const OF_PULL: &[Field] = &[PULL, LABEL, REPOSITORY, SENDER];
const OF_ISSUE_COMMENT: &[Field] = &[ISSUE, COMMENT, REPOSITORY, SENDER];
const OF_REVIEW: &[Field] = &[PULL, REVIEW, REPOSITORY, SENDER];
const OF_PULL_COMMENT: &[Field] = &[PULL, COMMENT, REPOSITORY, SENDER];
const OF_PUSH: &[Field] = &[
    Field::told("ref", "the branch or tag, such as refs/heads/main"),
    Field::told("commits", "what was pushed").of(FieldKind::List),
    REPOSITORY,
    SENDER,
];

/// One event for each action.
macro_rules! events {
    ($all:ident, $event:literal, $what:literal, $fields:expr, [$($action:literal),* $(,)?]) => {
        $($all.push(TriggerType::event(
            concat!("github.", $action, " ", $event),
            concat!($what, ": ", $action),
            $fields,
        ));)*
    };
}

/// All of them.
pub(super) fn events() -> Vec<TriggerType> {
    let mut all = Vec::new();
    conversations(&mut all);
    code(&mut all);
    people(&mut all);
    house(&mut all);
    all
}

fn conversations(all: &mut Vec<TriggerType>) {
    events!(
        all,
        "issues",
        "an issue",
        OF_ISSUE,
        [
            "opened",
            "edited",
            "deleted",
            "transferred",
            "pinned",
            "unpinned",
            "closed",
            "reopened",
            "assigned",
            "unassigned",
            "labeled",
            "unlabeled",
            "locked",
            "unlocked",
            "milestoned",
            "demilestoned",
            "typed",
            "untyped",
        ]
    );
    events!(
        all,
        "issue_comment",
        "a comment on an issue or pull request",
        OF_ISSUE_COMMENT,
        ["created", "edited", "deleted",]
    );
    events!(
        all,
        "sub_issues",
        "an issue below another",
        ANY,
        ["parent_issue_added", "parent_issue_removed", "sub_issue_added", "sub_issue_removed",]
    );
    events!(
        all,
        "pull_request",
        "a pull request",
        OF_PULL,
        [
            "opened",
            "edited",
            "closed",
            "reopened",
            "synchronize",
            "assigned",
            "unassigned",
            "labeled",
            "unlabeled",
            "locked",
            "unlocked",
            "milestoned",
            "demilestoned",
            "converted_to_draft",
            "ready_for_review",
            "review_requested",
            "review_request_removed",
            "auto_merge_enabled",
            "auto_merge_disabled",
            "enqueued",
            "dequeued",
        ]
    );
    events!(all, "pull_request_review", "a review", OF_REVIEW, ["submitted", "edited", "dismissed"]);
    events!(
        all,
        "pull_request_review_comment",
        "a comment on a change",
        OF_PULL_COMMENT,
        ["created", "edited", "deleted",]
    );
    events!(all, "pull_request_review_thread", "a conversation about a change", OF_PULL, ["resolved", "unresolved"]);
    events!(all, "commit_comment", "a comment on a commit", &[COMMENT, REPOSITORY, SENDER], ["created"]);
    events!(
        all,
        "discussion",
        "a discussion",
        ANY,
        [
            "created",
            "edited",
            "deleted",
            "transferred",
            "pinned",
            "unpinned",
            "labeled",
            "unlabeled",
            "locked",
            "unlocked",
            "category_changed",
            "answered",
            "unanswered",
            "closed",
            "reopened",
        ]
    );
    events!(all, "discussion_comment", "a comment in a discussion", ANY, ["created", "edited", "deleted"]);
    events!(all, "label", "a label of the repository", &[LABEL, REPOSITORY, SENDER], ["created", "edited", "deleted"]);
    events!(all, "milestone", "a milestone", ANY, ["created", "opened", "edited", "closed", "deleted"]);
}

fn code(all: &mut Vec<TriggerType>) {
    all.extend([
        TriggerType::event("github.push", "commits or a tag were pushed", OF_PUSH),
        TriggerType::event("github.create", "a branch or a tag was made", OF_PUSH),
        TriggerType::event("github.delete", "a branch or a tag was deleted", OF_PUSH),
        TriggerType::event("github.status", "a commit was given a status", ANY),
        TriggerType::event("github.deployment_status", "a deployment went further", ANY),
        TriggerType::event("github.page_build", "pages were built", ANY),
        TriggerType::event("github.gollum", "the wiki was edited", ANY),
        TriggerType::event("github.workflow_dispatch", "a workflow was started by hand", ANY),
    ]);
    events!(all, "check_run", "a check", ANY, ["created", "completed", "rerequested", "requested_action"]);
    events!(all, "check_suite", "a set of checks", ANY, ["completed", "requested", "rerequested"]);
    events!(all, "workflow_run", "a run of a workflow", ANY, ["requested", "in_progress", "completed"]);
    events!(all, "workflow_job", "a job of a workflow", ANY, ["queued", "waiting", "in_progress", "completed"]);
    events!(all, "deployment", "a deployment", ANY, ["created"]);
    events!(all, "merge_group", "a group of the merge queue", ANY, ["checks_requested", "destroyed"]);
    events!(
        all,
        "release",
        "a release",
        ANY,
        ["created", "edited", "published", "unpublished", "prereleased", "released", "deleted",]
    );
    events!(all, "registry_package", "a package", ANY, ["published", "updated"]);
    events!(all, "branch_protection_rule", "a rule that protects a branch", ANY, ["created", "edited", "deleted"]);
    events!(all, "repository_ruleset", "a set of rules of the repository", ANY, ["created", "edited", "deleted"]);
    events!(all, "deploy_key", "a key for deployments", ANY, ["created", "deleted"]);
    events!(
        all,
        "code_scanning_alert",
        "an alert about code",
        ANY,
        ["created", "fixed", "reopened", "reopened_by_user", "closed_by_user", "appeared_in_branch",]
    );
    events!(
        all,
        "dependabot_alert",
        "an alert about a dependency",
        ANY,
        ["created", "fixed", "dismissed", "auto_dismissed", "reopened", "auto_reopened", "reintroduced",]
    );
    events!(
        all,
        "secret_scanning_alert",
        "an alert about a secret in the code",
        ANY,
        ["created", "resolved", "reopened", "publicly_leaked", "validated",]
    );
    events!(all, "security_advisory", "a security advisory", ANY, ["published", "updated", "withdrawn"]);
    events!(all, "repository_advisory", "an advisory of the repository", ANY, ["published", "reported"]);
}

fn people(all: &mut Vec<TriggerType>) {
    events!(all, "member", "a collaborator", ANY, ["added", "edited", "removed"]);
    events!(all, "membership", "a member of a team", ANY, ["added", "removed"]);
    events!(
        all,
        "organization",
        "the organization",
        ANY,
        ["member_invited", "member_added", "member_removed", "renamed", "deleted",]
    );
    events!(all, "org_block", "somebody the organization blocks", ANY, ["blocked", "unblocked"]);
    events!(
        all,
        "team",
        "a team",
        ANY,
        ["created", "edited", "deleted", "added_to_repository", "removed_from_repository",]
    );
    all.push(TriggerType::event("github.team_add", "a team was given a repository", ANY));
    events!(all, "star", "a star", ANY, ["created", "deleted"]);
    events!(all, "watch", "somebody who watches the repository", ANY, ["started"]);
    all.push(TriggerType::event("github.fork", "the repository was forked", ANY));
    events!(
        all,
        "sponsorship",
        "a sponsorship",
        ANY,
        ["created", "edited", "cancelled", "tier_changed", "pending_cancellation", "pending_tier_change",]
    );
}

fn house(all: &mut Vec<TriggerType>) {
    events!(
        all,
        "repository",
        "a repository",
        ANY,
        [
            "created",
            "deleted",
            "archived",
            "unarchived",
            "edited",
            "renamed",
            "transferred",
            "publicized",
            "privatized",
        ]
    );
    all.push(TriggerType::event("github.public", "a repository was made public", ANY));
    events!(all, "projects_v2", "a project", ANY, ["created", "edited", "closed", "reopened", "deleted"]);
    events!(
        all,
        "projects_v2_item",
        "an item of a project",
        ANY,
        ["created", "edited", "archived", "restored", "converted", "reordered", "deleted",]
    );
    events!(
        all,
        "installation",
        "the app itself",
        &[SENDER],
        ["created", "deleted", "suspend", "unsuspend", "new_permissions_accepted",]
    );
    events!(all, "installation_repositories", "repositories the app may see", &[SENDER], ["added", "removed"]);
    events!(all, "github_app_authorization", "somebody's grant to the app", &[SENDER], ["revoked"]);
}
