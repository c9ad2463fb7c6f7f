//! Which network of this machine an address belongs to: its own, or that of a container.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use nix::ifaddrs::getifaddrs;

use super::{Owned, is_local, owners};

/// How old what is known of addresses may be before an unknown one is looked for anew.
const FRESH: Duration = Duration::from_secs(2);
/// Networks of containers that are looked at.
const MOST: usize = 1_024;
/// Bytes of a table of one network: a container has a few dozen addresses and some thousand sockets.
const MOST_TABLE: u64 = 4 << 20;

/// A network on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Namespace {
    /// The one that this process is in.
    Own,
    /// The one that the process of this number is in.
    Of(u32),
}

/// Every address of this machine.
pub(super) struct Namespaces {
    addresses: HashMap<IpAddr, Namespace>,
    looked: Instant,
}

impl Namespaces {
    pub(super) fn new() -> Self {
        Self {
            addresses: addresses(),
            looked: Instant::now(),
        }
    }

    /// The network of this machine that has this address; `None` where it is another machine's.
    pub(super) fn of(&mut self, address: IpAddr) -> Option<&Namespace> {
        if is_local(address) {
            return Some(&Namespace::Own);
        }
        if !self.addresses.contains_key(&address) && self.looked.elapsed() >= FRESH {
            self.addresses = addresses();
            self.looked = Instant::now();
        }
        self.addresses.get(&address)
    }
}

fn addresses() -> HashMap<IpAddr, Namespace> {
    let mut all = HashMap::new();
    let own = fs::read_link("/proc/self/ns/net").ok();
    let mut seen = HashSet::new();
    for pid in owners::processes() {
        // Where this process may not look, the containers' addresses stay unknown.
        let Ok(network) = fs::read_link(format!("/proc/{pid}/ns/net")) else {
            continue;
        };
        if Some(&network) == own.as_ref() || seen.len() >= MOST || !seen.insert(network) {
            continue;
        }
        let found = table(pid, "fib_trie").map(|text| ipv4(&text));
        let more = table(pid, "if_inet6").map(|text| ipv6(&text));
        for address in found.into_iter().chain(more).flatten() {
            all.insert(address, Namespace::Of(pid));
        }
    }
    for interface in getifaddrs().into_iter().flatten() {
        let Some(address) = interface.address else {
            continue;
        };
        let v4 = address
            .as_sockaddr_in()
            .map(|address| IpAddr::V4(address.ip()));
        let v6 = address
            .as_sockaddr_in6()
            .map(|address| IpAddr::V6(address.ip()));
        if let Some(address) = v4.or(v6) {
            all.insert(address, Namespace::Own);
        }
    }
    all
}

fn table(pid: u32, name: &str) -> Option<String> {
    let mut text = String::new();
    let file = File::open(format!("/proc/{pid}/net/{name}")).ok()?;
    file.take(MOST_TABLE).read_to_string(&mut text).ok()?;
    Some(text)
}

/// The addresses in `fib_trie`: each stands above a line that says that it is the host's own.
fn ipv4(table: &str) -> Vec<IpAddr> {
    let mut found: Vec<IpAddr> = Vec::new();
    let mut last = None;
    for line in table.lines() {
        if let Some(address) = line.trim_start().strip_prefix("|-- ") {
            last = address.trim().parse::<Ipv4Addr>().ok();
        } else if line.contains("/32 host LOCAL")
            && let Some(address) = last
            && !address.is_loopback()
            && !found.contains(&IpAddr::V4(address))
        {
            found.push(IpAddr::V4(address));
        }
    }
    found
}

/// The addresses in `if_inet6`: 32 hexadecimal digits each.
fn ipv6(table: &str) -> Vec<IpAddr> {
    table
        .lines()
        .filter_map(|line| u128::from_str_radix(line.get(..32)?, 16).ok())
        .map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits)))
        .filter(|address| !address.is_loopback())
        .collect()
}

/// The socket with these ends in the network of this process.
pub(super) fn socket(pid: u32, local: SocketAddr, remote: SocketAddr) -> Option<Owned> {
    let mapped = |end: SocketAddr| match end.ip() {
        IpAddr::V4(address) => SocketAddr::new(address.to_ipv6_mapped().into(), end.port()),
        IpAddr::V6(_) => end,
    };
    let plain = local.is_ipv4().then(|| table(pid, "tcp")).flatten();
    plain
        .and_then(|text| in_table(&text, local, remote))
        .or_else(|| in_table(&table(pid, "tcp6")?, mapped(local), mapped(remote)))
}

/// A line of `tcp` or `tcp6` (proc_pid_net(5)): number, both ends, and further on the user and the inode.
pub(super) fn in_table(table: &str, local: SocketAddr, remote: SocketAddr) -> Option<Owned> {
    table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_ascii_whitespace();
        let (here, there) = (fields.nth(1)?, fields.next()?);
        if end(here)? != local || end(there)? != remote {
            return None;
        }
        let (user, inode) = (fields.nth(4)?.parse().ok()?, fields.nth(1)?.parse().ok()?);
        (inode != 0).then_some(Owned { inode, user })
    })
}

/// An end: words of the address in the machine's own byte order, and the port.
fn end(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let mut bytes = [0; 16];
    let (words, rest) = address.as_bytes().as_chunks::<8>();
    if !rest.is_empty() || words.len() > 4 {
        return None;
    }
    for (word, place) in words.iter().zip(bytes.chunks_exact_mut(4)) {
        let word = u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok()?;
        place.copy_from_slice(&word.to_ne_bytes());
    }
    let address = match words.len() {
        1 => IpAddr::V4(Ipv4Addr::from_octets(*bytes.first_chunk()?)),
        4 => IpAddr::V6(Ipv6Addr::from_octets(bytes)),
        _ => return None,
    };
    Some(SocketAddr::new(
        address,
        u16::from_str_radix(port, 16).ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_socket_is_found_in_the_tables_as_the_kernel_finds_it() {
        let sockets = super::super::sockets::Sockets::new().unwrap();
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(address).unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (local, remote) = (client.local_addr().unwrap(), client.peer_addr().unwrap());
            let found = socket(std::process::id(), local, remote);
            assert!(found.is_some());
            assert_eq!(found, sockets.find(local, remote));
            assert_eq!(socket(std::process::id(), remote, remote), None);
        }
    }

    #[test]
    fn addresses_are_read_from_the_tables_of_a_network() {
        let trie = "Local:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 172.17.0.2\n        /32 host LOCAL\n     |-- 172.17.255.255\n        \
                    /32 link BROADCAST\n     |-- 127.0.0.1\n        /32 host LOCAL\n";
        assert_eq!(ipv4(trie), ["172.17.0.2".parse::<IpAddr>().unwrap()]);
        let six = "fd000000000000000000000000000002 1c 40 00 80 eth0\n00000000000000000000000000000001 01 80 10 80 lo\nx\n";
        assert_eq!(ipv6(six), ["fd00::2".parse::<IpAddr>().unwrap()]);
    }
}
