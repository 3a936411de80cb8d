//! What Discourse offers.

mod events;
mod methods;

use policykit_core::descriptor::PlatformDescriptor;

use crate::declare::{
    ActionType, Auth, Credential, Field, FieldKind, Holder, Question, Scope, TriggerType, Voting, Webhook, platform,
    undoable,
};

/// What Discourse offers.
pub(crate) fn descriptor() -> PlatformDescriptor {
    PlatformDescriptor {
        auth: vec![Auth::ApiKey],
        webhook: Webhook::PerInstallation,
        credentials: vec![Credential {
            name: "api_key",
            doc: "key of a member of the staff, granted on the forum's own page or made by its administrator",
        }],
        questions: vec![Question {
            name: "url",
            label: "What is the full URL of your Discourse community?",
            doc: "the address of the forum's front page, such as https://forum.example.org",
        }],
        scopes: scopes(),
        governable: governable(),
        triggers: triggers(),
        methods: methods::methods(),
        voting: vec![Voting::Boolean, Voting::Choice, Voting::Multi],
        ..platform("discourse", "Discourse")
    }
}

fn scopes() -> Vec<Scope> {
    [
        ("read", "to see topics, posts, groups and members"),
        ("write", "to post and to moderate"),
        ("message_bus", "to hear of what is new"),
        ("session_info", "to know whose key it is"),
    ]
    .map(|(name, doc)| Scope { name, holder: Holder::Installer, doc })
    .into()
}

const TOPIC: Field = Field::used("topic_id", "id of the topic").of(FieldKind::Int);
const POST: Field = Field::used("post_id", "id of the post").of(FieldKind::Int);
const CATEGORY: Field = Field::used("category", "id of the category").of(FieldKind::Int);

fn governable() -> Vec<ActionType> {
    vec![
        undoable(
            "discoursecreatetopic",
            "open a topic",
            vec![
                Field::used("title", "its title"),
                Field::used("raw", "what the first post says, as it was written"),
                Field::told("topic_id", "id of the topic").of(FieldKind::Int),
                CATEGORY,
                Field::used("tags", "its tags").of(FieldKind::List),
            ],
        ),
        undoable(
            "discoursecreatepost",
            "write a post",
            vec![
                Field::used("raw", "what it says, as it was written"),
                TOPIC,
                Field::told("post_id", "id of the post").of(FieldKind::Int),
                Field::used("reply_to_post_number", "number of the post it answers; none when it answers the topic")
                    .of(FieldKind::Int),
            ],
        ),
        undoable(
            "discourseeditpost",
            "edit a post",
            vec![
                POST,
                Field::used("raw", "what it says now"),
                Field::told("previous_raw", "what it said before"),
                Field::told("revision", "number of the revision").of(FieldKind::Int),
            ],
        ),
        undoable(
            "discourserenametopic",
            "rename a topic",
            vec![TOPIC, Field::used("title", "the new title"), Field::told("previous_title", "the title before")],
        ),
        undoable(
            "discoursemovetopic",
            "move a topic to another category",
            vec![TOPIC, CATEGORY, Field::told("previous_category", "id of the category before").of(FieldKind::Int)],
        ),
        undoable("discourseclosetopic", "close a topic", vec![TOPIC]),
        undoable(
            "discoursetagtopic",
            "change the tags of a topic",
            vec![
                TOPIC,
                Field::used("tags", "the tags now").of(FieldKind::List),
                Field::told("previous_tags", "the tags before").of(FieldKind::List),
            ],
        ),
        undoable("discoursedeletetopic", "delete a topic", vec![TOPIC]),
        undoable("discoursedeletepost", "delete a post", vec![POST]),
        undoable(
            "discoursejoingroup",
            "add somebody to a group",
            vec![Field::used("group", "name of the group"), Field::used("user", "who was added")],
        ),
    ]
}

fn triggers() -> Vec<TriggerType> {
    events::EVENTS.iter().map(|(event_type, doc, fields)| TriggerType::event(event_type, doc, fields)).collect()
}
