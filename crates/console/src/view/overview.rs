//! How every sunset stands, in figures and by day.

use floor::{Hold, Phase, Plan, Sunset};
use jiff::Timestamp;
use jiff::civil::Date;
use ledger::Gap;
use report::model::{Asked, Evidence, Next, Outcome, Refused, Shares};
use report::{Pace, ReadyDay};
use serde::Serialize;

use super::recent::Row;
use crate::picture::{OfSunset, Picture};

/// The overview.
#[derive(Debug, Serialize)]
pub(crate) struct Overview {
    /// The version of this form.
    pub(crate) format: u32,
    /// When the ledger was read, on the plan's clock.
    pub(crate) at: Timestamp,
    /// What is said of data that nobody was seen for.
    pub(crate) marked: Option<String>,
    /// Where the plan comes from.
    pub(crate) plan: String,
    /// Why a newer one is not in force.
    pub(crate) plan_problem: Option<String>,
    /// What the figures are of.
    pub(crate) range: Asked,
    /// The answer in a word.
    pub(crate) verdict: Outcome,
    /// What is on hold.
    pub(crate) holds: Vec<Hold>,
    /// How every sunset stands, in the order of the plan.
    pub(crate) sunsets: Vec<Countdown>,
    /// What was seen last, the latest first.
    pub(crate) recent: Vec<Row>,
    /// What the figures cannot say.
    pub(crate) evidence: Evidence,
    /// Whom the plan refused.
    pub(crate) refused: Refused,
    /// Where the ledger knows less than happened.
    pub(crate) gaps: Vec<Gap>,
}

/// How one sunset stands.
#[derive(Debug, Serialize)]
pub(crate) struct Countdown {
    /// Its place in the plan, from 0.
    pub(crate) index: usize,
    /// Its name.
    pub(crate) name: String,
    /// Its floor.
    pub(crate) floor: String,
    /// What the floor asks.
    pub(crate) title: String,
    /// Its phase by plan, as of now; absent before the first.
    pub(crate) phase: Option<Phase>,
    /// The hold it is under.
    pub(crate) hold: Option<Hold>,
    /// What comes next.
    pub(crate) next: Option<Next>,
    /// When clients that miss are turned away for good.
    pub(crate) ends: Option<Timestamp>,
    /// Days until then by the calendar, UTC; 0 on the day and below once it is past.
    pub(crate) days_left: Option<i64>,
    /// By connections.
    pub(crate) connections: Shares,
    /// By requests.
    pub(crate) requests: Shares,
    /// By accounts that showed themselves.
    pub(crate) accounts: Shares,
    /// Accounts that are not ready now.
    pub(crate) not_ready: u64,
    /// How fast that falls.
    pub(crate) pace: Option<Pace>,
    /// Whether that is before they are turned away; absent where it cannot be said.
    pub(crate) in_time: Option<bool>,
    /// By day.
    pub(crate) days: Vec<ReadyDay>,
    /// When each phase begins, in order of date.
    pub(crate) phases: Vec<Next>,
    /// Runs of brownout windows.
    pub(crate) brownouts: Vec<Run>,
}

/// A run of brownout windows.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Run {
    /// When it begins.
    pub(crate) from: Timestamp,
    /// When it is over.
    pub(crate) to: Timestamp,
    /// How many windows it has.
    pub(crate) windows: u64,
}

impl Overview {
    pub(crate) fn new(picture: &Picture, marked: Option<&String>, now: Timestamp) -> Self {
        let plan = &picture.in_force.plan;
        let figures = &picture.figures;
        let sunsets = plan.sunsets.iter().enumerate();
        Self {
            format: 1,
            at: picture.at,
            marked: marked.cloned(),
            plan: picture.in_force.name.clone(),
            plan_problem: picture.in_force.problem.clone(),
            range: figures.range,
            verdict: figures.verdict,
            holds: plan.holds().to_vec(),
            sunsets: sunsets
                .map(|(index, sunset)| countdown(picture.of(index), plan, index, sunset, now))
                .collect(),
            recent: figures.recent.clone(),
            evidence: figures.evidence,
            refused: figures.refused,
            gaps: figures.gaps.clone(),
        }
    }
}

fn countdown(
    figures: OfSunset,
    plan: &Plan,
    index: usize,
    sunset: &Sunset,
    now: Timestamp,
) -> Countdown {
    let OfSunset { days, pace, .. } = figures;
    let mut phases: Vec<Next> = sunset
        .dates()
        .map(|change| Next {
            phase: change.phase,
            at: change.at,
        })
        .collect();
    phases.sort_by_key(|next| next.at);
    let ends = sunset.ends_at();
    let not_ready = days.last().map_or(0, |day| day.not_ready);
    Countdown {
        index,
        name: sunset.name.clone(),
        floor: sunset.floor.name().to_owned(),
        title: sunset.floor.title().to_owned(),
        phase: sunset.phase(now),
        hold: plan.hold_of(index).cloned(),
        next: sunset.next_change(now).map(|next| Next {
            phase: next.phase,
            at: next.at,
        }),
        ends,
        days_left: ends.map(|ends| date(ends).duration_since(date(now)).as_hours() / 24),
        connections: figures.connections,
        requests: figures.requests,
        accounts: figures.accounts,
        not_ready,
        in_time: in_time(not_ready, pace, ends),
        pace,
        days,
        phases,
        brownouts: sunset
            .brownouts
            .iter()
            .map(|run| Run {
                from: run.from,
                to: run.to,
                windows: run.count(),
            })
            .collect(),
    }
}

fn in_time(not_ready: u64, pace: Option<Pace>, ends: Option<Timestamp>) -> Option<bool> {
    if not_ready == 0 {
        return Some(true);
    }
    let ends = date(ends?);
    Some(pace?.zero_on.is_some_and(|zero| zero <= ends))
}

/// The day that a moment is in, UTC.
pub(crate) fn date(at: Timestamp) -> Date {
    jiff::tz::TimeZone::UTC.to_datetime(at).date()
}
