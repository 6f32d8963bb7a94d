//! Quantities as Kubernetes writes them. Source: k8s.io/apimachinery `pkg/api/resource/quantity.go`.

/// One mebibyte.
pub const MIB: u64 = 1 << 20;

/// The bytes that a quantity says, rounded up; `None` for what is none, is negative, or does not fit.
///
/// `128Mi`, `1.5Gi`, `134217728`, `500M`, `1e9` and `128000m` are all quantities.
pub fn bytes(text: &str) -> Option<u64> {
    times(text, 1)
}

/// The thousandths that a quantity says, as of cpu: `250m` and `0.25` are both 250.
pub fn millis(text: &str) -> Option<u64> {
    times(text, 1000)
}

fn times(text: &str, factor: u128) -> Option<u64> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && part.is_empty() || part.len() > 9 || part.contains('.') {
        return None;
    }
    let (times, over) = scale(unit)?;
    let digits: u128 = format!("{whole}{part}").parse().ok()?;
    let over = over.checked_mul(10_u128.checked_pow(u32::try_from(part.len()).ok()?)?)?;
    u64::try_from(digits.checked_mul(times)?.checked_mul(factor)?.div_ceil(over)).ok()
}

/// What a unit multiplies by, and divides by.
fn scale(unit: &str) -> Option<(u128, u128)> {
    const UNITS: [&str; 6] = ["K", "M", "G", "T", "P", "E"];
    let power = |letter: &str| UNITS.iter().position(|u| *u == letter).and_then(|at| u32::try_from(at).ok());
    if let Some(binary) = unit.strip_suffix('i') {
        return Some((1024_u128.pow(power(binary)? + 1), 1));
    }
    if let Some(digits) = unit.strip_prefix(['e', 'E']).filter(|rest| !rest.is_empty()) {
        let exponent: i32 = digits.parse().ok()?;
        let ten = 10_u128.checked_pow(exponent.unsigned_abs().min(40))?;
        return Some(if exponent < 0 { (1, ten) } else { (ten, 1) });
    }
    match unit {
        "" => Some((1, 1)),
        "m" => Some((1, 1000)),
        "k" => Some((1000, 1)),
        "K" => None,
        letter => Some((1000_u128.pow(power(letter)? + 1), 1)),
    }
}

/// Whole mebibytes as people write them: `1536Mi`, `2Gi`.
pub fn mebibytes(amount: u64) -> String {
    if amount >= 1024 && amount.is_multiple_of(1024) {
        format!("{}Gi", amount / 1024)
    } else {
        format!("{amount}Mi")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quantities_read_as_kubernetes_reads_them() {
        let table = [
            ("128Mi", Some(128 * MIB)),
            ("1.5Gi", Some(1536 * MIB)),
            ("134217728", Some(128 * MIB)),
            ("500M", Some(500_000_000)),
            ("500k", Some(500_000)),
            ("1Ki", Some(1024)),
            ("1e9", Some(1_000_000_000)),
            ("1E3", Some(1000)),
            ("1E", Some(1_000_000_000_000_000_000)),
            ("2e-1", Some(1)),
            ("128000m", Some(128)),
            ("0.5", Some(1)),
            (".5Gi", Some(512 * MIB)),
            ("0", Some(0)),
            ("", None),
            (".", None),
            ("1.2.3", None),
            ("-1Mi", None),
            ("Mi", None),
            ("1K", None),
            ("1mi", None),
            ("1 Mi", None),
            ("99Ei", None),
            ("1e99", None),
            ("12\u{661}", None),
        ];
        for (text, expected) in table {
            assert_eq!(bytes(text), expected, "{text:?}");
        }
        for (text, expected) in [("250m", Some(250)), ("0.25", Some(250)), ("2", Some(2000)), ("x", None)] {
            assert_eq!(millis(text), expected, "{text:?}");
        }
        assert_eq!(mebibytes(1536), "1536Mi");
        assert_eq!(mebibytes(2048), "2Gi");
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(mib in 0_u64..1 << 30) {
            prop_assert_eq!(bytes(&mebibytes(mib)), Some(mib * MIB));
        }

        #[test]
        fn any_text_is_read_without_panic(text in "\\PC{0,40}") {
            let _ = bytes(&text);
        }
    }
}
