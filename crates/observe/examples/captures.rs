//! Reads captures and writes one row of CSV for each TLS connection: who offered what to whom, and what was agreed.
//!
//! `cargo run --release -p sundown-observe --example captures -- FILE... > rows.csv`
#![allow(clippy::print_stderr, reason = "a small program for people")]

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::sync::Arc;

use hello::Offer;
use observe::Evidence;

fn main() -> ExitCode {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut code = ExitCode::SUCCESS;
    for path in std::env::args().skip(1) {
        if let Err(error) = read(&path, &mut out) {
            eprintln!("{path}: {error}");
            code = ExitCode::from(2);
        }
    }
    if out.flush().is_err() {
        return ExitCode::from(2);
    }
    code
}

fn read(path: &str, out: &mut impl Write) -> io::Result<()> {
    let source: Arc<str> = path.into();
    let mut failed = Ok(());
    let summary = observe::capture::read(File::open(path)?, &source, &mut |evidence| {
        failed = row(out, &evidence);
        if failed.is_err() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })?;
    failed?;
    eprintln!("{path}: {summary:?}");
    match summary.problem {
        Some(problem) => Err(io::Error::new(io::ErrorKind::InvalidData, problem)),
        None => Ok(()),
    }
}

fn row(out: &mut impl Write, evidence: &Evidence<'_>) -> io::Result<()> {
    let text = |value: Option<String>| value.unwrap_or_default();
    let whole = evidence.offer.as_ref().filter(|offer| !offer.is_partial());
    let agreed = evidence.negotiated.as_ref();
    writeln!(
        out,
        "{},{},{},{},{},{},{},{},{},{},{},{:?}",
        text(evidence.address.map(|address| address.to_string())),
        text(evidence.server.map(|server| server.to_string())),
        evidence.sni.unwrap_or_default(),
        text(
            whole
                .map(Offer::max_version)
                .map(|version| version.to_string())
        ),
        text(agreed.map(|agreed| agreed.version.to_string())),
        agreed.map_or("", |agreed| agreed.cipher),
        agreed.and_then(|agreed| agreed.group).unwrap_or_default(),
        agreed.is_some_and(|agreed| agreed.resumed),
        text(whole.map(hello::ja3)),
        text(whole.map(hello::ja4)),
        evidence.first,
        evidence.outcome,
    )
}
