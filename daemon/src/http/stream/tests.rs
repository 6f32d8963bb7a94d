use super::*;
use crate::store::Store as _;
use crate::store::testing::{append, asked, at, opened, store};
use axum::response::Response;
use http_body_util::BodyExt as _;
use std::sync::atomic::{AtomicBool, Ordering};

const QUICK: Pace = Pace {
    beat: Duration::from_millis(60),
    check: Duration::from_millis(30),
    look: Duration::from_millis(10),
    lasts: Duration::from_secs(60),
};

fn feed(after: Option<u64>, may: &Arc<AtomicBool>) -> Feed {
    let may = Arc::clone(may);
    Feed {
        incident: IncidentId::from("inc-a"),
        after,
        may: Box::new(move || {
            let may = may.load(Ordering::Relaxed);
            Box::pin(async move { may })
        }),
        say: |row| (Some(row.event.kind()), "{}".to_owned()),
    }
}

async fn streams(pace: Pace) -> (tempfile::TempDir, crate::store::SqliteStore, Streams) {
    let (folder, store) = store().await;
    let opening = append(None, &"inc-a".into(), vec![opened("cart")], at(0));
    store.append(opening).await.unwrap();
    let reads = Reads::new(store.clone(), Clock::wall());
    let streams = Streams { pace, ..Streams::new(reads, Clock::wall(), CancellationToken::new()) };
    (folder, store, streams)
}

async fn piece(answer: &mut Response) -> Option<String> {
    let frame = tokio::time::timeout(Duration::from_secs(10), answer.body_mut().frame()).await.unwrap();
    frame.map(|frame| String::from_utf8(frame.unwrap().into_data().unwrap().to_vec()).unwrap())
}

fn caller(n: u8) -> Digest {
    Digest([n; 32])
}

#[tokio::test]
async fn it_tells_beats_and_ends_when_the_reader_may_not_go_on() {
    let (_folder, store, streams) = streams(QUICK).await;
    let may = Arc::new(AtomicBool::new(true));
    let mut answer = streams.open(streams.take(caller(1)).unwrap(), feed(Some(0), &may));
    assert_eq!(piece(&mut answer).await.unwrap(), "retry: 3000\n\nid: 1\nevent: opened\ndata: {}\n\n");
    assert_eq!(piece(&mut answer).await.unwrap(), ":\n\n", "a beat");
    let before = store.load(&"inc-a".into()).await.unwrap();
    store.append(append(Some(&before), &"inc-a".into(), vec![asked()], at(1))).await.unwrap();
    let told = loop {
        let piece = piece(&mut answer).await.unwrap();
        if piece != ":\n\n" {
            break piece;
        }
    };
    assert_eq!(told, "id: 2\nevent: evidence-wanted\ndata: {}\n\n");
    may.store(false, Ordering::Relaxed);
    while let Some(piece) = piece(&mut answer).await {
        assert_eq!(piece, ":\n\n", "nothing is told any more");
    }
}

#[tokio::test]
async fn it_ends_after_its_time_and_with_the_program() {
    let may = Arc::new(AtomicBool::new(true));
    let short = Pace { lasts: Duration::from_millis(50), ..QUICK };
    let (_folder, _store, short) = streams(short).await;
    let mut answer = short.open(short.take(caller(1)).unwrap(), feed(Some(1), &may));
    assert_eq!(piece(&mut answer).await.as_deref(), Some("retry: 3000\n\n"));
    while piece(&mut answer).await.is_some() {}

    let (_folder, _store, streams) = streams(Pace { beat: Duration::from_secs(60), ..QUICK }).await;
    let mut answer = streams.open(streams.take(caller(1)).unwrap(), feed(Some(1), &may));
    piece(&mut answer).await.unwrap();
    streams.stop.cancel();
    assert_eq!(piece(&mut answer).await, None);
}

#[tokio::test]
async fn places_are_bounded_and_come_back() {
    let (_folder, _store, streams) = streams(QUICK).await;
    let mine: Vec<Seat> = (0..STREAMS_EACH).map(|_| streams.take(caller(1)).unwrap()).collect();
    assert_eq!(streams.take(caller(1)).err(), Some(NoStream::Yours));
    let left = STREAMS - STREAMS_EACH;
    let others = (0..left).map(|n| streams.take(Digest([u8::try_from(n / 4 + 2).unwrap(); 32])).unwrap());
    let others: Vec<Seat> = others.collect();
    assert_eq!(streams.take(caller(255)).err(), Some(NoStream::All));
    drop(mine);
    assert!(streams.take(caller(1)).is_ok());
    drop(others);
    assert!(streams.each.lock().unwrap().is_empty(), "nothing is kept of callers that left");
}

#[test]
fn what_a_reader_claims_to_know_is_read_once() {
    let mut headers = HeaderMap::new();
    assert_eq!(known(&headers, None), None);
    assert_eq!(known(&headers, Some("7")), Some(Some(7)));
    assert_eq!(known(&headers, Some("-7")), Some(None));
    headers.insert(LAST_EVENT_ID, HeaderValue::from_static("9"));
    assert_eq!(known(&headers, Some("7")), Some(Some(9)));
    headers.insert(LAST_EVENT_ID, HeaderValue::from_bytes(b"\xff").unwrap());
    assert_eq!(known(&headers, Some("7")), Some(None));
}
