//! What lists and the first page of a community show: never more than a page of anything, never everything counted.

use std::collections::BTreeMap;

use policykit_core::{
    JsonMap, Timestamp,
    action::Origin,
    ballot::{BallotValue, Poll},
    ids::{InstallationId, PolicyId, ProposalId, UserId},
    policy::PolicyKind,
    proposal::{EffectStatus, Status},
};

use crate::{
    action,
    ballot::{PRESENT, SAYS},
    call,
    error::StoreError,
    policy::PolicyState,
    rows::{CallRow, Page},
    scoped::Scoped,
    sight::Sight,
    sql::{Arg, Conn, Reader, list},
};

/// Counting stops here: "a thousand or more" says enough, and a page does not get slower with the history.
pub const COUNTED: i64 = 1_000;

/// What to list.
#[derive(Debug, Clone)]
pub struct ProposalFilter {
    /// Only with this status.
    pub status: Option<Status>,
    /// Only under this policy, in whatever version.
    pub policy: Option<PolicyId>,
    /// What the reader may see.
    pub sight: Sight,
}

/// One line of a list of proposals: what is needed to say in a sentence what it is and how it stands.
#[derive(Debug, Clone)]
pub struct ProposalLine {
    /// Its id.
    pub id: ProposalId,
    /// What has been decided.
    pub status: Status,
    /// Whether it has happened.
    pub effect: EffectStatus,
    /// Why the effect is not done.
    pub effect_note: Option<String>,
    /// The vote, without those it asks.
    pub poll: Option<Poll>,
    /// Whether the vote takes ballots.
    pub poll_open: bool,
    /// How many people the vote asks; `None` is everybody.
    pub asked: Option<i64>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was decided.
    pub decided_at: Option<Timestamp>,
    /// What went wrong in the policy's code last.
    pub error: Option<String>,
    /// Type of its action.
    pub action_type: String,
    /// Which kind of policy governs it.
    pub kind: PolicyKind,
    /// Where the action came from.
    pub origin: Origin,
    /// The action's fields.
    pub fields: JsonMap,
    /// Whether the action is undone at the moment.
    pub reverted: bool,
    /// Who did it.
    pub initiator: Option<String>,
    /// Where it happened.
    pub installation: Option<InstallationId>,
    /// The policy that decides.
    pub policy: PolicyId,
    /// Its name in the version that decides.
    pub policy_name: String,
    /// Which version that is.
    pub version: i64,
    /// Whether what it says is withheld from the reader, because it happened in a private conversation.
    pub withheld: bool,
}

/// How many said the same in one vote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// What they said.
    pub value: BallotValue,
    /// How many.
    pub count: i64,
}

/// A rule as the first page lists it.
#[derive(Debug, Clone)]
pub struct RuleLine {
    /// Its id.
    pub id: PolicyId,
    /// Its name.
    pub name: String,
    /// What it governs.
    pub kind: PolicyKind,
    /// The action types it is about; empty is every type.
    pub action_types: Vec<String>,
    /// Whether it is in force.
    pub state: PolicyState,
    /// How many proposals it has had since the day asked for, at most [`COUNTED`].
    pub recent: i64,
}

pub(crate) const LINE: &str = "p.id, p.status, p.effect, p.effect_note, p.poll, p.poll_open, p.asked, p.created_at, \
    p.decided_at, p.error, a.action_type, a.kind, a.origin, a.fields, a.reverted, m.name, a.installation_id, p.policy_id, \
    pv.draft->>'name', pv.version";

/// Proposals `p` whose ids were found in `s`, to be followed by `WHERE p.id = s.id`. SQLite takes the tables of a cross
/// join in their order. Of a plain join, or of a list of ids after `IN`, it may read all proposals of the community first
/// and look each up among the few that were found: it knows nothing of how many there are.
pub(crate) const FOUND: &str = "CROSS JOIN proposal p";

/// Everything a line is made of, for a row `p` of proposals.
pub(crate) const LINE_JOINS: &str = "JOIN action a ON a.id = p.action_id AND a.community_id = p.community_id \
    JOIN policy_version pv ON pv.id = p.policy_version_id AND pv.community_id = p.community_id \
    LEFT JOIN member m ON m.id = a.initiator_id AND m.community_id = p.community_id";

/// Reads [`LINE`] and what [`Sight::withheld`] says of it.
pub(crate) fn read_line(r: &mut Reader<'_>) -> Result<ProposalLine, StoreError> {
    let line = ProposalLine {
        id: r.id()?,
        status: r.word(Status::parse)?,
        effect: r.word(EffectStatus::parse)?,
        effect_note: r.opt_text()?,
        poll: r.opt_json()?,
        poll_open: r.flag()?,
        asked: r.opt_int()?,
        created_at: r.time()?,
        decided_at: r.opt_time()?,
        error: r.opt_text()?,
        action_type: r.text()?,
        kind: r.word(PolicyKind::parse)?,
        origin: r.word(Origin::parse)?,
        fields: r.json()?,
        reverted: r.flag()?,
        initiator: r.opt_text()?,
        installation: r.opt_id()?,
        policy: r.id()?,
        policy_name: r.opt_text()?.unwrap_or_default(),
        version: r.int()?,
        withheld: r.flag()?,
    };
    Ok(if line.withheld { line.without_words() } else { line })
}

/// That the vote of a row `p` asks the account with this id. Looked for in the text, because taking a list of thousands
/// apart for every open vote would cost more than all the rest.
pub(crate) fn asks(account: &str, args: &mut Vec<Arg>) -> String {
    args.push(serde_json::Value::from(account).to_string().into());
    let at = args.len();
    format!("(p.electorate IS NULL OR replace(CAST(p.electorate AS TEXT), ${at}, '') <> CAST(p.electorate AS TEXT))")
}

/// Open votes in which the member `$3` of the installation `$4` has not voted, from the word `FROM` on.
fn waiting(account: &str, sight: &Sight, args: &mut Vec<Arg>) -> String {
    let seen = sight.condition("(p.action_type || '')", args);
    let asked = asks(account, args);
    // In a private conversation a vote that asks everybody asks those who are there.
    let told = if sight.hides_private() {
        "AND (p.electorate IS NOT NULL OR NOT EXISTS (SELECT 1 FROM action h WHERE h.id = p.action_id AND h.is_private \
         AND (h.initiator_id IS NULL OR h.initiator_id <> $3)))"
    } else {
        ""
    };
    // Not by status or type, so that SQLite takes the index of open votes and not that of all that is undecided.
    // The ballot first, which is one look into an index: the list of those who are asked may be long, and is read only of
    // votes that the member has not voted in. Of plain conditions SQLite would take the list first.
    format!(
        "FROM proposal p WHERE p.community_id = $1 AND p.poll_open AND (p.status || '') = 'proposed' {seen} \
         AND CASE WHEN EXISTS (SELECT 1 FROM ballot b \
         WHERE b.proposal_id = p.id AND b.vote = {PRESENT} AND b.voter_id = $3 AND {SAYS}) \
         THEN 1 = 0 ELSE p.poll->>'installation' = $4 AND {asked} {told} END"
    )
}

/// A statement that finds the ids of the latest proposals of a list, at most `$2`; `None` where nothing can be found. The
/// community is `$1`. Each is found in an index that has what is wanted in the order of the list, and nothing else of it
/// is read.
pub(crate) async fn latest(
    conn: &mut Conn<'_>,
    scope: &Scoped,
    filter: &ProposalFilter,
    before: &Option<(Timestamp, ProposalId)>,
    args: &mut Vec<Arg>,
) -> Result<Option<String>, StoreError> {
    let mut conditions = action::before(before, "p.created_at", "p.id", args);
    if let Some(status) = filter.status {
        args.push(status.as_str().into());
        conditions += &format!(" AND p.status = ${}", args.len());
    }
    let seen = if let Some(policy) = filter.policy {
        args.push(policy.into());
        conditions += &format!(" AND p.policy_id = ${}", args.len());
        // Not by type: what one policy has is looked through in its index, which knows the types.
        vec![filter.sight.condition("(p.action_type || '')", args)]
    } else {
        let way = filter.sight.way(conn, scope.id(), "proposal", "created_at").await?;
        if way.is_nowhere() {
            return Ok(None);
        }
        way.conditions("p", args)
    };
    let each: Vec<String> = seen
        .iter()
        .enumerate()
        .map(|(number, seen)| {
            format!(
                "SELECT k{number}.id, k{number}.created_at FROM (SELECT p.id, p.created_at FROM proposal p \
                 WHERE p.community_id = $1 {conditions} {seen} ORDER BY p.created_at DESC, p.id DESC LIMIT $2) k{number}"
            )
        })
        .collect();
    let each = each.join(" UNION ALL ");
    Ok(Some(format!("SELECT w.id FROM ({each}) w ORDER BY w.created_at DESC, w.id DESC LIMIT $2")))
}

impl Scoped {
    /// Proposals as a list shows them, latest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn proposal_lines(
        &self,
        filter: &ProposalFilter,
        page: Page<ProposalId>,
    ) -> Result<Vec<ProposalLine>, StoreError> {
        let mut reader = self.db().reader().await?;
        let mut conn = reader.conn();
        let mut args: Vec<Arg> = vec![self.id().into(), Arg::limit(page.limit)];
        let Some(latest) = latest(&mut conn, self, filter, &page.before, &mut args).await? else {
            return Ok(Vec::new());
        };
        let withheld = filter.sight.withheld(&mut args);
        let sql = format!(
            "SELECT {LINE}, {withheld} FROM ({latest}) s {FOUND} {LINE_JOINS} WHERE p.id = s.id AND p.community_id = $1 \
             ORDER BY p.created_at DESC, p.id DESC"
        );
        conn.all(&sql, args, read_line).await
    }

    /// Open votes that ask this member and have no ballot of theirs, latest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn waiting_for(
        &self,
        member: UserId,
        account: &str,
        installation: InstallationId,
        sight: &Sight,
        limit: usize,
    ) -> Result<Vec<ProposalLine>, StoreError> {
        let mut args: Vec<Arg> =
            vec![self.id().into(), Arg::limit(limit), member.into(), installation.to_string().into()];
        let waiting = waiting(account, sight, &mut args);
        let withheld = sight.withheld(&mut args);
        // The votes first, and only for them everything else.
        let sql = format!(
            "SELECT {LINE}, {withheld} FROM (SELECT p.id {waiting} ORDER BY p.created_at DESC, p.id DESC LIMIT $2) s \
             {FOUND} {LINE_JOINS} WHERE p.id = s.id AND p.community_id = $1 ORDER BY p.created_at DESC, p.id DESC"
        );
        self.db().reader().await?.conn().all(&sql, args, read_line).await
    }

    /// How many open votes ask this member and have no ballot of theirs; `limit` at most.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn count_waiting_for(
        &self,
        member: UserId,
        account: &str,
        installation: InstallationId,
        sight: &Sight,
        limit: usize,
    ) -> Result<i64, StoreError> {
        let mut args: Vec<Arg> =
            vec![self.id().into(), Arg::limit(limit), member.into(), installation.to_string().into()];
        let waiting = waiting(account, sight, &mut args);
        let sql = format!("SELECT count(*) FROM (SELECT 1 {waiting} LIMIT $2) t");
        Ok(self.db().reader().await?.conn().first(&sql, args, |r| r.int()).await?.unwrap_or(0))
    }

    /// How many proposals have this status, at most [`COUNTED`].
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn count_proposals(&self, status: Status, sight: &Sight) -> Result<i64, StoreError> {
        let mut args: Vec<Arg> = vec![self.id().into(), status.as_str().into(), COUNTED.into()];
        let seen = sight.condition("p.action_type", &mut args);
        let sql = format!(
            "SELECT count(*) FROM (SELECT 1 FROM proposal p \
             WHERE p.community_id = $1 AND p.status = $2 {seen} LIMIT $3) t"
        );
        Ok(self.db().reader().await?.conn().first(&sql, args, |r| r.int()).await?.unwrap_or(0))
    }

    /// What has been said in the present votes of these proposals and by how many.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn tallies(&self, proposals: &[ProposalId]) -> Result<BTreeMap<ProposalId, Vec<Counted>>, StoreError> {
        tallies(&mut self.db().reader().await?.conn(), self, proposals).await
    }

    /// The latest calls of the community that a person must settle, each with whether what it says is withheld from the
    /// reader.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn uncertain_calls(&self, sight: &Sight, limit: usize) -> Result<Vec<(CallRow, bool)>, StoreError> {
        let mut args: Vec<Arg> = vec![self.id().into(), Arg::limit(limit)];
        let withheld = sight.withheld(&mut args);
        let sql = format!(
            "SELECT {}, {withheld} FROM call k \
             LEFT JOIN proposal p ON p.id = k.proposal_id AND p.community_id = k.community_id \
             LEFT JOIN action a ON a.id = COALESCE(p.action_id, k.action_id) AND a.community_id = k.community_id \
             WHERE k.state = 'uncertain' AND k.community_id = $1 ORDER BY k.ord DESC LIMIT $2",
            call::COLUMNS
        );
        let read = |r: &mut Reader<'_>| {
            let (mut call, withheld) = (call::read(r)?, r.flag()?);
            if withheld {
                call.withhold();
            }
            Ok((call, withheld))
        };
        self.db().reader().await?.conn().all(&sql, args, read).await
    }

    /// The first rules in the order they are tried, suspended ones too, each with how often it has acted since `since`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn first_rules(&self, since: Timestamp, limit: usize) -> Result<Vec<RuleLine>, StoreError> {
        // The policies are the community's, so their proposals are; named again, the community would lead the planner to
        // the list of all its proposals, once for every policy.
        let sql = "SELECT po.id, pv.draft->>'name', pv.draft->>'kind', pv.draft->'action_types', po.state, \
                   (SELECT count(*) FROM (SELECT 1 FROM proposal p \
                   WHERE p.policy_id = po.id AND p.created_at >= $2 LIMIT $4) t) \
                   FROM (SELECT id, version_id, state, position FROM policy \
                   WHERE community_id = $1 AND state <> 'inactive' ORDER BY position, id LIMIT $3) po \
                   JOIN policy_version pv ON pv.id = po.version_id AND pv.community_id = $1 \
                   ORDER BY po.position, po.id";
        let args = vec![self.id().into(), since.into(), Arg::limit(limit), COUNTED.into()];
        self.db()
            .reader()
            .await?
            .conn()
            .all(sql, args, |r| {
                Ok(RuleLine {
                    id: r.id()?,
                    name: r.opt_text()?.unwrap_or_default(),
                    kind: r.word(PolicyKind::parse)?,
                    action_types: r.opt_json()?.unwrap_or_default(),
                    state: r.word(PolicyState::parse)?,
                    recent: r.int()?,
                })
            })
            .await
    }
}

pub(crate) async fn tallies(
    conn: &mut Conn<'_>,
    scope: &Scoped,
    proposals: &[ProposalId],
) -> Result<BTreeMap<ProposalId, Vec<Counted>>, StoreError> {
    if proposals.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut args: Vec<Arg> = vec![scope.id().into()];
    args.extend(proposals.iter().map(|id| Arg::from(*id)));
    // The proposals first, each found by its id, and of each the ballots of its present vote: SQLite takes the tables of a
    // cross join in their order.
    let sql = format!(
        "SELECT b.proposal_id, CAST(b.choice AS TEXT), count(*) FROM proposal p CROSS JOIN ballot b \
         WHERE p.id IN ({}) AND b.proposal_id = p.id AND b.vote = {PRESENT} \
         AND b.community_id = $1 AND b.choice IS NOT NULL \
         GROUP BY b.proposal_id, CAST(b.choice AS TEXT) ORDER BY b.proposal_id, CAST(b.choice AS TEXT)",
        list(proposals.len(), 2)
    );
    let rows = conn.all(&sql, args, |r| Ok((r.id::<ProposalId>()?, r.text()?, r.int()?))).await?;
    let mut tallies: BTreeMap<ProposalId, Vec<Counted>> = BTreeMap::new();
    for (proposal, value, count) in rows {
        let value = serde_json::from_str(&value).map_err(StoreError::corrupt)?;
        tallies.entry(proposal).or_default().push(Counted { value, count });
    }
    Ok(tallies)
}
