//! Reading a hello allocates nothing. Alone in its binary, for it counts what the whole process allocates.
#![allow(unsafe_code, reason = "a global allocator is unsafe to write")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use hello::build::{Fill, client_hello};
use hello::{Facts, HelloReader, Offer, Progress, Scratch, Version};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    /// Allocations of this thread: the test runner has threads of its own.
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's own promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's own promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> usize {
    let before = COUNT.get();
    work();
    COUNT.get() - before
}

#[test]
fn reading_allocates_nothing() {
    let facts = Facts {
        sni: true,
        grease: true,
        legacy_version: Version::TLSV1_2,
        supported_versions: vec![Version::TLSV1_3],
        suites: (0..60).collect(),
        groups: vec![0x11ec, 0x1d],
        key_shares: vec![0x11ec, 0x1d],
        signature_algorithms: vec![0x0403],
        alpn: vec![b"h2".to_vec()],
        ..Facts::default()
    };
    let sslv2 = Facts {
        sslv2_format: true,
        legacy_version: Version::TLSV1,
        suites: vec![0x2f],
        ..Facts::default()
    };
    let build = |facts: &Facts, record_size| {
        client_hello(
            &Offer::from(facts),
            &Fill {
                record_size,
                ..Fill::default()
            },
        )
    };
    let mut broken = build(&facts, 16_384);
    let last = broken.len() - 1;
    broken.truncate(last);
    broken[3..5].copy_from_slice(&(last as u16 - 5).to_be_bytes());
    broken[7..9].copy_from_slice(&(last as u16 - 9).to_be_bytes());
    let inputs = [
        build(&facts, 16_384),
        build(&facts, 3),
        build(&sslv2, 16_384),
        broken,
        b"GET / HTTP/1.1\r\n".to_vec(),
        vec![0xff; 9],
    ];
    let mut scratch = Scratch::default();
    assert!(allocations(|| drop(Box::new(1))) > 0, "the counter counts");
    let mut ends = [0; 3];
    for bytes in &inputs {
        let count = allocations(|| {
            let mut reader = HelloReader::default();
            for cut in 0..=bytes.len() {
                match reader.read(&bytes[..cut], &mut scratch) {
                    Progress::NeedMore => {}
                    Progress::Hello { hello, .. } => {
                        ends[0] += 1;
                        assert!(hello.suites().count() > 0);
                        assert!(
                            hello.extensions().count()
                                + hello.alpn().count()
                                + hello.key_shares().count()
                                < 20
                        );
                        assert!(hello.server_name().is_none_or(|name| name == "example.com"));
                        break;
                    }
                    Progress::NotTls(_) => return ends[1] += 1,
                    Progress::Malformed(_) => return ends[2] += 1,
                }
            }
        });
        assert_eq!(count, 0, "{bytes:02x?}");
    }
    assert_eq!(ends, [3, 2, 1]);
}
