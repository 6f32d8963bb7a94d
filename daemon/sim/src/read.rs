//! Get and list, and how an object looks on the wire.

use serde_json::{Value, json};

use crate::Sim;
use crate::api::{ApiRequest, ApiResponse};
use crate::failure::Failure;
use crate::kind::{Key, Kind};
use crate::route::Route;
use crate::selector::Selector;
use crate::value::{list, put, remove, text};

/// An object in the view of a kind: Events have two.
pub(crate) fn render(kind: &Kind, object: &Value) -> Value {
    let mut object = object.clone();
    if !kind.event_view() {
        return object;
    }
    put(&mut object, &["apiVersion"], "events.k8s.io/v1");
    for (core, view) in EVENT_FIELDS {
        if let Some(value) = object.get(core).cloned() {
            remove(&mut object, "", core);
            put(&mut object, &[view], value);
        }
    }
    object
}

/// The same field in core/v1 and in events.k8s.io/v1.
const EVENT_FIELDS: &[(&str, &str)] = &[
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("reportingComponent", "reportingController"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
];

/// Turns an events.k8s.io/v1 body into the stored form.
pub(crate) fn from_view(kind: &Kind, object: &mut Value) {
    if kind.event_view() {
        put(object, &["apiVersion"], "v1");
        for (core, view) in EVENT_FIELDS {
            if let Some(value) = object.get(view).cloned() {
                remove(object, "", view);
                put(object, &[core], value);
            }
        }
    }
}

impl Sim {
    /// One object.
    pub(crate) fn read(&self, route: &Route) -> Result<ApiResponse, Failure> {
        let key = route.kind.key(&route.ns, &route.name);
        let found = self.store.get(&key).ok_or_else(|| Failure::not_found(&route.kind, &route.name))?;
        Ok(ApiResponse::json(200, &render(&route.kind, found)))
    }

    /// A collection: selectors, `limit` and `continue`, `resourceVersion`.
    pub(crate) fn list(&self, request: &ApiRequest, route: &Route) -> Result<ApiResponse, Failure> {
        let selector = Selector::parse(request.param("labelSelector"), request.param("fieldSelector"))?;
        if request.flag("sendInitialEvents") {
            return Err(Failure::options("sendInitialEvents", "sendInitialEvents is forbidden for list"));
        }
        let limit: usize = request.param("limit").and_then(|limit| limit.parse().ok()).unwrap_or(0);
        let token = request.param("continue").filter(|token| !token.is_empty());
        let (rv, from) = match token {
            Some(token) => read_token(token)?,
            None => (self.exact(request)?, None),
        };
        let ns = (!route.ns.is_empty()).then_some(route.ns.as_str());
        let objects = self.store.snapshot(&route.kind, ns, rv).ok_or_else(|| match token {
            Some(_) => Failure::expired(
                "The provided continue parameter is too old to display a consistent list result. You can start a new \
                 list without the continue parameter.",
            ),
            None => Failure::expired(format!("The resourceVersion for the provided list is too old: {rv}")),
        })?;
        let mut matching = objects
            .into_iter()
            .filter(|(key, _)| from.as_ref().is_none_or(|(ns, name)| (&key.ns, &key.name) > (ns, name)))
            .filter(|(_, object)| selector.matches(object));
        let page: Vec<_> = matching.by_ref().take(if limit == 0 { usize::MAX } else { limit }).collect();
        let left = matching.count();
        let mut meta = json!({"resourceVersion": rv.to_string()});
        if let (Some((last, _)), true) = (page.last(), left > 0) {
            put(&mut meta, &["continue"], write_token(rv, last));
            if selector.is_empty() {
                put(&mut meta, &["remainingItemCount"], left);
            }
        }
        let items: Vec<_> = page
            .iter()
            .map(|(_, object)| {
                let mut item = render(&route.kind, object);
                if !route.kind.custom {
                    remove(&mut item, "", "kind");
                    remove(&mut item, "", "apiVersion");
                }
                item
            })
            .collect();
        let body = json!({"kind": format!("{}List", route.kind.kind), "apiVersion": route.kind.api_version(),
            "metadata": meta, "items": items});
        Ok(ApiResponse::json(200, &body))
    }

    /// The resourceVersion to list at.
    fn exact(&self, request: &ApiRequest) -> Result<u64, Failure> {
        let given = self.version(request)?;
        let exact = request.param("resourceVersionMatch") == Some("Exact");
        Ok(if exact && given > 0 { given } else { self.store.rv })
    }

    /// The request's resourceVersion, 0 when it names none; one from the future is 504, as the real answer.
    pub(crate) fn version(&self, request: &ApiRequest) -> Result<u64, Failure> {
        let given = request.param("resourceVersion").unwrap_or("");
        let version: u64 = if given.is_empty() {
            0
        } else {
            given
                .parse()
                .map_err(|_| Failure::bad_request(format!("invalid resource version \"{given}\"")))?
        };
        if version > self.store.rv {
            let message = format!("Too large resource version: {version}, current: {}", self.store.rv);
            let mut failure = Failure { retry_after: Some(1), ..Failure::new(504, "Timeout", message) };
            failure.details = json!({"causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]});
            return Err(failure);
        }
        Ok(version)
    }

    /// Stored object at a path, past faults and access rules; for tests.
    pub fn get(&self, path: &str) -> Option<Value> {
        let route = crate::route::parse(&self.kinds, path).ok()?;
        self.store.get(&route.kind.key(&route.ns, &route.name)).map(|object| render(&route.kind, object))
    }

    /// Stored objects of a collection path, in name order, past faults and access rules; for tests.
    pub fn get_all(&self, path: &str) -> Vec<Value> {
        let Ok(route) = crate::route::parse(&self.kinds, path) else { return Vec::new() };
        let ns = (!route.ns.is_empty()).then_some(route.ns.as_str());
        self.store.scan(&route.kind, ns).map(|(_, object)| render(&route.kind, object)).collect()
    }
}

/// Where a page ended: resourceVersion of the snapshot and the last key. Opaque to clients.
fn write_token(rv: u64, last: &Key) -> String {
    json!([rv, last.ns, last.name])
        .to_string()
        .bytes()
        .fold(String::new(), |sum, b| sum + &format!("{b:02x}"))
}

type Token = (u64, Option<(String, String)>);

fn read_token(token: &str) -> Result<Token, Failure> {
    let broken = || Failure::bad_request("continue key is not valid: broken token");
    let bytes: Option<Vec<u8>> = token
        .as_bytes()
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).ok().and_then(|hex| u8::from_str_radix(hex, 16).ok()))
        .collect();
    let value: Value = serde_json::from_slice(&bytes.ok_or_else(broken)?).map_err(|_| broken())?;
    let rv = list(&value, "").first().and_then(Value::as_u64).ok_or_else(broken)?;
    Ok((rv, Some((text(&value, "/1").into(), text(&value, "/2").into()))))
}
