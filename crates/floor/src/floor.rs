//! A floor, and how an offer is judged by it.

use hello::names::{GroupFacts, SuiteFacts};
use hello::{Offer, Version};

use crate::codes::Marks;
use crate::suites::{
    FFDHE2048, GROUP_EC, GROUP_FF, GROUP_TLS13, LISTS_FF, OLD, OLD_BARE, OLD_EC, OLD_FF, SECP256R1,
    TLS12, TLS12_BARE, TLS12_EC, TLS12_FF, TLS13, all_groups, all_suites, group_marks, suite_marks,
    suites_in,
};
use crate::verdict::{Shortfall, Verdict};

/// The least a client must be able to do: a minimum version, allowed cipher suites, allowed groups.
///
/// An offer meets a floor when there is a version, no older than the minimum, that the client speaks and for
/// which it offers an allowed suite *of that version* and, where that suite or the floor asks for a group, an
/// allowed group. `Display` prints the whole policy as text.
#[derive(Clone, Debug)]
pub struct Floor {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) min: Version,
    /// Where each allowed suite counts.
    pub(crate) suites: Marks,
    /// Whether the floor chooses among suites, or takes any that its versions can use.
    pub(crate) limits_suites: bool,
    /// Where each allowed group counts; of the others, whether they are finite-field groups.
    pub(crate) groups: Marks,
    /// Whether the floor asks for a group of its own.
    pub(crate) limits_groups: bool,
    /// Where the rules come from, a line each.
    pub(crate) sources: Vec<String>,
    example_suite: u16,
    example_group: u16,
    /// The marks of all suites and of all groups together.
    pub(crate) all_suites: u8,
    pub(crate) all_groups: u8,
}

/// What a floor is made of.
pub(crate) struct Rules<S, G> {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) min: Version,
    /// Which suites are allowed; `None` for any.
    pub(crate) suites: Option<S>,
    /// Which groups are allowed; `None` for any.
    pub(crate) groups: Option<G>,
    pub(crate) sources: Vec<String>,
}

/// What most clients will have once they are updated; the examples in a shortfall come from here when the
/// floor allows it. ECDHE-RSA-AES128-GCM-SHA256, ECDHE-ECDSA-AES128-GCM-SHA256, TLS_AES_128_GCM_SHA256.
const COMMON_SUITES: [u16; 3] = [0xc02f, 0xc02b, 0x1301];
/// x25519, secp256r1, X25519MLKEM768.
const COMMON_GROUPS: [u16; 3] = [0x001d, SECP256R1, 0x11ec];

impl Floor {
    pub(crate) fn new<S, G>(rules: Rules<S, G>) -> Self
    where
        S: Fn(u16, &SuiteFacts) -> bool,
        G: Fn(u16, &GroupFacts) -> bool,
    {
        let Rules {
            name,
            title,
            min,
            suites,
            groups,
            sources,
        } = rules;
        let (limits_suites, limits_groups) = (suites.is_some(), groups.is_some());
        // What no version from the minimum on can use is not part of the floor.
        let counts = Version::KNOWN
            .into_iter()
            .filter(|&version| version >= min)
            .fold(0, |marks, version| marks | suites_in(version));
        let suites: Marks = all_suites()
            .filter(|(code, facts)| suites.as_ref().is_none_or(|allowed| allowed(*code, facts)))
            .map(|(code, facts)| (code, suite_marks(&facts) & counts))
            .collect();
        let groups: Marks = all_groups()
            .map(|(code, facts)| {
                let marks = group_marks(code, facts);
                let allowed = groups.as_ref().is_none_or(|allowed| allowed(code, &facts));
                (code, if allowed { marks } else { marks & LISTS_FF })
            })
            .collect();
        let common = |codes: [u16; 3], marks: &Marks, any: u8| {
            codes
                .into_iter()
                .find(|&code| marks.get(code) & any != 0)
                .or_else(|| marks.with(any).next())
                .unwrap_or_default()
        };
        Self {
            all_suites: suites
                .with(u8::MAX)
                .fold(0, |marks, suite| marks | suites.get(suite)),
            all_groups: Self::marks_of_any_group(&groups),
            example_suite: common(COMMON_SUITES, &suites, u8::MAX),
            example_group: common(COMMON_GROUPS, &groups, GROUP_TLS13 | GROUP_EC | GROUP_FF),
            name,
            title,
            min,
            suites,
            limits_suites,
            groups,
            limits_groups,
            sources,
        }
    }

    /// The name: one of [`Floor::NAMES`], or a summary of an inline table.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it asks for, in a line.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The earliest version allowed.
    pub const fn min(&self) -> Version {
        self.min
    }

    /// Whether a client must offer certain suites, rather than any that an allowed version can use.
    pub const fn limits_suites(&self) -> bool {
        self.limits_suites
    }

    /// Whether a client must offer certain groups.
    pub const fn limits_groups(&self) -> bool {
        self.limits_groups
    }

    /// The allowed suites, in order of code point.
    pub fn suites(&self) -> impl Iterator<Item = u16> {
        self.suites.with(u8::MAX)
    }

    /// The allowed groups, in order of code point.
    pub fn groups(&self) -> impl Iterator<Item = u16> {
        self.groups.with(GROUP_TLS13 | GROUP_EC | GROUP_FF)
    }

    /// Judges what a client offers. What is only a part of an offer may leave it open ([`Verdict::cannot_tell`]).
    pub fn judge(&self, offer: &Offer) -> Verdict {
        if let Some(partial) = offer.partial() {
            return self.judge_partial(&partial);
        }
        let speaks = self.versions(offer);
        let suites = offer
            .suites()
            .fold(0, |marks, suite| marks | self.suites.get(suite));
        let mut listed = offer.groups();
        let lists_groups = listed.len() > 0;
        let groups = listed
            .by_ref()
            .fold(0, |marks, group| marks | self.groups.get(group));

        if suites & speaks & TLS13 != 0 && groups & GROUP_TLS13 != 0 {
            let has_share = offer
                .key_shares()
                .any(|group| self.groups.get(group) & GROUP_TLS13 != 0);
            return Verdict {
                needs_retry: !has_share,
                ..Verdict::default()
            };
        }
        if self.usable_before_tls13(suites & speaks, groups, lists_groups) {
            return Verdict::default();
        }
        self.shortfalls(offer.max_version(), speaks, suites, groups)
    }

    /// Judges what was negotiated: all a client saw of a server, or a log line tells of a connection.
    ///
    /// `group` is `None` where no group was used or none is known; a floor that asks for one is then missed.
    pub fn judge_negotiated(&self, version: Version, suite: u16, group: Option<u16>) -> Verdict {
        let allowed =
            |group: u16| self.groups.get(group) & (GROUP_TLS13 | GROUP_EC | GROUP_FF) != 0;
        Verdict {
            version: (version < self.min).then_some(Shortfall::Version {
                offered: version,
                needed: self.min,
            }),
            suites: (self.limits_suites
                && self.suites.get(suite) & suites_in(version.max(self.min)) == 0)
                .then_some(self.no_suites()),
            groups: (self.limits_groups && !group.is_some_and(allowed)).then_some(self.no_groups()),
            before_tls: version <= Version::SSLV3,
            ..Verdict::default()
        }
    }

    /// The marks of the suites that count in the versions that are both spoken and allowed.
    fn versions(&self, offer: &Offer) -> u8 {
        let spoken = Version::KNOWN
            .into_iter()
            .rev()
            .take_while(|&version| version >= self.min);
        spoken
            .filter(|&version| offer.speaks(version))
            .fold(0, |marks, version| marks | suites_in(version))
    }

    /// Whether a handshake older than TLS 1.3 can be made of these suites and groups.
    pub(crate) fn usable_before_tls13(&self, suites: u8, groups: u8, lists_groups: bool) -> bool {
        // A client that names no curve leaves the choice to the server (RFC 4492 section 4).
        let curve =
            groups & GROUP_EC != 0 || (!lists_groups && self.groups.get(SECP256R1) & GROUP_EC != 0);
        // One that names no finite-field group leaves the parameters to the server (RFC 7919 section 4).
        let field = groups & GROUP_FF != 0
            || (groups & LISTS_FF == 0 && self.groups.get(FFDHE2048) & GROUP_FF != 0);
        (suites & (TLS12_EC | OLD_EC) != 0 && curve)
            || (suites & (TLS12_FF | OLD_FF) != 0 && field)
            || (suites & (TLS12_BARE | OLD_BARE) != 0 && !self.limits_groups)
    }

    /// What is lacking. A client too old for the floor is not told of suites and groups that any newer
    /// version brings along, only of those that the floor chooses.
    pub(crate) fn shortfalls(
        &self,
        offered: Version,
        speaks: u8,
        suites: u8,
        groups: u8,
    ) -> Verdict {
        let too_old = speaks == 0;
        let no_suites = if too_old {
            self.limits_suites && suites == 0
        } else {
            suites & speaks == 0
        };
        let any_group = groups & (GROUP_TLS13 | GROUP_EC | GROUP_FF) != 0;
        let no_groups = if too_old || no_suites {
            self.limits_groups && !any_group
        } else {
            true
        };
        Verdict {
            version: too_old.then_some(Shortfall::Version {
                offered,
                needed: self.min,
            }),
            suites: no_suites.then_some(self.no_suites()),
            groups: no_groups.then_some(self.no_groups()),
            before_tls: offered <= Version::SSLV3,
            ..Verdict::default()
        }
    }

    const fn no_suites(&self) -> Shortfall {
        Shortfall::Suites {
            needed: self.example_suite,
        }
    }

    const fn no_groups(&self) -> Shortfall {
        Shortfall::Groups {
            needed: self.example_group,
        }
    }

    /// The allowed suites of these versions, for printing.
    pub(crate) fn suites_of(&self, version: Version) -> impl Iterator<Item = u16> {
        self.suites.with(if version >= self.min {
            suites_in(version)
        } else {
            0
        })
    }

    /// Whether a version before TLS 1.2 is allowed.
    pub(crate) fn allows_old(&self) -> bool {
        self.min < Version::TLSV1_2 && self.suites.with(OLD).next().is_some()
    }

    /// Whether TLS 1.2 is allowed.
    pub(crate) fn allows_tls12(&self) -> bool {
        self.min <= Version::TLSV1_2 && self.suites.with(TLS12).next().is_some()
    }
}
