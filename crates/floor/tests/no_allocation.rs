//! Deciding does not allocate: counted by an allocator that counts, on the only thread of this process.
#![cfg(test)]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{at, hybrid, plan, tls10, tls12, who};
use floor::{Account, AccountRecord, Hold, Moment, Roster};

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

#[expect(
    unsafe_code,
    reason = "an allocator cannot be written without; it only counts and hands on"
)]
// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's contract is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract is the same.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// The one test of this binary: another one's allocations would be counted too.
#[test]
fn deciding_does_not_allocate() {
    let mut plan = plan(
        r#"
        [[sunset]]
        name = "old versions"
        floor = "tls1.2"
        warn = "2026-01-01"
        explain = "2026-06-01"
        refuse = "2026-07-01"
        [[sunset.brownout]]
        from = "2026-03-01"
        to = "2026-03-08"
        length = "10m"
        every = "1h"
        offset = "7m"
        share = 0.5
        exempt = ["/ssl"]
        [[sunset]]
        name = "weak suites"
        floor = "rfc9325"
        warn = "2026-01-01"
        [[sunset]]
        name = "new accounts"
        cohort = "new"
        floor = "tls1.3"
        explain = "2026-02-15"
        [[sunset]]
        name = "on hold"
        floor = "tls1.3"
        refuse = "2026-01-15"
        [[cohort]]
        name = "new"
        accounts = ["acme", "beta"]
        first_seen_after = "2026-01-01"
        requests_a_month_below = 1000
        [[exception]]
        account = "acme"
        address = "203.0.113.0/24"
        sunset = "old versions"
        floor = "tls1.1"
        until = "2027-01-01"
        owner = "jo"
        reason = "x"
        [[preview]]
        sni = "next.example.com"
        at = "2026-08-01""#,
    );
    let record = |first_seen| AccountRecord {
        first_seen: at(first_seen),
        requests_30_days: 7,
    };
    plan.take_roster(Arc::new(Roster::new(
        [
            ("acme".into(), record("2026-01-15")),
            ("old".into(), record("2025-01-15")),
        ],
        at("2026-02-01"),
    )));
    plan.hold(vec![Hold {
        sunset: Some("on hold".to_owned()),
        by: "jo".to_owned(),
        reason: "x".to_owned(),
        at: at("2026-01-20"),
    }]);
    let offers = [tls10(), tls12(), hybrid()];
    let times = [
        at("2026-02-01"),
        at("2026-03-01T00:08Z"),
        at("2026-06-15"),
        at("2026-08-01"),
    ];
    let accounts = [
        Account::Unknown,
        Account::Remembered("acme"),
        Account::Known("acme"),
        Account::None,
    ];
    let moments = [
        Moment::Hello,
        Moment::Request { path: "/ssl/x" },
        Moment::Request { path: "/v1" },
    ];

    let before = ALLOCATIONS.load(Ordering::Relaxed);
    let (mut decided, mut stood) = (0, 0);
    for offer in &offers {
        for now in times {
            for account in accounts {
                for moment in moments {
                    decided += usize::from(
                        plan.decide(offer, &who(account), moment, now)
                            .sunset
                            .is_some(),
                    );
                    stood += plan.standings(offer, &who(account), moment, now).count();
                }
            }
        }
    }
    let allocated = ALLOCATIONS.load(Ordering::Relaxed) - before;
    assert!(
        decided > 0 && stood == 4 * 3 * 4 * 4 * 3,
        "{decided} {stood}"
    );
    assert_eq!(allocated, 0);
}
