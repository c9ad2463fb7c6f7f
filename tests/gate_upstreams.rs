//! What is behind a gate: nginx, an edge of our own, sockets of the file system, several at once; and the plan in front
//! of each.
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
#[path = "support/foreign.rs"]
mod foreign;
#[path = "support/gate.rs"]
mod gate;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::thread;

use edge::{Edge, WARN, eventually};
use foreign::{Foreign, free, nginx};
use gate::{GateBuilder, OpensslServer, SERVER_HELLO, gate_address, tls12};
use serde_json::Value;

/// A brownout of ten minutes at every full hour of a day, a preview of the end, and warnings around both.
const PLAN: &str = "[[sunset]]\nname = \"old TLS\"\nfloor = \"tls1.2\"\nwarn = \"2016-09-15\"\nexplain = \"2016-12-15\"\nrefuse = \"2017-01-15\"\n[[sunset.brownout]]\nfrom = \"2016-11-15T09:00Z\"\nto = \"2016-11-15T17:00Z\"\nlength = \"10m\"\nevery = \"1h\"\n[[preview]]\nsni = \"next.example.com\"\nat = \"2016-12-16\"\n";

/// nginx that ends TLS, however old, and says who it is.
fn terminator() -> Option<Foreign> {
    let address = free();
    let blocks = format!(
        "server {{\n listen {address} ssl;\n ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3;\n ssl_ciphers DEFAULT@SECLEVEL=0;\n ssl_certificate {{dir}}/cert.pem;\n ssl_certificate_key {{dir}}/key.pem;\n location / {{ return 200 \"nginx by $ssl_protocol\"; }}\n}}"
    );
    nginx(address, &blocks)
}

const OLD: [&str; 4] = ["--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0"];

/// What curl says of a path at the gate, status line, headers and body, by whatever certificate.
fn curl(gate: SocketAddr, name: &str, path: &str, more: &[&str]) -> String {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--insecure", "--include"])
        .args(["--max-time", "20", "--http1.1", "--resolve"])
        .arg(format!("{name}:{}:127.0.0.1", gate.port()))
        .args(more)
        .arg(format!("https://{name}:{}{path}", gate.port()))
        .output()
        .expect("curl");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    said(&output.stdout) + &said(&output.stderr)
}

fn last(edge: &Edge, count: usize) -> Value {
    edge.sightings(count).pop().expect("a sighting")
}

#[test]
fn the_plan_is_in_force_before_a_terminator_that_knows_none() {
    let Some(nginx) = terminator() else { return };
    let start = |as_of: &str| {
        GateBuilder::new(&[nginx.address])
            .plan(PLAN)
            .start_at(as_of)
    };
    let ask = |edge: &Edge, more: &[&str]| curl(gate_address(edge), "localhost", "/", more);
    // Between two windows: the old client is served by nginx, and counted as one that is warned.
    let edge = start("2016-11-15T09:30Z");
    let said = ask(&edge, &OLD);
    assert!(said.ends_with("nginx by TLSv1.1"), "{said}");
    let seen = last(&edge, 1);
    assert_eq!(seen["outcome"], "passed", "{seen}");
    assert_eq!(seen["judged"]["action"], "warn", "{seen}");
    assert_eq!(seen["negotiated"]["version"], "TLSv1.1", "{seen}");
    // What the end will be like, by its name: the edge shows it, whoever ends TLS otherwise.
    let gate = gate_address(&edge);
    let said = curl(gate, "next.example.com", "/ssl/", &OLD);
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    assert!(
        said.contains("\"verdict\": \"blocked\"") || said.contains("\"verdict\":\"blocked\""),
        "{said}"
    );
    assert!(!said.contains("nginx"), "{said}");
    // Inside of a window: explained to, and nginx hears nothing of it.
    let edge = start("2016-11-15T10:02Z");
    let said = ask(&edge, &OLD);
    assert!(said.starts_with("HTTP/1.1 403 TLSv1.2 needed"), "{said}");
    let seen = last(&edge, 1);
    assert_eq!(seen["outcome"], "terminated", "{seen}");
    assert_eq!(seen["requests"]["explained"], 1, "{seen}");
    assert!(seen["judged"]["window"].is_string(), "{seen}");
    // Who meets the floor notices nothing of it.
    let said = ask(&edge, &["--tlsv1.2"]);
    assert!(said.ends_with("nginx by TLSv1.3"), "{said}");
    // And on the day it is over.
    let edge = start("2017-01-16");
    let said = ask(&edge, &OLD);
    assert!(said.contains("alert protocol version"), "{said}");
    assert_eq!(last(&edge, 1)["outcome"], "refused");
}

#[test]
fn an_edge_behind_warns_those_that_a_gate_can_only_count() {
    let behind = Edge::start(
        &format!("[[listener]]\naccept_proxy_protocol = [\"127.0.0.1\"]\n{WARN}"),
        None,
    );
    let edge = GateBuilder::new(&[behind.address])
        .keys("send_proxy_protocol = \"v2\"")
        .plan(WARN)
        .start();
    let more = [&OLD[..], &["--interface", "127.0.0.9"]].concat();
    let said = curl(gate_address(&edge), "localhost", "/orders", &more);
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    let said = said.to_ascii_lowercase();
    assert!(said.contains("sundown-notice: seen=\"tlsv1.1\""), "{said}");
    let seen = last(&edge, 1);
    assert_eq!(
        (&seen["outcome"], &seen["address"]),
        (&"passed".into(), &"127.0.0.9".into())
    );
    let warned = |it: &Value| it["requests"]["warned"] == 1;
    eventually("it is seen", || behind.sightings(0).iter().any(warned));
    let seen = behind.sightings(0).into_iter().find(warned).unwrap();
    assert_eq!(seen["address"], "127.0.0.9", "{seen}");
}

#[test]
fn a_hash_keeps_a_client_and_a_name_where_they_are() {
    let servers: Vec<OpensslServer> = (0..4).map(|_| OpensslServer::start(&[])).collect();
    let addresses: Vec<SocketAddr> = servers.iter().map(|it| it.address).collect();
    let who = |said: &str| {
        let server = servers.iter().position(|it| said.contains(&it.subject));
        server.unwrap_or_else(|| panic!("{said}"))
    };
    let by_address = GateBuilder::new(&addresses)
        .keys("balance = \"hash-address\"")
        .plan(WARN)
        .start();
    let mut taken = BTreeMap::<u8, BTreeSet<usize>>::new();
    for client in (1..=12).chain(1..=12) {
        let from = format!("127.0.0.{client}:0");
        let said = servers[0].ask(gate_address(&by_address), &["-bind", &from]);
        taken.entry(client).or_default().insert(who(&said));
    }
    assert!(taken.values().all(|it| it.len() == 1), "{taken:?}");
    let all: BTreeSet<usize> = taken.values().flatten().copied().collect();
    assert!(all.len() > 1, "{taken:?}");

    let by_name = GateBuilder::new(&addresses)
        .keys("balance = \"hash-name\"")
        .plan(WARN)
        .start();
    let gate = gate_address(&by_name);
    let of =
        |name: &str, from: &str| who(&servers[0].ask(gate, &["-servername", name, "-bind", from]));
    let names = ["a", "b", "c", "d", "e", "f"].map(|it| format!("{it}.example.com"));
    let mut all = BTreeSet::new();
    for name in &names {
        let one = of(name, "127.0.0.1:0");
        assert_eq!(one, of(name, "127.0.0.2:0"), "{name}");
        all.insert(one);
    }
    assert!(all.len() > 1, "{all:?}");
}

#[test]
fn a_service_may_see_the_client_itself() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let behind = listener.local_addr().unwrap();
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let permitted = socket.set_ip_transparent_v4(true).is_ok();
    let builder = GateBuilder::new(&[behind]).keys("transparent = true");
    if !permitted {
        // Said at the start, not connection by connection.
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("sundown.toml");
        std::fs::write(&file, builder.plan(WARN).configuration()).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_sundown"))
            .args(["serve", "--listen", "127.0.0.1:0", "--config"])
            .arg(&file)
            .arg("--data-dir")
            .arg(directory.path().join("data"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("CAP_NET_ADMIN"), "{said}");
        writeln!(
            std::io::stderr(),
            "SKIPPED transparent sources: no CAP_NET_ADMIN"
        )
        .ok();
        return;
    }
    let edge = builder.plan(WARN).start();
    let serving = thread::spawn(move || {
        loop {
            let (mut stream, peer) = listener.accept().unwrap();
            // A check says nothing.
            if let Ok(1..) = stream.read(&mut [0; 4096]) {
                stream.write_all(&SERVER_HELLO).unwrap();
                return peer;
            }
        }
    });
    let from: SocketAddr = "127.0.0.9:0".parse().unwrap();
    socket.bind(&from.into()).unwrap();
    socket.connect(&gate_address(&edge).into()).unwrap();
    let mut stream = TcpStream::from(socket);
    stream.write_all(&tls12("x.example")).unwrap();
    assert_eq!(bytes::read_to_end(&mut stream).bytes, SERVER_HELLO);
    assert_eq!(serving.join().unwrap().ip(), from.ip());
}
