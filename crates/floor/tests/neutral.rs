//! Floors beside judges that know nothing of them: OpenSSL's own table of suites, and what 175 recorded
//! clients are known to speak.
#![cfg(test)]

mod common;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use floor::Floor;
use hello::names::cipher_suite;
use hello::{Facts, Offer, Version};

/// The suites OpenSSL has for TLS 1.2, a row each: IANA name, version, key exchange, authentication,
/// encryption, MAC.
fn openssl_suites() -> Option<Vec<Vec<String>>> {
    let output = Command::new("openssl")
        .args([
            "ciphers",
            "-v",
            "-stdname",
            "ALL:COMPLEMENTOFALL:@SECLEVEL=0",
        ])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let row = |line: &str| -> Option<Vec<String>> {
        let words: Vec<_> = line.split_whitespace().collect();
        let field = |name: &str| words.iter().find_map(|word| word.strip_prefix(name));
        let row = [
            words.first().copied(),
            words.get(3).copied(),
            field("Kx="),
            field("Au="),
            field("Enc="),
            field("Mac="),
        ];
        row.into_iter()
            .map(|field| field.map(str::to_owned))
            .collect()
    };
    let rows: Vec<_> = text.lines().filter_map(row).collect();
    (!rows.is_empty()).then_some(rows)
}

/// Of the suites that OpenSSL knows, those a floor allows in TLS 1.2 are those OpenSSL's facts put there.
#[test]
fn suites_are_those_that_openssl_describes_so() {
    let Some(rows) = openssl_suites() else {
        eprintln!(
            "SKIPPED: suites beside OpenSSL's table, because `openssl ciphers` cannot be run here"
        );
        return;
    };
    type Rule = fn(kx: &str, au: &str, enc: &str, mac: &str) -> bool;
    let rules: [(&str, Rule); 2] = [
        ("rfc9325", |kx, au, enc, mac| {
            kx == "ECDH" && matches!(au, "RSA" | "ECDSA") && mac == "AEAD" && !enc.contains("CCM8")
        }),
        ("nist-800-52r2", |kx, au, enc, _| {
            matches!(kx, "ECDH" | "DH")
                && matches!(au, "RSA" | "ECDSA" | "DSS")
                && enc.starts_with("AES")
        }),
    ];
    for (floor, rule) in rules {
        let allowed: BTreeSet<_> = Floor::named(floor)
            .unwrap()
            .suites()
            .filter_map(cipher_suite)
            .map(|name| name.iana)
            .collect();
        let mut compared = 0;
        for row in rows.iter().filter(|row| row[1] != "TLSv1.3") {
            let wanted = rule(&row[2], &row[3], &row[4], &row[5]);
            assert_eq!(
                allowed.contains(row[0].as_str()),
                wanted,
                "{floor}: {row:?}"
            );
            compared += usize::from(wanted);
        }
        assert!(
            compared >= 8,
            "{floor}: only {compared} suites of OpenSSL's to compare"
        );
    }
}

fn shared() -> PathBuf {
    std::env::var_os("SUNDOWN_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    )
}

/// A client meets a version floor exactly when the highest version on record for it is high enough.
#[test]
fn recorded_clients_meet_the_version_floors_they_are_known_to() {
    let path = shared().join("data/known-clients.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!(
            "SKIPPED: floors on recorded clients, because {} cannot be read (set SUNDOWN_SHARED)",
            path.display()
        );
        return;
    };
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let clients = json["clients"].as_array().unwrap();
    let floors = [
        ("tls1.1", Version::TLSV1_1),
        ("tls1.2", Version::TLSV1_2),
        ("tls1.3", Version::TLSV1_3),
    ];
    let mut met = [0; 3];
    for client in clients {
        let code =
            |value: &serde_json::Value| u16::from_str_radix(value.as_str().unwrap(), 16).unwrap();
        let codes = |key: &str| {
            client[key]
                .as_array()
                .unwrap()
                .iter()
                .map(code)
                .collect::<Vec<_>>()
        };
        let offer = Offer::from(&Facts {
            legacy_version: Version(code(&client["legacy_version"])),
            supported_versions: codes("supported_versions")
                .into_iter()
                .map(Version)
                .collect(),
            suites: codes("ciphers"),
            groups: codes("groups"),
            key_shares: codes("key_shares"),
            ..Facts::default()
        });
        for ((name, min), met) in floors.iter().zip(&mut met) {
            let meets = Floor::named(name).unwrap().judge(&offer).meets();
            // Five spoke drafts of TLS 1.3 (0x7fxx), which no server of today does; TLS 1.2 is what they have.
            let recorded = Version(code(&client["max_version"]));
            let highest = if recorded.is_known() {
                recorded
            } else {
                Version::TLSV1_2
            };
            assert_eq!(meets, highest >= *min, "{} and {name}", client["name"]);
            *met += usize::from(meets);
        }
    }
    assert_eq!(clients.len(), 175);
    eprintln!(
        "of {} clients, {met:?} meet tls1.1, tls1.2 and tls1.3",
        clients.len()
    );
}
