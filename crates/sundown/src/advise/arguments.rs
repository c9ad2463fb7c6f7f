//! What can be typed after `sundown advise`.

use clap::Args;
use hello::Version;

#[derive(Debug, Args)]
#[command(after_help = "\
A client is named as its makers do, in any case, with or without a version: java 7u25, \".NET 4.5\", node 0.8, \
\"windows 7\", openssl 1.0.0. Or it is told by what it sends: --user-agent, --ja4, --ja3, which sightings carry.

Exit codes: 0 it offers what the floor asks; 1 something has to change, or depends on what it runs on; 2 nothing \
is known by that name.

Examples:
  sundown advise java 7u25
  sundown advise \".NET 4.5\" --floor tls1.3
  sundown advise --user-agent \"Python-urllib/2.7\" --ja4 t10d090600_c491f621fb4c_195413a0cc0f
  sundown advise --list                    every runtime known
  sundown advise --list ruby               every release of one, for the floor
  sundown advise curl 7.19 --url https://api.example.com/ssl/")]
pub(crate) struct AdviseArguments {
    /// The client: a name, and a version where it is known
    #[arg(required_unless_present_any = ["user_agent", "ja4", "ja3", "list"])]
    pub(crate) client: Vec<String>,
    /// The floor to reach
    #[arg(long, value_name = "NAME", default_value = "tls1.2")]
    pub(crate) floor: String,
    /// A User-Agent it sends
    #[arg(long, value_name = "TEXT", conflicts_with = "client")]
    pub(crate) user_agent: Option<String>,
    /// The JA4 of its hello
    #[arg(long, value_name = "JA4", conflicts_with = "client")]
    pub(crate) ja4: Option<String>,
    /// The JA3 of its hello: 32 hex digits
    #[arg(long, value_name = "JA3", conflicts_with = "client")]
    pub(crate) ja3: Option<String>,
    /// The highest protocol it was seen to offer, for instance TLSv1 [default: what the JA4 says]
    #[arg(long, value_name = "PROTOCOL", value_parser = protocol)]
    pub(crate) offers: Option<Version>,
    /// The check address that goes into the commands
    #[arg(
        long,
        value_name = "URL",
        default_value = "https://api.example.com/ssl/"
    )]
    pub(crate) url: String,
    /// Lists what is known: every runtime, or every release of the one named
    #[arg(long, conflicts_with_all = ["user_agent", "ja4", "ja3", "offers"])]
    pub(crate) list: bool,
    /// JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

impl AdviseArguments {
    /// The highest protocol the client was seen to offer, when something says so.
    pub(crate) fn offered(&self) -> Option<Version> {
        self.offers
            .or_else(|| match self.ja4.as_deref()?.get(1..3)? {
                "10" => Some(Version::TLSV1),
                "11" => Some(Version::TLSV1_1),
                "12" => Some(Version::TLSV1_2),
                "13" => Some(Version::TLSV1_3),
                _ => None,
            })
    }
}

fn protocol(text: &str) -> Result<Version, String> {
    Version::from_name(text).ok_or_else(|| {
        let known = Version::KNOWN.map(|known| known.to_string()).join(", ");
        format!("no protocol is called {text:?}; there are {known}")
    })
}
