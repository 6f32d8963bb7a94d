//! The headers of every answer of the gate.

use axum::response::Response;
use http::header::{HeaderName, HeaderValue, STRICT_TRANSPORT_SECURITY};

/// Nothing from elsewhere, nothing that stands in a page itself, no frame around it, forms to itself only, and no text
/// that a script makes into a page.
pub const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                          form-action 'self'; frame-ancestors 'none'; base-uri 'none'; \
                          require-trusted-types-for 'script'; trusted-types 'none'";

/// Name and value, the same on every answer. `Referrer-Policy` is `same-origin`: with `no-referrer` browsers send
/// `Origin: null` and every vote would fail.
pub const ALWAYS: &[(&str, &str)] = &[
    ("cache-control", "no-store"),
    ("referrer-policy", "same-origin"),
    ("x-robots-tag", "noindex, nofollow"),
    ("content-security-policy", POLICY),
    ("cross-origin-opener-policy", "same-origin"),
    ("x-content-type-options", "nosniff"),
];

/// Two years, once a browser has seen the gate over TLS.
const TRANSPORT: &str = "max-age=63072000";

/// Puts the headers on an answer.
pub fn guard(mut answer: Response, encrypted: bool) -> Response {
    let headers = answer.headers_mut();
    for &(name, value) in ALWAYS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if encrypted {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(TRANSPORT));
    }
    answer
}
