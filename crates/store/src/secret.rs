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
                    conn.execute(
                        "UPDATE installation SET generation = generation + 1 WHERE id = $1 AND community_id = $2",
                        vec![installation.into(), community.into()],
                    )
                    .await
                    .map(|_| ())
                })
            })
            .await
    }

    /// Replaces credentials that were made from those of `generation`, all of them or none; the others stay. Returns the
    /// generation they are of.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when there are others by now: those count, because what they were made from may have been
    /// used up; [`StoreError::Corrupt`] when no key is configured.
    pub async fn replace_secrets(
        &self,
        installation: InstallationId,
        generation: i64,
        secrets: &BTreeMap<String, SecretString>,
    ) -> Result<i64, StoreError> {
        let row = installation.to_string();
        let mut sealed = Vec::with_capacity(secrets.len());
        for (name, secret) in secrets {
            sealed.push((name.clone(), self.sealing()?.seal(&place(&row, name), secret)?));
        }
        let (community, next) = (self.id(), generation.saturating_add(1));
        let sealed = std::sync::Arc::new(sealed);
        self.db()
            .write(move |conn| {
                let sealed = std::sync::Arc::clone(&sealed);
                Box::pin(async move {
                    let found = conn
                        .execute(
                            "UPDATE installation SET generation = $1 \
                             WHERE id = $2 AND community_id = $3 AND generation = $4",
                            vec![next.into(), installation.into(), community.into(), generation.into()],
                        )
                        .await?;
                    if found != 1 {
                        return Err(StoreError::conflict("the keys of an installation"));
                    }
                    for (name, sealed) in sealed.iter() {
                        put(conn, community, installation, name, sealed).await?;
                    }
                    Ok(next)
                })
            })
            .await
    }

    /// All credentials of an installation at one moment, with the generation they are of.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such installation in the community; [`StoreError::Corrupt`] when one
    /// cannot be opened.
    pub async fn keys(
        &self,
        installation: InstallationId,
    ) -> Result<(i64, BTreeMap<String, SecretString>), StoreError> {
        let mut tx = self.db().snapshot().await?;
        let mut conn = tx.conn();
        let args = || vec![self.id().into(), installation.into()];
        let generation = conn
            .first("SELECT generation FROM installation WHERE community_id = $1 AND id = $2", args(), |r| r.int())
            .await?
            .ok_or(StoreError::NotFound { what: "installation" })?;
        let rows: Vec<(String, Sealed)> = conn
            .all(
                "SELECT name, key_id, nonce, sealed FROM secret WHERE community_id = $1 AND installation_id = $2",
                args(),
                |r| Ok((r.text()?, Sealed { key_id: r.text()?, nonce: r.bytes()?, sealed: r.bytes()? })),
            )
            .await?;
        tx.end().await?;
        let row = installation.to_string();
        let mut keys = BTreeMap::new();
        for (name, sealed) in rows {
            let secret = self.sealing()?.open(&place(&row, &name), &sealed)?;
            keys.insert(name, secret);
        }
        Ok((generation, keys))
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
