//! The headers of every answer of the gate.

use axum::response::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS,
};

/// Nothing from elsewhere, no frame around it, forms to itself only.
pub const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                          form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Name and value, the same on every answer. `Referrer-Policy` is `same-origin`: with `no-referrer` browsers send
/// `Origin: null` and every vote would fail.
pub const ALWAYS: &[(HeaderName, &str)] = &[
    (CACHE_CONTROL, "no-store"),
    (REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
    (CONTENT_SECURITY_POLICY, POLICY),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
];

/// Two years, once a browser has seen the gate over TLS.
const TRANSPORT: &str = "max-age=63072000";

/// Puts the headers on an answer.
pub fn guard(mut answer: Response, encrypted: bool) -> Response {
    let headers = answer.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if encrypted {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(TRANSPORT));
    }
    answer
}
