//! Accounts that are not ready, against the calendar: what was, what is planned, and where the pace leads.

use floor::Phase;
use jiff::ToSpan;
use jiff::civil::Date;
use maud::{Markup, html};

use super::scale::{Scale, days, decimal, steps};
use crate::view::overview::{Countdown, date};

/// Days that are looked ahead beyond today at most.
const AHEAD: i64 = 120;

/// Twice: for screens that are broad, and for those that are not.
pub(crate) fn burn_down(sunset: &Countdown, today: Date) -> Markup {
    let Some(first) = sunset.days.first().map(|day| day.date) else {
        return html! { p class="empty" { "No account has shown itself yet." } };
    };
    let said = described(sunset, today);
    html! {
        figure class="chart" {
            (picture(sunset, first, today, (1040.0, 320.0), "broad", &said))
            (picture(sunset, first.max(today.saturating_sub(60.days())), today, (400.0, 300.0), "narrow", &said))
            figcaption {
                span class="key" { "accounts not ready, seen to miss within 8 days" }
                @if !sunset.brownouts.is_empty() { span class="key b" { "brownouts" } }
                @if sunset.ends.is_some() { span class="key e" { "turned away for good" } }
                @if sunset.pace.is_some_and(|pace| pace.zero_on.is_some()) { span { "dotted: at the pace of the last four weeks" } }
            }
            details {
                summary { "The same as a table" }
                div class="wide" { table {
                    thead { tr { th { "Day" } th class="n" { "Not ready" } th class="n" { "Seen" } } }
                    tbody {
                        @for day in sunset.days.iter().rev().step_by(7) {
                            tr { td class="num" { (day.date) } td class="n" { (day.not_ready) } td class="n" { (day.seen) } }
                        }
                    }
                } }
            }
        }
    }
}

fn described(sunset: &Countdown, today: Date) -> String {
    let now = sunset.not_ready;
    let before = sunset.days.first().map_or(0, |day| day.not_ready.max(now));
    let most = sunset
        .days
        .iter()
        .map(|day| day.not_ready)
        .max()
        .unwrap_or(before);
    let zero = sunset
        .pace
        .and_then(|pace| pace.zero_on)
        .map_or(String::new(), |zero| {
            format!("; none is left on {zero} at this pace")
        });
    format!("Accounts not ready by day: {most} at most, {now} on {today}{zero}")
}

fn picture(
    sunset: &Countdown,
    first: Date,
    today: Date,
    (width, height): (f64, f64),
    class: &str,
    said: &str,
) -> Markup {
    let is_broad = class == "broad";
    let horizon = today.saturating_add(if is_broad { AHEAD.days() } else { 60.days() });
    let ends = sunset.ends.map(date);
    let zero = sunset.pace.and_then(|pace| pace.zero_on);
    let last = [ends, zero]
        .into_iter()
        .flatten()
        .map(|day| day.saturating_add(7.days()))
        .max()
        .unwrap_or(today)
        .clamp(today.saturating_add(10.days()), horizon);
    let shown = || sunset.days.iter().filter(|day| day.date >= first);
    let steps = steps(shown().map(|day| day.not_ready).max().unwrap_or_default());
    let scale = Scale {
        width,
        height,
        left: 34.0,
        right: 12.0,
        top: 34.0,
        bottom: 28.0,
        first,
        days: days(first, last),
        most: steps.last().copied().unwrap_or(1) as f64,
    };
    let points: Vec<(f64, f64)> = shown()
        .map(|day| (scale.x(day.date), scale.y(day.not_ready as f64)))
        .collect();
    let line = path(&points);
    let (start, end) = (points.first().copied(), points.last().copied());
    let floor = decimal(scale.floor());
    html! {
        svg class=(class) viewBox=(format!("0 0 {width} {height}")) role="img" aria-label=(said) {
            (phases(sunset, &scale, last, is_broad))
            @for step in &steps {
                @let y = decimal(scale.y(*step as f64));
                line class="grid-line" x1=(decimal(scale.left)) x2=(decimal(width - scale.right)) y1=(y) y2=(y) {}
                text x=(decimal(scale.left - 8.0)) y=(decimal(scale.y(*step as f64) + 4.0)) text-anchor="end" { (report::words::number(*step)) }
            }
            @for month in scale.months() {
                @let x = scale.x(month);
                line class="edge" x1=(decimal(x)) x2=(decimal(x)) y1=(floor) y2=(decimal(scale.floor() + 5.0)) {}
                @if (x - scale.x(today)).abs() > 34.0 { text x=(decimal(x)) y=(decimal(height - 8.0)) text-anchor="middle" { (month.strftime("%b")) } }
            }
            @for run in sunset.brownouts.iter().filter(|run| date(run.from) >= first && date(run.from) <= last) {
                rect class="brownout" x=(decimal(scale.x(date(run.from)) - 2.0)) y=(decimal(scale.top)) width="4" height=(decimal(scale.floor() - scale.top)) rx="2" {
                    title { "Brownouts on " (date(run.from)) ": " (run.windows) " windows" }
                }
            }
            @if let Some(ends) = ends.filter(|ends| *ends <= last && *ends >= first) {
                @let x = decimal(scale.x(ends));
                line class="end-line" x1=(x) x2=(x) y1=(decimal(scale.top - 6.0)) y2=(floor) {}
            }
            @if let (Some((from, _)), Some((to, _))) = (start, end) {
                path class="area" d=(format!("{line} L{} {floor} L{} {floor} Z", decimal(to), decimal(from))) {}
            }
            path class="line" d=(line) {}
            @if let (Some((x, y)), Some(zero)) = (end, zero.filter(|zero| *zero > today)) {
                (ahead((x, y), zero, last, today, &scale))
            }
            @let x = scale.x(today);
            line class="today" x1=(decimal(x)) x2=(decimal(x)) y1=(decimal(scale.top - 6.0)) y2=(floor) {}
            text class="today-text" x=(decimal(x)) y=(decimal(height - 8.0)) text-anchor="middle" { "today" }
            @if let Some((x, y)) = end {
                circle class="dot" cx=(decimal(x)) cy=(decimal(y)) r="5" {}
                text class="value" x=(decimal(x + 10.0)) y=(decimal(y - 8.0)) { (report::words::number(sunset.not_ready)) }
            }
        }
    }
}

/// Where the pace leads, as far as the picture goes.
fn ahead((x, y): (f64, f64), zero: Date, last: Date, today: Date, scale: &Scale) -> Markup {
    let whole = days(today, zero).max(1.0);
    let share = (days(today, last) / whole).min(1.0);
    let to_x = x + (scale.x(zero) - x) * share;
    let to_y = y + (scale.floor() - y) * share;
    html! { path class="ahead" d=(path(&[(x, y), (to_x, to_y)])) { title { "None is left on " (zero) " at this pace" } } }
}

/// The phases as bands, every other one tinted, with their names.
fn phases(sunset: &Countdown, scale: &Scale, last: Date, is_broad: bool) -> Markup {
    let mut spans: Vec<(Phase, Date, Date)> = Vec::new();
    let begun = sunset.phases.iter().map(|next| (next.phase, date(next.at)));
    let all: Vec<(Phase, Date)> = begun.collect();
    for (index, (phase, from)) in all.iter().enumerate() {
        let to = all.get(index + 1).map_or(last, |(_, next)| *next);
        let (from, to) = ((*from).max(scale.first), to.min(last));
        if from < to {
            spans.push((*phase, from, to));
        }
    }
    html! {
        @for (index, (phase, from, to)) in spans.iter().enumerate() {
            @let (x, right) = (scale.x(*from), scale.x(*to));
            @if index % 2 == 1 {
                rect class="band" x=(decimal(x)) y=(decimal(scale.top - 24.0)) width=(decimal(right - x)) height=(decimal(scale.floor() - scale.top + 24.0)) {}
            }
            @if right - x > (if is_broad { 46.0 } else { 40.0 }) {
                text class="phase" x=(decimal(x + 7.0)) y=(decimal(scale.top - 10.0)) { (phase.name()) }
            }
        }
    }
}

fn path(points: &[(f64, f64)]) -> String {
    let mut path = String::new();
    for (index, (x, y)) in points.iter().enumerate() {
        path.push(if index == 0 { 'M' } else { 'L' });
        path.push_str(&format!("{} {} ", decimal(*x), decimal(*y)));
    }
    path.trim_end().to_owned()
}
