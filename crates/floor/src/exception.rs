//! Exceptions: who is let past a sunset, by whose word, why and until when.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use jiff::Timestamp;

use crate::Floor;
use crate::who::{Who, same_name};

/// Somebody who is served, as in the warn phase, whatever phase a sunset has reached. Of `account`, `address`
/// and `sni` at least one is set, and all that are set must fit.
#[derive(Clone, Debug)]
pub struct Exception {
    /// The index in the plan of the sunset that is held off.
    pub sunset: usize,
    /// The account it is for.
    pub account: Option<String>,
    /// The addresses it is for.
    pub address: Option<Cidr>,
    /// The server name it is for.
    pub sni: Option<String>,
    /// What the client must be able to do all the same.
    pub floor: Option<Floor>,
    /// When it ends, by itself: the first moment without it.
    pub until: Timestamp,
    /// Who answers for it.
    pub owner: String,
    /// Why it is needed.
    pub reason: String,
}

impl Exception {
    /// Whether address and server name fit.
    pub(crate) fn covers_place(&self, who: &Who<'_>) -> bool {
        let address = self
            .address
            .is_none_or(|range| who.address.is_some_and(|address| range.contains(address)));
        let sni = self
            .sni
            .as_deref()
            .is_none_or(|name| who.sni.is_some_and(|sni| same_name(sni, name)));
        address && sni
    }
}

/// A range of addresses in CIDR notation (RFC 4632 section 3.1, RFC 4291 section 2.3), or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    network: IpAddr,
    prefix: u8,
}

/// A text that is no range of addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCidr {
    /// Neither an address nor an address, a slash and a prefix length.
    #[error("`{0}` is not an address range such as 203.0.113.0/24 or 2001:db8::/32")]
    Form(String),
    /// The address has bits beyond the prefix.
    #[error("`{0}` has bits set beyond its prefix; the range it is in is {1}")]
    HostBits(String, Cidr),
}

impl Cidr {
    /// Its first address.
    pub const fn network(&self) -> IpAddr {
        self.network
    }

    /// The length of its prefix in bits.
    pub const fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Whether the address is in the range. An IPv4 address mapped into IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.network, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                (network.to_bits() ^ address.to_bits()) & mask_v4(self.prefix) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                (network.to_bits() ^ address.to_bits()) & mask_v6(self.prefix) == 0
            }
            _ => false,
        }
    }
}

fn mask_v4(prefix: u8) -> u32 {
    u32::MAX
        .checked_shl(32_u32.saturating_sub(prefix.into()))
        .unwrap_or(0)
}

fn mask_v6(prefix: u8) -> u128 {
    u128::MAX
        .checked_shl(128_u32.saturating_sub(prefix.into()))
        .unwrap_or(0)
}

impl FromStr for Cidr {
    type Err = InvalidCidr;

    fn from_str(text: &str) -> Result<Self, InvalidCidr> {
        let form = || InvalidCidr::Form(text.to_owned());
        let (address, prefix) = text
            .split_once('/')
            .map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| form())?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let prefix = prefix.map_or(Some(bits), |prefix| {
            prefix
                .parse()
                .ok()
                .filter(|&length| length <= bits && digits(prefix))
        });
        let prefix: u8 = prefix.ok_or_else(form)?;
        let network = match address {
            IpAddr::V4(address) => IpAddr::V4((address.to_bits() & mask_v4(prefix)).into()),
            IpAddr::V6(address) => IpAddr::V6((address.to_bits() & mask_v6(prefix)).into()),
        };
        let range = Self { network, prefix };
        if network == address {
            Ok(range)
        } else {
            Err(InvalidCidr::HostBits(text.to_owned(), range))
        }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_their_own_addresses_and_no_others() {
        for (range, inside, outside) in [
            ("203.0.113.0/24", "203.0.113.255", "203.0.114.0"),
            ("203.0.113.7", "203.0.113.7", "203.0.113.6"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("203.0.113.0/24", "::ffff:203.0.113.9", "2001:db8::"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::/0", "2001:db8::", "203.0.113.0"),
        ] {
            let cidr: Cidr = range.parse().unwrap();
            assert!(cidr.contains(inside.parse().unwrap()), "{range} {inside}");
            assert!(
                !cidr.contains(outside.parse().unwrap()),
                "{range} {outside}"
            );
        }
    }

    #[test]
    fn what_is_no_range_is_refused_with_the_remedy() {
        for text in [
            "",
            "203.0.113.0/33",
            "203.0.113.0/",
            "203.0.113.0/+8",
            "203.0.113/24",
            "example.com",
            "::/129",
        ] {
            assert_eq!(
                text.parse::<Cidr>(),
                Err(InvalidCidr::Form(text.to_owned()))
            );
        }
        let error = "203.0.113.7/24".parse::<Cidr>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`203.0.113.7/24` has bits set beyond its prefix; the range it is in is 203.0.113.0/24"
        );
    }
}
