//! The page of a pack, for people.

use jiff::Timestamp;
use report::number;
use report::page::{Block, Page, Tone};

use crate::pack::{Pack, Served, SunsetFact};

/// Lines of a change that are shown; `evidence.json` has them all.
const MOST_LINES: usize = 12;

/// Requirements that auditors ask about, and where the page answers. In our own words: the standard's text is what
/// counts (PCI DSS 4.0.1, <https://www.pcisecuritystandards.org/document_library/>).
const ASKED: [(&str, &str, &str); 5] = [
    (
        "PCI DSS 4.0.1, 12.3.3",
        "an inventory of protocols and cipher suites in use, reviewed each year",
        "Protocols, suites and groups in use; cbom.cdx.json",
    ),
    (
        "PCI DSS 4.0.1, 4.2.1",
        "strong cryptography on open networks, and no fallback to what is weak",
        "What was let in; Who was turned away",
    ),
    (
        "PCI DSS 4.0.1, 2.2.7",
        "administration from elsewhere is encrypted strongly",
        "What was let in, for the listeners and names used for it",
    ),
    (
        "PCI DSS 4.0.1, A2.1.2",
        "where early TLS is still spoken: how many, the risk, the plan and its end",
        "Still on early TLS; The plan",
    ),
    (
        "RFC 8996",
        "TLS 1.0 and 1.1 are not to be used",
        "Still on early TLS; What was let in",
    ),
];

/// The page.
pub fn page(pack: &Pack) -> Page {
    let mut page = Page {
        title: format!(
            "TLS evidence, {} to {}",
            date(pack.period.from),
            date(pack.period.until)
        ),
        blocks: Vec::new(),
    };
    if pack.demo {
        page.blocks.push(Block::Verdict(
            Tone::Unsure,
            "Demo data: nobody's traffic.".to_owned(),
        ));
    }
    page.text(format!(
        "Made {} by {}. Days and times are UTC. The same as data: evidence.json. Whether all of it is as it was \
         sealed: `sundown evidence verify`, or `minisign -V -p sundown.pub -m SHA256SUMS && sha256sum -c SHA256SUMS`, \
         with a public key that did not come with it.",
        moment(pack.made_at),
        pack.made_by
    ));
    page.blocks.push(verdict(pack));
    plan(pack, &mut page);
    in_force(pack, &mut page);
    served(pack, &mut page);
    inventory(pack, &mut page);
    early(pack, &mut page);
    turned_away(pack, &mut page);
    exceptions(pack, &mut page);
    changes(pack, &mut page);
    missing(pack, &mut page);
    page.heading("Where to look");
    page.table(
        vec![
            ("asked", false),
            ("in short", false),
            ("answered under", false),
        ],
        ASKED
            .iter()
            .map(|(asked, short, place)| row([asked, short, place]))
            .collect(),
    );
    page.text(
        "This page says what was seen and what was in force. Whether that meets a requirement is for the reader to say.",
    );
    page
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

/// The most that can be said in a sentence.
fn verdict(pack: &Pack) -> Block {
    let connections: u64 = pack.early.iter().map(|early| early.connections).sum();
    let requests: u64 = pack.early.iter().map(|early| early.requests).sum();
    if pack.inventory.is_empty() && pack.early.is_empty() && pack.served.is_empty() {
        return Block::Verdict(Tone::Unsure, "Nothing was seen in this period.".to_owned());
    }
    match (connections, requests) {
        (0, _) => Block::Verdict(
            Tone::Good,
            "No client that stops at TLS 1.1 or before was seen in this period.".to_owned(),
        ),
        (_, 0) => Block::Verdict(
            Tone::Good,
            format!(
                "{} of clients that stop at TLS 1.1 or before; no request of theirs was served.",
                counted(connections, "connection")
            ),
        ),
        (_, requests) => Block::Verdict(
            Tone::Bad,
            format!(
                "{} of clients that stop at TLS 1.1 or before were served, over {}.",
                counted(requests, "request"),
                counted(connections, "connection")
            ),
        ),
    }
}

fn plan(pack: &Pack, page: &mut Page) {
    page.heading("The plan");
    if pack.sunsets.is_empty() {
        page.text("No sunset was planned when this was made.");
    }
    page.table(
        vec![
            ("sunset", false),
            ("floor", false),
            ("phases", false),
            ("brownout windows in the period", true),
        ],
        pack.sunsets
            .iter()
            .map(|sunset| {
                vec![
                    sunset.name.clone(),
                    format!("{} ({})", sunset.floor_title, sunset.floor),
                    phases(sunset),
                    number(sunset.brownout_windows),
                ]
            })
            .collect(),
    );
    page.text("By the plan in force when this was made; what was in force before is told next, and how it came to be under \"What operators did\".");
}

fn in_force(pack: &Pack, page: &mut Page) {
    page.heading("The floor in force, by date");
    page.text(match pack.in_force_known_since {
        None => "Not known: the audit trail holds no plan. A running edge records each one.".to_owned(),
        Some(since) if since > pack.period.from => format!(
            "From the audit trail, which knows the plan since {}; what was in force before that is not known.",
            moment(since)
        ),
        Some(_) => {
            "From the audit trail: each day by the plan that was in force on it, not by today's.".to_owned()
        }
    });
    page.table(
        vec![
            ("sunset", false),
            ("floor", false),
            ("from", true),
            ("to", true),
            ("phase", false),
        ],
        pack.in_force
            .iter()
            .map(|span| {
                let phase = span.phase.map_or("not begun", floor::Phase::name);
                let hold = if span.on_hold {
                    ", on hold: only observed"
                } else {
                    ""
                };
                vec![
                    span.sunset.clone(),
                    span.floor.clone(),
                    moment(span.from),
                    moment(span.until),
                    format!("{phase}{hold}"),
                ]
            })
            .collect(),
    );
}

fn phases(sunset: &SunsetFact) -> String {
    let each = sunset
        .phases
        .iter()
        .map(|span| format!("{} from {}", span.phase, date(span.from)));
    each.collect::<Vec<_>>().join(", ")
}

fn served(pack: &Pack, page: &mut Page) {
    page.heading("What was let in, by listener and server name");
    page.text(
        "The oldest protocol that was served, from day to day. Who was only explained to or refused counts as turned away.",
    );
    page.table(
        vec![
            ("listener", false),
            ("server name", false),
            ("from", true),
            ("to", true),
            ("oldest protocol", false),
            ("served", true),
            ("turned away", true),
        ],
        pack.served
            .iter()
            .map(|served| {
                vec![
                    served.listener.clone(),
                    name(served),
                    served.from.to_string(),
                    served.to.to_string(),
                    served.oldest.clone().unwrap_or_else(|| "none".to_owned()),
                    number(served.served),
                    number(served.turned_away),
                ]
            })
            .collect(),
    );
}

fn name(served: &Served) -> String {
    match (&served.server_name, served.other_names) {
        (Some(name), _) => name.clone(),
        (None, Some(count)) => format!("{count} more names, all together"),
        (None, None) => "none sent".to_owned(),
    }
}

fn inventory(pack: &Pack, page: &mut Page) {
    page.heading("Protocols, suites and groups in use");
    page.text("What was negotiated. The group of TLS 1.2 and before is known only where this program terminates TLS.");
    page.table(
        vec![
            ("listener", false),
            ("protocol", false),
            ("cipher suite", false),
            ("group", false),
            ("connections", true),
            ("requests", true),
            ("accounts", true),
            ("last seen", true),
        ],
        pack.inventory
            .iter()
            .map(|used| {
                let or_unknown =
                    |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
                vec![
                    used.listener.clone(),
                    used.protocol.clone(),
                    or_unknown(&used.cipher),
                    or_unknown(&used.group),
                    number(used.connections),
                    number(used.requests),
                    number(used.accounts),
                    moment(used.last),
                ]
            })
            .collect(),
    );
}

fn early(pack: &Pack, page: &mut Page) {
    page.heading("Still on early TLS");
    if pack.early.is_empty() {
        page.text("Nobody.");
        return;
    }
    page.text(
        "Clients whose newest protocol is before TLS 1.2. Accounts are those that showed themselves; a refused client \
         shows none.",
    );
    page.table(
        vec![
            ("newest protocol", false),
            ("connections", true),
            ("refused", true),
            ("requests served", true),
            ("accounts", true),
            ("on the first day", true),
            ("on the last day", true),
            ("addresses", true),
            ("last seen", true),
        ],
        pack.early
            .iter()
            .map(|early| {
                vec![
                    early.protocol.clone(),
                    number(early.connections),
                    number(early.refused),
                    number(early.requests),
                    number(early.accounts),
                    number(early.accounts_on_first_day),
                    number(early.accounts_on_last_day),
                    number(early.addresses),
                    moment(early.last),
                ]
            })
            .collect(),
    );
}

fn turned_away(pack: &Pack, page: &mut Page) {
    page.heading("Who was turned away");
    if pack.turned_away.is_empty() {
        page.text("Nobody, on any day.");
    }
    page.table(
        vec![
            ("day", true),
            ("sunset", false),
            ("explained to", true),
            ("refused", true),
        ],
        pack.turned_away
            .iter()
            .map(|day| {
                vec![
                    day.day.to_string(),
                    day.sunset.clone(),
                    number(day.explained),
                    number(day.refused),
                ]
            })
            .collect(),
    );
}

fn exceptions(pack: &Pack, page: &mut Page) {
    page.heading("Exceptions");
    if pack.exceptions.is_empty() {
        page.text("None.");
    }
    page.table(
        vec![
            ("for", false),
            ("held off", false),
            ("must meet", false),
            ("until", true),
            ("owner", false),
            ("reason", false),
        ],
        pack.exceptions
            .iter()
            .map(|exception| {
                vec![
                    exception.who.clone(),
                    exception.sunset.clone(),
                    exception
                        .floor
                        .clone()
                        .unwrap_or_else(|| "anything".to_owned()),
                    date(exception.until),
                    exception.owner.clone(),
                    exception.reason.clone(),
                ]
            })
            .collect(),
    );
}

fn changes(pack: &Pack, page: &mut Page) {
    page.heading("What operators did");
    let trail = &pack.trail;
    match (&trail.fault, &trail.last_hash) {
        (Some(fault), _) => page.blocks.push(Block::Verdict(
            Tone::Bad,
            format!("The audit trail is not as it was written: {fault}."),
        )),
        (None, Some(hash)) => page.text(format!(
            "The audit trail has {}, each as it was written. The hash of the last is {hash}.",
            counted(trail.records as u64, "record")
        )),
        (None, None) => page.text("There is no audit trail."),
    }
    page.table(
        vec![
            ("record", true),
            ("when", true),
            ("who", false),
            ("what", false),
            ("more", false),
        ],
        pack.changes
            .iter()
            .map(|change| {
                let mut more = change
                    .lines
                    .iter()
                    .take(MOST_LINES)
                    .cloned()
                    .collect::<Vec<_>>()
                    .join("; ");
                if let Some(rest) = change
                    .lines
                    .len()
                    .checked_sub(MOST_LINES)
                    .filter(|rest| *rest > 0)
                {
                    more.push_str(&format!("; and {rest} more"));
                }
                vec![
                    change.seq.to_string(),
                    moment(change.at),
                    change.by.clone(),
                    change.kind.clone(),
                    more,
                ]
            })
            .collect(),
    );
}

fn missing(pack: &Pack, page: &mut Page) {
    page.heading("What is missing");
    let missing = &pack.missing;
    if missing.gaps.is_empty() && missing.without_details == 0 {
        page.text("Nothing that is known of.");
        return;
    }
    if missing.without_details > 0 {
        page.text(format!(
            "{} counted without details: there were too many different clients at once.",
            counted(missing.without_details, "connection")
        ));
    }
    page.table(
        vec![
            ("from", true),
            ("until", true),
            ("why", false),
            ("connections", true),
        ],
        missing
            .gaps
            .iter()
            .map(|gap| {
                vec![
                    moment(gap.from),
                    gap.until.map_or_else(|| "now".to_owned(), moment),
                    gap.reason.to_string(),
                    number(gap.connections),
                ]
            })
            .collect(),
    );
}

fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

fn date(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {what}{plural}", number(count))
}
