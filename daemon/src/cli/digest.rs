//! `nightshift digest`.

mod html;

use super::output::{Screen, json};
use super::source::SourceArg;
use super::{Answer, Exit, Failure};
use crate::config::Mode;
use crate::runtime::offline::digest::{Asked, digest};
use clap::ValueEnum;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use nightshift_engine::digest::{Acting, text};
use nightshift_model::{Registry, Seconds, Timestamp};

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

pub(super) async fn run(args: Args, screen: &Screen) -> Answer {
    let source = args.source.open().await?;
    let config = source.config.as_ref();
    let zone = config.map_or_else(|| screen.zone.clone(), |c| c.notify.digest.time_zone());
    let (from, to) = if args.last_night {
        let at = config.map_or_else(|| Time::constant(8, 0, 0, 0), |c| c.notify.digest.at.0);
        last_night(screen.now, at, &zone)
    } else {
        let to = args.to.as_deref().map_or(Ok(screen.now), |text| time(text, screen.now))?;
        let from = args.from.as_deref().map_or(Ok(to - Seconds(86_400)), |text| time(text, screen.now))?;
        (from, to)
    };
    if from >= to {
        return Err(Failure::usage(
            format!("{from} is not before {to}"),
            "give --from an earlier time than --to",
        ));
    }
    let asked = Asked {
        from,
        to,
        zone,
        cluster: config.map_or_else(|| "kubernetes".to_owned(), |c| c.cluster.name.clone()),
        mode: if config.is_some_and(|c| c.mode == Mode::Approve) { Acting::Approve } else { Acting::Observe },
    };
    let nobody = Registry::default();
    let told = digest(&source.store, asked, config.map_or(&nobody, |c| &c.registry)).await?;
    let text = match args.output {
        Form::Json => json(&told),
        Form::Text => text(&told, screen.width),
        Form::Html => html::page(&told),
    };
    Ok((text, Exit::Done))
}

/// An instant, or a length of time before now.
fn time(text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    if let Ok(ago) = text.parse::<Seconds>() {
        return Ok(now - ago);
    }
    text.parse()
        .map_err(|what| Failure::usage(what, "write such a time, or a length such as 12h for that long ago"))
}

/// The 24 hours before the last time that a digest went out.
fn last_night(now: Timestamp, at: Time, zone: &TimeZone) -> (Timestamp, Timestamp) {
    let today = now.get().to_zoned(zone.clone()).date();
    let sent = |date: jiff::civil::Date| date.to_datetime(at).to_zoned(zone.clone()).ok();
    let mut to = sent(today);
    if to.as_ref().is_none_or(|to| to.timestamp() > now.get()) {
        to = today.yesterday().ok().and_then(sent);
    }
    let to = to.map_or(now, |to| Timestamp::new(to.timestamp()));
    (to - Seconds(86_400), to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_night_ends_when_the_digest_went_out() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let at = Time::constant(8, 0, 0, 0);
        let case = |now: &str| last_night(now.parse().unwrap(), at, &zone).1.to_string();
        assert_eq!(case("2026-03-02T09:00:00Z"), "2026-03-02T07:00:00Z");
        assert_eq!(case("2026-03-02T06:59:59Z"), "2026-03-01T07:00:00Z");
        assert_eq!(case("2026-07-02T06:00:00Z"), "2026-07-02T06:00:00Z");
    }

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
