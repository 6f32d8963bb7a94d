//! Logs as a cluster's programs write them, always the same ones for a seed, with secrets planted in them.

use super::secrets;

/// What must not be touched, and looks as if: keywords without a secret.
const ORDINARY: &str = include_str!("../../../daemon/engine/testdata/evidence/redact/ordinary.txt");

/// One line of so many is of those.
const ORDINARY_OF: u64 = 50;
/// One line of so many holds a secret.
const PLANTED_OF: u64 = 500;

/// Numbers that look random and are the same every time (splitmix64).
pub struct Chance(u64);

impl Chance {
    /// Begins anew.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Below a number.
    pub fn below(&mut self, most: u64) -> u64 {
        self.next() % most.max(1)
    }

    /// One of several.
    pub fn of<T: Copy + Default>(&mut self, all: &[T]) -> T {
        let place = usize::try_from(self.below(u64::try_from(all.len()).unwrap_or(1))).unwrap_or_default();
        all.get(place).copied().unwrap_or_default()
    }
}

/// Logs, and the secrets in them.
pub struct Logs {
    /// The text.
    pub text: String,
    /// Where each secret's line begins, its kind, and it.
    pub planted: Vec<(usize, &'static str, String)>,
}

/// So many bytes of logs, or a line more.
pub fn make(bytes: usize, seed: u64) -> Logs {
    let mut chance = Chance::new(seed);
    let ordinary: Vec<&str> = ORDINARY.lines().filter(|line| !line.is_empty()).collect();
    let mut logs = Logs { text: String::with_capacity(bytes + 4_096), planted: Vec::new() };
    while logs.text.len() < bytes {
        if chance.below(PLANTED_OF) == 0 {
            let kind = logs.planted.len() % secrets::KINDS.len();
            let (line, secret) = secrets::line(kind, &mut chance);
            let name = secrets::KINDS.get(kind).map_or("", |(name, _)| name);
            logs.planted.push((logs.text.len(), name, secret));
            logs.text.push_str(&line);
        } else if chance.below(ORDINARY_OF) == 0 {
            logs.text.push_str(chance.of(&ordinary));
        } else {
            logs.text.push_str(&usual(&mut chance));
        }
        logs.text.push('\n');
    }
    logs
}

/// What most lines look like.
fn usual(chance: &mut Chance) -> String {
    const PATHS: [&str; 5] =
        ["/api/v1/cart", "/api/v1/items/search", "/healthz/ready", "/checkout", "/metrics"];
    const CODES: [&str; 5] = ["200", "200", "204", "404", "503"];
    let (a, b, c) = (chance.below(60), chance.below(1_000), chance.below(1 << 48));
    let (path, code) = (chance.of(&PATHS), chance.of(&CODES));
    match chance.below(8) {
        0 => format!(
            "10.1.{a}.{} - - [01/Mar/2026:02:{a:02}:{a:02} +0000] \"GET {path}?page={b} HTTP/1.1\" {code} {c} \"-\" \"kube-probe/1.35\"",
            b % 250
        ),
        1 => format!(
            "{{\"level\":\"info\",\"ts\":\"2026-03-01T02:{a:02}:00.{b:03}Z\",\"logger\":\"http\",\"msg\":\"request served\",\"path\":\"{path}\",\"status\":{code},\"took_ms\":{b},\"trace_id\":\"{c:032x}\"}}"
        ),
        2 => format!(
            "I0301 02:{a:02}:12.{b:06}       1 reconciler.go:{b}] \"Reconciled\" object=\"team-{a:03}/checkout-service-{b:04}\" resourceVersion=\"{c}\" took=\"{b}ms\""
        ),
        3 => format!(
            "2026-03-01 02:{a:02}:00,{b:03} INFO  [http-nio-8080-exec-{a}] com.example.shop.cart.CartController - cart {c} has {a} items, total {b}.00 EUR"
        ),
        4 => format!(
            "\tat com.example.shop.inventory.StockRepository.lambda$reserve${a}(StockRepository.java:{b})"
        ),
        5 => format!(
            "  File \"/app/shop/worker.py\", line {b}, in handle\n    raise TimeoutError(f\"order {c} was not confirmed within {a} s\")"
        ),
        6 => format!(
            "time=2026-03-01T02:{a:02}:00.{b:03}Z level=WARN msg=\"upstream is slow\" upstream=payments.shop.svc:8080 path={path} took={b}ms attempt={}",
            a % 4
        ),
        _ => format!(
            "[2026-03-01T02:{a:02}:00.{b:03}Z] \"POST {path} HTTP/2\" {code} - via_upstream - \"-\" {b} {c} {a} {a} \"-\" \"okhttp/4.12\" \"{c:08x}-{b:04x}-4{a:03x}-8000-{c:012x}\" \"shop.example\""
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_logs_every_time_with_every_kind_in_them() {
        let (one, other) = (make(3_000_000, 5), make(3_000_000, 5));
        assert!(one.text == other.text && make(3_000_000, 6).text != one.text);
        assert!(one.planted.len() > 30, "{}", one.planted.len());
        for (from, kind, secret) in &one.planted {
            let line = one.text[*from..].lines().next().unwrap();
            assert!(line.contains(secret.as_str()), "{kind}: {line}");
        }
    }
}
