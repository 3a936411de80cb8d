//! Looking for a way to change the rules when somebody asks: one look at a time for each community, and what pages show is
//! remembered for a while, because everybody may open them as often as they like.

use std::{collections::HashMap, sync::Arc, time::Duration};

use policykit_core::{Timestamp, ids::CommunityId};

use super::{Changeable, Rules, Witness, effort};
use crate::{
    Engine, EngineError,
    parts::{Parts, lock},
};

/// How long a page shows what was found, while the rules stay as they are. Whoever joins or leaves does not change them.
const REMEMBERED: Duration = Duration::from_secs(60);
/// How much longer than before a change it is looked before a recovery: nobody waits behind it, and much hangs on it.
const RECOVERY_TAKES: u32 = 10;

/// What was found out about each community, held by whoever looks.
pub(crate) type Looks = HashMap<CommunityId, Arc<tokio::sync::Mutex<Option<Seen>>>>;

/// What was found, when, and under which version of the rules.
#[derive(Debug)]
pub(crate) struct Seen {
    version: i64,
    at: Timestamp,
    found: Changeable,
}

impl Engine {
    /// Whether some change of the constitution can pass under the rules as they are: a rehearsal, nothing is written or
    /// sent. Policies see the members that are known here, and nothing of what else they ask a platform for.
    ///
    /// # Errors
    /// When the database cannot be read, or there is nowhere to run policies: then nothing is known of the rules.
    pub async fn changeable(&self, community: CommunityId) -> Result<Changeable, EngineError> {
        let turn = self.0.look(community);
        let mut seen = turn.lock().await;
        self.0.look_now(community, &mut seen).await
    }

    /// The same, as it was found within the last minute under these rules: for pages, which cost one look then, however many
    /// of them are opened.
    ///
    /// # Errors
    /// Those of [`Self::changeable`].
    pub async fn changeable_lately(&self, community: CommunityId) -> Result<Changeable, EngineError> {
        let parts = Arc::clone(&self.0);
        // It is finished and remembered also when nobody waits for it any more: else whoever opens pages and does not wait
        // for them has it begun again and again.
        let look = tokio::spawn(async move {
            let turn = parts.look(community);
            let mut seen = turn.lock().await;
            let version = parts.db.community(community).state().await?.version;
            match &*seen {
                Some(last) if last.version == version && parts.clock.now() < last.at + REMEMBERED => {
                    Ok(last.found.clone())
                }
                _ => parts.look_now(community, &mut seen).await,
            }
        });
        look.await.map_err(|error| EngineError::Inconsistent(format!("the rules could not be rehearsed: {error}")))?
    }
}

impl Parts {
    /// Whether the rules have to be recovered, with the version of the community that was looked at. Looked at thoroughly.
    pub(crate) async fn way_to_change(
        self: &Arc<Self>,
        community: CommunityId,
    ) -> Result<(Changeable, i64), EngineError> {
        let turn = self.look(community);
        let _one_at_a_time = turn.lock().await;
        self.find_way(community, self.options.rehearsal.saturating_mul(RECOVERY_TAKES)).await
    }

    fn look(&self, community: CommunityId) -> Arc<tokio::sync::Mutex<Option<Seen>>> {
        Arc::clone(lock(&self.looks).entry(community).or_default())
    }

    async fn look_now(
        self: &Arc<Self>,
        community: CommunityId,
        seen: &mut Option<Seen>,
    ) -> Result<Changeable, EngineError> {
        let (found, version) = self.find_way(community, self.options.rehearsal).await?;
        *seen = Some(Seen { version, at: self.clock.now(), found: found.clone() });
        Ok(found)
    }

    async fn find_way(
        self: &Arc<Self>,
        community: CommunityId,
        time: Duration,
    ) -> Result<(Changeable, i64), EngineError> {
        let rules = Rules::load(self, community).await?;
        let (parts, version) = (Arc::clone(self), rules.state.version);
        let changeable = match effort::aside(time, move |limit| rules.witness(&parts, limit)).await? {
            Witness::Found(how) => Changeable::Yes(how),
            Witness::Nobody => Changeable::No,
            Witness::OutOfTime => Changeable::Unknown,
            Witness::Nowhere(why) => return Err(EngineError::Nowhere(why)),
        };
        Ok((changeable, version))
    }
}
