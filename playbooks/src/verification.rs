//! A playbook's measures and the policy's numbers as the health contract of one plan.

use crate::bind::{BindError, bind};
use crate::rules::proves;
use crate::schema::{Condition, Measure as Written, Plan, Playbook};
use nightshift_model::measure::{Check, ClusterCondition};
use nightshift_model::{Measure, ObjectRef, Policy, Reason, Risk, Seconds, VerificationSpec};

/// A sample older than this says nothing about now.
pub const MAX_AGE: Seconds = Seconds(120);

/// Looks in a row that must hold at least, however short the soak.
pub const SAMPLES: u32 = 2;

/// Said on the page when Prometheus has no part in a verification.
pub const CLUSTER_ONLY: &str = "no Prometheus is configured, so only the cluster itself is asked";

/// Said there when it has none because the playbook asks it nothing.
pub const ASKS_CLUSTER: &str = "the playbook asks nothing else";

/// Why a playbook yields no verification.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerificationError {
    /// The playbook plans no action.
    #[error("the playbook {playbook} plans no action, so there is nothing to verify")]
    NoAction {
        /// The playbook.
        playbook: String,
    },
    /// Without Prometheus nothing is left that fails before the write and that the write alone does not turn.
    #[error("without Prometheus the playbook {playbook} has no measure that proves its action")]
    NothingProves {
        /// The playbook.
        playbook: String,
    },
    /// A measure's parameters could not be bound.
    #[error("measure {measure} of the playbook {playbook}")]
    Bind {
        /// The playbook.
        playbook: String,
        /// The measure.
        measure: String,
        /// Why.
        #[source]
        source: BindError,
    },
}

/// A query of a playbook, parameters bound, whose answer is shown as evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its name in the playbook.
    pub name: String,
    /// The query.
    pub promql: String,
}

/// The health contract of a plan.
///
/// `written` is what the write itself leaves on the target, `longest_gap` the longest time between two restarts that was seen,
/// `prometheus` whether one is configured.
///
/// # Errors
/// [`VerificationError`]: then nothing may be proposed, and the incident escalates.
pub fn verification(
    playbook: &Playbook,
    policy: &Policy,
    risk: Risk,
    target: &ObjectRef,
    written: &ClusterCondition,
    prometheus: bool,
    longest_gap: Seconds,
) -> Result<VerificationSpec, VerificationError> {
    let name = || playbook.name.clone();
    let (Plan::Action(action), Some(verify)) = (&playbook.plan, &playbook.verify) else {
        return Err(VerificationError::NoAction { playbook: name() });
    };
    let in_force: Vec<&Written> =
        verify.measures.iter().filter(|m| prometheus || matches!(m, Written::Cluster(_))).collect();
    if !in_force.iter().any(|m| m.red_first() && proves(*action, m)) {
        return Err(VerificationError::NothingProves { playbook: name() });
    }
    let cluster_only = match (prometheus, in_force.iter().any(|m| matches!(m, Written::Query(_)))) {
        (false, _) => Some(CLUSTER_ONLY),
        (true, false) => Some(ASKS_CLUSTER),
        (true, true) => None,
    };
    let measures = in_force
        .into_iter()
        .map(|m| {
            let fail =
                |source| VerificationError::Bind { playbook: name(), measure: m.name().to_owned(), source };
            let check = check(m, target, written).map_err(fail)?;
            Ok(Measure { name: m.name().to_owned(), check, red_first: m.red_first() })
        })
        .collect::<Result<_, VerificationError>>()?;
    let soak = soak(playbook, policy, risk, longest_gap).max(verify.soak.unwrap_or_default());
    Ok(VerificationSpec {
        soak,
        every: policy.measure_every,
        samples: SAMPLES,
        deadline: Seconds(soak.0.saturating_add(policy.settle.0)),
        max_age: MAX_AGE,
        measures,
        cluster_only: cluster_only.map(str::to_owned),
    })
}

/// The contract of the same action where a person asked for it. No symptom is there to go away: what fails before the
/// write is that what was asked for does not stand, and it proves nothing alone. All other measures are the playbook's
/// own and must hold over the whole soak.
pub fn asked_for(
    spec: VerificationSpec,
    target: &ObjectRef,
    condition: ClusterCondition,
) -> VerificationSpec {
    let stands = |m: &Measure| matches!(&m.check, Check::Cluster { condition: c, .. } if *c == condition);
    let mut measures: Vec<Measure> =
        spec.measures.iter().map(|m| Measure { red_first: stands(m), ..m.clone() }).collect();
    if !measures.iter().any(stands) {
        let name = match &condition {
            ClusterCondition::MemoryLimitIs { .. } => Condition::LimitIs,
            ClusterCondition::PodReplaced { .. } => Condition::PodReplaced,
            ClusterCondition::RestartIs { .. } => Condition::RestartIs,
            ClusterCondition::JobComplete { .. } => Condition::JobComplete,
            ClusterCondition::RolledOut
            | ClusterCondition::NoRestarts
            | ClusterCondition::TemplateIs { .. } => Condition::TemplateIs,
        };
        let name = name.as_str().to_owned();
        let check = Check::Cluster { condition, target: target.clone() };
        measures.push(Measure { name, check, red_first: true });
    }
    VerificationSpec { measures, ..spec }
}

/// The policy's soak. A crash loop looks healthy between two restarts, so it must outlast two gaps.
fn soak(playbook: &Playbook, policy: &Policy, risk: Risk, longest_gap: Seconds) -> Seconds {
    let by_risk = policy.soak.get(risk);
    let restarts = [None, Some(Reason::CrashLoopBackOff), Some(Reason::OOMKilled)];
    if restarts.contains(&playbook.when.reason) {
        return by_risk.max(policy.soak_crash_loop).max(Seconds(longest_gap.0.saturating_mul(2)));
    }
    by_risk
}

fn check(measure: &Written, target: &ObjectRef, written: &ClusterCondition) -> Result<Check, BindError> {
    Ok(match measure {
        Written::Query(m) => {
            let bound = bind(&m.query, &m.bind, target)?;
            let (holds, threshold) = (m.holds.op, m.holds.value.clone());
            Check::Query { promql: bound.promql, holds, threshold, fresh: bound.fresh }
        }
        Written::Cluster(m) => {
            let condition = match m.cluster {
                Condition::RolledOut => ClusterCondition::RolledOut,
                Condition::NoRestarts => ClusterCondition::NoRestarts,
                // The loader lets a playbook name only the one that its action leaves.
                Condition::TemplateIs
                | Condition::LimitIs
                | Condition::PodReplaced
                | Condition::RestartIs
                | Condition::JobComplete => written.clone(),
            };
            Check::Cluster { condition, target: target.clone() }
        }
    })
}

/// The playbook's queries for evidence, bound to the target.
///
/// # Errors
/// [`BindError`] when the target lacks a parameter.
pub fn questions(playbook: &Playbook, target: &ObjectRef) -> Result<Vec<Asked>, BindError> {
    let ask = |q: &crate::schema::Question| {
        Ok(Asked { name: q.name.clone(), promql: bind(&q.query, &q.bind, target)?.promql })
    };
    playbook.investigate.iter().map(ask).collect()
}

#[cfg(test)]
mod tests;
