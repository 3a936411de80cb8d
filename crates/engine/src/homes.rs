//! Whose a delivery is, without asking the database for every one.
//!
//! An installation never changes its id nor its community, whatever else about it changes and whichever node changes it:
//! what has been found once stays true, and nothing else is kept here. What has not been found may be installed at any
//! moment, by any node, so that is believed for a moment only.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use policykit_core::{
    Clock, Timestamp,
    community::Installation,
    ids::{CommunityId, InstallationId},
};
use policykit_store::StoreError;

use crate::parts::{Parts, lock};

/// How long it is believed that a community is not installed here.
const DISBELIEF: Duration = Duration::from_secs(1);
/// How many unknown communities are kept in mind at most.
const STRANGERS: usize = 1_024;

/// Where deliveries of one of a platform's communities belong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Home {
    pub(crate) installation: InstallationId,
    pub(crate) community: CommunityId,
}

/// What has been asked of the database before.
#[derive(Debug, Default)]
pub(crate) struct Homes {
    known: Mutex<HashMap<String, Home>>,
    /// Until when it is believed that these are not installed.
    strangers: Mutex<HashMap<String, Timestamp>>,
    /// Held by whoever asks: however many strangers knock at once, they take up one connection.
    asking: tokio::sync::Mutex<()>,
}

enum Remembered {
    Home(Home),
    Stranger,
    Nothing,
}

impl Homes {
    /// Notes an installation that has just been made or renewed here.
    pub(crate) fn add(&self, installation: &Installation) {
        let scope = scope(&installation.platform, &installation.external_id);
        let home = Home { installation: installation.id, community: installation.community };
        lock(&self.strangers).remove(&scope);
        lock(&self.known).insert(scope, home);
    }

    fn recall(&self, scope: &str, clock: &dyn Clock) -> Remembered {
        if let Some(home) = lock(&self.known).get(scope) {
            return Remembered::Home(*home);
        }
        match lock(&self.strangers).get(scope) {
            Some(until) if clock.now() < *until => Remembered::Stranger,
            _ => Remembered::Nothing,
        }
    }

    fn remember(&self, scope: &str, found: Option<Home>, now: Timestamp) {
        let mut strangers = lock(&self.strangers);
        if let Some(home) = found {
            strangers.remove(scope);
            lock(&self.known).insert(scope.to_owned(), home);
            return;
        }
        if strangers.len() >= STRANGERS {
            strangers.retain(|_, until| now < *until);
        }
        if strangers.len() < STRANGERS {
            strangers.insert(scope.to_owned(), now + DISBELIEF);
        }
    }
}

/// Names one of a platform's communities among those of all platforms.
pub(crate) fn scope(platform: &str, external_id: &str) -> String {
    format!("{platform}:{external_id}")
}

impl Parts {
    /// Where deliveries for a platform's community belong; `scope` is its name here. `None` when it is not installed here.
    pub(crate) async fn home(
        &self,
        platform: &str,
        external_id: &str,
        scope: &str,
    ) -> Result<Option<Home>, StoreError> {
        let clock = &*self.clock;
        match self.homes.recall(scope, clock) {
            Remembered::Home(home) => return Ok(Some(home)),
            Remembered::Stranger => return Ok(None),
            Remembered::Nothing => {}
        }
        let _one_at_a_time = self.homes.asking.lock().await;
        // Somebody may have asked the same while this one waited.
        match self.homes.recall(scope, clock) {
            Remembered::Home(home) => return Ok(Some(home)),
            Remembered::Stranger => return Ok(None),
            Remembered::Nothing => {}
        }
        let found = self.db.system().installation_by_external(platform, external_id).await?;
        let home = found.map(|i| Home { installation: i.id, community: i.community });
        self.homes.remember(scope, home, clock.now());
        Ok(home)
    }
}

#[cfg(test)]
mod tests {
    use policykit_core::FakeClock;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_stranger_is_believed_to_be_one_for_a_moment_only() {
        let (homes, clock) = (Homes::default(), FakeClock::new(Timestamp::from_secs(1)));
        homes.remember("chat:T1", None, clock.now());
        assert!(matches!(homes.recall("chat:T1", &clock), Remembered::Stranger));
        clock.advance(DISBELIEF);
        assert!(matches!(homes.recall("chat:T1", &clock), Remembered::Nothing));
    }

    #[test]
    fn what_is_installed_is_no_stranger_any_more() {
        let (homes, clock) = (Homes::default(), FakeClock::new(Timestamp::from_secs(1)));
        let home = Home {
            installation: InstallationId::from_uuid(Uuid::from_u128(1)),
            community: CommunityId::from_uuid(Uuid::from_u128(2)),
        };
        homes.remember("chat:T1", None, clock.now());
        homes.remember("chat:T1", Some(home), clock.now());
        assert!(matches!(homes.recall("chat:T1", &clock), Remembered::Home(found) if found == home));
    }

    #[test]
    fn strangers_without_end_take_up_no_room_without_end() {
        let (homes, clock) = (Homes::default(), FakeClock::new(Timestamp::from_secs(1)));
        for n in 0..STRANGERS * 3 {
            homes.remember(&format!("chat:{n}"), None, clock.now());
        }
        assert_eq!(lock(&homes.strangers).len(), STRANGERS);
        clock.advance(DISBELIEF);
        homes.remember("chat:late", None, clock.now());
        assert_eq!(lock(&homes.strangers).len(), 1, "those nobody believes in any more have gone");
    }
}
