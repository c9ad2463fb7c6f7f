//! JA4 of clients as recorded from other servers, before this edge existed.
//!
//! Comes in: a client of the table, what it is held to, the version it says it has. Goes out: the JA4 that this very
//! version sends, where it was recorded. Never a guess: a version that was not recorded has none.

/// The JA4 that was recorded for this client.
pub(crate) fn recorded(client: &str, held: Option<&str>, version: &str) -> Option<&'static str> {
    RECORDED
        .iter()
        .find(|(known, knob, release, _)| {
            *known == client && *knob == held && version.contains(release)
        })
        .map(|(.., ja4)| *ja4)
}

/// OpenSSL 3.0 held to one old version, whatever the language above it.
const OPENSSL_3_TLSV1: &str = "t10d090600_c491f621fb4c_195413a0cc0f";
const OPENSSL_3_TLSV1_1: &str = "t11d090600_c491f621fb4c_195413a0cc0f";

/// Client, held to, a part of its version, JA4. Recorded on Debian 12 from hellos sent to nginx. Perl is left out: it
/// was recorded with verification turned off, and turned on it adds `status_request`.
const RECORDED: &[(&str, Option<&str>, &str, &str)] = &[
    (
        "node-0.8",
        None,
        "v0.8.28",
        "t10d360400_f6eb58f1a81a_a875e5012fde",
    ),
    (
        "pokitdok-nodejs-0.8",
        None,
        "v0.8.28",
        "t10d360400_f6eb58f1a81a_a875e5012fde",
    ),
    (
        "node-0.10",
        None,
        "v0.10.48",
        "t12d660600_00a40d0492ae_36aea2269ab5",
    ),
    (
        "node-0.10",
        Some("TLSv1"),
        "v0.10.48",
        "t10d380500_4ae34f792462_51f6d7389324",
    ),
    (
        "node",
        None,
        "v24.21.0",
        "t13d521100_b262b3658495_8e6e362c5eac",
    ),
    ("node", Some("TLSv1"), "v24.21.0", OPENSSL_3_TLSV1),
    (
        "node-fetch",
        None,
        "v24.21.0",
        "t13d5212h1_b262b3658495_8e6e362c5eac",
    ),
    (
        "pokitdok-nodejs",
        None,
        "v24.21.0",
        "t13d521100_b262b3658495_8e6e362c5eac",
    ),
    (
        "curl",
        Some("TLSv1"),
        "curl 7.88.1",
        "t10d0906h2_c491f621fb4c_d4d584b446d3",
    ),
    (
        "curl",
        Some("TLSv1.1"),
        "curl 7.88.1",
        "t11d0906h2_c491f621fb4c_d4d584b446d3",
    ),
    ("openssl", Some("TLSv1"), "OpenSSL 3.0", OPENSSL_3_TLSV1),
    ("openssl", Some("TLSv1.1"), "OpenSSL 3.0", OPENSSL_3_TLSV1_1),
    ("python", Some("TLSv1"), "Python 3.11", OPENSSL_3_TLSV1),
    ("python", Some("TLSv1.1"), "Python 3.11", OPENSSL_3_TLSV1_1),
    (
        "ruby",
        None,
        "ruby 3.1",
        "t13d311200_e8f1e7e78f70_d339722ba4af",
    ),
    ("ruby", Some("TLSv1"), "ruby 3.1", OPENSSL_3_TLSV1),
    (
        "php-curl",
        None,
        "PHP 8.2",
        "t13d3112h2_e8f1e7e78f70_b26ce05bbdd6",
    ),
    (
        "java",
        Some("TLSv1"),
        "javac 17.0",
        "t10i220700_8f3dcbce23eb_ddcc4a856434",
    ),
    (
        "mono",
        Some("192"),
        "version 6.8.0",
        "t10d090600_b9cbb9b2199c_950472255fe9",
    ),
    (
        "mono",
        Some("3072"),
        "version 6.8.0",
        "t12d290700_fc2078a0b8c0_8c06664c3ac5",
    ),
];
