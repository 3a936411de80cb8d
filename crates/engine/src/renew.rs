//! Renewing credentials that run out: before they do, or when the platform says that they have.
//!
//! What renews works once, so only the node that may send for a community renews there, one at a time. What was renewed
//! is kept before it is used.

use policykit_core::Timestamp;
use policykit_platforms::platform::{CallError, Renewal, SendContext};
use policykit_store::Others;

use crate::{
    EngineError,
    parts::{Parts, lock},
};

impl Parts {
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
        if renewal == Renewal::Refused && !same(&fresh, &context.credentials) {
            *failed_before = None;
            context.credentials = fresh;
            return Ok(Ok(()));
        }
        context.credentials = fresh;
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
                self.db.community(community).put_secrets(installation, &new, Others::Stay).await?;
                context.credentials.extend(new);
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

fn same(
    one: &std::collections::BTreeMap<String, secrecy::SecretString>,
    other: &std::collections::BTreeMap<String, secrecy::SecretString>,
) -> bool {
    use secrecy::ExposeSecret as _;
    one.len() == other.len()
        && one.iter().zip(other).all(|((a, x), (b, y))| a == b && x.expose_secret() == y.expose_secret())
}
