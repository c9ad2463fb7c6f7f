//! What can be typed after `sundown evidence`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::Timestamp;

use crate::cli::{Since, moment, since};

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
A pack is a directory: a page to read (index.html), the same as data (evidence.json), protocols, suites and groups as a \
CycloneDX 1.7 bill of materials (cbom.cdx.json), the audit trail, their sums (SHA256SUMS) and the signature of those \
(SHA256SUMS.minisig, Ed25519). The key is made in the data directory at the first time and stays there.

Exit codes: 0 made, or as it was sealed; 1 not as it was sealed; 2 it could not be made or read.

Examples:
  sundown evidence --since 2026-01-01 --until 2026-04-01
  sundown evidence verify evidence-20260101-20260401 --key RW..."
)]
pub(crate) struct EvidenceArguments {
    #[command(subcommand)]
    pub(super) command: Option<EvidenceCommand>,
    /// The configuration [default: sundown.toml where there is one, else the built-in plan]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// The edge's data directory: ledger, audit trail and key
    #[arg(long, value_name = "DIR", default_value = "sundown-data")]
    pub(super) data_dir: PathBuf,
    /// From when on: 2026-01-01, RFC 3339, a length of time before now such as 90d, or `ever`
    #[arg(long, value_name = "TIME", default_value = "90d", value_parser = since)]
    pub(super) since: Since,
    /// Until when, likewise [default: now]
    #[arg(long, value_name = "TIME", value_parser = since)]
    pub(super) until: Option<Since>,
    /// Where to write the pack; a directory that is empty or not there [default: named after the period]
    #[arg(long, short, value_name = "DIR")]
    pub(super) output: Option<PathBuf>,
    /// Takes this for the present moment instead of now: 2026-04-01, or RFC 3339
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(super) as_of: Option<Timestamp>,
    /// Prints the data (evidence.json) and makes no pack
    #[arg(long, conflicts_with = "output")]
    pub(super) json: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum EvidenceCommand {
    /// Checks a pack: its signature, its files, and the chain of its audit trail
    Verify(VerifyArguments),
    /// Prints the public key that packs of this data directory are sealed with
    Key(KeyArguments),
}

#[derive(Debug, Args)]
pub(super) struct VerifyArguments {
    /// The pack
    #[arg(value_name = "DIR")]
    pub(super) directory: PathBuf,
    /// The public key that the platform gave: the line itself or a file of minisign's [default: the one in the pack]
    #[arg(long, value_name = "KEY")]
    pub(super) key: Option<String>,
    /// JSON instead of words
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct KeyArguments {
    /// The edge's data directory
    #[arg(long, value_name = "DIR", default_value = "sundown-data")]
    pub(super) data_dir: PathBuf,
}
