use super::*;
use nightshift_model::digest;
use proptest::prelude::*;

/// Key and note of the documentation of Go's `sumdb/note`, where the format comes from.
const SEED: &str = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const VKEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const TEXT: &str =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const LINE: &str = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

fn signer(name: &str, seed: u8) -> Signer {
    Signer::new(name, &[seed; 32]).unwrap()
}

fn checkpoint(size: u64) -> Checkpoint {
    Checkpoint { origin: origin("c0ffee-1", "ab12"), size, root: digest("test", b"root") }
}

#[test]
fn the_published_key_signs_the_published_note() {
    let seed = STANDARD.decode(SEED).unwrap();
    let signer = Signer::new("PeterNeumann", &seed[1..]).unwrap();
    assert_eq!(signer.vkey().to_string(), VKEY);
    let note = Note { text: TEXT.to_owned(), signatures: vec![signer.sign(TEXT)] };
    assert_eq!(note.to_string(), format!("{TEXT}\n{LINE}"));
    let read = Note::parse(&format!("{TEXT}\n{LINE}")).unwrap();
    assert_eq!(read, note);
    assert_eq!(read.signed_by(&Vkey::parse(VKEY).unwrap()), Signed::Good);
}

#[test]
fn a_checkpoint_is_three_lines_and_a_signature_a_key() {
    let (old, new) = (signer("nightshift/c0ffee-1/ab12", 1), signer("nightshift/c0ffee-1/ab12", 2));
    let note = Note::sign(&checkpoint(1234), &[&new, &old]);
    let lines: Vec<String> = note.to_string().lines().map(str::to_owned).collect();
    assert_eq!(&lines[..2], ["nightshift/c0ffee-1/ab12", "1234"]);
    assert_eq!((lines.len(), lines[3].as_str()), (6, ""));
    let read = Note::parse(&note.to_string()).unwrap();
    assert_eq!(read.checkpoint().unwrap(), checkpoint(1234));
    for key in [old.vkey(), new.vkey()] {
        assert_eq!(read.signed_by(key), Signed::Good);
        assert_eq!(Vkey::parse(&key.to_string()).unwrap(), *key);
    }
    assert_eq!(read.signed_by(signer("nightshift/c0ffee-1/ab12", 3).vkey()), Signed::Absent);
    assert_eq!(read.signed_by(signer("other", 1).vkey()), Signed::Absent, "a key is its name too");
    assert!(checkpoint(1).is_of("ab12") && !checkpoint(1).is_of("ab1") && !checkpoint(1).is_of(""));
    assert!(!format!("{new:?}").contains("02"), "no key is printed");
}

#[test]
fn a_forged_note_is_bad_and_not_merely_absent() {
    let key = signer("nightshift/c/l", 1);
    let honest = Note::sign(&checkpoint(7), &[&key]);
    let moved = Note { text: checkpoint(8).text(), ..honest.clone() };
    assert_eq!(moved.signed_by(key.vkey()), Signed::Bad);
    let mut bent = honest.clone();
    bent.signatures[0].bytes[5] ^= 1;
    assert_eq!(bent.signed_by(key.vkey()), Signed::Bad);
    bent.signatures[0].bytes.truncate(63);
    assert_eq!(bent.signed_by(key.vkey()), Signed::Bad);
    // A good signature does not make up for a bad one under the same key.
    bent.signatures.push(honest.signatures[0].clone());
    assert_eq!(bent.signed_by(key.vkey()), Signed::Bad);
}

#[test]
fn what_is_no_note_is_refused() {
    let good = format!("{TEXT}\n{LINE}");
    for bad in [
        String::new(),
        TEXT.to_owned(),
        format!("{TEXT}\n"),
        good.trim_end().to_owned(),
        good.replace("— ", "- "),
        good.replace("PeterNeumann ", "Peter+Neumann "),
        good.replace("PeterNeumann x08", "PeterNeumann !08"),
        good.replace("PeterNeumann ", "PeterNeumann  "),
        good.replace("problem,", "problem,\r"),
        format!("{TEXT}\n{}", LINE.repeat(33)),
        format!("{}\n{LINE}", "x".repeat(NOTE_BYTES)),
        format!("{TEXT}\n— a AAAAAA==\n"),
    ] {
        assert!(Note::parse(&bad).is_err(), "{bad:?}");
    }
    let root = STANDARD.encode([7; 32]);
    assert!(Checkpoint::parse(&format!("a\n0\n{root}\nextension\n")).is_ok());
    for bad in [
        format!("\n1\n{root}\n"),
        format!("a\n01\n{root}\n"),
        format!("a\n+1\n{root}\n"),
        format!("a\n-1\n{root}\n"),
        format!("a\n99999999999999999999\n{root}\n"),
        "a\n1\nAAAA\n".to_owned(),
        "a\n1\n".to_owned(),
        format!("a\n1\n{root}\n\nb\n"),
    ] {
        assert!(Checkpoint::parse(&bad).is_err(), "{bad:?}");
    }
    for bad in
        ["", "a", "a+b", "+c74f20a3+AR", &VKEY.replace("c74f20a3", "c74f20a4"), &VKEY.replace("+AR", "+BR")]
    {
        assert!(Vkey::parse(bad).is_err(), "{bad}");
    }
    assert!(Signer::new("a b", &[1; 32]).is_err() && Signer::new("a", &[1; 31]).is_err());
    assert_eq!(origin("a b+c\n", "l"), "nightshift/abc/l");
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_and_what_is_read_is_written_again(text in ".{0,200}") {
        if let Ok(note) = Note::parse(&text) {
            prop_assert_eq!(Note::parse(&note.to_string()).unwrap(), note);
        }
        let _ = (Checkpoint::parse(&text), Vkey::parse(&text));
    }

    #[test]
    fn every_checkpoint_survives_its_text(size in any::<u64>(), root in any::<[u8; 32]>()) {
        let checkpoint = Checkpoint { origin: "nightshift/c/l".to_owned(), size, root: Digest(root) };
        prop_assert_eq!(Checkpoint::parse(&checkpoint.text()).unwrap(), checkpoint);
    }
}
