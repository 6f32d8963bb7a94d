//! Bytes into lines, with a cap: one hostile or broken line must not fill the memory.

/// One line of a watch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// Without its newline.
    Whole(&'a [u8]),
    /// Longer than the cap; its bytes are gone.
    TooLong,
}

/// Collects bytes and hands out lines.
pub(super) struct Lines {
    cap: usize,
    buffer: Vec<u8>,
    /// Bytes before this were handed out.
    start: usize,
    /// Bytes before this hold no newline.
    searched: usize,
    /// The line that began was too long; skip to its end.
    skipping: bool,
}

/// What is kept of a buffer that one long line has blown up.
const KEEP: usize = 256 << 10;

impl Lines {
    pub(super) fn new(cap: usize) -> Self {
        Self { cap, buffer: Vec::new(), start: 0, searched: 0, skipping: false }
    }

    /// Adds bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.searched -= self.start;
            self.start = 0;
            if self.buffer.capacity() > KEEP && self.buffer.len() < KEEP {
                self.buffer.shrink_to(KEEP);
            }
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole line, if there is one.
    pub(super) fn next(&mut self) -> Option<Line<'_>> {
        loop {
            let fresh = self.buffer.get(self.searched..).unwrap_or_default();
            let Some(at) = fresh.iter().position(|byte| *byte == b'\n') else {
                self.searched = self.buffer.len();
                if self.searched - self.start > self.cap {
                    self.skipping = true;
                }
                if self.skipping {
                    self.start = self.searched;
                }
                return None;
            };
            let (from, to) = (self.start, self.searched + at);
            self.start = to + 1;
            self.searched = self.start;
            if std::mem::take(&mut self.skipping) || to - from > self.cap {
                return Some(Line::TooLong);
            }
            if to > from {
                return self.buffer.get(from..to).map(Line::Whole);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(cap: usize, chunks: &[&str]) -> Vec<String> {
        let mut lines = Lines::new(cap);
        let mut out = Vec::new();
        for chunk in chunks {
            lines.push(chunk.as_bytes());
            while let Some(line) = lines.next() {
                out.push(match line {
                    Line::Whole(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                    Line::TooLong => "(too long)".into(),
                });
            }
        }
        out
    }

    #[test]
    fn lines_come_whole_however_the_bytes_are_cut() {
        let text = "one\n\ntwo\nthree\nfou";
        let whole = vec!["one", "two", "three"];
        assert_eq!(all(100, &[text]), whole);
        let bytes: Vec<&str> = text.split_inclusive(|_| true).collect();
        assert_eq!(all(100, &bytes), whole);
        assert_eq!(all(100, &["on", "e\ntw", "o\nthree", "\n"]), whole);
    }

    #[test]
    fn a_long_line_is_skipped_and_holds_no_memory() {
        assert_eq!(all(5, &["abcdefgh\nok\n"]), ["(too long)", "ok"]);
        assert_eq!(all(5, &["abcd", "efgh", "ijkl", "\nok\n12345\n"]), ["(too long)", "ok", "12345"]);
        let mut lines = Lines::new(1000);
        for _ in 0..1000 {
            lines.push(&[b'x'; 1000]);
            assert_eq!(lines.next(), None);
        }
        assert!(lines.buffer.capacity() < 10_000, "{}", lines.buffer.capacity());
    }
}
