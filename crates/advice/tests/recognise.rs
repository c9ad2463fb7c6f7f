//! Who real clients are taken for: User-Agents and fingerprints as real programs sent them.

use advice::{Clues, Confidence, Knowledge, Runtime};
use hello::Version;
use proptest::prelude::*;

fn given(clue: &str) -> Option<&str> {
    (!clue.is_empty()).then_some(clue)
}

fn recognise(user_agent: &str, ja4: &str, ja3: &str, max_protocol: Version) -> Option<Runtime> {
    Knowledge::embedded().recognise(&Clues {
        user_agent: given(user_agent),
        ja4: given(ja4),
        ja3: given(ja3),
        max_protocol,
    })
}

/// One line of what was made of it: name, version, library, confidence, clues.
fn told(runtime: Option<Runtime>) -> String {
    let Some(runtime) = runtime else {
        return "-".to_owned();
    };
    assert_eq!(runtime.contradiction, None);
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    format!(
        "{} | {} | {} | {} | {}",
        runtime.runtime,
        or_dash(runtime.version),
        or_dash(runtime.library),
        runtime.confidence,
        runtime.from.join(" ")
    )
}

/// User-Agent, JA4, JA3, highest offer; then what must come of it.
const MEASURED: [(&str, &str, &str, Version, &str); 28] = [
    (
        "curl/7.88.1",
        "t13d3112h2_e8f1e7e78f70_b26ce05bbdd6",
        "0149f47eabf9a20d0893e2a44e5a6323",
        Version::TLSV1_3,
        "curl | 7.88.1 | OpenSSL 1.1.1 or 3 | high | user-agent ja4 ja3",
    ),
    (
        "curl/7.88.1",
        "t11d0906h2_c491f621fb4c_d4d584b446d3",
        "ea502527edcb920e9d3676fda0761ee3",
        Version::TLSV1_1,
        "curl | 7.88.1 | OpenSSL 1.1.0 or later | high | user-agent ja4 ja3",
    ),
    (
        "curl/7.88.1",
        "",
        "",
        Version::TLSV1,
        "curl | 7.88.1 | - | high | user-agent",
    ),
    (
        "",
        "t10d360400_f6eb58f1a81a_a875e5012fde",
        "97af795f5123871ea8e52730b4928f6f",
        Version::TLSV1,
        "Node.js | 0.8 | OpenSSL 1.0.0 | medium | ja4 ja3",
    ),
    (
        "pokitdok-nodejs@0.0.1",
        "t10d360400_f6eb58f1a81a_a875e5012fde",
        "97af795f5123871ea8e52730b4928f6f",
        Version::TLSV1,
        "Node.js | 0.8 | OpenSSL 1.0.0 | high | user-agent ja4 ja3",
    ),
    (
        "pokitdok-nodejs@0.0.1",
        "t13d591000_a33745022dd6_5ac7197df9d2",
        "",
        Version::TLSV1_3,
        "Node.js | 12 | OpenSSL 1.1.1 or 3 | high | user-agent ja4",
    ),
    (
        "pokitdok-nodejs@0.0.1",
        "",
        "",
        Version::TLSV1,
        "Node.js | - | - | medium | user-agent",
    ),
    (
        "pokitdok-nodejs@0.0.1",
        "t10d090600_c491f621fb4c_195413a0cc0f",
        "a3103aa8dbac204128ab34a38acc7962",
        Version::TLSV1,
        "Node.js | - | OpenSSL 1.1.0 or later | high | user-agent ja4 ja3",
    ),
    (
        "node",
        "t13d5212h1_b262b3658495_8e6e362c5eac",
        "d67b094811e5145139d7cea5f014309f",
        Version::TLSV1_3,
        "Node.js | - | OpenSSL 3.5 or later | high | user-agent ja4 ja3",
    ),
    (
        "",
        "t12d540600_45e2dbe346a1_36aea2269ab5",
        "",
        Version::TLSV1_2,
        "Node.js | - | OpenSSL 1.0.1 | medium | ja4",
    ),
    (
        "",
        "t10d090600_c491f621fb4c_195413a0cc0f",
        "c6dbf3152a545382a95425e390e2d2e8",
        Version::TLSV1,
        "OpenSSL | - | OpenSSL 1.1.0 or later | low | ja4 ja3",
    ),
    (
        "",
        "t10d090600_c491f621fb4c_195413a0cc0f",
        "82b4486670f3b1cb29c4c09d2ee7f20d",
        Version::TLSV1,
        "OpenSSL | - | OpenSSL 1.1.0 or later | low | ja4 ja3",
    ),
    (
        "Python-urllib/3.11",
        "t13d181100_85036bcba153_d41ae481755e",
        "",
        Version::TLSV1_3,
        "Python | 3.11 | OpenSSL 1.1.1 or 3 | high | user-agent ja4",
    ),
    (
        "Python-urllib/2.7",
        "t10d090600_c491f621fb4c_195413a0cc0f",
        "",
        Version::TLSV1,
        "Python | 2.7 | OpenSSL 1.1.0 or later | high | user-agent ja4",
    ),
    (
        "python-requests/2.34.2",
        "",
        "",
        Version::TLSV1_3,
        "Python | - | - | medium | user-agent",
    ),
    (
        "pokitdok-python#2.8.1#3.11.7#Linux#6.1.0-13-amd64",
        "t13d1812h1_85036bcba153_b26ce05bbdd6",
        "a48c0d5f95b1ef98f560f324fd275da1",
        Version::TLSV1_3,
        "Python | 3.11.7 | OpenSSL 1.1.1 or 3 | high | user-agent ja4 ja3",
    ),
    (
        "pokitdok-python#2.8.1#3.9.18#Linux#6.1.0-13-amd64",
        "t10d0906h1_c491f621fb4c_d4d584b446d3",
        "69f73640c97c179677eee4a3eb65952e",
        Version::TLSV1,
        "Python | 3.9.18 | OpenSSL 1.1.0 or later | high | user-agent ja4 ja3",
    ),
    (
        "PycURL/7.49.0 libcurl/8.23.0 OpenSSL/3.6.5 zlib/1.2.13 brotli/1.2.1 libpsl/0.21.5",
        "t13d3012h2_1d37bd780c83_882d495ac381",
        "",
        Version::TLSV1_3,
        "Python | - | OpenSSL 3.5 or later | high | user-agent ja4",
    ),
    (
        "Ruby",
        "t10d090600_c491f621fb4c_195413a0cc0f",
        "",
        Version::TLSV1,
        "Ruby | - | OpenSSL 1.1.0 or later | high | user-agent ja4",
    ),
    (
        "",
        "t13d3112h2_e8f1e7e78f70_b26ce05bbdd6",
        "",
        Version::TLSV1_3,
        "OpenSSL | - | OpenSSL 1.1.1 or 3 | low | ja4",
    ),
    (
        "libwww-perl/6.68",
        "t13d311100_e8f1e7e78f70_d41ae481755e",
        "",
        Version::TLSV1_3,
        "Perl LWP | 6.68 | OpenSSL 1.1.1 or 3 | high | user-agent ja4",
    ),
    (
        "",
        "t10d090600_b9cbb9b2199c_950472255fe9",
        "2de4d85077e4d67733ecc8ef4ca6cee9",
        Version::TLSV1,
        "Mono | 6 | Mono BoringSSL | medium | ja4 ja3",
    ),
    (
        "Java/17.0.21.1",
        "t13i311100_1d947a95fc68_7e1102d2036b",
        "",
        Version::TLSV1_3,
        "Java | 17.0.21.1 | Java JSSE | high | user-agent ja4",
    ),
    (
        "Java/1.8.0_212",
        "t10i150300_0dfbaf47f5cc_1332affee883",
        "85ea87d937be1f67df01662581251040",
        Version::TLSV1,
        "Java | 1.8.0_212 | Java JSSE | high | user-agent ja4 ja3",
    ),
    (
        "Go-http-client/1.1",
        "t10d0808h2_dafb69683c10_583ba773bd60",
        "035c5e1eb18b5fff1225d899afaee517",
        Version::TLSV1,
        "Go | - | Go crypto/tls | high | user-agent ja4 ja3",
    ),
    (
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/156.0.0.0 Safari/537.36",
        "t13d1517h2_8daaf6152771_cb7bf5808d99",
        "",
        Version::TLSV1_3,
        "Chrome | 156 | Chromium BoringSSL | high | user-agent ja4",
    ),
    (
        "",
        "t13d291300_723694b0fccc_2cc26d266019",
        "",
        Version::TLSV1_3,
        "GnuTLS | - | GnuTLS 3 | low | ja4",
    ),
    (
        "something/1.0",
        "t13d000000_000000000000_000000000000",
        "",
        Version::TLSV1,
        "-",
    ),
];

#[test]
fn real_clients_are_recognised() {
    for (user_agent, ja4, ja3, max_protocol, expected) in MEASURED {
        assert_eq!(
            told(recognise(user_agent, ja4, ja3, max_protocol)),
            expected,
            "{user_agent} {ja4}"
        );
    }
}

#[test]
fn a_fingerprint_of_many_lists_them() {
    let runtime = recognise(
        "",
        "t10d090600_c491f621fb4c_195413a0cc0f",
        "",
        Version::TLSV1,
    )
    .unwrap();
    assert_eq!(
        runtime.candidates,
        ["curl", "Node.js", "Perl LWP", "PHP", "Python", "Ruby"]
    );
}

#[test]
fn a_release_brings_its_library() {
    let runtime = recognise("sdk (node/0.8.28)", "", "", Version::TLSV1).unwrap();
    assert_eq!(runtime.library.as_deref(), Some("OpenSSL 1.0.0"));
}

#[test]
fn a_claim_that_cannot_be_true_is_told_and_trusted_less() {
    let chrome = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36";
    let cases = [
        (
            chrome,
            "",
            Version::TLSV1,
            "the User-Agent names Chrome 120, which always offers more than TLSv1",
        ),
        (
            "Java/1.5.0_22",
            "",
            Version::TLSV1_3,
            "the User-Agent names Java 1.5.0_22, which cannot offer TLSv1.3",
        ),
        (
            "Java/17.0.21.1",
            "t13d3112h2_e8f1e7e78f70_b26ce05bbdd6",
            Version::TLSV1_3,
            "",
        ),
        (
            "Go-http-client/1.1",
            "t13i311100_1d947a95fc68_7e1102d2036b",
            Version::TLSV1_3,
            "the User-Agent names Go, the handshake is that of Java JSSE",
        ),
    ];
    for (user_agent, ja4, offered, expected) in cases {
        let runtime = recognise(user_agent, ja4, "", offered).unwrap();
        assert_eq!(
            runtime.contradiction.as_deref().unwrap_or_default(),
            expected,
            "{user_agent}"
        );
        assert_eq!(
            runtime.confidence == Confidence::Low,
            !expected.is_empty(),
            "{user_agent}"
        );
    }
}

#[test]
fn a_client_held_down_is_no_contradiction() {
    let runtime = recognise("Python-urllib/3.11", "", "", Version::TLSV1).unwrap();
    assert_eq!(runtime.contradiction, None);
}

#[test]
fn only_the_front_of_a_user_agent_counts() {
    let far = format!(
        "{}curl/7.88.1 python-requests/2.1 Java/1.8.0",
        " ".repeat(advice::USER_AGENT_LIMIT)
    );
    assert_eq!(recognise(&far, "", "", Version::TLSV1), None);
    let long = format!("Java/1{}", ".1".repeat(400));
    assert_eq!(
        recognise(&long, "", "", Version::TLSV1).unwrap().version,
        None
    );
}

#[test]
fn the_answer_serializes_as_the_check_page_shows_it() {
    let runtime = recognise("Java/1.8.0_212", "", "", Version::TLSV1_2).unwrap();
    assert_eq!(
        serde_json::to_value(runtime).unwrap(),
        serde_json::json!({
            "runtime": "Java", "version": "1.8.0_212", "library": null, "confidence": "high",
            "from": ["user-agent"], "family": "java",
        })
    );
}

proptest! {
    #[test]
    fn no_user_agent_breaks_it(user_agent in any::<String>(), ja4 in any::<String>(), ja3 in any::<String>()) {
        check_hostile(&user_agent, &ja4, &ja3);
    }

    /// Near misses: the words of the patterns, in any order, with any glue.
    #[test]
    fn no_near_miss_breaks_it(
        words in prop::collection::vec("(curl|Java|node|Chrome|MSIE|Android|Version|Trident|pokitdok-python#|jvm version|CPU OS|ruby|go|PHP)[/ #_@]?[0-9._é\\x00-]{0,40}", 0..40)
    ) {
        check_hostile(&words.join(" "), "t10d360400_f6eb58f1a81a_a875e5012fde", "");
    }
}

fn check_hostile(user_agent: &str, ja4: &str, ja3: &str) {
    let Some(runtime) = recognise(user_agent, ja4, ja3, Version::TLSV1) else {
        return;
    };
    let version = runtime.version.clone().unwrap_or_default();
    assert!(version.len() <= 32, "{version}");
    assert!(
        version
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(&b)),
        "{version}"
    );
    let advice = Knowledge::embedded().advise(
        Some(&runtime),
        Version::TLSV1,
        Version::TLSV1_2,
        "https://x.example/ssl/",
    );
    assert!(!advice.summary.is_empty() && !advice.sources.is_empty());
}
