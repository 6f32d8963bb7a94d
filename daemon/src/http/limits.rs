//! How often one session and one address may come, in maps that cannot grow without end.

use nightshift_model::Timestamp;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Mutex;

/// Buckets kept at once; the one that was not used for longest makes room.
const KEPT: usize = 4096;
/// One token in millionths, so that whole numbers suffice.
const ONE: u64 = 1_000_000;

/// Token buckets by key: a burst, refilled at a steady pace.
#[derive(Debug)]
pub struct Buckets<K> {
    burst: u64,
    per_minute: u64,
    kept: Mutex<BTreeMap<K, Bucket>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: u64,
    at: Timestamp,
}

/// Whether a request goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    Go,
    /// Too many.
    Wait,
}

impl<K: Ord + Clone> Buckets<K> {
    /// Buckets of `burst` tokens that fill up by `per_minute`.
    pub fn new(burst: u64, per_minute: u64) -> Self {
        Self { burst, per_minute, kept: Mutex::default() }
    }

    /// Takes one token of a key.
    pub fn take(&self, key: &K, now: Timestamp) -> Verdict {
        let mut kept = self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if kept.len() >= KEPT && !kept.contains_key(key) {
            let oldest = kept.iter().min_by_key(|(_, bucket)| bucket.at).map(|(key, _)| key.clone());
            oldest.and_then(|key| kept.remove(&key));
        }
        let full = self.burst * ONE;
        let bucket = kept.entry(key.clone()).or_insert(Bucket { tokens: full, at: now });
        let micros = u64::try_from(now.micros().saturating_sub(bucket.at.micros())).unwrap_or(0);
        bucket.tokens = full.min(bucket.tokens.saturating_add(micros.saturating_mul(self.per_minute) / 60));
        bucket.at = now.max(bucket.at);
        match bucket.tokens.checked_sub(ONE) {
            Some(left) => {
                bucket.tokens = left;
                Verdict::Go
            }
            None => Verdict::Wait,
        }
    }
}

/// One address as far as one household goes: an IPv6 host has a whole /64.
pub fn household(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            let network = IpAddr::V6(std::net::Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0));
            v6.to_ipv4_mapped().map_or(network, IpAddr::V4)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nightshift_model::Seconds;

    #[test]
    fn a_burst_goes_through_then_the_pace() {
        let buckets = Buckets::new(3, 60);
        let start = Timestamp::from_second(1_800_000_000);
        let verdicts: Vec<_> = (0..4).map(|_| buckets.take(&1, start)).collect();
        assert_eq!(verdicts, [Verdict::Go, Verdict::Go, Verdict::Go, Verdict::Wait]);
        assert_eq!(buckets.take(&2, start), Verdict::Go, "another key has its own");
        assert_eq!(buckets.take(&1, start + Seconds(1)), Verdict::Go);
        assert_eq!(buckets.take(&1, start + Seconds(1)), Verdict::Wait);
        assert_eq!(buckets.take(&1, start), Verdict::Wait, "time that goes back fills nothing");
    }

    #[test]
    fn the_map_is_bounded() {
        let buckets = Buckets::new(1, 1);
        let start = Timestamp::from_second(1_800_000_000);
        for key in 0..KEPT as u64 + 50 {
            buckets.take(&key, start + Seconds(key));
        }
        assert_eq!(buckets.kept.lock().unwrap().len(), KEPT);
    }

    #[test]
    fn an_ipv6_host_cannot_come_from_many_addresses() {
        let one: IpAddr = "2001:db8:1:2:3::1".parse().unwrap();
        let two: IpAddr = "2001:db8:1:2:ffff::2".parse().unwrap();
        assert_eq!(household(one), household(two));
        assert_eq!(household("::ffff:10.0.0.1".parse().unwrap()), "10.0.0.1".parse::<IpAddr>().unwrap());
    }
}
