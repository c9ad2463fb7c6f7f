//! What `sundown check` makes of the real edge, in every phase.

use std::path::Path;

use serde_json::{Value, json};

use crate::edge::Edge;
use crate::program::{check, floor, texts};

/// A floor that no client of ours meets.
const OUT_OF_REACH: &str = r#"
[[sunset]]
name = "CCM only"
floor = { min = "TLSv1.2", suites = ["TLS_AES_128_CCM_SHA256"] }
warn = "2026-02-01"
explain = "2026-03-01"
refuse = "2026-04-01"
contact = "https://example.com/help"
"#;

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

#[test]
fn an_edge_whose_floor_is_met() {
    let plan = "[[sunset]]\nname = \"old TLS\"\nfloor = \"tls1.2\"\nwarn = \"2026-02-01\"\nrefuse = \"2026-04-01\"\n";
    for (as_of, phase) in [("2026-02-02", "warn"), ("2026-04-02", "refuse")] {
        let edge = Edge::start_at(plan, as_of, None);
        let report = check(&[&edge.url(""), "--ca", text(&edge.ca), "--json"]).report(0);
        assert_eq!(report["verdict"], "ok");
        assert_eq!(report["decided_by"], "server");
        let (here, there) = (&report["negotiated"], &report["server"]);
        for fact in ["protocol", "cipher", "cipher_iana", "group"] {
            assert_eq!(here[fact], there[fact], "{fact}");
        }
        assert_eq!(there["url"], edge.url("/ssl/"));
        assert_eq!(here["group"], "X25519MLKEM768");
        assert_eq!(floor(&report, "pq"), "meets");
        assert_eq!(there["floors"][0]["phase"], phase);
        assert_eq!(there["floors"][0]["verdict"], "meets");

        // The link leads to the same answer, from another connection.
        let link = there["report"].as_str().expect("a link");
        let again = check(&[link, "--ca", text(&edge.ca), "--json"]).report(0);
        assert_eq!(again["server"]["report"], link);
        let stopped = edge.stop();
        assert_eq!(stopped.sightings.len(), 2, "a connection for each check");
        assert_eq!(stopped.code, Some(0), "{}", stopped.log);
    }
}

#[test]
fn an_edge_that_warns_says_what_comes_next() {
    let edge = Edge::start_at(OUT_OF_REACH, "2026-02-02", None);
    let report = check(&[&edge.url(""), "--ca", text(&edge.ca), "--json"]).report(1);
    assert_eq!(report["verdict"], "at-risk");
    let floor = &report["server"]["floors"][0];
    assert_eq!(floor["needed"], json!(["TLS_AES_128_CCM_SHA256"]));
    assert_eq!(
        floor["next"],
        json!({ "phase": "explain", "at": "2026-03-01T00:00:00Z" })
    );
    let shown = check(&[&edge.url(""), "--ca", text(&edge.ca)]);
    assert_eq!(shown.code, Some(1));
    assert!(
        shown.stdout.contains("explain from 2026-03-01"),
        "{shown:?}"
    );
    assert!(shown.stdout.contains("/ssl/r/"), "{shown:?}");
}

#[test]
fn an_edge_that_explains_has_blocked() {
    let edge = Edge::start_at(OUT_OF_REACH, "2026-03-02", None);
    let report = check(&[&edge.url(""), "--ca", text(&edge.ca), "--json"]).report(1);
    assert_eq!(report["verdict"], "blocked");
    let orders = edge.url("/orders");
    let report = check(&[&orders, "--ca", text(&edge.ca), "--json"]).report(1);
    assert_eq!(report["verdict"], "blocked");
    assert_eq!(report["decided_by"], "server");
    assert_eq!(report["server"], Value::Null);
    let title = report["explanation"]["title"].as_str().expect("a title");
    assert!(title.contains("TLS_AES_128_CCM_SHA256 needed"), "{title}");
    assert_eq!(report["explanation"]["since"], "2026-03-01T00:00:00Z");
    let shown = check(&[&orders, "--ca", text(&edge.ca)]);
    assert_eq!(shown.code, Some(1));
    assert!(shown.stdout.contains(title), "{shown:?}");
    assert!(
        shown.stdout.contains("https://example.com/help"),
        "{shown:?}"
    );
}

#[test]
fn an_edge_that_refuses_is_a_verdict() {
    let edge = Edge::start_at(OUT_OF_REACH, "2026-04-02", None);
    let report = check(&[&edge.url(""), "--ca", text(&edge.ca), "--json"]).report(1);
    assert_eq!(report["verdict"], "refused");
    assert_eq!(
        report["alert"],
        json!({ "code": 71, "name": "insufficient_security" })
    );
    assert_eq!(report["negotiated"], Value::Null);
    assert_eq!(
        texts(&report["offered"]["protocols"]),
        ["TLSv1.3", "TLSv1.2", "TLSv1.1", "TLSv1"]
    );
    let shown = check(&[&edge.url(""), "--ca", text(&edge.ca)]);
    assert_eq!(shown.code, Some(1));
    assert!(
        shown.stdout.contains("alert 71 insufficient_security"),
        "{shown:?}"
    );
}
