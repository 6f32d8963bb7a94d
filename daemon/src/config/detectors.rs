//! `detectors:`: files that set what detectors compare with, and name those that are not asked.

use super::read::{Document, Problem};
use nightshift_detectors::{Parameter, Params};
use nightshift_model::Reason;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

const SECTIONS: &[&str] = &["parameters", "off"];

/// A number or a text, as YAML reads it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Count(u64),
    Text(String),
}

/// Reads every file of every place on top of the defaults. What two files set is a mistake: which would count?
pub(super) fn load(places: &[PathBuf], problems: &mut Vec<Problem>) -> Params {
    let mut params = Params::default();
    let mut set = BTreeMap::new();
    for place in places {
        let files = match super::yaml_files(place) {
            Ok(files) => files,
            Err(error) => {
                let what = format!("cannot be read: {error}");
                problems.push(Problem { file: place.clone(), line: None, field: String::new(), what });
                continue;
            }
        };
        for path in files {
            match Document::open(&path) {
                Ok(file) => read(&file, &mut params, &mut set, problems),
                Err(problem) => problems.push(problem),
            }
        }
    }
    params
}

fn read(
    file: &Document,
    params: &mut Params,
    set: &mut BTreeMap<String, PathBuf>,
    problems: &mut Vec<Problem>,
) {
    if !file.is_mapping(SECTIONS, problems) {
        return;
    }
    let given: BTreeMap<String, Scalar> = file.section("parameters", problems).unwrap_or_default();
    for (name, value) in given {
        let field = format!("parameters.{name}");
        let text = match value {
            Scalar::Count(count) => count.to_string(),
            Scalar::Text(text) => text,
        };
        let done = match Parameter::named(&name) {
            None => Err("unknown; `nightshift explain --parameters` lists them".to_owned()),
            Some(parameter) => match set.insert(name, file.path().to_owned()) {
                Some(other) => Err(format!("{} sets it too: leave it in one", other.display())),
                None => parameter.set(params, &text),
            },
        };
        problems.extend(done.err().map(|what| file.problem(&field, what)));
    }
    let off: Vec<String> = file.section("off", problems).unwrap_or_default();
    for name in off {
        if let Some(reason) = Reason::ALL.iter().find(|reason| reason.as_str() == name) {
            params.switch_off(*reason);
        } else {
            let what = format!("`{name}` is no reason; `nightshift explain` lists them");
            problems.push(file.problem("off", what));
        }
    }
}
