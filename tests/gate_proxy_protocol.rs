//! The PROXY protocol in and out, with HAProxy and nginx as judges on both sides: whom a connection is for is known
//! wherever it comes by.
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

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use bytes::{connect, read_to_end, tls10};
use edge::{EXPLAIN, Edge, LIMIT, REFUSE, WARN, eventually};
use foreign::{free, haproxy, nginx};
use gate::{GateBuilder, SERVER_HELLO, gate_address, tls12};
use serde_json::Value;

/// Everybody on this machine says whom a connection is for.
const FROM_HERE: &str = "accept_proxy_protocol = [\"127.0.0.1/32\"]";
/// A client with an address of its own.
const CLIENT: &str = "127.0.0.9";

/// The whole of version 1 for a client.
fn line(from: &str) -> Vec<u8> {
    format!("PROXY TCP4 {from} 198.51.100.1 5000 443\r\n").into_bytes()
}

/// The same in version 2, with a TLV of a kind that is nobody's business.
fn version_2(from: [u8; 4]) -> Vec<u8> {
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x11".to_vec();
    bytes.extend(from);
    bytes.extend([198, 51, 100, 1]);
    bytes.extend([0x13, 0x88, 0x01, 0xbb]);
    bytes.extend([0xea, 0, 2, 7, 7]);
    bytes
}

/// A service that says hello and hands over all that it got before, or with, the client's.
fn service() -> (SocketAddr, Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let sender = sender.clone();
            thread::spawn(move || {
                let mut stream = stream;
                stream.set_read_timeout(Some(LIMIT)).unwrap();
                let mut got = Vec::new();
                let mut buffer = [0; 4096];
                // The suites stand in every hello of these tests.
                while !got.windows(2).any(|pair| pair == [0xc0, 0x13]) {
                    match stream.read(&mut buffer) {
                        Ok(length @ 1..) => got.extend(&buffer[..length]),
                        // A check.
                        _ => return,
                    }
                }
                stream.write_all(&SERVER_HELLO).unwrap();
                sender.send(got).ok();
            });
        }
    });
    (address, receiver)
}

fn last(edge: &Edge, count: usize) -> Value {
    edge.sightings(count).pop().expect("a sighting")
}

/// Sends all of it; what comes back, until the end.
fn say(gate: SocketAddr, bytes: &[u8]) -> bytes::Left {
    let mut stream = connect(gate);
    stream.write_all(bytes).unwrap();
    read_to_end(&mut stream)
}

#[test]
fn whom_it_is_for_is_believed_from_those_that_are_trusted() {
    let (address, got) = service();
    let edge = GateBuilder::new(&[address])
        .keys(FROM_HERE)
        .plan(WARN)
        .start();
    let gate = gate_address(&edge);
    let hello = tls12("x.example");
    for (count, header) in [line("192.0.2.7"), version_2([192, 0, 2, 7])]
        .into_iter()
        .enumerate()
    {
        let left = say(gate, &[&header[..], &hello].concat());
        assert_eq!(left.bytes, SERVER_HELLO);
        assert_eq!(got.recv_timeout(LIMIT).unwrap(), hello, "and no more");
        let seen = last(&edge, count + 1);
        assert_eq!(seen["outcome"], "passed", "{seen}");
        assert_eq!(seen["address"], "192.0.2.7", "{seen}");
    }
    // However it comes: byte by byte.
    let mut stream = connect(gate);
    for byte in [&version_2([192, 0, 2, 8])[..], &hello].concat() {
        stream.write_all(&[byte]).unwrap();
    }
    assert_eq!(read_to_end(&mut stream).bytes, SERVER_HELLO);
    drop(stream);
    assert_eq!(last(&edge, 3)["address"], "192.0.2.8");
    // For nobody but itself: a check of whoever is in front.
    let left = say(gate, &[&b"PROXY UNKNOWN\r\n"[..], &hello].concat());
    assert_eq!(left.bytes, SERVER_HELLO);
    assert_eq!(last(&edge, 4)["address"], "127.0.0.1");
}

#[test]
fn who_is_not_trusted_says_garbage_and_who_is_has_to_say_it() {
    let (address, _got) = service();
    let trusted = GateBuilder::new(&[address])
        .keys(FROM_HERE)
        .limits("hello = \"1s\"")
        .plan(WARN)
        .start();
    let gate = gate_address(&trusted);
    // Without a header, with one that says too much, and with a broken one.
    let mut long = version_2([192, 0, 2, 7]);
    (long[14], long[15]) = (0xff, 0xff);
    // And with a checksum that is not its own.
    let mut summed = version_2([192, 0, 2, 7]);
    summed.extend([3, 0, 4, 1, 2, 3, 4]);
    summed[15] += 7;
    for (count, bytes) in [
        tls12("x.example"),
        long,
        b"PROXY TCP4 nonsense\r\n".to_vec(),
        summed,
    ]
    .iter()
    .enumerate()
    {
        assert_eq!(say(gate, bytes).bytes, b"");
        assert_eq!(last(&trusted, count + 1)["outcome"], "unintroduced");
    }
    // One that stops in the middle has the time of a hello, and so has one behind which nothing comes.
    for (count, bytes) in [&b"PROXY TCP4 192"[..], &line("192.0.2.7")]
        .iter()
        .enumerate()
    {
        assert_eq!(say(gate, bytes).bytes, b"");
        assert_eq!(last(&trusted, count + 5)["outcome"], "hello-timeout");
    }
    // A port check, as load balancers make them.
    drop(connect(gate));
    assert_eq!(last(&trusted, 7)["outcome"], "closed-early");

    let elsewhere = GateBuilder::new(&[address])
        .keys("accept_proxy_protocol = [\"10.0.0.0/8\"]")
        .plan(WARN)
        .start();
    let gate = gate_address(&elsewhere);
    for (count, header) in [line("192.0.2.7"), version_2([192, 0, 2, 7])]
        .into_iter()
        .enumerate()
    {
        say(gate, &[&header[..], &tls12("x.example")].concat());
        let seen = last(&elsewhere, count + 1);
        assert_eq!(seen["outcome"], "not-tls", "{seen}");
        assert_eq!(seen["address"], "127.0.0.1", "nobody is fooled");
    }
    assert_eq!(say(gate, &tls12("x.example")).bytes, SERVER_HELLO);
}

#[test]
fn bounds_and_the_plan_go_by_the_client() {
    let (address, _got) = service();
    let exception = "[[exception]]\naddress = \"192.0.2.9\"\nsunset = \"old TLS\"\nuntil = \"2999-01-01\"\nowner = \"jo\"\nreason = \"kiosks\"\n";
    let edge = GateBuilder::new(&[address])
        .keys(FROM_HERE)
        .limits("connections_per_address = 2")
        .plan(&format!("{REFUSE}{exception}"))
        .start();
    let gate = gate_address(&edge);
    let open = |from: &str| {
        let mut stream = connect(gate);
        stream.write_all(&line(from)).unwrap();
        stream
    };
    // More from the one in front than one address may have, and each for another.
    let mut held: Vec<TcpStream> = (1..=5).map(|it| open(&format!("192.0.2.{it}"))).collect();
    held.push(open("192.0.2.5"));
    // And the one that asks.
    eventually("all are open", || edge.health()["open"].as_u64() >= Some(7));
    let mut third = open("192.0.2.5");
    assert_eq!(read_to_end(&mut third).bytes, b"");
    let shed = |it: &Value| it["outcome"] == "shed";
    eventually("it is seen", || edge.sightings(0).iter().any(shed));
    let seen = edge.sightings(0).into_iter().find(shed).unwrap();
    assert_eq!(seen["address"], "192.0.2.5", "{seen}");
    drop(held);
    let refused = say(gate, &[line("192.0.2.8"), tls10()].concat());
    assert_eq!(refused.bytes, [21, 3, 1, 0, 2, 2, 70]);
    let excepted = say(gate, &[line("192.0.2.9"), tls10()].concat());
    assert_eq!(excepted.bytes, SERVER_HELLO);
}

#[test]
fn haproxy_in_front_says_whom_it_is_for() {
    let (address, _got) = service();
    let summed = "send-proxy-v2 proxy-v2-options crc32c";
    for version in ["send-proxy", "send-proxy-v2", summed] {
        let edge = GateBuilder::new(&[address])
            .keys(FROM_HERE)
            .plan(WARN)
            .start();
        let front = free();
        let sections = format!(
            "listen front\n  mode tcp\n  bind {front}\n  server gate {} {version}\n",
            gate_address(&edge)
        );
        let Some(_haproxy) = haproxy(front, &sections) else {
            return;
        };
        let mut stream = from_client(front);
        stream.write_all(&tls12("x.example")).unwrap();
        let mut answer = [0; SERVER_HELLO.len()];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer, SERVER_HELLO);
        drop(stream);
        let all = || edge.sightings(0);
        let passed = |it: &Value| it["outcome"] == "passed";
        eventually("it is seen", || all().iter().any(passed));
        let seen = all().into_iter().find(passed).unwrap();
        assert_eq!(seen["address"], CLIENT, "{seen}");
    }
}

/// A connection from an address of its own.
fn from_client(to: SocketAddr) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let from: SocketAddr = format!("{CLIENT}:0").parse().unwrap();
    socket.bind(&from.into()).unwrap();
    socket.connect(&to.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
}

/// What curl says from [`CLIENT`] to a gate, by a name.
fn curl(gate: SocketAddr, name: &str, more: &[&str]) -> String {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--insecure", "--max-time", "20"])
        .args(["--interface", CLIENT, "--resolve"])
        .arg(format!("{name}:{}:127.0.0.1", gate.port()))
        .args(more)
        .arg(format!("https://{name}:{}/", gate.port()))
        .output()
        .expect("curl");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    said(&output.stdout) + &said(&output.stderr)
}

#[test]
fn haproxy_behind_hears_whom_it_is_for_and_by_which_name() {
    let behind = free();
    let sections = format!(
        "frontend behind\n  mode http\n  bind {behind} accept-proxy ssl crt {{dir}}/both.pem\n  http-request return status 200 content-type text/plain lf-string \"from %[src] to %[dst]:%[dst_port] for %[fc_pp_authority]\"\n"
    );
    let Some(_haproxy) = haproxy(behind, &sections) else {
        return;
    };
    for (version, name) in [("v1", ""), ("v2", "foreign.example")] {
        let edge = GateBuilder::new(&[behind])
            .keys(&format!("send_proxy_protocol = \"{version}\""))
            .plan(WARN)
            .start();
        let gate = gate_address(&edge);
        let said = curl(gate, "foreign.example", &[]);
        let expected = format!("from {CLIENT} to {gate} for {name}");
        assert_eq!(said.trim_end(), expected.trim_end(), "{version}");
    }
}

#[test]
fn nginx_behind_hears_whom_it_is_for() {
    let behind = free();
    let blocks = format!(
        "server {{\n listen {behind} ssl proxy_protocol;\n ssl_certificate {{dir}}/cert.pem;\n ssl_certificate_key {{dir}}/key.pem;\n location / {{ return 200 \"from $proxy_protocol_addr to $proxy_protocol_server_addr:$proxy_protocol_server_port\"; }}\n}}"
    );
    let Some(_nginx) = nginx(behind, &blocks) else {
        return;
    };
    // Named by its route alone.
    for version in ["v1", "v2"] {
        let routes = format!(
            "[[listener.route]]\nsni = \"foreign.example\"\nupstream = [\"{behind}\"]\nsend_proxy_protocol = \"{version}\"\n"
        );
        let edge = GateBuilder::new(&[]).routes(&routes).plan(WARN).start();
        let gate = gate_address(&edge);
        let said = curl(gate, "foreign.example", &[]);
        assert_eq!(said, format!("from {CLIENT} to {gate}"), "{version}");
    }
}

/// The TLVs of a header of version 2 for TCP over IPv4 (specification section 2.2), and what is behind it.
fn tlvs(bytes: &[u8]) -> (Vec<(u8, Vec<u8>)>, &[u8]) {
    assert_eq!(&bytes[..14], b"\r\n\r\n\0\r\nQUIT\n\x21\x11");
    let length = usize::from(u16::from_be_bytes([bytes[14], bytes[15]]));
    let (header, rest) = bytes.split_at(16 + length);
    let mut left = &header[28..];
    let mut tlvs = Vec::new();
    while let [kind, high, low, tail @ ..] = left {
        let (value, tail) = tail.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        tlvs.push((*kind, value.to_vec()));
        left = tail;
    }
    (tlvs, rest)
}

#[test]
fn the_service_hears_what_the_plan_says() {
    let (address, got) = service();
    let edge = GateBuilder::new(&[address])
        .keys(&format!("send_proxy_protocol = \"v2\"\n{FROM_HERE}"))
        .plan(WARN)
        .start();
    let gate = gate_address(&edge);
    let old = tls10();
    say(gate, &[line("192.0.2.7"), old.clone()].concat());
    let bytes = got.recv_timeout(LIMIT).unwrap();
    let (told, rest) = tlvs(&bytes);
    assert_eq!(rest, old, "the hello as it came");
    assert_eq!(bytes[16..20], [192, 0, 2, 7], "the client");
    assert_eq!(bytes[20..24], [198, 51, 100, 1], "where it went");
    let expected = [(0xe0, b"warn".to_vec()), (0xe1, b"old TLS".to_vec())];
    assert_eq!(told, expected);

    let routes = "balance = \"hash-name\"\n";
    let edge = GateBuilder::new(&[address])
        .keys(&format!("send_proxy_protocol = \"v2\"\n{routes}"))
        .plan(EXPLAIN)
        .start();
    let gate = gate_address(&edge);
    say(gate, &tls12("x.example"));
    let bytes = got.recv_timeout(LIMIT).unwrap();
    let (told, _) = tlvs(&bytes);
    assert_eq!(
        told,
        [(2, b"x.example".to_vec()), (0xe0, b"serve".to_vec())]
    );
    // The protocols, as curl offers them: the content of the extension.
    let curl = curl(gate, "y.example", &["--http2"]);
    assert!(curl.contains("curl:"), "no handshake came of it: {curl}");
    let bytes = got.recv_timeout(LIMIT).unwrap();
    let (told, _) = tlvs(&bytes);
    assert!(
        told.contains(&(1, b"\0\x0c\x02h2\x08http/1.1".to_vec())),
        "{told:?}"
    );
}

#[test]
fn an_edge_hears_it_too_from_a_gate_and_from_haproxy() {
    let edge = Edge::start(
        &format!("[[listener]]\n{FROM_HERE}\n[limits]\nhello = \"1s\"\n{EXPLAIN}"),
        None,
    );
    let front = free();
    let sections = format!(
        "listen front\n  mode tcp\n  bind {front}\n  server edge {} send-proxy-v2\n",
        edge.address
    );
    let gate = GateBuilder::new(&[edge.address])
        .keys("send_proxy_protocol = \"v2\"")
        .plan(WARN)
        .start();
    let old = ["--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0"];
    let mut fronts = vec![gate_address(&gate)];
    let haproxy = haproxy(front, &sections);
    fronts.extend(haproxy.as_ref().map(|haproxy| haproxy.address));
    for front in fronts {
        let said = curl(front, "localhost", &old);
        assert!(said.contains("TLSv1.2"), "explained to: {said}");
        let explained = |it: &Value| it["requests"]["explained"] == 1;
        let all = || edge.sightings(0);
        eventually("it is seen", || all().iter().any(explained));
        for seen in all().iter().filter(|it| explained(it)) {
            assert_eq!(seen["address"], CLIENT, "{seen}");
        }
    }
    // Who does not say it is turned away here as well, and who dawdles is not waited for.
    let outcomes = |wanted: &str| {
        let all = edge.sightings(0);
        all.iter().filter(|it| it["outcome"] == wanted).count()
    };
    assert_eq!(say(edge.address, &tls12("x.example")).bytes, b"");
    eventually("it is seen", || outcomes("unintroduced") == 1);
    let before = outcomes("hello-timeout");
    assert_eq!(say(edge.address, b"PROXY ").bytes, b"");
    eventually("it is seen", || outcomes("hello-timeout") == before + 1);
}

#[test]
fn who_is_diverted_is_still_known() {
    let (address, _got) = service();
    let edge = GateBuilder::new(&[address])
        .keys(FROM_HERE)
        .plan(EXPLAIN)
        .start();
    let front = free();
    let sections = format!(
        "listen front\n  mode tcp\n  bind {front}\n  server gate {} send-proxy-v2\n",
        gate_address(&edge)
    );
    let Some(_haproxy) = haproxy(front, &sections) else {
        return;
    };
    let old = ["--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0"];
    let said = curl(front, "localhost", &old);
    assert!(said.contains("TLSv1.2"), "{said}");
    let explained = |it: &Value| it["requests"]["explained"] == 1;
    eventually("it is seen", || edge.sightings(0).iter().any(explained));
    let seen = edge.sightings(0).into_iter().find(explained).unwrap();
    assert_eq!(seen["address"], CLIENT, "{seen}");
}
