//! From tables to a plan, or to everything that is wrong with them.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use toml::Spanned;

use super::names::did_you_mean;
use super::{ExceptionTable, Length, PlanTables, PreviewTable, SunsetTable, When};
use crate::problem::Places;
use crate::{Change, Cidr, Cohort, Exception, Plan, Preview, Problem, Sunset};

mod brownout;
mod cohort;
mod floor;

impl PlanTables {
    /// Makes the plan. `share_key` is that of [`Plan::share_key`].
    ///
    /// # Errors
    ///
    /// All that is wrong, in the order of the file.
    pub fn build(self, share_key: [u8; 16]) -> Result<Plan, Vec<Problem>> {
        let mut builder = Builder::default();
        let cohorts = self.cohort.into_iter().enumerate();
        let cohorts: Vec<_> = cohorts
            .map(|(index, table)| builder.cohort(index, table))
            .collect();
        let sunsets: Vec<_> = self
            .sunset
            .into_iter()
            .enumerate()
            .map(|(index, table)| builder.sunset(index, table, &cohorts))
            .collect();
        let names: Vec<_> = sunsets.iter().map(|sunset| sunset.name.as_str()).collect();
        let exceptions = self.exception.into_iter().enumerate();
        let exceptions: Vec<_> = exceptions
            .filter_map(|(index, table)| builder.exception(index, table, &names))
            .collect();
        let previews: Vec<_> = self
            .preview
            .into_iter()
            .enumerate()
            .map(|(index, table)| builder.preview(index, table))
            .collect();
        builder.unique(
            "sunset",
            "name",
            sunsets.iter().map(|sunset| sunset.name.clone()),
        );
        builder.unique(
            "cohort",
            "name",
            cohorts.iter().map(|cohort| cohort.name.clone()),
        );
        builder.unique(
            "preview",
            "sni",
            previews
                .iter()
                .map(|preview| preview.sni.to_ascii_lowercase()),
        );

        if builder.problems.is_empty() {
            return Ok(Plan {
                sunsets,
                exceptions,
                previews,
                cohorts,
                share_key,
                places: builder.places,
                ..Plan::default()
            });
        }
        builder.problems.sort_by_key(|problem| problem.span.start);
        Err(builder.problems)
    }
}

/// Collects what is wrong. What cannot be read gets a stand-in, so that the rest is looked at too; a plan is
/// only made when nothing was wrong.
#[derive(Default)]
struct Builder {
    places: Places,
    problems: Vec<Problem>,
}

impl Builder {
    fn error(
        &mut self,
        key: impl Into<String>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.problems.push(self.places.error(key, message, help));
    }

    /// Notes where a value stands and takes it out.
    fn value<T>(&mut self, key: &str, value: Spanned<T>) -> T {
        self.places.set(key, value.span());
        value.into_inner()
    }

    fn moment(&mut self, key: &str, when: Spanned<When>) -> Timestamp {
        let when = self.value(key, when);
        when.moment().unwrap_or_else(|message| {
            self.error(
                key,
                message,
                "write a date, `2026-12-15`, or a time with its zone, `2026-12-15T09:00Z`",
            );
            Timestamp::UNIX_EPOCH
        })
    }

    fn length(&mut self, key: &str, length: Spanned<Length>) -> SignedDuration {
        let length = self.value(key, length);
        length.duration().unwrap_or_else(|message| {
            self.error(
                key,
                message,
                "write a length of time such as `10m` or `1h 30m`",
            );
            SignedDuration::ZERO
        })
    }

    /// A text that must say something.
    fn text(&mut self, key: &str, text: Option<Spanned<String>>, help: &str) -> String {
        let text = text.map(|text| self.value(key, text)).unwrap_or_default();
        if text.trim().is_empty() {
            self.error(key, "is missing or empty", help);
        }
        text
    }

    fn paths(&mut self, key: &str, paths: Vec<Spanned<String>>) -> Vec<String> {
        let paths = paths.into_iter().enumerate().map(|(index, path)| {
            let key = format!("{key}[{index}]");
            let path = self.value(&key, path);
            if !path.starts_with('/') {
                self.error(key, format!("`{path}` is not a path"), "begin it with `/`");
            }
            path
        });
        paths.collect()
    }

    fn unique(&mut self, table: &str, field: &str, names: impl Iterator<Item = String>) {
        let mut seen = HashMap::new();
        for (index, name) in names.enumerate().filter(|(_, name)| !name.is_empty()) {
            if let Some(first) = seen.get(&name) {
                let message = format!("`{name}` is the {field} of {table}[{first}] already");
                self.error(
                    format!("{table}[{index}].{field}"),
                    message,
                    format!("give each [[{table}]] a {field} of its own"),
                );
            } else {
                seen.insert(name, index);
            }
        }
    }

    fn sunset(&mut self, index: usize, table: Spanned<SunsetTable>, cohorts: &[Cohort]) -> Sunset {
        let at = format!("sunset[{index}]");
        let table = self.value(&at, table);
        let problems = self.problems.len();
        let mut date = |field: &str, when: Option<Spanned<When>>| {
            when.map(|when| self.moment(&format!("{at}.{field}"), when))
        };
        let (observe, warn) = (date("observe", table.observe), date("warn", table.warn));
        let (explain, refuse) = (date("explain", table.explain), date("refuse", table.refuse));
        let runs = table.brownout.into_iter().enumerate();
        let sunset = Sunset {
            name: self.text(
                &format!("{at}.name"),
                Some(table.name),
                "say what is retired, in words",
            ),
            floor: self.floor(&format!("{at}.floor"), table.floor),
            cohort: table
                .cohort
                .and_then(|cohort| self.cohort_of(&format!("{at}.cohort"), cohort, cohorts)),
            observe,
            warn,
            brownouts: runs
                .map(|(run, table)| self.brownout(&format!("{at}.brownout[{run}]"), table))
                .collect(),
            explain,
            refuse,
            contact: table
                .contact
                .map(|contact| self.value(&format!("{at}.contact"), contact)),
            card_data_paths: self.paths(&format!("{at}.card_data_paths"), table.card_data_paths),
        };
        // The order of dates says nothing where one of them could not be read.
        if self.problems.len() == problems {
            self.in_order(&at, &sunset);
        }
        sunset
    }

    /// Phases must come in order of date, and brownouts between warn and what they rehearse.
    fn in_order(&mut self, at: &str, sunset: &Sunset) {
        let dates: Vec<Change> = sunset.dates().collect();
        for (earlier, later) in dates
            .iter()
            .zip(dates.iter().skip(1))
            .filter(|(earlier, later)| earlier.at > later.at)
        {
            self.error(
                format!("{at}.{}", later.phase),
                format!(
                    "{} begins on {}, before {} on {}",
                    later.phase, later.at, earlier.phase, earlier.at
                ),
                "phases come in the order observe, warn, explain, refuse; change one of the dates",
            );
        }
        for (index, run) in sunset.brownouts.iter().enumerate() {
            let key = format!("{at}.brownout[{index}]");
            if let Some(warn) = sunset.warn.filter(|&warn| run.from < warn) {
                self.error(
                    format!("{key}.from"),
                    format!("this brownout begins before warn on {warn}"),
                    "warn first: move one of the dates",
                );
            }
            let rehearsed = match run.measure {
                crate::Measure::Explain => sunset.ends_at(),
                crate::Measure::Refuse => sunset.refuse,
            };
            if let Some(end) = rehearsed.filter(|&end| run.to > end) {
                self.error(
                    format!("{key}.to"),
                    format!("this brownout ends after {end}, when what it rehearses is in force for good"),
                    "end it by then",
                );
            }
        }
    }

    fn exception(
        &mut self,
        index: usize,
        table: Spanned<ExceptionTable>,
        sunsets: &[&str],
    ) -> Option<Exception> {
        let at = format!("exception[{index}]");
        let table = self.value(&at, table);
        if table.account.is_none() && table.address.is_none() && table.sni.is_none() {
            self.error(
                at.clone(),
                "this exception is for nobody in particular",
                "add `account`, `address` or `sni`",
            );
        }
        let name = self.value(&format!("{at}.sunset"), table.sunset);
        let sunset = sunsets.iter().position(|sunset| *sunset == name);
        if sunset.is_none() {
            let fallback = "write the `name` of one of the [[sunset]] tables";
            let help = did_you_mean(&name, sunsets.iter().copied(), fallback);
            self.error(
                format!("{at}.sunset"),
                format!("there is no sunset `{name}`"),
                help,
            );
        }
        let until = self.moment(&format!("{at}.until"), table.until);
        let owner = self.text(
            &format!("{at}.owner"),
            table.owner,
            "say who answers for this exception: `owner = \"jo@example.com\"`",
        );
        let reason = self.text(
            &format!("{at}.reason"),
            table.reason,
            "say why it is needed: `reason = \"…\"`",
        );
        let floor = table
            .floor
            .map(|floor| self.floor(&format!("{at}.floor"), floor));
        let address = table
            .address
            .and_then(|address| self.address(&format!("{at}.address"), address));
        let account = table.account.map(|account| {
            self.text(
                &format!("{at}.account"),
                Some(account),
                "name the account, or leave the key out",
            )
        });
        let sni = table.sni.map(|sni| {
            self.text(
                &format!("{at}.sni"),
                Some(sni),
                "name the server, or leave the key out",
            )
        });
        Some(Exception {
            sunset: sunset?,
            account,
            address,
            sni,
            floor,
            until,
            owner,
            reason,
        })
    }

    fn address(&mut self, key: &str, address: Spanned<String>) -> Option<Cidr> {
        let address = self.value(key, address);
        let range = address.parse::<Cidr>();
        range
            .map_err(|error| {
                self.error(
                    key,
                    error.to_string(),
                    "write an address or a range in CIDR notation",
                )
            })
            .ok()
    }

    fn preview(&mut self, index: usize, table: Spanned<PreviewTable>) -> Preview {
        let at = format!("preview[{index}]");
        let table = self.value(&at, table);
        let sni = self.text(
            &format!("{at}.sni"),
            Some(table.sni),
            "name the server that shows the day",
        );
        Preview {
            sni,
            at: self.moment(&format!("{at}.at"), table.at),
        }
    }
}
