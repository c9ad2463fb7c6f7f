//! What is known of all accounts, from the ledger: by this the plan's cohorts are made.

use std::path::Path;

use floor::{AccountRecord, Roster};
use jiff::Timestamp;
use ledger::{LedgerError, Query, Reader};

/// The roster as it is at `now` on the plan's clock. Empty where the ledger cannot be asked, which is said: then nobody
/// is in a cohort by what is known.
pub(crate) fn roster(data_dir: &Path, now: Timestamp) -> Roster {
    let ledger = Reader::open(&data_dir.join(ledger::FILE));
    match ledger.and_then(|ledger| roster_from(&ledger, now)) {
        Ok(roster) => roster,
        // An edge that has seen nobody yet.
        Err(LedgerError::Missing(_)) => Roster::default(),
        Err(error) => {
            tracing::error!(
                "who is in a cohort by what is known of accounts cannot be told: {error}"
            );
            Roster::default()
        }
    }
}

/// The same from a ledger at hand.
///
/// # Errors
///
/// When the ledger cannot be asked.
pub(crate) fn roster_from(ledger: &dyn Query, now: Timestamp) -> Result<Roster, LedgerError> {
    let accounts = ledger.accounts()?.into_iter().map(|facts| {
        let record = AccountRecord {
            first_seen: facts.first,
            requests_30_days: facts.requests_30_days,
        };
        (facts.id, record)
    });
    Ok(Roster::new(accounts, now))
}
