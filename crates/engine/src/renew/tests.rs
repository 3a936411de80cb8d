use std::sync::Arc;

use futures::future::BoxFuture;
use policykit_core::{FakeClock, FakeIds, JsonMap, community::InstallationStatus, ids::NodeId};
use policykit_platforms::Registry;
use policykit_policy::MontySandbox;
use policykit_store::{Db, DbConfig, SealingKey};
use secrecy::ExposeSecret as _;
use tokio::sync::Notify;
use uuid::Uuid;

use super::*;
use crate::{Deps, Options, Probe};

fn keys(pairs: &[(&str, &str)]) -> BTreeMap<String, SecretString> {
    pairs.iter().map(|(name, key)| ((*name).to_owned(), SecretString::from((*key).to_owned()))).collect()
}

#[test]
fn unwritten_keys_count_as_long_as_nobody_has_handed_over_others() {
    let community = CommunityId::from_uuid(Uuid::from_u128(1));
    let kept = Unwritten { community, from: 3, keys: keys(&[("bot_token", "renewed")]) };
    for (generation, wanted) in [(3, "renewed"), (4, "written")] {
        let mut written = keys(&[("bot_token", "written"), ("admin_token", "stays")]);
        kept.over(generation, &mut written);
        assert_eq!(written["bot_token"].expose_secret(), wanted);
        assert_eq!(written["admin_token"].expose_secret(), "stays");
    }
}

/// Holds whoever is about to write down what could not be written.
#[derive(Default)]
struct Held {
    reached: Arc<Notify>,
    on: Arc<Notify>,
}

impl Probe for Held {
    fn at(&self, point: &'static str) -> BoxFuture<'static, ()> {
        if point != "renew.unwritten" {
            return Box::pin(std::future::ready(()));
        }
        self.reached.notify_one();
        let on = Arc::clone(&self.on);
        Box::pin(async move { on.notified().await })
    }
}

#[tokio::test]
async fn keys_that_are_renewed_once_more_before_the_earlier_ones_are_written_down_are_the_ones_that_are_written() {
    let config = DbConfig { url: "sqlite::memory:".to_owned(), sealing: Some(SealingKey::new("tests", [7; 32])) };
    let db = Db::open(&config).await.unwrap();
    db.migrate().await.unwrap();
    let community = CommunityId::from_uuid(Uuid::from_u128(1));
    let place = Installation {
        id: InstallationId::from_uuid(Uuid::from_u128(2)),
        community,
        platform: "p".to_owned(),
        external_id: "P".to_owned(),
        name: "P".to_owned(),
        acts_as: Vec::new(),
        settings: JsonMap::new(),
        status: InstallationStatus::Active,
    };
    db.system().found_community("c", &place, Timestamp::default()).await.unwrap();
    let scope = db.community(community);
    let from = scope.keys(place.id).await.unwrap().generation;
    let held = Arc::new(Held::default());
    let probe: Arc<dyn Probe> = Arc::clone(&held) as Arc<dyn Probe>;
    let engine = Engine::new(Deps {
        db: db.clone(),
        registry: Arc::new(Registry::new(Vec::new())),
        sandbox: Arc::new(MontySandbox),
        clock: Arc::new(FakeClock::new(Timestamp::default())),
        ids: Arc::new(FakeIds::new(1)),
        apps: BTreeMap::new(),
        options: Options { probe: Some(probe), ..Options::new(NodeId::from_uuid(Uuid::from_u128(3))) },
    });
    let keep = |pairs: &[(&str, &str)]| {
        lock(&engine.0.unwritten).insert(place.id, Unwritten { community, from, keys: keys(pairs) });
    };
    keep(&[("token", "first"), ("renews", "first")]);
    let parts = Arc::clone(&engine.0);
    let writing = tokio::spawn(async move { parts.write_unwritten().await });
    held.reached.notified().await;
    // Whoever renews in between cannot write it down either.
    keep(&[("token", "second"), ("renews", "second")]);
    held.on.notify_one();
    writing.await.unwrap();
    held.on.notify_one();
    engine.0.write_unwritten().await;
    let written = scope.keys(place.id).await.unwrap().secrets;
    for name in ["token", "renews"] {
        assert_eq!(written[name].expose_secret(), "second", "{name}: the first has been used up");
    }
    assert!(engine.unwritten_keys(community).is_empty());
}
