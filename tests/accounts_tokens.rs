//! Tokens: requests for them, whose body goes on as it came, and those that are verified.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what goes wrong in a helper of a test fails the test"
)]

#[path = "support/edge.rs"]
mod edge;
#[path = "support/tls.rs"]
mod tls;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use edge::{EXPLAIN, Edge, WARN, beside, eventually};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tls::{Client, a_moment};

const SECRET: &str = "the-client-secret-of-acme";

/// An application by Python's standard library that answers each POST with what came: its framing and its hash.
struct Application {
    child: Child,
    url: String,
}

impl Application {
    fn start() -> Self {
        let script = r#"
import hashlib, http.server, json
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def log_message(self, *a): pass
    def do_POST(self):
        body = b''
        if self.headers.get('Transfer-Encoding') == 'chunked':
            while True:
                length = int(self.rfile.readline(), 16)
                body += self.rfile.read(length); self.rfile.readline()
                if not length: break
        else:
            body = self.rfile.read(int(self.headers.get('Content-Length', '0')))
        answer = json.dumps({'sha256': hashlib.sha256(body).hexdigest(), 'bytes': len(body),
            'length': self.headers.get('Content-Length'), 'coding': self.headers.get('Transfer-Encoding'),
            'expect': self.headers.get('Expect')}).encode()
        self.send_response(200)
        self.send_header('Content-Length', str(len(answer)))
        self.end_headers(); self.wfile.write(answer)
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"#;
        let mut child = Command::new("python3")
            .args(["-c", script])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        Self {
            child,
            url: format!("http://127.0.0.1:{}", line.trim()),
        }
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Sends a token request and gives what the application says it got.
fn ask(edge: &Edge, body: &Path, way: &[&str]) -> Value {
    let output = edge
        .curl()
        .args(["--data-binary", &format!("@{}", body.display())])
        .args(way)
        .arg(edge.url("/oauth/token"))
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{way:?}: {output:?}"))
}

#[test]
fn a_token_request_names_its_client_and_its_body_goes_on_as_it_came() {
    let application = Application::start();
    let edge = Edge::start(
        &format!("{WARN}[account]\nsources = [\"address\"]\ntoken_paths = [\"/oauth/token\"]\n"),
        Some(&application.url),
    );
    let small =
        format!("grant_type=client_credentials&client_id=acme+%26+sons&client_secret={SECRET}");
    let padded = |length: usize| {
        let form = format!("{small}&scope=");
        let pad = length.saturating_sub(form.len());
        form + &"s".repeat(pad)
    };
    let bodies = [
        ("small", small.clone()),
        // As long as what is looked at, one less and one more.
        ("8191", padded(8191)),
        ("8192", padded(8192)),
        ("8193", padded(8193)),
        ("large", padded(300_000)),
        // curl waits for 100 Continue from here on.
        ("larger", padded(1_500_000)),
    ];
    let ways: [&[&str]; 4] = [
        &["--http1.1"],
        &["--http1.1", "--header", "Transfer-Encoding: chunked"],
        &["--http2"],
        &["--http1.1", "--header", "Expect: 100-continue"],
    ];
    let mut count = 0;
    for (name, body) in &bodies {
        let file = beside(&edge, name);
        fs::write(&file, body).unwrap();
        for way in ways {
            let got = ask(&edge, &file, way);
            assert_eq!(
                (&got["sha256"], &got["bytes"]),
                (&json!(hex(body.as_bytes())), &json!(body.len())),
                "{name} {way:?}: {got}"
            );
            let chunked = way.contains(&"Transfer-Encoding: chunked");
            let length = (!chunked).then(|| body.len().to_string());
            assert_eq!(
                got["length"],
                json!(length),
                "{name} {way:?}: framed as it came"
            );
            count += 1;
            let sighting = edge.sightings(count)[count - 1].clone();
            let spoken = if way == ["--http2"] { "h2" } else { "http/1.1" };
            assert_eq!(sighting["negotiated"]["alpn"], spoken);
            let account = json!({ "id": "acme & sons", "inferred": false });
            assert_eq!(sighting["account"], account, "{name} {way:?}");
        }
    }
    // HTTP Basic goes before the form; what is no form and names nobody is left to the sources.
    let file = beside(&edge, "small");
    for (way, account) in [
        (&["--user", &format!("globex%3A1:{SECRET}")][..], "globex:1"),
        (&["--header", "Content-Type: application/json"], "127.0.0.1"),
    ] {
        assert_eq!(ask(&edge, &file, way)["sha256"], hex(small.as_bytes()));
        count += 1;
        assert_eq!(edge.sightings(count)[count - 1]["account"]["id"], account);
    }
    let ended = edge.stop();
    let written = format!("{:?}{}", ended.sightings, ended.log);
    assert!(!written.contains(SECRET), "the secret is kept nowhere");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_request_that_comes_in_crumbs_is_whole_at_the_application() {
    let application = Application::start();
    let edge = Edge::start(
        &format!("{WARN}[account]\ntoken_paths = [\"/oauth/token\"]\n"),
        Some(&application.url),
    );
    let form = format!("client_id=acme&client_secret={SECRET}");
    let head = "POST /oauth/token HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut client = Client::connect(&edge).await;
    client.send(head.as_bytes()).await;
    for (place, letter) in form.chars().enumerate() {
        client.send(format!("1\r\n{letter}\r\n").as_bytes()).await;
        if place == 12 {
            // In the middle of the name.
            a_moment().await;
        }
    }
    client.send(b"0\r\n\r\n").await;
    let (answer, _) = client.read_to_end().await;
    assert!(answer.contains(&hex(form.as_bytes())), "{answer}");
    assert_eq!(edge.only_sighting().1["account"]["id"], "acme");
}

#[test]
fn an_exception_for_a_client_reaches_its_token_requests() {
    let application = Application::start();
    let exception = "[[exception]]\naccount = \"acme\"\nsunset = \"old TLS\"\nuntil = \"2999-01-01\"\nowner = \"jo\"\nreason = \"kiosks\"\n";
    let edge = Edge::start(
        &format!("{EXPLAIN}{exception}[account]\ntoken_paths = [\"/oauth/token\"]\n"),
        Some(&application.url),
    );
    let old = ["--tls-max", "1.0", "--ciphers", "DEFAULT@SECLEVEL=0"];
    for (client, reaches) in [("acme", true), ("globex", false)] {
        let file = beside(&edge, client);
        fs::write(&file, format!("client_id={client}&client_secret={SECRET}")).unwrap();
        let got = ask(&edge, &file, &old);
        assert_eq!(got.get("sha256").is_some(), reaches, "{client}: {got}");
    }
    let sightings = edge.sightings(2);
    let ids: Vec<&Value> = sightings
        .iter()
        .map(|sighting| &sighting["account"]["id"])
        .collect();
    assert_eq!(
        ids,
        ["acme", "globex"],
        "those who fail at the token are known"
    );
}

/// A key that OpenSSL made and signs with: a judge that shares nothing with the edge.
struct Signer {
    directory: tempfile::TempDir,
}

impl Signer {
    fn new() -> Self {
        let signer = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        signer.openssl(&["genrsa", "-out", "key.pem", "2048"]);
        signer
    }

    fn openssl(&self, arguments: &[&str]) -> Vec<u8> {
        let output = Command::new("openssl")
            .args(arguments)
            .current_dir(self.directory.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        output.stdout
    }

    fn set(&self) -> String {
        let said = self.openssl(&["rsa", "-in", "key.pem", "-noout", "-modulus"]);
        let said = String::from_utf8(said).unwrap();
        let digits = said.trim().strip_prefix("Modulus=").unwrap();
        let modulus: Vec<u8> = (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
            .collect();
        let n = URL_SAFE_NO_PAD.encode(modulus);
        json!({ "keys": [{ "kty": "RSA", "kid": "one", "use": "sig", "n": n, "e": "AQAB" }] })
            .to_string()
    }

    fn token(&self, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let head = json!({ "alg": "RS256", "kid": "one" });
        let signed = format!("{}.{}", part(&head), part(claims));
        fs::write(self.directory.path().join("signed"), &signed).unwrap();
        let signature = self.openssl(&["dgst", "-sha256", "-sign", "key.pem", "signed"]);
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn with_token(edge: &Edge, token: &str, count: usize) -> Value {
    let output = edge
        .curl()
        .args(["--header", &format!("Authorization: Bearer {token}")])
        .arg(edge.url("/v1/things"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    edge.sightings(count)[count - 1]["account"].clone()
}

#[test]
fn only_tokens_that_verify_name_an_account() {
    let signer = Signer::new();
    let stranger = Signer::new();
    let keys = signer.directory.path().join("jwks.json");
    fs::write(&keys, signer.set()).unwrap();
    let edge = Edge::start(
        &format!(
            "{WARN}[account]\nsources = [\"bearer:client_id\"]\n[account.jwks]\nfile = {keys:?}\naudience = \"api\"\n"
        ),
        None,
    );
    let claims = json!({ "client_id": "acme", "aud": "api", "exp": 4_000_000_000_u64 });
    let acme = json!({ "id": "acme", "inferred": false });
    let good = signer.token(&claims);
    assert_eq!(with_token(&edge, &good, 1), acme);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (head, _) = signed.split_once('.').unwrap();
    let globex = URL_SAFE_NO_PAD.encode(json!({ "client_id": "globex", "aud": "api" }).to_string());
    let forged = [
        format!("{head}.{globex}.{signature}"),
        stranger.token(&claims),
        signer.token(&json!({ "client_id": "acme" })),
        signer.token(&json!({ "client_id": "acme", "aud": "api", "exp": 1_000_000_000 })),
        "opaque".to_owned(),
    ];
    for (token, count) in forged.iter().zip(2..) {
        let account = with_token(&edge, token, count);
        // Who was seen here before is all there is to go by then.
        assert_eq!(account["inferred"], true, "{token}: {account}");
    }
    // The keys change; what verified with the old ones does so no more.
    fs::write(&keys, stranger.set()).unwrap();
    edge.wait_for_log("token keys reloaded");
    assert_eq!(with_token(&edge, &stranger.token(&claims), 7), acme);
    assert_eq!(with_token(&edge, &good, 8)["inferred"], true);
    fs::write(&keys, "{}").unwrap();
    edge.wait_for_log("jwks.json: no JSON Web Key Set");
    assert_eq!(
        with_token(&edge, &stranger.token(&claims), 9),
        acme,
        "the old keys stay"
    );
}

#[test]
fn keys_are_fetched_from_a_url() {
    let signer = Signer::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let set = signer.set();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1)
            {
                head.extend(byte);
            }
            let found = head.starts_with(b"GET /keys HTTP/1.1\r\n");
            let (status, body) = if found {
                ("200 OK", &*set)
            } else {
                ("404 Not Found", "")
            };
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            )
            .ok();
        }
    });
    let plan = |path| {
        format!(
            "{WARN}[account]\nsources = [\"bearer:client_id\"]\n[account.jwks]\nurl = \"http://{address}{path}\"\n"
        )
    };
    let edge = Edge::start(&plan("/keys"), None);
    edge.wait_for_log("token keys fetched");
    let token = signer.token(&json!({ "client_id": "acme" }));
    assert_eq!(with_token(&edge, &token, 1)["id"], "acme");
    let edge = Edge::start(&plan("/elsewhere"), None);
    edge.wait_for_log("it answered 404");
    assert_eq!(with_token(&edge, &token, 1), Value::Null);
    // What was fetched outlasts a reload.
    fs::write(beside(&edge, "sundown.toml"), plan("/keys")).unwrap();
    edge.signal(rustix::process::Signal::HUP);
    edge.wait_for_log("token keys fetched");
    fs::write(
        beside(&edge, "sundown.toml"),
        plan("/keys") + "issuer = \"nobody\"\n",
    )
    .unwrap();
    edge.signal(rustix::process::Signal::HUP);
    eventually("the plan was read twice", || {
        edge.log().matches(" reloaded").count() == 2
    });
    assert_eq!(with_token(&edge, &token, 2), Value::Null, "no issuer");
}
