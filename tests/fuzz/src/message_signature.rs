//! Requests that a key file signs (RFC 9421): exactly our form is taken, for one path and five minutes.
//!
//! An input has four parts: method, path, `Signature-Input`, `Signature`.

use crate::common::{Signer, bent, boxed, now, part, registry};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nightshift_engine::proof::request::{Parameters, Signed, signer};
use nightshift_model::Registry;

/// Tries one request.
///
/// # Panics
/// When a request is somebody's that they did not sign.
pub fn message_signature(mut data: &[u8]) -> String {
    let [method, path, input] = [0; 3].map(|_| String::from_utf8_lossy(part(&mut data)).into_owned());
    let signature = String::from_utf8_lossy(data);
    // As HTTP can carry them: no line ends, no blanks.
    let plain = |text: &str| text.chars().filter(char::is_ascii_graphic).collect::<String>();
    let (method, path) = (plain(&method), plain(&path));
    let registry = registry();
    let sent = Signed { method: &method, path: &path, input: &input, signature: &signature };
    let who = signer(&sent, &registry, now()).map(|person| person.name.to_string());
    assert!(who.is_none() || input.starts_with("nightshift=(\"@method\" \"@path\");created="));

    let seconds = i64::try_from(input.len()).unwrap_or_default();
    alice_signs(&method, &path, seconds, &registry);
    alice_signed(&method, &path, &input, &registry);
    who.unwrap_or_else(|| "nobody".to_owned())
}

/// What alice signs some seconds ago is hers for five minutes, and only as she signed it.
fn alice_signs(method: &str, path: &str, ago: i64, registry: &Registry) {
    let parameters = Parameters { created: now().get().as_second() - ago, key: "alice-1".to_owned() };
    let signature = Signer::new(1).sign(&parameters.base(method, path));
    let (input, text) = parameters.headers(&signature);
    let asked = |method: &str, path: &str, input: &str, signature: &str| {
        signer(&Signed { method, path, input, signature }, registry, now()).is_some()
    };
    assert_eq!(asked(method, path, &input, &text), ago <= 300, "five minutes");
    assert!(!asked(&format!("{method}X"), path, &input, &text), "another method");
    assert!(!asked(method, &format!("{path}/"), &input, &text), "another path");
    let changed = STANDARD.encode(bent(&signature).expect("64 bytes"));
    assert!(!asked(method, path, &input, &format!("nightshift=:{changed}:")), "another signature");
}

/// Parameters as a stranger wrote them, with a true signature of alice over whatever they say: taken only in our form.
fn alice_signed(method: &str, path: &str, input: &str, registry: &Registry) {
    let Some(text) = input.strip_prefix("nightshift=") else { return };
    let base = format!("\"@method\": {method}\n\"@path\": {path}\n\"@signature-params\": {text}");
    let signature = format!("nightshift=:{}:", STANDARD.encode(Signer::new(1).sign(base.as_bytes())));
    let sent = Signed { method, path, input, signature: &signature };
    let Some(person) = signer(&sent, registry, now()) else { return };
    assert_eq!(person.name.as_str(), "alice", "it was alice's key");
    let created = input.split(';').nth(1).and_then(|part| part.strip_prefix("created=")).unwrap_or_default();
    let created: i64 = created.parse().expect("a time");
    assert!((created - now().get().as_second()).abs() <= 300, "five minutes");
    let ours = Parameters { created, key: "alice-1".to_owned() };
    assert_eq!(ours.headers(&[]).0, input, "one form");
}

pub(crate) fn seeds() -> Vec<(String, Vec<u8>)> {
    let (method, path) = ("GET", "/v1/proposals/pro-0123456789/sealed");
    let made = |seed: u8, key: &str, created: i64| {
        let parameters = Parameters { created, key: key.to_owned() };
        parameters.headers(&Signer::new(seed).sign(&parameters.base(method, path)))
    };
    let input = |method: &str, path: &str, (input, signature): (String, String)| {
        [boxed(method.as_bytes()), boxed(path.as_bytes()), boxed(input.as_bytes()), signature.into_bytes()]
            .concat()
    };
    let at = now().get().as_second();
    let good = made(1, "alice-1", at);
    [
        ("alice", input(method, path, good.clone())),
        ("bob", input(method, path, made(2, "bob-1", at))),
        ("alices-key-in-bobs-name", input(method, path, made(1, "bob-1", at))),
        ("five-minutes-old", input(method, path, made(1, "alice-1", at - 300))),
        ("too-old", input(method, path, made(1, "alice-1", at - 301))),
        ("end-of-time", input(method, path, made(1, "alice-1", i64::MAX))),
        ("another-path", input(method, "/v1/status", good.clone())),
        ("another-method", input("POST", path, good.clone())),
        ("more", input(method, path, (format!("{};nonce=\"x\"", good.0), good.1.clone()))),
        ("two", input(method, path, (format!("{0}, {0}", good.0), good.1.clone()))),
        ("plus-sign", input(method, path, (good.0.replace("created=", "created=+"), good.1.clone()))),
        ("quote-in-key", input(method, path, made(1, "a\";alg=\"none", at))),
        ("nothing", Vec::new()),
    ]
    .map(|(name, bytes)| (name.to_owned(), bytes))
    .to_vec()
}
