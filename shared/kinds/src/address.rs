//! Which addresses are out on the internet, for anybody to reach.
//!
//! Whatever stands in IANA's registries of special-purpose addresses is refused, be it marked as reachable or not: nobody
//! serves webhooks on an address that was set aside for something else.
//!
//! - <https://www.iana.org/assignments/iana-ipv4-special-registry>
//! - <https://www.iana.org/assignments/iana-ipv6-special-registry>
//! - <https://www.iana.org/assignments/ipv6-address-space>: all that is given out to be reached globally lies in 2000::/3

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(a: u16, b: u16, c: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix)
}

const SPECIAL_V4: [Ipv4Net; 20] = [
    v4(0, 0, 0, 0, 8),          // this network; 0.0.0.0 reaches the machine itself
    v4(10, 0, 0, 0, 8),         // private
    v4(100, 64, 0, 0, 10),      // carriers' own; a cloud's metadata (100.100.100.200)
    v4(127, 0, 0, 0, 8),        // loopback
    v4(168, 63, 129, 16, 32),   // not IANA's: a cloud's metadata, under an address that looks public
    v4(169, 254, 0, 0, 16),     // link-local; metadata of most clouds (169.254.169.254)
    v4(172, 16, 0, 0, 12),      // private
    v4(192, 0, 0, 0, 24),       // IETF protocols; a cloud's metadata (192.0.0.192)
    v4(192, 0, 2, 0, 24),       // documentation
    v4(192, 31, 196, 0, 24),    // AS112
    v4(192, 52, 193, 0, 24),    // automatic multicast tunnels
    v4(192, 88, 99, 0, 24),     // relays of 6to4, given up
    v4(192, 168, 0, 0, 16),     // private
    v4(192, 175, 48, 0, 24),    // AS112
    v4(198, 18, 0, 0, 15),      // benchmarks
    v4(198, 51, 100, 0, 24),    // documentation
    v4(203, 0, 113, 0, 24),     // documentation
    v4(224, 0, 0, 0, 4),        // multicast
    v4(240, 0, 0, 0, 4),        // reserved
    v4(255, 255, 255, 255, 32), // broadcast
];

const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 0, 3);

/// The special ones within [`GLOBAL_V6`]. Outside of it, and so refused without being named, are among others: loopback
/// and unspecified, IPv4-mapped (::ffff:0:0/96) and IPv4-compatible (::/96), NAT64 (64:ff9b::/96, 64:ff9b:1::/48), discard
/// (100::/64), segment routing (5f00::/16), unique-local with a cloud's metadata (fc00::/7, fd00:ec2::254), link-local
/// (fe80::/10), site-local (fec0::/10) and multicast (ff00::/8).
const SPECIAL_V6: [Ipv6Net; 5] = [
    v6(0x2001, 0, 0, 23),         // IETF protocols: Teredo, benchmarks, ORCHID and others
    v6(0x2001, 0xdb8, 0, 32),     // documentation
    v6(0x2002, 0, 0, 16),         // 6to4: an IPv4 address in disguise
    v6(0x2620, 0x4f, 0x8000, 48), // AS112
    v6(0x3fff, 0, 0, 20),         // documentation
];

/// Whether this is the address of one machine on the internet.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !SPECIAL_V4.iter().any(|special| special.contains(&address)),
        IpAddr::V6(address) => {
            GLOBAL_V6.contains(&address) && !SPECIAL_V6.iter().any(|special| special.contains(&address))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_first_and_the_last_of_what_is_special_are_refused_and_their_neighbours_are_not() {
        for (first, last) in [
            ("10.0.0.0", "10.255.255.255"),
            ("100.64.0.0", "100.127.255.255"),
            ("127.0.0.0", "127.255.255.255"),
            ("168.63.129.16", "168.63.129.16"),
            ("169.254.0.0", "169.254.255.255"),
            ("172.16.0.0", "172.31.255.255"),
            ("192.0.0.0", "192.0.0.255"),
            ("192.0.2.0", "192.0.2.255"),
            ("192.31.196.0", "192.31.196.255"),
            ("192.52.193.0", "192.52.193.255"),
            ("192.88.99.0", "192.88.99.255"),
            ("192.168.0.0", "192.168.255.255"),
            ("192.175.48.0", "192.175.48.255"),
            ("198.18.0.0", "198.19.255.255"),
            ("198.51.100.0", "198.51.100.255"),
            ("203.0.113.0", "203.0.113.255"),
        ] {
            let (IpAddr::V4(low), IpAddr::V4(high)) = (address(first), address(last)) else { panic!() };
            assert!(!is_public(low.into()) && !is_public(high.into()), "{first} to {last}");
            let (below, above) = (Ipv4Addr::from_bits(low.to_bits() - 1), Ipv4Addr::from_bits(high.to_bits() + 1));
            assert!(is_public(below.into()) && is_public(above.into()), "around {first} to {last}");
        }
        assert!(is_public(address("223.255.255.255")) && is_public(address("1.0.0.0")));
        for special in ["0.0.0.0", "0.255.255.255", "224.0.0.0", "239.255.255.255", "240.0.0.0", "255.255.255.255"] {
            assert!(!is_public(address(special)), "{special}");
        }
    }

    #[test]
    fn of_ipv6_only_what_is_given_out_to_be_reached_passes() {
        for public in ["2600:1f18::1", "2a00:1450:4007:80e::200e", "2001:200::1", "2001:db7::1", "2003::", "3ffe::"] {
            assert!(is_public(address(public)), "{public}");
        }
        for special in [
            "::",
            "::1",
            "::127.0.0.1",
            "::8.8.8.8",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:8.8.8.8",
            "::ffff:0:8.8.8.8",
            "64:ff9b::7f00:1",
            "64:ff9b::808:808",
            "64:ff9b:1::a9fe:a9fe",
            "100::1",
            "100:0:0:1::1",
            "1fff::1",
            "2001::1",
            "2001:0:7f00:1::",
            "2001:2::1",
            "2001:3::1",
            "2001:4:112::1",
            "2001:10::1",
            "2001:20::1",
            "2001:30::1",
            "2001:1ff:ffff::",
            "2001:db8::1",
            "2001:db8:ffff::1",
            "2002:7f00:1::1",
            "2002:808:808::1",
            "2620:4f:8000::1",
            "3fff::1",
            "3fff:fff::1",
            "4000::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "fdff::1",
            "fe80::1",
            "fe80::a9fe:a9fe",
            "febf::1",
            "fec0::1",
            "feff::1",
            "ff01::1",
            "ff02::1",
            "ff0e::1",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        ] {
            assert!(!is_public(address(special)), "{special}");
        }
    }

    proptest! {
        #[test]
        fn what_the_standard_library_knows_to_be_special_is_not_public(bits in any::<u128>(), short in any::<u32>()) {
            let v4 = Ipv4Addr::from_bits(short);
            let known = v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_broadcast()
                || v4.is_documentation() || v4.is_multicast() || v4.is_unspecified();
            prop_assert!(!known || !is_public(v4.into()));
            // As likely in each block of a sixteenth as anywhere.
            let v6 = Ipv6Addr::from_bits(bits);
            let known = v6.is_loopback() || v6.is_multicast() || v6.is_unique_local() || v6.is_unicast_link_local()
                || v6.is_unspecified() || v6.to_ipv4().is_some();
            prop_assert!(!known || !is_public(v6.into()));
            prop_assert!(!is_public(v4.to_ipv6_mapped().into()) && !is_public(v4.to_ipv6_compatible().into()));
        }
    }
}
