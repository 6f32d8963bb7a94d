//! A shipped playbook has cases, one of them negative, and a catalogue page.

use crate::detectors::cases;
use crate::{Tree, Violation};
use std::collections::BTreeSet;

const RULE: &str = "playbooks";

/// Where the shipped playbooks stand.
pub const CATALOG: &str = "playbooks/catalog";

/// Every `playbooks/catalog/*.yaml` has cases and a page; every folder of cases has its playbook.
pub fn check(tree: &Tree) -> Vec<Violation> {
    let shipped = tree.entries(CATALOG);
    let names: BTreeSet<&str> = shipped.iter().filter_map(|entry| entry.strip_suffix(".yaml")).collect();
    let mut found = Vec::new();
    for entry in shipped.iter().filter(|entry| entry.strip_suffix(".yaml").is_none()) {
        let path = format!("{CATALOG}/{entry}");
        found.push(Violation::new(
            RULE,
            &path,
            0,
            "not a playbook",
            "one `<name>.yaml` a playbook, nothing else",
        ));
    }
    for name in &names {
        found.extend(cases(RULE, tree, "playbooks/testdata", name));
        let page = format!("docs/catalogue/playbooks/{name}.md");
        if tree.has("docs/catalogue") && tree.file(&page).is_none() {
            found.push(Violation::new(RULE, &page, 0, "missing page", "generate the catalogue"));
        }
    }
    let folders = tree.entries("playbooks/testdata");
    for folder in
        folders.iter().filter(|f| tree.has(CATALOG) && !f.contains('.') && !names.contains(f.as_str()))
    {
        let path = format!("playbooks/testdata/{folder}");
        found.push(Violation::new(
            RULE,
            &path,
            0,
            "cases of no playbook",
            format!("name the folder as in {CATALOG}"),
        ));
    }
    found
}
