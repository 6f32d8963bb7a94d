//! The migrations, in order. `tests/tidy` compares this list with the folder.

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, SqlSafeStr};
use std::borrow::Cow;

/// Number, name and text of each migration. A migration that was released is never edited.
const SQLITE: &[(i64, &str, &str)] = &[
    (1, "history", include_str!("../../../migrations/sqlite/0001_history.sql")),
    (2, "doors", include_str!("../../../migrations/sqlite/0002_doors.sql")),
    (3, "alerts", include_str!("../../../migrations/sqlite/0003_alerts.sql")),
    (4, "checkpoint", include_str!("../../../migrations/sqlite/0004_checkpoint.sql")),
    (5, "bridge", include_str!("../../../migrations/sqlite/0005_bridge.sql")),
    (6, "sessions", include_str!("../../../migrations/sqlite/0006_sessions.sql")),
    (7, "endings", include_str!("../../../migrations/sqlite/0007_endings.sql")),
];

/// The newest schema that this program knows.
pub(super) fn latest() -> i64 {
    SQLITE.last().map_or(0, |(number, ..)| *number)
}

/// Each migration runs in a transaction of its own, so an interrupted one starts over.
pub(super) fn sqlite() -> Migrator {
    let list = SQLITE.iter().map(|&(number, name, text)| {
        let sql = AssertSqlSafe(text).into_sql_str();
        Migration::new(number, Cow::Borrowed(name), MigrationType::Simple, sql, false)
    });
    Migrator::with_migrations(list.collect())
}
