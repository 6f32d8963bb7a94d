use super::super::plan as planned;
use super::*;
use crate::samples::{at, rules};
use nightshift_model::apply::Place;
use nightshift_model::{
    Digest, Evidence, EvidenceId, Exit, IncidentEvent, IncidentId, Kind, NotChecked, ObjectRef, Origin,
    Reason, Revision, Severity, Tool,
};

fn target() -> ObjectRef {
    ObjectRef::new(Kind::Job, "shop", "sync", "uid-job")
}

fn line() -> JobLine {
    JobLine {
        job: target(),
        version: "17".to_owned(),
        selector: "batch.kubernetes.io/controller-uid=uid-job".to_owned(),
        failed: "BackoffLimitExceeded".to_owned(),
        tries: 2,
        parallel: 1,
        images: vec!["app=shop/sync:4".to_owned()],
        idempotent: true,
        forbids: Vec::new(),
        body: Digest([7; 32]),
        last_pod: None,
    }
}

fn failed() -> Finding {
    Finding {
        reason: Reason::JobFailed,
        severity: Severity::Warning,
        object: target(),
        container: "app".to_owned(),
        template_hash: String::new(),
        exit: Some(Exit { code: 1, class: ExitClass::Application, at: Some(at(40)) }),
        cause: Why::BackoffLimit,
        detail: String::new(),
        blames: None,
        affected: 2,
        since: at(60),
        origin: Origin::Seen,
    }
}

fn incident(symptom: Finding, got: Got) -> Incident {
    let place = |revision| Place { id: IncidentId::from("inc-a"), revision: Revision(revision), at: at(80) };
    let cause = Finding::fingerprint(&target(), symptom.reason);
    let opened = Incident::apply(None, &place(1), &IncidentEvent::Opened { scope: target(), cause }).unwrap();
    let seen = IncidentEvent::FindingsChanged { findings: vec![symptom] };
    let mut incident = Incident::apply(Some(&opened), &place(2), &seen).unwrap();
    incident.evidence.push(Evidence {
        id: EvidenceId(1),
        tool: Tool::Job { target: target() },
        source: String::new(),
        at: at(90),
        got,
    });
    incident
}

fn of(symptom: Finding, line: JobLine) -> Result<Draft, Escalation> {
    planned(&incident(symptom, Got::Facts(Observed::Job(line))), &rules())
}

#[test]
fn a_job_whose_work_may_be_done_twice_is_proposed_to_be_run_again_once() {
    let draft = of(failed(), line()).unwrap();
    let Action::ReRunJob { target: job, version, body } = &draft.action else { panic!("{:?}", draft.action) };
    assert_eq!((job, version.as_str(), *body), (&target(), "17", Digest([7; 32])));
    assert_eq!(draft.playbook, "re-run-job");
    assert!(draft.verification.measures.iter().all(|m| m.red_first && m.name == "job-complete"));
    assert!(draft.inverse.action.is_none() && draft.inverse.sentence.contains("kubectl -n shop delete job"));
    assert!(draft.hazards.iter().any(|h| h.contains("done again")), "{:?}", draft.hazards);
    assert!(draft.cause.contains("exit code 1 of container app"), "{}", draft.cause);
}

#[test]
fn what_speaks_against_it_is_said_with_the_command_a_person_would_type() {
    let exit = |code, class| Finding { exit: Some(Exit { code, class, at: None }), ..failed() };
    let cases = [
        (failed(), JobLine { idempotent: false, ..line() }, "no annotation nightshift.dev/idempotent"),
        (failed(), JobLine { failed: String::new(), ..line() }, "has not failed"),
        (
            failed(),
            JobLine { forbids: vec!["CronJob x makes it".to_owned()], ..line() },
            "CronJob x makes it",
        ),
        (Finding { cause: Why::Deadline, ..failed() }, line(), "for a person to say"),
        (Finding { cause: Why::FailurePolicy, ..failed() }, line(), "for a person to say"),
        (Finding { cause: Why::Unknown, ..failed() }, line(), "for a person to say"),
        (exit(137, ExitClass::OutOfMemory), line(), "out of memory"),
        (exit(127, ExitClass::NotFound), line(), "could not be started"),
        (exit(128, ExitClass::StartError), line(), "could not be started"),
        (exit(139, ExitClass::Segfault), line(), "fault of the program"),
    ];
    for (symptom, line, wanted) in cases {
        let Err(Escalation::NoPlan { reasons, handover }) = of(symptom, line) else { panic!("{wanted}") };
        assert!(reasons.iter().any(|r| r.contains(wanted)), "{wanted}: {reasons:?}");
        assert!(handover.is_some_and(|h| h.contains("kubectl -n shop get job sync")), "{wanted}");
    }
}

#[test]
fn a_job_that_could_not_be_read_is_nobodys_plan() {
    let got = Got::NotChecked { why: NotChecked::Forbidden, detail: String::new() };
    let Err(Escalation::NoPlan { reasons, .. }) = planned(&incident(failed(), got), &rules()) else {
        panic!()
    };
    assert_eq!(reasons, ["Job shop/sync could not be read"]);
}
