use super::*;
use crate::cluster::tests::{door, reader, writer};
use nightshift_sim::{Fault, Scope, Verb};

#[tokio::test]
async fn the_api_server_is_asked_and_no_answer_is_no_verdict() {
    let (door, _) = door().await;
    let (reader, writer) = (reader(&door.url()).await, writer(&door.url()).await);
    let rights =
        [Right::new("patch", "apps", "deployments").within("shop"), Right::new("create", "", "pods/exec")];
    let deadline = Duration::from_secs(5);
    door.with(|sim| {
        let (user, verb, resource) = ("responder".into(), "*".into(), "pods/exec".into());
        sim.fault(Fault::Forbidden { user, verb, resource });
    });
    let verdicts = review(Identity::Reader(&reader), &rights, deadline).await;
    assert_eq!(verdicts, [Verdict::Allowed, Verdict::Denied]);
    assert_eq!(
        review(Identity::Writer(&writer), &rights, deadline).await,
        [Verdict::Allowed, Verdict::Allowed]
    );

    let on = Scope::new(Verb::Any, "/apis/authorization.k8s.io");
    door.with(|sim| {
        sim.fault(Fault::Status { on, code: 500, reason: "InternalError".into(), retry_after: None });
    });
    let mut verdicts = review(Identity::Writer(&writer), &rights, deadline).await;
    verdicts.sort_by_key(|verdict| *verdict == Verdict::Allowed); // either was asked first
    assert_eq!(verdicts, [Verdict::Unknown("the API server answered 500".into()), Verdict::Allowed]);
    door.slow(Duration::from_secs(2));
    let verdicts = review(Identity::Writer(&writer), &rights, Duration::from_millis(50)).await;
    assert!(verdicts.iter().all(|verdict| matches!(verdict, Verdict::Unknown(_))), "{verdicts:?}");
}
