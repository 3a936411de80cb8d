//! The log of decisions: numbered per community without gaps, each entry hashing the one before it.
//!
//! Entry 0 is the head of the chain. It is written by the same statement as the entries, and only if it still is what
//! the new entries continue: two writers cannot fork a chain, and cutting off its end shows.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    str::FromStr,
};

use policykit_core::{
    Timestamp,
    ids::{ActionId, CommunityId, PolicyId, ProposalId},
};
use sha2::{Digest as _, Sha256};

use crate::{
    changes::DecisionEntry,
    error::StoreError,
    rows::Decision,
    scoped::Scoped,
    sql::{Arg, Conn, Reader, Rows, clean_text},
};

/// The hash before the first entry.
const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// How many entries are read at a time while verifying.
const PAGE: usize = 500;

/// Where a chain stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    seq: i64,
    hash: String,
}

/// What checking a chain has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChainReport {
    /// Every entry is there and unchanged.
    Intact {
        /// How many entries there are.
        entries: i64,
    },
    /// Something was changed, added or removed around the database's own rules.
    Broken {
        /// The first entry that is not as it should be.
        seq: i64,
        /// How.
        why: String,
    },
}

impl Head {
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self { seq: r.opt_int()?.unwrap_or(0), hash: r.opt_text()?.unwrap_or_else(|| GENESIS.to_owned()) })
    }

    fn genesis() -> Self {
        Self { seq: 0, hash: GENESIS.to_owned() }
    }
}

/// Whose chains these entries go to.
pub(crate) fn communities(entries: &[DecisionEntry]) -> BTreeSet<CommunityId> {
    entries.iter().map(|entry| entry.community).collect()
}

/// Appends entries to their chains, which stand at `heads`.
pub(crate) async fn append(
    conn: &mut Conn<'_>,
    entries: &[DecisionEntry],
    mut heads: HashMap<CommunityId, Head>,
) -> Result<(), StoreError> {
    if entries.is_empty() {
        return Ok(());
    }
    let mut rows = Rows::new(12);
    let mut ends: BTreeMap<CommunityId, (Head, Timestamp)> = BTreeMap::new();
    for entry in entries {
        let before = heads.remove(&entry.community).unwrap_or_else(Head::genesis);
        let (kind, body) = (clean_text(&entry.kind), canonical(&entry.body));
        let seq = before.seq + 1;
        let hash = chained(&before.hash, seq, entry.at, &kind, &body);
        rows.push([
            entry.community.into(),
            seq.into(),
            entry.at.into(),
            kind.into(),
            body.into(),
            (&before.hash).into(),
            (&hash).into(),
            None::<i64>.into(),
            about::<ActionId>(&entry.body, "action").into(),
            about::<ProposalId>(&entry.body, "proposal").into(),
            about::<PolicyId>(&entry.body, "policy").into(),
            entry.body.get("action_type").and_then(serde_json::Value::as_str).into(),
        ]);
        ends.entry(entry.community).or_insert_with(|| (before, entry.at)).1 = entry.at;
        heads.insert(entry.community, Head { seq, hash });
    }
    let wanted = (entries.len() + ends.len()) as u64;
    for (community, (before, at)) in ends {
        let head = heads.remove(&community).unwrap_or_else(Head::genesis);
        rows.push([
            community.into(),
            0_i64.into(),
            at.into(),
            "head".into(),
            "".into(),
            before.hash.into(),
            head.hash.into(),
            head.seq.into(),
            None::<ActionId>.into(),
            None::<ProposalId>.into(),
            None::<PolicyId>.into(),
            None::<&str>.into(),
        ]);
    }
    let written = rows
        .execute(
            conn,
            "WITH v (community_id, seq, at, kind, body, previous, hash, last, action_id, proposal_id, policy_id, \
             own_type) AS (",
            ") INSERT INTO decision (community_id, seq, at, kind, body, previous, hash, last, action_id, proposal_id, \
             policy_id, action_type) \
             SELECT v.community_id, v.seq, v.at, v.kind, v.body, v.previous, v.hash, v.last, v.action_id, \
             v.proposal_id, v.policy_id, CASE WHEN v.action_id IS NULL AND v.seq > 0 THEN '' ELSE COALESCE((SELECT \
             a.action_type FROM action a WHERE a.id = v.action_id AND a.community_id = v.community_id), v.own_type) END \
             FROM v WHERE TRUE \
             ON CONFLICT (community_id, seq) DO UPDATE SET at = excluded.at, previous = excluded.previous, \
             hash = excluded.hash, last = excluded.last \
             WHERE decision.seq = 0 AND decision.hash = excluded.previous",
        )
        .await?;
    if written == wanted { Ok(()) } else { Err(StoreError::contention("others wrote to the log of decisions")) }
}

/// What an entry is about, for finding it; what is no id is about nothing.
fn about<I: FromStr>(body: &serde_json::Value, key: &str) -> Option<I> {
    body.get(key)?.as_str()?.parse().ok()
}

/// JSON with the keys of every object sorted and no spaces.
fn canonical(value: &serde_json::Value) -> String {
    let mut sorted = value.clone();
    sorted.sort_all_objects();
    sorted.to_string()
}

fn chained(previous: &str, seq: i64, at: Timestamp, kind: &str, body: &str) -> String {
    let mut hash = Sha256::new();
    // Lengths keep the parts apart: no two different entries read the same.
    for part in [previous, &seq.to_string(), &at.micros().to_string(), kind, body] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hex::encode(hash.finalize())
}

impl Scoped {
    /// Entries of the log of decisions after number `after`, oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn decisions(&self, after: i64, limit: usize) -> Result<Vec<Decision>, StoreError> {
        let entries = stored(&mut self.db().reader().await?.conn(), self.id(), after, limit).await?;
        entries.into_iter().map(Stored::open).collect()
    }

    /// Why a change of the rules was decided and yet not made, by its action. `None` when it was made.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn refusal(&self, action: ActionId) -> Result<Option<String>, StoreError> {
        let sql = "SELECT body FROM decision WHERE community_id = $1 AND action_id = $2 AND kind = 'amendment.refused' \
                   ORDER BY seq LIMIT 1";
        let args = vec![self.id().into(), action.into()];
        let body = self.db().reader().await?.conn().first(sql, args, |r| r.text()).await?;
        let Some(body) = body else { return Ok(None) };
        let body: serde_json::Value = serde_json::from_str(&body)
            .map_err(|error| StoreError::corrupt(format!("an entry of the log: {error}")))?;
        Ok(body.get("note").and_then(serde_json::Value::as_str).map(str::to_owned))
    }

    /// Computes the whole chain again and compares it with what is stored.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn verify_decisions(&self) -> Result<ChainReport, StoreError> {
        let mut tx = self.db().snapshot().await?;
        let head = tx
            .conn()
            .first(
                "SELECT last, hash FROM decision WHERE community_id = $1 AND seq = 0",
                vec![self.id().into()],
                Head::read,
            )
            .await?
            .unwrap_or_else(Head::genesis);
        let mut at = Head::genesis();
        loop {
            let page = stored(&mut tx.conn(), self.id(), at.seq, PAGE).await?;
            let is_last = page.len() < PAGE;
            for entry in page {
                let seq = at.seq + 1;
                if let Some(why) = fault(&entry, &at) {
                    return Ok(ChainReport::Broken { seq, why: why.to_owned() });
                }
                at = Head { seq, hash: entry.hash };
            }
            if is_last {
                break;
            }
        }
        tx.end().await?;
        Ok(if at == head {
            ChainReport::Intact { entries: at.seq }
        } else if at.seq < head.seq {
            ChainReport::Broken { seq: at.seq + 1, why: "it is missing".to_owned() }
        } else {
            ChainReport::Broken { seq: at.seq, why: "the head of the chain does not name it".to_owned() }
        })
    }
}

/// What is wrong with the entry after `at`.
fn fault(entry: &Stored, at: &Head) -> Option<&'static str> {
    let seq = at.seq + 1;
    if entry.seq != seq {
        Some("it is missing")
    } else if entry.previous != at.hash {
        Some("it does not follow from the entry before it")
    } else if entry.hash != chained(&at.hash, seq, entry.at, &entry.kind, &entry.body) {
        Some("its content is not what was hashed")
    } else {
        None
    }
}

async fn stored(
    conn: &mut Conn<'_>,
    community: CommunityId,
    after: i64,
    limit: usize,
) -> Result<Vec<Stored>, StoreError> {
    conn.all(
        "SELECT seq, at, kind, body, previous, hash FROM decision \
         WHERE community_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
        vec![community.into(), after.max(0).into(), Arg::limit(limit)],
        Stored::read,
    )
    .await
}

/// Every entry of every community's log.
pub(crate) async fn every(conn: &mut Conn<'_>) -> Result<Vec<(CommunityId, Decision)>, StoreError> {
    let found = conn
        .all(
            "SELECT community_id, seq, at, kind, body, previous, hash FROM decision WHERE seq > 0 \
             ORDER BY community_id, seq",
            Vec::new(),
            |r| Ok((r.id()?, Stored::read(r)?)),
        )
        .await?;
    found.into_iter().map(|(community, stored)| Ok((community, stored.open()?))).collect()
}

struct Stored {
    seq: i64,
    at: Timestamp,
    kind: String,
    body: String,
    previous: String,
    hash: String,
}

impl Stored {
    fn read(r: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            seq: r.int()?,
            at: r.time()?,
            kind: r.text()?,
            body: r.text()?,
            previous: r.text()?,
            hash: r.text()?,
        })
    }

    fn open(self) -> Result<Decision, StoreError> {
        Ok(Decision {
            seq: self.seq,
            at: self.at,
            kind: self.kind,
            body: serde_json::from_str(&self.body).map_err(StoreError::corrupt)?,
            previous: self.previous,
            hash: self.hash,
        })
    }
}
