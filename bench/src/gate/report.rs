//! From samples to the table: as text, as JSON, as `GATE.md`.

use std::fmt::Write as _;
use std::fs;

use anyhow::Result;
use comfy_table::presets::ASCII_MARKDOWN;
use serde::Serialize;

use super::callers::Cost;
use crate::process::Seats;
use crate::report::median;

/// The server others are compared to.
const YARDSTICK: usize = 0;

/// One run, complete.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// What was run where.
    pub(super) setting: Setting,
    /// What came out.
    pub(super) table: Table,
}

/// What was run where.
#[derive(Debug, Serialize)]
pub(super) struct Setting {
    date: String,
    cpu: String,
    cores: usize,
    kernel: String,
    server_cpu: usize,
    load_cpu: usize,
    command: String,
    rounds: usize,
    seconds: f64,
    open: usize,
    servers: Vec<(&'static str, String)>,
    recording: String,
}

/// All measurements.
#[derive(Debug, Serialize)]
pub(super) struct Table {
    servers: Vec<&'static str>,
    pub(super) rows: Vec<Row>,
    /// What each server's refused clients heard.
    told: Vec<Told>,
}

/// One kind of measurement on every server.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) title: String,
    unit: &'static str,
    /// The most that the subject should need, as a multiple of the yardstick.
    goal: Option<f64>,
    /// For each server, one for each round.
    samples: Vec<Vec<f64>>,
}

/// How refused clients fared.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Told {
    refused: u64,
    alert: u64,
    reset: u64,
}

impl Table {
    pub(super) fn new(servers: Vec<&'static str>) -> Self {
        Self {
            told: vec![Told::default(); servers.len()],
            servers,
            rows: Vec::new(),
        }
    }

    pub(super) fn server(&self, index: usize) -> &'static str {
        self.servers.get(index).copied().unwrap_or_default()
    }

    pub(super) fn servers(&self) -> &[&'static str] {
        &self.servers
    }

    /// Adds a round's value.
    pub(super) fn add(
        &mut self,
        title: &str,
        unit: &'static str,
        goal: Option<f64>,
        server: usize,
        value: f64,
    ) {
        let known = self.rows.iter().position(|row| row.title == title);
        let index = known.unwrap_or_else(|| {
            self.rows.push(Row {
                title: title.to_owned(),
                unit,
                goal,
                samples: vec![Vec::new(); self.servers.len()],
            });
            self.rows.len() - 1
        });
        let row = self.rows.get_mut(index);
        if let Some(samples) = row.and_then(|row| row.samples.get_mut(server)) {
            samples.push(value);
        }
    }

    pub(super) fn told(&mut self, server: usize, cost: Cost) {
        if let Some(told) = self.told.get_mut(server) {
            told.refused += cost.done;
            told.alert += cost.told;
            told.reset += cost.reset;
        }
    }

    /// The row of a title.
    pub(super) fn row(&self, title: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.title == title)
    }
}

impl Table {
    /// The last row whose title begins so.
    pub(super) fn last_row(&self, title: &str) -> Option<&Row> {
        self.rows.iter().rfind(|row| row.title.starts_with(title))
    }
}

impl Row {
    /// The median over the rounds.
    pub(super) fn value(&self, server: usize) -> Option<f64> {
        median(&mut self.samples.get(server)?.clone())
    }

    fn spread(&self, server: usize) -> Option<(f64, f64)> {
        let samples = self.samples.get(server)?;
        let least = samples.iter().copied().reduce(f64::min)?;
        Some((least, samples.iter().copied().reduce(f64::max)?))
    }

    /// The median over the rounds of the ratio to the yardstick in the same round.
    fn ratio(&self, server: usize) -> Option<f64> {
        let (own, its) = (self.samples.get(server)?, self.samples.get(YARDSTICK)?);
        let mut ratios: Vec<f64> = own
            .iter()
            .zip(its)
            .map(|(own, its)| own / its)
            .filter(|ratio| ratio.is_finite())
            .collect();
        median(&mut ratios)
    }

    pub(super) const fn unit(&self) -> &'static str {
        self.unit
    }
}

impl Setting {
    /// Asks the machine.
    pub(super) fn of(
        seats: Seats,
        rounds: usize,
        seconds: f64,
        open: usize,
        servers: Vec<(&'static str, String)>,
        recording: String,
    ) -> Result<Self> {
        let cpus = fs::read_to_string("/proc/cpuinfo")?;
        let model = cpus
            .lines()
            .find(|line| line.starts_with("model name"))
            .and_then(|line| line.split(": ").nth(1));
        #[expect(
            clippy::disallowed_methods,
            reason = "the day of the run; no plan is involved"
        )]
        let now = jiff::Timestamp::now();
        Ok(Self {
            date: now.strftime("%Y-%m-%d %H:%M UTC").to_string(),
            cpu: model.unwrap_or("unknown").to_owned(),
            cores: cpus
                .lines()
                .filter(|line| line.starts_with("processor"))
                .count(),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?
                .trim()
                .to_owned(),
            server_cpu: seats.server,
            load_cpu: seats.load,
            command: match std::env::var("SUNDOWN_BENCH_ARGUMENTS") {
                Ok(arguments) => format!("bench/gate {arguments}").trim_end().to_owned(),
                Err(_) => std::env::args().collect::<Vec<_>>().join(" "),
            },
            rounds,
            seconds,
            open,
            servers,
            recording,
        })
    }
}

impl Report {
    /// To standard output.
    #[expect(clippy::print_stdout, reason = "this is the result")]
    pub(super) fn print(&self, as_json: bool) -> Result<()> {
        if as_json {
            println!("{}", serde_json::to_string_pretty(self)?);
        } else {
            println!("{}", self.text());
        }
        Ok(())
    }

    /// The whole of `GATE.md`.
    pub(super) fn markdown(&self) -> String {
        format!(
            "# What passing TLS through costs\n\nCPU time of the proxy's processes (kernel and user, `schedstat`), their \
             resident memory, and the time that clients wait longer\nthan without a proxy. One thread each where nothing \
             else is said. Written by `bench/gate`; what is measured and how is in\n[README.md](README.md).\n\n\
             ![Costs side by side](gate-costs.svg)\n\n![How they grow](gate-growth.svg)\n\n{}",
            self.text()
        )
    }

    fn text(&self) -> String {
        let mut text = format!("{}\n\n", self.figures());
        let setting = &self.setting;
        // Writing to a String does not fail.
        let _ = writeln!(
            text,
            "Median (min to max) over {} rounds of {} s, order rotated; threads over 3 and memory over 2 at most. × is the \
             median over the rounds\nof the ratio to {} in the same round. {}. Servers run on CPU {}, the\nload and the \
             service behind on CPU {}; where threads are compared, all on both.\n",
            setting.rounds,
            setting.seconds,
            self.table.server(YARDSTICK),
            setting.recording,
            setting.server_cpu,
            setting.load_cpu,
        );
        for (index, told) in self.table.told.iter().enumerate() {
            if told.refused > 0 {
                let _ = writeln!(
                    text,
                    "- {}: of {} clients of TLS 1.0, {} read the alert and then the end, {} were reset, {} were closed \
                     without a word.",
                    self.table.server(index),
                    told.refused,
                    told.alert,
                    told.reset,
                    told.refused - told.alert - told.reset
                );
            }
        }
        text.push('\n');
        for (name, version) in &setting.servers {
            let _ = writeln!(text, "- {name} {version}");
        }
        let _ = writeln!(
            text,
            "- {}, {} cores, Linux {}\n- {}, `{}`",
            setting.cpu, setting.cores, setting.kernel, setting.date, setting.command
        );
        text
    }

    fn figures(&self) -> comfy_table::Table {
        let mut table = comfy_table::Table::new();
        table.load_style(ASCII_MARKDOWN);
        let mut header = vec!["measured".to_owned(), "unit".to_owned()];
        for (index, name) in self.table.servers.iter().enumerate() {
            header.push((*name).to_owned());
            if index != YARDSTICK {
                header.push("×".to_owned());
            }
        }
        header.push("goal".to_owned());
        table.set_header(header);
        for row in &self.table.rows {
            let mut cells = vec![row.title.clone(), row.unit.to_owned()];
            for server in 0..self.table.servers.len() {
                let cell = row.value(server).zip(row.spread(server));
                cells.push(cell.map_or_else(String::new, |(value, (least, most))| {
                    format!("{} ({} to {})", figure(value), figure(least), figure(most))
                }));
                if server != YARDSTICK {
                    let ratio = row.ratio(server).filter(|_| !row.samples.is_empty());
                    cells.push(ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}")));
                }
            }
            let goal = |goal| format!("≤ {goal}");
            cells.push(row.goal.map_or_else(String::new, goal));
            table.add_row(cells);
        }
        table
    }
}

/// Three digits are all these measurements can carry.
fn figure(value: f64) -> String {
    match value.abs() {
        ..10.0 => format!("{value:.2}"),
        ..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn a_ratio_is_taken_within_each_round() {
        let mut table = Table::new(vec!["haproxy", "sundown"]);
        // The machine slowed down between rounds; the ratio did not change.
        for (its, own) in [(10.0, 5.0), (20.0, 10.0), (30.0, 15.0)] {
            table.add("pass", "µs", Some(0.85), 0, its);
            table.add("pass", "µs", Some(0.85), 1, own);
        }
        let row = table.row("pass").expect("a row");
        assert_eq!(row.ratio(1), Some(0.5));
        assert_eq!((row.value(0), row.value(1)), (Some(20.0), Some(10.0)));
        assert_eq!(row.spread(1), Some((5.0, 15.0)));
        assert_eq!(table.rows.len(), 1);
    }
}
