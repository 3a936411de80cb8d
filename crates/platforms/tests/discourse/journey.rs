use std::collections::BTreeMap;

use policykit_core::Clock as _;
use policykit_platforms::{
    Platform,
    discourse::fake::{Change, Settings, Setup},
    platform::{Arrival, ArrivalError, Arrived, Departure, Entered, Journey},
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use url::Url;

use crate::rig::{ADMIN_KEY, BACK, Rig, call, config, member};

const NONCE: &str = "0f0e0d0c0b0a09080706050403020100";

/// A browser's way to the forum and back: what it brings, and what was kept meanwhile.
async fn travel(rig: &Rig, journey: Journey, who: &str) -> Result<(BTreeMap<String, String>, SecretString), String> {
    let answers = rig.answers();
    let departure =
        Departure { journey, state: "s", nonce: NONCE, redirect_uri: BACK, app: &rig.app, answers: &answers };
    let leaving = rig.platform.depart(&departure).await.unwrap();
    assert_eq!(leaving.to.as_deref(), Some(rig.fake.base_url()));
    let url: Url = leaving.url.parse().unwrap();
    assert_eq!(url.path(), "/user-api-key/new");
    let mut form: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    assert!(form.contains(&("padding".to_owned(), "oaep".to_owned())), "{form:?}");
    form.push(("as".to_owned(), who.to_owned()));
    #[expect(clippy::disallowed_methods, reason = "a browser of the tests, which must see where it is sent")]
    let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let sent = browser.post(format!("{}/user-api-key", rig.fake.base_url())).form(&form).send().await.unwrap();
    if sent.status() != 302 {
        return Err(sent.text().await.unwrap());
    }
    let back: Url = sent.headers()["location"].to_str().unwrap().parse().unwrap();
    assert!(back.as_str().starts_with(BACK), "{back}");
    Ok((back.query_pairs().into_owned().collect(), leaving.keep.unwrap()))
}

async fn arrive(
    rig: &Rig,
    journey: Journey,
    params: &BTreeMap<String, String>,
    kept: &SecretString,
    nonce: &str,
) -> Result<Arrived, ArrivalError> {
    let answers = rig.answers();
    let arrival = Arrival {
        journey,
        params,
        nonce,
        redirect_uri: BACK,
        kept: Some(kept),
        answers: &answers,
        app: &rig.app,
        now: rig.clock.now(),
    };
    rig.platform.arrive(&arrival).await
}

fn live_keys(rig: &Rig) -> usize {
    let granted = rig.fake.changes().iter().filter(|c| matches!(c, Change::KeyGranted { .. })).count();
    let revoked = rig.fake.changes().iter().filter(|c| matches!(c, Change::KeyRevoked { .. })).count();
    granted - revoked
}

#[tokio::test]
async fn an_administrator_lets_us_in_with_a_key_that_works() {
    let rig = Rig::start().await;
    let (params, kept) = travel(&rig, Journey::Install, "root").await.unwrap();
    let Arrived::Installed(grant) = arrive(&rig, Journey::Install, &params, &kept, NONCE).await.unwrap() else {
        panic!()
    };
    assert_eq!(grant.inspection.name, "Riverbend Forum");
    assert_eq!(
        (&*grant.inspection.external_id, &grant.inspection.acts_as[..]),
        (rig.fake.base_url(), &["#1".to_owned()][..])
    );
    assert_eq!(grant.installer.as_ref().map(|i| (i.external_id.as_str(), i.is_admin)), Some(("#1", true)));
    assert_eq!(live_keys(&rig), 1);
    let mut context = rig.context(1);
    context.credentials = grant.credentials;
    let topic = rig.topic().topic.unwrap();
    let close = call("topic.status", json!({ "topic_id": topic, "status": "closed", "enabled": true }));
    rig.platform.send(&close, &context).await.unwrap();
    assert_eq!(rig.fake.topic(topic, None).unwrap()["closed"], json!(true));
}

#[tokio::test]
async fn somebody_who_signs_in_is_known_and_their_key_is_given_back() {
    let rig = Rig::start().await;
    let (params, kept) = travel(&rig, Journey::SignIn, "ada").await.unwrap();
    let Arrived::SignedIn(identity) = arrive(&rig, Journey::SignIn, &params, &kept, NONCE).await.unwrap() else {
        panic!()
    };
    assert_eq!((identity.external_id.as_str(), identity.account.name.as_str()), (rig.fake.base_url(), "ada"));
    assert!(!identity.account.is_admin);
    assert_eq!(live_keys(&rig), 0);
}

#[tokio::test]
async fn whoever_takes_another_name_stays_who_they_are_and_whoever_takes_the_old_one_is_somebody_else() {
    let rig = Rig::start().await;
    let account = async |who: &str| {
        let (params, kept) = travel(&rig, Journey::SignIn, who).await.unwrap();
        match arrive(&rig, Journey::SignIn, &params, &kept, NONCE).await.unwrap() {
            Arrived::SignedIn(identity) => identity.account,
            other => panic!("{other:?}"),
        }
    };
    let before = account("ada").await;
    rig.fake.set_up(Setup::Renamed { username: "ada".to_owned(), to: "lovelace".to_owned() }).unwrap();
    rig.fake.set_up(Setup::Member(member("ada"))).unwrap();
    let (after, other) = (account("lovelace").await, account("ada").await);
    assert_eq!((&after.external_id, after.name.as_str()), (&before.external_id, "lovelace"));
    assert_ne!(other.external_id, before.external_id);
}

#[tokio::test]
async fn whoever_does_not_administer_the_forum_is_refused_and_nothing_of_the_grant_stays() {
    let rig = Rig::start().await;
    for who in ["ada", "mod"] {
        let (params, kept) = travel(&rig, Journey::Install, who).await.unwrap();
        let refused = arrive(&rig, Journey::Install, &params, &kept, NONCE).await.unwrap_err();
        assert!(matches!(&refused, ArrivalError::NotAdmin { .. }), "{refused:?}");
        assert!(refused.to_string().contains("ask an administrator"), "{refused}");
        assert_eq!(live_keys(&rig), 0);
    }
}

#[tokio::test]
async fn signing_in_does_not_end_the_key_with_which_the_same_administrator_let_us_in() {
    let rig = Rig::start().await;
    let (params, kept) = travel(&rig, Journey::Install, "root").await.unwrap();
    let Arrived::Installed(grant) = arrive(&rig, Journey::Install, &params, &kept, NONCE).await.unwrap() else {
        panic!()
    };
    let answers = rig.answers();
    let departure = Departure {
        journey: Journey::SignIn,
        state: "s",
        nonce: "another",
        redirect_uri: BACK,
        app: &rig.app,
        answers: &answers,
    };
    let url: Url = rig.platform.depart(&departure).await.unwrap().url.parse().unwrap();
    let client = url.query_pairs().find(|(name, _)| name == "client_id").unwrap().1.into_owned();
    assert_ne!(client, grant.credentials["client_id"].expose_secret());
}

#[tokio::test]
async fn what_was_not_meant_for_this_journey_is_not_believed() {
    let rig = Rig::start().await;
    let (params, kept) = travel(&rig, Journey::SignIn, "ada").await.unwrap();
    let (others, other_kept) = travel(&rig, Journey::SignIn, "ben").await.unwrap();
    let none = BTreeMap::new();
    for (params, kept, nonce) in [
        (&params, &other_kept, NONCE),
        (&others, &kept, NONCE),
        (&params, &kept, "another nonce"),
        (&none, &kept, NONCE),
    ] {
        let told = arrive(&rig, Journey::SignIn, params, kept, nonce).await.unwrap_err();
        assert!(matches!(told, ArrivalError::Forged(_)), "{told:?}");
    }
}

#[tokio::test]
async fn a_forum_that_is_not_prepared_sends_nobody_back() {
    let rig = Rig::start().await;
    let settings = |settings: Settings| Setup::Settings(Box::new(settings));
    rig.fake.set_up(settings(Settings { allowed_user_api_auth_redirects: Vec::new(), ..config().settings })).unwrap();
    travel(&rig, Journey::Install, "root").await.unwrap_err();
    let only_read = Settings { allow_user_api_key_scopes: vec!["read".to_owned()], ..config().settings };
    rig.fake.set_up(settings(only_read)).unwrap();
    travel(&rig, Journey::Install, "root").await.unwrap_err();
    let nobody = Settings { user_api_key_allowed_groups: vec!["trust_level_4".to_owned()], ..config().settings };
    rig.fake.set_up(settings(nobody)).unwrap();
    travel(&rig, Journey::SignIn, "ada").await.unwrap_err();
}

#[tokio::test]
async fn without_an_address_somebody_is_asked_for_it() {
    let rig = Rig::start().await;
    for url in ["", "forum.example.org", "ftp://forum.example.org"] {
        let answers = [("url".to_owned(), url.to_owned())].into();
        let departure = Departure {
            journey: Journey::Install,
            state: "s",
            nonce: NONCE,
            redirect_uri: BACK,
            app: &rig.app,
            answers: &answers,
        };
        let told = rig.platform.depart(&departure).await.unwrap_err();
        assert!(matches!(told, ArrivalError::Unanswered(_)), "{url}: {told:?}");
    }
}

#[tokio::test]
async fn a_key_that_was_made_on_the_forum_is_taken_where_it_acts_as_an_administrator() {
    let rig = Rig::start().await;
    let answers = rig.answers();
    let look = async |key: &str, username: &str| {
        let keys = [("api_key".to_owned(), key.into()), ("api_username".to_owned(), username.into())].into();
        rig.platform.inspect(Entered { credentials: &keys, answers: &answers, app: &rig.app }).await
    };
    assert_eq!(look(ADMIN_KEY, "root").await.unwrap().name, "Riverbend Forum");
    assert!(look(ADMIN_KEY, "ada").await.unwrap_err().contains("does not administer"));
    assert!(look(ADMIN_KEY, "nobody").await.unwrap_err().contains("cannot be used"));
    assert!(look("wrong", "root").await.unwrap_err().contains("does not accept the key"));
    let _ = member("x");
}
