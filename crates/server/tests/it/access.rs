//! Access to the platform: granted in the browser, renewed in time, taken away, and put in order again.

use std::{collections::BTreeMap, time::Duration};

use policykit_core::{Clock as _, community::InstallationStatus};
use policykit_engine::{Again, Expected, InstallError, Installed};
use policykit_platforms::{
    platform::{Arrival, ArrivalError, Arrived, Departure, Journey},
    slack::fake::{Setup as Arrange, What},
};
use policykit_testkit::{Raw, Setup, TestApp, Workspace, run_test_with};

use crate::{
    policies::{answers, no_forbidden_word},
    run_test, serve,
};

const RANDOM: &str = "C0RANDOM";
const BACK: &str = "https://pk.example/auth/slack/callback";

/// Ada installs PolicyKit in the workspace.
async fn install(t: &TestApp, workspace: &Workspace) -> Installed {
    install_by(t, workspace, BACK, "UADMIN").await.expect("ada may install")
}

/// Somebody installs PolicyKit in the workspace, on the platform's page as a browser does it.
async fn install_by(t: &TestApp, workspace: &Workspace, back: &str, who: &str) -> Result<Installed, ArrivalError> {
    let kept = install_as(t, workspace.team.as_str(), back, who, Expected::Anything).await?;
    Ok(kept.expect("it is installed"))
}

/// The same in a workspace by its id, after something was decided about what is there.
async fn install_as(
    t: &TestApp,
    team: &str,
    back: &str,
    who: &str,
    expected: Expected,
) -> Result<Result<Installed, InstallError>, ArrivalError> {
    let engine = t.engine();
    let app = t.app_config();
    let none = BTreeMap::new();
    let departure =
        Departure { journey: Journey::Install, state: "s", nonce: "n", redirect_uri: back, app: &app, answers: &none };
    let platform = engine.registry().get("slack").expect("the integration");
    let url = platform.depart(&departure).await.expect("it is configured").url;
    let rest = url.strip_prefix("http://").expect("the stand-in's address");
    let (host, path) = rest.split_once('/').expect("a path");
    let (path, query) = path.split_once('?').expect("a query");
    let form = format!("{query}&continue={team}%2F{who}");
    let answer = Raw::post(&format!("/{path}"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)
        .send(host.parse().expect("an address"))
        .await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let (_, code) = answer.head.split_once("?code=").expect("a code");
    let code = code.split('&').next().expect("a code").to_owned();
    let (now, on, back) = (t.clock.now(), engine.clone(), back.to_owned());
    let work = async move {
        let params = BTreeMap::from([("code".to_owned(), code)]);
        let none = BTreeMap::new();
        let platform = on.registry().get("slack").expect("the integration");
        let arrival = Arrival {
            journey: Journey::Install,
            params: &params,
            nonce: "n",
            redirect_uri: &back,
            kept: None,
            answers: &none,
            app: &app,
            now,
        };
        match platform.arrive(&arrival).await? {
            Arrived::Installed(grant) => Ok(on.install_granted("slack", *grant, expected).await),
            Arrived::SignedIn(_) => panic!("nobody signed in"),
        }
    };
    t.node().on(work).await
}

async fn state(t: &TestApp, workspace: &Workspace) -> (InstallationStatus, Option<String>) {
    let (db, community, installation) = (t.db(), workspace.community, workspace.installation);
    let look = async move {
        let scope = db.community(community);
        let known = scope.state().await.expect("the community").installations;
        let status = known.iter().find(|i| i.id == installation).expect("the installation").status;
        let mut notes = scope.installation_notes().await.expect("the notes");
        (status, notes.remove(&installation))
    };
    t.node().on(look).await
}

fn renewals(t: &TestApp) -> usize {
    let is = |what: &What| {
        matches!(what, What::Call { method, args, .. }
            if method == "oauth.v2.access" && args["grant_type"] == "refresh_token")
    };
    t.fake().record().iter().filter(|entry| is(&entry.what)).count()
}

#[test]
fn tokens_that_run_out_are_renewed_and_nobody_notices() {
    run_test(async |t: &mut TestApp| {
        t.fake().set_up(Arrange::Rotation { lifetime_secs: Some(43_200) }).expect("rotation");
        assert_eq!(install(t, &t.slack.clone()).await.again, Again::Yes);
        t.policy(answers()).await;
        t.slack.post("bob", RANDOM, "one").await;
        t.settle().await;
        assert_eq!(renewals(t), 0, "nothing is due yet");
        // Shortly before the end, and long after it.
        for (hours, text) in [(11.9, "two"), (20.0, "three")] {
            t.advance(Duration::from_secs_f64(hours * 3_600.0)).await;
            t.slack.post("bob", RANDOM, text).await;
            t.settle().await;
        }
        let said: Vec<String> = t.slack.bot_messages(RANDOM).into_iter().map(|m| m.text).collect();
        assert_eq!(said, ["Heard: one", "Heard: two", "Heard: three"]);
        assert_eq!(renewals(t), 4, "each of the two tokens once each time");
        assert_eq!(state(t, &t.slack).await, (InstallationStatus::Active, None));
    });
}

#[test]
fn an_uninstalled_community_keeps_its_record_and_comes_back_when_it_is_installed_again() {
    run_test(async |t: &mut TestApp| {
        t.policy(no_forbidden_word()).await;
        t.slack.post("bob", RANDOM, "forbidden").await;
        t.settle().await;
        let before = t.proposals(&t.slack).await.len();
        t.fake().set_up(Arrange::Uninstall { team: t.slack.team.to_string() }).expect("it is removed");
        t.settle().await;
        let (status, note) = state(t, &t.slack).await;
        assert_eq!(status, InstallationStatus::Uninstalled);
        assert!(note.expect("a note").contains("install it again"));
        assert_eq!(t.proposals(&t.slack).await.len(), before);
        assert_eq!(state(t, &t.other).await.0, InstallationStatus::Active, "only this one");
        let again = install(t, &t.slack.clone()).await;
        assert_eq!(
            (again.again, again.community, again.installation),
            (Again::Yes, t.slack.community, t.slack.installation)
        );
        assert_eq!(state(t, &t.slack).await, (InstallationStatus::Active, None));
        let ts = t.slack.post("bob", RANDOM, "forbidden again").await;
        t.settle().await;
        assert!(t.slack.message(RANDOM, &ts).is_none(), "it governs as before");
    });
}

#[test]
fn keys_are_not_kept_where_what_was_decided_about_them_no_longer_fits() {
    let with_strangers = Setup { strangers: vec!["T0C"], ..Setup::default() };
    run_test_with(serve, &with_strangers, async |t: &mut TestApp| {
        let ours = t.slack.community;
        for (team, expected) in [
            // Nobody decided that a community of its own is founded around a further place.
            ("T0C", Expected::Place(ours)),
            ("T0C", Expected::Removed(ours)),
            // It is another community's by now.
            ("T0B", Expected::Place(ours)),
            ("T0A", Expected::Nothing),
        ] {
            let kept = install_as(t, team, BACK, "UADMIN", expected).await.expect("the platform agrees");
            assert!(matches!(kept, Err(InstallError::Meanwhile(_))), "{team} {expected:?}: {kept:?}");
        }
        let db = t.db();
        let found = t.node().on(async move { db.system().installation_by_external("slack", "T0C").await }).await;
        assert_eq!(found.expect("the database"), None);
        // It was removed while somebody renewed its keys.
        t.remove_integration(&t.slack, "carol").await;
        let kept = install_as(t, "T0A", BACK, "UADMIN", Expected::Place(ours)).await.expect("the platform agrees");
        assert!(matches!(kept, Err(InstallError::Meanwhile(_))), "{kept:?}");
        assert_eq!(state(t, &t.slack).await.0, InstallationStatus::Uninstalled);
        let returned =
            install_as(t, "T0A", BACK, "UADMIN", Expected::Removed(ours)).await.expect("the platform agrees");
        assert_eq!(returned.expect("it was decided that it may return").installation, t.slack.installation);
        assert_eq!(state(t, &t.slack).await, (InstallationStatus::Active, None));
    });
}

#[test]
fn a_revoked_token_is_shown_with_its_remedy() {
    run_test(async |t: &mut TestApp| {
        let team = t.fake().team(t.slack.team.as_str()).expect("the workspace");
        let token = team.user("ada").and_then(|u| u.token.clone()).expect("her token");
        t.fake().set_up(Arrange::RevokeToken { token }).expect("it is revoked");
        t.settle().await;
        let (status, note) = state(t, &t.slack).await;
        assert_eq!(status, InstallationStatus::CredentialsDead);
        assert!(note.expect("a note").contains("install again"));
        install(t, &t.slack.clone()).await;
        assert_eq!(state(t, &t.slack).await, (InstallationStatus::Active, None));
    });
}

/// The steps of `docs/guides/slack.md`, one after the other.
#[test]
fn the_guide_can_be_followed_to_the_letter() {
    run_test(async |t: &mut TestApp| {
        let guide = include_str!("../../../../docs/guides/slack.md");
        // 1: the app is made of what the command prints.
        assert!(guide.contains("policykit platforms manifest slack --url https://pk.example"));
        let base = format!("http://{}", t.node().address());
        let engine = t.engine();
        let platform = engine.registry().get("slack").expect("the integration");
        let manifest = platform.manifest(&base).expect("a manifest");
        let back = manifest["oauth_config"]["redirect_urls"][0].as_str().expect("an address").to_owned();
        t.fake().set_up(Arrange::Manifest { manifest }).expect("Slack takes it");
        // 2: the three values of the app's page have the names the guide gives them.
        for name in ["client_id", "client_secret", "signing_secret"] {
            let app = t.app_config();
            assert!(app.settings.contains_key(name) || app.secrets.contains_key(name), "{name}");
            assert!(guide.contains(&format!("{name} = \"")), "{name}");
        }
        // 3: the challenge is answered.
        t.fake().verify_url().await.expect("Slack says Verified");
        // 4: an administrator installs, somebody else is refused.
        assert_eq!(install_by(t, &t.slack.clone(), &back, "UADMIN").await.expect("it is installed").again, Again::Yes);
        let refused = install_by(t, &t.slack.clone(), &back, "U02").await.expect_err("bob is no administrator");
        assert!(refused.to_string().contains("ask an administrator"), "{refused}");
        // What the guide promises after that: it hears, and governs.
        t.policy(no_forbidden_word()).await;
        let ts = t.slack.post("bob", RANDOM, "forbidden").await;
        t.settle().await;
        assert!(t.slack.message(RANDOM, &ts).is_none());
    });
}
