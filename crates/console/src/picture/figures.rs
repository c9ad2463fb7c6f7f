//! What is said of everybody together, as it is kept.

use floor::Plan;
use jiff::Timestamp;
use ledger::Gap;
use report::model::{Asked, Evidence, ExceptionNote, Outcome, Refused, Shares};
use report::{Pace, ReadyDay};
use serde::{Deserialize, Serialize};

use crate::view::recent::Row;

/// The version of this form: what another version of the program kept is made anew.
const FORMAT: u32 = 1;

/// What is said of everybody together.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Figures {
    format: u32,
    /// When the ledger was read, on the plan's clock.
    pub(crate) at: Timestamp,
    /// What the figures are of.
    pub(crate) range: Asked,
    pub(crate) verdict: Outcome,
    pub(crate) evidence: Evidence,
    pub(crate) refused: Refused,
    pub(crate) gaps: Vec<Gap>,
    /// The last sighting of the range.
    pub(crate) newest: Option<Timestamp>,
    /// In the order of the plan that they were made with.
    pub(crate) sunsets: Vec<OfSunset>,
    /// What was seen last.
    pub(crate) recent: Vec<Row>,
    /// Connections of the range, by what the plan decides of them.
    pub(crate) actions: Vec<Action>,
}

/// What is said of one sunset.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct OfSunset {
    pub(crate) name: String,
    pub(crate) connections: Shares,
    pub(crate) requests: Shares,
    pub(crate) accounts: Shares,
    pub(crate) exceptions: Vec<ExceptionNote>,
    /// How many are not ready by day.
    pub(crate) days: Vec<ReadyDay>,
    pub(crate) pace: Option<Pace>,
}

/// Connections of clients that offer a version at most.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Action {
    /// The highest version offered.
    pub(crate) version: String,
    /// `serve`, `warn`, `explain` or `refuse`.
    pub(crate) action: String,
    pub(crate) connections: u64,
}

impl Figures {
    pub(super) fn new(
        report: &report::Report,
        days: Vec<Vec<ReadyDay>>,
        recent: Vec<Row>,
        actions: Vec<Action>,
    ) -> Self {
        let sunsets = report
            .sunsets
            .iter()
            .zip(days)
            .map(|(sunset, days)| OfSunset {
                name: sunset.sunset.clone().unwrap_or_default(),
                connections: sunset.connections,
                requests: sunset.requests,
                accounts: sunset.accounts,
                exceptions: sunset.exceptions.clone(),
                pace: report::pace(&days),
                days,
            });
        Self {
            format: FORMAT,
            at: report.at,
            range: report.range,
            verdict: report.verdict,
            evidence: report.evidence,
            refused: report.refused,
            gaps: report.gaps.clone(),
            newest: report.seen.map(|seen| seen.last),
            sunsets: sunsets.collect(),
            recent,
            actions,
        }
    }

    pub(super) fn to_text(&self) -> String {
        // Numbers, texts and dates alone: there is nothing that JSON could not hold.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// `None` for what another version wrote.
    pub(super) fn from_text(text: &str) -> Option<Self> {
        let figures: Self = serde_json::from_str(text).ok()?;
        (figures.format == FORMAT).then_some(figures)
    }

    /// The place of each sunset of a plan among those that these figures are of.
    pub(super) fn places(&self, plan: &Plan) -> Vec<Option<usize>> {
        let place = |name: &str| self.sunsets.iter().position(|known| known.name == *name);
        plan.sunsets
            .iter()
            .map(|sunset| place(&sunset.name))
            .collect()
    }
}
