//! `sundown watch` reads captures, whole and broken, and counts each once whatever it is called.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "what goes wrong in a helper of a test fails the test"
)]

#[path = "support/bytes.rs"]
mod bytes;
#[path = "support/edge.rs"]
mod edge;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

fn run(arguments: &[&str], data: &Path) -> Value {
    run_to(arguments, data, 0)
}

fn run_to(arguments: &[&str], data: &Path, code: i32) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_sundown"))
        .args(arguments)
        .arg("--json")
        .arg("--data-dir")
        .arg(data)
        .current_dir(data.parent().unwrap())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_capture_is_counted_once() {
    let root = std::env::var_os("SUNDOWN_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let capture = root.join("captures/foxio/browsers-x509.pcapng");
    if !capture.exists() {
        eprintln!(
            "SKIPPED a published capture: {} is not there",
            capture.display()
        );
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let first = run(&["watch", capture.to_str().unwrap()], &data);
    assert_eq!(first["connections"], 3);
    assert_eq!(first["versions"]["TLSv1.2"]["connections"], 3);
    let copy = directory.path().join("copy");
    std::fs::copy(&capture, &copy).unwrap();
    let again = run(&["watch", copy.to_str().unwrap()], &data);
    assert_eq!(again["connections"], 0);
    let report = run(&["report", "--since", "2023-01-01"], &data);
    assert_eq!(report["evidence"]["connections"], 3);
}

/// A pcap file of raw IPv4: as many clients, each with a hello of its own and no more.
fn hellos(count: u16) -> Vec<u8> {
    hellos_of(9, count)
}

/// The same, of clients in this network of 10.0.0.0/8.
fn hellos_of(network: u8, count: u16) -> Vec<u8> {
    const LINKTYPE_IPV4: u32 = 228;
    let hello = bytes::tls10();
    let length = u16::try_from(40 + hello.len()).unwrap();
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, LINKTYPE_IPV4] {
        file.extend(u32::to_le_bytes(word));
    }
    for number in 0..count {
        for word in [
            1_480_000_000 + u32::from(number),
            0,
            length.into(),
            length.into(),
        ] {
            file.extend(word.to_le_bytes());
        }
        let [high, low] = number.to_be_bytes();
        file.extend([0x45, 0]);
        file.extend(length.to_be_bytes());
        file.extend([0, 0, 0, 0, 64, 6, 0, 0]);
        file.extend([10, network, high, low, 192, 0, 2, 1]);
        file.extend([0xc0, 0, 0x01, 0xbb]);
        file.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
        file.extend(&hello);
    }
    file
}

#[test]
fn a_broken_capture_is_counted_as_far_as_it_goes_and_once() {
    let directory = tempfile::tempdir().unwrap();
    let plain = directory.path().join("whole.pcap");
    std::fs::write(&plain, hellos(300)).unwrap();
    let mut gzip = Command::new("gzip");
    let packed = gzip.arg("-c").arg(&plain).output().unwrap().stdout;
    let middle = packed.len() * 6 / 10;
    let mut garbled = packed.clone();
    garbled[middle..].fill(0xff);

    // All of it is there, and its checksum denies it.
    let mut denied = packed.clone();
    let checksum = packed.len() - 8;
    denied[checksum] ^= 1;

    for (name, broken, sure, left) in [
        ("cut", &packed[..middle], 1, 1),
        ("garbled", &garbled, 1, 1),
        ("denied", &denied, 300, 0),
    ] {
        let data = directory.path().join(name);
        let path = directory.path().join(format!("{name}.pcap.gz"));
        std::fs::write(&path, broken).unwrap();
        let path = path.to_str().unwrap();
        let first = run_to(&["watch", path], &data, 1);
        let counted = first["connections"].as_u64().unwrap();
        assert!((sure..=300).contains(&counted), "{name}: {first:#}");
        let again = run_to(&["watch", path], &data, left);
        assert_eq!(again["connections"], 0, "{name}: {again:#}");
        let asked = ["report", "--since", "2016-01-01", "--floor", "tls1.2"];
        let report = run_to(&asked, &data, 1);
        assert_eq!(report["evidence"]["connections"], counted, "{name}");
    }
}

#[test]
fn a_capture_that_grew_is_read_on_and_counted_once() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let path = directory.path().join("growing.pcap");
    let whole = hellos(300);
    let path = path.to_str().unwrap();
    let mut counted = 0;
    // Between two packets, and inside one: its writer is not done with it.
    for (length, code) in [
        (24 + (whole.len() - 24) / 3, 0),
        (whole.len() - 7, 1),
        (whole.len(), 0),
    ] {
        std::fs::write(path, &whole[..length]).unwrap();
        let read = run_to(&["watch", path], &data, code);
        counted += read["connections"].as_u64().unwrap();
        let again = run_to(&["watch", path], &data, code);
        assert_eq!(again["connections"], 0, "{again:#}");
    }
    assert_eq!(counted, 300);
    let asked = ["report", "--since", "2016-01-01", "--floor", "tls1.2"];
    let report = run_to(&asked, &data, 1);
    assert_eq!(report["evidence"]["connections"], 300);
}

fn packed(with: &str, path: &Path) -> Option<Vec<u8>> {
    let packed = Command::new(with).arg("-c").arg(path).output();
    match packed {
        Ok(output) => Some(output.stdout),
        Err(error) => {
            eprintln!("SKIPPED a capture packed with {with}: {error}");
            None
        }
    }
}

#[test]
fn a_capture_comes_through_a_pipe_packed_or_not() {
    let directory = tempfile::tempdir().unwrap();
    let whole = hellos(300);
    let path = directory.path().join("whole.pcap");
    std::fs::write(&path, &whole).unwrap();
    let (gzip, zstd) = (packed("gzip", &path), packed("zstd", &path));
    for (name, content) in [("plain", Some(whole)), ("gzip", gzip), ("zstd", zstd)] {
        let Some(content) = content else { continue };
        let data = directory.path().join(name);
        let mut child = Command::new(env!("CARGO_BIN_EXE_sundown"))
            .args(["watch", "-", "--json", "--data-dir"])
            .arg(&data)
            .current_dir(directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = child.stdin.take().unwrap();
        // A few bytes at a time, as tcpdump -U writes.
        for piece in content.chunks(700) {
            pipe.write_all(piece).unwrap();
        }
        drop(pipe);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{name}: {output:?}");
        let read: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(read["connections"], 300, "{name}: {read:#}");
        assert_eq!(read["sources"][0]["format"], "packet capture", "{name}");
        assert_eq!(read["sources"][0]["error"], Value::Null, "{name}");
    }
}

/// Everything that the ledger has, in one order.
fn rows(data: &Path) -> Vec<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_sundown"))
        .args(["ledger", "export", "--format", "jsonl", "--data-dir"])
        .arg(data)
        .current_dir(data.parent().unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut rows: Vec<_> = text.lines().map(str::to_owned).collect();
    rows.sort_unstable();
    rows
}

#[test]
fn several_captures_are_counted_alike_by_any_number_of_threads() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    // More than is handed over at once, and one that another has grown to.
    for (name, network, count) in [("a", 1, 3_000), ("b", 2, 2_100), ("b-later", 2, 2_600)] {
        std::fs::write(at(name), hellos_of(network, count)).unwrap();
    }
    let broken = hellos_of(3, 500);
    std::fs::write(at("c"), &broken[..broken.len() - 7]).unwrap();
    let gzip = packed("gzip", &at("a")).unwrap();
    std::fs::write(at("a.gz"), gzip).unwrap();
    let mut known: Option<(Vec<String>, Vec<Value>)> = None;
    for jobs in ["1", "2", "5"] {
        let data = at(&format!("data-{jobs}"));
        let run = |names: &[&str]| {
            let output = Command::new(env!("CARGO_BIN_EXE_sundown"))
                .arg("watch")
                .args(names)
                .args(["--jobs", jobs, "--json", "--data-dir"])
                .arg(&data)
                .current_dir(directory.path())
                .output()
                .unwrap();
            // One of them is cut short.
            assert_eq!(output.status.code(), Some(1), "{output:?}");
            serde_json::from_slice::<Value>(&output.stdout).unwrap()
        };
        let read = run(&["a", "b", "b-later", "a.gz", "c"]);
        assert_eq!(read["connections"], 3_000 + 2_600 + 499, "{read:#}");
        let connections = |source: &Value| source["captured"]["connections"].clone();
        let sources = read["sources"].as_array().unwrap();
        let of_each: Vec<_> = sources.iter().map(connections).collect();
        let told = (rows(&data), of_each);
        assert_eq!(told.0.len(), 6_099);
        assert_eq!(known.get_or_insert_with(|| told.clone()), &told, "{jobs}");
        let again = run(&["a", "b-later", "a.gz", "c"]);
        assert_eq!(again["connections"], 0, "{again:#}");
    }
}

#[test]
fn what_is_left_when_it_is_interrupted_is_counted_by_the_next_run() {
    let directory = tempfile::tempdir().unwrap();
    let names = ["one.pcap", "two.pcap"];
    for (name, network) in names.into_iter().zip(1..) {
        std::fs::write(directory.path().join(name), hellos_of(network, 12_000)).unwrap();
    }
    let all = 24_000;
    for jobs in ["1", "2"] {
        // It may be done before anybody has looked.
        let interrupted = (0..5).any(|turn| {
            let data = directory.path().join(format!("data-{jobs}-{turn}"));
            let mut command = Command::new(env!("CARGO_BIN_EXE_sundown"));
            command
                .args(["watch", "--json", "--jobs", jobs, "--data-dir"])
                .arg(&data)
                .args(names)
                .current_dir(directory.path())
                .stdout(Stdio::piped());
            let child = command.spawn().unwrap();
            edge::eventually("the first part is counted", || {
                let log = std::fs::metadata(data.join("ledger.sqlite-wal"));
                log.is_ok_and(|log| log.len() > 500_000)
            });
            kill_process(Pid::from_child(&child), Signal::INT).unwrap();
            let output = child.wait_with_output().unwrap();
            let first: Value = serde_json::from_slice(&output.stdout).unwrap();
            let counted = first["connections"].as_u64().unwrap();
            assert!(counted > 0, "{first:#}");
            let rest = command.output().unwrap();
            assert_eq!(rest.status.code(), Some(0), "{rest:?}");
            let rest: Value = serde_json::from_slice(&rest.stdout).unwrap();
            assert_eq!(counted + rest["connections"].as_u64().unwrap(), all);
            let held = run(&["ledger", "info", "--verify"], &data);
            assert_eq!(held["connections"], all, "{held:#}");
            counted < all
        });
        if !interrupted {
            eprintln!("SKIPPED an interrupted run by {jobs}: it was done too soon each time");
        }
    }
}
