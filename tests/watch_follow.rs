//! `sundown watch` reads on as logs grow, through rotation, beside a live edge and after it was killed; and what it counts is
//! the same however many threads read.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what goes wrong in a helper of a test fails the test"
)]

#[path = "support/edge.rs"]
mod edge;
#[path = "support/installed.rs"]
mod installed;
#[path = "support/lab.rs"]
mod lab;

use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

use edge::{Edge, WARN};
use installed::installed;
use lab::Lab;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const FORMAT: &str = "$remote_addr [$time_local] $ssl_protocol $ssl_cipher \"$http_user_agent\"";

/// Lines of clients that differ.
fn lines(from: usize, count: usize) -> String {
    let version = |number: usize| ["TLSv1", "TLSv1.2", "TLSv1.3"][number % 3];
    (from..from + count)
        .map(|number| {
            format!(
                "192.0.{}.{} [25/Nov/2026:13:31:{:02} +0000] {} AES128-SHA \"client/{}\"\n",
                number / 200 % 200,
                number % 200,
                number % 60,
                version(number),
                number % 7
            )
        })
        .collect()
}

fn follow(lab: &Lab, name: &str) -> lab::Watching {
    lab.watching(&["-f", "--format", FORMAT, name], false)
}

#[test]
fn nginx_is_followed_while_its_log_is_renamed_and_made_anew() {
    let Some(server) = installed("nginx") else {
        return;
    };
    let mut lab = Lab::new();
    let configuration = lab.write(
        "nginx.conf",
        "daemon off; worker_processes 2; pid DIR/pid; error_log DIR/error.log; events {}\n\
         http { client_body_temp_path DIR/a; proxy_temp_path DIR/b; fastcgi_temp_path DIR/c; uwsgi_temp_path DIR/d; \
         scgi_temp_path DIR/e;\n\
         log_format tls '$remote_addr [$time_local] $ssl_protocol $ssl_cipher \"$http_user_agent\" $status';\n\
         access_log DIR/access.log tls; ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; ssl_ciphers ALL:@SECLEVEL=0;\n\
         server { listen 127.0.0.1:PORT ssl; ssl_certificate DIR/cert.pem; ssl_certificate_key DIR/key.pem; return 200 ok; } }",
    );
    let error_log = lab.at("error.log");
    lab.start(
        server
            .command()
            .arg("-e")
            .arg(error_log)
            .arg("-c")
            .arg(configuration),
    );
    // It has no line yet.
    let watching = lab.watching(&["-f", "--format", "nginx.conf", "access.log"], false);
    let mut agreed = Vec::new();
    for turn in 1..4_u64 {
        agreed.extend(lab.ask(&["1.3"]));
        lab.wait_for(3 * turn - 2);
        agreed.extend(lab.ask(&["1.0", "1.2"]));
        // Rotated while the last lines may not have been read.
        fs::rename(lab.at("access.log"), lab.at(&format!("access.log.{turn}"))).unwrap();
        let master = fs::read_to_string(lab.at("pid")).unwrap();
        let master = Pid::from_raw(master.trim().parse().unwrap()).unwrap();
        kill_process(master, Signal::USR1).unwrap();
        lab.wait_for(3 * turn);
    }
    let (said, code) = watching.end(Signal::INT);
    assert_eq!(code, Some(0), "{said}");
    // What does not speak TLS to this port, as the test does to see that it listens, is in the log too.
    assert_eq!(
        (&said["malformed"], &said["requests"]),
        (&0.into(), &9.into()),
        "{said}"
    );
    let mut versions: Vec<String> = agreed.into_iter().map(|one| one.version).collect();
    versions.sort();
    let mut counted = Vec::new();
    for row in lab.rows() {
        for _ in 0..row["served"].as_u64().unwrap() {
            counted.push(row["version"].as_str().unwrap().to_owned());
        }
    }
    counted.sort();
    assert_eq!(counted, versions);
    // Nothing of what was rotated is new.
    lab.stop();
    let (said, _) = lab.watch(&["--format", "nginx.conf", "access.log*"]);
    assert_eq!(said["lines"], 0, "{said}");
}

#[test]
fn a_log_that_is_copied_and_cut_short_is_followed() {
    let lab = Lab::new();
    lab.append("access.log", &lines(0, 50));
    let watching = follow(&lab, "access.log");
    lab.wait_for(50);
    for (turn, count) in [(1, 10), (2, 400), (3, 20)] {
        fs::copy(lab.at("access.log"), lab.at(&format!("access.log.{turn}"))).unwrap();
        let file = fs::File::options()
            .write(true)
            .open(lab.at("access.log"))
            .unwrap();
        file.set_len(0).unwrap();
        // Longer than before at once, and shorter.
        lab.append("access.log", &lines(1000 * turn, count));
        lab.wait_for([0, 60, 460, 480][turn]);
    }
    let (said, code) = watching.end(Signal::TERM);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(
        (&said["lines"], &said["malformed"]),
        (&480.into(), &0.into()),
        "{said}"
    );
    let (said, _) = lab.watch(&["--format", FORMAT, "access.log*"]);
    assert_eq!(said["lines"], 0, "{said}");
    assert_eq!(lab.requests(), 480);
}

#[test]
fn half_a_line_waits_for_its_other_half() {
    let lab = Lab::new();
    fs::write(lab.at("access.log"), "").unwrap();
    let watching = lab.watching(
        &[
            "-f",
            "--format",
            "$remote_addr [$time_local] $ssl_protocol $ssl_cipher",
            "access.log",
        ],
        false,
    );
    // The first half could be read: it only lacks a part of its last value.
    lab.append(
        "access.log",
        "192.0.2.1 [25/Nov/2026:13:31:33 +0000] TLSv1.2 ECDHE-RSA-AES128",
    );
    thread::sleep(Duration::from_millis(1500));
    lab.append(
        "access.log",
        "-GCM-SHA256\n192.0.2.1 [25/Nov/2026:13:31:34 +0000] TLSv1.2 ECDHE-RSA-AES1",
    );
    lab.wait_for(1);
    thread::sleep(Duration::from_millis(1500));
    lab.append("access.log", "28-GCM-SHA256\n");
    lab.wait_for(2);
    let (said, code) = watching.end(Signal::INT);
    assert_eq!(
        (code, &said["lines"], &said["malformed"]),
        (Some(0), &2.into(), &0.into()),
        "{said}"
    );
    let ciphers: Vec<Value> = lab
        .rows()
        .into_iter()
        .map(|row| row["cipher"].clone())
        .collect();
    assert_eq!(ciphers, ["ECDHE-RSA-AES128-GCM-SHA256"]);
}

#[test]
fn standard_input_is_counted_as_it_comes() {
    let lab = Lab::new();
    let mut watching = lab.watching(&["--format", FORMAT, "-"], true);
    watching.write(&lines(0, 20));
    lab.wait_for(20);
    watching.write(&lines(20, 20));
    // What was read is counted, whatever ends it.
    thread::sleep(Duration::from_millis(500));
    let (said, code) = watching.end(Signal::INT);
    assert_eq!(
        (&said["lines"], &said["interrupted"]),
        (&40.into(), &true.into()),
        "{said}"
    );
    assert_eq!(code, Some(1), "there may have been more");
    assert_eq!(lab.requests(), 40);

    // Without a single line, a signal ends it too.
    let watching = lab.watching(&["--format", FORMAT, "-"], true);
    thread::sleep(Duration::from_millis(500));
    let (said, _) = watching.end(Signal::TERM);
    assert_eq!(said["lines"], 0, "{said}");
}

#[test]
fn a_run_that_is_killed_is_taken_up_where_it_stood() {
    let lab = Lab::new();
    let mut written = 0;
    for _ in 0..3 {
        let watching = {
            lab.append("access.log", &lines(written, 300));
            written += 300;
            follow(&lab, "access.log")
        };
        lab.append("access.log", &lines(written, 300));
        written += 300;
        // Within a commit, before one or behind it.
        thread::sleep(Duration::from_millis(700));
        let (_, code) = watching.end(Signal::KILL);
        assert_eq!(code, None);
    }
    let (_, output) = lab.watch(&["--format", FORMAT, "access.log"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(lab.requests(), written as u64);
}

#[test]
fn an_edge_writes_to_the_same_ledger() {
    let lab = Lab::new();
    let edge = Edge::start(WARN, None);
    let data = edge.directory.path().join("data").display().to_string();
    lab.append("access.log", &lines(0, 100));
    let watching = lab.watching(
        &["-f", "--data-dir", &data, "--format", FORMAT, "access.log"],
        false,
    );
    for turn in 1..6 {
        lab.append("access.log", &lines(100 * turn, 100));
        for _ in 0..4 {
            let output = edge.curl().arg(edge.url("/ssl/")).output().unwrap();
            assert!(output.status.success(), "{output:?}");
        }
        thread::sleep(Duration::from_millis(400));
    }
    let (said, code) = watching.end(Signal::TERM);
    assert_eq!((code, &said["lines"]), (Some(0), &600.into()), "{said}");
    let (directory, ended) = edge.end_telling(Signal::TERM);
    assert_eq!(ended.code, Some(0), "{}", ended.log);
    let output = Command::new(env!("CARGO_BIN_EXE_sundown"))
        .args(["ledger", "export", "--format", "jsonl", "--data-dir", &data])
        .output()
        .unwrap();
    let (mut of_log, mut of_edge) = (0, 0);
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let connections = row["connections"].as_u64().unwrap();
        if row["edge"].as_str().unwrap().starts_with("nginx") {
            of_log += connections;
        } else {
            of_edge += connections;
        }
    }
    assert_eq!((of_log, of_edge), (600, 20));
    drop(directory);
}

#[test]
fn however_many_threads_read_the_same_is_counted() {
    // Two large files, one of them cut into parts, and small ones; packed; broken; one that is another one's beginning.
    let lab = Lab::new();
    let clients = lines(0, 3000);
    let filler = format!("# {}\n", "x".repeat(4000));
    let mut large = String::new();
    while large.len() < 80 << 20 {
        large.push_str(&clients);
        large.push_str("what nobody can read\n");
        large.push_str(&filler.repeat(1000));
    }
    let all = lab.at("logs");
    fs::create_dir(&all).unwrap();
    fs::write(all.join("large.log"), &large).unwrap();
    fs::write(all.join("beginning.log"), &clients).unwrap();
    for number in 0..6 {
        fs::write(
            all.join(format!("small-{number}.log")),
            lines(5000 * number, 800),
        )
        .unwrap();
    }
    let packed = Command::new("gzip")
        .arg("-k")
        .args(["logs/small-1.log", "logs/small-2.log"])
        .current_dir(lab.directory.path())
        .status();
    assert!(packed.unwrap().success());
    fs::write(all.join("nothing.log"), "").unwrap();

    let mut results = Vec::new();
    for jobs in ["1", "2", "5"] {
        let data = lab.at(&format!("data-{jobs}"));
        let data = data.display().to_string();
        let (said, output) = lab.watch(&[
            "--jobs",
            jobs,
            "--data-dir",
            &data,
            "--format",
            FORMAT,
            "logs/*",
        ]);
        assert_eq!(
            output.status.code(),
            Some(1),
            "lines cannot be read: {output:?}"
        );
        let export = Command::new(env!("CARGO_BIN_EXE_sundown"))
            .args(["ledger", "export", "--format", "jsonl", "--data-dir", &data])
            .output()
            .unwrap();
        let mut rows: Vec<String> = String::from_utf8(export.stdout)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect();
        rows.sort();
        assert!(rows.len() > 1000, "{}", rows.len());
        let mut said = said;
        said["next"].take();
        results.push((said, rows));
    }
    let [(first, rows), others @ ..] = results.as_slice() else {
        panic!("three runs")
    };
    for (said, other) in others {
        assert_eq!(said, first);
        assert!(other == rows, "other rows");
    }
    // It begins as another does that was read before, and was read on from there.
    let sources = first["sources"].as_array().unwrap();
    let large = sources
        .iter()
        .find(|read| read["source"] == "logs/large.log");
    let large = large.unwrap();
    assert_eq!(large["from"], clients.len(), "{large}");
    assert_eq!(large["examples"][0]["line"], 1, "{large}");
    assert_eq!(large["examples"][1]["line"], 2, "{large}");
}
