//! What it costs to say who a client is: `cargo bench -p sundown-advice`. The goal is 5 µs.

use advice::{Clues, Knowledge};
use divan::{Bencher, black_box};
use hello::Version;

fn main() {
    Knowledge::embedded();
    divan::main();
}

const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36";

/// User-Agent and fingerprints of a kind of client.
fn clues(kind: &str) -> Clues<'_> {
    let (user_agent, ja4, ja3) = match kind {
        "curl" => (
            "curl/7.88.1",
            "t10d0906h2_c491f621fb4c_d4d584b446d3",
            "147ef8a5dffeb8314533855613969f75",
        ),
        "java" => (
            "Java/1.7.0_25",
            "t10d210300_b3c2d19a1f57_33a13ba74d1c",
            "51a7ad14509fd614c7bb3a50c4982b8c",
        ),
        "browser" => (BROWSER, "t13d1517h2_8daaf6152771_cb7bf5808d99", ""),
        "fingerprint alone" => (
            "",
            "t10d360400_f6eb58f1a81a_a875e5012fde",
            "97af795f5123871ea8e52730b4928f6f",
        ),
        "nothing known" => ("something/1.0", "t13d000000_000000000000_000000000000", ""),
        _ => ("", "", ""),
    };
    Clues {
        user_agent: Some(user_agent),
        ja4: Some(ja4),
        ja3: Some(ja3),
        max_protocol: Version::TLSV1,
    }
}

#[divan::bench(args = ["curl", "java", "browser", "fingerprint alone", "nothing known"])]
fn recognise(bencher: Bencher<'_, '_>, kind: &str) {
    let clues = clues(kind);
    bencher.bench(|| Knowledge::embedded().recognise(black_box(&clues)));
}

/// As long as is looked at, and made to nearly match.
#[divan::bench]
fn hostile(bencher: Bencher<'_, '_>) {
    let user_agent = "Android 4; CPU OS Version/ Trident/7.0 MSIE Chrome Java/".repeat(20);
    let clues = Clues {
        user_agent: Some(&user_agent),
        ..clues("")
    };
    bencher.bench(|| Knowledge::embedded().recognise(black_box(&clues)));
}
