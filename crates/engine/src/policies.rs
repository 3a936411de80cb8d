//! Putting policies in force from outside governance: what an operator does on the command line.

use policykit_core::{
    ids::{CommunityId, PolicyId, PolicyVersionId},
    policy::{Policy, PolicyDraft},
};

use crate::{Engine, EngineError};

impl Engine {
    /// Puts a policy on top of a community's order, in force for what happens from now on.
    ///
    /// # Errors
    /// When there is no such community or the database cannot be written.
    pub async fn add_policy(&self, community: CommunityId, draft: PolicyDraft) -> Result<Policy, EngineError> {
        let parts = &self.0;
        let now = parts.clock.now();
        let ids = (PolicyId::from_uuid(parts.ids.uuid(now)), PolicyVersionId::from_uuid(parts.ids.uuid(now)));
        let policy = parts.db.community(community).add_policy(draft, now, ids).await?;
        crate::parts::lock(&parts.communities).remove(&community);
        Ok(policy)
    }
}
