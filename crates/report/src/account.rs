//! All that one account did.

use floor::Verdict;
use ledger::{Detail, LedgerError, Who};

use crate::build::{Gathered, Inquiry};
use crate::clients::{addresses, named};
use crate::model::{AccountReport, Part, RowWho, Usage};
use crate::tally::add;

/// Reports on one account: what is certain, then what may be its.
pub(crate) fn report(
    inquiry: &Inquiry<'_>,
    id: &str,
    gathered: &mut Gathered<'_>,
) -> Result<AccountReport, LedgerError> {
    let accounts = inquiry.ledger.accounts()?;
    let facts = accounts.into_iter().find(|account| *account.id == *id);
    let mut whose: Vec<&Who> = inquiry.groups.iter().map(|group| &group.who).collect();
    whose.sort_by_key(|who| (!matches!(who, Who::Known(_)), *who));
    whose.dedup();
    let mut parts = Vec::new();
    for who in whose {
        let mut details = inquiry.ledger.details(inquiry.options.range(), who)?;
        details.retain(|detail| inquiry.counts(detail.visitor));
        parts.extend(part(who, &details, gathered));
    }
    Ok(AccountReport {
        id: id.to_owned(),
        first: facts.as_ref().map(|facts| facts.first),
        last: facts.as_ref().map(|facts| facts.last),
        parts,
    })
}

fn part(who: &Who, details: &[Detail], gathered: &mut Gathered<'_>) -> Option<Part> {
    let mut usage = None;
    for detail in details {
        add(&mut usage, Usage::new(&detail.counts));
    }
    Some(Part {
        who: RowWho(who.clone()),
        usage: usage?,
        // Each sunset's rows say what a program lacks; here are all of them.
        programs: gathered
            .clients
            .programs(details.iter(), |_| Verdict::default()),
        addresses: addresses(details.iter()),
        server_names: named(details.iter(), |detail| [detail.sni.as_deref()]),
        negotiated: named(
            details.iter().filter(|detail| detail.version.is_some()),
            |detail| {
                [
                    detail.version.as_deref(),
                    detail.cipher.as_deref(),
                    detail.group.as_deref(),
                ]
            },
        ),
        decisions: named(details.iter(), |detail| {
            [
                detail.sunset.as_deref(),
                detail.phase.map(floor::Phase::name),
                Some(&*detail.action),
            ]
        }),
        outcomes: named(details.iter(), |detail| [Some(&*detail.outcome)]),
    })
}
