//! Every cap appears in the metrics, so that a full queue or a cut text is seen before it hurts.

use crate::source::{Kind, Token, code_at};
use crate::{Tree, Violation};

const RULE: &str = "numbers";

/// Files that register metrics begin so (`telemetry.rs`, `telemetry/limits.rs`).
pub const METRICS: &str = "daemon/src/telemetry";

/// Every public constant of daemon/src named as a cap is named under [`METRICS`].
pub fn check(tree: &Tree) -> Vec<Violation> {
    let shown: Vec<Token> = tree.under(METRICS).flat_map(crate::File::shipped).collect();
    let mut found = Vec::new();
    for file in tree.under("daemon/src/").filter(|f| !f.path.starts_with(METRICS)) {
        let tokens = file.shipped();
        for (at, token) in tokens.iter().enumerate().filter(|(_, t)| t.kind == Kind::Word && is_cap(&t.text))
        {
            // `pub const`, `pub(crate) const`
            let public = at > 1
                && code_at(&tokens, at - 1, "const")
                && ["pub", ")"].iter().any(|p| code_at(&tokens, at - 2, p));
            if public && !shown.iter().any(|t| t.is(&token.text)) {
                let what = format!("the cap {} is in no metric", token.text);
                found.push(Violation::new(
                    RULE,
                    &file.path,
                    token.line,
                    what,
                    format!("register it in {METRICS}/limits.rs"),
                ));
            }
        }
    }
    found
}

fn is_cap(name: &str) -> bool {
    name.starts_with("MAX_") || name.ends_with("_LIMIT") || name.ends_with("_CAP")
}
