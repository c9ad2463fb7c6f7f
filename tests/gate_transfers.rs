//! Whole uploads and downloads through the gate, at once both ways, compared by their hashes: in every way in which bytes
//! can take, to every kind of service, and with every word before them.
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
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};

use bytes::{connect, read_to_end};
use edge::{EXPLAIN, LIMIT, WARN};
use gate::{GateBuilder, SERVER_HELLO, gate_address, hashed, noise, tls12};
use socket2::{Domain, SockAddr, Socket, Type};

/// Copied, as a gate does with what is short.
const SHORT: usize = 10_000;
/// Spliced, for most of it.
const LONG: usize = 20 << 20;

/// A listener at an address of either kind, and what a gate calls it.
fn listener(unix: Option<&Path>) -> (Socket, String) {
    let (domain, address) = match unix {
        Some(path) => (Domain::UNIX, SockAddr::unix(path).unwrap()),
        None => (
            Domain::IPV4,
            SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into(),
        ),
    };
    let socket = Socket::new(domain, Type::STREAM, None).unwrap();
    socket.bind(&address).unwrap();
    socket.listen(16).unwrap();
    let name = match unix {
        Some(path) => format!("unix:{}", path.display()),
        None => {
            let bound = socket.local_addr().unwrap();
            bound.as_socket().unwrap().to_string()
        }
    };
    (socket, name)
}

/// Takes the first connection on which something comes, sends a hello and so many bytes, and gives all that it got.
fn service(listener: Socket, length: usize) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut got = vec![0; 65536];
        let (stream, first) = loop {
            let (stream, _) = listener.accept().unwrap();
            // A check says nothing.
            if let Ok(first @ 1..) = (&stream).read(&mut got) {
                break (stream, first);
            }
        };
        got.truncate(first);
        let writing = stream.try_clone().unwrap();
        let writer = thread::spawn(move || {
            let mut writing = &writing;
            writing.write_all(&SERVER_HELLO).unwrap();
            writing.write_all(&noise(7, length)).unwrap();
            writing.shutdown(Shutdown::Write).unwrap();
        });
        (&stream).read_to_end(&mut got).unwrap();
        writer.join().unwrap();
        got
    })
}

/// What comes before the hello, by the version that is sent.
fn header_length(version: &str, bytes: &[u8]) -> usize {
    match version {
        "v1" => bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1,
        "v2" => 16 + usize::from(u16::from_be_bytes([bytes[14], bytes[15]])),
        _ => 0,
    }
}

#[test]
fn whatever_is_sent_arrives_whole() {
    for unix in [false, true] {
        for version in ["off", "v1", "v2"] {
            for length in [SHORT, LONG] {
                let directory = tempfile::tempdir().unwrap();
                let path = directory.path().join("service.sock");
                let (socket, name) = listener(unix.then_some(&*path));
                let serving = service(socket, length);
                let edge = GateBuilder::to(&name)
                    .keys(&format!("send_proxy_protocol = \"{version}\""))
                    .plan(WARN)
                    .start();
                let what = format!("{name}, {version}, {length} bytes");
                let mut stream = connect(gate_address(&edge));
                let mut writing = stream.try_clone().unwrap();
                let sent = [tls12("x.example"), noise(9, length)].concat();
                let expected = hashed(&sent);
                let writer = thread::spawn(move || {
                    writing.write_all(&sent).unwrap();
                    writing.shutdown(Shutdown::Write).unwrap();
                });
                let left = read_to_end(&mut stream);
                writer.join().unwrap();
                assert!(left.ended_well, "{what}");
                let answer = [&SERVER_HELLO[..], &noise(7, length)].concat();
                assert_eq!(hashed(&left.bytes), hashed(&answer), "download: {what}");
                let got = serving.join().unwrap();
                let header = header_length(version, &got);
                assert_eq!(hashed(&got[header..]), expected, "upload: {what}");
                let seen = edge.sightings(1).pop().unwrap();
                assert_eq!(seen["outcome"], "passed", "{what}");
            }
        }
    }
}

/// A service over HTTP that answers an upload with a download, and hands it over.
fn http(length: usize) -> (SocketAddr, Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            if let Some(body) = answer(stream, length) {
                sender.send(body).ok();
            }
        }
    });
    (address, receiver)
}

fn answer(mut stream: TcpStream, length: usize) -> Option<Vec<u8>> {
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let mut got = Vec::new();
    let mut buffer = vec![0; 65536];
    loop {
        match stream.read(&mut buffer) {
            Ok(more @ 1..) => got.extend(&buffer[..more]),
            _ => return None,
        }
        let Some(end) = got.windows(4).position(|it| it == b"\r\n\r\n") else {
            continue;
        };
        let body = &got[end + 4..];
        if body.len() == length {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(&noise(7, length)).unwrap();
            return Some(body.to_vec());
        }
    }
}

#[test]
fn what_is_diverted_arrives_whole() {
    // Diverted at its hello, as its account is not known then, and served at its request, as that is excepted.
    let plan = format!(
        "{EXPLAIN}[[exception]]\naccount = \"acme\"\nsunset = \"old TLS\"\nuntil = \"2999-01-01\"\nowner = \"jo\"\nreason = \"kiosks\"\n[account]\nsources = [\"basic\"]\n"
    );
    for length in [SHORT, LONG] {
        let (address, got) = http(length);
        let (nobody, name) = listener(None);
        let edge = GateBuilder::to(&name)
            .edge_keys(&format!("upstream = [\"http://{address}\"]"))
            .plan(&plan)
            .start();
        let directory = tempfile::tempdir().unwrap();
        let (upload, download) = (directory.path().join("up"), directory.path().join("down"));
        std::fs::write(&upload, noise(9, length)).unwrap();
        let mut command: Command = edge.curl();
        let status = command
            .args(["--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0"])
            .args(["--http1.1", "--header", "Expect:", "--user", "acme:x"])
            .arg("--upload-file")
            .arg(&upload)
            .arg("--output")
            .arg(&download)
            .arg(format!(
                "https://localhost:{}/bulk",
                gate_address(&edge).port()
            ))
            .status()
            .expect("curl");
        assert!(status.success(), "{length} bytes");
        let got = got.recv_timeout(LIMIT).unwrap();
        assert_eq!(hashed(&got), hashed(&noise(9, length)), "upload");
        let read = std::fs::read(&download).unwrap();
        assert_eq!(hashed(&read), hashed(&noise(7, length)), "download");
        let seen = edge.sightings(1).pop().unwrap();
        assert_eq!(seen["edge"], gate_address(&edge).to_string(), "{seen}");
        assert_eq!(seen["outcome"], "terminated", "{seen}");
        drop(nobody);
    }
}
