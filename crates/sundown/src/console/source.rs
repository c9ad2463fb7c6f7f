//! The plan in force, for the console: from its file and the holds, read again when they change.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use anyhow::anyhow;
use audit::Holds;
use console::{InForce, Source};
use edge::Clock;
use floor::Cohort;

use crate::config::{self, Config};
use crate::report::check_path;
use crate::serve;

/// How often the files are looked at, and how often who is in a cohort is drawn up anew.
const TICK: Duration = Duration::from_millis(250);
const ROSTER: Duration = Duration::from_secs(60 * 60);

/// Reads the plan from its file.
pub(crate) struct FromFile {
    /// As it was named; `None` for the default.
    path: Option<PathBuf>,
    data_dir: PathBuf,
    key: [u8; 16],
    clock: Clock,
    known: Mutex<Known>,
}

struct Known {
    in_force: Arc<InForce>,
    looked: Instant,
    drawn: Instant,
    /// The plan's file and the holds as they were read last.
    stamp: (Option<(u64, SystemTime)>, audit::Stamp),
}

impl FromFile {
    pub(crate) fn new(
        config: Config,
        path: Option<PathBuf>,
        data_dir: &Path,
        key: [u8; 16],
        clock: Clock,
    ) -> Self {
        let stamp = (
            stamp(config.source.path.as_deref()),
            Holds::of(data_dir).stamp(),
        );
        let mut from_file = Self {
            path,
            data_dir: data_dir.to_owned(),
            key,
            clock,
            known: Mutex::new(Known {
                in_force: Arc::new(InForce {
                    plan: floor::Plan::default(),
                    name: String::new(),
                    text: String::new(),
                    check_path: String::new(),
                    problem: None,
                    generation: 0,
                }),
                looked: Instant::now(),
                drawn: Instant::now(),
                stamp,
            }),
        };
        let in_force = from_file.made(config, 1);
        if let Ok(known) = from_file.known.get_mut() {
            known.in_force = Arc::new(in_force);
        }
        from_file
    }

    fn made(&self, config: Config, generation: u64) -> InForce {
        let mut plan = config.plan;
        let mut problem = None;
        match Holds::of(&self.data_dir).read() {
            Ok(holds) => plan.hold(holds),
            Err(error) => {
                problem = Some(format!(
                    "what is on hold is not known: {:#}",
                    anyhow!(error)
                ))
            }
        }
        if plan.cohorts.iter().any(Cohort::needs_roster) {
            plan.take_roster(Arc::new(serve::roster(&self.data_dir, self.clock.now())));
        }
        InForce {
            name: config.source.name(),
            text: config.source.text().to_owned(),
            check_path: check_path(&config.settings),
            plan,
            problem,
            generation,
        }
    }
}

impl Source for FromFile {
    fn draft(&self, text: &str, share_key: [u8; 16]) -> Result<floor::Plan, Vec<floor::Problem>> {
        config::draft(text, share_key)
    }

    fn in_force(&self) -> Arc<InForce> {
        // What is kept is replaced whole.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.looked.elapsed() < TICK {
            return known.in_force.clone();
        }
        known.looked = Instant::now();
        let path = self
            .path
            .clone()
            .unwrap_or_else(|| PathBuf::from(config::DEFAULT_FILE));
        let stamp = (stamp(Some(&path)), Holds::of(&self.data_dir).stamp());
        if stamp == known.stamp && known.drawn.elapsed() < ROSTER {
            return known.in_force.clone();
        }
        known.stamp = stamp;
        known.drawn = Instant::now();
        let generation = known.in_force.generation + 1;
        known.in_force = Arc::new(match config::load(self.path.as_deref(), self.key) {
            Ok(config) => self.made(config, generation),
            Err(error) => {
                // As a running edge does: the old plan stays, with the holds that are in force now.
                let before = &known.in_force;
                let mut plan = before.plan.clone();
                if let Ok(holds) = Holds::of(&self.data_dir).read() {
                    plan.hold(holds);
                }
                InForce {
                    plan,
                    name: before.name.clone(),
                    text: before.text.clone(),
                    check_path: before.check_path.clone(),
                    problem: Some(format!("{error:#}")),
                    generation,
                }
            }
        });
        known.in_force.clone()
    }
}

fn stamp(path: Option<&Path>) -> Option<(u64, SystemTime)> {
    let file = std::fs::metadata(path?).ok()?;
    Some((file.len(), file.modified().ok()?))
}
