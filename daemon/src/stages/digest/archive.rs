//! Which days have a digest, newest first, and how many incidents opened in each of their windows.

use super::{DigestStage, Sees};
use crate::api::digest::{DigestDay, DigestShelf};
use crate::store::HistoryStore as _;
use jiff::civil::Date;
use nightshift_engine::StoreError;
use nightshift_model::Timestamp;

/// Days on a page.
const PAGE: usize = 30;

impl DigestStage {
    /// The days before one, or up to the last; of incidents only those that somebody may see are counted. A night that
    /// began before nightshift was there has no digest.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn days(&self, before: Option<Date>, sees: Sees<'_>) -> Result<DigestShelf, StoreError> {
        let none = DigestShelf { days: Vec::new(), next: None };
        let Some((last, ..)) = self.daily.last(self.clock.now()) else { return Ok(none) };
        let Some(began) = self.store.system_events(&["started"]).await?.first().map(|row| row.at) else {
            return Ok(none);
        };
        let newest = match before.map(Date::yesterday) {
            None => last,
            Some(Ok(date)) => date.min(last),
            Some(Err(_)) => return Ok(none),
        };
        let (dates, more) = self.dates(newest, began);
        let windows: Vec<(Timestamp, Timestamp)> = dates.iter().map(|(_, from, to)| (*from, *to)).collect();
        let namespaces = self.store.namespaces().await?;
        let seen: Vec<String> = namespaces.into_iter().filter(|name| sees(name)).collect();
        let opened = self.store.opened_within(&windows, &seen).await?;
        let next = dates.last().filter(|_| more).map(|(date, ..)| date.to_string());
        let days = dates.iter().zip(opened).map(|((date, from, to), opened)| DigestDay {
            date: date.to_string(),
            label: date.strftime("%A %-d %B %Y").to_string(),
            window: format!("{} to {}", self.told(*from), self.told(*to)),
            opened,
        });
        Ok(DigestShelf { days: days.collect(), next })
    }

    /// Dates from one back, with their windows, and whether there are more.
    fn dates(&self, newest: Date, began: Timestamp) -> (Vec<(Date, Timestamp, Timestamp)>, bool) {
        let (mut dates, mut date) = (Vec::new(), newest);
        loop {
            let (Ok(yesterday), to) = (date.yesterday(), self.daily.on(date)) else { return (dates, false) };
            if to <= began {
                return (dates, false);
            }
            if dates.len() == PAGE {
                return (dates, true);
            }
            dates.push((date, self.daily.on(yesterday), to));
            date = yesterday;
        }
    }

    fn told(&self, at: Timestamp) -> String {
        at.get().to_zoned(self.daily.zone.clone()).strftime("%a %-d %b, %H:%M %Z").to_string()
    }
}
