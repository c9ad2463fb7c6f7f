//! Any bytes in any format, and any text as a format: every line is counted once, and nothing fails but the reading of a
//! line.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what goes wrong in a helper of a test fails the test"
)]

use std::io::Cursor;

use observe::logs::{Beginning, FORMATS, Framing, Progress, Said, Start, Step, Wanted};
use proptest::prelude::*;

/// Reads all of it and holds the sums against each other.
fn read(said: &Said, bytes: &[u8]) {
    let wanted = Wanted {
        headers: vec!["x-api-key".to_owned()],
        account: Some("account".to_owned()),
        paths: true,
        ..Wanted::default()
    };
    let stream = Box::new(Cursor::new(bytes.to_vec()));
    let Ok(beginning) = Beginning::of_stream(stream, Progress::default()) else {
        return;
    };
    let is_packed = beginning.head() != bytes.get(..beginning.head().len()).unwrap();
    let Ok(mut log) = beginning.open(said, &wanted, &Start::default()) else {
        return;
    };
    let mut lines = 0;
    loop {
        match log.step() {
            Ok(Step::End) => break,
            Ok(_) => {}
            Err(_) => {
                assert!(is_packed, "memory does not fail");
                break;
            }
        }
    }
    let counts = *log.counts();
    log.hand_on(|evidence| {
        assert!(evidence.first <= evidence.last);
        assert!(evidence.connections > 0 || evidence.requests > 0);
        lines += evidence.requests;
        Ok::<_, ()>(())
    })
    .unwrap();
    assert!(lines <= counts.rows);
    assert_eq!(
        counts.lines,
        counts.rows + counts.skipped + counts.without_tls + counts.malformed,
        "{counts:?}"
    );
    if !is_packed && log.format().framing() == Framing::Lines {
        let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let there = text.split(|byte| *byte == b'\n').count() as u64;
        assert_eq!(counts.lines, if bytes.is_empty() { 0 } else { there });
    }
}

/// Bytes out of which lines are made that come near to real ones.
fn words() -> impl Strategy<Value = String> {
    let words = [
        "192.0.2.1",
        "-",
        "[25/Nov/2026:13:31:33 +0000]",
        "2026-11-25T13:31:33Z",
        "1700000000.1",
        "\"GET / HTTP/1.1\"",
        "200",
        "TLSv1.2",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "\"a \\\" b\"",
        "{\"ts\":1,\"request\":{\"tls\":{\"version\":771}}}",
        "{",
        "}",
        "[",
        "]",
        "\"",
        "\\",
        "\t",
        " ",
        "\n",
        "\r\n",
        "#fields\tts\tversion",
        "tls 2.0",
        "https ",
        "\"Records\":[",
        "é",
        "\"ssl_protocol\":\"TLSv1\"",
        ":",
        ",",
        "\0",
        "0x1301:0x0a0a",
        "{\"event_type\":\"tls\"}",
        "\"timestamp\":\"2026-11-25T13:31:33Z\"",
    ];
    prop::collection::vec(prop::sample::select(words.to_vec()), 0..40)
        .prop_map(|words| words.concat())
}

/// Formats that come near to real ones.
fn patterns() -> impl Strategy<Value = String> {
    let pieces = [
        "$remote_addr",
        "${ssl_protocol}",
        "$ssl_cipher",
        "[$time_local]",
        "$time_iso8601",
        "$msec",
        "\"$http_user_agent\"",
        "$",
        "${",
        "%",
        "%%",
        "%h",
        "%t",
        "%{SSL_PROTOCOL}x",
        "%{SSL_CIPHER}x",
        "%{",
        "}",
        "%>s",
        "\\\"",
        "\\",
        "%ci:%cp",
        "%sslv",
        "%sslc",
        "%[ssl_fc_sni]",
        "%[",
        "%{+Q}r",
        "%START_TIME%",
        "%START_TIME(%s)%",
        "%DOWNSTREAM_TLS_VERSION%",
        "%REQ(USER-AGENT)%",
        "%REQ(",
        " ",
        "|",
        "{\"a\":\"",
        "\"}",
        "log_format main '",
        "';",
        "escape=json",
        "é",
        "\n",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..16)
        .prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_bytes_in_any_format(bytes in prop::collection::vec(any::<u8>(), 0..400), near in words()) {
        for kind in FORMATS {
            read(&Said::As(kind.name.to_owned()), &bytes);
            read(&Said::As(kind.name.to_owned()), near.as_bytes());
        }
        read(&Said::Nothing, &bytes);
        read(&Said::Nothing, near.as_bytes());
    }

    #[test]
    fn any_text_as_a_format(any in any::<String>(), near in patterns(), lines in words()) {
        for text in [any, near] {
            // What may be a path is read from the disk.
            if !text.contains('/') && !std::path::Path::new(&text).exists() {
                read(&Said::As(text), lines.as_bytes());
            }
        }
    }
}
