//! Every request of these tests is one that Slack's published description of its Web API allows.
//!
//! Skipped with one line when the shared data is absent.

use std::{collections::BTreeSet, sync::OnceLock};

use policykit_platforms::{Platform, slack::fake::What};
use serde_json::{Value, json};

use crate::{rig::Rig, shape::shared_json, wire::Sent};

/// Parameters younger than the published description, from the method pages on docs.slack.dev.
const NEWER: &[(&str, &str)] = &[
    ("chat.postMessage", "metadata"),
    ("conversations.history", "include_all_metadata"),
    ("conversations.replies", "include_all_metadata"),
    ("oauth.v2.access", "grant_type"),
    ("oauth.v2.access", "refresh_token"),
];
/// Methods younger than the published description, with the parameters of their pages on docs.slack.dev.
const YOUNG: &[(&str, &str, &[&str])] = &[
    ("openid.connect.token", "post", &["code", "redirect_uri", "grant_type"]),
    ("openid.connect.userInfo", "get", &[]),
];
/// Described with `get` only; their pages on docs.slack.dev say `POST`, and Slack's own `@slack/web-api` posts everything.
const POSTED: &[&str] = &["oauth.v2.access", "auth.revoke", "apps.uninstall"];
/// Called as the app, with its own name and password.
const AS_APP: &[&str] = &["oauth.v2.access", "openid.connect.token"];
/// Parameters that are not needed to renew.
const NOT_TO_RENEW: &[(&str, &str)] = &[("oauth.v2.access", "code")];

fn openapi() -> Option<&'static Value> {
    static SPEC: OnceLock<Option<Value>> = OnceLock::new();
    SPEC.get_or_init(|| shared_json("slack/slack_web_openapi_v2.json")).as_ref()
}

/// Fails when Slack would not take one of these.
pub(crate) fn check(sent: &[Sent]) {
    let Some(openapi) = openapi() else { return };
    let complaints: Vec<String> = sent.iter().flat_map(|sent| complaints(openapi, sent)).collect();
    assert!(complaints.is_empty(), "requests outside Slack's description: {complaints:#?}");
}

/// What is wrong with a request.
fn complaints(openapi: &Value, sent: &Sent) -> Vec<String> {
    let Some(method) = sent.path.strip_prefix("/api/") else { return vec![format!("`{}` is no method", sent.path)] };
    let path = &openapi["paths"][format!("/{method}")];
    let verb = sent.verb.to_lowercase();
    let who = if AS_APP.contains(&method) { "Basic " } else { "Bearer xox" };
    let mut found = Vec::new();
    if !sent.header("authorization").starts_with(who) {
        found.push("no token in the header".to_owned());
    }
    if let Some((.., known)) = YOUNG.iter().find(|(name, v, _)| *name == method && *v == verb) {
        let fields: Vec<(String, String)> = serde_urlencoded::from_bytes(&sent.body).unwrap_or_default();
        let foreign = fields.iter().chain(&sent.query).filter(|(name, _)| !known.contains(&name.as_str()));
        found.extend(foreign.map(|(name, _)| format!("`{name}` is unknown")));
        return found.into_iter().map(|what| format!("{method}: {what}")).collect();
    }
    let posted = verb == "post" && POSTED.contains(&method);
    let Some(operation) = path.get(if posted { "get" } else { verb.as_str() }) else {
        return vec![format!("{verb} {method} is not described")];
    };
    let place = if verb == "get" || posted { "query" } else { "formData" };
    let fields: Vec<(String, String)> = if verb == "get" {
        sent.query.clone()
    } else {
        let kind = sent.header("content-type");
        if !sent.body.is_empty() && !operation["consumes"].as_array().unwrap().iter().any(|known| known == kind) {
            found.push(format!("`{kind}` is not taken"));
        }
        serde_urlencoded::from_bytes(&sent.body).unwrap_or_default()
    };
    let unexpected = if verb == "get" { !sent.body.is_empty() } else { !sent.query.is_empty() };
    if unexpected || (verb == "post" && fields.is_empty() && !sent.body.is_empty()) {
        found.push("parameters in the wrong place".to_owned());
    }
    let described: Vec<&Value> = operation["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|p| p["in"] == place && p["name"] != "token")
        .collect();
    let mut seen = BTreeSet::new();
    for (name, value) in &fields {
        if !seen.insert(name) {
            found.push(format!("`{name}` twice"));
        }
        match described.iter().find(|p| p["name"] == **name) {
            Some(parameter) if !fits(name, value, parameter["type"].as_str().unwrap()) => {
                found.push(format!("`{name}` cannot be `{value}`"));
            }
            Some(_) => {}
            None if NEWER.contains(&(method, name)) => {}
            None => found.push(format!("`{name}` is unknown")),
        }
    }
    let renews = fields.iter().any(|(name, _)| name == "refresh_token");
    let needed = described.iter().filter(|p| p["required"] == true).map(|p| p["name"].as_str().unwrap());
    let needed = needed.filter(|name| !(renews && NOT_TO_RENEW.contains(&(method, *name))));
    found.extend(
        needed.filter(|name| !fields.iter().any(|(n, _)| n == name)).map(|name| format!("`{name}` is missing")),
    );
    found.into_iter().map(|what| format!("{method}: {what}")).collect()
}

fn fits(name: &str, value: &str, kind: &str) -> bool {
    match (name, kind) {
        ("blocks" | "attachments", _) => serde_json::from_str::<Value>(value).is_ok_and(|v| v.is_array()),
        (_, "integer") => value.parse::<i64>().is_ok(),
        (_, "number") => value.parse::<f64>().is_ok(),
        (_, "boolean") => matches!(value, "true" | "false" | "0" | "1"),
        _ => true,
    }
}

fn request(verb: &str, path: &str, query: &str, body: &str) -> Sent {
    let kind = "application/x-www-form-urlencoded";
    Sent {
        verb: verb.into(),
        path: path.into(),
        query: serde_urlencoded::from_str(query).unwrap(),
        headers: [("authorization", "Bearer xoxb-1"), ("content-type", kind)].map(|(n, v)| (n.into(), v.into())).into(),
        body: body.into(),
    }
}

#[test]
fn the_check_finds_what_is_wrong_with_a_request() {
    let Some(openapi) = openapi() else { return };
    let wrong = |sent: &Sent| complaints(openapi, sent).join("; ");
    let good = request("POST", "/api/chat.postMessage", "", "channel=C1&text=x&metadata=%7B%7D");
    assert_eq!(wrong(&good), "");
    for (sent, expected) in [
        (request("GET", "/api/chat.postMessage", "channel=C1", ""), "get chat.postMessage is not described"),
        (request("POST", "/api/chat.shout", "", "channel=C1"), "post chat.shout is not described"),
        (request("POST", "/elsewhere", "", ""), "`/elsewhere` is no method"),
        (request("POST", "/api/chat.postMessage", "", "text=x"), "`channel` is missing"),
        (request("POST", "/api/chat.postMessage", "", "channel=C1&txt=x"), "`txt` is unknown"),
        (request("POST", "/api/chat.postMessage", "", "channel=C1&channel=C2"), "`channel` twice"),
        (request("POST", "/api/chat.postMessage", "text=x", "channel=C1"), "parameters in the wrong place"),
        (request("POST", "/api/chat.postMessage", "", "channel=C1&blocks=x"), "`blocks` cannot be `x`"),
        (request("GET", "/api/users.list", "limit=many", ""), "`limit` cannot be `many`"),
        (request("GET", "/api/pins.list", "", ""), "`channel` is missing"),
        (Sent { headers: vec![], ..good.clone() }, "no token in the header"),
        (
            Sent { headers: vec![("Content-Type".into(), "text/plain".into())], ..good.clone() },
            "`text/plain` is not taken",
        ),
    ] {
        assert!(wrong(&sent).contains(expected), "{expected}: {}", wrong(&sent));
    }
}

#[tokio::test]
async fn the_wire_sees_every_method_and_no_token_outside_the_header() {
    let rig = Rig::start().await;
    let random = rig.channel("random");
    rig.done(1, "chat.postMessage", json!({ "channel": random, "text": "x", "blocks": [] })).await;
    rig.done(2, "conversations.rename", json!({ "channel": random, "name": "quiet" })).await;
    rig.slack.people(None, &rig.context(3)).await.unwrap();
    let sent = rig.wire.sent();
    let methods: BTreeSet<&str> = sent.iter().filter_map(|sent| sent.path.strip_prefix("/api/")).collect();
    let expected = ["auth.test", "bots.info", "chat.postMessage", "conversations.rename", "users.info", "users.list"];
    assert_eq!(methods, expected.into());
    assert_eq!(sent.len(), rig.bench.fake.record().iter().filter(|e| is_call(&e.what)).count());
    for sent in &sent {
        let elsewhere = format!("{}{:?}{}", sent.path, sent.query, String::from_utf8_lossy(&sent.body));
        assert!(!elsewhere.contains("xox"), "{elsewhere}");
    }
}

fn is_call(what: &What) -> bool {
    matches!(what, What::Call { .. })
}
