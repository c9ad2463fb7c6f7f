//! `sundown check`: what this machine negotiates with a server, what the server says it saw, and the verdict.
//!
//! In: a URL. Out: a report and an exit code, or an error that says why it could not tell. Everything the
//! server sends is bounded in size and time, and shown without what would steer a terminal.

pub(crate) mod answer;
mod ask;
mod handshake;
pub(crate) mod reach;
mod report;
mod show;
mod tap;
pub(crate) mod target;
pub(crate) mod text;

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use edge::{Clock, Offered};
use floor::{Alert, Floor};
use hello::Offer;
use hello::names::Named;
use ledger::Negotiated;
use tokio::runtime::Builder;
use tokio::time::Instant;

use crate::cli::CheckArguments;
use crate::floors;
use ask::Asked;
use handshake::{Failure, Trust};
use report::{DecidedBy, Judged, Overall, Report, Server, Unanswered, milliseconds};
use tap::Record;
use target::Target;

/// What was negotiated, or is asked for, will not last; or the server refused it.
const BAD: u8 = 1;
/// How long a name, a connection and a handshake may take together.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// Where an answer is looked for when the URL names no path: the default paths of `sundown serve`.
const PATHS: [&str; 2] = ["/ssl/", "/api/v4/ssl/"];

pub(crate) fn run(arguments: &CheckArguments) -> anyhow::Result<ExitCode> {
    let floor = floors::named(&arguments.floor)?;
    let target = Target::parse(&arguments.url)?;
    let trust = Trust::new(arguments.ca.as_deref())?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let visited = runtime.block_on(visit(&target, &trust));
    // A name that is still being looked up must not keep the report waiting.
    runtime.shutdown_background();
    let (visit, unanswered) = visited?;

    let report = report(&target, floor, visit, unanswered);
    if arguments.json {
        let mut out = std::io::stdout().lock();
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else {
        show::show(&mut anstream::stdout().lock(), &report)?;
    }
    Ok(if report.verdict.is_good() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(BAD)
    })
}

/// One connection, from the first packet to what the server had to say on it.
struct Visit {
    address: SocketAddr,
    connect: Duration,
    handshake: Duration,
    offer: Option<Offer>,
    end: End,
}

/// How a visit ended.
enum End {
    Refused(Alert),
    Agreed(Box<Agreed>),
}

/// A handshake that was completed, and what was said after it.
struct Agreed {
    negotiated: Negotiated,
    certificate: handshake::Certificate,
    /// The path that was asked for.
    path: String,
    asked: Asked,
}

/// Visits until a path has an answer. Each on a connection of its own, so that what was negotiated and what
/// the server says are always about the same one.
async fn visit(target: &Target, trust: &Trust) -> anyhow::Result<(Visit, Vec<Unanswered>)> {
    let mut unanswered = Vec::new();
    let (first, others) = match &target.path {
        Some(path) => (path.as_str(), &[][..]),
        None => (PATHS[0], &PATHS[1..]),
    };
    let mut visit = one(target, trust, first).await?;
    for other in others {
        let End::Agreed(agreed) = &visit.end else {
            break;
        };
        let Asked::Otherwise(why) = &agreed.asked else {
            break;
        };
        let missed = Unanswered {
            path: agreed.path.clone(),
            why: why.clone(),
        };
        // What the first visit found stands, whatever becomes of the next.
        let Ok(next) = one(target, trust, other).await else {
            break;
        };
        unanswered.push(missed);
        visit = next;
    }
    Ok((visit, unanswered))
}

async fn one(target: &Target, trust: &Trust, path: &str) -> anyhow::Result<Visit> {
    let started = Instant::now();
    let deadline = started + HANDSHAKE_TIME;
    let stream = reach::connect(target, deadline).await?;
    let address = stream
        .peer_addr()
        .context("the connection was closed at once; try again")?;
    let connected = Instant::now();
    let record = Record::default();
    let shaken = handshake::shake(stream, target, trust, &record, deadline).await;
    let handshake = connected.elapsed();
    let offer = record.wire().offer();
    let end = match shaken {
        Ok(stream) => {
            let negotiated = edge::negotiated(stream.as_ref())?;
            let certificate = handshake::certificate(stream.as_ref(), trust)?;
            let mut asked = ask::ask(stream, target, path, negotiated.version).await;
            if let (Asked::Silent(why), Some(code)) = (&mut asked, record.wire().alert) {
                // TLS 1.3 lets a server object after the client is done: to a missing certificate, say.
                *why = format!("alert {code} {} after the handshake", Named::Alert(code));
            }
            End::Agreed(Box::new(Agreed {
                negotiated,
                certificate,
                path: path.to_owned(),
                asked,
            }))
        }
        Err(Failure::Refused(alert)) => End::Refused(alert),
        Err(Failure::Unable(error)) => return Err(error),
    };
    Ok(Visit {
        address,
        connect: connected - started,
        handshake,
        offer,
        end,
    })
}

fn report(
    target: &Target,
    floor: &'static Floor,
    visit: Visit,
    unanswered: Vec<Unanswered>,
) -> Report {
    let mut report = Report {
        url: target.url(target.path.as_deref().unwrap_or("/")),
        at: Clock::default().now(),
        address: visit.address,
        verdict: Overall::Refused,
        decided_by: DecidedBy::Server,
        connect_ms: milliseconds(visit.connect),
        handshake_ms: milliseconds(visit.handshake),
        offered: visit.offer.map(Offered::new),
        alert: None,
        negotiated: None,
        certificate: None,
        floors: Vec::new(),
        server: None,
        explanation: None,
        unanswered,
    };
    match visit.end {
        End::Refused(alert) => report.alert = Some(alert.into()),
        End::Agreed(agreed) => add_agreed(&mut report, *agreed, target, floor),
    }
    report
}

fn add_agreed(report: &mut Report, agreed: Agreed, target: &Target, floor: &'static Floor) {
    let Agreed {
        negotiated,
        certificate,
        path,
        asked,
    } = agreed;
    let mut from_server = None;
    match asked {
        Asked::Answered(answer) => {
            from_server = answer.verdict.map(Overall::from);
            report.server = Some(Server {
                url: target.url(&path),
                intermediary: answer.saw_another(negotiated.version),
                answer: *answer,
            });
        }
        Asked::Explained(explanation) => {
            from_server = Some(Overall::Blocked);
            report.explanation = Some(*explanation);
        }
        Asked::Otherwise(why) | Asked::Silent(why) => {
            report.unanswered.push(Unanswered { path, why });
        }
    }
    (report.verdict, report.decided_by) = match from_server {
        Some(verdict) => (verdict, DecidedBy::Server),
        None if report::judge(floor, &negotiated).meets() => {
            (Overall::Meets, DecidedBy::Floor(floor.name()))
        }
        None => (Overall::Misses, DecidedBy::Floor(floor.name())),
    };
    report.floors = Judged::all(&negotiated);
    report.negotiated = Some((&negotiated).into());
    report.certificate = Some(certificate);
}
