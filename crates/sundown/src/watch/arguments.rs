//! What can be typed after `sundown watch`.

use std::num::NonZero;
use std::path::PathBuf;
use std::thread;

use clap::Args;
use hello::Version;
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use observe::live::Interfaces;

use crate::cli::length;

/// A third of a second of a gigabit, on a machine that has nobody else to wait for.
const BUFFER: usize = 32 << 20;

#[derive(Debug, Args)]
#[command(after_help = "\
What is read goes into the ledger of the data directory, beside what an edge sees; `sundown report` then says who would \
break. Nothing is counted twice: a log that was read before is read on where it stood, whatever it is called now, and a \
run that is broken off is taken up by the next. Standard input is counted as often as it is read.

A log shows what was agreed and rarely all that was offered. A floor that it cannot judge is left open in reports, never \
guessed at: nginx shows more with $ssl_ciphers and $ssl_curves in its log_format. A capture and live traffic show whole \
offers.

Accounts are those of [account] in the configuration: its headers are taken from the log's fields ($http_x_api_key is \
header:X-Api-Key), its ranges from addresses. Where it has no sources: the user of HTTP Basic, the subject of a client \
certificate, else the address.

Live traffic (--live) is looked at and never touched; what it shows is counted every second. With --processes each outgoing \
connection belongs to the program that opened it, with its service or container: `sundown report` then lists the programs \
of this machine that would break, and the change for each. Arguments of programs are not kept, as they may be secret: only \
the name of a script, module or archive is.

Exit codes: 0 everything was counted; 1 some was not: lines that cannot be read, files that are broken, packets that were \
dropped, a run that was stopped before its end; 2 nothing could be. Ctrl-C and SIGTERM count what was read, and then end it; \
--follow and --live end so with 0.

Examples:
  sundown watch /var/log/nginx/access.log
      nginx on this machine: its format is found in its configuration
  sundown watch --format nginx.conf 'logs/access.log*'
      logs from elsewhere, rotated and packed ones too, by the configuration that wrote them
  sundown watch --format '$remote_addr [$time_local] $ssl_protocol $ssl_cipher \"$http_user_agent\"' access.log
      by the log_format itself
  sundown watch -f /var/log/nginx/access.log
      goes on reading as it grows, through rotation, until Ctrl-C
  ssh web1 cat /var/log/nginx/access.log | sundown watch --format nginx.conf -
      from standard input
  sundown watch capture.pcapng
      a packet capture, pcap or pcapng, packed or not: all that clients offered; one that has grown is read on
  tcpdump -w - 'tcp port 443' | sundown watch -
      packets as they come, until Ctrl-C
  sudo sundown watch --live any --processes --for 1h
      an hour of what the programs on this machine do; then: sundown report
  sudo sundown watch --live eth0
      what clients offer to the servers on this machine, until Ctrl-C
  sundown watch --dry-run access.log
      what it would count, with no ledger")]
pub(crate) struct WatchArguments {
    /// Logs and packet captures: files, patterns such as 'logs/*.gz', or - for standard input; plain, gzip or zstd
    #[arg(value_name = "FILES", required_unless_present_any = ["formats", "live"])]
    pub(crate) files: Vec<String>,
    /// Live traffic instead of files: the name of an interface, several with commas between, or any for all. It takes the
    /// capability CAP_NET_RAW, and no more
    #[arg(
        long,
        value_name = "INTERFACES",
        conflicts_with_all = ["files", "format", "formats", "follow", "server_protocols", "account_field", "time_zone"]
    )]
    pub(crate) live: Option<Interfaces>,
    /// With --live: counts the connections that this machine's own programs open, each under the program's name
    #[arg(long, requires = "live", conflicts_with = "files")]
    pub(crate) processes: bool,
    /// With --live: ends by itself after this time, such as 1h or 30m
    #[arg(long = "for", value_name = "TIME", requires = "live", conflicts_with = "files", value_parser = length)]
    pub(crate) time: Option<SignedDuration>,
    /// With --live: bytes of packets that may wait in the kernel. Without CAP_NET_ADMIN the system's limit
    /// (net.core.rmem_max) is the most
    #[arg(long, value_name = "BYTES", requires = "live", conflicts_with = "files", default_value_t = BUFFER)]
    pub(crate) buffer: usize,
    /// The format of all of them: a name from --formats, a format string as the server's configuration has it, or the path
    /// of an nginx.conf [default: by what they look like]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<String>,
    /// Lists the formats that are known
    #[arg(long)]
    pub(crate) formats: bool,
    /// Goes on reading as files grow, through rotation
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// The configuration, for accounts, privacy, visitors and the plan [default: sundown.toml where there is one]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where the ledger is; made where it is missing
    #[arg(long, value_name = "DIR", default_value = "sundown-data")]
    pub(crate) data_dir: PathBuf,
    /// The versions that the server speaks, so that every client that got an older one than the latest is known to speak
    /// nothing later: TLSv1,TLSv1.2 [default: the latest that is seen in the same log]
    #[arg(long, value_name = "VERSIONS", value_delimiter = ',', value_parser = version)]
    pub(crate) server_protocols: Vec<Version>,
    /// The field that holds the account's id, in the format's own spelling, instead of [account]
    #[arg(long, value_name = "NAME")]
    pub(crate) account_field: Option<String>,
    /// The time zone of times that name none, such as Europe/Zurich [default: this machine's]
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    pub(crate) time_zone: Option<TimeZone>,
    /// How many files, or parts of a large one, are read at once; what is counted is the same. With --follow it is one
    /// [default: as many as there are processors]
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<NonZero<usize>>,
    /// Reads and says what it would count; keeps nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// JSON instead of text at the end
    #[arg(long)]
    pub(crate) json: bool,
}

impl WatchArguments {
    /// How many threads read.
    pub(crate) fn jobs(&self) -> usize {
        self.jobs
            .or_else(|| thread::available_parallelism().ok())
            .map_or(1, NonZero::get)
    }
}

fn version(text: &str) -> Result<Version, String> {
    Version::from_name(text.trim()).ok_or_else(|| {
        let known = Version::KNOWN.map(|known| known.to_string()).join(", ");
        format!("no protocol is called {text:?}; there are {known}")
    })
}

fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|error| format!("{error}; write one such as UTC or Europe/Zurich"))
}
