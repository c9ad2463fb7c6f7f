//! Judging an offer of which only a part is known: by the least and by the most that it can be.

use hello::names;
use hello::{PartialOffer, Version};

use crate::floor::Floor;
use crate::suites::{
    GROUP_EC, GROUP_FF, GROUP_TLS13, LISTS_FF, OLD_EC, OLD_FF, TLS12_EC, TLS12_FF, TLS13,
    suite_marks, suites_in,
};
use crate::verdict::Verdict;

/// What an offer may be, as the marks of its versions, suites and groups.
#[derive(Clone, Copy)]
struct Completed {
    speaks: u8,
    suites: u8,
    groups: u8,
    lists_groups: bool,
}

const ANY_GROUP: u8 = GROUP_TLS13 | GROUP_EC | GROUP_FF;

impl Floor {
    /// Meets where the least that the client offers does, misses where the most that it can offer does.
    pub(crate) fn judge_partial(&self, partial: &PartialOffer) -> Verdict {
        let most = self.most(partial);
        if self.suffices(self.least(partial)) {
            Verdict::default()
        } else if self.suffices(most) {
            Verdict {
                unknown: true,
                ..Verdict::default()
            }
        } else {
            let offered = partial.speaks_at_most();
            self.shortfalls(offered, most.speaks, most.suites, most.groups)
        }
    }

    fn suffices(&self, completed: Completed) -> bool {
        let Completed {
            speaks,
            suites,
            groups,
            lists_groups,
        } = completed;
        (suites & speaks & TLS13 != 0 && groups & GROUP_TLS13 != 0)
            || self.usable_before_tls13(suites & speaks, groups, lists_groups)
    }

    /// Only what was seen: the versions, the suite and the group that were agreed on, and the lists that are whole.
    fn least(&self, partial: &PartialOffer) -> Completed {
        let spoken = [partial.agreed_version, partial.speaks_at_least()];
        let speaks = spoken
            .into_iter()
            .flatten()
            .filter(|version| *version >= self.min)
            .fold(0, |marks, version| marks | suites_in(version));
        let suites = match (&partial.suites, partial.agreed_suite) {
            (Some(list), _) => self.suite_marks_of(list),
            (None, Some(suite)) => self.suites.get(suite),
            // Whatever was agreed on is a suite of that version.
            (None, None) if !self.limits_suites => speaks,
            (None, None) => 0,
        };
        let groups = match (&partial.groups, partial.agreed_group) {
            (Some(list), _) => self.group_marks_of(list),
            (None, Some(group)) => self.groups.get(group),
            // Whatever was agreed on had the group that it needs, whichever that was.
            (None, None) if self.limits_groups => 0,
            (None, None) => match (partial.agreed_suite, &partial.suites) {
                (Some(suite), _) => groups_behind(suite),
                (None, None) => ANY_GROUP,
                (None, Some(_)) => 0,
            },
        };
        Completed {
            speaks,
            suites,
            groups,
            lists_groups: partial
                .groups
                .as_ref()
                .is_none_or(|groups| !groups.is_empty()),
        }
    }

    /// All that it can be by what was seen.
    fn most(&self, partial: &PartialOffer) -> Completed {
        let latest = partial.speaks_at_most();
        let speaks = Version::KNOWN
            .into_iter()
            .filter(|&version| version >= self.min && version <= latest)
            .fold(0, |marks, version| marks | suites_in(version));
        Completed {
            speaks,
            suites: partial
                .suites
                .as_ref()
                .map_or(self.all_suites, |list| self.suite_marks_of(list)),
            groups: partial
                .groups
                .as_ref()
                .map_or(self.all_groups, |list| self.group_marks_of(list)),
            lists_groups: partial
                .groups
                .as_ref()
                .is_some_and(|groups| !groups.is_empty()),
        }
    }

    fn suite_marks_of(&self, suites: &[u16]) -> u8 {
        let marks = suites.iter().map(|suite| self.suites.get(*suite));
        marks.fold(0, |all, marks| all | marks)
    }

    fn group_marks_of(&self, groups: &[u16]) -> u8 {
        let marks = groups.iter().map(|group| self.groups.get(*group));
        marks.fold(0, |all, marks| all | marks)
    }

    /// The marks of every group that the floor allows, for an offer whose groups nobody saw: it need not name a
    /// finite-field group that binds the server to those it names.
    pub(crate) fn marks_of_any_group(groups: &crate::codes::Marks) -> u8 {
        groups
            .with(ANY_GROUP)
            .fold(0, |all, group| all | groups.get(group))
            & !LISTS_FF
    }
}

/// The marks of the group that a handshake with this suite used.
fn groups_behind(suite: u16) -> u8 {
    let marks = names::suite_facts(suite).map_or(0, |facts| suite_marks(&facts));
    let behind = [
        (TLS13, GROUP_TLS13),
        (TLS12_EC | OLD_EC, GROUP_EC),
        (TLS12_FF | OLD_FF, GROUP_FF),
    ];
    let groups = behind
        .into_iter()
        .filter(|(used_by, _)| marks & used_by != 0);
    groups.fold(0, |all, (_, group)| all | group)
}
