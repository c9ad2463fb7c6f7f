//! What history is judged by: one floor, and what the plan's exceptions do about it. Every verdict is
//! [`Floor::judge`]'s and every lift [`Plan::decide`]'s.

use std::collections::HashMap;
use std::net::IpAddr;

use floor::{Account, Action, Decision, Exception, Floor, Moment, Plan, Sunset, Verdict};
use hello::{Offer, OfferId};
use jiff::Timestamp;
use ledger::{Detail, Who};

/// One floor, as it stands on the day on which it bites.
pub(crate) struct Subject<'a> {
    /// The sunset it belongs to, and its index in the plan.
    pub(crate) sunset: Option<(usize, &'a Sunset)>,
    pub(crate) floor: &'a Floor,
    /// When clients that miss are turned away for good: a date to come, or now.
    pub(crate) day: Timestamp,
    /// The sunset alone, in its last phase since ever, with its exceptions; `None` for a floor that no plan names.
    last_phase: Option<Plan>,
    /// Each exception alone.
    exceptions: Vec<Lone<'a>>,
    verdicts: HashMap<OfferId, Verdict>,
}

/// An exception, and the sunset's last phase with no other.
pub(crate) struct Lone<'a> {
    pub(crate) exception: &'a Exception,
    plan: Plan,
}

/// Where something came from, as far as it is known.
#[derive(Clone, Copy, Default)]
pub(crate) struct Place<'a> {
    pub(crate) address: Option<IpAddr>,
    pub(crate) sni: Option<&'a str>,
}

impl<'a> Place<'a> {
    pub(crate) fn of(detail: &'a Detail) -> Self {
        Self {
            address: detail.address,
            sni: detail.sni.as_deref(),
        }
    }
}

impl<'a> Subject<'a> {
    /// A sunset of the plan.
    pub(crate) fn sunset(plan: &'a Plan, index: usize, now: Timestamp) -> Option<Self> {
        let sunset = plan.sunsets.get(index)?;
        let own = || {
            let all = plan.exceptions.iter();
            all.filter(|exception| exception.sunset == index)
        };
        let alone = |exceptions: Vec<Exception>| {
            let mut alone = plan.clone();
            alone.sunsets = vec![Sunset {
                observe: None,
                warn: None,
                brownouts: Vec::new(),
                explain: Some(Timestamp::MIN),
                refuse: None,
                ..sunset.clone()
            }];
            alone.exceptions = exceptions
                .into_iter()
                .map(|exception| Exception {
                    sunset: 0,
                    ..exception
                })
                .collect();
            alone.previews = Vec::new();
            // A hold is about today; a report is about the day to come.
            alone.hold(Vec::new());
            alone
        };
        Some(Self {
            sunset: Some((index, sunset)),
            floor: &sunset.floor,
            day: sunset.ends_at().map_or(now, |end| end.max(now)),
            last_phase: Some(alone(own().cloned().collect())),
            exceptions: own()
                .map(|exception| Lone {
                    exception,
                    plan: alone(vec![exception.clone()]),
                })
                .collect(),
            verdicts: HashMap::new(),
        })
    }

    /// A floor that no plan names.
    pub(crate) fn floor(floor: &'a Floor, now: Timestamp) -> Self {
        Self {
            sunset: None,
            floor,
            day: now,
            last_phase: None,
            exceptions: Vec::new(),
            verdicts: HashMap::new(),
        }
    }

    /// Judges each offer once.
    pub(crate) fn judge(&mut self, offers: &HashMap<OfferId, Offer>) {
        self.verdicts = offers
            .iter()
            .map(|(id, offer)| (*id, self.floor.judge(offer)))
            .filter(|(_, verdict)| !verdict.cannot_tell())
            .collect();
    }

    /// The verdict on an offer; `None` where there is none to judge.
    pub(crate) fn verdict(&self, offer: Option<OfferId>) -> Option<&Verdict> {
        self.verdicts.get(&offer?)
    }

    pub(crate) fn exceptions(&self) -> &[Lone<'a>] {
        &self.exceptions
    }

    /// Whether an exception asks for more than the account: then the ledger must say whence each connection came.
    pub(crate) fn has_places(&self) -> bool {
        self.exceptions.iter().any(Lone::has_place)
    }

    /// What happens at a moment to somebody who misses.
    pub(crate) fn fate(
        &self,
        offer: &Offer,
        who: &Who,
        place: Place<'_>,
        at: Timestamp,
    ) -> Fate<'a> {
        let Some(plan) = &self.last_phase else {
            return Fate::Breaks;
        };
        let decision = decide(plan, offer, who, place, at);
        let excepted = decision
            .exception
            .and_then(|index| self.exceptions.get(index));
        match (excepted, decision.action) {
            (Some(lone), _) => Fate::Excepted(lone.exception),
            (None, Action::Explain | Action::Refuse(_)) => Fate::Breaks,
            (None, Action::Serve | Action::Warn) => Fate::Spared,
        }
    }
}

/// What happens to somebody who misses, once the floor bites.
#[derive(Clone, Copy)]
pub(crate) enum Fate<'a> {
    /// Is turned away.
    Breaks,
    /// Is let past by this exception.
    Excepted(&'a Exception),
    /// The sunset is not for this one.
    Spared,
}

impl Lone<'_> {
    pub(crate) fn has_place(&self) -> bool {
        self.exception.address.is_some() || self.exception.sni.is_some()
    }

    /// Whether this exception, were there no other, would let this past.
    pub(crate) fn lifts(&self, offer: &Offer, who: &Who, place: Place<'_>, at: Timestamp) -> bool {
        decide(&self.plan, offer, who, place, at)
            .exception
            .is_some()
    }
}

/// A connection that was refused would have named its account in its first request: one candidate counts as the
/// account here; of several, and where there is none, nothing is known.
fn decide(plan: &Plan, offer: &Offer, who: &Who, place: Place<'_>, at: Timestamp) -> Decision {
    let account = match who {
        Who::Known(id) => Account::Known(id),
        Who::Inferred { candidates, more } => match candidates.as_slice() {
            [only] if !more => Account::Known(only),
            _ => Account::Unknown,
        },
        Who::Nobody => Account::Unknown,
    };
    let moment = match account {
        Account::Known(_) => Moment::Request { path: "/" },
        _ => Moment::Hello,
    };
    let who = floor::Who {
        address: place.address,
        sni: place.sni,
        account,
    };
    plan.decide(offer, &who, moment, at)
}
