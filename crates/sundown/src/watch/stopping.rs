//! Ctrl-C, and SIGTERM: what was read so far is counted, and the summary is shown.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{self, Sender};
use std::thread;

use tokio::signal::unix::{SignalKind, signal};

/// Whether somebody wants this to end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stopping(Arc<AtomicBool>);

impl Stopping {
    /// Waits for signals from now on. A second one ends the process at once: nothing is lost but what was not counted.
    pub(crate) fn on_signals() -> Self {
        let stopping = Self::default();
        let theirs = stopping.clone();
        let (ready, is_ready) = mpsc::channel();
        // Without it a signal ends the process, as it always does.
        let waiting = thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || theirs.wait(ready));
        if waiting.is_ok() {
            // Nothing is begun before it can be ended in order.
            is_ready.recv().ok();
        }
        stopping
    }

    pub(crate) fn is_wanted(&self) -> bool {
        self.0.load(Relaxed)
    }

    fn wait(&self, ready: Sender<()>) {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
        else {
            return;
        };
        runtime.block_on(async {
            let (Ok(mut interrupt), Ok(mut terminate)) = (
                signal(SignalKind::interrupt()),
                signal(SignalKind::terminate()),
            ) else {
                return;
            };
            drop(ready);
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if self.0.swap(true, Relaxed) {
                    std::process::exit(130);
                }
            }
        });
    }
}
