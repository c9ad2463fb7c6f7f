//! What the demo's accounts did, hour by hour, as an edge with the demo's plan would have recorded it. Every decision is
//! the plan's own.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use fastrand::Rng;
use floor::{Action, Decision, Moment, Plan};
use jiff::{SignedDuration, Timestamp};
use ledger::{
    Account, Candidate, Entry, Importer, Inferred, Judged, LedgerError, Outcome, Requests,
    Sighting, Visitor,
};

use super::people::Person;
use super::programs::{self, Program};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// What the demo's edge records.
pub(super) struct Recorder<'a> {
    pub(super) plan: &'a Plan,
    /// The same on hold, and from when until when.
    pub(super) held: &'a Plan,
    pub(super) hold: (Timestamp, Timestamp),
    pub(super) programs: &'a [Program],
    pub(super) importer: Importer,
    pub(super) random: Rng,
    pub(super) edge: Arc<str>,
}

/// Some calls of one program in a stretch of time.
struct Calls<'a> {
    id: &'a Arc<str>,
    program: &'a Program,
    address: IpAddr,
    requests: u64,
}

impl Recorder<'_> {
    /// Records one hour. `day` counts from the demo's first, `hour` is UTC, `is_weekend` the date's.
    pub(super) fn hour(
        &mut self,
        people: &[Person],
        (day, hour, is_weekend): (i64, i64, bool),
        at: Timestamp,
    ) -> Result<(), LedgerError> {
        for person in people {
            let own_hour = (hour + person.zone).rem_euclid(24);
            let rhythm = person.rhythm;
            let weekend = if is_weekend { rhythm.weekend() } else { 1.0 };
            let expected = person.requests_a_day * rhythm.share(own_hour) * weekend;
            for run in person
                .runs
                .iter()
                .filter(|run| run.from <= day && day < run.until)
            {
                let jitter = 0.7 + 0.6 * self.random.f64();
                let requests = self.round(expected * run.share * jitter);
                let programs = self.programs;
                let Some(program) = programs.get(run.program).filter(|_| requests > 0) else {
                    continue;
                };
                let number = self.random.usize(..person.addresses.len().max(1));
                let Some(&address) = person.addresses.get(number) else {
                    continue;
                };
                let calls = Calls {
                    id: &person.id,
                    program,
                    address,
                    requests,
                };
                self.spread(&calls, at)?;
            }
        }
        self.strangers(at)
    }

    /// The rest by chance: what is a third of a call comes every third time.
    fn round(&mut self, expected: f64) -> u64 {
        let whole = expected.floor();
        whole as u64 + u64::from(self.random.f64() < expected - whole)
    }

    /// Splits the calls of an hour at the brownout windows in it.
    fn spread(&mut self, calls: &Calls<'_>, at: Timestamp) -> Result<(), LedgerError> {
        let end = at + HOUR;
        let mut left = calls.requests;
        let runs = self
            .plan
            .sunsets
            .iter()
            .flat_map(|sunset| &sunset.brownouts);
        let windows: Vec<_> = runs
            .flat_map(|run| run.windows_between(at, end))
            .filter(|_| calls.program.is_old)
            .collect();
        for window in windows {
            let length = window.end.duration_since(window.start);
            let share = length.as_secs_f64() / HOUR.as_secs_f64();
            let inside = self.round(calls.requests as f64 * share).min(left);
            left -= inside;
            let second = self.random.i64(0..length.as_secs().max(1));
            self.record(
                calls,
                inside,
                window.start + SignedDuration::from_secs(second),
            )?;
        }
        let mut moment = at + SignedDuration::from_secs(self.random.i64(0..3600));
        let open = |sunset: &floor::Sunset| sunset.window(moment).is_some();
        if self.plan.sunsets.iter().any(open) {
            moment = at;
        }
        self.record(calls, left, moment)
    }

    fn record(
        &mut self,
        calls: &Calls<'_>,
        requests: u64,
        at: Timestamp,
    ) -> Result<(), LedgerError> {
        if requests == 0 {
            return Ok(());
        }
        let is_held = self.hold.0 <= at && at < self.hold.1;
        let plan = if is_held { self.held } else { self.plan };
        let offer = &calls.program.offer;
        let ask = |account, moment| {
            let who = floor::Who {
                address: Some(calls.address),
                sni: Some(NAME),
                account,
            };
            plan.decide(offer, &who, moment, at)
        };
        let hello = ask(floor::Account::Remembered(calls.id), Moment::Hello);
        if let Action::Refuse(alert) = hello.action {
            // Whoever is refused tries again, and not as often as it would have called.
            let connections = 1 + requests / 3;
            let candidate = Candidate {
                id: calls.id.clone(),
                age_seconds: self.random.u64(60..20_000),
            };
            let account = Account::Inferred(Inferred {
                candidates: vec![candidate],
                more: false,
            });
            let mut sighting = self.sighting(calls, at, plan, &hello);
            sighting.account = Some(account);
            sighting.user_agent = None;
            sighting.negotiated = None;
            sighting.outcome = Outcome::Refused {
                alert: alert.code(),
            };
            return self.add(sighting, connections, Requests::default());
        }
        let decision = ask(
            floor::Account::Known(calls.id),
            Moment::Request { path: "/v2/orders" },
        );
        let mut made = Requests::default();
        match decision.action {
            Action::Serve => made.served = requests,
            Action::Warn => made.warned = requests,
            Action::Explain | Action::Refuse(_) => made.explained = requests,
        }
        let per_connection = 1 + self.random.u64(0..12);
        let sighting = self.sighting(calls, at, plan, &decision);
        self.add(sighting, requests.div_ceil(per_connection), made)
    }

    fn sighting(
        &self,
        calls: &Calls<'_>,
        at: Timestamp,
        plan: &Plan,
        decision: &Decision,
    ) -> Sighting {
        let sunset = decision.sunset.and_then(|index| plan.sunsets.get(index));
        Sighting {
            at,
            duration_ms: 40,
            edge: self.edge.clone(),
            address: Some(calls.address),
            sni: Some(NAME.into()),
            offered: Some(calls.program.offer.max_version()),
            offer: Some(calls.program.offer.clone()),
            negotiated: Some(calls.program.negotiated.clone()),
            account: Some(Account::Known(calls.id.clone())),
            visitor: Visitor::Customer,
            user_agent: Some(calls.program.user_agent.as_str().into()),
            judged: Some(Judged {
                sunset: sunset.map(|sunset| sunset.name.as_str().into()),
                phase: decision.phase,
                action: decision.action.name(),
                window: decision.window.map(|window| window.start),
                preview: false,
            }),
            outcome: Outcome::Terminated,
            requests: Requests::default(),
        }
    }

    fn add(
        &mut self,
        sighting: Sighting,
        connections: u64,
        requests: Requests,
    ) -> Result<(), LedgerError> {
        let entry = Entry {
            at: sighting.at,
            connections,
            requests,
            is_last: true,
            sighting: Sighting {
                requests,
                ..sighting
            },
        };
        self.importer.add(&entry)
    }

    /// Who is no customer, and who shows no account.
    fn strangers(&mut self, at: Timestamp) -> Result<(), LedgerError> {
        for (visitor, hello, user_agent, address, most) in STRANGERS {
            let count = self.random.u64(0..=most);
            let Ok(client) = programs::known(hello) else {
                continue;
            };
            let Some(negotiated) = programs::negotiated(&client.offer).filter(|_| count > 0) else {
                continue;
            };
            let program = Program {
                user_agent: user_agent.to_owned(),
                offer: client.offer.clone(),
                negotiated,
                after: None,
                weight: 0,
                is_old: false,
            };
            let at = at + SignedDuration::from_secs(self.random.i64(0..3600));
            let decision = self.plan.decide(
                &program.offer,
                &floor::Who {
                    address: Some(address.into()),
                    sni: Some(NAME),
                    account: floor::Account::None,
                },
                Moment::Request { path: "/" },
                at,
            );
            let calls = Calls {
                id: &Arc::from(""),
                program: &program,
                address: address.into(),
                requests: count,
            };
            let mut sighting = self.sighting(&calls, at, self.plan, &decision);
            sighting.account = None;
            sighting.visitor = visitor;
            let mut requests = Requests::default();
            match decision.action {
                Action::Serve => requests.served = count,
                Action::Warn => requests.warned = count,
                _ => requests.explained = count,
            }
            self.add(sighting, count, requests)?;
        }
        Ok(())
    }

    /// Commits the rest and closes the ledger.
    pub(super) fn finish(self) -> Result<(), LedgerError> {
        self.importer.finish()
    }
}

/// What customers ask for.
const NAME: &str = "api.example.com";

/// Kind, the client whose hello it sends, User-Agent, address, and how many come in an hour at most.
const STRANGERS: [(Visitor, &str, &str, Ipv4Addr, u64); 4] = [
    (
        Visitor::HealthCheck,
        "OpenSSL 3.0.15 (Debian)",
        "ELB-HealthChecker/2.0",
        Ipv4Addr::new(198, 18, 0, 1),
        60,
    ),
    (
        Visitor::Scanner,
        "OpenSSL 1.0.2e",
        "Mozilla/5.0 zgrab/0.x",
        Ipv4Addr::new(198, 18, 200, 9),
        2,
    ),
    (
        Visitor::Bot,
        "BingBot Dec 2013",
        "Mozilla/5.0 (compatible; bingbot/2.0)",
        Ipv4Addr::new(198, 18, 201, 4),
        3,
    ),
    (
        Visitor::Customer,
        "Firefox 137 (Win 11)",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:137.0) Gecko/20100101 Firefox/137.0",
        Ipv4Addr::new(198, 18, 77, 20),
        9,
    ),
];
