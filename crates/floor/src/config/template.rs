//! The file that `sundown init` writes.

use jiff::ToSpan;
use jiff::civil::Date;

/// A commented `sundown.toml` that retires TLS 1.0 and 1.1: observe from `today`, warn 30 days later, brownouts
/// from the 75th day, explain on the 90th, refuse on the 120th.
pub fn template(today: Date) -> String {
    let day = |after: i64| today.saturating_add(after.days()).to_string();
    include_str!("template.toml")
        .replace("{today}", &today.to_string())
        .replace("{warn}", &day(30))
        .replace("{brownout}", &day(75))
        .replace("{brownout_end}", &day(78))
        .replace("{explain}", &day(90))
        .replace("{refuse}", &day(120))
        .replace("{exception_end}", &day(110))
        .replace("{preview}", &day(121))
}
