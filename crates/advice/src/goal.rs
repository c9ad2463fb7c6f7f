//! What there can be advice for.

use std::fmt;

use floor::{Floor, Shortfall};
use hello::Version;
use hello::names::group_facts;

/// One thing a floor asks that a runtime can have or lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Goal {
    /// TLSv1.2; whoever needs less gets there with this too.
    Tls12,
    /// TLSv1.3.
    Tls13,
    /// A group that a quantum computer does not break: `X25519MLKEM768`.
    Pq,
}

impl Goal {
    /// All of them, the easiest first.
    pub const ALL: [Self; 3] = [Self::Tls12, Self::Tls13, Self::Pq];

    /// The goal that `version` comes to.
    pub fn of_version(version: Version) -> Self {
        if version > Version::TLSV1_2 {
            Self::Tls13
        } else {
            Self::Tls12
        }
    }

    /// The goals of a floor, the version first. Its cipher suites and classical groups are none: no release
    /// is known by those.
    pub fn of_floor(floor: &Floor) -> Vec<Self> {
        let mut goals = vec![Self::of_version(floor.min())];
        let pq = |group| group_facts(group).is_some_and(|facts| facts.post_quantum);
        if floor.limits_groups() && floor.groups().all(pq) {
            goals.push(Self::Pq);
        }
        goals
    }

    /// The goal that a shortfall comes to; `None` for cipher suites and classical groups.
    pub fn of_shortfall(shortfall: Shortfall) -> Option<Self> {
        match shortfall {
            Shortfall::Version { needed, .. } => Some(Self::of_version(needed)),
            Shortfall::Groups { needed } => group_facts(needed)
                .is_some_and(|facts| facts.post_quantum)
                .then_some(Self::Pq),
            Shortfall::Suites { .. } => None,
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Tls12 => "TLSv1.2",
            Self::Tls13 => "TLSv1.3",
            Self::Pq => "X25519MLKEM768",
        })
    }
}
