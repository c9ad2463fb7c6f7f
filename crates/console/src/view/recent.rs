//! What was seen just now.

use std::collections::HashMap;

use floor::Plan;
use hello::{Offer, OfferId};
use jiff::Timestamp;
use ledger::{Counts, Group, Who};
use report::model::RowWho;
use report::{Recogniser, printable, words};
use serde::Serialize;

/// Rows that a page shows.
const MOST: usize = 8;

/// What one account did with one client, lately.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    /// When it was last seen: a time of day, UTC.
    pub(crate) time: String,
    /// Who.
    pub(crate) account: String,
    /// With what, by its hello alone.
    pub(crate) program: String,
    /// The highest version offered.
    pub(crate) version: String,
    /// What the plan decides of it.
    pub(crate) action: String,
    /// Requests, or connections that made none.
    pub(crate) count: String,
}

impl Row {
    pub(crate) fn new(
        group: &Group,
        count: u64,
        offers: &HashMap<OfferId, Offer>,
        plan: &Plan,
        now: Timestamp,
    ) -> Self {
        let offer = group.offer.and_then(|id| offers.get(&id));
        let runtime = group
            .offer
            .and_then(|id| Recogniser::new(offers).runtime(id, None));
        let action = match offer {
            None => "",
            _ if group.counts.requests.explained > 0 => "explain",
            _ if group.counts.refused > 0 => "refuse",
            Some(offer) => action(plan, offer, &group.who, now),
        };
        let program = runtime.map_or_else(
            || "not recognised by its hello".to_owned(),
            |runtime| {
                let version = runtime.version.map(|version| format!(" {version}"));
                format!("{}{}", runtime.runtime, version.unwrap_or_default())
            },
        );
        Self {
            time: group.counts.last.strftime("%H:%M:%S").to_string(),
            account: printable(&words::who(&RowWho(group.who.clone()))).into_owned(),
            program: printable(&program).into_owned(),
            version: offer.map_or(String::new(), |offer| offer.max_version().to_string()),
            action: action.to_owned(),
            count: words::number(count),
        }
    }
}

/// The last of these, the latest first.
pub(crate) fn latest(
    mut groups: Vec<Group>,
    offers: &HashMap<OfferId, Offer>,
    plan: &Plan,
    now: Timestamp,
) -> Vec<Row> {
    groups.sort_by_key(|group| std::cmp::Reverse(group.counts.last));
    groups.truncate(MOST);
    groups
        .iter()
        .map(|group| Row::new(group, amount(&group.counts), offers, plan, now))
        .collect()
}

fn action(plan: &Plan, offer: &Offer, who: &Who, now: Timestamp) -> &'static str {
    let account = match who {
        Who::Known(id) => floor::Account::Known(id),
        _ => floor::Account::None,
    };
    let who = floor::Who {
        address: None,
        sni: None,
        account,
    };
    let moment = floor::Moment::Request { path: "/" };
    plan.decide(offer, &who, moment, now).action.name()
}

/// Requests, and connections that made none.
pub(crate) fn amount(counts: &Counts) -> u64 {
    counts.requests.total().max(counts.connections)
}
