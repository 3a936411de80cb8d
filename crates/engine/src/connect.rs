//! Connecting a further place by what somebody enters in a form: a key that they copied, or nothing but an address. Nobody
//! is sent anywhere for it.

use policykit_platforms::platform::Grant;

use crate::{Engine, Install, JourneyError, Outcome, Whereto};

impl Engine {
    /// Adds a place to a community, puts one that it has in order again, or proposes to add it, see [`Whereto`]. The name
    /// of the community is left as it is.
    ///
    /// # Errors
    /// See [`JourneyError`]. Nothing is kept unless the platform accepts what was entered.
    pub async fn connect(&self, wanted: Install, to: Whereto) -> Result<Outcome, JourneyError> {
        let inspection = self.0.inspect(&wanted).await?;
        let Install { platform, credentials, .. } = wanted;
        self.let_in(&platform, Grant { inspection, credentials, installer: None }, to).await
    }
}
