//! The countersign's own certificate: made here, kept on the responder's volume, exchanged long before it ends.
//!
//! It vouches for itself and for nobody else. The next one is trusted by the API server before it is served, so a question that
//! is on its way meets no stranger.

use nightshift_model::{Seconds, Timestamp};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use serde::{Deserialize, Serialize};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// How long one is valid.
const VALID: Seconds = Seconds(90 * 86_400);
/// How old one may be before the next is made.
const OLD: Seconds = Seconds(60 * 86_400);
/// How long the next one is trusted before it is served: every API server has heard of it by then.
const TRUSTED_FIRST: Seconds = Seconds(60);
/// Bytes of the file.
const FILE_BYTES: u64 = 64 * 1024;

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// None could be made.
    #[error("no certificate could be made for the countersign")]
    Made(#[source] rcgen::Error),
    /// It cannot be kept.
    #[error("the countersign's certificate cannot be kept in {path}")]
    Kept {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// One certificate with its key.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// When it was made.
    pub made_at: Timestamp,
    /// The names in it.
    pub names: Vec<String>,
    /// As PEM.
    pub cert: String,
    /// As PEM.
    #[serde(with = "hidden")]
    pub key: Zeroizing<String>,
}

/// A key in the file, and nowhere else.
mod hidden {
    use serde::{Deserialize as _, Deserializer, Serializer};
    use zeroize::Zeroizing;

    pub(super) fn serialize<S: Serializer>(key: &Zeroizing<String>, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(key)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Zeroizing<String>, D::Error> {
        String::deserialize(d).map(Zeroizing::new)
    }
}

impl Pair {
    /// Makes one.
    ///
    /// # Errors
    /// [`CertificateError::Made`].
    pub fn make(names: &[String], now: Timestamp) -> Result<Self, CertificateError> {
        let failed = CertificateError::Made;
        let key = KeyPair::generate().map_err(failed)?;
        let mut params = CertificateParams::new(names.to_vec()).map_err(failed)?;
        params.distinguished_name.push(DnType::CommonName, "nightshift countersign");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        // Whole days: two clocks a little apart agree on it.
        let day = |at: Timestamp| {
            let day = jiff::tz::TimeZone::UTC.to_datetime(at.get()).date();
            let part = |part: i8| u8::try_from(part).unwrap_or(1);
            rcgen::date_time_ymd(i32::from(day.year()), part(day.month()), part(day.day()))
        };
        params.not_before = day(now - Seconds(86_400));
        params.not_after = day(now + VALID);
        let cert = params.self_signed(&key).map_err(failed)?;
        Ok(Self {
            made_at: now,
            names: names.to_vec(),
            cert: cert.pem(),
            key: Zeroizing::new(key.serialize_pem()),
        })
    }

    fn suits(&self, names: &[String], now: Timestamp) -> bool {
        self.names == names && now < self.made_at + OLD && self.made_at <= now
    }
}

/// What is served, and what will be.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// Served.
    pub current: Pair,
    /// Trusted already, and served soon.
    pub next: Option<Pair>,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing.
    Nothing,
    /// The next one is to be made.
    Make,
    /// The next one is to be served.
    Serve,
}

impl Kept {
    /// What the API server should trust.
    pub fn bundle(&self) -> String {
        let next = self.next.as_ref().map_or("", |next| next.cert.as_str());
        format!("{}{next}", self.current.cert)
    }

    /// What is due. `trusted` is whether the API server has the bundle.
    pub fn due(&self, names: &[String], now: Timestamp, trusted: bool) -> Due {
        match &self.next {
            Some(next) if trusted && now >= next.made_at + TRUSTED_FIRST => Due::Serve,
            Some(_) => Due::Nothing,
            None if self.current.suits(names, now) => Due::Nothing,
            None => Due::Make,
        }
    }
}

/// Where it is kept.
pub fn file(folder: &Path) -> PathBuf {
    folder.join("countersign.json")
}

/// Reads what is kept; what cannot be read, or is for other names, is made anew.
///
/// # Errors
/// [`CertificateError`].
pub fn open(path: &Path, names: &[String], now: Timestamp) -> Result<Kept, CertificateError> {
    if let Some(kept) =
        read(path).filter(|kept| kept.current.names == names && now < kept.current.made_at + VALID)
    {
        return Ok(kept);
    }
    let kept = Kept { current: Pair::make(names, now)?, next: None };
    write(path, &kept)?;
    Ok(kept)
}

fn read(path: &Path) -> Option<Kept> {
    use std::io::Read as _;
    let mut text = Zeroizing::new(Vec::new());
    std::fs::File::open(path).ok()?.take(FILE_BYTES).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Keeps it, for its owner only: whole, or not at all.
///
/// # Errors
/// [`CertificateError::Kept`].
pub fn write(path: &Path, kept: &Kept) -> Result<(), CertificateError> {
    let failed = |source| CertificateError::Kept { path: path.to_owned(), source };
    let text = Zeroizing::new(serde_json::to_vec(kept).map_err(|e| failed(e.into()))?);
    let beside = path.with_extension("new");
    let _ = std::fs::remove_file(&beside);
    let mut file =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside).map_err(failed)?;
    file.write_all(&text).and_then(|()| file.sync_all()).map_err(failed)?;
    std::fs::rename(&beside, path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::tls::OwnCertificate;

    fn names() -> Vec<String> {
        vec!["nightshift-countersign.nightshift.svc".to_owned(), "127.0.0.1".to_owned()]
    }

    fn at(days: u64) -> Timestamp {
        Timestamp::from_second(1_772_330_400) + Seconds(days * 86_400)
    }

    #[test]
    fn it_is_made_once_for_its_owner_and_served_as_kept() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = file(folder.path());
        let first = open(&path, &names(), at(0)).unwrap();
        let again = open(&path, &names(), at(30)).unwrap();
        assert_eq!(first.current.cert, again.current.cert);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        OwnCertificate::new(&path, &again.current.cert, &again.current.key).unwrap();
        let other = open(&path, &["other".to_owned()], at(30)).unwrap();
        assert_ne!(other.current.cert, first.current.cert, "for other names");
        for bad in ["", "{", "{\"current\": 1}"] {
            std::fs::write(&path, bad).unwrap();
            assert_eq!(open(&path, &names(), at(1)).unwrap().current.made_at, at(1), "{bad}");
        }
        let old = Kept { current: Pair::make(&names(), at(0)).unwrap(), next: None };
        write(&path, &old).unwrap();
        assert_eq!(open(&path, &names(), at(91)).unwrap().current.made_at, at(91), "it has ended");
    }

    #[test]
    fn the_next_one_is_trusted_before_it_is_served() {
        let mut kept = Kept { current: Pair::make(&names(), at(0)).unwrap(), next: None };
        assert_eq!(kept.due(&names(), at(59), true), Due::Nothing);
        assert_eq!(kept.due(&names(), at(60), true), Due::Make);
        assert_eq!(kept.due(&["other".to_owned()], at(1), true), Due::Make);
        kept.next = Some(Pair::make(&names(), at(60)).unwrap());
        assert!(kept.bundle().matches("BEGIN CERTIFICATE").count() == 2);
        assert_eq!(kept.due(&names(), at(60), true), Due::Nothing, "not every API server has heard of it");
        assert_eq!(kept.due(&names(), at(60) + Seconds(60), false), Due::Nothing, "none trusts it");
        assert_eq!(kept.due(&names(), at(60) + Seconds(60), true), Due::Serve);
    }
}
