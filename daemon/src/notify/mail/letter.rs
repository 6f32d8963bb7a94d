//! A message as a mail. Every header is made of letters that cannot end it; the HTML is escaped, loads nothing and
//! says what the text says.

use crate::notify::{Kind, Outgoing};
use askama::Template as _;
use lettre::message::header::{HeaderName, HeaderValue, To};
use lettre::message::{Mailbox, Mailboxes, MultiPart};
use lettre::{Address, Message};
use nightshift_engine::digest::Section;
use nightshift_engine::text::visible;
use nightshift_model::Timestamp;
use std::fmt::Write as _;

/// Characters of a subject. Longer ones are cut by every phone anyway.
const SUBJECT: usize = 120;
/// Entries of one section of a digest.
const ENTRIES: usize = 100;
/// Lines above the sections.
const LINES: usize = 200;

/// From whom and to whom.
#[derive(Clone, Debug)]
pub struct Addresses {
    from: Address,
    to: Vec<Address>,
}

impl Addresses {
    /// Parsed addresses.
    ///
    /// # Errors
    /// The one that is none.
    pub fn parse(from: &str, to: &[String]) -> Result<Self, String> {
        let parse = |text: &str| text.parse::<Address>().map_err(|error| format!("`{text}`: {error}"));
        Ok(Self { from: parse(from)?, to: to.iter().map(|to| parse(to)).collect::<Result<_, _>>()? })
    }

    /// The sender's domain: how we greet the server.
    pub(super) fn domain(&self) -> &str {
        self.from.domain()
    }
}

#[derive(askama::Template)]
#[template(path = "mail.html")]
struct Html<'a> {
    title: &'a str,
    lines: &'a [String],
    sections: &'a [Section],
    link: Option<&'a str>,
    label: &'static str,
    command: Option<&'a str>,
    cut: Option<&'static str>,
    footer: &'a str,
}

/// Writes the mail.
///
/// # Errors
/// What lettre says when a part is missing: a bug.
pub(super) fn write(
    message: &Outgoing,
    key: &str,
    addresses: &Addresses,
    now: Timestamp,
) -> Result<Message, Box<dyn std::error::Error + Send + Sync>> {
    let (cluster, title, lines, link, command) = match message {
        Outgoing::Incident(n) => (&n.cluster, &n.title, &n.lines[..], &n.link, &n.command),
        Outgoing::List(l) => (&l.cluster, &l.title, &l.lines[..], &l.link, &l.command),
        Outgoing::Policy(p) => (&p.cluster, &p.title, &p.lines[..], &p.link, &p.command),
        // Its lines are the top of its sections.
        Outgoing::Digest(d) => (&d.cluster, &d.title, &[][..], &d.link, &d.command),
    };
    let (sections, cut) = sections(message);
    let cut = (cut || lines.len() > LINES).then_some("This mail was cut; the rest stands on the page.");
    let lines = lines.get(..LINES.min(lines.len())).unwrap_or_default();
    let footer = format!("nightshift · {cluster} · {}. Links show and never decide.", about(message));
    let html = Html {
        title,
        lines,
        sections: &sections,
        link: link.as_deref(),
        label: label(message),
        command: command.as_deref(),
        cut,
        footer: &footer,
    };
    let text = text(&html)?;
    let place = atom(cluster);
    let id = |local: &str| format!("<{}@{place}.nightshift>", atom(local));
    let recipients: Mailboxes = addresses.to.iter().map(|to| Mailbox::new(None, to.clone())).collect();
    let mut mail = Message::builder()
        .from(Mailbox::new(Some("nightshift".to_owned()), addresses.from.clone()))
        .mailbox(To::from(recipients))
        .date(now.get().into())
        .message_id(Some(id(key)))
        .subject(subject(message))
        .raw_header(raw("List-Id", format!("nightshift of {place} <{place}.nightshift>")))
        .raw_header(raw("Auto-Submitted", "auto-generated".to_owned()));
    if let Outgoing::Incident(notice) = message {
        // The thread's root is a name, not a mail: whichever comes first, they all belong to it.
        mail = mail.references(id(notice.incident.as_str()));
    }
    if pages(message) {
        mail = mail.raw_header(raw("Importance", "high".to_owned()));
    }
    Ok(mail.multipart(MultiPart::alternative_plain_html(text, html.render()?))?)
}

fn raw(name: &'static str, value: String) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value)
}

/// The same for all mails about an incident: mail programs thread by it too.
fn subject(message: &Outgoing) -> String {
    let text = match message {
        Outgoing::Incident(n) => {
            format!("[{}] {} {} ({})", n.cluster, n.reason.unwrap_or("Incident"), n.scope, n.incident)
        }
        Outgoing::List(l) => format!("[{}] {}", l.cluster, l.title),
        Outgoing::Policy(p) => format!("[{}] {}", p.cluster, p.title),
        Outgoing::Digest(d) => format!("[{}] Digest: {}", d.cluster, d.title),
    };
    visible(&text, SUBJECT)
}

fn pages(message: &Outgoing) -> bool {
    match message {
        Outgoing::Incident(notice) => notice.kind == Kind::Page,
        Outgoing::List(list) => list.kind == Kind::Page,
        Outgoing::Policy(_) | Outgoing::Digest(_) => false,
    }
}

fn about(message: &Outgoing) -> String {
    match message {
        Outgoing::Incident(notice) => notice.incident.to_string(),
        Outgoing::List(_) => "over the hour's messages, so together".to_owned(),
        Outgoing::Policy(_) => "who may decide, and by which rules".to_owned(),
        Outgoing::Digest(_) => "morning digest".to_owned(),
    }
}

fn label(message: &Outgoing) -> &'static str {
    match message {
        Outgoing::Incident(notice) if notice.proposal.is_some() => "Review the proposal",
        Outgoing::Incident(_) => "Open the incident",
        Outgoing::List(_) => "Open all of them",
        Outgoing::Policy(_) => "Open nightshift",
        Outgoing::Digest(_) => "Open the digest",
    }
}

/// What a mail holds of a digest, and whether something was left out.
fn sections(message: &Outgoing) -> (Vec<Section>, bool) {
    let Outgoing::Digest(digest) = message else { return (Vec::new(), false) };
    let cut = digest.sections.iter().any(|section| section.entries.len() > ENTRIES);
    let mut sections = digest.sections.clone();
    for section in &mut sections {
        section.entries.truncate(ENTRIES);
    }
    (sections, cut)
}

fn text(html: &Html<'_>) -> Result<String, std::fmt::Error> {
    let mut out = format!("{}\n\n", html.title);
    for line in html.lines {
        writeln!(out, "{line}")?;
    }
    if let Some(link) = html.link {
        writeln!(out, "\n{}: {link}", html.label)?;
    }
    if let Some(command) = html.command {
        writeln!(out, "\n{command}")?;
    }
    for section in html.sections.iter().filter(|section| !section.entries.is_empty()) {
        writeln!(out, "\n{}", section.title)?;
        for entry in &section.entries {
            for (at, line) in entry.lines.iter().enumerate() {
                writeln!(out, "{}{line}", if at == 0 { "- " } else { "  " })?;
            }
        }
    }
    if let Some(cut) = html.cut {
        writeln!(out, "\n{cut}")?;
    }
    // The signature's mark: programs fold what follows.
    write!(out, "\n-- \n{}\n", html.footer)?;
    Ok(out)
}

/// Letters that may stand in a `Message-ID`, whatever comes in.
fn atom(text: &str) -> String {
    let keep = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' };
    let kept: String = text.chars().take(100).map(keep).collect();
    let trimmed = kept.trim_matches('-');
    if trimmed.is_empty() { "x".to_owned() } else { trimmed.to_owned() }
}
