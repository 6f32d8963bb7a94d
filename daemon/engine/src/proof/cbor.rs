//! As much CBOR (RFC 8949) as authenticators send: definite lengths, no tags, no floats, four levels deep.

/// Levels of arrays and maps within each other. A COSE key has one, an attestation three.
const DEEPEST: u8 = 4;

/// One item, borrowed from its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// A whole number.
    Int(i64),
    /// Bytes.
    Bytes(&'a [u8]),
    /// Text.
    Text(&'a str),
    /// Items in a row.
    Array(Vec<Item<'a>>),
    /// Keys, each once, with their values, as they stood.
    Map(Vec<(Item<'a>, Item<'a>)>),
    /// `false`, `true`, `null` or `undefined`: nothing that we read.
    Simple,
}

impl<'a> Item<'a> {
    /// The value of a key; `None` too when it is no map.
    pub fn get(&self, key: &Item) -> Option<&Item<'a>> {
        let Self::Map(pairs) = self else { return None };
        pairs.iter().find(|(k, _)| k == key).map(|(_, value)| value)
    }

    /// The bytes, if it is bytes.
    pub fn bytes(&self) -> Option<&'a [u8]> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }
}

/// Reads one item, and what is left behind it. `None` on anything else than [`Item`] describes, on a key that comes
/// twice, and on every length that the bytes do not have.
pub fn read(bytes: &[u8]) -> Option<(Item<'_>, &[u8])> {
    item(bytes, 0)
}

/// Reads one item that is all there is.
pub fn whole(bytes: &[u8]) -> Option<Item<'_>> {
    read(bytes).and_then(|(item, rest)| rest.is_empty().then_some(item))
}

fn item(bytes: &[u8], depth: u8) -> Option<(Item<'_>, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let (argument, rest) = argument(first & 0x1f, rest)?;
    match first >> 5 {
        0 => Some((Item::Int(i64::try_from(argument).ok()?), rest)),
        1 => Some((Item::Int(-1 - i64::try_from(argument).ok()?), rest)),
        2 => {
            let (bytes, rest) = rest.split_at_checked(usize::try_from(argument).ok()?)?;
            Some((Item::Bytes(bytes), rest))
        }
        3 => {
            let (bytes, rest) = rest.split_at_checked(usize::try_from(argument).ok()?)?;
            Some((Item::Text(std::str::from_utf8(bytes).ok()?), rest))
        }
        4 if depth < DEEPEST => {
            let (mut items, mut rest) = (Vec::new(), rest);
            // Every item takes a byte at least, so a length that lies ends with the bytes.
            for _ in 0..argument {
                let (one, behind) = item(rest, depth + 1)?;
                items.push(one);
                rest = behind;
            }
            Some((Item::Array(items), rest))
        }
        5 if depth < DEEPEST => {
            let (mut pairs, mut rest): (Vec<(Item, Item)>, _) = (Vec::new(), rest);
            for _ in 0..argument {
                let (key, behind) = item(rest, depth + 1)?;
                let (value, behind) = item(behind, depth + 1)?;
                if pairs.iter().any(|(k, _)| *k == key) {
                    return None;
                }
                pairs.push((key, value));
                rest = behind;
            }
            Some((Item::Map(pairs), rest))
        }
        7 if (20..=23).contains(&argument) && first & 0x1f < 24 => Some((Item::Simple, rest)),
        _ => None,
    }
}

/// The argument of an initial byte: itself, or the 1, 2, 4 or 8 bytes behind it.
fn argument(low: u8, rest: &[u8]) -> Option<(u64, &[u8])> {
    let width = match low {
        0..=23 => return Some((u64::from(low), rest)),
        24 => 1,
        25 => 2,
        26 => 4,
        27 => 8,
        _ => return None,
    };
    let (bytes, rest) = rest.split_at_checked(width)?;
    Some((bytes.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte)), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_forms_that_authenticators_send_are_read() {
        let map = whole(&[0xa3, 0x01, 0x02, 0x20, 0x43, 1, 2, 3, 0x63, b'f', b'm', b't', 0x80]).unwrap();
        assert_eq!(map.get(&Item::Int(1)), Some(&Item::Int(2)));
        assert_eq!(map.get(&Item::Int(-1)).and_then(Item::bytes), Some([1, 2, 3].as_slice()));
        assert_eq!(map.get(&Item::Text("fmt")), Some(&Item::Array(Vec::new())));
        assert_eq!(whole(&[0x39, 0x01, 0x00]), Some(Item::Int(-257)));
        assert_eq!(read(&[0xf6, 9]), Some((Item::Simple, [9].as_slice())));
    }

    #[test]
    fn everything_else_is_refused() {
        for (what, bytes) in [
            ("nothing", [].as_slice()),
            ("a cut length", &[0x59, 0x01]),
            ("fewer bytes than it says", &[0x43, 1, 2]),
            ("an indefinite length", &[0x5f, 0x41, 1, 0xff]),
            ("a tag", &[0xc0, 0x00]),
            ("a float", &[0xf9, 0, 0]),
            ("a key that comes twice", &[0xa2, 0x01, 0x02, 0x01, 0x03]),
            ("a number that does not fit", &[0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
            ("a list longer than its bytes", &[0x9b, 0, 0, 0, 1, 0, 0, 0, 0]),
            ("five levels", &[0x81, 0x81, 0x81, 0x81, 0x81, 0x00]),
            ("text that is none", &[0x61, 0xff]),
        ] {
            assert_eq!(read(bytes), None, "{what}");
        }
        assert_eq!(whole(&[0x00, 0x00]), None, "more behind it");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fail(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some((_, rest)) = read(&bytes) {
                prop_assert!(rest.len() < bytes.len());
            }
        }
    }
}
