//! The table of names against neutral judges: OpenSSL and Wireshark.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod support;

use hello::names::{self, Authentication, Cipher, GroupKind, Hash, KeyExchange, Mode, Named};
use std::process::Command;

#[test]
fn suites_have_the_names_and_parts_that_openssl_gives_them() {
    if !support::program("openssl", "version") {
        return;
    }
    let output = Command::new("openssl")
        .args([
            "ciphers",
            "-V",
            "-stdname",
            "ALL:COMPLEMENTOFALL:@SECLEVEL=0",
        ])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for line in text.lines() {
        // `0xC0,0x2B - IANA - OPENSSL TLSv1.2 Kx=ECDH Au=ECDSA Enc=AESGCM(128) Mac=AEAD`
        let columns: Vec<&str> = line.split_whitespace().collect();
        let [
            code,
            _,
            iana,
            _,
            openssl,
            _,
            exchange,
            authentication,
            cipher,
            mac,
        ] = columns[..10]
        else {
            panic!("{line}")
        };
        let code = code.split(',').fold(0, |value, byte| {
            (value << 8) | u16::from_str_radix(&byte[2..], 16).unwrap()
        });
        let name = names::cipher_suite(code).unwrap_or_else(|| panic!("{line}"));
        // OpenSSL says UNKNOWN where it does not know the standard name itself.
        if iana != "UNKNOWN" {
            assert_eq!(name.iana, iana, "{line}");
        }
        assert_eq!(name.openssl, Some(openssl), "{line}");
        assert_eq!(
            (
                names::cipher_suite_by_name(name.iana),
                names::cipher_suite_by_name(openssl)
            ),
            (Some(code), Some(code))
        );

        let facts = names::suite_facts(code).unwrap_or_else(|| panic!("{line}"));
        assert_eq!(openssl_exchange(facts.key_exchange), exchange, "{line}");
        assert_eq!(
            openssl_authentication(facts.authentication),
            authentication,
            "{line}"
        );
        assert_eq!(openssl_cipher(facts.cipher, facts.mode), cipher, "{line}");
        assert_eq!(openssl_mac(facts.mode, facts.hash), mac, "{line}");
        assert_eq!(facts.anonymous, authentication == "Au=None", "{line}");
    }
    assert!(text.lines().count() > 50, "{text}");
}

fn openssl_exchange(exchange: KeyExchange) -> &'static str {
    match exchange {
        KeyExchange::Tls13 => "Kx=any",
        KeyExchange::Rsa => "Kx=RSA",
        KeyExchange::Dhe => "Kx=DH",
        KeyExchange::Ecdhe => "Kx=ECDH",
        KeyExchange::Psk => "Kx=PSK",
        KeyExchange::RsaPsk => "Kx=RSAPSK",
        KeyExchange::DhePsk => "Kx=DHEPSK",
        KeyExchange::EcdhePsk => "Kx=ECDHEPSK",
        KeyExchange::Srp => "Kx=SRP",
        other => panic!("{other:?} is not in OpenSSL 3"),
    }
}

fn openssl_authentication(authentication: Authentication) -> &'static str {
    match authentication {
        Authentication::Tls13 => "Au=any",
        Authentication::Anonymous => "Au=None",
        Authentication::Rsa => "Au=RSA",
        Authentication::Dss => "Au=DSS",
        Authentication::Ecdsa => "Au=ECDSA",
        Authentication::Psk => "Au=PSK",
        Authentication::Srp => "Au=SRP",
        other => panic!("{other:?} is not in OpenSSL 3"),
    }
}

fn openssl_cipher(cipher: Cipher, mode: Mode) -> &'static str {
    match (cipher, mode) {
        (Cipher::Null, _) => "Enc=None",
        (Cipher::Aes128, Mode::Cbc) => "Enc=AES(128)",
        (Cipher::Aes128, Mode::Gcm) => "Enc=AESGCM(128)",
        (Cipher::Aes128, Mode::Ccm) => "Enc=AESCCM(128)",
        (Cipher::Aes128, Mode::Ccm8) => "Enc=AESCCM8(128)",
        (Cipher::Aes256, Mode::Cbc) => "Enc=AES(256)",
        (Cipher::Aes256, Mode::Gcm) => "Enc=AESGCM(256)",
        (Cipher::Aes256, Mode::Ccm) => "Enc=AESCCM(256)",
        (Cipher::Aes256, Mode::Ccm8) => "Enc=AESCCM8(256)",
        (Cipher::Camellia128, Mode::Cbc) => "Enc=Camellia(128)",
        (Cipher::Camellia256, Mode::Cbc) => "Enc=Camellia(256)",
        (Cipher::Aria128, Mode::Gcm) => "Enc=ARIAGCM(128)",
        (Cipher::Aria256, Mode::Gcm) => "Enc=ARIAGCM(256)",
        (Cipher::ChaCha20, Mode::Poly1305) => "Enc=CHACHA20/POLY1305(256)",
        (Cipher::TripleDes, Mode::Cbc) => "Enc=3DES(168)",
        (Cipher::Seed, Mode::Cbc) => "Enc=SEED(128)",
        other => panic!("{other:?} is not in OpenSSL 3"),
    }
}

fn openssl_mac(mode: Mode, hash: Hash) -> &'static str {
    match hash {
        _ if mode.aead() => "Mac=AEAD",
        Hash::Md5 => "Mac=MD5",
        Hash::Sha1 => "Mac=SHA1",
        Hash::Sha256 => "Mac=SHA256",
        Hash::Sha384 => "Mac=SHA384",
        other => panic!("{other:?} is not in OpenSSL 3"),
    }
}

/// Names in Wireshark 4.0 that are not IANA's: drafts that had the code point before, and its own wording.
const WIRESHARK_DIFFERS: &[(&str, u32)] = &[
    // Trials of other post-quantum groups, by Open Quantum Safe.
    ("group", 0x200),
    ("group", 0x201),
    ("group", 0x202),
    // Spelled without `_OLD`, so that two code points have one name.
    ("suite", 0xcc13),
    ("suite", 0xcc14),
    ("suite", 0xcc15),
    ("suite", 0xffe0),
    ("suite", 0xffe1),
    // IANA: connection_id (deprecated); delegated_credential.
    ("extension", 53),
    ("extension", 34),
    ("extension", 0x4469),
    ("extension", 0xffa5),
];

#[test]
fn names_are_those_of_wireshark() {
    if !support::program("tshark", "--version") {
        return;
    }
    let output = Command::new("tshark")
        .args(["-G", "values"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    // What it calls drafts and trials changes from release to release; suites do not.
    let version = Command::new("tshark")
        .arg("--version")
        .output()
        .unwrap()
        .stdout;
    let known_release = String::from_utf8_lossy(&version).starts_with("TShark (Wireshark) 4.0.");
    if !known_release {
        eprintln!(
            "SKIPPED: all names but those of suites, which were compared with Wireshark 4.0 only"
        );
    }
    let mut compared = 0;
    for line in text.lines() {
        let columns: Vec<&str> = line.split('\t').collect();
        let (kind, code) = match columns[..] {
            ["V", "tls.handshake.ciphersuite", code, _] => ("suite", code),
            ["V", "tls.handshake.extensions_supported_group", code, _] => ("group", code),
            ["V", "tls.handshake.sig_hash_alg", code, _] => ("scheme", code),
            ["V", "tls.handshake.extension.type", code, _] => ("extension", code),
            ["V", "tls.alert_message.desc", code, _] => ("alert", code),
            _ => continue,
        };
        let code = code.strip_prefix("0x").map_or_else(
            || code.parse().unwrap(),
            |hex| u32::from_str_radix(hex, 16).unwrap(),
        );
        let short = code as u16;
        let ours = match kind {
            "suite" => names::cipher_suite(short).map(|name| name.iana),
            "group" => names::group(short),
            "scheme" => names::signature_scheme(short),
            "extension" => names::extension(short),
            _ => names::alert(code as u8),
        };
        // It names more than IANA does.
        let Some(ours) = ours else { continue };
        if WIRESHARK_DIFFERS.contains(&(kind, code)) || (kind != "suite" && !known_release) {
            continue;
        }
        // Alerts are titles there, in words.
        let theirs = if kind == "alert" {
            columns[3].to_lowercase().replace(' ', "_")
        } else {
            columns[3].to_owned()
        };
        assert_eq!(ours, theirs, "{kind} {code:#x}");
        compared += 1;
    }
    assert!(compared > 300, "{compared} names compared");
}

#[test]
fn names_and_codes_lead_to_each_other() {
    let suites: Vec<u16> = (0..=u16::MAX)
        .filter(|&code| names::cipher_suite(code).is_some())
        .collect();
    assert!(suites.len() > 350, "{}", suites.len());
    for code in suites {
        let name = names::cipher_suite(code).unwrap();
        assert_eq!(names::cipher_suite_by_name(name.iana), Some(code));
        if let Some(openssl) = name.openssl {
            assert_eq!(names::cipher_suite_by_name(openssl), Some(code));
        }
        // Only signalling values are made of nothing.
        assert_eq!(
            names::suite_facts(code).is_none(),
            name.iana.ends_with("_SCSV"),
            "{}",
            name.iana
        );
    }
    assert_eq!(
        names::cipher_suite_by_name("EDH-RSA-DES-CBC3-SHA"),
        Some(0x16)
    );
    assert_eq!(
        names::cipher_suite_by_name("DHE-RSA-DES-CBC3-SHA"),
        Some(0x16)
    );
    assert_eq!(names::cipher_suite_by_name("no such suite"), None);
    for code in (0..=u16::MAX).filter(|&code| names::group(code).is_some()) {
        assert_eq!(
            names::group_by_name(names::group(code).unwrap()),
            Some(code)
        );
    }
}

#[test]
fn old_suites_are_made_of_what_their_names_say() {
    let facts =
        |name: &str| names::suite_facts(names::cipher_suite_by_name(name).unwrap()).unwrap();
    let export = facts("EXP-RC4-MD5");
    assert!(export.export && !export.key_exchange.forward_secret());
    assert_eq!(
        (export.cipher, export.mode, export.hash),
        (Cipher::Rc4, Mode::Stream, Hash::Md5)
    );
    assert_eq!(
        facts("TLS_KRB5_EXPORT_WITH_DES_CBC_40_SHA").cipher,
        Cipher::Des
    );
    assert_eq!(
        facts("TLS_NULL_WITH_NULL_NULL").key_exchange,
        KeyExchange::Null
    );
    assert!(facts("ADH-RC4-MD5").anonymous && facts("AECDH-NULL-SHA").anonymous);
    assert_eq!(
        facts("TLS_PSK_DHE_WITH_AES_128_CCM_8").key_exchange,
        KeyExchange::DhePsk
    );
    assert_eq!(facts("TLS_RSA_WITH_AES_128_CCM").hash, Hash::Sha256);
    assert_eq!(facts("GOST2001-GOST89-GOST89").hash, Hash::Gost94);
    assert_eq!(
        facts("TLS_GOSTR341112_256_WITH_KUZNYECHIK_CTR_OMAC").hash,
        Hash::Streebog
    );
    for tls13 in [
        "TLS_AES_128_GCM_SHA256",
        "TLS_SM4_CCM_SM3",
        "TLS_SHA384_SHA384",
        "TLS_GOSTR341112_256_WITH_MAGMA_MGM_S",
    ] {
        assert!(
            facts(tls13).tls13 && facts(tls13).key_exchange == KeyExchange::Tls13,
            "{tls13}"
        );
    }
    assert!(!facts("ECDHE-RSA-AES128-GCM-SHA256").tls13);
}

#[test]
fn post_quantum_groups_are_told_from_the_others() {
    let facts = |name: &str| names::group_facts(names::group_by_name(name).unwrap()).unwrap();
    for name in [
        "X25519MLKEM768",
        "SecP256r1MLKEM768",
        "SecP384r1MLKEM1024",
        "curveSM2MLKEM768",
    ] {
        assert!(
            facts(name).hybrid && facts(name).post_quantum && facts(name).kind == GroupKind::MlKem,
            "{name}"
        );
    }
    for name in ["MLKEM512", "MLKEM768", "MLKEM1024"] {
        assert!(
            !facts(name).hybrid && facts(name).post_quantum && facts(name).kind == GroupKind::MlKem,
            "{name}"
        );
    }
    assert_eq!(facts("X25519Kyber768Draft00").kind, GroupKind::Experiment);
    assert_eq!(facts("ffdhe2048").kind, GroupKind::Ffdhe);
    assert!(!facts("x25519").post_quantum && facts("x25519").key_share == Some(32));
    assert_eq!(
        [512, 513, 514, 4587, 4588, 4589, 4590, 25497].map(names::group),
        [
            Some("MLKEM512"),
            Some("MLKEM768"),
            Some("MLKEM1024"),
            Some("SecP256r1MLKEM768"),
            Some("X25519MLKEM768"),
            Some("SecP384r1MLKEM1024"),
            Some("curveSM2MLKEM768"),
            Some("X25519Kyber768Draft00"),
        ]
    );
}

#[test]
fn a_code_point_without_a_name_is_shown_as_a_number() {
    let shown = [
        (Named::Suite(0xc02f), "ECDHE-RSA-AES128-GCM-SHA256"),
        (Named::Suite(0xc0b0), "TLS_ECCPWD_WITH_AES_128_GCM_SHA256"),
        (Named::Suite(0x7777), "0x7777"),
        (Named::Sslv2Kind([1, 0, 0x80]), "SSL_CK_RC4_128_WITH_MD5"),
        (Named::Sslv2Kind([9, 9, 9]), "0x090909"),
        (Named::Group(29), "x25519"),
        (Named::Group(0xff), "0x00ff"),
        (Named::SignatureScheme(0x0904), "mldsa44"),
        (Named::Extension(0xfe0d), "encrypted_client_hello"),
        (Named::Alert(70), "protocol_version"),
        (Named::Alert(9), "0x09"),
    ];
    for (named, text) in shown {
        assert_eq!(named.to_string(), text);
    }
    assert_eq!(format!("{:>8}|", Named::Group(29)), "  x25519|");
}
