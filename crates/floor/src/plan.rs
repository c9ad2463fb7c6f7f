//! The plan, and the one function that decides.

use std::fmt;
use std::sync::Arc;

use hello::Offer;
use jiff::Timestamp;

use crate::cohort::Membership;
use crate::problem::Places;
use crate::who::same_name;
use crate::{
    Account, Action, Cohort, Decision, Exception, Floor, Hold, Measure, Moment, Phase, Roster,
    Standing, Sunset, Verdict, Who,
};

/// All sunsets, exceptions and previews of a platform. An empty plan serves everybody.
#[derive(Clone, Default)]
pub struct Plan {
    /// What is retired, and when.
    pub sunsets: Vec<Sunset>,
    /// Who is let past.
    pub exceptions: Vec<Exception>,
    /// Server names that show a day to come.
    pub previews: Vec<Preview>,
    /// Groups of accounts that sunsets are for.
    pub cohorts: Vec<Cohort>,
    /// The key of the hash by which accounts fall in or out of a brownout's share. Kept secret, so that
    /// nobody can work out who is hit; kept the same, so that it is the same accounts each time.
    pub share_key: [u8; 16],
    /// Where in its file each key of the plan stands.
    pub(crate) places: Places,
    /// What is known of all accounts, for the cohorts.
    pub(crate) roster: Arc<Roster>,
    pub(crate) holds: Vec<Hold>,
    /// Whether each sunset is on hold: what `holds` comes to.
    pub(crate) held: Vec<bool>,
}

/// A server name on which the plan runs with its clock set to a date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// The server name.
    pub sni: String,
    /// What its clock shows.
    pub at: Timestamp,
}

impl fmt::Debug for Plan {
    /// All but the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            sunsets,
            exceptions,
            previews,
            cohorts,
            share_key: _,
            places: _,
            roster: _,
            holds,
            held: _,
        } = self;
        f.debug_struct("Plan")
            .field("sunsets", sunsets)
            .field("exceptions", exceptions)
            .field("previews", previews)
            .field("cohorts", cohorts)
            .field("holds", holds)
            .finish_non_exhaustive()
    }
}

/// What a decision depends on, besides the plan.
struct Case<'a> {
    offer: &'a Offer,
    who: &'a Who<'a>,
    moment: Moment<'a>,
    now: Timestamp,
    can_be_held: bool,
}

/// What the exceptions say of a client.
enum Lift {
    No,
    /// By the exception of this index.
    Yes(usize),
    /// An account exception is in force, and the account is not certain yet.
    Perhaps,
}

impl Plan {
    /// A plan of one sunset that refuses whoever misses a floor, and always did.
    pub fn of_floor(name: String, floor: Floor) -> Self {
        let sunset = Sunset {
            name,
            floor,
            cohort: None,
            observe: None,
            warn: None,
            brownouts: Vec::new(),
            explain: None,
            refuse: Some(Timestamp::MIN),
            contact: None,
            card_data_paths: Vec::new(),
        };
        Self::new(vec![sunset], Vec::new(), Vec::new(), [0; 16])
    }

    /// A plan that comes from no file; its problems have no place.
    pub fn new(
        sunsets: Vec<Sunset>,
        exceptions: Vec<Exception>,
        previews: Vec<Preview>,
        share_key: [u8; 16],
    ) -> Self {
        Self {
            sunsets,
            exceptions,
            previews,
            share_key,
            ..Self::default()
        }
    }

    /// The time the plan runs at for a server name: `now`, or a preview's date.
    pub fn clock(&self, sni: Option<&str>, now: Timestamp) -> (Timestamp, Option<&Preview>) {
        let preview = sni.and_then(|sni| {
            self.previews
                .iter()
                .find(|preview| same_name(&preview.sni, sni))
        });
        (preview.map_or(now, |preview| preview.at), preview)
    }

    /// Decides: the strictest action of any sunset; among equals, the sunset that has come furthest, and
    /// among those the first in the plan.
    ///
    /// At [`Moment::Request`] the action is never [`Action::Refuse`].
    pub fn decide(
        &self,
        offer: &Offer,
        who: &Who<'_>,
        moment: Moment<'_>,
        now: Timestamp,
    ) -> Decision {
        let (case, preview) = self.case(offer, who, moment, now);
        let start = Decision {
            preview,
            ..Decision::default()
        };
        self.sunsets
            .iter()
            .enumerate()
            .fold(start, |strictest, (index, sunset)| {
                let phase = sunset.phase(case.now);
                let membership = self.membership(sunset, who.account, moment);
                if phase.is_none() || membership == Membership::No {
                    return strictest;
                }
                let verdict = sunset.floor.judge(offer);
                if !verdict.misses() {
                    return strictest;
                }
                let weighed = self.weigh(index, verdict, phase, membership, &case);
                let harder = (weighed.action, weighed.phase) > (strictest.action, strictest.phase);
                if harder {
                    Decision { preview, ..weighed }
                } else {
                    strictest
                }
            })
    }

    /// How a client stands with each sunset, in the order of the plan.
    pub fn standings<'a>(
        &'a self,
        offer: &'a Offer,
        who: &'a Who<'a>,
        moment: Moment<'a>,
        now: Timestamp,
    ) -> impl Iterator<Item = Standing> + use<'a> {
        let (case, _) = self.case(offer, who, moment, now);
        self.sunsets.iter().enumerate().map(move |(index, sunset)| {
            let (verdict, phase) = (sunset.floor.judge(offer), sunset.phase(case.now));
            let membership = self.membership(sunset, who.account, moment);
            let weighed = self.weigh(index, verdict, phase, membership, &case);
            Standing {
                sunset: index,
                verdict,
                applies: membership != Membership::No,
                phase: weighed.phase,
                action: weighed.action,
                next: sunset
                    .next_change(case.now)
                    .filter(|_| membership != Membership::No),
                exception: weighed.exception,
                window: weighed.window,
                deferred: weighed.deferred,
                held: weighed.held,
            }
        })
    }

    /// What is to be decided, on the plan's clock for it; and whether that is a preview's.
    fn case<'a>(
        &self,
        offer: &'a Offer,
        who: &'a Who<'a>,
        moment: Moment<'a>,
        now: Timestamp,
    ) -> (Case<'a>, bool) {
        let (now, preview) = self.clock(who.sni, now);
        let case = Case {
            offer,
            who,
            moment,
            now,
            // A preview shows the plan; a hold is about today.
            can_be_held: preview.is_none(),
        };
        (case, preview.is_some())
    }

    /// What one sunset does to a client.
    fn weigh(
        &self,
        index: usize,
        verdict: Verdict,
        phase: Option<Phase>,
        membership: Membership,
        case: &Case<'_>,
    ) -> Decision {
        let Case { moment, now, .. } = *case;
        let mut decision = Decision {
            sunset: Some(index),
            phase,
            verdict,
            ..Decision::default()
        };
        if membership == Membership::No {
            decision.phase = None;
            return decision;
        }
        if case.can_be_held && self.is_held(index) {
            decision.phase = phase.map(|_| Phase::Observe);
            decision.held = true;
            return decision;
        }
        let (Some(sunset), Some(alert)) = (self.sunsets.get(index), verdict.alert()) else {
            return decision;
        };

        // By date alone; a window is looked at next, for whom it hits.
        decision.action = match sunset.phase_by_date(now) {
            None | Some(Phase::Observe) => Action::Serve,
            Some(Phase::Warn | Phase::Brownout) => Action::Warn,
            Some(Phase::Explain) => Action::Explain,
            Some(Phase::Refuse) => Action::Refuse(alert),
        };
        for run in &sunset.brownouts {
            let Some(window) = run.window_at(now) else {
                continue;
            };
            let action = match run.measure {
                Measure::Explain => Action::Explain,
                Measure::Refuse => Action::Refuse(alert),
            };
            if action > decision.action && run.hits(&sunset.name, case.who, moment, &self.share_key)
            {
                decision.action = action;
                decision.window = Some(window);
            }
        }

        if decision.action > Action::Warn {
            match self.lift(index, case) {
                Lift::Yes(exception) => {
                    decision.action = Action::Warn;
                    decision.window = None;
                    decision.exception = Some(exception);
                }
                lift @ (Lift::Perhaps | Lift::No) => {
                    let uncertain =
                        matches!(lift, Lift::Perhaps) || membership == Membership::Perhaps;
                    if uncertain && matches!(decision.action, Action::Refuse(_)) {
                        decision.action = Action::Explain;
                        decision.deferred = true;
                    }
                }
            }
        }
        if matches!(
            (moment, decision.action),
            (Moment::Request { .. }, Action::Refuse(_))
        ) {
            decision.action = Action::Explain;
        }
        decision
    }

    /// Whether an exception in force lets this client past a sunset.
    fn lift(&self, sunset: usize, case: &Case<'_>) -> Lift {
        let Case {
            offer,
            who,
            moment,
            now,
            ..
        } = *case;
        let mut perhaps = false;
        for (index, exception) in self.exceptions.iter().enumerate() {
            let in_force =
                exception.sunset == sunset && now < exception.until && exception.covers_place(who);
            if !in_force
                || !exception
                    .floor
                    .as_ref()
                    .is_none_or(|floor| floor.judge(offer).meets())
            {
                continue;
            }
            match (&exception.account, who.account) {
                (None, _) => return Lift::Yes(index),
                (Some(excepted), Account::Known(account)) if excepted == account => {
                    return Lift::Yes(index);
                }
                (Some(excepted), Account::Remembered(account)) => perhaps |= excepted == account,
                (Some(_), Account::Unknown | Account::None) => perhaps = true,
                (Some(_), Account::Known(_)) => {}
            }
        }
        // At a request nothing more will be known.
        if perhaps && moment == Moment::Hello {
            Lift::Perhaps
        } else {
            Lift::No
        }
    }
}
