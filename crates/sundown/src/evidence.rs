//! `sundown evidence`: a pack for the auditor, and whether one is as it was sealed.

mod arguments;

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use audit::Trail;
use edge::Clock;
use evidence::{Checked, Key, Pack, Period, Sources};
use ledger::people::Marked;
use serde::Serialize;

use crate::config::{self, Config};
use crate::demo;
use crate::report::moment;

pub(crate) use arguments::EvidenceArguments;
use arguments::{EvidenceCommand, KeyArguments, VerifyArguments};

/// A pack is not as it was sealed.
const CHANGED: u8 = 1;
/// The key that decides shares is not needed to look back.
const NO_KEY: [u8; 16] = [0; 16];

pub(crate) fn run(arguments: &EvidenceArguments) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        None => make(arguments),
        Some(EvidenceCommand::Verify(arguments)) => verify(arguments),
        Some(EvidenceCommand::Key(arguments)) => key(arguments),
    }
}

fn make(arguments: &EvidenceArguments) -> anyhow::Result<ExitCode> {
    let Config { plan, .. } = config::load(arguments.config.as_deref(), NO_KEY)?;
    let now = arguments.as_of.unwrap_or_else(|| Clock::default().now());
    let until = arguments
        .until
        .and_then(|until| moment(until, now))
        .unwrap_or(now);
    let data = &arguments.data_dir;
    let ledger = Marked::open(data)?;
    let from = match moment(arguments.since, now) {
        Some(from) => from,
        None => ledger.ledger().info()?.first.unwrap_or(until),
    };
    if from >= until {
        bail!("the range from {from} to {until} has no time in it; --since comes before --until");
    }
    demo::say(data);
    let trail = Trail::of(data);
    let reading = trail.read()?;
    let sources = Sources {
        ledger: &ledger,
        plan: &plan,
        trail: &reading,
        version: env!("CARGO_PKG_VERSION"),
        demo: demo::is_demo(data),
    };
    let pack = evidence::build(sources, Period { from, until }, now)?;
    if arguments.json {
        let mut out = std::io::stdout().lock();
        serde_json::to_writer_pretty(&mut out, &pack)?;
        writeln!(out)?;
        return Ok(ExitCode::SUCCESS);
    }
    let directory = match &arguments.output {
        Some(directory) => directory.clone(),
        None => PathBuf::from(format!(
            "evidence-{}-{}",
            from.strftime("%Y%m%d"),
            until.strftime("%Y%m%d")
        )),
    };
    let key = Key::of(data)?;
    put(&pack, trail.path(), &directory, &key)?;
    say_made(&directory, &key)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the pack beside its place and moves it there, so that no half of one is ever taken for a whole.
fn put(pack: &Pack, trail: &Path, directory: &Path, key: &Key) -> anyhow::Result<()> {
    let is_in_use = match fs::read_dir(directory) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == ErrorKind::NotFound => false,
        Err(error) => {
            return Err(error).with_context(|| format!("cannot use {}", directory.display()));
        }
    };
    if is_in_use {
        bail!(
            "{} is not empty; a pack is not written over: name another directory with -o",
            directory.display()
        );
    }
    let parent = match directory.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    let room = tempfile::Builder::new()
        .prefix(".evidence-")
        .tempdir_in(parent)
        .with_context(|| format!("cannot write into {}", parent.display()))?;
    let files = evidence::write(pack, trail, room.path())?;
    evidence::seal(room.path(), &files, key, pack.made_at)?;
    share(room.path())?;
    let whole = room.keep();
    fs::rename(&whole, directory)
        .inspect_err(|_| drop(fs::remove_dir_all(&whole)))
        .with_context(|| format!("cannot make {}", directory.display()))
}

/// A pack is made to be handed on: it is as readable as what this user makes by hand.
fn share(directory: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("cannot share {}", directory.display()))
}

fn say_made(directory: &Path, key: &Key) -> std::io::Result<()> {
    let shown = directory.display();
    let mut out = anstream::stdout().lock();
    writeln!(
        out,
        "{shown} holds the evidence: read {shown}/{}.\n\nThe auditor checks it with\n  sundown evidence verify \
         {shown} --key {}\nor, without Sundown, in that directory\n  minisign -V -P {} -m SHA256SUMS && sha256sum -c \
         SHA256SUMS\nGive them that key by another way than the pack.",
        evidence::PAGE,
        key.public(),
        key.public()
    )
}

/// What `verify --json` says.
#[derive(Serialize)]
struct Verified<'a> {
    verdict: &'static str,
    findings: Vec<String>,
    key: &'a str,
    /// The key came with the pack.
    key_is_its_own: bool,
    comment: &'a str,
    files: &'a [String],
}

fn verify(arguments: &VerifyArguments) -> anyhow::Result<ExitCode> {
    let directory = &arguments.directory;
    // A file of minisign's, or the line itself.
    let key = arguments
        .key
        .as_ref()
        .map(|key| match fs::read_to_string(key) {
            Ok(text) => text
                .lines()
                .rfind(|line| !line.trim().is_empty())
                .unwrap_or_default()
                .to_owned(),
            Err(_) => key.clone(),
        });
    let checked = evidence::verify(directory, key.as_deref())?;
    let is_whole = checked.findings.is_empty();
    let mut out = anstream::stdout().lock();
    if arguments.json {
        serde_json::to_writer_pretty(
            &mut out,
            &Verified {
                verdict: if is_whole { "as-sealed" } else { "changed" },
                findings: checked.findings.iter().map(ToString::to_string).collect(),
                key: &checked.key,
                key_is_its_own: checked.key_is_its_own,
                comment: &checked.comment,
                files: &checked.files,
            },
        )?;
        writeln!(out)?;
    } else {
        say_checked(&mut out, directory, &checked)?;
    }
    Ok(if is_whole {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(CHANGED)
    })
}

fn say_checked(out: &mut impl Write, directory: &Path, checked: &Checked) -> std::io::Result<()> {
    let shown = directory.display();
    if !checked.findings.is_empty() {
        writeln!(out, "{shown} is not as it was sealed:")?;
        for finding in &checked.findings {
            writeln!(out, "  {}", report::printable(&finding.to_string()))?;
        }
        return Ok(());
    }
    writeln!(
        out,
        "{shown} is as it was sealed: {} files, {}.",
        checked.files.len(),
        report::printable(&checked.comment)
    )?;
    if checked.key_is_its_own {
        writeln!(
            out,
            "The key came with it, so this only shows that it is whole, not who sealed it. Compare\n  {}\nwith the key \
             that the platform gave you, or give that with --key.",
            checked.key
        )?;
    }
    Ok(())
}

fn key(arguments: &KeyArguments) -> anyhow::Result<ExitCode> {
    writeln!(
        anstream::stdout(),
        "{}",
        Key::of(&arguments.data_dir)?.public()
    )?;
    Ok(ExitCode::SUCCESS)
}
