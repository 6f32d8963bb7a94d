//! Stack traces of the common runtimes: which runtime, and the line that says what went wrong.

/// A stack trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    /// As people call it.
    pub runtime: &'static str,
    /// What went wrong: the innermost cause where the runtime tells it.
    pub headline: String,
}

/// Whether a line is a frame, a heading or a rest of a stack trace and says nothing by itself.
pub(super) fn is_frame(line: &str) -> bool {
    let text = line.trim_start();
    let indented = text.len() < line.len();
    let numbered = |rest: &str| rest.bytes().next().is_some_and(|b| b.is_ascii_digit());
    indented && (text.starts_with("at ") || text.starts_with("File \""))
        || indented && text.starts_with("from ") && text.contains(".rb:")
        || text.strip_prefix('#').is_some_and(numbered)
        || text.starts_with("goroutine ") && text.contains('[')
        || indented && (text.contains(".go:") || text.starts_with("/rustc/"))
        || text.starts_with("created by ")
        || text.starts_with("... ") && text.ends_with(" more")
        || text.starts_with("stack backtrace:")
        || text.starts_with("note: run with `RUST_BACKTRACE")
        || text.starts_with("Traceback (most recent call last)")
        || text.starts_with("Stack trace:")
        || text.starts_with("----- Native stack trace")
        || indented && text.bytes().all(|b| b"^~".contains(&b))
        // Frames of a native stack: ` 1: 0xb8d11b node::OOMErrorHandler(...)`.
        || text.split_once(": 0x").is_some_and(|(n, _)| n.len() <= 3 && n.bytes().all(|b| b.is_ascii_digit()))
        || text.starts_with("thrown in ") && indented
        || text.starts_with("Node.js v")
}

/// The last stack trace of a log; `None` when it has none.
pub(super) fn last(lines: &[&str]) -> Option<Trace> {
    let mut found = None;
    for (place, line) in lines.iter().enumerate() {
        if let Some(runtime) = opens(line, lines.get(place + 1).copied().unwrap_or_default()) {
            found = Some((place, runtime));
        }
    }
    let (place, runtime) = found?;
    let rest = lines.get(place..)?;
    let headline = match runtime {
        // The error stands below its frames.
        "Python" => rest.iter().skip(1).find(|l| !l.starts_with([' ', '\t']) && !l.trim().is_empty()),
        // Since 1.73 the message stands on the line below.
        "Rust" => rest.get(1).filter(|l| !is_frame(l) && !l.trim().is_empty()).or(rest.first()),
        _ => rest.first(),
    };
    let headline = headline.or(rest.first())?.trim().to_owned();
    Some(Trace { runtime, headline })
}

/// The runtime whose stack trace a line opens, given the line below.
fn opens(line: &str, below: &str) -> Option<&'static str> {
    let text = line.trim();
    if is_frame(line) && !text.starts_with("Traceback") {
        return None;
    }
    let next = below.trim_start();
    let lower = text.to_ascii_lowercase();
    let at = below.starts_with([' ', '\t']) && next.starts_with("at ");
    let script = |l: &str| [".js:", ".ts:", ".mjs:", ".cjs:", "node:internal"].iter().any(|p| l.contains(p));
    if text.starts_with("Traceback (most recent call last)") {
        Some("Python")
    } else if text.starts_with("panic: ") || text.starts_with("fatal error: ") && next.is_empty() {
        Some("Go")
    } else if text.starts_with("thread '") && text.contains(" panicked at ") {
        Some("Rust")
    } else if lower.contains("php fatal error:") || lower.starts_with("fatal error: uncaught ") {
        Some("PHP")
    } else if text.starts_with("Unhandled exception. ")
        || at && next.contains(" in ") && next.contains(":line ")
    {
        Some(".NET")
    } else if at && (script(next) || next.contains("<anonymous>")) {
        Some("Node.js")
    } else if text.contains(".rb:") && text.contains(":in ") && !is_frame(line) {
        Some("Ruby")
    } else if text.starts_with("Exception in thread ")
        || text.starts_with("Caused by: ")
        || (at && next.contains('('))
    {
        Some("JVM")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(log: &str) -> Option<(&'static str, String)> {
        let lines: Vec<&str> = log.lines().collect();
        last(&lines).map(|t| (t.runtime, t.headline))
    }

    #[test]
    fn runtimes_are_told_apart() {
        let table = [
            (
                "Exception in thread \"main\" java.lang.IllegalStateException: no\n\tat shop.Main.main(Main.java:3)\nCaused by: java.io.IOException: gone\n\tat shop.Db.open(Db.java:9)\n\t... 1 more",
                ("JVM", "Caused by: java.io.IOException: gone"),
            ),
            (
                "Traceback (most recent call last):\n  File \"/app/main.py\", line 3, in <module>\n    run()\nValueError: bad port",
                ("Python", "ValueError: bad port"),
            ),
            (
                "/app/server.js:12\n    throw new Error('no config');\n    ^\n\nError: no config\n    at Object.<anonymous> (/app/server.js:12:9)\n    at node:internal/main/run_main_module:23:47\n\nNode.js v20.11.0",
                ("Node.js", "Error: no config"),
            ),
            (
                "panic: runtime error: invalid memory address or nil pointer dereference\n[signal SIGSEGV: segmentation violation]\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:12 +0x1d",
                ("Go", "panic: runtime error: invalid memory address or nil pointer dereference"),
            ),
            (
                "Unhandled exception. System.InvalidOperationException: no connection string\n   at Shop.Program.Main(String[] args) in /src/Program.cs:line 14",
                (".NET", "Unhandled exception. System.InvalidOperationException: no connection string"),
            ),
            (
                "/app/boot.rb:4:in 'Object#start': no settings (RuntimeError)\n\tfrom /app/boot.rb:9:in '<main>'",
                ("Ruby", "/app/boot.rb:4:in 'Object#start': no settings (RuntimeError)"),
            ),
            (
                "PHP Fatal error:  Uncaught RuntimeException: no key in /app/index.php:3\nStack trace:\n#0 {main}\n  thrown in /app/index.php on line 3",
                ("PHP", "PHP Fatal error:  Uncaught RuntimeException: no key in /app/index.php:3"),
            ),
            (
                "thread 'main' panicked at src/main.rs:4:5:\nno config\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
                ("Rust", "no config"),
            ),
        ];
        for (log, (runtime, headline)) in table {
            assert_eq!(of(log), Some((runtime, headline.to_owned())), "{log}");
        }
    }

    #[test]
    fn a_plain_log_has_none() {
        for log in ["", "error: 3 errors", "looking at the sky\n  at noon", "see main.rb for more"] {
            assert_eq!(of(log), None, "{log}");
        }
    }
}
