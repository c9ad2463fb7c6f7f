//! Client certificates: asked for where the configuration says, optional, verified, and passed on.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what goes wrong in a helper of a test fails the test"
)]

#[path = "support/edge.rs"]
mod edge;
#[path = "support/upstream.rs"]
mod upstream;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use edge::{Edge, WARN};
use serde_json::{Value, json};
use upstream::Upstream;

/// An authority that OpenSSL made, and certificates that it signed.
struct Authority {
    directory: tempfile::TempDir,
}

fn openssl(arguments: &[&str]) {
    let output = Command::new("openssl").args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

impl Authority {
    fn new(name: &str) -> Self {
        let authority = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        let (key, cert) = (authority.file("ca.key"), authority.file("ca.pem"));
        let subject = format!("/CN={name}");
        openssl(&[
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", &subject,
            "-keyout", &key, "-out", &cert,
        ]);
        authority
    }

    fn file(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    fn ca(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    /// A certificate and its key, as curl takes them.
    fn sign(&self, name: &str, subject: &str) -> [String; 4] {
        let (key, request, cert) = (
            self.file(&format!("{name}.key")),
            self.file(&format!("{name}.csr")),
            self.file(&format!("{name}.pem")),
        );
        openssl(&[
            "req", "-newkey", "rsa:2048", "-nodes", "-subj", subject, "-keyout", &key, "-out",
            &request,
        ]);
        let extensions = self.file("extensions");
        fs::write(&extensions, "extendedKeyUsage = clientAuth\n").unwrap();
        openssl(&[
            "x509",
            "-req",
            "-in",
            &request,
            "-CA",
            &self.file("ca.pem"),
            "-CAkey",
            &self.file("ca.key"),
            "-CAcreateserial",
            "-days",
            "2",
            "-extfile",
            &extensions,
            "-out",
            &cert,
        ]);
        ["--cert".to_owned(), cert, "--key".to_owned(), key]
    }
}

const VERSIONS: [&str; 3] = ["1.0", "1.2", "1.3"];

fn call(edge: &Edge, version: &str, url: &str, certificate: &[String]) -> Output {
    let ciphers: &[&str] = match version {
        "1.0" => &["--ciphers", "DEFAULT@SECLEVEL=0"],
        _ => &[],
    };
    edge.curl()
        .args(["--include", "--tls-max", version, "--http1.1"])
        .args(ciphers)
        .args(certificate)
        .args(["--header", "Sundown-Client-Certificate-Subject: CN=forged"])
        .args(["--header", "Sundown_Client_Certificate_Subject: CN=forged"])
        .arg(url)
        .output()
        .unwrap()
}

fn plan(ca: &Path, sni: &str) -> String {
    format!(
        "[[listener]]\naddress = \"127.0.0.1:0\"\n[[listener.client_certificates]]\nca = {ca:?}\n{sni}\n[account]\nsources = [\"certificate\", \"address\"]\n{WARN}"
    )
}

#[test]
fn a_certificate_is_optional_verified_and_passed_on() {
    let (ours, theirs) = (Authority::new("our clients"), Authority::new("strangers"));
    let kiosk = ours.sign("kiosk", "/C=US/O=Acme, Inc/CN=kiosk 7");
    let stranger = theirs.sign("stranger", "/CN=kiosk 7");
    let upstream = Upstream::start();
    let edge = Edge::start(&plan(&ours.ca(), ""), Some(&upstream.url));
    let (mut connections, mut requests) = (0, 0);
    let mut last = || {
        connections += 1;
        edge.sightings(connections)[connections - 1].clone()
    };
    for version in VERSIONS {
        let output = call(&edge, version, &edge.url("/"), &kiosk);
        assert!(
            output.stdout.starts_with(b"HTTP/1.1 200"),
            "{version}: {output:?}"
        );
        let sighting = last();
        assert_eq!(
            sighting["account"],
            json!({ "id": "kiosk 7", "inferred": false })
        );
        assert_eq!(sighting["negotiated"]["version"], spelled(version));
        let passed = upstream.requests();
        let headers = &passed[requests].headers;
        assert_eq!(
            headers["sundown-client-certificate-subject"],
            "CN=kiosk 7,O=Acme\\, Inc,C=US"
        );
        assert!(!headers.contains_key("sundown_client_certificate_subject"));

        let output = call(&edge, version, &edge.url("/"), &[]);
        assert!(
            output.stdout.starts_with(b"HTTP/1.1 200"),
            "none is none: {version}: {output:?}"
        );
        assert_eq!(last()["account"]["id"], "127.0.0.1");
        let passed = upstream.requests();
        requests += 2;
        let headers = &passed[requests - 1].headers;
        assert!(
            !headers.contains_key("sundown-client-certificate-subject"),
            "{headers:?}"
        );

        let output = call(&edge, version, &edge.url("/"), &stranger);
        assert!(!output.status.success(), "{version}: {output:?}");
        let sighting = last();
        assert_eq!(
            sighting["outcome"], "handshake-failed",
            "{version}: {sighting}"
        );
        assert_eq!(
            upstream.requests().len(),
            requests,
            "a stranger gets nowhere"
        );
    }
}

fn spelled(version: &str) -> &'static str {
    match version {
        "1.0" => "TLSv1",
        "1.2" => "TLSv1.2",
        _ => "TLSv1.3",
    }
}

#[test]
fn certificates_are_asked_for_on_the_names_that_the_configuration_gives() {
    let ours = Authority::new("our clients");
    let kiosk = ours.sign("kiosk", "/CN=kiosk 7");
    let upstream = Upstream::start();
    let edge = Edge::start(
        &plan(&ours.ca(), "sni = \"LOCALHOST\""),
        Some(&upstream.url),
    );
    let asked = call(&edge, "1.3", &edge.url("/"), &kiosk);
    assert!(asked.status.success(), "{asked:?}");
    let by_address = format!("https://{}/", edge.address);
    let not_asked = call(&edge, "1.3", &by_address, &kiosk);
    assert!(not_asked.status.success(), "{not_asked:?}");
    let ids: Vec<Value> = edge
        .sightings(2)
        .iter()
        .map(|sighting| sighting["account"]["id"].clone())
        .collect();
    assert_eq!(ids, ["kiosk 7", "127.0.0.1"]);
    let passed = upstream.requests();
    let subject = |request: usize| {
        passed[request]
            .headers
            .get("sundown-client-certificate-subject")
    };
    assert_eq!(subject(0).map(String::as_str), Some("CN=kiosk 7"));
    assert_eq!(subject(1), None);
}

#[test]
fn authorities_that_cannot_be_used_are_named_with_their_file() {
    let directory = tempfile::tempdir().unwrap();
    let ca = directory.path().join("ca.pem");
    let file = directory.path().join("sundown.toml");
    fs::write(&file, plan(&ca, "")).unwrap();
    let start = || {
        let output = Command::new(env!("CARGO_BIN_EXE_sundown"))
            .args(["serve", "--listen", "127.0.0.1:0", "--config"])
            .arg(&file)
            .arg("--data-dir")
            .arg(directory.path().join("data"))
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(start().contains("ca.pem: No such file"));
    fs::write(&ca, "nothing").unwrap();
    assert!(start().contains("ca.pem: no certificate in PEM form"));
}
