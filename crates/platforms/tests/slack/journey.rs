//! Installing and signing in, as a browser does it: sent to the stand-in's page, answering there, and coming back.

use std::collections::BTreeMap;

use policykit_core::Clock as _;
use policykit_platforms::{
    Platform,
    platform::{Arrival, ArrivalError, Arrived, Departure, Grant, Identity, Journey},
    slack::fake::{Act, Setup, What},
};
use secrecy::ExposeSecret as _;
use url::Url;

use crate::rig::Rig;

const BACK: &str = "https://pk.example/auth/slack/callback";

/// What somebody does on Slack's page.
#[derive(Debug, Clone, Copy)]
enum Answer<'a> {
    ContinueAs(&'a str),
    Deny,
}

/// A browser's way to Slack and back: the parameters it comes back with.
async fn travel(rig: &Rig, journey: Journey, answer: Answer<'_>) -> BTreeMap<String, String> {
    let none = BTreeMap::new();
    let departure =
        Departure { journey, state: "st ate&1", nonce: "n-1", redirect_uri: BACK, app: &rig.app, answers: &none };
    let url: Url = rig.slack.depart(&departure).await.unwrap().url.parse().unwrap();
    let page = rig.bench.http().get(url.clone()).send().await.unwrap().text().await.unwrap();
    let fields: Vec<(String, String)> = hidden_fields(&page);
    let mut form = fields;
    if let Answer::ContinueAs(name) = answer {
        form.push(("continue".to_owned(), choice(&page, name)));
    }
    #[expect(clippy::disallowed_methods, reason = "a browser of the tests, which must see where it is sent")]
    let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let sent = browser.post(url).form(&form).send().await.unwrap();
    assert_eq!(sent.status(), 303, "the page sends the browser back");
    let back: Url = sent.headers()["location"].to_str().unwrap().parse().unwrap();
    assert!(back.as_str().starts_with(BACK), "{back}");
    let params: BTreeMap<String, String> = back.query_pairs().into_owned().collect();
    assert_eq!(params["state"], "st ate&1");
    params
}

fn hidden_fields(page: &str) -> Vec<(String, String)> {
    page.split("<input type=\"hidden\" name=\"")
        .skip(1)
        .map(|rest| {
            let (name, rest) = rest.split_once("\" value=\"").unwrap();
            (name.to_owned(), rest.split_once('"').unwrap().0.replace("&amp;", "&"))
        })
        .collect()
}

/// The value of the first button "Continue as NAME".
fn choice(page: &str, name: &str) -> String {
    let (before, _) = page.split_once(&format!("Continue as {name}")).expect("the page offers the person");
    let (_, value) = before.rsplit_once("value=\"").unwrap();
    value.split_once('"').unwrap().0.to_owned()
}

async fn arrive(
    rig: &Rig,
    journey: Journey,
    params: &BTreeMap<String, String>,
    answers: &[(&str, &str)],
) -> Result<Arrived, ArrivalError> {
    let answers = answers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let arrival = Arrival {
        journey,
        params,
        nonce: "n-1",
        redirect_uri: BACK,
        kept: None,
        answers: &answers,
        app: &rig.app,
        now: rig.bench.clock.now(),
    };
    rig.slack.arrive(&arrival).await
}

fn grant(arrived: Result<Arrived, ArrivalError>) -> Grant {
    match arrived {
        Ok(Arrived::Installed(grant)) => *grant,
        other => panic!("expected an installation, got {other:?}"),
    }
}

fn identity(arrived: Result<Arrived, ArrivalError>) -> Identity {
    match arrived {
        Ok(Arrived::SignedIn(identity)) => identity,
        other => panic!("expected an identity, got {other:?}"),
    }
}

/// What ada's browser brings back from installing.
pub(crate) async fn as_ada(rig: &Rig) -> BTreeMap<String, String> {
    travel(rig, Journey::Install, Answer::ContinueAs("ada")).await
}

/// The grant for what a browser brought back.
pub(crate) async fn installed(rig: &Rig, params: &BTreeMap<String, String>) -> Grant {
    grant(arrive(rig, Journey::Install, params, &[]).await)
}

#[tokio::test]
async fn an_administrator_lets_policykit_in_and_the_tokens_work() {
    let rig = Rig::start().await;
    let params = travel(&rig, Journey::Install, Answer::ContinueAs("ada")).await;
    let grant = grant(arrive(&rig, Journey::Install, &params, &[]).await);
    assert_eq!(grant.inspection.external_id, rig.bench.id());
    let installer = grant.installer.unwrap();
    assert_eq!(installer.external_id, rig.user("ada"));
    assert!(installer.is_admin);
    assert!(grant.inspection.acts_as.contains(&rig.user("ada")));
    let names: Vec<&str> = grant.credentials.keys().map(String::as_str).collect();
    assert_eq!(names, ["admin_token", "bot_token"], "nothing runs out without rotation");
    let bot = grant.credentials["bot_token"].expose_secret();
    let said =
        rig.bench.json(bot, "chat.postMessage", serde_json::json!({"channel": rig.channel("random"), "text": "hi"}));
    said.await.ok();
}

#[tokio::test]
async fn who_does_not_administer_the_workspace_is_refused_and_their_token_given_back() {
    let rig = Rig::start().await;
    let params = travel(&rig, Journey::Install, Answer::ContinueAs("cy")).await;
    let error = arrive(&rig, Journey::Install, &params, &[]).await.unwrap_err();
    assert!(matches!(&error, ArrivalError::NotAdmin { who, .. } if who == "cy"), "{error:?}");
    assert!(error.to_string().contains("ask an administrator"), "{error}");
    let revoked = |user: &str| {
        rig.bench.fake.record().iter().any(|e| {
            matches!(&e.what, What::Effect { change: policykit_platforms::slack::fake::Change::TokenRevoked { user: u }, .. } if u.as_str() == user)
        })
    };
    assert!(revoked(&rig.user("cy")));
    // The bot's token may be what an installation works with.
    rig.bench.json(&rig.bench.bot(), "auth.test", serde_json::json!({})).await.ok();
}

#[tokio::test]
async fn who_says_no_changes_nothing() {
    let rig = Rig::start().await;
    let params = travel(&rig, Journey::Install, Answer::Deny).await;
    let error = arrive(&rig, Journey::Install, &params, &[]).await.unwrap_err();
    assert!(matches!(error, ArrivalError::Denied(_)), "{error:?}");
}

#[tokio::test]
async fn a_code_works_once_and_only_for_the_address_it_was_given_for() {
    let rig = Rig::start().await;
    let params = travel(&rig, Journey::Install, Answer::ContinueAs("ada")).await;
    let elsewhere = Arrival {
        journey: Journey::Install,
        params: &params,
        nonce: "n-1",
        redirect_uri: "https://pk.example/other",
        kept: None,
        answers: &BTreeMap::new(),
        app: &rig.app,
        now: rig.bench.clock.now(),
    };
    let error = rig.slack.arrive(&elsewhere).await.unwrap_err();
    assert!(matches!(&error, ArrivalError::NotConfigured(what) if what.contains("Redirect URLs")), "{error:?}");
    grant(arrive(&rig, Journey::Install, &params, &[]).await);
    let error = arrive(&rig, Journey::Install, &params, &[]).await.unwrap_err();
    assert!(matches!(error, ArrivalError::Forged(_)), "{error:?}");
}

#[tokio::test]
async fn a_wrong_client_secret_is_refused_with_the_place_to_find_the_right_one() {
    let mut rig = Rig::start().await;
    let params = travel(&rig, Journey::Install, Answer::ContinueAs("ada")).await;
    rig.app.secrets.insert("client_secret".to_owned(), "another".into());
    let error = arrive(&rig, Journey::Install, &params, &[]).await.unwrap_err();
    assert!(matches!(&error, ArrivalError::NotConfigured(what) if what.contains("Basic Information")), "{error:?}");
}

#[tokio::test]
async fn a_journey_that_ends_in_another_workspace_is_refused() {
    let rig = Rig::start().await;
    let params = travel(&rig, Journey::Install, Answer::ContinueAs("ada")).await;
    let other = rig.bench.other.id.as_str();
    let error = arrive(&rig, Journey::Install, &params, &[("team", other)]).await.unwrap_err();
    assert!(matches!(error, ArrivalError::WrongCommunity(_)), "{error:?}");
}

#[tokio::test]
async fn a_member_signs_in_and_is_known_by_account_and_workspace() {
    let rig = Rig::start().await;
    let params = travel(&rig, Journey::SignIn, Answer::ContinueAs("bob")).await;
    let bob = identity(arrive(&rig, Journey::SignIn, &params, &[]).await);
    assert_eq!((bob.external_id.as_str(), bob.account.external_id), (rig.bench.id(), rig.user("bob")));
    assert_eq!(bob.account.name, "bob");
    assert!(!bob.account.is_admin);
    let again = arrive(&rig, Journey::SignIn, &params, &[]).await.unwrap_err();
    assert!(matches!(again, ArrivalError::Forged(_)), "{again:?}");
}

#[tokio::test]
async fn an_identity_from_another_attempt_is_not_believed() {
    let rig = Rig::start().await;
    let params = travel(&rig, Journey::SignIn, Answer::ContinueAs("bob")).await;
    let arrival = Arrival {
        journey: Journey::SignIn,
        params: &params,
        nonce: "n-2",
        redirect_uri: BACK,
        kept: None,
        answers: &BTreeMap::new(),
        app: &rig.app,
        now: rig.bench.clock.now(),
    };
    let error = rig.slack.arrive(&arrival).await.unwrap_err();
    assert!(matches!(&error, ArrivalError::Forged(what) if what.contains("another attempt")), "{error:?}");
}

#[tokio::test]
async fn a_code_for_signing_in_installs_nothing() {
    let rig = Rig::start().await;
    let params = travel(&rig, Journey::SignIn, Answer::ContinueAs("ada")).await;
    let error = arrive(&rig, Journey::Install, &params, &[]).await.unwrap_err();
    assert!(matches!(error, ArrivalError::Forged(_)), "{error:?}");
}

#[tokio::test]
async fn the_page_turns_strange_requests_down() {
    let rig = Rig::start_with(|config| config.app.redirect_urls = Some(vec!["https://pk.example/".into()])).await;
    let base = format!("{}/oauth/v2/authorize", rig.bench.fake.base_url());
    for (query, says) in [
        ("client_id=nobody&scope=chat:write&redirect_uri=https://pk.example/", "Invalid client_id"),
        (
            "client_id=3336676.569200954261&scope=chat:write&redirect_uri=https://evil.example/",
            "redirect_uri did not match",
        ),
        ("client_id=3336676.569200954261&redirect_uri=https://pk.example/", "No scopes"),
    ] {
        let answer = rig.bench.http().get(format!("{base}?{query}")).send().await.unwrap();
        assert_eq!(answer.status(), 400);
        assert!(answer.text().await.unwrap().contains(says), "{says}");
    }
}

#[tokio::test]
async fn somebody_made_an_administrator_may_install_from_then_on() {
    let rig = Rig::start().await;
    let team = rig.bench.id().to_owned();
    rig.bench.fake.set_up(Setup::Admin { team: team.clone(), user: "cy".into(), is_admin: true }).unwrap();
    let params = travel(&rig, Journey::Install, Answer::ContinueAs("cy")).await;
    let grant = grant(arrive(&rig, Journey::Install, &params, &[]).await);
    assert_eq!(grant.installer.unwrap().external_id, rig.user("cy"));
    let act = Act::SetProfile { real_name: Some("Cy <b>".into()), display_name: None, title: None, status_text: None };
    rig.bench.fake.act(&team, "cy", act).await.unwrap();
    let params = travel(&rig, Journey::SignIn, Answer::ContinueAs("Cy &lt;b&gt;")).await;
    assert_eq!(identity(arrive(&rig, Journey::SignIn, &params, &[]).await).account.name, "Cy <b>");
}
