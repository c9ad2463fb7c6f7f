//! `sundown serve`: starts the edge, shows what it sees, reloads and stops it on signals.

mod gates;
mod levers;
mod manager;
mod output;
mod roster;

use std::io::{ErrorKind, IsTerminal};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use accounts::Secret;
use anyhow::{Context, anyhow, ensure};
use edge::settings::{Settings, Upstream};
use edge::{Clock, Edge, Handle, Ingredients, StartError, Taken, Wanted};
use gate::Gate;
use ledger::{Association, LedgerSettings, Query, Reader, Receiver, Sink, Writer};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::disable_transparent_huge_pages;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

pub(crate) use roster::{roster, roster_from};

use crate::cli::ServeArguments;
use crate::config::{self, Config};
use crate::console;
use crate::plan::on_hold;
use crate::report::check_path;
use crate::standing::Book;
use levers::Levers;

/// Without a ledger: sightings that may wait to be written. They are written every 50 ms: this is 300,000 a second, in 5 MB.
const WAITING_SIGHTINGS: usize = 16_384;

pub(crate) fn run(arguments: &ServeArguments) -> anyhow::Result<ExitCode> {
    start_log();
    let passed = manager::sockets()?;
    manager::only_one_source(&passed, arguments.take_over)?;
    raise_file_limit();
    // The allocator asks for pages of 2 MiB, of which connections that come and go leave most half empty. Where it cannot be
    // said, they are had.
    disable_transparent_huge_pages(true).ok();
    let secret = Secret::open(&arguments.data_dir).with_context(|| {
        format!(
            "cannot use the data directory {}",
            arguments.data_dir.display()
        )
    })?;
    let Config {
        settings,
        gates,
        mut plan,
        ledger,
        console: console_settings,
        source,
        ..
    } = load(arguments, secret)?;
    let holds = levers::holds_at_start(&arguments.data_dir);
    plan.hold(holds.clone());
    let clock = arguments
        .as_of
        .map_or_else(Clock::default, Clock::starting_at);
    let output = output::Writer::new(arguments.output);

    // Read now: the first client should not wait for it.
    advice::Knowledge::embedded();

    let (ledger, sink, sightings) = open_ledger(&arguments.data_dir, &ledger, clock);
    let remembered = remembered(&arguments.data_dir, &settings);
    let taken = if arguments.take_over {
        Taken::ask(&arguments.data_dir).context("cannot take over from the edge that runs")?
    } else {
        None
    };
    let took_over = taken.is_some();
    let runtime = runtime(arguments.workers)?;
    let (edge, gate, listening, levers, signals) = {
        let _inside = runtime.enter();
        let check_path = check_path(&settings);
        let calm = plan.sunsets.iter().all(|sunset| sunset.ends_at().is_none());
        let mut edge = Edge::bind(Ingredients {
            settings,
            plan,
            secret,
            data_dir: arguments.data_dir.clone(),
            clock,
            sink,
            standings: ledger.is_some().then(|| {
                let book: Arc<dyn edge::Standings> =
                    Arc::new(Book::new(arguments.data_dir.clone()));
                book
            }),
            remembered,
            taken,
            passed,
            others: gates.iter().map(wanted).collect(),
        })
        .map_err(with_remedy)?;
        let gate = gates::open(&mut edge, gates.clone(), workers(arguments.workers))?;
        let console = match console_settings.listen {
            Some(address) => Some(runtime.block_on(console::open(
                &console_settings,
                address,
                &source.directory(),
                &arguments.data_dir,
                Arc::new(console::OfEdge::new(edge.handle(), &source, check_path)),
                clock,
            ))?),
            None => None,
        };
        let listening = output::Listening {
            addresses: edge.addresses(),
            gates: gate.as_ref().map(Gate::addresses).unwrap_or_default(),
            local_ca: edge.local_ca().map(std::path::absolute).transpose()?,
            plan: source.name(),
            clock: arguments.as_of,
            admin: edge
                .admin_address()
                .map(|address| format!("http://{address}")),
            console: console
                .as_ref()
                .and_then(|(listener, _)| listener.local_addr().ok())
                .map(|address| format!("http://{address}")),
            holds: holds.iter().map(on_hold).collect(),
            ends_nothing: calm,
        };
        if let Some((listener, console)) = console {
            // Ends with the runtime.
            runtime.spawn(console::serve(listener, console, std::future::pending()));
        }
        let levers = Levers::start(edge.handle(), &arguments.data_dir, clock, source.name())?;
        // Before anybody is told that it listens: a signal that nobody watches for ends the process.
        let signals = watch_signals(edge.handle(), arguments, secret, levers.teller(), gates)?;
        (edge, gate, listening, levers, signals)
    };
    output.listening(&listening)?;
    let writing = thread::spawn(move || output.write_all(sightings));

    let gate = gate
        .map(|gate| gates::Serving::start(gate, edge.handle(), &runtime))
        .transpose()?;
    let gate_turns = gate.as_ref().map(gates::Serving::turns);
    let turns = move || gate_turns.as_ref().is_none_or(|turns| turns());
    runtime.spawn(manager::keep_alive(edge.handle(), turns));
    manager::ready(Some(&listening.plan), took_over);
    let cut_off = runtime.block_on(async {
        let cut_off = edge.run().await;
        match gate {
            // What it diverts is served meanwhile.
            Some(gate) => cut_off + gate.ended().await,
            None => cut_off,
        }
    });
    signals.abort();
    // Ends every task that is left, and with the last of them the sightings.
    drop(runtime);
    // They hold the last way to the sightings.
    levers.stop();
    if let Some(ledger) = ledger {
        ledger.close();
    }
    writing.join().ok();
    if cut_off > 0 {
        tracing::warn!(
            connections = cut_off,
            "stopped; connections that did not finish in time (limits.drain) were cut off"
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn wanted(gate: &gate::settings::Listener) -> Wanted {
    Wanted {
        name: gate.name.clone(),
        address: *gate.address.get_ref(),
    }
}

/// The ledger, and where sightings go. An edge without a ledger is better than none: where the ledger cannot be used,
/// it says so and counts.
fn open_ledger(
    data_dir: &Path,
    settings: &LedgerSettings,
    clock: Clock,
) -> (Option<Writer>, Sink, Receiver) {
    match Writer::open(&data_dir.join(ledger::FILE), settings, clock.now()) {
        Ok((writer, sink, sightings)) => (Some(writer), sink, sightings),
        Err(error) => {
            tracing::error!("no ledger is kept, sightings are only counted and shown: {error}");
            let why = error.to_string();
            let (sink, sightings) = ledger::channel_without_ledger(WAITING_SIGHTINGS, &why);
            (None, sink, sightings)
        }
    }
}

/// Where accounts were seen by earlier runs, for the clients of theirs that will be refused.
fn remembered(data_dir: &Path, settings: &Settings) -> Vec<Association> {
    let account = &settings.account;
    if account.sources.is_empty() && account.token_paths.is_empty() {
        return Vec::new();
    }
    Reader::open(&data_dir.join(ledger::FILE))
        .and_then(|reader| reader.associations(accounts::MOST_ASSOCIATIONS))
        .unwrap_or_else(|error| {
            tracing::warn!("clients that are refused cannot be attributed by what was seen before this start: {error}");
            Vec::new()
        })
}

/// An edge that cannot start, with what to do about it.
fn with_remedy(error: StartError) -> anyhow::Error {
    let remedy = match &error {
        StartError::Listen { reason, .. } => match reason.kind() {
            ErrorKind::AddrInUse => {
                "another program listens there; `--listen 127.0.0.1:0` takes a free port"
            }
            ErrorKind::AddrNotAvailable => {
                "this machine has no such address; `--listen 0.0.0.0:8443` takes all it has"
            }
            ErrorKind::PermissionDenied => {
                "ports below 1024 take root or CAP_NET_BIND_SERVICE; `--listen 127.0.0.1:8443` takes neither"
            }
            _ => return error.into(),
        },
        _ => return error.into(),
    };
    anyhow!("{error}; {remedy}")
}

/// The configuration with what the command line changes.
fn load(arguments: &ServeArguments, secret: Secret) -> anyhow::Result<Config> {
    let mut config = config::load(arguments.config.as_deref(), secret.share)?;
    if let Some(first) = config.settings.listeners.first_mut() {
        if let Some(address) = arguments.listen {
            *first.address.get_mut() = address;
        }
        if let Some(upstream) = &arguments.upstream {
            first.upstream = vec![Upstream::clone(upstream)];
        }
    } else {
        ensure!(
            arguments.upstream.is_none(),
            "--upstream is for a listener of mode \"edge\", and {} has none; write the gate's `upstream` there",
            config.source.name()
        );
        if let (Some(address), Some(first)) = (arguments.listen, config.gates.first_mut()) {
            *first.address.get_mut() = address;
        }
    }
    Ok(config)
}

fn workers(workers: Option<u16>) -> usize {
    workers.map_or_else(
        || thread::available_parallelism().map_or(1, usize::from),
        usize::from,
    )
}

fn runtime(workers: Option<u16>) -> std::io::Result<Runtime> {
    let workers = self::workers(workers);
    // One worker needs no locks or wake-ups between threads.
    let mut builder = if workers == 1 {
        Builder::new_current_thread()
    } else {
        Builder::new_multi_thread()
    };
    builder.worker_threads(workers).enable_all().build()
}

/// Logs go to standard error; standard output is for sightings.
fn start_log() {
    let filter = EnvFilter::try_from_env("SUNDOWN_LOG")
        .unwrap_or_else(|_| EnvFilter::new("warn,edge=info,ledger=info,sundown=info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
}

/// Each connection is a descriptor, two with its upstream; the usual soft limit is 1024.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        // Where it may not be raised, the accept loop copes and says so.
        setrlimit(
            Resource::Nofile,
            Rlimit {
                current: limit.maximum,
                maximum: limit.maximum,
            },
        )
        .ok();
    }
}

/// SIGTERM and SIGINT stop; SIGHUP reloads.
fn watch_signals(
    handle: Handle,
    arguments: &ServeArguments,
    secret: Secret,
    told: levers::Teller,
    gates: Vec<gate::settings::Listener>,
) -> anyhow::Result<tokio::task::JoinHandle<()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let arguments = ServeArguments {
        config: arguments.config.clone(),
        upstream: arguments.upstream.clone(),
        data_dir: arguments.data_dir.clone(),
        ..*arguments
    };
    Ok(tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hangup.recv() => {
                    manager::reloading();
                    let plan = reload(&handle, &arguments, secret, &told, &gates);
                    manager::ready(plan.as_deref(), false);
                }
            }
        }
        tracing::info!("stopping; requests under way may finish");
        manager::stopping();
        handle.stop();
    }))
}

/// Puts the plan in force that the configuration has now; gives where it is from. Where it cannot be, the old one stays.
fn reload(
    handle: &Handle,
    arguments: &ServeArguments,
    secret: Secret,
    told: &levers::Teller,
    gates: &[gate::settings::Listener],
) -> Option<String> {
    match load(arguments, secret) {
        Ok(config) => {
            let rebound = handle.differs_in_listeners(&config.settings) || config.gates != *gates;
            if let Err(error) = handle.reload(config.settings, config.plan) {
                tracing::error!(%error, "not reloaded; the old plan stays in force");
                told.reload_refused(&error.into());
                return None;
            }
            let plan = config.source.name();
            told.reloaded(plan.clone());
            tracing::info!(plan, "reloaded");
            if rebound {
                tracing::warn!(
                    "[[listener]] or [admin] changed: addresses, upstreams and certificate paths take a restart"
                );
            }
            Some(plan)
        }
        Err(error) => {
            config::report(&error);
            told.reload_refused(&error);
            tracing::error!("not reloaded; the old plan stays in force");
            None
        }
    }
}
