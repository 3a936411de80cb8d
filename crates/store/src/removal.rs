//! Removing an integration: its credentials are destroyed, and everything that was decided stays on record.

use std::collections::BTreeSet;

use policykit_core::{
    Timestamp,
    ids::{InstallationId, RoleId, UserId},
    permission::INTEGRATION_ADMIN,
};
use serde_json::json as object;

use crate::{
    changes::DecisionEntry, community::changed, decision, error::StoreError, fence, role, scoped::Scoped, sql::Rows,
};

impl Scoped {
    /// Marks an installation as removed, destroys its credentials and enters both in the record of decisions, all or
    /// nothing. `false` when it was removed before; nothing is changed then.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such installation of the community.
    pub async fn remove_installation(
        &self,
        installation: InstallationId,
        by: UserId,
        note: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (community, note) = (self.id(), note.to_owned());
        self.db()
            .write(move |conn| {
                let note = note.clone();
                Box::pin(async move {
                    let heads = fence::check(conn, &[], BTreeSet::from([community])).await?;
                    changed(conn, community).await?;
                    let platform: String = conn
                        .first(
                            "SELECT platform FROM installation WHERE id = $1 AND community_id = $2",
                            vec![installation.into(), community.into()],
                            |r| r.text(),
                        )
                        .await?
                        .ok_or(StoreError::NotFound { what: "installation" })?;
                    conn.execute(
                        "DELETE FROM secret WHERE installation_id = $1 AND community_id = $2",
                        vec![installation.into(), community.into()],
                    )
                    .await?;
                    let marked = conn
                        .execute(
                            "UPDATE installation SET status = 'uninstalled', status_note = $1 \
                             WHERE id = $2 AND community_id = $3 AND status <> 'uninstalled'",
                            vec![note.into(), installation.into(), community.into()],
                        )
                        .await?;
                    if marked != 1 {
                        return Ok(false);
                    }
                    let entry = DecisionEntry {
                        community,
                        at: now,
                        kind: "integration.removed".to_owned(),
                        body: object!({ "installation": installation, "platform": platform, "by": by }),
                    };
                    decision::append(conn, &[entry], heads).await?;
                    Ok(true)
                })
            })
            .await
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
