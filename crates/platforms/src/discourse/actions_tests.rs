use policykit_core::{action::Origin, ids::ActionId, policy::PolicyKind};
use uuid::Uuid;

use super::*;

fn action(action_type: &str, fields: Value) -> ActionView {
    ActionView {
        id: ActionId::from_uuid(Uuid::from_u128(1)),
        action_type: action_type.into(),
        label: String::new(),
        kind: PolicyKind::Platform,
        platform: Some("discourse".into()),
        origin: Origin::Platform,
        reverted: false,
        initiator: None,
        fields: fields.as_object().unwrap().clone(),
    }
}

#[test]
fn each_action_that_happens_is_undone_by_its_opposite() {
    let undo = |kind: &str, fields: Value| revert(&action(kind, fields));
    let topic = || json!({"topic_id": 7});
    let post = || json!({"post_id": 9});
    assert_eq!(undo(CREATE_TOPIC, json!({"topic_id": 7, "title": "x"})), Some(call(REMOVE_TOPIC, topic())));
    assert_eq!(undo(CREATE_POST, json!({"topic_id": 7, "post_id": 9})), Some(call(REMOVE_POST, post())));
    assert_eq!(undo(DELETE_TOPIC, topic()), Some(call(RECOVER_TOPIC, topic())));
    assert_eq!(undo(DELETE_POST, post()), Some(call(RECOVER_POST, post())));
    let closed = |enabled: bool| call(STATUS, json!({"topic_id": 7, "status": "closed", "enabled": enabled}));
    assert_eq!(undo(CLOSE_TOPIC, topic()), Some(closed(false)));
    assert_eq!(undo(OPEN_TOPIC, topic()), Some(closed(true)));
    let edit = json!({"post_id": 9, "topic_id": 7, "raw": " new\n", "revision": 3});
    assert_eq!(undo(EDIT_POST, edit.clone()), Some(call(UNDO_POST, edit)), "what it said keeps every sign");
    let edit = json!({"topic_id": 7, "title": "new", "category": 4, "tags": ["a"]});
    assert_eq!(undo(EDIT_TOPIC, edit.clone()), Some(call(UNDO_TOPIC, edit)));
}

#[test]
fn what_was_only_proposed_has_nothing_to_undo() {
    let undo = |kind: &str, fields: Value| revert(&action(kind, fields));
    assert_eq!(undo(CREATE_TOPIC, json!({"title": "x", "raw": "y"})), None);
    assert_eq!(undo(CREATE_POST, json!({"topic_id": 7, "raw": "y"})), None);
    assert_eq!(undo(EDIT_POST, json!({"post_id": 9, "raw": "y"})), None);
    assert_eq!(undo(EDIT_TOPIC, json!({"topic_id": 7, "title": "y"})), None);
    assert_eq!(undo(JOIN_GROUP, json!({"group": "g", "user": "ben"})), None);
}

#[test]
fn what_is_there_is_brought_back_and_what_is_not_is_written() {
    let run = |kind: &str, fields: Value| execute(&action(kind, fields));
    assert_eq!(run(CREATE_TOPIC, json!({"topic_id": 7, "title": "x", "raw": "y"})), Some(topic_call(RECOVER_TOPIC, 7)));
    let tags = ["a".to_owned(), "b".to_owned()];
    assert_eq!(
        run(CREATE_TOPIC, json!({"title": "x", "raw": "y", "category": "4", "tags": "a, b, a"})),
        Some(new_topic("x", "y", Some(4), &tags))
    );
    assert_eq!(run(CREATE_POST, json!({"topic_id": 7, "post_id": 9, "raw": "y"})), Some(post_call(RECOVER_POST, 9)));
    assert_eq!(run(CREATE_POST, json!({"topic_id": 7, "raw": "y"})), Some(new_post(7, "y", None)));
    assert_eq!(
        run(EDIT_TOPIC, json!({"topic_id": 7, "tags": []})),
        Some(call(CHANGE_TOPIC, json!({"topic_id": 7, "tags": []})))
    );
    assert_eq!(run(EDIT_TOPIC, json!({"topic_id": 7})), None);
    let all = json!({"topic_id": 7, "title": "x", "category": 4, "tags": []});
    assert_eq!(run(EDIT_TOPIC, all.clone()).unwrap().args[AGAIN], json!(true), "what happened is told as a whole");
    let proposed = ActionView { origin: Origin::PolicyKit, ..action(EDIT_TOPIC, all.clone()) };
    assert_eq!(execute(&proposed), Some(call(CHANGE_TOPIC, all)), "what is proposed is what people chose");
    assert_eq!(run(JOIN_GROUP, json!({"group": "g", "user": "ben"})), Some(member(GROUP_ADD, "g", "ben")));
}

#[test]
fn what_is_written_anew_goes_by_its_new_ids() {
    let mut written = action(CREATE_POST, json!({"topic_id": 7, "raw": "y"}));
    stands_as(&mut written, &json!({"post_id": 11, "topic_id": 7}));
    assert_eq!(revert(&written), Some(post_call(REMOVE_POST, 11)));
}
