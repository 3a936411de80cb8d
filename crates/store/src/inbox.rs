//! Deliveries: written down once, whoever resends them; claimed by whoever holds their shard.

use std::{collections::HashSet, fmt::Write as _, sync::Arc};

use policykit_core::{
    Timestamp,
    ids::{CommunityId, InboxId, shard_of},
};
use tokio::sync::{mpsc, oneshot};

use crate::{
    changes::{Fence, InboxChange, InboxState, Redact},
    db::{Db, Points, Shared},
    error::StoreError,
    rounds::rounds,
    rows::{InboxRow, NewDelivery, Received},
    scoped::Scoped,
    shards,
    sql::{Arg, Conn, Reader, Rows, list},
};

/// How many deliveries share a commit at most.
const MAX_BATCH: usize = 256;
/// How many requests may wait before further ones wait to be let in.
const QUEUE: usize = 1024;

/// Deliveries on their way to the task that writes them.
pub(crate) struct Delivered {
    rows: Vec<NewDelivery>,
    reply: oneshot::Sender<Result<Vec<Received>, StoreError>>,
}

const INSERT: &str = "INSERT INTO inbox (id, community_id, installation_id, platform, scope, delivery_key, kind, body, \
                      received_at, state, tries, shard)";

/// The columns of a delivery, in the order in which [`read`] reads them; the table is `i`, its community `c`.
pub(crate) const COLUMNS: &str = "i.id, i.platform, i.installation_id, i.community_id, i.scope, i.delivery_key, i.kind, \
                                  i.body, i.received_at, i.state, i.tries, i.note, c.version";

/// What deliveries wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// For somebody to look at them.
    New,
    /// For a call of ours to resolve.
    Parked,
}

/// Which of the deliveries that wait are wanted.
#[derive(Debug, Clone, Copy)]
pub struct InboxWindow<'a> {
    /// Of these shards.
    pub fences: &'a [Fence],
    /// None of these communities. Each is a parameter of the statement; a few thousand are too many.
    pub without: &'a [CommunityId],
    /// Only what comes after this one in the order in which they are given.
    pub after: Option<(Timestamp, InboxId)>,
    /// No more than this many.
    pub limit: usize,
}

impl<'a> InboxWindow<'a> {
    /// The oldest of these shards.
    pub const fn of(fences: &'a [Fence], limit: usize) -> Self {
        Self { fences, without: &[], after: None, limit }
    }
}

impl Db {
    /// T1: writes deliveries down, together with whatever else waits to be written, and returns only after the commit;
    /// tells for each whether it was known already. In the order given.
    ///
    /// # Errors
    /// When nothing was written; the platform sends it again.
    pub async fn receive(&self, rows: Vec<NewDelivery>) -> Result<Vec<Received>, StoreError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let closed = || StoreError::gone("it has been closed");
        let (reply, answer) = oneshot::channel();
        self.deliveries.send(Delivered { rows, reply }).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    /// N: deliveries of these shards that nobody has looked at, oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn inbox_new(&self, fences: &[Fence], limit: usize) -> Result<Vec<InboxRow>, StoreError> {
        self.inbox(Waiting::New, InboxWindow::of(fences, limit)).await
    }

    /// Deliveries of these shards that wait for a call of ours to resolve, oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn inbox_parked(&self, fences: &[Fence], limit: usize) -> Result<Vec<InboxRow>, StoreError> {
        self.inbox(Waiting::Parked, InboxWindow::of(fences, limit)).await
    }

    /// Deliveries that wait, as far as they are in the window, oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn inbox(&self, waiting: Waiting, window: InboxWindow<'_>) -> Result<Vec<InboxRow>, StoreError> {
        // Written out, not handed over: the index of each is on these words.
        let state = match waiting {
            Waiting::New => "i.state = 'new'",
            Waiting::Parked => "i.state = 'parked'",
        };
        let mut args = vec![Arg::limit(window.limit)];
        let ours = shards::condition("i.shard", window.fences, &mut args);
        let mut further = String::new();
        if !window.without.is_empty() {
            further = format!(" AND i.community_id NOT IN ({})", list(window.without.len(), args.len() + 1));
            args.extend(window.without.iter().map(|community| Arg::from(*community)));
        }
        if let Some((at, id)) = window.after {
            // Writing to a string cannot fail.
            let _ = write!(further, " AND (i.received_at, i.id) > (${}, ${})", args.len() + 1, args.len() + 2);
            args.extend([at.into(), id.into()]);
        }
        let sql = format!(
            "SELECT {COLUMNS} \
             FROM inbox i JOIN community c ON c.id = i.community_id \
             WHERE {state} AND {ours}{further} ORDER BY i.received_at, i.id LIMIT $1"
        );
        self.reader().await?.conn().all(&sql, args, read).await
    }
}

pub(crate) fn read(r: &mut Reader<'_>) -> Result<InboxRow, StoreError> {
    Ok(InboxRow {
        delivery: NewDelivery {
            id: r.id()?,
            platform: r.text()?,
            installation: r.id()?,
            community: r.id()?,
            scope: r.text()?,
            delivery_key: r.text()?,
            kind: r.text()?,
            body: r.opt_bytes()?.unwrap_or_default(),
            received_at: r.time()?,
        },
        state: r.word(InboxState::parse)?,
        tries: r.int()?,
        note: r.opt_text()?,
        community_version: r.int()?,
    })
}

impl Scoped {
    /// Where a delivery stands; `None` when the community has none with this id.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn inbox_state(&self, id: InboxId) -> Result<Option<InboxState>, StoreError> {
        let sql = "SELECT state FROM inbox WHERE id = $1 AND community_id = $2";
        let args = vec![id.into(), self.id().into()];
        self.db().reader().await?.conn().first(sql, args, |r| r.word(InboxState::parse)).await
    }
}

/// Starts the task that writes deliveries: whatever has come while one commit was under way goes into the next.
pub(crate) fn start_receiver(shared: Arc<Shared>) -> mpsc::Sender<Delivered> {
    let (deliveries, waiting) = mpsc::channel(QUEUE);
    tokio::spawn(receive_all(shared, waiting));
    deliveries
}

async fn receive_all(shared: Arc<Shared>, mut waiting: mpsc::Receiver<Delivered>) {
    let mut batch = Vec::new();
    while waiting.recv_many(&mut batch, MAX_BATCH).await > 0 {
        let rows: Arc<Vec<NewDelivery>> = Arc::new(batch.iter().flat_map(|d: &Delivered| d.rows.clone()).collect());
        let tell = shared.others_listen();
        let outcome = shared
            .write(Some(Points::of("T1").commit), move |conn| {
                let rows = Arc::clone(&rows);
                Box::pin(async move { insert(conn, &rows, tell).await })
            })
            .await;
        match outcome {
            Ok(mut fresh) => {
                shared.notify_inbox();
                for Delivered { rows, reply } in batch.drain(..) {
                    // Removed when first met: the same delivery twice in one batch is fresh once.
                    let known =
                        |row: &NewDelivery| if fresh.remove(&row.id) { Received::Fresh } else { Received::Duplicate };
                    let _ = reply.send(Ok(rows.iter().map(known).collect()));
                }
            }
            Err(error) => {
                for Delivered { reply, .. } in batch.drain(..) {
                    let _ = reply.send(Err(error.again()));
                }
            }
        }
    }
}

pub(crate) async fn insert(
    conn: &mut Conn<'_>,
    deliveries: &[NewDelivery],
    tell: bool,
) -> Result<HashSet<InboxId>, StoreError> {
    // In one order everywhere, so that two nodes that are sent the same things do not wait for each other.
    let mut sorted: Vec<&NewDelivery> = deliveries.iter().collect();
    sorted.sort_by_key(|delivery| delivery.id);
    let mut rows = Rows::new(12);
    for d in sorted {
        rows.push([
            d.id.into(),
            d.community.into(),
            d.installation.into(),
            (&d.platform).into(),
            (&d.scope).into(),
            (&d.delivery_key).into(),
            (&d.kind).into(),
            d.body.as_slice().into(),
            d.received_at.into(),
            InboxState::New.as_str().into(),
            0_i64.into(),
            shard_of(d.community).into(),
        ]);
    }
    let inserted = rows.fetch(conn, INSERT, "ON CONFLICT DO NOTHING RETURNING id").await?;
    let fresh = inserted.iter().map(|row| row.reader().id()).collect::<Result<HashSet<InboxId>, _>>()?;
    if tell && conn.can_notify() && !fresh.is_empty() {
        let shards: HashSet<u16> =
            deliveries.iter().filter(|d| fresh.contains(&d.id)).map(|d| shard_of(d.community)).collect();
        let mut told = Rows::new(1);
        for shard in shards {
            told.push([shard.to_string().into()]);
        }
        let channel = crate::db::CHANNEL;
        told.fetch(conn, &format!("SELECT pg_notify('{channel}', v.column1) IS NULL FROM ("), ") AS v").await?;
    }
    Ok(fresh)
}

/// Writes down what became of deliveries.
pub(crate) async fn apply(conn: &mut Conn<'_>, changes: &[InboxChange]) -> Result<(), StoreError> {
    for round in rounds(changes, |change| change.id) {
        let wanted = round.len() as u64;
        let mut rows = Rows::new(4);
        for change in round {
            rows.push([
                change.id.into(),
                change.state.as_str().into(),
                change.note.as_deref().into(),
                (change.redact == Redact::Yes).into(),
            ]);
        }
        let changed = rows
            .execute(
                conn,
                "WITH v (id, state, note, redact) AS (",
                ") UPDATE inbox SET state = v.state, note = v.note, tries = inbox.tries + 1, \
                 body = CASE WHEN v.redact THEN NULL ELSE inbox.body END FROM v WHERE inbox.id = v.id",
            )
            .await?;
        if changed != wanted {
            return Err(StoreError::NotFound { what: "delivery" });
        }
    }
    Ok(())
}
