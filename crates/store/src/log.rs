//! Lines for people to read.

use policykit_core::ids::{InstallationId, ProposalId};

use crate::{
    changes::LogRow,
    error::StoreError,
    rows::LogLine,
    scoped::Scoped,
    sight::Sight,
    sql::{Arg, Conn, Rows},
};

/// Writes lines, in order, those about a proposal with the type of its action.
pub(crate) async fn insert(conn: &mut Conn<'_>, lines: &[LogRow]) -> Result<(), StoreError> {
    let mut rows = Rows::new(8);
    for line in lines {
        rows.push([
            line.community.into(),
            line.proposal.into(),
            line.evaluation.into(),
            (&line.level).into(),
            (&line.message).into(),
            line.at.into(),
            line.action_type.as_ref().into(),
            line.is_private.into(),
        ]);
    }
    let columns = "community_id, proposal_id, evaluation_id, level, message, at, action_type, is_private";
    let before = format!("WITH v ({columns}) AS (");
    let after = format!(
        ") INSERT INTO log_line ({columns}) SELECT v.community_id, v.proposal_id, v.evaluation_id, v.level, v.message, \
         v.at, COALESCE(v.action_type, (SELECT p.action_type FROM proposal p \
         WHERE p.id = v.proposal_id AND p.community_id = v.community_id)), v.is_private FROM v"
    );
    rows.execute(conn, &before, &after).await?;
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
    /// Where that happened which it is about.
    pub installation: Option<InstallationId>,
    /// Whether what it says is withheld from the reader, because it is about a private conversation.
    pub withheld: bool,
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
        let place = before.map_or_else(String::new, |before| {
            args.push(before.into());
            "AND l.ord < $3".to_owned()
        });
        let mut reader = self.db().reader().await?;
        let mut conn = reader.conn();
        // What is about no type that is known, as lines of older versions may be, is for those who see everything.
        let (level, seen) = match which {
            Lines::All => ("", sight.way(&mut conn, self.id(), "log_line", "ord").await?.conditions("l", &mut args)),
            // Few, and their index knows the types: it is to be used, not the one of all lines by type.
            Lines::Troubles => (
                "AND l.level IN ('warning', 'error', 'critical')",
                vec![sight.condition("(l.action_type || '')", &mut args)],
            ),
        };
        if seen.is_empty() {
            return Ok(Vec::new());
        }
        let each: Vec<String> = seen
            .iter()
            .enumerate()
            .map(|(number, seen)| {
                format!(
                    "SELECT k{number}.ord FROM (SELECT l.ord FROM log_line l WHERE l.community_id = $1 {level} {place} \
                     {seen} ORDER BY l.ord DESC LIMIT $2) k{number}"
                )
            })
            .collect();
        let withheld = sight.withheld(&mut args);
        let hides = sight.hides_private();
        let sql = format!(
            "SELECT l.ord, l.level, l.message, l.at, l.evaluation_id, l.proposal_id, pv.draft->>'name', \
             a.installation_id, l.is_private, {withheld} \
             FROM (SELECT w.ord FROM ({}) w ORDER BY w.ord DESC LIMIT $2) s \
             CROSS JOIN log_line l \
             LEFT JOIN proposal p ON p.id = l.proposal_id AND p.community_id = l.community_id \
             LEFT JOIN action a ON a.id = p.action_id AND a.community_id = l.community_id \
             LEFT JOIN policy_version pv ON pv.id = p.policy_version_id AND pv.community_id = l.community_id \
             WHERE l.ord = s.ord AND l.community_id = $1 ORDER BY l.ord DESC",
            each.join(" UNION ALL ")
        );
        conn.all(&sql, args, |r| {
            let mut line = LoggedLine {
                ord: r.int()?,
                line: LogLine { level: r.text()?, message: r.text()?, at: r.time()?, evaluation: r.opt_id()? },
                proposal: r.opt_id()?,
                policy_name: r.opt_text()?,
                installation: r.opt_id()?,
                withheld: (r.flag()? && hides) | r.flag()?,
            };
            if line.withheld {
                line.line.message.clear();
            }
            Ok(line)
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
