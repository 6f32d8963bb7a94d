//! Hosts as clients write them, and the Services that they may mean.

use super::*;

#[test]
fn hosts_are_found_as_clients_write_them() {
    let table = [
        ("dial tcp 10.96.0.20:5432: connect: connection refused", "10.96.0.20:5432"),
        (
            "dial tcp: lookup postgres.shop.svc.cluster.local on 10.96.0.10:53: no such host",
            "postgres.shop.svc.cluster.local",
        ),
        ("Error: connect ECONNREFUSED 10.0.3.7:6379", "10.0.3.7:6379"),
        ("Error: getaddrinfo ENOTFOUND redis", "redis"),
        ("Error: getaddrinfo EAI_AGAIN redis redis:6379", "redis"),
        ("Caused by: java.net.UnknownHostException: db", "db"),
        ("PSQLException: Connection to db-cluster:5432 refused. Check that the hostname", "db-cluster:5432"),
        ("could not translate host name \"db\" to address: Name or service not known", "db"),
        ("connection to server at \"db\" (10.96.3.1), port 5432 failed: Connection refused", "db"),
        ("urllib3: HTTPConnectionPool(host='api', port=80): Max retries exceeded", "api"),
        (
            "redis.exceptions.ConnectionError: Error 111 connecting to redis:6379. Connection refused.",
            "redis:6379",
        ),
        ("(2003, \"Can't connect to MySQL server on 'db' ([Errno 111] Connection refused)\")", "db"),
        (
            "nginx: [emerg] host not found in upstream \"cart.shop.svc.cluster.local\" in /etc/nginx/c.conf:21",
            "cart.shop.svc.cluster.local",
        ),
        ("curl: (6) Could not resolve host: web", "web"),
        ("curl: (7) Failed to connect to web port 80 after 2 ms: Connection refused", "web"),
        ("wget: bad address 'api'", "api"),
        ("wget: can't connect to remote host (10.96.8.8): Connection refused", "10.96.8.8"),
        ("System.Net.Sockets.SocketException: Connection refused (db:1433)", "db:1433"),
        (
            "MongoNetworkError: failed to connect to server [mongo-0.mongo:27017] on first connect",
            "mongo-0.mongo:27017",
        ),
        ("Connection to node -1 (kafka/10.0.0.1:9092) could not be established", "kafka"),
        ("Errno::ECONNREFUSED: Connection refused - connect(2) for \"es\" port 9200", "es"),
        ("failed: postgres://app:[redacted:password]@db:5432/app: connection refused", "db:5432"),
    ];
    for (line, host) in table {
        assert_eq!(named(line).map(|t| t.to_string()).as_deref(), Some(host), "{line}");
    }
}

#[test]
fn what_is_no_host_is_none() {
    for line in [
        "Connection refused (os error 111)",
        "connect to the server failed: connection refused",
        "dial tcp 127.0.0.1:8080: connect: connection refused",
        "connect ECONNREFUSED 127.0.0.1:6379",
        "12:30:45 connection refused",
        "connection refused to kube-system/coredns; rm -rf /",
        "lookup ../../etc/passwd: no such host",
        "lookup \u{202e}evil: no such host",
        "lookup a..b: no such host",
    ] {
        assert_eq!(named(line), None, "{line}");
    }
}

#[test]
fn a_service_is_of_the_own_namespace_or_none() {
    let table = [
        ("db", Some("db")),
        ("db.shop", Some("db")),
        ("db.shop.svc", Some("db")),
        ("db.shop.svc.cluster.local", Some("db")),
        ("db-0.db", Some("db")),
        ("mongo-2.mongo-headless", Some("mongo-headless")),
        ("db-0.db.shop.svc.cluster.local", Some("db")),
        ("db.other", None),
        ("coredns.kube-system.svc.cluster.local", None),
        ("db-0.db.other.svc.cluster.local", None),
        ("api.example.com", None),
        ("10.96.0.1", None),
    ];
    for (host, service) in table {
        assert_eq!(service_of(host, "shop"), service, "{host}");
    }
}
