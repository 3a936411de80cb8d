//! Whose fault an error is: the request's, or that of the machine the database runs on.

use policykit_store::{StoreError, Trouble};
use sqlx::Executor as _;

use crate::support::{Raw, on_each, on_postgres, on_sqlite};

/// What the store makes of the error that this statement meets.
async fn met(raw: &mut Raw, sql: &str) -> StoreError {
    let met = match raw {
        Raw::Sqlite(conn) => conn.execute(sql).await.map(|_| ()),
        Raw::Postgres(conn) => conn.execute(sql).await.map(|_| ()),
    };
    met.unwrap_err().into()
}

fn is_environment(error: &StoreError) -> bool {
    error.is_retryable() && matches!(error, StoreError::Unavailable { trouble: Trouble::Environment, .. })
}

#[test]
fn a_full_disk_and_a_database_that_takes_no_writes_are_nobodys_fault_on_sqlite() {
    on_sqlite(async |database| {
        let mut raw = database.raw().await;
        raw.run("CREATE TABLE t (x BLOB)").await;
        let pages = raw.number("PRAGMA page_count").await;
        raw.number(&format!("PRAGMA max_page_count = {}", pages + 2)).await;
        let full = met(&mut raw, "INSERT INTO t VALUES (zeroblob(1000000))").await;
        assert!(is_environment(&full), "{full:?}");
        raw.run("PRAGMA query_only = 1").await;
        let read_only = met(&mut raw, "INSERT INTO t VALUES (1)").await;
        assert!(is_environment(&read_only), "{read_only:?}");
    });
}

#[test]
fn a_full_disk_and_a_database_that_takes_no_writes_are_nobodys_fault_on_postgresql() {
    on_postgres(async |database| {
        let mut raw = database.raw().await;
        raw.run("CREATE TABLE t (x INT)").await;
        // Full, out of memory, and an error of the system or within: as the server would say it.
        for code in ["53100", "53200", "58030", "58P01", "XX000"] {
            let raised = met(&mut raw, &format!("DO $$ BEGIN RAISE 'x' USING ERRCODE = '{code}'; END $$")).await;
            assert!(is_environment(&raised), "{code}: {raised:?}");
        }
        // Damaged data: nothing else has to wait until that is mended.
        for code in ["XX001", "XX002"] {
            let raised = met(&mut raw, &format!("DO $$ BEGIN RAISE 'x' USING ERRCODE = '{code}'; END $$")).await;
            assert!(matches!(raised, StoreError::Database { .. }), "{code}: {raised:?}");
        }
        raw.run("SET default_transaction_read_only = on").await;
        let read_only = met(&mut raw, "INSERT INTO t VALUES (1)").await;
        assert!(is_environment(&read_only), "{read_only:?}");
    });
}

#[test]
fn what_a_request_itself_does_wrong_is_its_own_fault() {
    on_each(async |database| {
        let mut raw = database.raw().await;
        raw.run("CREATE TABLE t (x INT UNIQUE)").await;
        raw.run("INSERT INTO t VALUES (1)").await;
        for sql in ["INSERT INTO t VALUES (1)", "INSERT INTO none VALUES (1)", "nonsense"] {
            let error = met(&mut raw, sql).await;
            assert!(matches!(error, StoreError::Database { .. }), "{sql}: {error:?}");
        }
    });
}
