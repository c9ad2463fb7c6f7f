//! Sundown's command line: reads what was typed, hands it to a room, shows what comes back.

mod advise;
mod check;
mod cli;
mod config;
mod console;
mod demo;
mod doctor;
mod evidence;
mod floors;
mod init;
mod ledger;
mod levers;
mod link;
mod notice;
mod notify;
mod plan;
mod replay;
mod report;
mod serve;
mod show;
mod simulate;
mod standing;
mod table;
mod trail;
mod watch;
mod words;

use std::io::{self, ErrorKind};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use cli::{Cli, Command};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a command ends with when it could not do its work (0 and 1 are verdicts in `check` and `report`).
const FAILURE: u8 = 2;

fn main() -> ExitCode {
    let command = Cli::parse().command;
    if let Some(data_dir) = command.data_dir() {
        demo::say(data_dir);
    }
    let outcome = match command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Plan(arguments) => plan::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Simulate(arguments) => simulate::run(&arguments),
        Command::Console(arguments) => console::run(&arguments),
        Command::Hold(arguments) => levers::hold(&arguments.lever),
        Command::Resume(arguments) => levers::resume(&arguments.lever),
        Command::Audit(arguments) => trail::run(&arguments),
        Command::Watch(arguments) => watch::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Ledger(command) => ledger::run(&command),
        Command::Advise(arguments) => advise::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Notice(arguments) => notice::run(&arguments),
        Command::Notify(arguments) => notify::run(&arguments),
        Command::Link(arguments) => link::run(&arguments),
        Command::Evidence(arguments) => evidence::run(&arguments),
        Command::Init(arguments) => init::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Floors(arguments) => floors::run(&arguments),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "sundown", &mut io::stdout());
            Ok(ExitCode::SUCCESS)
        }
    };
    outcome.unwrap_or_else(|error| {
        if reader_is_gone(&error) {
            return ExitCode::SUCCESS;
        }
        config::report(&error);
        ExitCode::from(FAILURE)
    })
}

/// A reader that has seen enough (`| head`) is no failure.
fn reader_is_gone(error: &anyhow::Error) -> bool {
    let cause = error.root_cause();
    let kind = match cause.downcast_ref::<serde_json::Error>() {
        Some(error) => error.io_error_kind(),
        None => cause.downcast_ref().map(io::Error::kind),
    };
    kind == Some(ErrorKind::BrokenPipe)
}
