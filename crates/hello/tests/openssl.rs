//! Built hellos sent to a real OpenSSL server on loopback: it has to answer with a ServerHello.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "support/clients.rs"]
mod clients;
mod support;

use hello::build::{Fill, client_hello};
use hello::{Facts, Offer, Version, names};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// An `openssl s_server` that speaks all it can; it ends with the test.
struct Server {
    process: Child,
    port: u16,
    _directory: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let ended = self.process.kill().and_then(|()| self.process.wait());
        assert!(ended.is_ok() || std::thread::panicking(), "{ended:?}");
    }
}

impl Server {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let make = [
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=example.com",
            "-keyout",
            "key.pem",
            "-out",
            "cert.pem",
        ];
        assert!(
            Command::new("openssl")
                .args(make)
                .current_dir(&directory)
                .stderr(Stdio::null())
                .status()
                .unwrap()
                .success()
        );
        let serve = [
            "s_server",
            "-accept",
            "127.0.0.1:0",
            "-cert",
            "cert.pem",
            "-key",
            "key.pem",
            "-cipher",
            "ALL:@SECLEVEL=0",
            "-min_protocol",
            "TLSv1",
        ];
        let mut process = Command::new("openssl")
            .args(serve)
            .current_dir(&directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // `ACCEPT 127.0.0.1:40123` says which port it took.
        let mut lines = BufReader::new(process.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap);
        let line = lines.find(|line| line.starts_with("ACCEPT")).unwrap();
        let port = line.rsplit(':').next().unwrap().parse().unwrap();
        // A server whose output nobody reads stops when the pipe is full.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            process,
            port,
            _directory: directory,
        }
    }

    /// What the server answers: `Ok` with the version and suite of its ServerHello, or the alert.
    fn answer(&self, hello: &[u8]) -> Result<(u16, u16), String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        stream.write_all(hello).unwrap();
        let mut record = [0; 5];
        stream
            .read_exact(&mut record)
            .map_err(|error| error.to_string())?;
        let mut payload = vec![0; usize::from(u16::from_be_bytes([record[3], record[4]]))];
        stream
            .read_exact(&mut payload)
            .map_err(|error| error.to_string())?;
        match (record[0], payload[0]) {
            (22, 2) => {
                // Type, length, version, random, session id, suite (RFC 8446 section 4.1.3).
                let suite = 4 + 2 + 32 + 1 + usize::from(payload[38]);
                Ok((
                    u16::from_be_bytes([payload[4], payload[5]]),
                    u16::from_be_bytes([payload[suite], payload[suite + 1]]),
                ))
            }
            (21, _) => {
                Err(names::alert(payload[1]).map_or_else(|| payload[1].to_string(), str::to_owned))
            }
            other => Err(format!("{other:?}")),
        }
    }
}

/// A TLS 1.3 client that sends a key share for one group.
fn tls13(group: u16) -> Facts {
    Facts {
        sni: true,
        grease: true,
        legacy_version: Version::TLSV1_2,
        supported_versions: vec![Version::TLSV1_3, Version::TLSV1_2],
        suites: vec![0x1301, 0xc02f],
        groups: vec![group],
        key_shares: vec![group],
        signature_algorithms: vec![0x0804, 0x0401],
        point_formats: vec![0],
        alpn: vec![b"http/1.1".to_vec()],
        // Every extension with a body of its own, but use_srtp, which OpenSSL takes over DTLS alone, and cookie,
        // which only the server that gave it takes back.
        extensions: vec![
            0, 1, 5, 10, 11, 12, 13, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 27, 28, 34, 35, 43,
            45, 47, 49, 51, 0x3374, 0x4469, 0x44cd, 0xfe0d, 0xff01,
        ],
        ..Facts::default()
    }
}

fn old(legacy_version: Version) -> Facts {
    Facts {
        sni: true,
        legacy_version,
        suites: vec![0xc013, 0x2f, 0x0a, 0xff],
        groups: vec![0x17],
        point_formats: vec![0],
        extensions: vec![0, 10, 11, 35, 15],
        ..Facts::default()
    }
}

#[test]
fn openssl_answers_built_hellos() {
    if !support::program("openssl", "version") {
        return;
    }
    let server = Server::start();
    let answer =
        |facts: &Facts, fill: &Fill| server.answer(&client_hello(&Offer::from(facts), fill));

    assert_eq!(
        answer(&old(Version::TLSV1), &Fill::default()),
        Ok((0x0301, 0xc013))
    );
    assert_eq!(
        answer(&old(Version::TLSV1_1), &Fill::default()),
        Ok((0x0302, 0xc013))
    );
    let tls12 = Facts {
        signature_algorithms: vec![0x0401, 0x0201],
        suites: vec![0xc02f, 0x9c],
        ..old(Version::TLSV1_2)
    };
    assert_eq!(answer(&tls12, &Fill::default()), Ok((0x0303, 0xc02f)));
    // TLS 1.3, with a share of every group that OpenSSL 3.0 takes: a ServerHello and not a retry.
    for group in [0x1d, 0x17, 0x18, 0x19, 0x1e, 0x100, 0x101] {
        for record_size in [16_384, 50] {
            let fill = Fill {
                session_id: vec![9; 32],
                record_size,
                ..Fill::default()
            };
            assert_eq!(
                answer(&tls13(group), &fill),
                Ok((0x0303, 0x1301)),
                "group {group:#x}"
            );
        }
    }
    let resumed = Facts {
        extensions: vec![51, 43, 13, 10, 45, 41],
        ..tls13(0x1d)
    };
    assert_eq!(
        answer(&resumed, &Fill::default()),
        Ok((0x0303, 0x1301)),
        "an unknown PSK"
    );
    // The judge does judge: it refuses SSLv3, in which protocol_version is no alert yet.
    assert_eq!(
        answer(&old(Version::SSLV3), &Fill::default()),
        Err("handshake_failure".into())
    );
}

#[test]
fn openssl_can_read_the_hello_of_every_known_client() {
    let Some(known) = clients::known() else {
        return;
    };
    if !support::program("openssl", "version") {
        return;
    }
    let server = Server::start();
    for client in &known {
        // Refused for what it offers is well; refused because it cannot be read is not.
        if let Err(alert) = server.answer(&client_hello(&client.offer(), &Fill::default())) {
            assert!(
                ["protocol_version", "handshake_failure"].contains(&alert.as_str()),
                "{}: {alert}",
                client.name
            );
        }
    }
}
