//! Public keys: from the registry's text to something that verifies.

use super::cbor::{Item, whole};
use super::unbase64;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use nightshift_model::{KeyAlgorithm, KeyKind, PersonKey};

/// A credential id is 1,023 bytes at most, a COSE key of 8,192 bits of RSA a little more than 1,024.
const LONGEST: usize = 2_048;
/// An RSA modulus of 2,048 bits, in bytes.
const RSA_LEAST: usize = 256;
/// One of 8,192 bits.
const RSA_MOST: usize = 1_024;

/// A public key that can verify.
pub struct PublicKey {
    /// What it verifies.
    pub algorithm: KeyAlgorithm,
    key: ParsedPublicKey,
}

/// Why a key of the registry cannot be used. Told when the file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// The id.
    #[error("its id must be 1 to 1,364 letters, digits, `-` or `_`")]
    Id,
    /// Not base64url, or too long.
    #[error("its `public` part is not base64url without padding")]
    Text,
    /// Not what the kind says.
    #[error("an ed25519 key has `alg: EdDSA` and a `public` part of 32 bytes")]
    Ed25519,
    /// Not a bridge's key.
    #[error("its `public` part is not `whpk_` and base64 of the 32 bytes of an Ed25519 key")]
    Bridge,
    /// Not a COSE key.
    #[error("its `public` part is not a COSE key as a passkey has it (ES256, EdDSA or RS256)")]
    Cose,
    /// Another algorithm than the key's own.
    #[error("its `alg` is not the one that its `public` part names")]
    OtherAlgorithm,
    /// No point on the curve, or an RSA key of the wrong size.
    #[error("its `public` part is no usable key: no point on the curve, or not 2,048 to 8,192 bits")]
    Unusable,
}

impl PublicKey {
    /// Reads a key of the registry.
    ///
    /// # Errors
    /// [`BadKey`]: it verifies nothing then.
    pub fn of(key: &PersonKey) -> Result<Self, BadKey> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if key.id.is_empty() || key.id.len() > 1_364 || !key.id.chars().all(plain) {
            return Err(BadKey::Id);
        }
        let public = unbase64(&key.public, LONGEST).ok_or(BadKey::Text)?;
        match key.kind {
            KeyKind::Ed25519 => {
                if key.alg != KeyAlgorithm::EdDSA || public.len() != 32 {
                    return Err(BadKey::Ed25519);
                }
                Self::ed25519(&public)
            }
            KeyKind::Passkey => {
                let parsed = Self::cose(&public)?;
                if parsed.algorithm == key.alg { Ok(parsed) } else { Err(BadKey::OtherAlgorithm) }
            }
        }
    }

    /// Reads a COSE key. Parameters beyond those that the algorithm needs are refused, as WebAuthn does (6.5.1.1).
    ///
    /// # Errors
    /// [`BadKey`].
    pub fn cose(bytes: &[u8]) -> Result<Self, BadKey> {
        let item = whole(bytes).ok_or(BadKey::Cose)?;
        let Item::Map(pairs) = &item else { return Err(BadKey::Cose) };
        let int = |label| if let Some(Item::Int(n)) = item.get(&Item::Int(label)) { Some(*n) } else { None };
        let part = |label| item.get(&Item::Int(label)).and_then(Item::bytes).ok_or(BadKey::Cose);
        match (int(1), int(3), int(-1), pairs.len()) {
            (Some(2), Some(-7), Some(1), 5) => {
                let (x, y) = (part(-2)?, part(-3)?);
                if x.len() != 32 || y.len() != 32 {
                    return Err(BadKey::Cose);
                }
                let point = [&[4], x, y].concat();
                let key =
                    ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).map_err(|_| BadKey::Unusable)?;
                Ok(Self { algorithm: KeyAlgorithm::ES256, key })
            }
            (Some(1), Some(-8), Some(6), 4) => Self::ed25519(part(-2)?),
            (Some(3), Some(-257), None, 4) => {
                let (n, e) = (part(-1)?, part(-2)?);
                if !(RSA_LEAST..=RSA_MOST).contains(&n.len()) || e.len() > 8 {
                    return Err(BadKey::Unusable);
                }
                let key = RsaPublicKeyComponents { n, e }
                    .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
                    .map_err(|_| BadKey::Unusable)?;
                Ok(Self { algorithm: KeyAlgorithm::RS256, key })
            }
            _ => Err(BadKey::Cose),
        }
    }

    pub(super) fn ed25519(public: &[u8]) -> Result<Self, BadKey> {
        let key = ParsedPublicKey::new(&ED25519, public).map_err(|_| BadKey::Unusable)?;
        Ok(Self { algorithm: KeyAlgorithm::EdDSA, key })
    }

    /// Whether a signature over these bytes is this key's.
    pub fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.verify_sig(message, signature).is_ok()
    }
}
