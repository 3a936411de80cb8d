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

/// Everything there could be, so that whatever a change takes of it is there.
fn subjects() -> Vec<Subject> {
    let of = |before| Subject { name: Some("In force".into()), users: vec!["ada".into()], before };
    vec![
        of(Before::Nothing),
        of(Before::Order(vec![policy()])),
        of(Before::Role { description: "old".into(), permissions: ["old".to_owned()].into() }),
        of(Before::Text("old".into())),
    ]
}

#[test]
fn what_a_change_is_about_is_looked_up_and_never_what_the_proposer_says() {
    let lies: JsonMap = subject::LOOKED_UP.iter().map(|field| ((*field).to_owned(), json!("a lie"))).collect();
    for amendment in every_amendment() {
        let mut proposed = amendment.fields();
        proposed.extend(lies.clone());
        proposed.insert("beside".to_owned(), json!("a lie"));
        let action_type = amendment.action_type();
        for subject in subjects() {
            let told = amendment.told(&proposed, &subject);
            assert!(!told.values().any(|value| *value == json!("a lie")), "{action_type}: {told:?}");
            assert_eq!(Amendment::read(&action_type, &told), Ok(amendment.clone()), "it reads back as it was");
            let described = action_types().into_iter().find(|t| t.codename == action_type).expect("it is described");
            for field in told.keys().filter(|f| *f != "on_error") {
                assert!(described.fields.iter().any(|f| f.name == field), "{field} of {action_type}");
            }
            let named = told.values().any(|value| *value == json!("In force"));
            assert_eq!(named, !matches!(amendment.target(), Target::New | Target::Order(_)), "{action_type}");
        }
        let nothing = amendment.told(&proposed, &Subject::default());
        assert!(!nothing.values().any(|value| *value == json!("a lie")), "{action_type}: {nothing:?}");
        proposed.remove("beside");
        assert_eq!(Amendment::read(&action_type, &proposed), Ok(amendment), "lies are not read");
    }
    assert!(accepts_lockout(&every_amendment()[0].told(&accepting(), &Subject::default())));
}

fn accepting() -> JsonMap {
    [(ACCEPTS_LOCKOUT.to_owned(), true.into())].into_iter().collect()
}

#[test]
fn a_change_reads_with_the_name_that_is_in_force() {
    let reads = |amendment: &Amendment, subject: &Subject| {
        described(&amendment.action_type(), &amendment.told(&JsonMap::new(), subject)).expect("it is one")
    };
    let change = Amendment::ChangePolicy { policy: policy(), version: None, draft: a_draft(PolicyKind::Platform) };
    assert_eq!(reads(&change, &Subject::named("No spoilers")), "change the rule “No spoilers”");
    assert_eq!(reads(&change, &Subject::named("Old")), "change the rule “Old” and call it “No spoilers”");
    let hostile = Subject::named("Old” and call it “Harmless");
    assert!(reads(&change, &hostile).contains("“Old' and call it 'Harmless” and call it “No spoilers”"));
    let kind = PolicyKind::Constitution;
    let remove = Amendment::RemovePolicy { kind, policy: policy() };
    assert_eq!(reads(&remove, &Subject::named("Votes")), "take the rule about the rules “Votes” out of force");
    let give = |n: u128| Amendment::AddUserRole {
        role: role(),
        users: (0..n).map(|n| UserId::from_uuid(Uuid::from_u128(n))).collect(),
    };
    let crew = |names: &[&str]| Subject {
        users: names.iter().map(|name| (*name).to_owned()).collect(),
        ..Subject::named("Crew")
    };
    assert_eq!(reads(&give(1), &crew(&["ada"])), "give the role “Crew” to ada");
    assert_eq!(reads(&give(2), &crew(&["ada", "ben"])), "give the role “Crew” to ada and ben");
    assert_eq!(reads(&give(5), &crew(&["a", "b", "c", "d", "e"])), "give the role “Crew” to a, b, c and 2 more");
    for amendment in every_amendment() {
        let said = reads(&amendment, &Subject { users: vec!["ada".into()], ..Subject::named("Here") });
        let order = matches!(amendment.target(), Target::Order(_));
        assert_eq!(said.contains('“'), !order, "{said}");
        // Of before names were looked up, or about nothing that is there.
        assert!(!reads(&amendment, &Subject::default()).contains("“”"), "{}", reads(&amendment, &Subject::default()));
    }
    assert_eq!(described("slackpostmessage", &JsonMap::new()), None);
}

#[test]
fn a_name_holds_nothing_that_cannot_be_seen() {
    for hidden in ["No spoilers\u{200B}", "No\u{202E}sreliops", "No\nspoilers", "\u{FEFF}No spoilers"] {
        let draft = PolicyDraft { name: hidden.into(), ..a_draft(PolicyKind::Platform) };
        let role = RoleDraft { name: hidden.into(), ..RoleDraft::default() };
        let text = DocumentDraft { name: hidden.into(), ..DocumentDraft::default() };
        for amendment in [Amendment::AddPolicy(draft), Amendment::AddRole(role), Amendment::AddDocument(text)] {
            let why = amendment.check().expect_err("it is refused").to_string();
            assert!(why.contains("`name` has a character that cannot be seen (U+"), "{why}");
        }
    }
    for fine in ["Žádné spoilery", "👩‍🚀 crew", "قواعد", "می‌خواهم", "规则"] {
        let draft = PolicyDraft { name: fine.into(), ..a_draft(PolicyKind::Platform) };
        assert_eq!(Amendment::AddPolicy(draft).check(), Ok(()), "{fine}");
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
