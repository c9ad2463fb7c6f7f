//! What can be typed after `sundown doctor`.

use std::path::PathBuf;

use clap::Args;

use super::kind::{KINDS, Kind};

#[derive(Debug, Args)]
#[command(after_help = "\
Looks for Python, Ruby, Node.js, PHP, Java, .NET, Mono, Go, Perl, cargo, curl, Wget, OpenSSL and GnuTLS on the PATH, in \
the usual places and in those of version managers (pyenv, rbenv, nvm, sdkman, asdf, mise, rustup and others), and \
asks each for its version and its TLS library. Then each runtime itself begins a handshake. With a URL it is one with \
that server, with /ssl/ where the URL has no path; without one it ends at the hello, and no network is used. Either \
way the connection leads through a relay on this machine that passes every byte on unchanged and reads what is \
offered and chosen. A verdict that rests on a hello is certain; one that rests on what is known of a release alone \
has a question mark.

Nothing on the machine is changed: each runs in a directory of its own that is removed, and writes no caches. \
Secrets in variables are not shown.

Exit codes: 0 every runtime meets what --floor names; 1 one misses it, or the server refuses one or says that it is at risk; 2 it could not be told: \
none was found, none can be asked, or the server cannot be reached.

Examples:
  sundown doctor
      what each runtime on this machine offers
  sundown doctor https://api.example.com
      what each negotiates there, and what the server says of it
  sundown doctor --only python,java --floor tls1.3
      two kinds, one floor
  sundown doctor --in /opt/app/jre/bin/java --in ~/builds
      programs and directories that nobody would look in")]
pub(crate) struct DoctorArguments {
    /// The server that each runtime shakes hands with: https://host[:port][/path]
    pub(super) url: Option<String>,
    /// A floor to judge by, several times for several; they decide the exit code [default: tls1.2 decides, and tls1.3 and pq
    /// are shown]
    #[arg(long, value_name = "NAME")]
    pub(super) floor: Vec<String>,
    /// Only these kinds, separated by commas
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = kind)]
    pub(super) only: Vec<&'static Kind>,
    /// Looks at this program, or into this directory, instead of the usual places; several times for several
    #[arg(long = "in", value_name = "PATH")]
    pub(super) places: Vec<PathBuf>,
    /// Trust the authorities in this PEM file instead of each runtime's own
    #[arg(long, value_name = "FILE")]
    pub(super) ca: Option<PathBuf>,
    /// How long each runtime may take for one answer
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=600))]
    pub(super) timeout: u16,
    /// JSON instead of a table
    #[arg(long)]
    pub(super) json: bool,
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id)
    }
}

fn kind(text: &str) -> Result<&'static Kind, String> {
    let wanted = text.trim().to_lowercase();
    let found = KINDS.iter().find(|kind| {
        kind.id == wanted
            || kind.name.to_lowercase() == wanted
            || kind.programs.contains(&wanted.as_str())
    });
    found.copied().ok_or_else(|| {
        let known: Vec<&str> = KINDS.iter().map(|kind| kind.id).collect();
        format!("no kind is called {text:?}; there are {}", known.join(", "))
    })
}
