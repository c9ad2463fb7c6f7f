//! How many accounts are not ready, day by day, and when none would be at this pace.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use floor::Plan;
use hello::{Offer, OfferId};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use ledger::{Group, Visitor, Who};
use serde::Serialize;

use crate::subject::{Fate, Place, Subject};
use crate::sunset::QUIET_DAYS;

/// One day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ReadyDay {
    /// The day, UTC.
    pub date: Date,
    /// Accounts that showed themselves on it or in the week before.
    pub seen: u64,
    /// Of these: something of theirs missed the floor in that time, and no exception lets it past once the floor bites.
    pub not_ready: u64,
}

/// Counts accounts that are not ready, from the groups of each day.
pub struct Progress<'a> {
    offers: &'a HashMap<OfferId, Offer>,
    parts: Vec<Part<'a>>,
    seen: Lasting,
}

struct Part<'a> {
    subject: Subject<'a>,
    /// Accounts that an exception for a place lets past: that cannot be told from their groups.
    spared: HashSet<Arc<str>>,
    not_ready: Lasting,
}

impl<'a> Progress<'a> {
    /// `spared` are, for each sunset, the accounts that an exception lets past whatever their groups say.
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
                    not_ready: Lasting::default(),
                })
            })
            .collect();
        Self {
            offers,
            parts,
            seen: Lasting::default(),
        }
    }

    /// Takes what somebody did with one offer on a day. Days come in order.
    pub fn take(&mut self, date: Date, group: &Group) {
        let (Who::Known(id), Visitor::Customer) = (&group.who, group.visitor) else {
            return;
        };
        self.seen.add(id, date);
        let Some(offer) = group.offer.and_then(|id| self.offers.get(&id)) else {
            return;
        };
        for part in &mut self.parts {
            let subject = &part.subject;
            let misses = subject
                .verdict(group.offer)
                .is_some_and(|verdict| !verdict.meets());
            if !misses || part.spared.contains(id) {
                continue;
            }
            let fate = subject.fate(offer, &group.who, Place::default(), subject.day);
            if matches!(fate, Fate::Breaks) {
                part.not_ready.add(id, date);
            }
        }
    }

    /// The days up to `today`, for each sunset of the plan, at most the last `most`.
    pub fn finish(self, today: Date, most: usize) -> Vec<Vec<ReadyDay>> {
        let seen = self.seen.finish(today);
        let parts = self.parts.into_iter().map(|part| {
            let not_ready = part.not_ready.finish(today);
            let days = seen.iter().map(|(date, seen)| ReadyDay {
                date: *date,
                seen: *seen,
                not_ready: not_ready.get(date).copied().unwrap_or_default(),
            });
            let days: Vec<ReadyDay> = days.collect();
            let from = days.len().saturating_sub(most);
            days.get(from..).unwrap_or_default().to_vec()
        });
        parts.collect()
    }
}

/// How many are there on each day, where whoever was seen is there for a week.
#[derive(Default)]
struct Lasting {
    /// Until when each is counted already, that day in it.
    until: HashMap<Arc<str>, Date>,
    /// How many more than on the day before.
    changes: BTreeMap<Date, i64>,
}

impl Lasting {
    fn add(&mut self, id: &Arc<str>, date: Date) {
        let last = date.saturating_add((QUIET_DAYS - 1).days());
        let before = match self.until.get_mut(id) {
            Some(until) => Some(std::mem::replace(until, last)),
            None => self.until.insert(id.clone(), last),
        };
        let over = before.map(|before| before.saturating_add(1.day()));
        let from = over.map_or(date, |over| over.max(date));
        if from <= last {
            *self.changes.entry(from).or_default() += 1;
            *self
                .changes
                .entry(last.saturating_add(1.day()))
                .or_default() -= 1;
        }
    }

    fn finish(self, today: Date) -> BTreeMap<Date, u64> {
        let mut counts = BTreeMap::new();
        let Some(first) = self.changes.keys().next().copied() else {
            return counts;
        };
        let (mut date, mut count) = (first, 0_i64);
        while date <= today {
            count += self.changes.get(&date).copied().unwrap_or_default();
            counts.insert(date, count.unsigned_abs());
            let next = date.saturating_add(1.day());
            if next == date {
                break;
            }
            date = next;
        }
        counts
    }
}

/// How fast the number falls.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
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
        let mut lasting = Lasting::default();
        let id: Arc<str> = "acme".into();
        for date in ["2026-01-01", "2026-01-05", "2026-01-20"] {
            lasting.add(&id, day(date));
        }
        let counts = lasting.finish(day("2026-01-21"));
        let there: Vec<i8> = counts
            .iter()
            .filter(|(_, count)| **count == 1)
            .map(|(date, _)| date.day())
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
