//! When a plan changes what it does.

use floor::Plan;
use jiff::{SignedDuration, Timestamp};

use super::ReplayError;

/// Changes in one range. A year of hourly windows has 17,520.
const MOST_CHANGES: usize = 20_000;

/// The clock of a plan over a range of the ledger's, and the moments of the ledger's at which the plan changes.
#[derive(Debug)]
pub(super) struct Clock {
    shift: SignedDuration,
    /// The first and the last moment, on the plan's clock.
    ends: (Timestamp, Timestamp),
    /// Sorted. Between two of them every decision stays the same.
    cuts: Vec<Timestamp>,
}

impl Clock {
    /// `within` is the first and the last moment, on the ledger's clock.
    pub(super) fn new(
        plan: &Plan,
        shift: SignedDuration,
        within: (Timestamp, Timestamp),
    ) -> Result<Self, ReplayError> {
        let mut clock = Self {
            shift,
            ends: within,
            cuts: Vec::new(),
        };
        let (from, until) = (clock.plans(within.0), clock.plans(within.1));
        clock.ends = (from, until);
        let mut moments: Vec<Timestamp> = Vec::new();
        for sunset in &plan.sunsets {
            moments.extend(sunset.dates().map(|change| change.at));
            for run in &sunset.brownouts {
                moments.push(run.from);
                // `until` is in the range, and so is a window that opens then.
                let end = until
                    .saturating_add(SignedDuration::from_secs(1))
                    .unwrap_or(until);
                let windows = run.windows_between(from, end).take(MOST_CHANGES + 1);
                moments.extend(windows.flat_map(|window| [window.start, window.end]));
            }
        }
        moments.extend(plan.exceptions.iter().map(|exception| exception.until));
        moments.retain(|at| *at > from && *at <= until);
        if moments.len() > MOST_CHANGES {
            return Err(ReplayError::TooManyChanges { most: MOST_CHANGES });
        }
        clock.cuts = moments
            .into_iter()
            .filter_map(|at| at.checked_sub(shift).ok())
            .collect();
        clock.cuts.sort_unstable();
        clock.cuts.dedup();
        Ok(clock)
    }

    /// The plan's time at a moment of the ledger.
    pub(super) fn plans(&self, at: Timestamp) -> Timestamp {
        at.saturating_add(self.shift)
            .unwrap_or(if self.shift.is_negative() {
                Timestamp::MIN
            } else {
                Timestamp::MAX
            })
    }

    /// The first and the last moment, on the plan's clock.
    pub(super) const fn ends(&self) -> (Timestamp, Timestamp) {
        self.ends
    }

    pub(super) fn cuts(&self) -> impl Iterator<Item = Timestamp> {
        self.cuts.iter().copied()
    }

    /// The plan's times between the first and the last of something, one for each stretch in which the plan stays the
    /// same, with the share of the time that each has. Both are whole seconds, and all of the last is in it.
    pub(super) fn times(
        &self,
        first: Timestamp,
        last: Timestamp,
    ) -> impl Iterator<Item = (Timestamp, f64)> {
        let inside = {
            let start = self.cuts.partition_point(|cut| *cut <= first);
            let end = self.cuts.partition_point(|cut| *cut <= last);
            self.cuts.get(start..end).unwrap_or_default()
        };
        let over = last + SignedDuration::from_secs(1).min(Timestamp::MAX.duration_since(last));
        let length = over
            .duration_since(first)
            .as_secs_f64()
            .max(f64::MIN_POSITIVE);
        let starts = std::iter::once(first).chain(inside.iter().copied());
        let ends = inside.iter().copied().chain([over]);
        starts.zip(ends).map(move |(start, end)| {
            let share = end.duration_since(start).as_secs_f64() / length;
            (self.plans(start), share)
        })
    }
}
