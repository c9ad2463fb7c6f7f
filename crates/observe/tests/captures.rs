//! Captures that others published, judged by what tshark, FoxIO and Zeek read in them.
//!
//! `UPDATE_AGREEMENT=1 cargo test -p sundown-observe --test captures` writes `docs/captures-agreement.md` anew.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what goes wrong in a helper of a test fails the test"
)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::{self, File};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hello::{Version, names};
use observe::Evidence;

const DOCUMENT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../docs/captures-agreement.md"
);

/// Where the captures are, by `SUNDOWN_SHARED` or beside the checkout.
#[expect(clippy::print_stderr, reason = "a skipped test has to say so")]
fn captures() -> Option<PathBuf> {
    let root = std::env::var_os("SUNDOWN_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let captures = root.join("captures");
    if captures.join("expected.csv").exists() {
        return Some(captures);
    }
    eprintln!(
        "SKIPPED agreement on published captures: {} is not there; set SUNDOWN_SHARED to the directory of the shared data",
        captures.display()
    );
    None
}

/// By field; a field that is not there is not known.
type Row = BTreeMap<&'static str, String>;

/// What is compared, in the order of the table.
const FIELDS: [&str; 11] = [
    "SNI",
    "offered maximum",
    "negotiated version",
    "cipher",
    "group",
    "JA3",
    "JA4",
    "Zeek's SNI",
    "Zeek's version",
    "Zeek's cipher",
    "Zeek's curve",
];

/// What others read of a connection.
struct Expected {
    capture: String,
    stream: String,
    ends: (String, String),
    row: Row,
}

fn code(text: &str) -> Option<u16> {
    u16::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

/// `TLSv12` and `unknown-32257` as Zeek writes them, `TLSv1.3-draft19` as both do.
fn version(text: &str) -> String {
    let draft = text.split_once("-draft").map(|(_, number)| number);
    if let Some(number) = draft.and_then(|number| number.parse::<u16>().ok()) {
        return Version(0x7f00 | number).to_string();
    }
    if let Some(experiment) = text
        .split_once("-exp-")
        .and_then(|(_, number)| code(number))
    {
        return Version(experiment).to_string();
    }
    if let Some(number) = text.strip_prefix("unknown-") {
        return Version(number.parse().unwrap()).to_string();
    }
    match text.strip_prefix("TLSv1") {
        Some(minor) if minor.len() == 1 => Version(0x0301 + minor.parse::<u16>().unwrap()),
        _ => match text {
            "TLSv1.0" => Version::TLSV1,
            name => return name.to_owned(),
        },
    }
    .to_string()
}

fn cipher(code: u16) -> String {
    names::cipher_suite(code).map_or("unknown".to_owned(), |name| {
        name.openssl.unwrap_or(name.iana).to_owned()
    })
}

/// Connections over TCP, and how many there are over something else.
fn expected(captures: &Path) -> (Vec<Expected>, BTreeMap<String, usize>) {
    let mut table = csv::Reader::from_path(captures.join("expected.csv")).unwrap();
    let head = table.headers().unwrap().clone();
    let (mut rows, mut not_read) = (Vec::new(), BTreeMap::new());
    for record in table.records().map(Result::unwrap) {
        let field = |name: &str| {
            let column = head.iter().position(|column| column == name).unwrap();
            record.get(column).unwrap()
        };
        if field("transport") != "tcp" {
            *not_read
                .entry(field("transport").to_uppercase())
                .or_default() += 1;
            continue;
        }
        let zeek = |name| Some(field(name)).filter(|text| !matches!(*text, "" | "-"));
        let said = |name| Some(field(name)).filter(|text| !text.is_empty());
        let group = |code| names::group(code).unwrap_or_default().to_owned();
        let values = [
            Some(field("sni").to_owned()),
            said("offered_max").map(version),
            // Where there is none, no server has answered in the capture.
            Some(version(field("negotiated"))),
            said("cipher").and_then(code).map(cipher),
            said("group").and_then(code).map(group),
            said("ja3").map(str::to_owned),
            said("ja4").map(str::to_owned),
            zeek("zeek_server_name").map(str::to_owned),
            zeek("zeek_version").map(version),
            zeek("zeek_cipher").map(|name| {
                names::cipher_suite_by_name(name).map_or_else(|| name.to_owned(), cipher)
            }),
            zeek("zeek_curve").map(str::to_owned),
        ];
        let row = FIELDS.into_iter().zip(values);
        rows.push(Expected {
            capture: field("pcap").to_owned(),
            stream: field("stream").to_owned(),
            ends: (
                field("client").to_owned(),
                format!("{} {}", field("server"), field("sport")),
            ),
            row: row
                .filter_map(|(name, value)| Some((name, value?)))
                .collect(),
        });
    }
    (rows, not_read)
}

fn row(evidence: &Evidence<'_>) -> Row {
    let whole = evidence.offer.as_ref().filter(|offer| !offer.is_partial());
    let agreed = evidence.negotiated.as_ref();
    let sni = evidence.sni.unwrap_or_default().to_owned();
    let version = agreed.map_or_else(String::new, |agreed| agreed.version.to_string());
    let cipher = agreed.map_or("", |agreed| agreed.cipher).to_owned();
    let group = agreed
        .and_then(|agreed| agreed.group)
        .unwrap_or_default()
        .to_owned();
    let offered = whole.map(|offer| offer.max_version().to_string());
    let values = [
        sni.clone(),
        offered.unwrap_or_default(),
        version.clone(),
        cipher.clone(),
        group.clone(),
        whole.map(hello::ja3).unwrap_or_default(),
        whole.map(hello::ja4).unwrap_or_default(),
        sni,
        version,
        cipher,
        group,
    ];
    FIELDS.into_iter().zip(values).collect()
}

/// What we read in a capture, with the ends of each connection.
fn read(path: &Path) -> Vec<((String, String), Row)> {
    let mut rows = Vec::new();
    let source: Arc<str> = "test".into();
    observe::capture::read(File::open(path).unwrap(), &source, &mut |evidence| {
        let client = evidence.address.unwrap().to_string();
        let server = evidence.server.unwrap();
        let ends = (client, format!("{} {}", server.ip(), server.port()));
        rows.push((ends, row(&evidence)));
        ControlFlow::Continue(())
    })
    .unwrap();
    rows
}

/// Fields in which ours is not what is expected.
fn differences<'a>(expected: &'a Row, ours: &'a Row) -> Vec<(&'static str, &'a str, &'a str)> {
    expected
        .iter()
        .filter(|(field, value)| ours[*field] != **value)
        .map(|(field, value)| (*field, value.as_str(), ours[*field].as_str()))
        .collect()
}

/// Why ours is another than theirs; `None` fails the test.
fn reason(field: &str, theirs: &str) -> Option<&'static str> {
    let is_draft = theirs.starts_with("0x7");
    (field == "offered maximum" && is_draft).then_some(
        "a draft or an experiment is no version that a floor asks for: the latest published one is told",
    )
}

#[test]
fn others_read_the_same() {
    let Some(captures) = captures() else {
        return;
    };
    let (expected, not_read) = expected(&captures);
    let mut by_capture: BTreeMap<&str, Vec<&Expected>> = BTreeMap::new();
    for row in &expected {
        by_capture.entry(&row.capture).or_default().push(row);
    }
    let mut agree = 0;
    let mut fields: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    let mut listed = String::new();
    let mut unexplained = Vec::new();
    for (capture, wanted) in by_capture {
        let mut ours = read(&captures.join(capture));
        for wanted in wanted {
            // A connection is known by its ends; among several between the same, the one that differs least.
            let nearest = ours
                .iter()
                .enumerate()
                .filter(|(_, (ends, _))| *ends == wanted.ends)
                .min_by_key(|(_, (_, row))| differences(&wanted.row, row).len())
                .map(|(index, _)| index);
            let Some(nearest) = nearest else {
                unexplained.push(format!("{capture} {}: not seen", wanted.stream));
                continue;
            };
            let (_, found) = ours.remove(nearest);
            let different = differences(&wanted.row, &found);
            agree += usize::from(different.is_empty());
            for field in wanted.row.keys() {
                fields.entry(field).or_default()[0] += 1;
            }
            for (field, theirs, ours) in different {
                fields.get_mut(field).unwrap()[1] += 1;
                match reason(field, theirs) {
                    Some(reason) => writeln!(
                        listed,
                        "| {capture} | {} | {field} | {theirs} | {ours} | {reason} |",
                        wanted.stream
                    )
                    .unwrap(),
                    None => unexplained.push(format!(
                        "{capture} {} {field}: theirs {theirs:?}, ours {ours:?}",
                        wanted.stream
                    )),
                }
            }
        }
        for (ends, row) in ours {
            let known = "TLS that the table has no row for";
            writeln!(
                listed,
                "| {capture} | {} to {} | connection | | {} {} | {known} |",
                ends.0, ends.1, row["negotiated version"], row["cipher"]
            )
            .unwrap();
        }
    }
    assert!(unexplained.is_empty(), "{}", unexplained.join("\n"));
    let document = document(&expected, &not_read, agree, &fields, &listed);
    if std::env::var_os("UPDATE_AGREEMENT").is_some() {
        fs::write(DOCUMENT, document).unwrap();
    } else {
        assert_eq!(
            fs::read_to_string(DOCUMENT).unwrap_or_default(),
            document,
            "docs/captures-agreement.md is of another reader: UPDATE_AGREEMENT=1 writes it anew"
        );
    }
}

fn document(
    expected: &[Expected],
    not_read: &BTreeMap<String, usize>,
    agree: usize,
    fields: &BTreeMap<&str, [usize; 2]>,
    listed: &str,
) -> String {
    let mut text = format!(
        "# Captures: what others read in them\n\n\
         The captures that FoxIO (JA4) and Zeek test with, read by Sundown, and compared with TShark 4.4, FoxIO's snapshots\n\
         and Zeek's baselines. Written by `crates/observe/tests/captures.rs`.\n\n\
         TLS over TCP: {} connections, {agree} the same in every field that the others tell.\n",
        expected.len()
    );
    for (transport, count) in not_read {
        writeln!(text, "{transport}: {count} connections, not read.").unwrap();
    }
    text.push_str("\n| field | compared | different |\n|---|--:|--:|\n");
    for field in FIELDS {
        let [compared, different] = fields.get(field).copied().unwrap_or_default();
        writeln!(text, "| {field} | {compared} | {different} |").unwrap();
    }
    if !listed.is_empty() {
        text.push_str(
            "\n## Differences\n\n| capture | stream | field | theirs | ours | why |\n|---|---|---|---|---|---|\n",
        );
        text.push_str(listed);
    }
    text
}
