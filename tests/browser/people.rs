//! The registry of the tests, and browsers as far as HTTP goes: cookies, forms, the headers of our own origin.

use crate::fixture::Night;
use nightshift_model::{Actor, PersonId, Registry};
use reqwest::{Method, RequestBuilder, Response, StatusCode, redirect};
use std::collections::BTreeMap;

/// alice and bob decide for shop, carol only looks, dave has another team's role, root is admin, bot is a machine.
pub(crate) fn registry() -> Registry {
    serde_json::from_value(serde_json::json!({
        "persons": [
            {"name": "alice", "roles": ["shop"]},
            {"name": "bob", "roles": ["shop"]},
            {"name": "carol", "roles": ["looker"]},
            {"name": "dave", "roles": ["bank"]},
            {"name": "root", "roles": ["all"]},
            {"name": "ruth", "roles": ["all"]},
            {"name": "bot", "kind": "service", "roles": ["shop"]},
            {"name": "newcomer", "roles": ["shop"], "since": "2026-03-03T02:06:59Z"},
        ],
        "roles": {
            "shop": {"owners": ["shop"]},
            "looker": {"owners": ["shop"], "may": ["view"]},
            "bank": {"owners": ["bank"]},
            "all": {"owners": ["*"], "may": ["view", "approve", "admin"]},
        },
        "owners": [
            {"name": "shop", "namespaces": ["shop"]},
            {"name": "bank", "namespaces": ["bank"]},
        ],
    }))
    .unwrap()
}

/// One browser.
#[derive(Clone)]
pub(crate) struct Browser {
    client: reqwest::Client,
    pub(crate) base: String,
    pub(crate) cookies: BTreeMap<String, String>,
}

/// An answer, read.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) text: String,
}

impl Browser {
    pub(crate) fn new(base: String) -> Self {
        let client =
            reqwest::Client::builder().redirect(redirect::Policy::none()).no_proxy().build().unwrap();
        Self { client, base, cookies: BTreeMap::new() }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = self.client.request(method, format!("{}{path}", self.base));
        if cookies.is_empty() { request } else { request.header("cookie", cookies.join("; ")) }
    }

    async fn keep(&mut self, response: Response) -> Answer {
        for line in response.headers().get_all("set-cookie") {
            let pair = line.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let (status, headers) = (response.status(), response.headers().clone());
        Answer { status, headers, text: response.text().await.unwrap() }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        let response = self.request(Method::GET, path).send().await.unwrap();
        self.keep(response).await
    }

    pub(crate) async fn head(&mut self, path: &str) -> Answer {
        let response = self.request(Method::HEAD, path).send().await.unwrap();
        self.keep(response).await
    }

    /// Posts a form as one of our own pages would.
    pub(crate) async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Answer {
        let own = self.base.clone();
        self.post_from(path, form, &[("origin", &own), ("sec-fetch-site", "same-origin")]).await
    }

    /// Posts a form with headers of one's choice.
    pub(crate) async fn post_from(
        &mut self,
        path: &str,
        form: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = self.request(Method::POST, path).form(form);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        self.keep(response).await
    }

    pub(crate) async fn post_json(&mut self, path: &str, body: &serde_json::Value) -> Answer {
        let request = self.request(Method::POST, path).json(body);
        let request = request.header("origin", &self.base).header("sec-fetch-site", "same-origin");
        let response = request.send().await.unwrap();
        self.keep(response).await
    }

    pub(crate) async fn sign_in(&mut self, night: &Night, person: &str) {
        let person = PersonId::from(person);
        let token = night.people.invite(&person, &Actor::Operator).await.unwrap();
        let shown = self.get(&format!("/signin/{token}")).await;
        assert_eq!(shown.status, StatusCode::OK);
        assert!(shown.text.contains(person.as_str()));
        let answer = self.post("/signin", &[("token", &token)]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
    }
}

impl Answer {
    /// The value of a form's field.
    pub(crate) fn field(&self, name: &str) -> String {
        let start = format!("name=\"{name}\" value=\"");
        let at = self.text.find(&start).unwrap_or_else(|| panic!("no field {name} in\n{}", self.text))
            + start.len();
        self.text[at..].split('"').next().unwrap().to_owned()
    }

    /// The four characters beside the change.
    pub(crate) fn code(&self) -> String {
        let at = self.text.find("Your code for exactly this change").expect("a code");
        let rest = &self.text[at..];
        rest.split("<strong class=\"mono\">").nth(1).unwrap().split('<').next().unwrap().to_owned()
    }
}
