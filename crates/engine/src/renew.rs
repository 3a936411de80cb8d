//! Reading credentials, and renewing those that run out: before they do, or when the platform says that they have.
//!
//! What renews works once, so only the node that may send for a community renews there, one at a time. What was renewed
//! is kept before it is used; where the database does not take it, it is kept in memory until it does, because nothing
//! else lets us in any more. It replaces only what it was made from: whoever installs again meanwhile is right.

use std::collections::{BTreeMap, BTreeSet};

use policykit_core::{
    Timestamp,
    community::Installation,
    ids::{CommunityId, InstallationId},
};
use policykit_platforms::platform::{CallError, Renewal, SendContext};
use policykit_store::{Keys, StoreError};
use secrecy::SecretString;

use crate::{
    Engine, EngineError,
    parts::{Parts, lock},
};

/// Renewed credentials that the database would not take.
#[derive(Debug)]
pub(crate) struct Unwritten {
    community: CommunityId,
    /// The generation they were made from.
    from: i64,
    keys: BTreeMap<String, SecretString>,
}

impl Unwritten {
    /// Puts them over what is written down, unless that is no longer what they were made from.
    fn over(&self, generation: i64, written: &mut BTreeMap<String, SecretString>) {
        if self.from == generation {
            written.extend(self.keys.clone());
        }
    }
}

impl Engine {
    /// Installations of a community whose keys were renewed and could not be written down yet. They are in this
    /// process's memory alone, and tried again all the time; of other nodes nothing is known here.
    pub fn unwritten_keys(&self, community: CommunityId) -> BTreeSet<InstallationId> {
        let unwritten = lock(&self.0.unwritten);
        unwritten.iter().filter(|(_, kept)| kept.community == community).map(|(id, _)| *id).collect()
    }
}

/// Taking credentials that have been read anew.
trait UseKeys {
    /// Sends with these from now on, to a place that stands as it does with them.
    fn use_keys(&mut self, keys: Keys);
}

impl UseKeys for SendContext {
    fn use_keys(&mut self, keys: Keys) {
        self.generation = keys.generation;
        self.installation.status = keys.status;
        self.credentials = keys.secrets;
    }
}

impl Parts {
    /// The credentials of an installation that its platform knows, with their generation and how it stands.
    pub(crate) async fn credentials(&self, installation: &Installation) -> Result<Keys, EngineError> {
        let mut keys = self.db.community(installation.community).keys(installation.id).await?;
        let Some(platform) = self.registry.get(&installation.platform) else {
            keys.secrets.clear();
            return Ok(keys);
        };
        if let Some(kept) = lock(&self.unwritten).get(&installation.id) {
            kept.over(keys.generation, &mut keys.secrets);
        }
        let descriptor = platform.descriptor();
        let known: BTreeSet<&str> =
            descriptor.credentials.iter().map(|c| c.name).chain(descriptor.renewed.iter().copied()).collect();
        keys.secrets.retain(|name, _| known.contains(name.as_str()));
        Ok(keys)
    }

    /// Whether an installation has other keys by now than a call was sent with.
    pub(crate) async fn has_other_keys(&self, context: &SendContext) -> Result<bool, EngineError> {
        Ok(self.credentials(&context.installation).await?.generation != context.generation)
    }

    /// Writes renewed keys down and has the context use them. Where others have been handed over meanwhile, those are
    /// used.
    async fn keep(&self, context: &mut SendContext, new: BTreeMap<String, SecretString>) -> Result<(), EngineError> {
        let (installation, community) = (context.installation.id, context.installation.community);
        // What an earlier renewal could not write is part of what is written now, unless others have been handed over. Kept
        // first and written then: where this is given up in between, they are not lost.
        let whole = {
            let mut unwritten = lock(&self.unwritten);
            let earlier = unwritten.remove(&installation).filter(|kept| kept.from == context.generation);
            let mut whole = earlier.map(|kept| kept.keys).unwrap_or_default();
            whole.extend(new.clone());
            unwritten.insert(installation, Unwritten { community, from: context.generation, keys: whole.clone() });
            whole
        };
        match self.db.community(community).replace_secrets(installation, context.generation, &whole).await {
            Ok(generation) => {
                lock(&self.unwritten).remove(&installation);
                context.generation = generation;
                context.credentials.extend(new);
            }
            Err(StoreError::Conflict { .. }) => {
                lock(&self.unwritten).remove(&installation);
                let there = self.credentials(&context.installation).await?;
                context.use_keys(there);
            }
            Err(error) => {
                tracing::error!(%error, %installation, "engine.renew.unwritten");
                context.credentials.extend(new);
            }
        }
        Ok(())
    }

    /// Tries again to write down what could not be.
    pub(crate) async fn write_unwritten(&self) {
        let waiting: Vec<InstallationId> = lock(&self.unwritten).keys().copied().collect();
        for installation in waiting {
            self.probe("renew.unwritten").await;
            // Whoever is renewing at this moment writes these down with what comes of it.
            let turn = std::sync::Arc::clone(lock(&self.renewals).entry(installation).or_default());
            let Ok(_my_turn) = turn.try_lock() else { continue };
            // Read only now: whoever had the turn before may have renewed once more, and nobody does until this is over.
            let kept =
                lock(&self.unwritten).get(&installation).map(|kept| (kept.community, kept.from, kept.keys.clone()));
            let Some((community, from, keys)) = kept else { continue };
            match self.db.community(community).replace_secrets(installation, from, &keys).await {
                Ok(_) => tracing::info!(%installation, "engine.renew.written"),
                // Others have been handed over, or the place is gone.
                Err(StoreError::Conflict { .. } | StoreError::NotFound { .. }) => {
                    tracing::info!(%installation, "engine.renew.outdated");
                }
                Err(error) => {
                    tracing::warn!(%error, %installation, "engine.renew.unwritten");
                    continue;
                }
            }
            lock(&self.unwritten).remove(&installation);
        }
    }

    /// Puts credentials that work into the context. An error of the platform is an answer here: nothing was sent.
    pub(crate) async fn renewed(
        &self,
        context: &mut SendContext,
        renewal: Renewal,
    ) -> Result<Result<(), CallError>, EngineError> {
        let (installation, community) = (context.installation.id, context.installation.community);
        let Some(platform) = self.registry.get(&context.installation.platform) else { return Ok(Ok(())) };
        let runs_out = platform.descriptor().renewed.iter().any(|name| context.credentials.contains_key(*name));
        let Ok(fence) = self.fence(community) else { return Ok(Ok(())) };
        if !runs_out {
            return Ok(Ok(()));
        }
        let turn = std::sync::Arc::clone(lock(&self.renewals).entry(installation).or_default());
        let mut failed_before = turn.lock().await;
        // Somebody may have had their turn since the credentials were read.
        let fresh = self.credentials(&context.installation).await?;
        let renewed_meanwhile = !same(&fresh.secrets, &context.credentials);
        context.use_keys(fresh);
        if renewal == Renewal::Refused && renewed_meanwhile {
            *failed_before = None;
            return Ok(Ok(()));
        }
        context.now = self.clock.now();
        if !self.may_send(community, fence.fence) {
            return Err(EngineError::NotOurs);
        }
        match platform.renew(renewal, context).await {
            Ok(None) => {
                *failed_before = None;
                Ok(Ok(()))
            }
            Ok(Some(new)) => {
                *failed_before = None;
                self.keep(context, new).await?;
                Ok(Ok(()))
            }
            Err(CallError::AccessLost { reason }) => {
                // The node that had the community before may have used up what renews, and be about to write down the
                // new one: looked at again when it cannot be any more.
                let now = self.clock.now();
                let since: Timestamp = *failed_before.get_or_insert(now);
                if now < since + self.options.http_timeout {
                    let after_ms = u64::try_from(self.options.http_timeout.as_millis()).unwrap_or(u64::MAX);
                    return Ok(Err(CallError::Retry { after_ms, reason }));
                }
                Ok(Err(CallError::AccessLost { reason }))
            }
            Err(error) if renewal == Renewal::WhenDue => {
                // It is early enough to try again with the next call; what there is still works until its end.
                tracing::warn!(%error, %installation, "engine.renew");
                Ok(Ok(()))
            }
            // Whether the renewal arrived is not known; the call it was for was certainly not sent.
            Err(CallError::Unknown { reason }) => Ok(Err(CallError::Retry { after_ms: 0, reason })),
            Err(error) => Ok(Err(error)),
        }
    }
}

fn same(one: &BTreeMap<String, SecretString>, other: &BTreeMap<String, SecretString>) -> bool {
    use secrecy::ExposeSecret as _;
    one.len() == other.len()
        && one.iter().zip(other).all(|((a, x), (b, y))| a == b && x.expose_secret() == y.expose_secret())
}

#[cfg(test)]
mod tests;
