//! Which security policy serves which client: every suite that the edge says it has is negotiated by OpenSSL, with
//! both kinds of certificate, and modern clients never meet the old policy.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what goes wrong in a helper of a test fails the test"
)]

#[path = "support/edge.rs"]
mod edge;

use std::process::{Command, Stdio};

use edge::{Edge, WARN};
use serde_json::Value;

/// TLS 1.2 suites of the modern policy, by OpenSSL's names, and the key each is signed with.
const MODERN: [&str; 10] = [
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
    "ECDHE-ECDSA-AES256-SHA384",
    "ECDHE-RSA-AES256-SHA384",
    "ECDHE-ECDSA-AES128-SHA256",
    "ECDHE-RSA-AES128-SHA256",
];

/// Suites that only the legacy policy has. OpenSSL 3 is built without 3DES in Debian.
const LEGACY: [&str; 9] = [
    "ECDHE-ECDSA-AES128-SHA",
    "ECDHE-RSA-AES128-SHA",
    "ECDHE-ECDSA-AES256-SHA",
    "ECDHE-RSA-AES256-SHA",
    "AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
    "AES128-SHA256",
    "AES256-SHA",
    "AES128-SHA",
];

/// Handshakes with OpenSSL as told; what it printed, and the sighting.
fn handshake(edge: &Edge, count: &mut usize, arguments: &[&str]) -> (String, Value) {
    let output = Command::new("openssl")
        .args([
            "s_client",
            "-connect",
            &edge.address.to_string(),
            "-servername",
            "localhost",
            "-verify_return_error",
            "-CAfile",
        ])
        .arg(&edge.ca)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    *count += 1;
    let sighting = edge.sightings(*count).pop().unwrap();
    (
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
        sighting,
    )
}

/// OpenSSL's own word for what it negotiated.
#[track_caller]
fn assert_negotiated(
    edge: &Edge,
    count: &mut usize,
    version: &str,
    cipher: &str,
    arguments: &[&str],
) {
    let (said, sighting) = handshake(edge, count, arguments);
    let agreed = said
        .lines()
        .any(|line| line.starts_with("New, ") && line.ends_with(&format!("Cipher is {cipher}")));
    assert!(
        agreed && said.contains("Verification: OK"),
        "{arguments:?}: not {cipher}: {said}"
    );
    assert_eq!(
        (
            &sighting["negotiated"]["version"],
            &sighting["negotiated"]["cipher"]
        ),
        (&version.into(), &cipher.into()),
        "{sighting}"
    );
}

#[test]
fn every_suite_of_both_lists_is_negotiated() {
    let edge = Edge::start(WARN, None);
    let count = &mut 0;
    for cipher in MODERN.iter().chain(&LEGACY) {
        let at_security_level_0 = format!("{cipher}:@SECLEVEL=0");
        assert_negotiated(
            &edge,
            count,
            "TLSv1.2",
            cipher,
            &["-tls1_2", "-cipher", &at_security_level_0],
        );
    }
    // What TLS 1.0 and 1.1 have of them.
    for (flag, version) in [("-tls1", "TLSv1"), ("-tls1_1", "TLSv1.1")] {
        for cipher in [
            "ECDHE-ECDSA-AES128-SHA",
            "ECDHE-RSA-AES256-SHA",
            "AES128-SHA",
            "AES256-SHA",
        ] {
            let at_security_level_0 = format!("{cipher}:@SECLEVEL=0");
            assert_negotiated(
                &edge,
                count,
                version,
                cipher,
                &[flag, "-cipher", &at_security_level_0],
            );
        }
    }
    for cipher in [
        "TLS_AES_128_GCM_SHA256",
        "TLS_AES_256_GCM_SHA384",
        "TLS_CHACHA20_POLY1305_SHA256",
    ] {
        assert_negotiated(
            &edge,
            count,
            "TLSv1.3",
            cipher,
            &["-tls1_3", "-ciphersuites", cipher],
        );
        for signed in ["ECDSA+SHA256", "RSA-PSS+SHA256"] {
            assert_negotiated(
                &edge,
                count,
                "TLSv1.3",
                cipher,
                &["-tls1_3", "-ciphersuites", cipher, "-sigalgs", signed],
            );
        }
    }
    for group in ["X25519", "P-256", "P-384", "P-521"] {
        assert_negotiated(
            &edge,
            count,
            "TLSv1.3",
            "TLS_AES_128_GCM_SHA256",
            &[
                "-tls1_3",
                "-ciphersuites",
                "TLS_AES_128_GCM_SHA256",
                "-groups",
                group,
            ],
        );
    }
    assert_eq!(
        edge.stop().sightings.len(),
        *count,
        "and each is counted once"
    );
}

#[test]
fn a_modern_client_is_served_in_the_modern_way_whatever_old_suites_it_offers() {
    let edge = Edge::start(WARN, None);
    let count = &mut 0;
    // The old policy prefers other suites and has no HTTP/2: both would show.
    let (said, sighting) = handshake(
        &edge,
        count,
        &["-cipher", "ALL:@SECLEVEL=0", "-alpn", "h2,http/1.1"],
    );
    assert!(said.contains("ALPN protocol: h2"), "{said}");
    assert_eq!(sighting["negotiated"]["version"], "TLSv1.3");
    let (said, sighting) = handshake(
        &edge,
        count,
        &[
            "-tls1_2",
            "-cipher",
            "AES128-SHA:ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0",
            "-alpn",
            "h2,http/1.1",
        ],
    );
    assert!(said.contains("ALPN protocol: h2"), "{said}");
    assert_eq!(
        sighting["negotiated"]["cipher"], "ECDHE-RSA-AES128-GCM-SHA256",
        "the client's order puts it last"
    );
    // An old client is served, and only over HTTP/1.1.
    let (said, sighting) = handshake(
        &edge,
        count,
        &[
            "-tls1",
            "-cipher",
            "ALL:@SECLEVEL=0",
            "-alpn",
            "h2,http/1.1",
        ],
    );
    assert!(said.contains("ALPN protocol: http/1.1"), "{said}");
    assert_eq!(sighting["negotiated"]["version"], "TLSv1");
}

#[test]
fn odd_clients_of_tls_1_2_are_served_while_the_plan_warns() {
    let edge = Edge::start(WARN, None);
    let count = &mut 0;
    let odd: [(&str, &[&str]); 5] = [
        ("RSA key exchange alone", &["-cipher", "kRSA:@SECLEVEL=0"]),
        (
            "SHA-1 signatures alone",
            &["-cipher", "DEFAULT:@SECLEVEL=0", "-sigalgs", "RSA+SHA1"],
        ),
        (
            "SHA-1 signatures, ECDSA too",
            &[
                "-cipher",
                "DEFAULT:@SECLEVEL=0",
                "-sigalgs",
                "ECDSA+SHA1:RSA+SHA1",
            ],
        ),
        (
            "no group of ours, but RSA key exchange",
            &["-cipher", "DEFAULT:@SECLEVEL=0", "-groups", "X448"],
        ),
        (
            "no groups at all",
            &["-cipher", "kRSA:@SECLEVEL=0", "-sigalgs", "RSA+SHA256"],
        ),
    ];
    for (name, arguments) in odd {
        let (said, sighting) = handshake(&edge, count, &[&["-tls1_2"], arguments].concat());
        assert_eq!(
            (&sighting["outcome"], &sighting["negotiated"]["version"]),
            (&"terminated".into(), &"TLSv1.2".into()),
            "{name}: {said}"
        );
    }
    // What nothing here can serve gets an alert that says so, and an outcome of its own.
    let hopeless: [&[&str]; 2] = [
        &["-tls1_2", "-cipher", "DHE-RSA-AES128-SHA:@SECLEVEL=0"],
        &["-tls1_3", "-groups", "X448"],
    ];
    for arguments in hopeless {
        let (said, sighting) = handshake(&edge, count, arguments);
        assert_eq!(
            (&sighting["outcome"], &sighting["alert"]),
            (&"unservable".into(), &40.into()),
            "{arguments:?}: {sighting}"
        );
        assert!(said.contains("handshake failure"), "{arguments:?}: {said}");
    }
}

#[test]
fn the_certificate_follows_the_client() {
    let edge = Edge::start(WARN, None);
    let count = &mut 0;
    for (sigalgs, key) in [
        ("ECDSA+SHA256", "id-ecPublicKey"),
        ("RSA-PSS+SHA256", "rsaEncryption"),
    ] {
        let (said, _) = handshake(
            &edge,
            count,
            &["-tls1_3", "-sigalgs", sigalgs, "-showcerts"],
        );
        assert!(said.contains("Verification: OK"), "{said}");
        let pem = &said[said.find("-----BEGIN").unwrap()..];
        let mut child = Command::new("openssl")
            .args(["x509", "-noout", "-text"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), pem.as_bytes()).ok();
        let text = String::from_utf8_lossy(&child.wait_with_output().unwrap().stdout).into_owned();
        assert!(
            text.contains(&format!("Public Key Algorithm: {key}")),
            "{sigalgs}: {text}"
        );
    }
}
