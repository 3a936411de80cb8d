//! Access of operators: links that work once, and the sessions they open. Only hashes of tokens are kept.

use policykit_core::Timestamp;

use crate::{error::StoreError, system::System};

impl System {
    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.db().reader().await?.conn().first("SELECT 1", Vec::new(), |_| Ok(())).await.map(|_| ())
    }

    /// Writes down a link for an operator, valid until `expires_at`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn create_link(&self, hash: &[u8], now: Timestamp, expires_at: Timestamp) -> Result<(), StoreError> {
        let hash = hash.to_vec();
        self.db()
            .write(move |conn| {
                let hash = hash.clone();
                Box::pin(async move {
                    conn.execute(
                        "INSERT INTO operator_link (token_hash, created_at, expires_at, used_at) \
                         VALUES ($1, $2, $3, NULL)",
                        vec![hash.into(), now.into(), expires_at.into()],
                    )
                    .await
                    .map(|_| ())
                })
            })
            .await
    }

    /// Uses a link up and opens a session of an operator with it, both or neither. `false` when the link is unknown,
    /// used or too old.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn redeem_link(
        &self,
        link: &[u8],
        session: &[u8],
        now: Timestamp,
        session_until: Timestamp,
    ) -> Result<bool, StoreError> {
        let (link, session) = (link.to_vec(), session.to_vec());
        self.db()
            .write(move |conn| {
                let (link, session) = (link.clone(), session.clone());
                Box::pin(async move {
                    let used = conn
                        .execute(
                            "UPDATE operator_link SET used_at = $1 \
                             WHERE token_hash = $2 AND used_at IS NULL AND expires_at > $1",
                            vec![now.into(), link.into()],
                        )
                        .await?;
                    if used != 1 {
                        return Ok(false);
                    }
                    conn.execute("DELETE FROM session WHERE expires_at <= $1", vec![now.into()]).await?;
                    conn.execute("DELETE FROM operator_link WHERE expires_at <= $1", vec![now.into()]).await?;
                    conn.execute(
                        "INSERT INTO session (token_hash, community_id, member_id, created_at, expires_at) \
                         VALUES ($1, NULL, NULL, $2, $3)",
                        vec![session.into(), now.into(), session_until.into()],
                    )
                    .await?;
                    Ok(true)
                })
            })
            .await
    }

    /// Whether an operator's session is known and has not ended.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn session_lives(&self, session: &[u8], now: Timestamp) -> Result<bool, StoreError> {
        let found = self
            .db()
            .reader()
            .await?
            .conn()
            .first(
                "SELECT expires_at FROM session WHERE token_hash = $1 AND expires_at > $2 AND member_id IS NULL",
                vec![session.into(), now.into()],
                |r| r.time(),
            )
            .await?;
        Ok(found.is_some())
    }

    /// Ends a session. One that is not known has ended.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn close_session(&self, session: &[u8]) -> Result<(), StoreError> {
        let session = session.to_vec();
        self.db()
            .write(move |conn| {
                let session = session.clone();
                Box::pin(async move {
                    conn.execute("DELETE FROM session WHERE token_hash = $1", vec![session.into()]).await.map(|_| ())
                })
            })
            .await
    }
}
