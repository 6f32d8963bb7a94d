//! One rollout that broke a Deployment, and everything that makes it innocent, one change each.

use crate::plan::testing::{Known, change, incident, known, pod, revision};
use crate::plan::{plan, situation};
use crate::samples::{at, finding, rules};
use nightshift_model::cause::Cause as Why;
use nightshift_model::evidence::{
    ChangeLine, ChangeSort, NodeFacts, PodLine, Requests, RevisionLine, WorkloadFacts,
};
use nightshift_model::incident::Began;
use nightshift_model::{Digest, Draft, Escalation, ExitClass, Finding, Kind, ObjectRef, Reason};
use nightshift_playbooks::Cause;

fn proposed(known: &Known) -> Draft {
    let incident = incident(known);
    assert_eq!(situation(&incident).unwrap().cause, Cause::Rollout);
    plan(&incident, &rules()).unwrap_or_else(|why| panic!("{why:?}"))
}

/// The reasons, and what a person is told to type.
fn refused(known: &Known) -> (String, String) {
    let incident = incident(known);
    assert_ne!(situation(&incident).unwrap().cause, Cause::Rollout);
    match plan(&incident, &rules()) {
        Err(Escalation::NoPlan { reasons, handover }) => (reasons.join("; "), handover.unwrap_or_default()),
        other => panic!("{other:?}"),
    }
}

fn image(cause: Why) -> Finding {
    Finding { reason: Reason::ImagePullBackOff, cause, ..known().symptom }
}

#[test]
fn a_rollout_that_broke_what_ran_well_is_rolled_back() {
    let draft = proposed(&known());
    assert_eq!(draft.action.revision().unwrap().number, 1);
    for well in [
        // Its pods that go, or went, say nothing.
        Known { pods: vec![PodLine { leaving: true, ..pod("old", "h1", false) }], ..known() },
        Known { pods: vec![PodLine { phase: "Failed".to_owned(), ..pod("old", "h1", false) }], ..known() },
        // With Recreate the old pods stop before the new revision exists.
        Known {
            workload: WorkloadFacts {
                strategy: "Recreate".to_owned(),
                unavailable_since: Some(at(990)),
                ..known().workload
            },
            pods: vec![pod("cart-h2-x", "h2", false)],
            ..known()
        },
        Known {
            workload: WorkloadFacts { unavailable_since: Some(at(1010)), ..known().workload },
            ..known()
        },
        // It was well again after an older trouble.
        Known { began: Some(Began { at: at(200), template_hash: "h1".to_owned() }), ..known() },
        Known { symptom: image(Why::ImageNotFound), ..known() },
        // Revision 3 did not mend what revision 2 brought.
        Known {
            symptom: Finding { since: at(1540), ..finding("h3") },
            revisions: vec![revision(3, 1500), revision(2, 1000), revision(1, 0)],
            workload: WorkloadFacts { template: Digest([3; 32]), ..known().workload },
            began: Some(Began { at: at(1040), template_hash: "h2".to_owned() }),
            ..known()
        },
    ] {
        proposed(&well);
    }
}

#[test]
fn a_rollout_that_came_after_the_fault_is_not_its_cause() {
    let began = |second, hash: &str| Some(Began { at: at(second), template_hash: hash.to_owned() });
    for (known, says) in [
        (Known { began: began(900, "h1"), ..known() }, "revision 1 was broken itself since"),
        (
            Known { began: began(900, "h0"), ..known() },
            "the fault began at 2026-03-01T02:15:00Z, and revision 2",
        ),
        (
            Known {
                workload: WorkloadFacts { unavailable_since: Some(at(950)), ..known().workload },
                ..known()
            },
            "too few pods were available since 2026-03-01T02:15:50Z, and revision 2",
        ),
        (
            Known {
                pods: vec![pod("a", "h1", true), pod("b", "h1", false), pod("c", "h1", false)],
                ..known()
            },
            "pod b and 1 more of revision 1 are not Ready either",
        ),
        (
            Known {
                symptom: Finding { reason: Reason::Unhealthy, ..known().symptom },
                pods: vec![pod("b", "h1", false)],
                ..known()
            },
            "pod b of revision 1 is not Ready either",
        ),
    ] {
        let (reasons, handover) = refused(&known);
        assert!(reasons.contains(says), "{reasons}");
        assert!(!handover.contains("undo"), "{handover}");
    }
}

#[test]
fn what_the_earlier_revision_has_too_is_not_mended_by_it() {
    let with_keys = |key: &str, n, created| RevisionLine {
        keys: vec![format!("Secret login {key}"), "Secret login user".to_owned()],
        ..revision(n, created)
    };
    let missing = |cause, detail: &str| Finding {
        reason: Reason::CreateContainerConfigError,
        cause,
        detail: detail.to_owned(),
        ..known().symptom
    };
    let key = |detail| Known {
        symptom: missing(Why::MissingKey, detail),
        revisions: vec![with_keys("token", 2, 1000), with_keys("password", 1, 0)],
        ..known()
    };
    proposed(&key("couldn't find key token in Secret shop/login"));
    let annotations = ["kubectl.kubernetes.io~1restartedAt", "checksum~1config"];
    for (known, says) in [
        (
            Known {
                changes: annotations
                    .map(|a| change(&format!("/spec/template/metadata/annotations/{a}")))
                    .to_vec(),
                ..known()
            },
            "revision 2 runs the same containers as revision 1",
        ),
        (
            Known {
                symptom: image(Why::ImageNotFound),
                revisions: vec![
                    RevisionLine { images: vec!["app=cart:1".to_owned()], ..revision(2, 1000) },
                    revision(1, 0),
                ],
                changes: vec![change("/spec/template/spec/terminationGracePeriodSeconds")],
                ..known()
            },
            "revision 1 runs the same image (app=cart:1)",
        ),
        (
            Known { symptom: missing(Why::MissingConfigMap, "configmap \"shared\" not found"), ..known() },
            "revision 1 refers to ConfigMap shared too",
        ),
        (key("couldn't find key user in Secret shop/login"), "revision 1 refers to Secret login user too"),
        // Where nothing names the key, it may be one that both ask for.
        (key(""), "revision 1 refers to Secret login user too"),
    ] {
        let (reasons, _) = refused(&known);
        assert!(reasons.contains(says), "{reasons}");
    }
    let other = missing(Why::MissingConfigMap, "configmap \"new\" not found");
    let brings = RevisionLine {
        references: vec!["ConfigMap new".to_owned(), "ConfigMap shared".to_owned()],
        ..revision(2, 1000)
    };
    proposed(&Known { symptom: other, revisions: vec![brings, revision(1, 0)], ..known() });
}

#[test]
fn a_cause_around_the_pods_is_not_the_templates() {
    let problem = |text: &str| NodeFacts { problems: vec![text.to_owned()], ..known().node };
    for (known, says) in [
        (
            Known { node: problem("MemoryPressure=True KubeletHasInsufficientMemory"), ..known() },
            "node node-1 is not as it should be (MemoryPressure=True",
        ),
        (Known { node: problem("Ready=Unknown NodeStatusUnknown"), ..known() }, "node node-1 is not as it"),
        (
            Known { symptom: Finding { container: "istio-proxy".to_owned(), ..known().symptom }, ..known() },
            "container istio-proxy is none of revision 2",
        ),
        (Known { symptom: image(Why::RegistryUnreachable), ..known() }, "the registry does not answer"),
        (Known { symptom: image(Why::Unknown), ..known() }, "nothing shows that the rollout brought it"),
    ] {
        let (reasons, _) = refused(&known);
        assert!(reasons.contains(says), "{reasons}");
    }
    // A condition that another tool sets says nothing by itself.
    proposed(&Known { node: problem("GpuHealthy=True"), ..known() });
}

#[test]
fn a_node_in_trouble_is_no_small_memory_limit_either() {
    let exit = nightshift_model::Exit { code: 137, class: ExitClass::OutOfMemory, at: None };
    let symptom = Finding { reason: Reason::OOMKilled, exit: Some(exit), ..known().symptom };
    let trouble = NodeFacts { problems: vec!["MemoryPressure=True x".to_owned()], ..known().node };
    let killed = Known { symptom, pods: vec![pod("b", "h1", false)], ..known() };
    assert_eq!(situation(&incident(&killed)).unwrap().cause, Cause::MemoryLimit);
    assert_eq!(situation(&incident(&Known { node: trouble, ..killed })).unwrap().cause, Cause::Unknown);
}

#[test]
fn a_revision_that_asks_for_more_than_fits_goes_back_while_the_old_one_serves() {
    let waits = |cause| Finding {
        reason: Reason::FailedScheduling,
        cause,
        container: String::new(),
        ..known().symptom
    };
    let asks =
        |cpu_milli, memory| RevisionLine { requests: Requests { cpu_milli, memory }, ..revision(2, 1000) };
    let more = |cause, cpu, memory| Known {
        symptom: waits(cause),
        revisions: vec![asks(cpu, memory), revision(1, 0)],
        ..known()
    };
    let draft = proposed(&more(Why::InsufficientMemory, 100, 900 << 30));
    assert!(
        draft.cause.starts_with(
            "A pod of revision 2 (app=cart:2) finds no node (no node has enough free memory), for it asks for 100m cpu and \
             921600 MiB where revision 1 asked for 100m cpu and 64 MiB since"
        ),
        "{}",
        draft.cause
    );
    proposed(&more(Why::InsufficientCpu, 64_000, 64 << 20));
    for known in [
        more(Why::InsufficientMemory, 64_000, 64 << 20),
        more(Why::InsufficientCpu, 100, 900 << 30),
        more(Why::NodeSelector, 64_000, 900 << 30),
        Known { pods: vec![pod("x", "h2", false)], ..more(Why::InsufficientMemory, 100, 900 << 30) },
        Known { healthy: Vec::new(), ..more(Why::InsufficientMemory, 100, 900 << 30) },
    ] {
        let (_, handover) = refused(&known);
        assert_eq!(handover.lines().last(), Some("kubectl -n shop describe pod cart-2-x"));
    }
}

#[test]
fn what_changed_around_it_makes_it_innocent_or_is_said_beside_it() {
    let line = |second, sort, object, what: &str| ChangeLine {
        at: at(second),
        sort,
        object,
        what: what.to_owned(),
        by: Some("kubectl-edit".to_owned()),
    };
    let named = |kind: &str, name: &str| ObjectRef::new(Kind::parse(kind), "shop", name, "");
    let around = |line: ChangeLine| Known { changes_around: vec![line], ..known() };
    let crash = |second, pod: &str| around(line(second, ChangeSort::Crashed, named("Pod", pod), "crashed"));
    let other = |object, what: &str| around(line(900, ChangeSort::Incident, object, what));
    for (known, says) in [
        (
            crash(950, "cart-h1-gone"),
            "pod cart-h1-gone of revision 1 crash-looped at 2026-03-01T02:15:50Z already",
        ),
        (
            other(named("ConfigMap", "shared"), "has an incident of its own, CreateContainerConfigError"),
            "ConfigMap shop/shared has an incident of its own",
        ),
        (
            other(ObjectRef::new(Kind::Node, "", "node-1", ""), "has an incident of its own, NodePressure"),
            "Node node-1 has an incident of its own, NodePressure",
        ),
        (other(named("Service", "kube-dns"), "has an incident of its own, DnsUnavailable"), "DnsUnavailable"),
    ] {
        let (reasons, _) = refused(&known);
        assert!(reasons.contains(says), "{reasons}");
    }
    for known in [
        // Before it was seen healthy, of the new revision, of another workload, or of nobody's concern.
        crash(500, "cart-h1-old"),
        crash(1020, "cart-h1-late"),
        crash(950, "cart-h10-x"),
        other(ObjectRef::new(Kind::Node, "", "node-1", ""), "has an incident of its own, NodeCordoned"),
        other(ObjectRef::new(Kind::Node, "", "node-7", ""), "has an incident of its own, NodeNotReady"),
        other(named("Deployment", "api"), "has an incident of its own, CrashLoopBackOff"),
    ] {
        proposed(&known);
    }
    let config = |name: &str| around(line(990, ChangeSort::Config, named("ConfigMap", name), "was changed"));
    let hazard = "ConfigMap shared was changed at 2026-03-01T02:16:30Z by kubectl-edit; revision 1 refers to it as well, and it stays as it is.";
    assert!(proposed(&config("shared")).hazards.iter().any(|h| h == hazard));
    assert!(!proposed(&config("mine")).hazards.iter().any(|h| h.contains("ConfigMap mine")));
}
