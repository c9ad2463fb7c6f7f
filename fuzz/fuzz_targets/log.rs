//! Any bytes as a log in any format, and any text as a format: no panic, and every line is counted once.
//!
//! Input: one byte that chooses a format by name, none, or a format string; then, for a format string, that string and a
//! zero byte; then the log.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use observe::logs::{Beginning, FORMATS, Framing, Progress, Said, Start, Step, Wanted};

fuzz_target!(|data: &[u8]| {
    let Some((&choice, rest)) = data.split_first() else {
        return;
    };
    let (said, log) = match FORMATS.get(usize::from(choice) % (FORMATS.len() + 2)) {
        Some(kind) => (Said::As(kind.name.to_owned()), rest),
        None if usize::from(choice) % (FORMATS.len() + 2) == FORMATS.len() => (Said::Nothing, rest),
        None => {
            let mut parts = rest.splitn(2, |byte| *byte == 0);
            let pattern = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
            // What may be a path is read from the disk.
            if pattern.contains('/') || std::path::Path::new(&pattern).exists() {
                return;
            }
            (Said::As(pattern), parts.next().unwrap_or_default())
        }
    };
    let wanted = Wanted {
        headers: vec!["x-api-key".to_owned()],
        account: Some("account".to_owned()),
        paths: true,
        ..Wanted::default()
    };
    let stream = Box::new(Cursor::new(log.to_vec()));
    let Ok(beginning) = Beginning::of_stream(stream, Progress::default()) else {
        return;
    };
    let is_packed = beginning.head() != &log[..beginning.head().len().min(log.len())];
    let Ok(mut reading) = beginning.open(&said, &wanted, &Start::default()) else {
        return;
    };
    loop {
        match reading.step() {
            Ok(Step::End) => break,
            Ok(_) => {}
            Err(error) => {
                assert!(is_packed, "memory does not fail: {error}");
                break;
            }
        }
    }
    let counts = *reading.counts();
    let mut requests = 0;
    reading
        .hand_on(|evidence| {
            assert!(evidence.first <= evidence.last);
            requests += evidence.requests;
            Ok::<_, ()>(())
        })
        .expect("nothing fails");
    assert!(requests <= counts.rows);
    assert_eq!(
        counts.lines,
        counts.rows + counts.skipped + counts.without_tls + counts.malformed
    );
    if !is_packed && reading.format().framing() == Framing::Lines && !log.is_empty() {
        let text = log.strip_suffix(b"\n").unwrap_or(log);
        let there = text.split(|byte| *byte == b'\n').count();
        assert_eq!(counts.lines, there as u64);
    }
});
