//! Bars: a share, and days beside each other.

use maud::{Markup, html};
use report::model::Shares;

use super::scale::decimal;
use crate::view::account::HistoryDay;

/// One bar, split by what a floor would do.
pub(crate) fn share(shares: &Shares) -> Markup {
    const WIDTH: f64 = 400.0;
    let mut left = 0.0_f64;
    let parts = [
        ("survive", shares.survive),
        ("breaks", shares.breaks),
        ("unjudged", shares.unjudged),
    ]
    .map(|(class, part)| {
        let share = report::words::share(part, shares.total) * WIDTH;
        // What is there can be seen, however little it is.
        let width = if part == 0 { 0.0 } else { share.max(2.0) };
        let bar = (class, left.min(WIDTH - width), width);
        left += share;
        bar
    });
    html! {
        svg viewBox="0 0 400 8" preserveAspectRatio="none" aria-hidden="true" {
            @for (class, left, width) in parts { rect class=(class) x=(decimal(left)) y="0" width=(decimal(width)) height="8" {} }
        }
    }
}

/// A bar for each day, what misses on the ground line.
pub(crate) fn history(days: &[HistoryDay]) -> Markup {
    const WIDTH: f64 = 1040.0;
    const HEIGHT: f64 = 130.0;
    let most = days
        .iter()
        .map(|day| day.meets + day.misses)
        .max()
        .unwrap_or(0)
        .max(1);
    let each = WIDTH / days.len().max(1) as f64;
    let bars = days.iter().enumerate().map(|(index, day)| {
        let height = |part: u64| {
            let height = report::words::share(part, most) * HEIGHT;
            if part == 0 { 0.0 } else { height.max(1.5) }
        };
        let (misses, meets) = (height(day.misses), height(day.meets));
        (day, index as f64 * each, misses, meets)
    });
    let number = report::words::number;
    let (first, last) = (days.first(), days.last());
    html! {
        figure class="chart bars" {
            svg viewBox="0 0 1040 132" role="img" aria-label="Requests by day, and what of them misses the floor" {
                @for (day, left, misses, meets) in bars {
                    g {
                        title { (day.date) ": " (number(day.meets + day.misses)) ", of these " (number(day.misses)) " miss" }
                        @let (x, width) = (decimal(left + each * 0.12), decimal(each * 0.76));
                        rect class="misses" x=(x) y=(decimal(HEIGHT - misses)) width=(width) height=(decimal(misses)) {}
                        rect class="meets" x=(x) y=(decimal(HEIGHT - misses - meets)) width=(width) height=(decimal(meets)) {}
                    }
                }
                line class="edge" x1="0" x2="1040" y1="131" y2="131" {}
            }
            figcaption {
                @if let (Some(first), Some(last)) = (first, last) { span class="num" { (first.date) " to " (last.date) } }
                span class="key s" { "meets" } span class="key m" { "misses" }
                span class="num" { (number(most)) " a day at most" }
            }
        }
    }
}
