//! When connections are over: a wheel of ticks, coarse and cheap. Time is an argument.

use std::time::Duration;

/// Milliseconds of a tick: no deadline is as short that it mattered.
const TICK: u64 = 64;
/// Ticks that the wheel goes round in, about a minute; what is later comes by again.
const SLOTS: u32 = 1024;

/// Ticks since the gate started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tick(u32);

impl Tick {
    pub(crate) const NEVER: Self = Self(u32::MAX);

    /// The tick at this time since the start. A gate that runs for eight years stands still then.
    pub(crate) fn at(since_start: Duration) -> Self {
        let ticks = since_start.as_millis() / u128::from(TICK);
        Self(u32::try_from(ticks).unwrap_or(u32::MAX - 1))
    }

    /// The first tick at which at least this time has passed.
    pub(crate) fn after(self, time: Duration) -> Self {
        let ticks = time.as_millis() / u128::from(TICK) + 2;
        Self(
            self.0
                .saturating_add(u32::try_from(ticks).unwrap_or(u32::MAX))
                .min(u32::MAX - 1),
        )
    }
}

/// Which connection: its place, and which of those that were ever there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

/// Connections by when to look at them. One whose deadline has moved meanwhile is put in again by whoever looks.
pub(crate) struct Deadlines {
    slots: Vec<Vec<Key>>,
    /// Everything before this has been looked at.
    next: Tick,
    waiting: usize,
}

impl Deadlines {
    pub(crate) fn new() -> Self {
        Self {
            slots: (0..SLOTS).map(|_| Vec::new()).collect(),
            next: Tick::default(),
            waiting: 0,
        }
    }

    /// Has a connection looked at by `at`, or before where that is far; gives when.
    pub(crate) fn add(&mut self, key: Key, at: Tick) -> Tick {
        let farthest = self.next.0.saturating_add(SLOTS - 1);
        let at = Tick(at.0.clamp(self.next.0, farthest));
        if let Some(slot) = self.slot(at) {
            slot.push(key);
            self.waiting += 1;
        }
        at
    }

    fn slot(&mut self, at: Tick) -> Option<&mut Vec<Key>> {
        self.slots.get_mut(usize::try_from(at.0 % SLOTS).ok()?)
    }

    /// Moves all whose time has come by `now` into `due`.
    pub(crate) fn take_due(&mut self, now: Tick, due: &mut Vec<Key>) {
        while self.next <= now {
            let at = self.next;
            self.next = Tick(at.0.saturating_add(1));
            let Some(slot) = self.slot(at) else { return };
            let taken = slot.len();
            due.append(slot);
            // A burst of connections should not hold its room for ever.
            if slot.capacity() > 4096 {
                *slot = Vec::new();
            }
            self.waiting -= taken;
            if at == now || self.next == Tick::NEVER {
                return;
            }
        }
    }

    /// How long may be slept before something is due: a second at most.
    pub(crate) fn sleep(&self) -> Option<Duration> {
        const LOOK_AHEAD: u32 = 16;
        if self.waiting == 0 {
            return None;
        }
        let ahead = (0..LOOK_AHEAD).find(|ahead| {
            let slot =
                usize::try_from((self.next.0.saturating_add(*ahead)) % SLOTS).unwrap_or_default();
            self.slots.get(slot).is_some_and(|slot| !slot.is_empty())
        });
        let ticks = u64::from(ahead.unwrap_or(LOOK_AHEAD) + 1);
        Some(Duration::from_millis(ticks * TICK))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: Key = Key {
        index: 7,
        generation: 1,
    };

    fn at(milliseconds: u64) -> Tick {
        Tick::at(Duration::from_millis(milliseconds))
    }

    #[test]
    fn what_is_far_comes_by_before() {
        let mut deadlines = Deadlines::new();
        assert_eq!(deadlines.sleep(), None);
        let far = at(600_000);
        assert!(deadlines.add(KEY, far) < far);
        let mut due = Vec::new();
        deadlines.take_due(at(64_000), &mut due);
        assert_eq!(due, []);
        deadlines.take_due(at(66_000), &mut due);
        assert_eq!(due, [KEY]);
        assert_eq!(deadlines.sleep(), None);
    }

    proptest! {
        /// Whenever it is looked: never before the time, and at the latest by the next look after it.
        #[test]
        fn nothing_is_early_or_lost(
            wanted in 0_u64..60_000,
            steps in prop::collection::vec(1_u64..5000, 1..60),
        ) {
            let mut deadlines = Deadlines::new();
            let deadline = Tick::default().after(Duration::from_millis(wanted));
            deadlines.add(KEY, deadline);
            let (mut now, mut due) = (0, Vec::new());
            for step in steps {
                now += step;
                deadlines.take_due(at(now), &mut due);
                prop_assert_eq!(!due.is_empty(), at(now) >= deadline);
                prop_assert!(due.is_empty() || now >= wanted);
            }
        }
    }
}
