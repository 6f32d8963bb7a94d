//! What Prometheus is asked about any broken workload, whatever its playbook. The questions are fixed; the namespace and
//! the names of the workload's pods are set into the query's tree.

use crate::bind::BindError;
use crate::promql;
use crate::verification::Asked;
use nightshift_model::{Kind, ObjectRef};
use promql_parser::label::{MatchOp, Matcher};

/// Memory in use, as a share of the limit: the most of the last quarter of an hour.
pub const MEMORY: &str = "memory-of-limit";
/// Share of the periods in which the kernel held a container back at its CPU limit.
pub const THROTTLED: &str = "cpu-throttled";
/// Share of the workload's answers that are server errors.
pub const ERRORS: &str = "error-ratio";
/// The same an hour ago.
pub const ERRORS_BEFORE: &str = "error-ratio-an-hour-ago";

/// Name and query. cAdvisor keeps a series for every run of a container, hence the inner `max` and `sum`.
const QUERIES: [(&str, &str); 4] = [
    (
        MEMORY,
        "max by (container) (max by (pod, container) (max_over_time(container_memory_working_set_bytes{container!=\"\"}[15m])) \
         / on (pod, container) max by (pod, container) \
         (max_over_time(container_spec_memory_limit_bytes{container!=\"\"}[15m]) > 0))",
    ),
    (
        THROTTLED,
        "max by (container) (sum by (pod, container) (rate(container_cpu_cfs_throttled_periods_total{container!=\"\"}[5m])) \
         / on (pod, container) sum by (pod, container) (rate(container_cpu_cfs_periods_total{container!=\"\"}[5m])))",
    ),
    (
        ERRORS,
        "(sum(rate(http_requests_total{code=~\"5..\"}[5m])) or sum(rate(http_requests_total{status=~\"5..\"}[5m]))) \
         / sum(rate(http_requests_total[5m]))",
    ),
    (
        ERRORS_BEFORE,
        "(sum(rate(http_requests_total{code=~\"5..\"}[5m] offset 1h)) \
         or sum(rate(http_requests_total{status=~\"5..\"}[5m] offset 1h))) \
         / sum(rate(http_requests_total[5m] offset 1h))",
    ),
];

/// A pod of a longer name is cut by its controller, and its name no longer begins with its workload's.
const CUT: usize = 40;

/// The questions about the workload of a pod.
///
/// # Errors
/// [`BindError`] when there is no namespace to ask of.
pub fn context(scope: &ObjectRef, pod: &ObjectRef) -> Result<Vec<Asked>, BindError> {
    if pod.namespace.is_empty() {
        return Err(BindError::Empty { target: pod.to_string(), parameter: "namespace" });
    }
    let matchers =
        [Matcher::new(MatchOp::Equal, "namespace", &pod.namespace), pods(scope, pod).map_err(not_printed)?];
    let ask = |(name, query): &(&str, &str)| {
        let mut expr = promql_parser::parser::parse(query).map_err(not_printed)?;
        Ok(Asked {
            name: (*name).to_owned(),
            promql: promql::set(&mut expr, &matchers).map_err(not_printed)?,
        })
    };
    QUERIES.iter().map(ask).collect()
}

fn not_printed(promql: String) -> BindError {
    BindError::NotPrinted { promql }
}

/// The pods that the workload's controller names, or else the one.
fn pods(scope: &ObjectRef, pod: &ObjectRef) -> Result<Matcher, String> {
    let ending = if scope.name.len() > CUT {
        None
    } else if scope.kind == Kind::Deployment {
        Some("-[a-z0-9]+-[a-z0-9]{5}")
    } else if scope.kind == Kind::StatefulSet {
        Some("-[0-9]+")
    } else if matches!(scope.kind, Kind::DaemonSet | Kind::Job) {
        Some("-[a-z0-9]{5}")
    } else {
        None
    };
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    let Some(ending) = ending.filter(|_| scope.name.chars().all(plain)) else {
        return Ok(Matcher::new(MatchOp::Equal, "pod", &pod.name));
    };
    let named = format!("{}{ending}", scope.name.replace('.', "\\."));
    Matcher::new_matcher(promql_parser::parser::token::T_EQL_REGEX, "pod".to_owned(), named)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(kind: Kind, namespace: &str, name: &str) -> ObjectRef {
        ObjectRef::new(kind, namespace, name, "")
    }

    #[test]
    fn every_selector_is_bound_to_the_namespace_and_the_pods() {
        let pod = object(Kind::Pod, "shop", "cart-7d9f8-x2x4z");
        for (scope, pods) in [
            (object(Kind::Deployment, "shop", "cart"), "pod=~\"cart-[a-z0-9]+-[a-z0-9]{5}\""),
            (object(Kind::StatefulSet, "shop", "cart.v1"), "pod=~\"cart\\\\.v1-[0-9]+\""),
            (object(Kind::DaemonSet, "shop", "cart"), "pod=~\"cart-[a-z0-9]{5}\""),
            (object(Kind::Pod, "shop", "cart-7d9f8-x2x4z"), "pod=\"cart-7d9f8-x2x4z\""),
            (object(Kind::Deployment, "shop", &"long".repeat(11)), "pod=\"cart-7d9f8-x2x4z\""),
            (object(Kind::Deployment, "shop", "c.*|up"), "pod=\"cart-7d9f8-x2x4z\""),
        ] {
            let asked = context(&scope, &pod).unwrap();
            assert_eq!(asked.len(), QUERIES.len());
            for (one, (name, query)) in asked.iter().zip(QUERIES) {
                let mut tree = promql_parser::parser::parse(query).unwrap();
                let selectors = promql::selectors(&mut tree).len();
                assert_eq!(one.name, name);
                assert_eq!(one.promql.matches("namespace=\"shop\"").count(), selectors, "{}", one.promql);
                assert_eq!(one.promql.matches(pods).count(), selectors, "{}", one.promql);
            }
        }
    }

    #[test]
    fn hostile_names_stay_values() {
        let pod = object(Kind::Pod, "a\"} or up{x=\"", "b\"} or up{x=\"ü\\n");
        for one in context(&object(Kind::Deployment, "a\"} or up{x=\"", "c\"} or up{"), &pod).unwrap() {
            let mut tree = promql_parser::parser::parse(&one.promql).unwrap();
            for selector in promql::selectors(&mut tree) {
                assert_ne!(selector.name.as_deref(), Some("up"));
            }
        }
        assert!(context(&pod, &object(Kind::Node, "", "node-1")).is_err());
    }
}
