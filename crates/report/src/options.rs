//! What can be asked of a report.

use floor::Floor;
use jiff::{SignedDuration, Timestamp};
use ledger::Range;

/// What to report. The default is every sunset of the plan, over all that was ever seen, for customers.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// From when on; `None` for since ever.
    pub since: Option<Timestamp>,
    /// Until when; `None` for now.
    pub until: Option<Timestamp>,
    /// This sunset of the plan alone, by its index.
    pub sunset: Option<usize>,
    /// This floor instead of the plan's sunsets.
    pub floor: Option<Floor>,
    /// Health checks, scanners and bots too.
    pub visitors: bool,
    /// This account alone, in full.
    pub account: Option<String>,
    /// Only those that were first seen to miss within this time.
    pub only_new: Option<SignedDuration>,
    /// At most this many rows for each sunset; `None` for all.
    pub most: Option<usize>,
    /// The address of `/ssl/` as customers reach it. Default: made of the server name that most accounts ask for.
    pub check_url: Option<String>,
    /// What is put behind that server name: `:8443/ssl/`. Default: `/ssl/`.
    pub check_path: Option<String>,
    /// Connections by day too, which asks the ledger once for each.
    pub days: bool,
}

impl Options {
    pub(crate) const fn range(&self) -> Range {
        Range {
            from: self.since,
            until: self.until,
        }
    }
}
