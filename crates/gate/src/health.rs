//! Checks that services can be reached, in a thread of its own.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::sockopt::socket_error;
use rustix::time::Timespec;

use crate::control::{Control, Phase};
use crate::pool::Pool;
use crate::upstream;

/// How long a check may take to connect.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it is looked whether a check is due, or the gate stops.
const TURN: Duration = Duration::from_millis(100);

/// Checks each list as often as its settings say, until the gate stops.
pub(crate) fn watch(pools: &[Arc<Pool>], control: &Control) {
    let mut due: Vec<Instant> = pools.iter().map(|_| Instant::now()).collect();
    while control.phase() != Phase::Stopping {
        for (pool, due) in pools.iter().zip(&mut due) {
            let now = Instant::now();
            if now >= *due {
                *due = now + pool.health().every;
                check(pool);
            }
        }
        thread::sleep(TURN);
    }
}

/// Connects to all services of a list at once, and closes again.
fn check(pool: &Pool) {
    let mut waiting = Vec::new();
    for (index, service) in pool.services.iter().enumerate() {
        match upstream::open(&service.target, None) {
            Ok(side) => waiting.push((index, side)),
            Err(_) => pool.failed(index),
        }
    }
    let end = Instant::now() + PATIENCE;
    while !waiting.is_empty() {
        let left = end.saturating_duration_since(Instant::now());
        let mut sockets: Vec<PollFd<'_>> = waiting
            .iter()
            .map(|(_, side)| PollFd::new(side, PollFlags::OUT))
            .collect();
        let Ok(left) = Timespec::try_from(left) else {
            return;
        };
        let ready = poll(&mut sockets, Some(&left));
        let events: Vec<PollFlags> = sockets.iter().map(PollFd::revents).collect();
        if ready == Ok(0) {
            for (index, _) in waiting {
                pool.failed(index);
            }
            return;
        }
        let mut events = events.into_iter();
        waiting.retain(|(index, side)| {
            if events.next().is_none_or(|events| events.is_empty()) {
                return true;
            }
            match socket_error(&side.socket) {
                Ok(Ok(())) => pool.checked(*index),
                _ => pool.failed(*index),
            }
            false
        });
    }
}
