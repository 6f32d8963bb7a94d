//! Links that only show. A token binds recipient, proposal, digest and expiry; it opens a page and never votes.

use crate::config::{Key, KeyRing};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nightshift_model::{Digest, ProposalId, Risk, Seconds, Timestamp};
use subtle::ConstantTimeEq as _;

/// Domain tag of the MAC.
pub const DOMAIN: &str = "nightshift/link/v1";
/// Bytes of a nonce.
const NONCE: usize = 16;
/// Bytes of the digest that a token carries.
const DIGEST: usize = 16;
/// Bytes of a MAC.
const MAC: usize = 32;
/// Characters of a recipient and of a proposal's id that a token carries.
const CHARACTERS: usize = 60;
/// A longer token is not ours.
const LENGTH: usize = 512;

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkToken {
    /// To whom it was sent.
    pub recipient: String,
    /// What it shows.
    pub proposal: ProposalId,
    /// The beginning of the digest that was sealed.
    pub digest: [u8; DIGEST],
    /// Until when.
    pub expires: Timestamp,
    /// Its own random name; the store keeps its hash.
    pub nonce: [u8; NONCE],
}

/// Why a token shows nothing. Told to counters, never to the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadLink {
    /// Not minted with a key of ours.
    Forged,
    /// Minted for another proposal.
    Foreign,
    /// Its time is over.
    Expired,
    /// It was taken back, or the store does not know it.
    Revoked,
    /// The proposal has other bytes.
    OtherDigest,
}

impl BadLink {
    /// The reason as metric label and in the history.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Forged => "link-forged",
            Self::Foreign => "link-foreign",
            Self::Expired => "link-expired",
            Self::Revoked => "link-revoked",
            Self::OtherDigest => "link-other-digest",
        }
    }
}

/// Until when a link works: by risk, and never longer than the proposal.
pub fn expiry(risk: Risk, now: Timestamp, not_after: Timestamp) -> Timestamp {
    let lasts = match risk {
        Risk::Low => Seconds(4 * 3600),
        Risk::Medium => Seconds(3600),
        Risk::High => Seconds(1800),
    };
    not_after.min(now + lasts)
}

impl LinkToken {
    /// The beginning of a digest, as tokens carry it.
    pub fn head(digest: Digest) -> [u8; DIGEST] {
        let mut head = [0; DIGEST];
        head.iter_mut().zip(digest.0).for_each(|(to, from)| *to = from);
        head
    }

    /// The token as text, signed with a key.
    pub fn mint(&self, key: &Key) -> String {
        let body = self.body(key.kid());
        let mac = key.mac(DOMAIN, &[&body]);
        URL_SAFE_NO_PAD.encode([body.as_slice(), &mac].concat())
    }

    /// Reads a token that one of the keys signed, for this proposal, that has not expired.
    ///
    /// # Errors
    /// [`BadLink`], for counters.
    pub fn open(text: &str, keys: &KeyRing, proposal: &ProposalId, now: Timestamp) -> Result<Self, BadLink> {
        if text.len() > LENGTH {
            return Err(BadLink::Forged);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| BadLink::Forged)?;
        let (body, mac) =
            bytes.len().checked_sub(MAC).and_then(|at| bytes.split_at_checked(at)).ok_or(BadLink::Forged)?;
        let (kid, token) = Self::parse(body).ok_or(BadLink::Forged)?;
        let key = keys.by_kid(kid).ok_or(BadLink::Forged)?;
        if !bool::from(key.mac(DOMAIN, &[body]).ct_eq(mac)) {
            return Err(BadLink::Forged);
        }
        if token.proposal != *proposal {
            return Err(BadLink::Foreign);
        }
        if now >= token.expires {
            return Err(BadLink::Expired);
        }
        Ok(token)
    }

    fn body(&self, kid: [u8; 4]) -> Vec<u8> {
        let mut body = kid.to_vec();
        for text in [&self.recipient, &self.proposal.0] {
            let text: String = text.chars().take(CHARACTERS).collect();
            body.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
            body.extend_from_slice(text.as_bytes());
        }
        body.extend_from_slice(&self.digest);
        body.extend_from_slice(&self.expires.micros().to_be_bytes());
        body.extend_from_slice(&self.nonce);
        body
    }

    fn parse(body: &[u8]) -> Option<([u8; 4], Self)> {
        let (kid, rest) = body.split_first_chunk::<4>()?;
        let (recipient, rest) = text(rest)?;
        let (proposal, rest) = text(rest)?;
        let (digest, rest) = rest.split_first_chunk::<DIGEST>()?;
        let (expires, rest) = rest.split_first_chunk::<8>()?;
        let nonce: [u8; NONCE] = rest.try_into().ok()?;
        let expires = Timestamp::from_micros(i64::from_be_bytes(*expires));
        Some((*kid, Self { recipient, proposal: ProposalId(proposal), digest: *digest, expires, nonce }))
    }
}

fn text(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (length, rest) = bytes.split_first()?;
    let (text, rest) = rest.split_at_checked(usize::from(*length))?;
    let text = String::from_utf8(text.to_vec()).ok()?;
    // What we would not write ourselves is no token of ours, whoever signed it.
    (text.chars().count() <= CHARACTERS).then_some((text, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Keys;

    fn token() -> LinkToken {
        LinkToken {
            recipient: "webhook:oncall".to_owned(),
            proposal: ProposalId::from("pro-1"),
            digest: [7; DIGEST],
            expires: Timestamp::from_second(1_800_000_600),
            nonce: [9; NONCE],
        }
    }

    #[test]
    fn a_token_reads_back_and_no_other_text_does() {
        let keys = Keys::random().unwrap().links;
        let now = Timestamp::from_second(1_800_000_000);
        let text = token().mint(&keys.active);
        let open = |text: &str| LinkToken::open(text, &keys, &ProposalId::from("pro-1"), now);
        assert_eq!(open(&text), Ok(token()));
        let bytes = URL_SAFE_NO_PAD.decode(&text).unwrap();
        for at in 0..bytes.len() {
            let mut bent = bytes.clone();
            bent[at] ^= 1;
            assert_eq!(open(&URL_SAFE_NO_PAD.encode(&bent)), Err(BadLink::Forged), "byte {at}");
            assert_eq!(open(&URL_SAFE_NO_PAD.encode(&bytes[..at])), Err(BadLink::Forged), "cut at {at}");
        }
        assert_eq!(open(&"a".repeat(10_000)), Err(BadLink::Forged));
        let other = Keys::random().unwrap().links;
        assert_eq!(LinkToken::open(&text, &other, &token().proposal, now), Err(BadLink::Forged));
    }

    #[test]
    fn what_we_would_not_write_is_no_token_whoever_signed_it() {
        let keys = Keys::random().unwrap().links;
        let (now, kid) = (Timestamp::from_second(1_800_000_000), keys.active.kid());
        let signed = |recipient: usize| {
            let mut body =
                [kid.as_slice(), &[u8::try_from(recipient).unwrap()], &vec![b'r'; recipient]].concat();
            body.extend(token().body(kid).get(19..).unwrap());
            let mac = keys.active.mac(DOMAIN, &[&body]);
            LinkToken::open(
                &URL_SAFE_NO_PAD.encode([body.as_slice(), &mac].concat()),
                &keys,
                &token().proposal,
                now,
            )
        };
        assert!(signed(CHARACTERS).is_ok());
        assert_eq!(signed(CHARACTERS + 1), Err(BadLink::Forged));
    }

    #[test]
    fn a_token_is_for_one_proposal_and_for_a_time() {
        let keys = Keys::random().unwrap().links;
        let text = token().mint(&keys.active);
        let open = |proposal: &str, second| {
            LinkToken::open(&text, &keys, &ProposalId::from(proposal), Timestamp::from_second(second))
        };
        assert_eq!(open("pro-2", 1_800_000_000), Err(BadLink::Foreign));
        assert!(open("pro-1", 1_800_000_599).is_ok());
        assert_eq!(open("pro-1", 1_800_000_600), Err(BadLink::Expired));
        let now = Timestamp::from_second(0);
        assert_eq!(expiry(Risk::High, now, now + Seconds(9_000)), now + Seconds(1800));
        assert_eq!(expiry(Risk::Low, now, now + Seconds(9_000)), now + Seconds(9_000));
    }
}
