//! Real client programs, run against a server under test.
//!
//! Comes in: what `tests/setup` found on this machine (`tests/.clients/manifest.json`), a URL and the authority to
//! trust. Goes out: what the client was served, or its own words for why not. It never looks at the server, never
//! turns verification off, and never lets a client run on: each has a deadline.
//!
//! ```ignore
//! for case in clients::all() {
//!     let Some(outcome) = case.run("https://localhost:8443/api/v4/ssl/", ca) else {
//!         continue; // not on this machine, and said so
//!     };
//!     match case.offers {
//!         "TLSv1" | "TLSv1.1" => case.assert_names_the_protocol(&outcome),
//!         _ => assert_eq!(outcome.served.map(|served| served.status), Some(200), "{case}"),
//!     }
//! }
//! ```
#![allow(
    dead_code,
    reason = "each test that includes this file uses its own part of it"
)]

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

mod installed;
mod process;
use installed::{Installed, installed};
use process::Ended;

/// What the client made of it. Both can be there: a `pokitdok` client is served an error status and raises its own error.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The last HTTP answer that reached the client, if one did.
    pub served: Option<Served>,
    /// The client's own full error text, if it reported one.
    pub error: Option<String>,
}

/// An HTTP answer as the client saw it.
#[derive(Debug)]
pub(crate) struct Served {
    /// Status code.
    pub status: u16,
    /// Reason phrase; empty over HTTP/2, and where [`Case::sees_reason`] is false.
    pub reason: String,
    /// Header fields, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body, as text.
    pub body: String,
}

/// One way of running one client.
#[derive(Debug)]
pub(crate) struct Case {
    /// The client's id, its key in the manifest.
    pub client: &'static str,
    /// The version it is held to, as its driver takes it; `None` is the client with no knob turned.
    pub held: Option<&'static str>,
    /// The highest version its hello offers.
    pub offers: &'static str,
    /// Words of its own error text when the server refuses with alert protocol_version (70).
    pub refusal: &'static str,
    /// Whether the program lets its user see the reason phrase.
    pub sees_reason: bool,
    /// HTTP requests it makes when all is well, on one connection.
    pub requests: usize,
}

/// Every case, oldest clients first.
pub(crate) fn all() -> &'static [Case] {
    CASES
}

/// A program of `tests/setup` in an environment of our own; `None` where it is missing, said loudly.
pub(crate) fn tool(id: &str) -> Option<Command> {
    installed(id).map(Installed::command)
}

/// Says what a test does without, and why, where the test harness does not hide it.
pub(crate) fn skipped(what: &str, why: &str) {
    installed::skipped(what, why);
}

/// Runs a program of `tests/setup` to its end, for half a minute at most; `None` where it is missing, said loudly.
///
/// # Panics
/// When it cannot be run or does not end.
pub(crate) fn run_tool(id: &str, arguments: &[&str]) -> Option<Ended> {
    let ended = process::run(tool(id)?.args(arguments), "", TOOL).expect("an installed program");
    assert!(
        !ended.timed_out,
        "{id} {arguments:?} does not end: {ended:?}"
    );
    Some(ended)
}

/// How long a program that is no client of [`all`] may take: sslscan makes about 60 handshakes.
const TOOL: Duration = Duration::from_secs(30);

const fn case(
    client: &'static str,
    held: Option<&'static str>,
    offers: &'static str,
    refusal: &'static str,
) -> Case {
    Case {
        client,
        held,
        offers,
        refusal,
        sees_reason: true,
        requests: 1,
    }
}

impl Case {
    const fn hiding_reason(mut self) -> Case {
        self.sees_reason = false;
        self
    }

    const fn asking(mut self, requests: usize) -> Case {
        self.requests = requests;
        self
    }
}

/// OpenSSL's name for alert 70, in the case that each version and program prints it.
const OPENSSL: &str = "tlsv1 alert protocol version";
const JAVA: &str = "Received fatal alert: protocol_version";
const GO: &str = "remote error: tls: protocol version not supported";
const MONO: &str = "TLSV1_ALERT_PROTOCOL_VERSION";
const CHROMIUM: &str = "ERR_SSL_VERSION_OR_CIPHER_MISMATCH";

const CASES: &[Case] = &[
    // OpenSSL 1.0.0: nothing above TLSv1 in it. Node.js before 0.11.10 keeps the reason phrase to itself.
    case("node-0.8", None, "TLSv1", OPENSSL).hiding_reason(),
    case("pokitdok-nodejs-0.8", None, "TLSv1", OPENSSL).hiding_reason(),
    case("node-0.10", None, "TLSv1.2", OPENSSL).hiding_reason(),
    case("node-0.10", Some("TLSv1"), "TLSv1", OPENSSL).hiding_reason(),
    case("node", None, "TLSv1.3", OPENSSL),
    case("node", Some("TLSv1"), "TLSv1", OPENSSL),
    case("node-fetch", None, "TLSv1.3", OPENSSL),
    case("node-fetch", Some("TLSv1"), "TLSv1", OPENSSL),
    case("pokitdok-nodejs", None, "TLSv1.3", OPENSSL),
    case("pokitdok-nodejs", Some("TLSv1"), "TLSv1", OPENSSL),
    case("curl", Some("TLSv1"), "TLSv1", OPENSSL),
    case("curl", Some("TLSv1.1"), "TLSv1.1", OPENSSL),
    case("curl", Some("TLSv1.2"), "TLSv1.2", OPENSSL),
    case("curl", Some("TLSv1.3"), "TLSv1.3", OPENSSL),
    case("openssl", Some("TLSv1"), "TLSv1", OPENSSL),
    case("openssl", Some("TLSv1.1"), "TLSv1.1", OPENSSL),
    case("openssl", Some("TLSv1.2"), "TLSv1.2", OPENSSL),
    case("openssl", Some("TLSv1.3"), "TLSv1.3", OPENSSL),
    case("python", None, "TLSv1.3", OPENSSL),
    case("python", Some("TLSv1"), "TLSv1", OPENSSL),
    case("python", Some("TLSv1.1"), "TLSv1.1", OPENSSL),
    // It asks for a token first, and keeps the connection for the call itself.
    case("pokitdok-python", None, "TLSv1.3", OPENSSL).asking(2),
    case("pokitdok-python", Some("TLSv1"), "TLSv1", OPENSSL).asking(2),
    case("ruby", None, "TLSv1.3", OPENSSL),
    case("ruby", Some("TLSv1"), "TLSv1", OPENSSL),
    case("php-curl", None, "TLSv1.3", OPENSSL),
    case("php-curl", Some("TLSv1"), "TLSv1", OPENSSL),
    case("php-streams", None, "TLSv1.3", OPENSSL),
    case("php-streams", Some("TLSv1"), "TLSv1", OPENSSL),
    case("perl", None, "TLSv1.3", OPENSSL),
    case("perl", Some("TLSv1"), "TLSv1", OPENSSL),
    case("java", None, "TLSv1.3", JAVA),
    case("java", Some("TLSv1"), "TLSv1", JAVA),
    case("go", None, "TLSv1.3", GO),
    case("go", Some("TLSv1"), "TLSv1", GO),
    // SecurityProtocolType.Tls, and the number that .NET 4.0 programs cast to get TLSv1.2.
    case("mono", Some("192"), "TLSv1", MONO),
    case("mono", Some("3072"), "TLSv1.2", MONO),
    case("chromium", None, "TLSv1.3", CHROMIUM),
];

/// What a user reads as "the network is broken": a refusal must never look like one of these.
const BROKEN: &[&str] = &[
    "ECONNRESET",
    "onnection reset",
    "reset by peer",
    "hang up",
    "unexpected eof",
    "roken pipe",
    "timed out",
];

impl Case {
    /// Runs the client once: `GET url`, trusting `ca` (a PEM file). `None`, said loudly on standard error, where the
    /// machine does not have the client.
    pub(crate) fn run(&self, url: &str, ca: &Path) -> Option<Outcome> {
        self.ask("GET", url, ca)
    }

    /// As [`Case::run`], with a method. The `pokitdok` clients and Chromium choose theirs and ignore it.
    pub(crate) fn ask(&self, method: &str, url: &str, ca: &Path) -> Option<Outcome> {
        self.call(method, url, ca, None)
    }

    /// As [`Case::run`], with an API key in `X-Api-Key`. The `pokitdok` clients have credentials of their own and
    /// ignore it.
    pub(crate) fn run_with_key(&self, url: &str, ca: &Path, key: &str) -> Option<Outcome> {
        self.call("GET", url, ca, Some(key))
    }

    fn call(&self, method: &str, url: &str, ca: &Path, key: Option<&str>) -> Option<Outcome> {
        let installed = installed(self.client)?;
        Some(match self.client {
            "curl" => self.ask_curl(installed, method, url, ca, key),
            "openssl" => self.ask_openssl(installed, method, url, ca, key),
            _ => self.ask_driver(installed, method, url, ca, key),
        })
    }

    /// Panics unless the client got no answer and its own error text names the protocol version.
    ///
    /// # Panics
    /// With the client's text, when it was served, or when its text hides the reason or reads like a broken network.
    #[track_caller]
    pub(crate) fn assert_names_the_protocol(&self, outcome: &Outcome) {
        assert!(
            outcome.served.is_none(),
            "{self}: was served, not refused: {outcome:?}"
        );
        let error = outcome.error.as_deref().unwrap_or_default();
        assert!(
            error.contains(self.refusal),
            "{self}: the error does not say {:?}: {error:?}",
            self.refusal
        );
        let broken = BROKEN.iter().find(|words| error.contains(**words));
        assert!(
            broken.is_none(),
            "{self}: the error reads like a broken network: {error:?}"
        );
    }

    /// The version of the program, as it says it; empty where the machine does not have it.
    pub(crate) fn version(&self) -> &'static str {
        installed(self.client).map_or("", |installed| &installed.version)
    }

    fn ask_driver(
        &self,
        installed: &Installed,
        method: &str,
        url: &str,
        ca: &Path,
        key: Option<&str>,
    ) -> Outcome {
        let mut command = installed.command();
        command.envs(key.map(|key| ("API_KEY", key)));
        command
            .arg(url)
            .arg(ca)
            .args([self.held.unwrap_or("-"), method]);
        finish(process::run(&mut command, "", self.limit()), |ended| {
            let line = ended.stdout.lines().next_back().unwrap_or_default();
            serde_json::from_str(line)
                .ok()
                .map(|answer: Value| Outcome {
                    served: served(&answer),
                    error: answer
                        .get("error")
                        .and_then(Value::as_str)
                        .map(str::to_owned),
                })
        })
    }

    fn ask_curl(
        &self,
        installed: &Installed,
        method: &str,
        url: &str,
        ca: &Path,
        key: Option<&str>,
    ) -> Outcome {
        let mut command = installed.command();
        command
            .args([
                "--silent",
                "--show-error",
                "--include",
                "--request",
                method,
                "--cacert",
            ])
            .arg(ca);
        if let Some(key) = key {
            command.args(["--header", &format!("X-Api-Key: {key}")]);
        }
        if let Some(version) = self.held.and_then(|held| held.strip_prefix("TLSv")) {
            let version = if version == "1" { "1.0" } else { version };
            command.args([
                &format!("--tlsv{version}"),
                "--tls-max",
                version,
                "--ciphers",
                "DEFAULT@SECLEVEL=0",
            ]);
        }
        finish(
            process::run(command.arg(url), "", self.limit()),
            said_or_served,
        )
    }

    fn ask_openssl(
        &self,
        installed: &Installed,
        method: &str,
        url: &str,
        ca: &Path,
        key: Option<&str>,
    ) -> Outcome {
        let rest = url.strip_prefix("https://").unwrap_or(url);
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let host = authority
            .rsplit_once(':')
            .map_or(authority, |(host, _)| host);
        let mut command = installed.command();
        // -quiet also keeps it from closing when its input ends, before the answer came.
        command.args([
            "s_client",
            "-quiet",
            "-verify_return_error",
            "-verify_hostname",
            host,
            "-servername",
            host,
        ]);
        command.args(["-connect", authority, "-CAfile"]).arg(ca);
        if let Some(version) = self.held.and_then(|held| held.strip_prefix("TLSv")) {
            command
                .arg(format!("-tls{}", version.replace('.', "_")))
                .args(["-cipher", "DEFAULT@SECLEVEL=0"]);
        }
        // HTTP/1.0, so that the answer is never chunked and ends with the connection.
        let key = key.map_or_else(String::new, |key| format!("X-Api-Key: {key}\r\n"));
        let request = format!(
            "{method} /{path} HTTP/1.0\r\nHost: {authority}\r\n{key}Content-Length: 0\r\n\r\n"
        );
        finish(
            process::run(&mut command, &request, self.limit()),
            said_or_served,
        )
    }

    /// How long one run may take: a few times what the slowest takes on a loaded machine.
    fn limit(&self) -> Duration {
        Duration::from_secs(match self.client {
            "java" | "mono" | "chromium" => 60,
            _ => 20,
        })
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.held {
            Some(held) => write!(f, "{} held to {held}", self.client),
            None => f.write_str(self.client),
        }
    }
}

/// Reads what a client that ended left; one that did not end, or left nothing readable, is an error with all it said.
fn finish(ended: std::io::Result<Ended>, read: impl Fn(&Ended) -> Option<Outcome>) -> Outcome {
    let error = match ended {
        Ok(ended) if ended.timed_out => format!("timed out and was killed: {ended:?}"),
        Ok(ended) => match read(&ended) {
            Some(outcome) => return outcome,
            None => format!("said nothing that its driver should say: {ended:?}"),
        },
        Err(error) => format!("could not be run: {error}"),
    };
    Outcome {
        served: None,
        error: Some(error),
    }
}

/// curl and `openssl s_client` print the answer as it came on standard output, and errors on standard error.
fn said_or_served(ended: &Ended) -> Option<Outcome> {
    let served = http(&ended.stdout);
    let error = (!ended.success || served.is_none()).then(|| ended.stderr.clone());
    Some(Outcome { served, error })
}

/// The answer in a driver's line, if one reached the client.
fn served(answer: &Value) -> Option<Served> {
    let text = |name| {
        answer
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let headers = answer.get("headers").and_then(Value::as_object);
    Some(Served {
        status: answer.get("status")?.as_u64()?.try_into().ok()?,
        reason: text("reason"),
        headers: headers
            .into_iter()
            .flatten()
            .map(|(name, value)| {
                (
                    name.clone(),
                    value
                        .as_str()
                        .map_or_else(|| value.to_string(), str::to_owned),
                )
            })
            .collect(),
        body: text("body"),
    })
}

/// The answer in an HTTP/1 message, or in the likeness of one that curl prints for HTTP/2.
fn http(message: &str) -> Option<Served> {
    let (head, body) = message.split_once("\r\n\r\n")?;
    let (status_line, fields) = head.split_once("\r\n").unwrap_or((head, ""));
    let mut status_line = status_line.splitn(3, ' ').skip(1);
    Some(Served {
        status: status_line.next()?.parse().ok()?,
        reason: status_line.next().unwrap_or_default().to_owned(),
        headers: fields
            .lines()
            .filter_map(|field| field.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect(),
        body: body.to_owned(),
    })
}
