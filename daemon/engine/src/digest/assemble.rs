//! From stories and the night to the eight sections.

use crate::alert::MISSING;
use crate::digest::night::Night;
use crate::digest::schema::{
    AfterFix, Audit, Compared, Deed, Digest, EndedStanding, Ending, Found, Ignoring, InventoryLine, Moment,
    Need, NeedKind, NotDone, NotDoneReason, PolicyChange, Quality, Relapse, Unanswered, Undelivered,
    Upcoming, VERSION, Verdict, Waiting, Watch, Watched,
};
use crate::digest::story::{Began, Ended, Episode, Standing, Story, Written};
use crate::digest::trend::{number, sleep_interruptions, trend};
use crate::digest::words::{self, visible};
use crate::digest::{Acting, Window};
use crate::policy_change;
use nightshift_model::history::Quarantine;
use nightshift_model::{
    ClosedBy, ClosedPlace, Evidence, Gap, Got, IncidentId, Proposal, Registry, Seconds, Severity, Silence,
    Timestamp, Tool, Within,
};
use std::collections::BTreeMap;

/// How long a proven fix is watched for a relapse.
const RELAPSE: Seconds = Seconds(86_400);

/// A silence that ends within so long after the window is told.
const SOON: Seconds = Seconds(86_400);

/// Entries of what is ignored that are told.
const IGNORED: usize = 20;

/// Changes of persons, policy and playbooks that are told.
const CHANGES: usize = 8;

/// What the format has a place for and this version does not look at.
const NOT_CHECKED: [&str; 4] =
    ["certificates that expire", "volumes that fill", "quotas near their limit", "freeze windows"];

type Stories<'a> = BTreeMap<&'a IncidentId, Story<'a>>;

pub(super) fn assemble(
    stories: &Stories<'_>,
    night: &Night<'_>,
    untold: Vec<String>,
    window: &Window,
    registry: &Registry,
    audit: Audit,
) -> Digest {
    let pages = pages(stories, night);
    let needs_you = needs(stories, night, window, registry);
    let quality = quality(stories, night, untold, window, audit);
    Digest {
        version: VERSION,
        cluster: visible(&window.cluster),
        mode: window.mode,
        from: window.moment(window.from),
        to: window.moment(window.to),
        zone: window.zone.iana_name().unwrap_or("UTC").to_owned(),
        verdict: verdict(stories, night, &pages, &needs_you, &quality, window),
        left_out: None,
        needs_you,
        did: did(stories, window),
        did_not: did_not(stories, window),
        watch: watch(stories, night, window),
        trend: trend(stories, &pages, night, window),
        upcoming: upcoming(night, window),
        quality,
    }
}

fn upcoming(night: &Night<'_>, window: &Window) -> Upcoming {
    let soon = |silence: &&&Silence| silence.until > window.to && silence.until <= window.to + SOON;
    let mut silences: Vec<Ending> = night
        .silences
        .values()
        .filter(soon)
        .map(|silence| Ending {
            id: silence.id.clone(),
            of: visible(&silence.of.to_string()),
            until: window.moment(silence.until),
            because: visible(&silence.because),
            by: visible(&silence.by.to_string()),
        })
        .collect();
    silences.sort_by(|a, b| (a.until.at, &a.id).cmp(&(b.until.at, &b.id)));
    let mut what: Vec<String> =
        night.ignore.iter().take(IGNORED).map(|e| visible(&format!("{} ({})", e.of, e.because))).collect();
    let more = night.ignore.len().saturating_sub(IGNORED);
    what.extend((more > 0).then(|| format!("{more} more")));
    let ignoring = Ignoring { what, findings: night.ignored };
    Upcoming { silences, ignoring, not_checked: NOT_CHECKED.map(str::to_owned).to_vec() }
}

/// When people were paged, in order: every message about an incident that did not tell its end.
fn pages(stories: &Stories<'_>, night: &Night<'_>) -> Vec<Timestamp> {
    let ends: BTreeMap<&str, &[u64]> = stories.values().map(|s| (s.id.as_str(), s.ends.as_slice())).collect();
    let mut pages: Vec<Timestamp> = night
        .told
        .iter()
        .flat_map(|(id, told)| {
            let ends = ends.get(id).copied().unwrap_or_default();
            told.iter().filter(|(revision, _)| !ends.contains(revision)).map(|(_, at)| *at)
        })
        .collect();
    pages.sort_unstable();
    pages
}

fn verdict(
    stories: &Stories<'_>,
    night: &Night<'_>,
    pages: &[Timestamp],
    needs: &[Need],
    quality: &Quality,
    window: &Window,
) -> Verdict {
    let incidents = number(stories.values().flat_map(|s| &s.episodes).filter(|e| window.holds(e.began)));
    let open = number(stories.values().filter(|s| s.open()));
    let waiting = number(needs.iter().filter(|n| n.kind == NeedKind::Vote));
    let sleep = sleep_interruptions(pages, (window.from, window.to), window);
    let lost = number(quality.undelivered.iter());
    let mut line = if incidents == 0 && needs.is_empty() {
        let open = if open == 0 { String::new() } else { format!(", {open} open from before") };
        format!(
            "Quiet night: no incident{open}, nothing needs you; {}, {} by themselves",
            many(night.rollouts, "healthy rollout", "healthy rollouts"),
            many(night.self_healed, "crash healed", "crashes healed"),
        )
    } else {
        format!(
            "{}, {open} open, {} for you, {} (limit 2 a shift)",
            many(incidents, "incident", "incidents"),
            many(waiting, "proposal waits", "proposals wait"),
            many(sleep, "sleep interruption", "sleep interruptions"),
        )
    };
    if lost > 0 {
        line.push_str(", ");
        line.push_str(&many(lost, "message NOT DELIVERED", "messages NOT DELIVERED"));
    }
    line.push('.');
    Verdict {
        line,
        incidents,
        open,
        waiting,
        pages: number(pages.iter().filter(|at| window.holds(**at))),
        sleep_interruptions: sleep,
        healthy_rollouts: night.rollouts,
        self_healed: night.self_healed,
    }
}

/// `1 thing`, `2 things`.
pub(super) fn many(n: u32, one: &str, more: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { more })
}

fn needs(stories: &Stories<'_>, night: &Night<'_>, window: &Window, registry: &Registry) -> Vec<Need> {
    let mut needs: Vec<Need> = stories.values().filter_map(|s| need(s, window, registry)).collect();
    if let Some((at, reason)) = night.stopped {
        let what = format!("the kill switch is set, so nothing is executed: {}", visible(reason));
        let next = "two admins clear it when the reason is gone";
        needs.push(held(NeedKind::KillSwitch, Severity::Warning, window.moment(at), what, next));
    }
    if let Some((at, why)) = night.closed {
        let what = format!("the executor is closed, so nothing is executed: {}", visible(why));
        let next = "find out who changed the history; `nightshift audit adopt` opens the executor";
        needs.push(held(NeedKind::ExecutorClosed, Severity::Critical, window.moment(at), what, next));
    }
    needs.extend(
        night.closings.iter().map(|(by, (since, places))| closed(*by, window.moment(*since), places)),
    );
    needs.sort_by(|a, b| {
        let key = |n: &Need| {
            let expires = n.proposal.as_ref().map_or(Timestamp::EPOCH, |p| p.expires.at);
            (n.kind, std::cmp::Reverse(n.severity), expires, n.since.at)
        };
        key(a).cmp(&key(b)).then_with(|| a.incident.cmp(&b.incident))
    });
    needs
}

/// Where the executor is closed by what was looked at.
fn closed(by: ClosedBy, since: Moment, places: &[ClosedPlace]) -> Need {
    let told = |place: &ClosedPlace| {
        format!("nothing is executed{}: {}", Within(&place.namespace), visible(&place.why))
    };
    let next = match by {
        ClosedBy::Rights => {
            "take the rights away from its account (`nightshift check --role executor` names them)"
        }
        ClosedBy::Lock => {
            "put the lock at the API server in order (`nightshift check` with the executor's account names what is wrong)"
        }
    };
    let what = places.iter().map(told).collect::<Vec<_>>().join("; ");
    held(NeedKind::ExecutorClosed, Severity::Critical, since, format!("the executor is closed: {what}"), next)
}

/// What holds nightshift back as a whole, and not an incident.
fn held(kind: NeedKind, severity: Severity, since: Moment, what: String, next: &str) -> Need {
    Need {
        kind,
        incident: None,
        scope: String::new(),
        owner: None,
        held_by: None,
        silenced: None,
        severity,
        since,
        what,
        next: next.to_owned(),
        proposal: None,
    }
}

/// The likeliest cause, to stand behind what is wrong.
fn likely(story: &Story<'_>) -> String {
    let first = story.diagnosis.and_then(nightshift_model::Diagnosis::first);
    first.map_or_else(String::new, |first| format!(" because {}", visible(&first.sentence())))
}

fn need(story: &Story<'_>, window: &Window, registry: &Registry) -> Option<Need> {
    let trouble = story.trouble();
    let (kind, what, next, proposal) = match &story.standing {
        Standing::Executing { unknown: Some(why), .. } => (
            NeedKind::Unknown,
            format!("{trouble}: nobody can tell whether the write took effect: {}", visible(why)),
            "look at the target, then end the incident".to_owned(),
            None,
        ),
        Standing::Proposed(proposal) => (
            NeedKind::Vote,
            format!("{trouble}: {}", visible(&proposal.plan().cause)),
            "read the proposal, then approve or deny it".to_owned(),
            Some(waiting(proposal, window)),
        ),
        Standing::Escalated(why) => (
            NeedKind::Escalated,
            format!("{trouble}{}: {}", likely(story), words::escalation(why)),
            words::next_step(why),
            None,
        ),
        Standing::Drafted(draft) if window.mode == Acting::Observe => (
            NeedKind::WouldHaveProposed,
            format!("{trouble}: {}", visible(&draft.cause)),
            format!(
                "would have proposed to {}; mode: observe, so it is yours to do",
                words::action(&draft.action)
            ),
            None,
        ),
        Standing::Investigating
        | Standing::Drafted(_)
        | Standing::Granted(_)
        | Standing::Executing { unknown: None, .. }
        | Standing::Verifying(_)
        | Standing::Closed(_) => return None,
    };
    Some(Need {
        kind,
        incident: Some(story.id.clone()),
        scope: story.name.clone(),
        owner: registry.owner_of(story.scope.owned_in()).map(|o| visible(&o.name)),
        held_by: story.held_by.cloned(),
        silenced: story.silenced.filter(|until| *until > window.to).map(|until| window.moment(until)),
        severity: match (story.symptom, story.alerts) {
            (Some(found), _) => found.severity,
            (None, Some(alerts)) => crate::alert::known::severity(alerts),
            (None, None) => Severity::Warning,
        },
        since: window.moment(story.episodes.last().map_or(story.changed_at, Episode::started)),
        what: what + &story.told(),
        next,
        proposal,
    })
}

fn waiting(proposal: &Proposal, window: &Window) -> Waiting {
    let plan = proposal.plan();
    Waiting {
        id: proposal.id().clone(),
        action: words::action(&plan.action),
        risk: plan.risk,
        digest: proposal.digest().short(),
        expires: window.moment(plan.not_after),
        expires_in: plan.not_after.since(window.to),
    }
}

fn did(stories: &Stories<'_>, window: &Window) -> Vec<Deed> {
    let mut did: Vec<Deed> = stories
        .values()
        .flat_map(|s| s.writes().map(move |(at, w)| (s, at, w)))
        .filter(|(_, at, _)| window.holds(*at))
        .map(|(story, at, written)| {
            let plan = written.proposal.plan();
            Deed {
                at: window.moment(at),
                incident: story.id.clone(),
                scope: story.name.clone(),
                action: words::action(&plan.action),
                proposal: written.proposal.id().clone(),
                digest: written.proposal.digest().short(),
                approvers: written.grant.persons.clone(),
                found: if written.recovered { Found::Recovered } else { Found::Answered },
                outcome: written.outcome.map_or("Verifying", |o| o.word()).to_owned(),
                why: written.outcome.map(|o| visible(o.why())).unwrap_or_default(),
                measures: compared(written),
                inverse: visible(&plan.inverse.sentence),
            }
        })
        .collect();
    did.sort_by(|a, b| (a.at.at, &a.incident).cmp(&(b.at.at, &b.incident)));
    did
}

fn compared(written: &Written<'_>) -> Vec<Compared> {
    let read = |look: Option<&nightshift_model::Measurement>, name: &str| {
        look?.readings.iter().find(|r| r.name == name).map(|r| words::value(&r.value))
    };
    let measures = &written.proposal.plan().verification.measures;
    measures
        .iter()
        .map(|m| Compared {
            measure: visible(&m.name),
            before: read(written.before, &m.name),
            after: read(written.after, &m.name),
        })
        .collect()
}

fn did_not(stories: &Stories<'_>, window: &Window) -> Vec<NotDone> {
    let mut list = Vec::new();
    for story in stories.values() {
        let mut add = |at: Timestamp, reason: NotDoneReason, action: Option<String>, why: String| {
            if window.holds(at) {
                list.push(NotDone {
                    at: window.moment(at),
                    incident: story.id.clone(),
                    scope: story.name.clone(),
                    reason,
                    action,
                    why,
                });
            }
        };
        for sealed in &story.sealed {
            if let Some((at, why)) = sealed.withdrawn {
                let (reason, why) = words::withdrawal(why);
                add(at, reason, Some(words::action(&sealed.proposal.plan().action)), why);
            }
        }
        for (at, why) in &story.escalations {
            if let Some(reason) = words::not_done(why) {
                let before = story.sealed.iter().rev().find(|s| s.at <= *at && s.withdrawn.is_none());
                let drafted = story.drafts.iter().rev().find(|d| d.at <= *at).map(|d| &d.draft.action);
                let action = before.map(|s| &s.proposal.plan().action).or(drafted).map(words::action);
                add(*at, reason, action, words::escalation(why));
            }
        }
        for drafted in story.drafts.iter().filter(|_| window.mode == Acting::Observe) {
            let action = words::action(&drafted.draft.action);
            add(
                drafted.at,
                NotDoneReason::Observing,
                Some(action),
                format!("would have proposed: {}", visible(&drafted.draft.cause)),
            );
        }
    }
    list.sort_by(|a, b| (a.at.at, &a.incident, a.reason).cmp(&(b.at.at, &b.incident, b.reason)));
    list
}

fn watch(stories: &Stories<'_>, night: &Night<'_>, window: &Window) -> Watch {
    let mut items: Vec<Watched> = stories.values().filter_map(|s| watched(s, window)).collect();
    items.sort_by(|a, b| (a.until.at, &a.incident).cmp(&(b.until.at, &b.incident)));
    let mut relapses = Vec::new();
    for story in stories.values() {
        let first = relapses.len();
        for pair in story.episodes.windows(2) {
            let [before, again] = pair else { continue };
            if let (Began::Relapse, Some((over, how)), true) =
                (again.why, before.ended, window.holds(again.began))
            {
                relapses.push(Relapse {
                    incident: story.id.clone(),
                    scope: story.name.clone(),
                    at: window.moment(again.began),
                    after: again.began.since(over),
                    after_fix: match how {
                        Ended::Verified => AfterFix::Verified,
                        Ended::Healed => AfterFix::Unaided,
                        Ended::Deleted => AfterFix::Deleted,
                        Ended::GoneSince => AfterFix::Unproven,
                        Ended::ByPerson => AfterFix::Ended,
                    },
                    times: 1,
                });
            }
        }
        if story.flaps && relapses.len() > first + 1 {
            let times = u32::try_from(relapses.len() - first).unwrap_or(u32::MAX);
            let last = relapses.pop().map(|last| Relapse { times, ..last });
            relapses.truncate(first);
            relapses.extend(last);
        }
    }
    relapses.sort_by(|a, b| (a.at.at, &a.incident).cmp(&(b.at.at, &b.incident)));
    let standing = number(night.standing.iter());
    let mut ended: Vec<EndedStanding> = stories.values().filter_map(|s| ended_standing(s, window)).collect();
    ended.sort_by(|a, b| (a.at.at, &a.incident).cmp(&(b.at.at, &b.incident)));
    Watch { items, relapses, ended, inventory: InventoryLine { standing, cleared: night.cleared } }
}

fn ended_standing(story: &Story<'_>, window: &Window) -> Option<EndedStanding> {
    let (at, why) = story.by_person.filter(|_| story.stands && !story.open())?;
    let what = story.symptom.map_or("it", |f| f.reason.as_str());
    Some(EndedStanding {
        incident: story.id.clone(),
        scope: story.name.clone(),
        at: window.moment(at),
        what: format!("{what} still stands; {}", words::closure(why)),
    })
}

fn watched(story: &Story<'_>, window: &Window) -> Option<Watched> {
    let written = story.writes().last();
    let (trigger, until) = match &story.standing {
        Standing::Granted(proposal) => {
            ("approved; the target is no longer as approved".to_owned(), proposal.plan().not_after)
        }
        Standing::Executing { proposal, unknown: None } => {
            ("the write is under way; its outcome is unknown".to_owned(), proposal.plan().not_after)
        }
        Standing::Verifying(proposal) => {
            let spec = &proposal.plan().verification;
            let since = written.map_or(story.changed_at, |(at, _)| at);
            (format!("a measure does not hold for {}", spec.soak), since + spec.deadline)
        }
        Standing::Closed(Ended::Verified) => {
            let until = story.episodes.last()?.verified? + RELAPSE;
            (until > window.to).then_some(())?;
            (
                story
                    .symptom
                    .map_or_else(|| "it comes back".to_owned(), |f| format!("{} comes back", f.reason)),
                until,
            )
        }
        Standing::Investigating
        | Standing::Drafted(_)
        | Standing::Proposed(_)
        | Standing::Executing { unknown: Some(_), .. }
        | Standing::Escalated(_)
        | Standing::Closed(Ended::Healed | Ended::Deleted | Ended::GoneSince | Ended::ByPerson) => {
            return None;
        }
    };
    Some(Watched {
        incident: story.id.clone(),
        scope: story.name.clone(),
        trigger,
        until: window.moment(until),
    })
}

/// Times in which the Watchdog was silent: nobody knows which alerts did not arrive.
fn intake_gaps(stories: &Stories<'_>, window: &Window) -> Vec<Gap> {
    let alerts = stories.values().filter_map(|s| s.alerts).flat_map(|a| &a.shown);
    let missing = alerts.filter(|a| a.name == MISSING && a.ended.is_none_or(|at| at >= window.from));
    let told = missing.map(|a| {
        let until = a
            .ended
            .map_or_else(|| "and is still".to_owned(), |at| format!("until {}", window.moment(at).local));
        Gap {
            what: "alerts (intake gap)".to_owned(),
            why: format!("the Watchdog alert was silent since {} {until}", window.moment(a.since).local),
        }
    });
    told.collect()
}

fn quality(
    stories: &Stories<'_>,
    night: &Night<'_>,
    untold: Vec<String>,
    window: &Window,
    audit: Audit,
) -> Quality {
    let mut unanswered: BTreeMap<(String, &str), u32> = BTreeMap::new();
    for (_, evidence) in stories.values().flat_map(|s| &s.unanswered).filter(|(at, _)| window.holds(*at)) {
        if let Got::NotChecked { why, .. } = &evidence.got {
            *unanswered.entry((asked(evidence), why.clause())).or_default() += 1;
        }
    }
    for (_, gap) in stories.values().flat_map(|s| &s.unseen).filter(|(at, _)| window.holds(*at)) {
        *unanswered.entry((gap.what.clone(), gap.why.as_str())).or_default() += 1;
    }
    Quality {
        gaps: night
            .gaps
            .iter()
            .cloned()
            .chain(night.quarantine.iter().map(quarantined))
            .chain(night.alertmanager.map(|why| Gap { what: "Alertmanager".to_owned(), why: why.to_owned() }))
            .chain(intake_gaps(stories, window))
            .collect(),
        unanswered: unanswered
            .into_iter()
            .map(|((what, why), times)| Unanswered { what: visible(&what), why: visible(why), times })
            .collect(),
        undelivered: night
            .undelivered
            .iter()
            .map(|m| Undelivered {
                at: window.moment(m.at),
                message: visible(m.message),
                channel: visible(m.channel),
                why: visible(m.why),
            })
            .collect(),
        listed: night.listed,
        lists: night.lists,
        untold,
        starts: night.starts,
        policy: policy(night, window),
        audit,
    }
}

/// A question in a few words: what Prometheus is asked by its name, for the text of it stands with the incident.
pub(super) fn asked(evidence: &Evidence) -> String {
    match &evidence.tool {
        Tool::Query { name, .. } => format!("Prometheus query {name}"),
        Tool::Memory { container, .. } => format!("Prometheus query for the memory of container {container}"),
        Tool::Workload { .. }
        | Tool::Pods { .. }
        | Tool::PreviousLog { .. }
        | Tool::Log { .. }
        | Tool::Service { .. }
        | Tool::Events { .. }
        | Tool::Rollouts { .. }
        | Tool::Node { .. }
        | Tool::Job { .. }
        | Tool::Disruption { .. }
        | Tool::GitOps { .. }
        | Tool::Changes { .. }
        | Tool::Healthy { .. } => evidence.source.clone(),
    }
}

/// What differs between the window's two ends, in one line.
fn policy(night: &Night<'_>, window: &Window) -> Option<PolicyChange> {
    let (times, at) = night.policy?;
    let mut changes = match night.policy_facts {
        (Some(first), Some(last)) => policy_change::changes(Some(first), Some(last)),
        (None, _) | (_, None) => Vec::new(),
    };
    let more = number(changes.drain(CHANGES.min(changes.len())..));
    Some(PolicyChange { at: window.moment(at), times, changes, more })
}

/// What is not written is a gap like what is not seen, and stands with them.
fn quarantined(held: &Quarantine) -> Gap {
    Gap {
        what: format!("{} is in quarantine, nothing is written there", held.workload),
        why: held.why.clone(),
    }
}
