//! Hellos of captures that others published: who they are is not recorded, but what is claimed of each must be able to
//! have sent it.

use std::path::PathBuf;

use advice::{Clues, Goal, Knowledge, Support};
use hello::Version;

/// The table of expected values beside the captures, by `SUNDOWN_SHARED` or beside the checkout.
#[expect(clippy::print_stderr, reason = "a skipped test has to say so")]
fn expected() -> Option<String> {
    let root = std::env::var_os("SUNDOWN_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let file = root.join("captures/expected.csv");
    let table = std::fs::read_to_string(&file).ok();
    if table.is_none() {
        eprintln!(
            "SKIPPED hellos of published captures: {} is not there; set SUNDOWN_SHARED to the directory of the shared data",
            file.display()
        );
    }
    table
}

#[test]
fn nothing_is_claimed_that_could_not_have_sent_it() {
    let Some(table) = expected() else {
        return;
    };
    let mut lines = table.lines();
    let head: Vec<&str> = lines.next().unwrap().split(',').collect();
    let column = |name: &str| head.iter().position(|column| *column == name).unwrap();
    let [ja3, ja4, max, pq] = ["ja3", "ja4", "offered_max", "pq_groups"].map(column);
    let knowledge = Knowledge::embedded();
    let (mut seen, mut known) = (0, 0);
    for line in lines {
        let fields: Vec<&str> = line.split(',').collect();
        let Some(offered) = Version::from_name(fields[max]) else {
            continue;
        };
        if !fields[ja4].starts_with('t') {
            continue; // QUIC
        }
        seen += 1;
        let Some(runtime) = knowledge.recognise(&Clues {
            user_agent: None,
            ja4: Some(fields[ja4]),
            ja3: Some(fields[ja3]),
            max_protocol: offered,
        }) else {
            continue;
        };
        known += 1;
        let offers = [
            (Goal::Tls12, offered >= Version::TLSV1_2),
            (Goal::Tls13, offered >= Version::TLSV1_3),
            (Goal::Pq, fields[pq].contains("MLKEM")),
        ];
        for (goal, does) in offers {
            let prospect = knowledge.prospect(&runtime, goal, "https://x.example/ssl/");
            let never = prospect.is_some_and(|prospect| prospect.support == Support::Never);
            assert!(
                !(does && never),
                "{line}: taken for {runtime:?}, which never offers {goal}"
            );
        }
    }
    println!("{known} of {seen} hellos are known");
    assert!(seen > 100 && known > 10, "{known} of {seen}");
}
