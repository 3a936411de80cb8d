use serde_json::json;

use super::*;
use crate::{
    ids::{ActionId, CommunityId},
    policy::PolicyKind,
};

const NAME: StateOf =
    StateOf { what: "name", of: &["channel"], value: Told::By("name"), before: Some(Told::By("previous")) };

fn action(origin: Origin, standing: Standing, reverted: bool) -> Action {
    let fields = json!({ "channel": "C1", "name": "b", "previous": "a" });
    Action {
        id: ActionId::from_uuid(uuid::Uuid::from_u128(1)),
        community: CommunityId::from_uuid(uuid::Uuid::from_u128(2)),
        installation: None,
        inbox: None,
        kind: PolicyKind::Platform,
        action_type: "rename".to_owned(),
        initiator: None,
        origin,
        fields: fields.as_object().unwrap().clone(),
        about: None,
        is_private: false,
        reverted,
        standing,
        occurred_at: Timestamp::from_secs(10),
    }
}

fn change(at: i64, before: &str, value: &str, force: Force) -> StateChange {
    StateChange {
        value: value.to_owned(),
        before: Some(before.to_owned()),
        fields: JsonMap::new(),
        happened_at: Timestamp::from_secs(at),
        force,
    }
}

fn undoing(change: StateChange, others: &[StateChange]) -> Undoing {
    Undoing { change, others: others.to_vec() }
}

#[test]
fn what_is_undone_being_undone_or_undecided_does_not_stand_and_what_was_only_proposed_never_did() {
    let at = Timestamp::from_secs(20);
    let force = |origin, standing, reverted, done| {
        NAME.change(&action(origin, standing, reverted), done).map(|change| change.force)
    };
    let happened = Origin::Platform;
    assert_eq!(force(happened, Standing::Stands, false, None), Some(Force::Happened));
    assert_eq!(force(happened, Standing::Stands, false, Some(at)), Some(Force::Done(at)));
    assert_eq!(force(happened, Standing::Stands, true, None), Some(Force::Undone), "passed, not yet done again");
    assert_eq!(force(happened, Standing::Contested, false, None), Some(Force::Undone));
    assert_eq!(force(happened, Standing::Undone, false, None), Some(Force::Undone));
    assert_eq!(force(happened, Standing::Held, false, None), Some(Force::Happened), "nobody has undone it");
    assert_eq!(force(happened, Standing::Held, true, None), Some(Force::Undone));
    assert_eq!(force(Origin::PolicyKit, Standing::Stands, false, None), None);
    assert_eq!(force(Origin::PolicyKit, Standing::Stands, false, Some(at)), Some(Force::Done(at)));
}

#[test]
fn what_was_before_is_looked_for_behind_everything_that_does_not_stand() {
    let (b, c) = (change(1, "a", "b", Force::Undone), change(2, "b", "c", Force::Undone));
    let d = change(3, "c", "d", Force::Undone);
    assert_eq!(undoing(d.clone(), &[b.clone(), c.clone()]).before().as_deref(), Some("a"));
    assert_eq!(undoing(d.clone(), &[c.clone(), b.clone()]).before().as_deref(), Some("a"), "in any order");
    let stands = StateChange { force: Force::Happened, ..c.clone() };
    assert_eq!(undoing(d.clone(), &[b, stands]).before().as_deref(), Some("c"));
    assert_eq!(undoing(d.clone(), &[]).before().as_deref(), Some("c"), "nobody governs what came before");
    let done = StateChange { force: Force::Done(Timestamp::from_secs(9)), ..c.clone() };
    assert_eq!(undoing(d, &[done]).before().as_deref(), Some("c"));
}

#[test]
fn a_name_that_was_undone_long_ago_may_have_been_given_anew_by_somebody_whom_nobody_governs() {
    let long_ago = change(1, "a", "b", Force::Undone);
    let since = change(2, "a", "c", Force::Happened);
    let mine = change(5, "b", "d", Force::Undone);
    assert_eq!(undoing(mine, &[long_ago, since]).before().as_deref(), Some("b"));
}

#[test]
fn two_names_that_were_changed_to_and_fro_lead_to_an_end() {
    let to = change(1, "a", "b", Force::Undone);
    let fro = change(2, "b", "a", Force::Undone);
    let again = change(3, "a", "b", Force::Undone);
    assert_eq!(undoing(again.clone(), &[to.clone(), fro.clone()]).before().as_deref(), Some("a"));
    let same = change(2, "a", "a", Force::Undone);
    assert_eq!(undoing(again, &[to, fro, same]).before().as_deref(), Some("a"));
}

#[test]
fn the_same_value_given_again_later_and_standing_is_another_change() {
    let mine = change(5, "a", "b", Force::Undone);
    let by = |other: StateChange| undoing(mine.clone(), &[other]).confirmed_by(|one, two| one == two).is_some();
    assert!(by(change(6, "a", "b", Force::Happened)));
    assert!(by(change(1, "a", "b", Force::Done(Timestamp::from_secs(6)))), "carried out later");
    assert!(!by(change(4, "a", "b", Force::Happened)), "it stood before and was replaced");
    assert!(!by(change(6, "a", "b", Force::Undone)));
    assert!(!by(change(6, "a", "c", Force::Happened)));
}

#[test]
fn the_key_tells_things_apart_and_needs_all_of_its_parts() {
    let fields = |channel: &str| json!({ "channel": channel }).as_object().unwrap().clone();
    assert_ne!(NAME.key(&fields("C1")), NAME.key(&fields("C2")));
    assert_ne!(NAME.key(&fields("C1")), StateOf { what: "topic", ..NAME }.key(&fields("C1")));
    assert_eq!(NAME.key(&JsonMap::new()), None);
}

#[test]
fn a_value_is_undone_when_a_change_to_it_is_and_none_was_carried_out() {
    let mine = change(5, "a", "b", Force::Undone);
    let gone = change(1, "", "tea", Force::Undone);
    let done = change(2, "", "tea", Force::Done(Timestamp::from_secs(3)));
    assert!(undoing(mine.clone(), std::slice::from_ref(&gone)).is_undone("tea"));
    assert!(!undoing(mine.clone(), &[gone, done]).is_undone("tea"));
    assert!(!undoing(mine, &[]).is_undone("tea"));
}
