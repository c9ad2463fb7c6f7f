//! How one account stands, as data. The field names are the contract of the page's JSON.

use std::collections::HashSet;
use std::net::IpAddr;

use accounts::kept;
use advice::Advice;
use floor::{Action, Measure, Phase, Plan, What};
use jiff::{SignedDuration, Timestamp};
use ledger::{Detail, LedgerError, Query, Range, Visitor, Who};
use report::model::{Lack, Row, State, SunsetReport};
use report::{Ahead, Alone, Options, ahead, program};
use serde::Serialize;

use crate::notice::content::needs;

/// The version of the JSON form.
const FORMAT: u32 = 1;
/// The days that are looked at: as in letters and reports.
const DAYS: i64 = 30;
/// Programs shown for each sunset, and in all; and addresses.
const PROGRAMS: usize = 20;
const ADDRESSES: usize = 20;

/// How one account stands.
#[derive(Debug, Serialize)]
pub(super) struct Standing {
    pub(super) format: u32,
    /// Where none of it is real, what is said of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) demo: Option<&'static str>,
    pub(super) account: String,
    /// The moment of this answer, on the plan's clock.
    pub(super) at: Timestamp,
    /// When the link ends.
    pub(super) link_until: Timestamp,
    /// The worst of what is announced.
    pub(super) standing: How,
    pub(super) seen: Seen,
    pub(super) sunsets: Vec<OfSunset>,
    /// What its programs meet, now and on each date to come.
    pub(super) dates: Vec<OnDate>,
    /// Where a program learns what it negotiates.
    pub(super) check_url: String,
    /// Names on which a day to come can be tried.
    pub(super) previews: Vec<Preview>,
}

/// How the account stands with a sunset, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum How {
    /// Nothing of it was seen in these days.
    Unseen,
    /// All that was seen meets the floor.
    Ready,
    /// What misses it is let past for now.
    Excepted,
    /// What was seen does not show enough to tell.
    Unknown,
    /// Some of it will be turned away.
    NotReady,
    /// Some of it is turned away.
    TurnedAway,
}

/// What was seen.
#[derive(Debug, Default, Serialize)]
pub(super) struct Seen {
    /// Over all time.
    pub(super) first: Option<Timestamp>,
    pub(super) last: Option<Timestamp>,
    /// From when on everything else here is.
    pub(super) since: Timestamp,
    pub(super) connections: u64,
    pub(super) requests: u64,
    /// As much of each as is kept.
    pub(super) addresses: Vec<IpAddr>,
    pub(super) more_addresses: usize,
    pub(super) programs: Vec<Program>,
    pub(super) more_programs: usize,
}

/// One program.
#[derive(Debug, Serialize)]
pub(super) struct Program {
    pub(super) program: String,
    pub(super) user_agents: Vec<String>,
    pub(super) max_protocol: String,
    pub(super) connections: u64,
    pub(super) requests: u64,
    pub(super) refused: u64,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    /// It named no account, and called from where this account alone had called with the same hello.
    pub(super) likely: bool,
    /// What it lacks, of one floor; empty in the list of all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) lacks: Vec<Lack>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) advice: Option<Advice>,
}

/// How it stands with one sunset.
#[derive(Debug, Serialize)]
pub(super) struct OfSunset {
    pub(super) sunset: String,
    pub(super) floor: String,
    /// What the floor asks, as the end of "needs".
    pub(super) needs: String,
    pub(super) phase: Option<Phase>,
    /// It is told of to customers; one that only observes is not yet.
    pub(super) announced: bool,
    /// Its dates do not hold for now.
    pub(super) on_hold: bool,
    pub(super) ends: Option<Timestamp>,
    pub(super) contact: Option<String>,
    pub(super) standing: How,
    /// When it last fell short, where all that came since meets the floor.
    pub(super) last_fell_short: Option<Timestamp>,
    /// It has not called for days.
    pub(super) quiet: bool,
    /// Exceptions that let it past: their ends.
    pub(super) exceptions: Vec<Timestamp>,
    /// The programs that miss the floor.
    pub(super) programs: Vec<Program>,
    pub(super) more_programs: usize,
}

/// What happens on a date.
#[derive(Debug, Serialize)]
pub(super) struct OnDate {
    pub(super) at: Timestamp,
    /// `now`, `phase`, `brownout`, `brownouts-end` or `exception-ends`.
    pub(super) what: &'static str,
    /// The phase that begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) phase: Option<Phase>,
    /// The windows of a brownout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) windows: Option<Windows>,
    pub(super) sunset: Option<String>,
    pub(super) programs: Vec<Meets>,
}

/// A run of windows.
#[derive(Debug, Serialize)]
pub(super) struct Windows {
    pub(super) count: u64,
    pub(super) minutes: i64,
    pub(super) every_minutes: i64,
    pub(super) until: Timestamp,
    pub(super) first_ends: Timestamp,
    /// `explain` or `refuse`.
    pub(super) measure: &'static str,
}

/// What a program meets.
#[derive(Debug, Serialize)]
pub(super) struct Meets {
    pub(super) program: String,
    /// `serve`, `warn`, `explain` or `refuse`.
    pub(super) action: &'static str,
    pub(super) excepted: bool,
}

/// A name that shows a day to come.
#[derive(Debug, Serialize)]
pub(super) struct Preview {
    pub(super) url: String,
    pub(super) at: Timestamp,
}

impl Standing {
    /// How the account stands, by what the ledger holds of it alone.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub(super) fn new(
        ledger: &dyn Query,
        asked: &edge::Standing<'_>,
        demo: Option<&'static str>,
    ) -> Result<Self, LedgerError> {
        let (plan, now, id) = (asked.plan, asked.now, asked.account);
        let alone = Alone::new(ledger, id);
        let since = now
            .checked_sub(SignedDuration::from_hours(24 * DAYS))
            .unwrap_or(Timestamp::MIN);
        let options = Options {
            since: Some(since),
            account: Some(id.to_owned()),
            check_url: Some(asked.ssl_url.to_owned()),
            ..Options::default()
        };
        let report = report::report(&alone, plan, now, &options)?;
        let mut details: Vec<Detail> = Vec::new();
        for who in alone.whose() {
            let range = Range {
                from: Some(since),
                until: None,
            };
            details.extend(alone.details(range, who)?);
        }
        details.retain(|detail| detail.visitor == Visitor::Customer);
        let offers = alone.offers()?.into_iter().collect();
        let was_seen = report.seen.is_some();
        let parts = report.sunsets.iter().zip(&plan.sunsets);
        let sunsets: Vec<OfSunset> = parts
            .filter(|(_, sunset)| {
                let cohort = plan.cohort_of(sunset);
                cohort.is_none_or(|cohort| cohort.contains(id, plan.roster()))
            })
            .map(|(part, sunset)| OfSunset::new(part, sunset, was_seen))
            .collect();
        if worst(&sunsets, was_seen) == How::Ready {
            // What is over meets nothing any more.
            details = still_there(&sunsets, details);
        }
        let dates = ahead(plan, id, &offers, &details, now);
        Ok(Self {
            format: FORMAT,
            demo,
            account: id.to_owned(),
            at: now,
            link_until: asked.link_until,
            standing: worst(&sunsets, was_seen),
            seen: Seen::new(&report, since, asked),
            dates: on_dates(plan, &sunsets, dates),
            sunsets,
            check_url: asked.ssl_url.to_owned(),
            previews: previews(plan, asked.ssl_url),
        })
    }
}

/// Without the offers that have not come since the account last fell short of something that is announced.
fn still_there(sunsets: &[OfSunset], mut details: Vec<Detail>) -> Vec<Detail> {
    let Some(fell_short) = fell_short(sunsets) else {
        return details;
    };
    let since = details
        .iter()
        .filter(|detail| detail.counts.last > fell_short);
    let offers: HashSet<_> = since.map(|detail| detail.offer).collect();
    details.retain(|detail| offers.contains(&detail.offer));
    details
}

/// When it last fell short of something that is announced, where it has mended all of that since.
pub(super) fn fell_short(sunsets: &[OfSunset]) -> Option<Timestamp> {
    let announced = sunsets.iter().filter(|sunset| sunset.announced);
    announced.filter_map(|sunset| sunset.last_fell_short).max()
}

/// The worst of what is announced; where nothing is, of all.
fn worst(sunsets: &[OfSunset], was_seen: bool) -> How {
    let announced = sunsets.iter().filter(|sunset| sunset.announced);
    let of_all = || sunsets.iter().map(|sunset| sunset.standing).max();
    let worst = announced
        .map(|sunset| sunset.standing)
        .max()
        .or_else(of_all);
    worst.unwrap_or(if was_seen { How::Ready } else { How::Unseen })
}

impl OfSunset {
    fn new(part: &SunsetReport, sunset: &floor::Sunset, was_seen: bool) -> Self {
        let mut rows: Vec<&Row> = part.breaking.iter().collect();
        // What is certain first.
        rows.sort_by_key(|row| !matches!(row.who.0, Who::Known(_)));
        let is_fixed = |row: &&Row| row.state == State::SeemsFixed;
        let open: Vec<&Row> = rows.iter().copied().filter(|row| !is_fixed(row)).collect();
        let turns_away = matches!(part.phase, Some(Phase::Explain | Phase::Refuse));
        let unjudged = part.connections.unjudged > 0 && part.connections.survive == 0;
        let standing = if !was_seen {
            How::Unseen
        } else if open
            .iter()
            .any(|row| row.breaks && row.exceptions.is_empty())
        {
            if turns_away && part.hold.is_none() {
                How::TurnedAway
            } else {
                How::NotReady
            }
        } else if open.iter().any(|row| row.breaks) {
            // It is let past now, and not on the day.
            How::NotReady
        } else if !open.is_empty() {
            How::Excepted
        } else if rows.is_empty() && unjudged {
            How::Unknown
        } else {
            How::Ready
        };
        let mut exceptions: Vec<Timestamp> = open
            .iter()
            .flat_map(|row| row.exceptions.iter().map(|exception| exception.until))
            .collect();
        exceptions.sort_unstable();
        exceptions.dedup();
        let mut programs: Vec<Program> = Vec::new();
        let mut more_programs = 0;
        for row in &open {
            let likely = !matches!(row.who.0, Who::Known(_));
            let (shown, more) = row.programs.first(PROGRAMS);
            more_programs += more;
            programs.extend(shown.iter().map(|one| Program::new(one, likely)));
        }
        Self {
            sunset: sunset.name.clone(),
            floor: part.floor.clone(),
            needs: needs(&sunset.floor),
            phase: part.phase,
            announced: part.phase > Some(Phase::Observe),
            on_hold: part.hold.is_some(),
            ends: part.ends,
            contact: sunset.contact.clone(),
            standing,
            last_fell_short: rows
                .iter()
                .filter(|row| open.is_empty() && is_fixed(row))
                .map(|row| row.misses.last)
                .max(),
            quiet: !open.is_empty() && open.iter().all(|row| row.state == State::GoneQuiet),
            exceptions,
            programs,
            more_programs,
        }
    }
}

impl Program {
    fn new(one: &report::model::Program, likely: bool) -> Self {
        Self {
            program: program(one),
            user_agents: one
                .user_agents
                .items
                .iter()
                .map(ToString::to_string)
                .collect(),
            max_protocol: one.max_protocol.clone(),
            connections: one.usage.connections,
            requests: one.usage.requests,
            refused: one.usage.refused,
            first: one.usage.first,
            last: one.usage.last,
            likely,
            lacks: one.shortfalls.clone(),
            advice: one.advice.clone(),
        }
    }
}

impl Seen {
    fn new(report: &report::Report, since: Timestamp, asked: &edge::Standing<'_>) -> Self {
        let mut seen = Self {
            since,
            ..Self::default()
        };
        let Some(account) = &report.account else {
            return seen;
        };
        (seen.first, seen.last) = (account.first, account.last);
        for part in &account.parts {
            let likely = !matches!(part.who.0, Who::Known(_));
            seen.connections += part.usage.connections;
            seen.requests += part.usage.requests;
            let (programs, more) = part.programs.first(PROGRAMS);
            seen.more_programs += more;
            seen.programs.extend(programs.iter().map(|one| Program {
                advice: None,
                ..Program::new(one, likely)
            }));
            // What was kept under another setting is shown under this one.
            let addresses = part.addresses.items.iter();
            for address in addresses.filter_map(|used| kept(used.address?, asked.addresses)) {
                if !seen.addresses.contains(&address) {
                    seen.addresses.push(address);
                }
            }
            seen.more_addresses += part.addresses.more;
        }
        seen.more_addresses += seen.addresses.len().saturating_sub(ADDRESSES);
        seen.addresses.truncate(ADDRESSES);
        seen
    }
}

/// The dates that are this account's: of sunsets that are announced and not on hold.
fn on_dates(plan: &Plan, sunsets: &[OfSunset], dates: Vec<Ahead<'_>>) -> Vec<OnDate> {
    let mut before: Vec<(String, Action)> = Vec::new();
    let dates = dates.into_iter().filter_map(|date| {
        let sunset = date.sunset.and_then(|index| plan.sunsets.get(index));
        if let Some(sunset) = sunset {
            let own = sunsets.iter().find(|own| own.sunset == sunset.name)?;
            if own.on_hold || !own.announced {
                return None;
            }
        }
        let meets = date.programs.iter();
        let meets: Vec<(String, Action)> = meets
            .map(|meets| (meets.program.clone(), meets.action))
            .collect();
        let same = std::mem::replace(&mut before, meets.clone()) == meets;
        let (what, phase, windows) = match date.what {
            None => ("now", None, None),
            Some(What::Phase(phase)) => ("phase", Some(phase), None),
            Some(What::Brownout { run, windows }) => {
                let minutes = |length: SignedDuration| length.as_mins();
                let windows = Windows {
                    count: windows,
                    minutes: minutes(run.length),
                    every_minutes: minutes(run.every),
                    until: run.to,
                    first_ends: date.window.map_or(run.to, |window| window.end),
                    measure: match run.measure {
                        Measure::Explain => "explain",
                        Measure::Refuse => "refuse",
                    },
                };
                ("brownout", None, Some(windows))
            }
            Some(What::BrownoutEnds) => ("brownouts-end", None, None),
            // One that is for an address or a name may be another's.
            Some(What::ExceptionEnds(exception)) if exception.account.is_none() && same => {
                return None;
            }
            Some(What::ExceptionEnds(_)) => ("exception-ends", None, None),
            Some(What::Preview(_)) => return None,
        };
        Some(OnDate {
            at: date.at,
            what,
            phase,
            windows,
            sunset: sunset.map(|sunset| sunset.name.clone()),
            programs: date
                .programs
                .into_iter()
                .map(|meets| Meets {
                    program: meets.program,
                    action: meets.action.name(),
                    excepted: meets.excepted,
                })
                .collect(),
        })
    });
    dates.collect()
}

fn previews(plan: &Plan, ssl_url: &str) -> Vec<Preview> {
    let behind = ssl_url.split_once("://").and_then(|(_, rest)| {
        // The port and the path are those of this edge.
        rest.find([':', '/']).and_then(|at| rest.get(at..))
    });
    let previews = plan.previews.iter().map(|preview| Preview {
        url: format!("https://{}{}", preview.sni, behind.unwrap_or("/ssl/")),
        at: preview.at,
    });
    previews.collect()
}
