//! The heartbeat: an address elsewhere that is told regularly that nightshift works. Whoever runs it misses it, and
//! wakes somebody, when nightshift itself is what broke.

use super::outbound::{Destination, DestinationError, Outbound};
use super::pace::chain;
use super::reach::Reach;
use bytes::Bytes;
use http::HeaderMap;

/// Where it goes. The address is a secret: whoever has it can keep the alarm quiet.
#[derive(Debug)]
pub struct Heartbeat {
    outbound: Outbound,
    destination: Destination,
}

impl Heartbeat {
    /// A heartbeat to an address.
    ///
    /// # Errors
    /// [`DestinationError`] without the address' path.
    pub fn new(outbound: Outbound, address: &str, reach: Reach) -> Result<Self, DestinationError> {
        Ok(Self { outbound, destination: Destination::secret(address, reach)? })
    }

    /// One beat. It is never tried again: the next one comes soon, and a beat that is late would be a lie.
    ///
    /// # Errors
    /// Why it did not arrive, without the address.
    pub async fn beat(&self) -> Result<(), String> {
        match self.outbound.post(&self.destination, HeaderMap::new(), Bytes::new()).await {
            Ok(answer) if answer.status.is_success() => Ok(()),
            Ok(answer) => Err(format!("{} answered {}", self.destination.host(), answer.status)),
            Err(error) => Err(chain(&error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::double::{Double, outbound};

    #[tokio::test]
    async fn a_beat_arrives_or_says_why_without_its_address() {
        let double = Double::open("/ping/canary", |_, _| (200, vec![], String::new())).await;
        let heart = Heartbeat::new(outbound(), &double.url, Reach::Private).unwrap();
        assert_eq!(heart.beat().await, Ok(()));
        let away = vec![("location", "http://169.254.169.254/".to_owned())];
        double.answers([(500, vec![], String::new()), (302, away, String::new())]);
        for says in ["500", "302"] {
            let why = heart.beat().await.unwrap_err();
            assert!(why.contains(says) && !why.contains("canary"), "{why}");
        }
        assert_eq!(double.seen().len(), 1);
        assert!(!format!("{heart:?}").contains("canary"));
        assert!(Heartbeat::new(outbound(), "https://169.254.169.254/canary", Reach::Private).is_err());
    }
}
