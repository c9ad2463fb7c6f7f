//! What a notice says: everything but the table of changes and the tests.

use floor::{Brownout, Floor, Measure, Phase, Plan, Sunset};
use jiff::Timestamp;

use super::dates::{day, length, span};
use super::document::{Block, Document, Section};
use super::{changes, reasons, testing};

/// Most windows listed one by one; a longer calendar is told in a sentence.
const WINDOWS: u64 = 60;

/// What a notice is about.
pub(crate) struct Subject<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) now: Timestamp,
    pub(crate) service: &'a str,
    /// Scheme and host.
    pub(crate) url: &'a str,
    /// Where a client learns what it negotiated.
    pub(crate) path: &'a str,
    /// The status of an explanation.
    pub(crate) status: u16,
}

impl Subject<'_> {
    pub(crate) fn check_url(&self) -> String {
        format!("{}{}", self.url, self.path)
    }
}

pub(super) fn document(subject: &Subject<'_>) -> Document {
    let section = |name, heading, blocks| Section {
        name,
        heading,
        blocks,
    };
    let sections = vec![
        section("summary", None, summary(subject)),
        section("dates", Some("What happens when"), dates(subject)),
        section("why", Some("Why"), why(subject)),
        section("who", Some("Who is affected"), who(subject)),
        section("changes", Some("What to change"), changes::blocks(subject)),
        section("testing", Some("How to test"), testing::blocks(subject)),
        section("help", Some("If you need help"), help(subject)),
    ];
    Document {
        title: title(subject),
        sections: sections
            .into_iter()
            .filter(|section| !section.blocks.is_empty())
            .collect(),
    }
}

fn title(subject: &Subject<'_>) -> String {
    match subject.plan.sunsets.as_slice() {
        [sunset] => match sunset.ends_at() {
            Some(at) => format!("Retiring {} on {}", sunset.name, day(at)),
            None => format!("Retiring {}", sunset.name),
        },
        _ => format!("Changes to the TLS of {}", subject.service),
    }
}

/// What a floor asks, as the end of "needs".
pub(crate) fn needs(floor: &Floor) -> String {
    let mut needs = vec![format!("{} or later", floor.min())];
    if advice::Goal::of_floor(floor).contains(&advice::Goal::Pq) {
        needs.push("post-quantum key exchange (X25519MLKEM768)".to_owned());
    }
    let suites = floor.limits_suites().then_some("a strong cipher suite");
    needs.extend(suites.map(str::to_owned));
    join(&needs)
}

/// "a", "a and b", "a, b and c".
pub(crate) fn join(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [front @ .., last] => format!("{} and {last}", front.join(", ")),
    }
}

fn summary(subject: &Subject<'_>) -> Vec<Block> {
    let service = subject.service;
    let mut blocks = Vec::new();
    for sunset in &subject.plan.sunsets {
        let needs = needs(&sunset.floor);
        let sentence = match (sunset.ends_at(), sunset.refuse) {
            (Some(end), refuse) if end > subject.now => {
                let refused = refuse
                    .filter(|refuse| *refuse > end)
                    .map(|refuse| {
                        format!(
                            " From {} their connections are refused outright.",
                            day(refuse)
                        )
                    })
                    .unwrap_or_default();
                format!(
                    "From {}, {service} needs {needs}. Programs and browsers that cannot offer that will no longer be served.{refused}",
                    day(end)
                )
            }
            (Some(end), _) => format!(
                "Since {}, {service} needs {needs}. Programs and browsers that cannot offer that are no longer served.",
                day(end)
            ),
            (None, _) => format!(
                "{} will need {needs}. The day is not set yet; we announce it here.",
                capital(service)
            ),
        };
        blocks.push(Block::Paragraph(sentence));
    }
    blocks.push(Block::Paragraph(format!(
        "TLS (once called SSL) encrypts what travels between your browser or your servers and us. Most of you need to do nothing. To find out, let the program that calls us call {} once: the answer says what was negotiated, whether that will do, and what to change if not. The table below says the same for each language and platform.",
        subject.check_url()
    )));
    blocks
}

pub(crate) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

fn dates(subject: &Subject<'_>) -> Vec<Block> {
    let mut blocks = Vec::new();
    let several = subject.plan.sunsets.len() > 1;
    for sunset in &subject.plan.sunsets {
        if several {
            blocks.push(Block::Heading(sunset.name.clone()));
        }
        blocks.extend(dates_of(subject, sunset, All::Dates));
    }
    blocks
}

/// Which dates are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum All {
    /// All of them.
    Dates,
    /// What is now, and what is ahead.
    Ahead,
}

/// What happens when, of one sunset.
pub(crate) fn dates_of(subject: &Subject<'_>, sunset: &Sunset, all: All) -> Vec<Block> {
    let mut blocks = Vec::new();
    let rows = calendar(subject, sunset, all);
    if !rows.is_empty() {
        blocks.push(Block::Table {
            head: vec!["When", "What a program that falls short meets"],
            rows,
        });
    }
    for run in runs(subject, sunset, all) {
        blocks.extend(windows(run));
    }
    blocks
}

fn runs<'a>(
    subject: &Subject<'_>,
    sunset: &'a Sunset,
    all: All,
) -> impl Iterator<Item = &'a Brownout> {
    let now = subject.now;
    let told = move |run: &&Brownout| all == All::Dates || run.to > now;
    sunset.brownouts.iter().filter(told)
}

fn calendar(subject: &Subject<'_>, sunset: &Sunset, all: All) -> Vec<Vec<String>> {
    let current = sunset.phase(subject.now);
    let mut rows: Vec<(Timestamp, String, String)> = Vec::new();
    for change in sunset.dates() {
        let now = current == Some(change.phase);
        if all == All::Ahead && !now && change.at <= subject.now {
            continue;
        }
        let when = match (change.at <= subject.now, now) {
            (true, true) => format!("now, since {}", day(change.at)),
            (true, false) => format!("since {}", day(change.at)),
            (false, _) => format!("from {}", day(change.at)),
        };
        rows.push((change.at, when, phase(subject, change.phase)));
    }
    for run in runs(subject, sunset, all) {
        rows.push((run.from, span(run.from, run.to), rehearsal(run)));
    }
    rows.sort_by_key(|(at, ..)| *at);
    rows.into_iter()
        .map(|(_, when, what)| vec![when, what])
        .collect()
}

fn phase(subject: &Subject<'_>, phase: Phase) -> String {
    let check = subject.check_url();
    match phase {
        Phase::Observe => "It is served as ever. We count who is affected.".to_owned(),
        Phase::Warn | Phase::Brownout => format!(
            "It is served, and told: every answer carries the headers `Deprecation`, `Sunset` and `Sundown-Notice`, which names what was seen and what is needed, and a `Link` to {check}."
        ),
        Phase::Explain => format!(
            "Its requests are not processed. They are answered with status {}, and the reason phrase, a header and the body say why and what to change. {check} still answers.",
            subject.status
        ),
        Phase::Refuse => "Its connections are refused with the TLS alert that names the reason (`protocol_version`, or `insufficient_security` for ciphers and groups). No request reaches us.".to_owned(),
    }
}

fn rehearsal(run: &Brownout) -> String {
    let share = match run.share.get() {
        share if share < 1.0 => format!(" for {:.0} % of accounts", share * 100.0),
        _ => String::new(),
    };
    let what = match run.measure {
        Measure::Explain => "its requests are answered with the explanation, and not processed",
        Measure::Refuse => "its connections are refused",
    };
    let count = run.count();
    let plural = if count == 1 { "" } else { "s" };
    format!(
        "Rehearsal, {count} window{plural} of {}{share}: {what}. Between windows it is served and warned.",
        length(run.length)
    )
}

fn windows(run: &Brownout) -> Vec<Block> {
    if run.count() > WINDOWS {
        return vec![Block::Paragraph(format!(
            "The first rehearsal is {}, and then there is one every {} until {}.",
            run.windows()
                .next()
                .map_or_else(|| day(run.from), |first| span(first.start, first.end)),
            length(run.every),
            day(run.to)
        ))];
    }
    let list: Vec<String> = run
        .windows()
        .map(|window| span(window.start, window.end))
        .collect();
    if list.is_empty() {
        return Vec::new();
    }
    let mut blocks = vec![
        Block::Paragraph("The rehearsals, one by one:".to_owned()),
        Block::List(list),
    ];
    if !run.exempt.is_empty() {
        let paths: Vec<String> = run.exempt.iter().map(|path| format!("`{path}`")).collect();
        blocks.push(Block::Paragraph(format!(
            "They leave out {}.",
            join(&paths)
        )));
    }
    blocks
}

fn why(subject: &Subject<'_>) -> Vec<Block> {
    let mut reasons: Vec<String> = Vec::new();
    for sunset in &subject.plan.sunsets {
        for reason in reasons::of(&sunset.floor, subject.now) {
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
    }
    let mut blocks = Vec::new();
    if !reasons.is_empty() {
        blocks.push(Block::List(reasons));
    }
    blocks.push(Block::Paragraph(
        "What we want from this: that nobody between you and us can read or change your data, that weaknesses which are known for years stop counting, and that every program written from now on starts on what will last.".to_owned(),
    ));
    blocks
}

fn who(subject: &Subject<'_>) -> Vec<Block> {
    let mut blocks = vec![Block::Paragraph(
        "It is the program that decides, not the account: one account can have programs that are fine and one that is not. A program that falls short and is left as it is will stop working, and until then its traffic has only the protection of its old protocol.".to_owned(),
    )];
    blocks.extend(changes::at_a_glance(subject));
    blocks.push(Block::Paragraph(
        "A proxy, a load balancer or a security product that opens your traffic speaks TLS in place of your program: then that is what has to be brought up to date.".to_owned(),
    ));
    blocks
}

fn help(subject: &Subject<'_>) -> Vec<Block> {
    let mut contacts: Vec<String> = Vec::new();
    for contact in subject
        .plan
        .sunsets
        .iter()
        .filter_map(|sunset| sunset.contact.clone())
    {
        if !contacts.contains(&contact) {
            contacts.push(contact);
        }
    }
    let check = subject.check_url();
    let ask = if contacts.is_empty() {
        "ask your usual contact".to_owned()
    } else {
        format!("ask {}", join(&contacts))
    };
    let mut blocks = vec![Block::Paragraph(format!(
        "If the table has no line for you, or you have done what it says and {check} still shows the old protocol, {ask}. The answer of {check} carries a `report` link that shows us what you saw: send it along."
    ))];
    let open = subject
        .plan
        .sunsets
        .iter()
        .any(|sunset| sunset.ends_at().is_some_and(|end| end > subject.now));
    if open {
        blocks.push(Block::Paragraph(
            "If something cannot be ready in time, tell us now rather than on the day.".to_owned(),
        ));
    }
    blocks
}
