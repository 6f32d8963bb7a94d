//! A passkey's answer (WebAuthn Level 3, 6.1 and 7.2), read strictly.

use super::{BadProof, PublicKey, cbor, unbase64};
use nightshift_model::PasskeySite;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// Bytes of authenticator data, extensions included.
const DATA_LONGEST: usize = 4_096;
/// Bytes of client data.
const CLIENT_LONGEST: usize = 4_096;
/// Bytes of a signature: RSA of 8,192 bits.
const SIGNATURE_LONGEST: usize = 1_024;

/// What a browser says it asked for. Members that we do not know are part of the signed bytes and decide nothing.
#[derive(Debug, Deserialize)]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(default, rename = "crossOrigin")]
    cross_origin: bool,
    #[serde(default, rename = "topOrigin")]
    top_origin: Option<String>,
}

/// Authenticator data, without its extensions.
#[derive(Debug, PartialEq, Eq)]
pub struct AuthenticatorData<'a> {
    rp_id_hash: [u8; 32],
    flags: u8,
    /// How often the authenticator has signed; 0 if it does not count.
    pub counter: u32,
    /// Credential id and COSE key, when one was made.
    pub credential: Option<(&'a [u8], &'a [u8])>,
}

const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;
const BACKUP_ELIGIBLE: u8 = 0x08;
const BACKED_UP: u8 = 0x10;
const HAS_CREDENTIAL: u8 = 0x40;
const HAS_EXTENSIONS: u8 = 0x80;

impl<'a> AuthenticatorData<'a> {
    /// Reads it to its last byte; `None` for what WebAuthn does not describe.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let (rp_id_hash, rest) = bytes.split_first_chunk::<32>()?;
        let (flags, rest) = rest.split_first()?;
        let (counter, mut rest) = rest.split_first_chunk::<4>()?;
        let mut credential = None;
        if flags & HAS_CREDENTIAL != 0 {
            let (_aaguid, behind) = rest.split_first_chunk::<16>()?;
            let (length, behind) = behind.split_first_chunk::<2>()?;
            let length = usize::from(u16::from_be_bytes(*length));
            if !(1..=1_023).contains(&length) {
                return None;
            }
            let (id, behind) = behind.split_at_checked(length)?;
            let (_, left) = cbor::read(behind)?;
            let key = behind.get(..behind.len() - left.len())?;
            credential = Some((id, key));
            rest = left;
        }
        if flags & HAS_EXTENSIONS != 0 {
            let (cbor::Item::Map(_), left) = cbor::read(rest)? else { return None };
            rest = left;
        }
        let whole = rest.is_empty() && (flags & BACKED_UP == 0 || flags & BACKUP_ELIGIBLE != 0);
        whole.then_some(Self {
            rp_id_hash: *rp_id_hash,
            flags: *flags,
            counter: u32::from_be_bytes(*counter),
            credential,
        })
    }

    /// Bound to our domain, with a person who was there and was recognised.
    ///
    /// # Errors
    /// [`BadProof`] says which of the three is missing.
    pub fn check(&self, site: &PasskeySite) -> Result<(), BadProof> {
        if self.rp_id_hash != <[u8; 32]>::from(Sha256::digest(site.rp_id.as_bytes())) {
            return Err(BadProof::OtherDomain);
        }
        if self.flags & USER_PRESENT == 0 {
            return Err(BadProof::NobodyThere);
        }
        if self.flags & USER_VERIFIED == 0 {
            return Err(BadProof::NotVerified);
        }
        Ok(())
    }
}

/// Type, challenge and origin of client data.
pub(super) fn client(
    bytes: &[u8],
    kind: &str,
    challenge: [u8; 32],
    site: &PasskeySite,
) -> Result<(), BadProof> {
    let malformed = |_| BadProof::Malformed("client data");
    let said: ClientData = serde_json::from_slice(bytes).map_err(malformed)?;
    // Members that decide nothing were passed over unread; they too must be JSON, and text where they are text.
    serde_json::from_slice::<serde_json::Value>(bytes).map_err(malformed)?;
    if said.kind != kind {
        return Err(BadProof::OtherCeremony);
    }
    if unbase64(&said.challenge, 64).as_deref() != Some(challenge.as_slice()) {
        return Err(BadProof::OtherChallenge);
    }
    if said.cross_origin || said.top_origin.is_some() {
        return Err(BadProof::CrossOrigin);
    }
    if !site.origins.contains(&said.origin) {
        return Err(BadProof::ForeignOrigin);
    }
    Ok(())
}

/// The three parts of a passkey's answer, as they were sent: base64url.
pub struct Sent<'a> {
    /// authenticatorData.
    pub authenticator_data: &'a str,
    /// clientDataJSON.
    pub client_data: &'a str,
    /// The signature over both.
    pub signature: &'a str,
}

/// Checks an answer to a challenge. The counter that it returns is left to judge.
///
/// # Errors
/// [`BadProof`]: it proves nothing.
pub fn check(sent: &Sent, key: &PublicKey, challenge: [u8; 32], site: &PasskeySite) -> Result<u32, BadProof> {
    let data = unbase64(sent.authenticator_data, DATA_LONGEST).ok_or(BadProof::Malformed("base64url"))?;
    let said = unbase64(sent.client_data, CLIENT_LONGEST).ok_or(BadProof::Malformed("base64url"))?;
    let signature = unbase64(sent.signature, SIGNATURE_LONGEST).ok_or(BadProof::Malformed("base64url"))?;
    let read = AuthenticatorData::read(&data).ok_or(BadProof::Malformed("authenticator data"))?;
    if read.credential.is_some() {
        return Err(BadProof::Malformed("authenticator data"));
    }
    client(&said, "webauthn.get", challenge, site)?;
    read.check(site)?;
    let message = [data.as_slice(), &Sha256::digest(&said)].concat();
    if key.signed(&message, &signature) { Ok(read.counter) } else { Err(BadProof::BadSignature) }
}

/// The counter that a vote in the history shows.
pub(super) fn counter(authenticator_data: &str) -> Option<u32> {
    let data = unbase64(authenticator_data, DATA_LONGEST)?;
    AuthenticatorData::read(&data).map(|read| read.counter)
}
