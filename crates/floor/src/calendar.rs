//! The plan as a calendar: what happens when, and where everything stands on a date.

use jiff::Timestamp;

use crate::{Change, Phase, Plan, Window};

/// One entry of the calendar. It borrows from the plan.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// When.
    pub at: Timestamp,
    /// The index of the sunset it belongs to, if it belongs to one.
    pub sunset: Option<usize>,
    /// What happens.
    pub what: What<'a>,
}

/// What happens.
#[derive(Clone, Copy, Debug)]
pub enum What<'a> {
    /// A phase begins.
    Phase(Phase),
    /// A run of brownout windows begins.
    Brownout {
        /// The run.
        run: &'a crate::Brownout,
        /// How many windows it has.
        windows: u64,
    },
    /// A run of brownout windows is over.
    BrownoutEnds,
    /// An exception ends.
    ExceptionEnds(&'a crate::Exception),
    /// The day that a preview name shows.
    Preview(&'a crate::Preview),
}

/// Where one sunset stands at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct SunsetState {
    /// The index of the sunset in the plan.
    pub sunset: usize,
    /// The phase it acts in, `None` before the first; observe while it is on hold.
    pub phase: Option<Phase>,
    /// The phase by its dates.
    pub planned: Option<Phase>,
    /// It is on hold: see [`Plan::hold_of`].
    pub held: bool,
    /// The brownout window that is open.
    pub window: Option<Window>,
    /// The next change of phase, as planned: while the sunset is on hold it changes nothing.
    pub next: Option<Change>,
    /// The indexes of the exceptions in force, in the order of the plan.
    pub exceptions: Vec<usize>,
    /// The sunset refuses, but account exceptions keep old handshakes of clients not yet known alive as far
    /// as their first request: until when.
    pub handshakes_until: Option<Timestamp>,
    /// The sunset refuses, but it is for a cohort: old handshakes of clients not yet known stay alive as far as
    /// their first request, which says whether they are in it.
    pub handshakes_of_strangers: bool,
}

impl Plan {
    /// Everything that happens, in order of time.
    pub fn calendar(&self) -> Vec<Event<'_>> {
        let mut events = Vec::new();
        for (index, sunset) in self.sunsets.iter().enumerate() {
            let mut add = |at, what| {
                events.push(Event {
                    at,
                    sunset: Some(index),
                    what,
                })
            };
            sunset
                .dates()
                .for_each(|change| add(change.at, What::Phase(change.phase)));
            for run in &sunset.brownouts {
                add(
                    run.from,
                    What::Brownout {
                        run,
                        windows: run.count(),
                    },
                );
                add(run.to, What::BrownoutEnds);
            }
        }
        events.extend(self.exceptions.iter().map(|exception| Event {
            at: exception.until,
            sunset: Some(exception.sunset),
            what: What::ExceptionEnds(exception),
        }));
        events.extend(self.previews.iter().map(|preview| Event {
            at: preview.at,
            sunset: None,
            what: What::Preview(preview),
        }));
        events.sort_by_key(|event| event.at);
        events
    }

    /// Where each sunset stands at `at`, in the order of the plan.
    pub fn state(&self, at: Timestamp) -> Vec<SunsetState> {
        let states = self.sunsets.iter().enumerate().map(|(index, sunset)| {
            let in_force = self
                .exceptions
                .iter()
                .enumerate()
                .filter(|(_, exception)| exception.sunset == index && at < exception.until);
            let (planned, held) = (sunset.phase(at), self.is_held(index));
            let refuses = planned == Some(Phase::Refuse) && !held;
            let by_account = in_force
                .clone()
                .filter(|(_, exception)| exception.account.is_some());
            SunsetState {
                sunset: index,
                phase: planned.map(|phase| if held { Phase::Observe } else { phase }),
                planned,
                held,
                window: sunset.window(at),
                next: sunset.next_change(at),
                exceptions: in_force.map(|(index, _)| index).collect(),
                handshakes_until: by_account
                    .map(|(_, exception)| exception.until)
                    .max()
                    .filter(|_| refuses),
                handshakes_of_strangers: refuses && sunset.cohort.is_some(),
            }
        });
        states.collect()
    }
}
