//! Which process owns a socket (proc_pid_fd(5)).

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use nix::unistd::{Uid, User, geteuid};

use super::{Owned, Program, command, place};

/// Sockets whose owners are remembered: a connection is asked about twice or three times within a moment.
const MOST_KNOWN: usize = 4_096;
/// Processes that are looked at first because they opened connections before.
const MOST_BUSY: usize = 32;
/// Descriptors of one process that are looked at.
const MOST_FILES: usize = 100_000;

/// What became of the search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Program(Program),
    /// No process has it any more.
    Gone,
    /// Some process of this user has it, which this process may not look into.
    NotAllowed(String),
}

/// Finds owners.
pub(super) struct Owners {
    known: HashMap<u64, Program>,
    busy: VecDeque<u32>,
    /// The processes that there were at the last look.
    old: HashSet<u32>,
}

impl Owners {
    pub(super) fn new() -> Self {
        Self {
            known: HashMap::new(),
            busy: VecDeque::new(),
            old: processes().into_iter().collect(),
        }
    }

    /// Finds the owner of a socket: among those that opened connections before, then among processes that are new, and
    /// then among all others. A program that lives for a moment is a new one.
    pub(super) fn find(&mut self, socket: &Owned) -> Found {
        if let Some(program) = self.known.get(&socket.inode) {
            return Found::Program(program.clone());
        }
        let link = format!("socket:[{}]", socket.inode);
        let mut search = Search {
            link: &link,
            user: socket.user,
            is_denied: false,
        };
        let busy: Vec<u32> = self.busy.iter().copied().collect();
        let found = search.first(&busy).or_else(|| {
            let all = processes();
            let (new, old): (Vec<u32>, Vec<u32>) = all
                .iter()
                .rev()
                .filter(|pid| !busy.contains(pid))
                .partition(|pid| !self.old.contains(pid));
            self.old = all.into_iter().collect();
            search.first(&new).or_else(|| search.first(&old))
        });
        let Some(pid) = found else {
            return if search.is_denied && socket.user != geteuid().as_raw() {
                Found::NotAllowed(user(socket.user))
            } else {
                Found::Gone
            };
        };
        self.busy.retain(|known| *known != pid);
        self.busy.push_front(pid);
        self.busy.truncate(MOST_BUSY);
        let Some(program) = program(pid) else {
            return Found::Gone;
        };
        if self.known.len() >= MOST_KNOWN {
            self.known.clear();
        }
        self.known.insert(socket.inode, program.clone());
        Found::Program(program)
    }
}

/// All processes, by number.
pub(super) fn processes() -> Vec<u32> {
    let Ok(all) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let mut pids: Vec<u32> = all
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable();
    pids
}

/// The search for one socket.
struct Search<'a> {
    link: &'a str,
    user: u32,
    /// A process of this user may not be looked into.
    is_denied: bool,
}

impl Search<'_> {
    /// The first of these processes that has it open.
    fn first(&mut self, pids: &[u32]) -> Option<u32> {
        pids.iter().copied().find(|pid| {
            let process = format!("/proc/{pid}");
            let mut is_denied = false;
            let has_it =
                match fs::read_dir(format!("{process}/fd")) {
                    Ok(files) => files.take(MOST_FILES).flatten().any(|file| {
                        match fs::read_link(file.path()) {
                            Ok(target) => target.as_os_str() == self.link,
                            Err(error) => {
                                is_denied |= error.kind() == ErrorKind::PermissionDenied;
                                false
                            }
                        }
                    }),
                    Err(error) => {
                        is_denied |= error.kind() == ErrorKind::PermissionDenied;
                        false
                    }
                };
            self.is_denied |=
                is_denied && fs::metadata(process).is_ok_and(|process| process.uid() == self.user);
            has_it
        })
    }
}

/// What a process is; `None` where it has ended.
fn program(pid: u32) -> Option<Program> {
    let at = |name: &str| PathBuf::from(format!("/proc/{pid}/{name}"));
    let exe = fs::read_link(at("exe")).ok();
    let arguments = fs::read(at("cmdline")).unwrap_or_default();
    let own_name = fs::read_to_string(at("comm")).unwrap_or_default();
    let command = command::shown(exe.as_deref(), &arguments, own_name.trim_end())?;
    let place = fs::read_to_string(at("cgroup"))
        .ok()
        .and_then(|cgroup| place::of(&cgroup, pid));
    Some(Program {
        name: match place {
            Some(place) => format!("{command} ({place})").into(),
            None => command.into(),
        },
        pid: Some(pid),
    })
}

fn user(id: u32) -> String {
    match User::from_uid(Uid::from_raw(id)) {
        Ok(Some(user)) => user.name,
        _ => id.to_string(),
    }
}
