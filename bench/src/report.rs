//! From samples to the table: as text, as JSON, as `RESULTS.md`.

use std::fmt::Write as _;
use std::fs;

use anyhow::Result;
use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;
use serde::Serialize;

use crate::operation::{Effort, Negotiated, Operation, Sample};
use crate::process::Seats;

/// The server others are compared to.
pub(crate) const YARDSTICK: &str = "nginx";

/// One run, complete.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// What was run where.
    pub(crate) setting: Setting,
    /// What the clients got.
    pub(crate) negotiated: Vec<Negotiated>,
    /// One for each operation.
    pub(crate) rows: Vec<Row>,
}

/// What was run where.
#[derive(Debug, Serialize)]
pub(crate) struct Setting {
    date: String,
    cpu: String,
    cores: usize,
    kernel: String,
    server_cpu: usize,
    load_cpu: usize,
    command: String,
    rounds: usize,
    seconds: f64,
    connections: usize,
    idle_connections: usize,
    servers: Vec<(&'static str, String)>,
}

/// One operation on every server.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    title: &'static str,
    unit: &'static str,
    goal: Option<f64>,
    cells: Vec<Cell>,
}

/// One operation on one server.
#[derive(Debug, Serialize)]
struct Cell {
    server: &'static str,
    median: f64,
    min: f64,
    max: f64,
    /// Median over the rounds of this server's value divided by the yardstick's in the same round.
    ratio: Option<f64>,
    /// Operations that succeeded, all rounds; 0 where there was no load.
    done: u64,
    /// Operations that failed, all rounds.
    failed: u64,
    /// Median share of its CPU that the server was busy.
    busy: Option<f64>,
}

impl Setting {
    /// Asks the machine.
    pub(crate) fn of(
        seats: Seats,
        effort: Effort,
        rounds: usize,
        servers: Vec<(&'static str, String)>,
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
                Ok(arguments) => format!("bench/run {arguments}").trim_end().to_owned(),
                Err(_) => std::env::args().collect::<Vec<_>>().join(" "),
            },
            rounds,
            seconds: effort.length.as_secs_f64(),
            connections: effort.connections,
            idle_connections: effort.idle,
            servers,
        })
    }
}

impl Row {
    /// `samples` holds each server's samples, one a round, in the same order.
    pub(crate) fn new(operation: Operation, samples: &[(&'static str, Vec<Sample>)]) -> Self {
        let yardstick = samples
            .iter()
            .find(|(server, _)| *server == YARDSTICK)
            .map(|(_, samples)| samples);
        let cells = samples
            .iter()
            .map(|(server, samples)| Cell::new(server, samples, yardstick))
            .collect();
        Self {
            title: operation.title(),
            unit: operation.unit(),
            goal: operation.goal(),
            cells,
        }
    }
}

impl Cell {
    fn new(server: &'static str, samples: &[Sample], yardstick: Option<&Vec<Sample>>) -> Self {
        let mut values: Vec<f64> = samples.iter().map(|sample| sample.value).collect();
        let loads = || samples.iter().filter_map(|sample| sample.load);
        let mut busy: Vec<f64> = loads().map(|load| load.busy).collect();
        let ratio = yardstick.and_then(|yardstick| {
            let mut ratios: Vec<f64> = samples
                .iter()
                .zip(yardstick)
                .map(|(own, its)| own.value / its.value)
                .collect();
            median(&mut ratios)
        });
        Self {
            server,
            median: median(&mut values).unwrap_or(f64::NAN),
            min: values.first().copied().unwrap_or(f64::NAN),
            max: values.last().copied().unwrap_or(f64::NAN),
            ratio,
            done: loads().map(|load| load.done).sum(),
            failed: loads().map(|load| load.failed).sum(),
            busy: median(&mut busy),
        }
    }
}

/// Sorts; the mean of the middle two for an even count.
pub(crate) fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = *values.get((values.len() - 1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

impl Report {
    /// Two tables and the setting, as Markdown that reads well in a terminal.
    pub(crate) fn text(&self) -> String {
        let setting = &self.setting;
        let mut text = String::new();
        let _ = writeln!(text, "{}\n\n{}\n", self.costs(), self.facts());
        let _ = writeln!(
            text,
            "{} rounds of {} s for each operation and server, order rotated; median (min to max) over the rounds. × is \
             the median\nover the rounds of the ratio to {YARDSTICK} in the same round. {} connections at once; memory \
             over {} idle connections on\na fresh server. Servers run on CPU {}, the load on CPU {}.\n",
            setting.rounds,
            setting.seconds,
            setting.connections,
            setting.idle_connections,
            setting.server_cpu,
            setting.load_cpu,
        );
        for row in &self.rows {
            for cell in row.cells.iter().filter(|cell| cell.failed > 0) {
                let _ = writeln!(
                    text,
                    "{}, {}: {} of {} operations failed.\n",
                    row.title,
                    cell.server,
                    cell.failed,
                    cell.failed + cell.done
                );
            }
        }
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

    /// The whole of `RESULTS.md`.
    pub(crate) fn markdown(&self) -> String {
        format!(
            "# What an operation costs the server\n\nCPU time of the server process (kernel and user, `schedstat`) or \
             resident memory, one worker each, same certificates,\nsame suite and group, no resumption. Written by \
             `bench/run`; what is measured and how is in [README.md](README.md).\n\n{}",
            self.text()
        )
    }

    fn costs(&self) -> Table {
        let mut table = Table::new();
        table.load_style(ASCII_MARKDOWN);
        let mut header = vec!["operation".to_owned(), "unit".to_owned()];
        for (name, _) in &self.setting.servers {
            header.push((*name).to_owned());
            if *name != YARDSTICK {
                header.push("×".to_owned());
            }
        }
        header.push("goal".to_owned());
        table.set_header(header);
        for row in &self.rows {
            let mut cells = vec![row.title.to_owned(), row.unit.to_owned()];
            for cell in &row.cells {
                cells.push(format!(
                    "{} ({} to {})",
                    figure(cell.median),
                    figure(cell.min),
                    figure(cell.max)
                ));
                if cell.server != YARDSTICK {
                    cells.push(
                        cell.ratio
                            .map_or_else(String::new, |ratio| format!("{ratio:.2}")),
                    );
                }
            }
            cells.push(
                row.goal
                    .map_or_else(String::new, |goal| format!("≤ {goal}")),
            );
            table.add_row(cells);
        }
        table
    }

    fn facts(&self) -> Table {
        let mut table = Table::new();
        table.load_style(ASCII_MARKDOWN);
        table.set_header([
            "server",
            "version",
            "suite",
            "group",
            "tickets",
            "/ssl/ answer, bytes",
        ]);
        for facts in &self.negotiated {
            table.add_row([
                facts.server.to_owned(),
                facts.version.to_owned(),
                facts.suite.clone(),
                facts.group.to_owned(),
                facts.tickets.to_string(),
                facts.answer.to_string(),
            ]);
        }
        table
    }
}

/// Three digits are all these measurements can carry.
fn figure(value: f64) -> String {
    if value < 10.0 {
        format!("{value:.2}")
    } else if value < 100.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

#[cfg(test)]
mod tests {
    use super::{Row, YARDSTICK, figure, median};
    use crate::operation::{Operation, Sample};

    #[test]
    fn median_of_odd_even_and_none() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&mut [4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median(&mut []), None);
    }

    #[test]
    fn ratio_pairs_the_rounds() {
        let samples = |values: [f64; 3]| values.map(|value| Sample { value, load: None }).to_vec();
        // The machine slowed down between rounds; the ratio did not change.
        let row = Row::new(
            Operation::Tls13,
            &[
                (YARDSTICK, samples([100.0, 200.0, 300.0])),
                ("other", samples([50.0, 100.0, 150.0])),
            ],
        );
        assert_eq!(row.cells[1].ratio, Some(0.5));
        assert_eq!(
            (row.cells[1].min, row.cells[1].median, row.cells[1].max),
            (50.0, 100.0, 150.0)
        );
    }

    #[test]
    fn figures_have_three_digits() {
        assert_eq!([1.234, 12.34, 123.4].map(figure), ["1.23", "12.3", "123"]);
    }
}
