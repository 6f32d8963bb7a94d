//! The classes of last words: phrases of the common runtimes, databases and tools, in one automaton.

use aho_corasick::{AhoCorasick, MatchKind};
use nightshift_model::Cause;
use std::sync::OnceLock;

/// What is wrong with something that could not be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nobody listens there.
    Refused,
    /// Its name leads nowhere.
    Unresolved,
    /// It does not answer in time.
    Silent,
    /// It says that it is not ready yet.
    Starting,
}

impl Trouble {
    /// One clause about what could not be reached.
    pub(crate) fn clause(self, what: &str) -> String {
        match self {
            Self::Refused => format!("{what} refuses connections"),
            Self::Unresolved => format!("the name {what} leads nowhere"),
            Self::Silent => format!("{what} does not answer in time"),
            Self::Starting => format!("{what} is still starting"),
        }
    }
}

/// One class.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sign {
    pub(crate) cause: Cause,
    pub(crate) trouble: Option<Trouble>,
    pub(crate) weight: u8,
    /// In lower case. Any of them.
    phrases: &'static [&'static str],
    /// In lower case. One of them stands in the line too; empty: nothing more is asked.
    also: &'static [&'static str],
}

const fn sign(cause: Cause, weight: u8, phrases: &'static [&'static str]) -> Sign {
    Sign { cause, trouble: None, weight, phrases, also: &[] }
}

const fn reach(trouble: Trouble, weight: u8, phrases: &'static [&'static str]) -> Sign {
    Sign { trouble: Some(trouble), ..sign(Cause::Dependency, weight, phrases) }
}

/// It names the cause.
const ROOT: u8 = 45;
/// It may be the echo of another line, which then counts more.
const ECHO: u8 = 38;

/// The classes. Of several that one line belongs to the first counts: what names the cause more closely stands before.
pub(crate) const SIGNS: &[Sign] = &[
    sign(Cause::WrongPlatform, ROOT, &["exec format error", "cannot execute binary file"]),
    sign(
        Cause::DiskFull,
        ROOT,
        &[
            "no space left on device",
            "enospc",
            "disk quota exceeded",
            "database or disk is full",
            "not enough space on the disk",
        ],
    ),
    sign(
        Cause::ProgramMemory,
        ROOT,
        &[
            "java.lang.outofmemoryerror",
            "javascript heap out of memory",
            "reached heap limit",
            "ineffective mark-compacts near heap limit",
            "system.outofmemoryexception",
            "std::bad_alloc",
            "cannot allocate memory",
            "enomem",
            "runtime: out of memory",
            "memoryerror",
            "nomemoryerror",
            "memory allocation of",
            "allowed memory size of",
            "gc overhead limit exceeded",
            "malloc(): ",
            "failed to allocate memory",
        ],
    ),
    sign(
        Cause::CertificateExpired,
        ROOT,
        &[
            "certificate has expired",
            "cert_has_expired",
            "certificate expired",
            "certificateexpiredexception",
            "certificate is expired",
        ],
    ),
    sign(
        Cause::CertificateUntrusted,
        ROOT,
        &[
            "signed by unknown authority",
            "unable to get local issuer certificate",
            "self signed certificate",
            "self-signed certificate",
            "unable to verify the first certificate",
            "unable_to_verify_leaf_signature",
            "pkix path building failed",
            "certificate_verify_failed",
            "certificate verify failed",
            "unable to find valid certification path",
            "x509: certificate is ",
            "x509: cannot validate certificate",
            "invalid peer certificate",
            "remotecertificatenamemismatch",
            "err_tls_cert_altname_invalid",
        ],
    ),
    sign(
        Cause::TooManyConnections,
        ROOT,
        &[
            "too many connections",
            "too many clients already",
            "remaining connection slots are reserved",
            "max number of clients reached",
            "max_user_connections",
        ],
    ),
    sign(
        Cause::LoginRefused,
        ROOT,
        &[
            "password authentication failed",
            "access denied for user",
            "login failed for user",
            "no pg_hba.conf entry",
            "wrongpass ",
            "noauth authentication required",
            "ora-01017",
            "access_refused",
            "sasl authentication failed",
            "saslauthenticationexception",
            "mongoservererror: authentication failed",
            "(authenticationfailed) authentication failed",
            "fe_sendauth: no password supplied",
        ],
    ),
    reach(
        Trouble::Starting,
        ROOT,
        &[
            "the database system is starting up",
            "the database system is in recovery mode",
            "the database system is not yet accepting connections",
            "loading redis is loading the dataset",
            "redis is loading the dataset in memory",
        ],
    ),
    reach(
        Trouble::Unresolved,
        ROOT,
        &[
            "no such host",
            "enotfound",
            "eai_again",
            "unknownhostexception",
            "name or service not known",
            "temporary failure in name resolution",
            "name does not resolve",
            "could not translate host name",
            "could not resolve host",
            "couldn't resolve host",
            "host not found in upstream",
            "bad address '",
            "nodename nor servname provided",
            "nxdomain",
            "getaddrinfo failed",
            "failed to lookup address information",
            "no address associated with hostname",
            "unknown mysql server host",
            "unable to resolve host",
        ],
    ),
    sign(
        Cause::PortInUse,
        ROOT,
        &[
            "address already in use",
            "address in use",
            "eaddrinuse",
            "only one usage of each socket address",
            "was already in use",
            "port is already in use",
            "port already in use",
        ],
    ),
    reach(
        Trouble::Refused,
        ROOT,
        &[
            "connection refused",
            "econnrefused",
            "actively refused",
            "refused. check that the hostname and port",
            "err_connection_refused",
            "connection reset by peer",
            "broker may not be available",
            "nobrokersavailable",
            "no connection could be made",
        ],
    ),
    Sign {
        // PostgreSQL's driver for Java and what imitates it: `Connection to db:5432 refused`.
        also: &[" refused"],
        ..reach(Trouble::Refused, ROOT, &["connection to ", "connect to "])
    },
    reach(
        Trouble::Silent,
        ROOT,
        &[
            "i/o timeout",
            "etimedout",
            "connect timed out",
            "connection timed out",
            "connection timeout",
            "connecttimeout",
            "operation timed out",
            "sockettimeoutexception",
            "timeout expired",
            "no route to host",
            "ehostunreach",
            "host is unreachable",
            "network is unreachable",
            "serverselectiontimeouterror",
            "server selection timed out",
            "context deadline exceeded",
        ],
    ),
    sign(
        Cause::MissingVariable,
        ROOT,
        &[
            "missing required environment",
            "required environment variable",
            "environment variable not found",
            "missing environment variable",
            "could not resolve placeholder",
            "parameter null or not set",
            "parameter not set",
            "unbound variable",
            "missing required key",
            "database is uninitialized and",
            "superuser password is not specified",
            "you need to specify one of the following",
        ],
    ),
    Sign {
        also: &[
            "not set",
            "unset",
            "is required",
            "missing",
            "must be set",
            "must be provided",
            "undefined",
            "not defined",
            "not found",
            "not provided",
            "not specified",
            "expected",
            "empty",
        ],
        ..sign(
            Cause::MissingVariable,
            ROOT,
            &["environment variable", "env variable", "env var", "required key"],
        )
    },
    Sign {
        // `PAYMENT_URL is not set`: a name of capitals with an underscore.
        also: &[VARIABLE],
        ..sign(
            Cause::MissingVariable,
            ROOT,
            &[" is not set", " is unset", " must be set", " is required but"],
        )
    },
    Sign {
        // Python's `KeyError: 'DATABASE_URL'` and Ruby's `key not found: "DATABASE_URL"`: names that only variables have.
        also: &[CAPITALS],
        ..sign(Cause::MissingVariable, ROOT, &["keyerror: '", "key not found: \""])
    },
    sign(
        Cause::MigrationFailed,
        ROOT,
        &[
            "migration checksum mismatch",
            "flywayvalidateexception",
            "flywaymigrateexception",
            "detected failed migration to version",
            "validationfailedexception: validation failed",
            "migrationfailedexception",
            "could not acquire change log lock",
            "can't locate revision identified by",
            "inconsistentmigrationhistory",
            "dirty database version",
            "found failed migrations in the target database",
            "error: p3009",
            "error: p3018",
            "all later migrations canceled",
            "pendingmigrationerror",
            "migrations are pending",
            "have unapplied migration",
        ],
    ),
    Sign {
        also: &["failed", "error", "could not", "unable"],
        ..sign(
            Cause::MigrationFailed,
            ECHO,
            &["migration", "migrate", "flyway", "liquibase", "alembic", "goose: ", "goose run"],
        )
    },
    sign(
        Cause::PermissionDenied,
        ROOT,
        &[
            "permission denied",
            "eacces",
            "operation not permitted",
            "eperm:",
            "permissionerror",
            "accessdeniedexception",
            "unauthorizedaccessexception",
            "read-only file system",
            "erofs",
            "is forbidden: user \"system:serviceaccount:",
        ],
    ),
    sign(
        Cause::MissingFile,
        ROOT,
        &[
            "no such file or directory",
            "enoent",
            "filenotfounderror",
            "filenotfoundexception",
            "nosuchfileexception",
            "cannot find module",
            "module_not_found",
            "modulenotfounderror",
            "no module named",
            "classnotfoundexception",
            "noclassdeffounderror",
            "could not find or load main class",
            "error while loading shared libraries",
            "cannot load such file",
            "could not load file or assembly",
            "cannot open shared object file",
            "unable to access jarfile",
        ],
    ),
    sign(
        Cause::BadSetting,
        ECHO,
        &[
            "unknown directive",
            "flag provided but not defined",
            "unknown flag:",
            "unknown shorthand flag",
            "unrecognized arguments",
            "unrecognized option",
            "unrecognized vm option",
            "invalid configuration",
            "error parsing config",
            "failed to parse config",
            "failed to load config",
            "error loading config",
            "yaml: unmarshal errors",
            "yaml: line ",
            "mapping values are not allowed",
            "fatal config file error",
            "configuration file error",
            "[emerg]",
        ],
    ),
];

/// Stands for: a name of capitals, as only environment variables have.
const CAPITALS: &str = "\0CAPITALS";

/// Stands for: a word of capitals with an underscore.
const VARIABLE: &str = "\0VARIABLE";

/// The phrases, and which sign each belongs to.
struct Automaton {
    phrases: AhoCorasick,
    owners: Vec<usize>,
}

fn automaton() -> &'static Automaton {
    static ONE: OnceLock<Automaton> = OnceLock::new();
    ONE.get_or_init(|| {
        let all = SIGNS.iter().enumerate().flat_map(|(n, s)| s.phrases.iter().map(move |p| (n, *p)));
        let (owners, phrases): (Vec<usize>, Vec<&str>) = all.unzip();
        let phrases = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .build(phrases)
            .unwrap_or_else(|error| unreachable!("the phrases are fixed: {error}"));
        Automaton { phrases, owners }
    })
}

/// The class of a line, given also in lower case.
pub(super) fn of(line: &str, lower: &str) -> Option<&'static Sign> {
    let all = automaton();
    let mut best: Option<usize> = None;
    for found in all.phrases.find_overlapping_iter(lower) {
        let Some(&owner) = all.owners.get(found.pattern().as_usize()) else { continue };
        // `ModuleNotFoundError` holds `ENOTFOUND`: a phrase begins where a word does.
        let alnum = |at: Option<&u8>| at.is_some_and(u8::is_ascii_alphanumeric);
        let before = found.start().checked_sub(1).and_then(|at| lower.as_bytes().get(at));
        if alnum(before) && alnum(lower.as_bytes().get(found.start())) {
            continue;
        }
        if best.is_none_or(|known| owner < known) && SIGNS.get(owner).is_some_and(|s| s.fits(line, lower)) {
            best = Some(owner);
        }
    }
    best.and_then(|place| SIGNS.get(place))
}

impl Sign {
    fn fits(&self, line: &str, lower: &str) -> bool {
        let one = |word: &&str| match *word {
            CAPITALS => line.split(['\'', '"']).skip(1).step_by(2).any(is_capitals),
            VARIABLE => line.split(|c: char| !is_name(c)).any(|w| w.contains('_') && is_capitals(w)),
            word => lower.contains(word),
        };
        self.also.is_empty() || self.also.iter().any(one)
    }
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Whether a name has capitals, digits and underscores only.
fn is_capitals(name: &str) -> bool {
    name.len() >= 3
        && name.bytes().any(|b| b.is_ascii_uppercase())
        && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}
