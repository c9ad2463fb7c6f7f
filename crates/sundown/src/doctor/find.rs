//! Which runtimes are there: the programs in the places that are looked at, each real file once.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use super::kind::{KINDS, Kind};
use super::places::{PLACES, Place, SHIMS};

/// Entries of one directory that are looked at: `/usr/bin` has a few thousand.
const MOST_ENTRIES: usize = 20_000;
/// Directories that a `*` stands for at most: nobody keeps as many versions.
const MOST_DIRECTORIES: usize = 200;
/// Programs that are asked at most; more is no machine of a developer.
pub(super) const MOST_PROGRAMS: usize = 200;

/// A program, and where it was found first.
#[derive(Clone)]
pub(super) struct Program {
    pub(super) kind: &'static Kind,
    /// As it was found.
    pub(super) path: PathBuf,
    /// What that leads to.
    pub(super) real: PathBuf,
}

/// What was found.
pub(super) struct Found {
    pub(super) programs: Vec<Program>,
    /// Whether there are more than are asked.
    pub(super) more: bool,
}

/// The programs of these kinds in these places, by kind, then in the order in which they were found.
pub(super) fn programs(places: &[PathBuf], wanted: &[&'static Kind]) -> Found {
    let mut seen = BTreeSet::new();
    let mut programs: Vec<Program> = Vec::new();
    for place in places {
        for file in files(place) {
            let name = file.file_name().and_then(OsStr::to_str).unwrap_or_default();
            let Some(kind) = wanted.iter().find(|kind| kind.is_called(name)) else {
                continue;
            };
            let Some((real, inode)) = runnable(&file) else {
                continue;
            };
            // One file under many names (BusyBox, snap) is as many programs, each known by its own name.
            let real_name = real.file_name().and_then(OsStr::to_str).unwrap_or_default();
            let name_counts = (!kind.is_called(real_name)).then(|| file.clone());
            if seen.insert((kind.id, inode, name_counts)) {
                programs.push(Program {
                    kind,
                    path: file,
                    real,
                });
            }
        }
    }
    let order = |program: &Program| KINDS.iter().position(|kind| kind.id == program.kind.id);
    programs.sort_by_key(order);
    let more = programs.len() > MOST_PROGRAMS;
    programs.truncate(MOST_PROGRAMS);
    Found { programs, more }
}

/// A place that was named: a program, or a directory; the names in it are read in order.
fn files(place: &Path) -> Vec<PathBuf> {
    if place.is_file() {
        return vec![place.to_owned()];
    }
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries
        .take(MOST_ENTRIES)
        .map(|entry| entry.path())
        .collect();
    files.sort();
    files
}

/// The real file, by its path and as the file system counts (hard links are one), where somebody may run it. Stand-ins that choose a version, and would perhaps fetch one, are left out.
fn runnable(file: &Path) -> Option<(PathBuf, (u64, u64))> {
    let real = file.canonicalize().ok()?;
    let meta = fs::metadata(&real).ok()?;
    let runs = meta.is_file() && meta.permissions().mode() & 0o111 != 0;
    let rustup = real.file_name() == Some(OsStr::new("rustup"));
    (runs && !rustup && !is_shim(file)).then(|| (real, (meta.dev(), meta.ino())))
}

fn is_shim(file: &Path) -> bool {
    let directory = file.parent().unwrap_or(file);
    SHIMS.iter().any(|shims| directory.ends_with(shims))
}

/// `PATH` and the usual places, by these variables; each directory once.
pub(super) fn usual(variable: impl Fn(&str) -> Option<PathBuf>) -> Vec<PathBuf> {
    let path = variable("PATH").unwrap_or_default();
    // A place relative to where one stands is no place of the machine.
    let on_path = std::env::split_paths(&path).filter(|directory| directory.is_absolute());
    let home = variable("HOME").filter(|home| home.is_absolute());
    let usual = PLACES
        .iter()
        .filter_map(|place| pattern(place, home.as_deref(), &variable))
        .flat_map(|pattern| expanded(&pattern));
    let mut seen = BTreeSet::new();
    on_path
        .chain(usual)
        // `/bin` is most often `/usr/bin`.
        .filter(|directory| {
            directory
                .canonicalize()
                .is_ok_and(|real| real.is_dir() && seen.insert(real))
        })
        .collect()
}

/// The pattern of a place, its beginning filled in.
fn pattern(
    place: &Place,
    home: Option<&Path>,
    variable: impl Fn(&str) -> Option<PathBuf>,
) -> Option<PathBuf> {
    let (usual, rest) = place
        .pattern
        .split_once("//")
        .unwrap_or((place.pattern, ""));
    let moved = place
        .variable
        .and_then(&variable)
        .filter(|moved| moved.is_absolute());
    let start = match (moved, usual) {
        (Some(moved), _) => moved,
        (None, "") => return None,
        (None, usual) => match usual.strip_prefix("~/") {
            Some(below) => home?.join(below),
            None => PathBuf::from(usual),
        },
    };
    Some(match rest {
        "" | "." => start,
        rest => start.join(rest),
    })
}

/// The directories that a pattern stands for, in order.
fn expanded(pattern: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for part in pattern.components() {
        let star = match part {
            Component::Normal(name) => name.to_str().and_then(|name| name.split_once('*')),
            _ => None,
        };
        let Some((front, back)) = star else {
            for directory in &mut found {
                directory.push(part);
            }
            continue;
        };
        found = found
            .iter()
            .flat_map(|directory| files(directory))
            .filter(|below| {
                let name = below
                    .file_name()
                    .and_then(OsStr::to_str)
                    .unwrap_or_default();
                let fits = name
                    .strip_prefix(front)
                    .is_some_and(|rest| rest.ends_with(back));
                fits && below.is_dir()
            })
            .take(MOST_DIRECTORIES)
            .collect();
    }
    found
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn program(path: &Path) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "#!/bin/sh\n").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn names(found: &Found, below: &Path) -> Vec<String> {
        let name = |program: &Program| {
            let path = program.path.strip_prefix(below).unwrap();
            format!("{} {}", program.kind.id, path.display())
        };
        found.programs.iter().map(name).collect()
    }

    #[test]
    fn each_real_file_is_found_once_and_only_where_it_can_be_run() {
        let directory = tempfile::tempdir().unwrap();
        let top = directory.path();
        program(&top.join("bin/python3.11"));
        symlink("python3.11", top.join("bin/python3")).unwrap();
        symlink(top.join("bin/python3.11"), top.join("bin/python")).unwrap();
        fs::hard_link(top.join("bin/python3.11"), top.join("bin/python3.1")).unwrap();
        symlink("nowhere", top.join("bin/ruby")).unwrap();
        fs::write(top.join("bin/node"), "not executable").unwrap();
        fs::create_dir(top.join("bin/perl")).unwrap();
        program(&top.join("bin/busybox"));
        symlink("busybox", top.join("bin/wget")).unwrap();
        symlink("busybox", top.join("bin/openssl")).unwrap();
        program(&top.join("shims/ruby"));
        program(&top.join("bin/rustup"));
        symlink("rustup", top.join("bin/cargo")).unwrap();

        let found = programs(
            &[top.join("bin"), top.join("shims"), top.join("missing")],
            &KINDS,
        );
        assert_eq!(
            names(&found, top),
            ["python bin/python", "wget bin/wget", "openssl bin/openssl"]
        );
        assert!(!found.more);
        let one = programs(&[top.join("bin/python3")], &KINDS);
        assert_eq!(names(&one, top), ["python bin/python3"]);
        assert!(
            programs(&[top.join("bin")], &[&super::super::kinds::java::KIND])
                .programs
                .is_empty()
        );
    }

    #[test]
    fn managers_are_looked_at_where_they_are_or_where_a_variable_says() {
        let directory = tempfile::tempdir().unwrap();
        let top = directory.path();
        for version in ["2.7.18", "3.12.1"] {
            program(&top.join(".pyenv/versions").join(version).join("bin/python"));
        }
        program(&top.join(".asdf/installs/nodejs/0.10.48/bin/node"));
        program(&top.join("elsewhere/v0.8.28/bin/node"));
        program(&top.join("jdk/bin/java"));
        let variable = |name: &str| match name {
            "HOME" => Some(top.to_owned()),
            "NVM_DIR" => Some(top.join("elsewhere")),
            "JAVA_HOME" => Some(top.join("jdk")),
            "PATH" => Some(PathBuf::from(".:relative::/nonexistent")),
            _ => None,
        };
        let places: Vec<PathBuf> = usual(variable)
            .into_iter()
            .filter(|place| place.starts_with(top))
            .collect();
        let found = names(&programs(&places, &KINDS), top);
        let expected = [
            "python .pyenv/versions/2.7.18/bin/python",
            "python .pyenv/versions/3.12.1/bin/python",
            "node elsewhere/v0.8.28/bin/node",
            "node .asdf/installs/nodejs/0.10.48/bin/node",
            "java jdk/bin/java",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn too_many_are_cut_and_it_is_said() {
        let directory = tempfile::tempdir().unwrap();
        for number in 0..=MOST_PROGRAMS {
            program(&directory.path().join(format!("python3.{number}")));
        }
        let found = programs(&[directory.path().to_owned()], &KINDS);
        assert!(found.more && found.programs.len() == MOST_PROGRAMS);
    }
}
