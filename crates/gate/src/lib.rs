//! The gate: the listener that passes TLS through untouched.
//!
//! In: TCP connections, the rules that the edge goes by, services behind. Out: to each client a connection to one of
//! those, an alert, or the edge of the same process, which explains; and one sighting to the ledger. It has no keys and
//! needs none. One way through:
//!
//! ```text
//! worker: accept, read the hello, judge ──> last words: alert, close
//!   │        └─> edge: whoever is explained to, and preview names
//!   └─> upstream: connect, send the first bytes as they came
//!         └─> flow: bytes both ways, the upstream's hello read on the way, then by splice
//! ```
//!
//! | module | holds |
//! | --- | --- |
//! | `settings` | `[[listener]]` of `mode = "gate"` |
//! | `worker` | a thread's event loop, and what happens when |
//! | `kit` | one turn of one connection |
//! | `connection` | one connection, how far it is |
//! | `side`, `flow`, `pipes` | a socket; one direction; where bytes go that nobody looks at |
//! | `curve` | the group that a server names behind its hello |
//! | `proxy_protocol` | what services are told of a connection |
//! | `deadlines` | when connections are over |
//! | `routes`, `pool`, `upstream`, `health` | which service, reaching it, and whether it can be |
//! | `entrance`, `control` | a listener; how the threads are told to stop |
//!
//! It decides nothing itself: every decision is `floor`'s, asked by way of `door`. It knows nothing of the edge but that
//! connections can be handed to it, nothing of the console, and writes no file.

#![forbid(unsafe_code)]

mod connection;
mod control;
mod curve;
mod deadlines;
mod entrance;
mod flow;
mod health;
mod kit;
mod pipes;
mod pool;
mod proxy_protocol;
mod routes;
pub mod settings;
mod side;
mod upstream;
mod worker;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use door::{Divert, Shared};

use crate::control::{Control, Phase};
use crate::entrance::Entrance;
use crate::pool::Pool;
use crate::routes::Routes;
use crate::settings::Listener;
use crate::worker::Worker;

/// One listener and what it needs.
pub struct Place {
    /// Its settings.
    pub settings: Listener,
    /// Its socket, listening and not blocking.
    pub socket: TcpListener,
    /// Takes the clients that would be explained to; where there is nobody to, they are passed.
    pub divert: Option<Arc<Divert>>,
}

/// A gate whose sockets are bound and which serves once [started](Gate::start).
pub struct Gate {
    entrances: Vec<Arc<Entrance>>,
    shared: Shared,
    threads: usize,
}

/// A gate that serves.
pub struct Running {
    control: Arc<Control>,
    workers: Vec<JoinHandle<usize>>,
    checks: Option<JoinHandle<()>>,
}

/// Tells a gate to stop.
#[derive(Clone)]
pub struct Handle {
    control: Arc<Control>,
}

impl Gate {
    /// A gate of these listeners with so many threads.
    ///
    /// # Errors
    ///
    /// When a socket has no address, or may not take that of a client where it is to.
    pub fn new(places: Vec<Place>, shared: Shared, threads: usize) -> io::Result<Self> {
        let entrances = places.into_iter().map(|place| {
            let Place {
                settings,
                socket,
                divert,
            } = place;
            let address = socket.local_addr()?;
            if settings.transparent {
                upstream::may_be_transparent()?;
            }
            Ok(Arc::new(Entrance {
                name: address.to_string().into(),
                address,
                routes: Routes::new(&settings),
                idle: settings.idle,
                transparent: settings.transparent,
                introducers: settings.accept_proxy_protocol,
                socket,
                divert,
            }))
        });
        Ok(Self {
            entrances: entrances.collect::<io::Result<_>>()?,
            shared,
            threads: threads.max(1),
        })
    }

    /// The addresses that were bound.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.entrances
            .iter()
            .map(|entrance| entrance.address)
            .collect()
    }

    /// Begins to serve.
    ///
    /// # Errors
    ///
    /// When the system gives no threads or event queues.
    pub fn start(self) -> io::Result<Running> {
        let control = Arc::new(Control::new(self.threads)?);
        let mut workers = Vec::new();
        for wake in control.wakes() {
            let worker = Worker::new(
                self.entrances.clone(),
                self.shared.clone(),
                control.clone(),
                wake.clone(),
            )?;
            workers.push(
                thread::Builder::new()
                    .name("gate".to_owned())
                    .spawn(|| worker.run())?,
            );
        }
        let pools: Vec<Arc<Pool>> = self
            .entrances
            .iter()
            .flat_map(|entrance| entrance.routes.pools().cloned())
            .collect();
        let checks = {
            let control = control.clone();
            thread::Builder::new()
                .name("gate checks".to_owned())
                .spawn(move || health::watch(&pools, &control))?
        };
        Ok(Running {
            control,
            workers,
            checks: Some(checks),
        })
    }
}

impl Running {
    /// A handle to stop it by.
    pub fn handle(&self) -> Handle {
        Handle {
            control: self.control.clone(),
        }
    }

    /// Waits until it has ended, after [`Handle::stop`]; gives how many connections were cut off.
    pub fn join(mut self) -> usize {
        let cut_off = self
            .workers
            .drain(..)
            .map(|worker| worker.join().unwrap_or_default())
            .sum();
        if let Some(checks) = self.checks.take() {
            checks.join().ok();
        }
        cut_off
    }
}

impl Handle {
    /// No more connections are taken: another process does.
    pub fn leave(&self) {
        self.control.go_on(Phase::Leaving);
    }

    /// Whether all threads have turned since this was asked last. Asked for the first time it is so.
    pub fn turns(&self) -> bool {
        self.control.all_turned()
    }

    /// Begins the stop: what is under way may finish, for as long as the drain limit says.
    pub fn stop(&self) {
        self.control.go_on(Phase::Stopping);
    }
}
