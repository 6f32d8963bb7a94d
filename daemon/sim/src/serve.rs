//! Requests: routing, access, faults, and the verbs on objects.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::Sim;
use crate::api::{Accepted, ApiRequest, ApiResponse, Method, Reply};
use crate::failure::{Cause, Failure};
use crate::fault::{Strike, Verb, denied, strike};
use crate::kind::Replace;
use crate::managed::By;
use crate::patch;
use crate::read::{from_view, render};
use crate::route::{self, Route};
use crate::rules;
use crate::value::{put, text};

/// An answer, and whether a stored object moved.
pub(crate) type Answer = (ApiResponse, bool);

impl Sim {
    /// Answers one request at a time. What was due before `now` has happened by then.
    pub fn handle(&mut self, request: &ApiRequest, now: Timestamp) -> Reply {
        self.advance(now);
        self.answer(request).unwrap_or_else(|failure| Reply::Once(failure.response()))
    }

    fn answer(&mut self, request: &ApiRequest) -> Result<Reply, Failure> {
        let simple = match request.path.as_str() {
            "/healthz" | "/readyz" | "/livez" => Some(ApiResponse::text(200, "ok".into())),
            "/version" => Some(ApiResponse::json(
                200,
                &json!({"major": "1", "minor": "35", "gitVersion": "v1.35.4", "gitCommit": "",
                    "gitTreeState": "clean", "buildDate": "2026-01-01T00:00:00Z", "goVersion": "go1.25",
                    "compiler": "gc", "platform": "linux/amd64"}),
            )),
            _ => None,
        };
        let review = request.path == "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        let route =
            if review || simple.is_some() { None } else { Some(route::parse(&self.kinds, &request.path)?) };
        let verb = Verb::of(request, route.as_ref().is_some_and(|route| !route.name.is_empty()));
        if let Some(route) = &route {
            let resource = route.resource();
            if denied(&self.faults, &request.user, verb.word(), &resource) {
                let user = &request.user;
                return Err(Failure::forbidden(
                    &route.kind,
                    &route.name,
                    &route.ns,
                    user,
                    verb.word(),
                    &resource,
                ));
            }
        }
        let fate = strike(&mut self.faults, verb, request);
        match fate {
            Strike::Refuse(failure) => return Err(failure),
            Strike::Lose => return Ok(Reply::Once(ApiResponse::lost())),
            Strike::None | Strike::ApplyThenTimeout | Strike::ApplyThenLose | Strike::Hang => {}
        }
        if let Some(simple) = simple {
            return Ok(Reply::Once(simple));
        }
        let Some(route) = route else { return self.review(request).map(Reply::Once) };
        if request.method == Method::Get {
            return if verb == Verb::Watch {
                self.watch(request, &route, fate == Strike::Hang)
            } else if route.name.is_empty() {
                self.list(request, &route).map(Reply::Once)
            } else {
                match route.subresource.as_str() {
                    "" | "status" => self.read(&route).map(Reply::Once),
                    "log" => self.log(request, &route).map(Reply::Once),
                    "scale" => self.read_scale(&route).map(Reply::Once),
                    other => Err(Failure::not_simulated(&format!("subresource {other}"))),
                }
            };
        }
        let (answer, changed) = self.write(request, &route)?;
        if !request.dry_run() {
            self.accepted.push(Accepted {
                at: self.clock,
                user: request.user.clone(),
                method: request.method,
                path: request.path.clone(),
                body: request.body.clone(),
                changed,
                status: answer.status,
            });
        }
        Ok(Reply::Once(match fate {
            Strike::ApplyThenLose => ApiResponse::lost(),
            Strike::ApplyThenTimeout => {
                let message = "injected fault: gateway timeout after the write was applied";
                Failure::new(504, "Timeout", message).response()
            }
            Strike::None | Strike::Refuse(_) | Strike::Lose | Strike::Hang => answer,
        }))
    }

    fn write(&mut self, request: &ApiRequest, route: &Route) -> Result<Answer, Failure> {
        match (request.method, route.name.as_str(), route.subresource.as_str()) {
            (Method::Post, "", "") => self.post(request, route),
            (Method::Post, _, "eviction") => self.evict(request, route),
            (Method::Put | Method::Patch, name, "") if !name.is_empty() => self.modify(request, route, None),
            (Method::Put | Method::Patch, _, "status") if route.kind.status => {
                self.modify(request, route, Some("status"))
            }
            (Method::Put | Method::Patch, _, "scale") => self.scale(request, route),
            (Method::Delete, name, "") if !name.is_empty() => self.remove(request, route),
            (Method::Delete, "", _) => Err(Failure::not_simulated("deletion of a collection")),
            (_, _, other) => {
                Err(Failure::not_simulated(&format!("{:?} on subresource {other:?}", request.method)))
            }
        }
    }

    fn post(&mut self, request: &ApiRequest, route: &Route) -> Result<Answer, Failure> {
        let mut object = decode(request, route)?;
        place(&mut object, route)?;
        from_view(&route.kind, &mut object);
        let kind = if route.kind.event_view() { crate::kind::EVENT } else { route.kind };
        let stored = self.create(&kind, object, &by(request, None))?;
        Ok((ApiResponse::json(201, &render(&route.kind, &stored)), true))
    }

    /// PUT and PATCH of an object or its status.
    fn modify(
        &mut self,
        request: &ApiRequest,
        route: &Route,
        subresource: Option<&'static str>,
    ) -> Result<Answer, Failure> {
        let key = route.kind.key(&route.ns, &route.name);
        let live = self.store.get(&key).cloned();
        if patch::is_apply(request) {
            return Err(Failure::not_simulated("server-side apply"));
        }
        let new = match (&live, request.method) {
            (Some(live), Method::Patch) => {
                let mut new = patch::apply(request, &render(&route.kind, live))?;
                // What would be a bad request as a whole object is an invalid patch.
                rules::decodes(&route.kind, &new).map_err(|failure| {
                    let patch = String::from_utf8_lossy(&request.body);
                    let cause = Cause::invalid("patch", &json!(patch), &failure.message);
                    Failure::invalid(&route.kind, &route.name, &[cause])
                })?;
                place(&mut new, route)?;
                from_view(&route.kind, &mut new);
                new
            }
            (None, Method::Put) if route.kind.replace == Replace::Creates => {
                return self.post(request, route);
            }
            (Some(live), _) => {
                let mut new = decode(request, route)?;
                place(&mut new, route)?;
                let (given, have) = (text(&new, "/metadata/uid"), text(live, "/metadata/uid"));
                if !given.is_empty() && given != have {
                    return Err(Failure::precondition(&route.kind, &route.name, "UID", given, have));
                }
                from_view(&route.kind, &mut new);
                new
            }
            (None, _) => return Err(Failure::not_found(&route.kind, &route.name)),
        };
        let kind = if route.kind.event_view() { crate::kind::EVENT } else { route.kind };
        let (stored, changed) = self.update(&kind, &key, new, &by(request, subresource))?;
        Ok((ApiResponse::json(200, &render(&route.kind, &stored)), changed))
    }
}

/// The writer that a request names: `fieldManager`, else the user.
pub(crate) fn by(request: &ApiRequest, subresource: Option<&'static str>) -> By {
    let manager = request.param("fieldManager").unwrap_or(&request.user).to_owned();
    By { manager, subresource, dry_run: request.dry_run() }
}

/// The body as an object of the route's kind.
fn decode(request: &ApiRequest, route: &Route) -> Result<Value, Failure> {
    let mut object = body(request)?;
    let expected = route.kind.api_version();
    let (version, kind) = (text(&object, "/apiVersion"), text(&object, "/kind"));
    if !version.is_empty() && version != expected {
        let message = format!(
            "the API version in the data ({version}) does not match the expected API version ({expected})"
        );
        return Err(Failure::bad_request(message));
    }
    if !kind.is_empty() && kind != route.kind.kind {
        let message = format!(
            "{} in version \"{}\" cannot be handled as a {}: no kind \"{kind}\" is registered there",
            route.kind.kind, route.kind.version, route.kind.kind
        );
        return Err(Failure::bad_request(message));
    }
    put(&mut object, &["apiVersion"], expected);
    put(&mut object, &["kind"], route.kind.kind);
    Ok(object)
}

/// The body as a JSON object.
pub(crate) fn body(request: &ApiRequest) -> Result<Value, Failure> {
    let value: Value = serde_json::from_slice(&request.body).map_err(|error| {
        Failure::bad_request(format!("the object provided is unrecognized (must be of type JSON): {error}"))
    })?;
    if value.is_object() { Ok(value) } else { Err(Failure::bad_request("the object provided is no object")) }
}

/// Holds namespace and name to the path.
fn place(object: &mut Value, route: &Route) -> Result<(), Failure> {
    if route.kind.namespaced {
        let given = text(object, "/metadata/namespace");
        if !given.is_empty() && given != route.ns {
            return Err(Failure::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
        put(object, &["metadata", "namespace"], route.ns.as_str());
    }
    let given = text(object, "/metadata/name");
    if !route.name.is_empty() && !given.is_empty() && given != route.name {
        return Err(Failure::bad_request(format!(
            "the name of the object ({given}) does not match the name on the URL ({})",
            route.name
        )));
    }
    if !route.name.is_empty() {
        put(object, &["metadata", "name"], route.name.as_str());
    }
    Ok(())
}
