//! An explanation reaches the client in the middle of its upload: it sees the 403, never a reset.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what goes wrong in a helper of a test fails the test"
)]

#[path = "support/edge.rs"]
mod edge;
#[path = "support/stub.rs"]
mod stub;
#[path = "support/tls.rs"]
mod tls;

use std::process::{Command, Stdio};
use std::time::Duration;

use edge::{EXPLAIN, Edge};
use stub::{After, Recorder};
use tls::Client;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

/// Every client without ML-KEM misses this floor; curl and Python on OpenSSL 3.0 do.
const PQ: &str = "[[sunset]]\nname = \"no ML-KEM\"\nfloor = \"pq\"\nexplain = \"2016-01-01\"\n";

/// A file of this many MiB.
fn upload(edge: &Edge, mebibytes: usize) -> String {
    let path = edge::beside(edge, "upload");
    std::fs::write(&path, vec![b'u'; mebibytes << 20]).unwrap();
    path.display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_sees_the_explanation_whatever_it_sends() {
    let upstream = Recorder::start(After::KeepOpen).await;
    let edge = Edge::start(PQ, Some(&upstream.url()));
    let file = upload(&edge, 30);
    let data = format!("@{file}");
    let ways: [&[&str]; 6] = [
        &["--http1.1", "-H", "Expect:", "--data-binary", &data],
        &[
            "--http1.1",
            "-H",
            "Expect: 100-continue",
            "--data-binary",
            &data,
        ],
        &[
            "--http1.1",
            "-H",
            "Expect:",
            "-H",
            "Transfer-Encoding: chunked",
            "--data-binary",
            &data,
        ],
        // Sends on before the 100 has come.
        &[
            "--http1.1",
            "-H",
            "Expect: 100-continue",
            "--expect100-timeout",
            "0.001",
            "--data-binary",
            &data,
        ],
        &["--http2", "--data-binary", &data],
        &["--http1.0", "--data-binary", &data],
    ];
    for way in ways {
        for round in 0..3 {
            let output = edge
                .curl()
                .arg("--include")
                .args(way)
                .arg(edge.url("/v1/things"))
                .output()
                .unwrap();
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{way:?} {round}: {output:?}");
            let status = text
                .lines()
                .find(|line| line.starts_with("HTTP/") && !line.contains(" 100"))
                .unwrap();
            assert!(status.contains(" 403"), "{way:?}: {text}");
            assert!(
                text.contains("urn:sundown:problem:tls-floor"),
                "{way:?}: {text}"
            );
        }
    }
    assert_eq!(
        upstream.connections(),
        0,
        "an explained request never reaches the upstream"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_writes_to_the_end_before_it_reads_sees_the_explanation() {
    let edge = Edge::start(EXPLAIN, None);
    // `s_client` held to TLS 1.0 sends all of its input, slowly enough for an answer to come in between.
    let head = "POST /v1/things HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 400000\r\n\r\n";
    let script = format!(
        "printf '{}'; head -c 200000 /dev/zero; sleep 1; head -c 200000 /dev/zero; sleep 1",
        head.replace("\r\n", "\\r\\n")
    );
    let mut sending = Command::new("sh")
        .args(["-c", &script])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = Command::new("openssl")
        .args([
            "s_client",
            "-quiet",
            "-tls1",
            "-cipher",
            "DEFAULT@SECLEVEL=0",
            "-connect",
            &edge.address.to_string(),
            "-CAfile",
        ])
        .arg(&edge.ca)
        .stdin(sending.stdout.take().unwrap())
        .output()
        .unwrap();
    sending.wait().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.starts_with("HTTP/1.1 403 TLSv1.2 needed"),
        "{output:?}"
    );
    assert!(text.contains("urn:sundown:problem:tls-floor"), "{text}");
    let (outcome, sighting) = edge.only_sighting();
    assert_eq!(
        (outcome.as_str(), &sighting["requests"]["explained"]),
        ("terminated", &1.into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn python_sees_the_explanation_in_the_middle_of_its_upload() {
    let edge = Edge::start(PQ, None);
    // The standard library's client writes the whole body before it reads anything.
    let script = "import http.client, ssl, sys\n\
        c = http.client.HTTPSConnection('localhost', int(sys.argv[1]), timeout=20, context=ssl.create_default_context(cafile=sys.argv[2]))\n\
        c.request('POST', '/v1/things', body=b'p' * (30 << 20))\n\
        r = c.getresponse()\n\
        print(r.status, r.reason, 'urn:sundown:problem:tls-floor' in r.read().decode())\n";
    for _ in 0..3 {
        let output = Command::new("python3")
            .args(["-c", script, &edge.address.port().to_string()])
            .arg(&edge.ca)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            text.starts_with("403 ") && text.ends_with("True\n"),
            "{output:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_sends_on_after_the_answer_can_still_read_it() {
    // The floor is one that the test's own client misses: no suite of its own is in it.
    let floor = "[[sunset]]\nname = \"ours\"\nfloor = { min = \"TLSv1.2\", suites = [\"TLS_AES_128_CCM_SHA256\"] }\nexplain = \"2016-01-01\"\n";
    let edge = Edge::start(floor, None);
    for expect in ["", "Expect: 100-continue\r\n"] {
        let mut client = Client::connect(&edge).await;
        let head = format!(
            "POST /v1/things HTTP/1.1\r\nHost: localhost\r\n{expect}Content-Length: 20000000\r\n\r\n"
        );
        client.send(head.as_bytes()).await;
        let block = [b'b'; 16 * 1024];
        for _ in 0..64 {
            // Stops where the edge has given up reading, which is after the answer.
            if !matches!(
                timeout(Duration::from_secs(1), client.stream.write_all(&block)).await,
                Ok(Ok(()))
            ) {
                break;
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        let answer = client.read_until("urn:sundown:problem:tls-floor").await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{expect:?}: {answer}");
    }
}

#[test]
fn a_client_that_negotiated_something_else_gets_the_advice_for_what_is_in_between() {
    let edge = Edge::start(EXPLAIN, None);
    let ask = |path: &str, says: &str| -> serde_json::Value {
        let output = edge
            .curl()
            .args(["--tls-max", "1.0", "--ciphers", "DEFAULT@SECLEVEL=0"])
            .args(["-H", "Accept: application/json", "-H"])
            .arg(format!("Sundown-Negotiated: {says}"))
            .arg(edge.url(path))
            .output()
            .unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
    };
    for path in ["/ssl/", "/orders"] {
        let between = ask(path, "TLSv1.3");
        let summary = between["advice"]["summary"].as_str().unwrap();
        assert!(
            summary.starts_with("The client negotiated TLSv1.3, the server TLSv1: something"),
            "{summary}"
        );
        for nothing in ["TLSv1", "", "TLSv9", "TLSv1.3, x"] {
            let own = ask(path, nothing);
            let summary = own["advice"]["summary"].as_str().unwrap();
            assert!(summary.contains("curl"), "{nothing:?}: {summary}");
        }
    }
    assert_eq!(ask("/ssl/", "TLSv1.3")["differs"], true);
    assert_eq!(ask("/ssl/", "TLSv1")["differs"], false);
    assert!(ask("/ssl/", "x").get("differs").is_none());
}
