//! What logs do to the ranking, and which Services they make nightshift ask about.

use super::*;
use crate::diagnose::diagnose;
use crate::samples::{finding, investigated, target};
use nightshift_model::evidence::{LogExcerpt, ServiceFacts};
use nightshift_model::{Diagnosis, Exit, ExitClass, Finding, Reason};

fn crashing(cause: Cause) -> Finding {
    let exit = Some(Exit { code: 1, class: ExitClass::Application, at: None });
    Finding { reason: Reason::CrashLoopBackOff, cause, exit, ..finding("h") }
}

fn log(text: &str) -> (Tool, Observed) {
    let pod = ObjectRef::new(Kind::Pod, "shop", "cart-1", "u1");
    let lines = text.lines().map(str::to_owned).collect();
    let excerpt = LogExcerpt { lines, cut: None, redacted: 0 };
    (Tool::PreviousLog { pod, container: "app".into() }, Observed::Log(excerpt))
}

fn service(host: &str, facts: Option<(u32, u32, &[u16])>) -> (Tool, Observed) {
    let facts = facts.map(|(ready, unready, ports)| ServiceFacts {
        service: ObjectRef::new(Kind::Service, "shop", host, "uid-svc"),
        ports: ports.to_vec(),
        selects: true,
        external: None,
        ready,
        unready,
    });
    (Tool::Service { namespace: "shop".into(), host: host.into() }, Observed::Service(facts))
}

fn judged(cause: Cause, got: Vec<(Tool, Observed)>) -> Diagnosis {
    diagnose(&investigated(vec![crashing(cause)], got))
}

const REFUSED: &str = "dial tcp: connect to db:5432: connection refused";

#[test]
fn a_log_lifts_its_class_above_an_exit_code_and_not_above_a_memory_kill() {
    let lifted = judged(Cause::ProgramError, vec![log(REFUSED)]);
    let words: Vec<&str> = lifted.causes.iter().map(|c| c.cause.as_str()).collect();
    assert_eq!(words, ["Dependency", "ProgramError"]);
    let first = lifted.first().unwrap();
    assert_eq!(first.sentence(), "db:5432 refuses connections");
    assert_eq!(first.backing[0].evidence, Some(EvidenceId(1)));
    for cause in [Cause::MemoryLimit, Cause::LivenessProbe, Cause::WrongCommand] {
        assert_eq!(judged(cause, vec![log(REFUSED)]).first().unwrap().cause, cause);
    }
}

#[test]
fn a_service_without_endpoints_is_blamed() {
    let diagnosis = judged(Cause::ProgramError, vec![log(REFUSED), service("db", Some((0, 2, &[5432])))]);
    let first = diagnosis.first().unwrap();
    assert_eq!(first.blames.as_ref().unwrap().to_string(), "Service shop/db");
    assert_eq!(
        first.sentence(),
        "db:5432 refuses connections: Service db has no ready endpoints, and 2 that are not ready"
    );
    assert_eq!(first.backing[1].evidence, Some(EvidenceId(2)));
}

#[test]
fn a_service_that_answers_speaks_against_it_and_a_wrong_port_for_it() {
    let answers = judged(Cause::ProgramError, vec![log(REFUSED), service("db", Some((2, 0, &[5432])))]);
    let first = answers.first().unwrap();
    assert_eq!((first.cause, &first.blames), (Cause::Dependency, &None));
    assert_eq!(first.against[0].text, "Service db has 2 ready endpoints now");
    let port = judged(Cause::ProgramError, vec![log(REFUSED), service("db", Some((2, 0, &[5433])))]);
    assert!(port.first().unwrap().sentence().contains("Service db has no port 5432, but 5433"));
    let none = judged(Cause::ProgramError, vec![log(REFUSED), service("db", None)]);
    assert!(none.first().unwrap().sentence().contains("there is no Service db in namespace shop"));
}

#[test]
fn only_services_of_the_own_namespace_are_asked_about() {
    let asked = |text: &str| -> Vec<String> {
        let incident = investigated(vec![crashing(Cause::ProgramError)], vec![log(text)]);
        let tools = needed(&incident).into_iter();
        tools
            .map(|tool| {
                let Tool::Service { namespace, host } = tool else { panic!("{tool:?}") };
                format!("{namespace}/{host}")
            })
            .collect()
    };
    assert_eq!(asked(REFUSED), ["shop/db"]);
    assert_eq!(asked("lookup db.shop.svc.cluster.local on 10.96.0.10:53: no such host"), ["shop/db"]);
    assert_eq!(asked("connect ECONNREFUSED 10.96.3.4:6379"), ["shop/10.96.3.4"]);
    for text in [
        "lookup coredns.kube-system.svc.cluster.local: no such host",
        "connection refused to kube-system/coredns",
        "lookup api.example.com: no such host",
        "panic: nil map",
        "",
    ] {
        assert_eq!(asked(text), Vec::<String>::new(), "{text}");
    }
    let many: Vec<String> = (0..50).map(|n| format!("connect ECONNREFUSED s{n}:80")).collect();
    assert!(asked(&many.join("\n")).len() <= ASKED);
    assert_eq!(target().namespace, "shop");
}

#[test]
fn a_termination_message_counts_like_a_log() {
    let found = Finding {
        detail: "Error: ENOSPC: no space left on device, write".into(),
        ..crashing(Cause::ProgramError)
    };
    let diagnosis = diagnose(&investigated(vec![found], Vec::new()));
    assert_eq!(diagnosis.first().unwrap().cause, Cause::DiskFull);
    assert_eq!(diagnosis.first().unwrap().backing[0].evidence, None);
}

#[test]
fn a_stack_trace_backs_the_programs_own_error() {
    let text =
        "panic: runtime error: index out of range [3] with length 3\n\ngoroutine 1 [running]:\nmain.main()";
    let diagnosis = judged(Cause::ProgramError, vec![log(text)]);
    let first = diagnosis.first().unwrap();
    assert_eq!((first.cause, first.backing.len()), (Cause::ProgramError, 2));
    assert!(first.backing[1].text.contains("stack trace of Go: panic: runtime error"), "{first:?}");
}
