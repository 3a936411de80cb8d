//! Installations: where communities live.

use std::collections::BTreeMap;

use policykit_core::{
    Timestamp,
    community::{Installation, InstallationStatus},
    ids::{CommunityId, InstallationId},
};

use crate::{
    changes::LostInstallation,
    community::changed,
    error::StoreError,
    integration,
    scoped::Scoped,
    sql::{Arg, Conn, Reader, json},
    system::System,
};

/// An installation as it was read, to be compared with what is there when it is changed.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownPlace {
    /// The installation.
    pub installation: Installation,
    /// How often its credentials had been replaced.
    pub generation: i64,
}

const COLUMNS: &str = "id, community_id, platform, external_id, name, acts_as, settings, status";

fn read(r: &mut Reader<'_>) -> Result<Installation, StoreError> {
    Ok(Installation {
        id: r.id()?,
        community: r.id()?,
        platform: r.text()?,
        external_id: r.text()?,
        name: r.text()?,
        acts_as: r.json()?,
        settings: r.json()?,
        status: r.word(InstallationStatus::parse)?,
    })
}

pub(crate) async fn of_community(conn: &mut Conn<'_>, community: CommunityId) -> Result<Vec<Installation>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM installation WHERE community_id = $1 ORDER BY created_at, id");
    conn.all(&sql, vec![community.into()], read).await
}

/// Notes that a platform no longer lets us in, and why.
pub(crate) async fn lose(conn: &mut Conn<'_>, lost: &[LostInstallation]) -> Result<(), StoreError> {
    for LostInstallation { installation: id, status, note, generation, at } in lost {
        // Dead tokens and the removal are told of in either order; the removal says more.
        let worse = if *status == InstallationStatus::Uninstalled { "<> 'uninstalled'" } else { "= 'active'" };
        let mut args: Vec<Arg> = vec![status.as_str().into(), note.into(), (*id).into()];
        let (mut same_keys, mut found_with) = (String::new(), "NULL");
        if let Some(generation) = generation {
            args.push((*generation).into());
            (same_keys, found_with) = ("AND generation = $4".to_owned(), "$4");
        }
        if let Some(at) = at {
            args.push((*at).into());
            same_keys += &format!(" AND (handed_over_at IS NULL OR handed_over_at <= ${})", args.len());
        }
        let sql = format!(
            "UPDATE installation SET status = $1, status_note = $2, dead_generation = {found_with} \
             WHERE id = $3 AND status {worse} {same_keys} RETURNING community_id"
        );
        let community: Option<CommunityId> = conn.first(&sql, args, |r| r.id()).await?;
        if let Some(community) = community {
            changed(conn, community).await?;
            if *status == InstallationStatus::Uninstalled {
                integration::end_sessions(conn, community, *id).await?;
            }
        }
    }
    Ok(())
}

/// Notes that an installation works, from credentials that are being handed over. Returns their generation.
pub(crate) async fn let_in(
    conn: &mut Conn<'_>,
    community: CommunityId,
    was: &KnownPlace,
    renewed: &Installation,
    at: Timestamp,
) -> Result<i64, StoreError> {
    conn.first(
        "UPDATE installation SET name = $1, acts_as = $2, settings = $3, status = $4, status_note = NULL, \
         generation = generation + 1, handed_over_at = $5, dead_generation = NULL \
         WHERE id = $6 AND community_id = $7 AND status = $8 AND generation = $9 RETURNING generation",
        vec![
            (&renewed.name).into(),
            json(&renewed.acts_as)?,
            json(&renewed.settings)?,
            InstallationStatus::Active.as_str().into(),
            at.into(),
            was.installation.id.into(),
            community.into(),
            was.installation.status.as_str().into(),
            was.generation.into(),
        ],
        |r| r.int(),
    )
    .await?
    .ok_or_else(|| StoreError::conflict(format!("the installation of `{}`", renewed.external_id)))
}

/// Takes back that the credentials of an installation no longer work, where that was found out with those of
/// `generation`, which have been replaced.
pub(crate) async fn revive(
    conn: &mut Conn<'_>,
    community: CommunityId,
    installation: InstallationId,
    generation: i64,
) -> Result<(), StoreError> {
    let revived = conn
        .execute(
            "UPDATE installation SET status = 'active', status_note = NULL, dead_generation = NULL \
             WHERE id = $1 AND community_id = $2 AND status = 'credentials_dead' AND dead_generation = $3",
            vec![installation.into(), community.into(), generation.into()],
        )
        .await?;
    if revived == 1 { changed(conn, community).await } else { Ok(()) }
}

/// Writes a new installation of a community that is there.
pub(crate) async fn insert(conn: &mut Conn<'_>, i: &Installation, now: Timestamp) -> Result<(), StoreError> {
    let added = conn
        .execute(
            "INSERT INTO installation (id, community_id, platform, external_id, name, acts_as, \
             settings, status, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
             ON CONFLICT DO NOTHING",
            vec![
                i.id.into(),
                i.community.into(),
                (&i.platform).into(),
                (&i.external_id).into(),
                (&i.name).into(),
                json(&i.acts_as)?,
                json(&i.settings)?,
                i.status.as_str().into(),
                now.into(),
            ],
        )
        .await?;
    if added == 1 { Ok(()) } else { Err(StoreError::conflict(format!("the installation of `{}`", i.external_id))) }
}

impl Scoped {
    /// Where the community lives or lived, oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn installations(&self) -> Result<Vec<Installation>, StoreError> {
        of_community(&mut self.db().reader().await?.conn(), self.id()).await
    }

    /// Why installations of the community do not work, with the remedy.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn installation_notes(&self) -> Result<BTreeMap<InstallationId, String>, StoreError> {
        let sql = "SELECT id, status_note FROM installation WHERE community_id = $1 AND status_note IS NOT NULL";
        let notes: Vec<(InstallationId, String)> =
            self.db().reader().await?.conn().all(sql, vec![self.id().into()], |r| Ok((r.id()?, r.text()?))).await?;
        Ok(notes.into_iter().collect())
    }
}

impl System {
    /// The installation for a platform's own id of a community, if there is one.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn installation_by_external(
        &self,
        platform: &str,
        external_id: &str,
    ) -> Result<Option<Installation>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM installation WHERE platform = $1 AND external_id = $2");
        self.db().reader().await?.conn().first(&sql, vec![platform.into(), external_id.into()], read).await
    }

    /// The installation on a platform that has this id.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn installation(&self, platform: &str, id: InstallationId) -> Result<Option<Installation>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM installation WHERE platform = $1 AND id = $2");
        self.db().reader().await?.conn().first(&sql, vec![platform.into(), id.into()], read).await
    }

    /// The same with what says whether it has changed since.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn known_place(&self, platform: &str, external_id: &str) -> Result<Option<KnownPlace>, StoreError> {
        let sql = format!("SELECT {COLUMNS}, generation FROM installation WHERE platform = $1 AND external_id = $2");
        let read = |r: &mut Reader<'_>| Ok(KnownPlace { installation: read(r)?, generation: r.int()? });
        self.db().reader().await?.conn().first(&sql, vec![platform.into(), external_id.into()], read).await
    }

    /// The platforms on which some place was removed.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn platforms_with_removed_places(&self) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT DISTINCT platform FROM installation WHERE status = $1 ORDER BY platform";
        let args = vec![InstallationStatus::Uninstalled.as_str().into()];
        self.db().reader().await?.conn().all(sql, args, |r| r.text()).await
    }

    /// All installations, oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn installations(&self) -> Result<Vec<Installation>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM installation ORDER BY created_at, id");
        self.db().reader().await?.conn().all(&sql, Vec::new(), read).await
    }

    /// The places whose directory of channels was never read to its end, oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn places_with_unread_channels(&self) -> Result<Vec<Installation>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM installation WHERE status = $1 AND channels_at IS NULL ORDER BY created_at, id"
        );
        let args = vec![InstallationStatus::Active.as_str().into()];
        self.db().reader().await?.conn().all(&sql, args, read).await
    }

    /// Writes a new installation.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the platform's community is installed already; [`StoreError::NotFound`] when there
    /// is no such community here.
    pub async fn create_installation(&self, installation: &Installation, now: Timestamp) -> Result<(), StoreError> {
        let installation = installation.clone();
        self.db()
            .write(move |conn| {
                let i = installation.clone();
                Box::pin(async move {
                    changed(conn, i.community).await?;
                    insert(conn, &i, now).await
                })
            })
            .await
    }
}
