//! Communities, and what matching keeps of them in memory.

use policykit_core::{
    Timestamp,
    community::{Community, Installation},
    ids::{CommunityId, shard_of},
};

use crate::{
    error::StoreError,
    installation, policy, role,
    rows::CommunityState,
    scoped::Scoped,
    sql::{Conn, Reader},
    system::System,
};

fn read(r: &mut Reader<'_>) -> Result<Community, StoreError> {
    Ok(Community { id: r.id()?, name: r.text()?, created_at: r.time()? })
}

/// Notes that installations, policies, roles or role members of a community change in this transaction. First in it,
/// because it makes others who change the same community wait.
pub(crate) async fn changed(conn: &mut Conn<'_>, id: CommunityId) -> Result<(), StoreError> {
    let found = conn.execute("UPDATE community SET version = version + 1 WHERE id = $1", vec![id.into()]).await?;
    if found == 1 { Ok(()) } else { Err(StoreError::NotFound { what: "community" }) }
}

/// The same for a change that was made from `version`: fails when the community has another one by now.
pub(crate) async fn changed_from(conn: &mut Conn<'_>, id: CommunityId, version: i64) -> Result<(), StoreError> {
    let found = conn
        .execute(
            "UPDATE community SET version = version + 1 WHERE id = $1 AND version = $2",
            vec![id.into(), version.into()],
        )
        .await?;
    if found == 1 { Ok(()) } else { Err(StoreError::conflict("what the community goes by")) }
}

async fn insert(conn: &mut Conn<'_>, new: &Community) -> Result<(), StoreError> {
    let added = conn
        .execute(
            "INSERT INTO community (id, name, created_at, version, shard) VALUES ($1, $2, $3, 1, $4) \
             ON CONFLICT DO NOTHING",
            vec![new.id.into(), (&new.name).into(), new.created_at.into(), shard_of(new.id).into()],
        )
        .await?;
    if added == 1 { Ok(()) } else { Err(StoreError::conflict("a community of this id")) }
}

impl Scoped {
    /// What matching needs to know, of one moment.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such community.
    pub async fn state(&self) -> Result<CommunityState, StoreError> {
        let id = self.id();
        let mut tx = self.db().snapshot().await?;
        let mut conn = tx.conn();
        let (community, version) = conn
            .first("SELECT id, name, created_at, version FROM community WHERE id = $1", vec![id.into()], |r| {
                Ok((read(r)?, r.int()?))
            })
            .await?
            .ok_or(StoreError::NotFound { what: "community" })?;
        let state = CommunityState {
            community,
            version,
            installations: installation::of_community(&mut conn, id).await?,
            policies: policy::active(&mut conn, id).await?,
            roles: role::all(&mut conn, id).await?,
            role_members: role::members(&mut conn, id).await?,
        };
        tx.end().await?;
        Ok(state)
    }
}

impl System {
    /// Creates a community. `id` is new.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the id is taken.
    pub async fn create_community(&self, id: CommunityId, name: &str, now: Timestamp) -> Result<Community, StoreError> {
        let community = Community { id, name: name.to_owned(), created_at: now };
        self.db()
            .write(move |conn| {
                let community = community.clone();
                Box::pin(async move {
                    insert(conn, &community).await?;
                    Ok(community)
                })
            })
            .await
    }

    /// Creates a community together with its first installation: a process that dies in between leaves neither, so that
    /// no community is anywhere without a place. Both ids are new.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when an id is taken or the platform's community is installed already.
    pub async fn found_community(
        &self,
        name: &str,
        installation: &Installation,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let installation = installation.clone();
        let community = Community { id: installation.community, name: name.to_owned(), created_at: now };
        self.db()
            .write(move |conn| {
                let (community, installation) = (community.clone(), installation.clone());
                Box::pin(async move {
                    insert(conn, &community).await?;
                    installation::insert(conn, &installation, now).await
                })
            })
            .await
    }

    /// All communities, by name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn communities(&self) -> Result<Vec<Community>, StoreError> {
        self.db()
            .reader()
            .await?
            .conn()
            .all("SELECT id, name, created_at FROM community ORDER BY name, id", Vec::new(), read)
            .await
    }
}
