//! Every format: what it looks like, and that hostile text stays text in it.
#![cfg(test)]

mod support;

use jiff::SignedDuration;
use ledger::{Gap, Visitor};
use pulldown_cmark::{Event, Options as MarkdownOptions, Parser, Tag};
use report::{Options, Report, format, report};
use support::memory::Memory;
use support::story::{Seen, at, memory, plan, seen, tls10, tls12};

const PLAN: &str = r#"
[[sunset]]
name = "TLS 1.0 and 1.1"
floor = "tls1.2"
observe = "2016-06-01"
warn = "2016-09-15"
explain = "2016-12-15"
refuse = "2017-01-15"

[[sunset.brownout]]
from = "2016-10-20T09:00Z"
to = "2016-10-20T17:00Z"
length = "10m"
every = "1h"
offset = "7m"

[[exception]]
account = "initech"
sunset = "TLS 1.0 and 1.1"
until = "2017-03-01"
owner = "jo@example.com"
reason = "kiosk firmware ships in February"

[[exception]]
account = "hooli"
sunset = "TLS 1.0 and 1.1"
until = "2016-11-05"
owner = "sam@example.com"
reason = "asked for a month"
"#;
const NOW: &str = "2016-10-31T12:00Z";

fn story() -> Memory {
    let mut all: Vec<Seen> = Vec::new();
    for day in 1..=30 {
        let when = format!("2016-10-{day:02}T10:20Z");
        all.push(
            seen(&when, Some(tls12()))
                .account("globex")
                .agent("python-requests/2.31.0")
                .requests(4_000)
                .from("198.51.100.4"),
        );
        all.push(
            seen(&when, Some(tls12()))
                .account("umbrella")
                .agent("okhttp/4.9.0")
                .requests(900)
                .from("198.51.100.5"),
        );
        all.push(
            seen(&when, Some(tls10()))
                .account("acme")
                .agent("sdk node/0.8.28")
                .requests(1_200)
                .from(&format!("192.0.2.{}", day % 6)),
        );
        if day % 7 == 0 {
            all.push(
                seen(&when, Some(tls10()))
                    .account("globex")
                    .agent("Java/1.7.0_25")
                    .requests(6)
                    .from("198.51.100.9"),
            );
        }
        if day < 12 {
            all.push(
                seen(&when, Some(tls10()))
                    .account("initech")
                    .agent("Kiosk/7 (embedded)")
                    .requests(40)
                    .from("203.0.113.7"),
            );
        }
        all.push(seen(&when, None).visitor(Visitor::Scanner));
    }
    all.push(
        seen("2016-10-20T09:10Z", Some(tls10()))
            .account("acme")
            .agent("sdk node/0.8.28")
            .in_window("TLS 1.0 and 1.1", "2016-10-20T09:07Z", 12),
    );
    all.push(
        seen("2016-10-20T10:10Z", Some(tls10()))
            .account("soylent")
            .agent("Java/1.6.0")
            .in_window("TLS 1.0 and 1.1", "2016-10-20T10:07Z", 2),
    );
    all.push(
        seen("2016-10-21T10:10Z", Some(tls12()))
            .account("soylent")
            .agent("Java/1.8.0")
            .requests(50),
    );
    all.push(
        seen("2016-10-22T10:10Z", Some(tls10()))
            .inferred(&[("acme", 3_700)], false)
            .refused(),
    );
    all.push(
        seen("2016-10-22T11:10Z", Some(tls10()))
            .inferred(&[("globex", 90_000), ("umbrella", 100)], false)
            .refused(),
    );
    all.push(seen("2016-10-23T11:10Z", Some(tls10())).requests(2));
    all.push(seen("2016-10-23T11:10Z", None));
    let mut ledger = memory(all);
    ledger.other.push((3, 9, at("2016-10-24T00:30Z")));
    ledger.gaps.push(Gap {
        from: at("2016-10-24T00:10Z"),
        until: Some(at("2016-10-24T00:40Z")),
        reason: "disk full".into(),
        connections: 3,
    });
    ledger
}

fn made(ledger: &Memory, options: Options) -> Report {
    let options = Options {
        since: Some(at("2016-10-01")),
        ..options
    };
    report(ledger, &plan(PLAN), at(NOW), &options).expect("memory")
}

fn terminal(report: &Report, width: usize) -> String {
    let mut out = Vec::new();
    format::terminal(report, width, &mut out).expect("memory");
    String::from_utf8(out).expect("text")
}

fn plain(report: &Report, width: usize) -> String {
    anstream::adapter::strip_str(&terminal(report, width)).to_string()
}

fn written(write: fn(&Report, &mut Vec<u8>) -> std::io::Result<()>, report: &Report) -> String {
    let mut out = Vec::new();
    write(report, &mut out).expect("memory");
    String::from_utf8(out).expect("text")
}

fn markdown(report: &Report) -> String {
    written(format::markdown, report)
}

fn csv(report: &Report) -> String {
    written(format::csv, report)
}

fn json(report: &Report) -> String {
    written(format::json, report)
}

#[test]
fn a_terminal_of_80_columns() {
    insta::assert_snapshot!(plain(&made(&story(), Options::default()), 80));
}

#[test]
fn a_wide_terminal() {
    insta::assert_snapshot!(plain(
        &made(
            &story(),
            Options {
                most: Some(2),
                ..Options::default()
            }
        ),
        140
    ));
}

#[test]
fn a_narrow_terminal() {
    insta::assert_snapshot!(plain(
        &made(
            &story(),
            Options {
                most: Some(2),
                ..Options::default()
            }
        ),
        40
    ));
}

#[test]
fn one_account_on_a_terminal() {
    let options = Options {
        account: Some("globex".to_owned()),
        ..Options::default()
    };
    insta::assert_snapshot!(plain(&made(&story(), options), 100));
}

#[test]
fn an_empty_ledger_on_a_terminal() {
    insta::assert_snapshot!(plain(&made(&Memory::default(), Options::default()), 80));
}

#[test]
fn as_markdown() {
    insta::assert_snapshot!(markdown(&made(
        &story(),
        Options {
            most: Some(3),
            ..Options::default()
        }
    )));
}

#[test]
fn as_csv() {
    insta::assert_snapshot!(csv(&made(&story(), Options::default())));
}

#[test]
fn as_json() {
    let options = Options {
        most: Some(1),
        only_new: Some(SignedDuration::from_hours(24 * 40)),
        days: true,
        ..Options::default()
    };
    insta::assert_snapshot!(json(&made(&story(), options)));
}

#[test]
fn as_html() {
    let options = Options {
        most: Some(1),
        days: true,
        ..Options::default()
    };
    insta::assert_snapshot!(format::html(&made(&story(), options)).replace("><", ">\n<"));
}

#[test]
fn nothing_is_wider_than_the_terminal_but_what_is_to_be_copied() {
    let account = Options {
        account: Some("globex".to_owned()),
        ..Options::default()
    };
    let [hostile, _] = hostile_reports();
    for report in [
        made(&story(), Options::default()),
        made(&story(), account),
        hostile,
    ] {
        for width in (40..=200).step_by(7) {
            for line in plain(&report, width).lines() {
                let is_copied = line.starts_with("      ");
                assert!(
                    is_copied || line.chars().count() <= width,
                    "{width}: {line:?}"
                );
            }
        }
    }
}

/// An account, a User-Agent and a server name that attack whatever shows them.
const HOSTILE: [&str; 12] = [
    "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}evil\r\nnext",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "=cmd|'/c calc'!A0",
    "+1+1",
    "-1+1",
    "@SUM(A1:A9)",
    "\t=1",
    "\r=1",
    "a | b \\| c `code` ``x`` **bold** [link](https://evil.example) @team #1",
    "```\n# heading\n| a | b |\n",
    "\" onmouseover=\"alert(1)",
    "https://evil.example/?a=b&c=d",
];

fn hostile() -> Memory {
    memory(
        HOSTILE
            .iter()
            .enumerate()
            .map(|(index, text)| {
                let requests = 100 - index as u64;
                seen("2016-10-30T10:00Z", Some(tls10()))
                    .account(text)
                    .agent(text)
                    .sni(text)
                    .requests(requests)
            })
            .chain([seen("2016-10-30T10:00Z", Some(tls10()))
                .inferred(&[(HOSTILE[0], 1), (HOSTILE[1], 2)], false)
                .refused()]),
    )
}

fn steers(text: &str) -> Option<char> {
    text.chars().find(|&character| {
        (character.is_control() && character != '\n')
            || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    })
}

fn hostile_reports() -> [Report; 2] {
    let account = Some(HOSTILE[0].to_owned());
    [
        made(&hostile(), Options::default()),
        made(
            &hostile(),
            Options {
                account,
                ..Options::default()
            },
        ),
    ]
}

#[test]
fn no_format_steers_a_terminal() {
    for report in hostile_reports() {
        for (name, text) in [
            ("terminal", plain(&report, 80)),
            ("narrow", plain(&report, 40)),
            ("json", json(&report)),
            ("csv", csv(&report).replace("\r\n", "\n")),
            ("markdown", markdown(&report)),
            ("html", format::html(&report)),
        ] {
            assert_eq!(steers(&text), None, "{name}");
        }
        // The styles are the only escapes, and all of them are colours.
        let styled = terminal(&report, 80);
        for escape in styled.split('\u{1b}').skip(1) {
            let (code, _) = escape.split_once('m').expect("a style ends with m");
            assert!(
                code.strip_prefix('[').is_some_and(|code| code
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || byte == b';')),
                "{code:?}"
            );
        }
    }
}

#[test]
fn json_keeps_what_was_seen() {
    let [report, _] = hostile_reports();
    let value: serde_json::Value = serde_json::from_str(&json(&report)).expect("JSON");
    let ids: Vec<&str> = value["sunsets"][0]["breaking"]
        .as_array()
        .expect("rows")
        .iter()
        .filter_map(|row| row["who"]["id"].as_str())
        .collect();
    assert_eq!(ids, HOSTILE);
}

#[test]
fn no_cell_of_csv_is_a_formula() {
    let [report, _] = hostile_reports();
    let text = csv(&report);
    let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
    let head = reader.headers().expect("a head").len();
    let mut rows = 0;
    for record in reader.records() {
        let record = record.expect("RFC 4180");
        assert_eq!(record.len(), head);
        for cell in &record {
            assert!(
                !cell.starts_with(['=', '+', '-', '@', '\t', '\r']),
                "{cell:?}"
            );
        }
        rows += 1;
    }
    assert_eq!(rows, HOSTILE.len() + 1);
}

#[test]
fn html_holds_no_markup_of_theirs() {
    for report in hostile_reports() {
        let page = format::html(&report);
        for tag in page.split('<').skip(1) {
            let (tag, _) = tag.split_once('>').expect("a tag ends");
            for never in [
                "script", "img", "iframe", "link", " src", " href", " on", "http",
            ] {
                assert!(!tag.contains(never), "{tag}");
            }
        }
        assert!(
            page.contains("&lt;script&gt;alert(1)"),
            "it is shown as text"
        );
    }
}

#[test]
fn markdown_holds_no_markup_of_theirs() {
    for report in hostile_reports() {
        let text = markdown(&report);
        let mut columns = 0;
        let mut cells = 0;
        let mut code = String::new();
        for event in Parser::new_ext(&text, MarkdownOptions::all()) {
            match event {
                Event::Html(html) | Event::InlineHtml(html) => panic!("HTML: {html}"),
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    panic!("a link to {dest_url}")
                }
                Event::Start(Tag::Table(alignments)) => columns = alignments.len(),
                Event::Start(Tag::TableRow | Tag::TableHead) => cells = 0,
                Event::Start(Tag::TableCell) => cells += 1,
                Event::End(
                    pulldown_cmark::TagEnd::TableRow | pulldown_cmark::TagEnd::TableHead,
                ) => assert_eq!(cells, columns),
                Event::Code(text) => code.push_str(&text),
                Event::Text(text) => assert!(
                    !text.contains("evil.example") && !text.contains("@team"),
                    "outside code: {text}"
                ),
                _ => {}
            }
        }
        assert!(
            code.contains("<script>alert(1)</script>"),
            "it is shown as code"
        );
    }
}
