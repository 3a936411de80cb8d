//! The one writer of a SQLite database: jobs that wait are committed together.
//!
//! Each job runs in a savepoint, so that one that fails is undone alone; all are told only after the common commit.

use std::sync::Arc;

use futures::future::BoxFuture;
use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

use super::Probe;
use crate::{
    error::StoreError,
    sql::{Conn, Counters},
};

/// How many jobs share a commit at most: the first one must not wait for ever.
const MAX_GROUP: usize = 128;
/// How many may wait before those who submit wait too.
pub(super) const QUEUE: usize = 1024;

/// Where to stop just before a commit.
pub(super) type BeforeCommit = Option<(Arc<dyn Probe>, &'static str)>;

/// Work for the writer.
pub(super) trait Job: Send {
    /// Does the work and keeps its result. Whether it succeeded.
    fn run<'a>(&'a mut self, conn: &'a mut Conn<'_>) -> BoxFuture<'a, bool>;
    /// Where to stop just before the commit.
    fn before_commit(&self) -> Option<BoxFuture<'static, ()>>;
    /// Tells the result to whoever waits; with the error of the commit when that failed.
    fn answer(self: Box<Self>, commit: Result<(), &StoreError>);
    /// Whether this is the last job ever.
    fn is_last(&self) -> bool {
        false
    }
}

struct Typed<T, F> {
    work: F,
    result: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
    before_commit: BeforeCommit,
}

impl<T, F> Job for Typed<T, F>
where
    T: Send + 'static,
    F: for<'a> Fn(&'a mut Conn<'_>) -> BoxFuture<'a, Result<T, StoreError>> + Send + Sync + 'static,
{
    fn run<'a>(&'a mut self, conn: &'a mut Conn<'_>) -> BoxFuture<'a, bool> {
        let work = (self.work)(conn);
        let result = &mut self.result;
        Box::pin(async move { result.insert(work.await).is_ok() })
    }

    fn before_commit(&self) -> Option<BoxFuture<'static, ()>> {
        self.before_commit.as_ref().map(|(probe, point)| probe.at(point))
    }

    fn answer(self: Box<Self>, commit: Result<(), &StoreError>) {
        let result = match (self.result, commit) {
            (Some(Err(error)), _) => Err(error),
            (_, Err(error)) => Err(error.again()),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (None, Ok(())) => Err(StoreError::gone("the work was not done")),
        };
        // Whoever asked may have gone away; the work is done all the same.
        let _ = self.reply.send(result);
    }
}

struct Stop(oneshot::Sender<()>);

impl Job for Stop {
    fn run<'a>(&'a mut self, _: &'a mut Conn<'_>) -> BoxFuture<'a, bool> {
        Box::pin(async { true })
    }

    fn before_commit(&self) -> Option<BoxFuture<'static, ()>> {
        None
    }

    fn answer(self: Box<Self>, _: Result<(), &StoreError>) {
        let _ = self.0.send(());
    }

    fn is_last(&self) -> bool {
        true
    }
}

/// Has `work` done and returns after its commit.
pub(super) async fn submit<T, F>(
    writer: &mpsc::Sender<Box<dyn Job>>,
    before_commit: BeforeCommit,
    work: F,
) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: for<'a> Fn(&'a mut Conn<'_>) -> BoxFuture<'a, Result<T, StoreError>> + Send + Sync + 'static,
{
    let (reply, answer) = oneshot::channel();
    let job = Box::new(Typed { work, result: None, reply, before_commit });
    let closed = || StoreError::gone("it has been closed");
    writer.send(job).await.map_err(|_| closed())?;
    answer.await.map_err(|_| closed())?
}

/// Lets the writer finish what waits, and ends it.
pub(super) async fn stop(writer: &mpsc::Sender<Box<dyn Job>>) {
    let (reply, answer) = oneshot::channel();
    if writer.send(Box::new(Stop(reply))).await.is_ok() {
        let _ = answer.await;
    }
}

/// The writer itself; ends when nobody can submit any more.
pub(super) async fn run(mut db: SqliteConnection, mut jobs: mpsc::Receiver<Box<dyn Job>>, counters: Arc<Counters>) {
    let mut group: Vec<Box<dyn Job>> = Vec::new();
    let mut last = false;
    while !last && jobs.recv_many(&mut group, MAX_GROUP).await > 0 {
        last = group.iter().any(|job| job.is_last());
        let outcome = commit_together(&mut db, &mut group, &counters).await;
        if outcome.is_err() {
            // Fails harmlessly when the database has undone everything already.
            let _ = execute(&mut db, "ROLLBACK").await;
        }
        let (stops, others): (Vec<_>, Vec<_>) = group.drain(..).partition(|job| job.is_last());
        for job in others {
            job.answer(outcome.as_ref().copied());
        }
        if last {
            let _ = db.close().await;
            for stop in stops {
                stop.answer(Ok(()));
            }
            return;
        }
    }
    let _ = db.close().await;
}

async fn commit_together(
    db: &mut SqliteConnection,
    group: &mut [Box<dyn Job>],
    counters: &Counters,
) -> Result<(), StoreError> {
    execute(db, "BEGIN IMMEDIATE").await?;
    let alone = group.len() == 1;
    let mut succeeded = 0;
    for job in group.iter_mut() {
        if !alone {
            execute(db, "SAVEPOINT job").await?;
        }
        if job.run(&mut Conn::sqlite(db, counters)).await {
            succeeded += 1;
        } else if !alone {
            execute(db, "ROLLBACK TO job").await?;
        }
        if !alone {
            execute(db, "RELEASE job").await?;
        }
    }
    if succeeded == 0 {
        return execute(db, "ROLLBACK").await;
    }
    let stops: Vec<_> = group.iter().filter_map(|job| job.before_commit()).collect();
    for stop in stops {
        stop.await;
    }
    execute(db, "COMMIT").await?;
    counters.committed();
    Ok(())
}

async fn execute(db: &mut SqliteConnection, sql: &str) -> Result<(), StoreError> {
    sqlx::query(sql).execute(db).await?;
    Ok(())
}
