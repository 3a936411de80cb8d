//! An id of another community finds nothing, whatever is asked.

use std::collections::BTreeSet;

use policykit_core::{
    Value,
    community::Installation,
    ids::{CommunityId, InstallationId, PolicyVersionId, RoleId},
};
use policykit_store::{Base, ChainReport, Changes, Page, PeopleFilter, Scoped, StoreError};
use secrecy::SecretString;

use crate::support::{Home, community, draft, id, on_each, secs};

fn missing<T: std::fmt::Debug>(found: Result<T, StoreError>) {
    assert!(matches!(found, Err(StoreError::NotFound { .. })), "{found:?}");
}

async fn fill(db: &policykit_store::Db, home: &Home) {
    let mut failed = home.evaluation("k", 2);
    failed.state = policykit_store::EvaluationState::Error;
    failed.ended_at = Some(secs(9));
    let mut sending = home.call("k", 0);
    sending.state = policykit_core::call::CallState::Sending;
    db.commit(Changes {
        users: vec![home.user("U1")],
        actions: vec![home.action("k")],
        proposals: vec![home.proposal("k")],
        evaluations: vec![home.evaluation("k", 1), failed],
        reads: vec![home.read("k", 0, Value::str("x".repeat(9000)))],
        calls: vec![sending],
        owned: vec![home.owned("m1", None, 0)],
        ballots: vec![home.ballot("k", "U1", Some(true), secs(5))],
        logs: vec![home.log("k", "one")],
        decisions: vec![home.decision("passed")],
        ..Changes::default()
    })
    .await
    .unwrap();
}

/// Asks `scoped` for everything of `home`.
async fn nothing_is_found(scoped: &Scoped, home: &Home, role: RoleId) {
    let proposal = home.proposal("k").id;
    missing(scoped.proposal(proposal).await);
    missing(scoped.action(home.action("k").id).await);
    missing(scoped.evaluation(home.evaluation("k", 1).id).await);
    assert!(scoped.evaluations(proposal).await.unwrap().is_empty());
    assert!(scoped.calls_of(proposal).await.unwrap().is_empty());
    assert!(scoped.sending_calls(home.installation).await.unwrap().is_empty());
    assert!(scoped.logs(proposal).await.unwrap().is_empty());
    assert!(scoped.owned(home.installation, &["m1".to_owned()], secs(1)).await.unwrap().is_empty());
    assert!(scoped.users(home.installation).await.unwrap().is_empty());
    assert!(scoped.users_by_external(home.installation, &["U1".to_owned()]).await.unwrap().is_empty());
    assert!(scoped.policies().await.unwrap().is_empty());
    assert!(scoped.policy_versions(home.policy.id).await.unwrap().is_empty());
    assert_eq!(scoped.policy_errors_since(home.policy.id, secs(0)).await.unwrap(), 0);
    assert!(scoped.actions(Page::first(10)).await.unwrap().is_empty());
    assert!(scoped.proposals(Page::first(10)).await.unwrap().is_empty());
    assert!(scoped.decisions(0, 10).await.unwrap().is_empty());
    assert!(scoped.documents().await.unwrap().is_empty());
    assert!(scoped.held(&policykit_store::Sight::EVERYTHING, Page::first(10)).await.unwrap().is_empty());
    assert!(scoped.recoveries(Page::first(10)).await.unwrap().is_empty());
    assert!(scoped.people(&PeopleFilter { limit: 10, ..PeopleFilter::default() }).await.unwrap().is_empty());
    assert!(scoped.people_by_id(&[home.user("U1").id]).await.unwrap().is_empty());
    assert_eq!(scoped.count_people().await.unwrap(), 0);
    assert_eq!(scoped.outcome(home.action("k").id).await.unwrap(), None);
    assert_eq!(scoped.kit().await.unwrap(), None);
    assert_eq!(scoped.verify_decisions().await.unwrap(), ChainReport::Intact { entries: 0 });
    assert!(scoped.get_secret(home.installation, "bot_token").await.unwrap().is_none());

    missing(scoped.deactivate_policy(home.policy.id).await);
    let version = PolicyVersionId::from_uuid(id("stolen"));
    missing(scoped.save_policy_version(home.policy.id, draft("stolen"), secs(9), version).await);
    missing(scoped.grant(role, BTreeSet::from(["can_all".to_owned()])).await);
    missing(scoped.set_permissions(role, BTreeSet::new()).await);
    missing(scoped.set_role_members(role, BTreeSet::new()).await);
    missing(scoped.put_secret(home.installation, "bot_token", &SecretString::from("stolen")).await);
}

#[test]
fn a_community_is_founded_with_its_first_place_or_not_at_all() {
    on_each(async |db| {
        let db = db.db().await;
        let home = Home::build(&db).await;
        let system = db.system();
        let theirs = db.community(home.community).state().await.unwrap().installations.remove(0);
        let founded = |key: &str, external_id: &str| Installation {
            id: InstallationId::from_uuid(id(&format!("place of {key}"))),
            community: CommunityId::from_uuid(id(key)),
            external_id: external_id.to_owned(),
            ..theirs.clone()
        };
        let taken = founded("late", &theirs.external_id);
        let refused = system.found_community("Late", &taken, secs(5)).await;
        assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
        let names = system.communities().await.unwrap();
        assert!(names.iter().all(|c| c.name != "Late"), "nothing of it is there: {names:?}");
        let fresh = founded("new", "T-new");
        system.found_community("New", &fresh, secs(5)).await.unwrap();
        assert_eq!(db.community(fresh.community).state().await.unwrap().installations, [fresh]);
    });
}

#[test]
fn what_belongs_to_another_community_is_not_there() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        fill(&db, &home).await;
        let ours = db.community(home.community);
        let secret = SecretString::from("xoxb");
        ours.put_secret(home.installation, "bot_token", &secret).await.unwrap();
        let permissions = BTreeSet::from(["can_vote".to_owned()]);
        let role = ours.add_role("Crew", Base::No, permissions.clone(), id("crew")).await.unwrap();
        ours.set_role_members(role.id, BTreeSet::from([home.user("U1").id])).await.unwrap();
        let before = ours.state().await.unwrap();

        let stranger = community(5, 1);
        missing(db.community(stranger).state().await);
        db.system().create_community(stranger, "Strangers", secs(0)).await.unwrap();
        nothing_is_found(&db.community(stranger), &home, role.id).await;
        let state = db.community(stranger).state().await.unwrap();
        assert!(state.installations.is_empty() && state.policies.is_empty() && state.roles.is_empty());
        assert_eq!(state.version, 1, "what failed has not changed it");

        // And all of it is still there for those whose it is.
        let after = ours.state().await.unwrap();
        assert_eq!(crate::support::show(&after), crate::support::show(&before));
        assert_eq!(after.roles[0].permissions, permissions);
        assert_eq!(ours.policy_errors_since(home.policy.id, secs(0)).await.unwrap(), 1);
        assert_eq!(ours.sending_calls(home.installation).await.unwrap().len(), 1);
        assert_eq!(ours.policy_versions(home.policy.id).await.unwrap().len(), 1);
        assert!(ours.get_secret(home.installation, "bot_token").await.unwrap().is_some());
    });
}

#[test]
fn a_member_of_another_community_cannot_be_given_a_role_and_nothing_changes_then() {
    on_each(async |database| {
        let db = database.db().await;
        let (here, there) = (Home::build(&db).await, Home::build_in(&db, community(5, 1)).await);
        fill(&db, &here).await;
        fill(&db, &there).await;
        let ours = db.community(here.community);
        let role = ours.add_role("Crew", Base::No, BTreeSet::new(), id("crew")).await.unwrap();
        let (mine, other) = (here.user("U1").id, there.user("U1").id);
        ours.set_role_members(role.id, BTreeSet::from([mine])).await.unwrap();
        let before = ours.state().await.unwrap();
        missing(ours.set_role_members(role.id, BTreeSet::from([other])).await);
        missing(ours.set_role_members(role.id, BTreeSet::from([mine, other])).await);
        let after = ours.state().await.unwrap();
        assert_eq!(crate::support::show(&after), crate::support::show(&before));
        assert_eq!(after.role_members[&mine], BTreeSet::from([role.id]));
    });
}

#[test]
fn rows_of_two_communities_written_together_stay_apart() {
    on_each(async |database| {
        let db = database.db().await;
        let (here, there) = (Home::build(&db).await, Home::build_in(&db, community(5, 1)).await);
        fill(&db, &here).await;
        fill(&db, &there).await;
        for (ours, theirs) in [(&here, &there), (&there, &here)] {
            let scoped = db.community(ours.community);
            let bundle = scoped.proposal(ours.proposal("k").id).await.unwrap();
            assert_eq!((bundle.ballots.len(), bundle.evaluations), (1, 2));
            assert_eq!(scoped.actions(Page::first(10)).await.unwrap().len(), 1);
            assert_eq!(scoped.proposals(Page::first(10)).await.unwrap().len(), 1);
            assert_eq!(scoped.users(ours.installation).await.unwrap(), [ours.user("U1")]);
            assert!(scoped.users(theirs.installation).await.unwrap().is_empty());
            assert_eq!(scoped.evaluation(ours.evaluation("k", 1).id).await.unwrap().reads.len(), 1);
        }
    });
}
