//! R: verify on the raw bytes, write down, answer after the commit. Nothing else happens inside the request.

use std::collections::BTreeMap;

use policykit_core::{
    community::Installation,
    descriptor::Webhook,
    ids::{InboxId, InstallationId},
};
use policykit_platforms::platform::{Home, RawRequest, Receipt, Reject};
use policykit_store::{NewDelivery, StoreError};
use secrecy::SecretString;

use crate::{Engine, homes};

/// What to answer a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Content type of the body.
    pub content_type: &'static str,
    /// The body, often empty.
    pub body: String,
}

/// Why a delivery was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// There is no such integration: 404.
    #[error("there is no integration `{0}`")]
    UnknownPlatform(String),
    /// The platform has one address for all its communities, and this is not it: 404.
    #[error("deliveries of `{0}` go to one address for all communities, without anything after the platform's name")]
    NoSuchAddress(String),
    /// The request is not the platform's, or cannot be read: 401, 400, 404 or 415.
    #[error(transparent)]
    Rejected(#[from] Reject),
    /// The platform signed it, but for a community that is not installed here: 404.
    #[error("no community here is installed for `{0}`; run `policykit install` for it first")]
    UnknownInstallation(String),
    /// It could not be written down; the platform sends it again: 503.
    #[error("the delivery could not be written down, send it again")]
    Busy(#[from] StoreError),
}

const NOTHING: Answer = Answer { content_type: "text/plain; charset=utf-8", body: String::new() };

impl Engine {
    /// The installation whose address this is, with its keys.
    async fn whose(
        &self,
        platform: &str,
        at: &str,
    ) -> Result<(Installation, BTreeMap<String, SecretString>), ReceiveError> {
        let unknown = || ReceiveError::UnknownInstallation(at.to_owned());
        let id: InstallationId = at.parse().map_err(|_| unknown())?;
        let found = self.0.db.system().installation(platform, id).await?.ok_or_else(unknown)?;
        let keys = self.0.db.community(found.community).keys(found.id).await?;
        Ok((found, keys.secrets))
    }

    /// Takes a delivery: returns only after it is committed, so that answering 200 is a promise.
    ///
    /// # Errors
    /// See [`ReceiveError`]; in every case nothing was written.
    pub async fn receive(&self, platform: &str, request: RawRequest<'_>) -> Result<Answer, ReceiveError> {
        let parts = &self.0;
        let integration =
            parts.registry.get(platform).ok_or_else(|| ReceiveError::UnknownPlatform(platform.to_owned()))?;
        if request.at.is_some() && integration.descriptor().webhook != Webhook::PerInstallation {
            return Err(ReceiveError::NoSuchAddress(platform.to_owned()));
        }
        let now = parts.clock.now();
        let found = match request.at {
            Some(at) => Some(self.whose(platform, at).await?),
            None => None,
        };
        let home = found.as_ref().map(|(installation, credentials)| Home { installation, credentials });
        let request = RawRequest { home, ..request };
        let (delivery, answer) = match integration.receive(request, &parts.app(platform), now)? {
            Receipt::Answer { content_type, body } => return Ok(Answer { content_type, body }),
            Receipt::Ignore => return Ok(NOTHING),
            Receipt::Keep { delivery, answer } => (delivery, answer),
        };
        let scope = homes::scope(platform, &delivery.external_id);
        let home = parts
            .home(platform, &delivery.external_id, &scope)
            .await?
            .ok_or_else(|| ReceiveError::UnknownInstallation(delivery.external_id.clone()))?;
        parts.probe("T1.before").await;
        parts
            .db
            .receive(vec![NewDelivery {
                id: InboxId::derive(platform, &delivery.external_id, &delivery.key),
                platform: platform.to_owned(),
                installation: home.installation,
                community: home.community,
                scope,
                delivery_key: delivery.key,
                kind: delivery.kind,
                body: delivery.body,
                received_at: now,
            }])
            .await?;
        parts.probe("T1.after").await;
        parts.work.notify_one();
        Ok(Answer { body: answer, ..NOTHING })
    }
}
