//! Keys: administrators' keys, keys that members grant, what they are good for, and how they end.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use num_bigint::BigUint;
use policykit_platforms::discourse::fake::{Limits, Settings, Setup};
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};
use url::{Url, form_urlencoded};

use crate::support::{As, Forum, KEY, Reply, WORDS, new_topic, request};

const REDIRECT: &str = "https://policykit.example/login/discourse";
const PUBLIC: &str = include_str!("key.pem");
/// The secret exponent that belongs to it. This key seals nothing but tests.
const SECRET: &str = include_str!("key.hex");

fn unsealed(sealed: &[u8]) -> Vec<u8> {
    let lines: String = PUBLIC.lines().filter(|line| !line.starts_with('-')).collect();
    let der = BASE64_STANDARD.decode(lines).unwrap();
    // The modulus is the one long number of the key: 257 bytes after its tag and length.
    let modulus = BigUint::from_bytes_be(&der[der.len() - 5 - 256..der.len() - 5]);
    let exponent = BigUint::parse_bytes(SECRET.trim().as_bytes(), 16).unwrap();
    let block = BigUint::from_bytes_be(sealed).modpow(&exponent, &modulus).to_bytes_be();
    let mut padded = vec![0; 256 - block.len()];
    padded.extend(block);
    padded
}

fn mask(data: &mut [u8], seed: &[u8]) {
    for (at, byte) in data.iter_mut().enumerate() {
        let mut hasher = Sha1::new();
        hasher.update(seed);
        hasher.update(u32::try_from(at / 20).unwrap().to_be_bytes());
        *byte ^= hasher.finalize()[at % 20];
    }
}

/// Takes OAEP with SHA-1 off again.
fn oaep(mut block: Vec<u8>) -> Vec<u8> {
    assert_eq!(block.remove(0), 0);
    let mut seed: Vec<u8> = block.drain(..20).collect();
    mask(&mut seed, &block.clone());
    mask(&mut block, &seed);
    assert_eq!(block[..20], Sha1::digest([])[..], "the digest of no label");
    let start = block.iter().skip(20).position(|byte| *byte == 1).unwrap() + 21;
    block.split_off(start)
}

/// Takes PKCS#1 v1.5 off again.
fn pkcs1(block: &[u8]) -> Vec<u8> {
    assert_eq!(block[..2], [0, 2]);
    let end = block.iter().skip(2).position(|byte| *byte == 0).unwrap() + 3;
    block[end..].to_vec()
}

fn asked(change: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = [
        ("application_name", "PolicyKit"),
        ("client_id", "policykit-1"),
        ("scopes", "read,write,session_info"),
        ("nonce", "n-0815"),
        ("auth_redirect", REDIRECT),
        ("public_key", PUBLIC),
        ("padding", "oaep"),
        ("as", "ada"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    for (name, value) in change {
        fields.retain(|(known, _)| known != name);
        if !value.is_empty() {
            fields.push(((*name).to_owned(), (*value).to_owned()));
        }
    }
    fields
}

fn form(fields: &[(String, String)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

async fn forum() -> Forum {
    Forum::start_with(|config| config.settings.allowed_user_api_auth_redirects.push(REDIRECT.to_owned())).await
}

async fn approve(forum: &Forum, change: &[(&str, &str)]) -> Reply {
    let headers = vec![("Content-Type", "application/x-www-form-urlencoded".to_owned())];
    let body = form(&asked(change));
    request(forum.fake.base_url(), "POST", "/user-api-key", &headers, &body).await.unwrap()
}

fn payload(reply: &Reply) -> Vec<u8> {
    assert_eq!(reply.status, 302, "{}", reply.text);
    let to = Url::parse(reply.header("location").unwrap()).unwrap();
    assert!(to.as_str().starts_with(REDIRECT), "{to}");
    let (_, payload) = to.query_pairs().find(|(name, _)| name == "payload").unwrap();
    assert!(payload.lines().all(|line| line.len() <= 60) && payload.ends_with('\n'), "lines as Ruby writes them");
    BASE64_STANDARD.decode(payload.replace('\n', "")).unwrap()
}

async fn granted(forum: &Forum, change: &[(&str, &str)]) -> String {
    let content: Value = serde_json::from_slice(&oaep(unsealed(&payload(&approve(forum, change).await)))).unwrap();
    content["key"].as_str().unwrap().to_owned()
}

fn by(key: &str) -> As<'static> {
    As::Headers(vec![("User-Api-Key", key.to_owned()), ("User-Api-Client-Id", "policykit-1".to_owned())])
}

#[tokio::test]
async fn a_member_grants_a_key_that_only_the_application_can_read() {
    let forum = forum().await;
    let page = forum.call(As::Nobody, "GET", &format!("/user-api-key/new?{}", form(&asked(&[("as", "")]))), None).await;
    assert!(page.status == 200 && page.text.contains("as=ada") && page.text.contains("as=tom"), "{}", page.text);
    let page = forum.call(As::Nobody, "GET", &format!("/user-api-key/new?{}", form(&asked(&[]))), None).await;
    assert!(page.text.contains("PolicyKit") && page.text.contains("Authorize"), "{}", page.text);
    let content = oaep(unsealed(&payload(&approve(&forum, &[]).await)));
    let content: Value = serde_json::from_slice(&content).unwrap();
    let key = content["key"].as_str().unwrap().to_owned();
    assert_eq!(content, json!({ "key": key, "nonce": "n-0815", "push": false, "api": 4 }));
    let current = forum.call(by(&key), "GET", "/session/current.json", None).await.json();
    assert_eq!(current["current_user"]["username"], "ada");
    assert_eq!(forum.fake.granted_keys()[0].scopes, ["read", "write", "session_info"]);
    assert!(!format!("{:?}", forum.fake.record()).contains(&key), "the record holds no key");
}

#[tokio::test]
async fn without_a_word_about_padding_it_is_the_old_one() {
    let forum = forum().await;
    let block = unsealed(&payload(&approve(&forum, &[("padding", "")]).await));
    let content: Value = serde_json::from_slice(&pkcs1(&block)).unwrap();
    assert_eq!(content["nonce"], "n-0815");
}

#[tokio::test]
async fn an_application_that_asks_for_what_the_forum_does_not_allow_is_refused() {
    let forum = forum().await;
    let refused = [
        (("auth_redirect", "https://elsewhere.example/"), 403),
        (("scopes", "read,everything"), 403),
        (("public_key", "no key"), 400),
        (("nonce", ""), 400),
        (("client_id", ""), 400),
        (("as", ""), 403),
    ];
    for (change, status) in refused {
        let reply = approve(&forum, &[change]).await;
        assert_eq!(reply.status, status, "{change:?} {}", reply.text);
    }
    let denied = approve(&forum, &[("decision", "deny")]).await;
    assert_eq!(denied.header("location"), Some("/"), "the application hears nothing");
    let long = "n".repeat(200);
    assert_eq!(approve(&forum, &[("nonce", &long)]).await.status, 400, "more than one block holds");
    assert_eq!(forum.fake.granted_keys(), []);
}

#[tokio::test]
async fn only_members_of_the_allowed_groups_grant_keys() {
    let forum = forum().await;
    let settings = Settings {
        user_api_key_allowed_groups: vec!["trust_level_2".to_owned()],
        allowed_user_api_auth_redirects: vec!["https://policykit.example/*".to_owned()],
        ..Settings::default()
    };
    forum.fake.set_up(Setup::Settings(Box::new(settings))).unwrap();
    assert_eq!(approve(&forum, &[("as", "tom")]).await.status, 403);
    let page =
        forum.call(As::Nobody, "GET", &format!("/user-api-key/new?{}", form(&asked(&[("as", "tom")]))), None).await;
    assert!(page.text.contains("trust level") && !page.text.contains("Authorize"), "{}", page.text);
    assert_eq!(approve(&forum, &[("as", "tess")]).await.status, 302);
    assert_eq!(approve(&forum, &[("as", "max")]).await.status, 302, "the staff may always");
}

#[tokio::test]
async fn a_key_is_good_for_its_scopes_alone() {
    let forum = forum().await;
    let key = granted(&forum, &[("scopes", "read")]).await;
    assert_eq!(forum.call(by(&key), "GET", "/latest.json", None).await.status, 200);
    let refused = forum.call(by(&key), "POST", "/posts.json", Some(new_topic("When do we plant the beans"))).await;
    assert_eq!((refused.status, refused.json()["error_type"].clone()), (403, json!("invalid_access")));
    let key = granted(&forum, &[("scopes", "session_info")]).await;
    assert_eq!(forum.call(by(&key), "GET", "/session/current.json", None).await.status, 200);
    assert_eq!(forum.call(by(&key), "GET", "/latest.json", None).await.status, 403);
}

#[tokio::test]
async fn a_key_ends_when_it_is_revoked_replaced_or_its_time_is_over() {
    let forum = forum().await;
    let works = async |key: &str| forum.call(by(key), "GET", "/session/current.json", None).await.status;
    let first = granted(&forum, &[]).await;
    let second = granted(&forum, &[]).await;
    assert_eq!((works(&first).await, works(&second).await), (403, 200), "one key for each application");
    let other = granted(&forum, &[("client_id", "another")]).await;
    assert_eq!((works(&other).await, works(&second).await), (200, 403), "it is shown as the other application's now");
    let own = granted(&forum, &[]).await;
    assert_eq!(forum.call(by(&own), "POST", "/user-api-key/revoke", None).await.json()["success"], "OK");
    assert_eq!(works(&own).await, 403);
    let short = granted(&forum, &[("expires_in_seconds", "60")]).await;
    assert_eq!(works(&short).await, 200);
    forum.later(60);
    assert_eq!(works(&short).await, 403);
    let last = granted(&forum, &[]).await;
    forum
        .fake
        .set_up(Setup::Standing {
            username: "ada".into(),
            admin: None,
            moderator: None,
            trust_level: None,
            active: Some(false),
        })
        .unwrap();
    assert_eq!(works(&last).await, 403, "an account that may not be used");
}

#[tokio::test]
async fn an_administrators_key_acts_as_whom_it_names() {
    let forum = forum().await;
    let current = forum.get("TOM", "/session/current.json").await.json();
    assert_eq!(current["current_user"]["username"], "tom");
    let headers = |key: &str, name: Option<&str>| {
        let name = name.map(|name| ("Api-Username", name.to_owned()));
        As::Headers([Some(("Api-Key", key.to_owned())), name].into_iter().flatten().collect())
    };
    for (key, name) in [("wrong", Some("ada")), (KEY, None), (KEY, Some("nobody"))] {
        let reply = forum.call(headers(key, name), "GET", "/latest.json", None).await;
        assert_eq!(
            (reply.status, reply.json()["error_type"].clone()),
            (403, json!("invalid_access")),
            "{key} {name:?}"
        );
        assert!(reply.error().starts_with("You are not permitted to view the requested resource"), "{}", reply.text);
    }
    forum.fake.set_up(Setup::RevokeApiKeys { username: None }).unwrap();
    assert_eq!(forum.get("ada", "/latest.json").await.status, 403);
    let nobody = forum.call(As::Nobody, "POST", "/posts.json", Some(json!({ "raw": WORDS }))).await;
    assert_eq!((nobody.status, nobody.json()["error_type"].clone()), (403, json!("not_logged_in")));
}

#[tokio::test]
async fn too_many_calls_are_put_off() {
    let forum = forum().await;
    forum.fake.set_up(Setup::Limits(Limits { user_per_minute: Some(2), ..Limits::default() })).unwrap();
    let key = granted(&forum, &[]).await;
    for status in [200, 200, 429] {
        assert_eq!(forum.call(by(&key), "GET", "/latest.json", None).await.status, status);
    }
    forum.later(20);
    let put_off = forum.call(by(&key), "GET", "/latest.json", None).await;
    assert_eq!(put_off.json()["extras"]["wait_seconds"], 40);
    assert_eq!(put_off.json()["error_type"], "rate_limit");
    assert_eq!(put_off.header("retry-after"), Some("40"));
    assert_eq!(put_off.header("discourse-rate-limit-error-code"), Some("user_api_key_limiter_60_secs"));
    forum.later(40);
    assert_eq!(forum.call(by(&key), "GET", "/latest.json", None).await.status, 200);
}

#[tokio::test]
async fn what_is_for_administrators_does_not_exist_for_others() {
    let forum = forum().await;
    for (who, status) in [("tom", 404), ("max", 404), ("ada", 200)] {
        assert_eq!(forum.get(who, "/admin/api/web_hooks.json").await.status, status, "{who}");
    }
    assert_eq!(forum.get("max", "/admin/users/list/staff.json").await.json().as_array().unwrap().len(), 3);
    assert_eq!(forum.get("tess", "/admin/users/list/staff.json").await.status, 404);
}
