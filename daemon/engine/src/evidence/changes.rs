//! What changed lately around a workload. Of ConfigMaps only the metadata is asked for; Secrets are not asked for at all,
//! so a change of one is not seen.
//!
//! Each part stands for itself: what one answer refuses is a clause, and the rest is told.

use super::answer::{Refusal, body, clean, items, json, number, text, time, word};
use super::{get, list_of, path_of, segment, writer};
use nightshift_model::effect::Accept;
use nightshift_model::evidence::{ChangeLine, ChangeSort, Changes, OtherIncident};
use nightshift_model::{Kind, ObjectRef, Observed, RawPart, Read, Reason, Timestamp};
use serde_json::Value;

/// ConfigMaps asked for.
pub(crate) const CONFIG_MAPS: usize = 8;
/// Objects or events asked for in a list.
const LIMIT: &str = "100";
/// Lines kept.
const KEPT: usize = 60;
/// Longest message of an event.
const MESSAGE: usize = 160;

/// What a node's events say that matters to pods.
const NODE_EVENTS: [&str; 10] = [
    "NodeNotReady",
    "NodeHasDiskPressure",
    "NodeHasInsufficientMemory",
    "NodeHasInsufficientPID",
    "NodeNotSchedulable",
    "Rebooted",
    "SystemOOM",
    "EvictionThresholdMet",
    "RegisteredNode",
    "RemovingNode",
];

/// The fixed parts, before one a ConfigMap.
enum Part {
    Quotas,
    LimitRanges,
    Scaled,
    Nodes,
    Crashed,
    Incidents,
}

const PARTS: [Part; 6] =
    [Part::Quotas, Part::LimitRanges, Part::Scaled, Part::Nodes, Part::Crashed, Part::Incidents];

impl Part {
    fn read(&self, namespace: &str) -> Option<Read> {
        let list = |namespace: &str, plural: &str, field: &str| {
            let query = [("fieldSelector", field), ("limit", LIMIT)];
            let query = if field.is_empty() { query.get(1..) } else { Some(query.as_slice()) };
            get(list_of("/api/v1", namespace, plural), query.unwrap_or_default(), Accept::Json).pop()
        };
        match self {
            Self::Quotas => list(namespace, "resourcequotas", ""),
            Self::LimitRanges => list(namespace, "limitranges", ""),
            Self::Scaled => list(namespace, "events", "involvedObject.kind=HorizontalPodAutoscaler"),
            // Events about nodes stand in `default`.
            Self::Nodes => list("default", "events", "involvedObject.kind=Node"),
            Self::Crashed => list(namespace, "events", "reason=BackOff"),
            Self::Incidents => Some(Read::Incidents),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Quotas => "quotas",
            Self::LimitRanges => "limit ranges",
            Self::Scaled => "what autoscalers did",
            Self::Nodes => "events of nodes",
            Self::Crashed => "crashes of pods",
            Self::Incidents => "other incidents",
        }
    }

    fn lines(&self, parts: &[RawPart], index: usize, target: &ObjectRef) -> Result<Vec<ChangeLine>, Refusal> {
        Ok(match self {
            Self::Quotas => written(&items(parts, index)?, "ResourceQuota", &target.namespace),
            Self::LimitRanges => written(&items(parts, index)?, "LimitRange", &target.namespace),
            Self::Scaled => {
                let all = items(parts, index)?;
                all.iter().filter(|e| text(e, "/reason") == "SuccessfulRescale").filter_map(scaled).collect()
            }
            Self::Nodes => {
                let known = |e: &&Value| NODE_EVENTS.contains(&text(e, "/reason"));
                items(parts, index)?.iter().filter(known).filter_map(node).collect()
            }
            Self::Crashed => items(parts, index)?.iter().filter_map(|e| crashed(e, target)).collect(),
            Self::Incidents => incidents(parts, index, target)?,
        })
    }
}

pub(super) fn reads(target: &ObjectRef, config_maps: &[String]) -> Vec<Read> {
    if path_of(target).is_none() {
        return Vec::new();
    }
    let fixed = PARTS.iter().filter_map(|part| part.read(&target.namespace));
    let maps = names(config_maps).filter_map(|name| {
        let path = list_of("/api/v1", &target.namespace, "configmaps").map(|path| format!("{path}/{name}"));
        get(path, &[], Accept::Metadata).pop()
    });
    fixed.chain(maps).collect()
}

/// Those that can be names.
fn names(config_maps: &[String]) -> impl Iterator<Item = &String> {
    config_maps.iter().filter(|name| segment(name)).take(CONFIG_MAPS)
}

pub(super) fn observe(parts: &[RawPart], target: &ObjectRef, config_maps: &[String]) -> Observed {
    let mut changes = Changes::default();
    for (index, part) in PARTS.iter().enumerate() {
        match part.lines(parts, index, target) {
            Ok(lines) => changes.lines.extend(lines),
            Err((why, _)) => changes.unread.push(format!("{} (not checked: {})", part.name(), why.clause())),
        }
    }
    for (index, name) in (PARTS.len()..).zip(names(config_maps)) {
        let object = ObjectRef::new(Kind::parse("ConfigMap"), &target.namespace, name, "");
        match json(parts, index) {
            Ok(map) if text(&map, "/metadata/name") == name => {
                changes.lines.extend(line(ChangeSort::Config, &map, object));
            }
            Ok(_) => changes.unread.push(format!("ConfigMap {name} (the answer is about another object)")),
            Err((why, _)) => changes.unread.push(format!("ConfigMap {name} (not checked: {})", why.clause())),
        }
    }
    changes.lines.sort_by(|a, b| (b.at, &a.object, &a.what).cmp(&(a.at, &b.object, &b.what)));
    changes.lines.truncate(KEPT);
    Observed::Changes(changes)
}

/// That an object was written: whether it was made then or changed.
fn line(sort: ChangeSort, object: &Value, named: ObjectRef) -> Option<ChangeLine> {
    let (at, by) = writer::written(object, &named)?;
    let made = time(object, "/metadata/creationTimestamp") == Some(at);
    let what = if made { "was created" } else { "was changed" };
    Some(ChangeLine { at, sort, object: named, what: what.to_owned(), by })
}

fn written(objects: &[Value], kind: &str, namespace: &str) -> Vec<ChangeLine> {
    let named =
        |o: &Value| ObjectRef::new(Kind::parse(kind), namespace, &word(text(o, "/metadata/name")), "");
    objects.iter().filter_map(|o| line(ChangeSort::Bound, o, named(o))).collect()
}

fn about(event: &Value, kind: Kind) -> ObjectRef {
    let get = |field: &str| word(text(event, &format!("/involvedObject/{field}")));
    ObjectRef::new(kind, &get("namespace"), &get("name"), "")
}

fn scaled(event: &Value) -> Option<ChangeLine> {
    let object = about(event, Kind::HorizontalPodAutoscaler);
    let what = format!("scaled ({})", clean(text(event, "/message"), MESSAGE));
    Some(ChangeLine { at: seen(event)?, sort: ChangeSort::Scaled, object, what, by: None })
}

fn node(event: &Value) -> Option<ChangeLine> {
    let what = match text(event, "/reason") {
        "RegisteredNode" => "joined the cluster".to_owned(),
        "RemovingNode" => "is removed from the cluster".to_owned(),
        reason => format!("said {}", word(reason)),
    };
    Some(ChangeLine {
        at: seen(event)?,
        sort: ChangeSort::Node,
        object: about(event, Kind::Node),
        what,
        by: None,
    })
}

/// When it began, where the event counts: the earliest time tells most.
fn crashed(event: &Value, target: &ObjectRef) -> Option<ChangeLine> {
    let object = about(event, Kind::Pod);
    let ours = object.name.strip_prefix(&target.name).is_some_and(|rest| rest.starts_with('-'));
    let first = time(event, "/firstTimestamp").or_else(|| time(event, "/eventTime")).or_else(|| seen(event));
    let crash = text(event, "/message").contains("restarting failed container");
    let times = number(event, "/count").max(1);
    let what = format!("had a container that failed again and again ({times} times)");
    (ours && crash).then_some(())?;
    Some(ChangeLine { at: first?, sort: ChangeSort::Crashed, object, what, by: None })
}

/// Open incidents of the namespace, and of nodes and what the whole cluster needs.
fn incidents(parts: &[RawPart], index: usize, target: &ObjectRef) -> Result<Vec<ChangeLine>, Refusal> {
    let (bytes, _) = body(parts, index)?;
    let all: Vec<OtherIncident> = serde_json::from_slice(bytes).map_err(|_| {
        (nightshift_model::NotChecked::Unreadable, "the list of incidents has another form".to_owned())
    })?;
    let near = |o: &OtherIncident| {
        let here = o.scope.namespace == target.namespace || o.scope.namespace.is_empty();
        (here || o.reason == Reason::DnsUnavailable) && !o.scope.same_name(target)
    };
    Ok(all
        .into_iter()
        .filter(near)
        .map(|o| {
            let cause = if o.cause.is_unknown() { String::new() } else { format!(": {}", o.cause.clause()) };
            let what = format!("has an incident of its own, {}{cause}", o.reason);
            ChangeLine { at: o.since, sort: ChangeSort::Incident, object: o.scope, what, by: None }
        })
        .collect())
}

/// When an event was last seen.
fn seen(event: &Value) -> Option<Timestamp> {
    super::events::seen(event)
}
