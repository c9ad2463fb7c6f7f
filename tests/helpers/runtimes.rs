//! The check helpers, on every runtime version that this machine has, and how each is held to TLSv1 without a change
//! to it: by what the runtime itself reads (a file, a variable), or by a program of its language that pins the version
//! and then calls it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use crate::installed::{installed, skipped};
use crate::process::{self, Ended};

/// A helper on one version of its runtime.
#[derive(Debug)]
pub(crate) struct Runtime {
    /// Its key in the manifest.
    id: &'static str,
    /// The highest version that it offers when nobody turned a knob.
    offers: &'static str,
    hold: Hold,
    /// Whether the library tells the protocol, and the cipher.
    tells: (bool, bool),
}

/// How a runtime is held to TLSv1.
#[derive(Debug)]
enum Hold {
    /// It cannot be, or needs not be.
    No,
    /// By a variable; a value that begins with `/` is a file of `tests/helpers/hold/`.
    Variable(&'static [(&'static str, &'static str)]),
    /// By an argument before the program, and such a file.
    Argument(&'static str, &'static str),
    /// By another program, also in the manifest.
    Program(&'static str),
}

const fn runtime(id: &'static str, offers: &'static str, hold: Hold) -> Runtime {
    Runtime {
        id,
        offers,
        hold,
        tells: (true, true),
    }
}

impl Runtime {
    const fn telling(mut self, protocol: bool, cipher: bool) -> Self {
        self.tells = (protocol, cipher);
        self
    }
}

/// `sitecustomize` is what Python imports first; the second entry is where the helper itself is.
const PYTHON: Hold = Hold::Variable(&[("PYTHONPATH", "/:/../../clients/python")]);

static RUNTIMES: [Runtime; 17] = [
    runtime("check-python", "TLSv1.3", PYTHON),
    runtime("check-python-2.7", "TLSv1.3", PYTHON),
    runtime("check-python-3.6", "TLSv1.3", PYTHON),
    runtime("check-python-3.13", "TLSv1.3", PYTHON),
    // OpenSSL 1.0.0: nothing above TLSv1 in it. Node.js tells the protocol from 5.7 on.
    runtime("check-node-0.8", "TLSv1", Hold::No).telling(false, true),
    runtime("check-node-0.10", "TLSv1.2", Hold::No).telling(false, true),
    runtime(
        "check-node",
        "TLSv1.3",
        Hold::Variable(&[("NODE_OPTIONS", "--require=/hold.js")]),
    ),
    runtime(
        "check-ruby",
        "TLSv1.3",
        Hold::Variable(&[("RUBYOPT", "-r/hold.rb")]),
    ),
    runtime(
        "check-php",
        "TLSv1.3",
        Hold::Argument("--define", "auto_prepend_file=/hold.php"),
    ),
    runtime(
        "check-perl",
        "TLSv1.3",
        Hold::Variable(&[("OPENSSL_CONF", "/openssl.cnf")]),
    ),
    runtime(
        "check-shell",
        "TLSv1.3",
        Hold::Variable(&[("CURL_HOME", "/")]),
    ),
    runtime(
        "check-java",
        "TLSv1.3",
        Hold::Variable(&[(
            "JAVA_TOOL_OPTIONS",
            "-Dhttps.protocols=TLSv1 -Djava.security.properties=/java.security",
        )]),
    ),
    runtime("check-go", "TLSv1.3", Hold::Program("check-go-held")),
    runtime("check-mono", "TLSv1.2", Hold::Program("check-mono-held")).telling(true, false),
    // rustls has nothing below TLSv1.2.
    runtime(RUST, "TLSv1.3", Hold::No),
    // The same script without curl, and under another shell.
    runtime(
        "check-shell-openssl",
        "TLSv1.3",
        Hold::Variable(&[("OPENSSL_CONF", "/openssl.cnf")]),
    ),
    runtime("check-shell-bash", "TLSv1.3", Hold::No),
];

/// Built with the workspace, not by `tests/setup`.
const RUST: &str = "check-rust";

/// How long one run may take on a loaded machine, beyond the time it is given itself.
const PATIENCE: Duration = Duration::from_secs(60);

/// A helper as it is run: as it is, or held to TLSv1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) runtime: &'static Runtime,
    held: bool,
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let held = if self.held { " held to TLSv1" } else { "" };
        write!(f, "{}{held}", self.runtime.id)
    }
}

/// Every run there is of clients that offer `TLSv1`, or `TLSv1.2 or later`; the others are skipped loudly.
pub(crate) fn offering(offers: &str) -> Vec<Run> {
    let old = offers == "TLSv1";
    let runs = RUNTIMES.iter().filter_map(|runtime| {
        let held = old && runtime.offers != "TLSv1";
        let can = if old {
            runtime.offers == "TLSv1" || !matches!(runtime.hold, Hold::No)
        } else {
            runtime.offers != "TLSv1"
        };
        (can && present().contains(runtime.id)).then_some(Run { runtime, held })
    });
    runs.collect()
}

/// Every helper as it is.
pub(crate) fn all() -> Vec<Run> {
    let there = RUNTIMES
        .iter()
        .filter(|runtime| present().contains(runtime.id));
    there
        .map(|runtime| Run {
            runtime,
            held: false,
        })
        .collect()
}

/// The helpers that this machine can run.
fn present() -> &'static BTreeSet<&'static str> {
    static PRESENT: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| {
        let there = |id: &str| match id {
            RUST => {
                let built = rust().is_file();
                if !built {
                    skipped(RUST, "not built; run cargo build --package sundown-check");
                }
                built
            }
            "check-shell-bash" => {
                installed("check-shell").is_some() && Path::new("/bin/bash").is_file()
            }
            "check-shell-openssl" => {
                installed("check-shell").is_some() && installed("openssl").is_some()
            }
            id => installed(id).is_some(),
        };
        RUNTIMES
            .iter()
            .map(|runtime| runtime.id)
            .filter(|id| there(id))
            .collect()
    });
    &PRESENT
}

fn rust() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_sundown")).with_file_name("sundown-check")
}

/// The checkout's `tests/helpers/hold`.
fn hold_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/helpers/hold")
}

impl Run {
    /// Whether the run's own library tells the protocol, and the cipher.
    pub(crate) fn tells(&self) -> (bool, bool) {
        self.runtime.tells
    }

    /// What the run negotiates with a server that speaks everything.
    pub(crate) fn protocol(&self) -> &'static str {
        if self.held {
            "TLSv1"
        } else {
            self.runtime.offers
        }
    }

    /// Runs it with these arguments, to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        let mut command = self.command();
        let ended = process::run(command.args(arguments), "", PATIENCE).expect("a program");
        assert!(
            !ended.timed_out,
            "{self} does not end with {arguments:?}: {ended:?}"
        );
        ended
    }

    fn command(&self) -> Command {
        let id = match (self.runtime.id, &self.runtime.hold) {
            (_, Hold::Program(other)) if self.held => other,
            ("check-shell-bash" | "check-shell-openssl", _) => "check-shell",
            (id, _) => id,
        };
        if id == RUST {
            let mut command = Command::new(rust());
            command.env_clear();
            return command;
        }
        let mut command = installed(id).expect("one that is present").command();
        if self.runtime.id == "check-shell-bash" {
            let script: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
            command = Command::new("/bin/bash");
            command.arg("--posix").args(script);
            return command;
        }
        if self.runtime.id == "check-shell-openssl" {
            command.env("SUNDOWN_CHECK_WITH", "openssl");
        }
        if self.held {
            self.hold(&mut command);
        }
        command
    }

    fn hold(&self, command: &mut Command) {
        let directory = hold_directory()
            .canonicalize()
            .expect("files of the checkout");
        let directory = directory.display().to_string();
        // `/` stands for the directory.
        let placed = |value: &str| match value {
            "/:/../../clients/python" => format!("{directory}:{directory}/../../../clients/python"),
            value => value.replacen('/', &format!("{directory}/"), 1),
        };
        match &self.runtime.hold {
            Hold::No | Hold::Program(_) => {}
            Hold::Variable(variables) => {
                command.envs(variables.iter().map(|(name, value)| (name, placed(value))));
            }
            Hold::Argument(option, value) => {
                let mut held = Command::new(command.get_program());
                held.arg(option).arg(placed(value)).args(command.get_args());
                let kept = command
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?)));
                held.env_clear().envs(kept);
                *command = held;
            }
        }
    }
}
