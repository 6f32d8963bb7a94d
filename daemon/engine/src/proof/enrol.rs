//! A new passkey: from a browser's answer to the line that somebody commits to the registry. Nothing is kept.

use super::assertion::{AuthenticatorData, client};
use super::cbor::{Item, whole};
use super::{BadProof, PublicKey, base64, unbase64};
use nightshift_model::{KeyKind, PasskeySite, PersonId, PersonKey, Timestamp, canonical};
use sha2::{Digest as _, Sha256};

/// Bytes of an attestation: a few certificates at most.
const LONGEST: usize = 16_384;

/// What a new passkey signs in a sense: whose it is to be, for which domain, since when it was asked for.
pub fn challenge(person: &PersonId, site: &PasskeySite, at: Timestamp) -> [u8; 32] {
    let said = serde_json::json!({"person": person, "rp_id": site.rp_id, "ts": at});
    Sha256::digest([b"nightshift/enrol/v1\0".as_slice(), &canonical(&said)].concat()).into()
}

/// Reads a new passkey. The attestation is not judged: a person of the registry decides whose line is committed, and
/// says by that what the key is worth.
///
/// # Errors
/// [`BadProof`]: there is no line then.
pub fn passkey(
    attestation: &str,
    client_data: &str,
    challenge: [u8; 32],
    site: &PasskeySite,
    since: Timestamp,
) -> Result<PersonKey, BadProof> {
    let bytes = unbase64(attestation, LONGEST).ok_or(BadProof::Malformed("base64url"))?;
    let said = unbase64(client_data, LONGEST).ok_or(BadProof::Malformed("base64url"))?;
    client(&said, "webauthn.create", challenge, site)?;
    let object = whole(&bytes).ok_or(BadProof::Malformed("attestation"))?;
    let data = object.get(&Item::Text("authData")).and_then(Item::bytes);
    let data = data.and_then(AuthenticatorData::read).ok_or(BadProof::Malformed("authenticator data"))?;
    data.check(site)?;
    let (id, public) = data.credential.ok_or(BadProof::Malformed("authenticator data"))?;
    let key = PublicKey::cose(public).map_err(BadProof::Key)?;
    Ok(PersonKey {
        kind: KeyKind::Passkey,
        id: base64(id),
        public: base64(public),
        alg: key.algorithm,
        since: Some(since),
        revoked: None,
    })
}

/// The line of a key, for the person's `keys` in the registry's file.
pub fn line(key: &PersonKey) -> String {
    let since = key.since.map(|since| format!(", since: \"{since}\"")).unwrap_or_default();
    format!(
        "- {{ kind: {}, id: \"{}\", alg: {}, public: \"{}\"{since} }}",
        key.kind.as_str(),
        key.id,
        key.alg.as_str(),
        key.public
    )
}
