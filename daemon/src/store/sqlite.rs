//! Opening the file: durable or not at all.

use super::error::OpenError;
use super::row;
use super::schema;
use nightshift_model::Digest;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Row as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

/// How long somebody waits for another process before it says so.
pub(super) const BUSY: Duration = Duration::from_secs(5);

const SQLITE_READONLY: u32 = 8;
const SQLITE_CORRUPT: u32 = 11;
const SQLITE_NOTADB: u32 = 26;

/// Readers at a time. Each is a thread and a page cache.
const READERS: u32 = 3;
/// What each of them keeps of the file, in KiB (negative, as SQLite writes it); the default is 2 MiB. The kernel keeps it too.
const READER_CACHE: &str = "-256";
/// Rows that a connection reads ahead: an incident with its evidence is one row, so 50, the default, would be megabytes.
const READ_AHEAD: usize = 4;

/// What the store is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// To run: makes the file, brings its schema up to date, checks it.
    ReadWrite,
    /// To look: changes nothing, also when the file is damaged.
    ReadOnly,
}

/// What every connection shares. `synchronous=NORMAL` would lose commits when the power fails.
fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY)
        .foreign_keys(true)
        .pragma("trusted_schema", "OFF")
        .disable_statement_logging()
}

/// A new connection for the writer task, after one had to be given up.
pub(super) async fn reconnect(path: &Path) -> Result<SqliteConnection, OpenError> {
    let mut connection = writer(path).await?;
    impatient(&mut connection).await.map_err(sqlite_error(path, "connect for writing"))?;
    Ok(connection)
}

/// From here on the writer task waits itself: SQLite sleeps up to 100 ms between two looks, and so would hardly ever
/// meet the moment between two transactions of a busy process.
async fn impatient(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query("PRAGMA busy_timeout = 0").execute(connection).await.map(drop)
}

/// The one connection that writes, read back to be durable.
async fn writer(path: &Path) -> Result<SqliteConnection, OpenError> {
    let failed = |operation| sqlite_error(path, operation);
    let wanted = options(path).journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
    let mut connection = wanted.connect().await.map_err(failed("connect for writing"))?;
    durable(&mut connection).await.map_err(failed("read the settings back"))??;
    Ok(connection)
}

/// Reads the settings back: SQLite keeps quiet about a journal mode that it could not set.
async fn durable(connection: &mut SqliteConnection) -> Result<Result<(), OpenError>, sqlx::Error> {
    let journal: String = sqlx::query("PRAGMA journal_mode").fetch_one(&mut *connection).await?.try_get(0)?;
    let synchronous: i64 = sqlx::query("PRAGMA synchronous").fetch_one(&mut *connection).await?.try_get(0)?;
    if journal == "wal" && synchronous == 2 {
        return Ok(Ok(()));
    }
    Ok(Err(OpenError::NotDurable { journal, synchronous }))
}

/// Connections that cannot write.
pub(super) async fn readers(path: &Path) -> Result<SqlitePool, OpenError> {
    SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(BUSY)
        .connect_with(
            options(path).read_only(true).pragma("cache_size", READER_CACHE).row_buffer_size(READ_AHEAD),
        )
        .await
        .map_err(sqlite_error(path, "connect for reading"))
}

/// Makes, checks and migrates the file; the connection becomes the writer's.
pub(super) async fn prepare(path: &Path) -> Result<SqliteConnection, OpenError> {
    let _alone = alone(path).await?;
    own(path)?;
    let failed = |operation| sqlite_error(path, operation);
    let mut connection = writer(path).await?;
    let found: String = sqlx::query("PRAGMA quick_check(1)")
        .fetch_one(&mut connection)
        .await
        .and_then(|row| row.try_get(0))
        .map_err(failed("check the file"))?;
    if found != "ok" {
        return Err(OpenError::Damaged { path: path.to_owned(), what: found });
    }
    let schema = schema_of(&mut connection).await.map_err(failed("read the schema's number"))?;
    if schema > schema::latest() {
        return Err(OpenError::Newer { found: schema, known: schema::latest() });
    }
    schema::sqlite().run(&mut connection).await.map_err(OpenError::Migration)?;
    name_history(&mut connection).await.map_err(failed("name the history"))??;
    know_every_kind(&mut connection).await.map_err(failed("read the history's kinds"))??;
    impatient(&mut connection).await.map_err(failed("connect for writing"))?;
    Ok(connection)
}

/// For reading the schema must be ours exactly.
pub(super) async fn prepare_to_read(path: &Path) -> Result<SqlitePool, OpenError> {
    if !path.is_file() {
        let source = std::io::Error::from(std::io::ErrorKind::NotFound);
        return Err(OpenError::File { path: path.to_owned(), source });
    }
    let pool = readers(path).await?;
    let failed = |operation| sqlite_error(path, operation);
    let mut connection = pool.acquire().await.map_err(failed("connect for reading"))?;
    let found = schema_of(&mut connection).await.map_err(failed("read the schema's number"))?;
    drop(connection);
    match found.cmp(&schema::latest()) {
        std::cmp::Ordering::Equal => Ok(pool),
        std::cmp::Ordering::Greater => Err(OpenError::Newer { found, known: schema::latest() }),
        std::cmp::Ordering::Less => Err(OpenError::Older { found, known: schema::latest() }),
    }
}

/// Two containers of a Pod start at once, and neither the switch to WAL nor the migrations wait for each other: one
/// process at a time makes a store ready. The lock is on the folder and goes with the handle.
async fn alone(path: &Path) -> Result<std::fs::File, OpenError> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        Some(_) | None => Path::new(".").to_owned(),
    };
    let locked = tokio::task::spawn_blocking(move || {
        let folder = std::fs::File::open(folder)?;
        folder.lock()?;
        Ok(folder)
    });
    let locked = locked.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    locked.map_err(|source| OpenError::File { path: path.to_owned(), source })
}

/// Makes the file for us alone. SQLite gives its two companions the same rights.
fn own(path: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::File { path: path.to_owned(), source };
    let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match made {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let mut rights = std::fs::metadata(path).map_err(failed)?.permissions();
            if rights.readonly() {
                return Err(OpenError::ReadOnly { path: path.to_owned() });
            }
            if rights.mode() & 0o077 != 0 {
                rights.set_mode(0o600);
                std::fs::set_permissions(path, rights).map_err(failed)?;
            }
            Ok(())
        }
        Err(error) if error.kind() == std::io::ErrorKind::ReadOnlyFilesystem => {
            Err(OpenError::ReadOnly { path: path.to_owned() })
        }
        Err(error) => Err(failed(error)),
    }
}

/// 0 for a file without tables.
async fn schema_of(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    let tables = sqlx::query("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'meta'")
        .fetch_optional(&mut *connection)
        .await?;
    if tables.is_none() {
        return Ok(0);
    }
    sqlx::query("SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'schema'")
        .fetch_optional(&mut *connection)
        .await?
        .map_or(Ok(0), |row| row.try_get(0))
}

/// Gives a new history its name: random, so that no two histories share a chain.
async fn name_history(connection: &mut SqliteConnection) -> Result<Result<(), OpenError>, sqlx::Error> {
    let mut bytes = [0_u8; 32];
    if let Err(error) = getrandom::fill(&mut bytes) {
        return Ok(Err(OpenError::File {
            path: "/dev/urandom".into(),
            source: std::io::Error::other(error.to_string()),
        }));
    }
    sqlx::query("INSERT INTO meta (key, value) VALUES ('log_id', ?) ON CONFLICT (key) DO NOTHING")
        .bind(Digest(bytes).to_string())
        .execute(connection)
        .await?;
    Ok(Ok(()))
}

/// Reads the newest row of each kind: what this program does not know is found at start, not at night.
async fn know_every_kind(connection: &mut SqliteConnection) -> Result<Result<(), OpenError>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT seq, ts_utc, body FROM audit_event WHERE seq IN (SELECT max(seq) FROM audit_event GROUP BY kind)",
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.iter().try_for_each(|row| row::recorded(row).map(drop)).map_err(OpenError::from))
}

fn sqlite_error(path: &Path, operation: &'static str) -> impl FnOnce(sqlx::Error) -> OpenError {
    move |source| {
        let code = source.as_database_error().and_then(sqlx::error::DatabaseError::code);
        // The low byte is the kind of error, the rest its variety.
        match code.and_then(|code| code.parse::<u32>().ok()).map(|code| code & 0xff) {
            Some(SQLITE_READONLY) => OpenError::ReadOnly { path: path.to_owned() },
            Some(SQLITE_CORRUPT | SQLITE_NOTADB) => {
                OpenError::Damaged { path: path.to_owned(), what: source.to_string() }
            }
            _ => OpenError::Sqlite { path: path.to_owned(), operation, source },
        }
    }
}

#[cfg(test)]
mod tests;
