//! A simulation as a picture: SVG that follows the light or dark of where it is shown.

use std::fmt::Write;

use maud::html;

use super::words::{class, negotiates, summary, title, verdict};
use super::{Fate, Simulated, Simulation};
use crate::safe::line;

/// Of the whole picture.
const WIDTH: usize = 1_100;
/// Of a row.
const ROW: usize = 24;
/// Where the table begins.
const TOP: usize = 170;
/// Where the columns begin.
const COLUMNS: [usize; 4] = [24, 270, 470, 930];
/// Characters that fit into a column, at 13 pixels.
const FITS: [usize; 4] = [34, 28, 66, 22];
const BAR_HEIGHT: usize = 14;

const STYLE: &str = "\
svg{--ink:#222;--soft:#555;--ground:#fff;--stripe:#f4f4f4;--works:#2f7d32;--opt-in:#9a6700;--never:#b3261e;--unknown:#6b6b6b}\
@media (prefers-color-scheme:dark){svg{--ink:#e6e6e6;--soft:#b4b4b4;--ground:#161616;--stripe:#202020;--works:#7ccf80;--opt-in:#e3b341;--never:#ff8a80;--unknown:#a8a8a8}}\
text{font:13px system-ui,Verdana,Arial,sans-serif;fill:var(--ink)}.title{font-size:24px;font-weight:600}.soft{fill:var(--soft)}\
.ground{fill:var(--ground)}.stripe{fill:var(--stripe)}.works{fill:var(--works)}.opt-in{fill:var(--opt-in)}.never{fill:var(--never)}\
.unknown{fill:var(--unknown)}text.works,text.opt-in,text.never,text.unknown{font-weight:600}";

/// The whole of it.
pub fn svg(simulation: &Simulation) -> String {
    let height = TOP + ROW * (simulation.clients.len() + 1) + 16;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         role=\"img\"><style>{STYLE}</style><rect class=\"ground\" width=\"{WIDTH}\" height=\"{height}\"/>"
    );
    text(&mut svg, 24, 44, "title", &title(simulation), 80);
    let asks = simulation.asks.join("; ");
    text(&mut svg, 24, 70, "soft", &asks, 160);
    text(&mut svg, 24, 94, "", &summary(simulation), 160);
    svg.push_str(&shares(simulation, 24, 106, WIDTH - 48));
    let head = [
        "client",
        "best it offers",
        "negotiates, or why not",
        "verdict",
    ];
    for (x, name) in COLUMNS.into_iter().zip(head) {
        text(&mut svg, x, TOP, "soft", name, 40);
    }
    for (index, client) in simulation.clients.iter().enumerate() {
        row(&mut svg, client, TOP + ROW * index + 8, index % 2 == 0);
    }
    svg.push_str("</svg>\n");
    svg
}

fn row(svg: &mut String, client: &Simulated, top: usize, is_striped: bool) {
    if is_striped {
        // Writing to a String does not fail.
        let _ = write!(
            svg,
            "<rect class=\"stripe\" x=\"12\" y=\"{top}\" width=\"{}\" height=\"{ROW}\"/>",
            WIDTH - 24
        );
    }
    let cells = [
        client.name.clone(),
        client.best.clone(),
        negotiates(client),
        verdict(client),
    ];
    for (index, ((x, fits), content)) in COLUMNS.into_iter().zip(FITS).zip(cells).enumerate() {
        let is_verdict = index == COLUMNS.len() - 1;
        let class = if is_verdict { class(client.fate) } else { "" };
        if is_verdict {
            let middle = top + ROW / 2;
            let _ = write!(
                svg,
                "<circle class=\"{class}\" cx=\"{x}\" cy=\"{middle}\" r=\"5\"/>"
            );
        }
        let x = if is_verdict { x + 12 } else { x };
        text(svg, x, top + 16, class, &content, fits);
    }
}

/// Text at a place, cut where it does not fit. It is whole when pointed at.
fn text(svg: &mut String, x: usize, y: usize, class: &str, content: &str, fits: usize) {
    let content = line(content);
    let mut shown: String = content.chars().take(fits).collect();
    if shown.len() < content.len() {
        shown.pop();
        shown.push('…');
    }
    let text = html! {
        text x=(x) y=(y) class=(class) { (shown) @if *shown != *content { title { (content) } } }
    };
    svg.push_str(&text.into_string());
}

/// The shares of each result, for a page.
pub(super) fn bar(simulation: &Simulation) -> String {
    format!(
        "<svg class=\"sums\" viewBox=\"0 0 {WIDTH} 44\" role=\"img\" aria-label=\"shares\">{}</svg>",
        shares(simulation, 0, 0, WIDTH)
    )
}

/// A bar of all results, and how many each is below it.
fn shares(simulation: &Simulation, left: usize, top: usize, width: usize) -> String {
    let mut svg = String::new();
    let sums = simulation.sums;
    let (mut x, mut legend) = (left, left);
    for fate in Fate::ALL {
        let count = sums.of(fate);
        if count == 0 {
            continue;
        }
        let class = class(fate);
        let part = (count * width / sums.clients.max(1)).max(2);
        let name = format!("{count} {}", fate.words());
        let (middle, base) = (top + BAR_HEIGHT + 16, top + BAR_HEIGHT + 21);
        let _ = write!(
            svg,
            "<rect class=\"{class}\" x=\"{x}\" y=\"{top}\" width=\"{part}\" height=\"{BAR_HEIGHT}\"/>\
             <rect class=\"{class}\" x=\"{legend}\" y=\"{}\" width=\"10\" height=\"10\"/>",
            middle - 5
        );
        text(&mut svg, legend + 16, base, "", &name, 40);
        x += part;
        legend += 180;
    }
    svg
}
