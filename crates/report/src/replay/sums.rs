//! What one plan does, added up.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use floor::{Action, Decision, Verdict};
use hello::{Offer, OfferId};
use jiff::Timestamp;
use ledger::{Detail, Who};

use super::Draft;
use super::clock::Clock;
use super::fate::{AtHello, decide};
use super::model::{
    Accounts, Changes, Estimate, Fates, PlanReplay, Stage, TurnedAway, WindowHit, WindowReplay,
    Windows,
};
use crate::model::{Listed, RowWho, Volume};

/// The verdicts by which somebody is turned away.
pub(super) type Verdicts = HashMap<Who, HashMap<OfferId, Verdict>>;

/// What one plan does, as it adds up.
pub(super) struct Sums<'a> {
    draft: Draft<'a>,
    pub(super) clock: Clock,
    /// Whether an offer misses any floor of the plan: most do not, and nothing is decided of those.
    misses: HashMap<OfferId, bool>,
    connections: Fates,
    requests: Fates,
    by_who: HashMap<Who, OfOne>,
    windows: BTreeMap<(Timestamp, Timestamp, usize), HashMap<Who, Both>>,
}

/// Connections and requests.
#[derive(Clone, Copy, Default)]
struct Both {
    connections: Estimate,
    requests: Estimate,
}

impl Both {
    fn add(&mut self, detail: &Detail, share: Option<f64>) {
        let connections = detail.counts.connections;
        let requests = detail.counts.requests.total();
        self.connections.add_part(connections, share);
        self.requests.add_part(requests, share);
    }

    /// By what lists are ordered: a connection that was refused is at least one request that was not made.
    fn weight(&self) -> f64 {
        self.requests.about.max(self.connections.about)
    }
}

#[derive(Default)]
struct OfOne {
    all: Volume,
    away: Both,
    verdicts: HashMap<OfferId, Verdict>,
    sunsets: BTreeSet<usize>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl OfOne {
    fn is_turned_away(&self) -> bool {
        self.away.connections.at_most + self.away.requests.at_most > 0
    }

    fn is_certain(&self) -> bool {
        self.away.connections.at_least + self.away.requests.at_least > 0
    }
}

impl<'a> Sums<'a> {
    pub(super) fn new(draft: Draft<'a>, clock: Clock, offers: &HashMap<OfferId, Offer>) -> Self {
        let misses = |offer: &Offer| {
            let mut sunsets = draft.plan.sunsets.iter();
            sunsets.any(|sunset| sunset.floor.judge(offer).misses())
        };
        Self {
            misses: offers
                .iter()
                .map(|(id, offer)| (*id, misses(offer)))
                .collect(),
            draft,
            clock,
            connections: Fates::default(),
            requests: Fates::default(),
            by_who: HashMap::new(),
            windows: BTreeMap::new(),
        }
    }

    /// Adds what one piece comes to.
    pub(super) fn take(&mut self, who: &Who, detail: &Detail, offer: Option<&Offer>) {
        let (connections, requests) = (detail.counts.connections, detail.counts.requests.total());
        self.connections.total += connections;
        self.requests.total += requests;
        if !self.by_who.contains_key(who) {
            self.by_who.insert(who.clone(), OfOne::default());
        }
        let Some(one) = self.by_who.get_mut(who) else {
            return;
        };
        one.all.connections += connections;
        one.all.requests += requests;
        let Some((offer, id)) = offer.zip(detail.offer) else {
            self.connections.unjudged += connections;
            self.requests.unjudged += requests;
            return;
        };
        let is_open = || {
            let mut sunsets = self.draft.plan.sunsets.iter();
            offer.is_partial() && sunsets.any(|sunset| sunset.floor.judge(offer).cannot_tell())
        };
        if self.misses.get(&id) != Some(&true) {
            if is_open() {
                self.connections.unjudged += connections;
                self.requests.unjudged += requests;
            } else {
                self.connections.served.add_certain(connections);
                self.requests.served.add_certain(requests);
            }
            return;
        }
        // Of each action, how much of the time: a piece without a change in it is one of them, whole.
        let mut decided: Vec<(Decision, f64)> = Vec::with_capacity(1);
        for (at, share) in self.clock.times(detail.counts.first, detail.counts.last) {
            let plan = self.draft.plan;
            let decision = decide(plan, offer, who, detail, at, AtHello::Remembered);
            decided.push((decision, share));
        }
        let is_one = decided.iter().all(|(one, _)| {
            decided
                .first()
                .is_some_and(|(first, _)| first.action == one.action)
        });
        let is_all_away = decided.iter().all(|(one, _)| is_away(one));
        for (decision, share) in decided.iter().take(if is_one { 1 } else { usize::MAX }) {
            let share = (!is_one).then_some(*share);
            self.connections
                .of(decision.action)
                .add_part(connections, share);
            self.requests.of(decision.action).add_part(requests, share);
        }
        let away: f64 = decided
            .iter()
            .filter(|(one, _)| is_away(one))
            .map(|(_, share)| share)
            .sum();
        if away <= 0.0 {
            return;
        }
        one.away.add(detail, (!is_all_away).then_some(away));
        one.first = Some(
            one.first
                .map_or(detail.counts.first, |first| first.min(detail.counts.first)),
        );
        one.last = one.last.max(Some(detail.counts.last));
        for (decision, share) in decided.iter().filter(|(one, _)| is_away(one)) {
            one.verdicts.insert(id, decision.verdict);
            let Some(sunset) = decision.sunset else {
                continue;
            };
            one.sunsets.insert(sunset);
            if let Some(window) = decision.window {
                let share = (decided.len() > 1).then_some(*share);
                self.windows
                    .entry((window.start, window.end, sunset))
                    .or_default()
                    .entry(who.clone())
                    .or_default()
                    .add(detail, share);
            }
        }
    }

    /// What it came to, with at most so many rows, and the verdicts behind them.
    pub(super) fn finish(self, days: f64, most: usize, other: u64) -> (PlanReplay, Verdicts) {
        let name_of = |index: usize| {
            let sunset = self.draft.plan.sunsets.get(index);
            sunset.map_or_else(String::new, |sunset| sunset.name.clone())
        };
        let stages = self.stages();
        let windows = self.count_windows();
        let mut accounts = Accounts::default();
        for (who, one) in &self.by_who {
            if matches!(who, Who::Known(_)) {
                accounts.total += 1;
                accounts.turned_away += u64::from(one.is_certain());
                accounts.perhaps += u64::from(one.is_turned_away() && !one.is_certain());
            }
        }
        let mut away: Vec<(Who, OfOne)> = self
            .by_who
            .into_iter()
            .filter(|(_, one)| one.is_turned_away())
            .collect();
        away.sort_by(|(who, one), (other, other_one)| {
            // Whoever has no name cannot be written to: last.
            (*who == Who::Nobody)
                .cmp(&(*other == Who::Nobody))
                .then(other_one.away.weight().total_cmp(&one.away.weight()))
                .then_with(|| who.cmp(other))
        });
        let more = away.len().saturating_sub(most) as u64;
        away.truncate(most);
        let mut verdicts = Verdicts::new();
        let turned_away = away
            .into_iter()
            .map(|(who, one)| {
                verdicts.insert(who.clone(), one.verdicts);
                TurnedAway {
                    sunsets: one.sunsets.iter().map(|index| name_of(*index)).collect(),
                    connections: one.away.connections,
                    requests: one.away.requests,
                    requests_a_day: one.away.requests.about / days,
                    all: one.all,
                    first: one.first.unwrap_or_default(),
                    last: one.last.unwrap_or_default(),
                    addresses: Listed::default(),
                    programs: Listed::default(),
                    who: RowWho(who),
                }
            })
            .collect();
        let hit = self
            .windows
            .into_iter()
            .map(|((start, end, sunset), hits)| {
                let mut hits: Vec<(Who, Both)> = hits.into_iter().collect();
                hits.sort_by(|(who, one), (other, other_one)| {
                    let weight = other_one.weight().total_cmp(&one.weight());
                    weight.then_with(|| who.cmp(other))
                });
                WindowReplay {
                    sunset: name_of(sunset),
                    start,
                    end,
                    hits: hits
                        .into_iter()
                        .map(|(who, both)| WindowHit {
                            who: RowWho(who),
                            connections: both.connections,
                            requests: both.requests,
                        })
                        .collect(),
                }
            })
            .collect();
        let mut connections = self.connections;
        connections.total += other;
        connections.unjudged += other;
        let replay = PlanReplay {
            name: self.draft.name.to_owned(),
            stages,
            connections,
            requests: self.requests,
            accounts,
            turned_away,
            more,
            runtimes: Listed::default(),
            windows: Windows {
                total: windows,
                hit,
            },
        };
        (replay, verdicts)
    }

    /// The phases by date over the range, for each sunset.
    fn stages(&self) -> Vec<Stage> {
        let (first, last) = self.clock.ends();
        let mut stages = Vec::new();
        for sunset in &self.draft.plan.sunsets {
            let mut dates: Vec<Timestamp> = sunset.dates().map(|change| change.at).collect();
            dates.extend(sunset.brownouts.iter().map(|run| run.from));
            dates.retain(|at| *at > first && *at <= last);
            dates.push(first);
            dates.sort_unstable();
            let mut latest = None;
            for at in dates {
                // A window that is open just then is told by itself.
                let phase = sunset.phase_by_date(at);
                if phase != latest
                    && let Some(phase) = phase
                {
                    stages.push(Stage {
                        sunset: sunset.name.clone(),
                        floor: sunset.floor.name().to_owned(),
                        phase,
                        from: at,
                    });
                }
                latest = phase;
            }
        }
        stages
    }

    fn count_windows(&self) -> u64 {
        let (first, last) = self.clock.ends();
        let runs = self
            .draft
            .plan
            .sunsets
            .iter()
            .flat_map(|sunset| &sunset.brownouts);
        runs.map(|run| run.windows_between(first, last).count() as u64)
            .sum()
    }
}

fn is_away(decision: &Decision) -> bool {
    // API traffic is not served on a preview name, whatever is decided.
    !decision.preview && matches!(decision.action, Action::Explain | Action::Refuse(_))
}

/// Who is turned away by one plan and not by the other.
pub(super) fn changes(draft: &Sums<'_>, against: &Sums<'_>) -> Changes {
    let mut changes = Changes::default();
    let away = |sums: &Sums<'_>, who: &Who| {
        let one = sums.by_who.get(who);
        one.is_some_and(OfOne::is_turned_away)
    };
    let mut whose: Vec<&Who> = draft.by_who.keys().collect();
    whose.sort_unstable();
    for who in whose {
        match (away(draft, who), away(against, who)) {
            (true, true) => changes.both += 1,
            (true, false) => changes.newly_turned_away.push(RowWho(who.clone())),
            (false, true) => changes.no_longer_turned_away.push(RowWho(who.clone())),
            (false, false) => {}
        }
    }
    changes
}
