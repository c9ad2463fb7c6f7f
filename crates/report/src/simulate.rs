//! A floor, or a plan on a date, tried on known clients: which work, which need a setting, which never will.
//!
//! In: what is tried and the known clients. Out: a [`Simulation`]. [`floor::Floor::judge`] and [`floor::Plan::decide`]
//! judge the recorded hellos; what becomes of who misses is what the knowledge base says of its release.

mod picture;
mod words;

use advice::{Goal, Knowledge, KnownClient, Support};
use floor::{Action, Floor, Moment, Plan, Verdict};
use hello::names::{self, GroupKind, KeyExchange, Named};
use hello::{Offer, Version};
use jiff::Timestamp;
use serde::Serialize;

pub use picture::svg;
pub use words::{csv, html, list, page};

/// The version of the JSON form.
const FORMAT: u32 = 1;

/// What is tried.
#[derive(Clone, Copy, Debug)]
pub enum Trial<'a> {
    /// A floor, as it is once it bites.
    Floor(&'a Floor),
    /// A plan on a date. Only who is turned away on that date misses.
    Plan(&'a Plan, Timestamp),
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Simulation {
    /// The version of this form: 1.
    pub format: u32,
    /// What was tried: the floor's name, or the plan's.
    pub name: String,
    /// What the floors of it ask.
    pub asks: Vec<String>,
    /// The date on which a plan was tried.
    pub at: Option<Timestamp>,
    /// How many clients there are of each result.
    pub sums: Sums,
    /// Each client.
    pub clients: Vec<Simulated>,
}

/// How many clients there are of each result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sums {
    /// All.
    pub clients: usize,
    /// Work.
    pub works: usize,
    /// Can, but not by default.
    pub opt_in: usize,
    /// Cannot.
    pub never: usize,
    /// Miss, and nobody recorded whether they could.
    pub unknown: usize,
}

impl Sums {
    /// So many of one result.
    pub const fn of(&self, fate: Fate) -> usize {
        match fate {
            Fate::Works => self.works,
            Fate::OptIn => self.opt_in,
            Fate::Never => self.never,
            Fate::Unknown => self.unknown,
        }
    }
}

/// What becomes of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// Works as it is.
    Works,
    /// Can, but not by default: a setting does it.
    OptIn,
    /// Cannot, whatever is set: another release is needed.
    Never,
    /// Misses, and nobody recorded whether it could.
    Unknown,
}

impl Fate {
    /// All of them, the best first.
    pub const ALL: [Self; 4] = [Self::Works, Self::OptIn, Self::Never, Self::Unknown];

    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::OptIn => "needs an opt-in",
            Self::Never => "never will",
            Self::Unknown => "not known",
        }
    }
}

/// One client.
#[derive(Clone, Debug, Serialize)]
pub struct Simulated {
    /// The client.
    pub name: String,
    /// Whether it was still in common use when the list was made.
    pub common: bool,
    /// The best it offers: its latest version, and its post-quantum group where it has one.
    pub best: String,
    /// What it would negotiate by the order of its own lists; absent where it misses.
    pub negotiates: Option<Negotiates>,
    /// What it lacks, as `offers TLSv1 at most`; empty where it works.
    pub because: Vec<String>,
    /// What becomes of it.
    pub fate: Fate,
    /// A server must ask for its group with a HelloRetryRequest: one round trip more.
    pub needs_retry: bool,
    /// What a plan does: `serve`, `warn`, `explain` or `refuse`; absent where a floor was tried.
    pub action: Option<&'static str>,
    /// What it is to change, where the knowledge base has a rule for it.
    pub fix: Option<String>,
}

/// What is agreed on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Negotiates {
    /// The version, as OpenSSL spells it.
    pub version: String,
    /// The cipher suite, as OpenSSL spells it.
    pub cipher: String,
    /// The group; absent for RSA key exchange, and where the server chooses.
    pub group: Option<String>,
}

/// A known client and what it offers.
#[derive(Clone, Debug, Serialize)]
pub struct Listing {
    /// The client.
    pub name: String,
    /// Whether it was still in common use when the list was made.
    pub common: bool,
    /// The best it offers.
    pub best: String,
    /// JA4 of its hello.
    pub ja4: String,
    /// JA3 of its hello.
    pub ja3: String,
}

/// What known clients offer.
pub fn listing(clients: &[&KnownClient]) -> Vec<Listing> {
    let clients = clients.iter().map(|client| Listing {
        name: client.name.clone(),
        common: client.common,
        best: best(&client.offer),
        ja4: hello::ja4(&client.offer),
        ja3: hello::ja3(&client.offer),
    });
    clients.collect()
}

/// Tries a floor or a plan on clients. `name` is what it is called.
pub fn simulate(
    trial: Trial<'_>,
    name: &str,
    clients: &[&KnownClient],
    check_url: &str,
) -> Simulation {
    let clients: Vec<Simulated> = clients
        .iter()
        .map(|client| one(trial, client, check_url))
        .collect();
    let mut sums = Sums {
        clients: clients.len(),
        ..Sums::default()
    };
    for client in &clients {
        *match client.fate {
            Fate::Works => &mut sums.works,
            Fate::OptIn => &mut sums.opt_in,
            Fate::Never => &mut sums.never,
            Fate::Unknown => &mut sums.unknown,
        } += 1;
    }
    Simulation {
        format: FORMAT,
        name: name.to_owned(),
        asks: match trial {
            Trial::Floor(floor) => vec![floor.title().to_owned()],
            Trial::Plan(plan, at) => plan
                .sunsets
                .iter()
                .filter_map(|sunset| {
                    let phase = sunset.phase(at)?;
                    Some(format!(
                        "{}: {}, {}",
                        sunset.name,
                        phase.name(),
                        sunset.floor.title()
                    ))
                })
                .collect(),
        },
        at: match trial {
            Trial::Floor(_) => None,
            Trial::Plan(_, at) => Some(at),
        },
        sums,
        clients,
    }
}

fn one(trial: Trial<'_>, client: &KnownClient, check_url: &str) -> Simulated {
    let (verdict, action, floor) = match trial {
        Trial::Floor(floor) => (floor.judge(&client.offer), None, Some(floor)),
        Trial::Plan(plan, at) => {
            // Nobody in particular: no account, no address, no name.
            let who = floor::Who::default();
            let decision = plan.decide(&client.offer, &who, Moment::Hello, at);
            let sunset = decision.sunset.and_then(|index| plan.sunsets.get(index));
            let is_away = matches!(decision.action, Action::Explain | Action::Refuse(_));
            let verdict = if is_away {
                decision.verdict
            } else {
                Verdict::default()
            };
            let floor = sunset.filter(|_| is_away).map(|sunset| &sunset.floor);
            (verdict, Some(decision.action.name()), floor)
        }
    };
    let works = !verdict.misses();
    let advice = (!works)
        .then(|| Knowledge::embedded().advise_verdict(client.runtime.as_ref(), &verdict, check_url))
        .flatten()
        .filter(|_| client.runtime.is_some());
    Simulated {
        name: client.name.clone(),
        common: client.common,
        best: best(&client.offer),
        negotiates: works.then(|| negotiates(&client.offer, floor)).flatten(),
        because: verdict
            .shortfalls()
            .map(|shortfall| shortfall.because().to_string())
            .collect(),
        fate: fate(client, &verdict),
        needs_retry: verdict.needs_retry(),
        action,
        fix: advice.map(|advice| advice.summary),
    }
}

/// Of several shortfalls the hardest decides: a setting for one is of no use where another can never be.
fn fate(client: &KnownClient, verdict: &Verdict) -> Fate {
    if !verdict.misses() {
        return Fate::Works;
    }
    let Some(runtime) = &client.runtime else {
        return Fate::Unknown;
    };
    let fates = verdict.shortfalls().map(|shortfall| {
        let goal = Goal::of_shortfall(shortfall);
        let prospect = goal
            .and_then(|goal| Knowledge::embedded().prospect(runtime, goal, "https://example.com/"));
        match prospect.map(|prospect| prospect.support) {
            // It could by default and did not: its recorded hello was held down, and a setting lets it.
            Some(Support::Default | Support::OptIn) => Fate::OptIn,
            Some(Support::Never) => Fate::Never,
            Some(Support::Depends | Support::Unknown) | None => Fate::Unknown,
        }
    });
    let fates: Vec<Fate> = fates.collect();
    let has = |fate| fates.contains(&fate);
    if has(Fate::Never) {
        Fate::Never
    } else if has(Fate::Unknown) {
        Fate::Unknown
    } else {
        Fate::OptIn
    }
}

fn best(offer: &Offer) -> String {
    let is_pq = |group: &u16| {
        names::group_facts(*group).is_some_and(|facts| facts.kind == GroupKind::MlKem)
    };
    let version = offer.max_version();
    match offer.groups().find(is_pq) {
        Some(group) => format!("{version}, {}", Named::Group(group)),
        None => version.to_string(),
    }
}

/// The first suite and group by the client's own order that make a handshake which the floor allows; without a floor,
/// that are known.
fn negotiates(offer: &Offer, floor: Option<&Floor>) -> Option<Negotiates> {
    let version = offer.max_version();
    let is_tls13 = version >= Version::TLSV1_3;
    let shared: Vec<u16> = offer.key_shares().collect();
    // A server takes a group with a key share, where there is one that will do.
    let mut groups: Vec<u16> = offer.groups().collect();
    groups.sort_by_key(|group| is_tls13 && !shared.contains(group));
    let allowed = |suite: u16, group: Option<u16>| {
        floor.is_none_or(|floor| floor.judge_negotiated(version, suite, group).meets())
    };
    offer.suites().find_map(|suite| {
        let facts = names::suite_facts(suite)?;
        // AEAD came with TLS 1.2 (RFC 5246 section 1.2).
        let too_new = facts.mode.aead() && version < Version::TLSV1_2;
        if facts.tls13 != is_tls13 || facts.anonymous || too_new {
            return None;
        }
        let on_curves = matches!(facts.key_exchange, KeyExchange::Ecdhe | KeyExchange::Ecdh);
        let group = if is_tls13 || on_curves {
            let of_use = |group: &u16| {
                let facts = names::group_facts(*group);
                facts.is_some_and(|facts| is_tls13 || facts.kind == GroupKind::Ec)
            };
            let found = groups
                .iter()
                .copied()
                .filter(of_use)
                .find(|group| allowed(suite, Some(*group)));
            // Who names no curve leaves the choice to the server (RFC 4492 section 4).
            if found.is_none() && !groups.is_empty() {
                return None;
            }
            found
        } else {
            None
        };
        allowed(suite, group).then(|| Negotiates {
            version: version.to_string(),
            cipher: Named::Suite(suite).to_string(),
            group: group.map(|group| Named::Group(group).to_string()),
        })
    })
}
