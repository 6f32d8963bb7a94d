//! How answers look: colour on a terminal, tables that fit it, times as a person reads them.

use clap::ValueEnum;
use jiff::tz::TimeZone;
use nightshift_engine::text::visible;
use nightshift_model::{Seconds, Timestamp};
use std::io::IsTerminal as _;

/// Columns where the terminal does not say.
const WIDTH: usize = 80;

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// `-o`, in every command that answers.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct OutputArg {
    /// The form of the answer
    #[arg(short, long, value_enum, default_value = "text")]
    pub(super) output: Format,
}

/// Where answers are read.
#[derive(Clone, Debug)]
pub(super) struct Screen {
    pub(super) style: Style,
    pub(super) width: usize,
    pub(super) zone: TimeZone,
    pub(super) now: Timestamp,
}

/// Colour or none. The words say the same without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    colour: bool,
}

impl Style {
    /// No colour.
    #[cfg(test)]
    pub(super) fn plain() -> Self {
        Self { colour: false }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    pub(super) fn title(self, text: &str) -> String {
        self.paint("1", text)
    }

    pub(super) fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    pub(super) fn unsure(self, text: &str) -> String {
        self.paint("33", text)
    }

    pub(super) fn bad(self, text: &str) -> String {
        self.paint("31", text)
    }

    /// Whether log lines may be coloured too.
    pub(super) fn is_coloured(self) -> bool {
        self.colour
    }
}

impl Screen {
    /// The terminal that the program runs in.
    pub(super) fn of_terminal(now: Timestamp) -> Self {
        let terminal = std::io::stdout().is_terminal();
        let refused = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let columns = std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok());
        Self {
            style: Style { colour: terminal && !refused },
            width: columns.filter(|c| terminal && *c >= 40).unwrap_or(WIDTH),
            zone: TimeZone::system(),
            now,
        }
    }

    /// `02:14 (12m ago)`, with the day when it was another one.
    pub(super) fn time(&self, at: Timestamp) -> String {
        format!("{} ({})", self.clock(at), self.relative(at))
    }

    /// `02:14`, with the day when it was another one.
    pub(super) fn clock(&self, at: Timestamp) -> String {
        let (at, now) = (at.get().to_zoned(self.zone.clone()), self.now.get().to_zoned(self.zone.clone()));
        let days = (now.date() - at.date()).get_days();
        let form = match days {
            0 => "%H:%M",
            -6..=6 => "%a %H:%M",
            _ => "%Y-%m-%d %H:%M",
        };
        at.strftime(form).to_string()
    }

    fn relative(&self, at: Timestamp) -> String {
        if at > self.now {
            format!("in {}", span(at.since(self.now)))
        } else {
            format!("{} ago", span(self.now.since(at)))
        }
    }
}

/// A length of time in one unit: `45 s`, `12 min`, `3 h`, `2 days`.
pub(super) fn span(length: Seconds) -> String {
    match length.0 {
        s @ 0..120 => format!("{s} s"),
        s @ 120..7_200 => format!("{} min", s / 60),
        s @ 7_200..172_800 => format!("{} h", s / 3_600),
        s => format!("{} days", s / 86_400),
    }
}

/// Columns of equal width. Nothing is cut: a part of an id or a name is worth less than a long line.
pub(super) fn table(screen: &Screen, heads: &[&str], rows: &[Vec<String>]) -> String {
    let width = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count());
        cells.chain(heads.get(at).map(|h| h.len())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let mut line = String::new();
        for (cell, width) in cells.iter().zip(&widths) {
            let pad = width.saturating_sub(cell.chars().count()) + 2;
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', pad));
        }
        line.trim_end().to_owned()
    };
    let mut out = screen.style.title(&line(heads.to_vec()));
    out.push('\n');
    for row in rows {
        out.push_str(&line(row.iter().map(String::as_str).collect()));
        out.push('\n');
    }
    out
}

/// One line of at most `width` characters.
pub(super) fn cut(line: &str, width: usize) -> String {
    if line.chars().count() <= width {
        return line.to_owned();
    }
    let mut cut: String = line.chars().take(width.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// Breaks at spaces, every line behind `indent` spaces; a word longer than a line stands whole, so that it can be copied.
/// Untrusted text is shown as text.
pub(super) fn wrapped(screen: &Screen, indent: usize, text: &str) -> String {
    let mut out = String::new();
    for one in text.lines() {
        let one = visible(one, 4_000);
        let mut line = String::new();
        for word in one.split_whitespace() {
            if !line.is_empty() && indent + line.chars().count() + 1 + word.chars().count() > screen.width {
                push(&mut out, indent, &line);
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        push(&mut out, indent, &line);
    }
    out
}

fn push(out: &mut String, indent: usize, line: &str) {
    out.extend(std::iter::repeat_n(' ', indent));
    out.push_str(line);
    out.push('\n');
}

/// A heading with its lines; nothing at all without lines.
pub(super) fn section(screen: &Screen, out: &mut String, title: &str, body: &str) {
    if !body.is_empty() {
        out.push('\n');
        out.push_str(&screen.style.title(title));
        out.push('\n');
        out.push_str(body);
    }
}

/// JSON with a line feed.
pub(super) fn json<T: serde::Serialize>(value: &T) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_else(|_| "null".to_owned());
    text.push('\n');
    text
}

/// `1 incident`, `2 incidents`.
pub(super) fn many(count: usize, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}
