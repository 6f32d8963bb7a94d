//! The webhook's configuration as the API server stored it: whether it can touch anybody else, and whose certificates it
//! trusts.

use super::policy::WEBHOOK;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// What is to be done about it.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// It is as it should be.
    Leave,
    /// It should trust other certificates: this JSON Patch says which.
    Trust(Vec<Value>),
    /// An API server that knows no match conditions dropped them, so it meets everybody's writes: this JSON Patch takes the
    /// webhook out of it.
    Disarm(Vec<Value>),
}

/// What should be done about a stored configuration, of which `conditions` were asked for and which should trust `bundle`.
///
/// # Errors
/// One sentence: it is not ours, or not as it was installed, and a person must look.
pub fn step(stored: &Value, conditions: &Value, bundle: &str) -> Result<Step, String> {
    let version = stored.pointer("/metadata/resourceVersion").ok_or("it has no version")?;
    let guard = json!({"op": "test", "path": "/metadata/resourceVersion", "value": version});
    let webhooks = stored.get("webhooks").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let [webhook] = webhooks else {
        return Err(format!("it holds {} webhooks instead of the one", webhooks.len()));
    };
    if webhook.get("name").and_then(Value::as_str) != Some(WEBHOOK) {
        return Err(format!("its webhook is not {WEBHOOK}"));
    }
    let stands =
        webhook.get("matchConditions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if stands.is_empty() {
        return Ok(Step::Disarm(vec![guard, json!({"op": "replace", "path": "/webhooks", "value": []})]));
    }
    let ours = conditions.as_array().map(Vec::as_slice).unwrap_or_default();
    if stands != ours {
        return Err("its match conditions are not those that this program was told of".to_owned());
    }
    if webhook.get("failurePolicy").and_then(Value::as_str) != Some("Fail") {
        return Err("its failurePolicy is not Fail, so it would let everything through".to_owned());
    }
    let wanted = STANDARD.encode(bundle);
    if webhook.pointer("/clientConfig/caBundle").and_then(Value::as_str) == Some(&wanted) {
        return Ok(Step::Leave);
    }
    let name = json!({"op": "test", "path": "/webhooks/0/name", "value": WEBHOOK});
    let trust = json!({"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": wanted});
    Ok(Step::Trust(vec![guard, name, trust]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::policy::{conditions, shipped, webhook};

    fn stored() -> Value {
        json!({"metadata": {"name": "nightshift-lock", "resourceVersion": "7"}, "webhooks": webhook(&shipped())})
    }

    fn judged(stored: &Value) -> Result<Step, String> {
        step(stored, &conditions(&shipped()), "PEM")
    }

    #[test]
    fn its_certificates_are_put_in_where_they_are_not() {
        let Step::Trust(patch) = judged(&stored()).unwrap() else { panic!() };
        let told = json!([
            {"op": "test", "path": "/metadata/resourceVersion", "value": "7"},
            {"op": "test", "path": "/webhooks/0/name", "value": WEBHOOK},
            {"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": "UEVN"},
        ]);
        assert_eq!(Value::from(patch), told);
        let mut trusted = stored();
        trusted["webhooks"][0]["clientConfig"]["caBundle"] = json!("UEVN");
        assert_eq!(judged(&trusted), Ok(Step::Leave));
    }

    #[test]
    fn without_match_conditions_it_would_meet_everybody_and_is_taken_out() {
        for dropped in [json!([]), Value::Null] {
            let mut old = stored();
            old["webhooks"][0]["matchConditions"] = dropped;
            let Ok(Step::Disarm(patch)) = judged(&old) else { panic!("{:?}", judged(&old)) };
            assert_eq!(patch[0]["value"], "7");
            assert_eq!(patch[1], json!({"op": "replace", "path": "/webhooks", "value": []}));
        }
    }

    #[test]
    fn what_is_not_as_it_was_installed_is_told_and_left() {
        let with = |pointer: &str, value: Value| {
            let mut one = stored();
            *one.pointer_mut(pointer).unwrap() = value;
            one
        };
        for (one, why) in [
            (with("/webhooks", json!([])), "0 webhooks"),
            (with("/webhooks/0/name", json!("foreign")), "is not countersign"),
            (with("/webhooks/0/failurePolicy", json!("Ignore")), "failurePolicy"),
            (with("/webhooks/0/matchConditions/0/expression", json!("true")), "match conditions"),
            (with("/metadata", json!({})), "no version"),
            (Value::Null, "no version"),
        ] {
            let told = judged(&one).unwrap_err();
            assert!(told.contains(why), "{told}");
        }
    }
}
