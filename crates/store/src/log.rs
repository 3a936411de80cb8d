//! Lines for people to read.

use policykit_core::ids::ProposalId;

use crate::{
    changes::LogRow,
    error::StoreError,
    rows::LogLine,
    scoped::Scoped,
    sight::Sight,
    sql::{Arg, Conn, Rows},
};

/// Writes lines, in order.
pub(crate) async fn insert(conn: &mut Conn<'_>, lines: &[LogRow]) -> Result<(), StoreError> {
    let mut rows = Rows::new(7);
    for line in lines {
        rows.push([
            line.community.into(),
            line.proposal.into(),
            line.evaluation.into(),
            (&line.level).into(),
            (&line.message).into(),
            line.at.into(),
            line.action_type.as_ref().into(),
        ]);
    }
    let before = "INSERT INTO log_line (community_id, proposal_id, evaluation_id, level, message, at, action_type)";
    rows.execute(conn, before, "").await?;
    Ok(())
}

/// Which lines of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    /// All of them.
    All,
    /// Warnings and errors.
    Troubles,
}

/// A line of the log with what it is about.
#[derive(Debug, Clone)]
pub struct LoggedLine {
    /// Its place in the log.
    pub ord: i64,
    /// The line.
    pub line: LogLine,
    /// The proposal it is about.
    pub proposal: Option<ProposalId>,
    /// Name of that proposal's policy.
    pub policy_name: Option<String>,
}

impl Scoped {
    /// Lines of the community's log, latest first, those before the place `before` alone when it is given.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn log_lines(
        &self,
        which: Lines,
        sight: &Sight,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<LoggedLine>, StoreError> {
        let mut args: Vec<Arg> = vec![self.id().into(), Arg::limit(limit)];
        let mut conditions = match which {
            Lines::All => String::new(),
            Lines::Troubles => "AND l.level IN ('warning', 'error', 'critical') ".to_owned(),
        };
        if let Some(before) = before {
            args.push(before.into());
            conditions += "AND l.ord < $3 ";
        }
        // What is about no type that is known, as lines of older versions may be, is for those who see everything.
        conditions += &sight.condition("COALESCE(l.action_type, a.action_type)", &mut args);
        let sql = format!(
            "SELECT l.ord, l.level, l.message, l.at, l.evaluation_id, l.proposal_id, pv.draft->>'name' FROM log_line l \
             LEFT JOIN proposal p ON p.id = l.proposal_id AND p.community_id = l.community_id \
             LEFT JOIN action a ON a.id = p.action_id AND a.community_id = l.community_id \
             LEFT JOIN policy_version pv ON pv.id = p.policy_version_id AND pv.community_id = l.community_id \
             WHERE l.community_id = $1 {conditions} ORDER BY l.ord DESC LIMIT $2"
        );
        self.db()
            .reader()
            .await?
            .conn()
            .all(&sql, args, |r| {
                Ok(LoggedLine {
                    ord: r.int()?,
                    line: LogLine { level: r.text()?, message: r.text()?, at: r.time()?, evaluation: r.opt_id()? },
                    proposal: r.opt_id()?,
                    policy_name: r.opt_text()?,
                })
            })
            .await
    }

    /// What has been logged about a proposal, in order.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn logs(&self, proposal: ProposalId) -> Result<Vec<LogLine>, StoreError> {
        self.db()
            .reader()
            .await?
            .conn()
            .all(
                "SELECT level, message, at, evaluation_id FROM log_line \
                 WHERE community_id = $1 AND proposal_id = $2 ORDER BY ord",
                vec![self.id().into(), proposal.into()],
                |r| Ok(LogLine { level: r.text()?, message: r.text()?, at: r.time()?, evaluation: r.opt_id()? }),
            )
            .await
    }
}
