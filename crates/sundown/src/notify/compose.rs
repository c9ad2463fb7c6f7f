//! What a letter says.

use floor::{Phase, Sunset};
use jiff::Timestamp;
use report::model::{Program, Row, State};
use report::{ago, count, lacks, printable, program};

use super::choose::{Chosen, Why, ahead};
use crate::demo;
use crate::notice::content::{All, Subject, capital, dates_of, needs};
use crate::notice::dates::day;
use crate::notice::document::{Block, Document, Section, code};
use crate::notice::testing::previews;

/// Programs told of in full; an account that runs more than these is told how many.
const PROGRAMS: usize = 12;
/// Addresses listed.
const ADDRESSES: usize = 8;
/// Pages named for each program.
const SOURCES: usize = 3;

/// The sections that a template can use; a letter has some or all of them.
pub(super) const SECTIONS: [&str; 7] = [
    "summary", "page", "seen", "dates", "changes", "testing", "help",
];

/// The private page of the account that a letter is to.
#[derive(Clone, Debug)]
pub(super) struct Page {
    pub(super) link: String,
    pub(super) until: Timestamp,
}

/// Composes a letter. `demo` says that nobody was seen.
pub(super) fn compose(
    chosen: &Chosen<'_>,
    subject: &Subject<'_>,
    page: Option<&Page>,
    demo: bool,
) -> Document {
    let mut document = match &chosen.why {
        Why::Breaks(row) => breaks(chosen, row, subject),
        Why::Fixed { written, since } => fixed(chosen, *written, *since, subject),
    };
    if let Some(page) = page {
        document.sections.insert(1, private(page));
    }
    if let Some(first) = document.sections.first_mut().filter(|_| demo) {
        first
            .blocks
            .insert(0, Block::Paragraph(demo::SAID.to_owned()));
    }
    document
}

fn private(page: &Page) -> Section {
    Section {
        name: "page",
        heading: Some("Your own page"),
        blocks: vec![
            Block::Paragraph(
                "What we see of your programs as it is now, what to change in each and what each meets on which date:"
                    .to_owned(),
            ),
            Block::Paragraph(page.link.clone()),
            Block::Paragraph(format!(
                "It works until {}. Whoever has this address can read the page: pass it on only to those who do this work.",
                day_of(page.until)
            )),
        ],
    }
}

fn breaks(chosen: &Chosen<'_>, row: &Row, subject: &Subject<'_>) -> Document {
    let section = |name, heading, blocks| Section {
        name,
        heading,
        blocks,
    };
    let sunset = chosen.sunset;
    Document {
        title: title(sunset, subject),
        sections: vec![
            section("summary", None, summary(chosen, row, subject)),
            section("seen", Some("What we saw"), seen(row, subject)),
            section(
                "dates",
                Some("What happens when"),
                dates_of(subject, sunset, All::Ahead),
            ),
            section("changes", Some("What to change"), changes(row)),
            section("testing", Some("How to test"), testing(sunset, subject)),
            section("help", Some("If you need help"), help(sunset, subject)),
        ],
    }
}

fn title(sunset: &Sunset, subject: &Subject<'_>) -> String {
    let service = subject.service;
    match sunset.ends_at() {
        Some(end) if end > subject.now => format!(
            "Some of your programs can no longer reach {service} from {}",
            day(end)
        ),
        Some(_) => format!("Some of your programs can no longer reach {service}"),
        None => format!("Some of your programs will need {}", needs(&sunset.floor)),
    }
}

fn summary(chosen: &Chosen<'_>, row: &Row, subject: &Subject<'_>) -> Vec<Block> {
    let sunset = chosen.sunset;
    let (service, needs) = (subject.service, needs(&sunset.floor));
    let first = match sunset.ends_at() {
        Some(end) if end > subject.now => {
            format!("From {}, {service} needs {needs}.", day(end))
        }
        Some(end) => format!("Since {}, {service} needs {needs}.", day(end)),
        None => format!(
            "{} will need {needs}. The day is not set yet.",
            capital(service)
        ),
    };
    let (programs, tense) = match row.programs.items.len() + row.programs.more {
        1 => ("One program", "does not offer that"),
        _ => ("Some programs", "do not offer that"),
    };
    let account = code(&printable(&chosen.account));
    let mut blocks = vec![Block::Paragraph(format!(
        "{first} {programs} of your account {account} {tense}, and will stop working unless changed. What needs changing is below."
    ))];
    if let Some((at, phase)) =
        ahead(sunset, subject.now).filter(|(at, _)| sunset.ends_at() != Some(*at))
    {
        let what = match phase {
            Phase::Brownout => {
                "a rehearsal, in which programs such as these are turned away for minutes,"
            }
            Phase::Warn => "our answers to these programs carrying a warning",
            Phase::Observe => "our counting who is affected",
            Phase::Explain => "our answering these programs with an explanation alone",
            Phase::Refuse => "our refusing their connections",
        };
        blocks.push(Block::Paragraph(format!(
            "Next comes {what} on {}.",
            day(at)
        )));
    }
    blocks
}

fn seen(row: &Row, subject: &Subject<'_>) -> Vec<Block> {
    let (programs, more) = row.programs.first(PROGRAMS);
    let rows = programs
        .iter()
        .map(|program| {
            vec![
                name(program),
                lacks(&program.shortfalls),
                format!(
                    "{} to {}",
                    day_of(program.usage.first),
                    day_of(program.usage.last)
                ),
                much(program),
            ]
        })
        .collect();
    let last = match row.days_since {
        0 => "today".to_owned(),
        days => format!("{}, on {}", ago(days), day_of(row.misses.last)),
    };
    let mut blocks = vec![
        Block::Paragraph(format!(
            "We saw it last {last}. Times are UTC; this letter was written on {}.",
            day_of(subject.now)
        )),
        Block::Table {
            head: vec!["Program", "What it lacks", "Seen", "How much"],
            rows,
        },
    ];
    if more > 0 {
        blocks.push(Block::Paragraph(format!(
            "And {}, used less.",
            count(more as u64, "more program")
        )));
    }
    let (addresses, more) = row.addresses.first(ADDRESSES);
    let mut addresses: Vec<String> = addresses
        .iter()
        .filter_map(|used| Some(code(&used.address?.to_string())))
        .collect();
    if !addresses.is_empty() {
        if more > 0 {
            addresses.push(format!("{} more", report::number(more as u64)));
        }
        blocks.push(Block::Paragraph(format!(
            "They came from {}.",
            addresses.join(", ")
        )));
    }
    if row.state == State::GoneQuiet {
        blocks.push(Block::Paragraph(
            "We have seen nothing of this account since. If these programs are gone, there is nothing to do.".to_owned(),
        ));
    }
    blocks
}

/// A program, as code: what it calls itself is the client's word.
fn name(one: &Program) -> String {
    code(&printable(&program(one)))
}

fn day_of(at: Timestamp) -> String {
    at.strftime("%-d %B %Y").to_string()
}

fn much(program: &Program) -> String {
    let usage = &program.usage;
    let mut much = vec![count(usage.connections, "connection")];
    if usage.requests > 0 {
        much.insert(0, count(usage.requests, "request"));
    }
    if usage.refused > 0 {
        much.push(format!("{} refused", report::number(usage.refused)));
    }
    much.join(", ")
}

fn changes(row: &Row) -> Vec<Block> {
    let mut blocks = Vec::new();
    let (programs, more) = row.programs.first(PROGRAMS);
    for program in programs {
        blocks.push(Block::Heading(
            printable(&report::program(program)).into_owned(),
        ));
        let Some(advice) = &program.advice else {
            blocks.push(Block::Paragraph(format!(
                "We do not know this program. It lacks: {}.",
                lacks(&program.shortfalls)
            )));
            continue;
        };
        blocks.push(Block::Paragraph(advice.summary.clone()));
        if let Some(snippet) = &advice.snippet {
            blocks.push(Block::Code(snippet.clone()));
        }
        if let Some(find) = &advice.find {
            blocks.push(Block::Paragraph(format!("To see the version: {find}.")));
        }
        // A command has no end of a sentence.
        if advice.verify.ends_with('.') {
            blocks.push(Block::Paragraph(format!("To prove it: {}", advice.verify)));
        } else {
            blocks.push(Block::Paragraph("To prove it:".to_owned()));
            blocks.push(Block::Code(advice.verify.clone()));
        }
        let sources: Vec<&str> = advice
            .sources
            .iter()
            .take(SOURCES)
            .map(String::as_str)
            .collect();
        if !sources.is_empty() {
            blocks.push(Block::Paragraph(format!("More: {}", sources.join(" and "))));
        }
    }
    if more > 0 {
        blocks.push(Block::Paragraph(format!(
            "{} {} told of here; ask us for the list.",
            capital(&count(more as u64, "program")),
            if more == 1 { "is not" } else { "are not" }
        )));
    }
    blocks
}

fn testing(sunset: &Sunset, subject: &Subject<'_>) -> Vec<Block> {
    let check = subject.check_url();
    let mut blocks = vec![Block::Paragraph(format!(
        "Let the program itself call {check}, from the machine it runs on. The answer is JSON, or a page in a browser: `protocol` and `cipher` are what was negotiated, and `verdict` is `ok` when that has {}. A test with another program proves nothing: curl on the same machine can be newer or older than what your code is linked with.",
        needs(&sunset.floor)
    ))];
    blocks.extend(previews(subject));
    blocks
}

fn help(sunset: &Sunset, subject: &Subject<'_>) -> Vec<Block> {
    let ask = match &sunset.contact {
        Some(contact) => format!("ask {contact}"),
        None => "ask your usual contact".to_owned(),
    };
    let check = subject.check_url();
    let open = sunset.ends_at().is_none_or(|end| end > subject.now);
    let soon = if open {
        " If something cannot be ready in time, tell us now rather than on the day."
    } else {
        ""
    };
    vec![Block::Paragraph(format!(
        "If you have done this and {check} still shows the old protocol, {ask}. Its answer carries a `report` link that shows us what you saw: send it along.{soon}"
    ))]
}

fn fixed(
    chosen: &Chosen<'_>,
    written: Timestamp,
    since: Option<Timestamp>,
    subject: &Subject<'_>,
) -> Document {
    let sunset = chosen.sunset;
    let needs = needs(&sunset.floor);
    let service = subject.service;
    let account = code(&printable(&chosen.account));
    let end = match sunset.ends_at() {
        Some(end) if end > subject.now => format!(
            " Nothing of yours that we see stops on {}, when {service} begins to need {needs}.",
            day(end)
        ),
        _ => String::new(),
    };
    let written = day_of(written);
    let since = since.map_or_else(String::new, |since| format!(" since {}", day_of(since)));
    let quiet = "A program that runs seldom may not have called in that time: the address below tells for any of them.";
    Document {
        title: format!("Thank you: your programs are ready for {needs}"),
        sections: vec![
            Section {
                name: "summary",
                heading: None,
                blocks: vec![
                    Block::Paragraph(format!(
                        "Thank you: your account {account} is ready. We wrote to you on {written}. All that we have seen of it{since} has {needs}.{end}"
                    )),
                    Block::Paragraph(quiet.to_owned()),
                ],
            },
            Section {
                name: "help",
                heading: Some("If you need help"),
                blocks: vec![Block::Paragraph(format!(
                    "{} shows what a program that calls it negotiates, and whether that will do.{}",
                    subject.check_url(),
                    sunset
                        .contact
                        .as_ref()
                        .map_or_else(String::new, |contact| format!(
                            " For anything else, ask {contact}."
                        ))
                ))],
            },
        ],
    }
}
