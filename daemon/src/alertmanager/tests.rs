use super::*;
use axum::Router;
use axum::response::IntoResponse as _;
use http::{HeaderMap, StatusCode};
use std::sync::{Arc, Mutex};

type Heard = Arc<Mutex<Vec<(String, String)>>>;

/// A double that answers by path, and what it heard: path and credentials.
async fn double(answer: fn(&str) -> axum::response::Response) -> (String, Heard) {
    let heard = Heard::default();
    let hears = Arc::clone(&heard);
    let app = Router::new().fallback(move |uri: http::Uri, headers: HeaderMap| {
        let secret = headers.get("authorization").map(|v| v.to_str().unwrap().to_owned());
        hears.lock().unwrap().push((uri.path().to_owned(), secret.unwrap_or_default()));
        let answer = answer(uri.path());
        async move { answer }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, heard)
}

fn client(url: &str, auth: Auth) -> Alertmanager {
    let timeout = Duration::from_millis(500);
    Alertmanager::new(&Settings { url: url.to_owned(), ca: None, network: Network::default(), auth, timeout })
        .unwrap()
}

#[tokio::test]
async fn two_reads_below_the_prefix_with_the_secret_of_now() {
    let (url, heard) = double(|_| "[]".into_response()).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "first\n").unwrap();
    let asks = client(&format!("{url}/am/"), Auth::Bearer(file.clone()));
    assert_eq!(asks.silences().await, Ok(b"[]".to_vec()));
    std::fs::write(&file, "second").unwrap();
    assert_eq!(asks.alerts().await, Ok(b"[]".to_vec()));
    let basic = client(&url, Auth::Basic { user: "n".to_owned(), password: file.clone() });
    assert!(basic.alerts().await.is_ok());
    let told = heard.lock().unwrap().clone();
    let expected = [
        ("/am/api/v2/silences", "Bearer first"),
        ("/am/api/v2/alerts", "Bearer second"),
        ("/api/v2/alerts", "Basic bjpzZWNvbmQ="),
    ];
    assert_eq!(told, expected.map(|(path, secret)| (path.to_owned(), secret.to_owned())));
    std::fs::write(&file, "c4nary\u{1}").unwrap();
    let why = asks.silences().await.unwrap_err();
    assert!(why.contains("control characters") && !why.contains("c4nary"), "{why}");
    std::fs::remove_file(&file).unwrap();
    assert!(asks.silences().await.unwrap_err().contains("token"), "the file is named");
    assert_eq!(heard.lock().unwrap().len(), 3, "and nothing is sent without its secret");
}

#[tokio::test]
async fn anything_but_a_whole_answer_in_time_is_none() {
    let (url, heard) = double(|path| {
        if path.ends_with("silences") {
            (StatusCode::FOUND, [("location", "http://169.254.169.254/latest/meta-data/")]).into_response()
        } else {
            (StatusCode::UNAUTHORIZED, "who are you?").into_response()
        }
    })
    .await;
    let asks = client(&url, Auth::None);
    assert!(asks.silences().await.unwrap_err().contains("answers 302"));
    assert!(asks.alerts().await.unwrap_err().contains("answers 401"));
    assert_eq!(heard.lock().unwrap().len(), 2, "no redirect is followed, nothing is tried again");
    let (url, _) = double(|_| vec![b' '; CAP + 1].into_response()).await;
    let slow = Alertmanager::new(&Settings {
        url,
        ca: None,
        network: Network::default(),
        auth: Auth::None,
        timeout: Duration::from_secs(20),
    });
    assert!(slow.unwrap().alerts().await.unwrap_err().contains("more than 16 MiB"));
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    assert!(client(&url, Auth::None).alerts().await.unwrap_err().contains("no answer within"));
    drop(silent);
    assert!(client(&url, Auth::None).alerts().await.is_err());
    let settings = |url: &str, ca: Option<PathBuf>| Settings {
        url: url.to_owned(),
        ca,
        network: Network::default(),
        auth: Auth::None,
        timeout: Duration::ZERO,
    };
    assert!(matches!(Alertmanager::new(&settings("nowhere", None)), Err(AlertmanagerError::Url(_))));
    let ca = Some(PathBuf::from("/nowhere/ca.pem"));
    assert!(matches!(Alertmanager::new(&settings("http://a", ca)), Err(AlertmanagerError::Ca { .. })));
}
