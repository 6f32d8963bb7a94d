//! What the pager of the person on call hears: the receiving end of a webhook.

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use http::StatusCode;
use nightshift::clock::Clock;
use nightshift::config::Webhook;
use nightshift_model::Timestamp;
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// A message, and when it arrived.
#[derive(Clone, Debug)]
pub struct Heard {
    /// When.
    pub at: Timestamp,
    /// The body.
    pub body: Value,
}

impl Heard {
    /// A field of the message.
    pub fn said(&self, field: &str) -> Option<&str> {
        self.body.get("data")?.get(field)?.as_str()
    }
}

type Heap = Arc<Mutex<Vec<Heard>>>;

/// A receiver that listens.
pub struct Pager {
    address: SocketAddr,
    heard: Heap,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Pager {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Pager {
    /// Opens one.
    pub async fn open() -> anyhow::Result<Self> {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let heard = Heap::default();
        let app = Router::new().route("/page", post(hear)).with_state(Arc::clone(&heard));
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { address, heard, task })
    }

    /// The endpoint as nightshift is told of it; its signing key is written into a folder.
    pub fn webhook(&self, folder: &Path) -> anyhow::Result<Webhook> {
        let secret_file = folder.join("pager.key");
        std::fs::write(&secret_file, "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz\n")?;
        let url = format!("http://{}/page", self.address);
        Ok(Webhook { name: "pager".to_owned(), url, secret_file, allow_private: true })
    }

    /// Everything that it was sent.
    pub fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn hear(State(heard): State<Heap>, body: axum::body::Bytes) -> StatusCode {
    let Ok(body) = serde_json::from_slice(&body) else { return StatusCode::BAD_REQUEST };
    let at = Clock::wall().now();
    heard.lock().unwrap_or_else(PoisonError::into_inner).push(Heard { at, body });
    StatusCode::NO_CONTENT
}
