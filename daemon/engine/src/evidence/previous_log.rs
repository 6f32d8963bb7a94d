//! The tail of a container's log: of the previous one, what it said before it ended, or of the one that runs. Kubelets throw the previous container away after
//! a while, and say so with status 200; between two restarts the present log is then that of the run that has just ended.
//! A pod that is never started again, as a Job's, has no previous one.

use super::answer::{Refusal, body};
use super::{get, path_of, segment};
use crate::redact::{MARK, redactor};
use crate::text::{ELLIPSIS, visible};
use nightshift_model::effect::Accept;
use nightshift_model::evidence::LogExcerpt;
use nightshift_model::{NotChecked, ObjectRef, Observed, RawPart, Read};

/// Lines asked for.
const TAIL: &str = "200";
/// Bytes asked for.
const BYTES: usize = 65_536;
/// Lines kept.
const LINES: usize = 60;
/// Characters kept of a line.
const LINE: usize = 400;

pub(super) fn reads(pod: &ObjectRef, container: &str) -> Vec<Read> {
    [ask(pod, container, &[("previous", "true")]), present(pod, container)].concat()
}

/// The one that runs, or that has ended and is not started again.
pub(super) fn present(pod: &ObjectRef, container: &str) -> Vec<Read> {
    ask(pod, container, &[])
}

fn ask(pod: &ObjectRef, container: &str, more: &[(&str, &str)]) -> Vec<Read> {
    let path = path_of(pod).filter(|_| segment(container)).map(|path| format!("{path}/log"));
    let bytes = BYTES.to_string();
    let whose: &[(&str, &str)] = &[("container", container)];
    let limits: &[(&str, &str)] = &[("tailLines", TAIL), ("limitBytes", bytes.as_str())];
    get(path, &[whose, more, limits].concat(), Accept::Text)
}

/// How a kubelet says that a container's log is gone.
const GONE: &[u8] = b"unable to retrieve container logs for ";

/// A log that is there.
fn told(parts: &[RawPart], index: usize) -> Result<(&[u8], bool), Refusal> {
    let (bytes, cut) = body(parts, index)?;
    if bytes.starts_with(GONE) && bytes.len() < 400 {
        return Err((NotChecked::NotFound, "the kubelet has thrown this container's log away".to_owned()));
    }
    Ok((bytes, cut))
}

pub(super) fn observe(parts: &[RawPart]) -> Result<Observed, Refusal> {
    let previous = told(parts, 0);
    let present = previous.is_err();
    // Whoever may not read the one may not read the other: then the first refusal tells.
    let (bytes, cut) = previous.or_else(|refusal| told(parts, 1).map_err(|_| refusal))?;
    let reasons = if present {
        vec!["the present log, for the previous one is not there".to_owned()]
    } else {
        Vec::new()
    };
    Ok(excerpt(bytes, cut, reasons))
}

pub(super) fn observe_present(parts: &[RawPart]) -> Result<Observed, Refusal> {
    let (bytes, cut) = told(parts, 0)?;
    Ok(excerpt(bytes, cut, Vec::new()))
}

/// What is kept of a log; `reasons` say what else is not as it was asked for.
fn excerpt(bytes: &[u8], cut: bool, mut reasons: Vec<String>) -> Observed {
    // Redacted before it is split: a key may go over lines.
    let text = redactor().redact(&String::from_utf8_lossy(bytes)).text;
    let all: Vec<&str> = text.lines().collect();
    let kept = all.get(all.len().saturating_sub(LINES)..).unwrap_or_default();
    if kept.len() < all.len() {
        reasons.push(format!("only the last {} of {} lines", kept.len(), all.len()));
    }
    let long = kept.iter().filter(|line| line.chars().nth(LINE).is_some()).count();
    if long > 0 {
        reasons.push(format!("{long} long lines, marked {ELLIPSIS}"));
    }
    if cut || bytes.len() >= BYTES {
        // The kubelet counts the limit from the first of the asked lines on.
        reasons.push(format!("at {} bytes: the newest lines may be missing", bytes.len()));
    }
    let redacted: usize = kept.iter().map(|line| line.matches(MARK).count()).sum();
    Observed::Log(LogExcerpt {
        lines: kept.iter().map(|line| visible(line, LINE)).collect(),
        cut: (!reasons.is_empty()).then(|| reasons.join("; ")),
        redacted: u32::try_from(redacted).unwrap_or(u32::MAX),
    })
}
