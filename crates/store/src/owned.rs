//! What exists or happened outside because of us: its event is an echo.

use policykit_core::{Timestamp, ids::InstallationId};

use crate::{
    changes::OwnedObject,
    error::StoreError,
    rounds::rounds,
    rows::OwnedKey,
    scoped::Scoped,
    sql::{Arg, Conn, Rows, list},
};

/// Writes what is ours.
pub(crate) async fn insert(conn: &mut Conn<'_>, owned: &[OwnedObject]) -> Result<(), StoreError> {
    let mut rows = Rows::new(5);
    for object in owned {
        rows.push([
            object.installation.into(),
            (&object.key).into(),
            object.call.into(),
            object.community.into(),
            object.once_until.into(),
        ]);
    }
    rows.execute(
        conn,
        "INSERT INTO owned_object (installation_id, object_key, call_id, community_id, once_until)",
        "ON CONFLICT DO NOTHING",
    )
    .await?;
    Ok(())
}

/// Takes away one one-time object for each of these keys: of two equal calls each has its own echo.
pub(crate) async fn use_up(conn: &mut Conn<'_>, keys: &[(InstallationId, String)]) -> Result<(), StoreError> {
    for round in rounds(keys, Clone::clone) {
        let mut rows = Rows::new(2);
        for (installation, key) in round {
            rows.push([(*installation).into(), key.into()]);
        }
        rows.execute(
            conn,
            "DELETE FROM owned_object WHERE once_until IS NOT NULL AND (installation_id, object_key) IN (",
            ") AND call_id = (SELECT o.call_id FROM owned_object o \
             WHERE o.installation_id = owned_object.installation_id AND o.object_key = owned_object.object_key \
             AND o.once_until IS NOT NULL ORDER BY o.once_until, o.call_id LIMIT 1)",
        )
        .await?;
    }
    Ok(())
}

impl Scoped {
    /// Which of these keys are ours at `now`, and whether one echo uses them up.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn owned(
        &self,
        installation: InstallationId,
        keys: &[String],
        now: Timestamp,
    ) -> Result<Vec<OwnedKey>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut args: Vec<Arg> = vec![self.id().into(), installation.into(), now.into()];
        args.extend(keys.iter().map(Arg::from));
        // An object of ours counts before a one-time key of the same name: nothing is used up then.
        let sql = format!(
            "SELECT object_key, CAST(min(CASE WHEN once_until IS NULL THEN 0 ELSE 1 END) AS BIGINT) FROM owned_object \
             WHERE community_id = $1 AND installation_id = $2 AND (once_until IS NULL OR once_until >= $3) \
             AND object_key IN ({}) GROUP BY object_key ORDER BY object_key",
            list(keys.len(), 4)
        );
        self.db().reader().await?.conn().all(&sql, args, |r| Ok(OwnedKey { key: r.text()?, once: r.int()? == 1 })).await
    }
}
