//! Places in lists, as opaque text: a list keeps its place whatever is added to it meanwhile.

use crate::store::Cursor;
use crate::store::inbox::Place;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nightshift_model::{IncidentId, Timestamp};

/// Not a place of that list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoPlace;

fn write(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn read(cursor: &str, list: &str) -> Result<String, NoPlace> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| NoPlace)?;
    let text = String::from_utf8(bytes).map_err(|_| NoPlace)?;
    text.strip_prefix(list).and_then(|rest| rest.strip_prefix(':')).map(str::to_owned).ok_or(NoPlace)
}

/// Behind an incident.
pub(super) fn incident(place: &Cursor) -> String {
    write(&format!("i:{}:{}", place.opened_at.micros(), place.id))
}

/// Reads [`incident`].
pub(super) fn after_incident(cursor: &str) -> Result<Cursor, NoPlace> {
    let text = read(cursor, "i")?;
    let (micros, id) = text.split_once(':').ok_or(NoPlace)?;
    let micros: i64 = micros.parse().map_err(|_| NoPlace)?;
    let opened_at = Some(Timestamp::from_micros(micros)).filter(|at| at.micros() == micros).ok_or(NoPlace)?;
    Ok(Cursor { opened_at, id: IncidentId::from(id) })
}

/// Behind an incident of an inbox.
pub(super) fn place(place: &Place) -> String {
    write(&format!("n:{}:{}:{}", place.rank, place.key, place.id))
}

/// Reads [`place`].
pub(super) fn after_place(cursor: &str) -> Result<Place, NoPlace> {
    let text = read(cursor, "n")?;
    let mut parts = text.splitn(3, ':');
    let mut number = || parts.next()?.parse::<i64>().ok();
    let (rank, key) = (number().ok_or(NoPlace)?, number().ok_or(NoPlace)?);
    let id = IncidentId::from(parts.next().ok_or(NoPlace)?);
    Ok(Place { rank, key, id })
}

/// A row of the history, in one of its lists.
pub(super) fn row(list: &'static str, seq: u64) -> String {
    write(&format!("{list}:{seq}"))
}

/// Reads [`row`].
pub(super) fn at_row(cursor: &str, list: &str) -> Result<u64, NoPlace> {
    read(cursor, list)?.parse().ok().filter(|seq| i64::try_from(*seq).is_ok()).ok_or(NoPlace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back_and_belongs_to_its_list() {
        let place = Cursor { opened_at: Timestamp::from_micros(1_800_000_000_000_001), id: "inc-a:b".into() };
        assert_eq!(after_incident(&incident(&place)).as_ref(), Ok(&place));
        let inbox = Place { rank: 2, key: -1_800_000_000_000_001, id: "inc-a:b".into() };
        assert_eq!(after_place(&self::place(&inbox)), Ok(inbox));
        assert_eq!(after_place(&incident(&place)), Err(NoPlace));
        assert_eq!(at_row(&row("p", 7), "p"), Ok(7));
        assert_eq!(at_row(&row("p", 7), "a"), Err(NoPlace));
        assert_eq!(after_incident(&row("p", 7)), Err(NoPlace));
        for wrong in [
            "",
            "x",
            "%%%",
            "aTo",
            "aTo5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTph",
            "cDotMQ",
            "cDoxODQ0Njc0NDA3MzcwOTU1MTYxNQ",
        ] {
            assert!(after_incident(wrong).is_err() && at_row(wrong, "p").is_err(), "{wrong}");
        }
    }
}
