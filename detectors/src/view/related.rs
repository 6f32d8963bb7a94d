//! Who is judged by an object that it neither owns nor is owned by.

use super::View;
use crate::facts::{
    ClaimFacts, DaemonSetFacts, DeploymentFacts, Fact, Facts, Hook, IngressFacts, JobFacts, MutatingFacts,
    QuotaFacts, StatefulSetFacts, Truth, ValidatingFacts,
};
use nightshift_model::{Kind, ObjectRef, rerun};

/// Scopes to look at again when this object comes, changes or goes.
pub(super) fn to(view: &View, fact: &Fact) -> Vec<ObjectRef> {
    let meta = fact.meta();
    match fact {
        Fact::Service(_) => {
            let sends = |ingress: &&IngressFacts| ingress.backends.iter().any(|(name, _)| *name == meta.name);
            let ingresses = view.all::<IngressFacts>(&meta.namespace).filter(sends).map(Facts::object);
            ingresses.chain(webhooks(view, &meta.namespace, &meta.name)).collect()
        }
        Fact::EndpointSlice(slice) => webhooks(view, &meta.namespace, &slice.service),
        Fact::StorageClass(_) => {
            view.all::<ClaimFacts>("").filter(|claim| &*claim.phase == "Pending").map(Facts::object).collect()
        }
        Fact::Deployment(deployment) if deployment.failure.status == Truth::True => {
            view.all::<QuotaFacts>(&meta.namespace).map(Facts::object).collect()
        }
        Fact::Job(job) => {
            let of = |uid| ObjectRef::new(Kind::Job, &meta.namespace, "", uid);
            let first = job.rerun_of().and_then(|uid| view.get(&of(uid)));
            let again = view.by_name::<JobFacts>(&meta.namespace, &rerun::name(&meta.name, &meta.uid));
            let scopes = first.map(|fact| view.scope_of(fact)).into_iter();
            scopes.chain(again.map(Facts::object)).collect()
        }
        Fact::Namespace(namespace) if namespace.is_going() => living(view, &meta.name),
        Fact::Deployment(_)
        | Fact::Pod(_)
        | Fact::ReplicaSet(_)
        | Fact::StatefulSet(_)
        | Fact::DaemonSet(_)
        | Fact::CronJob(_)
        | Fact::HorizontalPodAutoscaler(_)
        | Fact::PodDisruptionBudget(_)
        | Fact::PersistentVolumeClaim(_)
        | Fact::ResourceQuota(_)
        | Fact::Ingress(_)
        | Fact::Namespace(_)
        | Fact::ValidatingWebhookConfiguration(_)
        | Fact::MutatingWebhookConfiguration(_)
        | Fact::APIService(_)
        | Fact::Node(_)
        | Fact::Event(_) => Vec::new(),
    }
}

/// What a write could be proposed for in a namespace.
fn living(view: &View, namespace: &str) -> Vec<ObjectRef> {
    fn scopes<'a, T: Facts + 'a>(view: &'a View, namespace: &'a str) -> impl Iterator<Item = ObjectRef> {
        view.all::<T>(namespace).map(Facts::object)
    }
    scopes::<DeploymentFacts>(view, namespace)
        .chain(scopes::<StatefulSetFacts>(view, namespace))
        .chain(scopes::<DaemonSetFacts>(view, namespace))
        .chain(scopes::<JobFacts>(view, namespace))
        .collect()
}

/// Webhook configurations that call this Service.
fn webhooks(view: &View, namespace: &str, name: &str) -> Vec<ObjectRef> {
    let calls = |hooks: &[Hook]| {
        let mut services = hooks.iter().filter_map(|hook| hook.service.as_ref());
        services.any(|(place, service)| (&**place, &**service) == (namespace, name))
    };
    let validating = view.all::<ValidatingFacts>("").filter(|all| calls(&all.hooks)).map(Facts::object);
    let mutating = view.all::<MutatingFacts>("").filter(|all| calls(&all.hooks)).map(Facts::object);
    validating.chain(mutating).collect()
}
