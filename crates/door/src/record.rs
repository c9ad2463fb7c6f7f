//! The sighting of a connection while it lasts, handed over in entries as it goes.

use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use floor::Phase;
use jiff::Timestamp;
use ledger::{Account, Entry, Judged, Outcome, Requests, Sighting, Sink, Visitor};

use crate::clock::Clock;
use crate::kinds::Kinds;
use accounts::Addresses;
use accounts::kept;

/// A sighting under way. Its last entry is handed over when it is dropped, so that a connection counts once, however
/// it ends.
pub struct Record {
    sink: Sink,
    clock: Clock,
    started: Instant,
    held: Held,
    /// An entry has counted the connection.
    counted: bool,
    /// The sweep knows that there is something unhanded.
    awaits_sweep: bool,
}

/// What is known of the connection.
enum Held {
    /// By itself. The requests of the entry are those of which none has told yet.
    Alone(Box<Entry>),
    /// With others of its kind, but for when and from where it came.
    Together {
        kind: Arc<Sighting>,
        at: Timestamp,
        address: Option<IpAddr>,
    },
    /// Handed over for the last time.
    Over,
}

/// When a connection began.
#[derive(Clone, Copy, Debug)]
pub struct Beginning {
    /// On the plan's clock.
    pub at: Timestamp,
    /// What its length is counted from.
    pub started: Instant,
}

impl Beginning {
    /// Now.
    pub fn now(clock: Clock) -> Self {
        Self {
            at: clock.now(),
            started: Instant::now(),
        }
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treated {
    /// Passed on without a word.
    Served,
    /// Passed on with a warning.
    Warned,
    /// Explained to, and not passed on.
    Explained,
    /// Answered by the edge itself.
    Answered,
}

impl Treated {
    fn count(self, requests: &mut Requests) {
        let count = match self {
            Self::Served => &mut requests.served,
            Self::Warned => &mut requests.warned,
            Self::Explained => &mut requests.explained,
            Self::Answered => &mut requests.answered,
        };
        *count += 1;
    }
}

/// What a request was made with. Nothing here is owned: most requests say what the one before them said.
#[derive(Clone, Copy)]
pub struct Made<'a> {
    /// The account it names. Where it names none, what the connection showed before stands.
    pub account: Option<&'a Arc<str>>,
    /// Its User-Agent; the same holds.
    pub user_agent: Option<&'a str>,
    /// Whether a customer is behind it.
    pub visitor: Visitor,
    /// What was decided at it; `None` where the plan was not asked.
    pub judged: Option<Decided<'a>>,
}

/// [`Judged`], borrowed.
#[derive(Clone, Copy)]
pub struct Decided<'a> {
    /// The sunset that decided, by its name.
    pub sunset: Option<&'a str>,
    /// The phase it is in.
    pub phase: Option<Phase>,
    /// What is done.
    pub action: &'static str,
    /// When the brownout window that decided opened.
    pub window: Option<Timestamp>,
    /// By a preview's date.
    pub preview: bool,
}

impl Decided<'_> {
    fn is(&self, judged: &Judged) -> bool {
        self.sunset == judged.sunset.as_deref()
            && self.phase == judged.phase
            && self.action == judged.action
            && self.window == judged.window
            && self.preview == judged.preview
    }
}

impl From<Decided<'_>> for Judged {
    fn from(decided: Decided<'_>) -> Self {
        Self {
            sunset: decided.sunset.map(Arc::from),
            phase: decided.phase,
            action: decided.action,
            window: decided.window,
            preview: decided.preview,
        }
    }
}

impl Made<'_> {
    /// Whether this request says of itself what the sighting says already.
    fn is_as(&self, sighting: &Sighting) -> bool {
        let account = self.account.is_none_or(|account| match &sighting.account {
            Some(Account::Known(known)) => Arc::ptr_eq(account, known) || account == known,
            _ => false,
        });
        let user_agent = self
            .user_agent
            .is_none_or(|agent| sighting.user_agent.as_deref() == Some(agent));
        let judged = self.judged.is_none_or(|decided| {
            sighting
                .judged
                .as_ref()
                .is_some_and(|judged| decided.is(judged))
        });
        account && user_agent && judged && self.visitor == sighting.visitor
    }

    fn note(&self, sighting: &mut Sighting) {
        if let Some(account) = self.account {
            sighting.account = Some(Account::Known(account.clone()));
        }
        if let Some(agent) = self.user_agent {
            sighting.user_agent = Some(agent.into());
        }
        if let Some(decided) = self.judged {
            sighting.judged = Some(decided.into());
        }
        sighting.visitor = self.visitor;
    }
}

impl Record {
    /// A connection from `peer` to the listener of this name, `edge`, that begins now.
    pub fn new(
        sink: Sink,
        clock: Clock,
        edge: Arc<str>,
        peer: SocketAddr,
        privacy: Addresses,
    ) -> Self {
        Self::begun(sink, clock, edge, peer, privacy, Beginning::now(clock))
    }

    /// One that began then.
    pub fn begun(
        sink: Sink,
        clock: Clock,
        edge: Arc<str>,
        peer: SocketAddr,
        privacy: Addresses,
        Beginning { at, started }: Beginning,
    ) -> Self {
        let sighting = Sighting {
            at,
            duration_ms: 0,
            edge,
            address: kept(peer.ip(), privacy),
            sni: None,
            offer: None,
            offered: None,
            negotiated: None,
            account: None,
            visitor: Visitor::default(),
            user_agent: None,
            judged: None,
            // Holds until something better is known.
            outcome: Outcome::ClosedEarly { bytes: 0 },
            requests: Requests::default(),
        };
        Self {
            sink,
            clock,
            started,
            held: Held::Alone(entry(sighting)),
            counted: false,
            awaits_sweep: false,
        }
    }

    /// Changes the sighting, before its first request.
    pub fn note(&mut self, change: impl FnOnce(&mut Sighting)) {
        if let Some(entry) = self.alone() {
            change(&mut entry.sighting);
        }
    }

    /// The entry under way; of one that is held with others, a copy that is its own from now on.
    fn alone(&mut self) -> Option<&mut Entry> {
        if let Held::Together { kind, at, address } = &self.held {
            self.held = Held::Alone(entry(of_kind(kind, *at, *address)));
        }
        match &mut self.held {
            Held::Alone(entry) => Some(entry),
            _ => None,
        }
    }

    /// Holds what is known with whoever else it is the same of: nothing is to be added for a while.
    pub fn hold_together(&mut self, kinds: &mut Kinds) {
        let is_told = self.counted || self.awaits_sweep;
        if is_told || !matches!(self.held, Held::Alone(_)) {
            return;
        }
        if let Held::Alone(entry) = mem::replace(&mut self.held, Held::Over) {
            let Sighting { at, address, .. } = entry.sighting;
            let kind = kinds.find(entry.sighting);
            self.held = Held::Together { kind, at, address };
        }
    }

    /// The sighting as it is now; where it is held with others, at their time and address.
    pub fn sighting(&self) -> Option<&Sighting> {
        match &self.held {
            Held::Alone(entry) => Some(&entry.sighting),
            Held::Together { kind, .. } => Some(kind),
            Held::Over => None,
        }
    }

    /// The account that showed itself last.
    pub fn account(&self) -> Option<Arc<str>> {
        match &self.sighting()?.account {
            Some(Account::Known(account)) => Some(account.clone()),
            _ => None,
        }
    }

    /// Counts a request with what it was made with. True if the sweep should be told of this connection: it is told
    /// once until [`Record::swept`].
    pub fn request(&mut self, made: &Made<'_>, treated: Treated) -> bool {
        let Some(entry) = self.alone() else {
            return false;
        };
        if !made.is_as(&entry.sighting) {
            // What was asked before was asked by another, or decided otherwise.
            self.hand_over();
            self.note(|sighting| made.note(sighting));
        }
        if let Some(entry) = self.alone() {
            treated.count(&mut entry.sighting.requests);
            treated.count(&mut entry.requests);
        }
        !mem::replace(&mut self.awaits_sweep, true)
    }

    /// The sweep came by: hands over what there is. Gives the account that it was for, if one showed itself.
    pub fn swept(&mut self) -> Option<Arc<str>> {
        self.awaits_sweep = false;
        self.hand_over().then(|| self.account()).flatten()
    }

    /// Hands over the requests of which no entry has told; false if there are none.
    fn hand_over(&mut self) -> bool {
        let Held::Alone(entry) = &mut self.held else {
            return false;
        };
        if entry.requests.total() == 0 {
            return false;
        }
        let told = entry.clone();
        entry.requests = Requests::default();
        self.tell(told, false);
        true
    }

    fn tell(&mut self, mut entry: Box<Entry>, is_last: bool) {
        let lasted = self.started.elapsed().as_millis();
        entry.sighting.duration_ms = u64::try_from(lasted).unwrap_or(u64::MAX);
        entry.at = self.clock.now();
        entry.connections = u64::from(!mem::replace(&mut self.counted, true));
        entry.is_last = is_last;
        self.sink.record(entry);
    }
}

/// An entry that tells of nothing yet.
fn entry(sighting: Sighting) -> Box<Entry> {
    Box::new(Entry {
        at: sighting.at,
        connections: 0,
        requests: Requests::default(),
        is_last: false,
        sighting,
    })
}

fn of_kind(kind: &Sighting, at: Timestamp, address: Option<IpAddr>) -> Sighting {
    Sighting {
        at,
        address,
        ..kind.clone()
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        match mem::replace(&mut self.held, Held::Over) {
            Held::Alone(entry) => self.tell(entry, true),
            Held::Together { kind, at, address } => {
                self.tell(entry(of_kind(&kind, at, address)), true);
            }
            Held::Over => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SERVED: Decided<'_> = Decided {
        sunset: None,
        phase: None,
        action: "serve",
        window: None,
        preview: false,
    };

    fn made<'a>(account: &'a Arc<str>, user_agent: &'a str) -> Made<'a> {
        Made {
            account: Some(account),
            user_agent: Some(user_agent),
            visitor: Visitor::Customer,
            judged: Some(SERVED),
        }
    }

    /// Does this to a record, drops it, and gives its entries: account, connections, requests, whether the last.
    fn entries(work: impl FnOnce(&mut Record)) -> Vec<Entry> {
        let (sink, receiver) = ledger::channel(64);
        let mut record = Record::new(
            sink,
            Clock::default(),
            "127.0.0.1:0".into(),
            "192.0.2.1:1000".parse().unwrap(),
            Addresses::Whole,
        );
        work(&mut record);
        drop(record);
        receiver.iter().map(|entry| *entry).collect()
    }

    fn told(entries: &[Entry]) -> Vec<(String, u64, u64, bool)> {
        entries
            .iter()
            .map(|entry| {
                let account = match &entry.sighting.account {
                    Some(Account::Known(id)) => id.to_string(),
                    _ => String::new(),
                };
                (
                    account,
                    entry.connections,
                    entry.requests.total(),
                    entry.is_last,
                )
            })
            .collect()
    }

    fn row(
        account: &str,
        connections: u64,
        requests: u64,
        is_last: bool,
    ) -> (String, u64, u64, bool) {
        (account.to_owned(), connections, requests, is_last)
    }

    #[test]
    fn a_connection_that_stays_the_same_is_one_entry() {
        let acme: Arc<str> = "acme".into();
        let entries = entries(|record| {
            for _ in 0..5 {
                record.request(&made(&acme, "agent"), Treated::Served);
            }
        });
        assert_eq!(told(&entries), [row("acme", 1, 5, true)]);
    }

    /// Each open connection of a gate holds one, thousands of them for days: a goal of half a KiB in all.
    #[test]
    fn a_record_is_small() {
        assert!(size_of::<Record>() <= 96, "{}", size_of::<Record>());
    }

    #[test]
    fn what_is_held_together_is_told_as_each_was() {
        let mut kinds = Kinds::default();
        let (sink, receiver) = ledger::channel(64);
        let begin = |peer: &str| {
            let peer = peer.parse().unwrap();
            let edge = "127.0.0.1:0".into();
            Record::new(sink.clone(), Clock::default(), edge, peer, Addresses::Whole)
        };
        let mut records = [
            begin("192.0.2.1:1"),
            begin("192.0.2.2:2"),
            begin("192.0.2.3:3"),
        ];
        for record in &mut records {
            record.note(|sighting| sighting.outcome = Outcome::Passed);
            record.hold_together(&mut kinds);
        }
        let kinds_held = records.iter().filter_map(|record| match &record.held {
            Held::Together { kind, .. } => Some(Arc::as_ptr(kind)),
            _ => None,
        });
        let kinds_held: Vec<_> = kinds_held.collect();
        assert!(kinds_held.len() == 3 && kinds_held.iter().all(|kind| *kind == kinds_held[0]));
        // What is noted of one later is no other's.
        records[1].note(|sighting| sighting.outcome = Outcome::UpstreamClosed);
        drop((records, sink));
        let told = receiver.iter().map(|entry| {
            let sighting = entry.sighting;
            let address = sighting.address.unwrap().to_string();
            (address, sighting.outcome, entry.connections, entry.is_last)
        });
        let one = |address: &str, outcome| (address.to_owned(), outcome, 1, true);
        let expected = [
            one("192.0.2.1", Outcome::Passed),
            one("192.0.2.2", Outcome::UpstreamClosed),
            one("192.0.2.3", Outcome::Passed),
        ];
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn one_that_never_asks_counts_at_its_end() {
        assert_eq!(told(&entries(|_| ())), [row("", 1, 0, true)]);
    }

    #[test]
    fn accounts_that_take_turns_have_each_their_own_requests() {
        let (acme, globex): (Arc<str>, Arc<str>) = ("acme".into(), "globex".into());
        let entries = entries(|record| {
            for account in [&acme, &globex, &globex, &acme] {
                record.request(&made(account, "agent"), Treated::Served);
            }
        });
        let expected = [
            row("acme", 1, 1, false),
            row("globex", 0, 2, false),
            row("acme", 0, 1, true),
        ];
        assert_eq!(told(&entries), expected);
        assert_eq!(entries[2].sighting.requests.total(), 4, "the last has all");
    }

    #[test]
    fn what_says_nothing_of_itself_is_counted_with_what_was_said_before() {
        let acme: Arc<str> = "acme".into();
        let entries = entries(|record| {
            record.request(&made(&acme, "agent"), Treated::Served);
            let silent = Made {
                account: None,
                user_agent: None,
                visitor: Visitor::Customer,
                judged: None,
            };
            record.request(&silent, Treated::Answered);
        });
        assert_eq!(told(&entries), [row("acme", 1, 2, true)]);
    }

    #[test]
    fn another_decision_is_another_entry() {
        let acme: Arc<str> = "acme".into();
        let warned = Decided {
            sunset: Some("old"),
            phase: Some(Phase::Warn),
            action: "warn",
            ..SERVED
        };
        let entries = entries(|record| {
            record.request(&made(&acme, "agent"), Treated::Served);
            let made = Made {
                judged: Some(warned),
                ..made(&acme, "agent")
            };
            record.request(&made, Treated::Warned);
            record.request(&made, Treated::Warned);
        });
        let actions: Vec<_> = entries
            .iter()
            .map(|entry| {
                let judged = entry.sighting.judged.as_ref().unwrap();
                (judged.action, judged.sunset.as_deref(), entry.requests)
            })
            .collect();
        let (mut one, mut two) = (Requests::default(), Requests::default());
        (one.served, two.warned) = (1, 2);
        assert_eq!(actions, [("serve", None, one), ("warn", Some("old"), two)]);
    }

    #[test]
    fn the_sweep_hands_over_what_there_is_once() {
        let acme: Arc<str> = "acme".into();
        let entries = entries(|record| {
            let made = made(&acme, "agent");
            assert!(record.request(&made, Treated::Served), "news for the sweep");
            assert!(!record.request(&made, Treated::Served), "told already");
            assert_eq!(record.swept().as_deref(), Some("acme"));
            assert_eq!(record.swept(), None, "nothing new");
            assert!(record.request(&made, Treated::Served));
        });
        let expected = [row("acme", 1, 2, false), row("acme", 0, 1, true)];
        assert_eq!(told(&entries), expected);
        let sum = entries.iter().map(|entry| entry.connections).sum::<u64>();
        assert_eq!((sum, entries[1].sighting.requests.total()), (1, 3));
    }

    proptest! {
        /// Whoever asks on a connection, in whatever order, and whenever the sweep comes by: the sum is what was asked.
        #[test]
        fn the_sum_of_the_entries_is_the_connection(
            asked in prop::collection::vec((0..3_usize, 0..2_usize, any::<bool>(), any::<bool>()), 0..30),
        ) {
            let accounts: [Arc<str>; 3] = ["acme", "globex", "initech"].map(Arc::from);
            let entries = entries(|record| {
                for (account, agent, warned, swept) in &asked {
                    let treated = if *warned { Treated::Warned } else { Treated::Served };
                    record.request(&made(&accounts[*account], ["one", "two"][*agent]), treated);
                    if *swept {
                        record.swept();
                    }
                }
            });
            let sum = |of: fn(&Entry) -> u64| entries.iter().map(of).sum::<u64>();
            prop_assert_eq!(sum(|entry| entry.connections), 1);
            prop_assert_eq!(sum(|entry| u64::from(entry.is_last)), 1);
            prop_assert!(entries.last().is_some_and(|entry| entry.is_last));
            prop_assert_eq!(entries.last().unwrap().sighting.requests.total(), asked.len() as u64);
            for (place, account) in accounts.iter().enumerate() {
                let own = |entry: &&Entry| entry.sighting.account == Some(Account::Known(account.clone()));
                let of_account = |wanted: bool| {
                    asked.iter().filter(|(whose, _, warned, _)| *whose == place && *warned == wanted).count() as u64
                };
                let warned = entries.iter().filter(own).map(|entry| entry.requests.warned).sum::<u64>();
                let served = entries.iter().filter(own).map(|entry| entry.requests.served).sum::<u64>();
                prop_assert_eq!((warned, served), (of_account(true), of_account(false)));
            }
        }
    }
}
