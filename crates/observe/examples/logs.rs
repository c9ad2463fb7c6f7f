//! Reads a log and adds it up without a ledger: what the reading alone costs. `bench/LOGS.md` has the figures.
//!
//! ```sh
//! cargo run --release -p sundown-observe --example logs -- '$remote_addr …' access.log
//! ```
#![allow(clippy::unwrap_used, reason = "a program for whoever measures")]

use std::path::Path;

use observe::logs::{Beginning, Progress, Said, Start, Step, Wanted};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let said = Said::As(arguments.next().unwrap());
    let path = arguments.next().unwrap();
    let beginning = Beginning::of_file(Path::new(&path), Progress::default()).unwrap();
    let mut log = beginning
        .open(&said, &Wanted::default(), &Start::default())
        .unwrap();
    let (mut connections, mut evidence) = (0, 0_u64);
    loop {
        let step = log.step().unwrap();
        if matches!(step, Step::Full | Step::End) {
            log.hand_on(|shown| {
                connections += shown.connections;
                evidence += 1;
                Ok::<_, ()>(())
            })
            .unwrap();
        }
        if step == Step::End {
            break;
        }
    }
    println!(
        "{:?}, {connections} connections in {evidence} pieces of evidence",
        log.counts()
    );
}
