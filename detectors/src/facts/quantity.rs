//! Quantities of Kubernetes: `100m`, `0.5`, `128Mi`, `129e6`.

/// In thousandths of the unit: cores as millicores. `None` for text that is no quantity.
pub fn milli(text: &str) -> Option<u64> {
    scaled(text, 1_000)
}

/// In whole units: bytes, pods. A fraction counts as a whole one.
pub fn units(text: &str) -> Option<u64> {
    scaled(text, 1)
}

/// `text` times `by`, rounded up.
fn scaled(text: &str, by: u64) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let digits = format!("{whole}{fraction}");
    let mut value: u128 = digits.parse().ok()?;
    let mut over = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let factor: u128 = match suffix {
        "" => 1,
        "m" | "u" | "n" => {
            over = over.checked_mul(match suffix {
                "m" => 1_000,
                "u" => 1_000_000,
                _ => 1_000_000_000,
            })?;
            1
        }
        "k" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        "P" => 1_000_000_000_000_000,
        "E" => 1_000_000_000_000_000_000,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "Ti" => 1 << 40,
        "Pi" => 1 << 50,
        "Ei" => 1 << 60,
        other => {
            let exponent: u32 = other.strip_prefix(['e', 'E'])?.parse().ok()?;
            10_u128.checked_pow(exponent)?
        }
    };
    value = value.checked_mul(factor)?.checked_mul(u128::from(by))?;
    u64::try_from(value.div_ceil(over)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_as_the_api_server_reads_them() {
        let table = [
            ("1", Some(1_000)),
            ("100m", Some(100)),
            ("0.5", Some(500)),
            (".5", Some(500)),
            ("1.5", Some(1_500)),
            ("2k", Some(2_000_000)),
            ("100u", Some(1)),
            ("3e2", Some(300_000)),
            ("1Ki", Some(1_024_000)),
            ("", None),
            ("m", None),
            ("1x", None),
            ("-1", None),
            ("1.2.3", None),
            ("99999999999999999999999999999999999999999", None),
        ];
        for (text, expected) in table {
            assert_eq!(milli(text), expected, "{text}");
        }
        assert_eq!(units("128Mi"), Some(128 << 20));
        assert_eq!(units("129e6"), Some(129_000_000));
        assert_eq!(units("1500m"), Some(2));
    }
}
