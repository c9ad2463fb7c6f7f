//! The gate, from outside: what passes is what was sent, what is refused hears why, and what would be explained to is.
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
#[path = "support/gate.rs"]
mod gate;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::process::Command;
use std::thread;

use bytes::{Left, connect, exchange, read_to_end, records, tls10};
use edge::{EXPLAIN, Edge, REFUSE, WARN, eventually};
use gate::{GateBuilder, OpensslServer, gate_address, hashed, noise, tls12};
use serde_json::Value;

/// `alert(70)`: protocol_version, in a record of TLS 1.0.
const PROTOCOL_VERSION: [u8; 7] = [21, 3, 1, 0, 2, 2, 70];

fn sighting(edge: &Edge, count: usize) -> Value {
    edge.sightings(count).pop().expect("a sighting")
}

#[test]
fn bytes_pass_both_ways_as_they_came() {
    // A service that says back the hash of all it got, after its own 20 MB.
    const SIZE: usize = 20 << 20;
    for hello in [
        tls12("api.example.com"),
        records(&bytes::message(0x0303, 0), 1),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let service = listener.local_addr().unwrap();
        let sent = hello.len();
        let serving = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            // A health check comes and goes.
            let mut first = vec![0; sent];
            while stream.read_exact(&mut first).is_err() {
                stream = listener.accept().unwrap().0;
            }
            let mut writing = stream.try_clone().unwrap();
            let writer = thread::spawn(move || {
                writing.write_all(&gate::SERVER_HELLO).unwrap();
                writing.write_all(&noise(7, SIZE)).unwrap();
                writing.shutdown(Shutdown::Write).unwrap();
            });
            let mut all = first;
            stream.read_to_end(&mut all).unwrap();
            writer.join().unwrap();
            all
        });
        let edge = GateBuilder::new(&[service]).plan(WARN).start();
        let mut stream = connect(gate_address(&edge));
        let upload = noise(9, SIZE);
        let mut writing = stream.try_clone().unwrap();
        let expected = [&hello[..], &upload].concat();
        let writer = thread::spawn(move || {
            writing.write_all(&hello).unwrap();
            writing.write_all(&upload).unwrap();
            writing.shutdown(Shutdown::Write).unwrap();
        });
        let left = read_to_end(&mut stream);
        writer.join().unwrap();
        assert!(left.ended_well);
        let answer = [&gate::SERVER_HELLO[..], &noise(7, SIZE)].concat();
        assert_eq!(hashed(&left.bytes), hashed(&answer), "the download");
        let got = serving.join().unwrap();
        assert_eq!(hashed(&got), hashed(&expected), "the upload");
        let seen = sighting(&edge, 1);
        assert_eq!(seen["outcome"], "passed", "{seen}");
        assert_eq!(seen["negotiated"]["version"], "TLSv1.2");
        assert_eq!(seen["negotiated"]["cipher"], "ECDHE-RSA-AES128-GCM-SHA256");
    }
}

#[test]
fn each_end_can_close_first() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let service = listener.local_addr().unwrap();
    let size = tls12("x.example").len();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let mut stream = stream;
                let mut first = vec![0; size];
                if stream.read_exact(&mut first).is_err() {
                    return;
                }
                // Ends first, and still hears what comes after.
                stream.write_all(&gate::SERVER_HELLO).unwrap();
                stream.shutdown(Shutdown::Write).unwrap();
                let mut rest = Vec::new();
                stream.read_to_end(&mut rest).unwrap();
                assert_eq!(rest, b"late words");
            });
        }
    });
    let edge = GateBuilder::new(&[service]).plan(WARN).start();
    let mut stream = connect(gate_address(&edge));
    stream.write_all(&tls12("x.example")).unwrap();
    let left = read_to_end(&mut stream);
    assert_eq!(left.bytes, gate::SERVER_HELLO);
    stream.write_all(b"late words").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(sighting(&edge, 1)["outcome"], "passed");
}

#[test]
fn whom_the_plan_refuses_hears_it() {
    let server = OpensslServer::start(&[]);
    let edge = GateBuilder::new(&[server.address]).plan(REFUSE).start();
    let gate = gate_address(&edge);
    let alert = Left {
        bytes: PROTOCOL_VERSION.to_vec(),
        ended_well: true,
    };
    assert_eq!(exchange(gate, &tls10()), alert);
    // 100 KB behind the hello: the alert is read all the same, and no reset before it.
    let mut flooding = tls10();
    flooding.extend(vec![0; 100_000]);
    let mut stream = connect(gate);
    stream.write_all(&flooding).ok();
    let mut first = [0; 7];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(first, PROTOCOL_VERSION);
    drop(stream);
    let seen = sighting(&edge, 2);
    assert_eq!(
        (&seen["outcome"], &seen["alert"]),
        (&"refused".into(), &70.into())
    );
    // A client that meets the floor is passed, and shakes hands with the service itself.
    let output = server.ask(gate, &["-tls1_2"]);
    assert!(output.contains("Protocol  : TLSv1.2"), "{output}");
    assert!(
        output.contains(&server.subject),
        "the service's own certificate: {output}"
    );
    let seen = sighting(&edge, 3);
    assert_eq!(seen["outcome"], "passed");
    assert_eq!(seen["judged"]["action"], "serve");
    // openssl 1.x says what is in the alert.
    let output = server.ask(gate, &["-tls1", "-cipher", "DEFAULT@SECLEVEL=0"]);
    assert!(output.contains("alert protocol version"), "{output}");
}

#[test]
fn what_was_agreed_is_read_on_the_way() {
    let server = OpensslServer::start(&[]);
    let edge = GateBuilder::new(&[server.address]).plan(WARN).start();
    let gate = gate_address(&edge);
    server.ask(gate, &["-tls1_3", "-groups", "P-256"]);
    let seen = sighting(&edge, 1);
    assert_eq!(seen["outcome"], "passed", "{seen}");
    assert_eq!(seen["negotiated"]["version"], "TLSv1.3", "{seen}");
    assert_eq!(seen["negotiated"]["group"], "secp256r1", "{seen}");
    server.ask(gate, &["-tls1", "-cipher", "DEFAULT@SECLEVEL=0"]);
    let seen = sighting(&edge, 2);
    assert_eq!(seen["judged"]["action"], "warn", "{seen}");
    // Below TLS 1.3 the group stands behind the certificates; with RSA alone there is none.
    let asked = [
        ("P-384", "DEFAULT", "384 bits", Some("secp384r1")),
        ("X25519", "DEFAULT", "X25519", Some("x25519")),
        ("P-256", "AES128-SHA256", "", None),
    ];
    for (count, (group, cipher, said, name)) in asked.into_iter().enumerate() {
        let output = server.ask(gate, &["-tls1_2", "-groups", group, "-cipher", cipher]);
        let key = output.lines().find(|line| line.contains("Temp Key"));
        assert!(key.unwrap_or_default().contains(said), "{output}");
        let seen = sighting(&edge, count + 3);
        assert_eq!(seen["negotiated"]["version"], "TLSv1.2", "{seen}");
        assert_eq!(seen["negotiated"]["group"].as_str(), name, "{seen}");
    }
    // The service has its own mind about old clients.
    let modern = OpensslServer::start(&["-tls1_3"]);
    let edge = GateBuilder::new(&[modern.address]).plan(WARN).start();
    let output = modern.ask(gate_address(&edge), &["-tls1_2"]);
    assert!(output.contains("alert protocol version"), "{output}");
    let seen = sighting(&edge, 1);
    assert_eq!(seen["outcome"], "upstream-refused", "{seen}");
    assert_eq!(seen["alert"], 70);
}

#[test]
fn whom_the_plan_explains_to_is_diverted_to_the_edge() {
    let server = OpensslServer::start(&[]);
    let preview = "[[preview]]\nsni = \"next.example.com\"\nat = \"2030-01-01\"\n";
    let edge = GateBuilder::new(&[server.address])
        .plan(&format!("{EXPLAIN}{preview}"))
        .start();
    let gate = gate_address(&edge);
    let curl = |arguments: &[&str]| {
        let output = edge.curl().arg("--include").args(arguments).output();
        String::from_utf8_lossy(&output.expect("curl").stdout).into_owned()
    };
    let url = format!("https://localhost:{}/orders", gate.port());
    let old = ["--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0", &url];
    let answer = curl(&old);
    assert!(
        answer.starts_with("HTTP/1.1 403 TLSv1.2 needed"),
        "{answer}"
    );
    let seen = sighting(&edge, 1);
    assert_eq!(seen["outcome"], "terminated", "{seen}");
    assert_eq!(seen["edge"], gate.to_string(), "it came to the gate");
    assert_eq!(seen["address"], "127.0.0.1");
    assert_eq!(seen["requests"]["explained"], 1, "{seen}");
    // A preview name shows the day to come, by the edge's own certificate.
    let resolve = format!("next.example.com:{}:127.0.0.1", gate.port());
    let url = format!("https://next.example.com:{}/ssl/", gate.port());
    let answer = curl(&["--resolve", &resolve, &url]);
    assert!(answer.contains("\"protocol\""), "{answer}");
    // Everybody else goes to the service.
    let output = server.ask(gate, &["-tls1_2"]);
    assert!(output.contains(&server.subject), "{output}");
}

#[test]
fn without_an_edge_nobody_is_explained_to_and_all_pass() {
    let server = OpensslServer::start(&[]);
    let configuration = format!(
        "[admin]\naddress = \"127.0.0.1:0\"\n[[listener]]\naddress = \"127.0.0.1:0\"\nmode = \"gate\"\nupstream = [\"{}\"]\n{EXPLAIN}",
        server.address
    );
    let gate = gate::Alone::start(&configuration);
    let output = server.ask(gate.address, &["-tls1", "-cipher", "DEFAULT@SECLEVEL=0"]);
    assert!(output.contains(&server.subject), "{output}");
    let sightings = gate.stop();
    assert!(sightings.contains("\"outcome\":\"passed\""), "{sightings}");
    assert!(sightings.contains("\"action\":\"explain\""), "{sightings}");
}

#[test]
fn names_have_services_of_their_own() {
    let (one, other) = (OpensslServer::start(&[]), OpensslServer::start(&[]));
    let routes = format!(
        "[[listener.route]]\nsni = \"*.example.com\"\nupstream = [\"{}\"]\n",
        other.address
    );
    let edge = GateBuilder::new(&[one.address])
        .routes(&routes)
        .plan(WARN)
        .start();
    let gate = gate_address(&edge);
    let output = one.ask(gate, &["-servername", "example.org"]);
    assert!(output.contains(&one.subject), "{output}");
    let output = one.ask(gate, &["-servername", "a.b.example.com"]);
    assert!(output.contains(&other.subject), "{output}");
    // Nothing for a name: an alert that says so.
    let configuration = GateBuilder::new(&[]).routes(&routes).plan(WARN);
    let edge = configuration.start();
    let left = exchange(gate_address(&edge), &tls12("example.org"));
    assert_eq!(left.bytes, [21, 3, 3, 0, 2, 2, 112]);
    assert_eq!(sighting(&edge, 1)["outcome"], "unservable");
}

#[test]
fn a_service_that_is_down_is_passed_over() {
    let server = OpensslServer::start(&[]);
    let nobody = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let edge = GateBuilder::new(&[nobody, server.address])
        .plan(WARN)
        .start();
    for count in 1..=6 {
        let output = server.ask(gate_address(&edge), &["-tls1_2"]);
        assert!(output.contains(&server.subject), "{output}");
        assert_eq!(sighting(&edge, count)["outcome"], "passed");
    }
    edge.wait_for_log("down");
    // All down: an alert, not silence.
    let edge = GateBuilder::new(&[nobody]).plan(WARN).start();
    let left = exchange(gate_address(&edge), &tls12("x.example"));
    assert_eq!(left.bytes, [21, 3, 3, 0, 2, 2, 80]);
    assert_eq!(sighting(&edge, 1)["outcome"], "upstream-unreachable");
}

#[test]
fn a_stop_lets_connections_finish_and_cuts_off_the_rest() {
    let server = OpensslServer::start(&[]);
    let edge = GateBuilder::new(&[server.address])
        .plan(WARN)
        .limits("drain = \"500ms\"\nhello = \"1s\"")
        .start();
    let gate = gate_address(&edge);
    let silent = connect(gate);
    let mut held = connect(gate);
    held.write_all(&tls12("x.example")).unwrap();
    let mut first = [0; 5];
    held.read_exact(&mut first).unwrap();
    eventually("both are open", || {
        edge.health()["open"].as_u64() >= Some(2)
    });
    let ended = edge.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.log);
    drop(silent);
    let outcomes: Vec<&str> = ended
        .sightings
        .iter()
        .filter(|seen| seen["edge"] == gate.to_string())
        .map(|seen| seen["outcome"].as_str().unwrap())
        .collect();
    assert!(outcomes.contains(&"stopped"), "{outcomes:?}");
    assert!(outcomes.contains(&"passed"), "{outcomes:?}");
}

#[test]
fn what_is_wrong_with_a_gate_is_said_with_its_line() {
    for (configuration, words) in [
        (
            "mode = \"gate\"",
            "listener[0].upstream: a gate has nothing behind it",
        ),
        (
            "mode = \"gat\"",
            "listener[0].mode: `gat` is not known here",
        ),
        (
            "mode = \"gate\"\nupstream = [\"https://10.0.0.1\"]",
            "listener[0].upstream: upstream \"https://10.0.0.1\" is a URL",
        ),
        (
            "mode = \"gate\"\nupstream = [\"10.0.0.1:443\"]\ncertificates = []",
            "listener[0].certificates: there is no key `certificates` here",
        ),
        (
            "mode = \"gate\"\nroute = [{ sni = \"*\", upstream = [\"10.0.0.1:443\"] }]",
            "listener[0].route[0].sni: \"*\" is no server name",
        ),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("sundown.toml");
        std::fs::write(&file, format!("[[listener]]\n{configuration}\n{WARN}")).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_sundown"))
            .args(["plan", "--check", "--config"])
            .arg(&file)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(words), "{said}");
        assert!(said.contains("sundown.toml:"), "{said}");
    }
}
