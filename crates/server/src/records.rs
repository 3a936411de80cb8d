//! What pages and commands read from the store, and the little they write: links, sessions, policies.
//!
//! The operator of a server sees all its communities; each is still read through its own scope.

use anyhow::bail;
use policykit_core::{
    Timestamp,
    community::Community,
    ids::{CommunityId, EvaluationId, ProposalId},
    proposal::Status,
};
use policykit_store::{Db, Page, ProposalSummary, StoreError};

/// Where a list goes on: after this proposal, by time and id.
pub(crate) type Cursor = (Timestamp, ProposalId);

/// A part of the list of proposals.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    /// The proposals, latest first.
    pub(crate) rows: Vec<ProposalSummary>,
    /// Where the list goes on, if it does.
    pub(crate) next: Option<Cursor>,
}

/// How many proposals are looked at for one page of a filtered list; a rare status goes on over several pages.
const LOOKED_AT: usize = 2_000;

/// Proposals of these communities, latest first, with this status or any.
pub(crate) async fn proposals(
    db: &Db,
    communities: &[CommunityId],
    status: Option<Status>,
    before: Option<Cursor>,
    limit: usize,
) -> Result<Listed, StoreError> {
    let mut listed = Listed { rows: Vec::new(), next: before };
    let mut looked_at = 0_usize;
    loop {
        // The next `limit` of all are among the next `limit` of each.
        let mut batch = Vec::new();
        for community in communities {
            let page = Page { before: listed.next, ..Page::first(limit.saturating_add(1)) };
            batch.extend(db.community(*community).proposals(page).await?);
        }
        batch.sort_by_key(|row| std::cmp::Reverse((row.proposal.created_at, row.proposal.id)));
        let more = batch.len() > limit;
        batch.truncate(limit);
        looked_at = looked_at.saturating_add(batch.len());
        let mut full = false;
        for row in batch {
            full = listed.rows.len() == limit;
            if full {
                break;
            }
            listed.next = Some((row.proposal.created_at, row.proposal.id));
            if status.is_none_or(|wanted| wanted == row.proposal.status) {
                listed.rows.push(row);
            }
        }
        if full || (more && listed.rows.len() == limit) || (more && looked_at >= LOOKED_AT) {
            return Ok(listed);
        }
        if !more {
            listed.next = None;
            return Ok(listed);
        }
    }
}

/// All communities of this server.
pub(crate) async fn communities(db: &Db) -> Result<Vec<Community>, StoreError> {
    db.system().communities().await
}

/// The community with this name, this id, or this id on its platform.
pub(crate) async fn find_community(db: &Db, wanted: &str) -> anyhow::Result<Community> {
    let all = communities(db).await?;
    if let Ok(id) = wanted.parse::<CommunityId>()
        && let Some(found) = all.iter().find(|c| c.id == id)
    {
        return Ok(found.clone());
    }
    let installed = db.system().installations().await?;
    if let Some(there) = installed.iter().find(|i| i.external_id == wanted)
        && let Some(found) = all.iter().find(|c| c.id == there.community)
    {
        return Ok(found.clone());
    }
    let named: Vec<&Community> = all.iter().filter(|c| c.name == wanted).collect();
    match named.as_slice() {
        [one] => Ok((*one).clone()),
        [] if all.is_empty() => bail!("there is no community yet; connect one with `policykit install`"),
        [] => {
            let names: Vec<String> = all.iter().map(|c| format!("`{}`", c.name)).collect();
            bail!("there is no community `{wanted}`; there are: {}", names.join(", "))
        }
        several => {
            let ids: Vec<String> = several.iter().map(|c| c.id.to_string()).collect();
            bail!("several communities are called `{wanted}`; name one by its id: {}", ids.join(", "))
        }
    }
}

/// Whose an evaluation is.
pub(crate) async fn community_of_evaluation(db: &Db, id: EvaluationId) -> anyhow::Result<CommunityId> {
    for community in communities(db).await? {
        match db.community(community.id).evaluation(id).await {
            Ok(_) => return Ok(community.id),
            Err(StoreError::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    bail!("there is no evaluation `{id}`; its proposal's page lists those there are")
}

/// Every evaluation of a community.
pub(crate) async fn evaluations(db: &Db, community: CommunityId) -> Result<Vec<EvaluationId>, StoreError> {
    const BATCH: usize = 500;
    let scope = db.community(community);
    let mut found = Vec::new();
    let mut page = Page::first(BATCH);
    loop {
        let rows = scope.proposals(page).await?;
        for row in &rows {
            found.extend(scope.evaluations(row.proposal.id).await?.into_iter().map(|e| e.evaluation.id));
        }
        let Some(last) = rows.last().filter(|_| rows.len() == BATCH) else { return Ok(found) };
        page = Page { before: Some((last.proposal.created_at, last.proposal.id)), ..Page::first(BATCH) };
    }
}
