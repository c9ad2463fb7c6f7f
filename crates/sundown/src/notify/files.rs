//! Into files.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use lettre::message::Mailbox;

use super::carrier::{Carrier, Refusal};
use super::letter::Letter;

/// Writes each letter as an .eml file.
pub(super) struct Files {
    directory: PathBuf,
    from: Mailbox,
}

/// The longest part of a file's name that is an account's.
const LONGEST: usize = 60;

impl Files {
    pub(super) fn new(directory: &Path, from: Mailbox) -> anyhow::Result<Self> {
        fs::create_dir_all(directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
        Ok(Self {
            directory: directory.to_owned(),
            from,
        })
    }

    /// Accounts are named by clients: of their names, what can be nothing but a name is kept.
    fn path(&self, letter: &Letter) -> PathBuf {
        let plain = |character: char| character.is_ascii_alphanumeric() || character == '-';
        let name: String = letter
            .account
            .chars()
            .map(|character| if plain(character) { character } else { '_' })
            .take(LONGEST)
            .collect();
        let id = letter.id.get(..8).unwrap_or_default();
        self.directory.join(format!("{name}.{id}.eml"))
    }
}

impl Carrier for Files {
    fn recipient(&self, letter: &Letter) -> String {
        self.path(letter).display().to_string()
    }

    fn message_id(&self, letter: &Letter) -> String {
        letter.message_id(Some(&self.from))
    }

    fn carry(&self, letter: &Letter) -> Result<(), Refusal> {
        let path = self.path(letter);
        letter
            .mail(&self.from)
            .and_then(|mail| {
                fs::write(&path, mail.formatted())
                    .with_context(|| format!("cannot write {}", path.display()))
            })
            .map_err(|error| Refusal::Permanent(format!("{error:#}")))
    }
}
