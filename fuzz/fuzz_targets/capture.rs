//! Any bytes as a capture or as packets: no panic, every packet and every connection counted, and the same told when the
//! reading is broken off and read on.
//!
//! Input: a pcap or pcapng file; what is neither is packets: two bytes of link type, then each with two bytes of its length.
#![no_main]

use std::ops::ControlFlow;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use observe::Evidence;
use observe::capture::{Counted, Magic, Observer, Packet, Taker, read_on};

/// Notes what it is told of, and breaks off when that is so much.
#[derive(Default)]
struct Told {
    all: Vec<String>,
    most: usize,
    position: u64,
}

impl Taker for Told {
    fn take(&mut self, evidence: Evidence<'_>) -> ControlFlow<()> {
        assert!(evidence.first <= evidence.last);
        self.all.push(format!("{evidence:?}"));
        ControlFlow::Continue(())
    }

    fn reached(&mut self, position: u64, tail: &[u8]) -> ControlFlow<()> {
        assert!(position > self.position && tail.len() as u64 <= position);
        self.position = position;
        if self.all.len() >= self.most {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn ended(&mut self, position: u64, _tail: &[u8]) {
        assert!(position >= self.position);
        self.position = position;
    }
}

fn told(data: &[u8], counted: Counted, most: usize) -> Told {
    let mut told = Told {
        most,
        ..Told::default()
    };
    let source: Arc<str> = "fuzz".into();
    let summary = read_on(data, &source, counted, &mut told).unwrap();
    assert_eq!(summary.connections, told.all.len() as u64);
    assert!(summary.answered <= summary.connections);
    assert!(summary.content <= data.len() as u64);
    told
}

fn file(data: &[u8]) {
    let whole = told(data, Counted::default(), usize::MAX);
    let first = told(data, Counted::default(), 1 + whole.all.len() / 2);
    if first.all.len() < whole.all.len() {
        let position = first.position;
        let counted = Counted {
            position,
            at_its_end: false,
        };
        let second = told(data, counted, usize::MAX);
        assert_eq!([first.all, second.all].concat(), whole.all);
    }
    if whole.position > 0 {
        let counted = Counted {
            position: whole.position,
            at_its_end: true,
        };
        assert_eq!(told(data, counted, usize::MAX).all.len(), 0);
    }
}

fn packets(data: &[u8]) {
    let Some((link, mut rest)) = data.split_first_chunk() else {
        return;
    };
    let mut observer = Observer::new("fuzz".into());
    let (mut count, mut connections) = (0, 0);
    let mut sink = |_: Evidence<'_>| {
        connections += 1;
        ControlFlow::Continue(())
    };
    while let Some((length, behind)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes(*length));
        let (bytes, behind) = behind.split_at(behind.len().min(length));
        rest = behind;
        count += 1;
        let packet = Packet {
            link: u16::from_be_bytes(*link),
            // Clocks go backwards.
            at: i64::from(count) * if count % 7 == 0 { -1 } else { 1_000_000_000 },
            bytes,
            length,
        };
        let _ = observer.packet(packet, &mut sink);
    }
    let _ = observer.finish(&mut sink);
    assert_eq!(observer.summary().packets, count as u64);
    assert_eq!(observer.summary().connections, connections);
}

fuzz_target!(|data: &[u8]| {
    match Magic::of(data) {
        Some(Magic::Capture) => file(data),
        // What they unpack is a capture again.
        Some(Magic::Gzip | Magic::Zstd) => {}
        None => packets(data),
    }
});
