//! What is asked of Slack's pages, and which identities are believed.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{tokens::*, *};

fn app(settings: &[(&str, &str)]) -> AppConfig {
    AppConfig {
        settings: settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        secrets: [("client_secret".to_owned(), SecretString::from("shh"))].into(),
    }
}

fn leave(journey: Journey, app: &AppConfig, answers: &[(&str, &str)]) -> Result<Url, ArrivalError> {
    let answers = answers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let departure = Departure {
        journey,
        state: "s&1",
        nonce: "n1",
        redirect_uri: "https://pk.example/auth/slack/callback",
        app,
        answers: &answers,
    };
    depart(&departure).map(|leaving| leaving.url.parse().unwrap())
}

fn param(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(n, _)| n == name).map(|(_, v)| v.into_owned())
}

#[test]
fn an_installer_is_asked_for_the_scopes_of_bot_and_administrator() {
    let url = leave(Journey::Install, &app(&[("client_id", "7.8")]), &[]).unwrap();
    assert!(url.as_str().starts_with("https://slack.com/oauth/v2/authorize?"), "{url}");
    assert_eq!(param(&url, "client_id").as_deref(), Some("7.8"));
    assert_eq!(param(&url, "state").as_deref(), Some("s&1"));
    let (bot, person) = (param(&url, "scope").unwrap(), param(&url, "user_scope").unwrap());
    assert!(bot.split(',').any(|s| s == "chat:write") && bot.split(',').any(|s| s == "users:read"), "{bot}");
    assert!(person.split(',').any(|s| s == "channels:write") && !person.contains("channels:manage"), "{person}");
    assert_eq!(param(&url, "team"), None);
}

#[test]
fn who_signs_in_is_asked_for_an_identity_only_and_the_workspace_can_be_named() {
    let url = leave(Journey::SignIn, &app(&[("client_id", "7.8")]), &[("team", "T1")]).unwrap();
    assert!(url.as_str().starts_with("https://slack.com/openid/connect/authorize?"), "{url}");
    assert_eq!(param(&url, "nonce").as_deref(), Some("n1"));
    assert_eq!(param(&url, "scope").as_deref(), Some("openid profile"));
    assert_eq!(param(&url, "team").as_deref(), Some("T1"));
}

#[test]
fn the_pages_are_where_the_web_api_is_unless_the_operator_says_otherwise() {
    let with = |settings: &[(&str, &str)]| leave(Journey::Install, &app(settings), &[]).unwrap().to_string();
    let gov = with(&[("client_id", "1"), ("api_url", "https://slack-gov.com/api/")]);
    assert!(gov.starts_with("https://slack-gov.com/oauth/v2/authorize?"), "{gov}");
    let own = with(&[("client_id", "1"), ("authorize_url", "http://127.0.0.1:7/slack")]);
    assert!(own.starts_with("http://127.0.0.1:7/slack/oauth/v2/authorize?"), "{own}");
}

#[test]
fn what_the_server_lacks_is_named() {
    let error = leave(Journey::Install, &app(&[]), &[]).unwrap_err().to_string();
    assert!(error.contains("platforms.slack.client_id") && error.contains("Basic Information"), "{error}");
}

fn token(claims: &Value) -> String {
    format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

fn good() -> Value {
    json!({
        "iss": "https://slack.com", "aud": "7.8", "nonce": "n1", "exp": 2_000, "sub": "U1",
        "https://slack.com/user_id": "U1", "https://slack.com/team_id": "T1",
    })
}

#[test]
fn an_identity_is_believed_only_when_it_is_this_one() {
    let expected = Expected { audience: "7.8", nonce: "n1", now: Timestamp::from_secs(1_000) };
    let read = |said: &Value| claims(&token(said), &expected);
    assert_eq!(read(&good()), Ok(Claims { subject: "U1".into(), user: "U1".into(), team: "T1".into() }));
    for (name, value, says) in [
        ("iss", json!("https://slack.com.evil.test"), "issued by Slack"),
        ("aud", json!("9.9"), "another app"),
        ("aud", json!(["7.8", "9.9"]), "another app"),
        ("nonce", json!("n2"), "another attempt"),
        ("nonce", Value::Null, "another attempt"),
        ("exp", json!(800), "too old"),
        ("https://slack.com/team_id", Value::Null, "no workspace"),
    ] {
        let mut said = good();
        said[name] = value;
        let error = read(&said).expect_err(name);
        assert!(error.contains(says), "{name}: {error}");
    }
    let broken = claims("not a token", &Expected { audience: "7.8", nonce: "n1", now: Timestamp::default() });
    assert!(broken.unwrap_err().contains("cannot be read"));
}
