//! The service manager, systemd or whatever speaks its protocols: the sockets that it passes (`LISTEN_FDS`,
//! sd_listen_fds(3)), and what it is told (`NOTIFY_SOCKET`, sd_notify(3)).

use std::time::Duration;

use anyhow::{Context, ensure};
use edge::{Handle, Passed};
use listenfd::ListenFd;
use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};

/// Sockets with the names that their units give them. Called before there are other threads: it takes them out of the
/// environment, so that no child takes them for its own.
pub(super) fn sockets() -> anyhow::Result<Passed> {
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':');
    let mut descriptors = ListenFd::from_env();
    let mut passed = Passed::default();
    for index in 0..descriptors.len() {
        // systemd's own word for a socket without a name.
        let name = names
            .next()
            .filter(|name| !name.is_empty())
            .unwrap_or("unknown");
        let what =
            || format!("the socket `{name}` that the service manager passes cannot be listened on");
        let socket = descriptors.take_tcp_listener(index).with_context(what)?;
        if let Some(socket) = socket {
            passed.add(name, socket).with_context(what)?;
        }
    }
    Ok(passed)
}

/// Whether sockets would be passed that another process gives as well.
pub(super) fn only_one_source(passed: &Passed, take_over: bool) -> anyhow::Result<()> {
    ensure!(
        !take_over || passed.is_empty(),
        "the service manager passes sockets, and --take-over takes those of the edge that runs; leave --take-over out"
    );
    Ok(())
}

/// It serves, by a plan from there if that is news. `took_over`: in place of another process, which the manager may take for the service still.
pub(super) fn ready(plan: Option<&str>, took_over: bool) {
    let status = plan.map(|plan| format!("serving by {plan}"));
    let mut states = vec![NotifyState::Ready];
    states.extend(status.as_deref().map(NotifyState::Status));
    if took_over {
        states.push(NotifyState::MainPid(std::process::id()));
    }
    tell(&states);
}

/// It reads its configuration again; [`ready`] when that is over, well or not.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(%error, "no monotonic clock to tell the service manager"),
    }
}

/// It stops.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("draining")]);
}

/// Tells, twice in the time that the manager waits, that both event loops still turn; until another process serves.
pub(super) async fn keep_alive(edge: Handle, gate_turns: impl Fn() -> bool) {
    let Some(patience) = sd_notify::watchdog_enabled() else {
        return;
    };
    let mut ticks = interval((patience / 2).max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = edge.left() => return,
        }
        if gate_turns() {
            tell(&[NotifyState::Watchdog]);
        } else {
            tracing::error!(
                "a thread of the gate does not turn: the service manager is not told that all is well"
            );
        }
    }
}

fn tell(states: &[NotifyState<'_>]) {
    // Without a manager nothing is told, and that is no error.
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager cannot be told (NOTIFY_SOCKET)");
    }
}
