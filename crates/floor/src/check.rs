//! What is doubtful about a plan that is in order: a date in the past, no notice, card data in the clear of
//! old TLS.

use jiff::{SignedDuration, Timestamp};

use crate::{Brownout, Measure, Phase, Plan, Problem, Sunset};

/// The notice that clients should have between the first warning and the first harm. Stripe, Slack and the
/// other platforms that did this well gave months; under 30 days nobody's release cycle fits.
const NOTICE: SignedDuration = SignedDuration::from_hours(30 * 24);
const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// How long before its end an exception is spoken of: time enough to ship a fix, or to agree on another date.
const NAG: SignedDuration = SignedDuration::from_hours(14 * 24);

impl Plan {
    /// What somebody should look at before this plan is used at `now`. All of it is warnings.
    pub fn check(&self, now: Timestamp) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (index, sunset) in self.sunsets.iter().enumerate() {
            let key = format!("sunset[{index}]");
            self.check_past(&key, sunset, now, &mut problems);
            self.check_notice(&key, sunset, &mut problems);
            self.check_card_data(&key, sunset, &mut problems);
            self.check_hours(&key, sunset, &mut problems);
        }
        self.check_exceptions(now, &mut problems);
        self.check_cohorts(&mut problems);
        problems
    }

    fn check_cohorts(&self, problems: &mut Vec<Problem>) {
        for (index, cohort) in self.cohorts.iter().enumerate() {
            let key = format!("cohort[{index}]");
            if !self
                .sunsets
                .iter()
                .any(|sunset| sunset.cohort == Some(index))
            {
                problems.push(self.places.warning(
                    key,
                    format!("no sunset is for the cohort `{}`", cohort.name),
                    format!(
                        "add `cohort = \"{}\"` to a [[sunset]], or remove it",
                        cohort.name
                    ),
                ));
            } else if self.members(cohort).next().is_none() {
                let help = if cohort.needs_roster() {
                    "the ledger must reach back before `first_seen_after`, and 30 days for `requests_a_month_below`; until then the sunset is for nobody"
                } else {
                    "the sunset is for nobody; name accounts as [account] does"
                };
                problems.push(self.places.warning(
                    key,
                    format!("nobody is known to be in the cohort `{}`", cohort.name),
                    help,
                ));
            }
        }
    }

    fn check_past(&self, key: &str, sunset: &Sunset, now: Timestamp, problems: &mut Vec<Problem>) {
        // Observe hurts nobody, whenever it began.
        for change in sunset
            .dates()
            .filter(|change| change.phase > Phase::Observe && change.at < now)
        {
            problems.push(self.places.warning(
                format!("{key}.{}", change.phase),
                format!("{} began on {}, which is past", change.phase, change.at),
                "it is in force from the moment this plan is loaded; check the year, or leave it if that is meant",
            ));
        }
        for (run, brownout) in sunset
            .brownouts
            .iter()
            .enumerate()
            .filter(|(_, run)| run.to <= now)
        {
            problems.push(self.places.warning(
                format!("{key}.brownout[{run}].to"),
                format!("this brownout ended on {}, which is past", brownout.to),
                "no window of it will come; give it new dates or remove it",
            ));
        }
    }

    fn check_notice(&self, key: &str, sunset: &Sunset, problems: &mut Vec<Problem>) {
        let brownouts = sunset
            .brownouts
            .iter()
            .enumerate()
            .filter_map(|(run, brownout)| {
                Some((
                    brownout.windows().next()?.start,
                    format!("brownout[{run}].from"),
                ))
            });
        let dated = sunset
            .dates()
            .filter(|change| change.phase > Phase::Warn)
            .map(|change| (change.at, change.phase.to_string()));
        let Some((harm, field)) = dated.chain(brownouts).min() else {
            return;
        };
        match sunset.warn {
            None => problems.push(self.places.warning(
                format!("{key}.{field}"),
                format!("clients are hurt on {harm} without a word before"),
                "add `warn` with a date at least 30 days earlier",
            )),
            Some(warn) if harm.duration_since(warn) < NOTICE => problems.push(self.places.warning(
                format!("{key}.{field}"),
                format!(
                    "clients are hurt on {harm}, {} days after the first warning",
                    harm.duration_since(warn).as_hours() / 24
                ),
                "leave at least 30 days between `warn` and the first harm",
            )),
            Some(_) => {}
        }
    }

    fn check_card_data(&self, key: &str, sunset: &Sunset, problems: &mut Vec<Problem>) {
        let Some(path) = sunset.card_data_paths.first() else {
            return;
        };
        let runs = sunset
            .brownouts
            .iter()
            .enumerate()
            .filter(|(_, run)| run.measure == Measure::Explain);
        let runs = runs.map(|(run, _)| format!("{key}.brownout[{run}].as"));
        for place in sunset
            .explain
            .iter()
            .map(|_| format!("{key}.explain"))
            .chain(runs)
        {
            problems.push(self.places.warning(
                place,
                format!("explaining completes the old handshake, and `{path}` takes card data: the client sends it before it can be told"),
                "PCI DSS 4.2.1 allows no insecure protocol there: go from warn to `refuse`, with brownouts `as = \"refuse\"`",
            ));
        }
    }

    fn check_hours(&self, key: &str, sunset: &Sunset, problems: &mut Vec<Problem>) {
        for (run, _) in sunset
            .brownouts
            .iter()
            .enumerate()
            .filter(|(_, run)| always_on_the_hour(run))
        {
            problems.push(self.places.warning(
                format!("{key}.brownout[{run}].offset"),
                "every window opens on the hour",
                "a job that runs at another minute never meets one: set an `offset` such as \"7m\", and an `every` that is not whole hours",
            ));
        }
    }

    fn check_exceptions(&self, now: Timestamp, problems: &mut Vec<Problem>) {
        for (index, exception) in self.exceptions.iter().enumerate() {
            let key = format!("exception[{index}].until");
            let refuse = self
                .sunsets
                .get(exception.sunset)
                .and_then(|sunset| Some((sunset, sunset.refuse?)));
            if exception.until <= now {
                problems.push(self.places.warning(
                    key,
                    format!("this exception ended on {}", exception.until),
                    "remove it, or agree on a new date with its owner",
                ));
                continue;
            }
            let left = exception.until.duration_since(now);
            if left <= NAG {
                problems.push(self.places.warning(
                    key.clone(),
                    format!(
                        "this exception ends on {}, in {} days: {}",
                        exception.until,
                        left.as_hours() / 24,
                        exception.reason
                    ),
                    format!(
                        "ask {} whether it is still needed; from then on its clients are treated as all others",
                        exception.owner
                    ),
                ));
            }
            if let Some((sunset, refuse)) = refuse
                && exception.account.is_some()
                && exception.until > refuse
            {
                problems.push(self.places.warning(
                    key,
                    format!(
                        "`{}` refuses from {refuse}, but until {} old handshakes of clients not yet known stay alive as far as their first request",
                        sunset.name, exception.until
                    ),
                    "an exception by `address` or `sni` is known at the hello and keeps the others refused",
                ));
            }
        }
    }
}

/// Whether each of several windows opens at minute 0 (in UTC; zones that are off by less than an hour are few).
fn always_on_the_hour(run: &Brownout) -> bool {
    let whole = |duration: SignedDuration| duration.as_nanos() % HOUR.as_nanos() == 0;
    let first = run
        .windows()
        .next()
        .map(|window| window.start.as_second() % HOUR.as_secs() == 0);
    run.count() > 1 && whole(run.every) && first == Some(true)
}
