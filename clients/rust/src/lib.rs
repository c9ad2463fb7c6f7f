//! Will this Rust program survive the server's next change of TLS?
//!
//! Asks a server's `/ssl/` what it thinks of this client, says the same of rustls in this program, and names the fix.
//!
//! ```no_run
//! let answer = sundown_check::check("https://api.example.com", &sundown_check::Options::default());
//! println!("{:?}", answer.verdict); // Ok, AtRisk, Blocked, Refused or Unknown
//! ```
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::sync::{mpsc, Arc};
use std::thread;
use std::time::Duration;

use serde::Serialize;

mod ask;
mod read;
mod show;
mod target;

pub use show::render;

/// What rustls is, in a summary.
const LIBRARY: &str = "rustls 0.23";
const RUNTIME: &str = "Rust";

/// What was found. Its JSON is the same in every language's helper.
#[derive(Clone, Debug, Serialize)]
pub struct Answer {
    /// What was asked.
    pub url: String,
    /// How this client stands with the server.
    pub verdict: Verdict,
    /// Whether it survives; absent where that is not known.
    pub survives: Option<bool>,
    /// The verdict in words.
    pub summary: String,
    /// This program's view of the connection.
    pub own: Own,
    /// The server's view of it.
    pub server: Option<Server>,
    /// Whether the two differ: then something in between re-encrypts.
    pub differs: Option<bool>,
    /// The server's floors.
    pub floors: Vec<Floor>,
    /// The alert that refused the handshake.
    pub alert: Option<&'static str>,
    /// What to change.
    pub fix: Option<Fix>,
    /// Where to ask for help.
    pub contact: Option<String>,
    /// What the library said.
    pub error: Option<String>,
}

/// How a client stands with a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Meets every floor.
    Ok,
    /// Misses a floor, and is still served.
    AtRisk,
    /// Its requests are turned away.
    Blocked,
    /// It gets no handshake.
    Refused,
    /// The server did not say.
    Unknown,
}

impl Verdict {
    /// The exit code: 0 survives, 1 will not, 2 could not tell.
    pub const fn exit(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::AtRisk | Self::Blocked | Self::Refused => 1,
            Self::Unknown => 2,
        }
    }
}

/// This program's view of the connection.
#[derive(Clone, Debug, Serialize)]
pub struct Own {
    /// `Rust`.
    pub runtime: &'static str,
    /// rustls and its version.
    pub library: &'static str,
    /// As OpenSSL spells it.
    pub protocol: Option<String>,
    /// The IANA name.
    pub cipher: Option<String>,
}

/// The server's view of the connection.
#[derive(Clone, Debug, Serialize)]
pub struct Server {
    /// As OpenSSL spells it.
    pub protocol: Option<String>,
    /// As OpenSSL spells it.
    pub cipher: Option<String>,
    /// The key exchange group.
    pub group: Option<String>,
    /// What the server takes this client for.
    pub client: Option<String>,
    /// Where its answer can be read again.
    pub report: Option<String>,
}

/// One floor of the server, and how this client stands with it.
#[derive(Clone, Debug, Serialize)]
pub struct Floor {
    /// The floor's name.
    pub name: Option<String>,
    /// What is being retired.
    pub sunset: Option<String>,
    /// The phase it is in.
    pub phase: Option<String>,
    /// `meets` or `misses`.
    pub verdict: Option<String>,
    /// Why it misses.
    pub because: Vec<String>,
    /// What would do.
    pub needed: Vec<String>,
    /// What comes next.
    pub next: Option<Next>,
    /// The end of the exception that keeps this client served.
    pub exception_until: Option<String>,
}

/// What happens to a client that misses, and when.
#[derive(Clone, Debug, Serialize)]
pub struct Next {
    /// The phase to come.
    pub phase: String,
    /// When it comes.
    pub at: String,
}

/// The change that is due, and the command that proves it.
#[derive(Clone, Debug, Serialize)]
pub struct Fix {
    /// In a sentence or three.
    pub summary: String,
    /// The line to write or to look for.
    pub snippet: Option<String>,
    /// A command.
    pub verify: Option<String>,
}

/// How to check.
#[derive(Clone, Debug)]
pub struct Options {
    /// A PEM file of the authorities to trust instead of the system's. Not with a configuration, which has its own.
    pub ca: Option<PathBuf>,
    /// What all of it may take.
    pub timeout: Duration,
    /// The configuration that the program itself uses, so that what is checked is what it does.
    pub config: Option<Arc<rustls::ClientConfig>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ca: None,
            timeout: Duration::from_secs(10),
            config: None,
        }
    }
}

/// Why the answer is unknown, and what the library said.
struct Unable {
    summary: String,
    said: Option<String>,
}

fn unable(summary: impl Into<String>, said: Option<&dyn ToString>) -> Unable {
    Unable {
        summary: summary.into(),
        said: said.map(ToString::to_string),
    }
}

/// Asks the URL, its `/ssl/` where it names no path.
pub fn check(url: &str, options: &Options) -> Answer {
    let mut answer = Answer {
        url: read::line(url).chars().take(200).collect(),
        verdict: Verdict::Unknown,
        survives: None,
        summary: String::new(),
        own: Own {
            runtime: RUNTIME,
            library: LIBRARY,
            protocol: None,
            cipher: None,
        },
        server: None,
        differs: None,
        floors: Vec::new(),
        alert: None,
        fix: None,
        contact: None,
        error: None,
    };
    // A socket's own timeout starts anew with each byte, and does not cover the look-up of a name.
    let (sender, receiver) = mpsc::channel();
    let (mut mine, target, own_options) = (answer.clone(), url.to_owned(), options.clone());
    thread::spawn(move || {
        if let Err(Unable { summary, said }) = ask::ask(&mut mine, &target, &own_options) {
            (mine.verdict, mine.summary, mine.error) = (Verdict::Unknown, summary, said);
        }
        // Nobody listens any more once the time is over.
        sender.send(mine).ok();
    });
    match receiver.recv_timeout(options.timeout) {
        Ok(found) => answer = found,
        Err(mpsc::RecvTimeoutError::Timeout) => answer.summary = late(options.timeout),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            answer.summary = "the check itself failed".to_owned()
        }
    }
    answer.error = answer.error.map(|said| read::line(&said));
    answer.survives = match answer.verdict.exit() {
        0 => Some(true),
        1 => Some(false),
        _ => None,
    };
    answer
}

fn late(timeout: Duration) -> String {
    format!("no complete answer within {} s", timeout.as_secs_f64())
}
