//! `sundown link`: a private link to the page of one account, made by hand.

use std::path::PathBuf;
use std::process::ExitCode;

use accounts::LinkKey;
use anyhow::{Context, anyhow};
use clap::Args;
use edge::Clock;
use jiff::{SignedDuration, Timestamp};
use ledger::people::{PEOPLE, People};
use ledger::{Query, Range, Reader, Visitor, Who};
use serde::Serialize;

use crate::config::{self, Links};

#[derive(Debug, Args)]
#[command(after_help = "\
The page is on the edge, below /ssl/account/. It shows this account what was seen of it, what it lacks, what to change \
and what it meets on which date, and nothing of anybody else. Whoever has the link can read it until it ends; letters \
of `sundown notify` carry one.

Links are signed with links.key in the data directory, made with the first one. An edge with another data directory \
needs a copy of that file, readable by its user. To end one account's links, mark the account as no customer in the \
console. To end all of them, remove links.key: within a second none opens, and the next link makes a new key.

Example:
  sundown link acme --days 14")]
pub(crate) struct LinkArguments {
    /// The account
    pub(crate) account: String,
    /// How many days it works [default: as links.life says, which is 90 days]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=3650))]
    pub(crate) days: Option<u16>,
    /// The address of the edge as customers reach it, instead of links.url: https://api.example.com
    #[arg(long, value_name = "URL", value_parser = config::base_url)]
    pub(crate) url: Option<String>,
    /// The configuration with the [links] table [default: sundown.toml where there is one]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The edge's data directory, where the key is
    #[arg(long, value_name = "DIR", default_value = "sundown-data")]
    pub(crate) data_dir: PathBuf,
    /// JSON instead of the link alone
    #[arg(long)]
    pub(crate) json: bool,
}

/// Makes links to the pages of accounts.
pub(crate) struct Linker {
    key: LinkKey,
    /// All of a link but the token.
    before: String,
    until: Timestamp,
}

impl Linker {
    /// `path` is where `/ssl/` is on the edge.
    ///
    /// # Errors
    ///
    /// When the key can be neither read nor made.
    pub(crate) fn new(
        data_dir: &std::path::Path,
        url: &str,
        path: &str,
        life: SignedDuration,
    ) -> anyhow::Result<Self> {
        let key = LinkKey::open(data_dir).context("links cannot be signed")?;
        // A link ends in the life of people, whatever day the plan rehearses.
        let until = Clock::default().now().saturating_add(life);
        Ok(Self {
            key,
            before: format!("{url}{path}account/"),
            until: until.unwrap_or(Timestamp::MAX),
        })
    }

    /// When its links end.
    pub(crate) const fn until(&self) -> Timestamp {
        self.until
    }

    /// The link of an account.
    ///
    /// # Errors
    ///
    /// When its id is too long for one.
    pub(crate) fn link(&self, account: &str) -> anyhow::Result<String> {
        let token = self.key.token(account, self.until)?;
        Ok(format!("{}{token}", self.before))
    }
}

#[derive(Serialize)]
struct Made<'a> {
    account: &'a str,
    link: &'a str,
    until: Timestamp,
}

pub(crate) fn run(arguments: &LinkArguments) -> anyhow::Result<ExitCode> {
    let config = config::load(arguments.config.as_deref(), [0; 16])?;
    let Links { url, life } = config.links;
    let url = arguments.url.clone().or(url).ok_or_else(|| {
        anyhow!(
            "where customers reach the edge is not known; write `url = \"https://api.example.com\"` under [links] in {}, or say --url",
            config.source.name()
        )
    })?;
    let life = match arguments.days {
        Some(days) => SignedDuration::from_hours(24 * i64::from(days)),
        None => life,
    };
    let path = config::ssl_path(&config.settings);
    let linker = Linker::new(&arguments.data_dir, &url, &path, life)?;
    let link = linker.link(&arguments.account)?;
    for doubt in doubts(arguments) {
        anstream::eprintln!("note: {doubt}");
    }
    if arguments.json {
        let made = Made {
            account: &arguments.account,
            link: &link,
            until: linker.until(),
        };
        println!("{}", serde_json::to_string_pretty(&made)?);
    } else {
        println!("{link}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Why its reader will see less than was meant.
fn doubts(arguments: &LinkArguments) -> Vec<String> {
    let mut doubts = Vec::new();
    let account = report::printable(&arguments.account);
    let who = Who::Known(arguments.account.as_str().into());
    let seen = Reader::open(&arguments.data_dir.join(ledger::FILE))
        .and_then(|ledger| ledger.details(Range::default(), &who));
    match seen {
        Ok(details) if details.is_empty() => doubts.push(format!(
            "nothing was ever seen of {account}, and its page says so"
        )),
        Ok(_) => {}
        Err(error) => doubts.push(format!("there is nothing to show yet: {error}")),
    }
    let note = People::read(&arguments.data_dir.join(PEOPLE))
        .and_then(|people| people.note(&arguments.account));
    if let Ok(Some(note)) = note
        && note.visitor != Visitor::Customer
    {
        doubts.push(format!(
            "{account} is marked as no customer, so this opens nothing until it is marked as one"
        ));
    }
    doubts
}
