//! A forum: installed and signed in to as its administrators and members do, and governed with all that happens there.

use std::{sync::Arc, time::Duration};

use policykit_core::{
    Clock,
    community::{Installation, InstallationStatus},
    ids::CommunityId,
    policy::{OnError, PolicyDraft},
    proposal::Status,
};
use policykit_engine::{Install, Whereto};
use policykit_platforms::{
    discourse::fake::{Act, ApiKeySeed, Change, Fake, FakeConfig, MemberSeed, RunningFake, Settings, Setup as Change_},
    platform::AppConfig,
    sourcecred::fake as cred,
};
use policykit_testkit::{Believed, Draft, Setup, TestApp, run_test_with};
use url::Url;

use crate::{
    browser::{Browser, Page},
    serve,
};

const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const WORDS: &str = "Something that is long enough to be a post.";

/// Forums and instances on this machine may be reached, and find their way back to us.
fn run(body: impl AsyncFn(&mut TestApp)) {
    let app = || AppConfig {
        settings: [("allow_hosts".to_owned(), "127.0.0.1:*".to_owned())].into(),
        ..AppConfig::default()
    };
    let setup = Setup {
        further_apps: [("discourse".to_owned(), app()), ("sourcecred".to_owned(), app())].into(),
        address: Believed::Real,
        ..Setup::default()
    };
    run_test_with(serve, &setup, body);
}

/// A forum whose administrator has prepared it.
async fn forum(t: &TestApp) -> RunningFake {
    let member = |name: &str| MemberSeed { username: name.to_owned(), trust_level: Some(2), ..MemberSeed::default() };
    let back = format!("http://{}/discourse/auth", t.node().address());
    let config = FakeConfig {
        title: "Riverbend Forum".to_owned(),
        members: vec![MemberSeed { admin: true, ..member("root") }, member("ada"), member("ben")],
        api_keys: vec![ApiKeySeed { key: Some(KEY.to_owned()), username: None }],
        settings: Settings {
            allowed_user_api_auth_redirects: vec![back],
            editing_grace_period_secs: 0,
            ..Settings::default()
        },
        retry_delays_ms: vec![0, 10, 10],
        ..FakeConfig::default()
    };
    Fake::start_with(config, Arc::clone(&t.clock) as Arc<dyn Clock>).await.expect("the forum starts")
}

/// Everything is delivered and done, on both sides.
async fn settle(t: &TestApp, forum: &Fake) {
    let mut seen = 0;
    loop {
        forum.quiesce().await;
        t.settle().await;
        forum.quiesce().await;
        let now = forum.record().len();
        if now == seen {
            return;
        }
        seen = now;
    }
}

/// The forum as a community of its own, with a key that its administrator made.
async fn install(t: &mut TestApp, forum: &Fake) -> Installation {
    let wanted = Install {
        platform: "discourse".to_owned(),
        credentials: [("api_key", KEY), ("api_username", "root")].map(|(k, v)| (k.to_owned(), v.into())).into(),
        answers: [("url".to_owned(), forum.base_url().to_owned())].into(),
        community: None,
    };
    let engine = t.engine();
    let installed = t.node().on(async move { engine.install(wanted).await }).await.expect("it is installed");
    assert_eq!((installed.name.as_str(), installed.to_do), ("Riverbend Forum", None));
    let place = place(t, forum).await;
    t.expect_installation(place.clone());
    t.expect_rows_from_outside();
    place
}

async fn place(t: &TestApp, forum: &Fake) -> Installation {
    let (db, id) = (t.db(), forum.base_url().to_owned());
    let found = t.node().on(async move { db.system().installation_by_external("discourse", &id).await });
    found.await.expect("the database").expect("it is installed")
}

fn topic(forum: &Fake, who: &str, title: &str) -> (i64, i64) {
    let act = Act::Topic { title: title.to_owned(), raw: WORDS.to_owned(), category: None, tags: Vec::new() };
    let acted = forum.act(who, act).expect("the topic");
    (acted.topic.expect("the topic"), acted.post.expect("its post"))
}

fn is_there(forum: &Fake, topic: i64) -> bool {
    forum.topic(topic, None).is_some_and(|topic| topic["deleted_at"].is_null())
}

async fn statuses(t: &TestApp, community: CommunityId) -> Vec<Status> {
    t.survey().await.proposals.into_iter().filter(|p| p.community == community).map(|p| p.status).collect()
}

#[test]
fn only_users_with_x_cred_can_post_in_this_topic() {
    run(async |t: &mut TestApp| {
        let forum = forum(t).await;
        let place = install(t, &forum).await;
        let (here, _) = topic(&forum, "root", "Proposals for the garden");
        let (elsewhere, _) = topic(&forum, "root", "Everything else there is");
        let needed = f64::from(rand::random_range(10_u32..1_000)) + 0.5;
        let account = |name: &str| -> Vec<String> {
            ["sourcecred", "discourse", "user", forum.base_url(), name].map(str::to_owned).into()
        };
        let acts = vec![
            cred::Act::Join { name: "ada-identity".to_owned() },
            cred::Act::Link { name: "ada-identity".to_owned(), account: account("ada") },
            cred::Act::Earn { account: account("ada"), cred: needed },
        ];
        let config = cred::FakeConfig { acts, ..cred::FakeConfig::default() };
        let instance = cred::Fake::start(config).await.expect("the instance starts");
        let wanted = Install {
            platform: "sourcecred".to_owned(),
            answers: [("url".to_owned(), instance.base_url().to_owned())].into(),
            ..Install::default()
        };
        let (engine, into) = (t.engine(), place.community);
        t.node().on(async move { engine.connect(wanted, Whereto::Given(into)).await }).await.expect("it is added");
        let db = t.db();
        let state = t.node().on(async move { db.community(into).state().await }).await.expect("the community");
        let source = state.installations.into_iter().find(|i| i.platform == "sourcecred").expect("it is there");
        t.expect_installation(source);
        let check = format!(
            "cred = sourcecred.get_cred(id=action.initiator.username, plugin='discourse')\n\
             return PASSED if cred >= {needed:?} else FAILED"
        );
        let draft = Draft::platform("Cred to post", &["discoursecreatepost"])
            .filter(&format!("return action.topic_id == {here}"))
            .check(&check);
        t.policy_in(place.community, PolicyDraft { on_error: OnError::Hold, ..draft.into() }).await;
        let reply = |who: &str, topic: i64| {
            let act = Act::Reply { topic, raw: format!("{WORDS} By {who} in {topic}."), to: None };
            forum.act(who, act).expect("the post").post.expect("the post")
        };
        let (hers, his, his_other) = (reply("ada", here), reply("ben", here), reply("ben", elsewhere));
        settle(t, &forum).await;
        let there = |post: i64| forum.post(post, None).is_some_and(|post| post["deleted_at"].is_null());
        assert!(there(hers), "she has just enough");
        assert!(!there(his), "he is not known there");
        assert!(there(his_other), "elsewhere everybody may");
    });
}

#[test]
fn a_topic_that_needs_approval_is_gone_until_it_is_given_and_comes_back_as_it_was() {
    run(async |t: &mut TestApp| {
        let forum = forum(t).await;
        let place = install(t, &forum).await;
        let check = "if proposal.get_yes_votes().exists():\n    return PASSED\nreturn PROPOSED";
        let draft = Draft::platform("Topics", &["discoursecreatetopic"]).check(check);
        t.policy_in(place.community, draft.into()).await;
        let (id, _) = topic(&forum, "ada", "A bench for the garden");
        settle(t, &forum).await;
        assert!(!is_there(&forum, id), "it waits");
        assert_eq!(statuses(t, place.community).await, [Status::Proposed]);
        // What PolicyKit does there is not governed by what it does.
        let deleted = |c: &&Change| matches!(c, Change::TopicDeleted { .. });
        assert_eq!(forum.changes().iter().filter(deleted).count(), 1);
    });
}

#[test]
fn what_policykit_undoes_itself_is_not_taken_for_somebodys_doing() {
    run(async |t: &mut TestApp| {
        let forum = forum(t).await;
        let place = install(t, &forum).await;
        for kind in [
            "discoursecreatetopic",
            "discoursecreatepost",
            "discoursedeletetopic",
            "discoursedeletepost",
            "discourseclosetopic",
            "discourseopentopic",
            "discourseeditpost",
            "discourseedittopic",
        ] {
            let draft = Draft::platform(kind, &[kind])
                .filter("return action.initiator is None or action.initiator.username != 'root'")
                .check("return FAILED");
            t.policy_in(place.community, draft.into()).await;
        }
        let (id, first) = topic(&forum, "root", "A bench for the garden");
        let raw = "An answer that is long enough to stay.".to_owned();
        let post =
            forum.act("root", Act::Reply { topic: id, raw: raw.clone(), to: None }).expect("it").post.expect("it");
        settle(t, &forum).await;
        let says = |post: i64| forum.post(post, None).expect("it is there")["raw"].clone();
        let shown = |name: &str| forum.topic(id, None).expect("it is there")[name].clone();
        t.clock.advance(Duration::from_secs(600));
        // Everything is undone, once.
        forum.act("root", Act::Status { topic: id, status: "closed".to_owned(), enabled: true }).expect("closed");
        settle(t, &forum).await;
        assert_eq!(shown("closed"), serde_json::json!(false));
        forum.act("root", Act::Edit { post, raw: format!("{raw} And more."), reason: None }).expect("edited");
        settle(t, &forum).await;
        assert_eq!(says(post), serde_json::json!(raw));
        forum.act("root", Act::Rename { topic: id, title: "A pond for the garden".to_owned() }).expect("renamed");
        settle(t, &forum).await;
        assert_eq!(shown("title"), serde_json::json!("A bench for the garden"));
        forum.act("root", Act::DeletePost { post }).expect("deleted");
        settle(t, &forum).await;
        assert!(forum.post(post, None).expect("it")["deleted_at"].is_null());
        forum.act("root", Act::DeleteTopic { topic: id }).expect("deleted");
        settle(t, &forum).await;
        assert!(is_there(&forum, id));
        let all = statuses(t, place.community).await;
        assert_eq!(all, vec![Status::Failed; 5], "nothing that was undone came back as somebody's doing");
        let _first = first;
    });
}

/// A browser's way to the forum and back.
async fn approve(browser: &mut Browser, forum: &Fake, sent: Page, who: &str) -> Page {
    let url: Url = sent.to.clone().unwrap_or_else(|| panic!("it is sent away: {sent:?}"));
    assert_eq!(url.origin(), forum.base_url().parse::<Url>().expect("an address").origin());
    let mut form: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    form.push(("as".to_owned(), who.to_owned()));
    let decide = format!("{}/user-api-key", forum.base_url()).parse().expect("an address");
    let back = browser.step("POST", decide, Some(&form)).await;
    browser.follow(back).await
}

/// Opens a question's page, enters an address and presses the button.
async fn ask(browser: &mut Browser, path: &str, url: &str) -> Page {
    let asked = browser.open(path).await;
    press(browser, &asked, path, url).await
}

async fn press(browser: &mut Browser, on: &Page, path: &str, url: &str) -> Page {
    let to = browser.at(path);
    let mut form: Vec<(String, String)> = to.query_pairs().into_owned().collect();
    form.push(("url".to_owned(), url.to_owned()));
    form.extend(on.hidden("csrf").map(|csrf| ("csrf".to_owned(), csrf)));
    browser.step("POST", browser.at(to.path()), Some(&form)).await
}

#[test]
fn a_page_elsewhere_cannot_send_a_browser_to_a_forum_of_its_choice() {
    run(async |t: &mut TestApp| {
        let forum = forum(t).await;
        let mut first = Browser::new(t);
        let sent = ask(&mut first, "/auth/discourse/install", forum.base_url()).await;
        let kit = approve(&mut first, &forum, sent, "root").await;
        first.send(&kit, "/main/kit", &[("kit", "testing")]).await;
        t.expect_installation(place(t, &forum).await);
        t.expect_rows_from_outside();
        for path in ["/auth/discourse/install", "/auth/discourse/login", "/auth/discourse/install?add=1"] {
            let mut hers = Browser::new(t);
            let sent = ask(&mut hers, "/auth/discourse/login", forum.base_url()).await;
            approve(&mut hers, &forum, sent, "root").await;
            // A link with the answer in it leads to the question, which says nothing of what the link says.
            let mut link = hers.at(path);
            link.query_pairs_mut().append_pair("url", forum.base_url());
            let linked = hers.step("GET", link, None).await;
            assert_eq!((linked.status.as_u16(), linked.to.as_ref()), (200, None), "{linked:?}");
            assert!(!linked.says(forum.base_url()), "{linked:?}");
            // A form elsewhere has no signature, or one from another browser.
            let mut other = Browser::new(t);
            let others = other.open("/auth/discourse/login").await;
            let unsigned = Page { text: String::new(), ..others.clone() };
            for page in [&unsigned, &others] {
                let refused = press(&mut hers, page, path, forum.base_url()).await;
                assert_eq!((refused.status.as_u16(), refused.to.as_ref()), (422, None), "{refused:?}");
                refused.must_say("Nobody was sent there");
                assert!(!refused.says(forum.base_url()), "{refused:?}");
            }
            let refused = press(&mut Browser::new(t), &others, path, forum.base_url()).await;
            assert_eq!(refused.to.as_ref().map(Url::path).filter(|to| *to != "/login"), None, "{refused:?}");
            // The form of the page that asked is taken.
            let asked = hers.open(path).await;
            let sent = press(&mut hers, &asked, path, forum.base_url()).await;
            assert_eq!(sent.to.as_ref().map(Url::path), Some("/user-api-key/new"), "{sent:?}");
        }
    });
}

#[test]
fn an_administrator_configures_approves_chooses_a_kit_and_members_sign_in() {
    run(async |t: &mut TestApp| {
        let forum = forum(t).await;
        let mut browser = Browser::new(t);
        let login = browser.open("/login").await;
        login.must_say("Install PolicyKit to Discourse");
        login.must_say("Sign in with Discourse");
        let configure = browser.open("/auth/discourse/install").await;
        configure.must_say("<h1>Configure</h1>");
        configure.must_say("What is the full URL of your Discourse community?");
        configure.must_say("Continue</button>");
        let sent = ask(&mut browser, "/auth/discourse/install", forum.base_url()).await;
        let kit = approve(&mut browser, &forum, sent, "root").await;
        assert_eq!(kit.path(), "/main/kit", "{kit:?}");
        let done = browser.send(&kit, "/main/kit", &[("kit", "testing")]).await;
        assert_eq!(done.path(), "/login");
        done.must_say("Successfully added PolicyKit!");
        done.must_say("Sign in with Discourse");
        let place = place(t, &forum).await;
        assert_eq!(place.status, InstallationStatus::Active);
        t.expect_installation(place.clone());
        t.expect_rows_from_outside();
        let hooks = forum.changes().into_iter().filter(|c| matches!(c, Change::WebHookCreated { .. })).count();
        assert_eq!(hooks, 1, "the forum knows where to deliver");
        let mut hers = Browser::new(t);
        let asked = hers.open("/auth/discourse/login").await;
        asked.must_say("Which Discourse community would you like to sign into?");
        let sent = ask(&mut hers, "/auth/discourse/login", forum.base_url()).await;
        let dashboard = approve(&mut hers, &forum, sent, "ada").await;
        assert_eq!((dashboard.path(), dashboard.status.as_u16()), ("/main", 200), "{dashboard:?}");
        dashboard.must_say("Riverbend Forum");
        // Her key was given back; the administrator's is the one that is left.
        let left: Vec<_> = forum.granted_keys().into_iter().filter(|key| !key.revoked).collect();
        assert_eq!(left.iter().map(|key| key.username.as_str()).collect::<Vec<_>>(), ["root"]);
    });
}

#[test]
fn whoever_does_not_administer_the_forum_is_refused_in_plain_words() {
    run(async |t: &mut TestApp| {
        let forum = forum(t).await;
        let mut browser = Browser::new(t);
        let sent = ask(&mut browser, "/auth/discourse/install", forum.base_url()).await;
        let page = approve(&mut browser, &forum, sent, "ada").await;
        assert_eq!(page.path(), "/login");
        page.must_say("PolicyKit was not added to Discourse");
        page.must_say("ask an administrator of the forum");
        page.must_say("Nothing was changed.");
        assert!(forum.granted_keys().iter().all(|key| key.revoked));
        let (db, id) = (t.db(), forum.base_url().to_owned());
        let found = t.node().on(async move { db.system().installation_by_external("discourse", &id).await }).await;
        assert_eq!(found.expect("the database"), None);
        // Nobody is sent to a forum where PolicyKit is not.
        let told = ask(&mut browser, "/auth/discourse/login", forum.base_url()).await;
        assert_eq!(told.status.as_u16(), 422);
        told.must_say("PolicyKit is not installed at");
        let told = ask(&mut browser, "/auth/discourse/install", "forum").await;
        assert_eq!(told.status.as_u16(), 422);
        told.must_say("is no address");
    });
}

#[test]
fn an_answer_of_the_forum_counts_once_and_in_the_browser_that_set_out_alone() {
    run(async |t: &mut TestApp| {
        let forum = forum(t).await;
        let place = install(t, &forum).await;
        let _ = place;
        let mut hers = Browser::new(t);
        let sent = ask(&mut hers, "/auth/discourse/login", forum.base_url()).await;
        let mut form: Vec<(String, String)> = sent.to.clone().expect("away").query_pairs().into_owned().collect();
        form.push(("as".to_owned(), "ada".to_owned()));
        let decide = format!("{}/user-api-key", forum.base_url()).parse().expect("an address");
        let back = hers.step("POST", decide, Some(&form)).await.to.expect("back");
        let stolen = Browser::new(t).step("GET", back.clone(), None).await;
        assert_eq!(stolen.status.as_u16(), 400);
        stolen.must_say("This was not begun here");
        let mut with_state = Browser::new(t);
        let mut url = back.clone();
        url.query_pairs_mut().append_pair("state", &"a".repeat(64));
        assert_eq!(with_state.step("GET", url, None).await.status.as_u16(), 400);
        let first = hers.step("GET", back.clone(), None).await;
        assert_eq!(first.to.as_ref().map(Url::path), Some("/main"));
        assert_eq!(hers.step("GET", back, None).await.status.as_u16(), 400);
    });
}

#[test]
fn a_key_that_was_revoked_is_seen_and_said_with_what_to_do() {
    run(async |t: &mut TestApp| {
        let forum = forum(t).await;
        let installed = install(t, &forum).await;
        let draft = Draft::platform("Topics", &["discoursecreatetopic"]).check("return FAILED");
        t.policy_in(installed.community, draft.into()).await;
        t.expect_open_calls();
        forum.set_up(Change_::RevokeApiKeys { username: None }).expect("revoked");
        let (id, _) = topic(&forum, "ada", "A bench for the garden");
        settle(t, &forum).await;
        assert!(is_there(&forum, id));
        assert_eq!(place(t, &forum).await.status, InstallationStatus::CredentialsDead);
    });
}
