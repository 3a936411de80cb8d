//! Places that lose access, are removed and come back, from a browser: who may do it, and what they are told.

use policykit_core::{
    JsonMap,
    community::{Installation, InstallationStatus},
    constitution::{Amendment, PlaceDraft},
    ids::{CommunityId, InstallationId},
    permission::{self, INTEGRATION_ADMIN},
};
use policykit_platforms::slack::fake::Setup as FakeSetup;
use policykit_server::config::Registration;
use policykit_testkit::{Serve, Setup, TestApp, run_test_with};

use crate::{
    browser::Browser,
    policies::no_forbidden_word,
    run_test, serve_with,
    signin::{GENERAL, INTEGRATIONS, make_integration_admin, newcomer, state, with_a_stranger},
};

/// The tokens that PolicyKit works with in the first workspace.
pub(crate) fn tokens(t: &TestApp) -> Vec<String> {
    let team = t.fake().team("T0A").expect("the workspace");
    let admin = team.user("ada").and_then(|u| u.token.clone());
    team.bot_token.clone().into_iter().chain(admin).collect()
}

#[test]
fn lost_access_is_shown_with_its_remedy_and_an_administrator_repairs_it() {
    run_test(async |t: &mut TestApp| {
        t.policy(no_forbidden_word()).await;
        make_integration_admin(t, "UADMIN").await;
        let mut ada = Browser::member(t, "T0A", "UADMIN").await;
        let page = ada.open(INTEGRATIONS).await;
        page.must_say("Working");
        for token in tokens(t) {
            t.fake().set_up(FakeSetup::RevokeToken { token }).expect("it lives");
        }
        t.slack.post("alice", GENERAL, "a forbidden word").await;
        t.settle().await;
        let page = ada.open(INTEGRATIONS).await;
        page.must_say("Slack no longer accepts our key");
        page.must_say("Sign in to Slack again");
        let page = ada.travel("/auth/slack/install?add=1", Some(("T0A", "UADMIN"))).await;
        assert_eq!(page.path(), INTEGRATIONS);
        page.must_say("Acme is connected");
        page.must_say("Working");
        let now = state(t, t.slack.community).await;
        assert_eq!(now.installations[0].status, InstallationStatus::Active);
        assert_eq!(now.policies.len(), 1, "rules are as they were");
    });
}

#[test]
fn a_place_that_was_agreed_on_is_shown_as_waiting_for_keys_and_not_as_broken() {
    run_test(async |t: &mut TestApp| {
        make_integration_admin(t, "UADMIN").await;
        t.role(&t.slack, "Founders", &[&permission::execute(permission::ADD_INTEGRATION_TYPE)], &["carol"]).await;
        let place =
            PlaceDraft { platform: "elsewhere".to_owned(), external_id: "E1".to_owned(), name: "Elsewhere".to_owned() };
        let adding = Amendment::AddIntegration(place);
        t.propose(&t.slack, "carol", &adding.action_type(), adding.fields()).await;
        t.settle().await;
        let page = Browser::member(t, "T0A", "UADMIN").await.open(INTEGRATIONS).await;
        page.must_say("elsewhere waits for its keys");
        page.must_say("Waits for keys");
        assert!(!page.says("no longer accepts our key"));
    });
}

/// Has the first workspace make somebody an administrator.
async fn make_workspace_admin(t: &TestApp, user: &str) {
    t.fake()
        .set_up(FakeSetup::Admin { team: "T0A".to_owned(), user: user.to_owned(), is_admin: true })
        .expect("they are there");
}

/// What kinds of entries the record of the first community has.
async fn kinds(t: &TestApp) -> Vec<String> {
    let (db, community) = (t.db(), t.slack.community);
    let record = t.node().on(async move { db.community(community).decisions(0, 500).await }).await;
    record.expect("the record").into_iter().map(|entry| entry.kind).collect()
}

#[test]
fn what_an_integration_admin_removed_comes_back_by_the_word_of_one_and_no_other_administrator() {
    run_test(async |t: &mut TestApp| {
        make_integration_admin(t, "U01").await;
        let mut alice = Browser::member(t, "T0A", "U01").await;
        let page = alice.open(INTEGRATIONS).await;
        alice.send(&page, &format!("{INTEGRATIONS}/{}/remove", t.slack.installation), &[]).await;
        t.settle().await;
        let mut ada = Browser::new(t);
        let page = ada.travel("/auth/slack/install", Some(("T0A", "UADMIN"))).await;
        assert_eq!(page.path(), "/login");
        page.must_say("you are none of them");
        assert_eq!(ada.session(), None);
        let status = async |t: &TestApp| state(t, t.slack.community).await.installations[0].status;
        assert_eq!(status(t).await, InstallationStatus::Uninstalled, "it stays removed");
        assert!(!kinds(t).await.contains(&"integration.renewed".to_owned()));
        // The account says who she is, also where nobody can sign in any more.
        make_workspace_admin(t, "U01").await;
        let mut again = Browser::new(t);
        let page = again.travel("/auth/slack/install", Some(("T0A", "U01"))).await;
        page.must_say("Acme is connected");
        assert_eq!(status(t).await, InstallationStatus::Active);
        assert_eq!(kinds(t).await.iter().filter(|kind| *kind == "integration.renewed").count(), 1);
    });
}

#[test]
fn whoever_may_add_integrations_connects_a_removed_place_again_without_the_operator() {
    for registration in [Registration::Operator, Registration::Closed] {
        let only: Serve = match registration {
            Registration::Closed => |engine, listener| serve_with(engine, listener, Registration::Closed),
            _ => |engine, listener| serve_with(engine, listener, Registration::Operator),
        };
        run_test_with(only, &Setup { strangers: vec!["T0C"], ..Setup::default() }, async |t: &mut TestApp| {
            const AGAIN: &str = "/auth/slack/install?again=1";
            let status = async |t: &TestApp| state(t, t.slack.community).await.installations[0].status;
            make_integration_admin(t, "U01").await;
            make_workspace_admin(t, "U01").await;
            assert!(!Browser::new(t).open("/login").await.says("was removed from my community"));
            // Where nothing was removed nobody is sent to the platform, and nothing is kept of them.
            let mut nobody = Browser::new(t);
            let page = nobody.open(AGAIN).await;
            assert_eq!((page.status.as_u16(), page.path()), (400, "/auth/slack/install"), "{page:?}");
            page.must_say("PolicyKit was removed from no place on Slack here.");
            assert_eq!(Browser::new(t).open("/auth/nowhere/install?again=1").await.status, 404);

            let mut alice = Browser::member(t, "T0A", "U01").await;
            let page = alice.open(INTEGRATIONS).await;
            let remove = format!("{INTEGRATIONS}/{}/remove", t.slack.installation);
            let page = alice.send_at_work(t, &page, &remove, &[]).await;
            page.must_say("can connect it again from this page");
            t.settle().await;
            let login = Browser::new(t).open("/login").await;
            login.must_say("Connect it to Slack again");
            login.must_say(AGAIN);

            // Neither another administrator of the workspace, nor one of a workspace that was never here.
            let page = Browser::new(t).travel(AGAIN, Some(("T0A", "UADMIN"))).await;
            assert_eq!(page.path(), "/login");
            page.must_say("PolicyKit was not connected to Slack again");
            page.must_say("you are not one of those who may add integrations there");
            assert_eq!(status(t).await, InstallationStatus::Uninstalled);
            let page = Browser::new(t).travel(AGAIN, Some(("T0C", "UADMIN"))).await;
            page.must_say("PolicyKit was never connected to");
            assert_eq!(newcomer(t).await, None);
            let page = Browser::new(t).travel(AGAIN, Some(("T0B", "UADMIN"))).await;
            page.must_say("is connected here and was not removed");
            let page = Browser::new(t).travel(AGAIN, Some(("T0A", "U02"))).await;
            page.must_say("does not administer Acme");
            assert_eq!(status(t).await, InstallationStatus::Uninstalled);

            let page = Browser::new(t).travel(AGAIN, Some(("T0A", "U01"))).await;
            page.must_say("Acme is connected");
            assert_eq!(status(t).await, InstallationStatus::Active);
            assert_eq!(kinds(t).await.iter().filter(|kind| *kind == "integration.renewed").count(), 1);
        });
    }
}

#[test]
fn what_was_removed_comes_back_with_any_administrator_where_nobody_is_left_to_look_after_it() {
    run_test(async |t: &mut TestApp| {
        let community = t.slack.community;
        t.remove_integration(&t.slack, "carol").await;
        let mut ada = Browser::new(t);
        let page = ada.travel("/auth/slack/install", Some(("T0A", "UADMIN"))).await;
        assert!(!page.says("you are none of them"), "{}", page.text);
        assert_eq!(state(t, community).await.installations[0].status, InstallationStatus::Active);
    });
}

#[test]
fn an_integration_admin_removes_an_integration_and_the_record_stays() {
    run_test(async |t: &mut TestApp| {
        t.policy(no_forbidden_word()).await;
        t.slack.post("alice", GENERAL, "a forbidden word").await;
        t.settle().await;
        make_integration_admin(t, "UADMIN").await;
        let remove = format!("{INTEGRATIONS}/{}/remove", t.slack.installation);
        let mut bob = Browser::member(t, "T0A", "U02").await;
        let page = bob.open(INTEGRATIONS).await;
        assert!(!page.says("Remove Slack"), "{}", page.text);
        let page = bob.send(&page, &remove, &[]).await;
        assert_eq!(page.status, 403);
        page.must_say("“Integration Admin”");
        let mut foreigner = Browser::member(t, "T0B", "UADMIN").await;
        let page = foreigner.open(INTEGRATIONS).await;
        assert_eq!(foreigner.send(&page, &remove, &[]).await.status, 404);

        let mut ada = Browser::member(t, "T0A", "UADMIN").await;
        let page = ada.open(INTEGRATIONS).await;
        page.must_say("Remove Slack");
        let page = ada.send_at_work(t, &page, &remove, &[]).await;
        assert_eq!(page.path(), "/login");
        page.must_say("Acme is removed");
        page.must_say("You had signed in through it, so you are signed out.");
        assert_eq!(bob.open("/main/you").await.path(), "/login", "every session through it has ended");
        assert_eq!(foreigner.open("/main/you").await.path(), "/main/you", "another community is none of this");
        t.settle().await;
        let (db, community, installation) = (t.db(), t.slack.community, t.slack.installation);
        let secret = async move { db.community(community).get_secret(installation, "bot_token").await };
        assert!(t.node().on(secret).await.expect("the database").is_none(), "the keys are destroyed");
        let now = state(t, community).await;
        assert_eq!(now.installations[0].status, InstallationStatus::Uninstalled);
        assert_eq!((now.policies.len(), t.proposals(&t.slack).await.len()), (1, 1), "the record stays");

        let mut late = Browser::new(t);
        let page = late.travel("/auth/slack/login", Some(("T0A", "U01"))).await;
        page.must_say("PolicyKit was removed from Acme; its record is kept");
        let page = ada.travel("/auth/slack/install", Some(("T0A", "UADMIN"))).await;
        page.must_say("Acme is connected");
    });
}

#[test]
fn a_community_whose_installation_was_cut_short_gets_its_roles_when_installed_again() {
    with_a_stranger(async |t: &mut TestApp| {
        // As far as an installation came whose process ended: no roles, and the next start found it so.
        let community = CommunityId::from_uuid(uuid::Uuid::from_u128(0xc0));
        let half = Installation {
            id: InstallationId::from_uuid(uuid::Uuid::from_u128(0xc1)),
            community,
            platform: "slack".to_owned(),
            external_id: "T0C".to_owned(),
            name: "Cut short".to_owned(),
            acts_as: Vec::new(),
            settings: JsonMap::new(),
            status: InstallationStatus::Active,
        };
        t.expect_installation(half.clone());
        let (db, engine, now) = (t.db(), t.engine(), t.engine().now());
        t.node()
            .on(async move {
                db.system().create_community(community, "Cut short", now).await?;
                db.system().create_installation(&half, now).await?;
                engine.give_new_permissions().await
            })
            .await
            .expect("half of it is there");
        assert!(state(t, community).await.roles.is_empty());
        Browser::new(t).travel("/auth/slack/install", Some(("T0C", "UADMIN"))).await;
        let roles = state(t, community).await.roles;
        let base = roles.iter().find(|r| r.is_base).expect("everybody's role");
        assert!(base.permissions.contains("add_slackrenameconversation"), "{:?}", base.permissions);
        let admins = roles.iter().find(|r| r.name == INTEGRATION_ADMIN).expect("their role");
        assert!(!admins.permissions.is_empty() && admins.permissions.is_disjoint(&base.permissions));
    });
}
