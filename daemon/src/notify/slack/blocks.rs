//! A message as Slack's blocks: within its limits, and with nothing in it that Slack would act on.

use crate::config::Mention;
use crate::notify::{Kind, Notice, Outgoing};
use nightshift_engine::text::ELLIPSIS;
use serde_json::{Value, json};

/// What Slack takes at most; longer messages are refused whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Blocks of a message.
    pub blocks: usize,
    /// Characters of a header.
    pub header: usize,
    /// Characters of a section.
    pub section: usize,
    /// Characters of the text that notifications show; Slack would take 4,000.
    pub text: usize,
    /// Characters of all sections together: a message that nobody reads to its end helps nobody, and a request has its
    /// own cap, also where a character has four bytes.
    pub whole: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { blocks: 50, header: 150, section: 3000, text: 500, whole: 3000 }
    }
}

impl Limits {
    /// With so many blocks fewer.
    pub(super) fn without(self, blocks: usize) -> Self {
        Self { blocks: self.blocks.saturating_sub(blocks), ..self }
    }
}

/// Text of our own that Slack reads as it stands.
pub(super) fn plain_text(text: &str) -> String {
    escape(text, Limits::default().section).0
}

/// Whether everything found room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// It did.
    Whole,
    /// The rest is behind the link.
    Short,
}

/// Whether a message can be changed once it stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeps {
    /// As it was written.
    Fixed,
    /// Up to date.
    Current,
}

/// The body of the request.
pub(super) fn render(message: &Outgoing, mention: Option<&Mention>, limits: &Limits, keeps: Keeps) -> Value {
    let (title, lines, link, command) = match message {
        Outgoing::Incident(n) => (&n.title, &n.lines, &n.link, &n.command),
        Outgoing::List(l) => (&l.title, &l.lines, &l.link, &l.command),
        Outgoing::Policy(p) => (&p.title, &p.lines, &p.link, &p.command),
        Outgoing::Digest(d) => (&d.title, &d.lines, &d.link, &d.command),
    };
    let mut blocks = vec![json!({"type": "header", "text": plain(&escape(title, limits.header).0)})];
    // Header, mention, cut, link and context need room too.
    let (sections, cut) = sections(lines, limits, limits.blocks.saturating_sub(5));
    blocks.extend(sections.iter().map(|text| json!({"type": "section", "text": plain(text)})));
    if let (Some(who), true) = (mention, pages(message)) {
        blocks.push(json!({"type": "section", "text": markup(&called(who))}));
    }
    if cut == Cut::Short {
        let rest = "This message was cut at Slack's limit; the rest stands on the page.";
        blocks.push(json!({"type": "section", "text": plain(rest)}));
    }
    match (link, command) {
        (Some(link), _) => {
            let text = format!("<{}|{}>", address(link), label(message));
            blocks.push(json!({"type": "section", "text": markup(&text)}));
        }
        (None, Some(command)) => {
            blocks.push(json!({"type": "section", "text": plain(&escape(command, limits.section).0)}));
        }
        (None, None) => {}
    }
    let (footer, _) = escape(&footer(message, keeps), limits.section);
    blocks.push(json!({"type": "context", "elements": [plain(&footer)]}));
    let first = lines.first().map_or_else(String::new, |line| format!("\n{line}"));
    json!({
        "text": escape(&format!("{title}{first}"), limits.text).0,
        "mrkdwn": false,
        "unfurl_links": false,
        "unfurl_media": false,
        "blocks": blocks,
    })
}

/// What happened, for the thread below the message.
pub(super) fn reply(notice: &Notice, mention: Option<&Mention>, limits: &Limits) -> Value {
    let lines: Vec<&str> = notice.lines.iter().map(String::as_str).collect();
    let (text, _) = escape(&format!("{}\n{}", notice.title, lines.join("\n")), limits.section);
    let mut blocks = vec![json!({"type": "section", "text": plain(&text)})];
    if let (Some(who), Kind::Page) = (mention, notice.kind) {
        blocks.push(json!({"type": "section", "text": markup(&called(who))}));
    }
    json!({
        "text": escape(&notice.title, limits.text).0,
        "mrkdwn": false,
        "unfurl_links": false,
        "unfurl_media": false,
        "reply_broadcast": notice.kind == Kind::Page,
        "blocks": blocks,
    })
}

fn pages(message: &Outgoing) -> bool {
    match message {
        Outgoing::Incident(notice) => notice.kind == Kind::Page,
        Outgoing::List(list) => list.kind == Kind::Page,
        Outgoing::Policy(_) | Outgoing::Digest(_) => false,
    }
}

fn label(message: &Outgoing) -> &'static str {
    match message {
        Outgoing::Incident(_) => "How it stands now",
        Outgoing::List(_) => "All of them",
        Outgoing::Policy(_) => "Open nightshift",
        Outgoing::Digest(_) => "The whole digest",
    }
}

/// What binds the messages about one incident together: a webhook cannot change what it wrote.
fn footer(message: &Outgoing, keeps: Keeps) -> String {
    match message {
        Outgoing::Incident(n) => {
            let update = match n.kind {
                _ if keeps == Keeps::Current => {
                    "this message is kept up to date, what happened stands in its thread"
                }
                Kind::Page | Kind::Post => "this message stays as it is, what changes comes as another",
                Kind::Update | Kind::Progress => "this follows the messages above about it",
            };
            format!("nightshift · {} · {} · {update}", n.cluster, n.incident)
        }
        Outgoing::List(l) => format!("nightshift · {} · over the hour's messages, so together", l.cluster),
        Outgoing::Policy(p) => format!("nightshift · {} · who may decide, and by which rules", p.cluster),
        Outgoing::Digest(d) => format!("nightshift · {} · morning digest", d.cluster),
    }
}

/// Slack reads entities and nothing else in it.
pub(super) fn plain(text: &str) -> Value {
    json!({"type": "plain_text", "text": text, "emoji": false})
}

/// Markup of our own making: links and the configured mention.
fn markup(text: &str) -> Value {
    json!({"type": "mrkdwn", "text": text, "verbatim": true})
}

fn called(who: &Mention) -> String {
    match who {
        Mention::Here => "<!here>".to_owned(),
        Mention::Channel => "<!channel>".to_owned(),
        Mention::Member(id) => format!("<@{id}>"),
        Mention::Group(id) => format!("<!subteam^{id}>"),
    }
}

/// A link's address within `<…|…>`: nothing in it may end it.
fn address(link: &str) -> String {
    link.replace('&', "&amp;").replace('<', "%3C").replace('>', "%3E").replace('|', "%7C")
}

/// The three characters that Slack acts on, as entities; at most so many characters, cut between two of them.
fn escape(text: &str, cap: usize) -> (String, Cut) {
    let mut out = String::new();
    let mut length = 0;
    let mut fits = 0;
    for c in text.chars() {
        let piece: &str = match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            _ => "",
        };
        length += if piece.is_empty() { 1 } else { piece.len() };
        if length > cap {
            out.truncate(fits);
            out.push(ELLIPSIS);
            return (out, Cut::Short);
        }
        if piece.is_empty() {
            out.push(c);
        } else {
            out.push_str(piece);
        }
        if length < cap {
            fits = out.len();
        }
    }
    // Slack refuses an empty text.
    if out.trim().is_empty() {
        return ("-".to_owned(), Cut::Whole);
    }
    (out, Cut::Whole)
}

/// Lines gathered into sections.
fn sections(lines: &[String], limits: &Limits, most: usize) -> (Vec<String>, Cut) {
    let mut sections: Vec<String> = Vec::new();
    let mut open = String::new();
    let (mut open_length, mut whole, mut cut) = (0, 0, Cut::Whole);
    for line in lines {
        let (line, short) = escape(line, limits.section);
        if short == Cut::Short {
            cut = Cut::Short;
        }
        let length = line.chars().count();
        if whole + length > limits.whole {
            cut = Cut::Short;
            break;
        }
        if open_length > 0 && open_length + 1 + length > limits.section {
            sections.push(std::mem::take(&mut open));
            open_length = 0;
            if sections.len() >= most {
                return (sections, Cut::Short);
            }
        }
        if open_length > 0 {
            open.push('\n');
            open_length += 1;
        }
        open.push_str(&line);
        open_length += length;
        whole += length + 1;
    }
    if open_length > 0 {
        sections.push(open);
    }
    (sections, cut)
}
