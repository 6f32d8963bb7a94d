//! Playbooks in force, and which one an incident gets.

use crate::api::playbook::{Explanation, PassedOver, PlaybookLine, PlaybookList};
use nightshift_engine::digest::words;
use nightshift_engine::plan::{plan, situation};
use nightshift_engine::rules::Rules;
use nightshift_model::Incident;
use nightshift_playbooks::schema::Plan;
use nightshift_playbooks::{Catalog, Playbook, select};

/// The playbooks in the order in which they are tried.
pub fn playbooks(catalog: &Catalog) -> PlaybookList {
    let line = |p: &Playbook| PlaybookLine {
        name: p.name.clone(),
        version: p.version,
        summary: p.summary.clone(),
        reason: p.when.reason.map(|r| r.to_string()),
        action: match &p.plan {
            Plan::Action(action) => Some(action.to_string()),
            Plan::Escalate(_) => None,
        },
    };
    PlaybookList { digest: catalog.digest().to_string(), items: catalog.iter().map(line).collect() }
}

/// Which playbook an incident gets under these rules, and what that leads to; `None` while nothing is known of its
/// symptom.
pub fn explain(incident: &Incident, rules: &Rules) -> Option<Explanation> {
    let situation = situation(incident)?;
    let selected = select(&rules.playbooks, &situation);
    let passed = |(name, why): &(&str, nightshift_playbooks::WhyNot)| PassedOver {
        playbook: (*name).to_owned(),
        why: why.to_string(),
    };
    let planned = plan(incident, rules);
    Some(Explanation {
        incident: incident.id.clone(),
        trouble: words::trouble_of(incident),
        selected: selected.playbook.name.clone(),
        summary: selected.playbook.summary.clone(),
        passed_over: selected.passed_over.iter().map(passed).collect(),
        plan: planned.as_ref().ok().cloned(),
        escalation: planned.err(),
        situation,
    })
}
