//! From questions to a report.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use floor::Plan;
use hello::{Offer, OfferId};
use jiff::Timestamp;
use ledger::{Detail, Group, LedgerError, Query, Visitor, Wanted, Who};

use crate::clients::{Clients, advise};
use crate::model::{
    Asked, Evidence, FORMAT, Outcome, Ranking, Refused, Report, RowWho, Seen, SunsetReport, Usage,
    VisitorCount, Visitors,
};
use crate::options::Options;
use crate::subject::Subject;
use crate::tally::{Tally, add};
use crate::{account, days, sunset, words};

/// Where nothing misses, this share of connections that cannot be judged is too much to say that nobody would break.
const MOST_UNKNOWN: f64 = 0.01;

/// What stands where the address of `/ssl/` belongs and no client ever named the server.
const NO_ADDRESS: &str = "https://YOUR-API/ssl/";

/// What is asked, and of what.
pub(crate) struct Inquiry<'a> {
    pub(crate) ledger: &'a dyn Query,
    pub(crate) plan: &'a Plan,
    pub(crate) options: &'a Options,
    pub(crate) now: Timestamp,
    /// The end of the range, or now.
    pub(crate) until: Timestamp,
    /// Days by which "a day" divides.
    pub(crate) days: f64,
    pub(crate) offers: &'a HashMap<OfferId, Offer>,
    /// The groups of the range that are reported on.
    pub(crate) groups: &'a [Group],
}

impl Inquiry<'_> {
    /// Whether this kind of visitor is in the figures.
    pub(crate) fn counts(&self, visitor: Visitor) -> bool {
        visitor == Visitor::Customer || self.options.visitors
    }

    /// From when on somebody who misses is new.
    pub(crate) fn new_since(&self) -> Option<Timestamp> {
        let length = self.options.only_new?;
        Some(self.until.saturating_sub(length).unwrap_or(Timestamp::MIN))
    }
}

/// What is gathered over all sunsets while their rows are made.
pub(crate) struct Gathered<'a> {
    pub(crate) clients: Clients<'a>,
    /// Accounts by the server name they ask for.
    names: HashMap<Arc<str>, HashSet<RowKey>>,
}

/// One account, whichever sunset it is listed under.
type RowKey = String;

impl<'a> Gathered<'a> {
    pub(crate) fn new(offers: &'a HashMap<OfferId, Offer>) -> Self {
        Self {
            clients: Clients::new(offers),
            names: HashMap::new(),
        }
    }

    /// Counts a server name once for each account: one account cannot make it up.
    pub(crate) fn server_name(&mut self, name: &Arc<str>, who: &RowWho) {
        /// Names that are looked at: clients can ask for any, an API has a few.
        const MOST_NAMES: usize = 1_000;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
        let known = self.names.contains_key(name);
        if name.bytes().all(plain) && (known || self.names.len() < MOST_NAMES) {
            let accounts = self.names.entry(name.clone()).or_default();
            accounts.insert(words::who(who));
        }
    }

    fn most_asked_for(&self) -> Option<&Arc<str>> {
        let names = self.names.iter();
        let most = names.max_by_key(|(name, accounts)| (accounts.len(), std::cmp::Reverse(*name)));
        most.map(|(name, _)| name)
    }
}

/// Makes the report.
///
/// # Errors
///
/// When the ledger cannot be read; the error names the file and the remedy.
pub fn report(
    ledger: &dyn Query,
    plan: &Plan,
    now: Timestamp,
    options: &Options,
) -> Result<Report, LedgerError> {
    ranked(ledger, plan, now, options).map(|ranked| ranked.report)
}

/// A report, and how everybody stands.
#[derive(Debug)]
pub struct Everybody {
    /// The report.
    pub report: Report,
    /// How everybody stands with each of its sunsets, also those that [`Options::most`] leaves out.
    pub rankings: Vec<Ranking>,
    /// The connections that the report is of, by offer.
    pub connections: HashMap<OfferId, u64>,
}

/// Makes the report, and says how everybody stands.
///
/// # Errors
///
/// As [`report`].
pub fn ranked(
    ledger: &dyn Query,
    plan: &Plan,
    now: Timestamp,
    options: &Options,
) -> Result<Everybody, LedgerError> {
    let range = options.range();
    let until = options.until.unwrap_or(now);
    let offers: HashMap<OfferId, Offer> = ledger.offers()?.into_iter().collect();
    let mut groups = ledger.groups(range)?;
    if let Some(id) = &options.account {
        groups.retain(|group| names(&group.who, id));
    }
    let visitors = visitors(&groups, options.visitors);
    groups.retain(|group| group.visitor == Visitor::Customer || options.visitors);

    let seen = seen(&groups, until);
    let inquiry = Inquiry {
        ledger,
        plan,
        options,
        now,
        until,
        days: seen.map_or(1.0, |seen| seen.days),
        offers: &offers,
        groups: &groups,
    };
    let mut gathered = Gathered::new(&offers);
    let mut subjects = subjects(plan, options, now);
    for subject in &mut subjects {
        subject.judge(&offers);
    }
    let (mut sunsets, rankings) = sunsets(&inquiry, &subjects, &mut gathered)?;
    if options.days {
        days::add_days(&inquiry, &mut sunsets)?;
    }
    let mut account = match &options.account {
        Some(id) => Some(account::report(&inquiry, id, &mut gathered)?),
        None => None,
    };

    let check_url = check_url(options, &gathered);
    let programs = sunsets
        .iter_mut()
        .flat_map(|sunset| &mut sunset.breaking)
        .map(|row| &mut row.programs)
        .chain(
            account
                .iter_mut()
                .flat_map(|account| &mut account.parts)
                .map(|part| &mut part.programs),
        );
    for program in programs.flat_map(|programs| &mut programs.items) {
        program.advice = advise(program, &check_url);
    }

    let evidence = evidence(&groups, &offers);
    let report = Report {
        format: FORMAT,
        demo: None,
        at: now,
        range: Asked {
            from: range.from,
            until,
            only_new_since: inquiry.new_since(),
        },
        seen,
        evidence,
        visitors,
        gaps: ledger.gaps(range)?,
        refused: refused(&groups),
        verdict: outcome(&sunsets, &evidence),
        sunsets,
        account,
        check_url: (check_url != NO_ADDRESS).then_some(check_url),
    };
    let mut connections: HashMap<OfferId, u64> = HashMap::new();
    for group in &groups {
        if let Some(id) = group.offer {
            *connections.entry(id).or_default() += group.counts.connections;
        }
    }
    Ok(Everybody {
        report,
        rankings,
        connections,
    })
}

/// The part of each sunset. The ledger is asked once for all of their details, and gives them account by account.
fn sunsets(
    inquiry: &Inquiry<'_>,
    subjects: &[Subject<'_>],
    gathered: &mut Gathered<'_>,
) -> Result<(Vec<SunsetReport>, Vec<Ranking>), LedgerError> {
    let mut parts = Vec::new();
    for subject in subjects {
        let tally = Tally::new(subject, inquiry.offers, inquiry.groups.iter());
        parts.push(sunset::Part::new(inquiry, subject, tally)?);
    }
    let mut wanted: Vec<Wanted> = Vec::new();
    // Which parts want the details of each: the part, the place there, the offers.
    let mut takers: Vec<Vec<(usize, usize, HashSet<OfferId>)>> = Vec::new();
    let mut known: HashMap<Who, usize> = HashMap::new();
    for (number, part) in parts.iter_mut().enumerate() {
        let mut without = Vec::new();
        for (place, one) in part.wanted() {
            let Some(one) = one else {
                without.push(place);
                continue;
            };
            let taker = (number, place, one.offers.iter().copied().collect());
            if let Some(index) = known.get(&one.who) {
                if let (Some(all), Some(takers)) = (wanted.get_mut(*index), takers.get_mut(*index))
                {
                    all.offers.extend(one.offers);
                    takers.push(taker);
                }
                continue;
            }
            known.insert(one.who.clone(), wanted.len());
            wanted.push(one);
            takers.push(vec![taker]);
        }
        for place in without {
            part.take(inquiry, place, &[], gathered);
        }
    }
    let range = inquiry.options.range();
    let mut each = |index: usize, details: Vec<Detail>| {
        for (number, place, offers) in takers.get(index).into_iter().flatten() {
            let own: Vec<&Detail> = details
                .iter()
                .filter(|detail| inquiry.counts(detail.visitor))
                .filter(|detail| detail.offer.is_some_and(|offer| offers.contains(&offer)))
                .collect();
            if let Some(part) = parts.get_mut(*number) {
                part.take(inquiry, *place, &own, gathered);
            }
        }
    };
    inquiry.ledger.details_of_each(range, &wanted, &mut each)?;
    let parts = parts.into_iter();
    let finished = parts.map(|part| {
        let ranking = part.ranking(inquiry);
        (part.finish(inquiry), ranking)
    });
    Ok(finished.unzip())
}

/// What history is judged by, in the order of the plan.
pub(crate) fn subjects<'a>(
    plan: &'a Plan,
    options: &'a Options,
    now: Timestamp,
) -> Vec<Subject<'a>> {
    match (&options.floor, options.sunset) {
        (Some(floor), _) => vec![Subject::floor(floor, now)],
        (None, Some(only)) => Subject::sunset(plan, only, now).into_iter().collect(),
        (None, None) => (0..plan.sunsets.len())
            .filter_map(|index| Subject::sunset(plan, index, now))
            .collect(),
    }
}

/// Whether an account is this one, or may be.
pub(crate) fn names(who: &Who, id: &str) -> bool {
    match who {
        Who::Nobody => false,
        Who::Known(known) => **known == *id,
        Who::Inferred { candidates, .. } => candidates.iter().any(|candidate| **candidate == *id),
    }
}

fn seen(groups: &[Group], until: Timestamp) -> Option<Seen> {
    const DAY: f64 = 86_400.0;
    let mut all = None;
    for group in groups {
        add(&mut all, Usage::new(&group.counts));
    }
    let all = all?;
    let length = until.max(all.last).duration_since(all.first);
    Some(Seen {
        first: all.first,
        last: all.last,
        days: (length.as_secs_f64() / DAY).max(1.0),
    })
}

fn visitors(groups: &[Group], included: bool) -> Visitors {
    let mut seen: BTreeMap<Visitor, VisitorCount> = BTreeMap::new();
    for group in groups
        .iter()
        .filter(|group| group.visitor != Visitor::Customer)
    {
        let count = seen.entry(group.visitor).or_insert(VisitorCount {
            visitor: group.visitor,
            connections: 0,
            requests: 0,
        });
        count.connections += group.counts.connections;
        count.requests += group.counts.requests.total();
    }
    Visitors {
        included,
        seen: seen.into_values().collect(),
    }
}

fn evidence(groups: &[Group], offers: &HashMap<OfferId, Offer>) -> Evidence {
    let mut evidence = Evidence::default();
    for group in groups {
        let connections = group.counts.connections;
        evidence.connections += connections;
        match group.offer {
            _ if group.is_other => evidence.other += connections,
            None => evidence.no_hello += connections,
            Some(id) => match offers.get(&id) {
                None => evidence.lost += connections,
                Some(offer) if offer.is_partial() => evidence.partial += connections,
                Some(_) => {}
            },
        }
    }
    evidence
}

fn refused(groups: &[Group]) -> Refused {
    let mut refused = Refused::default();
    for group in groups {
        let connections = group.counts.refused;
        refused.connections += connections;
        let part = match (RowWho(group.who.clone()).attribution(), &group.who) {
            (_, Who::Known(_)) => &mut refused.known,
            ("inferred", _) => &mut refused.one_candidate,
            (_, Who::Inferred { .. }) => &mut refused.several_candidates,
            (_, Who::Nobody) => &mut refused.nobody,
        };
        *part += connections;
    }
    refused
}

fn outcome(sunsets: &[SunsetReport], evidence: &Evidence) -> Outcome {
    let broken = |sunset: &SunsetReport| {
        sunset.connections.breaks > sunset.connections.excepted
            || sunset.requests.breaks > sunset.requests.excepted
    };
    // What showed no hello is nobody who could break.
    let judged = |sunset: &SunsetReport| {
        let unknown = sunset
            .connections
            .unjudged
            .saturating_sub(evidence.no_hello);
        sunset.connections.total > sunset.connections.unjudged
            && words::share(unknown, evidence.connections) <= MOST_UNKNOWN
    };
    if sunsets.iter().any(broken) {
        Outcome::SomebodyBreaks
    } else if sunsets.is_empty() || !sunsets.iter().all(judged) {
        Outcome::CannotSay
    } else {
        Outcome::NobodyBreaks
    }
}

/// The address of `/ssl/` for the commands that prove a fix.
pub(crate) fn check_url(options: &Options, gathered: &Gathered<'_>) -> String {
    if let Some(url) = &options.check_url {
        return url.clone();
    }
    let path = options.check_path.as_deref().unwrap_or("/ssl/");
    match gathered.most_asked_for() {
        Some(name) => format!("https://{name}{path}"),
        None => NO_ADDRESS.to_owned(),
    }
}
