//! What was seen just now.

use std::collections::HashMap;
use std::sync::Arc;

use floor::Plan;
use hello::{Offer, OfferId};
use jiff::Timestamp;
use ledger::{Counts, Group, LedgerError, Query, Range, Who};
use report::model::RowWho;
use report::{Recogniser, printable, words};
use serde::{Deserialize, Serialize};

/// Rows that a page shows.
const MOST: usize = 8;

/// What one account did with one client, lately.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    /// When it was last seen: a time of day, UTC.
    pub(crate) time: String,
    /// Who.
    pub(crate) account: String,
    /// With what, by its hello and the User-Agent that came with it.
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
        user_agent: Option<&Arc<str>>,
        count: u64,
        offers: &HashMap<OfferId, Offer>,
        plan: &Plan,
        now: Timestamp,
    ) -> Self {
        let offer = group.offer.and_then(|id| offers.get(&id));
        let runtime = group
            .offer
            .and_then(|id| Recogniser::new(offers).runtime(id, user_agent));
        let action = match offer {
            None => "",
            _ if group.counts.requests.explained > 0 => "explain",
            _ if group.counts.refused > 0 => "refuse",
            Some(offer) => action(plan, offer, &group.who, now),
        };
        let unknown = || match user_agent {
            Some(user_agent) => format!("unknown program \"{user_agent}\""),
            None => "not recognised by its hello".to_owned(),
        };
        let program = runtime.map_or_else(unknown, |runtime| {
            let version = runtime.version.map(|version| format!(" {version}"));
            format!("{}{}", runtime.runtime, version.unwrap_or_default())
        });
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

/// What was seen last, the latest first.
pub(crate) fn latest(
    reader: &dyn Query,
    offers: &HashMap<OfferId, Offer>,
    plan: &Plan,
    now: Timestamp,
) -> Result<Vec<Row>, LedgerError> {
    let range = lately(now);
    let mut groups = reader.groups(range)?;
    groups.sort_by_key(|group| std::cmp::Reverse(group.counts.last));
    groups.truncate(MOST);
    let rows = groups.iter().map(|group| {
        let user_agent = user_agent(reader, range, group)?;
        let count = amount(&group.counts);
        Ok(Row::new(
            group,
            user_agent.as_ref(),
            count,
            offers,
            plan,
            now,
        ))
    });
    rows.collect()
}

/// The current hour, and the one before.
pub(crate) fn lately(now: Timestamp) -> Range {
    let hour = jiff::SignedDuration::from_hours(1);
    Range {
        from: Some(now.checked_sub(hour).unwrap_or(now)),
        until: None,
    }
}

/// The User-Agent that came last. Of nobody's connections there can be any number, and they say nothing of each other.
pub(crate) fn user_agent(
    reader: &dyn Query,
    range: Range,
    group: &Group,
) -> Result<Option<Arc<str>>, LedgerError> {
    let (Some(offer), true) = (group.offer, group.who != Who::Nobody) else {
        return Ok(None);
    };
    let details = reader.details_of(range, &group.who, &[offer])?;
    let latest = details
        .into_iter()
        .filter(|detail| detail.user_agent.is_some())
        .max_by_key(|detail| detail.counts.last);
    Ok(latest.and_then(|detail| detail.user_agent))
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
