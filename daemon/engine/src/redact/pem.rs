//! Private keys in PEM form, over several lines or escaped into one, whole or with an end cut off.

use super::Span;
use super::assign::line_end;
use std::ops::Range;

/// Longest block.
const BLOCK: usize = 16_384;

/// From `-----BEGIN … PRIVATE KEY-----` to its end; without an end, as far as it goes on.
pub(super) fn begin(text: &str, hit: Range<usize>) -> Option<Span> {
    let body = hit.end + private(text.get(hit.end..)?)?;
    let limit = text.floor_char_boundary(body.saturating_add(BLOCK));
    let rest = text.get(body..limit)?;
    if let Some(end) = rest.find("-----END") {
        let after = end + "-----END".len();
        let close = rest.get(after..).and_then(private).unwrap_or(0);
        return Span::new(hit.start..body + after + close, "private-key");
    }
    let mut end = body;
    for line in rest.split_inclusive('\n') {
        let bare = line.trim();
        if !bare.is_empty() && !base64(bare) {
            // Escaped into one line: up to where the text that holds it ends.
            let inner = bare.find(['"', '\'', ' ']).unwrap_or(bare.len());
            if bare.get(..inner).is_some_and(base64) && end == body {
                end += line.len() - line.trim_start().len() + inner;
            }
            break;
        }
        end += line.trim_end().len() + (line.len() - line.trim_end().len());
    }
    let kept = text.get(hit.start..end)?.trim_end().len();
    Span::new(hit.start..hit.start + kept, "private-key")
}

/// An end without its beginning: the lines of Base64 before it.
pub(super) fn end(text: &str, hit: Range<usize>) -> Option<Span> {
    let close = hit.end + private(text.get(hit.end..)?)?;
    let mut start = hit.start;
    for line in text.get(..hit.start)?.split_inclusive('\n').rev() {
        let bare = line.trim();
        if hit.start - start > BLOCK || (line.len() > 1 && !(base64(bare) && bare.len() >= 16)) {
            break;
        }
        start -= line.len();
    }
    Span::new(start..close.min(line_end(text, hit.start)), "private-key")
}

/// Length of ` RSA PRIVATE KEY-----` at the head of a text.
fn private(rest: &str) -> Option<usize> {
    let head = rest.get(..rest.floor_char_boundary(48))?;
    let close = head.find("-----")?;
    head.get(..close)?.contains("PRIVATE KEY").then_some(close + 5)
}

fn base64(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'\\'))
}
