//! Brownouts from their tables.

use jiff::SignedDuration;
use toml::Spanned;

use super::Builder;
use crate::config::BrownoutTable;
use crate::{Brownout, Measure, Share};

/// Shorter windows than this would be over before a client has tried again.
const SHORTEST: SignedDuration = SignedDuration::from_secs(1);

impl Builder {
    pub(super) fn brownout(&mut self, at: &str, table: Spanned<BrownoutTable>) -> Brownout {
        let table = self.value(at, table);
        let problems = self.problems.len();
        let (from, to) = (
            self.moment(&format!("{at}.from"), table.from),
            self.moment(&format!("{at}.to"), table.to),
        );
        let offset = table.offset.map_or(SignedDuration::ZERO, |offset| {
            self.length(&format!("{at}.offset"), offset)
        });
        let run = to.duration_since(from);
        let whole = run.saturating_sub(offset);
        let length = table
            .length
            .map(|length| self.length(&format!("{at}.length"), length));
        let every = table
            .every
            .map(|every| self.length(&format!("{at}.every"), every));
        let measure = table
            .measure
            .map(|measure| self.value(&format!("{at}.as"), measure))
            .unwrap_or_default();
        let exempt = self.paths(&format!("{at}.exempt"), table.exempt);
        let share = table.share.map_or(Share::ALL, |share| {
            self.share(&format!("{at}.share"), share)
        });

        let dated = self.problems.len() == problems;
        // Dates that could not be read have no length between them.
        if dated && run <= SignedDuration::ZERO {
            self.error(
                format!("{at}.to"),
                format!("this brownout ends on {to}, no later than it begins on {from}"),
                "set `to` after `from`",
            );
        } else if dated && (offset < SignedDuration::ZERO || offset >= run) {
            self.error(
                format!("{at}.offset"),
                "the first window would open outside the brownout",
                "set an `offset` within `from` and `to`",
            );
        }
        if let Some(every) = every.filter(|&every| offset >= every && every > SignedDuration::ZERO)
        {
            self.error(
                format!("{at}.offset"),
                format!("an offset of a whole period ({every:#}) or more only loses windows"),
                "set `offset` below `every`",
            );
        }
        match (length, every) {
            (Some(length), _) if length < SHORTEST => {
                self.error(
                    format!("{at}.length"),
                    "a window lasts a second at least",
                    "set a `length` such as `10m`",
                );
            }
            (Some(length), Some(every)) if length > every => {
                self.error(
                    format!("{at}.length"),
                    format!("a window of {length:#} is longer than the period of {every:#}"),
                    "set `length` below `every`",
                );
            }
            (None, Some(_)) => {
                self.error(
                    format!("{at}.every"),
                    "windows that repeat need a `length`",
                    "add `length`, such as `10m`",
                );
            }
            (_, Some(every)) if every < SHORTEST => {
                self.error(
                    format!("{at}.every"),
                    "a period lasts a second at least",
                    "set an `every` such as `1h`",
                );
            }
            _ => {}
        }
        if measure == Measure::Refuse && !exempt.is_empty() {
            self.error(
                format!("{at}.exempt"),
                "a refused client names no path, so none can be spared",
                "use `as = \"explain\"`, or leave out `exempt`",
            );
        }
        // Windows that touch are one window; and without a period there is one window only.
        let one = every.is_none() || every == length;
        let length = if every.is_some() && one {
            whole
        } else {
            length.unwrap_or(whole)
        };
        let every = if one {
            whole.max(length)
        } else {
            every.unwrap_or(whole)
        };
        Brownout {
            from,
            to,
            length,
            every,
            offset,
            share,
            exempt,
            measure,
        }
    }

    fn share(&mut self, key: &str, share: Spanned<f64>) -> Share {
        let share = self.value(key, share);
        Share::new(share).unwrap_or_else(|| {
            self.error(
                key,
                format!("{share} is no share of accounts"),
                "write a number above 0 and at most 1: 0.25 is a quarter",
            );
            Share::ALL
        })
    }
}
