//! Lines for people to read.

use policykit_core::ids::ProposalId;

use crate::{
    changes::LogRow,
    error::StoreError,
    rows::LogLine,
    scoped::Scoped,
    sql::{Conn, Rows},
};

/// Writes lines, in order.
pub(crate) async fn insert(conn: &mut Conn<'_>, lines: &[LogRow]) -> Result<(), StoreError> {
    let mut rows = Rows::new(6);
    for line in lines {
        rows.push([
            line.community.into(),
            line.proposal.into(),
            line.evaluation.into(),
            (&line.level).into(),
            (&line.message).into(),
            line.at.into(),
        ]);
    }
    rows.execute(conn, "INSERT INTO log_line (community_id, proposal_id, evaluation_id, level, message, at)", "")
        .await?;
    Ok(())
}

impl Scoped {
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
