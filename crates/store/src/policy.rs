//! Policies and their versions. A version never changes once it is saved.

use policykit_core::{
    Timestamp,
    ids::{ActionId, CommunityId, PolicyId, PolicyVersionId, ProposalId},
    policy::{Policy, PolicyDraft},
};

use crate::{
    community::changed,
    error::StoreError,
    scoped::Scoped,
    sql::{Arg, Conn, Reader, json, list},
};

/// The columns of a policy version, in the order in which [`read`] reads them; the tables are `po` and `pv`.
pub(crate) const COLUMNS: &str = "po.id, pv.id, pv.version, po.position, pv.draft";

pub(crate) fn read(r: &mut Reader<'_>) -> Result<Policy, StoreError> {
    Ok(Policy { id: r.id()?, version_id: r.id()?, version: r.int()?, position: r.int()?, draft: r.json()? })
}

/// The active policies of a community in the order in which they are tried.
pub(crate) async fn active(conn: &mut Conn<'_>, community: CommunityId) -> Result<Vec<Policy>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM policy po \
         JOIN policy_version pv ON pv.id = po.version_id AND pv.community_id = po.community_id \
         WHERE po.community_id = $1 AND po.state = 'active' ORDER BY po.position, po.id"
    );
    let mut policies = conn.all(&sql, vec![community.into()], read).await?;
    in_tiers(&mut policies);
    Ok(policies)
}

/// Policies that apply to everything come after those that name their actions, so that a kit's "everything passes"
/// swallows nothing; apart from that the order stays.
pub(crate) fn in_tiers(policies: &mut [Policy]) {
    policies.sort_by_key(|policy| policy.draft.action_types.is_empty());
}

/// Suspends policies whose code keeps failing; those that are not active stay as they are.
pub(crate) async fn suspend(conn: &mut Conn<'_>, policies: &[PolicyId]) -> Result<(), StoreError> {
    if policies.is_empty() {
        return Ok(());
    }
    let args: Vec<Arg> = policies.iter().map(|id| (*id).into()).collect();
    let sql = format!(
        "UPDATE policy SET state = 'suspended' WHERE state = 'active' AND id IN ({}) RETURNING community_id",
        list(args.len(), 1)
    );
    let mut communities: Vec<CommunityId> = conn.all(&sql, args, |r| r.id()).await?;
    communities.sort_unstable();
    communities.dedup();
    for community in communities {
        changed(conn, community).await?;
    }
    Ok(())
}

/// The change of the rules that saved a version.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MadeBy {
    pub(crate) action: ActionId,
    pub(crate) proposal: Option<ProposalId>,
}

/// A saved version of a policy and how it came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyVersion {
    /// Its content.
    pub policy: Policy,
    /// When it was saved.
    pub saved_at: Timestamp,
    /// The proposal that decided it; none for what a kit, an operator or somebody who need not ask put there.
    pub proposal: Option<ProposalId>,
    /// Name of who proposed it, when known.
    pub author: Option<String>,
}

/// Where a policy stands among those of its community.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PolicyState {
    /// It governs.
    Active,
    /// Its code failed too often; it governs nothing until it is saved anew.
    Suspended,
    /// It was taken out of force.
    Inactive,
}

impl PolicyState {
    /// The name used in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Inactive => "inactive",
        }
    }

    /// The state with this name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::Suspended, Self::Inactive].into_iter().find(|s| s.as_str() == text)
    }
}

impl Scoped {
    /// All policies with their latest version and state, in the order in which they are tried.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn policies(&self) -> Result<Vec<(Policy, PolicyState)>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS}, po.state FROM policy po \
             JOIN policy_version pv ON pv.id = po.version_id AND pv.community_id = po.community_id \
             WHERE po.community_id = $1 ORDER BY po.position, po.id"
        );
        let read = |r: &mut Reader<'_>| Ok((read(r)?, r.word(PolicyState::parse)?));
        self.db().reader().await?.conn().all(&sql, vec![self.id().into()], read).await
    }

    /// Every saved version of a policy, first to last, with how it came about.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn policy_versions(&self, id: PolicyId) -> Result<Vec<PolicyVersion>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS}, pv.created_at, pv.proposal_id, m.name \
             FROM policy po \
             JOIN policy_version pv ON pv.policy_id = po.id AND pv.community_id = po.community_id \
             LEFT JOIN action a ON a.id = pv.action_id AND a.community_id = pv.community_id \
             LEFT JOIN member m ON m.id = a.initiator_id AND m.community_id = a.community_id \
             WHERE po.community_id = $1 AND po.id = $2 ORDER BY pv.version"
        );
        let read = |r: &mut Reader<'_>| {
            Ok(PolicyVersion { policy: read(r)?, saved_at: r.time()?, proposal: r.opt_id()?, author: r.opt_text()? })
        };
        self.db().reader().await?.conn().all(&sql, vec![self.id().into(), id.into()], read).await
    }

    /// Adds a policy on top of the order, in force at once. `ids` are new.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such community.
    pub async fn add_policy(
        &self,
        draft: PolicyDraft,
        now: Timestamp,
        ids: (PolicyId, PolicyVersionId),
    ) -> Result<Policy, StoreError> {
        let community = self.id();
        self.db()
            .write(move |conn| {
                let draft = draft.clone();
                Box::pin(async move {
                    // First, so that two who add at the same time do not get the same place.
                    changed(conn, community).await?;
                    add(conn, community, draft, now, ids, None).await
                })
            })
            .await
    }

    /// Saves a new version of a policy and puts it in force. `version_id` is new.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such policy in the community.
    pub async fn save_policy_version(
        &self,
        id: PolicyId,
        draft: PolicyDraft,
        now: Timestamp,
        version_id: PolicyVersionId,
    ) -> Result<Policy, StoreError> {
        let community = self.id();
        self.db()
            .write(move |conn| {
                let draft = draft.clone();
                Box::pin(async move {
                    changed(conn, community).await?;
                    save_version(conn, community, id, draft, now, version_id, None)
                        .await?
                        .ok_or(StoreError::NotFound { what: "policy" })
                })
            })
            .await
    }

    /// Takes a policy out of force. Proposals that run under it keep their version.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such policy in the community.
    pub async fn deactivate_policy(&self, id: PolicyId) -> Result<(), StoreError> {
        let community = self.id();
        self.db()
            .write(move |conn| {
                Box::pin(async move {
                    changed(conn, community).await?;
                    let found = set_state(conn, community, id, PolicyState::Inactive).await?;
                    if found { Ok(()) } else { Err(StoreError::NotFound { what: "policy" }) }
                })
            })
            .await
    }
}

/// Adds a policy on top of the order. The community is marked as changed already.
pub(crate) async fn add(
    conn: &mut Conn<'_>,
    community: CommunityId,
    draft: PolicyDraft,
    now: Timestamp,
    ids: (PolicyId, PolicyVersionId),
    made_by: Option<MadeBy>,
) -> Result<Policy, StoreError> {
    let position = above_all(conn, community).await?;
    add_at(conn, community, position, draft, now, ids, made_by).await
}

/// Adds a policy at a place of the order. The community is marked as changed already.
pub(crate) async fn add_at(
    conn: &mut Conn<'_>,
    community: CommunityId,
    position: i64,
    draft: PolicyDraft,
    now: Timestamp,
    (id, version_id): (PolicyId, PolicyVersionId),
    made_by: Option<MadeBy>,
) -> Result<Policy, StoreError> {
    conn.execute(
        "INSERT INTO policy (id, community_id, position, state, version_id, kind, name, is_general) \
         VALUES ($1, $2, $3, 'active', $4, $5, $6, $7)",
        vec![
            id.into(),
            community.into(),
            position.into(),
            version_id.into(),
            draft.kind.as_str().into(),
            (&draft.name).into(),
            draft.action_types.is_empty().into(),
        ],
    )
    .await?;
    let policy = Policy { id, version_id, version: 1, position, draft };
    insert_version(conn, community, &policy, now, made_by).await?;
    Ok(policy)
}

/// What a policy is called in its version in force, or the last that was; nothing where there is none.
pub(crate) async fn name(conn: &mut Conn<'_>, community: CommunityId, id: PolicyId) -> Result<String, StoreError> {
    let sql = "SELECT pv.draft->>'name' FROM policy po \
               JOIN policy_version pv ON pv.id = po.version_id AND pv.community_id = po.community_id \
               WHERE po.community_id = $1 AND po.id = $2";
    let found = conn.first(sql, vec![community.into(), id.into()], |r| r.opt_text()).await?;
    Ok(found.flatten().unwrap_or_default())
}

/// The place above all policies of a community.
pub(crate) async fn above_all(conn: &mut Conn<'_>, community: CommunityId) -> Result<i64, StoreError> {
    let top = conn
        .first("SELECT min(position) FROM policy WHERE community_id = $1", vec![community.into()], |r| r.opt_int())
        .await?
        .flatten();
    Ok(top.map_or(0, |top| top - 1))
}

/// Saves a new version and puts it in force; `None` when there is no such policy. The community is marked as changed
/// already.
pub(crate) async fn save_version(
    conn: &mut Conn<'_>,
    community: CommunityId,
    id: PolicyId,
    draft: PolicyDraft,
    now: Timestamp,
    version_id: PolicyVersionId,
    made_by: Option<MadeBy>,
) -> Result<Option<Policy>, StoreError> {
    let found = conn
        .first(
            "SELECT po.position, max(pv.version) FROM policy po \
             JOIN policy_version pv ON pv.policy_id = po.id AND pv.community_id = po.community_id \
             WHERE po.community_id = $1 AND po.id = $2 GROUP BY po.id, po.position",
            vec![community.into(), id.into()],
            |r| Ok((r.int()?, r.int()?)),
        )
        .await?;
    let Some((position, latest)) = found else { return Ok(None) };
    let policy = Policy { id, version_id, version: latest + 1, position, draft };
    insert_version(conn, community, &policy, now, made_by).await?;
    conn.execute(
        "UPDATE policy SET version_id = $1, state = 'active', kind = $4, name = $5, is_general = $6 \
         WHERE id = $2 AND community_id = $3",
        vec![
            version_id.into(),
            id.into(),
            community.into(),
            policy.draft.kind.as_str().into(),
            (&policy.draft.name).into(),
            policy.draft.action_types.is_empty().into(),
        ],
    )
    .await?;
    Ok(Some(policy))
}

/// Puts a policy in or out of force; false when there is no such policy.
pub(crate) async fn set_state(
    conn: &mut Conn<'_>,
    community: CommunityId,
    id: PolicyId,
    state: PolicyState,
) -> Result<bool, StoreError> {
    let found = conn
        .execute(
            "UPDATE policy SET state = $3 WHERE id = $1 AND community_id = $2",
            vec![id.into(), community.into(), state.as_str().into()],
        )
        .await?;
    Ok(found == 1)
}

async fn insert_version(
    conn: &mut Conn<'_>,
    community: CommunityId,
    policy: &Policy,
    now: Timestamp,
    made_by: Option<MadeBy>,
) -> Result<(), StoreError> {
    conn.execute(
        "INSERT INTO policy_version (id, policy_id, community_id, version, draft, created_at, action_id, \
         proposal_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        vec![
            policy.version_id.into(),
            policy.id.into(),
            community.into(),
            policy.version.into(),
            json(&policy.draft)?,
            now.into(),
            made_by.map(|m| m.action).into(),
            made_by.and_then(|m| m.proposal).into(),
        ],
    )
    .await?;
    Ok(())
}
