//! What the pages of the rules are made of: kits, people, recoveries, and what came of an action.

use std::collections::BTreeSet;

use policykit_core::{
    constitution::{Amendment, RoleDraft},
    ids::{ActionId, PolicyId, PolicyVersionId, RoleId},
    kit::Holders,
    permission::INTEGRATION_ADMIN,
    policy::PolicyKind,
    proposal::Status,
};
use policykit_store::{
    Base, Changes, DefaultPermissions, KitOutcome, NewAmendment, NewKit, Page, Part, PeopleFilter, RecordFilter,
    Recovery, RecoveryState, Sight, StoreError,
};

use crate::support::{Home, draft, id, on_each, secs};

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn kit(home: &Home, name: &str) -> NewKit {
    let role = |name: &str, permissions: &[&str]| RoleDraft {
        name: name.to_owned(),
        description: "d".to_owned(),
        permissions: names(permissions),
    };
    NewKit {
        kit: name.to_owned(),
        policies: vec![(
            draft("from the kit"),
            PolicyId::from_uuid(id(&format!("policy of {name}"))),
            PolicyVersionId::from_uuid(id(&format!("version of {name}"))),
        )],
        base: role("Members", &["see"]),
        roles: vec![(role("Crew", &["sail"]), RoleId::from_uuid(id("crew of the kit")), Holders::Administrators)],
        integration_admins: names(&["can_remove_integration"]),
        installer: home.user("U1").id,
        at: secs(3),
    }
}

#[test]
fn a_kit_joins_the_roles_of_its_names() {
    on_each(async |db| {
        let db = db.db().await;
        let home = Home::build_bare(&db).await;
        let admin = policykit_core::community::User { is_admin: true, ..home.user("U2") };
        let left = policykit_core::community::User { is_admin: true, is_gone: true, ..home.user("U3") };
        let users = vec![home.user("U1"), admin.clone(), left];
        let scoped = db.community(home.community);
        assert!(matches!(scoped.install_kit(kit(&home, "one")).await, Err(StoreError::NotFound { what: "member" })));
        db.commit(Changes { users, ..Changes::default() }).await.unwrap();
        let crew = scoped.add_role("Crew", Base::No, names(&["row"]), id("crew")).await.unwrap();
        for (name, base) in [("Base Role", Base::Yes), (INTEGRATION_ADMIN, Base::No)] {
            let has = match base {
                Base::Yes => BTreeSet::new(),
                Base::No => names(&["can_execute_policykitremoveintegration", "can_recover_rules"]),
            };
            scoped.add_role(name, base, has, id(name)).await.unwrap();
        }
        assert_eq!(scoped.install_kit(kit(&home, "one")).await.unwrap(), KitOutcome::Installed);
        assert_eq!(scoped.install_kit(kit(&home, "one")).await.unwrap(), KitOutcome::Already);
        assert_eq!(scoped.install_kit(kit(&home, "two")).await.unwrap(), KitOutcome::Another("one".to_owned()));
        assert_eq!(scoped.kit().await.unwrap().as_deref(), Some("one"));
        let state = scoped.state().await.unwrap();
        let policies: Vec<_> = state.policies.iter().map(|p| p.draft.name.as_str()).collect();
        assert_eq!(policies, ["from the kit"]);
        let found = state.roles.iter().find(|r| r.name == "Crew").unwrap();
        assert_eq!((found.id, &found.permissions), (crew.id, &names(&["row", "sail"])));
        let base = state.roles.iter().find(|r| r.is_base).unwrap();
        assert_eq!((base.name.as_str(), &base.permissions), ("Members", &names(&["see"])));
        let admins = state.roles.iter().find(|r| r.name == INTEGRATION_ADMIN).unwrap();
        let theirs = names(&["can_recover_rules", "can_remove_integration"]);
        assert_eq!(admins.permissions, theirs, "from now on the kit says what they need not ask for");
        let admins = admins.id;
        assert_eq!(state.role_members[&home.user("U1").id], BTreeSet::from([crew.id, admins]));
        assert_eq!(state.role_members[&admin.id], BTreeSet::from([crew.id]));
        assert_eq!(state.role_members.len(), 2, "who has left gets nothing");
        let log = scoped.decisions(0, 10).await.unwrap();
        assert_eq!(log.iter().filter(|d| d.kind == "kit.installed").count(), 1);
    });
}

#[test]
fn no_kit_is_put_where_there_is_a_policy_even_one_out_of_force() {
    on_each(async |db| {
        let db = db.db().await;
        let home = Home::build(&db).await;
        let scoped = db.community(home.community);
        db.commit(Changes { users: vec![home.user("U1")], ..Changes::default() }).await.unwrap();
        assert_eq!(scoped.install_kit(kit(&home, "one")).await.unwrap(), KitOutcome::HasRules);
        let suspended = Changes { policies_suspended: vec![home.policy.id], ..Changes::default() };
        db.commit(suspended).await.unwrap();
        assert!(scoped.state().await.unwrap().policies.is_empty(), "nothing is in force");
        assert_eq!(scoped.install_kit(kit(&home, "one")).await.unwrap(), KitOutcome::HasRules);
        assert!(scoped.state().await.unwrap().policies.is_empty());
        assert_eq!(scoped.kit().await.unwrap(), None);
    });
}

#[test]
fn permissions_that_come_with_a_version_are_given_once() {
    on_each(async |db| {
        let db = db.db().await;
        let home = Home::build(&db).await;
        let scoped = db.community(home.community);
        let base = scoped.add_role("Base Role", Base::Yes, BTreeSet::new(), id("base")).await.unwrap();
        let default = |codename: &str| DefaultPermissions {
            codename: codename.to_owned(),
            everybody: names(&[&format!("add_{codename}")]),
            integration_admins: BTreeSet::new(),
        };
        let system = db.system();
        assert_eq!(system.communities_unaware(&names(&["pin"])).await.unwrap(), [home.community]);
        assert_eq!(scoped.give_defaults(&[default("pin")]).await.unwrap(), ["pin"]);
        assert!(system.communities_unaware(&names(&["pin"])).await.unwrap().is_empty());
        scoped.set_permissions(base.id, BTreeSet::new()).await.unwrap();
        assert_eq!(scoped.give_defaults(&[default("pin"), default("post")]).await.unwrap(), ["post"]);
        assert_eq!(scoped.state().await.unwrap().roles[0].permissions, names(&["add_post"]));
    });
}

#[test]
fn people_are_found_by_parts_of_their_names_taken_by_the_letter() {
    on_each(async |db| {
        let db = db.db().await;
        let home = Home::build(&db).await;
        let named =
            |account: &str, name: &str| policykit_core::community::User { name: name.to_owned(), ..home.user(account) };
        let bot = policykit_core::community::User { is_bot: true, ..named("U9", "anna bot") };
        let users = vec![named("U1", "Anna"), named("U2", "100% Bo"), named("U3", "Joanna"), bot];
        db.commit(Changes { users, ..Changes::default() }).await.unwrap();
        let scoped = db.community(home.community);
        let find = async |filter: PeopleFilter| -> Vec<String> {
            scoped.people(&filter).await.unwrap().into_iter().map(|u| u.name).collect()
        };
        let search = |text: &str| PeopleFilter { search: text.to_owned(), limit: 10, ..PeopleFilter::default() };
        assert_eq!(find(search("anna")).await, ["Anna", "Joanna"]);
        assert_eq!(find(search("%")).await, ["100% Bo"]);
        assert_eq!(find(search("_")).await, Vec::<String>::new());
        assert_eq!(find(search("u3")).await, ["Joanna"]);
        let first = PeopleFilter { limit: 2, ..PeopleFilter::default() };
        assert_eq!(find(first.clone()).await, ["100% Bo", "Anna"]);
        let after = Some(("Anna".to_owned(), home.user("U1").id));
        assert_eq!(find(PeopleFilter { after, ..first }).await, ["Joanna"]);
        let role = scoped.add_role("Crew", Base::No, BTreeSet::new(), id("crew")).await.unwrap().id;
        scoped.set_role_members(role, BTreeSet::from([home.user("U3").id])).await.unwrap();
        assert_eq!(find(PeopleFilter { role: Some(role), ..search("") }).await, ["Joanna"]);
        assert_eq!(scoped.count_people().await.unwrap(), 3);
    });
}

#[test]
fn a_recovery_waits_for_its_time_and_happens_once() {
    on_each(async |db| {
        let db = db.db().await;
        let home = Home::build(&db).await;
        let scoped = db.community(home.community);
        let (kind, policy) = (home.policy.draft.kind, home.policy.id);
        let amendment = Amendment::RemovePolicy { kind, policy };
        let announce = async |key: &str| -> ActionId {
            let id = home.action(key).id;
            let recovery = Recovery {
                id,
                community: home.community,
                action_type: amendment.action_type(),
                fields: amendment.fields(),
                reason: "why".to_owned(),
                announced_by: "ada".to_owned(),
                announced_at: secs(1),
                opens_at: secs(10),
                state: RecoveryState::Announced,
                note: None,
            };
            scoped.announce_recovery(recovery).await.unwrap();
            id
        };
        let carry_out = async |key: &str, at: i64| {
            let action = home.action(key);
            let change = NewAmendment {
                community: home.community,
                action: action.id,
                proposal: None,
                amendment: amendment.clone(),
                at: secs(at),
                accepts_lockout: false,
                forbidden: None,
                judged_by: None,
                announce: None,
            };
            scoped.carry_out_recovery(action, change, "ada", secs(at)).await
        };
        announce("r").await;
        assert!(matches!(carry_out("r", 9).await, Err(StoreError::Conflict { .. })));
        assert!(scoped.outcome(home.action("r").id).await.unwrap().is_none(), "nothing of it is written");
        assert_eq!(carry_out("r", 10).await.unwrap(), RecoveryState::Done);
        assert!(matches!(carry_out("r", 11).await, Err(StoreError::Conflict { .. })));
        assert!(scoped.state().await.unwrap().policies.is_empty());
        let withdrawn = announce("w").await;
        scoped.withdraw_recovery(withdrawn, "bo", secs(2)).await.unwrap();
        assert!(matches!(carry_out("w", 20).await, Err(StoreError::Conflict { .. })));
        assert!(matches!(
            scoped.withdraw_recovery(home.action("x").id, "bo", secs(2)).await,
            Err(StoreError::NotFound { .. })
        ));
        let states: BTreeSet<_> =
            scoped.recoveries(Page::first(10)).await.unwrap().iter().map(|r| r.state.as_str()).collect();
        assert_eq!(states, BTreeSet::from(["done", "withdrawn"]));
        let log: Vec<_> = scoped.decisions(0, 20).await.unwrap().into_iter().map(|d| d.kind).collect();
        let wanted =
            ["recovery.announced", "recovery.done", "amendment.done", "recovery.announced", "recovery.withdrawn"];
        assert_eq!(log, wanted);
        // Who may see such changes is told of what was announced, and nobody else: there is no action yet.
        let seen = async |types: &[&str]| {
            let filter = RecordFilter { kinds: Vec::new(), policy: None, sight: Sight::only(names(types)) };
            let lines = scoped.record(&filter, Part::After(3), 20).await.unwrap();
            lines.into_iter().map(|line| line.entry.kind).collect::<Vec<_>>()
        };
        assert_eq!(seen(&[&amendment.action_type()]).await, ["recovery.announced", "recovery.withdrawn"]);
        assert!(seen(&["another"]).await.is_empty());
        assert_eq!(kind, PolicyKind::Platform);
    });
}

#[test]
fn what_is_forbidden_is_not_made_and_what_is_announced_is_written_down_only_when_it_is_made() {
    on_each(async |db| {
        let db = db.db().await;
        let home = Home::build(&db).await;
        let scoped = db.community(home.community);
        for (key, forbidden) in [("no", Some("because".to_owned())), ("yes", None)] {
            let (action, proposal) = (home.action(key), home.proposal(key));
            let announce = Some(home.delivery(&format!("told of {key}")));
            let new = NewAmendment {
                community: home.community,
                action: action.id,
                proposal: Some(proposal.id),
                amendment: Amendment::AddPolicy(draft(key)),
                at: secs(7),
                accepts_lockout: false,
                forbidden,
                judged_by: None,
                announce,
            };
            let changes = Changes {
                actions: vec![action],
                proposals: vec![proposal],
                amendments: vec![new],
                ..Changes::default()
            };
            db.commit(changes).await.unwrap();
        }
        let keys: Vec<_> = db.survey().await.unwrap().inbox.into_iter().map(|row| row.delivery.delivery_key).collect();
        assert_eq!(keys, ["told of yes"]);
        let refused = scoped.outcome(home.action("no").id).await.unwrap().unwrap().proposal.unwrap();
        assert_eq!(refused.effect_note.as_deref(), Some("because"));
        assert_eq!(refused.status, Status::Proposed, "what was decided stands");
        assert_eq!(scoped.state().await.unwrap().policies.len(), 2);
    });
}
