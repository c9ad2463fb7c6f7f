//! From what was typed to what is read.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, bail};

/// Something that evidence comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A log in a file.
    Log(PathBuf),
    /// A log on standard input.
    Stdin,
}

impl Source {
    /// Its name for people.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Log(path) => path.display().to_string(),
            Self::Stdin => "standard input".to_owned(),
        }
    }

    /// How many bytes it has, where that is known.
    pub(crate) fn bytes(&self) -> Option<u64> {
        match self {
            Self::Log(path) => fs::metadata(path)
                .ok()
                .filter(fs::Metadata::is_file)
                .map(|file| file.len()),
            Self::Stdin => None,
        }
    }
}

/// Everything that these words name, each once, in the order of the words.
pub(crate) fn named(words: &[String]) -> anyhow::Result<Vec<Source>> {
    let mut sources = Vec::new();
    for word in words {
        let found = match word.as_str() {
            "-" => vec![Source::Stdin],
            path if fs::exists(path).unwrap_or(false) => files(PathBuf::from(path))?,
            pattern if pattern.contains(['*', '?', '[']) => {
                let paths = glob::glob(pattern)
                    .with_context(|| format!("{pattern:?} is no pattern of file names"))?;
                let mut all = Vec::new();
                for path in paths.flatten().filter(|path| path.is_file()) {
                    all.push(Source::Log(path));
                }
                if all.is_empty() {
                    bail!("no file is called like {pattern:?}");
                }
                all
            }
            path => bail!(
                "{path} is not there; name a log, a pattern such as 'logs/*.gz' in quotes, or - for standard input"
            ),
        };
        for source in found {
            if !sources.contains(&source) {
                sources.push(source);
            }
        }
    }
    Ok(sources)
}

fn files(path: PathBuf) -> anyhow::Result<Vec<Source>> {
    if path.is_dir() {
        bail!(
            "{path} is a directory; name its logs: '{path}/*.log*'",
            path = path.display()
        );
    }
    Ok(vec![Source::Log(path)])
}
