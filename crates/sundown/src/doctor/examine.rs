//! One runtime asked: who it is, what it offers, and what it negotiates with the server.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hello::Offer;

use super::find::Program;
use super::kind::{About, Asking, Call};
use super::relay::{Relay, Wire};
use super::route::Route;
use super::run::{End, Ended, run};
use super::said;
use super::wire::Chosen;
use crate::check::answer::{Answer, Explanation};
use crate::check::text::printable;

/// What all of them are asked with.
#[derive(Clone)]
pub(super) struct Questions {
    /// The server, where one was named.
    pub(super) server: Option<Server>,
    /// The authorities to trust instead of the machine's.
    pub(super) ca: Option<PathBuf>,
    /// How long each command may take.
    pub(super) limit: Duration,
}

/// The server that they shake hands with.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) route: Arc<Route>,
    /// The full address that is asked for.
    pub(super) url: String,
    pub(super) path: String,
}

/// The name that is offered where no server was named; it can belong to nobody (RFC 6761 section 6.4).
const NOBODY: &str = "doctor.sundown.invalid";

/// The longest error that is kept of a program.
const LONGEST_ERROR: usize = 300;

/// What was found of one runtime.
pub(super) struct Finding {
    pub(super) program: Program,
    /// `None` where it did not say who it is.
    pub(super) about: Option<About>,
    /// Why it was not asked for more, or why it could not say who it is.
    pub(super) not_asked: Option<String>,
    /// What it offered, as it went over the wire.
    pub(super) offer: Option<Offer>,
    /// What became of its handshake with the server; `None` without a server, or where it was not asked.
    pub(super) outcome: Option<Outcome>,
    /// What it says of that itself.
    pub(super) own: Own,
    /// What the server says of it.
    pub(super) answer: Option<Answer>,
    pub(super) explanation: Option<Explanation>,
}

/// What a runtime's own library says.
#[derive(Default)]
pub(super) struct Own {
    pub(super) protocol: Option<String>,
    pub(super) cipher: Option<String>,
    pub(super) error: Option<String>,
}

/// How a handshake with the server ended.
pub(super) enum Outcome {
    /// It was done.
    Agreed(Chosen),
    /// The server chose, and the runtime would not go on: most often for its certificate.
    Broken(Chosen),
    /// The server refused, with this alert.
    Refused(u8),
    /// No handshake came about, and why.
    Failed(String),
}

/// Asks one runtime all there is to ask.
pub(super) async fn examine(program: Program, questions: &Questions) -> Finding {
    let mut finding = Finding {
        program,
        about: None,
        not_asked: None,
        offer: None,
        outcome: None,
        own: Own::default(),
        answer: None,
        explanation: None,
    };
    let directory = match tempfile::Builder::new().prefix("sundown-doctor-").tempdir() {
        Ok(directory) => directory,
        Err(error) => {
            finding.not_asked = Some(format!("no temporary directory can be made ({error})"));
            return finding;
        }
    };
    let kind = finding.program.kind;
    let asking = (kind.about)(&finding.program.path, directory.path());
    let said = run(&asking, directory.path(), questions.limit).await;
    let about = match (
        said.end,
        (kind.read)(&Ended {
            end: End::Code(0),
            ..said
        }),
    ) {
        (End::TooMuch, _) => {
            Err("it printed more than a megabyte instead of its version".to_owned())
        }
        (_, Some(about)) => Ok(about),
        (end, None) => Err(no_version(&end)),
    };
    match about {
        Ok(about) => finding.about = Some(about),
        Err(why) => finding.not_asked = Some(why),
    }
    if finding
        .about
        .as_ref()
        .is_some_and(|about| about.mute.is_none())
    {
        call(&mut finding, questions, directory.path()).await;
    } else if let Some(mute) = finding.about.as_ref().and_then(|about| about.mute.clone()) {
        finding.not_asked = Some(mute);
    }
    finding
}

fn no_version(end: &End) -> String {
    match end {
        End::TimedOut => "it did not say its version in time".to_owned(),
        End::Signal(signal) => {
            format!("it was ended by signal {signal} when asked for its version")
        }
        End::NotStarted(error) => format!("it cannot be started: {error}"),
        End::Code(0) => "it says nothing that a version can be read from".to_owned(),
        End::Code(code) => format!("it ended with code {code} when asked for its version"),
        End::TooMuch => "it printed too much".to_owned(),
    }
}

/// Has it shake hands, and gathers what the wire, the runtime and the server say.
async fn call(finding: &mut Finding, questions: &Questions, directory: &Path) {
    let Some(about) = &finding.about else {
        return;
    };
    let route = questions.server.as_ref().map(|server| server.route.clone());
    let relay = match Relay::start(route).await {
        Ok(relay) => relay,
        Err(error) => {
            finding.not_asked = Some(format!("no port can be listened on ({error})"));
            return;
        }
    };
    let agent = format!(
        "sundown-doctor/{} {}/{}",
        env!("CARGO_PKG_VERSION"),
        finding.program.kind.name,
        about.version
    );
    let (name, url, request) = match &questions.server {
        Some(server) => (
            server.route.target.host.as_str(),
            server.url.clone(),
            request(server, &agent),
        ),
        None => (NOBODY, format!("https://{NOBODY}/"), String::new()),
    };
    let asked = (finding.program.kind.call)(&Call {
        program: &finding.program.path,
        about,
        name,
        port: relay.port,
        url: &url,
        request: &request,
        ca: questions.ca.as_deref(),
        directory,
        seconds: questions.limit.as_secs().max(1),
    });
    let ended = match asked {
        Ok(commands) => all(&commands, directory, questions.limit).await,
        Err(why) => {
            finding.not_asked = Some(why.to_owned());
            return;
        }
    };
    let Some(ended) = ended else {
        return;
    };
    gather(finding, &ended, &relay.wire(), questions.server.is_some());
}

/// Runs commands in turn, as long as each does its work; gives the last that was run.
async fn all(commands: &[Asking], directory: &Path, limit: Duration) -> Option<Ended> {
    let mut last = None;
    for command in commands {
        let ended = run(command, directory, limit).await;
        let goes_on = ended.is_success();
        last = Some(ended);
        if !goes_on {
            break;
        }
    }
    last
}

/// HTTP/1.0, so that the answer is never chunked and ends with the connection.
fn request(server: &Server, agent: &str) -> String {
    format!(
        "GET {} HTTP/1.0\r\nHost: {}\r\nAccept: application/json\r\nUser-Agent: {agent}\r\nConnection: close\r\n\r\n",
        server.path,
        server.route.target.authority()
    )
}

fn gather(finding: &mut Finding, ended: &Ended, wire: &Wire, server: bool) {
    finding.offer = wire.offer();
    let own = said::own(&ended.stdout);
    let complaint = (!ended.is_success())
        .then(|| complaint(&ended.stderr))
        .flatten();
    let error = own.error.clone().or(complaint);
    finding.own = Own {
        protocol: own.protocol,
        cipher: own.cipher,
        error,
    };
    if finding.offer.is_none() {
        finding.not_asked = Some(no_hello(ended, finding.own.error.as_deref()));
        return;
    }
    if !server {
        // Its handshake was ended by us, and it says so.
        finding.own.error = None;
        return;
    }
    let body = own.answer.as_deref().unwrap_or(&ended.stdout);
    let value = serde_json::from_slice(body_of(body)).unwrap_or_default();
    finding.explanation = Explanation::read(&value);
    finding.answer = Answer::read(&value);
    let unheard = own.answer.is_none();
    finding.outcome = Some(outcome(ended, wire, unheard, finding.own.error.as_deref()));
}

fn outcome(ended: &Ended, wire: &Wire, unheard: bool, error: Option<&str>) -> Outcome {
    let sent = wire.sent_back();
    match (sent.chosen, sent.alert) {
        (_, Some(alert)) => Outcome::Refused(alert),
        (Some(chosen), None) if unheard && is_trust(error) => Outcome::Broken(chosen),
        // One that ends with an error of HTTP does so after a handshake that was done.
        (Some(chosen), None) => Outcome::Agreed(chosen),
        (None, None) => Outcome::Failed(match (&wire.unreachable, &ended.end) {
            (Some(why), _) => printable(why),
            (None, End::TimedOut) => "the server did not answer its hello in time".to_owned(),
            (None, _) if sent.not_tls => "the server does not answer with TLS".to_owned(),
            (None, _) if wire.is_silent() => {
                "the server closed the connection without a word".to_owned()
            }
            (None, _) => "the handshake broke off".to_owned(),
        }),
    }
}

/// Whether a runtime's own words say that what it is held to leaves no version to offer.
pub(super) fn is_held_to_nothing(error: &str) -> bool {
    let error = error.to_lowercase().replace('_', " ");
    [
        "no protocols available",
        "no appropriate protocol",
        "no ciphers available",
    ]
    .iter()
    .any(|words| error.contains(words))
}

/// Whether a runtime's own words say that it does not trust the certificate.
fn is_trust(error: Option<&str>) -> bool {
    const WORDS: [&str; 9] = [
        "certificate",
        "issuer",
        "self-signed",
        "self signed",
        "trust",
        "x509",
        "pkix",
        "hostname",
        "unable to verify",
    ];
    error.is_some_and(|error| {
        let error = error.to_lowercase();
        WORDS.iter().any(|word| error.contains(word))
    })
}

fn no_hello(ended: &Ended, error: Option<&str>) -> String {
    let how = match &ended.end {
        End::TimedOut => "it did not begin a handshake in time".to_owned(),
        End::Signal(signal) => {
            format!("it was ended by signal {signal} before it began a handshake")
        }
        End::NotStarted(error) => format!("it cannot be started: {error}"),
        End::TooMuch => "it printed more than a megabyte and began no handshake".to_owned(),
        End::Code(_) => "it began no handshake".to_owned(),
    };
    match error {
        Some(error) => format!("{how}: {error}"),
        None => how,
    }
}

/// The last line that a program complained with.
fn complaint(stderr: &[u8]) -> Option<String> {
    let end = stderr
        .get(stderr.len().saturating_sub(4096)..)
        .unwrap_or_default();
    let said = String::from_utf8_lossy(end);
    // Java lists options that it was given, secrets among them.
    let lines = said.lines().rev().map(str::trim);
    let mut lines = lines.filter(|line| !line.is_empty() && !line.starts_with("Picked up "));
    let line = printable(lines.next()?);
    Some(line.chars().take(LONGEST_ERROR).collect())
}

/// What stands after the head of an HTTP answer; all of it where there is no head.
fn body_of(answer: &[u8]) -> &[u8] {
    if !answer.starts_with(b"HTTP/1.") {
        return answer;
    }
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    end.and_then(|end| answer.get(end + 4..))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_what_follows_the_head() {
        assert_eq!(body_of(b"HTTP/1.1 200 OK\r\na: b\r\n\r\n{}"), b"{}");
        assert_eq!(body_of(b"{}"), b"{}");
        assert_eq!(body_of(b"HTTP/1.1 200 OK\r\na: b"), b"");
    }

    #[test]
    fn a_complaint_is_its_last_line_without_what_java_picked_up() {
        let said = b"curl: (60) SSL certificate problem\nMore\n\nPicked up JAVA_TOOL_OPTIONS: -Dpassword=x\n";
        assert_eq!(complaint(said).as_deref(), Some("More"));
        assert!(complaint(b"\n \n").is_none() && complaint(b"").is_none());
        assert_eq!(complaint(&[b'x'; 5000]).unwrap().len(), LONGEST_ERROR);
        assert!(
            is_trust(Some("x509: certificate signed by unknown authority"))
                && !is_trust(Some("reset by peer"))
        );
    }
}
