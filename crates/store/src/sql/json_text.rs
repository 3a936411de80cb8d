//! JSON on its way into a statement, as the text it is.
//!
//! The driver's own JSON type is PostgreSQL's JSONB, which writes numbers anew; a column of type JSON keeps the text.

use serde_json::value::RawValue;
use sqlx::{
    Encode, Postgres, Sqlite, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgTypeInfo, types::Oid},
    sqlite::{SqliteArgumentValue, SqliteTypeInfo},
};

/// PostgreSQL's number for its type JSON, the same in every database (`pg_type.dat`).
const JSON: Oid = Oid(114);

pub(super) struct JsonText(pub(super) Box<RawValue>);

impl Type<Postgres> for JsonText {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(JSON)
    }
}

impl Encode<'_, Postgres> for JsonText {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buffer.extend_from_slice(self.0.get().as_bytes());
        Ok(IsNull::No)
    }
}

impl Type<Sqlite> for JsonText {
    fn type_info() -> SqliteTypeInfo {
        <str as Type<Sqlite>>::type_info()
    }
}

impl<'q> Encode<'q, Sqlite> for JsonText {
    fn encode_by_ref(&self, buffer: &mut Vec<SqliteArgumentValue<'q>>) -> Result<IsNull, BoxDynError> {
        Encode::<Sqlite>::encode(self.0.get().to_owned(), buffer)
    }
}
