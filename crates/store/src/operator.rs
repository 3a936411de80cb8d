//! Access of operators: links that work once and open a session. Only hashes of tokens are kept.

use policykit_core::Timestamp;

use crate::{
    error::StoreError,
    session::{self, NewSession, Whose},
    system::System,
};

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
    pub async fn redeem_link(&self, link: &[u8], session: NewSession) -> Result<bool, StoreError> {
        let link = link.to_vec();
        self.db()
            .write(move |conn| {
                let (link, session) = (link.clone(), session.clone());
                Box::pin(async move {
                    let used = conn
                        .execute(
                            "UPDATE operator_link SET used_at = $1 \
                             WHERE token_hash = $2 AND used_at IS NULL AND expires_at > $1",
                            vec![session.now.into(), link.into()],
                        )
                        .await?;
                    if used != 1 {
                        return Ok(false);
                    }
                    conn.execute("DELETE FROM operator_link WHERE expires_at <= $1", vec![session.now.into()]).await?;
                    session::open(conn, Whose::Operators, &session).await?;
                    Ok(true)
                })
            })
            .await
    }
}
