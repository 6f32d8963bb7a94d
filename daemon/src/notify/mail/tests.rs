#![allow(
    clippy::match_same_arms,
    clippy::struct_excessive_bools,
    clippy::type_complexity,
    clippy::wildcard_enum_match_arm
)] // a double's answers read better one by one
use super::*;
use crate::config::MailTls;
use crate::notify::double::{at, incident, notice};
use crate::notify::reach::Reach;
use crate::notify::{DigestNotice, Kind, Stand};
use base64::Engine as _;
use nightshift_engine::digest::{About, Entry, Section};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};

const AUTHORITY: &[u8] = include_bytes!("../../../testdata/mail/ca.pem");
const CERTIFICATE: &[u8] = include_bytes!("../../../testdata/mail/localhost.pem");
const KEY: &[u8] = include_bytes!("../../../testdata/mail/localhost.key");
const PASSWORD: &str = "canary-of-the-password";

/// How the double behaves.
#[derive(Clone, Copy, Default)]
struct Manners {
    no_starttls: bool,
    implicit: bool,
    greylist: bool,
    no_such_user: bool,
    says_password: bool,
    silent: bool,
}

/// A mail server that keeps the rules: nothing in the clear, names checked, lines of at most 998 letters.
struct Double {
    port: u16,
    letters: Arc<Mutex<Vec<String>>>,
    heard: Arc<Mutex<Vec<String>>>,
}

async fn double(manners: Manners) -> Double {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (letters, heard): (Arc<Mutex<Vec<String>>>, Arc<Mutex<Vec<String>>>) =
        (Arc::default(), Arc::default());
    let keep = (Arc::clone(&letters), Arc::clone(&heard));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let keep = keep.clone();
            tokio::spawn(async move {
                if manners.silent {
                    std::future::pending::<()>().await;
                }
                if manners.implicit {
                    let stream = acceptor().accept(stream).await.unwrap();
                    talk(&mut BufReader::new(stream), manners, true, true, &keep).await;
                    return;
                }
                let mut stream = BufReader::new(stream);
                if talk(&mut stream, manners, false, true, &keep).await {
                    let stream = acceptor().accept(stream.into_inner()).await;
                    if let Ok(stream) = stream {
                        talk(&mut BufReader::new(stream), manners, true, false, &keep).await;
                    }
                }
            });
        }
    });
    Double { port, letters, heard }
}

fn acceptor() -> tokio_rustls::TlsAcceptor {
    let chain = vec![CertificateDer::from_pem_slice(CERTIFICATE).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    Arc::new(config).into()
}

type Kept = (Arc<Mutex<Vec<String>>>, Arc<Mutex<Vec<String>>>);

/// One conversation; true when it goes on encrypted.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufReader<S>,
    manners: Manners,
    encrypted: bool,
    greet: bool,
    (letters, heard): &Kept,
) -> bool {
    if greet {
        stream.write_all(b"220 mail.example.com ESMTP\r\n").await.unwrap();
    }
    let mut known = false;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return false;
        }
        heard.lock().unwrap().push(line.trim_end().to_owned());
        let command = line.split_whitespace().next().unwrap_or_default().to_uppercase();
        let answer = match command.as_str() {
            "EHLO" if !encrypted && !manners.no_starttls => "250-mail.example.com\r\n250 STARTTLS",
            "EHLO" => "250-mail.example.com\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN",
            "STARTTLS" if !manners.no_starttls => {
                stream.write_all(b"220 go ahead\r\n").await.unwrap();
                return true;
            }
            "AUTH" => {
                let given = line.split_whitespace().nth(2).unwrap_or_default();
                let given = base64::engine::general_purpose::STANDARD.decode(given).unwrap_or_default();
                known = given == format!("\0nightshift\0{PASSWORD}").into_bytes() && !manners.says_password;
                if known {
                    "235 fine"
                } else {
                    stream
                        .write_all(format!("535 no such password {PASSWORD}\r\n").as_bytes())
                        .await
                        .unwrap();
                    continue;
                }
            }
            "MAIL" | "RCPT" | "DATA" if encrypted && !known => "530 sign in first",
            "MAIL" => "250 fine",
            "RCPT" if manners.greylist => "451 come again",
            "RCPT" if manners.no_such_user => "550 no such user",
            "RCPT" => "250 fine",
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await.unwrap();
                match letter(stream).await {
                    Some(text) => {
                        letters.lock().unwrap().push(text);
                        "250 queued"
                    }
                    None => "554 a line is too long",
                }
            }
            "QUIT" => "221 bye",
            _ => "502 what",
        };
        if stream.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
            return false;
        }
    }
}

/// RFC 5321: lines of at most 998 letters end in CR LF, a dot alone ends it all.
async fn letter<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufReader<S>) -> Option<String> {
    let (mut text, mut fits) = (String::new(), true);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
        if line == ".\r\n" {
            return fits.then_some(text);
        }
        fits &= line.ends_with("\r\n") && line.len() <= 1000;
        text.push_str(line.strip_prefix('.').filter(|rest| !rest.trim().is_empty()).unwrap_or(&line));
    }
}

fn mail(port: u16, tls: MailTls, authority: Option<&[u8]>, password: Option<&str>) -> Mail {
    let credential = password
        .map(|text| Credential { username: "nightshift".to_owned(), password: text.to_owned().into() });
    let server =
        Server::new(("localhost", port), tls, Reach::Private, authority.as_slice(), credential).unwrap();
    let to = ["oncall@example.com".to_owned(), "second@example.com".to_owned()];
    let server = server.within(Duration::from_secs(3));
    Mail::new(server, Addresses::parse("nightshift@example.com", &to).unwrap())
}

fn header<'l>(letter: &'l str, name: &str) -> &'l str {
    let start = format!("{name}: ");
    letter.lines().find_map(|line| line.strip_prefix(start.as_str())).unwrap_or_default()
}

#[tokio::test]
async fn mails_about_one_incident_are_one_thread_in_text_and_html() {
    let double = double(Manners::default()).await;
    let mail = mail(double.port, MailTls::Starttls, Some(AUTHORITY), Some(PASSWORD));
    for (key, message) in [
        ("inc-0123456789:3", incident(Kind::Page, Stand::Open)),
        ("inc-0123456789:3", incident(Kind::Page, Stand::Open)), // a repeat
        ("inc-0123456789:9", incident(Kind::Update, Stand::Over)),
    ] {
        assert_eq!(mail.send(&message, key, at(0)).await, Handed::Delivered);
    }
    let letters = double.letters.lock().unwrap().clone();
    for letter in &letters {
        assert_eq!(header(letter, "References"), "<inc-0123456789@prod-1.nightshift>");
        assert_eq!(header(letter, "List-Id"), "nightshift of prod-1 <prod-1.nightshift>");
        assert_eq!(header(letter, "Auto-Submitted"), "auto-generated");
        assert_eq!(header(letter, "Date"), "Sun, 01 Mar 2026 02:00:00 +0000");
        assert!(header(letter, "Subject").starts_with("[prod-1] CrashLoopBackOff"), "{letter}");
        assert!(letter.contains("text/plain") && letter.contains("text/html"), "{letter}");
        assert!(!letter.contains("<img") && !letter.contains("src=") && !letter.contains("url("), "{letter}");
        assert!(letter.contains("https://nightshift.example.com/i/inc-0123456789"), "{letter}");
    }
    let ids: Vec<&str> = letters.iter().map(|letter| header(letter, "Message-ID")).collect();
    assert_eq!(ids[0], "<inc-0123456789-3@prod-1.nightshift>");
    assert_eq!(ids[0], ids[1], "a repeat is dropped by its id");
    assert_ne!(ids[0], ids[2]);
    assert_eq!((header(&letters[0], "Importance"), header(&letters[2], "Importance")), ("high", ""));
    let heard = double.heard.lock().unwrap().join("\n");
    assert!(heard.contains("RCPT TO:<second@example.com>"), "{heard}");
}

#[tokio::test]
async fn nothing_is_said_in_the_clear() {
    let plain = double(Manners { no_starttls: true, ..Manners::default() }).await;
    let page = incident(Kind::Page, Stand::Open);
    let stripped = mail(plain.port, MailTls::Starttls, Some(AUTHORITY), Some(PASSWORD));
    let handed = stripped.send(&page, "k", at(0)).await;
    assert!(matches!(handed, Handed::Later { ref why, .. } if why.contains("STARTTLS")), "{handed:?}");
    let heard = plain.heard.lock().unwrap().clone();
    assert!(heard.iter().all(|line| line.starts_with("EHLO") || line == "QUIT"), "{heard:?}");
    // A certificate of nobody we know.
    let double = double(Manners::default()).await;
    let stranger = mail(double.port, MailTls::Starttls, None, Some(PASSWORD));
    let handed = stranger.send(&page, "k", at(0)).await;
    assert!(matches!(handed, Handed::Later { .. }), "{handed:?}");
    assert!(double.letters.lock().unwrap().is_empty());
    assert!(!double.heard.lock().unwrap().iter().any(|line| line.starts_with("AUTH")));
    // In the clear only to this machine, and only when told so.
    let here = mail(plain.port, MailTls::Loopback, None, None);
    assert_eq!(here.send(&page, "k", at(0)).await, Handed::Delivered);
    let away = Server::new(("192.0.2.1", 25), MailTls::Loopback, Reach::Private, &[], None).unwrap();
    let away = Mail::new(away, Addresses::parse("a@b.example", &["c@d.example".to_owned()]).unwrap());
    let handed = away.send(&page, "k", at(0)).await;
    assert!(
        matches!(handed, Handed::Later { ref why, .. } if why.contains("not on this machine")),
        "{handed:?}"
    );
}

#[tokio::test]
async fn tls_from_the_first_byte_works_too() {
    let double = double(Manners { implicit: true, ..Manners::default() }).await;
    let mail = mail(double.port, MailTls::Implicit, Some(AUTHORITY), Some(PASSWORD));
    assert_eq!(mail.send(&incident(Kind::Page, Stand::Open), "k", at(0)).await, Handed::Delivered);
}

#[tokio::test]
async fn answers_mean_what_smtp_means_by_them_and_the_password_is_never_said() {
    let page = incident(Kind::Page, Stand::Open);
    let cases = [
        (Manners { greylist: true, ..Manners::default() }, false, "451"),
        (Manners { no_such_user: true, ..Manners::default() }, true, "no such user"),
        (Manners { says_password: true, ..Manners::default() }, false, "no such password (password)"),
        (Manners { silent: true, ..Manners::default() }, false, "in time"),
    ];
    for (manners, never, says) in cases {
        let double = double(manners).await;
        let mail = mail(double.port, MailTls::Starttls, Some(AUTHORITY), Some(PASSWORD));
        let handed = mail.send(&page, "k", at(0)).await;
        let (is_never, why) = match &handed {
            Handed::Never { why } => (true, why),
            Handed::Later { why, .. } => (false, why),
            Handed::Delivered | Handed::Threaded(_) => panic!("{handed:?}"),
        };
        assert!(is_never == never && why.contains(says) && !why.contains("canary"), "{says}: {handed:?}");
        assert!(!format!("{mail:?}").contains("canary"));
    }
}

#[tokio::test]
async fn addresses_inside_are_refused_where_the_connection_is_made() {
    for (host, reach, says) in [
        ("169.254.169.254", Reach::Private, "metadata"),
        ("localhost", Reach::Public, "loopback"),
        ("10.0.0.1", Reach::Public, "private"),
    ] {
        let server = Server::new((host, 587), MailTls::Starttls, reach, &[], None).unwrap();
        let mail = Mail::new(server, Addresses::parse("a@b.example", &["c@d.example".to_owned()]).unwrap());
        let handed = mail.send(&incident(Kind::Page, Stand::Open), "k", at(0)).await;
        assert!(matches!(handed, Handed::Later { ref why, .. } if why.contains(says)), "{handed:?}");
    }
}

#[tokio::test]
async fn no_text_ends_a_header_a_line_or_an_element() {
    let double = double(Manners::default()).await;
    let mail = mail(double.port, MailTls::Starttls, Some(AUTHORITY), Some(PASSWORD));
    let mut hostile = notice(Kind::Page, Stand::Open);
    hostile.cluster = "prod\r\nBcc: evil@example.com\r\n\r\n<script>".to_owned();
    hostile.scope = "x\r\nX-Evil: 1".to_owned();
    hostile.lines = vec![
        ".\r\nMAIL FROM:<evil@example.com>".to_owned(),
        "<img src=\"https://e/\">".to_owned(),
        "ü".repeat(3000),
    ];
    let message = Outgoing::Incident(Box::new(hostile));
    assert_eq!(mail.send(&message, "k\r\nTo: x", at(0)).await, Handed::Delivered);
    let letters = double.letters.lock().unwrap().clone();
    assert_eq!(letters.len(), 1, "it stayed one mail");
    let (head, body) = letters[0].split_once("\r\n\r\n").unwrap();
    for line in head.lines() {
        assert!(!line.starts_with("Bcc") && !line.starts_with("X-Evil"), "{head}");
    }
    assert_eq!(head.lines().filter(|line| line.starts_with("To:")).count(), 1);
    let joined = body.replace("=\r\n", "");
    assert!(!joined.contains("<script") && !joined.contains("<img"), "{joined}");
}

#[tokio::test]
async fn a_digest_is_whole_or_says_that_it_was_cut() {
    let double = double(Manners::default()).await;
    let mail = mail(double.port, MailTls::Starttls, Some(AUTHORITY), Some(PASSWORD));
    let entry = |n: usize| Entry { about: About::Night, lines: vec![format!("entry {n}"), "why".to_owned()] };
    let section = Section { title: "Needs you now".to_owned(), entries: (0..150).map(entry).collect() };
    let digest = DigestNotice {
        cluster: "prod-1".to_owned(),
        title: "150 incidents".to_owned(),
        lines: Vec::new(),
        sections: vec![section],
        from: at(0),
        to: at(1),
        needs_you: 150,
        link: Some("https://nightshift.example.com/digest".to_owned()),
        command: None,
    };
    let handed = mail.send(&Outgoing::Digest(Box::new(digest)), "digest:2026-03-01", at(0)).await;
    assert_eq!(handed, Handed::Delivered);
    let letter = double.letters.lock().unwrap()[0].replace("=\r\n", "");
    assert!(letter.contains("- entry 99") && !letter.contains("entry 100"), "{letter}");
    assert!(letter.contains("This mail was cut") && letter.contains("https://nightshift.example.com/digest"));
    assert_eq!(header(&letter, "References"), "");
}

#[tokio::test]
async fn a_changed_policy_is_a_mail_of_its_own_that_is_not_urgent() {
    let double = double(Manners::default()).await;
    let mail = mail(double.port, MailTls::Starttls, Some(AUTHORITY), Some(PASSWORD));
    let changes = vec!["person <script>eve added: role all".to_owned()];
    let message = Outgoing::Policy(Box::new(crate::notify::notice::policy_notice("prod-1", changes, None)));
    assert_eq!(mail.send(&message, "policy-changed:epoch-3", at(0)).await, Handed::Delivered);
    let letter = double.letters.lock().unwrap()[0].replace("=\r\n", "");
    assert_eq!(header(&letter, "Subject"), "[prod-1] Persons, policy, playbooks or mode changed");
    assert_eq!((header(&letter, "Importance"), header(&letter, "References")), ("", ""));
    assert!(letter.contains("&#60;script&#62;eve") || letter.contains("&lt;script&gt;eve"), "{letter}");
}
