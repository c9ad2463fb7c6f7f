//! Cohorts: groups of accounts that a sunset can be for, so that a floor rises for some before it rises for all.
//!
//! A sunset for a cohort is a sunset like any other, with a floor, dates, brownouts and exceptions of its own; it
//! is as if it were not there for everybody else. The plan's decision is the strictest of all sunsets, so a cohort
//! only ever makes it harder for its members.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::{Account, Moment, Plan, Sunset};

/// The days that [`AccountRecord::requests_30_days`] is about.
const MONTH: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A group of accounts. Of the criteria at least one is set, and all that are set must fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cohort {
    /// Its name; unique in a plan.
    pub name: String,
    /// The accounts that are in it.
    pub accounts: Option<HashSet<String>>,
    /// Accounts first seen after this moment.
    pub first_seen_after: Option<Timestamp>,
    /// Accounts that made fewer requests than this in 30 days.
    pub requests_a_month_below: Option<u64>,
}

/// What is known of all accounts. Empty by default: then nobody is in a cohort by what is known.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    accounts: HashMap<Arc<str>, AccountRecord>,
    /// When it was drawn up, on the plan's clock.
    drawn_up: Option<Timestamp>,
    /// When the first account of all was first seen.
    earliest: Option<Timestamp>,
}

/// What is known of one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountRecord {
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// Its requests in the last 30 days.
    pub requests_30_days: u64,
}

impl Roster {
    /// A roster of these accounts, as they were known at `drawn_up` on the plan's clock.
    pub fn new(
        accounts: impl IntoIterator<Item = (Arc<str>, AccountRecord)>,
        drawn_up: Timestamp,
    ) -> Self {
        let accounts: HashMap<_, _> = accounts.into_iter().collect();
        Self {
            earliest: accounts.values().map(|record| record.first_seen).min(),
            drawn_up: Some(drawn_up),
            accounts,
        }
    }

    /// How many accounts are known.
    pub fn len(&self) -> usize {
        self.accounts.len()
    }

    /// Whether no account is known.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    /// An account that is on no roster yet is as new as the roster.
    fn record(&self, account: &str) -> Option<AccountRecord> {
        let unseen = AccountRecord {
            first_seen: self.drawn_up?,
            requests_30_days: 0,
        };
        Some(self.accounts.get(account).copied().unwrap_or(unseen))
    }

    /// Who was there before a date can be told only where somebody was: a ledger that began later has seen
    /// every account for the first time since.
    fn reaches_back_to(&self, date: Timestamp) -> bool {
        self.earliest.is_some_and(|earliest| earliest <= date)
    }
}

impl Cohort {
    /// Whether an account is in it. What the roster does not reach back far enough to tell, nobody is.
    pub fn contains(&self, account: &str, roster: &Roster) -> bool {
        let listed = self
            .accounts
            .as_ref()
            .is_none_or(|accounts| accounts.contains(account));
        let by_date = self.first_seen_after.is_none_or(|date| {
            roster.reaches_back_to(date)
                && roster
                    .record(account)
                    .is_some_and(|record| record.first_seen > date)
        });
        let by_volume = self.requests_a_month_below.is_none_or(|bound| {
            roster
                .drawn_up
                .and_then(|drawn_up| drawn_up.checked_sub(MONTH).ok())
                .is_some_and(|month_ago| roster.reaches_back_to(month_ago))
                && roster
                    .record(account)
                    .is_some_and(|record| record.requests_30_days < bound)
        });
        listed && by_date && by_volume
    }

    /// Whether it takes a roster to say who is in it.
    pub fn needs_roster(&self) -> bool {
        self.first_seen_after.is_some() || self.requests_a_month_below.is_some()
    }
}

/// Whether a client is one that a sunset is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Membership {
    Yes,
    No,
    /// The account is not certain yet.
    Perhaps,
}

impl Plan {
    /// This plan with cohorts. A sunset's `cohort` is an index into them.
    #[must_use]
    pub fn with_cohorts(mut self, cohorts: Vec<Cohort>) -> Self {
        self.cohorts = cohorts;
        self
    }

    /// Takes what is known of all accounts, instead of what was known before.
    pub fn take_roster(&mut self, roster: Arc<Roster>) {
        self.roster = roster;
    }

    /// What is known of all accounts.
    pub fn roster(&self) -> &Arc<Roster> {
        &self.roster
    }

    /// The cohort that a sunset is for; `None` where it is for everybody.
    pub fn cohort_of(&self, sunset: &Sunset) -> Option<&Cohort> {
        self.cohorts.get(sunset.cohort?)
    }

    /// The accounts of a cohort that are known, in no order: listed accounts, or those of the roster.
    pub fn members<'a>(&'a self, cohort: &'a Cohort) -> impl Iterator<Item = &'a str> {
        let listed = cohort.accounts.iter().flatten().map(String::as_str);
        let known = self.roster.accounts.keys().map(|account| &**account);
        let known = known.filter(|_| cohort.accounts.is_none());
        listed
            .chain(known)
            .filter(|account| cohort.contains(account, &self.roster))
    }

    pub(crate) fn membership(
        &self,
        sunset: &Sunset,
        account: Account<'_>,
        moment: Moment<'_>,
    ) -> Membership {
        let Some(cohort) = self.cohort_of(sunset) else {
            return Membership::Yes;
        };
        match account {
            Account::Known(account) | Account::Remembered(account) => {
                if cohort.contains(account, &self.roster) {
                    Membership::Yes
                } else {
                    Membership::No
                }
            }
            Account::Unknown if moment == Moment::Hello => Membership::Perhaps,
            Account::Unknown | Account::None => Membership::No,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn roster(earliest: &str) -> Roster {
        let record = |first: &str, requests_30_days| AccountRecord {
            first_seen: at(first),
            requests_30_days,
        };
        Roster::new(
            [
                ("oldest".into(), record(earliest, 5_000)),
                ("new".into(), record("2016-06-02T00:00Z", 5_000)),
                ("small".into(), record("2016-05-30T00:00Z", 999)),
            ],
            at("2016-08-01T00:00Z"),
        )
    }

    fn cohort() -> Cohort {
        Cohort {
            name: "x".to_owned(),
            accounts: None,
            first_seen_after: None,
            requests_a_month_below: None,
        }
    }

    fn members(cohort: &Cohort, roster: &Roster) -> Vec<&'static str> {
        let accounts = ["oldest", "new", "small", "unseen"];
        accounts
            .into_iter()
            .filter(|account| cohort.contains(account, roster))
            .collect()
    }

    #[test]
    fn all_that_is_asked_must_fit() {
        let roster = roster("2016-01-01T00:00Z");
        let new = Cohort {
            first_seen_after: Some(at("2016-06-01T00:00Z")),
            ..cohort()
        };
        assert_eq!(members(&new, &roster), ["new", "unseen"]);
        let small = Cohort {
            requests_a_month_below: Some(1000),
            ..cohort()
        };
        assert_eq!(members(&small, &roster), ["small", "unseen"]);
        let listed = Cohort {
            accounts: Some(HashSet::from(["new".to_owned(), "oldest".to_owned()])),
            ..new
        };
        assert_eq!(members(&listed, &roster), ["new"]);
    }

    #[test]
    fn a_roster_that_began_too_late_puts_nobody_in() {
        let new = Cohort {
            first_seen_after: Some(at("2016-05-01T00:00Z")),
            ..cohort()
        };
        assert_eq!(members(&new, &roster("2016-05-20T00:00Z")), [""; 0]);
        let small = Cohort {
            requests_a_month_below: Some(1000),
            ..cohort()
        };
        // 30 days before it was drawn up is 2 July.
        let late = Roster::new(
            [(
                "small".into(),
                AccountRecord {
                    first_seen: at("2016-07-03T00:00Z"),
                    requests_30_days: 1,
                },
            )],
            at("2016-08-01T00:00Z"),
        );
        assert_eq!(members(&small, &late), [""; 0]);
        assert_eq!(members(&small, &Roster::default()), [""; 0]);
    }
}
