//! Hosts that a pod template names in plain values of its environment and in its arguments. Only the host and the port of
//! a value are kept: the rest of it may be a secret. What comes from ConfigMaps and Secrets is not read.

use super::answer::{list, text, word};
use crate::diagnose::{Target, host_of, service_of};
use crate::redact::redactor;
use nightshift_model::evidence::Dependency;
use serde_json::Value;
use std::collections::BTreeMap;

/// Dependencies kept.
const MOST: usize = 20;
/// Longest value that is looked at.
const LONGEST: usize = 2_000;
/// A variable or argument whose name ends so holds a host.
const HOSTS: &[&str] =
    &["HOST", "HOSTNAME", "SERVER", "SERVERS", "ADDR", "ADDRESS", "ENDPOINT", "BROKERS", "BOOTSTRAP"];

/// Those that may be Services of the namespace, by host.
pub(super) fn of(template: &Value, namespace: &str) -> Vec<Dependency> {
    let mut found: BTreeMap<(String, Option<u16>), String> = BTreeMap::new();
    let containers = list(template, "/spec/initContainers").iter().chain(list(template, "/spec/containers"));
    for container in containers {
        let named = word(text(container, "/name"));
        let mut add = |targets: Vec<Target>, by: String| {
            for target in targets.into_iter().filter(|t| service_of(&t.host, namespace).is_some()) {
                found.entry((target.host, target.port)).or_insert_with(|| by.clone());
            }
        };
        for env in list(container, "/env") {
            let name = text(env, "/name");
            add(hosts(name, text(env, "/value")), format!("variable {} of container {named}", word(name)));
        }
        let words = list(container, "/command").iter().chain(list(container, "/args"));
        for argument in words.filter_map(Value::as_str) {
            let (name, value) = argument.split_once('=').unwrap_or(("", argument));
            add(hosts(name.trim_start_matches('-'), value), format!("an argument of container {named}"));
        }
    }
    let all = found.into_iter().map(|((host, port), named_by)| Dependency { host, port, named_by });
    all.take(MOST).collect()
}

/// The hosts of a value: of an address with a scheme, of `host:port`, and of a bare name where the name says so.
fn hosts(name: &str, value: &str) -> Vec<Target> {
    if value.is_empty() || value.len() > LONGEST {
        return Vec::new();
    }
    let name = name.to_ascii_uppercase().replace('-', "_");
    let is_host = HOSTS.iter().any(|word| name.ends_with(word));
    // A value that holds a secret as a whole is none of a host.
    let hidden = |host: &str| redactor().redact(&format!("{name}={host}")).count > 0;
    let schemed = value.contains("://");
    let parts = value.split([',', ';']).take(MOST);
    let one = |part: &str| {
        let part = part.trim();
        let plain = part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:_/".contains(&b));
        let target = host_of(part)?;
        let whole = part.split('/').next().is_some_and(|authority| authority == target.to_string());
        let meant = part.contains("://") || (plain && whole && (target.port.is_some() || is_host));
        (meant && !hidden(&target.host)).then_some(target)
    };
    if schemed { one(value).into_iter().collect() } else { parts.filter_map(one).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn lines(env: &[(&str, &str)], args: &[&str]) -> Vec<String> {
        let env: Vec<Value> = env.iter().map(|(n, v)| json!({"name": n, "value": v})).collect();
        let template = json!({"spec": {"containers": [{"name": "app", "env": env, "args": args}]}});
        of(&template, "shop").iter().map(ToString::to_string).collect()
    }

    #[test]
    fn hosts_are_read_out_of_values_and_nothing_else_of_them() {
        let env = [
            ("DATABASE_URL", "postgres://app:s3cr3t-pass@db:5432/app?sslmode=disable"),
            ("REDIS_HOST", "cache"),
            ("KAFKA_BROKERS", "kafka-0.kafka:9092,kafka-1.kafka:9092"),
            ("JDBC", "jdbc:mysql://mysql.shop.svc:3306/x"),
            ("MODE", "production"),
            ("PASSWORD", "hunter2"),
            ("UPSTREAM", "https://api.example.com/v1"),
            ("OTHER", "http://web.other.svc.cluster.local"),
            ("LISTEN_ADDR", "0.0.0.0:8080"),
        ];
        let found = lines(&env, &["--queue-host=rabbit", "serve", "--db=pg:5433", "-c", "/etc/app.conf"]);
        assert_eq!(
            found,
            [
                "cache (variable REDIS_HOST of container app)",
                "db:5432 (variable DATABASE_URL of container app)",
                "kafka-0.kafka:9092 (variable KAFKA_BROKERS of container app)",
                "kafka-1.kafka:9092 (variable KAFKA_BROKERS of container app)",
                "mysql.shop.svc:3306 (variable JDBC of container app)",
                "pg:5433 (an argument of container app)",
                "rabbit (an argument of container app)",
            ]
        );
    }

    #[test]
    fn hostile_values_name_nothing() {
        let long = format!("http://{}", "a".repeat(10_000));
        let env = [
            ("A_HOST", "../../secrets"),
            ("B_HOST", "a b"),
            ("C_HOST", "\u{202e}db"),
            ("D", "://"),
            ("E_URL", "http://@:80/"),
            ("F_URL", long.as_str()),
            ("API_HOST", ""),
        ];
        assert_eq!(lines(&env, &["", "=", "--host="]), Vec::<String>::new());
        let many: Vec<String> = (0..200).map(|n| format!("s{n}:80")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(lines(&[], &many).len(), MOST);
    }
}
