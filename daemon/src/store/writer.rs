//! The one task that writes: one connection, one transaction for everything that waits.

use super::StoreError;
use super::append::{self, Prepared, Seen};
use super::error::QueueError;
use super::sqlite;
use crate::clock::Clock;
use nightshift_model::Appended;
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// Appends that may wait. Whoever comes then is told at once, and asks again later.
const QUEUE: usize = 512;
/// Appends in one transaction.
const BATCH: usize = 256;
/// Bytes in one transaction.
const BATCH_BYTES: usize = 1 << 20;

/// Time between two looks at a lock that another process holds.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// A write outside the history: one statement, its parameters, and `RETURNING` where the answer matters.
pub(super) struct Statement {
    pub(super) sql: &'static str,
    pub(super) parameters: Vec<Parameter>,
}

impl Statement {
    fn size(&self) -> usize {
        let size = |parameter: &Parameter| match parameter {
            Parameter::Int(_) => 8,
            Parameter::Text(text) => text.len(),
            Parameter::Bytes(bytes) => bytes.len(),
        };
        self.parameters.iter().map(size).sum()
    }
}

/// One parameter of a [`Statement`].
pub(super) enum Parameter {
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

enum Work {
    Append(Box<Prepared>),
    Statement(Statement),
}

enum Done {
    Append(Appended),
    Rows(Vec<SqliteRow>),
}

type Reply = oneshot::Sender<Result<Done, StoreError>>;

enum Job {
    Work(Work, Reply),
    Stop(oneshot::Sender<()>),
}

/// The writer's door.
pub(super) struct Writer {
    queue: mpsc::Sender<Job>,
    commits: watch::Receiver<u64>,
    trouble: watch::Receiver<Option<String>>,
}

/// Where a transaction broke: only a failed commit leaves doubt.
enum Broken {
    Begin(sqlx::Error),
    Write(sqlx::Error),
    Commit(sqlx::Error),
}

impl Broken {
    fn sentence(&self) -> String {
        let (Self::Begin(error) | Self::Write(error) | Self::Commit(error)) = self;
        format!("the history cannot be written: {error}")
    }
}

impl Writer {
    /// Starts the task.
    pub(super) fn start(path: PathBuf, connection: SqliteConnection) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let (commits_in, commits) = watch::channel(0);
        let (trouble_in, trouble) = watch::channel(None);
        let (connection, clock) = (Some(connection), Clock::wall());
        let task = Task { path, connection, commits: commits_in, trouble: trouble_in, clock };
        tokio::spawn(task.run(jobs));
        Self { queue, commits, trouble }
    }

    /// Why the last write failed; `None` once one succeeded.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.borrow().clone()
    }

    pub(super) fn commits(&self) -> watch::Receiver<u64> {
        self.commits.clone()
    }

    /// Queues an append and waits for it. Dropping the caller takes nothing back.
    pub(super) async fn append(&self, append: Prepared) -> Result<Appended, StoreError> {
        match self.send(Work::Append(Box::new(append))).await? {
            Done::Append(appended) => Ok(appended),
            Done::Rows(_) => Ok(Appended::Unknown),
        }
    }

    /// Queues a write outside the history; the answer is what it returns.
    pub(super) async fn statement(
        &self,
        sql: &'static str,
        parameters: Vec<Parameter>,
    ) -> Result<Vec<SqliteRow>, StoreError> {
        match self.send(Work::Statement(Statement { sql, parameters })).await? {
            Done::Rows(rows) => Ok(rows),
            Done::Append(_) => Ok(Vec::new()),
        }
    }

    async fn send(&self, work: Work) -> Result<Done, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.queue.try_send(Job::Work(work, reply)).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => QueueError::Full(QUEUE),
            mpsc::error::TrySendError::Closed(_) => QueueError::Stopped,
        })?;
        answer.await.unwrap_or_else(|_| Err(QueueError::Stopped.into()))
    }

    /// Finishes what is queued, then closes the connection.
    pub(super) async fn stop(&self) {
        let (done, stopped) = oneshot::channel();
        if self.queue.send(Job::Stop(done)).await.is_ok() {
            let _ = stopped.await;
        }
    }
}

struct Task {
    path: PathBuf,
    /// `None` after a failure that leaves its state in doubt: the next batch opens it again.
    connection: Option<SqliteConnection>,
    commits: watch::Sender<u64>,
    trouble: watch::Sender<Option<String>>,
    clock: Clock,
}

impl Task {
    async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut stop = None;
        while stop.is_none() {
            let Some(first) = jobs.recv().await else { break };
            let mut batch = Vec::new();
            let mut bytes = 0;
            let mut next = Some(first);
            while let Some(job) = next {
                match job {
                    Job::Work(work, reply) => {
                        bytes += work.size();
                        batch.push((work, reply));
                    }
                    Job::Stop(done) => {
                        stop = Some(done);
                        break;
                    }
                }
                next = if batch.len() < BATCH && bytes < BATCH_BYTES { jobs.try_recv().ok() } else { None };
            }
            self.batch(batch).await;
            // Whoever was just answered may come with its next append: then it shares the next commit.
            tokio::task::yield_now().await;
        }
        if let Some(connection) = self.connection.take() {
            let _ = connection.close().await; // what was committed is on the disk already
        }
        if let Some(done) = stop {
            let _ = done.send(());
        }
    }

    /// One transaction for all; when one write breaks it, each gets its own, so nobody fails for another's fault.
    async fn batch(&mut self, batch: Vec<(Work, Reply)>) {
        let (works, replies): (Vec<Work>, Vec<Reply>) = batch.into_iter().unzip();
        let whole = self.transaction(&works).await;
        if matches!(whole, Err(Broken::Write(_))) && works.len() > 1 {
            for (work, reply) in works.into_iter().zip(replies) {
                let works = [work];
                let result = self.transaction(&works).await;
                answer(&works, vec![reply], result);
            }
        } else {
            answer(&works, replies, whole);
        }
    }

    async fn transaction(&mut self, works: &[Work]) -> Result<Vec<Done>, Broken> {
        if works.is_empty() {
            return Ok(Vec::new());
        }
        let result = self.one_transaction(works).await;
        let trouble = result.as_ref().err().map(Broken::sentence);
        self.trouble.send_if_modified(|before| {
            let changed = *before != trouble;
            before.clone_from(&trouble);
            changed
        });
        if result.is_ok() {
            self.commits.send_modify(|n| *n += 1);
        }
        result
    }

    async fn one_transaction(&mut self, works: &[Work]) -> Result<Vec<Done>, Broken> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => sqlite::reconnect(&self.path)
                .await
                .map_err(|e| Broken::Begin(sqlx::Error::Configuration(e.into())))?,
        };
        let (result, sound) = transaction(&mut connection, &self.clock, works).await;
        if sound {
            self.connection = Some(connection);
        } else {
            drop(connection.close_hard().await);
        }
        result
    }
}

/// The second answer is whether the connection is free of any transaction.
async fn transaction(
    connection: &mut SqliteConnection,
    clock: &Clock,
    works: &[Work],
) -> (Result<Vec<Done>, Broken>, bool) {
    if let Err(error) = begin(connection, clock).await {
        return (Err(Broken::Begin(error)), false);
    }
    match write(connection, works).await {
        Ok(done) => match sqlx::query("COMMIT").execute(connection).await {
            Ok(_) => (Ok(done), true),
            Err(error) => (Err(Broken::Commit(error)), false),
        },
        Err(error) => {
            let sound = sqlx::query("ROLLBACK").execute(connection).await.is_ok();
            (Err(Broken::Write(error)), sound)
        }
    }
}

/// Takes the lock, waiting for other processes up to [`sqlite::BUSY`].
async fn begin(connection: &mut SqliteConnection, clock: &Clock) -> Result<(), sqlx::Error> {
    let until = clock.monotonic() + sqlite::BUSY;
    loop {
        match sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await {
            Ok(_) => return Ok(()),
            Err(error) if is_busy(&error) && clock.monotonic() < until => {
                clock.sleep(LOOK_AGAIN).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// `SQLITE_BUSY` and its kin.
fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| code & 0xff == 5)
}

async fn write(connection: &mut SqliteConnection, works: &[Work]) -> Result<Vec<Done>, sqlx::Error> {
    let mut seen = Seen::default();
    let mut done = Vec::with_capacity(works.len());
    for work in works {
        done.push(work.write(connection, &mut seen).await?);
    }
    Ok(done)
}

impl Work {
    fn size(&self) -> usize {
        match self {
            Self::Append(append) => append.size(),
            Self::Statement(statement) => 256 + statement.size(),
        }
    }

    async fn write(&self, connection: &mut SqliteConnection, seen: &mut Seen) -> Result<Done, sqlx::Error> {
        match self {
            Self::Append(append) => append::write(connection, seen, append).await.map(Done::Append),
            Self::Statement(Statement { sql, parameters }) => {
                let mut query = sqlx::query(*sql);
                for parameter in parameters {
                    query = match parameter {
                        Parameter::Int(n) => query.bind(*n),
                        Parameter::Text(text) => query.bind(text),
                        Parameter::Bytes(bytes) => query.bind(bytes),
                    };
                }
                seen.forget_epochs();
                query.fetch_all(connection).await.map(Done::Rows)
            }
        }
    }
}

/// Tells everybody; somebody who went away is not missed.
fn answer(works: &[Work], replies: Vec<Reply>, result: Result<Vec<Done>, Broken>) {
    match result {
        Ok(done) => {
            for (done, reply) in done.into_iter().zip(replies) {
                let _ = reply.send(Ok(done));
            }
        }
        Err(broken) => {
            let (operation, error, doubt) = match broken {
                Broken::Begin(error) => ("begin a write", error, false),
                Broken::Write(error) => ("write", error, false),
                Broken::Commit(error) => ("commit", error, true),
            };
            tracing::error!(operation, %error, appends = works.len(), in_doubt = doubt, "the store cannot be written");
            let error = Arc::new(error);
            for (work, reply) in works.iter().zip(replies) {
                let told = match work {
                    Work::Append(_) if doubt => Ok(Done::Append(Appended::Unknown)),
                    Work::Append(_) | Work::Statement(_) => {
                        Err(StoreError::Unavailable { operation, source: Box::new(Arc::clone(&error)) })
                    }
                };
                let _ = reply.send(told);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{at, system};

    async fn told(broken: Broken) -> Result<Appended, StoreError> {
        let works = [Work::Append(Box::new(Prepared::system(system(at(0), 1)).unwrap()))];
        let (reply, told) = oneshot::channel();
        answer(&works, vec![reply], Err(broken));
        told.await.unwrap().map(|done| match done {
            Done::Append(appended) => appended,
            Done::Rows(_) => panic!("an append answers as one"),
        })
    }

    #[tokio::test]
    async fn only_a_failed_commit_leaves_doubt() {
        assert_eq!(told(Broken::Commit(sqlx::Error::PoolClosed)).await.unwrap(), Appended::Unknown);
        for broken in [Broken::Begin(sqlx::Error::PoolClosed), Broken::Write(sqlx::Error::PoolClosed)] {
            assert!(matches!(told(broken).await, Err(StoreError::Unavailable { .. })));
        }
    }
}
