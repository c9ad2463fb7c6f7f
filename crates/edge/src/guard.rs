//! The guard: watches which share of what customers ask for is turned away. Time and counts are arguments.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use ledger::Asked;

use crate::settings::GuardSettings;

/// Samples that the window is made of: it slides in steps of this part of its length.
const STEPS: u32 = 60;

/// Looks back over a stretch of time, by samples of running totals.
#[derive(Debug)]
pub(crate) struct Guard {
    settings: GuardSettings,
    /// Each is what had been asked by that time, the oldest first; at most [`STEPS`] and two.
    samples: VecDeque<(Duration, Asked)>,
}

/// What a guard saw when its limit was passed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tripped {
    /// In the window.
    pub window: Asked,
    /// What it was told.
    pub settings: GuardSettings,
}

impl fmt::Display for Tripped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {} that customers asked for in {:?} were turned away: {:.1} %, and {:.1} % is the limit",
            self.window.turned_away,
            self.window.asked,
            self.settings.over,
            share(self.window) * 100.0,
            self.settings.refused * 100.0
        )
    }
}

impl Guard {
    /// A guard that looks back no further than `now`.
    pub(crate) fn new(settings: GuardSettings, now: Duration, total: Asked) -> Self {
        Self {
            settings,
            samples: VecDeque::from([(now, total)]),
        }
    }

    pub(crate) fn settings(&self) -> GuardSettings {
        self.settings
    }

    /// Takes the totals at `now`, and says whether the limit is passed.
    pub(crate) fn look(&mut self, now: Duration, total: Asked) -> Option<Tripped> {
        let step = self.settings.over / STEPS;
        if self
            .samples
            .back()
            .is_none_or(|(at, _)| now.saturating_sub(*at) >= step)
        {
            self.samples.push_back((now, total));
        }
        // The first sample stays the youngest that is a whole window old.
        while self
            .samples
            .get(1)
            .is_some_and(|(at, _)| now.saturating_sub(*at) >= self.settings.over)
        {
            self.samples.pop_front();
        }
        let window = self.window(total);
        let passed = window.asked >= self.settings.least
            && window.turned_away > 0
            && share(window) > self.settings.refused;
        passed.then_some(Tripped {
            window,
            settings: self.settings,
        })
    }

    /// What was asked since the window began.
    pub(crate) fn window(&self, total: Asked) -> Asked {
        let before = self
            .samples
            .front()
            .map(|(_, asked)| *asked)
            .unwrap_or_default();
        let turned_away = total.turned_away.saturating_sub(before.turned_away);
        Asked {
            asked: total.asked.saturating_sub(before.asked).max(turned_away),
            turned_away,
        }
    }
}

/// The share that was turned away, from 0 to 1.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a few minutes fit an f64 exactly"
)]
pub(crate) fn share(window: Asked) -> f64 {
    if window.asked == 0 {
        0.0
    } else {
        window.turned_away as f64 / window.asked as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: GuardSettings = GuardSettings {
        refused: 0.02,
        over: Duration::from_secs(300),
        least: 100,
    };

    fn asked(asked: u64, turned_away: u64) -> Asked {
        Asked { asked, turned_away }
    }

    fn after(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn it_acts_past_the_share_and_not_before_enough_was_asked() {
        let mut guard = Guard::new(SETTINGS, after(0), asked(1000, 500));
        assert_eq!(
            guard.look(after(1), asked(1099, 599)),
            None,
            "99 are too few"
        );
        let tripped = guard.look(after(2), asked(1100, 503)).expect("3 of 100");
        assert_eq!(
            tripped.to_string(),
            "3 of 100 that customers asked for in 300s were turned away: 3.0 %, and 2.0 % is the limit"
        );
        assert_eq!(
            guard.look(after(3), asked(1200, 504)),
            None,
            "2 % is no more than 2 %"
        );
    }

    #[test]
    fn what_is_older_than_the_window_is_forgotten() {
        let mut guard = Guard::new(SETTINGS, after(0), asked(0, 0));
        // 1 % all the time but for a burst in the first minute, before enough was asked.
        let mut total = asked(90, 9);
        assert_eq!(guard.look(after(1), total), None);
        for second in 2..1000 {
            total.asked += 1;
            total.turned_away += u64::from(second % 100 == 0);
            let tripped = guard.look(after(second), total);
            assert_eq!(tripped.is_some(), (11..305).contains(&second), "{second}");
        }
        assert!(guard.samples.len() <= 62, "{}", guard.samples.len());
    }

    #[test]
    fn a_clock_that_stands_still_and_totals_that_are_behind_do_no_harm() {
        let mut guard = Guard::new(SETTINGS, after(9), asked(50, 5));
        for _ in 0..100 {
            assert_eq!(guard.look(after(9), asked(40, 4)), None);
        }
        assert_eq!(guard.samples.len(), 1);
    }
}
