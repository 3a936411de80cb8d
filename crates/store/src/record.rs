//! The log of decisions as people read it: newest first, by kind or policy, each entry with what it is about.

use std::collections::BTreeMap;

use policykit_core::{
    Timestamp,
    ids::{PolicyId, ProposalId},
};

use crate::{
    decider,
    error::StoreError,
    overview::{Counted, FOUND, LINE, LINE_JOINS, ProposalLine, read_line, tallies},
    rows::Decision,
    scoped::Scoped,
    sight::{Sight, Way},
    sql::{Arg, Conn, list, values},
};

/// Which entries.
#[derive(Debug, Clone)]
pub struct RecordFilter {
    /// Only of these kinds; none is every kind.
    pub kinds: Vec<String>,
    /// Only what this policy decided.
    pub policy: Option<PolicyId>,
    /// What the reader may see.
    pub sight: Sight,
}

/// Which part of the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The latest, latest first.
    Latest,
    /// Those before this number, latest first.
    Before(i64),
    /// Those after this number, oldest first.
    After(i64),
}

/// An entry with what it is about.
#[derive(Debug, Clone)]
pub struct RecordLine {
    /// The entry.
    pub entry: Decision,
    /// The proposal it is about.
    pub proposal: Option<ProposalLine>,
    /// What was said in the proposal's vote.
    pub tally: Vec<Counted>,
    /// The action it is about, when there is no proposal.
    pub action: Option<ActionLine>,
    /// Name of the policy it is about, when there is no proposal.
    pub policy_name: Option<String>,
    /// Name of who decided it by hand, if somebody did.
    pub by: Option<String>,
    /// Whether what it says is withheld from the reader, because it is about a private conversation.
    pub withheld: bool,
}

/// An action in a line.
#[derive(Debug, Clone)]
pub struct ActionLine {
    /// Its type.
    pub action_type: String,
    /// Where it came from.
    pub origin: policykit_core::action::Origin,
    /// Its fields.
    pub fields: policykit_core::JsonMap,
    /// Who did it.
    pub initiator: Option<String>,
}

/// Who decided by hand, as the entry has it.
fn by(entry: &Decision) -> Option<&str> {
    entry.body.get("by").and_then(serde_json::Value::as_str)
}

struct Found {
    entry: Decision,
    proposal: Option<ProposalId>,
    action: Option<ActionLine>,
    policy_name: Option<String>,
    withheld: bool,
}

impl Scoped {
    /// Where the record stands: the number of the latest entry and its hash; `None` when there is no entry.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn record_head(&self) -> Result<Option<(i64, String)>, StoreError> {
        let sql = "SELECT last, hash FROM decision WHERE community_id = $1 AND seq = 0";
        let mut reader = self.db().reader().await?;
        let head = reader.conn().first(sql, vec![self.id().into()], |r| Ok((r.opt_int()?, r.text()?))).await?;
        Ok(head.and_then(|(last, hash)| Some((last?, hash))))
    }

    /// When the first entry was made.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn record_began(&self) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT at FROM decision WHERE community_id = $1 AND seq = 1";
        self.db().reader().await?.conn().first(sql, vec![self.id().into()], |r| r.time()).await
    }

    /// Entries of the record with what they are about.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn record(&self, filter: &RecordFilter, part: Part, limit: usize) -> Result<Vec<RecordLine>, StoreError> {
        let mut tx = self.db().snapshot().await?;
        let mut conn = tx.conn();
        let found = self.entries(&mut conn, filter, part, limit).await?;
        let mut wanted: Vec<ProposalId> = found.iter().filter_map(|f| f.proposal).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let proposals = self.lines_by_id(&mut conn, &wanted, &filter.sight).await?;
        // Of one that is withheld there is no vote to be counted.
        let voted: Vec<ProposalId> = proposals.values().filter(|p| p.poll.is_some()).map(|p| p.id).collect();
        let tallies = tallies(&mut conn, self, &voted).await?;
        let deciders = found.iter().filter_map(|f| by(&f.entry));
        let names = decider::names(&mut conn, self.id(), deciders).await?;
        tx.end().await?;
        Ok(found
            .into_iter()
            .map(|found| RecordLine {
                by: by(&found.entry).and_then(|by| names.get(by).cloned()),
                entry: found.entry,
                proposal: found.proposal.and_then(|id| proposals.get(&id).cloned()),
                tally: found.proposal.and_then(|id| tallies.get(&id).cloned()).unwrap_or_default(),
                action: found.action,
                policy_name: found.policy_name,
                withheld: found.withheld,
            })
            .collect())
    }

    /// The entries alone, each list of one kind in the order of its index.
    async fn entries(
        &self,
        conn: &mut Conn<'_>,
        filter: &RecordFilter,
        part: Part,
        limit: usize,
    ) -> Result<Vec<Found>, StoreError> {
        let mut args: Vec<Arg> = vec![self.id().into(), Arg::limit(limit)];
        let (place, order) = match part {
            Part::Latest => (String::new(), "DESC"),
            Part::Before(seq) => {
                args.push(seq.into());
                ("AND d.seq < $3".to_owned(), "DESC")
            }
            Part::After(seq) => {
                args.push(seq.into());
                ("AND d.seq > $3".to_owned(), "ASC")
            }
        };
        let conditions = self.conditions(conn, filter, &mut args).await?;
        if conditions.is_empty() {
            return Ok(Vec::new());
        }
        let each: Vec<String> = conditions
            .iter()
            .enumerate()
            .map(|(number, condition)| {
                format!(
                    "SELECT k{number}.seq FROM (SELECT d.seq FROM decision d WHERE d.community_id = $1 AND d.seq > 0 \
                     {place} {condition} ORDER BY d.seq {order} LIMIT $2) k{number}"
                )
            })
            .collect();
        let which = each.join(" UNION ALL ");
        let withheld = filter.sight.withheld(&mut args);
        let sql = format!(
            "SELECT d.seq, d.at, d.kind, d.body, d.previous, d.hash, {withheld}, d.proposal_id, pv.draft->>'name', \
             a.id, a.action_type, a.origin, a.fields, m.name \
             FROM (SELECT w.seq FROM ({which}) w ORDER BY w.seq {order} LIMIT $2) s \
             CROSS JOIN decision d \
             LEFT JOIN proposal p ON p.id = d.proposal_id AND p.community_id = d.community_id \
             LEFT JOIN action a ON a.id = COALESCE(d.action_id, p.action_id) AND a.community_id = d.community_id \
             LEFT JOIN member m ON m.id = a.initiator_id AND m.community_id = d.community_id \
             LEFT JOIN policy po ON po.id = d.policy_id AND po.community_id = d.community_id \
             LEFT JOIN policy_version pv ON pv.id = po.version_id AND pv.community_id = d.community_id \
             WHERE d.community_id = $1 AND d.seq = s.seq ORDER BY d.seq {order}"
        );
        conn.all(&sql, args, |r| {
            let (seq, at, kind, body) = (r.int()?, r.time()?, r.text()?, r.text()?);
            let body = serde_json::from_str(&body).map_err(StoreError::corrupt)?;
            let mut entry = Decision { seq, at, kind, body, previous: r.text()?, hash: r.text()? };
            let withheld = r.flag()?;
            let (proposal, policy_name) = (r.opt_id()?, r.opt_text()?);
            let mut action = r.or_missing(|r| {
                let _id: policykit_core::ids::ActionId = r.id()?;
                Ok(ActionLine {
                    action_type: r.text()?,
                    origin: r.word(policykit_core::action::Origin::parse)?,
                    fields: r.json()?,
                    initiator: r.opt_text()?,
                })
            })?;
            if withheld {
                entry.withhold();
                if let Some(action) = &mut action {
                    action.withhold();
                }
            }
            Ok(Found { entry, proposal, action, policy_name, withheld })
        })
        .await
    }

    /// Conditions on entries, one for each part of an index that has what is wanted in its order. The latest of what any
    /// of them finds are wanted; without any nothing is.
    async fn conditions(
        &self,
        conn: &mut Conn<'_>,
        filter: &RecordFilter,
        args: &mut Vec<Arg>,
    ) -> Result<Vec<String>, StoreError> {
        let sight = filter.sight.with_none();
        let Some(policy) = filter.policy else {
            let way = filter.sight.way_of_entries(conn, self.id(), &filter.kinds).await?;
            let of_kind = match way {
                Way::Among(_) => of_kinds(&filter.kinds, args),
                Way::All | Way::Each(_) => String::new(),
            };
            return Ok(way.conditions("d", args).into_iter().map(|one| format!("{of_kind} {one}")).collect());
        };
        // What one policy did is looked through in its index, which knows kinds and types.
        args.push(policy.into());
        let of_policy = format!("AND d.policy_id = ${}", args.len());
        let of_kind = of_kinds(&filter.kinds, args);
        let seen = sight.condition("d.action_type", args);
        Ok(vec![format!("{of_policy} {of_kind} {seen}")])
    }

    async fn lines_by_id(
        &self,
        conn: &mut Conn<'_>,
        ids: &[ProposalId],
        sight: &Sight,
    ) -> Result<BTreeMap<ProposalId, ProposalLine>, StoreError> {
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut args: Vec<Arg> = vec![self.id().into()];
        args.extend(ids.iter().map(|id| Arg::from(*id)));
        let withheld = sight.withheld(&mut args);
        let sql = format!(
            "SELECT {LINE}, {withheld} FROM (VALUES {}) s {FOUND} {LINE_JOINS} WHERE p.id = s.column1 AND p.community_id = $1",
            values(ids.len(), 1, 2)
        );
        let lines = conn.all(&sql, args, read_line).await?;
        Ok(lines.into_iter().map(|line| (line.id, line)).collect())
    }
}

/// A condition that an entry is of one of these kinds; none is every kind.
fn of_kinds(kinds: &[String], args: &mut Vec<Arg>) -> String {
    if kinds.is_empty() {
        return String::new();
    }
    let first = args.len() + 1;
    args.extend(kinds.iter().map(Arg::from));
    format!("AND d.kind IN ({})", list(kinds.len(), first))
}
