//! What the plan says of a hello, and whom it shows.

use std::net::IpAddr;
use std::sync::Arc;

use accounts::{AtHello, Hello, Memory, Seen};
use floor::{Decision, Moment, Who};
use hello::OfferId;
use jiff::Timestamp;
use ledger::{Account, Candidate, Inferred, Judged};

use crate::{Greeting, Record, Rules};

/// What was decided at a hello.
pub struct Judgement {
    /// The decision.
    pub decision: Decision,
    /// The offer's identity, where it was needed.
    pub offer_id: Option<OfferId>,
}

/// Judges a hello, and notes that.
pub fn judge(
    greeting: &Greeting,
    address: IpAddr,
    rules: &Rules,
    memory: &Memory,
    now: Timestamp,
    record: &mut Record,
) -> Judgement {
    let Greeting { offer, sni, .. } = greeting;
    let sni = sni.as_deref();
    let offer_id = rules.accounts.is_used().then(|| offer.id());
    let showing = offer_id.map_or(Showing::default(), |id| {
        showing(rules, memory, address, sni, id, now)
    });
    let who = Who {
        address: Some(address),
        sni,
        account: showing.account(),
    };
    let decision = rules.plan.decide(offer, &who, Moment::Hello, now);
    let visitor = rules.visitors.who(&Seen {
        address: Some(address),
        hello: Some(Hello { sni, offer }),
        request: None,
    });
    record.note(|sighting| {
        sighting.sni = sni.map(Into::into);
        sighting.offered = Some(offer.max_version());
        sighting.visitor = visitor;
        sighting.account = showing.noted;
        sighting.judged = Some(Judged {
            sunset: rules.name(&decision),
            phase: decision.phase,
            action: decision.action.name(),
            window: decision.window.map(|window| window.start),
            preview: decision.preview,
        });
    });
    Judgement { decision, offer_id }
}

/// What a hello shows of the account behind it.
#[derive(Default)]
struct Showing {
    /// What is noted.
    noted: Option<Account>,
    /// What may be decided by, and whether it is certain.
    decides: Option<(Arc<str>, bool)>,
}

impl Showing {
    fn account(&self) -> floor::Account<'_> {
        match &self.decides {
            Some((account, true)) => floor::Account::Known(account),
            Some((account, false)) => floor::Account::Remembered(account),
            None => floor::Account::Unknown,
        }
    }
}

/// The account, where it is certain before any request; else those that were seen here before; else the one whose
/// network or name this is.
fn showing(
    rules: &Rules,
    memory: &Memory,
    address: IpAddr,
    sni: Option<&str>,
    offer: OfferId,
    now: Timestamp,
) -> Showing {
    let inferred = |inferred| Some(Account::Inferred(inferred));
    let at_hello = rules.accounts.at_hello(address, sni);
    if let AtHello::Certain(account) = at_hello {
        return Showing {
            noted: Some(Account::Known(account.clone())),
            decides: Some((account, true)),
        };
    }
    if let Some(remembered) = memory.recall(address, offer, rules.addresses, now) {
        return Showing {
            noted: inferred(remembered.inferred),
            decides: remembered.only.map(|only| (only, false)),
        };
    }
    Showing {
        noted: match at_hello {
            AtHello::Unless(id) => inferred(Inferred {
                candidates: vec![Candidate { id, age_seconds: 0 }],
                more: false,
            }),
            _ => None,
        },
        decides: None,
    }
}
