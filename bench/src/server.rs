//! Servers under test: how each is configured, started and ended.
//!
//! A server is one file below `server/` and one entry in [`all`].

mod haproxy;
mod nginx;
mod passing;
mod sundown;

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::certificates::Certificates;
use crate::process::first_child;

pub(crate) use passing::passing;

/// How long a server may take to start or to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// What every server is given alike.
#[derive(Debug, Clone)]
pub(crate) struct Lab {
    /// Where each server gets a directory of its own.
    pub(crate) dir: PathBuf,
    /// The leaves to serve.
    pub(crate) certificates: Certificates,
    /// Where requests outside `/ssl/` go.
    pub(crate) upstream: SocketAddr,
    /// The answer for `/ssl/`, for servers that have none of their own.
    pub(crate) answer: String,
    /// The CPUs to run on, as taskset(1) takes them.
    pub(crate) cpus: String,
    /// Threads of each server.
    pub(crate) threads: usize,
    /// Connections to make room for.
    pub(crate) connections: usize,
}

/// A server that can be measured.
pub(crate) trait Server {
    /// Its name in tables.
    fn name(&self) -> &'static str;

    /// Its version and that of its TLS library, or why it cannot be run.
    fn version(&self) -> Result<String>;

    /// Writes its configuration below `dir` and says how to start it.
    fn prepare(&self, lab: &Lab, dir: &Path) -> Result<Launch>;
}

/// The servers this tool knows, the yardstick first.
pub(crate) fn all(sundown: Option<&Path>) -> Vec<Box<dyn Server>> {
    let mut servers: Vec<Box<dyn Server>> =
        vec![Box::new(nginx::Nginx), Box::new(haproxy::Haproxy)];
    if let Some(program) = sundown {
        for records in [true, false] {
            servers.push(Box::new(sundown::Sundown {
                program: program.to_owned(),
                records,
            }));
        }
    }
    servers
}

/// How to start a server and find it afterwards.
pub(crate) struct Launch {
    program: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(&'static str, PathBuf)>,
    address: Address,
    worker: Worker,
}

/// Where a server listens.
enum Address {
    /// Where it was told to.
    Told(SocketAddr),
    /// In the first `https://ADDRESS:PORT` it prints.
    Printed,
}

/// Which process does the work.
enum Worker {
    Itself,
    FirstChild,
}

/// A server that runs; dropping it ends it.
pub(crate) struct Running {
    child: Child,
    /// The process to measure.
    pub(crate) pid: u32,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Running {
    /// Starts `server` afresh and waits until it accepts connections.
    pub(crate) fn start(server: &dyn Server, lab: &Lab) -> Result<Self> {
        let name = server.name();
        let dir = lab.dir.join(name);
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let launch = server.prepare(lab, &dir)?;
        let (output, errors) = (dir.join("stdout"), dir.join("stderr"));
        // The death signal ends the server even when this tool is killed.
        let child = Command::new("taskset")
            .args(["-c", &lab.cpus, "setpriv", "--pdeathsig", "TERM", "--"])
            .arg(&launch.program)
            .args(&launch.arguments)
            .envs(launch.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(File::create(&output)?)
            .stderr(File::create(&errors)?)
            .spawn()
            .context("cannot run taskset and setpriv: install util-linux")?;
        let mut running = Self {
            pid: child.id(),
            child,
            address: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        };
        let started = Instant::now();
        while !running.is_up(&launch, &output)? {
            if let Some(status) = running.child.try_wait()? {
                bail!(
                    "{name} ended with {status}: see {} and {}",
                    output.display(),
                    errors.display()
                );
            }
            if started.elapsed() > PATIENCE {
                bail!(
                    "{name} does not listen after {PATIENCE:?}: see {} and {}",
                    output.display(),
                    errors.display()
                );
            }
            sleep(Duration::from_millis(20));
        }
        Ok(running)
    }

    /// Whether it accepts connections; learns address and process on the way.
    fn is_up(&mut self, launch: &Launch, output: &Path) -> Result<bool> {
        let address = match launch.address {
            Address::Told(address) => Some(address),
            Address::Printed => printed_address(&fs::read_to_string(output)?),
        };
        let Some(address) = address else {
            return Ok(false);
        };
        if TcpStream::connect_timeout(&address, PATIENCE).is_err() {
            return Ok(false);
        }
        self.address = address;
        if let Worker::FirstChild = launch.worker {
            let Some(worker) = first_child(self.child.id())? else {
                return Ok(false);
            };
            self.pid = worker;
        }
        Ok(true)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Errors here mean that it has already ended.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let asked = Instant::now();
        while asked.elapsed() < PATIENCE {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn printed_address(text: &str) -> Option<SocketAddr> {
    let rest = text.split("https://").nth(1)?;
    // What has no end yet is still being written.
    let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':'))?;
    rest.get(..end)?
        .parse::<SocketAddrV4>()
        .ok()
        .map(SocketAddr::V4)
}

/// A port nobody listens on now, for servers that cannot choose one and say which.
fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// What `program arguments` prints, both streams; nginx prints its version as an error.
fn ask(program: &Path, argument: &str) -> Result<String> {
    let output = Command::new(program).arg(argument).stdin(Stdio::null()).output().with_context(|| {
        format!("cannot run {}: install it (apt-get install nginx haproxy) or leave it out with --servers", program.display())
    })?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr))
}

/// What follows `label` on its line.
fn after<'a>(text: &'a str, label: &str) -> &'a str {
    text.split(label)
        .nth(1)
        .and_then(|rest| rest.lines().next())
        .unwrap_or("unknown")
        .trim()
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::printed_address;

    #[test]
    fn address_is_found_in_a_banner() {
        let banner =
            "sundown 0.1.0\n  listening on https://127.0.0.1:4433/ssl/ with a local certificate\n";
        assert_eq!(printed_address(banner), "127.0.0.1:4433".parse().ok());
        assert_eq!(
            printed_address("listening on https://127.0.0.1:4433\n"),
            "127.0.0.1:4433".parse().ok()
        );
        assert_eq!(printed_address("starting"), None);
        assert_eq!(printed_address("listening on https://127.0.0.1:44"), None);
    }
}
