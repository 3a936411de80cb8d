//! A second platform beside the first: what people may do where they talk depends on what they have contributed, which is
//! read from another place.

use std::{collections::BTreeMap, time::Duration};

use policykit_core::{
    community::{Installation, InstallationStatus},
    constitution::{Amendment, PlaceDraft},
    ids::CommunityId,
    permission::{self, ADD_INTEGRATION, ADD_INTEGRATION_TYPE, REMOVE_INTEGRATION, REMOVE_INTEGRATION_TYPE},
    policy::{OnError, PolicyDraft},
    proposal::Status,
};
use policykit_engine::{Install, JourneyError, ReplayReport, Whereto};
use policykit_platforms::{
    platform::AppConfig,
    slack::fake::Setup as FakeSetup,
    sourcecred::fake::{Act, Analysis, Fake, FakeConfig, Form, LedgerForm, RunningFake, Trouble},
};
use policykit_testkit::{Draft, Setup, TestApp, Workspace, run_test_with};
use serde_json::json;

use crate::{
    places::tokens,
    policies::{POST, no_forbidden_word},
    serve,
    visitor::Visitor,
};

const PAGE: &str = "/main/settings/integrations";
const FORM: &str = "/main/settings/integrations/add/sourcecred";

/// Instances on this machine may be read, and what hangs is given up soon.
fn run(body: impl AsyncFn(&mut TestApp)) {
    let app =
        AppConfig { settings: [("allow_hosts".to_owned(), "127.0.0.1:*".to_owned())].into(), ..AppConfig::default() };
    let setup = Setup {
        further_apps: [("sourcecred".to_owned(), app)].into(),
        http_timeout: Duration::from_millis(800),
        ..Setup::default()
    };
    run_test_with(serve, &setup, body);
}

/// The account of somebody there as the instance writes it.
fn account(id: &str) -> Vec<String> {
    ["community", "slack", "member", id].map(str::to_owned).into()
}

/// An instance at which somebody called by chance has the account of alice, with this much cred.
async fn instance(form: Form, analysis: Analysis, cred: f64) -> RunningFake {
    let name = format!("p-{:08x}", rand::random::<u32>());
    let acts = vec![
        Act::Join { name: name.clone() },
        Act::Link { name, account: account("U01") },
        Act::Earn { account: account("U01"), cred },
    ];
    let config = FakeConfig { form, analysis, ledger: LedgerForm::Lines, acts, record: None };
    Fake::start(config).await.expect("the instance starts")
}

async fn keepers(t: &TestApp, whose: &Workspace) {
    let [adds, removes] = [ADD_INTEGRATION_TYPE, REMOVE_INTEGRATION_TYPE].map(permission::execute);
    t.role(whose, "Keepers", &[ADD_INTEGRATION, REMOVE_INTEGRATION, &adds, &removes], &["carol"]).await;
}

/// Carol adds the instance by the form.
async fn add(t: &mut TestApp, fake: &Fake) {
    keepers(t, &t.slack).await;
    let carol = Visitor::member(t, &t.slack, "carol").await;
    let done = carol.post(FORM, &[("url", fake.base_url())]).await;
    assert_eq!(done.status, 303, "{}", done.body);
    let place = place(t, t.slack.community).await;
    assert_eq!((place.status, place.id_there()), (InstallationStatus::Active, fake.base_url()));
    t.expect_installation(place);
}

/// The instance as one of the communities has it.
async fn place(t: &TestApp, community: CommunityId) -> Installation {
    let db = t.db();
    let state = t.node().on(async move { db.community(community).state().await }).await.expect("the community");
    state.installations.into_iter().find(|i| i.platform == "sourcecred").expect("it is there")
}

/// In one channel only those may write who have so much cred.
fn needs(cred: f64, on_error: OnError) -> PolicyDraft {
    let check = format!(
        "if sourcecred.get_cred(id=action.initiator.username, plugin='slack') >= {cred:?}:\n    return PASSED\nreturn FAILED"
    );
    let draft = Draft::platform("Cred to write", &[POST]).filter("return action.channel == 'C0GENERAL'").check(&check);
    PolicyDraft { on_error, ..draft.into() }
}

#[test]
fn only_those_with_cred_enough_may_write_in_a_channel() {
    for (form, analysis) in [(Form::Packed, Analysis::Written), (Form::Plain, Analysis::Absent)] {
        run(async move |t: &mut TestApp| {
            let needed = f64::from(rand::random_range(10_u32..1_000)) + 0.5;
            let fake = instance(form, analysis, needed).await;
            add(t, &fake).await;
            t.policy_in(t.slack.community, needs(needed, OnError::Hold)).await;
            let (hers, his) =
                (t.slack.post("alice", "C0GENERAL", "mine").await, t.slack.post("bob", "C0GENERAL", "his").await);
            t.settle().await;
            assert!(t.slack.message("C0GENERAL", &hers).is_some(), "she has just enough");
            assert!(t.slack.message("C0GENERAL", &his).is_none(), "he is not known there");
            let elsewhere = t.slack.post("bob", "C0RANDOM", "here").await;
            t.settle().await;
            assert!(t.slack.message("C0RANDOM", &elsewhere).is_some());
            // What he earns counts as soon as the instance says so.
            fake.act(Act::Earn { account: account("U02"), cred: needed }).expect("he earns it");
            fake.act(Act::Join { name: "bob".to_owned() }).expect("he joins");
            fake.act(Act::Link { name: "bob".to_owned(), account: account("U02") }).expect("it is his");
            t.advance(Duration::from_secs(61)).await;
            let later = t.slack.post("bob", "C0GENERAL", "now").await;
            t.settle().await;
            assert!(t.slack.message("C0GENERAL", &later).is_some());
        });
    }
}

#[test]
fn when_the_instance_is_down_the_author_says_what_happens_and_the_page_says_why() {
    for (on_error, stays) in [(OnError::Hold, true), (OnError::HoldReverted, false)] {
        run(async move |t: &mut TestApp| {
            let fake = instance(Form::Packed, Analysis::Written, 50.0).await;
            add(t, &fake).await;
            t.policy_in(t.slack.community, needs(20.0, on_error)).await;
            fake.trouble(Some(Trouble::Status { status: 503 }));
            t.advance(Duration::from_secs(61)).await;
            let post = t.slack.post("alice", "C0GENERAL", "hello").await;
            t.settle().await;
            assert_eq!(t.proposal().await.status, Status::Proposed, "it may come back");
            for _ in 0..6 * 12 {
                t.advance(Duration::from_secs(300)).await;
            }
            let proposal = t.proposal().await;
            assert_eq!(proposal.status, Status::Held);
            assert_eq!(t.slack.message("C0GENERAL", &post).is_some(), stays, "{on_error:?}");
            let page = Visitor::member(t, &t.slack, "alice").await.get(&format!("/proposals/{}", proposal.id)).await;
            assert!(page.body.contains("SourceCred could not be read"), "{}", page.body);
            assert!(page.body.contains("answered 503"), "{}", page.body);
        });
    }
}

#[test]
fn an_answer_that_is_too_long_to_be_recorded_is_a_failure() {
    run(async |t: &mut TestApp| {
        let fake = instance(Form::Packed, Analysis::Written, 50.0).await;
        add(t, &fake).await;
        let check = "return PASSED if sourcecred.get_accounts() else FAILED";
        let draft = Draft::platform("Accounts", &[POST]).check(check);
        t.policy_in(t.slack.community, PolicyDraft { on_error: OnError::Hold, ..draft.into() }).await;
        let one = |number: usize| {
            let identity = json!({ "id": format!("i{number}"), "name": "a".repeat(300), "address": "" });
            json!({ "totalCred": 1, "account": { "identity": identity, "balance": "0" } })
        };
        let accounts: Vec<_> = (0..4_000).map(one).collect();
        let body = json!({ "accounts": accounts }).to_string().into_bytes();
        fake.trouble(Some(Trouble::Instead { path: "output/accounts.json".to_owned(), body }));
        t.advance(Duration::from_secs(61)).await;
        t.slack.post("alice", "C0GENERAL", "hello").await;
        t.settle().await;
        let proposal = t.proposal().await;
        assert_eq!(proposal.status, Status::Held);
        let page = Visitor::member(t, &t.slack, "alice").await.get(&format!("/proposals/{}", proposal.id)).await;
        assert!(page.body.contains("is longer than 1 MiB"), "{}", page.body);
    });
}

#[test]
fn a_policy_that_expects_a_failure_decides_for_itself_and_again_the_same() {
    run(async |t: &mut TestApp| {
        let fake = instance(Form::Packed, Analysis::Written, 50.0).await;
        add(t, &fake).await;
        let check = "try:\n    cred = sourcecred.get_cred(id=action.initiator.username, plugin='slack')\n\
                     except Exception:\n    cred = 0\nreturn PASSED if cred >= 20 else FAILED";
        t.policy_in(t.slack.community, Draft::platform("Strict", &[POST]).check(check).into()).await;
        fake.trouble(Some(Trouble::WrongJson));
        t.advance(Duration::from_secs(61)).await;
        let post = t.slack.post("alice", "C0GENERAL", "hello").await;
        t.settle().await;
        assert!(t.slack.message("C0GENERAL", &post).is_none());
        fake.trouble(None);
        // Replayed, the recorded failure is met, not the instance as it is now.
        let asked = fake.record().len();
        let (engine, community) = (t.engine(), t.slack.community);
        let evaluation = t.story(&t.proposal().await).await.evaluations[0].evaluation.id;
        let report = t.node().on(async move { engine.replay(community, evaluation).await }).await;
        assert_eq!(report.expect("it is replayed"), ReplayReport::Same);
        assert_eq!(fake.record().len(), asked);
    });
}

#[test]
fn whoever_may_not_add_integrations_does_not_and_a_wrong_address_is_said_to_be() {
    run(async |t: &mut TestApp| {
        keepers(t, &t.slack).await;
        let (bob, carol) = (Visitor::member(t, &t.slack, "bob").await, Visitor::member(t, &t.slack, "carol").await);
        let fake = instance(Form::Packed, Analysis::Written, 1.0).await;
        assert_eq!(bob.get(FORM).await.status, 403);
        assert_eq!(bob.post(FORM, &[("url", fake.base_url())]).await.status, 403);
        assert_eq!(carol.post_signed(FORM, &[("url", fake.base_url())], "forged").await.status, 403);
        assert!(carol.get(PAGE).await.body.contains(FORM), "the settings lead there");
        assert!(carol.get(FORM).await.body.contains("Where is your SourceCred instance published?"));
        for (url, expected) in [
            ("", "is missing"),
            ("nowhere", "is no address"),
            ("https://10.0.0.1", "not a public address"),
            ("http://example.org", "not an https address"),
            (&format!("{}/below", fake.base_url()), "no SourceCred instance at"),
            (&"x".repeat(2_001), "longer than 2000 letters"),
        ] {
            let told = carol.post(FORM, &[("url", url)]).await;
            assert_eq!(told.status, 422, "{url}: {}", told.body);
            assert!(told.body.contains(expected) && told.body.contains("Nothing was changed"), "{url}: {}", told.body);
        }
        assert_eq!(carol.get("/main/settings/integrations/add/slack").await.status, 404, "people are sent there");
        assert!(fake.record().iter().all(|asked| asked.path.starts_with("below/")), "{:?}", fake.record());
    });
}

#[test]
fn from_the_command_line_it_is_added_to_a_community_that_is_there() {
    run(async |t: &mut TestApp| {
        let fake = instance(Form::Packed, Analysis::Written, 1.0).await;
        let wanted = || Install {
            platform: "sourcecred".to_owned(),
            answers: BTreeMap::from([("url".to_owned(), fake.base_url().to_owned())]),
            ..Install::default()
        };
        let (engine, into, first) = (t.engine(), t.slack.community, wanted());
        t.node().on(async move { engine.connect(first, Whereto::Given(into)).await }).await.expect("it is added");
        t.expect_installation(place(t, into).await);
        // It was added, and nothing happened in the workspace.
        t.expect_rows_from_outside();
        let (engine, none) = (t.engine(), Install { answers: BTreeMap::new(), ..wanted() });
        let refused = t.node().on(async move { engine.connect(none, Whereto::Given(into)).await }).await;
        assert!(matches!(refused, Err(JourneyError::Install(_))), "{refused:?}");
    });
}

#[test]
fn two_communities_use_one_instance_and_neither_takes_it_from_the_other() {
    run(async |t: &mut TestApp| {
        let fake = instance(Form::Packed, Analysis::Written, 50.0).await;
        add(t, &fake).await;
        keepers(t, &t.other).await;
        let hers = Visitor::member(t, &t.other, "carol").await;
        // However the address is written, it is one place of theirs.
        for url in [fake.base_url().to_owned(), format!("{}/#/explorer", fake.base_url())] {
            let done = hers.post(FORM, &[("url", &url)]).await;
            assert_eq!(done.status, 303, "{}", done.body);
        }
        t.expect_rows_from_outside();
        let (ours, theirs) = (place(t, t.slack.community).await, place(t, t.other.community).await);
        assert_ne!(ours.id, theirs.id);
        assert_eq!((theirs.status, theirs.id_there()), (InstallationStatus::Active, fake.base_url()));
        t.expect_installation(theirs.clone());
        let page = hers.get(PAGE).await;
        assert!(page.body.contains(&format!("({})", fake.base_url())), "as it is known there: {}", page.body);
        // What one of them removes stays with the other, and comes back to whom it was.
        let removed = hers.post(&format!("{PAGE}/{}/remove", theirs.id), &[]).await;
        assert_eq!(removed.status, 303, "{}", removed.body);
        t.settle().await;
        assert_eq!(place(t, t.other.community).await.status, InstallationStatus::Uninstalled);
        assert_eq!(place(t, t.slack.community).await.status, InstallationStatus::Active);
        t.policy_in(t.slack.community, needs(20.0, OnError::Hold)).await;
        let post = t.slack.post("alice", "C0GENERAL", "still counted").await;
        t.settle().await;
        assert!(t.slack.message("C0GENERAL", &post).is_some());
        let page = hers.get(PAGE).await.body;
        assert!(
            page.contains("Policies that ask it fail") && !page.contains("given back"),
            "there are no keys: {page}"
        );
        let again = hers.post(FORM, &[("url", fake.base_url())]).await;
        assert_eq!(again.status, 303, "{}", again.body);
        let back = place(t, t.other.community).await;
        assert_eq!((back.id, back.status), (theirs.id, InstallationStatus::Active));
    });
}

#[test]
fn a_place_that_was_proposed_elsewhere_than_by_the_form_is_the_same_place() {
    run(async |t: &mut TestApp| {
        t.role(&t.slack, "Askers", &[ADD_INTEGRATION], &["carol"]).await;
        t.policy_in(t.slack.community, Draft::constitution("Fine", &[]).check("return PASSED").into()).await;
        let fake = instance(Form::Packed, Analysis::Written, 50.0).await;
        // As somebody copies it who proposes it by a policy.
        let (platform, external_id) = ("sourcecred".to_owned(), format!("{}/", fake.base_url()));
        let wanted = Amendment::AddIntegration(PlaceDraft { platform, external_id, name: "Cred".to_owned() });
        t.propose(&t.slack, "carol", &wanted.action_type(), wanted.fields()).await;
        t.settle().await;
        let proposed = place(t, t.slack.community).await;
        assert_eq!((proposed.status, proposed.id_there()), (InstallationStatus::CredentialsDead, fake.base_url()));
        let carol = Visitor::member(t, &t.slack, "carol").await;
        let done = carol.post(FORM, &[("url", fake.base_url())]).await;
        assert_eq!(done.status, 303, "{}", done.body);
        let there = place(t, t.slack.community).await;
        assert_eq!((there.id, there.status), (proposed.id, InstallationStatus::Active));
        assert_ne!(there.external_id, fake.base_url(), "it says whose it is");
        t.expect_installation(there);
    });
}

#[test]
fn what_the_community_agrees_on_waits_and_works_once_it_is_added_with_the_address_that_was_agreed_on() {
    run(async |t: &mut TestApp| {
        t.role(&t.slack, "Askers", &[ADD_INTEGRATION], &["carol"]).await;
        t.policy_in(t.slack.community, Draft::constitution("Fine", &[]).check("return PASSED").into()).await;
        let fake = instance(Form::Packed, Analysis::Written, 50.0).await;
        let carol = Visitor::member(t, &t.slack, "carol").await;
        let asked = carol.post(FORM, &[("url", fake.base_url())]).await;
        assert!(asked.status == 303 && asked.head.contains("proposed="), "{}", asked.head);
        t.settle().await;
        assert_eq!(place(t, t.slack.community).await.status, InstallationStatus::CredentialsDead);
        let page = carol.get(PAGE).await.body;
        assert!(
            page.contains("SourceCred waits to be added") && page.contains("the address that was agreed on"),
            "{page}"
        );
        let form = carol.get(FORM).await.body;
        let entered = format!("value=\"{}\"", fake.base_url());
        assert!(form.contains(&entered), "nobody has to find it out again: {form}");
        assert!(page.contains(FORM) && !page.contains("hand over the keys"), "there are none: {page}");
        let done = carol.post(FORM, &[("url", fake.base_url())]).await;
        assert_eq!(done.status, 303, "{}", done.body);
        let there = place(t, t.slack.community).await;
        assert_eq!((there.status, there.id_there()), (InstallationStatus::Active, fake.base_url()));
        t.expect_installation(there);
    });
}

#[test]
fn whoever_has_keys_revoked_does_not_add_what_the_community_was_not_asked_about() {
    run(async |t: &mut TestApp| {
        t.role(&t.slack, "Askers", &[ADD_INTEGRATION], &["carol"]).await;
        t.policy_in(t.slack.community, Draft::constitution("Never", &[]).check("return FAILED").into()).await;
        let fake = instance(Form::Packed, Analysis::Written, 50.0).await;
        let carol = Visitor::member(t, &t.slack, "carol").await;
        for token in tokens(t) {
            t.fake().set_up(FakeSetup::RevokeToken { token }).expect("it lives");
        }
        t.policy(no_forbidden_word()).await;
        t.slack.post("alice", "C0GENERAL", "a forbidden word").await;
        t.settle().await;
        let refused = carol.post(FORM, &[("url", fake.base_url())]).await;
        assert!(refused.body.contains("connected to no platform at present"), "{} {}", refused.status, refused.body);
        let (db, community) = (t.db(), t.slack.community);
        let state = t.node().on(async move { db.community(community).state().await }).await.expect("the community");
        let there: Vec<_> = state.installations.iter().map(|i| (i.platform.as_str(), i.status)).collect();
        assert_eq!(there, [("slack", InstallationStatus::CredentialsDead)], "the people are there still");
    });
}
