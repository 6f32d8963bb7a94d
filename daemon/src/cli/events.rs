//! Server-sent events, read piece by piece as they arrive.

use crate::api::incident::HistoryLine;

/// Bytes of one event: the largest hold a whole plan or a piece of evidence.
const LONGEST: usize = 8 << 20;

/// One event of an incident's stream.
#[derive(Debug)]
pub(super) enum Event {
    /// What happened.
    Line(Box<HistoryLine>),
    /// What the reader knows means nothing there.
    Reset,
}

/// What has come and is not a whole event yet.
#[derive(Debug, Default)]
pub(super) struct Events {
    rest: Vec<u8>,
}

impl Events {
    /// The events that are whole with this piece. Events of a kind that this program does not know are an error:
    /// told half, a course would mislead.
    pub(super) fn read(&mut self, piece: &[u8]) -> Result<Vec<Event>, String> {
        self.rest.extend_from_slice(piece);
        let mut events = Vec::new();
        while let Some(end) = self.rest.windows(2).position(|two| two == b"\n\n") {
            let block: Vec<u8> = self.rest.drain(..end + 2).collect();
            events.extend(event(&String::from_utf8_lossy(&block))?);
        }
        if self.rest.len() > LONGEST {
            return Err(format!("an event is over {LONGEST} bytes"));
        }
        Ok(events)
    }
}

/// One block: `id`, `event` and `data` lines; a line that begins with a colon says nothing.
fn event(block: &str) -> Result<Option<Event>, String> {
    let (mut name, mut data) = ("", String::new());
    for line in block.lines() {
        match line.split_once(": ") {
            Some(("event", value)) => name = value,
            Some(("data", value)) => data.push_str(value),
            Some(_) | None => {}
        }
    }
    match (name, data.is_empty()) {
        ("reset", _) => Ok(Some(Event::Reset)),
        (_, true) => Ok(None),
        (_, false) => match serde_json::from_str(&data) {
            Ok(line) => Ok(Some(Event::Line(Box::new(line)))),
            Err(error) => {
                Err(format!("an event cannot be read: {error}; compare the versions on both sides"))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"seq":4,"revision":2,"at":"2026-03-01T02:00:00Z","actor":"person:alice","event":{"incident":{"kind":"findings-changed","findings":[]}}}"#;

    #[test]
    fn events_are_whole_however_they_are_cut() {
        let text = format!("retry: 3000\n\n:\n\nid: 2\nevent: findings-changed\ndata: {LINE}\n\n");
        for size in [1, 2, 7, text.len()] {
            let mut events = Events::default();
            let pieces = text.as_bytes().chunks(size).map(|piece| events.read(piece).unwrap());
            let found: Vec<Event> = pieces.flatten().collect();
            assert!(
                matches!(found.as_slice(), [Event::Line(line)] if line.revision == 2),
                "{size}: {found:?}"
            );
        }
        let mut events = Events::default();
        assert!(matches!(events.read(b"event: reset\ndata: {}\n\n").unwrap().as_slice(), [Event::Reset]));
    }

    #[test]
    fn what_is_no_event_of_ours_is_an_error_and_bounded() {
        let read = |bytes: &[u8]| Events::default().read(bytes);
        assert!(read(b"data: {\"seq\":1}\n\n").is_err());
        assert!(read(b"data: \xff\n\n").is_err());
        assert!(read(b"nothing at all\n\n").unwrap().is_empty());
        assert!(read(&vec![b'x'; LONGEST]).unwrap().is_empty());
        assert!(read(&vec![b'x'; LONGEST + 1]).is_err(), "an event without end");
    }
}
