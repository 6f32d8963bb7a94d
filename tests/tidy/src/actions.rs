//! A new action is a variant, a file, an RBAC row, fixtures and a catalogue page: all of them or none.

use crate::source::{snake, variants};
use crate::{Tree, Violation};

const RULE: &str = "actions";

/// The closed enum of what nightshift can do.
pub const ENUM: &str = "daemon/model/src/action.rs";
/// The generated table of verbs.
pub const PERMISSIONS: &str = "docs/permissions.md";

/// Every variant of `enum Action` has its four companions.
pub fn check(tree: &Tree) -> Vec<Violation> {
    let Some(actions) = tree.file(ENUM).and_then(|f| variants(&f.tokens, "Action")) else {
        let missing =
            Violation::new(RULE, ENUM, 0, "no `enum Action`", "declare the closed enum of actions there");
        return if tree.just_begun("daemon/model/src") { Vec::new() } else { vec![missing] };
    };
    let mut found = Vec::new();
    for (variant, line) in actions {
        let name = snake(&variant);
        let mut want = |folder: &str, present: bool, what: &str, path: &str| {
            if tree.has(folder) && !present {
                found.push(Violation::new(
                    RULE,
                    ENUM,
                    line,
                    format!("{variant} has no {what}"),
                    format!("write {path}"),
                ));
            }
        };
        let file = format!("daemon/engine/src/actions/{name}.rs");
        let fixtures = format!("daemon/engine/testdata/actions/{name}");
        let page = format!("docs/catalogue/actions/{name}.md");
        let spellings = [variant.clone(), name.clone(), name.replace('_', "-")];
        let permission = tree.file(PERMISSIONS).is_some_and(|f| spellings.iter().any(|s| f.text.contains(s)));
        want("daemon/engine/src/actions", tree.file(&file).is_some(), "file", &file);
        want("daemon/engine/testdata", tree.has(&fixtures), "fixtures", &format!("a case into {fixtures}/"));
        want("docs/catalogue", tree.file(&page).is_some(), "catalogue page", &format!("{page} (generated)"));
        want("docs", permission, "row of permissions", &format!("its verbs into {PERMISSIONS} (generated)"));
    }
    found
}
