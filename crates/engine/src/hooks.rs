//! Addresses of installations: on platforms that deliver to an address of each, the secret with which they sign, and
//! telling them of it.

use std::collections::BTreeMap;

use policykit_core::{
    community::Installation,
    descriptor::{WEBHOOK_SECRET, Webhook},
};
use policykit_store::fresh_secret;
use secrecy::{ExposeSecret as _, SecretString};

use crate::{Engine, EngineError, parts::Parts};

impl Engine {
    /// The address to which a platform delivers what happens in an installation, where it has one of its own and the
    /// address of this server is known.
    pub fn hook(&self, installation: &Installation) -> Option<String> {
        self.0.hook(installation)
    }
}

impl Parts {
    fn hook(&self, installation: &Installation) -> Option<String> {
        let platform = self.registry.get(&installation.platform)?;
        let address = self.options.address.as_ref()?;
        (platform.descriptor().webhook == Webhook::PerInstallation)
            .then(|| format!("{address}/api/hooks/{}/{}", installation.platform, installation.id))
    }

    /// Adds the secret with which an installation signs to its keys: the one it has, so that what was entered by hand on the
    /// platform stays right, else a fresh one.
    pub(crate) async fn sign_with(
        &self,
        installation: &Installation,
        credentials: &mut BTreeMap<String, SecretString>,
    ) -> Result<(), EngineError> {
        let signs = self.registry.get(&installation.platform).is_some_and(|platform| {
            let descriptor = platform.descriptor();
            descriptor.webhook == Webhook::PerInstallation && descriptor.renewed.contains(&WEBHOOK_SECRET)
        });
        if !signs {
            return Ok(());
        }
        let mut kept = self.db.community(installation.community).keys(installation.id).await?;
        let secret = kept.secrets.remove(WEBHOOK_SECRET).unwrap_or_else(fresh_secret);
        credentials.insert(WEBHOOK_SECRET.to_owned(), secret);
        Ok(())
    }

    /// Has the platform deliver to the address of an installation. Returns what a person has to do where it does not let us.
    pub(crate) async fn announce(&self, installation: &Installation) -> Result<Option<String>, EngineError> {
        let Some(platform) = self.registry.get(&installation.platform) else { return Ok(None) };
        if platform.descriptor().webhook != Webhook::PerInstallation {
            return Ok(None);
        }
        let name = platform.descriptor().name;
        let Some(address) = self.hook(installation) else {
            return Ok(Some(format!(
                "{name} could not be told where to deliver what happens, because this server does not know its own \
                 address: set `base_url` in the configuration and install it again."
            )));
        };
        let context = self.read_context(installation).await?;
        let Err(error) = platform.announce(&address, &context).await else { return Ok(None) };
        tracing::warn!(%error, platform = %installation.platform, "engine.install.announce");
        let signed = context
            .credentials
            .get(WEBHOOK_SECRET)
            .map_or_else(String::new, |secret| format!(", with the secret {}", secret.expose_secret()));
        Ok(Some(format!(
            "{name} could not be told where to deliver what happens ({}). Enter {address} there as a webhook for all \
             events, as JSON{signed}.",
            error.reason()
        )))
    }
}
