//! Values on their way out of a row, column by column.

use policykit_core::ids::{
    ActionId, CallId, CommunityId, DocumentId, EvaluationId, InboxId, InstallationId, NodeId, PolicyId,
    PolicyVersionId, ProposalId, RoleId, UserId, WakeId,
};
use serde::de::DeserializeOwned;
use sqlx::types::Json;

use super::{Row, StoreError, Timestamp, Uuid};

/// Reads the columns of a row from left to right.
pub(crate) struct Reader<'r> {
    row: &'r Row,
    at: usize,
}

/// An id that is stored as such.
pub(crate) trait Id {
    fn of(id: Uuid) -> Self;
}

macro_rules! ids {
    ($($id:ty),*) => {$(
        impl Id for $id {
            fn of(id: Uuid) -> Self {
                Self::from_uuid(id)
            }
        }
    )*};
}

ids!(
    ActionId,
    CallId,
    CommunityId,
    DocumentId,
    EvaluationId,
    InboxId,
    InstallationId,
    NodeId,
    PolicyId,
    PolicyVersionId,
    ProposalId,
    RoleId,
    UserId,
    WakeId
);

impl<'r> Reader<'r> {
    pub(super) fn new(row: &'r Row) -> Self {
        Self { row, at: 0 }
    }

    fn step(&mut self) -> usize {
        let at = self.at;
        self.at += 1;
        at
    }

    pub(crate) fn id<T: Id>(&mut self) -> Result<T, StoreError> {
        let at = self.step();
        self.row.get::<Uuid>(at).map(T::of)
    }

    pub(crate) fn opt_id<T: Id>(&mut self) -> Result<Option<T>, StoreError> {
        let at = self.step();
        Ok(self.row.get::<Option<Uuid>>(at)?.map(T::of))
    }

    pub(crate) fn int(&mut self) -> Result<i64, StoreError> {
        let at = self.step();
        self.row.get(at)
    }

    pub(crate) fn opt_int(&mut self) -> Result<Option<i64>, StoreError> {
        let at = self.step();
        self.row.get(at)
    }

    pub(crate) fn shard(&mut self) -> Result<u16, StoreError> {
        u16::try_from(self.int()?).map_err(StoreError::corrupt)
    }

    pub(crate) fn time(&mut self) -> Result<Timestamp, StoreError> {
        self.int().map(Timestamp::from_micros)
    }

    pub(crate) fn opt_time(&mut self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.opt_int()?.map(Timestamp::from_micros))
    }

    pub(crate) fn flag(&mut self) -> Result<bool, StoreError> {
        let at = self.step();
        self.row.get(at)
    }

    pub(crate) fn text(&mut self) -> Result<String, StoreError> {
        let at = self.step();
        self.row.get(at)
    }

    pub(crate) fn opt_text(&mut self) -> Result<Option<String>, StoreError> {
        let at = self.step();
        self.row.get(at)
    }

    pub(crate) fn opt_bytes(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        let at = self.step();
        self.row.get(at)
    }

    pub(crate) fn bytes(&mut self) -> Result<Vec<u8>, StoreError> {
        let at = self.step();
        self.row.get(at)
    }

    pub(crate) fn json<T: DeserializeOwned + 'static>(&mut self) -> Result<T, StoreError> {
        let at = self.step();
        self.row.get::<Json<T>>(at).map(|json| json.0)
    }

    pub(crate) fn opt_json<T: DeserializeOwned + 'static>(&mut self) -> Result<Option<T>, StoreError> {
        let at = self.step();
        Ok(self.row.get::<Option<Json<T>>>(at)?.map(|json| json.0))
    }

    /// A word of a closed list, such as a state.
    pub(crate) fn word<T>(&mut self, parse: impl Fn(&str) -> Option<T>) -> Result<T, StoreError> {
        let text = self.text()?;
        parse(&text).ok_or_else(|| StoreError::corrupt(format!("`{text}` is not a known word of its column")))
    }

    /// A word of a closed list, or NULL.
    pub(crate) fn opt_word<T>(&mut self, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, StoreError> {
        let Some(text) = self.opt_text()? else { return Ok(None) };
        parse(&text).map(Some).ok_or_else(|| StoreError::corrupt(format!("`{text}` is not a known word of its column")))
    }

    /// What an outer join may not have found: nothing when the next column, an id that is never NULL, is NULL.
    pub(crate) fn or_missing<T>(
        &mut self,
        read: impl Fn(&mut Self) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        if self.row.get::<Option<Uuid>>(self.at)?.is_none() {
            return Ok(None);
        }
        read(self).map(Some)
    }
}
