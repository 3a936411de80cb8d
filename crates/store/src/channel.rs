//! What channels are called: a mirror of the platforms' directories, for people who read pages, and who may
//! be in them, by which it is known what was heard by few. Nothing else is decided by it.

use std::collections::{BTreeMap, BTreeSet};

use policykit_core::{
    Timestamp,
    community::Channel,
    ids::{CommunityId, InstallationId},
};

use crate::{
    changes::ChannelRow,
    error::StoreError,
    scoped::Scoped,
    sql::{Arg, Conn, Rows, list},
};

/// Of how many channels of a place the names are kept. Of more, those that were learned last.
pub const MOST_CHANNELS: usize = 10_000;

/// Longest id and name that are kept, in bytes. What is longer is not learned.
const LONGEST: usize = 400;

/// How many are looked up per statement.
const LOOKUP: usize = 1_000;

/// Writes names. Of the same channel twice the one that was learned later counts, and what is known from later stays.
pub(crate) async fn upsert(conn: &mut Conn<'_>, rows: &[ChannelRow]) -> Result<(), StoreError> {
    let is_short = |row: &&ChannelRow| {
        let (id, name) = (&row.channel.external_id, &row.channel.name);
        (1..=LONGEST).contains(&id.len()) && (1..=LONGEST).contains(&name.len())
    };
    let mut latest: BTreeMap<(InstallationId, &str), &ChannelRow> = BTreeMap::new();
    for row in rows.iter().filter(is_short) {
        let known = latest.entry((row.installation, &row.channel.external_id)).or_insert(row);
        if known.at <= row.at {
            *known = row;
        }
    }
    let places: BTreeSet<(InstallationId, CommunityId)> =
        latest.values().map(|row| (row.installation, row.community)).collect();
    let mut written = Rows::new(6);
    for row in latest.into_values() {
        written.push([
            row.installation.into(),
            (&row.channel.external_id).into(),
            row.community.into(),
            (&row.channel.name).into(),
            row.channel.is_private.into(),
            row.at.into(),
        ]);
    }
    written
        .execute(
            conn,
            "INSERT INTO channel (installation_id, external_id, community_id, name, is_private, learned_at)",
            "ON CONFLICT (installation_id, external_id) DO UPDATE SET name = excluded.name, \
             is_private = excluded.is_private, learned_at = excluded.learned_at \
             WHERE channel.community_id = excluded.community_id AND channel.learned_at <= excluded.learned_at",
        )
        .await?;
    for (installation, community) in places {
        conn.execute(
            "DELETE FROM channel WHERE community_id = $1 AND installation_id = $2 AND (learned_at, external_id) < \
             (SELECT k.learned_at, k.external_id FROM channel k WHERE k.installation_id = $2 \
             ORDER BY k.learned_at DESC, k.external_id DESC LIMIT 1 OFFSET $3)",
            vec![community.into(), installation.into(), Arg::limit(MOST_CHANNELS - 1)],
        )
        .await?;
    }
    Ok(())
}

impl Scoped {
    /// Notes that the directory of a place was read to its end.
    ///
    /// # Errors
    /// When the database cannot be written to.
    pub async fn channels_read(&self, installation: InstallationId, at: Timestamp) -> Result<(), StoreError> {
        let community = self.id();
        self.db()
            .write(move |conn| {
                Box::pin(async move {
                    let sql = "UPDATE installation SET channels_at = $1 WHERE id = $2 AND community_id = $3";
                    conn.execute(sql, vec![at.into(), installation.into(), community.into()]).await.map(drop)
                })
            })
            .await
    }

    /// These channels of a place by their platform's ids; those nobody has heard of are left out.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn channels(
        &self,
        installation: InstallationId,
        external_ids: &[String],
    ) -> Result<Vec<Channel>, StoreError> {
        let mut channels = Vec::with_capacity(external_ids.len());
        for some in external_ids.chunks(LOOKUP) {
            let mut args: Vec<Arg> = vec![self.id().into(), installation.into()];
            args.extend(some.iter().map(Arg::from));
            let sql = format!(
                "SELECT c.external_id, c.name, c.is_private FROM channel c \
                 WHERE c.community_id = $1 AND c.installation_id = $2 AND c.external_id IN ({})",
                list(some.len(), 3)
            );
            let read = |r: &mut crate::sql::Reader<'_>| {
                Ok(Channel { external_id: r.text()?, name: r.text()?, is_private: r.flag()? })
            };
            channels.append(&mut self.db().reader().await?.conn().all(&sql, args, read).await?);
        }
        Ok(channels)
    }
}
