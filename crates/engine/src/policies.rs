//! Policies outside governance: whether their code can run, and putting them in force as an operator does on the command
//! line.

use std::sync::Arc;

use policykit_core::{
    ids::{CommunityId, PolicyId, PolicyVersionId},
    policy::{Block, Blocks, Policy, PolicyDraft},
};
use policykit_policy::{Diagnostic, Vocabulary, diagnose};

use crate::{Engine, EngineError};

/// How many policies are compiled at the same time for people who write them.
pub(crate) const COMPILING: usize = 2;

impl Engine {
    /// Whether the code of a policy can run. Looks at it away from the threads that answer requests, and at a few
    /// policies at a time: code can be made to take long.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub async fn check_code(&self, blocks: Blocks) -> Result<(), Vec<Diagnostic>> {
        let parts = Arc::clone(&self.0);
        // Never closed.
        let permit = Arc::clone(&parts.compiling).acquire_owned().await.ok();
        let compiled = tokio::task::spawn_blocking(move || {
            // Kept here: who goes away before the answer does not make room for another one.
            let _permit = permit;
            parts.sandbox.compile(&blocks).map(|_| ())
        });
        compiled.await.unwrap_or_else(|error| {
            tracing::error!(%error, "policy code could not be looked at");
            let message = "this code could not be looked at; write it differently, or try again".to_owned();
            Err(vec![Diagnostic::at("PK000", Block::Check, (1, 1), message)])
        })
    }

    /// Everything that can be said about a policy's code before it runs, as the command line says it too. Looks at it as
    /// [`Self::check_code`] does.
    pub async fn diagnose(&self, draft: PolicyDraft) -> Vec<Diagnostic> {
        let parts = Arc::clone(&self.0);
        // Never closed.
        let permit = Arc::clone(&parts.compiling).acquire_owned().await.ok();
        let found = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            diagnose(parts.sandbox.as_ref(), &draft, &Vocabulary::new(parts.registry.known()))
        });
        found.await.unwrap_or_else(|error| {
            tracing::error!(%error, "policy code could not be looked at");
            let message = "this code could not be looked at; write it differently, or try again";
            vec![Diagnostic::at("PK000", Block::Check, (1, 1), message)]
        })
    }

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
