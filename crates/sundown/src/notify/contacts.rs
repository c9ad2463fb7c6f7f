//! Where letters go: the contacts that people wrote down, and a file that overrules them.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, bail};
use ledger::people::Note;
use lettre::Address;
use serde::Deserialize;

/// Where letters to an account go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Contact {
    At(Address),
    /// What is written down is no mail address.
    Unusable(String),
}

/// Addresses by account.
#[derive(Debug, Default)]
pub(super) struct Contacts(HashMap<String, Contact>);

/// The longest file of contacts that is read: a million accounts.
const LONGEST: u64 = 100 << 20;

#[derive(Deserialize)]
struct Line {
    account: String,
    email: String,
}

impl Contacts {
    /// What people wrote down.
    pub(super) fn of_notes(notes: &[Note]) -> Self {
        let with = notes.iter().filter(|note| !note.contact.trim().is_empty());
        Self(
            with.map(|note| {
                let contact = match note.contact.trim().parse() {
                    Ok(address) => Contact::At(address),
                    Err(_) => Contact::Unusable(note.contact.clone()),
                };
                (note.account.clone(), contact)
            })
            .collect(),
        )
    }

    /// Takes what a file says instead. Each line is looked at before any counts.
    pub(super) fn overrule(&mut self, file: &Path) -> anyhow::Result<()> {
        let name = file.display();
        let unread = || format!("{name}: the contacts cannot be read");
        if std::fs::metadata(file).with_context(unread)?.len() > LONGEST {
            bail!("{name}: too long for a file of contacts; it has a line for each account");
        }
        let text = std::fs::read(file).with_context(unread)?;
        // A spreadsheet begins what it writes with a mark of its encoding.
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .from_reader(text);
        let head = reader.headers().with_context(unread)?.clone();
        for column in ["account", "email"] {
            if !head.iter().any(|found| found == column) {
                bail!(
                    "{name} line 1: there is no column {column}; the first line is account,email"
                );
            }
        }
        let (mut line, mut at) = (1, 0);
        let mut found: HashMap<String, usize> = HashMap::new();
        let mut records = csv::StringRecord::new();
        while reader.read_record(&mut records).with_context(unread)? {
            let start = records.position().map_or(0, csv::Position::byte);
            let start = usize::try_from(start).unwrap_or(usize::MAX);
            (line, at) = line_of(text, (line, at), start);
            let Line { account, email } = records
                .deserialize(Some(&head))
                .with_context(|| format!("{name} line {line}: it needs an account and an email"))?;
            if account.is_empty() {
                bail!("{name} line {line}: no account");
            }
            let address = email.parse().with_context(|| {
                format!("{name} line {line}: {email:?} is no mail address; write it@acme.example")
            })?;
            if let Some(before) = found.insert(account.clone(), line) {
                bail!("{name} line {line}: {account:?} has an address in line {before} already");
            }
            self.0.insert(account, Contact::At(address));
        }
        Ok(())
    }

    pub(super) fn of(&self, account: &str) -> Option<&Contact> {
        self.0.get(account)
    }
}

/// The line of a record that starts at `start`, and where in the text its first character is; `before` is the same of
/// the record before. Empty lines count to the record that follows them, where they are stepped over.
fn line_of(text: &[u8], before: (usize, usize), start: usize) -> (usize, usize) {
    let (line, at) = before;
    let behind = text.get(start..).unwrap_or_default();
    let empty = behind
        .iter()
        .take_while(|byte| byte.is_ascii_whitespace())
        .count();
    let first = start + empty;
    let between = text.get(at..first).unwrap_or_default();
    let ends = between.iter().filter(|byte| **byte == b'\n').count();
    (line + ends, first)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn read(text: &str) -> Result<Contacts, String> {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("contacts.csv");
        fs::write(&file, text).unwrap();
        let mut contacts = Contacts::default();
        contacts
            .overrule(&file)
            .map(|()| contacts)
            .map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn columns_are_found_by_name_and_errors_name_the_line() {
        let contacts = read("\u{feff}name,email, account\nA,it@a.example,a\n").unwrap();
        let address = Contact::At("it@a.example".parse().unwrap());
        assert_eq!(contacts.of("a"), Some(&address));
        for (text, said) in [
            ("account,mail\n", "line 1: there is no column email"),
            (
                "account,email\na,x@y.example\n\nb,nobody\n",
                "line 4: \"nobody\"",
            ),
            ("account,email\na,\"x@y.example\r\nBcc: z@z\"\n", "line 2"),
            (
                "account,email\na,x@y.example\na,z@y.example\n",
                "line 3: \"a\" has an address in line 2",
            ),
            ("account,email\n,x@y.example\n", "line 2: no account"),
            ("account,email\na\n", "found record with 1 fields"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
