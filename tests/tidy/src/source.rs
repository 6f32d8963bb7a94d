//! A lexer for Rust that is just good enough for the rules: comments vanish, a string literal is one token, and
//! every token knows its line and whether it stands in a `#[cfg(test)]` item.

/// What a token is; a literal never matches code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An identifier, a keyword or a number.
    Word,
    /// `::` or one character.
    Punct,
    /// The content of a string literal, as written.
    Text,
    /// A character literal or a lifetime.
    Quote,
}

/// One token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Its text; for a string literal, what stands between the quotes.
    pub text: String,
    /// Line, from 1.
    pub line: usize,
    /// True inside an item under `#[cfg(test)]`.
    pub test: bool,
}

impl Token {
    /// True for this word or punctuation; a literal is never code.
    pub fn is(&self, code: &str) -> bool {
        matches!(self.kind, Kind::Word | Kind::Punct) && self.text == code
    }
}

/// The tokens of a Rust file.
pub fn lex(text: &str) -> Vec<Token> {
    let mut lexer = Lexer { chars: text.chars().collect(), pos: 0, line: 1, out: Vec::new() };
    while let Some(c) = lexer.peek(0) {
        lexer.step(c);
    }
    let mut tokens = lexer.out;
    mark_tests(&mut tokens);
    tokens
}

/// Positions at which `wanted` stands as code.
pub fn find<'a>(tokens: &'a [Token], wanted: &'a [&'a str]) -> impl Iterator<Item = usize> + 'a {
    tokens
        .windows(wanted.len())
        .enumerate()
        .filter(move |(_, window)| window.iter().zip(wanted).all(|(token, code)| token.is(code)))
        .map(|(at, _)| at)
}

/// True if the token at `at` is this code.
pub fn code_at(tokens: &[Token], at: usize, code: &str) -> bool {
    tokens.get(at).is_some_and(|t| t.is(code))
}

/// The position of the bracket that closes the one at `open` (or the last position).
pub fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open).filter(|(_, t)| t.kind == Kind::Punct) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth == 0 {
            return at;
        }
    }
    tokens.len().saturating_sub(1)
}

/// The variants of `enum name` with their lines, or `None` if the file does not declare it.
pub fn variants(tokens: &[Token], name: &str) -> Option<Vec<(String, usize)>> {
    let at = find(tokens, &["enum", name]).next()?;
    let open = (at..tokens.len()).find(|&i| code_at(tokens, i, "{"))?;
    let (end, mut at, mut fresh, mut found) = (closing(tokens, open), open + 1, true, Vec::new());
    while at < end {
        let token = tokens.get(at)?;
        match token.text.as_str() {
            "#" if token.kind == Kind::Punct => at = closing(tokens, at + 1),
            "(" | "{" | "[" if token.kind == Kind::Punct => at = closing(tokens, at),
            "," if token.kind == Kind::Punct => fresh = true,
            _ if fresh && token.kind == Kind::Word => {
                found.push((token.text.clone(), token.line));
                fresh = false;
            }
            _ => {}
        }
        at += 1;
    }
    Some(found)
}

/// `CrashLoopBackOff` as `crash_loop_back_off`.
pub fn snake(camel: &str) -> String {
    let mut out = String::new();
    for c in camel.chars() {
        if c.is_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}

/// Marks every token of an item that stands under `#[cfg(test)]`.
fn mark_tests(tokens: &mut [Token]) {
    let starts: Vec<usize> = find(tokens, &["#", "[", "cfg", "("]).collect();
    for start in starts {
        let end = closing(tokens, start + 1);
        let condition = tokens.get(start..end).unwrap_or_default();
        if !condition.iter().any(|t| t.is("test")) || condition.iter().any(|t| t.is("not")) {
            continue;
        }
        let mut at = end + 1;
        while code_at(tokens, at, "#") {
            at = closing(tokens, at + 1) + 1;
        }
        while at < tokens.len() && !code_at(tokens, at, ";") && !code_at(tokens, at, "{") {
            at = if ["(", "["].iter().any(|o| code_at(tokens, at, o)) {
                closing(tokens, at) + 1
            } else {
                at + 1
            };
        }
        let last = if code_at(tokens, at, "{") { closing(tokens, at) } else { at };
        tokens.iter_mut().take(last + 1).skip(start).for_each(|t| t.test = true);
    }
}

struct Lexer {
    chars: Vec<char>,
    pos: usize,
    line: usize,
    out: Vec<Token>,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.pos + ahead).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek(0)?;
        self.pos += 1;
        self.line += usize::from(c == '\n');
        Some(c)
    }

    fn push(&mut self, kind: Kind, text: impl Into<String>, line: usize) {
        self.out.push(Token { kind, text: text.into(), line, test: false });
    }

    fn step(&mut self, c: char) {
        let line = self.line;
        match (c, self.peek(1)) {
            ('/', Some('/')) => {
                while self.peek(0).is_some_and(|c| c != '\n') {
                    self.next();
                }
            }
            ('/', Some('*')) => self.block_comment(),
            ('"', _) => self.string(),
            ('\'', _) => self.quote(),
            (':', Some(':')) => {
                self.pos += 2;
                self.push(Kind::Punct, "::", line);
            }
            (c, _) if c.is_alphanumeric() || c == '_' => self.word(),
            (c, _) => {
                self.next();
                if !c.is_whitespace() {
                    self.push(Kind::Punct, c, line);
                }
            }
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0_usize;
        while let Some(c) = self.next() {
            match (c, self.peek(0)) {
                ('/', Some('*')) => depth += 1,
                ('*', Some('/')) => depth -= 1,
                _ => continue,
            }
            self.next();
            if depth == 0 {
                return;
            }
        }
    }

    /// A string literal with escapes; stands at its opening quote.
    fn string(&mut self) {
        let (line, mut text) = (self.line, String::new());
        self.next();
        while let Some(c) = self.next() {
            match c {
                '"' => break,
                '\\' => text.extend([Some('\\'), self.next()].into_iter().flatten()),
                c => text.push(c),
            }
        }
        self.push(Kind::Text, text, line);
    }

    /// A raw string literal; stands at the first `#` or the quote.
    fn raw_string(&mut self) {
        let (line, mut hashes, mut text) = (self.line, 0_usize, String::new());
        while self.peek(0) == Some('#') {
            self.next();
            hashes += 1;
        }
        self.next();
        while let Some(c) = self.next() {
            if c == '"' && (0..hashes).all(|i| self.peek(i) == Some('#')) {
                self.pos += hashes;
                break;
            }
            text.push(c);
        }
        self.push(Kind::Text, text, line);
    }

    /// A character literal or a lifetime; stands at the quote.
    fn quote(&mut self) {
        let (line, mut text) = (self.line, String::new());
        let literal = self.peek(1) == Some('\\') || self.peek(2) == Some('\'');
        self.next();
        if literal {
            while let Some(c) = self.next() {
                match c {
                    '\'' => break,
                    '\\' => text.extend([Some('\\'), self.next()].into_iter().flatten()),
                    c => text.push(c),
                }
            }
        } else {
            text = self.take_word();
        }
        self.push(Kind::Quote, text, line);
    }

    fn take_word(&mut self) -> String {
        let mut word = String::new();
        while let Some(c) = self.peek(0).filter(|c| c.is_alphanumeric() || *c == '_') {
            self.pos += 1;
            word.push(c);
        }
        word
    }

    fn word(&mut self) {
        let line = self.line;
        let word = self.take_word();
        let hashes = self.chars.iter().skip(self.pos).take_while(|c| **c == '#').count();
        match (word.as_str(), self.peek(0)) {
            ("r" | "br" | "cr", Some('"' | '#')) if self.peek(hashes) == Some('"') => self.raw_string(),
            ("r", Some('#')) => self.pos += 1, // a raw identifier: the name follows
            ("b" | "c", Some('"')) => self.string(),
            ("b", Some('\'')) => self.quote(),
            _ => self.push(Kind::Word, word, line),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> Vec<String> {
        lex(text)
            .into_iter()
            .filter(|t| t.kind != Kind::Text && t.kind != Kind::Quote)
            .map(|t| t.text)
            .collect()
    }

    fn texts(text: &str) -> Vec<(String, usize)> {
        lex(text).into_iter().filter(|t| t.kind == Kind::Text).map(|t| (t.text, t.line)).collect()
    }

    #[test]
    fn comments_and_literals_are_not_code() {
        assert_eq!(
            code("a // b\n/* c /* d */ e */ f::g(\"h\", 'i', '\\'')"),
            ["a", "f", "::", "g", "(", ",", ",", ")"]
        );
        assert_eq!(code("fn x<'a>(y: &'a str) {}").join(" "), "fn x < > ( y : & str ) { }");
    }

    #[test]
    fn every_form_of_string_is_one_token_with_its_line() {
        let text = "\"a\\\"b\"\nr\"c\\\" r#\"d \" e\"# br##\"f\"# g\"## b\"h\" c\"i\nj\" r#type";
        let expected = [("a\\\"b", 1), ("c\\", 2), ("d \" e", 2), ("f\"# g", 2), ("h", 2), ("i\nj", 2)];
        assert_eq!(texts(text), expected.map(|(t, l)| (t.to_owned(), l)));
        assert_eq!(lex(text).last().map(|t| (t.text.clone(), t.line)), Some(("type".to_owned(), 3)));
    }

    #[test]
    fn items_under_cfg_test_are_marked_and_the_rest_is_not() {
        let text = "fn a() {}\n#[cfg(test)]\n#[allow(x)]\nmod t { fn b() {} }\n#[cfg(not(test))]\nfn c() {}\n\
                    #[cfg(all(test, unix))] use d::e;\nfn f() {}";
        let marked: Vec<_> =
            lex(text).into_iter().filter(|t| t.test && t.text.len() == 1).map(|t| t.text).collect();
        for (name, test) in [("a", false), ("b", true), ("c", false), ("e", true), ("f", false)] {
            assert_eq!(marked.contains(&name.to_owned()), test, "{name}");
        }
    }

    #[test]
    fn variants_are_read_through_attributes_and_fields() {
        let text = "enum Other { Z }\npub enum Phase {\n #[serde(rename = \"x\")]\n \
                    A { b: Vec<C>, d: E },\n F(G, H),\n I, }";
        let names: Vec<_> = variants(&lex(text), "Phase").unwrap().into_iter().map(|v| v.0).collect();
        assert_eq!(names, ["A", "F", "I"]);
        assert_eq!(variants(&lex(text), "Missing"), None);
        assert_eq!(snake("CrashLoopBackOff"), "crash_loop_back_off");
    }
}
