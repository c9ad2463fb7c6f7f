//! For Prometheus (text format 0.0.4): how every sunset stands, and how the ledger fares.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;

use crate::console::Console;
use crate::view::overview::Overview;

pub(crate) async fn metrics(State(console): State<Arc<Console>>) -> Response {
    let now = console.clock.now();
    let text = match console.keeper.picture().await {
        Err(fault) => {
            let mut text = Text::default();
            text.family(
                "sundown_ledger_readable",
                "Whether the console can read the ledger.",
            );
            text.sample("sundown_ledger_readable", &[], 0.0);
            tracing::debug!("no metrics: {}", fault.message);
            text.0
        }
        Ok(picture) => {
            let view = Overview::new(&picture, None, now);
            let age = now.duration_since(picture.at).as_secs_f64();
            let newest = picture.figures.newest.map(|last| last.as_second() as f64);
            text(&view, &picture.figures.actions, age, newest)
        }
    };
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        text,
    )
        .into_response()
}

fn text(
    view: &Overview,
    actions: &[crate::picture::Action],
    age: f64,
    newest: Option<f64>,
) -> String {
    let mut text = Text::default();
    text.family(
        "sundown_ledger_readable",
        "Whether the console can read the ledger.",
    );
    text.sample("sundown_ledger_readable", &[], 1.0);
    text.family(
        "sundown_ledger_read_age_seconds",
        "How long ago the figures below were read.",
    );
    text.sample("sundown_ledger_read_age_seconds", &[], age.max(0.0));
    if let Some(newest) = newest {
        text.family(
            "sundown_ledger_newest_timestamp_seconds",
            "When the newest sighting was.",
        );
        text.sample("sundown_ledger_newest_timestamp_seconds", &[], newest);
    }
    text.family(
        "sundown_ledger_gaps",
        "Stretches of the last 30 days of which less is known than happened.",
    );
    text.sample("sundown_ledger_gaps", &[], view.gaps.len() as f64);
    text.family("sundown_ledger_connections_30_days", "Connections of customers in the last 30 days, by the highest version offered and what the plan decides of it now.");
    for action in actions {
        text.sample(
            "sundown_ledger_connections_30_days",
            &[("version", &action.version), ("action", &action.action)],
            action.connections as f64,
        );
    }
    text.family(
        "sundown_sunset_accounts_not_ready",
        "Accounts that were seen to miss the floor within 8 days.",
    );
    for sunset in &view.sunsets {
        text.sample(
            "sundown_sunset_accounts_not_ready",
            &[("sunset", &sunset.name)],
            sunset.not_ready as f64,
        );
    }
    text.family(
        "sundown_sunset_ready_ratio",
        "The share of the last 30 days that would survive.",
    );
    for sunset in &view.sunsets {
        for (of, shares) in [
            ("connections", sunset.connections),
            ("requests", sunset.requests),
            ("accounts", sunset.accounts),
        ] {
            if shares.total > 0 {
                let share = report::words::share(shares.survive, shares.total);
                text.sample(
                    "sundown_sunset_ready_ratio",
                    &[("sunset", &sunset.name), ("of", of)],
                    share,
                );
            }
        }
    }
    text.family(
        "sundown_sunset_days_left",
        "Days until clients that miss are turned away for good.",
    );
    for sunset in &view.sunsets {
        if let Some(days) = sunset.days_left {
            text.sample(
                "sundown_sunset_days_left",
                &[("sunset", &sunset.name)],
                days as f64,
            );
        }
    }
    text.family(
        "sundown_sunset_pace_accounts_per_week",
        "Accounts that become ready in a week, by the last four.",
    );
    for sunset in &view.sunsets {
        if let Some(pace) = sunset.pace {
            text.sample(
                "sundown_sunset_pace_accounts_per_week",
                &[("sunset", &sunset.name)],
                pace.a_week,
            );
        }
    }
    text.family(
        "sundown_sunset_phase",
        "1 for the phase that a sunset is in by plan.",
    );
    for sunset in &view.sunsets {
        for phase in floor::Phase::ALL {
            let is = sunset.phase == Some(phase);
            text.sample(
                "sundown_sunset_phase",
                &[("sunset", &sunset.name), ("phase", phase.name())],
                f64::from(u8::from(is)),
            );
        }
    }
    text.family("sundown_sunset_on_hold", "Whether a sunset is on hold.");
    for sunset in &view.sunsets {
        text.sample(
            "sundown_sunset_on_hold",
            &[("sunset", &sunset.name)],
            f64::from(u8::from(sunset.hold.is_some())),
        );
    }
    text.0
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, help: &str) {
        // Writing to a String does not fail.
        writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} gauge").ok();
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.0.push_str(name);
        for (index, (label, text)) in labels.iter().enumerate() {
            self.0.push(if index == 0 { '{' } else { ',' });
            write!(self.0, "{label}=\"{}\"", escaped(text)).ok();
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        writeln!(self.0, " {value}").ok();
    }
}

/// As the text format asks: a label's value has three characters that mean something.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}
