//! Events of Discourse's webhooks.

use crate::declare::{Field, FieldKind};

const ID: Field = Field::told("id", "its id").of(FieldKind::Int);
const URL: Field = Field::told("url", "its address");
const TOPIC_ID: Field = Field::told("topic_id", "id of the topic").of(FieldKind::Int);

const TOPIC: &[Field] = &[
    ID,
    Field::told("title", "its title"),
    Field::told("tags", "its tags").of(FieldKind::List),
    Field::told("category", "its category"),
    URL,
];
const POST: &[Field] = &[ID, TOPIC_ID, Field::told("raw", "what it says, as it was written"), URL];
const USER: &[Field] = &[ID, Field::told("username", "the account")];
const NAMED: &[Field] = &[ID, Field::told("name", "its name")];

/// Name, meaning, what the data hold.
pub(super) const EVENTS: &[(&str, &str, &[Field])] = &[
    ("discourse.topic_created", "a topic was opened", TOPIC),
    ("discourse.topic_edited", "a topic got another title, category or other tags", TOPIC),
    ("discourse.topic_closed_status_updated", "a topic was closed, or opened again", TOPIC),
    ("discourse.topic_archived_status_updated", "a topic was archived, or taken out of the archive", TOPIC),
    ("discourse.topic_visible_status_updated", "a topic was hidden from lists, or shown again", TOPIC),
    ("discourse.topic_pinned_status_updated", "a topic was pinned, or unpinned", TOPIC),
    ("discourse.topic_destroyed", "a topic was deleted", TOPIC),
    ("discourse.topic_recovered", "a deleted topic was brought back", TOPIC),
    ("discourse.post_created", "a post was written", POST),
    ("discourse.post_edited", "a post was edited", POST),
    ("discourse.post_destroyed", "a post was deleted", POST),
    ("discourse.post_recovered", "a deleted post was brought back", POST),
    ("discourse.user_created", "an account was made", USER),
    ("discourse.user_confirmed_email", "somebody confirmed their address", USER),
    ("discourse.user_approved", "an account was approved", USER),
    ("discourse.user_updated", "an account was changed", USER),
    ("discourse.user_destroyed", "an account was deleted", USER),
    ("discourse.user_logged_in", "somebody signed in", USER),
    ("discourse.user_logged_out", "somebody signed out", USER),
    ("discourse.user_suspended", "an account was suspended", USER),
    ("discourse.user_unsuspended", "a suspension was lifted", USER),
    ("discourse.user_promoted", "somebody reached a higher level of trust", USER),
    ("discourse.user_badge_granted", "somebody was given a badge", &[]),
    ("discourse.user_badge_revoked", "a badge was taken from somebody", &[]),
    ("discourse.group_created", "a group was made", NAMED),
    ("discourse.group_updated", "a group was changed", NAMED),
    ("discourse.group_destroyed", "a group was deleted", NAMED),
    ("discourse.user_added_to_group", "somebody was added to a group", &[]),
    ("discourse.user_removed_from_group", "somebody was removed from a group", &[]),
    ("discourse.category_created", "a category was made", NAMED),
    ("discourse.category_updated", "a category was changed", NAMED),
    ("discourse.category_destroyed", "a category was deleted", NAMED),
    ("discourse.tag_created", "a tag was made", NAMED),
    ("discourse.tag_updated", "a tag was changed", NAMED),
    ("discourse.tag_destroyed", "a tag was deleted", NAMED),
    ("discourse.reviewable_created", "something waits for the staff's eyes", &[ID]),
    ("discourse.reviewable_updated", "the staff dealt with something that waited", &[ID]),
    ("discourse.post_liked", "somebody liked a post", &[]),
    ("discourse.solved_accepted_solution", "an answer was accepted as the solution", POST),
    ("discourse.solved_unaccepted_solution", "an answer is the solution no longer", POST),
    ("discourse.assign_assigned", "a topic was assigned to somebody", &[TOPIC_ID]),
    ("discourse.assign_unassigned", "a topic is assigned to nobody any more", &[TOPIC_ID]),
    ("discourse.voting_topic_upvote", "somebody voted for a topic", &[TOPIC_ID]),
    ("discourse.voting_topic_unvote", "somebody took a vote for a topic back", &[TOPIC_ID]),
];
