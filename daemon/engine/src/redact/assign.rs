//! `password=…`, `"token": "…"`, `api_key: …`, `--secret …`, `<password>…</password>`: a key, a separator, a value.

use super::Span;
use super::value::{harmless, listed, name, random};
use std::ops::Range;

/// How sure the key makes us.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Whatever stands there is a secret.
    Password,
    /// A key by its full name: nearly whatever stands there.
    Key,
    /// `token`, `secret`, `credential`: also words for objects and states, so the value must look like a secret.
    Token,
    /// `pass`, `auth`, `sig`: only as a whole word.
    Short,
}

/// Keywords of keys.
pub(super) const KEYWORDS: &[(&str, Class)] = &[
    ("password", Class::Password),
    ("passwd", Class::Password),
    ("passphrase", Class::Password),
    ("passcode", Class::Password),
    ("pwd", Class::Password),
    ("requirepass", Class::Password),
    ("masterauth", Class::Password),
    ("api_key", Class::Key),
    ("api-key", Class::Key),
    ("apikey", Class::Key),
    ("access_key", Class::Key),
    ("access-key", Class::Key),
    ("accesskey", Class::Key),
    ("private_key", Class::Key),
    ("private-key", Class::Key),
    ("privatekey", Class::Key),
    ("auth_key", Class::Key),
    ("authkey", Class::Key),
    ("encryption_key", Class::Key),
    ("encryptionkey", Class::Key),
    ("signing_key", Class::Key),
    ("signingkey", Class::Key),
    ("master_key", Class::Key),
    ("masterkey", Class::Key),
    ("accountkey", Class::Key),
    ("client_secret", Class::Key),
    ("client-secret", Class::Key),
    ("clientsecret", Class::Key),
    ("secret_key", Class::Key),
    ("secretkey", Class::Key),
    ("session_id", Class::Key),
    ("sessionid", Class::Key),
    ("jsessionid", Class::Key),
    ("phpsessid", Class::Key),
    ("signature", Class::Token),
    ("secret", Class::Token),
    ("token", Class::Token),
    ("credential", Class::Token),
    ("pass", Class::Short),
    ("auth", Class::Short),
    ("sig", Class::Short),
];

/// Last words of a key that make it a key about a secret, not of one.
const ABOUT: &str = "\
    age alg algorithm bucket class count cs dir enabled endpoint error exception expiration expired \
    expires expiry file filter go handler id ids issuer java js json kind kt len length limit manager \
    max min mode mount name names namespace path php policy provider py rb ref refs request required \
    review reviews rotation rs scala service size state status store total ts ttl type uri url usage \
    valid version yaml yml";

/// Longest rest of a key after its keyword.
const TAIL: usize = 40;
/// How far behind a comma the next key's separator is looked for.
const KEY_AHEAD: usize = 64;
/// How far a line is looked at: a header's value, a sentence.
pub(super) const LINE: usize = 8_192;

pub(super) fn find(class: Class, text: &str, hit: Range<usize>) -> Option<Span> {
    let key = key(class, text, &hit)?;
    let (value_at, separator) = separator(text, &key)?;
    let value = value(text, value_at)?;
    let raw = text.get(value.at.clone())?;
    // A YAML scalar may hold spaces.
    let scalar = class == Class::Password
        && !value.quoted
        && separator == Separator::Colon
        && line_start(text, key.start);
    let at = if scalar {
        let line = text.get(value.at.start..)?.lines().next()?;
        let scalar = line.split(" #").next().unwrap_or(line).trim_end();
        value.at.start..value.at.start + scalar.len()
    } else {
        value.at.clone()
    };
    let kind = match class {
        Class::Password => "password",
        Class::Key => "key",
        Class::Token => "token",
        Class::Short => "secret",
    };
    let yes =
        !harmless(raw) && likely(class, raw, value.quoted, separator, !scalar && prose(text, value.at.end));
    yes.then(|| Span::new(at, kind)).flatten()
}

/// Whether the value is a secret, as far as one can tell.
fn likely(class: Class, raw: &str, quoted: bool, separator: Separator, prose: bool) -> bool {
    let digits = raw.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let letters = raw.bytes().all(|b| b.is_ascii_alphabetic());
    let firm = quoted || separator != Separator::Colon;
    match class {
        // "wrong password: please try again" is prose, "password: x" is not.
        Class::Password => firm || !(letters && prose),
        Class::Key => raw.len() >= 6 && (firm || !letters || !prose),
        Class::Token | Class::Short if name(raw) => false,
        Class::Token if digits => quoted && raw.len() >= 8,
        Class::Token => random(raw) || firm && raw.len() >= 6 && !(letters && prose && !quoted),
        Class::Short => {
            firm && !digits && raw.len() >= 4 && (raw.len() >= 8 || separator == Separator::Equals)
        }
    }
}

/// The whole key around the keyword, if it is one.
fn key(class: Class, text: &str, hit: &Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let mut end = hit.end;
    while bytes.get(end).copied().is_some_and(word) {
        end += 1;
        if end - hit.end > TAIL {
            return None;
        }
    }
    let mut start = hit.start;
    while start > 0 && hit.start - start < TAIL && bytes.get(start - 1).copied().is_some_and(word) {
        start -= 1;
    }
    let tail = text.get(hit.end..end)?;
    let before = start.checked_sub(0).filter(|s| *s < hit.start).and(bytes.get(hit.start.wrapping_sub(1)));
    if class == Class::Short {
        let joined = before.is_some_and(u8::is_ascii_alphanumeric)
            && !(before.is_some_and(u8::is_ascii_lowercase)
                && bytes.get(hit.start).is_some_and(u8::is_ascii_uppercase));
        return (tail.is_empty() && !joined).then_some(start..end);
    }
    let last_is_upper = bytes.get(hit.end - 1).is_some_and(u8::is_ascii_uppercase);
    let attached: usize = tail
        .bytes()
        .take_while(|b| if last_is_upper { b.is_ascii_uppercase() } else { b.is_ascii_lowercase() })
        .count();
    if attached > 0 && !tail.get(..attached).is_some_and(|t| t.eq_ignore_ascii_case("s")) {
        return None; // tokenizer, passwordless
    }
    (!listed(ABOUT, &last_word(tail))).then_some(start..end)
}

/// The last word of `_key_ref`, `KeyRef` or `.key-ref`, in lower case.
fn last_word(tail: &str) -> String {
    let last = tail.rsplit(['_', '-', '.']).next().unwrap_or(tail);
    let camel =
        last.rfind(|c: char| c.is_ascii_uppercase()).filter(|_| last.bytes().any(|b| b.is_ascii_lowercase()));
    last.get(camel.unwrap_or(0)..).unwrap_or(last).to_ascii_lowercase()
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Separator {
    Colon,
    Equals,
    Other,
}

/// Where the value begins, after a separator that must follow the key.
pub(super) fn separator(text: &str, key: &Range<usize>) -> Option<(usize, Separator)> {
    let bytes = text.as_bytes();
    let at = |i: usize| bytes.get(i).copied();
    let mut i = key.end;
    while at(i) == Some(b'\\') {
        i += 1;
    }
    if matches!(at(i), Some(b'"' | b'\'' | b'`')) {
        i += 1;
    } else if i > key.end {
        return None;
    }
    let closed = i;
    i = spaces(text, i, 8);
    let found = match (at(i), at(i + 1)) {
        (Some(b':' | b'='), Some(b'=' | b'>')) => {
            i += 2;
            Separator::Equals
        }
        (Some(b'='), _) => {
            i += 1;
            Separator::Equals
        }
        (Some(b':'), next) => {
            i += 1;
            if next.is_some_and(|b| b.is_ascii_whitespace()) { Separator::Colon } else { Separator::Equals }
        }
        (Some(b'>'), _) if key.start > 0 && at(key.start - 1) == Some(b'<') => {
            i += 1;
            Separator::Other
        }
        _ if i > closed && text.get(key.clone()).is_some_and(|k| k.starts_with("--")) => Separator::Other,
        _ => return None,
    };
    Some((spaces(text, i, 8), found))
}

fn spaces(text: &str, from: usize, most: usize) -> usize {
    let rest = text.as_bytes().get(from..).unwrap_or_default();
    from + rest.iter().take(most).take_while(|b| matches!(b, b' ' | b'\t')).count()
}

/// A value's place, without its quotes.
pub(super) struct Found {
    pub(super) at: Range<usize>,
    pub(super) quoted: bool,
}

/// The value that begins at `from`: quoted (also within a quoted text), in brackets, or up to its natural end.
pub(super) fn value(text: &str, from: usize) -> Option<Found> {
    let bytes = text.as_bytes();
    let at = |i: usize| bytes.get(i).copied();
    let mut start = from;
    if at(start) == Some(b'[') && !text.get(start..)?.starts_with(super::MARK) {
        start += 1;
    }
    let slashes = bytes.get(start..)?.iter().take(8).take_while(|b| **b == b'\\').count();
    let open = start + slashes;
    let Some(quote @ (b'"' | b'\'' | b'`')) = at(open) else { return Some(bare(text, start)) };
    let mut i = open + 1;
    let mut run = 0;
    while let Some(byte) = at(i) {
        match byte {
            b'\n' => break,
            b'\\' => run += 1,
            // A closing quote carries as many backslashes as the opening one; more of them escape it.
            b if b == quote && (run == slashes || slashes == 0 && run % 2 == 0) => {
                let end = i - run.min(slashes);
                return Some(Found { at: open + 1..end, quoted: true });
            }
            _ => run = 0,
        }
        i += 1;
        if byte != b'\\' {
            run = 0;
        }
    }
    Some(Found { at: open + 1..i, quoted: true })
}

/// A value without quotes.
fn bare(text: &str, from: usize) -> Found {
    let rest = text.as_bytes().get(from..).unwrap_or_default();
    let ends = |b: u8| b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b'`' | b'&' | b'<' | b'|');
    // `password=a,user=b`: a comma ends the value where another key or nothing follows.
    let goes_on = |i: usize| {
        let after = rest.get(i..).unwrap_or_default().iter().take(KEY_AHEAD);
        let mut after = after.take_while(|b| !ends(**b)).peekable();
        after.peek().is_some() && !after.any(|b| matches!(b, b'=' | b':'))
    };
    let end =
        rest.iter().enumerate().position(|(i, b)| ends(*b) || matches!(b, b',' | b';') && !goes_on(i + 1));
    let word = text.get(from..from + end.unwrap_or(rest.len())).unwrap_or_default();
    let closers = [')', ']', '}', '>', '\\'];
    // What was redacted before keeps its own bracket.
    let mark = word.find(']').filter(|_| word.starts_with(super::MARK)).map(|end| end + 1);
    let word = match mark.map(|end| word.split_at(end)) {
        Some((mark, rest)) if rest.trim_start_matches(closers).is_empty() => mark,
        Some(_) => word,
        None => word.trim_end_matches(closers),
    };
    Found { at: from..from + word.len(), quoted: false }
}

/// Whether a sentence goes on after a value: a space and a lower-case word that is no key.
fn prose(text: &str, from: usize) -> bool {
    let Some(rest) = text.get(from..).and_then(|rest| rest.strip_prefix(' ')) else { return false };
    let word = rest.bytes().take(TAIL).take_while(u8::is_ascii_lowercase).count();
    word > 0 && !rest.get(word..).is_some_and(|r| r.starts_with(['=', '_']))
}

fn line_start(text: &str, at: usize) -> bool {
    let head = text.get(..at).unwrap_or_default();
    // Only so far back as indentation goes.
    head.bytes().rev().take(64).find(|b| !matches!(b, b' ' | b'-')).is_none_or(|b| b == b'\n')
}

/// Where the line ends, or how far it is looked at: text of one endless line must not cost its square.
pub(super) fn line_end(text: &str, from: usize) -> usize {
    let limit = text.floor_char_boundary(from.saturating_add(LINE));
    text.get(from..limit).and_then(|rest| rest.find('\n')).map_or(limit, |i| from + i)
}
