//! Bars, as SVG in the page.

use maud::{Markup, html};

use crate::model::{Day, Shares};
use crate::words::{number, percent, share};

/// One bar, split by what a floor would do.
pub(super) fn bar(shares: &Shares) -> Markup {
    const WIDTH: f64 = 200.0;
    let mut left = 0.0;
    let parts = parts(shares).map(|(class, part)| {
        let width = share(part, shares.total) * WIDTH;
        let bar = (class, left, visible(width, part));
        left += width;
        bar
    });
    html! {
        svg viewBox="0 0 200 12" preserveAspectRatio="none" aria-hidden="true" {
            @for (class, left, width) in parts {
                rect class=(class) x=(decimal(left)) y="0" width=(decimal(width)) height="12" {}
            }
        }
    }
}

/// A bar for each day, as high as its connections.
pub(super) fn days(days: &[Day]) -> Markup {
    const HEIGHT: f64 = 120.0;
    const WIDTH: f64 = 720.0;
    let most = days.iter().map(|day| day.connections.total).max();
    let most = most.unwrap_or(0).max(1);
    let each = WIDTH / days.len().max(1) as f64;
    let bars = days.iter().enumerate().map(|(index, day)| {
        let left = index as f64 * each;
        let mut bottom = HEIGHT;
        let parts = parts(&day.connections).map(|(class, part)| {
            let height = visible(share(part, most) * HEIGHT, part);
            bottom -= height;
            (class, bottom, height)
        });
        (day, left, parts)
    });
    let (first, last) = (days.first(), days.last());
    html! {
        figure {
            svg viewBox="0 0 720 122" role="img" aria-label="Connections by day, and what of them would survive or break" {
                @for (day, left, parts) in bars {
                    g {
                        title { (told(day)) }
                        @for (class, top, height) in parts {
                            rect class=(class) x=(decimal(left + each * 0.08)) y=(decimal(top)) width=(decimal(each * 0.84)) height=(decimal(height)) {}
                        }
                    }
                }
                line x1="0" y1="121" x2="720" y2="121" {}
            }
            figcaption {
                span { @if let Some(first) = first { (first.date) } }
                span { "connections by day, " (number(most)) " at most" }
                span { @if let Some(last) = last { (last.date) } }
            }
        }
    }
}

fn told(day: &Day) -> String {
    let shares = &day.connections;
    format!(
        "{}: {} connections, {} ({}) would break",
        day.date,
        number(shares.total),
        number(shares.breaks),
        percent(shares.breaks, shares.total)
    )
}

/// Stacked from the bottom: what would break stands on the ground line, where small parts can be compared.
fn parts(shares: &Shares) -> [(&'static str, u64); 3] {
    [
        ("breaks", shares.breaks),
        ("survive", shares.survive),
        ("unjudged", shares.unjudged),
    ]
}

/// What is there can be seen, however little it is.
fn visible(length: f64, part: u64) -> f64 {
    if part == 0 { 0.0 } else { length.max(1.0) }
}

fn decimal(length: f64) -> String {
    format!("{length:.2}")
}
