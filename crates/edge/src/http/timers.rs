//! Deadlines that seldom pass, without a timer for each.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// Timers of one connection. The next deadline uses the timer of the one before, and moves it only when it goes off: to
/// make a timer and to take it away again costs more than all else that guards a request.
#[derive(Default)]
pub(crate) struct Timers(Mutex<Vec<Pin<Box<Sleep>>>>);

/// Timers that are kept: as many as HTTP/1.1 has requests at once, and a few for HTTP/2. Each takes 120 bytes.
const MOST: usize = 4;

impl Timers {
    /// Resolves after this time.
    pub(crate) async fn after(&self, length: Duration) {
        let until = Instant::now() + length;
        let mut timer = self.lend(until);
        poll_fn(|cx| {
            let Some(timer) = &mut timer.timer else {
                return Poll::Ready(());
            };
            if timer.deadline() > until {
                timer.as_mut().reset(until);
            }
            loop {
                ready!(timer.as_mut().poll(cx));
                if timer.deadline() >= until {
                    return Poll::Ready(());
                }
                // It was set for a request before this one.
                timer.as_mut().reset(until);
            }
        })
        .await;
    }

    fn lend(&self, until: Instant) -> Lent<'_> {
        let kept = self.kept().pop();
        Lent {
            timer: Some(kept.unwrap_or_else(|| Box::pin(sleep_until(until)))),
            home: self,
        }
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Pin<Box<Sleep>>>> {
        // Timers are whole, whatever panicked with the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A timer that is given back.
struct Lent<'a> {
    timer: Option<Pin<Box<Sleep>>>,
    home: &'a Timers,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut kept = self.home.kept();
        if kept.len() < MOST {
            kept.extend(self.timer.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::timeout;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn each_deadline_is_its_own_whatever_the_timer_was_set_for() {
        let timers = Timers::default();
        for (length, given_up_after) in [(10, 4), (10, 9), (3, 2), (20, 19)] {
            let waits = timers.after(SECOND * length);
            assert!(timeout(SECOND * given_up_after, waits).await.is_err());
            assert_eq!(timers.kept().len(), 1, "the timer is given back");
        }
        for length in [5, 1, 30, 30] {
            let begun = Instant::now();
            timers.after(SECOND * length).await;
            let took = begun.elapsed();
            let late = took.checked_sub(SECOND * length);
            assert!(late.is_some_and(|late| late < SECOND / 100), "{took:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn those_at_once_have_a_timer_each_and_few_are_kept() {
        let timers = Timers::default();
        let begun = Instant::now();
        tokio::join!(
            timers.after(SECOND),
            timers.after(SECOND * 2),
            timers.after(SECOND * 3),
            timers.after(SECOND * 4),
            timers.after(SECOND * 5),
            timers.after(SECOND * 6),
        );
        assert_eq!(begun.elapsed().as_secs(), 6);
        assert_eq!(timers.kept().len(), MOST);
    }
}
