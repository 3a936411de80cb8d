//! What a community begins with: starter kits, and the permissions that come with a new version.

use std::collections::BTreeSet;

use policykit_core::{
    action::Standing,
    community::Role,
    constitution::{Amendment, RoleDraft},
    ids::UserId,
    permission::{self, INTEGRATION_ADMIN},
    proposal::Status,
};
use policykit_engine::{KitError, KitInstalled};
use policykit_store::CommunityState;
use policykit_testkit::{TestApp, Workspace};

use crate::run_test;

async fn install(t: &TestApp, kit: &'static str, who: &str) -> Result<KitInstalled, KitError> {
    let (engine, community) = (t.engine(), t.slack.community);
    let installer = UserId::derive(t.slack.installation, who);
    t.node().on(async move { engine.install_kit(community, kit, installer).await }).await
}

async fn state(t: &TestApp, workspace: &Workspace) -> CommunityState {
    let (db, community) = (t.db(), workspace.community);
    t.node().on(async move { db.community(community).state().await }).await.expect("a state")
}

fn role<'a>(state: &'a CommunityState, name: &str) -> &'a Role {
    state.roles.iter().find(|r| r.name == name).unwrap_or_else(|| panic!("no role {name}: {:#?}", state.roles))
}

fn holders(state: &CommunityState, name: &str) -> BTreeSet<UserId> {
    let id = role(state, name).id;
    state.role_members.iter().filter(|(_, roles)| roles.contains(&id)).map(|(user, _)| *user).collect()
}

async fn add_role(t: &TestApp, who: &str, name: &str) {
    let amendment = Amendment::AddRole(RoleDraft { name: name.to_owned(), ..RoleDraft::default() });
    t.propose(&t.slack, who, &amendment.action_type(), amendment.fields()).await;
    t.settle().await;
}

#[test]
fn under_the_testing_kit_everybody_changes_the_rules_and_whatever_people_do_stands() {
    run_test(async |t: &mut TestApp| {
        assert_eq!(install(t, "testing", "UADMIN").await.expect("installed"), KitInstalled::Now);
        add_role(t, "frank", "Gardeners").await;
        let message = t.slack.post("bob", "C0GENERAL", "hello").await;
        t.settle().await;
        assert!(t.slack.message("C0GENERAL", &message).is_some());
        let state = state(t, &t.slack).await;
        role(&state, "Gardeners");
        let settles = |role: &&Role| role.permissions.contains(permission::SETTLE_HELD);
        let base = state.roles.iter().find(|r| r.is_base).expect("a base role");
        assert!(!settles(&base), "not everybody says what becomes of what a broken policy could not decide");
        assert!(settles(&role(&state, "Tester")));
        assert_eq!(holders(&state, "Tester"), [UserId::derive(t.slack.installation, "UADMIN")].into());
        assert!(t.proposals(&t.slack).await.iter().all(|p| p.status == Status::Passed));
    });
}

#[test]
fn under_the_dictator_kit_only_the_installer_changes_the_rules() {
    run_test(async |t: &mut TestApp| {
        install(t, "dictator", "U02").await.expect("installed");
        add_role(t, "alice", "Refused").await;
        add_role(t, "bob", "Passed").await;
        let state = state(t, &t.slack).await;
        assert_eq!(holders(&state, "Dictator"), [UserId::derive(t.slack.installation, "U02")].into());
        assert!(state.roles.iter().any(|r| r.name == "Passed") && !state.roles.iter().any(|r| r.name == "Refused"));
        let refused = t.proposals(&t.slack).await.remove(0);
        assert_eq!(t.story(&refused).await.bundle.action.standing, Standing::Undone);
    });
}

#[test]
fn under_the_moderators_kit_the_platforms_administrators_and_the_installer_moderate() {
    run_test(async |t: &mut TestApp| {
        install(t, "moderators", "U03").await.expect("installed");
        add_role(t, "ada", "By an administrator").await;
        add_role(t, "carol", "By the installer").await;
        add_role(t, "bob", "By nobody").await;
        let state = state(t, &t.slack).await;
        let member = |id| UserId::derive(t.slack.installation, id);
        assert_eq!(holders(&state, "Moderator"), [member("UADMIN"), member("U03")].into());
        let names: Vec<_> = state.roles.iter().map(|r| r.name.as_str()).collect();
        assert!(names.contains(&"By an administrator") && names.contains(&"By the installer"), "{names:?}");
        assert!(!names.contains(&"By nobody"), "{names:?}");
    });
}

#[test]
fn a_kit_names_everybodys_role_and_leaves_integration_admins_what_they_are() {
    run_test(async |t: &mut TestApp| {
        let before = state(t, &t.slack).await;
        install(t, "dictator", "U02").await.expect("installed");
        let after = state(t, &t.slack).await;
        let (was, is) = (role(&before, INTEGRATION_ADMIN), role(&after, INTEGRATION_ADMIN));
        let asks = |name: &String| permission::GUARDED.iter().any(|(guarded, _)| *name == permission::execute(guarded));
        let kept = was.permissions.iter().filter(|name| !asks(name)).cloned();
        let seen = permission::GUARDED.iter().map(|(guarded, _)| permission::view(guarded));
        let wanted: BTreeSet<String> = kept.chain(seen).collect();
        assert_eq!(is.permissions, wanted, "under this kit they ask before they add or remove an integration");
        for codename in permission::OF_INTEGRATION_ADMINS {
            assert!(is.permissions.contains(codename), "{codename}");
        }
        assert_eq!(holders(&after, INTEGRATION_ADMIN), [UserId::derive(t.slack.installation, "U02")].into());
        let base = after.roles.iter().find(|r| r.is_base).expect("a base role");
        assert_eq!(base.name, "Base User");
        for codename in ["slackpostmessage", "policykitaddrole", "policykitorderplatformpolicies"] {
            assert!(base.permissions.contains(&permission::propose(codename)), "{codename}");
            assert!(base.permissions.contains(&permission::view(codename)), "{codename}");
            assert!(!base.permissions.contains(&permission::execute(codename)), "{codename}");
        }
        let seen = permission::view(policykit_engine::WEBHOOK_TRIGGER);
        assert!(base.permissions.contains(&seen), "what triggers came to is seen like everything else");
        assert_eq!(state(t, &t.other).await.policies.len(), 0, "the other community chose nothing");
    });
}

#[test]
fn a_kit_is_installed_once_and_another_one_is_refused() {
    run_test(async |t: &mut TestApp| {
        assert!(matches!(install(t, "anarchy", "UADMIN").await, Err(KitError::Unknown(..))));
        assert!(matches!(install(t, "testing", "UNOBODY").await, Err(KitError::NotAMember)));
        assert_eq!(state(t, &t.slack).await.policies.len(), 0, "nothing remains of what was refused");
        let (engine, community) = (t.engine(), t.slack.community);
        let installer = UserId::derive(t.slack.installation, "UADMIN");
        let both = t
            .node()
            .on(async move {
                tokio::join!(
                    engine.install_kit(community, "moderators", installer),
                    engine.install_kit(community, "moderators", installer)
                )
            })
            .await;
        let outcomes = [both.0.expect("installed"), both.1.expect("installed")];
        assert!(outcomes.contains(&KitInstalled::Now) && outcomes.contains(&KitInstalled::Before), "{outcomes:?}");
        let first = state(t, &t.slack).await;
        assert_eq!(first.policies.len(), 2);
        let refused = install(t, "testing", "UADMIN").await.expect_err("another one").to_string();
        assert!(refused.contains("`Moderators`"), "{refused}");
        assert_eq!(state(t, &t.slack).await.policies, first.policies);
    });
}

#[test]
fn whoever_took_the_last_policy_out_of_force_does_not_begin_anew_with_a_kit() {
    run_test(async |t: &mut TestApp| {
        let wall = policykit_testkit::Draft::constitution("Every change passes", &[]).check("return PASSED");
        let policy = t.policy_in(t.slack.community, wall.into()).await;
        let amendment = Amendment::RemovePolicy { kind: policykit_core::policy::PolicyKind::Constitution, policy };
        let mut fields = amendment.fields();
        fields.insert(policykit_core::constitution::ACCEPTS_LOCKOUT.to_owned(), true.into());
        t.propose(&t.slack, "bob", &amendment.action_type(), fields).await;
        t.settle().await;
        assert_eq!(state(t, &t.slack).await.policies.len(), 0, "nothing is in force");
        assert!(matches!(install(t, "testing", "UADMIN").await, Err(KitError::HasRules)));
        assert_eq!(state(t, &t.slack).await.policies.len(), 0);
    });
}

#[test]
fn a_community_of_an_older_version_is_given_what_it_lacks_once_and_what_it_took_away_stays_away() {
    run_test(async |t: &mut TestApp| {
        let base = state(t, &t.slack).await.roles.into_iter().find(|r| r.is_base).expect("a base role");
        let lean: BTreeSet<String> = base.permissions.iter().filter(|p| !p.contains("addrole")).cloned().collect();
        let (db, community, engine) = (t.db(), t.slack.community, t.engine());
        let kept = lean.clone();
        t.node()
            .on(async move {
                db.community(community).set_permissions(base.id, kept).await?;
                engine.give_new_permissions().await
            })
            .await
            .expect("nothing goes wrong");
        let after = state(t, &t.slack).await.roles.into_iter().find(|r| r.is_base).expect("a base role");
        assert_eq!(after.permissions, lean, "it has heard of that type");
        assert!(!lean.contains(&permission::propose("policykitaddrole")));
    });
}
