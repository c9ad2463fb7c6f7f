//! The page of one account: its own standing and nothing else, for whoever holds a private link to it.
//!
//! The edge asks (`edge::Standings`); the ledger is read for this account alone (`report::Alone`), judged as a report
//! judges it (`model`), and becomes a page or data (`page`). Nothing of other accounts is asked for, so nothing of them
//! can be shown: not even an exception's owner and reason, which are written for colleagues.

mod model;
mod page;

use std::path::PathBuf;

use edge::{AccountPage, NoPage, Standings};
use ledger::people::{PEOPLE, People};
use ledger::{LedgerError, Reader, Visitor};

use crate::demo;
use model::Standing;

/// Writes the pages of accounts from a data directory.
pub(crate) struct Book {
    data_dir: PathBuf,
}

impl Book {
    pub(crate) const fn new(data_dir: PathBuf) -> Self {
        Self { data_dir }
    }

    /// Whether people have marked the account as no customer: then it has no page.
    fn is_withdrawn(&self, account: &str) -> Result<bool, LedgerError> {
        let note = People::read(&self.data_dir.join(PEOPLE))?.note(account)?;
        Ok(note.is_some_and(|note| note.visitor != Visitor::Customer))
    }
}

impl Standings for Book {
    fn page(&self, asked: edge::Standing<'_>) -> Result<AccountPage, NoPage> {
        let unavailable = |error: LedgerError| NoPage::Unavailable(error.to_string());
        if self.is_withdrawn(asked.account).map_err(unavailable)? {
            return Err(NoPage::Withdrawn);
        }
        let ledger = Reader::open(&self.data_dir.join(ledger::FILE)).map_err(unavailable)?;
        let marked = demo::is_demo(&self.data_dir).then_some(demo::SAID);
        let standing = Standing::new(&ledger, &asked, marked).map_err(unavailable)?;
        let mut json = serde_json::to_vec_pretty(&standing)
            .map_err(|error| NoPage::Unavailable(error.to_string()))?;
        json.push(b'\n');
        Ok(AccountPage {
            html: page::page(&standing).into_string().into(),
            style: page::STYLE,
            json: json.into(),
        })
    }
}
