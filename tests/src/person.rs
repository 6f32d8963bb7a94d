//! A person at the gate: cookies, forms, and the headers of whatever origin a test wants.

use anyhow::{Context as _, ensure};
use std::collections::BTreeMap;

/// A browser with cookies and nothing else.
#[derive(Clone, Debug)]
pub struct Browser {
    http: reqwest::Client,
    /// The gate's own origin.
    pub origin: String,
    /// What it keeps.
    pub cookies: BTreeMap<String, String>,
}

/// An answer, read.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub text: String,
}

/// The form of a proposal's page, filled in as a person would.
#[derive(Clone, Debug)]
pub struct Ballot {
    /// Where it goes.
    pub action: String,
    /// Its fields.
    pub fields: BTreeMap<String, String>,
    /// `Origin`, when one is sent.
    pub origin: Option<String>,
    /// `Sec-Fetch-Site`, when it is sent.
    pub site: Option<String>,
}

impl Ballot {
    /// With a button pressed.
    #[must_use]
    pub fn decide(self, decision: &str) -> Self {
        self.with("decision", decision)
    }

    /// With one field changed.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Sent from elsewhere.
    #[must_use]
    pub fn from(self, origin: Option<&str>, site: Option<&str>) -> Self {
        Self { origin: origin.map(str::to_owned), site: site.map(str::to_owned), ..self }
    }
}

impl Browser {
    /// A browser at a gate, such as `http://127.0.0.1:8080`.
    pub fn new(origin: &str) -> anyhow::Result<Self> {
        let http =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build()?;
        Ok(Self { http, origin: origin.to_owned(), cookies: BTreeMap::new() })
    }

    /// GET of a page.
    pub async fn get(&mut self, url: &str) -> anyhow::Result<Answer> {
        let request = self.http.get(self.absolute(url));
        self.send(request).await
    }

    /// POST of a form.
    pub async fn cast(&mut self, ballot: &Ballot) -> anyhow::Result<Answer> {
        let mut request = self.http.post(self.absolute(&ballot.action)).form(&ballot.fields);
        for (name, value) in [("origin", &ballot.origin), ("sec-fetch-site", &ballot.site)] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        self.send(request).await
    }

    /// Opens a sign-in link and presses the one button there.
    pub async fn sign_in(&mut self, link: &str) -> anyhow::Result<()> {
        let page = self.get(link).await?;
        let form = self.form(&page.text, "/signin").context("the sign-in page has no form")?;
        let answer = self.cast(&form).await?;
        ensure!(answer.status == 303, "sign-in was refused: {} {}", answer.status, answer.text);
        Ok(())
    }

    /// Opens a proposal's page, reads the code beside the change and types it into the form.
    pub async fn ballot(&mut self, url: &str) -> anyhow::Result<Ballot> {
        let page = self.get(url).await?;
        let form = self.form(&page.text, "/votes").context("the page has no form to vote")?;
        let beside = between(&page.text, "Your code for exactly this change", "</p>").context("no code")?;
        let code = between(beside, "class=\"mono\">", "<").context("no code")?;
        Ok(form.with("code", code.trim()).with("reason", ""))
    }

    /// The first form of a page whose action contains a text.
    pub fn form(&self, html: &str, action: &str) -> Option<Ballot> {
        let forms = html.split("<form").skip(1).map(|rest| rest.split("</form>").next().unwrap_or_default());
        let (form, to) = forms
            .filter_map(|form| Some((form, unescape(between(form, "action=\"", "\"")?))))
            .find(|(_, to)| to.contains(action))?;
        let inputs = form.split('<').filter(|tag| tag.starts_with("input"));
        let fields = inputs
            .filter_map(|tag| {
                let value = between(tag, "value=\"", "\"").unwrap_or_default();
                Some((unescape(between(tag, "name=\"", "\"")?), unescape(value)))
            })
            .collect();
        let (origin, site) = (Some(self.origin.clone()), Some("same-origin".to_owned()));
        Some(Ballot { action: to, fields, origin, site })
    }

    async fn send(&mut self, mut request: reqwest::RequestBuilder) -> anyhow::Result<Answer> {
        let cookies: Vec<String> = self.cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        let answer = request.send().await?;
        for line in answer.headers().get_all("set-cookie") {
            let pair = line.to_str()?.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(Answer { status: answer.status().as_u16(), text: answer.text().await? })
    }

    fn absolute(&self, url: &str) -> String {
        if url.starts_with('/') { format!("{}{url}", self.origin) } else { url.to_owned() }
    }
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(found, _)| found)
}

fn unescape(text: &str) -> String {
    text.replace("&#x2F;", "/").replace("&#47;", "/").replace("&#34;", "\"").replace("&#38;", "&")
}
