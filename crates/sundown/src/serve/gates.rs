//! The gate beside the edge: opened, started and stopped with it.

use anyhow::{Context, bail};
use edge::{Edge, Handle};
use gate::settings::Listener;
use gate::{Gate, Place, Running};
use tokio::runtime::Runtime;
use tokio::task::spawn_blocking;

/// A gate of these listeners, if there are any, on the sockets that the edge has bound for them. Must be called inside
/// the runtime.
pub(super) fn open(
    edge: &mut Edge,
    listeners: Vec<Listener>,
    threads: usize,
) -> anyhow::Result<Option<Gate>> {
    if listeners.is_empty() {
        return Ok(None);
    }
    let sockets = edge.take_others();
    let mut places = Vec::new();
    for (settings, socket) in listeners.into_iter().zip(sockets) {
        let wanted = settings.divert.as_ref().map(|address| *address.get_ref());
        let divert = edge.divert_to(wanted);
        if let (Some(address), None) = (wanted, &divert) {
            bail!(
                "the gate on {} diverts to {address}, where no edge listener of this file is; write one, or leave `divert` out",
                settings.address.get_ref()
            );
        }
        places.push(Place {
            settings,
            socket,
            divert,
        });
    }
    let gate = Gate::new(places, edge.shared(), threads).context("cannot open the gate")?;
    Ok(Some(gate))
}

/// A gate that serves until the edge stops.
pub(super) struct Serving(Running);

impl Serving {
    /// Starts it; it leaves and stops when the edge does.
    pub(super) fn start(gate: Gate, edge: Handle, runtime: &Runtime) -> anyhow::Result<Self> {
        let running = gate.start().context("cannot start the gate")?;
        let handle = running.handle();
        runtime.spawn(async move {
            edge.left().await;
            handle.leave();
            edge.stopped().await;
            handle.stop();
        });
        Ok(Self(running))
    }

    /// Whether all its threads have turned since this was asked last.
    pub(super) fn turns(&self) -> impl Fn() -> bool + Send + Sync + 'static {
        let handle = self.0.handle();
        move || handle.turns()
    }

    /// Waits for its end; gives how many connections were cut off.
    pub(super) async fn ended(self) -> usize {
        // The edge may have ended before the task above was asked.
        self.0.handle().stop();
        let ended = spawn_blocking(|| self.0.join());
        ended.await.unwrap_or_default()
    }
}
