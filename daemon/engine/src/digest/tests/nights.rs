//! Nights made of whole, legal streams.

use crate::digest::{Acting, Window};
use jiff::tz::TimeZone;
use nightshift_model::apply::Place;
use nightshift_model::history::{InventoryEntry, QuietNight, Row};
use nightshift_model::incident::Reopening;
use nightshift_model::measure::{Check, ClusterCondition, Comparison, Stage, Value};
use nightshift_model::plan::{Blast, Inverse, PLAN_VERSION, Preconditions};
use nightshift_model::vote::{Grant, Proof};
use nightshift_model::*;

/// 22:00 to 08:00 in Berlin.
pub(super) fn window() -> Window {
    Window {
        from: at(0),
        to: at(10 * 3600),
        zone: TimeZone::get("Europe/Berlin").unwrap(),
        cluster: "prod-1".to_owned(),
        mode: Acting::Approve,
        known_from: at(0),
    }
}

fn at(second: u64) -> Timestamp {
    "2026-02-28T21:00:00Z".parse::<Timestamp>().unwrap() + Seconds(second)
}

/// How an incident goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Fixed,
    Denied,
    Waiting,
    Healed,
    HandedOver,
    Expired,
    Drifted,
    Unknown,
    NotVerified,
    Relapsed,
    Verifying,
    Drafted,
    Told,
}

pub(super) const RELAPSED: Fate = Fate::Relapsed;

const FATES: [Fate; 12] = [
    Fate::Fixed,
    Fate::Denied,
    Fate::Waiting,
    Fate::Healed,
    Fate::HandedOver,
    Fate::Expired,
    Fate::Drifted,
    Fate::Unknown,
    Fate::NotVerified,
    Fate::Relapsed,
    Fate::Verifying,
    Fate::Drafted,
];

/// Rows of one night.
#[derive(Default)]
pub(super) struct Night {
    pub(super) rows: Vec<Row>,
    system: u64,
    made: u64,
    fates: Vec<Fate>,
    back: u64,
    face: Option<u64>,
}

impl Night {
    pub(super) fn quiet() -> Self {
        let mut night = Self::default();
        let entry = |name: &str| InventoryEntry {
            scope: ObjectRef::new(Kind::Deployment, "legacy", name, "u"),
            reason: Reason::CrashLoopBackOff,
            template_hash: String::new(),
            container: "app".to_owned(),
        };
        let role = Role::Responder;
        night.system(0, SystemEvent::Started { role, epoch: Epoch(1), version: "0.1.0".to_owned() });
        night.system(1, SystemEvent::Inventory { entries: vec![entry("a"), entry("b"), entry("c")] });
        night.system(3000, SystemEvent::InventoryCleared { entries: vec![entry("b")] });
        night.system(
            9000,
            SystemEvent::Quiet { seen: QuietNight { rollouts: 12, self_healed: 3, ignored: 0 } },
        );
        night
    }

    pub(super) fn of(count: usize) -> Self {
        let mut night = Self::quiet();
        for (n, fate) in (0..count as u64).zip(FATES.iter().cycle()) {
            night.incident(n % 240, *fate);
        }
        night
    }

    pub(super) fn count(&self, fate: Fate) -> u32 {
        u32::try_from(self.fates.iter().filter(|f| **f == fate).count()).unwrap()
    }

    /// What `make` adds happens so much earlier, always to the same workload.
    pub(super) fn shifted(&mut self, back: Seconds, make: impl FnOnce(&mut Self)) {
        (self.back, self.face) = (back.0, Some(1));
        make(self);
        (self.back, self.face) = (0, None);
    }

    pub(super) fn system(&mut self, second: u64, event: SystemEvent) {
        self.system += 1;
        self.push(Stream::System, self.system, second, HistoryEvent::System(event));
    }

    pub(super) fn system_all<const N: usize>(&mut self, kinds: [&str; N]) {
        for kind in kinds {
            let event = match kind {
                "undelivered" => SystemEvent::Undelivered {
                    message: "inc-0:9".to_owned(),
                    channel: "pager".to_owned(),
                    why: "410 Gone".to_owned(),
                },
                "gap" => SystemEvent::CoverageChanged {
                    gaps: vec![Gap { what: "watch nodes".to_owned(), why: "403 Forbidden".to_owned() }],
                },
                _ => SystemEvent::KillSwitchSet { by: Actor::Operator, reason: "drill".to_owned() },
            };
            self.system(20_000, event);
        }
    }

    fn push(&mut self, stream: Stream, revision: u64, second: u64, event: HistoryEvent) {
        let seq = self.rows.len() as u64;
        let actor = Actor::Nightshift(Role::Responder);
        let at = at(second) - Seconds(self.back);
        self.rows.push(Row { seq, stream, revision: Revision(revision), epoch: None, actor, at, event });
    }

    /// Opens at that minute of the night.
    pub(super) fn incident(&mut self, minute: u64, fate: Fate) {
        self.made += 1;
        self.fates.push(fate);
        let mut s = Script::new(self.made, minute * 60);
        s.face = self.face.unwrap_or(self.made);
        s.play(fate);
        let pages = s.pages.clone();
        for (at, (second, event)) in (1_u64..).zip(s.events) {
            self.push(Stream::Incident(s.id.clone()), at, second, HistoryEvent::Incident(event));
        }
        for (revision, second) in pages {
            let message = format!("{}:{revision}", s.id);
            self.system(second + 1, SystemEvent::Delivered { message, channel: "pager".to_owned() });
        }
    }
}

/// The fold of the first incident among rows.
pub(super) fn fold(rows: &[Row]) -> Incident {
    let stream = rows.iter().find(|r| r.stream != Stream::System).unwrap().stream.clone();
    let Stream::Incident(id) = &stream else { panic!("{stream:?}") };
    rows.iter()
        .filter(|r| r.stream == stream)
        .fold(None, |before: Option<Incident>, row| {
            let HistoryEvent::Incident(event) = &row.event else { panic!("{row:?}") };
            let place = Place { id: id.clone(), revision: row.revision, at: row.at };
            Some(Incident::apply(before.as_ref(), &place, event).unwrap())
        })
        .unwrap()
}

struct Script {
    id: IncidentId,
    n: u64,
    face: u64,
    second: u64,
    events: Vec<(u64, IncidentEvent)>,
    pages: Vec<(u64, u64)>,
}

impl Script {
    fn new(n: u64, second: u64) -> Self {
        Self {
            id: IncidentId(format!("inc-{n:010}")),
            n,
            face: n,
            second,
            events: Vec::new(),
            pages: Vec::new(),
        }
    }

    fn scope(&self) -> ObjectRef {
        let name = ["cart", "checkout", "search", "stock", "mail"][usize::try_from(self.face % 5).unwrap()];
        let name = if self.face > 5 { format!("{name}-{}", self.face) } else { name.to_owned() };
        ObjectRef::new(Kind::Deployment, "shop", &name, &format!("uid-{}", self.face))
    }

    fn then(&mut self, later: u64, event: IncidentEvent) -> &mut Self {
        self.second += later;
        self.events.push((self.second, event));
        self
    }

    fn paged(&mut self) {
        self.pages.push((self.events.len() as u64, self.second));
    }

    fn finding(&self) -> Finding {
        Finding {
            reason: Reason::CrashLoopBackOff,
            severity: if self.n.is_multiple_of(2) { Severity::Warning } else { Severity::Critical },
            object: ObjectRef::new(Kind::Pod, "shop", &format!("{}-abc", self.scope().name), "p"),
            container: "app".to_owned(),
            template_hash: "7d9".to_owned(),
            exit: Some(Exit { code: 1, class: ExitClass::Application, at: None }),
            cause: nightshift_model::Cause::Unknown,
            detail: String::new(),
            blames: None,
            affected: 2,
            since: at(self.second),
            origin: Origin::Seen,
        }
    }

    fn see(&mut self) {
        let mut finding = self.finding();
        finding.since = at(self.second);
        self.then(20, IncidentEvent::FindingsChanged { findings: vec![finding] });
    }

    fn investigated(&mut self) {
        let wanted = EvidenceRequest { id: EvidenceId(1), tool: Tool::Workload { target: self.scope() } };
        self.then(1, IncidentEvent::EvidenceWanted { wanted: vec![wanted.clone()] });
        let evidence = Evidence {
            id: wanted.id,
            tool: wanted.tool,
            source: "GET deployments".to_owned(),
            at: at(self.second),
            got: Got::NotChecked { why: NotChecked::TimedOut, detail: String::new() },
        };
        self.then(2, IncidentEvent::EvidenceGot { evidence });
    }

    fn draft(&self) -> Draft {
        let template = digest("test", b"template");
        let revision = |number: u64| RevisionRef {
            replica_set: ObjectRef::new(Kind::ReplicaSet, "shop", &format!("{}-5c4", self.scope().name), "r"),
            number,
            template,
            images: Vec::new(),
            healthy_at: Some(at(0)),
        };
        let action = |number| Action::RollbackDeployment { target: self.scope(), to: revision(number) };
        let measure = |name: &str, red_first| Measure {
            name: name.to_owned(),
            check: if red_first {
                Check::Query {
                    promql: "up".to_owned(),
                    holds: Comparison::AtLeast,
                    threshold: "3".to_owned(),
                    fresh: "time()".to_owned(),
                }
            } else {
                Check::Cluster { condition: ClusterCondition::RolledOut, target: self.scope() }
            },
            red_first,
        };
        Draft {
            playbook: "rollback".to_owned(),
            action: action(4),
            cause: "revision 5 exits with code 1 since it was rolled out; revision 4 was healthy".to_owned(),
            evidence: vec![EvidenceId(1)],
            hazards: Vec::new(),
            risk: Risk::Medium,
            shown: Vec::new(),
            verification: VerificationSpec {
                soak: Seconds(600),
                every: Seconds(15),
                samples: 5,
                deadline: Seconds(1500),
                max_age: Seconds(60),
                measures: vec![measure("replicas-available", true), measure("rolled-out", false)],
                cluster_only: None,
            },
            inverse: Inverse {
                action: Some(action(5)),
                sentence: "roll forward to revision 5 again, by a new proposal".to_owned(),
            },
            selector: "app=x".to_owned(),
            blast: Blast { objects: 1, replicas: 3, available: 1 },
        }
    }

    fn proposal(&self) -> Proposal {
        let draft = self.draft();
        let id = ProposalId::of(&self.id, self.events.len() as u64 + 1);
        let plan = Plan {
            version: PLAN_VERSION,
            cluster: Cluster { uid: "c1".to_owned(), name: "prod-1".to_owned() },
            incident: self.id.clone(),
            op: OpId::of(&id, 1),
            proposal: id,
            playbook: draft.playbook,
            action: draft.action,
            action_version: 1,
            request: Request {
                method: "PATCH".to_owned(),
                path: "/x".to_owned(),
                content_type: "application/json-patch+json".to_owned(),
                field_manager: "nightshift".to_owned(),
                body: Sealed::Bytes("[]".to_owned()),
            },
            shown: Vec::new(),
            difference: digest("test", b"difference"),
            preconditions: Preconditions {
                uid: self.scope().uid,
                spec: digest("test", b"spec"),
                generation: 5,
                autoscaled: false,
                selector: draft.selector,
            },
            blast: draft.blast,
            cause: draft.cause,
            hazards: Vec::new(),
            risk: draft.risk,
            verification: draft.verification,
            inverse: draft.inverse,
            policy: digest("test", b"policy"),
            evidence: draft.evidence,
            proposer: Actor::Nightshift(Role::Responder),
            wish: None,
            not_after: at(self.second + 36_000),
        };
        Proposal::seal(plan, at(self.second))
    }

    fn opened(&mut self) {
        let cause = Finding::fingerprint(&self.scope(), Reason::CrashLoopBackOff);
        let scope = self.scope();
        self.then(0, IncidentEvent::Opened { scope, cause });
        self.see();
        self.investigated();
    }

    fn planned(&mut self) {
        let draft = self.draft();
        self.then(1, IncidentEvent::Planned { draft });
    }

    fn sealed(&mut self) -> Proposal {
        let proposal = self.proposal();
        self.then(1, IncidentEvent::Sealed { proposal: proposal.clone() }).paged();
        proposal
    }

    fn voted(&mut self, proposal: &Proposal, decision: VoteDecision) {
        let vote = Vote {
            proposal: proposal.id().clone(),
            digest: proposal.digest(),
            decision,
            person: PersonId::from("alice"),
            no: 1,
            at: at(self.second),
            reason: String::new(),
            interactive: true,
            proof: Proof::Attested { by: "session".to_owned() },
        };
        self.then(200 + self.n % 7 * 30, IncidentEvent::Voted { vote });
    }

    fn measured(&mut self, stage: Stage, replicas: Value, rolled: Value) {
        let readings = vec![
            Reading { name: "replicas-available".to_owned(), value: replicas },
            Reading { name: "rolled-out".to_owned(), value: rolled },
        ];
        let measurement = Measurement { at: at(self.second), stage, readings };
        self.then(15, IncidentEvent::Measured { measurement });
    }

    fn granted(&mut self, proposal: &Proposal) {
        self.voted(proposal, VoteDecision::Approve);
        let grant = Grant {
            proposal: proposal.id().clone(),
            digest: proposal.digest(),
            persons: vec![PersonId::from("alice"), PersonId::from("bob")],
            at: at(self.second),
            until: at(self.second + 600),
        };
        self.then(0, IncidentEvent::Granted { grant });
        self.measured(Stage::Before, Value::Fails("1 of 3".to_owned()), Value::Fails("updating".to_owned()));
    }

    fn sending(&mut self, proposal: &Proposal) -> Mark {
        let mark = Mark::first(proposal.plan().op.clone(), Epoch(1));
        self.then(1, IncidentEvent::Claimed { mark: mark.clone() });
        let live = LiveFacts {
            uid: self.scope().uid,
            resource_version: "7".to_owned(),
            difference: digest("test", b"difference"),
            at: at(self.second),
        };
        self.then(1, IncidentEvent::Rechecked { live });
        self.then(1, IncidentEvent::Marked { mark: mark.clone() });
        self.then(1, IncidentEvent::Sending { mark: mark.clone() });
        mark
    }

    fn written(&mut self, proposal: &Proposal) {
        self.sending(proposal);
        let sent = Sent::Applied { status: 200, resource_version: "8".to_owned() };
        self.then(1, IncidentEvent::Sent { sent });
        self.measured(Stage::After, Value::Fails("2 of 3".to_owned()), Value::Fails("updating".to_owned()));
    }

    fn fixed(&mut self) {
        self.planned();
        let proposal = self.sealed();
        self.granted(&proposal);
        self.written(&proposal);
        self.measured(
            Stage::After,
            Value::Holds("3 of 3".to_owned()),
            Value::Holds("all updated".to_owned()),
        );
        self.then(600, IncidentEvent::Judged { outcome: Outcome::Successful }).paged();
    }

    /// Alerts alone, nightshift's own about the Watchdog among them.
    fn told(&mut self) {
        let alert = |name: &str, since| Alert {
            fingerprint: name.to_owned(),
            started: at(since),
            since: at(since),
            ended: None,
            name: name.to_owned(),
            severity: String::new(),
            summary: String::new(),
            receiver: String::new(),
            labels: std::collections::BTreeMap::new(),
            flags: Vec::new(),
        };
        let shown = vec![alert(crate::alert::MISSING, self.second), alert("ApiSlow", self.second + 1)];
        let scope = self.scope();
        let cause = nightshift_model::alert::cause(&scope, "");
        self.then(0, IncidentEvent::Opened { scope, cause });
        self.then(0, IncidentEvent::AlertsChanged { alerts: Alerts { shown, firing: 2, total: 3 } });
        let why = Escalation::NoPlan { reasons: vec!["an alert is all there is".to_owned()], handover: None };
        self.then(30, IncidentEvent::Escalated { why }).paged();
    }

    fn play(&mut self, fate: Fate) {
        if fate == Fate::Told {
            self.told();
            return;
        }
        self.opened();
        match fate {
            Fate::Fixed => self.fixed(),
            Fate::Relapsed => {
                self.fixed();
                self.then(1800, IncidentEvent::Reopened { why: Reopening::Relapse });
                self.see();
                self.investigated();
            }
            Fate::Denied => {
                self.planned();
                let proposal = self.sealed();
                self.voted(&proposal, VoteDecision::Deny);
                let (by, reason) = (PersonId::from("bob"), "the schema was migrated".to_owned());
                self.then(0, IncidentEvent::Withdrawn { why: Withdrawal::Denied { by, reason } }).paged();
            }
            Fate::Waiting => {
                self.planned();
                self.sealed();
            }
            Fate::Healed => {
                self.then(120, IncidentEvent::FindingsChanged { findings: Vec::new() });
                self.then(60, IncidentEvent::Closed { why: Closure::Healed });
            }
            Fate::HandedOver => {
                let why = Escalation::NoPlan {
                    reasons: vec!["Argo CD owns the template".to_owned()],
                    handover: Some(
                        "revert image in git@example.com:shop.git, path apps/cart\n--- a\n+++ b".to_owned(),
                    ),
                };
                self.then(1, IncidentEvent::Escalated { why }).paged();
            }
            Fate::Expired => {
                self.planned();
                self.sealed();
                self.then(3600, IncidentEvent::Withdrawn { why: Withdrawal::Expired }).paged();
            }
            Fate::Drifted => {
                self.planned();
                let proposal = self.sealed();
                self.granted(&proposal);
                let mark = Mark::first(proposal.plan().op.clone(), Epoch(1));
                self.then(1, IncidentEvent::Claimed { mark });
                let why = Escalation::RecheckFailed { why: "spec is no longer what was approved".to_owned() };
                self.then(1, IncidentEvent::Escalated { why }).paged();
            }
            Fate::Unknown => {
                self.planned();
                let proposal = self.sealed();
                self.granted(&proposal);
                self.sending(&proposal);
                let sent = Sent::Unknown { why: "504 Gateway Timeout".to_owned() };
                self.then(30, IncidentEvent::Sent { sent }).paged();
            }
            Fate::NotVerified => {
                self.planned();
                let proposal = self.sealed();
                self.granted(&proposal);
                self.written(&proposal);
                let why = "replicas-available: 2 of 3".to_owned();
                let outcome = Outcome::Failed { why, reverted_by: None };
                self.then(1500, IncidentEvent::Judged { outcome }).paged();
            }
            Fate::Verifying => {
                self.planned();
                let proposal = self.sealed();
                self.granted(&proposal);
                self.written(&proposal);
            }
            Fate::Drafted => self.planned(),
            Fate::Told => {}
        }
    }
}
