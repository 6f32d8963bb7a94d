//! PromQL as a tree: what a playbook's query may be, and the selectors in it.

use promql_parser::label::{METRIC_NAME, Matcher};
use promql_parser::parser::value::ValueType;
use promql_parser::parser::{Expr, VectorSelector};

/// The longest query, in bytes.
pub(crate) const LONGEST: usize = 2_000;

/// Metrics that Prometheus makes from its own alerts. An alert never proves anything.
const OF_ALERTS: &[&str] = &["ALERTS", "ALERTS_FOR_STATE"];

/// Functions that say something when there is no data.
const OF_ABSENCE: &[&str] = &["absent", "absent_over_time"];

/// Why a query is refused, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) what: String,
    pub(crate) next: String,
}

fn refused<T>(what: impl Into<String>, next: impl Into<String>) -> Result<T, Refused> {
    Err(Refused { what: what.into(), next: next.into() })
}

/// Reads a query and refuses what a playbook may not ask.
pub(crate) fn read(query: &str) -> Result<Expr, Refused> {
    if query.len() > LONGEST {
        let what = format!("the query has {} bytes, at most {LONGEST} are read", query.len());
        return refused(what, "ask less in one query");
    }
    let mut expr = match promql_parser::parser::parse(query) {
        Ok(expr) => expr,
        Err(error) => {
            let first = error.lines().next().unwrap_or_default().to_owned();
            return refused(
                format!("not PromQL: {first}"),
                "try the query in Prometheus before it goes here",
            );
        }
    };
    if expr.value_type() != ValueType::Vector {
        let what = format!("the query yields a {}, not an instant vector", expr.value_type());
        return refused(what, "wrap a range in rate() or increase(), and ask of a metric");
    }
    let mut problem = None;
    each(&mut expr, &mut |part| {
        if problem.is_none() {
            problem = part_refused(part);
        }
    });
    if let Some(problem) = problem {
        return Err(problem);
    }
    if selectors(&mut expr).is_empty() {
        return refused("the query asks of no metric", "name a metric: numbers and time() prove nothing");
    }
    if print(&mut expr).is_err() {
        return refused("the query does not read back as it was written", "write it in a simpler form");
    }
    Ok(expr)
}

/// A query's text, proven to be read back as the same tree; otherwise the text alone.
pub(crate) fn print(expr: &mut Expr) -> Result<String, String> {
    for selector in selectors(expr) {
        // The printer sorts matchers, so that trees compare only when they are sorted too.
        selector.matchers.matchers.sort_by_cached_key(ToString::to_string);
    }
    let text = expr.to_string();
    if promql_parser::parser::parse(&text).as_ref() == Ok(&*expr) { Ok(text) } else { Err(text) }
}

/// Sets matchers into every selector; the query's text, proven as [`print`] does.
pub(crate) fn set(expr: &mut Expr, matchers: &[Matcher]) -> Result<String, String> {
    for selector in selectors(expr) {
        selector.matchers.matchers.extend_from_slice(matchers);
    }
    print(expr)
}

/// Why one part of a query is refused.
fn part_refused(part: &Expr) -> Option<Refused> {
    let no = |what: &str, next: &str| Some(Refused { what: what.to_owned(), next: next.to_owned() });
    match part {
        Expr::Subquery(_) => no("a subquery", "ask for the value of now; the soak repeats the question"),
        Expr::Call(call) if OF_ABSENCE.contains(&call.func.name) => no(
            &format!("{}() turns missing data into an answer", call.func.name),
            "no data is never success: ask for a sample that is there when all is well",
        ),
        Expr::Binary(binary)
            if binary.op.is_comparison_operator()
                && !binary.modifier.as_ref().is_some_and(|m| m.return_bool) =>
        {
            no(
                "a comparison without `bool` drops the samples that fail it",
                "compare in `holds`, where every sample counts",
            )
        }
        Expr::VectorSelector(selector) => selector_refused(selector),
        Expr::MatrixSelector(matrix) => selector_refused(&matrix.vs),
        Expr::Extension(_) => no("an extension of PromQL", "ask in plain PromQL"),
        Expr::Aggregate(_)
        | Expr::Unary(_)
        | Expr::Binary(_)
        | Expr::Paren(_)
        | Expr::NumberLiteral(_)
        | Expr::StringLiteral(_)
        | Expr::Call(_) => None,
    }
}

fn selector_refused(selector: &VectorSelector) -> Option<Refused> {
    let no = |what: String, next: &str| Some(Refused { what, next: next.to_owned() });
    if selector.offset.is_some() {
        return no("`offset` asks of the past".to_owned(), "a measure is of now: leave `offset` out");
    }
    if selector.at.is_some() {
        return no("`@` asks of a fixed time".to_owned(), "a measure is of now: leave `@` out");
    }
    if !selector.matchers.or_matchers.is_empty() {
        return no("`or` between matchers".to_owned(), "write two selectors");
    }
    let named_again = selector.matchers.matchers.iter().any(|m| m.name == METRIC_NAME);
    match &selector.name {
        Some(name) if OF_ALERTS.contains(&name.as_str()) => no(
            format!("{name} is Prometheus' opinion, not a measurement"),
            "ask of the metric that the alert is made of",
        ),
        Some(name) if !named_again && is_metric(name) => None,
        _ => no("a selector without a metric's name".to_owned(), "write the name before the braces"),
    }
}

fn is_metric(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
        && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// Whether a text can be a label of a series.
pub(crate) fn is_label(name: &str) -> bool {
    !name.is_empty() && name != METRIC_NAME && is_metric(name) && !name.contains(':')
}

/// Every selector of a query, those of ranges included, from left to right.
pub(crate) fn selectors(expr: &mut Expr) -> Vec<&mut VectorSelector> {
    match expr {
        Expr::VectorSelector(selector) => vec![selector],
        Expr::MatrixSelector(matrix) => vec![&mut matrix.vs],
        Expr::Aggregate(_)
        | Expr::Unary(_)
        | Expr::Binary(_)
        | Expr::Paren(_)
        | Expr::Subquery(_)
        | Expr::NumberLiteral(_)
        | Expr::StringLiteral(_)
        | Expr::Call(_)
        | Expr::Extension(_) => children(expr).into_iter().flat_map(selectors).collect(),
    }
}

fn each(expr: &mut Expr, look: &mut dyn FnMut(&Expr)) {
    look(expr);
    for child in children(expr) {
        each(child, look);
    }
}

/// The parts of an expression. Written out, because the parser's own walk leaves out an aggregation's parameter,
/// and a selector there must be bound too.
fn children(expr: &mut Expr) -> Vec<&mut Expr> {
    match expr {
        Expr::Aggregate(a) => a.param.as_deref_mut().into_iter().chain([&mut *a.expr]).collect(),
        Expr::Unary(u) => vec![&mut u.expr],
        Expr::Binary(b) => vec![&mut b.lhs, &mut b.rhs],
        Expr::Paren(p) => vec![&mut p.expr],
        Expr::Subquery(s) => vec![&mut s.expr],
        Expr::Call(c) => c.args.args.iter_mut().map(|arg| &mut **arg).collect(),
        Expr::NumberLiteral(_)
        | Expr::StringLiteral(_)
        | Expr::VectorSelector(_)
        | Expr::MatrixSelector(_)
        | Expr::Extension(_) => Vec::new(),
    }
}
