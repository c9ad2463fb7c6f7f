//! `sundown simulate` from outside: every known client gets one verdict, and the ones that anybody can look up are right.
#![cfg(test)]

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

fn simulate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sundown"))
        .current_dir(std::env::temp_dir())
        .arg("simulate")
        .args(arguments)
        .output()
        .unwrap()
}

fn json(floor: &str) -> Value {
    let output = simulate(&["--floor", floor, "--json"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn fate<'a>(answer: &'a Value, name: &str) -> &'a str {
    let mut clients = answer["clients"].as_array().unwrap().iter();
    let client = clients.find(|client| client["name"] == name);
    client.unwrap_or_else(|| panic!("{name} is known"))["fate"]
        .as_str()
        .unwrap()
}

#[test]
fn every_client_has_one_verdict_and_known_ones_are_right() {
    for (floor, expected) in [
        (
            "tls1.2",
            [
                ("Android 2.3.7", "never"),
                ("Android 4.1.1", "opt-in"),
                ("Android 4.4.2", "works"),
            ],
        ),
        (
            "tls1.3",
            [
                ("Android 2.3.7", "never"),
                ("Android 4.1.1", "never"),
                ("Android 4.4.2", "never"),
            ],
        ),
    ] {
        let answer = json(floor);
        let count = |key: &str| answer["sums"][key].as_u64().unwrap();
        let clients = answer["clients"].as_array().unwrap();
        assert_eq!(clients.len(), 175);
        assert_eq!(count("clients"), 175);
        assert_eq!(
            count("works") + count("opt_in") + count("never") + count("unknown"),
            175
        );
        let works = clients.iter().filter(|client| client["fate"] == "works");
        assert_eq!(works.count() as u64, count("works"));
        for (name, wanted) in expected {
            assert_eq!(fate(&answer, name), wanted, "{name}, {floor}");
        }
    }
    let strict = json("pq")["sums"]["works"].as_u64();
    assert!(strict > Some(0) && strict < json("tls1.3")["sums"]["works"].as_u64());
}

#[test]
fn names_choose_and_a_name_of_nobody_is_an_error() {
    let some = simulate(&["--floor", "tls1.2", "--csv", "firefox"]);
    let text = String::from_utf8(some.stdout).unwrap();
    assert!(text.lines().count() > 2, "{text}");
    assert!(
        text.lines().skip(1).all(|line| line.contains("Firefox")),
        "{text}"
    );
    let nobody = simulate(&["--floor", "tls1.2", "\u{1b}[31m<script>"]);
    assert_eq!(nobody.status.code(), Some(2));
    let said = String::from_utf8(nobody.stderr).unwrap();
    assert!(
        said.contains("--list") && !said.contains('\u{1b}'),
        "{said:?}"
    );
    // What is shown of a long name is its beginning; an empty one would be everybody's.
    let long = simulate(&["--floor", "tls1.2", &"x".repeat(100_000)]);
    assert_eq!(long.status.code(), Some(2));
    assert!(long.stderr.len() < 400, "{} bytes", long.stderr.len());
    let empty = simulate(&["--floor", "tls1.2", ""]);
    assert_eq!(empty.status.code(), Some(2), "{empty:?}");
    let said = String::from_utf8(empty.stderr).unwrap();
    assert!(said.contains("a name is empty"), "{said:?}");
}

#[test]
fn a_post_quantum_floor_is_met_with_a_hybrid_group() {
    let answer = json("pq");
    assert_eq!(answer["format"], 1);
    assert_eq!(answer["name"], "Floor pq");
    assert!(answer["at"].is_null());
    assert_eq!(fate(&answer, "Android 4.4.2"), "never");
    let clients = answer["clients"].as_array().unwrap();
    let android = clients
        .iter()
        .find(|one| one["name"] == "Android 16 (native)");
    let android = android.expect("Android 16 is known");
    assert_eq!(android["fate"], "works");
    assert_eq!(android["negotiates"]["version"], "TLSv1.3");
    assert_eq!(android["negotiates"]["group"], "X25519MLKEM768");
    assert_eq!(android["because"].as_array().map(Vec::len), Some(0));
    for client in clients {
        let works = client["fate"] == "works";
        let name = &client["name"];
        assert_eq!(client["negotiates"].is_object(), works, "{name}");
        assert_eq!(
            client["because"].as_array().unwrap().is_empty(),
            works,
            "{name}"
        );
    }
}

#[test]
fn a_plan_turns_away_from_its_date_on_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let plan = folder.path().join("sundown.toml");
    let sunset = "[[sunset]]\nname = \"old\"\nfloor = \"tls1.2\"\nwarn = \"2027-01-01\"\nrefuse = \"2027-03-01\"\n";
    fs::write(&plan, sunset).unwrap();
    let plan = plan.to_str().unwrap();
    for (date, code, fate, action) in [
        ("2027-02-28", 0, "works", "warn"),
        ("2027-03-02", 1, "never", "refuse"),
    ] {
        let output = simulate(&["--config", plan, "--at", date, "--json", "android 2.3.7"]);
        assert_eq!(output.status.code(), Some(code), "{date}: {output:?}");
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(answer["at"].as_str().unwrap().starts_with(date));
        assert_eq!(answer["sums"]["clients"], 1);
        assert_eq!(answer["clients"][0]["fate"], fate, "{date}");
        assert_eq!(answer["clients"][0]["action"], action, "{date}");
    }
}

#[test]
fn a_list_is_not_written_under_the_name_of_another_format() {
    for name in ["list.svg", "list.csv"] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(name);
        let output = simulate(&["--list", "-o", file.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(!file.exists(), "{name}");
    }
}

#[test]
fn a_picture_is_drawn_of_all_of_them() {
    let svg = simulate(&["--floor", "tls1.2", "--svg"]).stdout;
    let svg = String::from_utf8(svg).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("prefers-color-scheme"));
    assert!(svg.contains("Android 2.3.7"));
}
