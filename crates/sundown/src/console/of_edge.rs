//! The plan of a running edge, for the console beside it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use console::{InForce, Source};
use edge::Handle;

use crate::config;
use crate::plan::facts;

/// How often the edge is asked.
const TICK: Duration = Duration::from_millis(250);

/// Asks an edge for its plan.
pub(crate) struct OfEdge {
    handle: Handle,
    known: Mutex<Known>,
}

struct Known {
    in_force: Arc<InForce>,
    facts: Vec<String>,
    asked: Instant,
}

impl OfEdge {
    pub(crate) fn new(handle: Handle, source: &config::Source, check_path: String) -> Self {
        let plan = handle.plan();
        Self {
            known: Mutex::new(Known {
                facts: facts(&plan),
                asked: Instant::now(),
                in_force: Arc::new(InForce {
                    plan,
                    name: source.name(),
                    text: source.text().to_owned(),
                    check_path,
                    problem: None,
                    generation: 1,
                }),
            }),
            handle,
        }
    }
}

impl Source for OfEdge {
    fn draft(&self, text: &str, share_key: [u8; 16]) -> Result<floor::Plan, Vec<floor::Problem>> {
        config::draft(text, share_key)
    }

    fn in_force(&self) -> Arc<InForce> {
        // What is kept is replaced whole.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.asked.elapsed() < TICK {
            return known.in_force.clone();
        }
        known.asked = Instant::now();
        let plan = self.handle.plan();
        let (facts, before) = (facts(&plan), known.in_force.clone());
        if facts != known.facts || plan.holds() != before.plan.holds() {
            // A draft begins with the plan that is in force, if its file still says so.
            let path = std::path::Path::new(&before.name);
            let text = std::fs::read_to_string(path).unwrap_or_else(|_| before.text.clone());
            known.in_force = Arc::new(InForce {
                plan,
                name: before.name.clone(),
                text,
                check_path: before.check_path.clone(),
                problem: None,
                generation: before.generation + 1,
            });
            known.facts = facts;
        }
        known.in_force.clone()
    }
}
