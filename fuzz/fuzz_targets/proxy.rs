//! Any bytes as the start of a connection that somebody in front introduces: no panic, what is settled stays settled
//! whatever comes behind it, and it is settled within the longest header.
#![no_main]

use door::proxy_protocol::{Said, read};
use libfuzzer_sys::fuzz_target;

/// The longest header that is read.
const LONGEST: usize = 4096;

fuzz_target!(|data: &[u8]| {
    let whole = read(data);
    match whole {
        Said::For(ends, length) => {
            assert!(length > 0 && length <= data.len().min(LONGEST));
            assert_eq!(read(&data[..length]), whole);
            // Two ends of one kind.
            assert!(ends.is_none_or(|ends| ends.from.is_ipv4() == ends.to.is_ipv4()));
        }
        Said::NeedMore => assert!(data.len() < LONGEST),
        Said::Nothing => {}
    }
    // Every beginning of a short one; of a long one, its head and some.
    let step = 1 + data.len() / 64;
    for end in (0..data.len()).step_by(step).chain(0..data.len().min(20)) {
        let part = read(&data[..end]);
        assert!(part == Said::NeedMore || part == whole, "{end}: {part:?}, {whole:?}");
    }
});
