//! From days and numbers to places in a picture.

use jiff::ToSpan;
use jiff::civil::Date;

/// A picture's size, the room around what is drawn, and how many days it covers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
    pub(super) first: Date,
    pub(super) days: f64,
    pub(super) most: f64,
}

impl Scale {
    pub(super) fn x(&self, date: Date) -> f64 {
        let days = days(self.first, date);
        self.left + (self.width - self.left - self.right) * (days / self.days.max(1.0))
    }

    pub(super) fn y(&self, value: f64) -> f64 {
        self.floor() - (self.floor() - self.top) * (value / self.most.max(1.0))
    }

    /// Where zero is.
    pub(super) fn floor(&self) -> f64 {
        self.height - self.bottom
    }

    /// The first days of months within it.
    pub(super) fn months(&self) -> Vec<Date> {
        let mut months = Vec::new();
        let last = self.first.saturating_add((self.days as i64).days());
        let mut month = self.first.first_of_month().saturating_add(1.month());
        while month <= last && months.len() < 60 {
            months.push(month);
            month = month.saturating_add(1.month());
        }
        months
    }
}

/// Days from one to another.
pub(super) fn days(from: Date, to: Date) -> f64 {
    to.duration_since(from).as_secs_f64() / 86_400.0
}

/// With one digit behind the point: what an eye can see.
pub(super) fn decimal(number: f64) -> String {
    format!("{number:.1}")
}

/// Round numbers up to at least `most`, at most five of them.
pub(super) fn steps(most: u64) -> Vec<u64> {
    let most = most.max(4);
    let mut step = 1;
    for factor in [2, 5, 10].into_iter().cycle() {
        if most.div_ceil(step) <= 4 {
            break;
        }
        // 1, 2, 5, 10, 20, 50, …
        step = match factor {
            2 => step * 2,
            5 => step / 2 * 5,
            _ => step * 2,
        };
    }
    (0..=most.div_ceil(step))
        .map(|index| index * step)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_few() {
        for (most, last, step) in [
            (0, 4, 1),
            (4, 4, 1),
            (7, 8, 2),
            (53, 60, 20),
            (100, 100, 50),
            (99_999, 100_000, 50_000),
        ] {
            let steps = steps(most);
            assert_eq!(steps.last(), Some(&last), "{most}: {steps:?}");
            assert_eq!(steps.get(1), Some(&step), "{most}: {steps:?}");
        }
    }
}
