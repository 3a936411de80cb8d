//! Every row that must agree with others, of all communities at one moment: what tests and audits look at.

use policykit_core::{Value, action::Action, community::User, ids::CommunityId, proposal::Proposal};

use crate::{
    action, ballot, call,
    changes::{BallotRow, EvaluationRow, OwnedObject, ReadRow, WakeRow},
    db::Db,
    decision,
    error::StoreError,
    evaluation, inbox, member, proposal,
    rows::{CallRow, Decision, InboxRow},
    wake,
};

/// Every row that must agree with others, of all communities, each list in an order of its own.
#[derive(Debug, Clone)]
pub struct Survey {
    /// Deliveries.
    pub inbox: Vec<InboxRow>,
    /// Members.
    pub users: Vec<User>,
    /// Actions.
    pub actions: Vec<Action>,
    /// Proposals.
    pub proposals: Vec<Proposal>,
    /// Evaluations.
    pub evaluations: Vec<EvaluationRow>,
    /// What evaluations were answered.
    pub reads: Vec<ReadRow>,
    /// Calls.
    pub calls: Vec<CallRow>,
    /// What exists or happened outside because of us.
    pub owned: Vec<OwnedObject>,
    /// Ballots, also retracted ones.
    pub ballots: Vec<BallotRow>,
    /// Wakes.
    pub wakes: Vec<WakeRow>,
    /// The logs of decisions.
    pub decisions: Vec<(CommunityId, Decision)>,
}

impl Db {
    /// How many proposals are decided, in all communities; for those who measure how fast that goes.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn count_decided(&self) -> Result<i64, StoreError> {
        let sql = "SELECT count(*) FROM proposal WHERE status <> 'proposed'";
        Ok(self.reader().await?.conn().first(sql, Vec::new(), |r| r.int()).await?.unwrap_or(0))
    }

    /// Everything at one moment. Reads whole tables: for tests and audits, never on the way of a request.
    ///
    /// # Errors
    /// When the database cannot be read or a row is not what it is meant to be.
    pub async fn survey(&self) -> Result<Survey, StoreError> {
        let mut tx = self.snapshot().await?;
        let mut conn = tx.conn();
        let none = Vec::new;
        let select = |columns: &str, rest: &str| format!("SELECT {columns} FROM {rest}");
        let survey = Survey {
            inbox: conn
                .all(
                    &select(
                        inbox::COLUMNS,
                        "inbox i JOIN community c ON c.id = i.community_id ORDER BY i.received_at, i.id",
                    ),
                    none(),
                    inbox::read,
                )
                .await?,
            users: conn.all(&select(member::COLUMNS, "member m ORDER BY m.id"), none(), member::read).await?,
            actions: conn
                .all(&select(action::COLUMNS, "action a ORDER BY a.occurred_at, a.id"), none(), action::read)
                .await?,
            proposals: conn
                .all(&select(proposal::COLUMNS, "proposal p ORDER BY p.created_at, p.id"), none(), proposal::read)
                .await?,
            evaluations: conn
                .all(
                    &select(evaluation::COLUMNS, "evaluation e ORDER BY e.started_at, e.proposal_id, e.seq"),
                    none(),
                    evaluation::read,
                )
                .await?,
            reads: conn
                .all(
                    "SELECT r.community_id, r.evaluation_id, r.idx, r.question, COALESCE(r.answer, c.body) \
                     FROM recorded_read r \
                     LEFT JOIN content c ON c.community_id = r.community_id AND c.hash = r.content_hash \
                     ORDER BY r.evaluation_id, r.idx",
                    none(),
                    |r| {
                        Ok(ReadRow {
                            community: r.id()?,
                            evaluation: r.id()?,
                            idx: r.int()?,
                            key: r.text()?,
                            value: r.json::<Value>()?,
                        })
                    },
                )
                .await?,
            calls: conn.all(&select(call::COLUMNS, "call k ORDER BY k.ord"), none(), call::read).await?,
            owned: conn
                .all(
                    "SELECT community_id, installation_id, object_key, call_id, once_until FROM owned_object \
                     ORDER BY installation_id, object_key, call_id",
                    none(),
                    |r| {
                        Ok(OwnedObject {
                            community: r.id()?,
                            installation: r.id()?,
                            key: r.text()?,
                            call: r.id()?,
                            once_until: r.opt_time()?,
                        })
                    },
                )
                .await?,
            ballots: conn.all(ballot::ALL, none(), ballot::read).await?,
            wakes: conn.all(wake::ALL, none(), wake::read).await?,
            decisions: decision::every(&mut conn).await?,
        };
        tx.end().await?;
        Ok(survey)
    }
}
