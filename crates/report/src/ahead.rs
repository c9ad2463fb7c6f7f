//! What the programs of one account will meet, date by date.

use std::collections::HashMap;

use floor::{Account, Action, Moment, Plan, What, Window};
use hello::{Offer, OfferId};
use jiff::Timestamp;
use ledger::{Detail, Visitor};

use crate::clients::runtimes;

/// Programs whose days to come are told: whoever has read that many knows enough.
const MOST_PROGRAMS: usize = 8;
/// Days to come that are told.
const MOST_DATES: usize = 24;

/// What programs meet from a moment on.
#[derive(Debug)]
pub struct Ahead<'a> {
    /// From when on.
    pub at: Timestamp,
    /// What begins then; `None` for what is so now.
    pub what: Option<What<'a>>,
    /// The first window, where a run of brownouts begins.
    pub window: Option<Window>,
    /// The sunset, by its place in the plan.
    pub sunset: Option<usize>,
    /// What each program meets, those that call most first.
    pub programs: Vec<Meets>,
}

/// What a program meets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meets {
    /// The program, as its client or its hello names it.
    pub program: String,
    /// What is done.
    pub action: Action,
    /// An exception is why it is not turned away.
    pub excepted: bool,
}

/// A program and what it offers.
struct Program<'a> {
    name: String,
    offer: &'a Offer,
    detail: &'a Detail,
}

/// What the programs behind `details` meet now and on each date of the plan from then on. Each is asked of
/// [`Plan::decide`], as an edge asks.
pub fn ahead<'a>(
    plan: &'a Plan,
    account: &str,
    offers: &HashMap<OfferId, Offer>,
    details: &[Detail],
    now: Timestamp,
) -> Vec<Ahead<'a>> {
    let programs = programs(offers, details);
    let mut dates = vec![(now, None, None, None)];
    for event in plan.calendar() {
        if event.at <= now {
            continue;
        }
        let (at, window) = match event.what {
            What::Phase(_) | What::BrownoutEnds => (event.at, None),
            What::Brownout { run, .. } => {
                let Some(first) = run.windows_between(event.at, run.to).next() else {
                    continue;
                };
                (first.start, Some(first))
            }
            What::ExceptionEnds(exception) => {
                let own = exception.account.as_deref();
                if own.is_some_and(|own| own != account) {
                    continue;
                }
                (event.at, None)
            }
            What::Preview(_) => continue,
        };
        dates.push((at, Some(event.what), window, event.sunset));
    }
    dates.sort_by_key(|(at, ..)| *at);
    dates.truncate(MOST_DATES);
    let dates = dates.into_iter().map(|(at, what, window, sunset)| {
        let mut programs: Vec<Meets> = programs
            .iter()
            .map(|program| meets(plan, account, program, at))
            .collect();
        programs.dedup();
        Ahead {
            at,
            what,
            window,
            sunset,
            programs,
        }
    });
    dates.collect()
}

/// The programs, those that call most first.
fn programs<'a>(offers: &'a HashMap<OfferId, Offer>, details: &'a [Detail]) -> Vec<Program<'a>> {
    let mut by_offer: HashMap<OfferId, Vec<&Detail>> = HashMap::new();
    for detail in details {
        if let (Some(offer), Visitor::Customer) = (detail.offer, detail.visitor) {
            by_offer.entry(offer).or_default().push(detail);
        }
    }
    let mut programs: Vec<(u64, Program<'a>)> = Vec::new();
    for (id, details) in by_offer {
        let own: Vec<Detail> = details.iter().copied().cloned().collect();
        let name = runtimes(offers, &own).into_iter().next();
        let weight = details
            .iter()
            .map(|detail| detail.counts.requests.total() + detail.counts.refused)
            .sum();
        let latest = details.into_iter().max_by_key(|detail| detail.counts.last);
        if let (Some(name), Some(detail), Some(offer)) = (name, latest, offers.get(&id)) {
            let program = Program {
                name,
                offer,
                detail,
            };
            programs.push((weight, program));
        }
    }
    programs.sort_by(|(weight, one), (more, other)| (more, &one.name).cmp(&(weight, &other.name)));
    programs.truncate(MOST_PROGRAMS);
    programs.into_iter().map(|(_, program)| program).collect()
}

fn meets(plan: &Plan, account: &str, program: &Program<'_>, at: Timestamp) -> Meets {
    let ask = |account, moment| {
        let who = floor::Who {
            address: program.detail.address,
            sni: program.detail.sni.as_deref(),
            account,
        };
        plan.decide(program.offer, &who, moment, at)
    };
    // At the hello by what is remembered, then at the request.
    let mut decision = ask(Account::Remembered(account), Moment::Hello);
    if !matches!(decision.action, Action::Refuse(_)) {
        decision = ask(Account::Known(account), Moment::Request { path: "/" });
    }
    Meets {
        program: program.name.clone(),
        action: decision.action,
        excepted: decision.exception.is_some(),
    }
}
