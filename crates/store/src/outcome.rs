//! What came of an action that was proposed here.

use policykit_core::{
    action::Action,
    ids::{ActionId, PolicyId, ProposalId},
    policy::PolicyDraft,
    proposal::{Proposal, Status},
};

use crate::{
    error::StoreError,
    proposal,
    scoped::Scoped,
    sql::{Arg, values},
};

/// How many proposals are looked for per statement.
const LOOKUP: usize = 500;

/// What came of an action.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The action.
    pub action: Action,
    /// The proposal that decides about it; none when nobody was asked, or nobody governs it.
    pub proposal: Option<Proposal>,
    /// Name of the policy that decides.
    pub policy_name: Option<String>,
}

impl Scoped {
    /// What came of an action; `None` while nobody has dealt with it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn outcome(&self, id: ActionId) -> Result<Option<Outcome>, StoreError> {
        let action = match self.action(id).await {
            Ok(action) => action,
            Err(StoreError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut reader = self.db().reader().await?;
        let mut conn = reader.conn();
        let policies: Vec<PolicyId> =
            conn.all("SELECT id FROM policy WHERE community_id = $1", vec![self.id().into()], |r| r.id()).await?;
        let mut found: Vec<(Proposal, String)> = Vec::new();
        // Their ids follow from action and policy, so that no index over all proposals is needed.
        for some in policies.chunks(LOOKUP) {
            let mut args: Vec<Arg> = vec![self.id().into()];
            args.extend(some.iter().map(|policy| Arg::from(ProposalId::derive(id, *policy))));
            let sql = format!(
                "SELECT {}, pv.draft FROM (VALUES {}) s CROSS JOIN proposal p \
                 JOIN policy_version pv ON pv.id = p.policy_version_id AND pv.community_id = p.community_id \
                 WHERE p.id = s.column1 AND p.community_id = $1",
                proposal::COLUMNS,
                values(some.len(), 1, 2)
            );
            found.append(&mut conn.all(&sql, args, |r| Ok((proposal::read(r)?, r.json::<PolicyDraft>()?.name))).await?);
        }
        // One that handed the matter on has not decided it.
        found.sort_by_key(|(p, _)| p.status == Status::Superseded);
        let (proposal, policy_name) = found.into_iter().next().unzip();
        Ok(Some(Outcome { action, proposal, policy_name }))
    }
}
