use serde_json::json;
use uuid::Uuid;

use super::*;

fn policy() -> PolicyId {
    PolicyId::from_uuid(Uuid::from_u128(7))
}

fn role() -> RoleId {
    RoleId::from_uuid(Uuid::from_u128(8))
}

fn document() -> DocumentId {
    DocumentId::from_uuid(Uuid::from_u128(9))
}

fn place(external_id: &str) -> PlaceDraft {
    PlaceDraft { platform: "forum".into(), external_id: external_id.into(), name: "Acme".into() }
}

fn a_draft(kind: PolicyKind) -> PolicyDraft {
    PolicyDraft {
        kind,
        name: "No spoilers".into(),
        description: "Endings are secret.".into(),
        action_types: vec!["post".into()],
        blocks: Blocks { filter: "return True".into(), check: "return PASSED".into(), ..Blocks::default() },
        on_error: if kind == PolicyKind::Constitution { OnError::Hold } else { OnError::Next },
    }
}

fn every_amendment() -> Vec<Amendment> {
    let users: BTreeSet<UserId> = [UserId::from_uuid(Uuid::from_u128(3))].into();
    let named = RoleDraft { name: "Steward".into(), description: "d".into(), permissions: ["add_x".to_owned()].into() };
    let written = DocumentDraft { name: "Charter".into(), text: "We meet on Thursdays.".into() };
    let mut all = Vec::new();
    for kind in [PolicyKind::Platform, PolicyKind::Constitution, PolicyKind::Trigger] {
        all.extend([
            Amendment::AddPolicy(a_draft(kind)),
            Amendment::ChangePolicy { policy: policy(), version: Some(2), draft: a_draft(kind) },
            Amendment::ChangePolicy { policy: policy(), version: None, draft: a_draft(kind) },
            Amendment::RemovePolicy { kind, policy: policy() },
            Amendment::RecoverPolicy { kind, policy: policy() },
            Amendment::OrderPolicies { kind, order: vec![policy()] },
        ]);
    }
    all.extend([
        Amendment::AddRole(named.clone()),
        Amendment::EditRole { role: role(), draft: named },
        Amendment::DeleteRole { role: role() },
        Amendment::AddUserRole { role: role(), users: users.clone() },
        Amendment::RemoveUserRole { role: role(), users },
        Amendment::AddDocument(written.clone()),
        Amendment::ChangeDocument { document: document(), draft: written },
        Amendment::DeleteDocument { document: document() },
        Amendment::RecoverDocument { document: document() },
        Amendment::AddIntegration(place("T0A")),
        Amendment::RemoveIntegration { integration: InstallationId::from_uuid(Uuid::from_u128(10)) },
    ]);
    all
}

#[test]
fn every_change_is_read_back_from_its_action_as_it_was() {
    for amendment in every_amendment() {
        let read = Amendment::read(&amendment.action_type(), &amendment.fields());
        assert_eq!(read, Ok(amendment));
    }
}

#[test]
fn every_change_is_described_and_every_description_is_of_a_change() {
    let changes: BTreeSet<String> = every_amendment().iter().map(Amendment::action_type).collect();
    let described: BTreeSet<String> = action_types().iter().map(|t| t.codename.to_owned()).collect();
    assert_eq!(changes, described);
    for amendment in every_amendment() {
        let types = action_types();
        let known = types.iter().find(|t| t.codename == amendment.action_type()).map(|t| &t.fields);
        let known: BTreeSet<&str> = known.into_iter().flatten().map(|f| f.name).collect();
        for field in amendment.fields().keys().filter(|f| *f != "on_error") {
            assert!(known.contains(field.as_str()), "{field} of {}", amendment.action_type());
        }
    }
}

#[test]
fn what_is_missing_or_of_the_wrong_shape_is_named() {
    let read = |action_type: &str, fields: Json| {
        Amendment::read(action_type, fields.as_object().expect("an object")).expect_err("it is refused").to_string()
    };
    assert!(read("policykitaddplatformpolicy", json!({})).contains("`name`"));
    assert!(read("policykitchangeplatformpolicy", json!({ "name": "x" })).contains("`policy` is missing"));
    assert!(read("policykitdeleterole", json!({ "role": "no id" })).to_lowercase().contains("uuid"));
    for unknown in ["slackpostmessage", "policykitaddplatformpolicies2", "policykiteatplatformpolicy", "policykit"] {
        assert_eq!(
            Amendment::read(unknown, &JsonMap::new()),
            Err(Invalid::UnknownType(unknown.to_owned())),
            "{unknown}"
        );
    }
}

#[test]
fn what_can_never_be_is_refused_before_it_is_proposed() {
    let refused = |amendment: Amendment| amendment.check().expect_err("it is refused").to_string();
    let nameless = PolicyDraft { name: "  ".into(), ..a_draft(PolicyKind::Platform) };
    assert!(refused(Amendment::AddPolicy(nameless)).contains("`name` is empty"));
    let long = PolicyDraft { name: "x".repeat(101), ..a_draft(PolicyKind::Platform) };
    assert!(refused(Amendment::AddPolicy(long)).contains("at most 100"));
    let aimless = PolicyDraft { action_types: Vec::new(), ..a_draft(PolicyKind::Trigger) };
    assert!(refused(Amendment::AddPolicy(aimless)).contains("`action_types`"));
    let handing_on = PolicyDraft { on_error: OnError::Next, ..a_draft(PolicyKind::Constitution) };
    assert!(refused(Amendment::AddPolicy(handing_on.clone())).contains("`on_error` is `next`"));
    let changed = Amendment::ChangePolicy { policy: policy(), version: None, draft: handing_on };
    assert!(refused(changed).contains("take `hold`"));
    let nobody = Amendment::AddUserRole { role: role(), users: BTreeSet::new() };
    assert!(refused(nobody).contains("`users`"));
    assert!(refused(Amendment::AddIntegration(place(" "))).contains("`external_id` is empty"));
    let twice = Amendment::OrderPolicies { kind: PolicyKind::Platform, order: vec![policy(), policy()] };
    assert!(refused(twice).contains("twice"));
    for amendment in every_amendment() {
        assert_eq!(amendment.check(), Ok(()));
    }
}

#[test]
fn no_change_is_without_measure() {
    let refused = |amendment: Amendment| amendment.check().expect_err("it is refused").to_string();
    let users = |n: u128| (0..n).map(|n| UserId::from_uuid(Uuid::from_u128(n))).collect::<BTreeSet<_>>();
    let give = |n| Amendment::AddUserRole { role: role(), users: users(n) };
    assert_eq!(give(500).check(), Ok(()));
    for amendment in [give(501), Amendment::RemoveUserRole { role: role(), users: users(501) }] {
        let why = refused(amendment);
        assert!(why.contains("`users`") && why.contains("at most 500"), "{why}");
    }
    let document = |chars| Amendment::AddDocument(DocumentDraft { name: "d".into(), text: "ü".repeat(chars) });
    assert_eq!(document(100_000).check(), Ok(()), "characters are counted, not bytes");
    assert!(refused(document(100_001)).contains("`text` has 100001 characters; at most 100000"));
    let wordy = PolicyDraft { description: "x".repeat(5_001), ..a_draft(PolicyKind::Platform) };
    assert!(refused(Amendment::AddPolicy(wordy)).contains("`description`"));
    let broad = PolicyDraft { action_types: vec!["t".into(); 501], ..a_draft(PolicyKind::Platform) };
    assert!(refused(Amendment::AddPolicy(broad)).contains("`action_types`"));
    let draft = |permissions: BTreeSet<String>| {
        Amendment::AddRole(RoleDraft { name: "r".into(), description: String::new(), permissions })
    };
    assert!(refused(draft((0..501).map(|n| n.to_string()).collect())).contains("`permissions` has 501 entries"));
    assert!(refused(draft(["p".repeat(201)].into())).contains("`permissions` has an entry of 201 characters"));
    let order = (0..501).map(|n| PolicyId::from_uuid(Uuid::from_u128(n))).collect();
    let order = Amendment::OrderPolicies { kind: PolicyKind::Platform, order };
    assert!(refused(order).contains("`order`"));
}

#[test]
fn everybody_s_role_and_the_guard_of_integrations_are_protected() {
    assert!(is_protected("Everybody", true) && is_protected(INTEGRATION_ADMIN, false));
    assert!(!is_protected("Steward", false));
}
