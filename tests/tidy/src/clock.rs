//! Time is an argument: only `daemon/src/clock.rs` reads it or waits for it.

use crate::source::{Kind, Token, code_at};
use crate::{Tree, Violation};

const RULE: &str = "clock";

/// The one file that reads the clock.
pub const CLOCK: &str = "daemon/src/clock.rs";

/// Types whose `now` reads the clock.
pub const NOW: &[&str] = &["Timestamp", "Instant", "SystemTime", "Zoned", "Utc", "Local"];

/// Functions that wait.
pub const WAIT: &[&str] = &["sleep", "sleep_until", "interval", "interval_at"];

/// No [`NOW`] and no [`WAIT`] in shipped code outside [`CLOCK`].
pub fn check(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in tree.files.iter().filter(|f| f.path != CLOCK) {
        let tokens = file.shipped();
        for (at, token) in tokens.iter().enumerate().filter(|(_, t)| t.kind == Kind::Word) {
            if let Some(what) = reads(&tokens, at, token) {
                let instead = "take `now` as an argument, or ask daemon::clock";
                found.push(Violation::new(RULE, &file.path, token.line, what, instead));
            }
        }
    }
    found
}

fn reads(tokens: &[Token], at: usize, token: &Token) -> Option<String> {
    let before = |back: usize, code| at >= back && code_at(tokens, at - back, code);
    let now =
        NOW.contains(&token.text.as_str()) && code_at(tokens, at + 1, "::") && code_at(tokens, at + 2, "now");
    if now {
        return Some(format!("{}::now reads the clock", token.text));
    }
    let call = WAIT.contains(&token.text.as_str()) && code_at(tokens, at + 1, "(");
    let bare = !before(1, ".") && !before(1, "fn") && !before(1, "::"); // `clock.sleep(d)` is the way
    let qualified = before(1, "::") && (before(2, "time") || before(2, "thread"));
    (call && (bare || qualified)).then(|| format!("{}() waits for the clock", token.text))
}
