//! What is known of one kind of runtime: what its programs are called, and how one is asked. Each kind is a file of
//! `kinds/`; a new one is such a file and its line in [`KINDS`].

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::kinds;
use super::run::Ended;

/// All of them, in the order in which they are shown.
pub(super) const KINDS: [&Kind; 14] = [
    &kinds::python::KIND,
    &kinds::ruby::KIND,
    &kinds::node::KIND,
    &kinds::php::KIND,
    &kinds::java::KIND,
    &kinds::dotnet::KIND,
    &kinds::mono::KIND,
    &kinds::go::KIND,
    &kinds::perl::KIND,
    &kinds::rust::KIND,
    &kinds::curl::KIND,
    &kinds::wget::KIND,
    &kinds::openssl::KIND,
    &kinds::gnutls::KIND,
];

/// One kind of runtime.
pub(super) struct Kind {
    /// As `--only` takes it.
    pub(super) id: &'static str,
    /// As it is shown.
    pub(super) name: &'static str,
    /// Its file in the knowledge base.
    pub(super) family: &'static str,
    /// What its programs are called; a version may follow: `python3.11`.
    pub(super) programs: &'static [&'static str],
    /// How a program is asked who it is, without a network; it runs in a directory (the second) that is removed.
    pub(super) about: fn(&Path, &Path) -> Asking,
    /// What its answer says; `None` where it says nothing that can be read.
    pub(super) read: fn(&Ended) -> Option<About>,
    /// The commands that make it shake hands, the last of which does; or why it cannot be asked.
    pub(super) call: fn(&Call<'_>) -> Result<Vec<Asking>, &'static str>,
}

impl Kind {
    /// Whether a file of this name is one of its programs.
    pub(super) fn is_called(&self, name: &str) -> bool {
        self.programs.iter().any(|program| {
            let Some(rest) = name.strip_prefix(program) else {
                return false;
            };
            let rest = rest.strip_prefix('-').unwrap_or(rest);
            rest.is_empty()
                || rest.starts_with(|c: char| c.is_ascii_digit())
                    && rest.chars().all(|c| c.is_ascii_digit() || c == '.')
        })
    }
}

/// What a program says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct About {
    /// Its release, as it writes it.
    pub(super) version: String,
    /// What the knowledge base is to be asked instead of its kind's family and `version`: LibreSSL calls its program
    /// `openssl` too.
    pub(super) known_as: Option<String>,
    /// Its TLS library, as the knowledge base calls it: `OpenSSL 3.0.2`.
    pub(super) library: Option<String>,
    /// The openssl.cnf that it reads.
    pub(super) config: Option<PathBuf>,
    /// Why it speaks no TLS.
    pub(super) mute: Option<String>,
}

/// A command.
#[derive(Clone, Debug)]
pub(super) struct Asking {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<OsString>,
    /// Variables beside those of this process; `None` takes one away.
    pub(super) environment: Vec<(&'static str, Option<OsString>)>,
    pub(super) input: String,
}

impl Asking {
    pub(super) fn new(program: &Path) -> Self {
        Self {
            program: program.to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
            input: String::new(),
        }
    }

    pub(super) fn args<A: Into<OsString>>(
        mut self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    pub(super) fn env(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.environment.push((name, Some(value.into())));
        self
    }

    /// Without a variable of this process.
    pub(super) fn without(mut self, name: &'static str) -> Self {
        self.environment.push((name, None));
        self
    }

    pub(super) fn input(mut self, input: &str) -> Self {
        input.clone_into(&mut self.input);
        self
    }

    /// Tells a script of `kinds/` where to call.
    pub(super) fn script(self, call: &Call<'_>) -> Self {
        self.env("SUNDOWN_NAME", call.name)
            .env("SUNDOWN_PORT", call.port.to_string())
            .env("SUNDOWN_REQUEST", call.request)
            .env("SUNDOWN_CA", call.ca.unwrap_or(Path::new("")))
    }
}

/// What a handshake is made with. The relay listens on 127.0.0.1, speaks for the server, and takes `CONNECT` too.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    pub(super) program: &'a Path,
    pub(super) about: &'a About,
    /// The server's name, which its certificate has to bear.
    pub(super) name: &'a str,
    /// The relay's port.
    pub(super) port: u16,
    /// The address to ask for, as a client that goes through `CONNECT` is told it.
    pub(super) url: &'a str,
    /// The whole of an HTTP/1.0 request; empty where only the hello is wanted.
    pub(super) request: &'a str,
    /// The authorities to trust instead of the machine's.
    pub(super) ca: Option<&'a Path>,
    /// A directory that is removed afterwards; the command runs in it.
    pub(super) directory: &'a Path,
    /// How long the command may take.
    pub(super) seconds: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_known_by_their_names() {
        let python = &kinds::python::KIND;
        for name in ["python", "python3", "python2.7", "python3.13"] {
            assert!(python.is_called(name), "{name}");
        }
        for name in [
            "python3-config",
            "python3.11-gdb.py",
            "pythonw",
            "ipython",
            "python-",
        ] {
            assert!(!python.is_called(name) || name == "python-", "{name}");
        }
        assert!(kinds::node::KIND.is_called("nodejs") && kinds::java::KIND.is_called("java"));
        assert!(!kinds::java::KIND.is_called("javac") && !kinds::go::KIND.is_called("gofmt"));
    }

    #[test]
    fn every_kind_has_a_name_of_its_own_and_is_known_to_the_knowledge_base() {
        for (index, kind) in KINDS.iter().enumerate() {
            assert!(
                !KINDS
                    .iter()
                    .skip(index + 1)
                    .any(|other| other.id == kind.id),
                "{} stands twice",
                kind.id
            );
            let found = advice::Knowledge::embedded().look_up(kind.family);
            assert!(found.is_ok(), "{}", kind.family);
        }
    }
}
