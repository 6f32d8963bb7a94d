//! Small charts from what the history holds, as SVG in the page: a mark a look, a gap where there was no data, a line where
//! it had to get to, and the moment of the write. Every chart has a sentence that says the same, and no mark is told from
//! another by its colour alone. Pure; nothing is measured for a chart.

use super::render::to_the_second;
use jiff::tz::TimeZone;
use nightshift_model::Timestamp;

/// Marks of one chart; of more looks, several share one mark.
pub(super) const MARKS: usize = 120;
/// Where marks stand, in units of the drawing's own: it scales with the page.
const LEFT: f64 = 40.0;
const RIGHT: f64 = 312.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 68.0;
/// Numbers beyond are drawn at the edge: a chart is no place for them.
const LARGEST: f64 = 1e12;

/// What one look said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mark {
    /// As it should be.
    Holds,
    /// Not asked, or no answer: a gap.
    NoData,
    /// Not as it should be.
    Fails,
}

/// One look. Without a number it is drawn by its mark alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Look {
    pub(super) at: Timestamp,
    pub(super) mark: Mark,
    pub(super) number: Option<f64>,
}

/// What is drawn.
#[derive(Clone, Debug)]
pub(super) struct Series<'a> {
    /// What was measured.
    pub(super) name: &'a str,
    /// Oldest first.
    pub(super) looks: Vec<Look>,
    /// Where it had to get to.
    pub(super) threshold: Option<f64>,
    /// When the write took effect.
    pub(super) write: Option<Timestamp>,
    /// What lies between two looks.
    pub(super) between: Between,
}

/// What lies between two looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Between {
    /// Nobody knows: a straight line leads the eye.
    Unknown,
    /// Every change is a look, so it stayed as it was.
    Unchanged,
}

/// A chart for the template.
#[derive(Clone, Debug, Default)]
pub(super) struct ChartView {
    pub(super) id: String,
    pub(super) name: String,
    /// All of it in words.
    pub(super) told: String,
    pub(super) lines: Vec<String>,
    pub(super) holds: Vec<(String, String)>,
    pub(super) fails: Vec<String>,
    pub(super) threshold: Option<String>,
    pub(super) write: Option<String>,
    pub(super) top: String,
    pub(super) bottom: String,
    pub(super) from: String,
    pub(super) until: String,
}

struct Scale {
    from: i64,
    until: i64,
    low: f64,
    high: f64,
}

impl Scale {
    #[expect(clippy::cast_precision_loss)] // microseconds of a night, drawn on 272 units
    fn x(&self, at: Timestamp) -> f64 {
        let whole = (self.until - self.from).max(1) as f64;
        LEFT + (RIGHT - LEFT) * ((at.micros() - self.from) as f64 / whole).clamp(0.0, 1.0)
    }

    fn y(&self, number: f64) -> f64 {
        BOTTOM - (BOTTOM - TOP) * ((number - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    /// Where a look stands; `None` is a gap.
    fn place(&self, look: &Look) -> Option<(f64, f64)> {
        let y = match (look.mark, look.number) {
            (Mark::NoData, _) => return None,
            (Mark::Holds | Mark::Fails, Some(number)) => self.y(number),
            (Mark::Holds, None) => TOP,
            (Mark::Fails, None) => BOTTOM,
        };
        Some((self.x(look.at), y))
    }
}

/// The chart; `None` for fewer than two looks, which a sentence tells better.
pub(super) fn draw(id: &str, series: &Series<'_>, zone: &TimeZone) -> Option<ChartView> {
    let all: Vec<Look> = series.looks.iter().map(finite).collect();
    let looks = thin(&all);
    let ([first, ..], [.., last]) = (looks.as_slice(), looks.as_slice()) else { return None };
    if looks.len() < 2 {
        return None;
    }
    let numbers = looks.iter().filter_map(|look| look.number).chain(series.threshold);
    let (low, high) = numbers.clone().fold((0.0_f64, 0.0_f64), |(low, high), n| (low.min(n), high.max(n)));
    let numeric = looks.iter().any(|look| look.number.is_some());
    let high = if high > low { high } else { low + 1.0 };
    let scale = Scale { from: first.at.micros(), until: last.at.micros(), low, high };
    let mut chart = ChartView {
        id: id.to_owned(),
        name: series.name.to_owned(),
        told: told(&all, series, zone),
        top: if numeric { number(high) } else { "holds".to_owned() },
        bottom: if numeric { number(low) } else { "fails".to_owned() },
        from: to_the_second(first.at, zone),
        until: to_the_second(last.at, zone),
        threshold: series.threshold.filter(|_| numeric).map(|t| unit(scale.y(t))),
        write: series.write.filter(|at| first.at <= *at && *at <= last.at).map(|at| unit(scale.x(at))),
        ..ChartView::default()
    };
    let (mut line, mut height): (Vec<String>, f64) = (Vec::new(), 0.0);
    for look in &looks {
        let Some((x, y)) = scale.place(look) else {
            chart.lines.extend(ended(&mut line));
            continue;
        };
        if series.between == Between::Unchanged && !line.is_empty() {
            line.push(format!("{},{}", unit(x), unit(height)));
        }
        line.push(format!("{},{}", unit(x), unit(y)));
        height = y;
        match look.mark {
            Mark::Holds => chart.holds.push((unit(x), unit(y))),
            Mark::Fails => chart.fails.push(cross(x, y)),
            Mark::NoData => {}
        }
    }
    chart.lines.extend(ended(&mut line));
    Some(chart)
}

/// A line of two points at least; one alone is its mark.
fn ended(line: &mut Vec<String>) -> Option<String> {
    let points = std::mem::take(line);
    (points.len() > 1).then(|| points.join(" "))
}

fn cross(x: f64, y: f64) -> String {
    let (left, right, top, low) = (unit(x - 3.5), unit(x + 3.5), unit(y - 3.5), unit(y + 3.5));
    format!("M{left} {top}L{right} {low}M{left} {low}L{right} {top}")
}

/// At most [`MARKS`]: of looks that share a mark the worst one stands, at its own time. First and last stay.
fn thin(looks: &[Look]) -> Vec<Look> {
    let ([first, middle @ .., last], true) = (looks, looks.len() > MARKS) else { return looks.to_vec() };
    let share = middle.len().div_ceil(MARKS - 2);
    let worst = |some: &[Look]| some.iter().max_by_key(|look| look.mark).copied();
    let kept = middle.chunks(share.max(1)).filter_map(worst);
    std::iter::once(*first).chain(kept).chain(std::iter::once(*last)).collect()
}

/// A number that can be drawn.
fn finite(look: &Look) -> Look {
    let number = look.number.filter(|n| n.is_finite()).map(|n| n.clamp(-LARGEST, LARGEST));
    Look { number, ..*look }
}

/// The chart in a sentence or three.
fn told(looks: &[Look], series: &Series<'_>, zone: &TimeZone) -> String {
    let said = |look: &Look| match (look.mark, look.number) {
        (Mark::NoData, _) => "no data".to_owned(),
        (Mark::Holds, None) => "holds".to_owned(),
        (Mark::Fails, None) => "fails".to_owned(),
        (Mark::Holds, Some(n)) => format!("{} (holds)", number(n)),
        (Mark::Fails, Some(n)) => format!("{} (fails)", number(n)),
    };
    let mut parts = Vec::new();
    if let ([first, ..], [.., last]) = (looks, looks) {
        let (from, until) = (to_the_second(first.at, zone), to_the_second(last.at, zone));
        parts.push(format!("{} at {from}, {} at {until}", said(first), said(last)));
    }
    let gaps = looks.iter().filter(|look| look.mark == Mark::NoData).count();
    let gaps = if gaps == 0 { String::new() } else { format!(", {gaps} without data") };
    parts.push(format!("{} looks{gaps}", looks.len()));
    if let Some(threshold) = series.threshold {
        parts.push(format!("threshold {}", number(threshold)));
    }
    if let Some(write) = series.write {
        parts.push(format!("the write took effect at {}", to_the_second(write, zone)));
    }
    if looks.len() > MARKS {
        parts.push("the worst of neighbouring looks is drawn".to_owned());
    }
    format!("{}.", parts.join("; "))
}

/// A place in the drawing.
fn unit(place: f64) -> String {
    format!("{place:.1}")
}

/// A number as people write it.
fn number(n: f64) -> String {
    let text = if n.abs() >= 1e6 { format!("{n:.1e}") } else { format!("{n:.3}") };
    if text.contains('e') { text } else { text.trim_end_matches('0').trim_end_matches('.').to_owned() }
}

#[cfg(test)]
mod tests;
