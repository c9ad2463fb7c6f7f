//! `sundown console`: the dashboard, beside a running edge or by itself; and the same within `serve`.

mod of_edge;
mod source;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use console::{Access, Console, ConsoleSettings, Ingredients, Source};
use edge::Clock;
use jiff::Timestamp;
use tokio::net::TcpListener;

use crate::cli::moment;
use crate::config;
use crate::demo;
use crate::plan::share_key;
pub(crate) use of_edge::OfEdge;
use source::FromFile;

/// Where it listens when nothing says otherwise.
const DEFAULT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8444);

#[derive(Debug, Args)]
#[command(after_help = "\
It reads what an edge with the same data directory writes; no edge has to run. Hold and resume reach a running edge \
within a second, as the commands do.

On a loopback address everybody on this machine may use it. Another address needs a token: [console] token_file in \
sundown.toml names a file that holds it.

Examples:
  sundown console
      http://127.0.0.1:8444, over sundown-data and sundown.toml in this directory
  sundown demo && cd sundown-demo && sundown console
      a platform to look at")]
pub(crate) struct ConsoleArguments {
    /// Where to listen; port 0 takes a free one [default: [console] listen, else 127.0.0.1:8444]
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    /// The edge's data directory
    #[arg(
        long,
        alias = "data",
        value_name = "DIR",
        default_value = "sundown-data"
    )]
    pub(crate) data_dir: PathBuf,
    /// The configuration [default: sundown.toml where there is one, else the built-in plan]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Starts the plan's clock at this moment instead of now: 2016-12-15, or RFC 3339
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) as_of: Option<Timestamp>,
}

pub(crate) fn run(arguments: &ConsoleArguments) -> anyhow::Result<ExitCode> {
    let key = share_key(&arguments.data_dir)?;
    let config = config::load(arguments.config.as_deref(), key)?;
    let clock = arguments
        .as_of
        .map_or_else(Clock::default, Clock::starting_at);
    let settings = config.console.clone();
    let address = arguments.listen.or(settings.listen).unwrap_or(DEFAULT);
    let directory = config.source.directory();
    let source = FromFile::new(
        config,
        arguments.config.clone(),
        &arguments.data_dir,
        key,
        clock,
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let (listener, console) = open(
            &settings,
            address,
            &directory,
            &arguments.data_dir,
            Arc::new(source),
            clock,
        )
        .await?;
        anstream::println!("The console is at http://{}", listener.local_addr()?);
        serve(listener, console, stopped()).await;
        anyhow::Ok(())
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Binds the console's address and makes the console.
pub(crate) async fn open(
    settings: &ConsoleSettings,
    address: SocketAddr,
    directory: &Path,
    data_dir: &Path,
    source: Arc<dyn Source>,
    clock: Clock,
) -> anyhow::Result<(TcpListener, Arc<Console>)> {
    let access = Access::new(settings, address, directory)?;
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("the console cannot listen on {address}; --listen 127.0.0.1:0 takes a free port")
    })?;
    let console = Console::new(Ingredients {
        data_dir: data_dir.to_owned(),
        source,
        access,
        clock: Box::new(move || clock.now()),
        real_clock: Box::new(|| Clock::default().now()),
        marked: demo::is_demo(data_dir).then(|| demo::SAID.to_owned()),
    });
    Ok((listener, console))
}

/// Serves until told to stop.
pub(crate) async fn serve(
    listener: TcpListener,
    console: Arc<Console>,
    stop: impl Future<Output = ()> + Send + 'static,
) {
    console::serve(listener, console, stop).await;
}

async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
