//! From evidence to the ledger: who it was, and what of that may be written down.

use accounts::{
    AccountSettings, Accounts, AccountsError, Addresses, Asked, Hello, Privacy, Secret, Seen,
    VisitorTable, Visitors, kept,
};
use hello::{Offer, PartialOffer};
use ledger::{Account, Entry, Importer, LedgerError, Requests, Sighting};

use crate::Evidence;

/// Bytes of a User-Agent that are kept, as the edge keeps them.
const MOST_USER_AGENT: usize = 256;

/// Writes evidence into a ledger, under the same rules as the edge: accounts by `[account]`, visitors by `[[visitor]]`,
/// addresses by `[privacy]`.
pub struct Recorder {
    importer: Importer,
    accounts: Accounts,
    visitors: Visitors,
    addresses: Addresses,
    /// Stands for the offer of somebody of whom nothing was seen, where rules look at it.
    unseen: Offer,
}

/// Tables that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecorderError {
    /// Those that name accounts, and the rules for visitors.
    #[error(transparent)]
    Accounts(#[from] AccountsError),
}

/// The configuration's part in it.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// `[account]`.
    pub account: &'a AccountSettings,
    /// `[privacy]`.
    pub privacy: Privacy,
    /// `[[visitor]]`.
    pub visitors: &'a [VisitorTable],
}

impl Recorder {
    /// Records into this ledger. The secret is the data directory's, so that a key has the same hash here as at the edge.
    ///
    /// # Errors
    ///
    /// When a table that the configuration names cannot be used; the error names the file, the line and the remedy.
    pub fn new(
        importer: Importer,
        rules: Rules<'_>,
        secret: &Secret,
    ) -> Result<Self, RecorderError> {
        Ok(Self {
            importer,
            accounts: Accounts::new(rules.account, secret.account, rules.privacy.addresses)?,
            visitors: Visitors::new(rules.visitors).map_err(AccountsError::Visitors)?,
            addresses: rules.privacy.addresses,
            unseen: Offer::from(&PartialOffer::default()),
        })
    }

    /// How much of an address is kept: what is the same after that need not be told apart before.
    pub const fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Adds a piece of evidence; gives the account that it belongs to.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be written. What was added before stays, to be committed.
    pub fn record(&mut self, evidence: &Evidence<'_>) -> Result<Option<Account>, LedgerError> {
        let mut entry = self.entry(evidence);
        let several = evidence.connections > 1 || evidence.requests > 1;
        if several && evidence.last > evidence.first {
            // One of them was the last: the ledger takes times from what it counts.
            let connections = u64::from(entry.connections > 1);
            let served = u64::from(entry.requests.served > 1);
            entry.connections -= connections;
            entry.requests.served -= served;
            let mut last = entry.clone();
            last.at = evidence.last;
            last.connections = connections;
            last.requests.served = served;
            self.importer.add(&last)?;
        }
        self.importer.add(&entry)?;
        Ok(entry.sighting.account)
    }

    /// The ledger, to commit what was added or to finish.
    pub fn importer(&mut self) -> &mut Importer {
        &mut self.importer
    }

    /// Gives the ledger back.
    pub fn into_importer(self) -> Importer {
        self.importer
    }

    fn entry(&self, evidence: &Evidence<'_>) -> Entry {
        let sni = evidence.sni.map(str::to_ascii_lowercase);
        let account = self
            .accounts
            .of_record(&evidence.shown, evidence.address, sni.as_deref());
        let visitor = self.visitors.who(&Seen {
            address: evidence.address,
            hello: Some(Hello {
                sni: sni.as_deref(),
                offer: evidence.offer.as_ref().unwrap_or(&self.unseen),
            }),
            request: (evidence.requests > 0).then(|| Asked {
                user_agent: evidence.user_agent,
                path: evidence.shown.path.unwrap_or_default(),
            }),
        });
        let requests = Requests {
            served: evidence.requests,
            ..Requests::default()
        };
        let address = evidence.address;
        Entry {
            sighting: Sighting {
                at: evidence.first,
                duration_ms: 0,
                edge: evidence.source.clone(),
                address: address.and_then(|address| kept(address, self.addresses)),
                sni: sni.map(Into::into),
                offered: evidence.offer.as_ref().map(Offer::max_version),
                offer: evidence.offer.clone(),
                negotiated: evidence.negotiated.clone(),
                account: account.map(Account::Known),
                visitor,
                user_agent: evidence.user_agent.map(|agent| shortened(agent).into()),
                judged: None,
                outcome: evidence.outcome.clone(),
                requests,
            },
            at: evidence.first,
            connections: evidence.connections,
            requests,
            is_last: true,
        }
    }
}

fn shortened(text: &str) -> &str {
    let end = text.floor_char_boundary(MOST_USER_AGENT);
    text.get(..end).unwrap_or_default()
}
