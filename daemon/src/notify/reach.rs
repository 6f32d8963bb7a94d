//! Which addresses a message may be sent to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far an endpoint may lie inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reach {
    /// Public addresses only.
    Public,
    /// `allow_private: true`: also RFC 1918, unique local, shared and loopback addresses. Never link-local or metadata.
    Private,
}

/// Why an address is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A cloud's metadata or platform service: it hands out credentials.
    Metadata,
    /// Link-local.
    LinkLocal,
    /// Not an address of one host: unspecified, multicast, broadcast, reserved.
    NoHost,
    /// Loopback without `allow_private`.
    Loopback,
    /// Private without `allow_private`.
    Private,
}

impl Refused {
    /// One clause, after "the address is".
    pub fn clause(self) -> &'static str {
        match self {
            Self::Metadata => "a cloud's metadata service",
            Self::LinkLocal => "link-local",
            Self::NoHost => "not the address of a host",
            Self::Loopback => "loopback, and `allow_private` is not set",
            Self::Private => "private, and `allow_private` is not set",
        }
    }
}

impl Reach {
    /// Whether an address may be connected to.
    ///
    /// # Errors
    /// [`Refused`] says why not.
    pub fn check(self, address: IpAddr) -> Result<(), Refused> {
        match (refusal(address), self) {
            (None, _) | (Some(Refused::Loopback | Refused::Private), Self::Private) => Ok(()),
            (Some(why), _) => Err(why),
        }
    }
}

fn refusal(address: IpAddr) -> Option<Refused> {
    match address {
        IpAddr::V4(v4) => refusal4(v4),
        IpAddr::V6(v6) => match inner4(v6) {
            Some(v4) => refusal4(v4),
            None => refusal6(v6),
        },
    }
}

fn refusal4(v4: Ipv4Addr) -> Option<Refused> {
    let [a, b, c, _] = v4.octets();
    // Alibaba Cloud, Oracle Cloud, Azure's platform; 169.254.169.254 of the others is link-local as well.
    let metadata = ["100.100.100.200", "192.0.0.192", "168.63.129.16", "169.254.169.254", "169.254.170.2"];
    if metadata.iter().any(|m| m.parse() == Ok(v4)) {
        return Some(Refused::Metadata);
    }
    if v4.is_link_local() {
        return Some(Refused::LinkLocal);
    }
    if a == 0 || a >= 224 || v4.is_documentation() {
        return Some(Refused::NoHost);
    }
    if v4.is_loopback() {
        return Some(Refused::Loopback);
    }
    let shared = a == 100 && (64..128).contains(&b);
    let benchmark = a == 198 && (18..20).contains(&b);
    let protocol = (a, b, c) == (192, 0, 0);
    (v4.is_private() || shared || benchmark || protocol).then_some(Refused::Private)
}

fn refusal6(v6: Ipv6Addr) -> Option<Refused> {
    // AWS and Google Cloud.
    if ["fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254"].iter().any(|m| m.parse() == Ok(v6)) {
        return Some(Refused::Metadata);
    }
    let [head, second, ..] = v6.segments();
    if v6.is_loopback() {
        return Some(Refused::Loopback);
    }
    if v6.is_unspecified() || v6.is_multicast() || (head, second) == (0x2001, 0x0db8) {
        return Some(Refused::NoHost);
    }
    if head & 0xffc0 == 0xfe80 {
        return Some(Refused::LinkLocal);
    }
    let unique_local = head & 0xfe00 == 0xfc00;
    let site_local = head & 0xffc0 == 0xfec0;
    (unique_local || site_local).then_some(Refused::Private)
}

/// The IPv4 address that an IPv6 address leads to: mapped, compatible, NAT64, 6to4.
fn inner4(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let of = |high: u16, low: u16| Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match v6.segments() {
        [0, 0, 0, 0, 0, 0, 0, _] => None,
        [0, 0, 0, 0, 0, 0xffff | 0, high, low] | [0x64, 0xff9b, .., high, low] | [0x2002, high, low, ..] => {
            of(high, low)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_lead_inside_are_refused_in_every_spelling() {
        use Refused::{LinkLocal, Loopback, Metadata, NoHost, Private};
        let table = [
            ("169.254.169.254", Some(Metadata)),
            ("169.254.170.2", Some(Metadata)),
            ("100.100.100.200", Some(Metadata)),
            ("168.63.129.16", Some(Metadata)),
            ("fd00:ec2::254", Some(Metadata)),
            ("::ffff:169.254.169.254", Some(Metadata)),
            ("64:ff9b::a9fe:a9fe", Some(Metadata)),
            ("2002:a9fe:a9fe::1", Some(Metadata)),
            ("169.254.0.1", Some(LinkLocal)),
            ("fe80::1", Some(LinkLocal)),
            ("0.0.0.0", Some(NoHost)),
            ("::", Some(NoHost)),
            ("0.1.2.3", Some(NoHost)),
            ("224.0.0.1", Some(NoHost)),
            ("255.255.255.255", Some(NoHost)),
            ("ff02::1", Some(NoHost)),
            ("127.0.0.1", Some(Loopback)),
            ("127.8.8.8", Some(Loopback)),
            ("::1", Some(Loopback)),
            ("::ffff:127.0.0.1", Some(Loopback)),
            ("::127.0.0.1", Some(Loopback)),
            ("10.0.0.1", Some(Private)),
            ("172.31.255.255", Some(Private)),
            ("192.168.1.1", Some(Private)),
            ("100.64.0.1", Some(Private)),
            ("198.18.0.1", Some(Private)),
            ("fd12::1", Some(Private)),
            ("::ffff:10.1.2.3", Some(Private)),
            ("8.8.8.8", None),
            ("172.32.0.1", None),
            ("2606:4700::1", None),
        ];
        for (text, why) in table {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(Reach::Public.check(address).err(), why, "{text}");
            let inside = why.filter(|w| !matches!(w, Loopback | Private));
            assert_eq!(Reach::Private.check(address).err(), inside, "{text} with allow_private");
        }
    }
}
