//! A future beside a busy one.
//!
//! What waits for a stop or for a timer shares a task with a connection that is woken for every request. Asking it each
//! time whether it was meant costs a lock and a look at a clock; here it is asked only when it was.

use std::pin::Pin;
use std::sync::atomic::{
    AtomicBool,
    Ordering::{AcqRel, Acquire, Release},
};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// A future that is polled only when something has woken it.
pub(super) struct Seldom<F> {
    future: Pin<Box<F>>,
    bell: Arc<Bell>,
    waker: Waker,
}

/// Rings through to the task.
struct Bell {
    /// At first, and whenever it was woken since it was last polled.
    rung: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.rung.store(true, Release);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = &*task {
            task.wake_by_ref();
        }
    }
}

impl<F: Future> Seldom<F> {
    pub(super) fn new(future: F) -> Self {
        let bell = Arc::new(Bell {
            rung: AtomicBool::new(true),
            task: Mutex::default(),
        });
        Self {
            future: Box::pin(future),
            waker: bell.clone().into(),
            bell,
        }
    }
}

impl<F: Future> Future for Seldom<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        if !this.bell.rung.load(Acquire) {
            // The task is the same for as long as the future lasts: its waker was left when it was last polled.
            return Poll::Pending;
        }
        // Left first: what rings from here on finds it.
        {
            let mut task = this
                .bell
                .task
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if !task.as_ref().is_some_and(|task| task.will_wake(cx.waker())) {
                *task = Some(cx.waker().clone());
            }
        }
        this.bell.rung.swap(false, AcqRel);
        this.future
            .as_mut()
            .poll(&mut Context::from_waker(&this.waker))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::time::Duration;
    use tokio::sync::Notify;
    use tokio::task::yield_now;
    use tokio::time::sleep;

    #[tokio::test(start_paused = true)]
    async fn it_is_asked_when_it_was_woken_and_not_otherwise() {
        let asked = Arc::new(Mutex::new(0));
        let (count, notify) = (asked.clone(), Arc::new(Notify::new()));
        let notified = notify.clone();
        let mut inner = Box::pin(async move { notified.notified().await });
        let mut seldom = Seldom::new(poll_fn(move |cx| {
            *count.lock().unwrap() += 1;
            inner.as_mut().poll(cx)
        }));
        for _ in 0..10 {
            tokio::select! {
                biased;
                () = &mut seldom => panic!("too soon"),
                () = yield_now() => {}
            }
        }
        assert_eq!(*asked.lock().unwrap(), 1);
        notify.notify_one();
        seldom.await;
        assert_eq!(*asked.lock().unwrap(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_timer_in_it_wakes_the_task() {
        Seldom::new(async {
            for _ in 0..3 {
                sleep(Duration::from_secs(1)).await;
            }
        })
        .await;
    }
}
