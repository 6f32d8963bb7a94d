//! What a person would fix when it is not the scope, for findings whose own detector names nothing: the node that all its
//! unready pods are on and that does not work, or the registry that does not answer.

use crate::facts::{PodFacts, Truth};
use crate::look::Look;
use nightshift_model::{Cause, Finding, Kind, ObjectRef};

/// The kind of a registry, which is no object of the cluster.
pub const REGISTRY: &str = "Registry";
/// Where an image without a host comes from.
const DEFAULT: &str = "docker.io";

/// Names what is to blame where nothing is named yet.
pub(crate) fn attribute(at: &Look<'_>, findings: &mut [Finding]) {
    let node = dead_node(at);
    for finding in findings.iter_mut().filter(|f| f.blames.is_none()) {
        finding.blames = node.clone().or_else(|| registry(at, finding));
    }
}

/// The node that does not work, if every unready pod of the scope is on such a one.
fn dead_node(at: &Look<'_>) -> Option<ObjectRef> {
    if at.scope.kind == Kind::Node {
        return None;
    }
    let unready = at.staying().filter(|pod| !pod.is_ready());
    let down = |pod: &PodFacts| {
        let node = at.node_of(pod).filter(|node| node.ready.status != Truth::True);
        node.map(|node| node.meta.object(Kind::Node))
    };
    let nodes: Option<Vec<ObjectRef>> = unready.map(down).collect();
    nodes?.into_iter().min()
}

/// The registry of the image that cannot be pulled because nobody answers there.
fn registry(at: &Look<'_>, finding: &Finding) -> Option<ObjectRef> {
    if finding.cause != Cause::RegistryUnreachable {
        return None;
    }
    let pod = at.view.facts::<PodFacts>(&finding.object)?;
    let container = pod.containers.iter().find(|c| *c.name == *finding.container)?;
    let host = host(&container.image)?;
    Some(ObjectRef::new(Kind::Other(REGISTRY.to_owned()), "", host, ""))
}

/// The registry in an image's name; `None` for what is no host. An image's name is text of others.
fn host(image: &str) -> Option<&str> {
    let host = match image.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        Some(_) | None => DEFAULT,
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:".contains(&byte);
    (host.len() <= 253 && host.bytes().all(plain)).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_is_read_from_an_images_name() {
        for (image, expected) in [
            ("nginx", Some("docker.io")),
            ("team/app:1", Some("docker.io")),
            ("registry.example.com/app@sha256:00", Some("registry.example.com")),
            ("localhost/app", Some("localhost")),
            ("10.0.0.1:5000/a/b:1", Some("10.0.0.1:5000")),
            ("reg\u{202e}.io/app", None),
            ("a b.io/app", None),
            ("[::1]:5000/app", None),
        ] {
            assert_eq!(host(image), expected, "{image}");
        }
        assert_eq!(host(&format!("{}.io/app", "x".repeat(300))), None);
    }
}
