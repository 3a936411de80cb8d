//! Credentials of installations, sealed.

use std::collections::BTreeMap;

use policykit_core::ids::{CommunityId, InstallationId};
use secrecy::SecretString;

use crate::{
    error::StoreError,
    scoped::Scoped,
    seal::{Place, Sealed, SealingKey},
    sql::Conn,
};

/// What becomes of the credentials that are not among those given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// They stay.
    Stay,
    /// They go.
    Go,
}

impl Scoped {
    /// Seals and keeps several credentials of an installation at once: all of them or none.
    ///
    /// # Errors
    /// As [`Scoped::put_secret`].
    pub async fn put_secrets(
        &self,
        installation: InstallationId,
        secrets: &BTreeMap<String, SecretString>,
        others: Others,
    ) -> Result<(), StoreError> {
        let row = installation.to_string();
        let mut sealed = Vec::with_capacity(secrets.len());
        for (name, secret) in secrets {
            sealed.push((name.clone(), self.sealing()?.seal(&place(&row, name), secret)?));
        }
        let community = self.id();
        let sealed = std::sync::Arc::new(sealed);
        self.db()
            .write(move |conn| {
                let sealed = std::sync::Arc::clone(&sealed);
                Box::pin(async move {
                    if others == Others::Go {
                        conn.execute(
                            "DELETE FROM secret WHERE installation_id = $1 AND community_id = $2",
                            vec![installation.into(), community.into()],
                        )
                        .await?;
                    }
                    for (name, sealed) in sealed.iter() {
                        put(conn, community, installation, name, sealed).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Seals and keeps a credential of an installation, replacing one of the same name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such installation in the community; [`StoreError::Corrupt`] when no key
    /// is configured.
    pub async fn put_secret(
        &self,
        installation: InstallationId,
        name: &str,
        secret: &SecretString,
    ) -> Result<(), StoreError> {
        let row = installation.to_string();
        let sealed = std::sync::Arc::new(self.sealing()?.seal(&place(&row, name), secret)?);
        let (community, name) = (self.id(), name.to_owned());
        self.db()
            .write(move |conn| {
                let (name, sealed) = (name.clone(), std::sync::Arc::clone(&sealed));
                Box::pin(async move { put(conn, community, installation, &name, &sealed).await })
            })
            .await
    }

    /// Opens a credential of an installation; `None` when there is none of this name.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when it cannot be opened.
    pub async fn get_secret(
        &self,
        installation: InstallationId,
        name: &str,
    ) -> Result<Option<SecretString>, StoreError> {
        let found = self
            .db()
            .reader()
            .await?
            .conn()
            .first(
                "SELECT key_id, nonce, sealed FROM secret \
                 WHERE community_id = $1 AND installation_id = $2 AND name = $3",
                vec![self.id().into(), installation.into(), name.into()],
                |r| Ok(Sealed { key_id: r.text()?, nonce: r.bytes()?, sealed: r.bytes()? }),
            )
            .await?;
        let Some(sealed) = found else { return Ok(None) };
        let row = installation.to_string();
        self.sealing()?.open(&place(&row, name), &sealed).map(Some)
    }

    fn sealing(&self) -> Result<&SealingKey, StoreError> {
        self.db()
            .shared
            .sealing
            .as_ref()
            .ok_or_else(|| StoreError::corrupt("no secret key is configured; set `POLICYKIT_SECRET_KEY`"))
    }
}

fn place<'a>(row: &'a str, column: &'a str) -> Place<'a> {
    Place { table: "secret", row, column }
}

async fn put(
    conn: &mut Conn<'_>,
    community: CommunityId,
    installation: InstallationId,
    name: &str,
    sealed: &Sealed,
) -> Result<(), StoreError> {
    let written = conn
        .execute(
            "INSERT INTO secret (installation_id, name, community_id, key_id, nonce, sealed) \
             SELECT i.id, $1, i.community_id, $2, $3, $4 FROM installation i \
             WHERE i.id = $5 AND i.community_id = $6 \
             ON CONFLICT (installation_id, name) DO UPDATE SET key_id = excluded.key_id, \
             nonce = excluded.nonce, sealed = excluded.sealed",
            vec![
                name.into(),
                (&sealed.key_id).into(),
                sealed.nonce.clone().into(),
                sealed.sealed.clone().into(),
                installation.into(),
                community.into(),
            ],
        )
        .await?;
    if written == 1 { Ok(()) } else { Err(StoreError::NotFound { what: "installation" }) }
}
