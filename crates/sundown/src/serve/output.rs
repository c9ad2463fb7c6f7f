//! Standard output of `sundown serve`: what it listens on, then one line for each sighting.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::iter::once;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use advice::{Clues, Knowledge};
use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use ledger::{Outcome, Receiver, Sighting};
use serde::Serialize;

use crate::cli::Output;
use crate::words::when;

/// How long sightings are gathered before they are written: nobody watching notices.
const BATCH: Duration = Duration::from_millis(50);

/// Room for the sightings of a busy batch in one write.
const BUFFER: usize = 256 * 1024;

/// Columns for the client: a name, a version and a library.
const CLIENT: usize = 40;

/// What is said once, before the first connection.
#[derive(Serialize)]
pub(super) struct Listening {
    #[serde(skip)]
    pub(super) addresses: Vec<SocketAddr>,
    /// Where TLS is passed through.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) gates: Vec<SocketAddr>,
    pub(super) local_ca: Option<PathBuf>,
    pub(super) plan: String,
    /// The plan's clock, where it was set.
    pub(super) clock: Option<Timestamp>,
    /// Where metrics are, if anywhere.
    pub(super) admin: Option<String>,
    /// Where the console is, if anywhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) console: Option<String>,
    /// What is on hold, in words.
    pub(super) holds: Vec<String>,
    /// The plan turns nobody away, ever.
    #[serde(skip)]
    pub(super) ends_nothing: bool,
}

impl Listening {
    fn urls(&self) -> Vec<String> {
        self.addresses
            .iter()
            .map(|address| format!("https://{address}"))
            .collect()
    }
}

/// One JSON line, told apart by `event`.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Event<'a> {
    Listening {
        urls: Vec<String>,
        #[serde(flatten)]
        listening: &'a Listening,
    },
    Sighting(&'a Sighting),
}

/// Writes in the form that was asked for.
pub(super) struct Writer {
    form: Output,
}

impl Writer {
    pub(super) fn new(form: Output) -> Self {
        let form = match form {
            Output::Auto if io::stdout().is_terminal() => Output::Human,
            Output::Auto => Output::Json,
            form => form,
        };
        Self { form }
    }

    /// Says where the edge listens and how to trust it.
    pub(super) fn listening(&self, listening: &Listening) -> io::Result<()> {
        let mut out = anstream::stdout().lock();
        if self.form == Output::Json {
            serde_json::to_writer(
                &mut out,
                &Event::Listening {
                    urls: listening.urls(),
                    listening,
                },
            )?;
            return writeln!(out);
        }
        let bold = Style::new().bold();
        for url in listening.urls() {
            writeln!(
                out,
                "{bold}{url}{bold:#}   every client can see what it negotiated at {url}/ssl/"
            )?;
        }
        for gate in &listening.gates {
            writeln!(
                out,
                "{bold}{gate}{bold:#}   TLS passes through here, seen and judged"
            )?;
        }
        if let Some(ca) = &listening.local_ca {
            let url = listening.urls().into_iter().next().unwrap_or_default();
            writeln!(
                out,
                "Certificates are from a local authority. Trust it for one call:\n  curl --cacert {} {url}/ssl/",
                ca.display()
            )?;
        }
        write!(out, "Plan: {}", listening.plan)?;
        if let Some(clock) = listening.clock {
            write!(out, ", its clock set to {} UTC", when(clock))?;
        }
        writeln!(out)?;
        if let Some(admin) = &listening.admin {
            writeln!(out, "Metrics: {admin}/metrics")?;
        }
        if let Some(console) = &listening.console {
            writeln!(out, "Console: {console}")?;
        }
        for hold in &listening.holds {
            writeln!(out, "{bold}{hold}{bold:#}. `sundown resume` lifts it.")?;
        }
        if listening.ends_nothing {
            writeln!(
                out,
                "This plan warns and turns nobody away. `sundown init` writes one with dates."
            )?;
        }
        writeln!(out)
    }

    /// Writes every sighting until the last, in batches: waking this thread for each would cost the edge more
    /// than the writing does.
    pub(super) fn write_all(&self, sightings: Receiver) {
        if self.form == Output::None {
            // Without a reader nothing is handed over, and nobody is woken for it.
            return drop(sightings);
        }
        let mut out = self.stdout();
        while let Ok(first) = sightings.recv() {
            thread::sleep(BATCH);
            let written = once(first)
                .chain(sightings.try_iter())
                .filter(|entry| entry.is_last)
                .try_for_each(|entry| self.write(&mut out, &entry.sighting))
                .and_then(|()| out.flush());
            if written.is_err() {
                // Nobody reads any more: the edge goes on, and the totals with it.
                return sightings.iter().for_each(drop);
            }
        }
    }

    fn stdout(&self) -> BufWriter<Box<dyn Write>> {
        BufWriter::with_capacity(
            BUFFER,
            match self.form {
                Output::Human => Box::new(anstream::stdout()),
                _ => Box::new(io::stdout()),
            },
        )
    }

    fn write(&self, out: &mut impl Write, sighting: &Sighting) -> io::Result<()> {
        match self.form {
            Output::None => Ok(()),
            Output::Human => write_human(out, sighting),
            Output::Auto | Output::Json => {
                serde_json::to_writer(&mut *out, &Event::Sighting(sighting))?;
                writeln!(out)
            }
        }
    }
}

/// `12:00:01  192.0.2.7  TLSv1  refuse  Node.js 0.8 (OpenSSL 1.0.0)  alert 70 protocol_version`
fn write_human(out: &mut impl Write, sighting: &Sighting) -> io::Result<()> {
    let time = sighting.at.strftime("%Y-%m-%d %H:%M:%S");
    let address = sighting
        .address
        .map_or_else(|| "-".to_owned(), |address| address.to_string());
    let version = sighting
        .negotiated
        .as_ref()
        .map(|negotiated| negotiated.version)
        .or(sighting.offered);
    let version = version.map_or_else(|| "-".to_owned(), |version| version.to_string());
    let (word, colour) = word(sighting);
    let style = Style::new().fg_color(Some(colour.into()));
    writeln!(
        out,
        "{time}  {address:<15}  {version:<7}  {style}{word:<9}{style:#}  {:<CLIENT$}  {}",
        client(sighting),
        ending(sighting)
    )
}

fn word(sighting: &Sighting) -> (&'static str, AnsiColor) {
    let requests = &sighting.requests;
    match &sighting.outcome {
        Outcome::Terminated if requests.explained > 0 => ("explained", AnsiColor::Red),
        Outcome::Terminated if requests.warned > 0 => ("warned", AnsiColor::Yellow),
        Outcome::Terminated
            if sighting
                .judged
                .as_ref()
                .is_some_and(|judged| judged.sunset.is_some()) =>
        {
            ("misses", AnsiColor::Yellow)
        }
        Outcome::Terminated => ("served", AnsiColor::Green),
        Outcome::Passed
            if sighting
                .judged
                .as_ref()
                .is_some_and(|judged| judged.sunset.is_some()) =>
        {
            ("misses", AnsiColor::Yellow)
        }
        Outcome::Passed => ("passed", AnsiColor::Green),
        Outcome::Refused { .. } => ("refused", AnsiColor::Red),
        _ => ("failed", AnsiColor::Magenta),
    }
}

fn client(sighting: &Sighting) -> String {
    let Some(offer) = &sighting.offer else {
        return "-".to_owned();
    };
    let (ja3, ja4) = (hello::ja3(offer), hello::ja4(offer));
    let clues = Clues {
        user_agent: sighting.user_agent.as_deref(),
        ja3: Some(&ja3),
        ja4: Some(&ja4),
        max_protocol: offer.max_version(),
    };
    match Knowledge::embedded().recognise(&clues) {
        Some(runtime) => {
            let version = runtime
                .version
                .map_or_else(String::new, |version| format!(" {version}"));
            let library = runtime
                .library
                .map_or_else(String::new, |library| format!(" ({library})"));
            format!("{}{version}{library}", runtime.runtime)
        }
        None => sighting.user_agent.as_deref().map_or(ja4, |agent| {
            agent
                .chars()
                .filter(|c| !c.is_control())
                .take(CLIENT)
                .collect()
        }),
    }
}

fn ending(sighting: &Sighting) -> String {
    let alert = |code: u8| {
        format!(
            "alert {code} {}",
            hello::names::alert(code).unwrap_or("unknown")
        )
    };
    match &sighting.outcome {
        Outcome::Terminated => match sighting.requests.total() {
            0 => "no request".to_owned(),
            1 => "1 request".to_owned(),
            total => format!("{total} requests"),
        },
        Outcome::Passed => "passed through".to_owned(),
        Outcome::UpstreamRefused { alert: code } => format!("the upstream sent {}", alert(*code)),
        Outcome::Refused { alert: code } => alert(*code),
        Outcome::Unservable { alert: code } => {
            format!("{}: nothing in common with this edge", alert(*code))
        }
        Outcome::HandshakeFailed {
            reason,
            alert: Some(code),
        } => format!("{reason}: the client sent {}", alert(*code)),
        Outcome::HandshakeFailed {
            reason,
            alert: None,
        } => (*reason).to_owned(),
        Outcome::NotTls { protocol } => format!("not TLS: {}", protocol.label()),
        Outcome::Malformed { reason } => reason.clone(),
        Outcome::ClosedEarly { bytes } => format!("closed after {bytes} bytes"),
        outcome => outcome.label().to_owned(),
    }
}
