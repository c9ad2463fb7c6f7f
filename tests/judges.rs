//! Neutral judges of the edge: what sslscan finds enabled, and what tshark sees on the wire of a refusal.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that meets the unexpected is to fail"
)]

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

#[path = "support/clients.rs"]
mod clients;
#[path = "support/edge.rs"]
mod edge;

use edge::Edge;

const PLAN: &str = include_str!("../examples/pokitdok-2016.toml");
const WARN: &str = "2016-10-01T12:00Z";
const REFUSE: &str = "2017-02-01T12:00Z";

/// The versions of which sslscan says `state`, of those that a hello of today's OpenSSL can offer.
fn versions(report: &str, state: &str) -> Vec<String> {
    let lines = report.lines().filter_map(|line| line.split_once(' '));
    lines
        .filter(|(name, said)| name.starts_with("TLSv1.") && said.trim() == state)
        .map(|(name, _)| name.to_owned())
        .collect()
}

fn scan(as_of: &str) -> Option<String> {
    let edge = Edge::start_at(PLAN, as_of, None);
    let target = edge.address.to_string();
    let mut arguments = vec![
        "--no-colour",
        "--no-ciphersuites",
        "--no-fallback",
        "--no-renegotiation",
    ];
    arguments.extend([
        "--no-compression",
        "--no-heartbleed",
        "--no-groups",
        "--no-check-certificate",
    ]);
    arguments.extend(["--sni-name=localhost", &target]);
    clients::run_tool("sslscan", &arguments).map(|ended| ended.stdout)
}

#[test]
fn sslscan_finds_every_version_before_the_day() {
    if let Some(report) = scan(WARN) {
        assert_eq!(
            versions(&report, "enabled"),
            ["TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"],
            "{report}"
        );
    }
}

#[test]
fn sslscan_finds_no_old_version_after_the_day() {
    if let Some(report) = scan(REFUSE) {
        assert_eq!(
            versions(&report, "enabled"),
            ["TLSv1.2", "TLSv1.3"],
            "{report}"
        );
        assert_eq!(
            versions(&report, "disabled"),
            ["TLSv1.0", "TLSv1.1"],
            "{report}"
        );
    }
}

/// The alert comes, then FIN, and never RST: a client whose stack sees RST first says "connection reset".
#[test]
fn tshark_sees_the_alert_and_an_orderly_end() {
    let edge = Edge::start_at(PLAN, REFUSE, None);
    let port = edge.address.port();
    let Some(capture) = Capture::start(port) else {
        return;
    };
    let case = clients::all()
        .iter()
        .find(|case| case.client == "openssl" && case.held == Some("TLSv1"))
        .expect("the table has it");
    let Some(outcome) = case.run(&edge.url("/v1/things"), &edge.ca) else {
        return;
    };
    case.assert_names_the_protocol(&outcome);
    let packets = capture.of_the_refusal(port);

    let from_edge: Vec<&Packet> = packets
        .iter()
        .filter(|packet| packet.source == port)
        .collect();
    let position = |what: fn(&&Packet) -> bool| from_edge.iter().position(what);
    let alert = position(|packet| packet.alert == "70")
        .unwrap_or_else(|| panic!("no alert from {port}: {packets:#?}"));
    let end = position(|packet| packet.fin).unwrap_or_else(|| panic!("no FIN: {packets:#?}"));
    assert!(alert <= end, "{packets:#?}");
    assert!(
        packets
            .iter()
            .any(|packet| packet.fin && packet.source != port),
        "the client closes too: {packets:#?}"
    );
    assert!(
        !packets.iter().any(|packet| packet.reset),
        "a reset: {packets:#?}"
    );
    let sightings = edge.stop().sightings;
    assert_eq!(
        sightings
            .iter()
            .filter(|sighting| sighting["alert"] == 70)
            .count(),
        1,
        "{sightings:#?}"
    );
}

/// Refuses one client of the table `times` times in a row, and holds its own words against a broken network's.
fn refused_every_time(client: &str, times: usize) {
    let case = clients::all()
        .iter()
        .find(|case| case.client == client && case.held == Some("TLSv1"))
        .expect("the table has it");
    let edge = Edge::start_at(PLAN, REFUSE, None);
    let url = edge.url("/v1/things");
    for _ in 0..times {
        let Some(outcome) = case.run(&url, &edge.ca) else {
            return;
        };
        case.assert_names_the_protocol(&outcome);
    }
    let sightings = edge.sightings(times);
    let refused = sightings
        .iter()
        .filter(|sighting| sighting["alert"] == 70)
        .count();
    assert_eq!((sightings.len(), refused), (times, times));
}

#[test]
fn openssl_reads_the_alert_two_hundred_times_and_never_a_reset() {
    refused_every_time("openssl", 200);
}

#[test]
fn python_reads_the_alert_two_hundred_times_and_never_a_reset() {
    refused_every_time("python", 200);
}

/// A TCP segment, as tshark sees it.
#[derive(Debug)]
struct Packet {
    stream: String,
    source: u16,
    fin: bool,
    reset: bool,
    /// The alert description it carries, as a number; empty for none.
    alert: String,
}

/// tshark, capturing one port of the loopback interface.
struct Capture {
    tshark: Child,
    packets: Receiver<Packet>,
}

/// How long the capture may take to begin, and a packet to be shown.
const PATIENCE: Duration = Duration::from_secs(20);

impl Capture {
    /// Starts; gives it once it sees packets, or `None`, said loudly, where it may not.
    fn start(port: u16) -> Option<Capture> {
        let mut command = clients::tool("tshark")?;
        command.args([
            "-i",
            "lo",
            "-l",
            "-n",
            "-f",
            &format!("tcp port {port}"),
            "-d",
            &format!("tcp.port=={port},tls"),
        ]);
        command.args([
            "-T",
            "fields",
            "-e",
            "tcp.stream",
            "-e",
            "tcp.srcport",
            "-e",
            "tcp.flags.fin",
            "-e",
            "tcp.flags.reset",
        ]);
        command.args(["-e", "tls.alert_message.desc"]);
        let mut tshark = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("an installed program");
        let stdout = tshark.stdout.take().expect("standard output is piped");
        let (sender, packets) = mpsc::channel();
        thread::spawn(move || {
            let lines = BufReader::new(stdout).lines().map_while(Result::ok);
            lines
                .filter_map(|line| Packet::read(&line))
                .try_for_each(|packet| sender.send(packet))
                .ok();
        });
        let mut capture = Capture { tshark, packets };
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if capture
                .tshark
                .try_wait()
                .expect("a child of our own")
                .is_some()
            {
                break;
            }
            // Something to see: a port check that says nothing.
            drop(TcpStream::connect(("127.0.0.1", port)));
            if capture
                .packets
                .recv_timeout(Duration::from_millis(300))
                .is_ok()
            {
                return Some(capture);
            }
        }
        clients::skipped(
            "tshark",
            "it does not capture on lo; that takes root or membership of group wireshark",
        );
        None
    }

    /// The packets of the connection on which the edge sent an alert, once both sides have ended it.
    fn of_the_refusal(&self, port: u16) -> Vec<Packet> {
        let mut packets: Vec<Packet> = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let refused = packets
                .iter()
                // A refusal is an alert that the edge itself sent.
                .find(|packet| packet.source == port && !packet.alert.is_empty())
                .map(|packet| packet.stream.clone());
            let ended = |ours: bool| {
                let of_it = |packet: &&Packet| {
                    Some(&packet.stream) == refused.as_ref() && (packet.source == port) == ours
                };
                packets
                    .iter()
                    .filter(of_it)
                    .any(|packet| packet.fin || packet.reset)
            };
            if ended(true) && ended(false) {
                packets.retain(|packet| Some(&packet.stream) == refused.as_ref());
                return packets;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let packet = self.packets.recv_timeout(left);
            packets.push(packet.unwrap_or_else(|error| {
                panic!("no end of a refused connection ({error}): {packets:#?}")
            }));
        }
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        // tshark ends the dumpcap that it started. It may have ended by itself; either way it is gone then.
        kill_process(Pid::from_child(&self.tshark), Signal::TERM).ok();
        self.tshark.wait().ok();
    }
}

impl Packet {
    fn read(line: &str) -> Option<Packet> {
        let mut fields = line.split('\t');
        let mut next = || fields.next().unwrap_or_default();
        // tshark 4.2 and later write True, earlier ones 1.
        let set = |flag: &str| matches!(flag, "1" | "True");
        Some(Packet {
            stream: next().to_owned(),
            source: next().parse().ok()?,
            fin: set(next()),
            reset: set(next()),
            alert: next().to_owned(),
        })
    }
}
