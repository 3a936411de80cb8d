//! A community is founded in several commits; wherever the process ends between them, whoever installs goes on.

use policykit_core::{
    JsonMap,
    community::{Installation, InstallationStatus},
    ids::{CommunityId, InstallationId, UserId},
};
use policykit_platforms::slack::fake::{CallFault, CallRule, What};
use policykit_server::config::Registration;
use policykit_testkit::{Serve, Setup, TestApp, run_test_with};

use crate::{
    browser::Browser,
    serve_with,
    signin::{newcomer, state, with_a_stranger},
};

#[test]
fn an_installation_that_was_cut_short_is_gone_on_with_by_an_administrator_and_no_other_is() {
    let only: Serve = |engine, listener| serve_with(engine, listener, Registration::Operator);
    run_test_with(only, &Setup { strangers: vec!["T0C"], ..Setup::default() }, async |t: &mut TestApp| {
        const FINISH: &str = "/auth/slack/install?finish=1";
        for workspace in [&t.slack, &t.other] {
            let (db, community) = (t.db(), workspace.community);
            let user = UserId::derive(workspace.installation, "U01");
            let give = async move { db.community(community).ensure_integration_admin(user).await };
            assert!(t.node().on(give).await.expect("the database"), "they are looked after");
        }
        assert!(!Browser::new(t).open("/login").await.says("was cut short"));
        let page = Browser::new(t).open(FINISH).await;
        assert_eq!((page.status.as_u16(), page.path()), (400, "/auth/slack/install"), "{page:?}");
        page.must_say("No installation was cut short on Slack here.");

        // As far as it comes when the process ends right after the first commit.
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
        let (db, now) = (t.db(), t.engine().now());
        t.node()
            .on(async move { db.system().found_community("Cut short", &half, now).await })
            .await
            .expect("half of it is there");

        let mut installer = Browser::new(t);
        let login = installer.open("/login").await;
        login.must_say("My installation was cut short");
        login.must_say(FINISH);
        assert!(!login.says("Install PolicyKit to Slack"), "a new one is not connected by everybody");
        // Neither a community that is looked after, nor somebody who does not administer this one.
        let page = Browser::new(t).travel(FINISH, Some(("T0B", "UADMIN"))).await;
        page.must_say("somebody looks after it already");
        let page = Browser::new(t).travel(FINISH, Some(("T0C", "U02"))).await;
        page.must_say("does not administer");
        assert!(state(t, community).await.role_members.is_empty());

        let page = installer.travel(FINISH, Some(("T0C", "UADMIN"))).await;
        assert_eq!(page.path(), "/main/kit", "{page:?}");
        let done = installer.send(&page, "/main/kit", &[("kit", "moderators")]).await;
        done.must_say("Successfully added PolicyKit!");
        assert!(!Browser::new(t).open("/login").await.says("was cut short"));
        assert_eq!(Browser::new(t).open(FINISH).await.status, 400);
    });
}

#[test]
fn whoever_was_cut_short_before_choosing_the_first_rules_is_led_there_when_they_sign_in() {
    with_a_stranger(async |t: &mut TestApp| {
        let mut browser = Browser::new(t);
        let page = browser.travel("/auth/slack/install", Some(("T0C", "UADMIN"))).await;
        assert_eq!(page.path(), "/main/kit", "{page:?}");
        let community = newcomer(t).await.expect("it is installed");
        t.expect_installation(state(t, community).await.installations[0].clone());

        let mut other = Browser::new(t);
        let page = other.travel("/auth/slack/login", Some(("T0C", "U02"))).await;
        page.must_say("The first rules are not chosen yet");
        assert!(!page.says("href=\"/main/kit\""), "{}", page.text);
        let mut again = Browser::new(t);
        let page = again.travel("/auth/slack/login", Some(("T0C", "UADMIN"))).await;
        assert_eq!(page.path(), "/main");
        page.must_say("One step is left: choose the first rules");
        let page = again.open("/main/kit").await;
        let done = again.send(&page, "/main/kit", &[("kit", "moderators")]).await;
        done.must_say("Successfully added PolicyKit!");
        assert!(!again.open("/main").await.says("One step is left"));
    });
}

#[test]
fn channels_that_could_not_be_read_on_the_first_day_are_named_at_the_next_start_and_read_once() {
    with_a_stranger(async |t: &mut TestApp| {
        let broken = CallFault::StatusBeforeEffect { status: 503 };
        t.fake().fault_calls(CallRule::next("conversations.list", broken));
        let page = Browser::new(t).travel("/auth/slack/install", Some(("T0C", "UADMIN"))).await;
        assert_eq!(page.path(), "/main/kit", "it is no reason not to be installed: {page:?}");
        let community = newcomer(t).await.expect("it is installed");
        let place = state(t, community).await.installations[0].clone();
        t.expect_installation(place.clone());
        let team = t.fake().team("T0C").expect("the workspace");
        let ids: Vec<String> = team.channels.iter().map(|channel| channel.id.to_string()).collect();
        let named = async |t: &TestApp| {
            let (db, ids, installation) = (t.db(), ids.clone(), place.id);
            t.node().on(async move { db.community(community).channels(installation, &ids).await }).await
        };
        assert!(named(t).await.expect("the names").is_empty());
        let asked = |t: &TestApp| {
            let is = |what: &What| matches!(what, What::Call { method, .. } if method == "conversations.list");
            t.fake().record().iter().filter(|entry| is(&entry.what)).count()
        };
        let start = async |t: &TestApp| {
            let engine = t.engine();
            t.node().on(async move { engine.name_channels().await }).await.expect("the database");
            asked(t)
        };
        let before = asked(t);
        let first = start(t).await;
        assert!(first > before, "its directory is read");
        assert!(!named(t).await.expect("the names").is_empty());
        assert_eq!(start(t).await, first, "and not again");
    });
}
