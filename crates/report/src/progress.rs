//! How many accounts are not ready, day by day, and when none would be at this pace.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use floor::Plan;
use hello::{Offer, OfferId};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use ledger::{Client, Presence, Visitor, Who};
use serde::{Deserialize, Serialize};

use crate::subject::{Fate, Place, Subject};
use crate::sunset::QUIET_DAYS;

/// One day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadyDay {
    /// The day, UTC.
    pub date: Date,
    /// Accounts that showed themselves on it or in the week before.
    pub seen: u64,
    /// Of these: something of theirs missed the floor in that time, and no exception lets it past once the floor bites.
    pub not_ready: u64,
}

/// Counts accounts that are not ready, from who was there on which days.
///
/// Everybody is judged once, whatever days it was there on: millions of days come down to marks by number.
pub struct Progress<'a> {
    offers: &'a HashMap<OfferId, Offer>,
    parts: Vec<Part<'a>>,
    /// The account of each client, by its place; `None` for whoever is in no figure.
    accounts: Vec<Option<u32>>,
    seen: Lasting,
}

struct Part<'a> {
    subject: Subject<'a>,
    /// Accounts that an exception for a place lets past: that cannot be told from what they offer.
    spared: HashSet<Arc<str>>,
    /// Whether each client, by its place, would be turned away.
    breaks: Vec<bool>,
    not_ready: Lasting,
}

impl<'a> Progress<'a> {
    /// `spared` are, for each sunset, the accounts that an exception lets past whatever their offers say.
    pub fn new(
        plan: &'a Plan,
        offers: &'a HashMap<OfferId, Offer>,
        now: Timestamp,
        spared: Vec<HashSet<Arc<str>>>,
    ) -> Self {
        let mut spared = spared.into_iter();
        let parts = (0..plan.sunsets.len())
            .filter_map(|index| {
                let mut subject = Subject::sunset(plan, index, now)?;
                subject.judge(offers);
                Some(Part {
                    subject,
                    spared: spared.next().unwrap_or_default(),
                    breaks: Vec::new(),
                    not_ready: Lasting::default(),
                })
            })
            .collect();
        Self {
            offers,
            parts,
            accounts: Vec::new(),
            seen: Lasting::default(),
        }
    }

    /// Takes a part of the answer to [`ledger::Query::presence`].
    pub fn take(&mut self, part: Presence<'_>) {
        match part {
            Presence::Clients(clients) => self.judge(clients),
            Presence::Day(date, there) => self.day(date, there),
        }
    }

    fn judge(&mut self, clients: &[Client]) {
        let mut numbers: HashMap<&Arc<str>, u32> = HashMap::new();
        self.accounts = clients
            .iter()
            .map(|client| match (&client.who, client.visitor) {
                (Who::Known(id), Visitor::Customer) => {
                    let next = u32::try_from(numbers.len()).ok()?;
                    Some(*numbers.entry(id).or_insert(next))
                }
                _ => None,
            })
            .collect();
        self.seen = Lasting::new(numbers.len());
        for part in &mut self.parts {
            part.breaks = clients
                .iter()
                .map(|client| breaks(self.offers, part, client))
                .collect();
            part.not_ready = Lasting::new(numbers.len());
        }
    }

    fn day(&mut self, date: Date, there: &[u32]) {
        let day = number(date);
        for place in there {
            let place = *place as usize;
            let Some(account) = self.accounts.get(place).copied().flatten() else {
                continue;
            };
            self.seen.add(account, day);
            for part in &mut self.parts {
                if part.breaks.get(place) == Some(&true) {
                    part.not_ready.add(account, day);
                }
            }
        }
    }

    /// The days up to `today`, for each sunset of the plan, at most the last `most`.
    pub fn finish(self, today: Date, most: usize) -> Vec<Vec<ReadyDay>> {
        let seen = self.seen.finish(number(today));
        let parts = self.parts.into_iter().map(|part| {
            let not_ready = part.not_ready.finish(number(today));
            let days = seen.iter().map(|(day, seen)| ReadyDay {
                date: date(*day),
                seen: *seen,
                not_ready: not_ready.get(day).copied().unwrap_or_default(),
            });
            let days: Vec<ReadyDay> = days.collect();
            let from = days.len().saturating_sub(most);
            days.get(from..).unwrap_or_default().to_vec()
        });
        parts.collect()
    }
}

/// Whether a client that is in the figures misses, and is turned away for it once the floor bites.
fn breaks(offers: &HashMap<OfferId, Offer>, part: &Part<'_>, client: &Client) -> bool {
    let (Who::Known(id), Visitor::Customer) = (&client.who, client.visitor) else {
        return false;
    };
    let subject = &part.subject;
    let misses = subject
        .verdict(client.offer)
        .is_some_and(|verdict| !verdict.meets());
    let offer = client.offer.and_then(|id| offers.get(&id));
    let (Some(offer), true) = (offer, misses && !part.spared.contains(id)) else {
        return false;
    };
    let fate = subject.fate(offer, &client.who, Place::default(), subject.day);
    matches!(fate, Fate::Breaks)
}

/// A day, counted from the Unix epoch.
fn number(date: Date) -> i32 {
    let since = date.duration_since(EPOCH).as_hours() / 24;
    i32::try_from(since).unwrap_or(i32::MAX)
}

fn date(number: i32) -> Date {
    EPOCH.saturating_add(i64::from(number).days())
}

const EPOCH: Date = Date::constant(1970, 1, 1);

/// How many are there on each day, where whoever was seen is there for a week. Days are counted from the Unix epoch, and
/// come in order.
#[derive(Default)]
struct Lasting {
    /// Until when each is counted already, that day in it.
    until: Vec<Option<i32>>,
    /// The first day of all.
    first: Option<i32>,
    /// How many more than on the day before, from the first day on.
    changes: Vec<i64>,
}

impl Lasting {
    fn new(accounts: usize) -> Self {
        Self {
            until: vec![None; accounts],
            ..Self::default()
        }
    }

    fn add(&mut self, account: u32, day: i32) {
        let last = day.saturating_add(QUIET_DAYS as i32 - 1);
        let Some(until) = self.until.get_mut(account as usize) else {
            return;
        };
        let over = until.replace(last).map(|before| before.saturating_add(1));
        let from = over.map_or(day, |over| over.max(day));
        if from <= last {
            self.change(from, 1);
            self.change(last.saturating_add(1), -1);
        }
    }

    fn change(&mut self, day: i32, by: i64) {
        let first = *self.first.get_or_insert(day);
        // Days come in order, and none is before the first.
        let place = usize::try_from(day.saturating_sub(first)).unwrap_or_default();
        if place >= self.changes.len() {
            self.changes.resize(place + 1, 0);
        }
        if let Some(change) = self.changes.get_mut(place) {
            *change += by;
        }
    }

    fn finish(self, today: i32) -> BTreeMap<i32, u64> {
        let mut counts = BTreeMap::new();
        let Some(first) = self.first else {
            return counts;
        };
        let mut count = 0_i64;
        let mut changes = self.changes.into_iter();
        for day in first..=today {
            count += changes.next().unwrap_or_default();
            counts.insert(day, count.unsigned_abs());
        }
        counts
    }
}

/// How fast the number falls.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pace {
    /// Accounts that become ready in a week; below 0 where their number grows.
    pub a_week: f64,
    /// The day on which none is left at this pace; absent where it does not fall, and where that is three years away.
    pub zero_on: Option<Date>,
}

/// The pace of the last four weeks, by least squares. `None` with less than a week of days.
pub fn pace(days: &[ReadyDay]) -> Option<Pace> {
    const DAYS: usize = 28;
    const LEAST: usize = 7;
    /// Three years: what goes on for longer is not decided by the pace of a month.
    const FURTHEST: f64 = 1_095.0;
    let last = days.last()?;
    let recent = days.get(days.len().saturating_sub(DAYS)..)?;
    if recent.len() < LEAST {
        return None;
    }
    let count = recent.len() as f64;
    let middle = (count - 1.0) / 2.0;
    let mean = recent.iter().map(|day| day.not_ready as f64).sum::<f64>() / count;
    let (mut both, mut own) = (0.0, 0.0);
    for (index, day) in recent.iter().enumerate() {
        let away = index as f64 - middle;
        both += away * (day.not_ready as f64 - mean);
        own += away * away;
    }
    let slope = both / own;
    let left = last.not_ready as f64 / -slope;
    let zero_on = if last.not_ready == 0 {
        Some(last.date)
    } else if slope < 0.0 && left <= FURTHEST {
        Some(last.date.saturating_add((left.ceil() as i64).days()))
    } else {
        None
    };
    Some(Pace {
        a_week: -slope * 7.0,
        zero_on,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        text.parse().expect("a date")
    }

    #[test]
    fn whoever_was_seen_is_there_for_a_week() {
        let mut lasting = Lasting::new(1);
        for date in ["2026-01-01", "2026-01-05", "2026-01-20"] {
            lasting.add(0, number(day(date)));
        }
        let counts = lasting.finish(number(day("2026-01-21")));
        let there: Vec<i8> = counts
            .iter()
            .filter(|(_, count)| **count == 1)
            .map(|(day, _)| date(*day).day())
            .collect();
        assert_eq!(there, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 20, 21]);
        assert!(counts.values().all(|count| *count <= 1));
    }

    #[test]
    fn a_pace_that_falls_has_an_end() {
        let days = |numbers: &[u64]| -> Vec<ReadyDay> {
            let start = day("2026-01-01");
            let numbers = numbers.iter().enumerate();
            numbers
                .map(|(index, not_ready)| ReadyDay {
                    date: start.saturating_add((index as i64).days()),
                    seen: 100,
                    not_ready: *not_ready,
                })
                .collect()
        };
        let falling = pace(&days(&[20, 18, 16, 14, 12, 10, 8])).expect("a pace");
        assert!((falling.a_week - 14.0).abs() < 1e-9);
        assert_eq!(falling.zero_on, Some(day("2026-01-11")));
        let level = pace(&days(&[5; 10])).expect("a pace");
        assert_eq!(level.zero_on, None);
        assert_eq!(pace(&days(&[3, 2, 1])), None);
    }
}
