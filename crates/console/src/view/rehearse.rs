//! Another floor or a draft plan, tried on what was seen, beside the plan in force.

use std::sync::Arc;

use floor::{Cohort, Floor, Plan};
use jiff::{SignedDuration, Timestamp};
use ledger::Query;
use report::Options;
use report::replay::{Draft, Replay, ReplayError, Replaying, replay};
use serde::Deserialize;

use crate::fault::Fault;
use crate::narrow::days_before;
use crate::picture::Picture;
use crate::source::Source;

/// The longest that is looked back over.
const MOST_DAYS: i64 = 90;
/// The days that are looked back over where nothing is said.
const DAYS: i64 = 30;
/// Accounts that are listed.
const MOST: usize = 200;

/// What is to be tried.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    /// A floor: a name, or a table such as `{ min = "TLSv1.3" }`.
    pub(crate) floor: String,
    /// A draft of a plan, as TOML; it goes before `floor`.
    pub(crate) plan: String,
    /// Days to look back over.
    pub(crate) days: i64,
    /// The draft's clock at the first sighting of the range: a date. Empty for the ledger's own.
    pub(crate) as_if: String,
}

impl Asked {
    pub(crate) fn is_empty(&self) -> bool {
        self.floor.trim().is_empty() && self.plan.trim().is_empty()
    }

    pub(crate) fn days(&self) -> i64 {
        match self.days {
            ..=0 => DAYS,
            days => days.min(MOST_DAYS),
        }
    }
}

/// Tries it.
pub(crate) fn rehearse(
    source: &dyn Source,
    picture: &Picture,
    reader: &dyn Query,
    asked: &Asked,
    now: Timestamp,
) -> Result<Replay, Fault> {
    let in_force = &picture.in_force;
    let (name, mut plan) = if asked.plan.trim().is_empty() {
        of_floor(source, asked.floor.trim())?
    } else {
        (
            "the draft".to_owned(),
            draft(source, &asked.plan, in_force.plan.share_key)?,
        )
    };
    if plan.cohorts.iter().any(Cohort::needs_roster) {
        let accounts = reader.accounts()?.into_iter().map(|facts| {
            let record = floor::AccountRecord {
                first_seen: facts.first,
                requests_30_days: facts.requests_30_days,
            };
            (facts.id, record)
        });
        plan.take_roster(Arc::new(floor::Roster::new(accounts, now)));
    }
    let since = days_before(now, asked.days());
    let options = Options {
        since: Some(since),
        most: Some(MOST),
        check_path: Some(in_force.check_path.clone()),
        ..Options::default()
    };
    let shift = match asked.as_if.trim() {
        "" => SignedDuration::ZERO,
        text => floor::config::When(text.to_owned())
            .moment()
            .map_err(Fault::bad)?
            .duration_since(since),
    };
    let replaying = Replaying {
        draft: Draft {
            name: &name,
            plan: &plan,
        },
        against: Some(Draft {
            name: "the plan in force",
            plan: &in_force.plan,
        }),
        recorded: None,
        shift,
    };
    replay(reader, &replaying, now, &options).map_err(|error| match error {
        ReplayError::Ledger(error) => error.into(),
        error @ ReplayError::TooManyChanges { .. } => Fault::bad(error.to_string()),
    })
}

/// A plan that refuses whoever misses a floor, and always did.
fn of_floor(source: &dyn Source, text: &str) -> Result<(String, Plan), Fault> {
    let floor = match Floor::named(text) {
        Some(floor) => floor.clone(),
        None if text.starts_with('{') => table(source, text)?,
        None => {
            let names = Floor::NAMES.join(", ");
            return Err(Fault::bad(format!(
                "No floor is called like this; there are: {names}."
            )));
        }
    };
    let name = format!("floor {text}");
    let plan = Plan::of_floor(name.clone(), floor);
    Ok((name, plan))
}

/// A floor as a table, as a plan has one.
fn table(source: &dyn Source, text: &str) -> Result<Floor, Fault> {
    let written = format!("[[sunset]]\nname = \"any\"\nfloor = {text}\n");
    let plan = source.draft(&written, [0; 16]).map_err(|problems| {
        let said = problems.iter().map(|problem| problem.message.as_str());
        Fault::bad(said.collect::<Vec<_>>().join("; "))
    })?;
    let sunset = plan.sunsets.into_iter().next();
    let floor = sunset.map(|sunset| sunset.floor);
    floor.ok_or_else(|| Fault::bad("This floor cannot be read."))
}

/// A draft of the plan.
fn draft(source: &dyn Source, text: &str, share_key: [u8; 16]) -> Result<Plan, Fault> {
    let plan = source
        .draft(text, share_key)
        .map_err(|problems| Fault::draft(text, &problems))?;
    if plan.sunsets.is_empty() {
        return Err(Fault::bad("This draft has no [[sunset]]."));
    }
    Ok(plan)
}
