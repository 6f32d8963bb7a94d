//! From a path and a query to a URI, and what may be read at all.

use http::Uri;
use nightshift_model::effect::Accept;

/// Subresources that a GET may name. The others (`exec`, `attach`, `portforward`, `proxy`) act.
const SUBRESOURCES: &[&str] = &["", "log", "status", "scale"];

/// The parts of a path at the API server.
#[derive(Debug, PartialEq, Eq)]
struct Parts<'a> {
    core: bool,
    resource: &'a str,
    name: &'a str,
    subresource: &'a str,
}

/// Reads `/api/v1/...` and `/apis/group/version/...`; `None` for paths outside the object tree.
fn parts(path: &str) -> Option<Parts<'_>> {
    let mut rest = path.strip_prefix('/')?.split('/');
    let core = match rest.next()? {
        "api" => true,
        "apis" => {
            rest.next()?;
            false
        }
        _ => return None,
    };
    rest.next()?;
    let rest: Vec<&str> = rest.collect();
    let inner = match rest.as_slice() {
        ["namespaces", _, inner @ ..] if inner.first().is_some_and(|one| *one != "status") => inner,
        whole => whole,
    };
    let part = |index: usize| inner.get(index).copied().unwrap_or_default();
    (inner.len() <= 3).then(|| Parts { core, resource: part(0), name: part(1), subresource: part(2) })
}

/// Whether a GET of this path reads only, and reads nothing that is never read (reference/security.md).
pub(super) fn readable(path: &str, accept: Accept) -> Result<(), &'static str> {
    let Some(parts) = parts(path) else {
        return match path {
            "/version" | "/healthz" | "/readyz" | "/livez" => Ok(()),
            _ => Err("the path is outside the object tree"),
        };
    };
    match (parts.core, parts.resource) {
        (true, "secrets") => Err("Secrets are never read"),
        (true, "configmaps") if accept != Accept::Metadata => Err("of ConfigMaps only the metadata is read"),
        _ if !SUBRESOURCES.contains(&parts.subresource) => Err("the subresource acts, it does not only read"),
        _ => Ok(()),
    }
}

/// Whether the path names one object rather than a collection.
pub(super) fn one_object(path: &str) -> bool {
    parts(path).is_some_and(|parts| !parts.name.is_empty())
}

/// A relative URI: the path's odd bytes escaped, the query form-encoded. `Err` says what is wrong with the path.
pub(super) fn build(path: &str, query: &[(String, String)]) -> Result<Uri, String> {
    let sound = path.starts_with('/') && !path.split('/').skip(1).any(|part| matches!(part, "" | "." | ".."));
    if !sound {
        return Err(format!("{path:?} is no path at the API server"));
    }
    let mut text = String::with_capacity(path.len() + 16);
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~:@!$&'()*+,;=".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.extend(percent(byte));
        }
    }
    if !query.is_empty() {
        text.push('?');
        text.push_str(&url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish());
    }
    text.parse().map_err(|error| format!("{path:?} is no path at the API server: {error}"))
}

fn percent(byte: u8) -> [char; 3] {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0').to_ascii_uppercase();
    ['%', digit(byte >> 4), digit(byte & 15)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_bytes_cannot_leave_the_path() {
        let query = [("labelSelector".into(), "app in (a,b),c!=d&x".into())];
        let uri = build("/api/v1/namespaces/a b/pods/x?y#z%2f", &query).unwrap();
        assert_eq!(uri.path(), "/api/v1/namespaces/a%20b/pods/x%3Fy%23z%252f");
        assert_eq!(uri.query(), Some("labelSelector=app+in+%28a%2Cb%29%2Cc%21%3Dd%26x"));
        for path in ["", "api", "/api//pods", "/api/../x", "/api/v1/./pods", "/api/v1/pods/"] {
            assert!(build(path, &[]).is_err(), "{path}");
        }
    }

    #[test]
    fn secrets_configmap_data_and_acting_subresources_are_refused() {
        let may = |path: &str, accept| readable(path, accept).is_ok();
        assert!(may("/api/v1/namespaces/secrets/pods", Accept::Json));
        assert!(may("/api/v1/namespaces/shop/pods/exec", Accept::Json));
        assert!(may("/api/v1/namespaces/shop/pods/cart/log", Accept::Text));
        assert!(may("/api/v1/namespaces/kube-system", Accept::Json));
        assert!(may("/api/v1/namespaces/shop/configmaps", Accept::Metadata));
        assert!(!may("/api/v1/namespaces/shop/configmaps/env", Accept::Json));
        assert!(!may("/api/v1/secrets", Accept::Metadata));
        assert!(!may("/api/v1/namespaces/shop/secrets/token", Accept::Json));
        assert!(!may("/api/v1/namespaces/shop/pods/cart/exec", Accept::Json));
        assert!(!may("/api/v1/nodes/n1/proxy", Accept::Json));
        assert!(!may("/api/v1/nodes/n1/proxy/pods", Accept::Json));
        assert!(!may("/metrics", Accept::Text));
    }

    #[test]
    fn a_collection_is_told_from_an_object() {
        assert!(one_object("/apis/apps/v1/namespaces/shop/deployments/cart"));
        assert!(one_object("/api/v1/namespaces/kube-system"));
        assert!(!one_object("/apis/apps/v1/deployments"));
        assert!(!one_object("/api/v1/namespaces/shop/pods"));
    }
}
