//! The plan, and the one function that decides.

use std::fmt;

use hello::Offer;
use jiff::Timestamp;

use crate::problem::Places;
use crate::who::same_name;
use crate::{
    Account, Action, Decision, Exception, Measure, Moment, Phase, Standing, Sunset, Verdict, Who,
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
    /// The key of the hash by which accounts fall in or out of a brownout's share. Kept secret, so that
    /// nobody can work out who is hit; kept the same, so that it is the same accounts each time.
    pub share_key: [u8; 16],
    /// Where in its file each key of the plan stands.
    pub(crate) places: Places,
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
            share_key: _,
            places: _,
        } = self;
        f.debug_struct("Plan")
            .field("sunsets", sunsets)
            .field("exceptions", exceptions)
            .field("previews", previews)
            .finish_non_exhaustive()
    }
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
            places: Places::default(),
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
        let (now, preview) = self.clock(who.sni, now);
        let start = Decision {
            preview: preview.is_some(),
            ..Decision::default()
        };
        self.sunsets
            .iter()
            .enumerate()
            .fold(start, |strictest, (index, sunset)| {
                let phase = sunset.phase(now);
                if phase.is_none() {
                    return strictest;
                }
                let verdict = sunset.floor.judge(offer);
                if verdict.meets() {
                    return strictest;
                }
                let weighed = self.weigh(index, verdict, phase, offer, who, moment, now);
                let harder = (weighed.action, weighed.phase) > (strictest.action, strictest.phase);
                if harder {
                    Decision {
                        preview: strictest.preview,
                        ..weighed
                    }
                } else {
                    strictest
                }
            })
    }

    /// How a client stands with each sunset, in the order of the plan.
    pub fn standings(
        &self,
        offer: &Offer,
        who: &Who<'_>,
        moment: Moment<'_>,
        now: Timestamp,
    ) -> impl Iterator<Item = Standing> {
        let (now, _) = self.clock(who.sni, now);
        self.sunsets.iter().enumerate().map(move |(index, sunset)| {
            let (verdict, phase) = (sunset.floor.judge(offer), sunset.phase(now));
            let weighed = self.weigh(index, verdict, phase, offer, who, moment, now);
            Standing {
                sunset: index,
                verdict,
                phase,
                action: weighed.action,
                next: sunset.next_change(now),
                exception: weighed.exception,
                window: weighed.window,
                deferred: weighed.deferred,
            }
        })
    }

    /// What one sunset does to a client.
    #[expect(
        clippy::too_many_arguments,
        reason = "a decision depends on each of these, and on nothing else"
    )]
    fn weigh(
        &self,
        index: usize,
        verdict: Verdict,
        phase: Option<Phase>,
        offer: &Offer,
        who: &Who<'_>,
        moment: Moment<'_>,
        now: Timestamp,
    ) -> Decision {
        let mut decision = Decision {
            sunset: Some(index),
            phase,
            verdict,
            ..Decision::default()
        };
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
            if action > decision.action && run.hits(&sunset.name, who, moment, &self.share_key) {
                decision.action = action;
                decision.window = Some(window);
            }
        }

        if decision.action > Action::Warn {
            match self.lift(index, offer, who, moment, now) {
                Lift::Yes(exception) => {
                    decision.action = Action::Warn;
                    decision.window = None;
                    decision.exception = Some(exception);
                }
                Lift::Perhaps if matches!(decision.action, Action::Refuse(_)) => {
                    decision.action = Action::Explain;
                    decision.deferred = true;
                }
                Lift::Perhaps | Lift::No => {}
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
    fn lift(
        &self,
        sunset: usize,
        offer: &Offer,
        who: &Who<'_>,
        moment: Moment<'_>,
        now: Timestamp,
    ) -> Lift {
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
