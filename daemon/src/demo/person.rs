//! The demo's on-call person, for `demo --unattended`: the same pages, the same doors, no short cut.
//!
//! This code exists in the demo only. Nothing else in nightshift votes by itself.

use anyhow::{Context as _, bail};
use reqwest::header::{COOKIE, HeaderMap, HeaderValue, ORIGIN, SET_COOKIE};
use std::collections::BTreeMap;

/// A browser with cookies and nothing else.
pub struct Person {
    http: reqwest::Client,
    origin: String,
    cookies: BTreeMap<String, String>,
}

/// A page as far as the person needs it.
pub struct Page {
    /// The status.
    pub status: u16,
    /// The HTML.
    pub html: String,
}

impl Person {
    /// A person at a gate, such as `http://127.0.0.1:8080`.
    pub fn new(origin: &str) -> anyhow::Result<Self> {
        let http =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build()?;
        Ok(Self { http, origin: origin.to_owned(), cookies: BTreeMap::new() })
    }

    /// Whether a session is open.
    pub fn signed_in(&self) -> bool {
        !self.cookies.is_empty()
    }

    /// Opens the sign-in link and presses the one button there.
    pub async fn sign_in(&mut self, link: &str) -> anyhow::Result<()> {
        let page = self.get(link).await?;
        let form = Form::find(&page.html, "signin").context("the sign-in page has no form")?;
        let answer = self.post(&form.action.clone(), form.fields).await?;
        if answer.status >= 400 {
            bail!("sign-in was refused with status {}", answer.status);
        }
        Ok(())
    }

    /// Opens a proposal's link, reads the code beside the change, types it and presses approve.
    pub async fn approve(&mut self, link: &str) -> anyhow::Result<Page> {
        let page = self.get(link).await?;
        let form = Form::find(&page.html, "/votes").context("the page has no form to vote")?;
        let beside = between(&page.html, "class=\"code\"", "</p>").context("the page shows no code")?;
        let code = between(beside, "mono\">", "<").context("the page shows no code")?;
        let mut fields = form.fields;
        fields.insert("code".to_owned(), code.trim().to_owned());
        fields.insert("reason".to_owned(), String::new());
        fields.insert("decision".to_owned(), "approve".to_owned());
        self.post(&form.action, fields).await
    }

    /// GET of a page of the gate.
    pub async fn get(&mut self, url: &str) -> anyhow::Result<Page> {
        let url = self.absolute(url);
        let answer = self.http.get(&url).headers(self.headers()?).send().await?;
        self.keep(answer.headers());
        Ok(Page { status: answer.status().as_u16(), html: answer.text().await? })
    }

    async fn post(&mut self, url: &str, fields: BTreeMap<String, String>) -> anyhow::Result<Page> {
        let mut headers = self.headers()?;
        headers.insert(ORIGIN, HeaderValue::from_str(&self.origin)?);
        headers.insert("sec-fetch-site", HeaderValue::from_static("same-origin"));
        let answer = self.http.post(self.absolute(url)).headers(headers).form(&fields).send().await?;
        self.keep(answer.headers());
        let status = answer.status().as_u16();
        if let Some(next) = answer.headers().get("location").and_then(|l| l.to_str().ok()).map(str::to_owned)
        {
            return Box::pin(self.get(&next)).await;
        }
        Ok(Page { status, html: answer.text().await? })
    }

    fn absolute(&self, url: &str) -> String {
        if url.starts_with('/') { format!("{}{url}", self.origin) } else { url.to_owned() }
    }

    fn headers(&self) -> anyhow::Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        let cookies: Vec<String> = self.cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
        if !cookies.is_empty() {
            headers.insert(COOKIE, HeaderValue::from_str(&cookies.join("; "))?);
        }
        Ok(headers)
    }

    fn keep(&mut self, headers: &HeaderMap) {
        for cookie in headers.get_all(SET_COOKIE).iter().filter_map(|c| c.to_str().ok()) {
            let pair = cookie.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

/// A form as it stands in the page.
struct Form {
    action: String,
    fields: BTreeMap<String, String>,
}

impl Form {
    /// The first form whose action contains a text.
    fn find(html: &str, action: &str) -> Option<Self> {
        Self::all(html).into_iter().find(|form| form.action.contains(action))
    }

    fn all(html: &str) -> Vec<Self> {
        html.split("<form")
            .skip(1)
            .map(|rest| Self::read(rest.split("</form>").next().unwrap_or_default()))
            .collect()
    }

    fn read(html: &str) -> Self {
        let mut fields = BTreeMap::new();
        for input in html.split('<').filter(|tag| tag.starts_with("input")) {
            if let Some(name) = between(input, "name=\"", "\"") {
                fields.insert(unescape(name), unescape(between(input, "value=\"", "\"").unwrap_or_default()));
            }
        }
        Self { action: unescape(between(html, "action=\"", "\"").unwrap_or_default()), fields }
    }
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(found, _)| found)
}

fn unescape(text: &str) -> String {
    text.replace("&#x2F;", "/")
        .replace("&#47;", "/")
        .replace("&quot;", "\"")
        .replace("&#34;", "\"")
        .replace("&amp;", "&")
        .replace("&#38;", "&")
}
