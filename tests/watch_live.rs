//! `sundown watch --live` sees on an interface what tcpdump sees there, and names the programs behind it.
//!
//! Each test has a network of its own, so that nobody else's connections are in it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what goes wrong in a helper of a test fails the test"
)]

#[path = "support/bytes.rs"]
mod bytes;
#[path = "support/edge.rs"]
mod edge;
#[path = "support/installed.rs"]
mod installed;
#[path = "watch_live/net.rs"]
mod net;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use edge::{LIMIT, eventually};
use installed::installed;
use net::{Net, PORT, SUNDOWN, Watch};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// A program that says hello and is at its end after so many milliseconds; a secret is among its arguments.
const HELLO: &str = "
import socket, ssl, sys, time
context = ssl._create_unverified_context()
stream = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
kept = context.wrap_socket(stream)
time.sleep(int(sys.argv[2]) / 1000)
";

#[test]
fn programs_are_named_and_hellos_are_those_that_tcpdump_saw() {
    if ["tcpdump", "tshark"]
        .iter()
        .any(|judge| installed(judge).is_none())
    {
        return;
    }
    let Some(mut net) = Net::new() else { return };
    net.serve();
    let mut judge = net.command("tcpdump");
    judge
        .args(["-i", "lo", "-U", "-w", "judge.pcap", "tcp"])
        .stderr(Stdio::piped());
    let mut judge = judge.spawn().unwrap();
    let mut line = String::new();
    let said = BufReader::new(judge.stderr.take().unwrap());
    let mut said = said.lines();
    while !line.contains("listening on") {
        line = said.next().unwrap().unwrap();
    }
    let watch = net.watch(&["lo", "--processes"]);

    // Each stays until it is counted: how soon anybody is looked for is not what this is about.
    let port = PORT.to_string();
    let address = format!("127.0.0.1:{PORT}");
    fs::write(net.at("sync.py"), HELLO).unwrap();
    let s_client = |version: &str| {
        let mut command = net.command("openssl");
        command.args([
            "s_client",
            version,
            "-cipher",
            "DEFAULT@SECLEVEL=0",
            "-connect",
            &address,
        ]);
        command
    };
    let curl = |version: &[&str]| {
        let mut command = net.command("curl");
        command.args([
            "--silent",
            "--insecure",
            "--limit-rate",
            "500",
            "--max-time",
            "60",
        ]);
        command.args(version).arg(net.url());
        command
    };
    let mut script = net.command("/usr/bin/python3");
    script.args(["sync.py", &port, "60000", "--token=S3CRET"]);
    let mut commands = [
        curl(&["--tls-max", "1.2"]),
        curl(&["--tlsv1.3"]),
        curl(&["--user", "me:S3CRET"]),
        s_client("-tls1"),
        s_client("-tls1_1"),
        s_client("-tls1_2"),
        script,
    ];
    let clients = commands.len();
    for (number, command) in commands.iter_mut().enumerate() {
        let mut client = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        eventually("it is counted", || {
            thread::sleep(Duration::from_millis(100));
            net.connections() == number as u64 + 1
        });
        client.kill().unwrap();
        client.wait().unwrap();
    }

    // What both have seen is compared when both have seen all.
    let seen = |fields: &[&str], filter: &str| {
        let mut tshark = Command::new("tshark");
        tshark.args([
            "-r",
            "judge.pcap",
            "-d",
            &format!("tcp.port=={PORT},tls"),
            "-Y",
            filter,
            "-T",
            "fields",
        ]);
        for field in fields {
            tshark.args(["-e", field]);
        }
        let output = tshark.current_dir(net.directory.path()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let hellos = "tls.handshake.type==1";
    eventually("tcpdump has seen every hello", || {
        seen(&["tls.handshake.ja3"], hellos).len() == clients
    });
    let summary = watch.end(Signal::INT, 0);
    kill_process(Pid::from_child(&judge), Signal::TERM).unwrap();
    judge.wait().unwrap();

    let source = &summary["sources"][0];
    assert_eq!(
        (
            source["captured"]["connections"].as_u64(),
            source["captured"]["dropped"].as_u64()
        ),
        (Some(clients as u64), Some(0)),
        "{summary:#}"
    );
    assert_eq!(summary["outgoing"]["named"], clients as u64, "{summary:#}");
    let programs: BTreeMap<&str, (u64, u64)> = summary["outgoing"]["programs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|seen| {
            let count = |key: &str| seen[key].as_u64().unwrap();
            (
                seen["program"].as_str().unwrap(),
                (count("connections"), count("misses")),
            )
        })
        .collect();
    let counts = |name: &str| {
        let found = programs
            .iter()
            .find(|(program, _)| program.split(" (").next() == Some(name));
        found.map(|(_, counts)| *counts)
    };
    assert_eq!(counts("curl"), Some((3, 0)), "{programs:?}");
    assert_eq!(counts("openssl"), Some((3, 2)), "{programs:?}");
    let script = programs
        .keys()
        .find(|name| name.contains("sync.py"))
        .unwrap();
    assert!(script.starts_with("python3"), "{script}");
    assert!(!summary.to_string().contains("S3CRET"));

    // The ledger has the same hellos, each under its program.
    let rows = net.rows();
    let mut ours: Vec<String> = Vec::new();
    for row in &rows {
        let count = row["connections"].as_u64().unwrap();
        ours.extend((0..count).map(|_| row["ja3"].as_str().unwrap().to_owned()));
        assert!(
            programs.contains_key(row["account"].as_str().unwrap()),
            "{row}"
        );
    }
    let mut theirs = seen(&["tls.handshake.ja3"], hellos);
    ours.sort();
    theirs.sort();
    assert_eq!(ours, theirs);
    assert!(!format!("{rows:?}").contains("S3CRET"));

    // The report's accounts are the programs that would break.
    let report = net.ask(&["report", "--floor", "tls1.2"]);
    let accounts = report["sunsets"][0]["breaking"].as_array().unwrap();
    assert_eq!(accounts.len(), 1, "{report:#}");
    assert!(accounts[0].to_string().contains("openssl"), "{report:#}");
}

#[test]
fn what_lives_for_a_moment_has_a_name() {
    let Some(mut net) = Net::new() else { return };
    net.serve();
    let watch = net.watch(&["any", "--processes"]);
    let port = PORT.to_string();
    for milliseconds in ["200", "0"] {
        for _ in 0..5 {
            let ended = net.python("short.py", HELLO, &[&port, milliseconds]);
            assert!(ended.status.success(), "{ended:?}");
        }
    }
    let summary = watch.end(Signal::TERM, 0);
    let outgoing = &summary["outgoing"];
    let count = |key: &str| outgoing[key].as_u64().unwrap();
    assert_eq!(count("named") + count("gone"), 10, "{outgoing:#}");
    // Five of them stay long enough for anybody.
    assert!(count("named") >= 5, "{outgoing:#}");
    assert_eq!(summary["connections"], 10);
}

/// Sends packets that no program of this machine has made: `count` half-open connections, and hellos under VLAN tags.
const SEND: &str = "
import socket, struct, sys
out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
out.bind(('lo', 0))
hello = open('hello.bin', 'rb').read()
def packet(number, flags, payload, tags):
    tcp = struct.pack('>HHIIBBHHH', 1024 + number % 60000, 443, number, 0, 0x50, flags, 65535, 0, 0) + payload
    ip = struct.pack('>BBHHHBBH', 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0)
    ip += bytes([10, 1 + number // 60000, 0, 9, 192, 0, 2, 1])
    return bytes(12) + tags + b'\\x08\\x00' + ip + tcp
count = int(sys.argv[1])
for number in range(count):
    out.send(packet(number, 2, b'', b''))
for place, tags in enumerate([b'', b'\\x81\\x00\\x00\\x05', b'\\x88\\xa8\\x00\\x07\\x81\\x00\\x00\\x05']):
    out.send(packet(count + place, 0x18, hello, tags))
";

#[test]
fn half_open_connections_are_bounded_and_tags_are_looked_behind() {
    let Some(net) = Net::new() else { return };
    fs::write(net.at("hello.bin"), bytes::tls10()).unwrap();
    let watch = net.watch(&["lo"]);
    let before = watch.resident();
    let sent = net.python("send.py", SEND, &["200000"]);
    assert!(sent.status.success(), "{sent:?}");
    eventually("all three hellos are counted or lost", || {
        thread::sleep(Duration::from_millis(200));
        let looked = fs::metadata(net.data().join("ledger.sqlite-wal"));
        looked.is_ok_and(|file| file.len() > 0)
    });
    let grown = watch.resident().saturating_sub(before);
    watch.signal(Signal::INT);
    let output = watch.0.wait_with_output().unwrap();
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    let captured = &summary["sources"][0]["captured"];
    // 16,384 connections that say nothing, the packets that wait, and what the allocator keeps.
    assert!(grown < 128 * 1024, "{grown} KiB");
    let dropped = captured["dropped"].as_u64().unwrap();
    assert!(
        captured["evicted"].as_u64().unwrap() + dropped > 180_000,
        "{summary:#}"
    );
    // Whatever was dropped, it is said.
    assert_eq!(output.status.code(), Some(i32::from(dropped > 0)));

    fs::remove_dir_all(net.data()).unwrap();
    let watch = net.watch(&["lo"]);
    assert!(net.python("send.py", SEND, &["0"]).status.success());
    let summary = watch.end(Signal::INT, 0);
    assert_eq!(
        summary["sources"][0]["captured"]["connections"], 3,
        "{summary:#}"
    );
    assert_eq!(summary["floors"][0]["misses"], 3, "{summary:#}");
}

#[test]
fn packets_that_are_dropped_are_counted() {
    let Some(mut net) = Net::new() else { return };
    net.serve();
    let watch = net.watch(&["lo", "--buffer", "4096"]);
    // Nobody takes packets off the socket while it stands still.
    watch.signal(Signal::STOP);
    for _ in 0..5 {
        assert!(net.curl(&[]).status.success());
    }
    watch.signal(Signal::CONT);
    let summary = watch.end(Signal::INT, 1);
    let captured = &summary["sources"][0]["captured"];
    let count = |key: &str| captured[key].as_u64().unwrap();
    assert!(count("dropped") > 0, "{summary:#}");
    assert!(count("packets") > count("dropped"), "{summary:#}");
}

#[test]
fn one_capability_is_enough_and_without_it_the_remedy_is_said() {
    let Some(mut net) = Net::new() else { return };
    let run = |capabilities: &str, arguments: &[&str]| {
        let mut command = net.command("setpriv");
        command.args([
            "--bounding-set",
            capabilities,
            "--inh-caps",
            capabilities,
            SUNDOWN,
        ]);
        command
            .args(["watch", "--data-dir", "none", "--live"])
            .args(arguments);
        command.output().unwrap()
    };
    let output = run("-net_raw", &["lo", "--processes"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for words in ["CAP_NET_RAW", "sudo setcap cap_net_raw+ep"] {
        assert!(said.contains(words), "{said}");
    }
    assert!(!net.at("none").exists(), "nothing was made");

    let output = run("-all,+net_raw", &["eth77"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("no interface eth77; there are lo, and `any`"),
        "{said}"
    );

    let output = run("-all,+net_raw", &["lo", "--for", "1s", "--json"]);
    assert!(output.status.success(), "{output:?}");
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["sources"][0]["captured"]["dropped"], 0);

    // Somebody else's program, which this one may not look into.
    net.serve();
    let mut command = net.command("setpriv");
    command.args([
        "--bounding-set",
        "-all,+net_raw",
        "--inh-caps",
        "-all,+net_raw",
        SUNDOWN,
    ]);
    command.args([
        "watch",
        "--json",
        "--data-dir",
        "data",
        "--live",
        "lo",
        "--processes",
    ]);
    let watch = Watch::start(&mut command, &net.data());
    let mut other = net.command("setpriv");
    other.args([
        "--reuid",
        "65534",
        "--clear-groups",
        "/usr/bin/openssl",
        "s_client",
        "-connect",
    ]);
    let port = format!("127.0.0.1:{PORT}");
    let mut other = other
        .arg(&port)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    eventually("it is counted", || {
        net.rows().iter().any(|row| {
            row["account"]
                .as_str()
                .is_some_and(|name| name.contains("user nobody"))
        })
    });
    other.kill().unwrap();
    other.wait().unwrap();
    let summary = watch.end(Signal::INT, 0);
    assert_eq!(summary["outgoing"]["not_allowed"], 1, "{summary:#}");
}

#[test]
fn a_process_that_is_killed_has_counted_what_was_seen() {
    let Some(mut net) = Net::new() else { return };
    net.serve();
    let mut watch = net.watch(&["lo"]);
    assert!(net.curl(&[]).status.success());
    let begun = Instant::now();
    eventually("it is in the ledger", || {
        thread::sleep(Duration::from_millis(100));
        net.connections() == 1
    });
    assert!(begun.elapsed() < LIMIT);
    watch.0.kill().unwrap();
    watch.0.wait().unwrap();
    assert_eq!(net.ask(&["report"])["evidence"]["connections"], 1);
}

#[test]
fn help_teaches_and_mistakes_are_named() {
    for (arguments, words) in [
        (
            &["watch", "--live", "eth0", "--for", "soon"][..],
            "no length of time",
        ),
        (
            &["watch", "--live", "../x"],
            "cannot be the name of an interface",
        ),
        (
            &["watch", "--live", "lo", "access.log"],
            "cannot be used with",
        ),
        (
            &["watch", "--processes", "access.log"],
            "cannot be used with",
        ),
        (&["watch", "--processes"], "--live"),
    ] {
        let output = Command::new(SUNDOWN).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.code() == Some(2) && said.contains(words),
            "{said}"
        );
    }
    let output = Command::new(SUNDOWN)
        .args(["watch", "--help"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    for words in ["--live any --processes --for 1h", "CAP_NET_RAW", "dropped"] {
        assert!(said.contains(words), "{said}");
    }
}
