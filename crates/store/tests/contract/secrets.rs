//! Credentials: of no use at rest, with another key, or in another place.

use std::collections::BTreeMap;

use policykit_core::{
    JsonMap,
    community::{Installation, InstallationStatus},
    ids::InstallationId,
};
use policykit_store::{Changes, Db, DbConfig, KnownPlace, LostInstallation, SealingKey, StoreError};
use secrecy::{ExposeSecret as _, SecretString};

use crate::support::{Home, Kind, id, on_each, secs};

const SECRET: &str = "xoxb-very-secret-token-0123456789";

async fn put(db: &Db, home: &Home, name: &str, secret: &str) {
    let secret = SecretString::from(secret);
    db.community(home.community).put_secret(home.installation, name, &secret).await.unwrap();
}

async fn get(db: &Db, home: &Home, name: &str) -> Result<Option<String>, StoreError> {
    let found = db.community(home.community).get_secret(home.installation, name).await?;
    Ok(found.map(|secret| secret.expose_secret().to_owned()))
}

async fn known(db: &Db, home: &Home) -> KnownPlace {
    let there = db.community(home.community).state().await.unwrap().installations.remove(0);
    db.system().known_place(&there.platform, &there.external_id).await.unwrap().unwrap()
}

async fn hand_over(db: &Db, home: &Home, keys: &BTreeMap<String, SecretString>, at: i64) -> Result<i64, StoreError> {
    let was = known(db, home).await;
    db.community(home.community).hand_over(&was, &was.installation, keys, secs(at)).await
}

fn token(text: &str) -> BTreeMap<String, SecretString> {
    BTreeMap::from([("bot_token".to_owned(), SecretString::from(text.to_owned()))])
}

async fn lose(db: &Db, home: &Home, status: InstallationStatus, generation: Option<i64>, at: Option<i64>) {
    let lost = LostInstallation {
        installation: home.installation,
        status,
        note: "app_uninstalled".to_owned(),
        generation,
        at: at.map(secs),
    };
    db.commit(Changes { installations_lost: vec![lost], ..Changes::default() }).await.unwrap();
}

async fn destroy(db: &Db, home: &Home) {
    let changes = Changes { keys_destroyed: vec![(home.community, home.installation)], ..Changes::default() };
    db.commit(changes).await.unwrap();
}

#[test]
fn keys_are_handed_over_only_to_a_place_that_stands_as_it_did_when_that_was_decided() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let scoped = db.community(home.community);
        hand_over(&db, &home, &token("first"), 1).await.unwrap();
        let before = known(&db, &home).await;
        lose(&db, &home, InstallationStatus::Uninstalled, None, None).await;
        let removed = known(&db, &home).await;
        for was in [&before, &KnownPlace { generation: 0, ..removed.clone() }] {
            let late = scoped.hand_over(was, &before.installation, &token("late"), secs(2)).await;
            assert!(matches!(late, Err(StoreError::Conflict { .. })), "{late:?}");
        }
        let there = scoped.keys(home.installation).await.unwrap();
        assert_eq!(there.status, InstallationStatus::Uninstalled);
        assert_eq!(there.secrets["bot_token"].expose_secret(), "first", "neither the status nor the keys");
        scoped.hand_over(&removed, &before.installation, &token("second"), secs(2)).await.unwrap();
        // What the removal still had to do comes too late.
        destroy(&db, &home).await;
        let there = scoped.keys(home.installation).await.unwrap();
        assert_eq!(there.status, InstallationStatus::Active);
        assert_eq!(there.secrets["bot_token"].expose_secret(), "second");
    });
}

#[test]
fn what_a_platform_tells_of_the_time_before_keys_were_handed_over_is_not_about_them() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        hand_over(&db, &home, &token("again"), 100).await.unwrap();
        let mut seen = Vec::new();
        for at in [99, 100] {
            lose(&db, &home, InstallationStatus::Uninstalled, None, Some(at)).await;
            seen.push(known(&db, &home).await.installation.status);
        }
        assert_eq!(seen, [InstallationStatus::Active, InstallationStatus::Uninstalled]);
    });
}

#[test]
fn destroyed_keys_do_not_come_back_with_what_was_renewed_from_them() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let scoped = db.community(home.community);
        let from = hand_over(&db, &home, &token("first"), 1).await.unwrap();
        lose(&db, &home, InstallationStatus::Uninstalled, None, None).await;
        destroy(&db, &home).await;
        let late = scoped.replace_secrets(home.installation, from, &token("renewed")).await;
        assert!(matches!(late, Err(StoreError::Conflict { .. })), "{late:?}");
        assert!(scoped.keys(home.installation).await.unwrap().secrets.is_empty());
    });
}

#[test]
fn renewed_keys_work_although_those_they_were_made_from_were_found_dead() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let scoped = db.community(home.community);
        let dead = InstallationStatus::CredentialsDead;
        let from = hand_over(&db, &home, &token("first"), 1).await.unwrap();
        lose(&db, &home, dead, Some(from), None).await;
        assert_eq!(known(&db, &home).await.installation.status, dead);
        let from = scoped.replace_secrets(home.installation, from, &token("renewed")).await.unwrap();
        assert_eq!(known(&db, &home).await.installation.status, InstallationStatus::Active);
        // What the platform says of no certain keys stays until somebody hands over others.
        lose(&db, &home, dead, None, Some(5)).await;
        scoped.replace_secrets(home.installation, from, &token("once more")).await.unwrap();
        assert_eq!(known(&db, &home).await.installation.status, dead);
    });
}

async fn refused(db: &Db, home: &Home, name: &str, why: &str) {
    let error = get(db, home, name).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains(why) && text.contains(name), "{text}");
    assert!(!text.contains("xoxb"), "{text}");
}

#[test]
fn a_secret_is_opened_again_and_the_later_one_of_a_name_counts() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        assert_eq!(get(&db, &home, "bot_token").await.unwrap(), None);
        put(&db, &home, "bot_token", SECRET).await;
        put(&db, &home, "signing_secret", "").await;
        db.close().await;
        let db = database.open().await;
        assert_eq!(get(&db, &home, "bot_token").await.unwrap().as_deref(), Some(SECRET));
        assert_eq!(get(&db, &home, "signing_secret").await.unwrap().as_deref(), Some(""));
        put(&db, &home, "bot_token", "another").await;
        assert_eq!(get(&db, &home, "bot_token").await.unwrap().as_deref(), Some("another"));
    });
}

#[test]
fn renewed_keys_replace_only_what_they_were_made_from() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let scoped = db.community(home.community);
        let keys = |text: &str| BTreeMap::from([("bot_token".to_owned(), SecretString::from(text.to_owned()))]);
        hand_over(&db, &home, &keys("first"), 1).await.unwrap();
        put(&db, &home, "signing_secret", "stays").await;
        let read = scoped.keys(home.installation).await.unwrap();
        let first = read.generation;
        assert_eq!(read.secrets.len(), 2);
        let second = scoped.replace_secrets(home.installation, first, &keys("second")).await.unwrap();
        assert!(second > first);
        let late = scoped.replace_secrets(home.installation, first, &keys("late")).await;
        assert!(matches!(late, Err(StoreError::Conflict { .. })), "{late:?}");
        assert_eq!(get(&db, &home, "bot_token").await.unwrap().as_deref(), Some("second"));
        assert_eq!(get(&db, &home, "signing_secret").await.unwrap().as_deref(), Some("stays"));
        // Installed again in the meantime: those keys count, whatever is still renewed from the old ones.
        hand_over(&db, &home, &keys("installed again"), 2).await.unwrap();
        let late = scoped.replace_secrets(home.installation, second, &keys("late")).await;
        assert!(matches!(late, Err(StoreError::Conflict { .. })), "{late:?}");
        let now = scoped.keys(home.installation).await.unwrap();
        assert!(now.generation > second && now.secrets.len() == 1);
        assert_eq!(now.secrets["bot_token"].expose_secret(), "installed again");
    });
}

#[test]
fn what_is_found_out_with_old_keys_says_nothing_of_new_ones() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let scoped = db.community(home.community);
        let keys = BTreeMap::from([("bot_token".to_owned(), SecretString::from("t".to_owned()))]);
        hand_over(&db, &home, &keys, 1).await.unwrap();
        let old = scoped.keys(home.installation).await.unwrap().generation;
        hand_over(&db, &home, &keys, 1).await.unwrap();
        let new = scoped.keys(home.installation).await.unwrap().generation;
        let mut seen = Vec::new();
        for generation in [old, new] {
            let lost = LostInstallation {
                installation: home.installation,
                status: InstallationStatus::CredentialsDead,
                note: "token_revoked".to_owned(),
                generation: Some(generation),
                at: None,
            };
            db.commit(Changes { installations_lost: vec![lost], ..Changes::default() }).await.unwrap();
            seen.push(scoped.state().await.unwrap().installations[0].status);
        }
        assert_eq!(seen, [InstallationStatus::Active, InstallationStatus::CredentialsDead]);
    });
}

#[test]
fn a_secret_is_sealed_at_rest() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        put(&db, &home, "bot_token", SECRET).await;
        put(&db, &home, "admin_token", SECRET).await;
        let mut raw = database.raw().await;
        let sealed = raw.bytes("SELECT sealed FROM secret").await;
        assert_eq!(sealed.len(), 2);
        assert_ne!(sealed[0], sealed[1], "equal secrets do not look equal");
        let nonces = raw.bytes("SELECT nonce FROM secret").await;
        for bytes in sealed.iter().chain(&nonces) {
            assert!(!bytes.windows(8).any(|part| SECRET.as_bytes().windows(8).any(|secret| secret == part)));
        }
        db.close().await;
        drop(raw);
        if database.kind == Kind::Sqlite {
            let folder = std::path::Path::new(database.url.trim_start_matches("sqlite:")).parent().unwrap();
            for file in std::fs::read_dir(folder).unwrap() {
                // The last connection to end takes the write-ahead log with it, maybe at this moment.
                let bytes = std::fs::read(file.unwrap().path()).unwrap_or_default();
                assert!(!bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes()), "in no file either");
            }
        }
    });
}

#[test]
fn another_key_does_not_open_a_secret_and_says_so() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        put(&db, &home, "bot_token", SECRET).await;
        let same_name = database.open_with(SealingKey::new("k1", [8; 32])).await;
        refused(&same_name, &home, "bot_token", "the key is another one").await;
        let other_name = database.open_with(SealingKey::new("k2", [7; 32])).await;
        refused(&other_name, &home, "bot_token", "`k1`, which is not configured").await;
        let none = Db::open(&DbConfig { url: database.url.clone(), sealing: None }).await.unwrap();
        let error = get(&none, &home, "bot_token").await.unwrap_err();
        assert!(error.to_string().contains("POLICYKIT_SECRET_KEY"), "{error}");
        let secret = SecretString::from(SECRET);
        let error = none.community(home.community).put_secret(home.installation, "x", &secret).await.unwrap_err();
        assert!(error.to_string().contains("POLICYKIT_SECRET_KEY"), "{error}");
    });
}

#[test]
fn an_older_key_still_opens_and_what_is_stored_anew_needs_it_no_more() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        put(&db, &home, "bot_token", SECRET).await;
        let rotated = database.open_with(SealingKey::new("k2", [9; 32]).with_older("k1", [7; 32])).await;
        assert_eq!(get(&rotated, &home, "bot_token").await.unwrap().as_deref(), Some(SECRET));
        put(&rotated, &home, "bot_token", SECRET).await;
        let only_new = database.open_with(SealingKey::new("k2", [9; 32])).await;
        assert_eq!(get(&only_new, &home, "bot_token").await.unwrap().as_deref(), Some(SECRET));
        refused(&db, &home, "bot_token", "`k2`, which is not configured").await;
    });
}

#[test]
fn a_secret_moved_to_another_place_does_not_open() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let second = InstallationId::from_uuid(id("second"));
        let row = Installation {
            id: second,
            community: home.community,
            platform: "forum".to_owned(),
            external_id: "F1".to_owned(),
            name: "Forum".to_owned(),
            acts_as: Vec::new(),
            settings: JsonMap::new(),
            status: InstallationStatus::Active,
        };
        db.system().create_installation(&row, secs(1)).await.unwrap();
        put(&db, &home, "bot_token", SECRET).await;
        let mut raw = database.raw().await;
        let to = |installation: InstallationId| {
            format!("UPDATE secret SET installation_id = {}", database.literal(installation.uuid()))
        };
        raw.run(&to(second)).await;
        let moved = Home { installation: second, community: home.community, policy: home.policy.clone() };
        refused(&db, &moved, "bot_token", "it was moved or changed").await;
        raw.run(&to(home.installation)).await;
        assert_eq!(get(&db, &home, "bot_token").await.unwrap().as_deref(), Some(SECRET), "and back");
        raw.run("UPDATE secret SET name = 'admin_token'").await;
        refused(&db, &home, "admin_token", "it was moved or changed").await;
        raw.run("UPDATE secret SET name = 'bot_token', sealed = nonce").await;
        refused(&db, &home, "bot_token", "it was moved or changed").await;
        raw.run("UPDATE secret SET nonce = sealed || sealed").await;
        refused(&db, &home, "bot_token", "its nonce is damaged").await;
    });
}
