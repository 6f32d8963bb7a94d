//! What a value looks like: random, a name, a placeholder, a path.

use super::MARK;

/// Words that stand where a secret would, and are none.
const WORDS: &str = "\
    absent authentication bearer changed configured deleted denied disabled does empty enabled error \
    expired failed failure false for found hidden incorrect invalid is malformed masked mismatch missing \
    must n/a nil no none not null ok omitted optional redacted refreshed rejected removed required \
    revoked rotated set string true unauthorized undefined unexpected unknown unset unspecified updated \
    valid was wrong yes";

/// What is longer is neither path nor reference.
const LONG: usize = 1_024;

/// Whether a word stands in a list of words.
pub(super) fn listed(words: &str, word: &str) -> bool {
    !word.is_empty() && words.split(' ').any(|listed| listed == word)
}

/// A byte that may go on a token.
pub(super) fn token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'+' | b'/' | b'=' | b'~')
}

/// Whether a value cannot be a secret whatever its key: nothing, a known word, a mask, a reference, a path, a URL.
pub(super) fn harmless(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let trimmed = lower.trim_end_matches(['.', '!', '?', ':', ',']);
    trimmed.is_empty()
        || listed(WORDS, trimmed)
        || (value.starts_with(MARK) && value.find(']').is_some_and(|end| end + 1 == value.len()))
        || mask(value)
        || value.len() <= LONG && (reference(value) || path(value) || value.contains("://"))
}

/// `********`, `xxxxx`, `...`, `-`.
fn mask(value: &str) -> bool {
    let mut chars = value.chars();
    chars.next().is_some_and(|first| {
        !first.is_ascii_digit()
            && (!first.is_alphabetic() || "xX".contains(first))
            && chars.all(|c| c == first)
    })
}

/// `${NAME}`, `$(NAME)`, `$NAME`, `{{ name }}`, `%s`, `<name>`.
fn reference(value: &str) -> bool {
    let name = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    value.starts_with("${")
        || value.starts_with("$(")
        || value.starts_with("{{")
        || (value.starts_with('<') && value.ends_with('>'))
        || value.strip_prefix('$').is_some_and(name)
        || value.strip_prefix('%').is_some_and(|rest| rest.len() <= 2)
}

fn path(value: &str) -> bool {
    let plain = !(value.bytes().any(|b| b.is_ascii_uppercase()) && value.bytes().any(|b| b.is_ascii_digit()));
    plain && (value.starts_with("./") || value.starts_with("~/") || value.starts_with("../"))
        || plain && value.starts_with('/') && value.len() > 1
}

/// Whether a value looks like something that was drawn: letters and digits mixed, or long with many letters in
/// both cases.
pub(super) fn random(value: &str) -> bool {
    let digit = value.bytes().any(|b| b.is_ascii_digit());
    let letter = value.bytes().any(|b| b.is_ascii_alphabetic());
    let both = value.bytes().any(|b| b.is_ascii_lowercase())
        && value.bytes().skip(1).any(|b| b.is_ascii_uppercase());
    value.len() >= 8
        && (digit && letter && entropy(value) >= 2.0 || both && value.len() >= 16 && entropy(value) >= 3.5)
}

/// Whether a value reads as the name of a Kubernetes object: lower-case words between `-` or `.`, no uuid.
pub(super) fn name(value: &str) -> bool {
    let plain = value
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.' | b'/'));
    let parts: Vec<&str> = value.split(['-', '.', '/']).collect();
    plain
        && parts.len() > 1
        && parts.iter().all(|part| part.len() <= 20)
        && parts.iter().any(|part| part.len() >= 2 && part.bytes().all(|b| b.is_ascii_lowercase()))
        && parts.iter().map(|part| part.len()).collect::<Vec<_>>() != [8, 4, 4, 4, 12]
}

/// Shannon entropy in bits a byte.
#[allow(clippy::cast_precision_loss)] // lengths of one value
pub(super) fn entropy(value: &str) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in value.bytes() {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count += 1;
        }
    }
    let all = value.len() as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            let share = f64::from(*count) / all;
            -share * share.log2()
        })
        .sum()
}
