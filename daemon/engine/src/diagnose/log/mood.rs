//! How a line was told: as the end, as a notice, or as something that is over.

/// The mood of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    /// Its own level says that it ends here, or that it is an error.
    Fatal,
    /// It says nothing of that.
    Plain,
    /// A notice, a warning, or something that is tried again.
    Mild,
    /// It says itself that nothing is wrong any more.
    Over,
}

const OVER: &[&str] = &["0 errors", "no error", "recovered from", "without error", "succeeded after"];
const FATAL: &[&str] = &[
    "fatal",
    "panic",
    "emerg",
    "critical",
    "crit]",
    "exception",
    "caused by",
    "error",
    "uncaught",
    "unhandled",
    "aborting",
    "exiting",
    "giving up",
    "severe",
    "cannot start",
    "could not start",
    "failed to start",
];
const MILD: &[&str] = &[
    "retry",
    "will try again",
    "trying again",
    "reconnect",
    "warn",
    "[notice]",
    "info ",
    "info]",
    "info:",
    "level=info",
    "\"info\"",
    "debug",
    "trace]",
    "level=trace",
    "attempt ",
    "ignoring",
    "skipping",
    "falling back",
    "waiting for",
    "deprecat",
];

/// The mood of a line in lower case. A line that is tried again is mild whatever its level.
pub(super) fn of(lower: &str) -> Mood {
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let begins = |letter: char| {
        // klog: a letter, then four digits of a date.
        let mut chars = lower.chars();
        chars.next() == Some(letter) && chars.take(4).filter(char::is_ascii_digit).count() == 4
    };
    if says(OVER) {
        Mood::Over
    } else if begins('i') || begins('w') || says(MILD) {
        Mood::Mild
    } else if begins('e') || begins('f') || says(FATAL) {
        Mood::Fatal
    } else {
        Mood::Plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_read_and_a_retry_is_never_the_end() {
        let table = [
            ("F0606 14:14:14.022712 1 main.go:261] Error trying to get the secret", Mood::Fatal),
            ("W0913 06:06:37.603648 7 nginx.go:131] x", Mood::Mild),
            ("E1215 18:58:45.396215 8 reflector.go:126] Failed to list", Mood::Fatal),
            ("2017/09/13 06:06:37 [emerg] 24#24: open() failed", Mood::Fatal),
            ("Error connecting, retrying in 5s", Mood::Mild),
            ("level=warning msg=\"connection refused\"", Mood::Mild),
            ("finished: 0 errors", Mood::Over),
            ("sh: /data: Permission denied", Mood::Plain),
        ];
        for (line, mood) in table {
            assert_eq!(of(&line.to_ascii_lowercase()), mood, "{line}");
        }
    }
}
