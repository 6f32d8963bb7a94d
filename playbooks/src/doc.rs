//! Catalogue pages, made from the shipped playbooks.

use crate::catalog::Catalog;
use crate::rules::{own_write_satisfies, proves};
use crate::schema::{Measure, Parameter, Plan, Playbook, Verify, WantedCause};
use nightshift_model::ActionKind;
use std::collections::BTreeMap;
use std::fmt::Write;

/// One page for each shipped playbook: file name and Markdown, in the order in which the playbooks are tried.
pub fn pages() -> Vec<(String, String)> {
    let catalog = Catalog::embedded();
    catalog.iter().map(|playbook| (format!("{}.md", playbook.name), page(playbook))).collect()
}

fn page(playbook: &Playbook) -> String {
    let mut out = format!(
        "<!-- @generated from playbooks/catalog/{0}.yaml by nightshift-playbooks; edit that file -->\n\n# {0}\n\n{1}\n\nVersion {2}.\n",
        playbook.name, playbook.summary, playbook.version
    );
    section(&mut out, "When", &when(playbook));
    match &playbook.plan {
        Plan::Action(action) => {
            section(
                &mut out,
                "What it proposes",
                &format!("The action `{action}`. People approve it; nothing runs before."),
            );
            if let Some(verify) = &playbook.verify {
                section(&mut out, "How it is proven", &proof(*action, verify));
            }
        }
        Plan::Escalate(say) => {
            section(&mut out, "What it proposes", &format!("Nothing. A person is told:\n\n> {}", say.trim()));
        }
    }
    if !playbook.investigate.is_empty() {
        let ask = |q: &crate::schema::Question| {
            format!("- `{}`: `{}`{}", q.name, one_line(&q.query), bound(&q.bind))
        };
        let lines: Vec<String> = playbook.investigate.iter().map(ask).collect();
        section(&mut out, "What is shown as evidence", &lines.join("\n"));
    }
    section(&mut out, "Runbook", &deeper(playbook.runbook.trim()));
    out
}

fn section(out: &mut String, title: &str, text: &str) {
    // Writing to a String cannot fail.
    let _ = write!(out, "\n## {title}\n\n{text}\n");
}

fn when(playbook: &Playbook) -> String {
    if playbook.when.fits_everything() {
        return "No other playbook fits.".to_owned();
    }
    let mut lines = Vec::new();
    if let Some(reason) = playbook.when.reason {
        lines.push(format!("- The reason is `{reason}`."));
    }
    if let Some(kind) = &playbook.when.kind {
        lines.push(format!("- The object that a person would fix is a {kind}."));
    }
    match playbook.when.cause {
        WantedCause::Rollout => lines
            .push("- A rollout brought it: an earlier revision was healthy, the newest is not.".to_owned()),
        WantedCause::MemoryLimit => lines.push(
            "- A container was killed at its own memory limit, and no rollout brought that.".to_owned(),
        ),
        WantedCause::OnePod => lines.push(
            "- One pod of several is broken by what it alone has: every other one serves, and is of the current \
             revision."
                .to_owned(),
        ),
        WantedCause::Hang => {
            lines.push("- Every pod was Ready and hangs, and no rollout brought that.".to_owned());
        }
        WantedCause::Any => {}
    }
    lines.join("\n")
}

fn proof(action: ActionKind, verify: &Verify) -> String {
    let soak = verify.soak.map_or_else(
        || "Every measure holds for the soak that policy sets".to_owned(),
        |s| format!("Every measure holds for {s}, or for as long as policy sets if that is longer"),
    );
    let mut out = format!(
        "{soak}, with data newer than the write. At least one marked *red first* fails before it.\n\n\
         | measure | asks | holds when | red first | why |\n|---|---|---|---|---|"
    );
    for measure in &verify.measures {
        let red = if measure.red_first() { "yes" } else { "" };
        let (asks, holds, why) = match measure {
            Measure::Query(m) => (
                format!("`{}`{}", one_line(&m.query).replace('|', "\\|"), bound(&m.bind)),
                format!("`{} {}`", m.holds.op.sign(), m.holds.value),
                one_line(&m.why),
            ),
            Measure::Cluster(m) => {
                ("the cluster".to_owned(), "it is so".to_owned(), m.cluster.meaning().to_owned())
            }
        };
        let _ = write!(out, "\n| {} | {asks} | {holds} | {red} | {why} |", measure.name());
    }
    let alone: Vec<String> =
        verify.measures.iter().filter(|m| !proves(action, m)).map(|m| format!("`{}`", m.name())).collect();
    if !alone.is_empty() && !own_write_satisfies(action).is_empty() {
        let _ =
            write!(out, "\n\nThe write itself satisfies {}: alone they prove nothing.", alone.join(" and "));
    }
    out
}

fn bound(bind: &BTreeMap<String, Parameter>) -> String {
    if bind.is_empty() {
        return String::new();
    }
    let one = |(label, parameter): (&String, &Parameter)| format!("`{label}` = its {}", parameter.as_str());
    format!(" of {}", bind.iter().map(one).collect::<Vec<_>>().join(", "))
}

/// The headings of a text that becomes a section.
fn deeper(text: &str) -> String {
    let line = |line: &str| if line.starts_with('#') { format!("#{line}") } else { line.to_owned() };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_pages_are_fresh() {
        for (file, text) in pages() {
            expect_test::expect_file![format!("../../docs/catalogue/playbooks/{file}")].assert_eq(&text);
        }
    }

    #[test]
    fn every_shipped_playbook_has_a_page_that_says_it_is_generated() {
        let pages = pages();
        assert_eq!(pages.len(), Catalog::embedded().iter().count());
        for (file, text) in &pages {
            assert!(text.lines().take(5).any(|line| line.contains("@generated")), "{file}");
            assert!(!text.contains("\n\n\n"), "{file}");
        }
        let (_, rollback) = pages.iter().find(|(file, _)| file == "rollback-deployment.md").unwrap();
        assert!(
            rollback.contains("| unavailable-replicas | `sum(kube_deployment_status_replicas_unavailable)`")
        );
        assert!(rollback.contains("`no-restarts` and `template-is`: alone they prove nothing."));
        assert!(rollback.contains("\n### Before you approve\n"));
    }
}
