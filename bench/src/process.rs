//! What the kernel says a process used, and where it may run.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Nanoseconds on a CPU for each thread of a process and of its children, by thread id.
///
/// The first field of `/proc/PID/task/TID/schedstat` (Linux, Documentation/scheduler/sched-stats). It counts
/// every nanosecond, where `utime` is sampled at the clock tick and reads 0 for threads that sleep often.
#[derive(Debug)]
pub(crate) struct CpuTime(BTreeMap<u32, u64>);

impl CpuTime {
    /// Reads all threads of process `pid` and of its children.
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let mut times = BTreeMap::new();
        for process in family(pid)? {
            Self::read(process, &mut times)?;
        }
        Ok(Self(times))
    }

    fn read(pid: u32, times: &mut BTreeMap<u32, u64>) -> Result<()> {
        let tasks = format!("/proc/{pid}/task");
        for entry in fs::read_dir(&tasks).with_context(|| format!("{tasks}: the server is gone"))? {
            let entry = entry?;
            let path = entry.path().join("schedstat");
            let text = fs::read_to_string(&path).with_context(|| {
                format!("{}: the kernel needs CONFIG_SCHED_INFO", path.display())
            })?;
            let tid = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok());
            let nanoseconds = text
                .split_whitespace()
                .next()
                .and_then(|field| field.parse().ok());
            match (tid, nanoseconds) {
                (Some(tid), Some(nanoseconds)) => times.insert(tid, nanoseconds),
                _ => bail!("{}: not understood: {text:?}", path.display()),
            };
        }
        Ok(())
    }

    /// CPU time used since `earlier`. A thread that ended in between took its count with it, so that is an error.
    pub(crate) fn since(&self, earlier: &Self) -> Result<Duration> {
        if let Some(tid) = earlier.0.keys().find(|tid| !self.0.contains_key(tid)) {
            bail!(
                "thread {tid} of the server ended while it was measured; its CPU time cannot be counted"
            );
        }
        let sum = |times: &BTreeMap<u32, u64>| times.values().sum::<u64>();
        Ok(Duration::from_nanos(
            sum(&self.0).saturating_sub(sum(&earlier.0)),
        ))
    }
}

/// Resident memory of process `pid` and of its children in bytes.
///
/// From `smaps_rollup`, which walks the page tables; `VmRSS` in `status` lags by up to a batch of pages per CPU.
pub(crate) fn resident(pid: u32) -> Result<u64> {
    family(pid)?.into_iter().map(resident_alone).sum()
}

fn resident_alone(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = fs::read_to_string(&path)
        .with_context(|| format!("{path}: run as root or as the server's user"))?;
    let kibibytes: Option<u64> = text
        .lines()
        .find_map(|line| line.strip_prefix("Rss:"))
        .and_then(|rest| rest.trim().strip_suffix(" kB"))
        .and_then(|number| number.trim().parse().ok());
    kibibytes
        .map(|n| n * 1024)
        .with_context(|| format!("{path}: no Rss line"))
}

/// The first child of process `pid`.
pub(crate) fn first_child(pid: u32) -> Result<Option<u32>> {
    Ok(family(pid)?.get(1).copied())
}

/// Process `pid`, then its children.
fn family(pid: u32) -> Result<Vec<u32>> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let text = fs::read_to_string(&path).with_context(|| format!("{path}: the server is gone"))?;
    let children = text
        .split_whitespace()
        .filter_map(|child| child.parse().ok());
    Ok([pid].into_iter().chain(children).collect())
}

/// The CPUs the two sides run on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seats {
    /// Where every server under test runs.
    pub(crate) server: usize,
    /// Where the load comes from; the same CPU when there is only one.
    pub(crate) load: usize,
}

impl Seats {
    /// Takes the first two CPUs this process may use, and moves this process to the second.
    pub(crate) fn take() -> Result<Self> {
        let allowed = sched_getaffinity(None)?;
        let mut cpus = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu));
        let server = cpus
            .next()
            .context("the kernel allows this process no CPU")?;
        let load = cpus.next().unwrap_or(server);
        let mut own = CpuSet::new();
        own.set(load);
        sched_setaffinity(None, &own)?;
        Ok(Self { server, load })
    }
}

/// How many files this process may have open at most; `None` without a limit.
pub(crate) fn most_files() -> Option<u64> {
    getrlimit(Resource::Nofile).maximum
}

/// Allows this process, and the servers it starts, `files` open files.
pub(crate) fn allow_files(files: u64) -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= files) {
        return Ok(());
    }
    if limit.maximum.is_some_and(|maximum| maximum < files) {
        bail!(
            "{files} open files are needed and the hard limit is lower: raise it (ulimit -Hn {files})"
        );
    }
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(files),
            maximum: limit.maximum,
        },
    )?;
    Ok(())
}
