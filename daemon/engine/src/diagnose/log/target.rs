//! What a line could not reach: a host and perhaps a port, and the Service of one's own namespace that may be meant.

/// A host as a line names it. Letters, digits, dots and hyphens only.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Target {
    /// A name or an IPv4 address, in lower case.
    pub host: String,
    /// The port, if it is named.
    pub port: Option<u16>,
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// A host follows these, the surest first: how the common clients and resolvers write it.
const BEFORE: &[&str] = &[
    "lookup ",
    "translate host name ",
    "server at ",
    "found in upstream ",
    "getaddrinfo enotfound ",
    "enotfound ",
    "eai_again ",
    "unknownhostexception: ",
    "unknown mysql server host ",
    "econnrefused ",
    "etimedout ",
    "ehostunreach ",
    "resolve host: ",
    "resolve host ",
    "bad address ",
    "host=",
    "running on host ",
    "connecting to ",
    "failed to connect to ",
    "can't connect to ",
    "connect to server ",
    "mysql server on ",
    "connection(2) for ",
    "connect(2) for ",
    "connection to node -1 (",
    "connection to ",
    "connect to ",
    "dial tcp ",
    "dial tcp4 ",
    "remote host (",
    "reach ",
];

/// After these a host stands only with its port: other things stand there too.
const BEFORE_PORT: &[&str] = &["refused (", "known ("];

/// What a line names. A resolver's own address (port 53) and the machine itself are no target.
pub(super) fn named(line: &str) -> Option<Target> {
    let lower = line.to_ascii_lowercase();
    let after = |before: &&str| {
        let (_, rest) = lower.split_once(*before)?;
        host(rest.trim_start_matches(|c: char| "'\"[(/ ".contains(c)))
    };
    let marked = BEFORE.iter().find_map(after);
    let marked = marked.or_else(|| BEFORE_PORT.iter().filter_map(after).find(|t| t.port.is_some()));
    let found = marked.or_else(|| lower.split(|c: char| !in_authority(c)).find_map(with_port));
    found.filter(|t| t.port != Some(53) && !is_self(&t.host))
}

/// Host and port at the beginning of a text, whatever scheme or user stands before it.
pub(crate) fn host(text: &str) -> Option<Target> {
    let text = text.split_once("://").filter(|(scheme, _)| is_scheme(scheme)).map_or(text, |(_, rest)| rest);
    let authority = text.split(|c: char| !in_authority(c) && c != '@').next()?;
    let authority = authority.rsplit('@').next()?.trim_end_matches(['.', ':']);
    let (name, port) = match authority.split_once(':') {
        Some((name, rest)) => (name, rest.split(':').next().and_then(|port| port.parse().ok())),
        None => (authority, None),
    };
    is_host(name).then(|| Target { host: name.to_ascii_lowercase(), port: port.filter(|p| *p > 0) })
}

/// A word of the form `host:port`.
fn with_port(word: &str) -> Option<Target> {
    host(word).filter(|t| t.port.is_some() && word.matches(':').count() == 1)
}

fn in_authority(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._:".contains(c)
}

fn is_scheme(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 20
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.:".contains(&b))
}

/// Words that stand where a host might, and are none.
const WORDS: &[&str] = &[
    "the",
    "a",
    "an",
    "server",
    "host",
    "database",
    "remote",
    "tcp",
    "udp",
    "port",
    "socket",
    "node",
    "http",
    "https",
    "address",
    "os",
    "errno",
    "code",
    "ipv4",
    "ipv6",
    "localhost",
    "failed",
    "refused",
    "error",
    "to",
    "mysql",
    "postgres-server",
    "backend",
    "any",
];

/// A name as DNS allows it and people give it, or an IPv4 address.
fn is_host(name: &str) -> bool {
    let label = |l: &str| {
        let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
        !l.is_empty()
            && l.len() <= 63
            && edge(l.as_bytes().first())
            && edge(l.as_bytes().last())
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let lower = name.to_ascii_lowercase();
    name.len() <= 253
        && name.split('.').all(label)
        && !WORDS.contains(&lower.as_str())
        && (is_address(name) || name.bytes().any(|b| b.is_ascii_alphabetic()))
}

/// Whether it is an IPv4 address.
pub(crate) fn is_address(host: &str) -> bool {
    host.parse::<std::net::Ipv4Addr>().is_ok()
}

fn is_self(host: &str) -> bool {
    matches!(host, "localhost" | "0.0.0.0") || (host.starts_with("127.") && is_address(host))
}

/// The Service of this namespace that a name in the cluster's DNS stands for: `db`, `db.shop`, `db.shop.svc`,
/// `db.shop.svc.cluster.local`, and of a pod behind a headless Service `db-0.db...`. `None` for what lies in another
/// namespace or outside the cluster.
pub(crate) fn service_of<'a>(host: &'a str, namespace: &str) -> Option<&'a str> {
    if is_address(host) {
        return None;
    }
    let labels: Vec<&str> = host.split('.').collect();
    match labels.as_slice() {
        [name] => Some(name),
        [name, of] | [name, of, "svc", ..] if *of == namespace => Some(name),
        [pod, name] if ordinal_of(pod, name) => Some(name),
        [_, name, of] | [_, name, of, "svc", ..] if *of == namespace && *name != "svc" => Some(name),
        _ => None,
    }
}

/// Whether a name is that of a pod with an ordinal whose set is called like, or begins like, its Service.
fn ordinal_of(pod: &str, service: &str) -> bool {
    pod.rsplit_once('-').is_some_and(|(set, ordinal)| {
        !ordinal.is_empty() && ordinal.bytes().all(|b| b.is_ascii_digit()) && service.starts_with(set)
    })
}

#[cfg(test)]
mod tests;
