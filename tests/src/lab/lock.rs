//! The lock at the lab's API server: accounts of its own, so that tests side by side never meet it.

use super::identity::Identities;
use super::{Cluster, within};
use anyhow::Context as _;
use http::Method;
use nightshift_engine::lock::policy::{Names, objects};
use nightshift_engine::permissions::{executor_yaml, responder_yaml};
use serde_json::{Value, json};
use std::time::Duration;

/// How long a change of a policy or a webhook may take to reach an API server.
const PATIENCE: Duration = Duration::from_secs(30);

/// A lock with the accounts that it is about.
#[derive(Clone, Debug)]
pub struct Lock {
    /// The cluster, as its administrator.
    pub admin: Cluster,
    /// Name of its objects, and of the namespace of its accounts.
    pub name: String,
}

impl Lock {
    /// Makes the namespace and accounts: a reader with the shipped rights, and an executor that may do everything.
    pub async fn accounts(admin: &Cluster, name: &str) -> anyhow::Result<(Self, Identities)> {
        super::identity::apply(&responder_yaml()).await?;
        super::identity::apply(&executor_yaml()).await?;
        admin.namespace(name).await?;
        let lock = Self { admin: admin.clone(), name: name.to_owned() };
        for account in ["responder", "executor", "developer"] {
            let object = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account}});
            admin.create(&format!("/api/v1/namespaces/{name}/serviceaccounts"), &object).await?;
        }
        for (account, role) in
            [("responder", "nightshift-responder"), ("executor", "cluster-admin"), ("developer", "edit")]
        {
            lock.bind(account, role).await?;
        }
        let identities = Identities {
            responder: lock.account("responder").await?,
            executor: lock.account("executor").await?,
        };
        Ok((lock, identities))
    }

    async fn bind(&self, account: &str, role: &str) -> anyhow::Result<()> {
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": format!("{}-{account}", self.name)},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": self.name}],
        });
        self.admin.create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", &binding).await.map(drop)
    }

    /// The API server as an account sees it.
    pub async fn account(&self, name: &str) -> anyhow::Result<Cluster> {
        let asked = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
        let target = format!("/api/v1/namespaces/{}/serviceaccounts/{name}/token", self.name);
        let made = self.admin.create(&target, &asked).await?;
        self.admin.with_token(made.pointer("/status/token").and_then(Value::as_str).context("no token")?)
    }

    /// The executor, as the API server calls it.
    pub fn executor(&self) -> String {
        format!("system:serviceaccount:{}:executor", self.name)
    }

    /// The shipped objects, for these accounts and with a countersign at a port of this machine.
    pub fn objects(&self, port: u16) -> Vec<Value> {
        let names =
            Names { executor: self.executor(), home: self.name.clone(), service: "none".to_owned(), port };
        let mut objects = objects(&self.name, &names);
        for object in &mut objects {
            if let Some(webhook) = object.pointer_mut("/webhooks/0").and_then(Value::as_object_mut) {
                let url = format!("https://127.0.0.1:{port}/countersign");
                webhook.insert("clientConfig".to_owned(), json!({ "url": url }));
            }
            if let Some(subject) = object.pointer_mut("/subjects/0").and_then(Value::as_object_mut) {
                subject.insert("name".to_owned(), json!("responder"));
            }
        }
        objects
    }

    /// Installs objects, or puts them back as they were.
    pub async fn install(&self, objects: &[Value]) -> anyhow::Result<()> {
        for object in objects {
            self.admin.apply(&path(object)?, object).await?;
        }
        Ok(())
    }

    /// Takes objects away; one that is not there is no matter.
    pub async fn remove(&self, objects: &[Value]) -> anyhow::Result<()> {
        for object in objects {
            self.admin.send(Method::DELETE, &path(object)?, None).await?;
        }
        Ok(())
    }

    /// Waits until the API server has been told which certificate to trust.
    pub async fn trusted(&self) -> anyhow::Result<()> {
        let path =
            format!("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/{}", self.name);
        within(PATIENCE, "the webhook's certificate is known", async || {
            let stored = self.admin.get(&path).await?.ok()?;
            Ok(stored.pointer("/webhooks/0/clientConfig/caBundle").is_some().then_some(()))
        })
        .await
    }

    /// Takes the accounts' rights and the namespace away.
    pub async fn end(self) -> anyhow::Result<()> {
        for account in ["responder", "executor", "developer"] {
            let binding =
                format!("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/{}-{account}", self.name);
            self.admin.send(Method::DELETE, &binding, None).await?;
        }
        self.admin.remove_namespace(&self.name).await
    }
}

/// Where an object of the lock is.
fn path(object: &Value) -> anyhow::Result<String> {
    let text =
        |pointer: &str| object.pointer(pointer).and_then(Value::as_str).context("no object of the lock");
    let plural = match text("/kind")? {
        "ValidatingAdmissionPolicy" => "validatingadmissionpolicies",
        "ValidatingAdmissionPolicyBinding" => "validatingadmissionpolicybindings",
        "ValidatingWebhookConfiguration" => "validatingwebhookconfigurations",
        "ClusterRole" => "clusterroles",
        "ClusterRoleBinding" => "clusterrolebindings",
        other => anyhow::bail!("{other} is no object of the lock"),
    };
    Ok(format!("/apis/{}/{plural}/{}", text("/apiVersion")?, text("/metadata/name")?))
}

/// Who refused a write: read off the API server's own words.
pub fn refused_by(lock: &str, answer: &super::Answer) -> &'static str {
    let message = answer.body.get("message").and_then(Value::as_str).unwrap_or_default();
    if answer.status.is_success() {
        "nobody"
    } else if message.contains(&format!("ValidatingAdmissionPolicy '{lock}'")) {
        "policy"
    } else if message.contains("ValidatingAdmissionPolicy 'votes.nightshift.dev'") {
        "policy of votes"
    } else if message.contains("admission webhook \"countersign.nightshift.dev\" denied") {
        "countersign"
    } else if message.contains("failed calling webhook \"countersign.nightshift.dev\"") {
        "no countersign"
    } else if answer.status == http::StatusCode::FORBIDDEN && message.contains(" cannot ") {
        "RBAC"
    } else if message.contains("rejected our request due to an error in our request") {
        "its own test"
    } else {
        "another reason"
    }
}
