//! What can be typed after `sundown notify`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, ArgGroup, Args};
use jiff::Timestamp;
use lettre::message::Mailbox;

use super::smtp::Server;
use super::unsubscribe::Address;
use super::webhook::Hook;
use crate::cli::{Since, length, moment, since};

#[derive(Debug, Args)]
#[command(after_help = "\
Who gets a letter: accounts that are known for certain, of whose traffic some would break, once for each change of \
phase ahead; and once, as a thank-you, those that were written to and have fixed themselves since. Nobody is written \
to about a sunset that is on hold or, unless --sunset names it, still observes; nor who has an exception for the day, who is marked as no customer, or whose address \
is not known. Addresses are the contacts of the console's notes; --contacts overrules them. It is a CSV file:
  account,email
  acme,it@acme.example

Without --send nothing leaves this machine and nothing is recorded. With it, each letter is recorded in the data \
directory before it is handed over and after, so that nobody gets one twice, whatever is killed when. Where it cannot \
be told whether a letter arrived, it counts as sent; that is said. One that was refused is tried again by the next run.

A server is smtp://host:port, smtps://host (TLS from the start) or smtp://host?tls=required (STARTTLS). Its password \
is read from --password-file, or from the environment variable SUNDOWN_SMTP_PASSWORD.

A webhook gets a POST of JSON for each letter: `id`, `account`, `sunset`, `occasion`, `to`, `subject`, `text`, `html`, \
`page` (the private link, or null). \
`Sundown-Timestamp` is the second of the request; `Sundown-Signature` is `v1=` and the hex of HMAC-SHA256, by the \
secret, over that number, a full stop and the body. Any 2xx is taken for done; 429 and 5xx are tried again, and `id` \
is then the same.

A template is MiniJinja, which is Jinja's language. It can use:
  {{ letter }}                          all of it but the title
  {{ title }} {{ account }} {{ service }} {{ check_url }} {{ page_url }} {{ date }} {{ contact }}
  {{ occasion }}
  {{ sections.summary }} {{ sections.page }} {{ sections.seen }} {{ sections.dates }}
  {{ sections.changes }} {{ sections.testing }} {{ sections.help }}
(a thank-you has summary, page and help alone; the others are then empty)

Where [links] says where customers reach the edge, each letter carries a private link to its account's own page there, \
made anew each time: see `sundown link --help`.

Exit codes: 0 all are sent, or there was nothing to do; 1 some were not; 2 it could not be done.

Examples:
  sundown notify
      what would be sent to whom
  sundown notify --preview acme
      that account's letter
  sundown notify --out letters
      each as a file that mail programs open
  sundown notify --from 'Example API <api@example.com>' --smtp 'smtp://mail.example.com?tls=required' \\
      --user api --password-file smtp.password --rate 30/min --send
  sundown notify --webhook https://crm.example.com/letters --secret-file hook.secret --send")]
#[command(group = ArgGroup::new("way").multiple(false))]
pub(crate) struct NotifyArguments {
    /// The configuration [default: sundown.toml where there is one, else the built-in plan]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The edge's data directory, where the ledger, the notes and the record of letters are
    #[arg(long, value_name = "DIR", default_value = "sundown-data")]
    pub(crate) data_dir: PathBuf,
    /// One sunset of the plan, by its name [default: all of them]
    #[arg(long, value_name = "NAME")]
    pub(crate) sunset: Option<String>,
    /// By what was seen from when on: 2016-12-15, RFC 3339, a length of time before now such as 30d, or `ever`
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = since)]
    pub(crate) since: Since,
    /// Addresses: a CSV file with the columns account and email
    #[arg(long, value_name = "FILE")]
    pub(crate) contacts: Option<PathBuf>,
    /// What your customers call the service
    #[arg(long, value_name = "NAME", default_value = "our API")]
    pub(crate) service: String,
    /// The address of /ssl/ as customers reach it [default: by the server name that most accounts ask for]
    #[arg(long, value_name = "URL", value_parser = super::check_address)]
    pub(crate) check_url: Option<String>,
    /// Your words around the text, with ours where the template says; a letter then has an HTML part only with
    /// --html-template
    #[arg(long, value_name = "FILE")]
    pub(crate) template: Option<PathBuf>,
    /// The same for the HTML part
    #[arg(long, value_name = "FILE", requires = "template")]
    pub(crate) html_template: Option<PathBuf>,
    /// Shows one letter as text: this account's, or the first
    #[arg(long, value_name = "ACCOUNT", num_args = 0..=1, group = "way", conflicts_with = "send")]
    pub(crate) preview: Option<Option<String>>,
    /// Writes each letter into this directory as an .eml file; with --send they count as sent
    #[arg(long, value_name = "DIR", group = "way")]
    pub(crate) out: Option<PathBuf>,
    /// Sends by this mail server
    #[arg(long, value_name = "URL", group = "way", requires = "from")]
    pub(crate) smtp: Option<Server>,
    /// Posts each letter to this address: https://, or http:// on this machine
    #[arg(long, value_name = "URL", group = "way", requires = "secret_file")]
    pub(crate) webhook: Option<Hook>,
    /// Really sends
    #[arg(long, requires = "way")]
    pub(crate) send: bool,
    /// Who the letters are from: api@example.com, or 'Example API <api@example.com>'
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) from: Option<Mailbox>,
    /// Where a receiver says that it wants no more letters: mailto:… or https://…, or both; {account} in it stands for
    /// the account. Mail programs make a button of it (List-Unsubscribe). Whoever used it gets no more letters once its
    /// contact is taken out of the notes
    #[arg(long, value_name = "URL", action = ArgAction::Append)]
    pub(crate) unsubscribe: Vec<Address>,
    /// The https:// address of --unsubscribe takes a POST and asks nothing back (RFC 8058)
    #[arg(long, requires = "unsubscribe")]
    pub(crate) one_click: bool,
    /// The user of the mail server
    #[arg(long, value_name = "NAME", requires = "smtp")]
    pub(crate) user: Option<String>,
    /// A file that holds that user's password alone
    #[arg(long, value_name = "FILE", requires = "user")]
    pub(crate) password_file: Option<PathBuf>,
    /// A file that holds the secret of the webhook, 16 bytes at least
    #[arg(long, value_name = "FILE", requires = "webhook")]
    pub(crate) secret_file: Option<PathBuf>,
    /// Trusts the certificates in this PEM file too
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// At most so many letters in a time: 10/min, 1/s, 500/h
    #[arg(long, value_name = "N/TIME", default_value = "60/min", value_parser = rate)]
    pub(crate) rate: Duration,
    /// How long to wait before letters that were put off are tried again, twice at most
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = wait)]
    pub(crate) retry_after: Duration,
    /// Takes this for the present moment instead of now: 2016-12-15, or RFC 3339
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) as_of: Option<Timestamp>,
    /// JSON instead of a table
    #[arg(long, conflicts_with = "preview")]
    pub(crate) json: bool,
}

fn wait(text: &str) -> Result<Duration, String> {
    Duration::try_from(length(text)?).map_err(|error| error.to_string())
}

/// The time from one letter to the next.
fn rate(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no rate; write one such as 10/min, 1/s or 500/h");
    let (count, unit) = text.split_once('/').ok_or_else(wrong)?;
    let count: u32 = count.parse().map_err(|_| wrong())?;
    let unit = match unit {
        "s" | "sec" | "second" => 1,
        "m" | "min" | "minute" => 60,
        "h" | "hour" => 3_600,
        _ => return Err(wrong()),
    };
    Duration::from_secs(unit)
        .checked_div(count)
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_time_between_letters() {
        assert_eq!(rate("10/min"), Ok(Duration::from_secs(6)));
        assert_eq!(rate("500/h"), Ok(Duration::from_millis(7_200)));
        for wrong in ["0/min", "10", "x/s", "10/day", "-1/s"] {
            assert!(rate(wrong).unwrap_err().contains("10/min"), "{wrong}");
        }
    }
}
