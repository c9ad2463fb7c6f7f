//! How the threads of the gate are told to stop.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use rustix::event::{EventfdFlags, eventfd};

/// How far a gate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// It takes connections.
    Serving,
    /// It takes no more: another process does, or it stops.
    Leaving,
    /// It ends when its connections have, or when they have had their time.
    Stopping,
}

/// Tells all threads.
pub(crate) struct Control {
    phase: AtomicU8,
    /// How many times a thread has come by since that was asked last.
    turned: AtomicUsize,
    wakes: Vec<Arc<OwnedFd>>,
}

impl Control {
    pub(crate) fn new(threads: usize) -> std::io::Result<Self> {
        let wake = || eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map(Arc::new);
        let wakes = (0..threads).map(|_| wake());
        Ok(Self {
            phase: AtomicU8::new(Phase::Serving as u8),
            turned: AtomicUsize::new(threads),
            wakes: wakes.collect::<Result<_, _>>()?,
        })
    }

    pub(crate) fn wakes(&self) -> &[Arc<OwnedFd>] {
        &self.wakes
    }

    pub(crate) fn phase(&self) -> Phase {
        let phases = [Phase::Serving, Phase::Leaving, Phase::Stopping];
        let phase = phases.get(usize::from(self.phase.load(Ordering::Acquire)));
        phase.copied().unwrap_or(Phase::Stopping)
    }

    /// Goes on to a phase; never back.
    pub(crate) fn go_on(&self, phase: Phase) {
        self.phase.fetch_max(phase as u8, Ordering::AcqRel);
        self.wake();
    }

    /// A thread was woken.
    pub(crate) fn turned(&self) {
        self.turned.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether all threads have come by since this was asked last; asks them to come by again.
    pub(crate) fn all_turned(&self) -> bool {
        let all = self.turned.swap(0, Ordering::Relaxed) >= self.wakes.len();
        self.wake();
        all
    }

    fn wake(&self) {
        for wake in &self.wakes {
            // Fails only where it is full of wake-ups already.
            rustix::io::write(wake, &1_u64.to_ne_bytes()).ok();
        }
    }
}
