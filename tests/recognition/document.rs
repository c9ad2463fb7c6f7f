//! `docs/recognition.md`: the table, and whether it is still so.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{Grade, Taken};

const HEAD: &str = "\
# Who a client is taken for

Written by `UPDATE=1 cargo test --test recognition`, which runs these programs against a real edge and reads `client` in
the answer of `/ssl/`. The truth is what each program says of itself when it is installed. The test fails where anything
is wrong, where fewer than 95 % of the libraries are known, or fewer than 90 % of the families that send a User-Agent.

Right: the family; the beginning of the version or a span that holds it; the library, with a span that holds its release.
Unknown: nothing is claimed, or the library is named in place of the program. `known by` names the clues. `ja4` and `ja3`
mean that this very hello stands in the matcher's own data, so that the row shows that the data is right. `signatures` and
`suites` mean that only that list of the hello does; where neither stands there, the hello is new to it.

";

/// Writes the table where that is asked for, and else holds the committed one against this run.
///
/// # Panics
/// When it cannot be written, or a client of it is graded otherwise.
pub(crate) fn hold(taken: &[Taken]) {
    let file = file();
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&file, text(taken)).expect("a directory of this project");
        return;
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    for one in taken {
        // Releases differ from machine to machine; how well each part is known does not.
        let begins = format!("| {} |", one.case);
        let row = committed.lines().find(|line| line.starts_with(&begins));
        let ends = grades(one);
        assert!(
            row.is_some_and(|row| row.ends_with(&ends)),
            "{}: `{}` is now `{ends}`; write it anew with UPDATE=1 cargo test --test recognition",
            file.display(),
            row.unwrap_or("no row")
        );
    }
}

fn text(taken: &[Taken]) -> String {
    let mut text = HEAD.to_owned();
    text.push_str("| | right | unknown | wrong | of |\n| --- | --- | --- | --- | --- |\n");
    let named: Vec<&Taken> = taken.iter().filter(|one| one.user_agent).collect();
    let all: Vec<&Taken> = taken.iter().collect();
    let new: Vec<&Taken> = taken.iter().filter(|one| !one.hello_known()).collect();
    type Part = fn(&Taken) -> Grade;
    let parts: [(&str, &[&Taken], Part); 6] = [
        ("family, where a User-Agent was sent", &named, |one| {
            one.family
        }),
        ("family, all", &all, |one| one.family),
        ("version, all", &all, |one| one.version),
        ("library, all", &all, |one| one.library),
        ("family, hello new", &new, |one| one.family),
        ("library, hello new", &new, |one| one.library),
    ];
    for (name, of, part) in parts {
        let count = |grade| of.iter().filter(|one| part(one) == grade).count();
        let [right, unknown, wrong] = [Grade::Right, Grade::Unknown, Grade::Wrong].map(count);
        writeln!(
            text,
            "| {name} | {right} | {unknown} | {wrong} | {} |",
            of.len()
        )
        .expect("memory");
    }
    text.push_str(
        "\n| client | it is | User-Agent | known by | taken for | family | version | library |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for one in taken {
        writeln!(
            text,
            "| {} | {} | {} | {} | {} {}",
            one.case,
            one.truth.words(),
            yes(one.user_agent),
            one.from.join(", "),
            one.said,
            grades(one)
        )
        .expect("memory");
    }
    text
}

fn yes(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}

fn grades(one: &Taken) -> String {
    let words = [one.family, one.version, one.library].map(|grade| match grade {
        Grade::Right => "right",
        Grade::Unknown => "unknown",
        Grade::Wrong => "WRONG",
    });
    format!("| {} |", words.join(" | "))
}

/// What a page of `/ssl/` says of its client, as the JSON would: the row "Client" of its table.
pub(crate) fn of_page(page: &str) -> Option<Value> {
    let (_, row) = page.split_once(">Client<")?;
    let (_, cell) = row.split_once("<td>")?;
    let (cell, _) = cell.split_once("</td>")?;
    let cell = cell.trim();
    let (who, from) = cell.split_once(" (known by ")?;
    let (runtime, library) = who
        .split_once(", ")
        .map_or((who, ""), |(who, library)| (who, library));
    let (runtime, version) = runtime.rsplit_once(' ').unwrap_or((runtime, ""));
    let from: Vec<&str> = from.split(';').next()?.split(" and ").collect();
    Some(serde_json::json!({
        "client": { "runtime": runtime.trim(), "version": version, "library": library, "from": from }
    }))
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/recognition.md")
}
