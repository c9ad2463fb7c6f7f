//! What can be typed after `sundown notice`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use jiff::Timestamp;

use crate::cli::moment;

#[derive(Debug, Args)]
#[command(after_help = "\
The notice can be sent as it is. To put words of your own around it, give a template in the same format \
(MiniJinja, which is Jinja's language). It can use:
  {{ notice }}                          all of it but the title
  {{ title }} {{ service }} {{ url }} {{ check_url }} {{ date }} {{ contact }}
  {{ sections.summary }} {{ sections.dates }} {{ sections.why }} {{ sections.who }}
  {{ sections.changes }} {{ sections.testing }} {{ sections.help }}

Exit codes: 0 written; 2 it could not be.

Examples:
  sundown notice --url https://api.example.com --service \"Example API\"
  sundown notice --format html -o notice.html
  sundown notice --config examples/pokitdok-2016.toml --as-of 2016-09-15")]
pub(crate) struct NoticeArguments {
    /// The configuration [default: sundown.toml where there is one, else the built-in plan]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The form of the notice, and of a template
    #[arg(long, value_enum, default_value_t = Format::Markdown)]
    pub(crate) format: Format,
    /// Where to write it [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Your words, with ours where the template says
    #[arg(long, value_name = "FILE")]
    pub(crate) template: Option<PathBuf>,
    /// What your customers call the service
    #[arg(long, value_name = "NAME", default_value = "our API")]
    pub(crate) service: String,
    /// Its address as they call it, without a path
    #[arg(long, value_name = "URL", default_value = "https://api.example.com", value_parser = address)]
    pub(crate) url: String,
    /// Takes this for the day of the notice instead of today: 2016-09-15, or RFC 3339
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) as_of: Option<Timestamp>,
}

/// The form of a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Markdown with GitHub's tables
    Markdown,
    /// One HTML page
    Html,
    /// Plain text, 80 columns wide but for commands
    Text,
}

pub(crate) fn address(text: &str) -> Result<String, String> {
    let host = text
        .strip_prefix("https://")
        .map(|rest| rest.trim_end_matches('/'));
    let plain = host.is_some_and(|host| {
        !host.is_empty()
            && host
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte))
    });
    if plain {
        Ok(text.to_owned())
    } else {
        Err("write it like https://api.example.com, without a path".to_owned())
    }
}
