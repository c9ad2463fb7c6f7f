//! How the command line says what more than one command says.

use jiff::Timestamp;
use std::fmt::Display;

/// A date where the time is midnight UTC, else date and time.
pub(crate) fn when(at: Timestamp) -> String {
    let text = at.strftime("%Y-%m-%d %H:%M").to_string();
    match text.strip_suffix(" 00:00") {
        Some(date) => date.to_owned(),
        None => text,
    }
}

/// What comes next in a sunset, and when.
pub(crate) fn change(phase: impl Display, at: Timestamp) -> String {
    format!("{phase} from {}", when(at))
}

/// A sunset that stays as it is.
pub(crate) const NO_CHANGE: &str = "no change planned";

/// A sunset before its first phase.
pub(crate) const NOT_BEGUN: &str = "not begun";
