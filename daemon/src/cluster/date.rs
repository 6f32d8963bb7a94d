//! What time it is at the API server, from the Date header of an answer.

use super::client::{Reader, request};
use super::exchange::{self, Trouble};
use http::header;
use nightshift_model::Timestamp;
use std::time::Duration;

/// The API server's clock, whole seconds. Any status will do: a refusal has a date too.
///
/// # Errors
/// One clause.
pub async fn server_time(reader: &Reader, deadline: Duration) -> Result<Timestamp, String> {
    let request = request("/version", &[], "application/json")?;
    let exchange = exchange::open(reader.client(), request);
    let answer = tokio::time::timeout(deadline, exchange).await;
    let response = match answer.map_err(|_| format!("no answer within {deadline:?}"))? {
        Ok(response) => response,
        Err(Trouble::NeverSent(why) | Trouble::Lost(why)) => return Err(why),
    };
    let date = response.headers().get(header::DATE).and_then(|date| date.to_str().ok());
    read(date.ok_or("the answer came without a Date header")?)
}

fn read(date: &str) -> Result<Timestamp, String> {
    jiff::fmt::rfc2822::parse(date)
        .map(|at| Timestamp::new(at.timestamp()))
        .map_err(|_| "the Date header could not be read".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_read_as_http_writes_it() {
        assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT").unwrap(), Timestamp::from_second(784_111_777));
        assert!(read("yesterday").is_err());
    }
}
