//! A preview name shows the day to come on the port of today, and what a client says of itself never reaches the
//! application.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that meets the unexpected is to fail"
)]

use serde_json::Value;

#[path = "support/clients.rs"]
mod clients;
#[path = "support/edge.rs"]
mod edge;
#[path = "support/upstream.rs"]
mod upstream;

use edge::Edge;
use upstream::Upstream;

const PLAN: &str = include_str!("../examples/pokitdok-2016.toml");
/// Long before the day: on the edge's own name everybody is served and nobody is told anything.
const TODAY: &str = "2016-07-01T12:00Z";
const NAME: &str = "next.api.example.com";

/// curl's options for one version; level 0, or it would not talk TLSv1 at all.
fn curl(edge: &Edge, version: &str, path: &str) -> Option<(bool, String, String)> {
    let port = edge.address.port();
    let url = format!("https://{NAME}:{port}{path}");
    let resolve = format!("{NAME}:{port}:127.0.0.1");
    let ca = edge.ca.display().to_string();
    let mut arguments = vec![
        "--silent",
        "--show-error",
        "--include",
        "--http1.1",
        "--cacert",
        &ca,
    ];
    arguments.extend(["--resolve", &resolve, "--tls-max", version]);
    arguments.extend(["--tlsv1.0", "--ciphers", "DEFAULT@SECLEVEL=0", &url]);
    let ended = clients::run_tool("curl", &arguments)?;
    Some((ended.success, ended.stdout, ended.stderr))
}

#[test]
fn a_preview_name_behaves_as_the_day_it_shows() {
    let upstream = Upstream::start();
    let edge = Edge::start_at(PLAN, TODAY, Some(&upstream.url));
    let Some(old) = curl(&edge, "1.0", "/api/v4/ssl/") else {
        return;
    };
    assert!(
        !old.0 && old.2.contains("alert protocol version"),
        "TLSv1 is refused there: {old:?}"
    );

    let (_, answer, error) = curl(&edge, "1.2", "/api/v4/ssl/").expect("curl is there");
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("{answer} {error}"));
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let body: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(body["protocol"], "TLSv1.2");
    assert_eq!(body["verdict"], "ok");
    assert_eq!(
        body["floors"][0]["phase"], "refuse",
        "the phase of the day it shows"
    );

    let (_, answer, _) = curl(&edge, "1.2", "/v1/things").expect("curl is there");
    assert!(
        answer.starts_with("HTTP/1.1 404 "),
        "no API there: {answer}"
    );
    assert!(upstream.requests().is_empty(), "{:?}", upstream.requests());

    let mut expected = 3;
    if let Some(said) = openssl(&edge, NAME, "-tls1") {
        assert!(said.contains("alert protocol version"), "{said}");
        let said = openssl(&edge, "localhost", "-tls1").expect("openssl is there");
        assert!(
            said.contains("Protocol  : TLSv1\n"),
            "today TLSv1 is served: {said}"
        );
        expected += 2;
    }
    edge.sightings(expected);
    let sightings = edge.stop().sightings;
    let fate = |sighting: &Value| {
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        (
            text(&sighting["sni"]),
            text(&sighting["outcome"]),
            sighting["judged"]["preview"] == true,
            sighting["requests"]["answered"]
                .as_u64()
                .unwrap_or_default(),
        )
    };
    let mut fates: Vec<_> = sightings.iter().map(fate).collect();
    fates.truncate(3);
    let name = || NAME.to_owned();
    let refused = (name(), "refused".to_owned(), true, 0);
    let answered = (name(), "terminated".to_owned(), true, 1);
    assert_eq!(fates, [refused, answered.clone(), answered]);
    assert_eq!(sightings.len(), expected, "{sightings:?}");
}

/// What `openssl s_client` prints of a handshake with that name, on both of its streams.
fn openssl(edge: &Edge, name: &str, version: &str) -> Option<String> {
    let address = edge.address.to_string();
    let ca = edge.ca.display().to_string();
    let mut arguments = vec![
        "s_client",
        "-connect",
        &address,
        "-servername",
        name,
        "-CAfile",
        &ca,
    ];
    arguments.extend(["-cipher", "DEFAULT@SECLEVEL=0", version]);
    clients::run_tool("openssl", &arguments).map(|ended| ended.stdout + &ended.stderr)
}

#[test]
fn a_client_cannot_speak_for_the_edge() {
    let upstream = Upstream::start();
    let edge = Edge::start_at(PLAN, TODAY, Some(&upstream.url));
    let (url, ca) = (edge.url("/v1/things"), edge.ca.display().to_string());
    let mut arguments = vec!["--silent", "--cacert", &ca, "--tls-max", "1.2", &url];
    const FORGED: [&str; 8] = [
        "Sundown-TLS-Version: TLSv1.3",
        "sundown_tls_version: TLSv1.3",
        "Sundown-TLS-Cipher: NONE",
        "Sundown-Verdict: misses",
        "Sundown-Anything: forged",
        "X-Forwarded-For: 203.0.113.9",
        "Forwarded: for=203.0.113.9",
        "X-Real-IP: 203.0.113.9",
    ];
    for forged in FORGED {
        arguments.extend(["--header", forged]);
    }
    arguments.extend(["--header", "X-Own: kept"]);
    if clients::run_tool("curl", &arguments).is_none() {
        return;
    }
    let requests = upstream.requests();
    let [request] = requests.as_slice() else {
        panic!("one request was sent: {requests:?}");
    };
    let header = |name: &str| request.headers.get(name).map(String::as_str);
    assert_eq!(header("sundown-tls-version"), Some("TLSv1.2"));
    assert_eq!(
        header("sundown-tls-cipher"),
        Some("ECDHE-ECDSA-AES128-GCM-SHA256")
    );
    assert_eq!(header("sundown-tls-group"), Some("secp256r1"));
    assert_eq!(header("sundown-verdict"), Some("meets"));
    assert_eq!(header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(header("x-forwarded-proto"), Some("https"));
    assert_eq!(header("x-own"), Some("kept"));
    let forwarded = header("forwarded").unwrap_or_default();
    assert!(
        forwarded.starts_with("for=127.0.0.1;proto=https"),
        "{forwarded}"
    );
    for gone in ["sundown_tls_version", "sundown-anything", "x-real-ip"] {
        assert_eq!(header(gone), None, "{gone} was forged");
    }
}
