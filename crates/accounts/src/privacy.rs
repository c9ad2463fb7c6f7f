//! How much of an address is kept.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::Deserialize;

/// `[privacy]`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Privacy {
    /// How much of a client's address is kept. Default `"whole"`. A restart leaves only that much to attribute clients
    /// by that are refused: with `"truncated"` every account that was seen in the network with the same offer is a
    /// candidate, and decides nothing; with `"none"` there are none.
    #[serde(default)]
    pub addresses: Addresses,
}

/// How much of a client's address is kept in what is written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Addresses {
    /// All of it.
    #[default]
    Whole,
    /// The /24 of an IPv4 address, the /48 of an IPv6 address.
    Truncated,
    /// Nothing.
    None,
}

/// What of `address` may be written down.
pub fn kept(address: IpAddr, setting: Addresses) -> Option<IpAddr> {
    let address = address.to_canonical();
    match (setting, address) {
        (Addresses::Whole, address) => Some(address),
        (Addresses::Truncated, IpAddr::V4(address)) => {
            Some(Ipv4Addr::from(u32::from(address) & 0xffff_ff00).into())
        }
        (Addresses::Truncated, IpAddr::V6(address)) => {
            Some(Ipv6Addr::from(u128::from(address) >> 80 << 80).into())
        }
        (Addresses::None, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_decides_what_is_left() {
        let kept = |address: &str, setting| {
            kept(address.parse().unwrap(), setting).map(|address| address.to_string())
        };
        assert_eq!(
            kept("192.0.2.77", Addresses::Whole).as_deref(),
            Some("192.0.2.77")
        );
        assert_eq!(
            kept("192.0.2.77", Addresses::Truncated).as_deref(),
            Some("192.0.2.0")
        );
        assert_eq!(
            kept("::ffff:192.0.2.77", Addresses::Truncated).as_deref(),
            Some("192.0.2.0"),
            "a mapped address is an IPv4 address"
        );
        assert_eq!(
            kept("2001:db8:1:2:3::4", Addresses::Truncated).as_deref(),
            Some("2001:db8:1::")
        );
        assert_eq!(kept("192.0.2.77", Addresses::None), None);
    }
}
