//! Which program of this machine is behind an outgoing connection.
//!
//! In: both ends of a connection, as soon as it is opened. Out: the name of the program that owns the client's socket, and
//! the service or container that it runs in: `curl (backup.service)`. That name is the account of the connection, so the
//! report's accounts are this machine's programs and each has its advice: nothing else has to know of programs.
//!
//! What programs have in memory is never looked at, nor their environment; of their arguments only the name of a script, a
//! module or an archive is taken, because tokens and passwords stand in the others.

mod command;
mod namespaces;
mod owners;
mod place;
mod sockets;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use serde::Serialize;

use crate::capture::Opening;
use namespaces::Namespaces;
use owners::{Found, Owners};
use sockets::Sockets;

/// Connections that are opened and not told of yet; as many as are followed.
const MOST_OPEN: usize = 65_536;

/// What a program is called that was gone before it could be looked for.
const UNKNOWN: &str = "unknown program";

/// A program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its name, with the service or container that it runs in.
    pub name: Arc<str>,
    /// Its process; absent where the program is not known.
    pub pid: Option<u32>,
}

/// Who opened a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Behind {
    /// A program of this machine.
    Program(Program),
    /// The same connection, seen once more with other addresses: those of a container are rewritten on the way out.
    Again,
    /// Another machine.
    Elsewhere,
}

/// How many outgoing connections could be named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Named.
    pub named: u64,
    /// Not named: the program was gone before it could be looked for.
    pub gone: u64,
    /// Not named: another user's program, and this process may not look into it.
    pub not_allowed: u64,
}

/// Both ends, the client's first.
type Ends = (SocketAddr, SocketAddr);

/// Names the programs behind outgoing connections.
pub struct Programs {
    sockets: Sockets,
    namespaces: Namespaces,
    owners: Owners,
    open: HashMap<Ends, Behind>,
    /// In the order in which they were opened, with what they began with.
    order: VecDeque<(Ends, Option<u32>)>,
    /// Connections by the server's end and the number that they began with: the same with another client's address is the
    /// same connection, behind a rewriting of addresses.
    begun: HashMap<(SocketAddr, u32), SocketAddr>,
    counts: Counts,
}

impl Programs {
    /// Begins to watch who opens connections.
    ///
    /// # Errors
    ///
    /// When the system cannot be asked about sockets.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            sockets: Sockets::new()?,
            namespaces: Namespaces::new(),
            owners: Owners::new(),
            open: HashMap::new(),
            order: VecDeque::new(),
            begun: HashMap::new(),
            counts: Counts::default(),
        })
    }

    /// How many were named.
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Looks for the program that opens this connection, if it is one of this machine's. It is to be called at once: a
    /// program that has ended has no name any more.
    pub fn opened(&mut self, opening: &Opening) {
        let ends = (plain(opening.client), plain(opening.server));
        let known = self.open.contains_key(&ends);
        let again = opening
            .sequence
            .and_then(|sequence| self.begun.get(&(ends.1, sequence)))
            .is_some_and(|client| *client != ends.0);
        // A SYN that is sent again, or the hello behind it.
        if known && (again || opening.sequence.is_none() || self.is_same(opening, ends)) {
            self.look_again(ends);
            return;
        }
        if again {
            return self.keep(ends, opening.sequence, Behind::Again);
        }
        let Some(program) = self.program(ends) else {
            return;
        };
        if let Some(sequence) = opening.sequence {
            self.begun.insert((ends.1, sequence), ends.0);
        }
        self.keep(ends, opening.sequence, Behind::Program(program));
    }

    /// Whoever was not found at the SYN may be found at the hello: a busy machine can be late with either answer.
    fn look_again(&mut self, ends: Ends) {
        let is_gone = matches!(
            self.open.get(&ends),
            Some(Behind::Program(Program { name, pid: None })) if &**name == UNKNOWN
        );
        if !is_gone {
            return;
        }
        let before = self.counts;
        match self.program(ends) {
            Some(program) if program.pid.is_some() => {
                self.counts.gone = before.gone.saturating_sub(1);
                self.open.insert(ends, Behind::Program(program));
            }
            _ => self.counts = before,
        }
    }

    /// Who opened a connection that is told of now.
    pub fn behind(&self, client: SocketAddr, server: SocketAddr) -> Behind {
        let known = self.open.get(&(plain(client), plain(server)));
        known.cloned().unwrap_or(Behind::Elsewhere)
    }

    fn is_same(&self, opening: &Opening, ends: Ends) -> bool {
        opening
            .sequence
            .is_some_and(|sequence| self.begun.get(&(ends.1, sequence)) == Some(&ends.0))
    }

    fn program(&mut self, (client, server): Ends) -> Option<Program> {
        let namespace = self.namespaces.of(client.ip())?;
        let socket = match namespace {
            namespaces::Namespace::Own => self.sockets.find(client, server),
            namespaces::Namespace::Of(pid) => namespaces::socket(*pid, client, server),
        };
        let (count, program) = match socket {
            // Nobody owns it any more.
            None => (&mut self.counts.gone, unknown(UNKNOWN)),
            Some(socket) => match self.owners.find(&socket) {
                Found::Program(program) => (&mut self.counts.named, program),
                Found::Gone => (&mut self.counts.gone, unknown(UNKNOWN)),
                Found::NotAllowed(user) => (
                    &mut self.counts.not_allowed,
                    unknown(&format!("unknown program (user {user})")),
                ),
            },
        };
        *count += 1;
        Some(program)
    }

    fn keep(&mut self, ends: Ends, sequence: Option<u32>, behind: Behind) {
        if self.order.len() >= MOST_OPEN
            && let Some((oldest, begun)) = self.order.pop_front()
        {
            self.open.remove(&oldest);
            if let Some(begun) = begun {
                self.begun.remove(&(oldest.1, begun));
            }
        }
        self.open.insert(ends, behind);
        self.order.push_back((ends, sequence));
    }
}

fn unknown(name: &str) -> Program {
    Program {
        name: name.into(),
        pid: None,
    }
}

/// IPv4 as IPv4, however it is written.
fn plain(end: SocketAddr) -> SocketAddr {
    SocketAddr::new(end.ip().to_canonical(), end.port())
}

/// A socket that somebody owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owned {
    pub(crate) inode: u64,
    pub(crate) user: u32,
}

/// Whether an address never leaves a machine.
const fn is_local(address: IpAddr) -> bool {
    address.is_loopback()
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_connection_is_named_once_whatever_its_addresses_become() {
        let mut programs = Programs::new().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (client, server) = (stream.local_addr().unwrap(), stream.peer_addr().unwrap());
        let opening = |client, sequence| Opening {
            client,
            server,
            sequence,
        };
        for sequence in [Some(7), Some(7), None] {
            programs.opened(&opening(client, sequence));
        }
        let Behind::Program(program) = programs.behind(client, server) else {
            panic!("{:?}", programs.behind(client, server));
        };
        assert_eq!(program.pid, Some(std::process::id()));
        // As it leaves the machine behind a rewriting of addresses, and what another machine sends.
        let rewritten = "127.0.0.2:4711".parse().unwrap();
        programs.opened(&opening(rewritten, Some(7)));
        assert_eq!(programs.behind(rewritten, server), Behind::Again);
        let elsewhere = "203.0.113.9:4711".parse().unwrap();
        programs.opened(&opening(elsewhere, Some(8)));
        assert_eq!(programs.behind(elsewhere, server), Behind::Elsewhere);
        // The same ends again, and by now nobody has the socket.
        drop(stream);
        programs.opened(&opening(client, Some(9)));
        let gone = programs.behind(client, server);
        assert!(
            matches!(gone, Behind::Program(Program { pid: None, .. })),
            "{gone:?}"
        );
        let counts = programs.counts();
        assert_eq!((counts.named, counts.gone, counts.not_allowed), (1, 1, 0));
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_program_calls_itself_is_read(
            bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300),
            text in "[0-9a-fA-F:/. \\n\\PC]{0,300}",
        ) {
            let shown = command::shown(Some(std::path::Path::new("/usr/bin/java")), &bytes, &text);
            proptest::prop_assert!(shown.is_some_and(|name| name.starts_with("java")));
            command::shown(None, &bytes, &text);
            place::of(&text, 0);
            namespaces::in_table(&text, "127.0.0.1:1".parse().unwrap(), "[::1]:2".parse().unwrap());
        }
    }

    #[test]
    fn connections_that_are_never_told_of_are_bounded() {
        let mut programs = Programs::new().unwrap();
        let server = "192.0.2.1:443".parse().unwrap();
        for number in 0..3 * MOST_OPEN as u32 {
            let host = std::net::Ipv4Addr::from_bits(0x7f00_0000 | number);
            programs.keep(
                (SocketAddr::new(host.into(), 1), server),
                Some(number),
                Behind::Again,
            );
            programs.begun.insert((server, number), server);
        }
        assert!(programs.open.len() <= MOST_OPEN && programs.order.len() <= MOST_OPEN);
        assert!(programs.begun.len() <= MOST_OPEN + 1);
    }
}
