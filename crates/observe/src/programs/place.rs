//! Which service or container a process runs in, by its control groups (cgroups(7)).

use std::fs::{self, File};
use std::io::Read;

use serde::Deserialize;

/// Digits that tell containers apart, as Docker shows them.
const SHORT: usize = 12;
/// Bytes of what a container engine says of a container.
const MOST_CONFIGURATION: u64 = 1 << 20;

/// The container or the service, as text; `None` where it is in neither. `cgroup` is the process's `/proc/PID/cgroup`.
pub(super) fn of(cgroup: &str, pid: u32) -> Option<String> {
    let paths = || cgroup.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    if let Some(container) = paths().find_map(container) {
        let name = container.name(pid);
        return Some(format!("container {name}"));
    }
    paths().find_map(service).map(str::to_owned)
}

/// A container, as far as the control group names it.
#[derive(Debug, PartialEq, Eq)]
enum Container<'a> {
    /// By its id.
    Id(&'a str),
    /// By its name.
    Named(&'a str),
}

/// What Docker says of a container.
#[derive(Deserialize)]
struct Configuration {
    #[serde(rename = "Name")]
    name: String,
}

impl Container<'_> {
    /// Its name where that can be read: ids change with every start.
    fn name(&self, pid: u32) -> String {
        let id = match self {
            Self::Named(name) => return plain(name),
            Self::Id(id) => *id,
        };
        let short = id.get(..SHORT).unwrap_or(id);
        docker(id)
            .or_else(|| host(pid).filter(|host| !id.starts_with(host.as_str())))
            .map_or_else(|| short.to_owned(), |name| plain(&name))
    }
}

fn docker(id: &str) -> Option<String> {
    let path = format!("/var/lib/docker/containers/{id}/config.v2.json");
    let file = File::open(path).ok()?.take(MOST_CONFIGURATION);
    let configuration: Configuration = serde_json::from_reader(file).ok()?;
    let name = configuration.name.trim_start_matches('/');
    (!name.is_empty()).then(|| name.to_owned())
}

/// The name that the container goes by inside; in Kubernetes that is the pod's.
fn host(pid: u32) -> Option<String> {
    let mut text = String::new();
    let file = File::open(format!("/proc/{pid}/root/etc/hostname")).ok()?;
    file.take(256).read_to_string(&mut text).ok()?;
    let own = fs::read_to_string("/etc/hostname").unwrap_or_default();
    let name = text.trim();
    (!name.is_empty() && name != own.trim()).then(|| name.to_owned())
}

/// Somebody else's name, as far as it is one.
fn plain(name: &str) -> String {
    let fits = |character: &char| character.is_ascii_alphanumeric() || "-_.".contains(*character);
    name.chars().filter(fits).take(64).collect()
}

fn container(path: &str) -> Option<Container<'_>> {
    let mut parts = path.split('/').filter(|part| !part.is_empty()).peekable();
    while let Some(part) = parts.next() {
        let bare = part.strip_suffix(".scope").unwrap_or(part);
        let bare = ["docker-", "cri-containerd-", "crio-", "libpod-"]
            .iter()
            .find_map(|prefix| bare.strip_prefix(prefix))
            .unwrap_or(bare);
        if bare.len() == 64 && bare.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Some(Container::Id(bare));
        }
        // LXC, systemd-nspawn and their like have names.
        if let Some(name) = part.strip_prefix("lxc.payload.") {
            return Some(Container::Named(name));
        }
        if let ("lxc", Some(name)) = (part, parts.peek()) {
            return Some(Container::Named(name));
        }
        if let Some(name) = part
            .strip_prefix("machine-")
            .and_then(|name| name.strip_suffix(".scope"))
        {
            return Some(Container::Named(name));
        }
    }
    None
}

/// The innermost unit of systemd that says something: sessions and the user's manager say nothing.
fn service(path: &str) -> Option<&str> {
    path.rsplit('/').find(|part| {
        let is_unit = part.ends_with(".service")
            || (part.ends_with(".scope") && !part.starts_with("session-") && *part != "init.scope");
        is_unit && !part.starts_with("user@") && part.len() <= 64
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "3f2a9c1b0d4e5f60718293a4b5c6d7e8f90123456789abcdef0123456789abcd";

    #[test]
    fn containers_and_services_are_told_by_their_groups() {
        for (path, expected) in [
            (format!("/docker/{ID}"), Container::Id(ID)),
            (
                format!("/system.slice/docker-{ID}.scope"),
                Container::Id(ID),
            ),
            (
                format!("/kubepods.slice/kubepods-pod1.slice/cri-containerd-{ID}.scope"),
                Container::Id(ID),
            ),
            (
                format!("/machine.slice/libpod-{ID}.scope/container"),
                Container::Id(ID),
            ),
            ("/lxc/web1/ns".to_owned(), Container::Named("web1")),
            (
                "/lxc.payload.web1/system.slice/a.service".to_owned(),
                Container::Named("web1"),
            ),
            (
                "/machine.slice/machine-web1.scope".to_owned(),
                Container::Named("web1"),
            ),
        ] {
            assert_eq!(container(&path), Some(expected), "{path}");
        }
        for (path, expected) in [
            ("/system.slice/nginx.service", Some("nginx.service")),
            (
                "/system.slice/system-getty.slice/getty@tty1.service",
                Some("getty@tty1.service"),
            ),
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice/sync.service",
                Some("sync.service"),
            ),
            ("/user.slice/user-1000.slice/session-3.scope", None),
            ("/init.scope", None),
            ("/", None),
        ] {
            assert_eq!((container(path), service(path)), (None, expected), "{path}");
        }
        let cgroup = "12:memory:/\n0::/system.slice/cron.service\n";
        assert_eq!(of(cgroup, 1).as_deref(), Some("cron.service"));
        assert_eq!(of("garbage\n::\n", 1), None);
    }
}
