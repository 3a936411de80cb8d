//! Credentials of installations, sealed.

use std::collections::BTreeMap;

use policykit_core::{
    Timestamp,
    community::{Installation, InstallationStatus},
    ids::{CommunityId, InstallationId},
};
use secrecy::SecretString;

use crate::{
    community::changed,
    error::StoreError,
    installation::{self, KnownPlace},
    scoped::Scoped,
    seal::{Place, Sealed, SealingKey},
    sql::Conn,
};

/// The credentials of an installation and how it stands, all of one moment.
#[derive(Debug)]
pub struct Keys {
    /// How often the credentials had been replaced.
    pub generation: i64,
    /// How the installation stands.
    pub status: InstallationStatus,
    /// The credentials by name.
    pub secrets: BTreeMap<String, SecretString>,
}

impl Scoped {
    /// Hands over credentials to an installation: all earlier ones go, and it works from `at` on. Credentials, generation
    /// and status are written together or not at all. Returns the generation they are of.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the installation no longer stands as it `was`, or has other credentials by now;
    /// [`StoreError::NotFound`] when there is no such community; [`StoreError::Corrupt`] when no key is configured.
    pub async fn hand_over(
        &self,
        was: &KnownPlace,
        renewed: &Installation,
        secrets: &BTreeMap<String, SecretString>,
        at: Timestamp,
    ) -> Result<i64, StoreError> {
        let id = was.installation.id;
        let sealed = std::sync::Arc::new(self.sealed(id, secrets)?);
        let (community, was, renewed) = (self.id(), was.clone(), renewed.clone());
        self.db()
            .write(move |conn| {
                let (sealed, was, renewed) = (std::sync::Arc::clone(&sealed), was.clone(), renewed.clone());
                Box::pin(async move {
                    changed(conn, community).await?;
                    let generation = installation::let_in(conn, community, &was, &renewed, at).await?;
                    conn.execute(
                        "DELETE FROM secret WHERE installation_id = $1 AND community_id = $2",
                        vec![id.into(), community.into()],
                    )
                    .await?;
                    for (name, sealed) in sealed.iter() {
                        put(conn, community, id, name, sealed).await?;
                    }
                    Ok(generation)
                })
            })
            .await
    }

    fn sealed(
        &self,
        installation: InstallationId,
        secrets: &BTreeMap<String, SecretString>,
    ) -> Result<Vec<(String, Sealed)>, StoreError> {
        let row = installation.to_string();
        let mut sealed = Vec::with_capacity(secrets.len());
        for (name, secret) in secrets {
            sealed.push((name.clone(), self.sealing()?.seal(&place(&row, name), secret)?));
        }
        Ok(sealed)
    }

    /// Replaces credentials that were made from those of `generation`, all of them or none; the others stay. Returns the
    /// generation they are of. That those no longer work, found out with them, says nothing of these.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when there are others by now, or they were destroyed: those count, because what they were made from may have been
    /// used up; [`StoreError::Corrupt`] when no key is configured.
    pub async fn replace_secrets(
        &self,
        installation: InstallationId,
        generation: i64,
        secrets: &BTreeMap<String, SecretString>,
    ) -> Result<i64, StoreError> {
        let sealed = std::sync::Arc::new(self.sealed(installation, secrets)?);
        let (community, next) = (self.id(), generation.saturating_add(1));
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
                    installation::revive(conn, community, installation, generation).await?;
                    Ok(next)
                })
            })
            .await
    }

    /// All credentials of an installation at one moment, with the generation they are of and how it stands.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such installation in the community; [`StoreError::Corrupt`] when one
    /// cannot be opened.
    pub async fn keys(&self, installation: InstallationId) -> Result<Keys, StoreError> {
        let mut tx = self.db().snapshot().await?;
        let mut conn = tx.conn();
        let args = || vec![self.id().into(), installation.into()];
        let (generation, status) = conn
            .first("SELECT generation, status FROM installation WHERE community_id = $1 AND id = $2", args(), |r| {
                Ok((r.int()?, r.word(InstallationStatus::parse)?))
            })
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
        let mut secrets = BTreeMap::new();
        for (name, sealed) in rows {
            let secret = self.sealing()?.open(&place(&row, &name), &sealed)?;
            secrets.insert(name, secret);
        }
        Ok(Keys { generation, status, secrets })
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
