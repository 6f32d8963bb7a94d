//! Secrets are taken out of text before it is stored, sent or shown.
//!
//! The method is that of gitleaks: one pass of Aho-Corasick over keywords, and only where one stands a rule that
//! is anchored there: a token's own format, a header, a URL, a PEM block, or an assignment whose value is judged
//! by its form, its entropy and a list of what is no secret. A line without a keyword costs nothing more.

mod assign;
mod formats;
mod header;
mod pem;
mod value;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind, StartKind};
use formats::Format;
use std::ops::Range;
use std::sync::OnceLock;

/// What stands where a secret was.
pub const MARK: &str = "[redacted:";

/// Passes until nothing more is found. Two are the rule; the rest is for text made to confuse.
const PASSES: usize = 8;

/// Text without its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redacted {
    /// The text, with `[redacted:kind]` in their places.
    pub text: String,
    /// How many places.
    pub count: u32,
}

/// The compiled rules. Building them costs a millisecond: use [`redactor`].
pub struct Redactor {
    keywords: AhoCorasick,
    rules: Vec<Rule>,
}

/// What is looked at where a keyword stands.
enum Rule {
    Format(Format),
    Assignment(assign::Class),
    Authorization,
    Scheme,
    Cookie,
    Userinfo,
    MysqlDsn,
    PemBegin,
    PemEnd,
}

/// A secret's place and what it is.
struct Span {
    at: Range<usize>,
    kind: &'static str,
}

impl Span {
    fn new(at: Range<usize>, kind: &'static str) -> Option<Self> {
        (!at.is_empty()).then_some(Self { at, kind })
    }
}

/// The one redactor of the process.
pub fn redactor() -> &'static Redactor {
    static ONE: OnceLock<Redactor> = OnceLock::new();
    ONE.get_or_init(Redactor::new)
}

impl Default for Redactor {
    fn default() -> Self {
        Self::new()
    }
}

impl Redactor {
    /// Compiles the rules.
    pub fn new() -> Self {
        let mut words: Vec<&'static str> = Vec::new();
        let mut rules = Vec::new();
        let mut add = |word: &'static str, rule: Rule| {
            words.push(word);
            rules.push(rule);
        };
        for (word, format) in formats::all() {
            add(word, Rule::Format(format));
        }
        for (word, class) in assign::KEYWORDS {
            add(word, Rule::Assignment(*class));
        }
        add("authorization", Rule::Authorization);
        add("bearer ", Rule::Scheme);
        add("basic ", Rule::Scheme);
        add("cookie", Rule::Cookie);
        add("://", Rule::Userinfo);
        add("@tcp(", Rule::MysqlDsn);
        add("@unix(", Rule::MysqlDsn);
        add("-----BEGIN", Rule::PemBegin);
        add("-----END", Rule::PemEnd);
        let keywords = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::LeftmostLongest)
            .start_kind(StartKind::Unanchored)
            .kind(Some(AhoCorasickKind::DFA))
            .build(words)
            .unwrap_or_else(|error| unreachable!("the keywords are fixed: {error}"));
        Self { keywords, rules }
    }

    /// The text without its secrets. Redacting it again changes nothing.
    pub fn redact(&self, text: &str) -> Redacted {
        let mut done = Redacted { text: text.to_owned(), count: 0 };
        for _ in 0..PASSES {
            let spans = self.spans(&done.text, usize::MAX);
            if spans.is_empty() {
                break;
            }
            done.count = done.count.saturating_add(u32::try_from(spans.len()).unwrap_or(u32::MAX));
            done.text = replaced(&done.text, &spans);
        }
        done
    }

    /// Whether there is anything to redact.
    pub fn has_secret(&self, text: &str) -> bool {
        !self.spans(text, 1).is_empty()
    }

    fn spans(&self, text: &str, most: usize) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        let mut from = 0;
        for hit in self.keywords.find_iter(text) {
            if hit.start() < from || spans.len() >= most {
                continue;
            }
            let Some(rule) = self.rules.get(hit.pattern().as_usize()) else { continue };
            if let Some(span) = rule.find(text, hit.start()..hit.end())
                && span.at.start >= from
            {
                from = span.at.end;
                spans.push(span);
            }
        }
        spans
    }
}

impl Rule {
    fn find(&self, text: &str, hit: Range<usize>) -> Option<Span> {
        match self {
            Self::Format(format) => format.find(text, hit),
            Self::Assignment(class) => assign::find(*class, text, hit),
            Self::Authorization => header::authorization(text, hit),
            Self::Scheme => header::scheme(text, hit),
            Self::Cookie => header::cookie(text, hit),
            Self::Userinfo => header::userinfo(text, hit),
            Self::MysqlDsn => header::mysql_dsn(text, hit),
            Self::PemBegin => pem::begin(text, hit),
            Self::PemEnd => pem::end(text, hit),
        }
    }
}

fn replaced(text: &str, spans: &[Span]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for span in spans {
        out.push_str(text.get(from..span.at.start).unwrap_or_default());
        out.push_str(MARK);
        out.push_str(span.kind);
        out.push(']');
        from = span.at.end;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests;
