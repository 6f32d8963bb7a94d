//! Reading with one's own key: HTTP Message Signatures (RFC 9421), in the one form that we make and take.
//!
//! `Signature-Input: nightshift=("@method" "@path");created=1772330400;keyid="...";alg="ed25519";tag="nightshift"`
//! and `Signature: nightshift=:...:`. It covers method and path, so it fetches one resource and nothing else, and it is
//! worth nothing after five minutes. It never votes: a vote carries a signature over its own statement.

use super::PublicKey;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nightshift_model::registry::Person;
use nightshift_model::vote::STATEMENT_LASTS;
use nightshift_model::{KeyKind, PersonKey, Registry, Timestamp};

/// Longer than any of ours.
const LONGEST: usize = 512;

/// Parameters of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// When it was made, in seconds.
    pub created: i64,
    /// The key's id in the registry.
    pub key: String,
}

impl Parameters {
    fn text(&self) -> String {
        format!(
            "(\"@method\" \"@path\");created={};keyid=\"{}\";alg=\"ed25519\";tag=\"nightshift\"",
            self.created, self.key
        )
    }

    /// The bytes that are signed.
    pub fn base(&self, method: &str, path: &str) -> Vec<u8> {
        format!("\"@method\": {method}\n\"@path\": {path}\n\"@signature-params\": {}", self.text())
            .into_bytes()
    }

    /// Values of `Signature-Input` and `Signature`.
    pub fn headers(&self, signature: &[u8]) -> (String, String) {
        (format!("nightshift={}", self.text()), format!("nightshift=:{}:", STANDARD.encode(signature)))
    }

    /// Reads `Signature-Input`; any other form than ours is `None`.
    fn read(input: &str) -> Option<Self> {
        let rest = input.strip_prefix("nightshift=(\"@method\" \"@path\");created=")?;
        let (created, rest) = rest.split_once(";keyid=\"")?;
        let (key, _) = rest.split_once('"')?;
        let read = Self { created: created.parse().ok()?, key: key.to_owned() };
        (input.len() <= LONGEST && input == format!("nightshift={}", read.text())).then_some(read)
    }
}

/// What came with a request.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// The method.
    pub method: &'a str,
    /// The path, without what stands behind a question mark.
    pub path: &'a str,
    /// `Signature-Input`.
    pub input: &'a str,
    /// `Signature`.
    pub signature: &'a str,
}

/// Whose key file signed a request within the last five minutes; `None` for everything else.
pub fn signer<'a>(signed: &Signed, registry: &'a Registry, now: Timestamp) -> Option<&'a Person> {
    let (person, key) = registry.key(&named(signed)?)?;
    fits(signed, key, now)?.then_some(person)
}

/// The id of the key that a request names.
pub fn named(signed: &Signed) -> Option<String> {
    Parameters::read(signed.input).map(|parameters| parameters.key)
}

/// Whether a key signed a request within the last five minutes; `None` for what is no signature.
pub fn fits(signed: &Signed, key: &PersonKey, now: Timestamp) -> Option<bool> {
    let parameters = Parameters::read(signed.input)?;
    let created = Timestamp::from_second(parameters.created);
    if now.since(created).max(created.since(now)) > STATEMENT_LASTS || signed.signature.len() > LONGEST {
        return None;
    }
    let signature = signed.signature.strip_prefix("nightshift=:")?.strip_suffix(':')?;
    let signature = STANDARD.decode(signature).ok()?;
    if key.kind != KeyKind::Ed25519 || key.revoked.is_some() {
        return None;
    }
    Some(PublicKey::of(key).ok()?.signed(&parameters.base(signed.method, signed.path), &signature))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::make::File;
    use crate::samples::{at, registry};

    #[test]
    fn a_request_is_signed_for_one_path_and_five_minutes() {
        let alice = File::new("a1", 1);
        let mut registry = registry();
        registry.persons[0].keys.push(alice.entry());
        let created = at(100).get().as_second();
        let parameters = Parameters { created, key: "a1".to_owned() };
        let signature = alice.raw(&parameters.base("GET", "/v1/proposals/p/sealed"));
        let (input, signature) = parameters.headers(&signature);
        let ask = |method: &str, path: &str, input: &str, signature: &str, now, registry: &Registry| {
            let signed = Signed { method, path, input, signature };
            signer(&signed, registry, now).map(|p| p.name.to_string())
        };
        let path = "/v1/proposals/p/sealed";
        let good = ask("GET", path, &input, &signature, at(400), &registry);
        assert_eq!(good.as_deref(), Some("alice"));
        for (what, got) in [
            ("later", ask("GET", path, &input, &signature, at(401), &registry)),
            (
                "a clock behind",
                ask("GET", path, &input, &signature, at(0) - nightshift_model::Seconds(201), &registry),
            ),
            ("another path", ask("GET", "/v1/proposals/q/sealed", &input, &signature, at(100), &registry)),
            ("another method", ask("POST", path, &input, &signature, at(100), &registry)),
            ("another key", ask("GET", path, &input.replace("a1", "a2"), &signature, at(100), &registry)),
            ("more", ask("GET", path, &format!("{input};x=1"), &signature, at(100), &registry)),
            ("two", ask("GET", path, &format!("{input}, {input}"), &signature, at(100), &registry)),
            ("no signature", ask("GET", path, &input, "nightshift=::", at(100), &registry)),
            ("noise", ask("GET", path, "nightshift=", "nightshift=:!:", at(100), &registry)),
        ] {
            assert_eq!(got, None, "{what}");
        }
        registry.persons[0].keys[0].revoked = Some(at(0));
        assert_eq!(ask("GET", path, &input, &signature, at(100), &registry), None, "taken back");
    }
}
