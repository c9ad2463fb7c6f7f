//! One line for each hello that huginn-net-tls finds in a capture: client, server, JA4.

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;

use huginn_net_tls::{HuginnNetTls, TlsClientOutput};

/// Connections that it may follow at once: more than there are in any capture that it is measured with.
const MOST: usize = 100_000;

fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("a capture has to be named");
        return ExitCode::from(2);
    };
    let (sender, found) = mpsc::channel();
    let writer = thread::spawn(move || write(found));
    let read = HuginnNetTls::new(MOST).analyze_pcap(&path, sender, None);
    match (read, writer.join()) {
        (Ok(()), Ok(Ok(()))) => ExitCode::SUCCESS,
        (read, written) => {
            eprintln!("{path}: {read:?} {written:?}");
            ExitCode::from(2)
        }
    }
}

fn write(found: mpsc::Receiver<TlsClientOutput>) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    for hello in found {
        writeln!(
            out,
            "{} {},{} {},{}",
            hello.source.ip,
            hello.source.port,
            hello.destination.ip,
            hello.destination.port,
            hello.sig.ja4.full.value(),
        )?;
    }
    out.flush()
}
