//! Holds: the kill switch. A sunset on hold acts as in observe until somebody resumes it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Plan;

/// That a sunset, or all of them, acts as in observe whatever its dates say: clients that miss are served and
/// counted, and nobody is told, explained to or refused. Preview names show the plan as it is without holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// The name of the sunset; `None` for all of them.
    pub sunset: Option<String>,
    /// Who holds it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Since when, on the real clock.
    pub at: Timestamp,
}

impl Plan {
    /// Puts these holds in force, instead of those before. A name that is no sunset's holds nothing.
    pub fn hold(&mut self, holds: Vec<Hold>) {
        self.held = self
            .sunsets
            .iter()
            .map(|sunset| holds.iter().any(|hold| covers(hold, &sunset.name)))
            .collect();
        self.holds = holds;
    }

    /// The holds in force.
    pub fn holds(&self) -> &[Hold] {
        &self.holds
    }

    /// The hold that a sunset is under: one of its own before one of all.
    pub fn hold_of(&self, sunset: usize) -> Option<&Hold> {
        let name = &self.sunsets.get(sunset)?.name;
        let mut covering = self.holds.iter().filter(|hold| covers(hold, name));
        let first = covering.clone().next();
        covering.find(|hold| hold.sunset.is_some()).or(first)
    }

    /// Whether a sunset, by its index, is on hold.
    pub fn is_held(&self, sunset: usize) -> bool {
        self.held.get(sunset).copied().unwrap_or_default()
    }
}

fn covers(hold: &Hold, sunset: &str) -> bool {
    hold.sunset.as_deref().is_none_or(|name| name == sunset)
}
