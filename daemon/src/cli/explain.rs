//! `nightshift explain`: what a reason means, what it costs, where to look, what to do.

use super::output::{Format, OutputArg, Screen, json, table, wrapped};
use clap::builder::PossibleValuesParser;
use nightshift_detectors::{DETECTORS, Detector, Parameter, Params, doc};
use serde_json::json;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A reason, as in CrashLoopBackOff; without one, all of them in a line each
    #[arg(value_parser = reasons(), ignore_case = true, hide_possible_values = true)]
    reason: Option<String>,
    /// List what detectors compare with: the names that a file of the configuration's `detectors` can set
    #[arg(long, conflicts_with = "reason")]
    parameters: bool,
    #[command(flatten)]
    out: OutputArg,
}

/// The reasons that something looks for: an unknown one is answered with the nearest, and shells complete them.
fn reasons() -> PossibleValuesParser {
    DETECTORS.iter().map(|detector| detector.reason().as_str()).into()
}

pub(super) fn run(args: &Args, screen: &Screen) -> String {
    if args.parameters {
        return parameters(args.out.output, screen);
    }
    let asked = |name: &String| {
        let same = |d: &&&dyn Detector| d.reason().as_str().eq_ignore_ascii_case(name);
        DETECTORS.iter().find(same).copied()
    };
    match (args.reason.as_ref().and_then(asked), args.out.output) {
        (Some(detector), Format::Text) => page(screen, detector),
        (Some(detector), Format::Json) => json(&told(detector)),
        (None, Format::Text) => {
            let row = |d: &&dyn Detector| vec![d.reason().to_string(), doc::summary(*d)];
            let rows: Vec<Vec<String>> = DETECTORS.iter().map(row).collect();
            table(screen, &["REASON", "WHAT IT MEANS"], &rows)
        }
        (None, Format::Json) => json(&DETECTORS.iter().map(|d| told(*d)).collect::<Vec<_>>()),
    }
}

fn parameters(format: Format, screen: &Screen) -> String {
    let defaults = Params::default();
    match format {
        Format::Json => {
            let told =
                |p: &Parameter| json!({ "name": p.name, "default": p.get(&defaults), "about": p.about() });
            json(&Params::ALL.iter().map(told).collect::<Vec<_>>())
        }
        Format::Text => {
            let row = |p: &Parameter| vec![p.name.to_owned(), p.get(&defaults), p.about().to_owned()];
            let rows: Vec<Vec<String>> = Params::ALL.iter().map(row).collect();
            table(screen, &["PARAMETER", "DEFAULT", "WHAT IT IS"], &rows)
        }
    }
}

fn told(detector: &dyn Detector) -> serde_json::Value {
    json!({ "reason": detector.reason(), "summary": doc::summary(detector), "page": doc::page(detector) })
}

/// The page of the catalogue, at the terminal's width.
fn page(screen: &Screen, detector: &dyn Detector) -> String {
    let page = doc::page(detector);
    let mut text = String::new();
    for line in page.lines().filter(|line| !line.starts_with("<!--")) {
        let title = line.trim_start_matches('#');
        if title != line {
            text.extend([&*screen.style.title(title.trim()), "\n"]);
        } else if line.is_empty() || line.starts_with('|') {
            text.extend([line, "\n"]);
        } else {
            text.push_str(&wrapped(screen, 0, line));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::output::Style;
    use clap::Parser;
    use nightshift_model::Timestamp;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    fn asked(words: &[&str]) -> Result<String, String> {
        let screen =
            Screen { style: Style::plain(), width: 80, ..Screen::of_terminal(Timestamp::from_second(0)) };
        let words = ["explain"].iter().chain(words);
        let cli = Cli::try_parse_from(words).map_err(|error| error.to_string())?;
        Ok(run(&cli.args, &screen))
    }

    #[test]
    fn every_reason_has_its_page_and_its_line() {
        let all = asked(&[]).unwrap();
        for detector in DETECTORS {
            let name = detector.reason().as_str();
            let summary = doc::summary(*detector);
            assert!(!summary.is_empty() && !summary.contains(name), "{name}: {summary}");
            assert!(all.contains(&summary) && all.contains(name), "{all}");
            let page = asked(&[name]).unwrap();
            for part in
                ["Meaning\n", "Impact\n", "Diagnosis\n", "Mitigation\n", "Thresholds\n", "| what | value |\n"]
            {
                assert!(page.contains(part), "{part}\n{page}");
            }
            let long =
                page.lines().filter(|line| !line.starts_with('|')).find(|line| line.chars().count() > 80);
            assert_eq!(long, None, "a line is wider than the terminal");
            assert!(!page.contains('#') && !page.contains("<!--"), "{page}");
        }
    }

    #[test]
    fn a_reason_is_found_in_any_case_and_an_unknown_one_names_the_nearest() {
        assert!(asked(&["nodenotready"]).unwrap().starts_with("NodeNotReady\n"));
        let error = asked(&["NodeNotRedy"]).unwrap_err();
        assert!(error.contains("a similar value exists: 'NodeNotReady'"), "{error}");
        let error = asked(&["a\u{1b}[31mb"]).unwrap_err();
        assert!(error.contains("possible values: CrashLoopBackOff"), "{error}");
    }

    #[test]
    fn every_parameter_has_its_line() {
        let all = asked(&["--parameters"]).unwrap();
        assert!(all.contains("node_cordoned") && all.contains("4h"), "{all}");
        let read: Vec<serde_json::Value> =
            serde_json::from_str(&asked(&["--parameters", "-o", "json"]).unwrap()).unwrap();
        assert_eq!(read.len(), Params::ALL.len());
        assert!(asked(&["--parameters", "Evicted"]).is_err());
    }

    #[test]
    fn programs_read_the_same() {
        let one: serde_json::Value =
            serde_json::from_str(&asked(&["-o", "json", "DnsUnavailable"]).unwrap()).unwrap();
        assert_eq!(one["reason"], "DnsUnavailable");
        assert!(one["page"].as_str().unwrap().contains("## Mitigation"), "{one}");
        let all: serde_json::Value = serde_json::from_str(&asked(&["-o", "json"]).unwrap()).unwrap();
        assert_eq!(all.as_array().map(Vec::len), Some(DETECTORS.len()));
    }
}
