//! Text from a cluster is untrusted: it may steer a terminal, turn its direction around or hide letters.

use std::fmt::Write as _;

/// Stands where something was cut off.
pub const ELLIPSIS: char = '…';

/// The text with everything invisible made visible, on one line, in at most `cap` characters.
///
/// C0 controls become their pictures (`ESC` is `␛`, a line feed `␊`), a tab becomes a space, and C1 controls,
/// direction marks, zero-width and other invisible characters become `\u{202e}`.
pub fn visible(text: &str, cap: usize) -> String {
    let mut out = String::with_capacity(text.len().min(cap.saturating_mul(4)));
    let mut length = 0_usize;
    // Where the text must end if one more character does not fit: just before the last place.
    let mut fits = 0_usize;
    for c in text.chars() {
        let start = out.len();
        push(&mut out, c);
        length += out.get(start..).map_or(0, |added| added.chars().count());
        if length > cap {
            out.truncate(fits);
            if cap > 0 {
                out.push(ELLIPSIS);
            }
            return out;
        }
        if length < cap {
            fits = out.len();
        }
    }
    out
}

/// Like [`visible`], of bytes that are not UTF-8 throughout.
pub fn visible_bytes(bytes: &[u8], cap: usize) -> String {
    visible(&String::from_utf8_lossy(bytes), cap)
}

/// The text's lines, each [`visible`]; the last empty line is no line.
pub fn visible_lines(text: &str, cap: usize) -> impl DoubleEndedIterator<Item = String> {
    text.lines().map(move |line| visible(line, cap))
}

fn push(out: &mut String, c: char) {
    match c {
        '\t' => out.push(' '),
        '\u{00}'..='\u{1f}' => out.push(char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}')),
        '\u{7f}' => out.push('␡'),
        c if hidden(c) => {
            // Writing to a String does not fail.
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        }
        c => out.push(c),
    }
}

/// Characters that show nothing, or that change how their neighbours are shown.
fn hidden(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{9f}'         // C1 controls
        | '\u{ad}'                  // soft hyphen
        | '\u{34f}' | '\u{61c}'     // grapheme joiner, Arabic letter mark
        | '\u{115f}' | '\u{1160}'   // Hangul fillers
        | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'   // zero width, direction marks
        | '\u{2028}'..='\u{202e}'   // separators, embeddings and overrides
        | '\u{2060}'..='\u{206f}'   // word joiner, isolates
        | '\u{2800}'                // blank Braille pattern
        | '\u{3164}' | '\u{ffa0}'
        | '\u{fe00}'..='\u{fe0f}'   // variation selectors
        | '\u{feff}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}' // tags: text that only a machine reads
    ) || matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}') // private use
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn terminal_and_direction_tricks_are_seen() {
        let cases = [
            ("\u{1b}[31mred\u{1b}[0m", "␛[31mred␛[0m"),
            ("\u{1b}]0;title\u{7}x", "␛]0;title␇x"),
            ("safe\rEVIL", "safe␍EVIL"),
            ("a\nb", "a␊b"),
            ("a\tb\0", "a b␀"),
            ("user\u{202e}txt.exe", "user\\u{202e}txt.exe"),
            ("pay\u{200b}pal\u{feff}", "pay\\u{200b}pal\\u{feff}"),
            ("x\u{e0041}\u{9b}31m", "x\\u{e0041}\\u{9b}31m"),
            ("Grüße, 世界 ✓", "Grüße, 世界 ✓"),
        ];
        for (text, seen) in cases {
            assert_eq!(visible(text, 200), seen);
        }
        assert_eq!(visible_bytes(b"a\xff\xfeb", 9), "a\u{fffd}\u{fffd}b");
    }

    #[test]
    fn a_cut_is_marked_and_never_splits_an_escape() {
        assert_eq!(visible("abcdef", 6), "abcdef");
        assert_eq!(visible("abcdefg", 6), "abcde…");
        assert_eq!(visible("abc\u{202e}def", 6), "abc…");
        assert_eq!(visible("abc", 0), "");
        assert_eq!(visible_lines("a\r\nb\n", 9).collect::<Vec<_>>(), ["a", "b"]);
    }

    proptest! {
        #[test]
        fn any_text_becomes_visible_within_its_cap(text in any::<String>(), cap in 0_usize..40) {
            let seen = visible(&text, cap);
            prop_assert!(seen.chars().count() <= cap);
            prop_assert!(seen.chars().all(|c| !c.is_control() && !hidden(c)));
            prop_assert_eq!(visible(&seen, cap), seen);
        }
    }
}
