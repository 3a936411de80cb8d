//! Names of channels: what was learned last counts, within its community, and not more are kept than are worth it.

use policykit_core::community::Channel;
use policykit_store::{Changes, ChannelRow, Db, MOST_CHANNELS};

use crate::support::{Home, community, on_each, secs};

fn called(home: &Home, id: &str, name: &str, at: i64) -> ChannelRow {
    ChannelRow { community: home.community, installation: home.installation, channel: channel(id, name), at: secs(at) }
}

fn channel(id: &str, name: &str) -> Channel {
    Channel { external_id: id.to_owned(), name: name.to_owned(), is_private: false }
}

async fn learn(db: &Db, channels: Vec<ChannelRow>) {
    db.commit(Changes { channels, label: "channels", ..Changes::default() }).await.unwrap();
}

async fn name(db: &Db, home: &Home, id: &str) -> Option<String> {
    let found = db.community(home.community).channels(home.installation, &[id.to_owned()]).await.unwrap();
    assert!(found.len() <= 1, "one name: {found:?}");
    found.into_iter().next().map(|channel| channel.name)
}

#[test]
fn a_channel_has_the_name_that_was_learned_last_whatever_is_told_late() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        assert_eq!(name(&db, &home, "C1").await, None);
        learn(&db, vec![called(&home, "C1", "tea", 5), called(&home, "C1", "coffee", 7), called(&home, "C1", "no", 6)])
            .await;
        assert_eq!(name(&db, &home, "C1").await.as_deref(), Some("coffee"));
        learn(&db, vec![called(&home, "C1", "late", 6)]).await;
        assert_eq!(name(&db, &home, "C1").await.as_deref(), Some("coffee"), "what comes late is old");
        let hidden = Channel { is_private: true, ..channel("C1", "cocoa") };
        learn(&db, vec![ChannelRow { channel: hidden.clone(), ..called(&home, "C1", "", 7) }]).await;
        let found =
            db.community(home.community).channels(home.installation, &["C1".into(), "C2".into()]).await.unwrap();
        assert_eq!(found, [hidden]);
        let long = "x".repeat(401);
        learn(&db, vec![called(&home, "C2", &long, 1), called(&home, &long, "x", 1), called(&home, "", "x", 1)]).await;
        assert_eq!((name(&db, &home, "C2").await, name(&db, &home, &long).await), (None, None));
    });
}

#[test]
fn nobody_names_or_sees_the_channels_of_another_community() {
    on_each(async |database| {
        let db = database.db().await;
        let (ours, theirs) = (Home::build(&db).await, Home::build_in(&db, community(6, 1)).await);
        learn(&db, vec![called(&ours, "C1", "tea", 1)]).await;
        learn(&db, vec![ChannelRow { community: theirs.community, ..called(&ours, "C1", "stolen", 2) }]).await;
        assert_eq!(name(&db, &ours, "C1").await.as_deref(), Some("tea"));
        let across = db.community(theirs.community).channels(ours.installation, &["C1".to_owned()]).await.unwrap();
        assert_eq!(across, []);
    });
}

#[test]
fn of_very_many_channels_those_learned_last_are_kept() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        learn(&db, vec![called(&home, "COLD", "old", 0), called(&home, "COLDER", "older", -1)]).await;
        let many = (1..MOST_CHANNELS).map(|n| called(&home, &format!("C{n:06}"), "new", 1)).collect();
        learn(&db, many).await;
        assert_eq!(name(&db, &home, "COLD").await.as_deref(), Some("old"), "as many as are kept");
        assert_eq!(name(&db, &home, "COLDER").await, None);
        learn(&db, vec![called(&home, "CNEW", "newest", 2)]).await;
        assert_eq!(name(&db, &home, "COLD").await, None);
        assert_eq!(name(&db, &home, "C000001").await.as_deref(), Some("new"));
    });
}
