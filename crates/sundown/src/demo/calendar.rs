//! The demo's plan: three months into a sunset, with its refusal some weeks ahead.

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};

const TEMPLATE: &str = include_str!("sundown.toml");

/// Days before today on which the demo begins.
pub(super) const DAYS: i64 = 92;

/// `sundown.toml` for a demo whose last day is `today`. `excepted` are the accounts of the exceptions.
pub(super) fn configuration(today: Date, excepted: &Excepted<'_>) -> String {
    let day = |after: i64| today.saturating_add(after.days());
    let tuesday = |after: i64| tuesday_before(day(after));
    let mut text = TEMPLATE.to_owned();
    for (name, value) in [
        ("observe", day(-DAYS)),
        ("warn", day(-62)),
        ("first_brownout", tuesday(-30)),
        ("second_brownout", tuesday(-8)),
        ("third_brownout", tuesday(13)),
        ("explain", tuesday(24)),
        ("refuse", tuesday(38)),
        ("ended", day(-20)),
        ("soon", day(11)),
        ("later", day(75)),
        ("latest", day(130)),
        ("next_observe", day(-40)),
        ("next_warn", day(120)),
        ("next_refuse", day(400)),
    ] {
        text = text.replace(&format!("{{{name}}}"), &value.to_string());
    }
    for (name, value) in [
        ("kiosks", excepted.needed),
        ("fixed", excepted.fixed),
        ("gone", excepted.ended),
    ] {
        text = text.replace(&format!("{{{name}}}"), value);
    }
    text
}

/// Whom the demo's exceptions are for.
pub(super) struct Excepted<'a> {
    /// Still needs it.
    pub(super) needed: &'a str,
    /// Has fixed itself since.
    pub(super) fixed: &'a str,
    /// Had one, which is over.
    pub(super) ended: &'a str,
}

/// Nothing is switched off on a weekend.
fn tuesday_before(date: Date) -> Date {
    let back = date.weekday().since(Weekday::Tuesday);
    date.saturating_sub(i64::from(back).days())
}

#[cfg(test)]
mod tests {
    use floor::Severity;
    use floor::config::PlanTables;

    use super::*;

    #[test]
    fn the_plan_is_one_on_every_day_of_a_week() {
        for day in 1..=7 {
            let today = Date::constant(2026, 3, day);
            let text = configuration(
                today,
                &Excepted {
                    needed: "a",
                    fixed: "b",
                    ended: "c",
                },
            );
            let tables: toml::Table = toml::from_str(&text).expect("TOML");
            let of_plan: toml::Table = tables
                .into_iter()
                .filter(|(key, _)| ["sunset", "exception", "preview"].contains(&key.as_str()))
                .collect();
            let of_plan = toml::to_string(&of_plan).expect("TOML again");
            let tables: PlanTables = toml::from_str(&of_plan).expect("the plan's tables");
            let plan = tables.build([0; 16]).expect("a plan");
            assert_eq!(plan.sunsets.len(), 2, "{today}");
            let now = jiff::tz::TimeZone::UTC
                .to_timestamp(today.at(0, 0, 0, 0))
                .expect("a day of the calendar");
            let bad = plan.check(now);
            assert!(
                bad.iter()
                    .all(|problem| problem.severity != Severity::Error),
                "{today}: {bad:?}"
            );
        }
    }
}
