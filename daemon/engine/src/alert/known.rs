//! The default alerts of kube-prometheus: how much each hurts, and which of its labels name what it is about. Other
//! labels may be the exporter's own.

use super::candidate::Means;
use nightshift_model::{Alert, Alerts, Severity};
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// One default alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its name.
    pub name: &'static str,
    /// The highest severity among its rules.
    pub severity: &'static str,
    /// What its labels name.
    pub means: Means,
    /// The labels that its expression aggregates by.
    pub labels: &'static str,
}

/// Name, severity, meaning, labels: a line each.
const TABLE: &str = include_str!("known.tsv");

/// The table by name.
pub fn table() -> &'static BTreeMap<&'static str, Known> {
    static KNOWN: OnceLock<BTreeMap<&'static str, Known>> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
        lines.filter_map(line).map(|known| (known.name, known)).collect()
    })
}

fn line(line: &'static str) -> Option<Known> {
    let mut cells = line.split('\t');
    let (name, severity, means, labels) = (cells.next()?, cells.next()?, cells.next()?, cells.next()?);
    Some(Known { name, severity, means: Means::parse(means)?, labels })
}

/// A default alert, also under the name that it had before.
pub fn known(name: &str) -> Option<&'static Known> {
    let name = if name == "KubeJobCompletion" { "KubeJobNotCompleted" } else { name };
    table().get(name)
}

/// How much an incident hurts of which only alerts are known. The table says it, never a label: what stands in no table
/// is a warning.
pub fn severity(alerts: &Alerts) -> Severity {
    let critical = |alert: &Alert| {
        alert.name == super::MISSING || known(&alert.name).is_some_and(|known| known.severity == "critical")
    };
    let fires = alerts.shown.iter().filter(|alert| alert.fires());
    if fires.into_iter().any(critical) { Severity::Critical } else { Severity::Warning }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Group, name, `for`, severity of every alerting rule.
    const RULES: &str = include_str!("../../testdata/alerts/names.tsv");

    #[test]
    fn every_default_alert_has_its_line_and_no_line_is_lost() {
        let mut highest: BTreeMap<&str, &str> = BTreeMap::new();
        let rank = |s: &str| ["none", "info", "warning", "critical"].iter().position(|r| *r == s).unwrap();
        for rule in RULES.lines().filter(|l| !l.is_empty()) {
            let cells: Vec<&str> = rule.split('\t').collect();
            let best = highest.entry(cells[1]).or_insert(cells[3]);
            if rank(cells[3]) > rank(best) {
                *best = cells[3];
            }
        }
        assert_eq!(highest.len(), 125);
        assert_eq!(table().len(), TABLE.lines().filter(|l| !l.starts_with('#')).count(), "every line parses");
        assert_eq!(highest.keys().collect::<Vec<_>>(), table().keys().collect::<Vec<_>>());
        for (name, severity) in highest {
            assert_eq!(table()[name].severity, severity, "{name}");
        }
    }

    #[test]
    fn only_the_table_says_that_an_alert_is_critical() {
        let told = |name: &str, ended| {
            let body = format!(
                r#"{{"version": "4", "alerts": [{{"labels": {{"alertname": "{name}", "severity": "critical"}}, "status": "{ended}"}}]}}"#
            );
            let now = "2026-12-01T00:00:00Z".parse().unwrap();
            let told = super::super::read(body.as_bytes(), now).unwrap();
            Alerts { shown: told.into_iter().map(|t| t.alert).collect(), firing: 1, total: 1 }
        };
        assert_eq!(severity(&told("KubeAPIDown", "firing")), Severity::Critical);
        assert_eq!(severity(&told("KubeAPIDown", "resolved")), Severity::Warning);
        assert_eq!(severity(&told("KubePodCrashLooping", "firing")), Severity::Warning);
        assert_eq!(severity(&told("Mine", "firing")), Severity::Warning);
        assert_eq!(severity(&told(super::super::MISSING, "firing")), Severity::Critical);
    }

    #[test]
    fn every_line_names_only_what_its_labels_can_say() {
        for known in table().values() {
            let has = |label: &str| known.labels.split(',').any(|l| l == label);
            for label in known.means.labels() {
                assert!(has(label), "{} means {:?} without label {label}", known.name, known.means);
            }
        }
        assert_eq!(known("KubeJobCompletion").unwrap().name, "KubeJobNotCompleted");
        assert_eq!(known("kubePodCrashLooping"), None);
    }
}
