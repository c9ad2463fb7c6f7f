//! What an operator can do to a running edge besides reloading it: hold sunsets, tell it of accounts, guard it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use ::door::Rules;
use floor::{Hold, Plan, Roster};
use ledger::Asked;

use crate::core::{Core, Live};
use crate::guard::{Guard, Tripped};
use crate::server::Handle;
use crate::settings::GuardSettings;

/// What the levers need beside the plan.
#[derive(Debug, Default)]
pub(crate) struct Levers {
    /// Held by whoever changes the plan in force, so that no change is lost between two.
    change: Mutex<()>,
    guard: Mutex<Option<Guard>>,
    trips: AtomicU64,
}

impl Levers {
    pub(crate) fn change(&self) -> MutexGuard<'_, ()> {
        self.change.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn guard(&self) -> MutexGuard<'_, Option<Guard>> {
        // A guard is whole after every step.
        self.guard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the guard sees at the moment, where there is one.
    pub(crate) fn guarded(&self, total: Asked) -> Option<(Asked, GuardSettings)> {
        let guard = self.guard();
        let guard = guard.as_ref()?;
        Some((guard.window(total), guard.settings()))
    }

    /// How often the guard acted.
    pub(crate) fn trips(&self) -> u64 {
        self.trips.load(Relaxed)
    }
}

impl Core {
    /// Changes the plan in force; settings and accounts stay.
    fn change_plan(&self, change: impl FnOnce(&mut Plan)) {
        let _one_at_a_time = self.levers.change();
        let before = self.live.load();
        let mut plan = before.plan.clone();
        change(&mut plan);
        self.put_in_force(Live {
            rules: Arc::new(Rules {
                names: Rules::names(&plan),
                plan,
                accounts: before.accounts.clone(),
                visitors: before.visitors.clone(),
                addresses: before.addresses,
                limits: before.limits.clone(),
            }),
            settings: before.settings.clone(),
            calendar: OnceLock::new(),
        });
    }
}

impl Handle {
    /// Puts these holds in force, instead of those before: for every hello and every request from now on.
    pub fn hold(&self, holds: Vec<Hold>) {
        self.core.change_plan(|plan| plan.hold(holds));
    }

    /// The holds in force.
    pub fn holds(&self) -> Vec<Hold> {
        self.core.live.load().plan.holds().to_vec()
    }

    /// Whether any sunset of the plan in force is for a cohort: whether a roster is of use.
    pub fn has_cohorts(&self) -> bool {
        !self.core.live.load().plan.cohorts.is_empty()
    }

    /// Takes what is known of all accounts.
    pub fn take_roster(&self, roster: Roster) {
        let roster = Arc::new(roster);
        self.core.change_plan(|plan| plan.take_roster(roster));
    }

    /// The plan in force.
    pub fn plan(&self) -> Plan {
        self.core.live.load().plan.clone()
    }

    /// Lets the guard look, and says whether its limit is passed. To be called a few times a second; whoever calls
    /// puts everything on hold then. While everything is, it sees nothing, and it begins afresh after that.
    pub fn look_out(&self) -> Option<Tripped> {
        let live = self.core.live.load();
        let levers = &self.core.levers;
        let (now, total) = (self.core.started.elapsed(), self.core.sink.totals().asked());
        let held = live.plan.holds().iter().any(|hold| hold.sunset.is_none());
        let mut guard = levers.guard();
        let Some(settings) = live.settings.guard else {
            *guard = None;
            return None;
        };
        match guard.as_mut().filter(|guard| guard.settings() == settings) {
            Some(guard) if !held => {
                let tripped = guard.look(now, total)?;
                *guard = Guard::new(settings, now, total);
                levers.trips.fetch_add(1, Relaxed);
                Some(tripped)
            }
            _ => {
                *guard = Some(Guard::new(settings, now, total));
                None
            }
        }
    }
}
