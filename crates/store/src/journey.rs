//! Browsers that were sent to a platform: what is to be known when they come back, sealed, for one return within a while.

use policykit_core::Timestamp;
use secrecy::SecretString;

use crate::{
    error::StoreError,
    seal::{Place, Sealed, SealingKey},
    system::System,
};

/// A browser about to be sent away.
#[derive(Debug, Clone)]
pub struct NewJourney {
    /// Hash of the state that the platform hands back.
    pub state: Vec<u8>,
    /// Hash of the cookie of the browser.
    pub browser: Vec<u8>,
    /// What is to be known then.
    pub luggage: SecretString,
    /// Now.
    pub now: Timestamp,
    /// Until when it may come back.
    pub expires_at: Timestamp,
}

impl System {
    /// Writes down that a browser is sent away, and forgets those that did not come back in time.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when no key is configured; otherwise when it cannot be written.
    pub async fn begin_journey(&self, new: NewJourney) -> Result<(), StoreError> {
        let row = hex::encode(&new.state);
        let Sealed { key_id, nonce, sealed } = self.sealing()?.seal(&place(&row), &new.luggage)?;
        let NewJourney { state, browser, now, expires_at, .. } = new;
        self.db()
            .write(move |conn| {
                let (state, browser) = (state.clone(), browser.clone());
                let (key_id, nonce, sealed) = (key_id.clone(), nonce.clone(), sealed.clone());
                Box::pin(async move {
                    conn.execute("DELETE FROM journey WHERE expires_at <= $1", vec![now.into()]).await?;
                    conn.execute(
                        "INSERT INTO journey (state_hash, browser_hash, key_id, nonce, sealed, created_at, expires_at) \
                         VALUES ($1, $2, $3, $4, $5, $6, $7)",
                        vec![
                            state.into(),
                            browser.into(),
                            key_id.into(),
                            nonce.into(),
                            sealed.into(),
                            now.into(),
                            expires_at.into(),
                        ],
                    )
                    .await
                    .map(|_| ())
                })
            })
            .await
    }

    /// What was written down for this browser with this state; it is forgotten at once. `None` when the state is
    /// unknown, used up or too old, or belongs to another browser, whose way is not touched then.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when it cannot be opened; otherwise when it cannot be written.
    pub async fn end_journey(
        &self,
        state: &[u8],
        browser: &[u8],
        now: Timestamp,
    ) -> Result<Option<SecretString>, StoreError> {
        let row = hex::encode(state);
        let (state, browser) = (state.to_vec(), browser.to_vec());
        let found = self
            .db()
            .write(move |conn| {
                let (state, browser) = (state.clone(), browser.clone());
                Box::pin(async move {
                    conn.first(
                        "DELETE FROM journey WHERE state_hash = $1 AND browser_hash = $2 AND expires_at > $3 \
                         RETURNING key_id, nonce, sealed",
                        vec![state.into(), browser.into(), now.into()],
                        |r| Ok((r.text()?, r.bytes()?, r.bytes()?)),
                    )
                    .await
                })
            })
            .await?;
        let Some((key_id, nonce, sealed)) = found else { return Ok(None) };
        self.sealing()?.open(&place(&row), &Sealed { key_id, nonce, sealed }).map(Some)
    }

    fn sealing(&self) -> Result<&SealingKey, StoreError> {
        self.db()
            .shared
            .sealing
            .as_ref()
            .ok_or_else(|| StoreError::corrupt("no secret key is configured; set `POLICYKIT_SECRET_KEY`"))
    }
}

fn place(row: &str) -> Place<'_> {
    Place { table: "journey", row, column: "sealed" }
}
