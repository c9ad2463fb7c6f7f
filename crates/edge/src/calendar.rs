//! The plan as iCalendar (RFC 5545): phases, brownout windows and preview days, for clients' owners to subscribe to.
//!
//! Exceptions are not in it: they name accounts. Every window is an event of its own, because most calendar programs
//! know no rule that repeats within a day; a run of very many is one event with such a rule. The text depends on the
//! plan alone: an event keeps its UID when its date is moved, and its DTSTAMP is the time it is for.

use std::fmt::Write;

use floor::{Brownout, Measure, Phase, Plan, Sunset, Window};
use icalendar::{Calendar, Component, Event, EventStatus, Property};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

/// Windows of one run that are written out: ten minutes in each hour of two weeks. About 100 KB.
const MOST_WINDOWS: u64 = 336;

/// The calendar as text.
pub fn icalendar(plan: &Plan) -> String {
    let mut calendar = Calendar::empty();
    for (key, value) in [
        ("VERSION", "2.0"),
        ("PRODID", "-//Sundown//Plan//EN"),
        ("CALSCALE", "GREGORIAN"),
    ] {
        calendar.append_property(Property::new(key, value));
    }
    calendar.name("TLS changes");
    for (index, sunset) in plan.sunsets.iter().enumerate() {
        let entries = Entries {
            sunset,
            held: plan.is_held(index),
            id: id(&[&sunset.name, sunset.contact.as_deref().unwrap_or_default()]),
        };
        for change in sunset.dates() {
            calendar.push(entries.phase(change.phase, change.at));
        }
        for (run, brownout) in sunset.brownouts.iter().enumerate() {
            calendar.extend(entries.windows(run, brownout));
        }
    }
    for preview in &plan.previews {
        let mut event = Event::new();
        begin(
            &mut event,
            &format!("{}-preview", id(&[&preview.sni])),
            preview.at,
        )
        .summary(&plain(&format!("The day that {} shows", preview.sni)))
        .description(&plain(&format!(
            "A client that works on {} today will work on this day.",
            preview.sni
        )));
        calendar.push(event.done());
    }
    calendar.to_string()
}

/// Events of one sunset.
struct Entries<'a> {
    sunset: &'a Sunset,
    held: bool,
    id: String,
}

impl Entries<'_> {
    fn phase(&self, phase: Phase, at: Timestamp) -> Event {
        let mut event = self.event(
            &format!("{}-{phase}", self.id),
            at,
            &format!("{}: {phase}", self.sunset.name),
            &format!(
                "From here on, a client that misses the floor {}.",
                becomes(phase)
            ),
        );
        // A moment takes nobody's time.
        event.add_property("TRANSP", "TRANSPARENT");
        event.done()
    }

    fn windows(&self, run: usize, brownout: &Brownout) -> Vec<Event> {
        let count = brownout.count();
        if count <= MOST_WINDOWS {
            let windows = brownout.windows().enumerate();
            return windows
                .map(|(index, window)| {
                    self.window(&format!("{run}-{index}"), brownout, window)
                        .done()
                })
                .collect();
        }
        // The last may be cut short by the end of the run, and the others are all alike.
        let Some(first) = brownout.windows().next() else {
            return Vec::new();
        };
        let last = brownout.windows_between(
            brownout
                .to
                .checked_sub(brownout.every)
                .unwrap_or(brownout.from),
            brownout.to,
        );
        let last = last.last().filter(|last| {
            last.end.duration_since(last.start) != first.end.duration_since(first.start)
        });
        let alike = count - u64::from(last.is_some());
        let (frequency, interval) = frequency(brownout.every.as_secs());
        let mut all = self.window(&format!("{run}-all"), brownout, first);
        all.add_property(
            "RRULE",
            format!("FREQ={frequency};INTERVAL={interval};COUNT={alike}"),
        );
        let last = last.map(|last| self.window(&format!("{run}-last"), brownout, last).done());
        [all.done()].into_iter().chain(last).collect()
    }

    fn window(&self, number: &str, brownout: &Brownout, window: Window) -> Event {
        let does = match brownout.measure {
            Measure::Explain => becomes(Phase::Explain),
            Measure::Refuse => becomes(Phase::Refuse),
        };
        let mut told =
            format!("A rehearsal: until it is over, a client that misses the floor {does}.");
        if brownout.share.get() < 1.0 {
            // Writing to a String does not fail.
            write!(
                told,
                " It is for {:.0} % of accounts.",
                brownout.share.get() * 100.0
            )
            .ok();
        }
        let mut event = self.event(
            &format!("{}-brownout-{number}", self.id),
            window.start,
            &format!("{}: brownout", self.sunset.name),
            &told,
        );
        event.add_property("DTEND", utc(window.end));
        event
    }

    fn event(&self, uid: &str, at: Timestamp, summary: &str, told: &str) -> Event {
        let floor = &self.sunset.floor;
        let mut description = format!("{told}\nFloor: {} ({}).", floor.title(), floor.name());
        if self.sunset.cohort.is_some() {
            description.push_str("\nFor some accounts only.");
        }
        if self.held {
            description.push_str("\nOn hold: nothing of it is enforced until it is resumed.");
        }
        if let Some(contact) = &self.sunset.contact {
            // Writing to a String does not fail.
            write!(description, "\nContact: {contact}").ok();
        }
        let mut event = Event::new();
        begin(&mut event, uid, at)
            .summary(&plain(summary))
            .description(&plain(&description))
            .status(if self.held {
                EventStatus::Tentative
            } else {
                EventStatus::Confirmed
            });
        event.done()
    }
}

fn begin<'a>(event: &'a mut Event, uid: &str, at: Timestamp) -> &'a mut Event {
    event
        .uid(&format!("{uid}@sundown"))
        .add_property("DTSTAMP", utc(at))
        .add_property("DTSTART", utc(at))
}

const fn becomes(phase: Phase) -> &'static str {
    match phase {
        Phase::Observe => "is counted",
        Phase::Warn => "is told in response headers",
        Phase::Brownout => "is turned away for short periods",
        Phase::Explain => "gets an explanation instead of an answer",
        Phase::Refuse => "is refused in the TLS handshake",
    }
}

/// How often something happens that does so every so many seconds.
const fn frequency(seconds: i64) -> (&'static str, i64) {
    match seconds {
        seconds if seconds % 86_400 == 0 => ("DAILY", seconds / 86_400),
        seconds if seconds % 3600 == 0 => ("HOURLY", seconds / 3600),
        seconds if seconds % 60 == 0 => ("MINUTELY", seconds / 60),
        seconds => ("SECONDLY", seconds),
    }
}

/// DATE-TIME in UTC (RFC 5545 section 3.3.5).
fn utc(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// What makes a UID, as 16 digits that say nothing themselves.
fn id(parts: &[&str]) -> String {
    let digest = Sha256::digest(parts.join("\0"));
    let mut id = String::new();
    for byte in digest.iter().take(8) {
        // Writing to a String does not fail.
        write!(id, "{byte:02x}").ok();
    }
    id
}

/// Text without control characters other than line feeds, which no content line may hold (RFC 5545 section 3.3.11).
fn plain(text: &str) -> String {
    text.chars()
        .filter(|&c| c == '\n' || !c.is_control())
        .collect()
}

#[cfg(test)]
mod tests {
    use floor::Hold;
    use floor::config::PlanTables;

    use super::*;

    fn plan(toml: &str) -> Plan {
        let tables: PlanTables = toml::from_str(toml).unwrap();
        tables.build([0; 16]).unwrap()
    }

    const SUNSET: &str = r#"
        [[sunset]]
        name = "TLS 1.0; and, 1.1"
        floor = "tls1.2"
        warn = "2016-09-15"
        refuse = "2017-01-15T00:00:00-05:00"
        contact = "https://example.com/help"
        [[sunset.brownout]]
        from = "2016-11-15T09:00Z"
        to = "2016-11-15T10:00Z"
        length = "10m"
        every = "30m"
        offset = "7m"
        share = 0.25
    "#;

    #[test]
    fn the_text_is_that_of_the_plan_and_of_nothing_else() {
        let text = icalendar(&plan(&format!(
            "{SUNSET}\n[[preview]]\nsni = \"next.example.com\"\nat = \"2017-01-16\""
        )));
        let expected = include_str!("calendar.ics").replace('\n', "\r\n");
        assert_eq!(text, expected, "{text}");
    }

    #[test]
    fn a_date_that_moves_keeps_its_uid() {
        let uids = |text: &str| -> Vec<String> {
            let lines = text.lines().filter(|line| line.starts_with("UID:"));
            lines.map(str::to_owned).collect()
        };
        let before = icalendar(&plan(SUNSET));
        let after = icalendar(&plan(&SUNSET.replace("2017-01-15T", "2017-02-01T")));
        assert_ne!(before, after);
        assert_eq!(uids(&before), uids(&after));
        assert_eq!(uids(&before).len(), 4);
    }

    #[test]
    fn a_run_of_very_many_windows_is_a_rule() {
        let many = SUNSET.replace("2016-11-15T10:00Z", "2016-12-15T09:10Z");
        let text = icalendar(&plan(&many));
        // 1440 half hours of 10 minutes from minute 7 on; the last opens at 09:07 and is cut at 09:10.
        assert!(
            text.contains("RRULE:FREQ=MINUTELY;INTERVAL=30;COUNT=1440\r\n"),
            "{text}"
        );
        assert!(text.contains("DTSTART:20161215T090700Z\r\n"), "{text}");
        assert!(text.contains("DTEND:20161215T091000Z\r\n"), "{text}");
        assert!(text.len() < 4096);
    }

    #[test]
    fn what_is_on_hold_is_tentative_and_no_name_breaks_a_line() {
        let mut plan = plan(&SUNSET.replace("TLS 1.0; and, 1.1", "a\\r\\nBEGIN:VEVENT"));
        plan.hold(vec![Hold {
            sunset: None,
            by: "jo".to_owned(),
            reason: "secret reason".to_owned(),
            at: Timestamp::UNIX_EPOCH,
        }]);
        let text = icalendar(&plan);
        assert_eq!(text.matches("STATUS:TENTATIVE\r\n").count(), 4);
        assert_eq!(text.matches("BEGIN:VEVENT\r\n").count(), 4, "{text}");
        assert!(!text.contains("secret"));
    }
}
