//! What is ours outside: objects for good, one-time keys until an echo uses them up.

use policykit_core::Timestamp;
use policykit_store::{Changes, Db, OwnedKey, OwnedObject};

use crate::support::{Home, on_each, secs};

async fn own(db: &Db, owned: Vec<OwnedObject>) {
    db.commit(Changes { owned, ..Changes::default() }).await.unwrap();
}

async fn use_up(db: &Db, home: &Home, keys: &[&str]) {
    let owned_used = keys.iter().map(|key| (home.installation, (*key).to_owned())).collect();
    db.commit(Changes { owned_used, ..Changes::default() }).await.unwrap();
}

async fn ours(db: &Db, home: &Home, keys: &[&str], now: Timestamp) -> Vec<OwnedKey> {
    let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
    db.community(home.community).owned(home.installation, &keys, now).await.unwrap()
}

fn once(key: &str) -> OwnedKey {
    OwnedKey { key: key.to_owned(), once: true }
}

#[test]
fn an_object_of_ours_stays_ours_however_often_it_is_heard_of() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        own(&db, vec![home.owned("m1", None, 0)]).await;
        let known = [OwnedKey { key: "m1".to_owned(), once: false }];
        assert_eq!(ours(&db, &home, &["m1", "m2"], secs(1)).await, known);
        use_up(&db, &home, &["m1", "m2"]).await;
        assert_eq!(ours(&db, &home, &["m1", "m2"], secs(1_000_000)).await, known);
        assert_eq!(ours(&db, &home, &[], secs(1)).await, []);
    });
}

#[test]
fn one_time_keys_are_used_up_one_at_a_time() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        own(&db, (0..4).map(|call| home.owned("rename", Some(secs(60)), call)).collect()).await;
        use_up(&db, &home, &["rename"]).await;
        let mut raw = database.raw().await;
        assert_eq!(raw.number("SELECT count(*) FROM owned_object").await, 3);
        assert_eq!(ours(&db, &home, &["rename"], secs(1)).await, [once("rename")]);
        use_up(&db, &home, &["rename", "rename"]).await;
        assert_eq!(raw.number("SELECT count(*) FROM owned_object").await, 1, "two echoes in one commit use up two");
        use_up(&db, &home, &["rename"]).await;
        assert_eq!(ours(&db, &home, &["rename"], secs(1)).await, []);
        use_up(&db, &home, &["rename"]).await;
    });
}

#[test]
fn a_one_time_key_counts_until_its_time_has_passed() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        own(&db, vec![home.owned("pin", Some(secs(60)), 0)]).await;
        assert_eq!(ours(&db, &home, &["pin"], secs(60)).await, [once("pin")]);
        assert_eq!(ours(&db, &home, &["pin"], secs(61)).await, []);
    });
}

#[test]
fn an_object_counts_before_a_one_time_key_of_the_same_name() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        own(&db, vec![home.owned("m1", Some(secs(60)), 0), home.owned("m1", None, 1)]).await;
        assert_eq!(ours(&db, &home, &["m1"], secs(1)).await, [OwnedKey { key: "m1".to_owned(), once: false }]);
    });
}

#[test]
fn the_same_key_owned_by_the_same_call_twice_is_one() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        own(&db, vec![home.owned("pin", Some(secs(60)), 0)]).await;
        own(&db, vec![home.owned("pin", Some(secs(90)), 0)]).await;
        use_up(&db, &home, &["pin"]).await;
        assert_eq!(ours(&db, &home, &["pin"], secs(1)).await, []);
    });
}
