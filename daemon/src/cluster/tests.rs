//! For this module's tests: the simulated cluster behind its door, and a server that counts what arrives.

use super::{Access, Reader, Writer};
use crate::clock::Clock;
use crate::demo::door::Door;
use nightshift_model::Timestamp;
use nightshift_sim::Sim;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Time in the tests' clusters runs this fast: bookmarks come every 100 ms.
pub(crate) const FACTOR: u32 = 600;

pub(crate) async fn door() -> (Door, Clock) {
    let start = Timestamp::from_second(1_800_000_000);
    let clock = Clock::scaled(start, FACTOR);
    (Door::open(Sim::new(7, start.get()), clock).await.unwrap(), clock)
}

pub(crate) fn access(url: &str, user: &str) -> Access {
    Access::Url { url: url.to_owned(), token: Some(user.to_owned()) }
}

pub(crate) async fn reader(url: &str) -> Reader {
    Reader::connect(&access(url, "responder")).await.unwrap()
}

pub(crate) async fn writer(url: &str) -> Writer {
    Writer::connect(&access(url, "executor")).await.unwrap()
}

pub(crate) fn deployment(namespace: &str, name: &str, replicas: u32) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": namespace},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "main", "image": format!("{name}:1")}]}}}})
}

/// Looks again every 5 ms, ten seconds long.
pub(crate) async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let wall = Clock::wall();
    while !done() {
        assert!(wall.monotonic() < Duration::from_secs(10), "waited in vain: {what}");
        wall.sleep(Duration::from_millis(5)).await;
    }
}

/// What the counting server does with each request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Then {
    /// Answers with these bytes and keeps the connection.
    Answer(&'static str),
    /// Answers with these bytes and closes.
    Close(&'static str),
    /// Resets the connection.
    Reset,
    /// Says nothing.
    Nothing,
}

/// A server that counts requests and keeps their text.
pub(crate) struct Counter {
    pub(crate) url: String,
    arrived: Arc<AtomicUsize>,
    pub(crate) texts: Arc<std::sync::Mutex<Vec<String>>>,
}

impl Counter {
    /// The n-th request gets the n-th treatment, the last one all that follow.
    pub(crate) async fn open(then: &'static [Then]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let arrived = Arc::new(AtomicUsize::new(0));
        let texts = Arc::new(std::sync::Mutex::new(Vec::new()));
        let (count, kept) = (Arc::clone(&arrived), Arc::clone(&texts));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(treat(socket, then, Arc::clone(&count), Arc::clone(&kept)));
            }
        });
        Self { url, arrived, texts }
    }

    pub(crate) fn arrived(&self) -> usize {
        self.arrived.load(Ordering::SeqCst)
    }

    pub(crate) fn text(&self, index: usize) -> String {
        self.texts.lock().unwrap()[index].clone()
    }
}

async fn treat(
    mut socket: TcpStream,
    then: &[Then],
    count: Arc<AtomicUsize>,
    kept: Arc<std::sync::Mutex<Vec<String>>>,
) {
    while let Some(text) = request(&mut socket).await {
        kept.lock().unwrap().push(text);
        let index = count.fetch_add(1, Ordering::SeqCst);
        match then.get(index).or(then.last()) {
            Some(Then::Answer(bytes)) => socket.write_all(bytes.as_bytes()).await.unwrap(),
            Some(Then::Close(bytes)) => {
                socket.write_all(bytes.as_bytes()).await.unwrap();
                return;
            }
            Some(Then::Reset) => {
                socket.set_zero_linger().unwrap();
                return;
            }
            Some(Then::Nothing) | None => std::future::pending().await,
        }
    }
}

/// One request with its body, by `content-length`.
async fn request(socket: &mut TcpStream) -> Option<String> {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .map_or(0, |(_, value)| value.trim().parse().unwrap());
            if body.len() >= length {
                return Some(text);
            }
        }
        let read = socket.read(&mut buffer).await.ok().filter(|read| *read > 0)?;
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
}
