//! What was seen in the period, gathered in one walk over the ledger.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use hello::Version;
use jiff::civil::Date;
use jiff::{Timestamp, tz::TimeZone};
use ledger::{Detail, Who};

use crate::pack::{Early, Served, TurnedAway, Use};

/// Server names that are listed for a listener; the others are one line. Anybody can ask for any name.
const MOST_NAMES: usize = 100;

/// What is early: SSL, and TLS before this (PCI DSS 4.0.1 appendix A2; RFC 8996).
const EARLY_BEFORE: Version = Version::TLSV1_2;

type Place = (Arc<str>, Option<Arc<str>>);
type NameDays<'a> = (&'a Option<Arc<str>>, &'a BTreeMap<Date, Day>);
type Means = (Arc<str>, Version, Option<Arc<str>>, Option<Arc<str>>);

/// What was seen so far.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    places: HashMap<Place, BTreeMap<Date, Day>>,
    uses: HashMap<Means, Sum>,
    early: BTreeMap<Version, EarlySum>,
    turned_away: BTreeMap<(Date, Arc<str>), (u64, u64)>,
    days: Option<(Date, Date)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Day {
    oldest: Option<Version>,
    served: u64,
    turned_away: u64,
}

#[derive(Debug)]
struct Sum {
    connections: u64,
    requests: u64,
    accounts: HashSet<Arc<str>>,
    first: Timestamp,
    last: Timestamp,
}

#[derive(Debug)]
struct EarlySum {
    connections: u64,
    refused: u64,
    requests: u64,
    accounts: BTreeMap<Date, HashSet<Arc<str>>>,
    addresses: HashSet<IpAddr>,
    last: Timestamp,
}

/// The day of a moment.
fn day(at: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(at).date()
}

impl Inventory {
    /// Takes in what one account did on one day, in one respect. `offered` is the newest protocol of its offer.
    pub(crate) fn take(&mut self, who: &Who, detail: &Detail, offered: Option<Version>) {
        let day = day(detail.counts.first);
        self.days = Some(match self.days {
            None => (day, day),
            Some((first, last)) => (first.min(day), last.max(day)),
        });
        let negotiated = detail.version.as_deref().and_then(Version::from_name);
        let account = match who {
            Who::Known(id) => Some(id),
            Who::Nobody | Who::Inferred { .. } => None,
        };
        self.take_place(day, detail, negotiated);
        if let Some(version) = negotiated {
            self.take_use(detail, version, account);
        }
        if let Some(version) = offered
            .or(negotiated)
            .filter(|version| *version < EARLY_BEFORE)
        {
            self.take_early(day, detail, version, account);
        }
        if let (Some(sunset), true) = (&detail.sunset, is_turned_away(detail)) {
            let (explained, refused) = self.turned_away.entry((day, sunset.clone())).or_default();
            if &*detail.action == "refuse" {
                *refused += detail.counts.connections;
            } else {
                *explained += detail.counts.connections;
            }
        }
    }

    fn take_place(&mut self, day: Date, detail: &Detail, negotiated: Option<Version>) {
        let place = (detail.edge.clone(), detail.sni.clone());
        let sum = self
            .places
            .entry(place)
            .or_default()
            .entry(day)
            .or_default();
        if is_turned_away(detail) {
            sum.turned_away += detail.counts.connections;
        } else if let Some(version) = negotiated {
            sum.served += detail.counts.connections;
            sum.oldest = Some(sum.oldest.map_or(version, |oldest| oldest.min(version)));
        }
    }

    fn take_use(&mut self, detail: &Detail, version: Version, account: Option<&Arc<str>>) {
        let means = (
            detail.edge.clone(),
            version,
            detail.cipher.clone(),
            detail.group.clone(),
        );
        let counts = &detail.counts;
        let sum = self.uses.entry(means).or_insert_with(|| Sum {
            connections: 0,
            requests: 0,
            accounts: HashSet::new(),
            first: counts.first,
            last: counts.last,
        });
        sum.connections += counts.connections;
        sum.requests += counts.requests.total();
        sum.first = sum.first.min(counts.first);
        sum.last = sum.last.max(counts.last);
        sum.accounts.extend(account.cloned());
    }

    fn take_early(
        &mut self,
        day: Date,
        detail: &Detail,
        version: Version,
        account: Option<&Arc<str>>,
    ) {
        let counts = &detail.counts;
        let sum = self.early.entry(version).or_insert_with(|| EarlySum {
            connections: 0,
            refused: 0,
            requests: 0,
            accounts: BTreeMap::new(),
            addresses: HashSet::new(),
            last: counts.last,
        });
        sum.connections += counts.connections;
        sum.refused += counts.refused;
        sum.requests += counts.requests.served + counts.requests.warned;
        sum.last = sum.last.max(counts.last);
        sum.addresses.extend(detail.address);
        if let Some(account) = account {
            sum.accounts.entry(day).or_default().insert(account.clone());
        }
    }

    /// What each listener and name let in, from day to day: the busiest names, then all others together.
    pub(crate) fn served(&self) -> Vec<Served> {
        let mut listeners: BTreeMap<&Arc<str>, Vec<NameDays<'_>>> = BTreeMap::new();
        for ((listener, name), days) in &self.places {
            listeners.entry(listener).or_default().push((name, days));
        }
        let mut all = Vec::new();
        for (listener, mut names) in listeners {
            let traffic = |days: &BTreeMap<Date, Day>| -> u64 {
                days.values().map(|day| day.served + day.turned_away).sum()
            };
            names.sort_by_cached_key(|(name, days)| {
                (std::cmp::Reverse(traffic(days)), (*name).clone())
            });
            let rest = names.split_off(names.len().min(MOST_NAMES));
            for (name, days) in names {
                stretches(listener, name.as_deref(), None, days, &mut all);
            }
            if !rest.is_empty() {
                let mut together: BTreeMap<Date, Day> = BTreeMap::new();
                for (date, day) in rest.iter().flat_map(|(_, days)| days.iter()) {
                    let sum = together.entry(*date).or_default();
                    sum.served += day.served;
                    sum.turned_away += day.turned_away;
                    sum.oldest = match (sum.oldest, day.oldest) {
                        (Some(one), Some(other)) => Some(one.min(other)),
                        (one, other) => one.or(other),
                    };
                }
                stretches(listener, None, Some(rest.len()), &together, &mut all);
            }
        }
        all
    }

    /// Protocols, suites and groups in use, by listener, the oldest protocols first.
    pub(crate) fn uses(&self) -> Vec<Use> {
        let mut all: Vec<(&Means, &Sum)> = self.uses.iter().collect();
        all.sort_by(|(one, a), (other, b)| {
            (&one.0, one.1)
                .cmp(&(&other.0, other.1))
                .then(b.connections.cmp(&a.connections))
                .then_with(|| one.cmp(other))
        });
        let text = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
        let uses = all
            .into_iter()
            .map(|((listener, version, cipher, group), sum)| Use {
                listener: listener.to_string(),
                protocol: version.to_string(),
                cipher: text(cipher),
                group: text(group),
                connections: sum.connections,
                requests: sum.requests,
                accounts: sum.accounts.len() as u64,
                first: sum.first,
                last: sum.last,
            });
        uses.collect()
    }

    /// Those on early protocols, the oldest first.
    pub(crate) fn early(&self) -> Vec<Early> {
        let on = |sum: &EarlySum, date: Option<Date>| {
            date.and_then(|date| sum.accounts.get(&date))
                .map_or(0, |accounts| accounts.len() as u64)
        };
        let rows = self.early.iter().map(|(version, sum)| {
            let accounts: HashSet<&Arc<str>> = sum.accounts.values().flatten().collect();
            Early {
                protocol: version.to_string(),
                connections: sum.connections,
                refused: sum.refused,
                requests: sum.requests,
                accounts: accounts.len() as u64,
                addresses: sum.addresses.len() as u64,
                accounts_on_first_day: on(sum, self.days.map(|(first, _)| first)),
                accounts_on_last_day: on(sum, self.days.map(|(_, last)| last)),
                last: sum.last,
            }
        });
        rows.collect()
    }

    /// Who was turned away, by day.
    pub(crate) fn turned_away(&self) -> Vec<TurnedAway> {
        let rows = self.turned_away.iter();
        rows.map(|((day, sunset), &(explained, refused))| TurnedAway {
            day: *day,
            sunset: sunset.to_string(),
            explained,
            refused,
        })
        .collect()
    }
}

fn is_turned_away(detail: &Detail) -> bool {
    matches!(&*detail.action, "explain" | "refuse")
}

/// Days with the same oldest protocol, one after the other, become one line.
fn stretches(
    listener: &str,
    name: Option<&str>,
    other_names: Option<usize>,
    days: &BTreeMap<Date, Day>,
    all: &mut Vec<Served>,
) {
    let begin = all.len();
    for (date, day) in days {
        let oldest = day.oldest.map(|version| version.to_string());
        match all.get_mut(begin..).and_then(<[Served]>::last_mut) {
            // A day without anybody breaks no stretch.
            Some(stretch) if stretch.oldest == oldest || day.oldest.is_none() => {
                stretch.to = *date;
                stretch.served += day.served;
                stretch.turned_away += day.turned_away;
            }
            _ => all.push(Served {
                listener: listener.to_owned(),
                server_name: name.map(str::to_owned),
                other_names,
                from: *date,
                to: *date,
                oldest,
                served: day.served,
                turned_away: day.turned_away,
            }),
        }
    }
}
