//! What a plan decides of one connection of the past: as an edge asks it, at the hello and again at the request.

use floor::{Account, Action, Decision, Moment, Plan};
use hello::Offer;
use jiff::Timestamp;
use ledger::{Detail, Who};

/// What is known at the hello of an account that showed itself later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AtHello {
    /// It called from there before, as all but its first connection did.
    Remembered,
    /// Its first connection from there.
    New,
}

/// The decision that stands at the end.
pub(super) fn decide(
    plan: &Plan,
    offer: &Offer,
    who: &Who,
    detail: &Detail,
    at: Timestamp,
    at_hello: AtHello,
) -> Decision {
    let shown = match who {
        Who::Known(id) => Some(&**id),
        Who::Inferred { candidates, more } => match candidates.as_slice() {
            [only] if !more => Some(&**only),
            _ => None,
        },
        Who::Nobody => None,
    };
    let ask = |account, moment| {
        let who = floor::Who {
            address: detail.address,
            sni: detail.sni.as_deref(),
            account,
        };
        plan.decide(offer, &who, moment, at)
    };
    let remembered = match (shown, at_hello) {
        (Some(id), AtHello::Remembered) => Account::Remembered(id),
        _ => Account::Unknown,
    };
    let hello = ask(remembered, Moment::Hello);
    let requests = detail.counts.requests;
    let was_refused = detail.counts.refused > 0;
    // What the edge answers itself (`/ssl/`) stays open, whatever is decided.
    let asked = requests.served + requests.warned + requests.explained > 0;
    let request = || {
        ask(
            shown.map_or(Account::None, Account::Known),
            Moment::Request { path: "/" },
        )
    };
    match (hello.action, shown) {
        (Action::Refuse(_), _) => hello,
        _ if asked => request(),
        // Whoever was refused would have asked for something, and named itself.
        (_, Some(_)) if was_refused => request(),
        _ => hello,
    }
}
