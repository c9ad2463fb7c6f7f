//! `sundown notice`.
use clap::Args;
use std::process::ExitCode;
#[derive(Debug, Args)]
pub(crate) struct NoticeArguments {}
pub(crate) fn run(_: &NoticeArguments) -> anyhow::Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
