//! How full mounted volumes are: no object of the cluster says so, only the kubelets' measurements in Prometheus.
//!
//! Thresholds and the time that they must hold are part of the questions, so that only what is short of room is answered.

use crate::params::Params;
use nightshift_model::Timestamp;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Volumes that one question may answer, the fullest first.
const MOST: usize = 200;
/// How far ahead a volume's growth is looked at: four days, as the usual alert does.
const AHEAD: u64 = 4 * 24 * 3600;

/// How a volume is short of room, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shortage {
    /// Nearly no bytes are free.
    Bytes,
    /// Nearly no inodes are free.
    Inodes,
    /// Few bytes are free, and at the rate of the last hours none will be.
    Filling,
}

impl Shortage {
    /// In the order of the [`questions`].
    pub const ALL: [Self; 3] = [Self::Bytes, Self::Inodes, Self::Filling];
}

/// A volume that is short of room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Short {
    /// How.
    pub of: Shortage,
    /// Thousandths of it that are free.
    pub free: u32,
}

/// Every mounted volume that is short of room, as Prometheus said at one moment, by namespace and claim.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Volumes {
    /// When it was asked.
    pub at: Option<Timestamp>,
    /// By namespace and name of the claim.
    pub short: BTreeMap<(String, String), Short>,
}

/// The questions, in the order of [`Shortage::ALL`]. Volumes that nobody can write to are left out where it is known.
pub fn questions(params: &Params) -> [String; 3] {
    let (full, filling) = (params.volume_free.0, params.volume_filling.0);
    let by = "max by (namespace, persistentvolumeclaim)";
    let on = "on (namespace, persistentvolumeclaim)";
    let share = |free: &str, all: &str| {
        format!(
            "{by} (max_over_time(kubelet_volume_stats_{free}[2m])) / {on} {by} (kubelet_volume_stats_{all} > 0)"
        )
    };
    let written = format!(
        "{on} {by} (kubelet_volume_stats_used_bytes > 0) unless {on} kube_persistentvolumeclaim_access_mode{{access_mode=\"ReadOnlyMany\"}} == 1"
    );
    let bytes = share("available_bytes", "capacity_bytes");
    let ask = |short: String| format!("bottomk({MOST}, {short})");
    [
        ask(format!("(({bytes}) * 100 < {full}) and {written}")),
        ask(format!("(({}) * 100 < {full}) and {written}", share("inodes_free", "inodes"))),
        ask(format!(
            "(({bytes}) * 100 < {filling}) and {on} {by} (predict_linear(kubelet_volume_stats_available_bytes[6h], {AHEAD})) < 0 and {written}"
        )),
    ]
}

impl Volumes {
    /// Reads the answers to the [`questions`]. A volume is told of once, by what is worst.
    ///
    /// # Errors
    /// What is not an answer to such a question.
    pub fn read(answers: &[Vec<u8>; 3], at: Timestamp) -> Result<Self, String> {
        let mut volumes = Self { at: Some(at), short: BTreeMap::new() };
        for (of, body) in Shortage::ALL.into_iter().zip(answers) {
            let answer: Answer =
                serde_json::from_slice(body).map_err(|e| format!("not Prometheus' answer: {e}"))?;
            if answer.status != "success" {
                return Err(format!("Prometheus refused the question: {}", answer.error));
            }
            let Data { kind, result } = answer.data.unwrap_or_default();
            if kind != "vector" {
                return Err(format!("the result is a `{kind}`, not a vector"));
            }
            for Sample { metric, value: (_, percent) } in result.into_iter().take(MOST) {
                let named = !metric.namespace.is_empty() && !metric.claim.is_empty();
                if let Some(free) = thousandths(&percent).filter(|_| named) {
                    volumes.short.entry((metric.namespace, metric.claim)).or_insert(Short { of, free });
                }
            }
        }
        Ok(volumes)
    }
}

/// From percent; what is no share is none.
fn thousandths(percent: &str) -> Option<u32> {
    let percent = percent.parse::<f64>().ok().filter(|p| (0.0..=100.0).contains(p))?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // from 0 to 1,000
    Some((percent * 10.0).floor() as u32)
}

#[derive(Deserialize)]
struct Answer {
    status: String,
    #[serde(default)]
    error: String,
    data: Option<Data>,
}

#[derive(Default, Deserialize)]
struct Data {
    #[serde(rename = "resultType")]
    kind: String,
    result: Vec<Sample>,
}

#[derive(Deserialize)]
struct Sample {
    metric: Metric,
    value: (serde_json::Value, String),
}

#[derive(Deserialize)]
struct Metric {
    #[serde(default)]
    namespace: String,
    #[serde(default, rename = "persistentvolumeclaim")]
    claim: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(samples: &str) -> Vec<u8> {
        format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{samples}]}}}}"#)
            .into_bytes()
    }

    fn sample(claim: &str, percent: &str) -> String {
        format!(
            r#"{{"metric":{{"namespace":"shop","persistentvolumeclaim":"{claim}"}},"value":[1.5,"{percent}"]}}"#
        )
    }

    #[test]
    fn a_volume_is_told_of_once_by_what_is_worst() {
        let both = format!("{},{}", sample("data", "2.19"), sample("odd", "NaN"));
        let answers = [vector(&both), vector(&sample("small", "0")), vector(&sample("data", "14.9"))];
        let seen = Volumes::read(&answers, Timestamp::EPOCH).unwrap();
        let short: Vec<_> = seen.short.iter().map(|((_, claim), short)| (claim.as_str(), *short)).collect();
        let told = [
            ("data", Short { of: Shortage::Bytes, free: 21 }),
            ("small", Short { of: Shortage::Inodes, free: 0 }),
        ];
        assert_eq!(short, told);
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        let none = || vector("");
        for (body, why) in [
            (br#"{"status":"error","error":"bad_data"}"#.to_vec(), "bad_data"),
            (br#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#.to_vec(), "matrix"),
            (b"<html>".to_vec(), "not Prometheus' answer"),
            (Vec::new(), "not Prometheus' answer"),
        ] {
            let told = Volumes::read(&[none(), body, none()], Timestamp::EPOCH).unwrap_err();
            assert!(told.contains(why), "{told}");
        }
        let nameless = vector(r#"{"metric":{},"value":[1,"1"]}"#);
        assert_eq!(Volumes::read(&[nameless, none(), none()], Timestamp::EPOCH).unwrap().short.len(), 0);
    }
}
