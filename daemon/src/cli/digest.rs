//! `nightshift digest`.

use super::output::{Screen, json};
use super::source::{Source, SourceArg};
use super::{Answer, Exit, Failure};
use crate::api::digest::DigestQuery;
use crate::clock::Clock;
use crate::runtime::offline::digest::{html, sheet, stage};
use clap::ValueEnum;
use nightshift_engine::digest::text;
use nightshift_model::{Seconds, Timestamp};

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// From when: a time such as 2026-03-01T22:00:00Z, or how long ago, such as 12h [default: 24h]
    #[arg(long, value_name = "TIME", conflicts_with = "last_night")]
    from: Option<String>,
    /// Until when: a time, or how long ago [default: now]
    #[arg(long, value_name = "TIME", conflicts_with = "last_night")]
    to: Option<String>,
    /// The 24 hours that the last morning digest told about
    #[arg(long)]
    last_night: bool,
    #[command(flatten)]
    source: SourceArg,
    /// The form of the answer
    #[arg(short, long, value_enum, default_value = "text")]
    output: Form,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    /// For people
    Text,
    /// For programs
    Json,
    /// One page without anything from elsewhere
    Html,
}

pub(super) async fn run(args: Args, screen: &Screen, clock: Clock) -> Answer {
    let window = if args.last_night {
        None
    } else {
        let to = args.to.as_deref().map_or(Ok(screen.now), |text| time(text, screen.now))?;
        let from = args.from.as_deref().map_or(Ok(to - Seconds(86_400)), |text| time(text, screen.now))?;
        if from >= to {
            return Err(Failure::usage(
                format!("{from} is not before {to}"),
                "give --from an earlier time than --to",
            ));
        }
        Some((from, to))
    };
    let told = match args.source.open(clock).await? {
        Source::File(file) => {
            let stage = stage(file.store.clone(), file.config.as_ref(), &screen.zone, clock);
            let last = || stage.daily.last(screen.now).map(|(_, from, to)| (from, to));
            let (from, to) = window
                .or_else(last)
                .ok_or_else(|| Failure::usage("there was no night yet", "give --from and --to"))?;
            stage.tell(from, to).await?
        }
        Source::Server(remote) => {
            let (from, to) = window.unzip();
            remote.get(&["digest"], &DigestQuery { from, to }).await?
        }
    };
    let text = match args.output {
        Form::Json => json(&told),
        Form::Text => text(&told, screen.width),
        Form::Html => {
            let sheet = sheet(&told);
            let body =
                html(&sheet).map_err(|error| Failure::io(format!("the page cannot be made: {error}")))?;
            page(&body)
        }
    };
    Ok((text, Exit::Done))
}

/// A page around the digest that needs nothing from elsewhere.
fn page(body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>nightshift: digest</title>\n\
         <style>:root{{color-scheme:light dark}}body{{font:1rem/1.5 system-ui,sans-serif;max-width:45rem;\
         margin:1rem auto;padding:0 1rem;overflow-wrap:anywhere}}</style></head>\n<body>\n{body}\n</body></html>\n"
    )
}

/// An instant, or a length of time before now.
fn time(text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    if let Ok(ago) = text.parse::<Seconds>() {
        return Ok(now - ago);
    }
    text.parse()
        .map_err(|what| Failure::usage(what, "write such a time, or a length such as 12h for that long ago"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_an_instant_or_so_long_ago() {
        let now = Timestamp::from_second(1_800_000_000);
        assert_eq!(time("12h", now).unwrap(), now - Seconds(43_200));
        assert_eq!(time("2026-03-01T22:00:00Z", now).unwrap().to_string(), "2026-03-01T22:00:00Z");
        let wrong = time("yesterday", now).unwrap_err();
        assert_eq!(wrong.exit, Exit::Usage);
        assert!(wrong.what.contains("`yesterday` is not a time"), "{}", wrong.what);
    }
}
