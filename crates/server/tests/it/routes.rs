//! Who gets what at which address: `routes/access.txt` says it, and every route is asked as everybody.
//!
//! The list of routes is the router's own, so a route that the table lacks fails here, and so does a row without a route.

mod plans;
mod private;

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use policykit_core::{
    Clock as _,
    constitution::{Amendment, DocumentDraft},
    ids::{CommunityId, UserId},
    permission::INTEGRATION_ADMIN,
};
use policykit_server::{AppState, app, config::Registration};
use policykit_store::{NewSession, StoreError};
use policykit_testkit::TestApp;
use reqwest::{Client, Method, Response, redirect::Policy};
use sha2::{Digest as _, Sha256};

use crate::{policies::no_forbidden_word, run_test};

const TABLE: &str = include_str!("routes/access.txt");
const GENERAL: &str = "C0GENERAL";

/// Who asks. The order is that of the table's columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Visitor,
    Member,
    Moderator,
    IntegrationAdmin,
    Operator,
    Foreigner,
}

const EVERYBODY: [Who; 6] =
    [Who::Visitor, Who::Member, Who::Moderator, Who::IntegrationAdmin, Who::Operator, Who::Foreigner];

/// The table: answers by method and path.
fn table() -> BTreeMap<(String, String), Vec<String>> {
    let rows = TABLE.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    rows.map(|row| {
        let mut words = row.split_whitespace().map(str::to_owned);
        let key = (words.next().expect("a method"), words.next().expect("a path"));
        let answers: Vec<String> = words.collect();
        assert_eq!(answers.len(), EVERYBODY.len(), "one answer for everybody: {row}");
        (key, answers)
    })
    .collect()
}

/// The paths that the router knows, as it says itself.
fn paths(router: &axum::Router) -> Vec<String> {
    let text = format!("{router:?}");
    let mut found: Vec<String> = text
        .split("RouteId(")
        .filter_map(|part| part.split_once("): \"")?.1.split('"').next().map(str::to_owned))
        .filter(|path| !path.contains("__private"))
        // Files that are the same for everybody, under names that change with their content.
        .filter(|path| !path.starts_with("/assets/"))
        .collect();
    found.sort();
    found.dedup();
    assert!(found.len() > 10, "the router no longer tells its paths: {text}");
    found
}

/// What stands for the parameters of a path.
async fn fill(t: &TestApp, path: &str) -> String {
    let proposal = t.proposals(&t.slack).await.first().map(|p| p.id.to_string()).unwrap_or_default();
    let (db, community) = (t.db(), t.slack.community);
    let (state, documents) = t
        .node()
        .on(async move {
            let scope = db.community(community);
            Ok::<_, StoreError>((scope.state().await?, scope.documents().await?))
        })
        .await
        .expect("the community");
    let id = match path.split('/').collect::<Vec<_>>().as_slice() {
        ["", "proposals", ..] => proposal,
        ["", "main", "policies", ..] => state.policies[0].id.to_string(),
        ["", "main", "roles", ..] => state.roles[0].id.to_string(),
        ["", "main", "documents", ..] => documents.first().map(|d| d.id.to_string()).unwrap_or_default(),
        ["", "main", "settings", ..] => t.slack.installation.to_string(),
        // Nothing of the kind is there: whoever may see it is told so.
        _ => "00000000-0000-0000-0000-000000000000".to_owned(),
    };
    let id = if id.is_empty() { "00000000-0000-0000-0000-000000000000".to_owned() } else { id };
    // One to which nobody is sent.
    let platform = if path.starts_with("/main/settings/integrations/add/") { "sourcecred" } else { "slack" };
    let filled = path.replace("{id}", &id).replace("{platform}", platform).replace("{token}", "none");
    let filled = filled.replace("{secret}", "none").replace("{number}", "1").replace("{n}", "1");
    assert!(!filled.contains('{'), "say in `fill` what stands for the parameter of {path}");
    filled
}

/// A fresh session: what one request does to it must not matter to the next.
async fn session(t: &TestApp, who: Who) -> Option<String> {
    let (workspace, account): (_, &str) = match who {
        Who::Visitor => return None,
        Who::Operator | Who::Member => (&t.slack, "U01"),
        Who::Moderator => (&t.slack, "U03"),
        Who::IntegrationAdmin => (&t.slack, "U04"),
        Who::Foreigner => (&t.other, "U01"),
    };
    t.clock.advance(Duration::from_millis(1));
    let now = t.clock.now();
    let token = format!("{who:?}-{}", now.micros());
    let hash = Sha256::digest(&token).to_vec();
    let (community, user) = (workspace.community, UserId::derive(workspace.installation, account));
    let new = NewSession { hash: hash.clone(), now, expires_at: now + Duration::from_secs(600), agent: String::new() };
    let system = t.db().system();
    t.node()
        .on(async move {
            if who == Who::Operator {
                system.create_link(&hash, now, new.expires_at).await?;
                system.redeem_link(&hash, new.clone()).await?;
                system.choose_community(&new.hash, community).await.map(|_| ())
            } else {
                system.open_session(community, user, new).await
            }
        })
        .await
        .expect("the session is opened");
    Some(token)
}

/// Asks as somebody. The body of the answer is left alone: one of them never ends.
async fn send(t: &TestApp, client: &Client, method: &str, filled: &str, who: Who) -> Response {
    let url = format!("http://{}{filled}", t.node().address());
    let session = session(t, who).await;
    let mut request = client.request(Method::from_bytes(method.as_bytes()).expect("a method"), url);
    if let Some(session) = &session {
        request = request.header("cookie", format!("policykit={session}"));
    }
    if method == "POST" {
        let csrf = session.map(|s| hex(&Sha256::digest(format!("form\n{s}")))).unwrap_or_default();
        request = request.form(&[("csrf", csrf)]);
    }
    request.send().await.expect("it answers")
}

/// What somebody is answered: the status, or where they are sent. Forms are signed and hold nothing else.
async fn ask(t: &TestApp, client: &Client, method: &str, path: &str, who: Who) -> String {
    let filled = fill(t, path).await;
    let answer = send(t, client, method, &filled, who).await;
    match answer.headers().get("location").and_then(|to| to.to_str().ok()) {
        Some(to) if to.starts_with('/') => {
            let mut to = to.split('?').next().unwrap_or_default().to_owned();
            // Back to the words of the table, which knows no ids.
            for (word, stands) in path.split('/').zip(filled.split('/')).filter(|(word, _)| word.starts_with('{')) {
                to = to.replace(stands, word);
            }
            format!(">{to}")
        }
        Some(_) => ">platform".to_owned(),
        None => answer.status().as_u16().to_string(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

async fn give(t: &TestApp, community: CommunityId, role: &str, user: UserId) {
    let (db, role) = (t.db(), role.to_owned());
    t.node()
        .on(async move {
            let scope = db.community(community);
            let role = scope.state().await?.roles.into_iter().find(|r| r.name == role).expect("the role").id;
            scope.set_role_members(role, [user].into()).await
        })
        .await
        .expect("the role is given");
}

/// A community with a starter kit, a proposal, a moderator and an integration admin.
async fn furnish(t: &TestApp) {
    let (engine, community) = (t.engine(), t.slack.community);
    let person = |account: &str| UserId::derive(t.slack.installation, account);
    let installer = person("U04");
    t.node()
        .on(async move { engine.install_kit(community, "moderators", installer).await })
        .await
        .expect("the kit is installed");
    t.policy_in(t.slack.community, no_forbidden_word().into()).await;
    t.slack.post("alice", GENERAL, "a forbidden word").await;
    t.settle().await;
    give(t, community, "Moderator", person("U03")).await;
    let text = DocumentDraft { name: "Guidelines".to_owned(), text: "Be kind.".to_owned() };
    let guidelines = Amendment::AddDocument(text);
    t.propose(&t.slack, "carol", &guidelines.action_type(), guidelines.fields()).await;
    t.settle().await;
    give(t, community, INTEGRATION_ADMIN, person("U04")).await;
}

#[expect(clippy::disallowed_methods, reason = "it plays everybody's browser, which may go anywhere")]
fn client() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().redirect(Policy::none()).build().expect("a client")
}

#[test]
fn everybody_gets_at_every_address_what_the_table_says() {
    run_test(async |t: &mut TestApp| {
        furnish(t).await;
        let client = client();
        let router = app(AppState::new(t.engine(), "http://127.0.0.1:1", Registration::Open));
        let mut routes = Vec::new();
        for path in paths(&router) {
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
                if ask(t, &client, method, &path, Who::Visitor).await != "405" {
                    routes.push((method.to_owned(), path.clone()));
                }
            }
        }
        // What changes something comes after what only looks, and what removes comes last.
        routes.sort_by_key(|(method, path)| {
            let removes = ["remove", "delete"].iter().any(|word| path.contains(word));
            (path.starts_with("/main/settings") && removes, removes, method != "GET", path.clone())
        });
        let mut expected = table();
        let mut wrong = String::new();
        for (method, path) in routes {
            let mut answers = Vec::new();
            for who in EVERYBODY {
                answers.push(ask(t, &client, &method, &path, who).await);
            }
            let row = format!("{method} {path} {}", answers.join(" "));
            match expected.remove(&(method, path)) {
                None => writeln!(wrong, "the table lacks:  {row}").expect("a line"),
                Some(wanted) if wanted != answers => {
                    writeln!(wrong, "answered:  {row}\n   table:  {}", wanted.join(" ")).expect("a line");
                }
                Some(_) => {}
            }
        }
        for (method, path) in expected.into_keys() {
            writeln!(wrong, "there is no such route any more:  {method} {path}").expect("a line");
        }
        assert!(
            wrong.is_empty(),
            "routes/access.txt and the router disagree (columns: {EVERYBODY:?}); look whether it should be so:\n{wrong}"
        );
    });
}
