//! Documents: texts a community has agreed on. A deleted one keeps its text.

use policykit_core::{
    Timestamp,
    community::Document,
    constitution::DocumentDraft,
    ids::{CommunityId, DocumentId},
};

use crate::{
    error::StoreError,
    scoped::Scoped,
    sql::{Arg, Conn, Reader},
};

const COLUMNS: &str = "id, community_id, name, body, is_active";

fn read(r: &mut Reader<'_>) -> Result<Document, StoreError> {
    Ok(Document { id: r.id()?, community: r.id()?, name: r.text()?, text: r.text()?, is_active: r.flag()? })
}

impl Scoped {
    /// All documents by name, those that are out of force too.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn documents(&self) -> Result<Vec<Document>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM document WHERE community_id = $1 ORDER BY name, id");
        self.db().reader().await?.conn().all(&sql, vec![self.id().into()], read).await
    }
}

impl Scoped {
    /// One document, in force or not.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn document(&self, id: DocumentId) -> Result<Option<Document>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM document WHERE community_id = $1 AND id = $2");
        self.db().reader().await?.conn().first(&sql, vec![self.id().into(), id.into()], read).await
    }

    /// Names of the first documents in force, by name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn document_names(&self, limit: usize) -> Result<Vec<(DocumentId, String)>, StoreError> {
        let sql = "SELECT id, name FROM document WHERE community_id = $1 AND is_active ORDER BY name, id LIMIT $2";
        let args = vec![self.id().into(), Arg::limit(limit)];
        self.db().reader().await?.conn().all(sql, args, |r| Ok((r.id()?, r.text()?))).await
    }
}

/// Adds a document, in force at once.
pub(crate) async fn insert(
    conn: &mut Conn<'_>,
    community: CommunityId,
    id: DocumentId,
    draft: &DocumentDraft,
    now: Timestamp,
) -> Result<(), StoreError> {
    conn.execute(
        "INSERT INTO document (id, community_id, name, body, is_active, updated_at) VALUES ($1, $2, $3, $4, $5, $6)",
        vec![id.into(), community.into(), (&draft.name).into(), (&draft.text).into(), true.into(), now.into()],
    )
    .await?;
    Ok(())
}

/// Replaces name and text; false when there is no such document.
pub(crate) async fn change(
    conn: &mut Conn<'_>,
    community: CommunityId,
    id: DocumentId,
    draft: &DocumentDraft,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let changed = conn
        .execute(
            "UPDATE document SET name = $3, body = $4, updated_at = $5 WHERE id = $1 AND community_id = $2",
            vec![id.into(), community.into(), (&draft.name).into(), (&draft.text).into(), now.into()],
        )
        .await?;
    Ok(changed == 1)
}

/// Whether a document is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InForce {
    Yes,
    No,
}

/// Puts a document in or out of force; false when there is no such document.
pub(crate) async fn put(
    conn: &mut Conn<'_>,
    community: CommunityId,
    id: DocumentId,
    in_force: InForce,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let changed = conn
        .execute(
            "UPDATE document SET is_active = $3, updated_at = $4 WHERE id = $1 AND community_id = $2",
            vec![id.into(), community.into(), (in_force == InForce::Yes).into(), now.into()],
        )
        .await?;
    Ok(changed == 1)
}
