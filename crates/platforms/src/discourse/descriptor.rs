//! What Discourse offers.

mod events;
mod methods;

use policykit_core::{
    call::OperationClass,
    descriptor::{Operation, PlatformDescriptor, WEBHOOK_SECRET},
    state::{StateOf, Told},
};

use super::actions::{
    CHANGE_TOPIC, FIND, FREE, FREE_READ, GROUP_ADD, GROUP_REMOVE, LEAVE, LOCK, NEW_MESSAGE, NEW_POST, NEW_TOPIC,
    RECOVER_POST, RECOVER_TOPIC, REMOVE_POST, REMOVE_TOPIC, REWRITE, STATUS, UNDO_POST, UNDO_TOPIC,
};
use crate::declare::{
    ActionType, Auth, Credential, Field, FieldKind, Holder, Question, Scope, TriggerType, Webhook, lasting, platform,
    undoable,
};

/// The platform's id.
pub const ID: &str = "discourse";

/// The question for the forum's address, and the setting that keeps the answer.
pub(super) const URL: &str = "url";
/// Credential: key that the forum's administrators make.
pub(super) const API_KEY: &str = "api_key";
/// Credential: the account that such a key acts as.
pub(super) const API_USERNAME: &str = "api_username";
/// Credential: key that an administrator granted on the forum's own page.
pub(super) const USER_API_KEY: &str = "user_api_key";
/// Credential: the name under which that key was granted.
pub(super) const CLIENT_ID: &str = "client_id";

/// Action type: a topic was opened.
pub(super) const CREATE_TOPIC: &str = "discoursecreatetopic";
/// Action type: a post was written.
pub(super) const CREATE_POST: &str = "discoursecreatepost";
/// Action type: a post was edited.
pub(super) const EDIT_POST: &str = "discourseeditpost";
/// Action type: a topic got another title, category or other tags.
pub(super) const EDIT_TOPIC: &str = "discourseedittopic";
/// Action type: a topic was closed.
pub(super) const CLOSE_TOPIC: &str = "discourseclosetopic";
/// Action type: a closed topic was opened again.
pub(super) const OPEN_TOPIC: &str = "discourseopentopic";
/// Action type: a topic was deleted.
pub(super) const DELETE_TOPIC: &str = "discoursedeletetopic";
/// Action type: a post was deleted.
pub(super) const DELETE_POST: &str = "discoursedeletepost";
/// Action type: somebody is to be added to a group; can only be proposed.
pub(super) const JOIN_GROUP: &str = "discoursejoingroup";

const OPERATIONS: &[(&str, OperationClass)] = &[
    // The forum keeps an id of ours with a topic, by which it is found again.
    (NEW_TOPIC, OperationClass::Marked),
    (NEW_MESSAGE, OperationClass::Marked),
    // A remark that the forum keeps in what was written and does not show.
    (NEW_POST, OperationClass::Marked),
    (REWRITE, OperationClass::Idempotent),
    (LOCK, OperationClass::Idempotent),
    (CHANGE_TOPIC, OperationClass::Idempotent),
    (STATUS, OperationClass::Idempotent),
    (REMOVE_TOPIC, OperationClass::State),
    (RECOVER_TOPIC, OperationClass::State),
    (REMOVE_POST, OperationClass::State),
    (RECOVER_POST, OperationClass::State),
    // Sent again it would undo the edit before.
    (UNDO_POST, OperationClass::State),
    (UNDO_TOPIC, OperationClass::State),
    (GROUP_ADD, OperationClass::State),
    (GROUP_REMOVE, OperationClass::State),
    (FIND, OperationClass::Idempotent),
    (FREE_READ, OperationClass::Idempotent),
    (FREE, OperationClass::Blind),
    // Made again, the forum says that the key is none any more: that is what it was for.
    (LEAVE, OperationClass::Idempotent),
];

/// What Discourse offers.
pub(crate) fn descriptor() -> PlatformDescriptor {
    PlatformDescriptor {
        auth: vec![Auth::OAuth, Auth::ApiKey],
        webhook: Webhook::PerInstallation,
        returns_to: Some("/discourse/auth"),
        preview: true,
        credentials: vec![
            Credential {
                name: API_KEY,
                doc: "key for all users that an administrator of the forum makes, under Admin, Advanced, API keys, without limits of its scope",
            },
            Credential {
                name: API_USERNAME,
                doc: "name of the administrator on the forum as whom PolicyKit acts with it",
            },
        ],
        renewed: vec![USER_API_KEY, CLIENT_ID, WEBHOOK_SECRET],
        questions: vec![Question {
            name: URL,
            label: "What is the full URL of your Discourse community?",
            at_sign_in: "Which Discourse community would you like to sign into?",
            doc: "the address of the forum's front page, such as https://forum.example.org",
        }],
        scopes: scopes(),
        governable: governable(),
        triggers: triggers(),
        methods: methods::methods(),
        operations: OPERATIONS.iter().map(|(name, class)| Operation { name, class: *class }).collect(),
        ..platform(ID, "Discourse")
    }
}

/// What is asked of an administrator who lets PolicyKit in.
pub(super) fn scopes() -> Vec<Scope> {
    [
        ("read", "to see topics, posts, groups and members"),
        ("write", "to post and to moderate"),
        ("message_bus", "so that nothing else has to be granted when the forum's news are followed"),
        ("session_info", "to know whose key it is"),
    ]
    .map(|(name, doc)| Scope { name, holder: Holder::Installer, doc })
    .into()
}

const TOPIC: Field = Field::used("topic_id", "id of the topic").of(FieldKind::Int);
const POST: Field = Field::used("post_id", "id of the post").of(FieldKind::Int);
const CATEGORY: Field = Field::used("category", "id of the category").of(FieldKind::Int);

fn governable() -> Vec<ActionType> {
    let openness = |value, before| StateOf {
        what: "openness",
        of: &["topic_id"],
        value: Told::Always(value),
        before: Some(Told::Always(before)),
    };
    vec![
        undoable(
            CREATE_TOPIC,
            "open a topic",
            vec![
                Field::used("title", "its title"),
                Field::used("raw", "what the first post says, as it was written"),
                Field::told("topic_id", "id of the topic").of(FieldKind::Int),
                Field::told("post_id", "id of its first post").of(FieldKind::Int),
                CATEGORY,
                Field::used("tags", "its tags; the forum does not tell them of a topic that is new")
                    .of(FieldKind::List),
            ],
        ),
        undoable(
            CREATE_POST,
            "write a post",
            vec![
                Field::used("raw", "what it says, as it was written"),
                TOPIC,
                Field::told("post_id", "id of the post").of(FieldKind::Int),
                Field::told("title", "title of the topic"),
                Field::told("category", "id of the topic's category").of(FieldKind::Int),
                Field::used("reply_to_post_number", "number of the post it answers; none when it answers the topic")
                    .of(FieldKind::Int),
            ],
        ),
        ActionType {
            state: Some(StateOf { what: "text", of: &["post_id"], value: Told::By("raw"), before: None }),
            ..undoable(
                EDIT_POST,
                "edit a post",
                vec![
                    POST,
                    Field::used("raw", "what it says now"),
                    Field::told(
                        "revision",
                        "number of the revision; 1 when the forum keeps none of what it said before",
                    )
                    .of(FieldKind::Int),
                    Field::told("topic_id", "id of the topic").of(FieldKind::Int),
                    Field::told("author", "who wrote it; the forum does not tell who edited it"),
                ],
            )
        },
        undoable(
            EDIT_TOPIC,
            "change the title, category or tags of a topic",
            vec![
                TOPIC,
                Field::used("title", "the title now"),
                CATEGORY,
                Field::used("tags", "the tags now").of(FieldKind::List),
            ],
        ),
        ActionType { state: Some(openness("closed", "open")), ..undoable(CLOSE_TOPIC, "close a topic", vec![TOPIC]) },
        ActionType {
            state: Some(openness("open", "closed")),
            ..undoable(OPEN_TOPIC, "open a closed topic again", vec![TOPIC])
        },
        undoable(DELETE_TOPIC, "delete a topic", vec![TOPIC, Field::told("title", "its title")]),
        undoable(
            DELETE_POST,
            "delete a post",
            vec![
                POST,
                Field::told("topic_id", "id of the topic").of(FieldKind::Int),
                Field::told("raw", "what it says"),
                Field::told("author", "who wrote it; the forum does not tell who deleted it"),
            ],
        ),
        lasting(
            JOIN_GROUP,
            "add somebody to a group",
            vec![Field::used("group", "name of the group"), Field::used("user", "who is to be added")],
        ),
    ]
}

fn triggers() -> Vec<TriggerType> {
    events::EVENTS.iter().map(|(event_type, doc, fields)| TriggerType::event(event_type, doc, fields)).collect()
}
