//! What all listeners of a process share.

use std::sync::Arc;

use accounts::{Accounts, Addresses, Memory, Visitors};
use arc_swap::ArcSwap;
use floor::{Decision, Plan, Sunset};
use ledger::Sink;

use crate::{Bounds, Clock, Limits};

/// What every hello is judged by. A reload replaces it, all at once.
pub struct Rules {
    /// The plan in force.
    pub plan: Plan,
    /// Who is calling.
    pub accounts: Arc<Accounts>,
    /// Who is no customer.
    pub visitors: Arc<Visitors>,
    /// What is kept of an address.
    pub addresses: Addresses,
    /// Bounds.
    pub limits: Limits,
    /// The names of the plan's sunsets, as every sighting has them: shared, not copied for each.
    pub names: Vec<Arc<str>>,
}

impl Rules {
    /// The sunset that decided.
    pub fn sunset(&self, decision: &Decision) -> Option<&Sunset> {
        self.plan.sunsets.get(decision.sunset?)
    }

    /// The name of the sunset that decided.
    pub fn name(&self, decision: &Decision) -> Option<Arc<str>> {
        self.names.get(decision.sunset?).cloned()
    }

    /// What [`Rules::names`] is for a plan.
    pub fn names(plan: &Plan) -> Vec<Arc<str>> {
        let sunsets = plan.sunsets.iter();
        sunsets.map(|sunset| sunset.name.as_str().into()).collect()
    }
}

/// What lasts as long as the process, for each of its listeners. Cheap to clone.
#[derive(Clone)]
pub struct Shared {
    /// The rules in force.
    pub rules: Arc<ArcSwap<Rules>>,
    /// The plan's clock.
    pub clock: Clock,
    /// Where sightings go.
    pub sink: Sink,
    /// How many connections are open.
    pub bounds: Arc<Bounds>,
    /// Which accounts were seen where.
    pub memory: Arc<Memory>,
}
