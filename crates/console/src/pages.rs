//! Pages for people. Without JavaScript everything can be read and done; with it, lists follow what is typed and the
//! newest sightings come by themselves.

mod account;
mod accounts;
mod clients;
mod fault;
mod layout;
mod login;
mod overview;
mod parts;
mod plan;
mod rehearse;

pub(crate) use account::{Asked as AskedAccount, account, found as found_account, note};
pub(crate) use accounts::{accounts, csv as accounts_csv, found as found_accounts};
pub(crate) use clients::{clients, found as found_clients};
pub(crate) use fault::{missing, shown};
pub(crate) use login::{login, login_form, logout};
pub(crate) use overview::overview;
pub(crate) use plan::{found as found_plan, hold, plan, resume};
pub(crate) use rehearse::{draft, floor as rehearse, found as found_rehearsal};
