//! The same as pictures: SVG that follows the light or dark of where it is shown.

use std::fmt::Write as _;

use super::report::Table;

const WIDTH: usize = 960;
/// Of a panel; three stand side by side.
const PANEL: usize = 300;
/// Height of a bar with its gap.
const BAR: usize = 22;
/// Room for a bar's name before it, and for its figure behind it.
const NAME: usize = 100;
const FIGURE: usize = 64;
/// Of a panel of lines.
const HEIGHT: usize = 210;

const STYLE: &str = "\
svg{--ink:#222;--soft:#555;--ground:#fff;--c0:#6b6b6b;--c1:#9a9a9a;--c2:#2f7d32;--c3:#9a6700;--c4:#b3261e;--c5:#e0796f}\
@media (prefers-color-scheme:dark){svg{--ink:#e6e6e6;--soft:#b4b4b4;--ground:#161616;--c0:#a8a8a8;--c1:#7a7a7a;--c2:#7ccf80;--c3:#e3b341;--c4:#ff8a80;--c5:#c4574d}}\
text{font:12px system-ui,Verdana,Arial,sans-serif;fill:var(--ink)}.head{font-size:14px;font-weight:600}.soft{fill:var(--soft)}.ground{fill:var(--ground)}\
line{stroke:var(--soft);stroke-width:1;opacity:.4}polyline{fill:none;stroke-width:2}";

fn frame(height: usize, body: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         role=\"img\"><style>{STYLE}</style><rect class=\"ground\" width=\"{WIDTH}\" height=\"{height}\"/>{body}</svg>\n"
    )
}

fn figure(value: f64) -> String {
    match value.abs() {
        ..10.0 => format!("{value:.2}"),
        ..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// Bars: what each costs each server. Shorter is better in every panel.
pub(super) fn costs(table: &Table) -> String {
    let panels = [
        ("Pass a connection", "pass a connection, 64 at once"),
        ("Refuse a TLS 1.0 hello", "refuse a TLS 1.0 hello"),
        ("Move bytes", "download, CPU time"),
        ("Hold a connection open", "memory of an open connection"),
    ];
    let rows: Vec<_> = panels
        .iter()
        .filter_map(|(title, row)| Some((*title, table.last_row(row)?)))
        .collect();
    let high = 40 + BAR * table.servers().len();
    let mut body = String::new();
    for (place, (title, row)) in rows.iter().enumerate() {
        let (left, top) = (16 + place % 2 * 480, 16 + place / 2 * high);
        let most = (0..table.servers().len())
            .filter_map(|server| row.value(server))
            .fold(0.0, f64::max)
            .max(f64::MIN_POSITIVE);
        let _ = write!(
            body,
            "<text class=\"head\" x=\"{left}\" y=\"{}\">{title}, {}</text>",
            top + 14,
            row.unit()
        );
        for (server, name) in table.servers().iter().enumerate() {
            let y = top + 24 + server * BAR;
            let _ = write!(
                body,
                "<text class=\"soft\" x=\"{left}\" y=\"{}\">{name}</text>",
                y + 13
            );
            let Some(value) = row.value(server) else {
                let _ = write!(
                    body,
                    "<text class=\"soft\" x=\"{}\" y=\"{}\">has no rule for it</text>",
                    left + NAME,
                    y + 13
                );
                continue;
            };
            let width = 440.0 - f64::from(u32::try_from(NAME + FIGURE).unwrap_or_default());
            let width = (value / most).max(0.0) * width;
            let _ = write!(
                body,
                "<rect x=\"{}\" y=\"{y}\" width=\"{width:.1}\" height=\"16\" fill=\"var(--c{server})\"/>\
                 <text x=\"{:.1}\" y=\"{}\">{}</text>",
                left + NAME,
                width + f64::from(u32::try_from(left + NAME + 6).unwrap_or_default()),
                y + 13,
                figure(value)
            );
        }
    }
    frame(16 + rows.len().div_ceil(2) * high, &body)
}

/// Lines: how costs and delays grow with connections.
pub(super) fn growth(table: &Table) -> String {
    let open: Vec<String> = table
        .rows
        .iter()
        .filter_map(|row| row.title.strip_prefix("added to an exchange, p50, "))
        .map(|count| count.trim_end_matches(" open").to_owned())
        .collect();
    let delays = |what: &str, share: &str| {
        open.iter()
            .map(|count| {
                (
                    count.clone(),
                    format!("added to an {what}, {share}, {count} open"),
                )
            })
            .collect::<Vec<_>>()
    };
    let passes = ["1", "64", "1000"]
        .map(|count| {
            (
                count.to_owned(),
                format!("pass a connection, {count} at once"),
            )
        })
        .to_vec();
    let threads = ["1", "2"]
        .map(|count| {
            let plural = if count == "1" { "" } else { "s" };
            (
                count.to_owned(),
                format!("pass a connection, 256 at once, {count} thread{plural}"),
            )
        })
        .to_vec();
    let panels = [
        ("CPU time of a connection, µs; connections at once", passes),
        ("CPU time of a connection, µs; threads", threads),
        (
            "Added to an exchange, p50, µs; connections open",
            delays("exchange", "p50"),
        ),
        (
            "Added to an exchange, p99, µs; connections open",
            delays("exchange", "p99"),
        ),
        (
            "Added to an opening, p50, µs; connections open",
            delays("opening", "p50"),
        ),
        (
            "Added to an opening, p99, µs; connections open",
            delays("opening", "p99"),
        ),
    ];
    let mut body = String::new();
    for (place, (title, points)) in panels.iter().enumerate() {
        let (left, top) = (16 + place % 2 * 470, 16 + place / 2 * HEIGHT);
        lines(&mut body, table, title, points, (left, top));
    }
    let top = 16 + panels.len().div_ceil(2) * HEIGHT;
    for (server, name) in table.servers().iter().enumerate() {
        let x = 16 + server * 130;
        let _ = write!(
            body,
            "<rect x=\"{x}\" y=\"{top}\" width=\"12\" height=\"12\" fill=\"var(--c{server})\"/><text x=\"{}\" y=\"{}\">{name}</text>",
            x + 18,
            top + 11
        );
    }
    frame(top + 28, &body)
}

fn lines(
    body: &mut String,
    table: &Table,
    title: &str,
    points: &[(String, String)],
    (left, top): (usize, usize),
) {
    let values = |server: usize| {
        points
            .iter()
            .enumerate()
            .filter_map(move |(place, (_, row))| Some((place, table.row(row)?.value(server)?)))
            .collect::<Vec<_>>()
    };
    let all = (0..table.servers().len()).flat_map(values);
    let most = all
        .map(|(_, value)| value)
        .fold(0.0, f64::max)
        .max(f64::MIN_POSITIVE);
    let float = |count: usize| f64::from(u32::try_from(count).unwrap_or_default());
    let x = |place: usize| {
        let steps = float(points.len().saturating_sub(1).max(1));
        float(left + 40) + float(place) / steps * float(PANEL)
    };
    let y = |value: f64| float(top + 34) + (1.0 - value.max(0.0) / most) * float(HEIGHT - 80);
    let _ = write!(
        body,
        "<text class=\"head\" x=\"{left}\" y=\"{}\">{title}</text>",
        top + 14
    );
    for share in [0.0, 0.5, 1.0] {
        let value = share * most;
        let _ = write!(
            body,
            "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/><text class=\"soft\" x=\"{left}\" y=\"{:.1}\">{}</text>",
            x(0),
            y(value),
            float(left + 40 + PANEL),
            y(value),
            y(value) + 4.0,
            figure(value)
        );
    }
    for (place, (name, _)) in points.iter().enumerate() {
        let _ = write!(
            body,
            "<text class=\"soft\" x=\"{:.1}\" y=\"{}\">{name}</text>",
            x(place) - 4.0,
            top + HEIGHT - 28
        );
    }
    for server in 0..table.servers().len() {
        let values = values(server);
        let path: Vec<String> = values
            .iter()
            .map(|(place, value)| format!("{:.1},{:.1}", x(*place), y(*value)))
            .collect();
        let _ = write!(
            body,
            "<polyline stroke=\"var(--c{server})\" points=\"{}\"/>",
            path.join(" ")
        );
        for (place, value) in values {
            let _ = write!(
                body,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"var(--c{server})\"/>",
                x(place),
                y(value)
            );
        }
    }
}
