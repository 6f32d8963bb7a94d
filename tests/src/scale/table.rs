//! The results page: one row a benchmark, one command that writes it.

use std::fmt::{self, Write as _};

/// The middle of several rounds, with the smallest and the largest.
#[derive(Clone, Debug, Default)]
pub struct Spread(Vec<f64>);

impl Spread {
    /// One more round.
    pub fn add(&mut self, value: f64) {
        let place = self.0.partition_point(|known| *known < value);
        self.0.insert(place, value);
    }

    /// The value below which this share of the rounds lies.
    pub fn at(&self, share: f64) -> f64 {
        let last = self.0.len().saturating_sub(1);
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        // a place in a list
        let place = (last as f64 * share).round() as usize;
        self.0.get(place).copied().unwrap_or_default()
    }

    /// The median.
    pub fn middle(&self) -> f64 {
        self.at(0.5)
    }

    /// How many.
    pub fn rounds(&self) -> usize {
        self.0.len()
    }

    /// The median with its neighbours, in a unit.
    pub fn told(&self, unit: &str) -> String {
        let [low, middle, high] = [self.at(0.0), self.middle(), self.at(1.0)].map(short);
        match self.0.len() {
            0 => "not measured".to_owned(),
            1 => format!("{middle} {unit}"),
            _ => format!("{middle} {unit} ({low} to {high})"),
        }
    }
}

impl FromIterator<f64> for Spread {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut all = Self::default();
        values.into_iter().for_each(|value| all.add(value));
        all
    }
}

/// Three digits that count.
pub fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 || v == 0.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

/// Whether a target is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Met {
    /// It is.
    Yes,
    /// It is not; the page says why.
    No,
    /// A number to compare with, without a target.
    Shown,
}

impl Met {
    /// By a comparison.
    pub fn when(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

impl fmt::Display for Met {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Yes => "yes",
            Self::No => "**no**",
            Self::Shown => "",
        })
    }
}

/// One line of the table.
#[derive(Clone, Debug)]
pub struct Row {
    /// `B1`.
    pub id: &'static str,
    /// What was measured.
    pub what: String,
    /// Ours.
    pub ours: String,
    /// The peer or the limit.
    pub peer: String,
    /// Ours by theirs.
    pub ratio: String,
    /// What is wanted.
    pub target: String,
    /// Whether it is so.
    pub met: Met,
}

/// Everything that one run has to tell.
#[derive(Clone, Debug, Default)]
pub struct Page {
    rows: Vec<Row>,
    notes: Vec<(String, String)>,
    broken: Vec<&'static str>,
}

impl Page {
    /// One more line, which is printed at once.
    pub fn row(&mut self, row: Row) {
        println!(
            "bench: {} {}: {}; {}; {}; wanted {}; {}",
            row.id, row.what, row.ours, row.peer, row.ratio, row.target, row.met
        );
        self.rows.push(row);
    }

    /// One benchmark has ended. If it broke, the page says so, and the others go on.
    pub fn done(&mut self, id: &'static str, done: anyhow::Result<()>) {
        let Err(error) = done else { return };
        println!("bench: {id} broke: {error:#}");
        self.broken.push(id);
        self.note(&format!("{id} was not measured to its end"), &format!("{error:#}"));
    }

    /// What broke.
    pub fn broken(&self) -> &[&'static str] {
        &self.broken
    }

    /// Text under the table: a profile, or how something was done.
    pub fn note(&mut self, title: &str, text: &str) {
        self.notes.push((title.to_owned(), text.trim_end().to_owned()));
    }

    /// The page as Markdown.
    pub fn markdown(&self, head: &str) -> String {
        let mut page = format!("{}\n\n", head.trim_end());
        page.push_str(
            "| # | what | measured | beside | ratio | target | met |\n|---|---|---|---|---|---|---|\n",
        );
        for Row { id, what, ours, peer, ratio, target, met } in &self.rows {
            let _ = writeln!(page, "| {id} | {what} | {ours} | {peer} | {ratio} | {target} | {met} |");
        }
        for (title, text) in &self.notes {
            let _ = write!(page, "\n## {title}\n\n{text}\n");
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_the_middle() {
        let spread: Spread = [5.0, 1.0, 3.0, 2.0, 40.0].into_iter().collect();
        assert_eq!(spread.told("ms"), "3.00 ms (1.00 to 40.0)");
        assert_eq!(Spread::default().told("ms"), "not measured");
    }
}
