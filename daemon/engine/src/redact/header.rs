//! Headers and addresses that carry credentials.

use super::Span;
use super::assign::{LINE, line_end, separator, value};
use super::value::{harmless, name, random, token_byte};
use std::ops::Range;

/// Schemes after which the rest of an Authorization header is a credential.
const SCHEMES: &[&str] = &[
    "basic",
    "bearer",
    "token",
    "digest",
    "negotiate",
    "apikey",
    "aws4-hmac-sha256",
    "hmac",
    "signature",
    "ntlm",
];

/// How far an address may go on before its `@`.
const AUTHORITY: usize = 512;

/// `Authorization: Bearer …`, also as a JSON field and as Go prints header maps.
pub(super) fn authorization(text: &str, hit: Range<usize>) -> Option<Span> {
    let (from, _) = separator(text, &hit)?;
    let at = whole(text, from)?;
    let raw = text.get(at.clone())?;
    let first = raw.split_whitespace().next()?;
    let rest = raw.get(first.len()..)?;
    let secret = rest.trim_start();
    if !secret.is_empty() && SCHEMES.contains(&first.to_ascii_lowercase().as_str()) {
        let start = at.end - secret.len();
        let word = secret.split_whitespace().next().unwrap_or_default();
        let likely = random(word) || secret.contains('=');
        return (likely && !harmless(secret.trim_end()))
            .then(|| Span::new(start..far_end(text, &at), "authorization"))
            .flatten();
    }
    (random(first) && !harmless(first) && !name(first))
        .then(|| Span::new(at.start..at.start + first.len(), "authorization"))
        .flatten()
}

/// `Bearer …` and `Basic …` wherever they stand.
pub(super) fn scheme(text: &str, hit: Range<usize>) -> Option<Span> {
    let rest = text.as_bytes().get(hit.end..)?;
    let length = rest.iter().take_while(|b| token_byte(**b)).count();
    let word = text.get(hit.end..hit.end + length)?;
    (random(word) && !harmless(word) && !name(word))
        .then(|| Span::new(hit.end..hit.end + length, "token"))
        .flatten()
}

/// `Cookie: a=b; c=d` and `Set-Cookie: …`: all of the value.
pub(super) fn cookie(text: &str, hit: Range<usize>) -> Option<Span> {
    let plural = text.get(hit.end..).is_some_and(|rest| rest.starts_with('s'));
    let key = hit.start..hit.end + usize::from(plural);
    let (from, _) = separator(text, &key)?;
    let at = whole(text, from)?;
    let raw = text.get(at.clone())?;
    (raw.contains('=') && !harmless(raw)).then(|| Span::new(at.start..far_end(text, &at), "cookie")).flatten()
}

/// A header's value: within its quotes or brackets, else the rest of the line.
fn whole(text: &str, from: usize) -> Option<Range<usize>> {
    let found = value(text, from)?;
    if found.quoted {
        return Some(found.at);
    }
    let start = found.at.start;
    let line = text.get(start..line_end(text, start))?;
    let end =
        line.find(['"', '\'', '`', ']']).filter(|_| !line.starts_with(super::MARK)).unwrap_or(line.len());
    Some(start..start + line.get(..end)?.trim_end().len())
}

/// Where a value ends that was found to be a secret: beyond what was looked at, at the end of its line.
fn far_end(text: &str, at: &Range<usize>) -> usize {
    if at.end < text.floor_char_boundary(at.start + LINE) {
        return at.end;
    }
    let rest = text.get(at.end..).unwrap_or_default();
    at.end + rest.find(['\n', '"', '\'', '`']).unwrap_or(rest.len())
}

/// `scheme://user:password@host`: the password; without one, a user that looks like a token.
pub(super) fn userinfo(text: &str, hit: Range<usize>) -> Option<Span> {
    let rest = text.as_bytes().get(hit.end..)?;
    let length = rest
        .iter()
        .take(AUTHORITY)
        .take_while(|b| {
            !b.is_ascii_whitespace() && !matches!(b, b'/' | b'"' | b'\'' | b'`' | b'<' | b'>' | b'?' | b'#')
        })
        .count();
    let authority = rest.get(..length)?;
    let at = authority.iter().rposition(|b| *b == b'@').or_else(|| slash_in_password(rest, length))?;
    let user = rest.get(..at)?;
    let (start, secret) = match user.iter().position(|b| *b == b':') {
        Some(colon) => (hit.end + colon + 1, true),
        None => (hit.end, false),
    };
    let raw = text.get(start..hit.end + at)?;
    ((secret || random(raw)) && !harmless(raw))
        .then(|| Span::new(start..hit.end + at, "url-password"))
        .flatten()
}

/// A raw password may hold a `/`: accepted where `user:` comes first, no port does, and a host follows the `@`.
fn slash_in_password(rest: &[u8], slash: usize) -> Option<usize> {
    let head = rest.get(..slash)?;
    let colon = head.iter().position(|b| *b == b':')?;
    let tail = head.get(colon + 1..)?;
    if tail.is_empty() || tail.iter().all(u8::is_ascii_digit) || tail.contains(&b']') || tail.contains(&b':')
    {
        return None;
    }
    let end = rest
        .iter()
        .take(AUTHORITY)
        .take_while(|b| !b.is_ascii_whitespace() && !matches!(b, b'"' | b'\'' | b'`' | b'<' | b'>'))
        .count();
    rest.get(..end)?.iter().rposition(|b| *b == b'@')
}

/// `user:password@tcp(host:3306)/db`.
pub(super) fn mysql_dsn(text: &str, hit: Range<usize>) -> Option<Span> {
    let head = text.as_bytes().get(..hit.start)?;
    let length = head
        .iter()
        .rev()
        .take(AUTHORITY)
        .take_while(|b| !b.is_ascii_whitespace() && !matches!(b, b'"' | b'\'' | b'`'))
        .count();
    let start = hit.start - length;
    let colon = head.get(start..)?.iter().position(|b| *b == b':')?;
    let at = start + colon + 1..hit.start;
    let raw = text.get(at.clone())?;
    (!harmless(raw)).then(|| Span::new(at, "url-password")).flatten()
}
