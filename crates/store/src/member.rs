//! Members: a mirror of the platforms' directories.

use std::collections::HashMap;

use policykit_core::{
    community::User,
    ids::{InstallationId, UserId},
};

use crate::{
    error::StoreError,
    scoped::Scoped,
    sql::{Arg, Conn, Reader, Rows, list},
};

/// The columns of a member, in the order in which [`read`] reads them; the table is `m`.
pub(crate) const COLUMNS: &str =
    "m.id, m.community_id, m.installation_id, m.external_id, m.name, m.is_admin, m.is_bot, m.is_gone";
/// How many columns [`COLUMNS`] has.
pub(crate) const WIDTH: usize = 8;

/// How many accounts are looked up per statement.
const LOOKUP: usize = 1000;

pub(crate) fn read(r: &mut Reader<'_>) -> Result<User, StoreError> {
    Ok(User {
        id: r.id()?,
        community: r.id()?,
        installation: r.id()?,
        external_id: r.text()?,
        name: r.text()?,
        is_admin: r.flag()?,
        is_bot: r.flag()?,
        is_gone: r.flag()?,
    })
}

/// Writes members, new or changed. Of the same member twice the later counts. A member of whom nothing is known but the
/// account does not replace what is known.
pub(crate) async fn upsert(conn: &mut Conn<'_>, users: &[User]) -> Result<(), StoreError> {
    if users.is_empty() {
        return Ok(());
    }
    let latest: HashMap<UserId, &User> = users.iter().map(|user| (user.id, user)).collect();
    let mut sorted: Vec<&User> = latest.into_values().collect();
    sorted.sort_by_key(|user| user.id);
    let mut rows = Rows::new(WIDTH);
    for user in sorted {
        rows.push([
            user.id.into(),
            user.community.into(),
            user.installation.into(),
            (&user.external_id).into(),
            (&user.name).into(),
            user.is_admin.into(),
            user.is_bot.into(),
            user.is_gone.into(),
        ]);
    }
    rows.execute(
        conn,
        "INSERT INTO member (id, community_id, installation_id, external_id, name, is_admin, is_bot, is_gone)",
        "ON CONFLICT (id) DO UPDATE SET name = excluded.name, is_admin = excluded.is_admin, \
         is_bot = excluded.is_bot, is_gone = excluded.is_gone \
         WHERE member.community_id = excluded.community_id AND NOT (excluded.name = excluded.external_id \
         AND member.name <> member.external_id AND NOT excluded.is_admin AND NOT excluded.is_bot \
         AND NOT excluded.is_gone)",
    )
    .await?;
    Ok(())
}

impl Scoped {
    /// The members with these accounts; those nobody has heard of are left out.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn users_by_external(
        &self,
        installation: InstallationId,
        external_ids: &[String],
    ) -> Result<Vec<User>, StoreError> {
        let mut users = Vec::with_capacity(external_ids.len());
        for some in external_ids.chunks(LOOKUP) {
            let mut args: Vec<Arg> = vec![self.id().into(), installation.into()];
            args.extend(some.iter().map(Arg::from));
            let sql = format!(
                "SELECT {COLUMNS} FROM member m \
                 WHERE m.community_id = $1 AND m.installation_id = $2 AND m.external_id IN ({})",
                list(some.len(), 3)
            );
            users.append(&mut self.db().reader().await?.conn().all(&sql, args, read).await?);
        }
        Ok(users)
    }

    /// One member.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the community has none with this id.
    pub async fn user(&self, id: UserId) -> Result<User, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM member m WHERE m.community_id = $1 AND m.id = $2");
        let found = self.db().reader().await?.conn().first(&sql, vec![self.id().into(), id.into()], read).await?;
        found.ok_or(StoreError::NotFound { what: "member" })
    }

    /// All members on one installation, by account.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn users(&self, installation: InstallationId) -> Result<Vec<User>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM member m WHERE m.community_id = $1 AND m.installation_id = $2 ORDER BY m.external_id"
        );
        self.db().reader().await?.conn().all(&sql, vec![self.id().into(), installation.into()], read).await
    }
}
