//! What is known of an offer where nobody saw the hello.
//!
//! # Format, version 2
//!
//! The sections of version 1, of which only the cipher suites and the groups hold anything, and after them
//! eleven bytes: one of flags (1: the suites are the whole list; 2: the groups are), then the version agreed,
//! the suite agreed, the group agreed, the server's latest version and the client's, two bytes each and zero
//! where they are not known.

use super::{Codes, FORMAT_PARTIAL, Offer, Section};
use crate::Version;
use crate::grease::is_grease;

/// What follows the sections.
pub(super) const TAIL: usize = 11;
const KNOWS_SUITES: u8 = 1;
const KNOWS_GROUPS: u8 = 2;

/// What a log, or anything else that does not keep hellos, shows of an offer. A floor can be met or missed by it for
/// certain, or it cannot be told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PartialOffer {
    /// The version that was agreed on, so one that the client speaks.
    pub agreed_version: Option<Version>,
    /// The cipher suite that was agreed on, so one that the client offers.
    pub agreed_suite: Option<u16>,
    /// The group that was agreed on, so one that the client offers.
    pub agreed_group: Option<u16>,
    /// The latest version that the server is known to speak. A server takes the latest that both speak (RFC 5246
    /// appendix E.1, RFC 8446 section 4.2.1), so a client that got an older one speaks nothing later.
    pub server_max: Option<Version>,
    /// The latest version that the client speaks, where that was seen.
    pub max_version: Option<Version>,
    /// All cipher suites that the client offers, in its order, where they were seen.
    pub suites: Option<Vec<u16>>,
    /// All groups that the client offers, in its order, where they were seen.
    pub groups: Option<Vec<u16>>,
}

impl PartialOffer {
    /// Whether nothing at all is known.
    pub fn is_empty(&self) -> bool {
        let known = Self {
            server_max: None,
            ..self.clone()
        };
        known == Self::default()
    }

    /// The latest version that the client is known to speak. Whoever lists a suite of TLS 1.3 speaks it: those suites
    /// are of no use to anything else (RFC 8446 appendix B.4).
    pub fn speaks_at_least(&self) -> Option<Version> {
        if self.max_version.is_some() {
            return self.max_version;
        }
        let by_suites = self
            .lists_tls13_suites()
            .is_some_and(|lists| lists)
            .then_some(Version::TLSV1_3);
        by_suites.max(self.agreed_version)
    }

    /// The latest version that it may speak as far as is known; never older than [`Self::speaks_at_least`].
    pub fn speaks_at_most(&self) -> Version {
        let latest = Version::TLSV1_3;
        let by_server = match (self.agreed_version, self.server_max) {
            (Some(agreed), Some(server)) if agreed < server => agreed,
            _ => latest,
        };
        let by_suites = match self.lists_tls13_suites() {
            Some(false) => Version::TLSV1_2,
            _ => latest,
        };
        let at_most = self.max_version.unwrap_or(by_server.min(by_suites));
        self.speaks_at_least()
            .map_or(at_most, |least| least.max(at_most))
    }

    fn lists_tls13_suites(&self) -> Option<bool> {
        const TLS13: std::ops::RangeInclusive<u16> = 0x1301..=0x1305;
        let suites = self.suites.as_ref()?;
        Some(suites.iter().any(|suite| TLS13.contains(suite)))
    }

    /// What the bytes of an offer hold; `None` where they are a whole offer.
    pub(super) fn of(offer: &Offer) -> Option<Self> {
        if !offer.is_partial() {
            return None;
        }
        let tail = offer.bytes.last_chunk::<TAIL>()?;
        let [flags, numbers @ ..] = tail;
        let [
            agreed_version,
            agreed_suite,
            agreed_group,
            server_max,
            max_version,
        ] = *numbers.as_chunks::<2>().0
        else {
            return None;
        };
        let number = |pair: [u8; 2]| Some(u16::from_be_bytes(pair)).filter(|number| *number != 0);
        let list = |flag: u8, codes: Codes<'_>| (flags & flag != 0).then(|| codes.collect());
        Some(Self {
            agreed_version: number(agreed_version).map(Version),
            agreed_suite: number(agreed_suite),
            agreed_group: number(agreed_group),
            server_max: number(server_max).map(Version),
            max_version: number(max_version).map(Version),
            suites: list(KNOWS_SUITES, offer.suites()),
            groups: list(KNOWS_GROUPS, offer.groups()),
        })
    }
}

impl From<&PartialOffer> for Offer {
    fn from(partial: &PartialOffer) -> Self {
        let mut bytes = vec![FORMAT_PARTIAL, 0, 0, 0];
        for section in super::SECTIONS {
            let codes = match section {
                Section::Suites => partial.suites.as_deref(),
                Section::Groups => partial.groups.as_deref(),
                _ => None,
            };
            let most = usize::from(u16::MAX) / 2;
            let codes = codes.unwrap_or_default().iter().copied();
            let codes: Vec<u16> = codes.filter(|code| !is_grease(*code)).take(most).collect();
            // At most 65,534 by the line above.
            let length = u16::try_from(codes.len() * 2).unwrap_or_default();
            bytes.extend(length.to_be_bytes());
            bytes.extend(codes.into_iter().flat_map(u16::to_be_bytes));
        }
        let flag = |known: bool, flag: u8| if known { flag } else { 0 };
        bytes.push(
            flag(partial.suites.is_some(), KNOWS_SUITES)
                | flag(partial.groups.is_some(), KNOWS_GROUPS),
        );
        for number in [
            partial.agreed_version.map(|version| version.0),
            partial.agreed_suite,
            partial.agreed_group,
            partial.server_max.map(|version| version.0),
            partial.max_version.map(|version| version.0),
        ] {
            bytes.extend(number.unwrap_or_default().to_be_bytes());
        }
        Self { bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_line() -> PartialOffer {
        PartialOffer {
            agreed_version: Some(Version::TLSV1),
            agreed_suite: Some(0xc013),
            server_max: Some(Version::TLSV1_3),
            ..PartialOffer::default()
        }
    }

    #[test]
    fn what_goes_in_comes_out_and_through_storage() {
        let whole_lists = PartialOffer {
            suites: Some(vec![0xc02f, 0x0a0a, 0x002f]),
            groups: Some(Vec::new()),
            ..log_line()
        };
        let without_grease = PartialOffer {
            suites: Some(vec![0xc02f, 0x002f]),
            ..whole_lists.clone()
        };
        for (partial, expected) in [
            (PartialOffer::default(), PartialOffer::default()),
            (log_line(), log_line()),
            (whole_lists, without_grease),
        ] {
            let offer = Offer::from(&partial);
            assert_eq!(offer.partial(), Some(expected));
            let stored = Offer::from_bytes(offer.as_bytes()).expect("our own bytes");
            assert_eq!(stored, offer);
            assert_eq!(stored.id(), offer.id());
        }
    }

    #[test]
    fn every_part_tells_offers_apart_and_cut_bytes_are_none() {
        let one = Offer::from(&log_line());
        let other = Offer::from(&PartialOffer {
            server_max: None,
            ..log_line()
        });
        assert_ne!(one.id(), other.id());
        for length in 0..one.as_bytes().len() {
            assert!(Offer::from_bytes(&one.as_bytes()[..length]).is_err());
        }
        let longer = [one.as_bytes(), &[0]].concat();
        assert!(Offer::from_bytes(&longer).is_err());
    }

    #[test]
    fn what_a_client_speaks_follows_from_what_was_seen() {
        let least_and_most = |partial: PartialOffer| {
            let text = |version: Version| version.to_string();
            (
                partial.speaks_at_least().map(text),
                text(partial.speaks_at_most()),
            )
        };
        let expect = |least: &str, most: &str| (Some(least.to_owned()), most.to_owned());
        assert_eq!(least_and_most(log_line()), expect("TLSv1", "TLSv1"));
        let alone = PartialOffer {
            server_max: None,
            ..log_line()
        };
        assert_eq!(least_and_most(alone.clone()), expect("TLSv1", "TLSv1.3"));
        let old_list = PartialOffer {
            suites: Some(vec![0xc013, 0x002f]),
            ..alone
        };
        assert_eq!(least_and_most(old_list), expect("TLSv1", "TLSv1.2"));
        let new_list = PartialOffer {
            suites: Some(vec![0x1301, 0x002f]),
            ..log_line()
        };
        assert_eq!(least_and_most(new_list), expect("TLSv1.3", "TLSv1.3"));
        let same_as_server = PartialOffer {
            server_max: Some(Version::TLSV1),
            ..log_line()
        };
        assert_eq!(least_and_most(same_as_server), expect("TLSv1", "TLSv1.3"));
    }
}
