//! Turns `data/codepoints.csv` into sorted static tables.

#[path = "build/derive.rs"]
mod derive;

use std::collections::{BTreeMap, BTreeSet};
use std::{env, fs, path::Path};

const TABLE: &str = "data/codepoints.csv";

/// A row of the table: its name and its other columns.
struct Row<'a> {
    name: &'a str,
    openssl: Option<&'a str>,
    older: Vec<&'a str>,
    key_share: Option<u16>,
}

/// The rows of one kind, by code.
type Rows<'a> = BTreeMap<u32, Row<'a>>;

fn main() -> Result<(), String> {
    println!("cargo::rerun-if-changed={TABLE}");
    println!("cargo::rerun-if-changed=build/derive.rs");
    let text = fs::read_to_string(TABLE).map_err(|error| format!("{TABLE}: {error}"))?;
    let out = env::var("OUT_DIR").map_err(|error| format!("OUT_DIR, which cargo sets: {error}"))?;
    let path = Path::new(&out).join("codepoints.rs");
    fs::write(&path, write(&read(&text)?)?).map_err(|error| format!("{}: {error}", path.display()))
}

fn read(text: &str) -> Result<BTreeMap<&str, Rows<'_>>, String> {
    let mut kinds = BTreeMap::<_, Rows<'_>>::new();
    let mut names = BTreeSet::new();
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    for (index, line) in lines.skip(1) {
        let wrong = |what: &str| format!("{TABLE}:{}: {what}: {line}", index + 1);
        let columns: Vec<&str> = line.split(',').collect();
        let &[kind, code, name, openssl, key_share] = columns.as_slice() else {
            return Err(wrong("a row has five columns"));
        };
        let code = code
            .strip_prefix("0x")
            .and_then(|hex| u32::from_str_radix(hex, 16).ok());
        let mut spellings = openssl.split('|').filter(|name| !name.is_empty());
        let row = Row {
            name,
            openssl: spellings.next(),
            older: spellings.collect(),
            key_share: match key_share {
                "" => None,
                number => Some(
                    number
                        .parse()
                        .map_err(|_| wrong("key_share is no number"))?,
                ),
            },
        };
        if !names.insert((kind, name)) {
            return Err(wrong("the name is there already"));
        }
        let code = code.ok_or_else(|| wrong("the code is not hexadecimal"))?;
        if kinds.entry(kind).or_default().insert(code, row).is_some() {
            return Err(wrong("the code is there already"));
        }
    }
    Ok(kinds)
}

fn write(kinds: &BTreeMap<&str, Rows<'_>>) -> Result<String, String> {
    let tables: Result<Vec<String>, String> = kinds
        .iter()
        .map(|(kind, rows)| match *kind {
            "suite" => suites(rows),
            "group" => Ok(table(
                "GROUPS",
                "Group",
                rows.iter().map(|(code, row)| {
                    let facts = derive::group(row.name, row.key_share);
                    format!(
                        "Group {{ code: {code:#x}, name: {:?}, facts: {facts} }}",
                        row.name
                    )
                }),
            )),
            "sslv2" => Ok(table(
                "SSLV2_KINDS",
                "(u32, CipherSuiteName)",
                rows.iter()
                    .map(|(code, row)| format!("({code:#x}, {})", suite_name(row))),
            )),
            "scheme" => Ok(names("SCHEMES", "u16", rows)),
            "extension" => Ok(names("EXTENSIONS", "u16", rows)),
            "alert" => Ok(names("ALERTS", "u8", rows)),
            other => Err(format!("{TABLE}: kind `{other}` is not known")),
        })
        .collect();
    Ok(tables?.concat())
}

/// One static table.
fn table(name: &str, item: &str, items: impl ExactSizeIterator<Item = String>) -> String {
    let length = items.len();
    let items: Vec<String> = items.collect();
    format!(
        "static {name}: [{item}; {length}] = [\n{},\n];\n",
        items.join(",\n")
    )
}

fn names(name: &str, code: &str, rows: &Rows<'_>) -> String {
    table(
        name,
        &format!("({code}, &str)"),
        rows.iter()
            .map(|(code, row)| format!("({code:#x}, {:?})", row.name)),
    )
}

fn suite_name(row: &Row<'_>) -> String {
    format!(
        "CipherSuiteName {{ iana: {:?}, openssl: {:?} }}",
        row.name, row.openssl
    )
}

fn suites(rows: &Rows<'_>) -> Result<String, String> {
    let mut suites = Vec::new();
    let mut spellings = BTreeMap::new();
    for (code, row) in rows {
        let facts = derive::suite(row.name)
            .map_err(|part| format!("{TABLE}: {}: `{part}` is not known", row.name))?;
        let facts = facts.map_or("None".into(), |facts| format!("Some({facts})"));
        suites.push(format!(
            "Suite {{ code: {code:#x}, name: {}, facts: {facts} }}",
            suite_name(row)
        ));
        // A TLS 1.3 suite has one name for both.
        let all: BTreeSet<&str> = [row.name]
            .into_iter()
            .chain(row.openssl)
            .chain(row.older.iter().copied())
            .collect();
        for name in all {
            if let Some(other) = spellings.insert(name, code) {
                return Err(format!(
                    "{TABLE}: {name} names both {code:#x} and {other:#x}"
                ));
            }
        }
    }
    let by_name = spellings
        .iter()
        .map(|(name, code)| format!("({name:?}, {code:#x})"));
    Ok(table("SUITES", "Suite", suites.into_iter())
        + &table("SUITES_BY_NAME", "(&str, u16)", by_name))
}
