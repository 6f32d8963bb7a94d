//! A failed Job that is made anew: by which marks the two are known, to who makes it and to who watches.

use crate::canonical::digest;

/// The annotation by which the owner of a Job says `"true"`: its work may be done twice.
pub const IDEMPOTENT: &str = "nightshift.dev/idempotent";
/// The label of a Job that was made anew: the uid of the one that failed.
pub const RERUN_OF: &str = "nightshift.dev/rerun-of";

/// Letters of the failed Job's name that are kept: with what follows it stays a label's value, of 63 at most, which a
/// Job's name becomes.
const KEPT: usize = 48;

/// The name of the Job that takes the place of a failed one. It follows from the uid, so there can be one only.
pub fn name(job: &str, uid: &str) -> String {
    let hash = digest("nightshift/rerun/v1", uid.as_bytes()).to_string();
    let kept: String = job.chars().take(KEPT).collect();
    let kept = kept.trim_end_matches(['-', '.']);
    format!("{kept}-rerun-{}", hash.chars().take(8).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_made_anew_under_one_name_that_a_label_can_hold() {
        let uid = "cd7a795d-84fa-4125-95cc-bb1cd7086467";
        let one = name("sync", uid);
        assert!(one.starts_with("sync-rerun-") && one.len() == "sync-rerun-".len() + 8, "{one}");
        assert_eq!(one, name("sync", uid));
        assert_ne!(one, name("sync", "cd7a795d-84fa-4125-95cc-bb1cd7086468"));
        for long in ["a".repeat(63), format!("{}-.{}", "b".repeat(47), "c".repeat(15)), "é".repeat(60)] {
            let made = name(&long, uid);
            assert!(made.chars().count() <= 63 && !made.contains("-.-"), "{made}");
        }
        assert_eq!(name(&name("sync", uid), uid).matches("-rerun-").count(), 2);
    }
}
