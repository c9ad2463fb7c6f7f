//! A client of a gate that is gone, at every stage of its connection: each is counted as what it was, what it held is given
//! back, and whoever means well is served all the while. `SUNDOWN_FULL=1` makes it ten times as much.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what goes wrong in a helper of a test fails the test"
)]

#[path = "support/abuse.rs"]
mod abuse;
#[path = "support/bytes.rs"]
mod bytes;
#[path = "support/edge.rs"]
mod edge;
#[path = "support/gate.rs"]
mod gate;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use abuse::{Regular, echo, many, outcomes, service, wait_for};
use bytes::{connect, read_to_end, send_and_reset, tls10};
use edge::{Edge, REFUSE, WARN, eventually};
use gate::{GateBuilder, SERVER_HELLO, gate_address, noise, tls12};
use socket2::{Domain, SockRef, Socket, Type};

/// How many clients go at one stage.
fn each() -> usize {
    many() / 5
}

fn reset(stream: TcpStream) {
    let now = Some(Duration::ZERO);
    SockRef::from(&stream).set_linger(now).unwrap();
}

/// Through the hellos, and no further.
fn greeted(gate: SocketAddr) -> TcpStream {
    let mut stream = connect(gate);
    stream.write_all(&tls12("reset.example")).unwrap();
    let mut answer = [0; SERVER_HELLO.len()];
    stream.read_exact(&mut answer).unwrap();
    stream
}

#[track_caller]
fn gives_back(edge: &Edge, descriptors: usize) {
    eventually("descriptors are given back", || {
        edge.descriptors() <= descriptors + 2
    });
}

/// A gate that has served somebody, and how many descriptors it has then.
fn gate(builder: GateBuilder) -> (Edge, SocketAddr, usize) {
    let edge = builder.start();
    let gate = gate_address(&edge);
    // Its threads have their descriptors once somebody has been through.
    abuse::is_served(gate);
    wait_for(&edge, "passed", 1);
    let descriptors = edge.descriptors();
    (edge, gate, descriptors)
}

#[test]
fn before_and_in_the_hello() {
    let (edge, gate, descriptors) = gate(GateBuilder::new(&[echo()]).plan(WARN));
    let regular = Regular::of(gate);
    let hello = tls12("reset.example");
    for _ in 0..each() {
        send_and_reset(gate, b"");
        send_and_reset(gate, &hello[..1]);
        send_and_reset(gate, &hello[..20]);
        send_and_reset(gate, &hello[..hello.len() - 1]);
    }
    wait_for(&edge, "closed-early", 4 * each());
    let served = regular.served();
    wait_for(&edge, "passed", served + 1);
    gives_back(&edge, descriptors);
}

#[test]
fn while_its_last_words_are_on_the_way() {
    let (edge, gate, descriptors) = gate(GateBuilder::new(&[echo()]).plan(REFUSE));
    let regular = Regular::of(gate);
    // One with something behind the hello: the gate lingers with it.
    let mut more = tls10();
    more.extend([0; 2000]);
    for _ in 0..each() {
        send_and_reset(gate, &tls10());
        send_and_reset(gate, &more);
        let mut heard = connect(gate);
        heard.write_all(&more).unwrap();
        heard.read_exact(&mut [0; 7]).unwrap();
        reset(heard);
    }
    // A reset can be there before the hello is looked at.
    eventually("all are counted", || {
        let counts = outcomes(&edge);
        let count = |outcome: &str| counts.get(outcome).copied().unwrap_or_default();
        count("refused") + count("closed-early") == 3 * each() && count("refused") >= each()
    });
    let served = regular.served();
    wait_for(&edge, "passed", served + 1);
    gives_back(&edge, descriptors);
}

/// A service that is there and takes no connections: whoever connects waits.
fn full() -> (Socket, Vec<TcpStream>, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&any.into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let soon = Duration::from_millis(200);
    // The queue holds one more than it was told; the kernel drops what comes then.
    let waiting = (0..4)
        .map_while(|_| TcpStream::connect_timeout(&address, soon).ok())
        .collect();
    (socket, waiting, address)
}

#[test]
fn while_a_service_is_being_connected_to() {
    let (_socket, _waiting, address) = full();
    let route = format!("[[listener.route]]\nsni = \"full.example\"\nupstream = [\"{address}\"]\n");
    let builder = GateBuilder::new(&[echo()])
        .routes(&route)
        .limits("upstream_connect = \"2s\"")
        .plan(WARN);
    let (edge, gate, descriptors) = gate(builder);
    let regular = Regular::of(gate);
    let mut patient = Vec::new();
    for index in 0..each() {
        let mut stream = connect(gate);
        stream.write_all(&tls12("full.example")).unwrap();
        if index % 2 == 0 {
            thread::sleep(Duration::from_millis(5));
            reset(stream);
        } else {
            patient.push(stream);
        }
    }
    wait_for(&edge, "handshake-abandoned", each().div_ceil(2));
    for stream in &mut patient {
        // internal_error: no fault of the client's.
        assert_eq!(read_to_end(stream).bytes, [21, 3, 3, 0, 2, 2, 80]);
    }
    drop(patient);
    wait_for(&edge, "upstream-unreachable", each() / 2);
    let served = regular.served();
    wait_for(&edge, "passed", served + 1);
    gives_back(&edge, descriptors);
}

#[test]
fn while_a_service_thinks() {
    let resets = Arc::<AtomicUsize>::default();
    let counted = resets.clone();
    let mute = service(move |mut stream| {
        // Answers nothing, and hears how it ends.
        if stream.read(&mut [0; 16]).is_err() {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    let route = format!("[[listener.route]]\nsni = \"mute.example\"\nupstream = [\"{mute}\"]\n");
    let builder = GateBuilder::new(&[echo()]).routes(&route).plan(WARN);
    let (edge, gate, descriptors) = gate(builder);
    let regular = Regular::of(gate);
    for _ in 0..each() {
        let mut stream = connect(gate);
        stream.write_all(&tls12("mute.example")).unwrap();
        thread::sleep(Duration::from_millis(5));
        reset(stream);
    }
    wait_for(&edge, "handshake-abandoned", each());
    eventually("the service hears of each reset", || {
        resets.load(Ordering::Relaxed) == each()
    });
    let served = regular.served();
    wait_for(&edge, "passed", served + 1);
    gives_back(&edge, descriptors);
}

#[test]
fn between_two_words() {
    let (edge, gate, descriptors) = gate(GateBuilder::new(&[echo()]).plan(WARN));
    let regular = Regular::of(gate);
    for _ in 0..each() {
        reset(greeted(gate));
        let mut half_closed = greeted(gate);
        half_closed.write_all(b"the last").unwrap();
        half_closed.shutdown(Shutdown::Write).unwrap();
        reset(half_closed);
    }
    let served = regular.served();
    wait_for(&edge, "passed", 2 * each() + served + 1);
    gives_back(&edge, descriptors);
}

/// In the middle of so much that it goes through a pipe.
#[test]
fn in_the_middle_of_a_stream() {
    const SIZE: usize = 2 << 20;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let resets = Arc::<AtomicUsize>::default();
    let counted = resets.clone();
    let block = Arc::<[u8]>::from(noise(5, SIZE));
    let sent = block.clone();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (resets, block) = (counted.clone(), block.clone());
            thread::spawn(move || {
                let mut stream = stream;
                let Ok(1..) = stream.read(&mut [0; 4096]) else {
                    return;
                };
                stream.write_all(&SERVER_HELLO).unwrap();
                let mut order = [0];
                let broke = match stream.read_exact(&mut order) {
                    // More than all buffers on the way hold.
                    Ok(()) if order == [b'G'] => (0..64).any(|_| stream.write_all(&block).is_err()),
                    Ok(()) => stream.read_to_end(&mut Vec::new()).is_err(),
                    // The reset overtook the order.
                    Err(_) => true,
                };
                resets.fetch_add(usize::from(broke), Ordering::Relaxed);
            });
        }
    });
    let route =
        format!("[[listener.route]]\nsni = \"reset.example\"\nupstream = [\"{address}\"]\n");
    let builder = GateBuilder::new(&[echo()]).routes(&route).plan(WARN);
    let (edge, gate, descriptors) = gate(builder);
    let regular = Regular::of(gate);
    let streams = each().min(40);
    for _ in 0..streams {
        let mut download = greeted(gate);
        download.write_all(b"G").unwrap();
        download.read_exact(&mut vec![0; SIZE]).unwrap();
        reset(download);
        let mut upload = greeted(gate);
        upload.write_all(b"P").unwrap();
        upload.write_all(&sent).unwrap();
        reset(upload);
    }
    eventually("the service hears of each reset", || {
        resets.load(Ordering::Relaxed) == 2 * streams
    });
    let served = regular.served();
    wait_for(&edge, "passed", 2 * streams + served + 1);
    // Pipes that are kept for others are two descriptors each.
    gives_back(&edge, descriptors + 2 * 8);
}
