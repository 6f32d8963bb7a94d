//! Cookies: the session, and a second one that only our own pages can have set.

use http::HeaderMap;
use http::header::{COOKIE, HeaderValue};
use nightshift_model::Seconds;

/// Longer than any cookie of ours.
const LENGTH: usize = 128;

/// Names and attributes, by whether browsers reach us over TLS. On loopback without TLS a `Secure` cookie would not
/// come back in every browser.
#[derive(Clone, Copy, Debug)]
pub struct Cookies {
    encrypted: bool,
}

impl Cookies {
    /// The cookies of a gate.
    pub fn new(encrypted: bool) -> Self {
        Self { encrypted }
    }

    /// Name of the session's cookie.
    pub fn session_name(self) -> &'static str {
        if self.encrypted { "__Host-nightshift" } else { "nightshift" }
    }

    /// Name of the page's cookie.
    pub fn page_name(self) -> &'static str {
        if self.encrypted { "__Host-nightshift-page" } else { "nightshift-page" }
    }

    /// The session's secret, if exactly one was sent.
    pub fn session(self, headers: &HeaderMap) -> Option<String> {
        read(headers, self.session_name())
    }

    /// The page's token, if exactly one was sent.
    pub fn page(self, headers: &HeaderMap) -> Option<String> {
        read(headers, self.page_name())
    }

    /// Sets the session. `Lax`, so that a link from a message arrives signed in; a GET decides nothing.
    pub fn set_session(self, secret: &str, lasts: Seconds) -> Option<HeaderValue> {
        self.set(self.session_name(), secret, "Lax", Some(lasts))
    }

    /// Sets the page's cookie for as long as the browser is open. `Strict`: it never comes with a request that
    /// began elsewhere.
    pub fn set_page(self, token: &str) -> Option<HeaderValue> {
        self.set(self.page_name(), token, "Strict", None)
    }

    /// Takes the session away.
    pub fn clear_session(self) -> Option<HeaderValue> {
        self.set(self.session_name(), "", "Lax", Some(Seconds(0)))
    }

    fn set(self, name: &str, value: &str, same_site: &str, lasts: Option<Seconds>) -> Option<HeaderValue> {
        let secure = if self.encrypted { "; Secure" } else { "" };
        let age = lasts.map(|s| format!("; Max-Age={}", s.0)).unwrap_or_default();
        let text = format!("{name}={value}; Path=/; HttpOnly; SameSite={same_site}{secure}{age}");
        HeaderValue::from_str(&text).ok()
    }
}

fn read(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut values = pairs.filter(|(key, _)| *key == name).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (Some(value), None) if !value.is_empty() && value.len() <= LENGTH => Some(value.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(line: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(COOKIE, HeaderValue::from_static(line))])
    }

    #[test]
    fn cookies_say_what_browsers_must_keep() {
        let over_tls = Cookies::new(true).set_session("abc", Seconds(60)).unwrap();
        assert_eq!(over_tls, "__Host-nightshift=abc; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=60");
        let loopback = Cookies::new(false).set_page("t").unwrap();
        assert_eq!(loopback, "nightshift-page=t; Path=/; HttpOnly; SameSite=Strict");
    }

    #[test]
    fn a_cookie_that_comes_twice_is_none() {
        let cookies = Cookies::new(false);
        assert_eq!(cookies.session(&sent("a=b; nightshift=x")).as_deref(), Some("x"));
        assert_eq!(cookies.session(&sent("nightshift=x; nightshift=y")), None);
        assert_eq!(cookies.session(&sent("nightshift-page=x")), None);
        assert_eq!(Cookies::new(true).session(&sent("nightshift=x")), None, "another name over TLS");
    }
}
