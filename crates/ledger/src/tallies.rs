//! Counts by label, for metrics and the guard. Every label comes from a fixed table: nothing a client sends can make
//! one up.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use floor::Phase;
use hello::Version;
use hello::names::{group, group_by_name};

use crate::{Account, Entry, Outcome, Visitor};

/// The versions that are counted, and one place for everything else.
pub(crate) const VERSIONS: usize = Version::KNOWN.len() + 1;
/// No sunset that the client misses has begun, and then each phase.
const PHASES: usize = Phase::ALL.len() + 1;
/// Whether a client misses a sunset that has begun.
const VERDICTS: [&str; 2] = ["meets", "misses"];
/// The groups that an edge can agree on: x25519, secp256r1, secp384r1, secp521r1 and the hybrids with ML-KEM.
const GROUPS: [u16; 7] = [0x001d, 0x0017, 0x0018, 0x0019, 0x11ec, 0x11eb, 0x11ed];
/// Those, any other, and none at all.
const GROUP_PLACES: usize = GROUPS.len() + 2;
/// How a connection was attributed.
const ATTRIBUTIONS: [&str; 4] = ["known", "inferred", "candidates", "none"];

/// Running counts since the start, by label.
#[derive(Debug, Default)]
pub(crate) struct Tallies {
    hellos: [[[AtomicU64; VERSIONS]; VERDICTS.len()]; PHASES],
    handshakes: [[AtomicU64; GROUP_PLACES]; VERSIONS],
    attributions: [AtomicU64; ATTRIBUTIONS.len()],
    visitors: [AtomicU64; Visitor::ALL.len()],
    previews: AtomicU64,
    asked: AtomicU64,
    turned_away: AtomicU64,
}

/// A count and the labels it is for, in the order of the question.
pub type Tally<const N: usize> = ([&'static str; N], u64);

/// What customers asked for, and how much of it was turned away: what a guard looks at. Preview names are left out,
/// and so is whoever is no customer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// API requests, connections that were passed through unread, and connections that were refused: each would have
    /// been a request at least.
    pub asked: u64,
    /// Requests that were explained to, and connections that were refused.
    pub turned_away: u64,
}

impl Tallies {
    pub(crate) fn add(&self, entry: &Entry) {
        let sighting = &entry.sighting;
        let judged = sighting.judged.as_ref();
        let is_preview = judged.is_some_and(|judged| judged.preview);
        let refused = matches!(sighting.outcome, Outcome::Refused { .. }) && entry.is_last;
        if sighting.visitor == Visitor::Customer && !is_preview {
            let requests = &entry.requests;
            let turned_away = requests.explained + u64::from(refused);
            // What is passed through carries requests that nobody here sees: one at least.
            let passed = matches!(sighting.outcome, Outcome::Passed) && entry.is_last;
            let asked = requests.served + requests.warned + turned_away + u64::from(passed);
            self.asked.fetch_add(asked, Relaxed);
            self.turned_away.fetch_add(turned_away, Relaxed);
        }
        if !entry.is_last {
            return;
        }
        if let (Some(judged), Some(offered)) = (judged, sighting.offered) {
            if is_preview {
                self.previews.fetch_add(1, Relaxed);
            } else {
                let phase = judged.phase.filter(|_| judged.sunset.is_some());
                let verdict = usize::from(judged.sunset.is_some());
                let place = self
                    .hellos
                    .get(phase_place(phase))
                    .and_then(|verdicts| verdicts.get(verdict)?.get(version_place(offered)));
                one_more(place);
            }
        }
        if let Some(negotiated) = &sighting.negotiated {
            let place = self
                .handshakes
                .get(version_place(negotiated.version))
                .and_then(|groups| groups.get(group_place(negotiated.group)));
            one_more(place);
        }
        one_more(
            self.attributions
                .get(attribution(sighting.account.as_ref())),
        );
        let visitor = Visitor::ALL
            .iter()
            .position(|visitor| *visitor == sighting.visitor);
        one_more(visitor.and_then(|visitor| self.visitors.get(visitor)));
    }

    /// Hellos by phase, verdict and highest version offered; only what occurred. Preview names apart.
    pub(crate) fn hellos(&self) -> Vec<Tally<3>> {
        let phases = ["none"]
            .into_iter()
            .chain(Phase::ALL.iter().map(|phase| phase.name()));
        let mut all = Vec::new();
        for (phase, verdicts) in phases.zip(&self.hellos) {
            for (verdict, versions) in VERDICTS.into_iter().zip(verdicts) {
                for (version, count) in version_names().zip(versions) {
                    all.push(([phase, verdict, version], count.load(Relaxed)));
                }
            }
        }
        occurred(all)
    }

    /// Handshakes by version and group; only what occurred.
    pub(crate) fn handshakes(&self) -> Vec<Tally<2>> {
        let mut all = Vec::new();
        for (version, groups) in version_names().zip(&self.handshakes) {
            for (group, count) in group_names().zip(groups) {
                all.push(([version, group], count.load(Relaxed)));
            }
        }
        occurred(all)
    }

    /// Connections by attribution.
    pub(crate) fn attributions(&self) -> Vec<Tally<1>> {
        let counts = ATTRIBUTIONS.into_iter().zip(&self.attributions);
        counts
            .map(|(name, count)| ([name], count.load(Relaxed)))
            .collect()
    }

    /// Connections by whether a customer is behind them.
    pub(crate) fn visitors(&self) -> Vec<Tally<1>> {
        let counts = Visitor::ALL.iter().zip(&self.visitors);
        counts
            .map(|(visitor, count)| ([visitor.name()], count.load(Relaxed)))
            .collect()
    }

    /// Hellos that came to a preview name.
    pub(crate) fn previews(&self) -> u64 {
        self.previews.load(Relaxed)
    }

    pub(crate) fn asked(&self) -> Asked {
        // In this order what was turned away is never more than what was asked.
        let turned_away = self.turned_away.load(Relaxed);
        Asked {
            asked: self.asked.load(Relaxed).max(turned_away),
            turned_away,
        }
    }
}

fn one_more(counter: Option<&AtomicU64>) {
    if let Some(counter) = counter {
        counter.fetch_add(1, Relaxed);
    }
}

fn occurred<const N: usize>(mut all: Vec<Tally<N>>) -> Vec<Tally<N>> {
    all.retain(|(_, count)| *count > 0);
    all
}

pub(crate) fn version_names() -> impl Iterator<Item = &'static str> {
    Version::KNOWN
        .into_iter()
        .filter_map(Version::name)
        .chain(["other"])
}

pub(crate) fn version_place(version: Version) -> usize {
    Version::KNOWN
        .iter()
        .position(|known| *known == version)
        .unwrap_or(Version::KNOWN.len())
}

fn phase_place(phase: Option<Phase>) -> usize {
    phase
        .and_then(|phase| Phase::ALL.iter().position(|known| *known == phase))
        .map_or(0, |place| place + 1)
}

fn group_names() -> impl Iterator<Item = &'static str> {
    GROUPS
        .into_iter()
        .map(|code| group(code).unwrap_or("unnamed"))
        .chain(["other", "none"])
}

fn group_place(name: Option<&str>) -> usize {
    let Some(name) = name else {
        return GROUPS.len() + 1;
    };
    group_by_name(name)
        .and_then(|code| GROUPS.iter().position(|known| *known == code))
        .unwrap_or(GROUPS.len())
}

fn attribution(account: Option<&Account>) -> usize {
    match account {
        Some(Account::Known(_)) => 0,
        Some(Account::Inferred(inferred)) if inferred.candidates.len() == 1 && !inferred.more => 1,
        Some(Account::Inferred(_)) => 2,
        None => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Judged, Negotiated, Requests, Sighting};

    fn entry() -> Entry {
        let sighting = Sighting {
            at: jiff::Timestamp::UNIX_EPOCH,
            duration_ms: 0,
            edge: "127.0.0.1:0".into(),
            address: None,
            sni: None,
            offer: None,
            offered: Some(Version::TLSV1),
            negotiated: None,
            account: None,
            visitor: Visitor::Customer,
            user_agent: None,
            judged: Some(Judged {
                sunset: Some("old".into()),
                phase: Some(Phase::Refuse),
                action: "refuse",
                window: None,
                preview: false,
            }),
            outcome: Outcome::Refused { alert: 70 },
            requests: Requests::default(),
        };
        Entry {
            at: sighting.at,
            connections: 1,
            requests: sighting.requests,
            is_last: true,
            sighting,
        }
    }

    #[test]
    fn labels_are_of_the_tables_whatever_a_client_is() {
        let tallies = Tallies::default();
        tallies.add(&entry());
        let mut served = entry();
        served.sighting.outcome = Outcome::Terminated;
        served.sighting.judged = Some(Judged {
            sunset: None,
            phase: None,
            action: "serve",
            window: None,
            preview: false,
        });
        for (version, group) in [
            (Version::TLSV1_3, Some("X25519MLKEM768")),
            (Version(0x7f17), Some("no such group")),
            (Version::TLSV1_2, None),
        ] {
            served.sighting.offered = Some(version);
            served.sighting.negotiated = Some(Negotiated {
                version,
                cipher: "",
                group,
                alpn: None,
                resumed: false,
            });
            tallies.add(&served);
        }
        assert_eq!(
            tallies.hellos(),
            [
                (["none", "meets", "TLSv1.2"], 1),
                (["none", "meets", "TLSv1.3"], 1),
                (["none", "meets", "other"], 1),
                (["refuse", "misses", "TLSv1"], 1),
            ]
        );
        assert_eq!(
            tallies.handshakes(),
            [
                (["TLSv1.2", "none"], 1),
                (["TLSv1.3", "X25519MLKEM768"], 1),
                (["other", "other"], 1),
            ]
        );
        assert_eq!(tallies.attributions()[3], (["none"], 4));
        assert!(
            group_names().all(|name| name != "unnamed"),
            "every group is in the IANA table"
        );
    }

    #[test]
    fn only_customers_ask_and_a_preview_turns_nobody_away() {
        let tallies = Tallies::default();
        tallies.add(&entry());
        let mut scanner = entry();
        scanner.sighting.visitor = Visitor::Scanner;
        tallies.add(&scanner);
        let mut preview = entry();
        preview.sighting.judged.as_mut().unwrap().preview = true;
        tallies.add(&preview);
        let mut served = entry();
        served.is_last = false;
        served.requests = Requests {
            served: 3,
            warned: 2,
            explained: 1,
            answered: 9,
        };
        tallies.add(&served);
        assert_eq!(
            tallies.asked(),
            Asked {
                asked: 7,
                turned_away: 2
            }
        );
        assert_eq!(tallies.previews(), 1);
    }
}
