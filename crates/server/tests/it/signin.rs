//! Installing and signing in from a browser: who gets in, who does not, and what they are told.

use std::time::Duration;

use policykit_core::{
    Clock as _,
    ids::{CommunityId, UserId},
    permission::INTEGRATION_ADMIN,
};
use policykit_server::config::Registration;
use policykit_store::CommunityState;
use policykit_testkit::{Raw, Serve, Setup, TestApp, run_test_with};
use sha2::{Digest as _, Sha256};

use crate::{browser::Browser, run_test, serve, serve_with};

pub(crate) const GENERAL: &str = "C0GENERAL";
pub(crate) const INTEGRATIONS: &str = "/main/settings/integrations";

/// Runs a body with a workspace in which nobody has installed anything.
pub(crate) fn with_a_stranger(body: impl AsyncFn(&mut TestApp)) {
    run_test_with(serve, &Setup { strangers: vec!["T0C"], ..Setup::default() }, body);
}

pub(crate) async fn state(t: &TestApp, community: CommunityId) -> CommunityState {
    let db = t.db();
    t.node().on(async move { db.community(community).state().await }).await.expect("the community")
}

/// The community of the workspace in which nobody had installed anything.
pub(crate) async fn newcomer(t: &TestApp) -> Option<CommunityId> {
    let db = t.db();
    let found = t.node().on(async move { db.system().installation_by_external("slack", "T0C").await });
    found.await.expect("the database").map(|i| i.community)
}

pub(crate) async fn make_integration_admin(t: &TestApp, account: &str) {
    let (db, community, installation) = (t.db(), t.slack.community, t.slack.installation);
    let user = UserId::derive(installation, account);
    t.node()
        .on(async move { db.community(community).ensure_integration_admin(user).await })
        .await
        .expect("the role is given");
}

#[test]
fn an_administrator_installs_chooses_a_kit_and_is_told_that_it_worked() {
    with_a_stranger(async |t: &mut TestApp| {
        let mut browser = Browser::new(t);
        let login = browser.open("/login").await;
        login.must_say("Install PolicyKit to Slack");
        login.must_say("Sign in with Slack");
        let page = browser.travel("/auth/slack/install", Some(("T0C", "UADMIN"))).await;
        assert_eq!(page.path(), "/main/kit", "{page:?}");
        page.must_say("Who decides on the first day?");
        for kit in ["Testing", "Dictator", "Moderators"] {
            page.must_say(kit);
        }
        let done = browser.send(&page, "/main/kit", &[("kit", "moderators")]).await;
        assert_eq!(done.path(), "/login");
        done.must_say("Successfully added PolicyKit!");
        let community = newcomer(t).await.expect("it is installed");
        let state = state(t, community).await;
        assert_eq!(state.policies.len(), 2);
        let admins = state.roles.iter().find(|r| r.name == INTEGRATION_ADMIN).expect("the role").id;
        let installer = UserId::derive(state.installations[0].id, "UADMIN");
        assert!(state.role_members[&installer].contains(&admins));
        // Once only.
        let again = browser.open("/main/kit").await;
        assert_eq!(again.path(), "/main", "{again:?}");
        t.expect_installation(state.installations[0].clone());
        // Known communities go straight back.
        let mut another = Browser::new(t);
        let page = another.travel("/auth/slack/install", Some(("T0C", "UADMIN"))).await;
        assert_eq!(page.path(), "/login");
        page.must_say("Acme is connected");
        page.must_say("its keys were renewed");
    });
}

#[test]
fn whoever_does_not_administer_the_workspace_is_refused_in_plain_words() {
    with_a_stranger(async |t: &mut TestApp| {
        let mut browser = Browser::new(t);
        let page = browser.travel("/auth/slack/install", Some(("T0C", "U02"))).await;
        assert_eq!(page.path(), "/login");
        page.must_say("PolicyKit was not added to Slack");
        page.must_say("does not administer Acme");
        page.must_say("Nothing was changed.");
        assert_eq!(newcomer(t).await, None);
        assert_eq!(browser.session(), None);
        // The note is shown once.
        let again = browser.step("GET", page.url.clone(), None).await;
        assert!(!again.says("does not administer"), "{again:?}");
    });
}

#[test]
fn whoever_says_no_on_the_platform_is_back_at_the_login_page() {
    run_test(async |t: &mut TestApp| {
        for (path, heading) in [
            ("/auth/slack/install", "PolicyKit was not added to Slack"),
            ("/auth/slack/login", "You are not signed in"),
        ] {
            let mut browser = Browser::new(t);
            let page = browser.travel(path, None).await;
            assert_eq!(page.path(), "/login");
            page.must_say(heading);
            assert_eq!(browser.session(), None);
        }
    });
}

#[test]
fn a_state_works_once_in_time_and_in_the_browser_that_set_out() {
    run_test(async |t: &mut TestApp| {
        const REFUSED: &str = "This was not begun here, or too long ago";
        let mut browser = Browser::new(t);
        let back = browser.way_back("/auth/slack/login", Some(("T0A", "U01"))).await;

        let mut other = Browser::new(t);
        let page = other.open(&format!("{}?{}", back.path(), back.query().unwrap_or_default())).await;
        page.must_say(REFUSED);
        assert_eq!(other.session(), None, "another browser");

        let mut forged = back.clone();
        forged.query_pairs_mut().clear().append_pair("code", "x").append_pair("state", "invented");
        let page = browser.open(&format!("{}?{}", forged.path(), forged.query().unwrap_or_default())).await;
        page.must_say(REFUSED);

        let page = browser.step("GET", back.clone(), None).await;
        assert_eq!(page.to.expect("it goes on").path(), "/main", "the right one still works");
        let session = browser.session().cloned();
        assert!(session.is_some());

        let page = browser.open(&format!("{}?{}", back.path(), back.query().unwrap_or_default())).await;
        page.must_say(REFUSED);
        assert_eq!(browser.session().cloned(), session, "played again it opens nothing");

        let mut slow = Browser::new(t);
        let back = slow.way_back("/auth/slack/login", Some(("T0A", "U01"))).await;
        t.clock.advance(Duration::from_secs(601));
        let page = slow.open(&format!("{}?{}", back.path(), back.query().unwrap_or_default())).await;
        page.must_say(REFUSED);
        assert_eq!(slow.session(), None);
    });
}

#[test]
fn members_sign_in_where_policykit_is_installed_and_nowhere_else() {
    with_a_stranger(async |t: &mut TestApp| {
        let mut browser = Browser::new(t);
        let page = browser.open("/main/you").await;
        assert_eq!(page.path(), "/login");
        assert_eq!(page.url.query(), Some("next=%2Fmain%2Fyou"));
        page.must_say("/auth/slack/login?next=%2Fmain%2Fyou");
        let page = browser.travel("/auth/slack/login?next=%2Fmain%2Fyou", Some(("T0A", "U01"))).await;
        assert_eq!(page.path(), "/main/you");
        page.must_say("alice");
        page.must_say("You are a member of Acme.");

        let mut stranger = Browser::new(t);
        let page = stranger.travel("/auth/slack/login", Some(("T0C", "U01"))).await;
        assert_eq!(page.path(), "/login");
        page.must_say("PolicyKit is not installed in the Slack community that you signed in from");
        assert_eq!(stranger.session(), None);
        let evil = stranger.travel("/auth/slack/login?next=//evil.example/", Some(("T0A", "U02"))).await;
        assert_eq!(evil.path(), "/main");
    });
}

#[test]
fn whoever_belongs_to_several_communities_says_which_and_is_in_one_at_a_time() {
    run_test(async |t: &mut TestApp| {
        Browser::new(t).open("/login").await.must_say("Which community? If you belong to several");
        let mut alice = Browser::member(t, "T0A", "U01").await;
        let mut copied = alice.clone();
        let page = alice.open("/main/you").await;
        page.must_say("You are a member of Acme.");
        page.must_say("Go to another community of yours on Slack");
        let page = alice.travel("/auth/slack/login", Some(("T0B", "U01"))).await;
        assert_eq!(page.path(), "/main");
        alice.open(INTEGRATIONS).await.must_say("T0B");
        assert_eq!(copied.open("/main/you").await.path(), "/login", "the other one is left");
        let operator = Browser::operator(t).await.open("/main/you").await;
        assert!(!operator.says("another community of yours"), "{}", operator.text);
    });
}

#[test]
fn signing_out_everywhere_ends_all_of_ones_own_sessions_and_no_others() {
    run_test(async |t: &mut TestApp| {
        let mut here = Browser::member(t, "T0A", "U01").await;
        let mut there = Browser::member(t, "T0A", "U01").await;
        let mut bob = Browser::member(t, "T0A", "U02").await;
        let page = here.open("/main/you").await;
        assert_eq!(page.text.matches("/main/you/sessions/end\"").count(), 2, "{}", page.text);
        let unsigned = here.step("POST", here.at("/main/you/sessions/end-all"), Some(&[])).await;
        assert_eq!(unsigned.status, 403, "a form without a signature");
        assert_eq!(here.open("/main/you").await.path(), "/main/you");
        let page = here.send(&page, "/main/you/sessions/end-all", &[]).await;
        assert_eq!(page.path(), "/login");
        assert_eq!(there.open("/main/you").await.path(), "/login");
        assert_eq!(bob.open("/main/you").await.path(), "/main/you");
        t.clock.advance(Duration::from_secs(15 * 24 * 60 * 60));
        assert_eq!(bob.open("/main/you").await.path(), "/login", "sessions end by themselves");
    });
}

#[test]
fn only_the_operator_begins_a_further_community_unless_it_is_opened_to_all() {
    let only_operator: Serve = |engine, listener| serve_with(engine, listener, Registration::Operator);
    run_test_with(only_operator, &Setup { strangers: vec!["T0C"], ..Setup::default() }, async |t: &mut TestApp| {
        let mut visitor = Browser::new(t);
        let login = visitor.open("/login").await;
        assert!(!login.says("Install PolicyKit to Slack"), "{}", login.text);
        login.must_say("Whoever runs this server connects new communities.");
        assert!(!login.says("You need to be an administrator there"), "nothing is asked of whoever cannot");
        let refused = visitor.open("/auth/slack/install").await;
        assert_eq!(refused.status, 403);
        refused.must_say("Whoever runs this server can.");
        let mut member = Browser::member(t, "T0A", "UADMIN").await;
        assert_eq!(member.open("/auth/slack/install").await.status, 403, "a member is no operator");
        let mut operator = Browser::operator(t).await;
        operator.open("/main/setup").await.must_say("Install PolicyKit to Slack");
        let back = operator.way_back("/auth/slack/install", Some(("T0C", "UADMIN"))).await;
        // Whoever is no operator any more when they come back may not either.
        let mut signed_out = operator.clone();
        signed_out.forget_session();
        assert_eq!(signed_out.step("GET", back, None).await.status, 403);
        assert_eq!(newcomer(t).await, None);
        let page = operator.travel("/auth/slack/install", Some(("T0C", "UADMIN"))).await;
        assert_eq!(page.path(), "/main/kit", "{page:?}");
        t.expect_installation(state(t, newcomer(t).await.expect("installed")).await.installations[0].clone());
    });
}

#[test]
fn where_registration_is_closed_nobody_begins_a_community_from_a_browser() {
    let closed: Serve = |engine, listener| serve_with(engine, listener, Registration::Closed);
    run_test_with(closed, &Setup { strangers: vec!["T0C"], ..Setup::default() }, async |t: &mut TestApp| {
        let mut operator = Browser::operator(t).await;
        assert_eq!(operator.open("/auth/slack/install").await.status, 403);
        let setup = operator.open("/main/setup").await;
        assert!(!setup.says("Install PolicyKit to Slack"), "{}", setup.text);
        make_integration_admin(t, "UADMIN").await;
        let mut ada = Browser::member(t, "T0A", "UADMIN").await;
        let page = ada.travel("/auth/slack/install?add=1", Some(("T0A", "UADMIN"))).await;
        page.must_say("Acme is connected");
    });
}

#[test]
fn what_no_server_sent_out_is_answered_without_a_write() {
    run_test(async |t: &mut TestApp| {
        let cookie = "policykit-journey=0123456789";
        let writes = |t: &TestApp| t.db().stats().transactions;
        let before = writes(t);
        for path in ["/auth/slack/callback?state=x&code=y", "/auth/slack/callback", "/login?note=x", "/login?note="] {
            let answer = t.send(&Raw::get(path).header("cookie", cookie)).await;
            assert!([200, 400].contains(&answer.status), "{path}: {}", answer.status);
            assert!(!answer.head.to_lowercase().contains("set-cookie"), "{path}");
        }
        assert_eq!(writes(t), before);
    });
}

#[test]
fn signing_in_again_ends_the_session_that_the_browser_had() {
    run_test(async |t: &mut TestApp| {
        let mut browser = Browser::member(t, "T0A", "U01").await;
        let mut copied = browser.clone();
        assert_eq!(copied.open("/main/you").await.path(), "/main/you");
        browser.travel("/auth/slack/login", Some(("T0A", "U02"))).await;
        assert_eq!(copied.open("/main/you").await.path(), "/login", "the earlier one has ended");
        assert_eq!(browser.open("/main/you").await.path(), "/main/you");
    });
}

/// The button of an operator's link, pressed.
fn guess(token: &str) -> Raw {
    Raw::post("/operator").header("content-type", "application/x-www-form-urlencoded").body(format!("token={token}"))
}

#[test]
fn opening_an_operator_s_link_uses_nothing_up_and_no_other_site_presses_its_button() {
    run_test(async |t: &mut TestApp| {
        let (db, now) = (t.db(), t.clock.now());
        let hash = Sha256::digest("the-link").to_vec();
        let made = async move { db.system().create_link(&hash, now, now + Duration::from_secs(900)).await };
        t.node().on(made).await.expect("the link is written down");
        let mut ahead = Browser::new(t);
        for _ in 0..3 {
            let page = ahead.open("/operator/the-link").await;
            assert_eq!(page.status, 200);
            assert_eq!(ahead.session(), None, "looking at it signs nobody in");
        }
        let foreign = t.send(&guess("the-link").header("sec-fetch-site", "cross-site")).await;
        assert_eq!(foreign.status, 403);
        let page = ahead.open("/operator/the-link").await;
        let page = ahead.send(&page, "/operator", &[("token", "the-link")]).await;
        assert_eq!(page.path(), "/main/communities", "{page:?}");
        assert_eq!(t.send(&guess("the-link")).await.status, 410, "it works once");
    });
}

#[test]
fn whoever_tries_too_often_waits_a_minute() {
    run_test(async |t: &mut TestApp| {
        let attempt = |from: &'static str| guess("guessed").header("X-Forwarded-For", from);
        let begin = |from: &'static str| Raw::get("/auth/slack/login").header("X-Forwarded-For", from);
        let mut under_way = Browser::from(t, "203.0.113.7");
        let back = under_way.way_back("/auth/slack/login", Some(("T0A", "U01"))).await;
        let mut answers = Vec::new();
        for _ in 0..31 {
            answers.push(t.send(&attempt("203.0.113.7")).await.status);
        }
        // What goes wrong counts ten times.
        assert_eq!(answers, [vec![410; 30], vec![429]].concat());
        let mut made_up = Browser::from(t, "203.0.113.7");
        assert_eq!(made_up.step("GET", back.clone(), None).await.status, 429, "it has not set out");
        let page = under_way.step("GET", back, None).await;
        assert_eq!(page.to.expect("it goes on").path(), "/main", "whoever is under way comes back all the same");
        for n in 0..300 {
            assert_eq!(t.send(&begin("2001:db8:1:2::1")).await.status, 303, "attempt {n}");
        }
        let neighbour = Raw::get("/auth/slack/login").header("X-Forwarded-For", "2001:db8:1:2:ffff::9");
        assert_eq!(t.send(&neighbour).await.status, 429, "whoever has one address of a network has them all");
        let elsewhere = t.send(&attempt("203.0.113.8")).await;
        assert_eq!(elsewhere.status, 410, "another address");
        t.clock.advance(Duration::from_secs(61));
        assert_eq!(t.send(&attempt("203.0.113.7")).await.status, 410);
    });
}

#[test]
fn an_operator_signs_in_without_a_platform_and_chooses_a_community() {
    run_test(async |t: &mut TestApp| {
        let mut operator = Browser::operator(t).await;
        let page = operator.open("/main").await;
        assert_eq!(page.path(), "/main/communities", "there are two");
        let page = operator.send(&page, "/main/community", &[("community", &t.other.community.to_string())]).await;
        assert_eq!(page.path(), "/main");
        let page = operator.open(INTEGRATIONS).await;
        page.must_say("T0B");
        assert!(!page.says("T0A"));
        let page = operator.send(&page, &format!("{INTEGRATIONS}/{}/remove", t.other.installation), &[]).await;
        assert_eq!(page.status, 403, "an operator changes nothing");
        let page = operator.open("/main/setup").await;
        page.must_say("Only this machine can reach the server");
        page.must_say("/auth/slack/callback");
        page.must_say("2 communities are connected");
        assert_eq!(Browser::member(t, "T0A", "U01").await.open("/main/setup").await.status, 404);
    });
}
