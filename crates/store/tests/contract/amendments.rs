//! Changes of the rules are made with what decided them, or not at all, and say so.

use std::collections::BTreeSet;

use policykit_core::{
    action::Standing,
    community::{InstallationStatus, User},
    constitution::{Amendment, DocumentDraft, PlaceDraft, RoleDraft},
    ids::{DocumentId, InstallationId, PolicyId, RoleId, UserId},
    permission::INTEGRATION_ADMIN,
    policy::PolicyKind,
    proposal::EffectStatus,
};
use policykit_store::{Base, Changes, Db, LostInstallation, NewAmendment, NewSession, PolicyState, StoreError, Whose};
use secrecy::SecretString;

use crate::support::{Home, community, draft, id, on_each, secs};

/// Decides a change, as an action with a proposal of its own. Returns the decision's words and what the proposal says.
async fn decide(db: &Db, home: &Home, key: &str, amendment: Amendment) -> (String, EffectStatus, Option<String>) {
    let (action, proposal) = (home.action(key), home.proposal(key));
    let new = NewAmendment {
        community: home.community,
        action: action.id,
        proposal: Some(proposal.id),
        amendment,
        at: secs(7),
        accepts_lockout: false,
        forbidden: None,
        judged_by: None,
        announce: None,
    };
    let id = proposal.id;
    db.commit(Changes {
        actions: vec![action],
        proposals: vec![proposal],
        amendments: vec![new],
        ..Changes::default()
    })
    .await
    .unwrap();
    let scoped = db.community(home.community);
    let last = scoped.decisions(0, 100).await.unwrap().pop().unwrap();
    let bundle = scoped.proposal(id).await.unwrap();
    if last.kind == "amendment.refused" {
        assert_eq!(bundle.action.standing, Standing::Undone);
    }
    (last.kind, bundle.proposal.effect, bundle.proposal.effect_note)
}

async fn done(db: &Db, home: &Home, key: &str, amendment: Amendment) {
    let (word, _, note) = decide(db, home, key, amendment).await;
    assert_eq!((word.as_str(), note), ("amendment.done", None), "{key}");
}

async fn refused(db: &Db, home: &Home, key: &str, amendment: Amendment) -> String {
    let (word, effect, note) = decide(db, home, key, amendment).await;
    assert_eq!((word.as_str(), effect), ("amendment.refused", EffectStatus::Refused), "{key}");
    note.unwrap()
}

fn role(name: &str) -> RoleDraft {
    RoleDraft { name: name.to_owned(), description: "d".to_owned(), permissions: BTreeSet::from(["can_x".to_owned()]) }
}

#[test]
fn a_policy_is_added_changed_taken_out_of_force_and_put_back() {
    on_each(async |db| {
        let db = db.db().await;
        let home = Home::build(&db).await;
        let scoped = db.community(home.community);
        let version = scoped.state().await.unwrap().version;
        done(&db, &home, "add", Amendment::AddPolicy(draft("second"))).await;
        let state = scoped.state().await.unwrap();
        assert_eq!(state.version, version + 1, "other nodes must notice");
        let names: Vec<_> = state.policies.iter().map(|p| p.draft.name.as_str()).collect();
        assert_eq!(names, ["second", "vote on it"], "a new one is tried first");
        let added = state.policies[0].id;
        assert_eq!(added, PolicyId::derive(home.action("add").id));

        let kind = state.policies[0].draft.kind;
        let change = |version, name: &str| Amendment::ChangePolicy { policy: added, version, draft: draft(name) };
        done(&db, &home, "change", change(Some(1), "second, better")).await;
        let why = refused(&db, &home, "late", change(Some(1), "second, worse")).await;
        assert_eq!(why, "the policy has changed meanwhile: this was made from version 1, in force is 2");
        done(&db, &home, "whatever", change(None, "third")).await;
        assert_eq!(scoped.state().await.unwrap().policies[0].draft.name, "third");
        assert_eq!(scoped.policy_versions(added).await.unwrap().len(), 3);

        let other = if kind == PolicyKind::Platform { PolicyKind::Trigger } else { PolicyKind::Platform };
        refused(&db, &home, "kind", Amendment::RemovePolicy { kind: other, policy: added }).await;
        done(&db, &home, "remove", Amendment::RemovePolicy { kind, policy: added }).await;
        assert_eq!(scoped.state().await.unwrap().policies.len(), 1);
        done(&db, &home, "recover", Amendment::RecoverPolicy { kind, policy: added }).await;
        assert_eq!(scoped.state().await.unwrap().policies[0].id, added);
        assert_eq!(scoped.policies().await.unwrap().iter().filter(|(_, s)| *s == PolicyState::Active).count(), 2);
        let nobody = PolicyId::from_uuid(id("nobody"));
        let why = refused(&db, &home, "gone", Amendment::RemovePolicy { kind, policy: nobody }).await;
        assert_eq!(why, "the policy is gone");
        assert!(matches!(scoped.verify_decisions().await.unwrap(), policykit_store::ChainReport::Intact { .. }));
    });
}

#[test]
fn a_change_that_was_judged_by_other_rules_is_not_written_and_nothing_with_it() {
    on_each(async |db| {
        let db = db.db().await;
        let home = Home::build(&db).await;
        let scoped = db.community(home.community);
        let version = scoped.state().await.unwrap().version;
        let judged = |key: &str, judged_by| {
            let action = home.action(key);
            let new = NewAmendment {
                community: home.community,
                action: action.id,
                proposal: None,
                amendment: Amendment::AddPolicy(draft(key)),
                at: secs(7),
                accepts_lockout: false,
                forbidden: None,
                judged_by,
                announce: None,
            };
            Changes { actions: vec![action], amendments: vec![new], ..Changes::default() }
        };
        db.commit(judged("first", Some(version))).await.unwrap();
        let late = db.commit(judged("second", Some(version))).await;
        assert!(matches!(late, Err(StoreError::Conflict { .. })), "{late:?}");
        assert!(scoped.outcome(home.action("second").id).await.unwrap().is_none());
        assert_eq!(scoped.state().await.unwrap().version, version + 1);
        db.commit(judged("second", Some(version + 1))).await.unwrap();
        db.commit(judged("third", None)).await.unwrap();
        assert_eq!(scoped.state().await.unwrap().policies.len(), 4);
    });
}

#[test]
fn an_order_must_name_exactly_the_policies_in_force() {
    on_each(async |db| {
        let db = db.db().await;
        let home = Home::build(&db).await;
        let scoped = db.community(home.community);
        done(&db, &home, "a", Amendment::AddPolicy(draft("a"))).await;
        done(&db, &home, "b", Amendment::AddPolicy(draft("b"))).await;
        let now = scoped.state().await.unwrap().policies;
        let kind = now[0].draft.kind;
        let mut order: Vec<PolicyId> = now.iter().map(|p| p.id).collect();
        order.rotate_left(1);
        done(&db, &home, "order", Amendment::OrderPolicies { kind, order: order.clone() }).await;
        let ids = |policies: Vec<policykit_core::policy::Policy>| policies.iter().map(|p| p.id).collect::<Vec<_>>();
        assert_eq!(ids(scoped.state().await.unwrap().policies), order);
        order.pop();
        refused(&db, &home, "short", Amendment::OrderPolicies { kind, order }).await;
    });
}

#[test]
fn roles_are_made_given_taken_and_removed_but_two_must_stay() {
    on_each(async |db| {
        let db = db.db().await;
        let home = Home::build(&db).await;
        let scoped = db.community(home.community);
        let user = home.user("U1");
        db.commit(Changes { users: vec![user.clone()], ..Changes::default() }).await.unwrap();
        let base = scoped.add_role("Base Role", Base::Yes, BTreeSet::new(), id("base")).await.unwrap().id;
        let guard = scoped.add_role(INTEGRATION_ADMIN, Base::No, BTreeSet::new(), id("guard")).await.unwrap().id;
        done(&db, &home, "add", Amendment::AddRole(role("Crew"))).await;
        let why = refused(&db, &home, "twice", Amendment::AddRole(role("Crew"))).await;
        assert_eq!(why, "there is a role `Crew` already");
        let crew = RoleId::derive(home.action("add").id);
        let users = BTreeSet::from([user.id]);
        done(&db, &home, "give", Amendment::AddUserRole { role: crew, users: users.clone() }).await;
        done(&db, &home, "again", Amendment::AddUserRole { role: crew, users: users.clone() }).await;
        assert_eq!(scoped.state().await.unwrap().role_members[&user.id], BTreeSet::from([crew]));
        refused(&db, &home, "rename", Amendment::EditRole { role: crew, draft: role("Base Role") }).await;
        done(&db, &home, "edit", Amendment::EditRole { role: crew, draft: role("Sailors") }).await;
        let found = scoped.state().await.unwrap().roles.into_iter().find(|r| r.id == crew).unwrap();
        assert_eq!((found.name.as_str(), found.description.as_str()), ("Sailors", "d"));
        done(&db, &home, "take", Amendment::RemoveUserRole { role: crew, users: users.clone() }).await;
        assert!(!scoped.state().await.unwrap().role_members.contains_key(&user.id));
        done(&db, &home, "give2", Amendment::AddUserRole { role: crew, users: users.clone() }).await;
        done(&db, &home, "delete", Amendment::DeleteRole { role: crew }).await;
        refused(&db, &home, "gone", Amendment::AddUserRole { role: crew, users }).await;
        for (key, protected) in [("base", base), ("guard", guard)] {
            let why = refused(&db, &home, key, Amendment::DeleteRole { role: protected }).await;
            assert!(why.ends_with("must stay"), "{why}");
        }
        // Integrations are guarded by this name.
        refused(&db, &home, "rename guard", Amendment::EditRole { role: guard, draft: role("X") }).await;
        done(&db, &home, "rename base", Amendment::EditRole { role: base, draft: role("Everybody") }).await;
        assert_eq!(scoped.state().await.unwrap().roles.len(), 2);
    });
}

fn place(external_id: &str) -> PlaceDraft {
    PlaceDraft { platform: "forum".to_owned(), external_id: external_id.to_owned(), name: "The forum".to_owned() }
}

#[test]
fn a_place_is_added_without_keys_and_removed_with_its_sessions() {
    on_each(async |db| {
        let db = db.db().await;
        let home = Home::build(&db).await;
        let scoped = db.community(home.community);
        done(&db, &home, "add", Amendment::AddIntegration(place("F1"))).await;
        let added = InstallationId::derive(home.action("add").id);
        let find = async |id: InstallationId| {
            let all = scoped.state().await.unwrap().installations;
            all.into_iter().find(|i| i.id == id).unwrap()
        };
        let there = find(added).await;
        assert_eq!((there.external_id.as_str(), there.status), ("F1", InstallationStatus::CredentialsDead));
        let why = refused(&db, &home, "again", Amendment::AddIntegration(place("F2"))).await;
        assert_eq!(why, "the community is connected to The forum on the same platform already");
        assert_eq!(
            scoped.refusal(home.action("again").id).await.unwrap(),
            Some(why),
            "whoever had it made can be told"
        );
        assert_eq!(scoped.refusal(home.action("add").id).await.unwrap(), None);

        let system = db.system();
        let session = |hash: &str| NewSession {
            hash: hash.as_bytes().to_vec(),
            now: secs(1),
            expires_at: secs(1_000),
            agent: String::new(),
        };
        let forum = User { installation: added, id: UserId::derive(added, "F"), ..home.user("F") };
        db.commit(Changes { users: vec![home.user("U1"), forum.clone()], ..Changes::default() }).await.unwrap();
        system.open_session(home.community, home.user("U1").id, session("chat")).await.unwrap();
        system.open_session(home.community, forum.id, session("forum")).await.unwrap();
        let secret = SecretString::from("k".to_owned());
        scoped.put_secret(added, "token", &secret).await.unwrap();
        let gone = |community| Changes { keys_destroyed: vec![(community, added)], ..Changes::default() };
        db.commit(gone(home.community)).await.unwrap();
        assert!(scoped.get_secret(added, "token").await.unwrap().is_some(), "it has not been removed");

        done(&db, &home, "remove", Amendment::RemoveIntegration { integration: added }).await;
        assert_eq!(find(added).await.status, InstallationStatus::Uninstalled);
        assert!(system.session(b"forum", secs(2)).await.unwrap().is_none(), "it was opened through the place");
        assert!(system.session(b"chat", secs(2)).await.unwrap().is_some(), "another place is none of this");
        system.open_session(home.community, forum.id, session("late")).await.unwrap();
        assert!(system.session(b"late", secs(2)).await.unwrap().is_none(), "it was opened while that was decided");
        let lost = LostInstallation {
            installation: home.installation,
            status: InstallationStatus::Uninstalled,
            note: "app_uninstalled".to_owned(),
            generation: None,
            at: None,
        };
        db.commit(Changes { installations_lost: vec![lost], ..Changes::default() }).await.unwrap();
        let left =
            system.sessions(Whose::Member { community: home.community, user: home.user("U1").id }, secs(2)).await;
        assert!(left.unwrap().is_empty(), "the platform has removed us, which is the same");
        assert!(scoped.get_secret(added, "token").await.unwrap().is_some(), "the platform is still to be told");
        db.commit(gone(community(9, 9))).await.unwrap();
        assert!(scoped.get_secret(added, "token").await.unwrap().is_some(), "nobody else's to destroy");
        db.commit(gone(home.community)).await.unwrap();
        assert!(scoped.get_secret(added, "token").await.unwrap().is_none());
        let why = refused(&db, &home, "twice", Amendment::RemoveIntegration { integration: added }).await;
        assert_eq!(why, "the integration is gone");
        done(&db, &home, "back", Amendment::AddIntegration(place("F1"))).await;
        assert_eq!(find(added).await.status, InstallationStatus::CredentialsDead, "the same place as before");
    });
}

#[test]
fn documents_keep_their_text_when_they_are_out_of_force() {
    on_each(async |db| {
        let db = db.db().await;
        let home = Home::build(&db).await;
        let text = |text: &str| DocumentDraft { name: "Guidelines".to_owned(), text: text.to_owned() };
        done(&db, &home, "add", Amendment::AddDocument(text("Be kind."))).await;
        let document = DocumentId::derive(home.action("add").id);
        done(&db, &home, "change", Amendment::ChangeDocument { document, draft: text("Be kinder.") }).await;
        done(&db, &home, "delete", Amendment::DeleteDocument { document }).await;
        let found = db.community(home.community).documents().await.unwrap().pop().unwrap();
        assert_eq!((found.text.as_str(), found.is_active), ("Be kinder.", false));
        done(&db, &home, "recover", Amendment::RecoverDocument { document }).await;
        assert!(db.community(home.community).documents().await.unwrap()[0].is_active);
        let document = DocumentId::from_uuid(id("none"));
        assert_eq!(refused(&db, &home, "none", Amendment::DeleteDocument { document }).await, "the document is gone");
    });
}

#[test]
fn what_another_community_has_cannot_be_changed() {
    on_each(async |db| {
        let db = db.db().await;
        let (here, there) = (Home::build(&db).await, Home::build_in(&db, community(5, 1)).await);
        let theirs = db.community(there.community);
        let crew = theirs.add_role("Crew", Base::No, BTreeSet::new(), id("crew")).await.unwrap().id;
        db.commit(Changes { users: vec![there.user("U1"), here.user("U1")], ..Changes::default() }).await.unwrap();
        done(&db, &there, "doc", Amendment::AddDocument(DocumentDraft { name: "D".to_owned(), ..Default::default() }))
            .await;
        done(&db, &here, "mine", Amendment::AddRole(role("Mine"))).await;
        let mine = RoleId::derive(here.action("mine").id);
        let document = DocumentId::derive(there.action("doc").id);
        let before = crate::support::show(&theirs.state().await.unwrap());
        let occupied = theirs.state().await.unwrap().installations.remove(0);
        let (policy, kind) = (there.policy.id, there.policy.draft.kind);
        let (us, them) = (BTreeSet::from([here.user("U1").id]), BTreeSet::from([there.user("U1").id]));
        for (n, amendment) in [
            Amendment::ChangePolicy { policy, version: None, draft: draft("stolen") },
            Amendment::RemovePolicy { kind, policy },
            Amendment::RecoverPolicy { kind, policy },
            Amendment::OrderPolicies { kind, order: vec![policy] },
            Amendment::EditRole { role: crew, draft: role("stolen") },
            Amendment::DeleteRole { role: crew },
            Amendment::AddUserRole { role: crew, users: us },
            Amendment::AddUserRole { role: mine, users: them.clone() },
            Amendment::RemoveUserRole { role: crew, users: them },
            Amendment::DeleteDocument { document },
            Amendment::RecoverDocument { document },
            Amendment::RemoveIntegration { integration: there.installation },
            Amendment::AddIntegration(PlaceDraft {
                platform: occupied.platform.clone(),
                external_id: occupied.external_id.clone(),
                name: occupied.name.clone(),
            }),
            Amendment::ChangeDocument { document, draft: DocumentDraft::default() },
        ]
        .into_iter()
        .enumerate()
        {
            refused(&db, &here, &format!("try {n}"), amendment).await;
        }
        assert_eq!(crate::support::show(&theirs.state().await.unwrap()), before);
        assert!(theirs.documents().await.unwrap()[0].is_active);
        assert!(db.community(here.community).documents().await.unwrap().is_empty());
    });
}

#[test]
fn a_change_that_is_decided_twice_is_made_once_and_stops_nothing() {
    on_each(async |db| {
        let db = db.db().await;
        let home = Home::build(&db).await;
        let document = Amendment::AddDocument(DocumentDraft { name: "Charter".to_owned(), text: "t".to_owned() });
        let policy = Amendment::AddPolicy(draft("second"));
        let change = Amendment::ChangePolicy { policy: home.policy.id, version: None, draft: draft("better") };
        for (key, amendment) in [("document", document), ("policy", policy), ("change", change)] {
            done(&db, &home, key, amendment.clone()).await;
            let why = refused(&db, &home, key, amendment).await;
            assert_eq!(why, "this change has been made already", "{key}");
        }
        let scoped = db.community(home.community);
        assert_eq!(scoped.documents().await.unwrap().len(), 1);
        assert_eq!(scoped.state().await.unwrap().policies.len(), 2);
        assert_eq!(scoped.policy_versions(home.policy.id).await.unwrap().len(), 2);
    });
}

#[test]
fn a_role_is_given_and_taken_however_many_are_named() {
    on_each(async |db| {
        let db = db.db().await;
        let home = Home::build(&db).await;
        let scoped = db.community(home.community);
        let role = scoped.add_role("Crew", Base::No, BTreeSet::new(), id("crew")).await.unwrap().id;
        let people: Vec<_> = (0..1_001).map(|n| home.user(&format!("U{n}"))).collect();
        let users: BTreeSet<_> = people.iter().map(|user| user.id).collect();
        db.commit(Changes { users: people, ..Changes::default() }).await.unwrap();
        done(&db, &home, "give", Amendment::AddUserRole { role, users: users.clone() }).await;
        assert_eq!(scoped.state().await.unwrap().role_members.len(), 1_001);
        done(&db, &home, "take", Amendment::RemoveUserRole { role, users }).await;
        assert!(scoped.state().await.unwrap().role_members.is_empty());
        // More than any database takes parameters in one statement, none of them known.
        let strangers: BTreeSet<_> = (0..70_000_u128).map(|n| UserId::from_uuid(uuid::Uuid::from_u128(n))).collect();
        let why = refused(&db, &home, "strangers", Amendment::AddUserRole { role, users: strangers.clone() }).await;
        assert_eq!(why, "somebody it names is not a member");
        done(&db, &home, "nobody", Amendment::RemoveUserRole { role, users: strangers }).await;
    });
}
