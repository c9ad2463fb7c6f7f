//! A replay in words.

use std::io::{self, Write};

use super::model::{Estimate, PlanReplay, Replay, TurnedAway, WindowReplay};
use crate::model::{Listed, Outcome, RowWho};
use crate::page::{Block, Page, Tone};
use crate::safe::cell;
use crate::words::{self, a_day, count, number, percent, share, when};

/// Addresses, programs and hits that are listed in one place; the number of the others is said.
const MOST: usize = 3;
/// Windows that are listed.
const MOST_WINDOWS: usize = 24;
/// Accounts that are listed as newly turned away, or no longer.
const MOST_CHANGED: usize = 50;
/// Addresses and programs in a cell of the CSV.
const MOST_IN_A_CELL: usize = 10;

/// The replay as a page.
pub fn page(replay: &Replay) -> Page {
    let plan = &replay.plan;
    let mut page = Page {
        title: "What would have been".to_owned(),
        blocks: Vec::new(),
    };
    if let Some(demo) = &replay.demo {
        page.blocks.push(Block::Verdict(Tone::Unsure, demo.clone()));
    }
    let from = replay.from.map_or_else(|| "The beginning".to_owned(), when);
    page.text(format!(
        "{} on what was seen. {from} to {} (UTC).",
        sentence_start(&plan.name),
        when(replay.until)
    ));
    if let (Some(shifted), Some(seen)) = (replay.plan_clock_from, replay.seen) {
        page.text(format!(
            "The plan's clock is set to {} for the first sighting, of {}.",
            when(shifted),
            when(seen.first)
        ));
    }
    if replay.seen.is_none() {
        page.text(
            "Nothing was seen in this range. `sundown serve` with the same --data-dir fills the ledger; --since takes a \
             longer look back.",
        );
        return page;
    }
    let (tone, answer) = answer(replay);
    page.blocks.push(Block::Verdict(tone, answer));
    for stage in &plan.stages {
        page.text(format!(
            "{}: {} from {} ({}).",
            stage.sunset,
            stage.phase.name(),
            when(stage.from),
            stage.floor
        ));
    }
    if plan.stages.is_empty() {
        page.text(
            "None of its sunsets has begun in this range. --as-if DATE sets the plan's clock to a date for the first \
             sighting.",
        );
    }
    fates(&mut page, plan);
    turned_away(&mut page, plan, replay.days);
    windows(&mut page, plan);
    changes(&mut page, replay);
    recorded(&mut page, replay);
    page
}

/// A name at the start of a sentence.
fn sentence_start(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

fn answer(replay: &Replay) -> (Tone, String) {
    let plan = &replay.plan;
    match replay.verdict {
        Outcome::NobodyBreaks => (
            Tone::Good,
            "Nobody would have been turned away.".to_owned(),
        ),
        Outcome::CannotSay => (
            Tone::Unsure,
            "It cannot be said whether anybody would have been turned away: too little could be judged.".to_owned(),
        ),
        Outcome::SomebodyBreaks => {
            let accounts = plan.accounts;
            let perhaps = match accounts.perhaps {
                0 => String::new(),
                more => format!(" and perhaps {} more", number(more)),
            };
            (
                Tone::Bad,
                format!(
                    "{}{perhaps} would have been turned away, with {} requests a day and {} connections.",
                    count(accounts.turned_away, "account"),
                    per_day(plan.requests.turned_away(), replay.days),
                    estimate(plan.connections.turned_away()),
                ),
            )
        }
    }
}

/// "1,200", or "about 200 (0 to 1,200)".
fn estimate(of: Estimate) -> String {
    if of.is_exact() {
        return number(of.at_least);
    }
    format!(
        "about {} ({} to {})",
        number(of.about.round() as u64),
        number(of.at_least),
        number(of.at_most)
    )
}

fn per_day(of: Estimate, days: f64) -> String {
    if of.is_exact() {
        return a_day(of.about / days);
    }
    format!(
        "about {} ({} to {})",
        a_day(of.about / days),
        a_day(of.at_least as f64 / days),
        a_day(of.at_most as f64 / days)
    )
}

fn fates(page: &mut Page, plan: &PlanReplay) {
    page.heading("What becomes of it");
    let part = |of: Estimate, total: u64| {
        let about = percent(of.about.round() as u64, total);
        format!("{} {about}", estimate(of))
    };
    let row = |name: &str, fates: &super::model::Fates| {
        vec![
            name.to_owned(),
            number(fates.total),
            part(fates.served, fates.total),
            part(fates.warned, fates.total),
            part(fates.explained, fates.total),
            part(fates.refused, fates.total),
            format!(
                "{} {}",
                number(fates.unjudged),
                percent(fates.unjudged, fates.total)
            ),
        ]
    };
    page.table(
        vec![
            ("", false),
            ("total", true),
            ("served", true),
            ("warned", true),
            ("explained", true),
            ("refused", true),
            ("not judged", true),
        ],
        vec![
            row("connections", &plan.connections),
            row("requests", &plan.requests),
        ],
    );
    let all = [plan.connections.turned_away(), plan.requests.turned_away()];
    if !all.iter().all(Estimate::is_exact) {
        page.text(
            "The ledger keeps hours, and days once they are compacted. Where the plan changes inside of one, what was seen \
             on both sides of the change is split by time: about so much; the range behind it is from what is certain to \
             everybody who was active in that hour.",
        );
    }
}

fn turned_away(page: &mut Page, plan: &PlanReplay, days: f64) {
    if plan.turned_away.is_empty() {
        return;
    }
    page.heading("Turned away, worst first");
    let rows = plan.turned_away.iter().map(|row| {
        vec![
            words::who(&row.who),
            per_day(row.requests, days),
            estimate(row.connections),
            of_its_own(row),
            listed(&row.programs, words::program),
            listed(&row.addresses, |one| {
                one.address
                    .map_or_else(|| "(not kept)".to_owned(), |address| address.to_string())
            }),
        ]
    });
    page.table(
        vec![
            ("account", false),
            ("requests a day", true),
            ("connections", true),
            ("of its own", true),
            ("program", false),
            ("from", false),
        ],
        rows.collect(),
    );
    if plan.more > 0 {
        page.text(format!(
            "And {} more; --top lists more of them.",
            number(plan.more)
        ));
    }
    let runtimes = plan.runtimes.items.iter();
    let rows = runtimes.map(|one| vec![one.name.clone(), number(one.accounts)]);
    page.heading("By program");
    page.table(vec![("program", false), ("accounts", true)], rows.collect());
    let mut fixes: Vec<Vec<String>> = Vec::new();
    for program in plan.turned_away.iter().flat_map(|row| &row.programs.items) {
        let Some(advice) = &program.advice else {
            continue;
        };
        let fix = vec![words::program(program), advice.summary.clone()];
        if fixes.len() < MOST_FIXES && !fixes.contains(&fix) {
            fixes.push(fix);
        }
    }
    page.table(vec![("program", false), ("fix", false)], fixes);
}

/// Fixes that are listed.
const MOST_FIXES: usize = 20;

/// What is turned away of what they did, by requests where they made any.
fn of_its_own(row: &TurnedAway) -> String {
    let (part, all) = if row.all.requests > 0 {
        (row.requests, row.all.requests)
    } else {
        (row.connections, row.all.connections)
    };
    percent(part.about.round() as u64, all)
}

fn listed<T>(list: &Listed<T>, show: impl Fn(&T) -> String) -> String {
    let (shown, more) = list.first(MOST);
    let mut text = shown.iter().map(show).collect::<Vec<_>>().join(", ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

fn windows(page: &mut Page, plan: &PlanReplay) {
    if plan.windows.total == 0 {
        return;
    }
    page.heading("Brownout windows");
    page.text(format!(
        "{} in this range; {} would have hit somebody, or may have.",
        count(plan.windows.total, "window"),
        number(plan.windows.hit.len() as u64)
    ));
    let shown = plan.windows.hit.iter().take(MOST_WINDOWS);
    page.table(
        vec![
            ("window (UTC)", false),
            ("requests", true),
            ("connections", true),
            ("hit", false),
        ],
        shown.map(window).collect(),
    );
    let more = plan.windows.hit.len().saturating_sub(MOST_WINDOWS);
    if more > 0 {
        page.text(format!(
            "And {}; --json has all.",
            count(more as u64, "more window")
        ));
    }
}

fn window(window: &WindowReplay) -> Vec<String> {
    let (mut requests, mut connections) = (Estimate::default(), Estimate::default());
    for hit in &window.hits {
        requests.add(hit.requests);
        connections.add(hit.connections);
    }
    let certain =
        |hit: &&super::model::WindowHit| hit.requests.at_least + hit.connections.at_least > 0;
    let names = window.hits.iter().take(MOST).map(|hit| {
        let who = words::who(&hit.who);
        if certain(&hit) {
            who
        } else {
            format!("perhaps {who}")
        }
    });
    let mut hit = names.collect::<Vec<_>>().join(", ");
    let more = window.hits.len().saturating_sub(MOST);
    if more > 0 {
        hit.push_str(&format!(" and {more} more"));
    }
    vec![
        format!("{} to {}", when(window.start), window.end.strftime("%H:%M")),
        estimate(requests),
        estimate(connections),
        hit,
    ]
}

fn changes(page: &mut Page, replay: &Replay) {
    let (Some(changes), Some(against)) = (&replay.changes, &replay.against) else {
        return;
    };
    page.heading(format!("Compared with {}", against.name));
    page.text(format!(
        "{} turns away {}; {} by both.",
        sentence_start(&against.name),
        count(
            changes.both + changes.no_longer_turned_away.len() as u64,
            "account"
        ),
        number(changes.both)
    ));
    let mut list = |what: &str, whose: &[RowWho]| {
        if whose.is_empty() {
            page.text(format!("{what}: nobody."));
            return;
        }
        let names = whose.iter().take(MOST_CHANGED).map(words::who);
        let more = match whose.len().saturating_sub(MOST_CHANGED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        page.text(format!(
            "{what} ({}): {}{more}.",
            whose.len(),
            names.collect::<Vec<_>>().join(", ")
        ));
    };
    list("Newly turned away", &changes.newly_turned_away);
    list("No longer turned away", &changes.no_longer_turned_away);
}

fn recorded(page: &mut Page, replay: &Replay) {
    let Some(recorded) = &replay.recorded else {
        return;
    };
    let all = recorded.agree + recorded.differ;
    if all == 0 {
        return;
    }
    page.heading("What was decided then");
    page.text(format!(
        "The plan in force decides {} of it as the ledger recorded ({} of {} connections and requests).",
        percent(recorded.agree, all),
        number(recorded.agree),
        number(all)
    ));
    if recorded.differ > 0 {
        page.text("It was another plan then, or on hold:");
        let said = |said: &super::model::Said| {
            let phase = said.phase.map(floor::Phase::name);
            let parts = [said.sunset.as_deref(), phase, Some(&said.action)];
            parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
        };
        let rows = recorded.differences.iter().take(10).map(|one| {
            vec![
                words::who(&one.who),
                said(&one.recorded),
                said(&one.replayed),
                number(one.amount),
            ]
        });
        page.table(
            vec![
                ("account", false),
                ("recorded", false),
                ("by the plan in force", false),
                ("connections and requests", true),
            ],
            rows.collect(),
        );
    }
}

const HEAD: [&str; 17] = [
    "account",
    "attribution",
    "sunsets",
    "requests_at_least",
    "requests_about",
    "requests_at_most",
    "requests_a_day",
    "connections_at_least",
    "connections_about",
    "connections_at_most",
    "share_of_own_requests",
    "first",
    "last",
    "addresses",
    "programs",
    "fix",
    "newly_turned_away",
];

/// Writes who is turned away as CSV (RFC 4180), safe to open in a spreadsheet.
///
/// # Errors
///
/// When it cannot be written.
pub fn csv(replay: &Replay, out: &mut impl Write) -> io::Result<()> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(out);
    // As in a report.
    let demo = replay.demo.as_deref();
    writer.write_record(HEAD.into_iter().chain(demo.map(|_| "demo")))?;
    for row in &replay.plan.turned_away {
        let changes = replay.changes.as_ref();
        let is_new = changes.map(|changes| changes.newly_turned_away.contains(&row.who));
        let (addresses, _) = row.addresses.first(MOST_IN_A_CELL);
        let (programs, _) = row.programs.first(MOST_IN_A_CELL);
        let addresses = addresses.iter().filter_map(|one| one.address);
        let fix = programs.first().and_then(|program| program.advice.as_ref());
        let record: [String; HEAD.len()] = [
            words::who(&row.who),
            row.who.attribution().to_owned(),
            row.sunsets.join(" | "),
            row.requests.at_least.to_string(),
            format!("{:.1}", row.requests.about),
            row.requests.at_most.to_string(),
            format!("{:.2}", row.requests_a_day),
            row.connections.at_least.to_string(),
            format!("{:.1}", row.connections.about),
            row.connections.at_most.to_string(),
            format!(
                "{:.4}",
                share(row.requests.about.round() as u64, row.all.requests)
            ),
            row.first.to_string(),
            row.last.to_string(),
            addresses
                .map(|one| one.to_string())
                .collect::<Vec<_>>()
                .join(" | "),
            programs
                .iter()
                .map(words::program)
                .collect::<Vec<_>>()
                .join(" | "),
            fix.map(|advice| advice.summary.clone()).unwrap_or_default(),
            is_new.map(|is_new| is_new.to_string()).unwrap_or_default(),
        ];
        let fields = record.iter().map(String::as_str).chain(demo);
        writer.write_record(fields.map(cell))?;
    }
    writer.flush()
}
