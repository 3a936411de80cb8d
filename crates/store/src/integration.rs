//! Adding and removing integrations, inside the transaction that decides it. A removed one keeps all that was decided
//! there; its credentials stay until the platform has been told, and are destroyed then.

use std::collections::BTreeSet;

use policykit_core::{
    community::InstallationStatus,
    constitution::PlaceDraft,
    ids::{CommunityId, InstallationId, RoleId, UserId},
    permission::INTEGRATION_ADMIN,
};

use crate::{
    changes::NewAmendment,
    community::changed,
    error::StoreError,
    role,
    scoped::Scoped,
    sql::{Conn, Rows},
};

/// What is said of a place that was agreed on and has no keys yet.
const AGREED: &str = "It was decided that the community is to be present here. Somebody who administers the place signs in \
                      to hand over the keys";
/// What is said of a place that was removed.
const REMOVED: &str = "It was decided here to remove it. Its keys are given back to the platform and destroyed";

/// Makes a place where the community is to be present, without keys. The inner error says why not.
pub(crate) async fn add(
    conn: &mut Conn<'_>,
    new: &NewAmendment,
    draft: &PlaceDraft,
) -> Result<Result<(), String>, StoreError> {
    let community = new.community;
    let there: Option<(InstallationId, CommunityId, InstallationStatus)> = conn
        .first(
            "SELECT id, community_id, status FROM installation WHERE platform = $1 AND external_id = $2",
            vec![(&draft.platform).into(), (&draft.external_id).into()],
            |r| Ok((r.id()?, r.id()?, r.word(InstallationStatus::parse)?)),
        )
        .await?;
    let other: Option<String> = conn
        .first(
            "SELECT name FROM installation WHERE community_id = $1 AND platform = $2 AND status <> 'uninstalled' LIMIT 1",
            vec![community.into(), (&draft.platform).into()],
            |r| r.text(),
        )
        .await?;
    if let Some(other) = other {
        return Ok(Err(format!("the community is connected to {other} on the same platform already")));
    }
    match there {
        Some((_, owner, _)) if owner != community => {
            Ok(Err(format!("{} is governed on this server already, as a community of its own", draft.name)))
        }
        Some((id, _, InstallationStatus::Uninstalled)) => {
            conn.execute(
                "UPDATE installation SET status = $3, status_note = $4, name = $5, dead_generation = NULL WHERE id = $1 AND community_id = $2",
                vec![
                    id.into(),
                    community.into(),
                    InstallationStatus::CredentialsDead.as_str().into(),
                    AGREED.into(),
                    (&draft.name).into(),
                ],
            )
            .await?;
            Ok(Ok(()))
        }
        Some(_) => Ok(Err(format!("the community is connected to {} already", draft.name))),
        None => {
            conn.execute(
                "INSERT INTO installation (id, community_id, platform, external_id, name, acts_as, settings, status, \
                 status_note, created_at) VALUES ($1, $2, $3, $4, $5, '[]', '{}', $6, $7, $8)",
                vec![
                    InstallationId::derive(new.action).into(),
                    community.into(),
                    (&draft.platform).into(),
                    (&draft.external_id).into(),
                    (&draft.name).into(),
                    InstallationStatus::CredentialsDead.as_str().into(),
                    AGREED.into(),
                    new.at.into(),
                ],
            )
            .await?;
            Ok(Ok(()))
        }
    }
}

/// Marks an installation as removed and ends the sessions that were opened through it. The inner error says why not.
pub(crate) async fn remove(
    conn: &mut Conn<'_>,
    community: CommunityId,
    installation: InstallationId,
) -> Result<Result<(), String>, StoreError> {
    let marked = conn
        .execute(
            "UPDATE installation SET status = 'uninstalled', status_note = $1, dead_generation = NULL \
             WHERE id = $2 AND community_id = $3 AND status <> 'uninstalled'",
            vec![REMOVED.into(), installation.into(), community.into()],
        )
        .await?;
    if marked != 1 {
        return Ok(Err("the integration is gone".to_owned()));
    }
    end_sessions(conn, community, installation).await?;
    Ok(Ok(()))
}

/// Ends the sessions of the members of an installation.
pub(crate) async fn end_sessions(
    conn: &mut Conn<'_>,
    community: CommunityId,
    installation: InstallationId,
) -> Result<(), StoreError> {
    conn.execute(
        "DELETE FROM session WHERE community_id = $1 AND member_id IN \
         (SELECT id FROM member WHERE community_id = $1 AND installation_id = $2)",
        vec![community.into(), installation.into()],
    )
    .await
    .map(|_| ())
}

/// Destroys the credentials of installations that are removed, unless they have been let in again meanwhile. They count
/// as replaced, so that nothing that was made from them comes after them.
pub(crate) async fn destroy_keys(
    conn: &mut Conn<'_>,
    removed: &[(CommunityId, InstallationId)],
) -> Result<(), StoreError> {
    for (community, installation) in removed {
        let ids = || vec![(*installation).into(), (*community).into()];
        let removed = conn
            .execute(
                "UPDATE installation SET generation = generation + 1 \
                 WHERE id = $1 AND community_id = $2 AND status = 'uninstalled'",
                ids(),
            )
            .await?;
        if removed == 1 {
            conn.execute("DELETE FROM secret WHERE installation_id = $1 AND community_id = $2", ids()).await?;
        }
    }
    Ok(())
}

impl Scoped {
    /// The places of which no keys are stored: agreed on and not let in yet, or given up.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn places_without_keys(&self) -> Result<BTreeSet<InstallationId>, StoreError> {
        let sql = "SELECT i.id FROM installation i WHERE i.community_id = $1 AND NOT EXISTS \
                   (SELECT 1 FROM secret s WHERE s.installation_id = i.id AND s.community_id = i.community_id)";
        let mut reader = self.db().reader().await?;
        Ok(reader.conn().all(sql, vec![self.id().into()], |r| r.id()).await?.into_iter().collect())
    }

    /// Makes a member an integration admin, where nobody who is still there is one: without it nobody could ever add or
    /// remove an integration. `false` when there is somebody, or no such role.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such community.
    pub async fn ensure_integration_admin(&self, user: UserId) -> Result<bool, StoreError> {
        let community = self.id();
        self.db()
            .write(move |conn| {
                Box::pin(async move {
                    changed(conn, community).await?;
                    let roles = role::all(conn, community).await?;
                    let Some(role) = roles.iter().find(|r| r.name == INTEGRATION_ADMIN) else { return Ok(false) };
                    let held: Option<RoleId> = conn
                        .first(
                            "SELECT x.role_id FROM role_member x JOIN member m ON m.id = x.member_id \
                             WHERE x.role_id = $1 AND x.community_id = $2 AND m.community_id = $2 \
                             AND NOT m.is_gone AND NOT m.is_bot LIMIT 1",
                            vec![role.id.into(), community.into()],
                            |r| r.id(),
                        )
                        .await?;
                    if held.is_some() {
                        return Ok(false);
                    }
                    let mut rows = Rows::new(3);
                    rows.push([role.id.into(), user.into(), community.into()]);
                    let added = rows
                        .execute(
                            conn,
                            "INSERT INTO role_member (role_id, member_id, community_id)",
                            "ON CONFLICT DO NOTHING",
                        )
                        .await?;
                    Ok(added == 1)
                })
            })
            .await
    }
}
