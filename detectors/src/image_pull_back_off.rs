//! ImagePullBackOff: the kubelet cannot pull a container's image, and waits longer before each try.
//!
//! # Meaning
//! A container waits with reason ErrImagePull or ImagePullBackOff; the two alternate, and both count as one. It is a
//! finding after half a minute when the registry has answered that there is no such image, that it is for another platform,
//! or that the credentials are wrong, and later when it does not answer or refuses more requests, which heals alone
//! more often than not. Time counts from when the pod had its node.
//!
//! # Impact
//! The replica does not start. In a rolling update the old pods go on serving; a pod that moves to another node, as in a
//! drain, is lost until the image can be pulled.
//!
//! # Diagnosis
//! Read the registry's answer in the container's waiting message or in the Event Failed. `not found` (or `manifest
//! unknown`): a wrong tag, or an image that was never pushed; `docker manifest inspect IMAGE` tells. `401`, `403`,
//! `pull access denied`: imagePullSecrets of the pod and its ServiceAccount, or an expired token; many registries say so
//! for images that do not exist, too. `no match for platform`: compare with the node's architecture. `connection
//! refused`, `i/o timeout`, `no such host`, 5xx: the registry or the way to it, then more workloads fail with the same
//! host. `429`, `toomanyrequests`: a pull limit, often of the whole cluster's one address.
//!
//! # Mitigation
//! When a rollout brought the tag, go back to the revision before. Push the image, or correct the tag. Renew the pull
//! secret. For a limit: log in, or use a mirror. Deleting the pod only begins the waiting anew.

use crate::catalog::{Detector, Looked};
use crate::look::Look;
use crate::params::Params;
use crate::waiting::{Verdict, Waits, events, newest, report, waiting};
use nightshift_model::{Cause, Reason};

/// The detector.
#[derive(Debug)]
pub struct ImagePullBackOff;

impl Detector for ImagePullBackOff {
    fn reason(&self) -> Reason {
        Reason::ImagePullBackOff
    }

    fn source(&self) -> &'static str {
        include_str!("image_pull_back_off.rs")
    }

    fn thresholds(&self, params: &Params) -> Vec<(&'static str, String)> {
        vec![
            ("Time for what only a person mends", params.named_after.to_string()),
            ("Time for a registry that may answer again", params.heals_after.to_string()),
        ]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        let all = waiting(at, &["ErrImagePull", "ImagePullBackOff"]);
        report(at, self.reason(), &all, |waits| judge(at, waits))
    }
}

fn judge<'a>(at: &Look<'a>, waits: &Waits<'a>) -> Verdict {
    // Older kubelets say nothing but "Back-off pulling image" here, and the answer in an Event.
    let failed = events(at, waits.pod, &["Failed"]).filter(|e| e.message.starts_with("Failed to pull image"));
    let answer = if classify(waits.message) == Cause::Unknown {
        newest(failed).map_or(waits.message, |event| &*event.message)
    } else {
        waits.message
    };
    let cause = classify(answer);
    let answered = matches!(cause, Cause::ImageNotFound | Cause::Unauthorized | Cause::WrongPlatform);
    let grace = if answered { at.params.named_after } else { at.params.heals_after };
    Verdict { grace, cause, detail: detail(waits, answer), blames: None }
}

/// The answer, and the registry's host where the answer does not name it: what several workloads may share.
fn detail(waits: &Waits<'_>, answer: &str) -> String {
    let host = host(&waits.container.image);
    if answer.contains(host) { answer.to_owned() } else { format!("{answer} (registry {host})") }
}

/// The registry's host in an image's name.
fn host(image: &str) -> &str {
    let first = image.split_once('/').map_or("", |(first, _)| first);
    let is_host = first == "localhost" || first.contains(['.', ':']);
    if is_host { first } else { "docker.io" }
}

/// The class of a registry's answer, by containerd's, CRI-O's and Docker's words.
fn classify(answer: &str) -> Cause {
    // The image's name stands in the answer too, and anybody may call an image anything.
    let low = without_quoted(answer).to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| low.contains(word));
    if says(&["429", "toomanyrequests", "too many requests", "rate limit"]) {
        Cause::RateLimited
    } else if says(&["no match for platform", "no matching manifest for", "no image found in manifest list"])
        || says(&["no image found in image index", "does not match the specified platform"])
    {
        Cause::WrongPlatform
    } else if says(&["401 unauthorized", "403 forbidden", "unauthorized:", "authentication required"])
        || says(&["pull access denied", "authorization failed", "insufficient_scope", "permissiondenied"])
        || says(&["denied:", "no basic auth credentials", "failed to fetch anonymous token"])
        || says(&[
            "invalid username/password",
            "access to the resource is denied",
            "authorization token has expired",
        ])
    {
        Cause::Unauthorized
    } else if says(&[
        "connection refused",
        "i/o timeout",
        "no such host",
        "no route to host",
        "tls handshake",
    ]) || says(&[
        "network is unreachable",
        "connection reset",
        "deadline exceeded",
        "server misbehaving",
    ]) || says(&["500 internal", "502 bad", "503 service", "504 gateway", "registryunavailable"])
        || says(&[
            "x509:",
            "failed to do request",
            "server gave http response",
            "client.timeout",
            "unexpected eof",
            "proxyconnect",
        ])
    {
        Cause::RegistryUnreachable
    } else if says(&[": not found", "manifest unknown", "name unknown", "404 not found", "does not exist"])
        || says(&["manifest_unknown", "name_unknown", "not found: manifest", "repository not found"])
    {
        Cause::ImageNotFound
    } else {
        Cause::Unknown
    }
}

/// A text without what stands in double quotes.
fn without_quoted(text: &str) -> String {
    text.split('"').step_by(2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_registries_have_their_class() {
        let table = [
            (
                r#"Back-off pulling image "localhost:5000/app:none": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image "localhost:5000/app:none": failed to resolve reference "localhost:5000/app:none": localhost:5000/app:none: not found"#,
                Cause::ImageNotFound,
            ),
            (
                r#"failed to resolve reference "docker.io/acme/x:1": pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed"#,
                Cause::Unauthorized,
            ),
            (
                "pulling from host localhost:5996 failed with status code [manifests 1]: 401 Unauthorized",
                Cause::Unauthorized,
            ),
            (
                "failed to authorize: failed to fetch anonymous token: unexpected status: 403 Forbidden",
                Cause::Unauthorized,
            ),
            (
                "pulling from host localhost:5994 failed with status code [manifests 1]: 429 Too Many Requests",
                Cause::RateLimited,
            ),
            ("toomanyrequests: You have reached your unauthenticated pull rate limit.", Cause::RateLimited),
            (
                r#"failed to do request: Head "http://localhost:5997/v2/x/manifests/1": dial tcp 127.0.0.1:5997: connect: connection refused"#,
                Cause::RegistryUnreachable,
            ),
            (
                r#"Get "https://r.example.com/v2/": dial tcp: lookup r.example.com: no such host"#,
                Cause::RegistryUnreachable,
            ),
            (
                "pulling from host h failed with status code [manifests 1]: 503 Service Unavailable",
                Cause::RegistryUnreachable,
            ),
            ("no match for platform in manifest: not found", Cause::WrongPlatform),
            ("no matching manifest for linux/arm64/v8 in the manifest list entries", Cause::WrongPlatform),
            ("manifest for acme/x:2 not found: manifest unknown: manifest unknown", Cause::ImageNotFound),
            (r#"Back-off pulling image "x""#, Cause::Unknown),
            (r#"Back-off pulling image "x/connection refused:1""#, Cause::Unknown),
            ("", Cause::Unknown),
        ];
        for (answer, cause) in table {
            assert_eq!(classify(answer), cause, "{answer}");
        }
    }

    #[test]
    fn the_host_is_the_registrys() {
        for (image, expected) in [
            ("nginx", "docker.io"),
            ("acme/nginx:1", "docker.io"),
            ("localhost/x", "localhost"),
            ("localhost:5000/x/y:1", "localhost:5000"),
            ("ghcr.io/acme/x@sha256:00", "ghcr.io"),
        ] {
            assert_eq!(host(image), expected);
        }
    }
}
