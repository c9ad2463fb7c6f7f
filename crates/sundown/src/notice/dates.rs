//! How a notice writes dates.

use jiff::fmt::friendly::{Designator, SpanPrinter};
use jiff::{SignedDuration, Timestamp};

/// "15 December 2016", with the time where it is not midnight UTC.
pub(crate) fn day(at: Timestamp) -> String {
    let time = at.strftime("%H:%M").to_string();
    let date = at.strftime("%-d %B %Y");
    if time == "00:00" {
        date.to_string()
    } else {
        format!("{date}, {time} UTC")
    }
}

/// "09:07 to 09:17 UTC" where both are of one day, else with dates.
pub(super) fn span(start: Timestamp, end: Timestamp) -> String {
    let date = |at: Timestamp| at.strftime("%-d %B %Y").to_string();
    let time = |at: Timestamp| at.strftime("%H:%M").to_string();
    if date(start) == date(end) {
        format!("{}, {} to {} UTC", date(start), time(start), time(end))
    } else {
        format!(
            "{}, {} UTC to {}, {} UTC",
            date(start),
            time(start),
            date(end),
            time(end)
        )
    }
}

/// "10 minutes", "1 hour, 30 minutes".
pub(super) fn length(duration: SignedDuration) -> String {
    SpanPrinter::new()
        .designator(Designator::Verbose)
        .spacing(jiff::fmt::friendly::Spacing::BetweenUnitsAndDesignators)
        .comma_after_designator(true)
        .duration_to_string(&duration)
}
