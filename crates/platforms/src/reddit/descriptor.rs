//! What Reddit offers.

mod methods;

use policykit_core::descriptor::PlatformDescriptor;

use crate::declare::{
    ActionType, Auth, Field, FieldKind, Holder, Scope, TriggerType, Voting, Webhook, platform, undoable,
};

/// What Reddit offers. It tells of nothing by itself: everything is asked for in intervals.
pub(crate) fn descriptor() -> PlatformDescriptor {
    PlatformDescriptor {
        auth: vec![Auth::OAuth],
        webhook: Webhook::None,
        scopes: scopes(),
        governable: governable(),
        triggers: triggers(),
        methods: methods::methods(),
        voting: vec![Voting::Boolean],
        ..platform("reddit", "Reddit")
    }
}

fn scopes() -> Vec<Scope> {
    [
        ("identity", "to know whose grant it is"),
        ("mysubreddits", "to list the communities they moderate"),
        ("read", "to see posts and comments"),
        ("submit", "to post and to comment"),
        ("edit", "to change what it wrote itself"),
        ("flair", "to set flairs"),
        ("modposts", "to approve, remove and lock"),
        ("modlog", "to see what moderators did"),
        ("modcontributors", "to ban and to approve people"),
        ("modmail", "to write to the moderators"),
        ("modwiki", "to edit the community's wiki"),
        ("privatemessages", "to write to people, where Reddit still allows it"),
        ("history", "to see what somebody wrote before"),
    ]
    .map(|(name, doc)| Scope { name, holder: Holder::Installer, doc })
    .into()
}

const NAME: Field = Field::told("name", "its full name on Reddit, such as t3_abc");

fn governable() -> Vec<ActionType> {
    vec![
        undoable(
            "redditmakepost",
            "make a post",
            vec![
                Field::used("title", "its title"),
                Field::used("text", "what it says; empty for a link"),
                Field::used("kind", "self for a text, link for a link"),
                NAME,
                Field::used("url", "where it leads; none for a text"),
                Field::used("flair", "its flair; none without one"),
            ],
        ),
        undoable(
            "redditmakecomment",
            "write a comment",
            vec![Field::used("text", "what it says"), Field::used("thing_id", "full name of what it answers"), NAME],
        ),
        undoable(
            "redditsetflair",
            "change the flair of a post",
            vec![
                Field::used("thing_id", "full name of the post"),
                Field::used("flair", "the flair now"),
                Field::told("previous_flair", "the flair before"),
            ],
        ),
    ]
}

fn triggers() -> Vec<TriggerType> {
    const POST: &[Field] = &[
        NAME,
        Field::told("title", "its title"),
        Field::told("selftext", "what it says"),
        Field::told("author", "who wrote it"),
        Field::told("link_flair_text", "its flair; none without one"),
        Field::told("permalink", "its address"),
    ];
    const COMMENT: &[Field] = &[
        NAME,
        Field::told("body", "what it says"),
        Field::told("author", "who wrote it"),
        Field::told("link_id", "full name of the post it stands under"),
        Field::told("permalink", "its address"),
    ];
    const DONE: &[Field] = &[
        Field::told("action", "what was done"),
        Field::told("mod", "who did it"),
        Field::told("target_fullname", "full name of what it was done to"),
    ];
    const REPORT: &[Field] = &[NAME, Field::told("num_reports", "how many people reported it").of(FieldKind::Int)];
    vec![
        TriggerType::event("reddit.post_created", "a post was made", POST),
        TriggerType::event("reddit.comment_created", "a comment was written", COMMENT),
        TriggerType::event("reddit.post_unmoderated", "a post waits that no moderator has looked at", POST),
        TriggerType::event("reddit.modqueue_added", "something was put before the moderators", REPORT),
        TriggerType::event("reddit.reported", "somebody reported a post or a comment", REPORT),
        TriggerType::event("reddit.mod_action", "a moderator did something", DONE),
    ]
}
