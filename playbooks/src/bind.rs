//! Parameters of the target as equality matchers, set into the query's tree and never into its text.

use crate::promql;
use crate::schema::Parameter;
use nightshift_model::ObjectRef;
use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::VectorSelector;
use std::collections::{BTreeMap, BTreeSet};

/// A query whose parameters are bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The query.
    pub promql: String,
    /// A query that yields one sample: the Unix time of the oldest among the newest samples of each selector.
    /// It yields nothing when a selector has no data, for then nothing is known.
    pub fresh: String,
}

/// Why a query could not be bound.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BindError {
    /// The query is not one that a playbook may ask.
    #[error("query refused: {what} ({next})")]
    Refused {
        /// What is wrong with it.
        what: String,
        /// What to do.
        next: String,
    },
    /// The query names the label itself.
    #[error("the query already matches the label `{label}`, so it cannot be bound")]
    AlreadyMatched {
        /// The label.
        label: String,
    },
    /// The text cannot be a label.
    #[error("`{label}` is not a label that can be bound")]
    NotALabel {
        /// The text.
        label: String,
    },
    /// The target has no such parameter: a node has no namespace.
    #[error("the target {target} has no {parameter}")]
    Empty {
        /// The target, for people.
        target: String,
        /// The parameter.
        parameter: &'static str,
    },
    /// The bound query does not read back as the tree that it was printed from.
    #[error("the bound query does not read back: {promql}")]
    NotPrinted {
        /// What was printed.
        promql: String,
    },
}

/// Binds a query's labels to parameters of the target, in every selector.
///
/// # Errors
/// [`BindError`]; a query that the loader took fails only for the target's sake.
pub fn bind(query: &str, bind: &BTreeMap<String, Parameter>, target: &ObjectRef) -> Result<Bound, BindError> {
    let mut expr = promql::read(query).map_err(|r| BindError::Refused { what: r.what, next: r.next })?;
    let mut matchers = Vec::new();
    for (label, parameter) in bind {
        let value = value(*parameter, target);
        if value.is_empty() {
            return Err(BindError::Empty { target: target.to_string(), parameter: parameter.as_str() });
        }
        if !promql::is_label(label) {
            return Err(BindError::NotALabel { label: label.clone() });
        }
        matchers.push(Matcher::new(MatchOp::Equal, label, value));
    }
    for selector in promql::selectors(&mut expr) {
        if let Some(matcher) = matchers.iter().find(|matcher| already_matched(selector, &matcher.name)) {
            return Err(BindError::AlreadyMatched { label: matcher.name.clone() });
        }
    }
    let promql = promql::set(&mut expr, &matchers).map_err(|promql| BindError::NotPrinted { promql })?;
    let asked = promql::selectors(&mut expr).into_iter().map(|s| s.to_string()).collect();
    Ok(Bound { promql, fresh: fresh(&asked) })
}

fn value(parameter: Parameter, target: &ObjectRef) -> &str {
    match parameter {
        Parameter::Namespace => &target.namespace,
        Parameter::Name => &target.name,
    }
}

/// Whether a selector has a matcher for a label.
pub(crate) fn already_matched(selector: &VectorSelector, label: &str) -> bool {
    selector.matchers.matchers.iter().any(|m| m.name == label)
}

/// `max(timestamp(s))` is the time of the newest sample of one selector, without labels. Of several, each gets a
/// label of its own, for `or` keeps one of two equal label sets; `min` drops it again; `and` asks that each has data.
fn fresh(selectors: &BTreeSet<String>) -> String {
    let newest: Vec<String> = selectors.iter().map(|s| format!("max(timestamp({s}))")).collect();
    if let [only] = newest.as_slice() {
        return only.clone();
    }
    let apart: Vec<String> = newest
        .iter()
        .enumerate()
        .map(|(at, time)| format!("label_replace({time}, \"selector\", \"{at}\", \"\", \"\")"))
        .collect();
    format!("min({}) and {}", apart.join(" or "), newest.join(" and "))
}

#[cfg(test)]
mod tests;
