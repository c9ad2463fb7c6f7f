//! Floors: what each lets in, what it names when it does not, and the snapshots of the policy.
#![cfg(test)]

mod common;

use std::path::Path;

use common::{hybrid, modern, tls10, tls12, tls13};
use floor::config::PlanTables;
use floor::{Alert, Floor, Verdict};
use hello::{Facts, Offer, Version};

fn judge(floor: &str, offer: &Offer) -> Verdict {
    Floor::named(floor).expect("a shipped floor").judge(offer)
}

fn inline(floor: &str) -> Floor {
    let tables: PlanTables =
        toml::from_str(&format!("[[sunset]]\nname = \"x\"\nfloor = {floor}")).unwrap();
    tables
        .build([0; 16])
        .unwrap_or_else(|problems| panic!("{problems:?}"))
        .sunsets
        .remove(0)
        .floor
}

#[test]
fn each_shipped_floor_lets_in_whom_it_should() {
    let clients = [
        ("tls10", tls10()),
        ("tls12", tls12()),
        ("tls13", tls13()),
        ("hybrid", hybrid()),
    ];
    for (floor, lets_in) in [
        ("tls1.1", &["tls12", "tls13", "hybrid"][..]),
        ("tls1.2", &["tls12", "tls13", "hybrid"]),
        ("tls1.3", &["tls13", "hybrid"]),
        ("rfc9325", &["tls12", "tls13", "hybrid"]),
        ("pci-4.0.1", &["tls12", "tls13", "hybrid"]),
        ("nist-800-52r2", &["tls12", "tls13", "hybrid"]),
        ("pq", &["hybrid"]),
        ("cnsa-2.0", &[]),
    ] {
        let met: Vec<_> = clients
            .iter()
            .filter(|(_, offer)| judge(floor, offer).meets())
            .map(|(name, _)| *name)
            .collect();
        assert_eq!(met, lets_in, "{floor}");
    }
}

#[test]
fn every_shortfall_is_named() {
    for (floor, offer, expected) in [
        (
            "tls1.2",
            tls10(),
            "misses: offers TLSv1 at most; TLSv1.2 needed",
        ),
        (
            "rfc9325",
            tls10(),
            "misses: offers TLSv1 at most; TLSv1.2 needed; offers no cipher suite of the floor; one such as ECDHE-RSA-AES128-GCM-SHA256 needed; \
             offers no group of the floor; one such as x25519 needed",
        ),
        (
            "pq",
            tls13(),
            "misses: offers no group of the floor; one such as X25519MLKEM768 needed",
        ),
        (
            "pq",
            tls12(),
            "misses: offers TLSv1.2 at most; TLSv1.3 needed; offers no group of the floor; one such as X25519MLKEM768 needed",
        ),
        (
            "cnsa-2.0",
            hybrid(),
            "misses: offers no group of the floor; one such as MLKEM1024 needed",
        ),
        ("tls1.3", tls13(), "meets"),
    ] {
        assert_eq!(judge(floor, &offer).to_string(), expected, "{floor}");
    }
    let shortfall = judge("tls1.2", &tls10()).shortfalls().next().unwrap();
    assert_eq!(
        (shortfall.code(), shortfall.because().to_string().as_str()),
        ("version", "offers TLSv1 at most")
    );
}

#[test]
fn the_alert_fits_the_shortfall_and_the_client() {
    assert_eq!(
        judge("rfc9325", &tls10()).alert(),
        Some(Alert::ProtocolVersion)
    );
    assert_eq!(
        judge("pq", &tls13()).alert(),
        Some(Alert::InsufficientSecurity)
    );
    assert_eq!(judge("pq", &hybrid()).alert(), None);
    let sslv3 = Offer::from(&Facts {
        legacy_version: Version::SSLV3,
        suites: vec![0x0005],
        ..Facts::default()
    });
    assert_eq!(
        inline("{ min = \"SSLv3\", suites = [\"AES128-SHA\"] }")
            .judge(&sslv3)
            .alert(),
        Some(Alert::HandshakeFailure)
    );
    for (alert, code, name) in [
        (Alert::ProtocolVersion, 70, "protocol_version"),
        (Alert::InsufficientSecurity, 71, "insufficient_security"),
        (Alert::HandshakeFailure, 40, "handshake_failure"),
    ] {
        assert_eq!(
            (alert.code(), alert.name(), hello::names::alert(code)),
            (code, name, Some(name))
        );
    }
}

#[test]
fn a_suite_counts_only_in_its_own_version() {
    // Speaks TLS 1.3 by its versions, but brings no suite of it; and the other way round.
    let no_13_suite = Offer::from(&Facts {
        suites: vec![0xc02f],
        groups: vec![0x0017],
        key_shares: vec![0x0017],
        ..modern()
    });
    assert!(!judge("tls1.3", &no_13_suite).meets());
    assert!(judge("tls1.2", &no_13_suite).meets());
    let only_13_suite = Offer::from(&Facts {
        supported_versions: vec![Version::TLSV1_2],
        suites: vec![0x1301],
        groups: vec![0x0017],
        ..modern()
    });
    assert_eq!(
        judge("tls1.2", &only_13_suite)
            .shortfalls()
            .map(|shortfall| shortfall.code())
            .collect::<Vec<_>>(),
        ["suites"]
    );
    // GCM needs TLS 1.2 (RFC 5288 section 4): it is no suite of TLS 1.1.
    let gcm_at_11 = Offer::from(&Facts {
        legacy_version: Version::TLSV1_1,
        suites: vec![0x009c],
        ..Facts::default()
    });
    assert!(!judge("tls1.1", &gcm_at_11).meets());
    // A signalling value is no suite.
    let only_scsv = Offer::from(&Facts {
        legacy_version: Version::TLSV1_2,
        suites: vec![0x00ff, 0x5600],
        ..Facts::default()
    });
    assert!(!judge("tls1.2", &only_scsv).meets());
}

#[test]
fn groups_are_asked_for_where_they_are_needed() {
    let rsa = |groups: Vec<u16>| {
        Offer::from(&Facts {
            legacy_version: Version::TLSV1_2,
            suites: vec![0x009c],
            groups,
            ..Facts::default()
        })
    };
    let ecdhe = |groups: Vec<u16>| {
        Offer::from(&Facts {
            legacy_version: Version::TLSV1_2,
            suites: vec![0xc02f],
            groups,
            ..Facts::default()
        })
    };
    let dhe = |groups: Vec<u16>| {
        Offer::from(&Facts {
            legacy_version: Version::TLSV1_2,
            suites: vec![0x009e],
            groups,
            ..Facts::default()
        })
    };
    let any = inline("{ min = \"TLSv1.2\" }");
    let p256 = inline("{ min = \"TLSv1.2\", groups = [\"secp256r1\"] }");
    let ffdhe = inline("{ min = \"TLSv1.2\", groups = [\"ffdhe2048\"] }");
    for (floor, offer, meets, why) in [
        (&any, rsa(vec![]), true, "RSA key exchange needs no group"),
        (
            &p256,
            rsa(vec![0x0017]),
            false,
            "RSA key exchange uses none of the groups asked for",
        ),
        (&any, ecdhe(vec![0x0017]), true, "a curve"),
        (
            &any,
            ecdhe(vec![0x0100]),
            false,
            "names groups, and no curve among them",
        ),
        (
            &any,
            ecdhe(vec![]),
            true,
            "names no group: the server chooses the curve",
        ),
        (&p256, ecdhe(vec![]), true, "and can choose secp256r1"),
        (
            &ffdhe,
            ecdhe(vec![]),
            false,
            "which this floor does not allow",
        ),
        (&p256, ecdhe(vec![0x001d]), false, "another curve"),
        (
            &any,
            ecdhe(vec![0x001f]),
            false,
            "a curve that only TLS 1.3 has",
        ),
        (
            &any,
            dhe(vec![0x0017]),
            true,
            "names no finite field: the server chooses",
        ),
        (
            &p256,
            dhe(vec![0x0017]),
            false,
            "a curve does nothing for DHE",
        ),
        (
            &ffdhe,
            dhe(vec![0x0017]),
            true,
            "the server can choose 2048 bits",
        ),
        (
            &ffdhe,
            dhe(vec![0x0101]),
            false,
            "names another finite field",
        ),
    ] {
        assert_eq!(floor.judge(&offer).meets(), meets, "{why}");
    }
}

#[test]
fn a_group_without_a_key_share_meets_and_is_told_apart() {
    let with = judge("pq", &hybrid());
    let without = judge(
        "pq",
        &Offer::from(&Facts {
            groups: vec![0x001d, 0x11ec],
            key_shares: vec![0x001d],
            ..modern()
        }),
    );
    assert_eq!((with.meets(), with.needs_retry()), (true, false));
    assert_eq!((without.meets(), without.needs_retry()), (true, true));
}

#[test]
fn what_was_negotiated_is_judged_like_an_offer_of_that_alone() {
    let negotiated = |floor: &str, version, suite, group| {
        Floor::named(floor)
            .unwrap()
            .judge_negotiated(version, suite, group)
    };
    assert!(negotiated("tls1.2", Version::TLSV1_2, 0x002f, None).meets());
    assert!(!negotiated("tls1.2", Version::TLSV1_1, 0x002f, None).meets());
    assert!(!negotiated("rfc9325", Version::TLSV1_2, 0x002f, None).meets());
    assert!(negotiated("rfc9325", Version::TLSV1_2, 0xc02f, Some(0x0017)).meets());
    assert!(negotiated("pq", Version::TLSV1_3, 0x1301, Some(0x11ec)).meets());
    assert!(!negotiated("pq", Version::TLSV1_3, 0x1301, Some(0x001d)).meets());
    assert!(!negotiated("pq", Version::TLSV1_3, 0x1301, None).meets());
    assert!(negotiated("cnsa-2.0", Version::TLSV1_3, 0x1302, Some(0x0202)).meets());
}

/// The Kyber of the drafts is not ML-KEM, and a hybrid is not CNSA 2.0.
#[test]
fn post_quantum_means_the_standard() {
    let offer = |group: u16| {
        Offer::from(&Facts {
            groups: vec![group],
            key_shares: vec![group],
            ..modern()
        })
    };
    for (group, pq, cnsa) in [
        (0x11ec, true, false),
        (0x11ed, true, false),
        (0x0200, true, false),
        (0x0202, true, true),
        (0x6399, false, false),
    ] {
        assert_eq!(judge("pq", &offer(group)).meets(), pq, "{group:#06x}");
        assert_eq!(
            judge("cnsa-2.0", &offer(group)).meets(),
            cnsa,
            "{group:#06x}"
        );
    }
}

#[test]
fn a_change_of_policy_is_a_reviewable_diff() {
    for name in Floor::NAMES {
        let text = Floor::named(name)
            .expect("each name has its floor")
            .to_string();
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("snapshots")
            .join(format!("{name}.txt"));
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            text == kept,
            "floor {name} is not what {} says. If the change is meant, write it with `UPDATE=1 cargo test -p sundown-floor --test judge` \
             and let the diff be reviewed. Now:\n{text}",
            path.display()
        );
    }
}
