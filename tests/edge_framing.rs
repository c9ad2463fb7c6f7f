//! What a client may not make of its request on the way to the upstream: a second request, another host, or a
//! field that the application takes for the edge's own.
//!
//! The upstream records raw bytes and is the judge.
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

use edge::{Edge, WARN};
use stub::{After, Recorder};
use tls::{Client, a_moment};

/// Sends raw bytes over TLS; gives what the client and the upstream saw.
async fn through(edge: &Edge, upstream: &Recorder, bytes: &str) -> (String, String) {
    let before = upstream.text().len();
    let answer = Client::exchange(edge, bytes.as_bytes()).await;
    (answer, upstream.text()[before..].to_owned())
}

fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or(answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_never_two() {
    let upstream = Recorder::start(After::KeepOpen).await;
    let edge = Edge::start(WARN, Some(&upstream.url()));
    let hidden = "GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n";
    let length = hidden.len();
    let post = "POST /outer HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
    // Refused by RFC 9112 (sections 2.2, 3.2, 5.1, 5.2, 6.1, 6.3, 7.1), whatever some server makes of them.
    let refused = [
        (
            "two lengths",
            format!("{post}Content-Length: 0\r\nContent-Length: {length}\r\n\r\n{hidden}"),
        ),
        (
            "two lengths in one field",
            format!("{post}Content-Length: 0, {length}\r\n\r\n{hidden}"),
        ),
        (
            "a signed length",
            format!("{post}Content-Length: +{length}\r\n\r\n{hidden}"),
        ),
        (
            "a length that is no number",
            format!("{post}Content-Length: 0x10\r\n\r\n{hidden}"),
        ),
        (
            "a length that overflows",
            format!("{post}Content-Length: 99999999999999999999999999\r\n\r\n{hidden}"),
        ),
        (
            "an unknown coding",
            format!("{post}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{hidden}"),
        ),
        (
            "a coding beside chunked",
            format!("{post}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n{hidden}"),
        ),
        (
            "chunked twice",
            format!(
                "{post}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"
            ),
        ),
        (
            "chunked not last",
            format!("{post}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{hidden}"),
        ),
        (
            "space before the colon",
            format!("{post}Content-Length : {length}\r\n\r\n{hidden}"),
        ),
        (
            "coding with space before the colon",
            format!("{post}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{hidden}"),
        ),
        (
            "a folded field",
            format!("{post}X-Mine: a\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"),
        ),
        (
            "a NUL in a field",
            format!("{post}X-Mine: a\0b\r\n\r\n{hidden}"),
        ),
        (
            "a bare CR in a field",
            format!("{post}X-Mine: a\rX-Other: b\r\n\r\n{hidden}"),
        ),
        (
            "chunked in HTTP/1.0",
            "POST /outer HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned()
                + hidden,
        ),
        (
            "no Host",
            format!("GET /outer HTTP/1.1\r\nConnection: close\r\n\r\n{hidden}"),
        ),
        (
            "two Hosts",
            format!(
                "GET /outer HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n{hidden}"
            ),
        ),
        (
            "a space in the target",
            format!("GET /outer x HTTP/1.1\r\nHost: localhost\r\n\r\n{hidden}"),
        ),
    ];
    for (name, bytes) in &refused {
        let (answer, came) = through(&edge, &upstream, bytes).await;
        assert!(
            matches!(status(&answer), "400" | "501"),
            "{name}: {answer:?}"
        );
        assert_eq!(came, "", "{name} reached the upstream");
    }
    // A bad chunk is found once the head has gone on; what is behind it must not follow.
    let broken_chunks = [
        "zz\r\n",
        "-1\r\n",
        "5 5\r\nhello\r\n",
        "ffffffffffffffffff\r\n",
        "5\nhello\r\n",
        "5\r\nhelloXX0\r\n\r\n",
        "\r\n",
    ];
    for chunk in broken_chunks {
        let bytes = format!("{post}Transfer-Encoding: chunked\r\n\r\n{chunk}{hidden}");
        let (answer, came) = through(&edge, &upstream, &bytes).await;
        assert!(!came.contains("/hidden"), "{chunk:?}: {came:?}");
        assert!(
            !came.contains("0\r\n\r\n"),
            "{chunk:?}: a body that broke off must not look whole: {came:?}"
        );
        assert!(
            matches!(status(&answer), "400" | "200"),
            "{chunk:?}: {answer:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_framed_twice_or_loosely_goes_on_in_one_clear_way() {
    let upstream = Recorder::start(After::KeepOpen).await;
    let edge = Edge::start(WARN, Some(&upstream.url()));
    // Both framings: chunked counts, the length goes no further, and the connection ends (RFC 9112 section 6.1).
    let bytes = "POST /both HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\nTransfer-Encoding: chunked\r\n\r\n\
                 5\r\nhello\r\n0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let (answer, came) = through(&edge, &upstream, bytes).await;
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer:?}");
    assert!(!came.contains("/hidden"), "{came:?}");
    if status(&answer) == "200" {
        assert!(
            came.contains("POST /both ") && !came.to_lowercase().contains("content-length"),
            "{came:?}"
        );
        assert!(came.ends_with("5\r\nhello\r\n0\r\n\r\n"), "{came:?}");
    }
    // A name that Connection calls hop-by-hop is dropped, but a length is framing and not the client's to name away.
    let bytes = "POST /named HTTP/1.1\r\nHost: localhost\r\nConnection: close, content-length, x-mine\r\nX-Mine: 1\r\n\
                 Content-Length: 5\r\n\r\nhello";
    let (answer, came) = through(&edge, &upstream, bytes).await;
    assert_eq!(status(&answer), "200", "{answer:?}");
    assert!(
        !came.contains("x-mine")
            && came.ends_with("hello")
            && came.contains("content-length: 5\r\n"),
        "{came:?}"
    );
    // A bare LF ends a line where a recipient is lenient (RFC 9112 section 2.2): one request all the same.
    let (_, came) = through(
        &edge,
        &upstream,
        "GET /lf HTTP/1.1\nHost: localhost\nConnection: close\n\n",
    )
    .await;
    assert!(
        came.matches("HTTP/1.1").count() <= 1 && !came.replace("\r\n", "").contains('\n'),
        "{came:?}"
    );
    // The absolute form names the host, whatever Host says (RFC 9112 section 3.2.2).
    let bytes = "GET https://api.example.com/abs?q=1 HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\n\r\n";
    let (answer, came) = through(&edge, &upstream, bytes).await;
    assert_eq!(status(&answer), "200", "{answer:?}");
    assert!(came.starts_with("GET /abs?q=1 HTTP/1.1\r\n"), "{came:?}");
    assert!(
        came.contains("\r\nhost: api.example.com\r\n") && !came.contains("other.example"),
        "{came:?}"
    );
    // Two requests that the client did frame are two.
    let pipelined = "GET /one HTTP/1.1\r\nHost: a\r\n\r\nGET /two HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let (answer, came) = through(&edge, &upstream, pipelined).await;
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 2, "{answer:?}");
    assert_eq!(came.matches(" HTTP/1.1\r\n").count(), 2, "{came:?}");
    // CONNECT is not for us.
    let (answer, came) = through(
        &edge,
        &upstream,
        "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert_eq!((status(&answer), came.as_str()), ("405", ""), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_application_learns_of_the_client_is_the_edges_word() {
    let upstream = Recorder::start(After::KeepOpen).await;
    let edge = Edge::start(WARN, Some(&upstream.url()));
    let forged = "Sundown-TLS-Version: forged\r\nSundown_Tls_Version: forged\r\nSUNDOWN-VERDICT: forged\r\nX-Forwarded-For: forged\r\n\
                  X_Forwarded_For: forged\r\nX-Forwarded-Host: forged\r\nForwarded: for=forged\r\nX-Real-IP: forged\r\nx-real_ip: forged\r\n";
    let bytes = format!(
        "GET /told HTTP/1.1\r\nHost: localhost\r\n{forged}\
         Connection: close, sundown-tls-version, sundown-verdict, x-forwarded-for, x-forwarded-proto, forwarded, host\r\n\r\n"
    );
    let (answer, came) = through(&edge, &upstream, &bytes).await;
    assert_eq!(status(&answer), "200", "{answer:?}");
    assert!(!came.contains("forged"), "{came}");
    for line in [
        "host: localhost",
        "sundown-tls-version: TLSv1.3",
        "sundown-verdict: meets",
        "x-forwarded-for: 127.0.0.1",
        "x-forwarded-proto: https",
        "x-forwarded-host: localhost",
        "forwarded: for=127.0.0.1;proto=https;host=\"localhost\"",
    ] {
        assert_eq!(
            came.matches(&format!("\r\n{line}\r\n")).count(),
            1,
            "{line} is not there once, and not to be named away: {came}"
        );
    }
    // Trailers come after the edge has looked; some servers merge them into the head.
    let bytes = "POST /trailer HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTE: trailers\r\nTrailer: sundown-tls-version\r\n\
                 Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nSundown-TLS-Version: forged\r\n\r\n";
    let (answer, came) = through(&edge, &upstream, bytes).await;
    a_moment().await;
    assert_eq!(status(&answer), "200", "{answer:?}");
    assert!(!upstream.text().contains("forged"), "{came}");
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_says_one_host_and_no_more_than_http2_may() {
    let upstream = Recorder::start(After::KeepOpen).await;
    let edge = Edge::start(WARN, Some(&upstream.url()));
    let curl = |arguments: &[&str]| {
        let before = upstream.text().len();
        let output = edge
            .curl()
            .arg("--http2")
            .args(arguments)
            .arg(edge.url("/h2?q=1"))
            .output()
            .unwrap();
        (
            String::from_utf8_lossy(&output.stdout).into_owned(),
            upstream.text()[before..].to_owned(),
        )
    };
    let (answer, came) = curl(&["-H", "X-Forwarded-For: forged", "-H", "Forwarded: forged"]);
    assert_eq!(answer, "ok\n");
    assert!(came.starts_with("GET /h2?q=1 HTTP/1.1\r\n"), "{came}");
    let host = format!("\r\nhost: localhost:{}\r\n", edge.address.port());
    assert_eq!(came.matches(&host).count(), 1, "{came}");
    assert!(!came.contains("forged"), "{came}");
    let (answer, came) = curl(&["--data-binary", "hello", "-H", "Transfer-Encoding: chunked"]);
    assert_eq!(
        came.matches(" HTTP/1.1\r\n").count(),
        usize::from(answer == "ok\n"),
        "{answer} {came}"
    );
}
