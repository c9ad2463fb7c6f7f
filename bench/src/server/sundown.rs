//! Sundown: one worker, TLS 1.0 and 1.1 in their refuse phase, sightings recorded as by default.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use super::{Address, Lab, Launch, Server, Worker, ask, write};

/// Ten years after the refusal of the plan below.
const AS_OF: &str = "2026-11-01T00:00:00Z";

/// The subject.
pub(crate) struct Sundown {
    /// The binary.
    pub(crate) program: PathBuf,
    /// Whether it keeps a ledger and shows sightings, as it does by default.
    pub(crate) records: bool,
}

impl Server for Sundown {
    fn name(&self) -> &'static str {
        if self.records {
            "sundown"
        } else {
            "unrecorded"
        }
    }

    fn version(&self) -> Result<String> {
        let text = ask(&self.program, "--version")?;
        let version = text.trim().strip_prefix("sundown ").unwrap_or_default();
        ensure!(
            !version.is_empty(),
            "{}: --version printed {text:?}",
            self.program.display()
        );
        Ok(version.to_owned())
    }

    fn prepare(&self, lab: &Lab, dir: &Path) -> Result<Launch> {
        let leaves = [&lab.certificates.ecdsa, &lab.certificates.rsa]
            .map(|leaf| format!("{{ cert = {:?}, key = {:?} }}", leaf.cert, leaf.key))
            .join(", ");
        let config = dir.join("sundown.toml");
        write(
            &config,
            &format!(
                "[[listener]]
upstream = [\"http://{upstream}\"]
certificates = [{leaves}]
tickets = false

[[sunset]]
name = \"TLS 1.0 and 1.1\"
floor = \"tls1.2\"
refuse = \"2017-01-15\"
",
                upstream = lab.upstream,
            ),
        )?;
        let data = dir.join("data");
        if !self.records {
            // Where the ledger cannot be, the edge does without.
            let place = data.join("ledger.sqlite");
            fs::create_dir_all(&place)
                .with_context(|| format!("cannot make {}", place.display()))?;
        }
        let arguments = [
            "serve",
            "--workers",
            "1",
            "--config",
            &config.display().to_string(),
            "--listen",
            "127.0.0.1:0",
            "--data-dir",
            &data.display().to_string(),
            "--as-of",
            AS_OF,
            "--output",
            if self.records { "auto" } else { "none" },
        ];
        Ok(Launch {
            program: self.program.clone(),
            arguments: arguments.map(str::to_owned).to_vec(),
            environment: Vec::new(),
            address: Address::Printed,
            worker: Worker::Itself,
        })
    }
}
