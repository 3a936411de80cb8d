//! One proposal as its page shows it. However many have voted and however often the rule has looked, what is read stays
//! bounded: ballots as counts and the latest of them, looks as the first and the latest, without their snapshots.

use policykit_core::{
    Timestamp,
    action::Action,
    ballot::{BallotValue, Poll, VoteKey},
    call::CallState,
    community::User,
    ids::{EvaluationId, InstallationId, ProposalId, UserId},
    policy::{Policy, Verdict},
    proposal::Proposal,
};
use serde_json::Value as Json;

use crate::{
    action,
    awaited::{self, AwaitedRead},
    ballot::SAYS,
    call::{COLUMNS as CALL, read as read_call},
    changes::EvaluationState,
    decider::{self, first_word, named},
    error::StoreError,
    member,
    overview::{Counted, asks, tallies},
    policy, proposal,
    rows::{CallRow, LogLine},
    scoped::Scoped,
    sight::Sight,
    sql::{Arg, Conn, list},
};

/// How many of the latest ballots are named.
const NAMED: usize = 24;
/// Up to how many asked people are named when they have not voted.
const MISSED: i64 = 60;
/// How many looks of the rule are shown: the first and the latest.
const LOOKS: i64 = 12;
/// How many calls and how many lines of the log are shown.
const LINES: usize = 100;

/// A proposal with everything that its page shows.
#[derive(Debug, Clone)]
pub struct ProposalSheet {
    /// The proposal; those its vote asks are left out when they are many.
    pub proposal: Proposal,
    /// How many people the vote asks; `None` is everybody.
    pub asked: Option<i64>,
    /// Its action.
    pub action: Action,
    /// Who did it.
    pub initiator: Option<User>,
    /// The policy version that decides.
    pub policy: Policy,
    /// What has been said and by how many.
    pub tally: Vec<Counted>,
    /// The latest ballots, latest first.
    pub ballots: Vec<NamedBallot>,
    /// Ballots of votes that another one has taken the place of, as far as there is room beside those of the present vote.
    pub earlier: Vec<NamedBallot>,
    /// People who were asked and have not voted, where they are few enough to be named.
    pub missing: Vec<String>,
    /// The reader's own part.
    pub own: Own,
    /// How often the rule has looked.
    pub looks: i64,
    /// The first look and the latest, in order.
    pub shown: Vec<Look>,
    /// Its calls, at most a hundred, in the order they were written down.
    pub calls: Vec<CallRow>,
    /// The latest lines of its log, at most a hundred, in order.
    pub logs: Vec<LogLine>,
    /// When the rule looks again by itself.
    pub next_look: Option<Timestamp>,
    /// Its entries in the record: number, kind, and who made it where a person did.
    pub entries: Vec<(i64, String, Option<String>)>,
    /// Whether what it says is withheld from the reader, because it happened in a private conversation.
    pub withheld: bool,
}

/// The reader's part in a vote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Own {
    /// Whether the vote asks them.
    pub asked: bool,
    /// What they have said.
    pub ballot: Option<(BallotValue, Timestamp)>,
}

/// A ballot with the name of its voter.
#[derive(Debug, Clone)]
pub struct NamedBallot {
    /// Who.
    pub voter: String,
    /// What they say.
    pub value: BallotValue,
    /// When.
    pub cast_at: Timestamp,
    /// Kind of the delivery that carried it; `None` when it is not known any more.
    pub carried_by: Option<String>,
}

/// One look of the rule, without what it was shown.
#[derive(Debug, Clone)]
pub struct Look {
    /// Its id.
    pub id: EvaluationId,
    /// The how many-th.
    pub seq: i64,
    /// What for.
    pub cause: String,
    /// What ran it.
    pub runtime: String,
    /// Where it stands.
    pub state: EvaluationState,
    /// What it found.
    pub verdict: Option<Verdict>,
    /// What went wrong.
    pub error: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// The rules that were tried, for the first look.
    pub considered: Option<Json>,
    /// What it read outside: the question and the beginning of the answer.
    pub reads: Vec<(String, String)>,
    /// What it waits for, when a platform has put off what it reads.
    pub awaited: Option<AwaitedRead>,
}

/// Who reads the page, if a member does.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// The member.
    pub member: UserId,
    /// Their account.
    pub account: &'a str,
    /// Where the account is.
    pub installation: InstallationId,
}

impl Scoped {
    /// A proposal as its page shows it to somebody.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none with this id in the community.
    pub async fn proposal_sheet(
        &self,
        id: ProposalId,
        reader: Option<Reading<'_>>,
        sight: &Sight,
    ) -> Result<ProposalSheet, StoreError> {
        let mut tx = self.db().snapshot().await?;
        let mut conn = tx.conn();
        let mut args: Vec<Arg> = vec![self.id().into(), id.into(), MISSED.into()];
        let asked = reader.map_or_else(
            || "1 = 0".to_owned(),
            |reader| {
                args.push(reader.installation.to_string().into());
                format!("p.poll->>'installation' = ${} AND {}", args.len(), asks(reader.account, &mut args))
            },
        );
        let withheld = sight.withheld(&mut args);
        let sql = format!(
            "SELECT {}, CASE WHEN p.asked <= $3 THEN p.electorate END, {}, {}, p.asked, \
             (SELECT max(e.seq) FROM evaluation e WHERE e.proposal_id = p.id), (p.poll IS NOT NULL AND {asked}), {withheld}, {} \
             FROM proposal p \
             JOIN action a ON a.id = p.action_id AND a.community_id = p.community_id \
             JOIN policy_version pv ON pv.id = p.policy_version_id AND pv.community_id = p.community_id \
             JOIN policy po ON po.id = p.policy_id AND po.community_id = p.community_id \
             LEFT JOIN member m ON m.id = a.initiator_id AND m.community_id = p.community_id \
             WHERE p.community_id = $1 AND p.id = $2",
            proposal::WITHOUT_ELECTORATE,
            action::COLUMNS,
            policy::COLUMNS,
            member::COLUMNS
        );
        let sheet = conn
            .first(&sql, args, |r| {
                Ok(ProposalSheet {
                    proposal: proposal::read(r)?,
                    action: action::read(r)?,
                    policy: policy::read(r)?,
                    asked: r.opt_int()?,
                    looks: r.opt_int()?.unwrap_or(0),
                    own: Own { asked: r.flag()?, ballot: None },
                    withheld: r.flag()?,
                    initiator: r.or_missing(member::read)?,
                    tally: Vec::new(),
                    ballots: Vec::new(),
                    earlier: Vec::new(),
                    missing: Vec::new(),
                    shown: Vec::new(),
                    calls: Vec::new(),
                    logs: Vec::new(),
                    next_look: None,
                    entries: Vec::new(),
                })
            })
            .await?;
        let mut sheet = sheet.ok_or(StoreError::NotFound { what: "proposal" })?;
        if let Some(vote) = sheet.proposal.poll.as_ref().map(Poll::key) {
            self.vote(&mut conn, &mut sheet, &vote, reader).await?;
        }
        sheet.shown = self.looks(&mut conn, id, sheet.looks).await?;
        let by_proposal: Vec<Arg> = vec![self.id().into(), id.into(), Arg::limit(LINES)];
        let sql = format!(
            "SELECT {CALL} FROM call k WHERE k.community_id = $1 AND k.proposal_id = $2 ORDER BY k.ord LIMIT $3"
        );
        sheet.calls = conn.all(&sql, by_proposal.clone(), read_call).await?;
        let said = sheet.calls.iter().filter(|call| call.state == CallState::SettledByPerson);
        let who: Vec<String> =
            said.filter_map(|call| call.note.as_deref()).map(|note| first_word(note).0.to_owned()).collect();
        let names = decider::names(&mut conn, self.id(), who.iter().map(String::as_str)).await?;
        for note in sheet.calls.iter_mut().filter_map(|call| call.note.as_mut()) {
            *note = named(note, &names);
        }
        let sql = "SELECT level, message, at, evaluation_id FROM log_line \
                   WHERE community_id = $1 AND proposal_id = $2 ORDER BY ord DESC LIMIT $3";
        sheet.logs = conn
            .all(sql, by_proposal.clone(), |r| {
                Ok(LogLine { level: r.text()?, message: r.text()?, at: r.time()?, evaluation: r.opt_id()? })
            })
            .await?;
        sheet.logs.reverse();
        let sql = "SELECT min(due_at) FROM wake WHERE community_id = $1 AND proposal_id = $2 AND cause = 'timer'";
        let first_two: Vec<Arg> = vec![self.id().into(), id.into()];
        sheet.next_look = conn.first(sql, first_two, |r| r.opt_time()).await?.flatten();
        let sql = "SELECT seq, kind, CAST(body AS JSON)->>'by' FROM decision WHERE community_id = $1 AND proposal_id = $2 ORDER BY seq LIMIT $3";
        sheet.entries = conn.all(sql, by_proposal, |r| Ok((r.int()?, r.text()?, r.opt_text()?))).await?;
        tx.end().await?;
        if sheet.withheld {
            sheet.withhold();
        }
        Ok(sheet)
    }

    /// What is known of the vote: counts, the latest ballots, who is missing, and the reader's own ballot.
    async fn vote(
        &self,
        conn: &mut Conn<'_>,
        sheet: &mut ProposalSheet,
        vote: &VoteKey,
        reader: Option<Reading<'_>>,
    ) -> Result<(), StoreError> {
        let id = sheet.proposal.id;
        sheet.tally = tallies(conn, self, &[id]).await?.remove(&id).unwrap_or_default();
        // The latest of the present vote first, and only for them the names: everybody may have voted.
        let sql = format!(
            "SELECT s.present, m.name, s.choice, s.cast_at, i.kind FROM (\
             SELECT b.vote = $4 AS present, b.voter_id, b.choice, b.cast_at, b.inbox_id FROM ballot b \
             WHERE b.community_id = $1 AND b.proposal_id = $2 AND {SAYS} \
             ORDER BY b.vote = $4 DESC, b.cast_at DESC, b.voter_id LIMIT $3) s \
             JOIN member m ON m.id = s.voter_id AND m.community_id = $1 \
             LEFT JOIN inbox i ON i.id = s.inbox_id AND i.community_id = $1 \
             ORDER BY s.cast_at DESC, s.voter_id"
        );
        let args = vec![self.id().into(), id.into(), Arg::limit(NAMED), vote.as_str().into()];
        let named = conn
            .all(&sql, args, |r| {
                let present = r.flag()?;
                let ballot =
                    NamedBallot { voter: r.text()?, value: r.json()?, cast_at: r.time()?, carried_by: r.opt_text()? };
                Ok((present, ballot))
            })
            .await?;
        for (present, ballot) in named {
            if present { sheet.ballots.push(ballot) } else { sheet.earlier.push(ballot) }
        }
        if let Some(reader) = reader {
            let sql = "SELECT choice, cast_at FROM ballot \
                       WHERE community_id = $1 AND proposal_id = $2 AND vote = $3 AND voter_id = $4 \
                       AND choice IS NOT NULL";
            let args = vec![self.id().into(), id.into(), vote.as_str().into(), reader.member.into()];
            sheet.own.ballot = conn.first(sql, args, |r| Ok((r.json()?, r.time()?))).await?;
        }
        let Some(poll) = &sheet.proposal.poll else { return Ok(()) };
        if let Some(people) = poll.electorate.as_ref().filter(|people| !people.is_empty()) {
            let mut args: Vec<Arg> = vec![self.id().into(), poll.installation.into(), id.into(), vote.as_str().into()];
            args.extend(people.iter().map(Arg::from));
            let sql = format!(
                "SELECT m.name FROM member m WHERE m.community_id = $1 AND m.installation_id = $2 \
                 AND m.external_id IN ({}) AND NOT EXISTS (SELECT 1 FROM ballot b \
                 WHERE b.proposal_id = $3 AND b.vote = $4 AND b.voter_id = m.id AND {SAYS}) ORDER BY m.name",
                list(people.len(), 5)
            );
            sheet.missing = conn.all(&sql, args, |r| r.text()).await?;
        }
        Ok(())
    }

    async fn looks(&self, conn: &mut Conn<'_>, id: ProposalId, last: i64) -> Result<Vec<Look>, StoreError> {
        let args: Vec<Arg> = vec![self.id().into(), id.into(), last.saturating_sub(LOOKS - 1).into()];
        let which = "e.community_id = $1 AND e.proposal_id = $2 AND (e.seq = 1 OR e.seq > $3)";
        let sql = format!(
            "SELECT e.id, e.seq, e.cause, e.runtime, e.state, e.verdict, e.error, e.started_at, \
             CASE WHEN e.seq = 1 THEN e.considered END, {} FROM evaluation e \
             LEFT JOIN awaited_read w ON w.evaluation_id = e.id AND w.community_id = e.community_id \
             AND e.state = 'running' WHERE {which} ORDER BY e.seq",
            awaited::COLUMNS
        );
        let mut looks: Vec<Look> = conn
            .all(&sql, args.clone(), |r| {
                Ok(Look {
                    id: r.id()?,
                    seq: r.int()?,
                    cause: r.text()?,
                    runtime: r.text()?,
                    state: r.word(EvaluationState::parse)?,
                    verdict: r.opt_word(Verdict::parse)?,
                    error: r.opt_text()?,
                    started_at: r.time()?,
                    considered: r.opt_json()?,
                    reads: Vec::new(),
                    awaited: r.or_missing(awaited::read)?,
                })
            })
            .await?;
        let sql = format!(
            "SELECT r.evaluation_id, r.question, substr(CAST(COALESCE(r.answer, c.body) AS TEXT), 1, 300) \
             FROM evaluation e \
             JOIN recorded_read r ON r.evaluation_id = e.id AND r.community_id = e.community_id \
             LEFT JOIN content c ON c.community_id = r.community_id AND c.hash = r.content_hash \
             WHERE {which} ORDER BY e.seq, r.idx LIMIT $4"
        );
        let mut args = args;
        args.push(Arg::limit(LINES));
        let reads = conn.all(&sql, args, |r| Ok((r.id::<EvaluationId>()?, r.text()?, r.opt_text()?))).await?;
        for (evaluation, question, answer) in reads {
            if let Some(look) = looks.iter_mut().find(|look| look.id == evaluation) {
                look.reads.push((question, answer.unwrap_or_default()));
            }
        }
        Ok(looks)
    }
}
