//! Whether a pack is as it was sealed.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io::{Cursor, Read as _};
use std::path::Path;

use audit::Trail;
use minisign::{PublicKey, PublicKeyBox, SignatureBox};

use crate::EvidenceError;
use crate::seal::{PUBLIC, SIGNATURE, SUMS, sum};

/// The largest file of sums or signatures that is read; a pack has five files.
const MOST_BYTES: u64 = 64 * 1024;

/// What was found in a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// What is wrong; nothing where the pack is as it was sealed.
    pub findings: Vec<Finding>,
    /// The public key that the signature was checked with.
    pub key: String,
    /// That key came with the pack: the pack is whole, but anybody could have sealed it.
    pub key_is_its_own: bool,
    /// What was said and signed when it was sealed.
    pub comment: String,
    /// The files under seal.
    pub files: Vec<String>,
}

/// Something that is wrong with a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The signature does not fit the sums and the key.
    Signature(String),
    /// A file is not what it was.
    Changed(String),
    /// A file is gone.
    Gone(String),
    /// A file lies there that is not under seal.
    Unsealed(String),
    /// A line of the sums is none.
    Sums(usize),
    /// The audit trail's chain does not hold.
    Trail(String),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signature(reason) => {
                write!(f, "{SIGNATURE} does not fit {SUMS} and the key: {reason}")
            }
            Self::Changed(name) => write!(f, "{name} was changed after it was sealed"),
            Self::Gone(name) => write!(f, "{name} is missing"),
            Self::Unsealed(name) => write!(f, "{name} is not under seal"),
            Self::Sums(line) => write!(f, "{SUMS}, line {line}, is not a sum of a file"),
            Self::Trail(fault) => write!(f, "{}: {fault}", crate::AUDIT),
        }
    }
}

/// Checks a pack: the signature over its sums, the sums of its files, the chain of its audit trail. `key` is the public
/// key as Base64; without one the pack's own is taken.
///
/// # Errors
///
/// When a file cannot be read, or the key is none.
pub fn verify(directory: &Path, key: Option<&str>) -> Result<Checked, EvidenceError> {
    let sums = small(&directory.join(SUMS))?;
    let signature_path = directory.join(SIGNATURE);
    let public = match key {
        Some(key) => PublicKey::from_base64(key.trim()).map_err(|error| EvidenceError::Key {
            path: "the key that was given".into(),
            reason: error.to_string(),
        })?,
        None => own_key(&directory.join(PUBLIC))?,
    };
    let mut checked = Checked {
        findings: Vec::new(),
        key: public.to_base64(),
        key_is_its_own: key.is_none(),
        comment: String::new(),
        files: Vec::new(),
    };
    match SignatureBox::from_string(&small(&signature_path)?) {
        Ok(signature) => {
            let fits =
                minisign::verify(&public, &signature, Cursor::new(&sums), true, false, false);
            match fits {
                Ok(()) => checked.comment = signature.trusted_comment().unwrap_or_default(),
                Err(error) => checked.findings.push(Finding::Signature(error.to_string())),
            }
        }
        Err(error) => checked.findings.push(Finding::Signature(error.to_string())),
    }
    check_sums(directory, &sums, &mut checked)?;
    check_others(directory, &mut checked)?;
    let trail = Trail::of(directory).read();
    if let Ok(Some(fault)) = trail.map(|reading| reading.fault) {
        checked.findings.push(Finding::Trail(fault.to_string()));
    }
    Ok(checked)
}

fn own_key(path: &Path) -> Result<PublicKey, EvidenceError> {
    PublicKeyBox::from_string(&small(path)?)
        .and_then(PublicKeyBox::into_public_key)
        .map_err(|error| EvidenceError::Key {
            path: path.to_owned(),
            reason: error.to_string(),
        })
}

fn check_sums(directory: &Path, sums: &str, checked: &mut Checked) -> Result<(), EvidenceError> {
    for (index, line) in sums.lines().enumerate() {
        let parts = line.split_once("  ");
        // A name with a path could point anywhere on the reader's machine.
        let Some((expected, name)) = parts.filter(|(_, name)| is_plain(name)) else {
            checked.findings.push(Finding::Sums(index + 1));
            continue;
        };
        checked.files.push(name.to_owned());
        let path = directory.join(name);
        if !path.is_file() {
            checked.findings.push(Finding::Gone(name.to_owned()));
        } else if sum(&path)? != expected {
            checked.findings.push(Finding::Changed(name.to_owned()));
        }
    }
    Ok(())
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\', '\0'])
}

/// What lies beside the sealed files and could be taken for one of them.
fn check_others(directory: &Path, checked: &mut Checked) -> Result<(), EvidenceError> {
    let sealed: BTreeSet<&str> = checked
        .files
        .iter()
        .map(String::as_str)
        .chain([SUMS, SIGNATURE, PUBLIC])
        .collect();
    let entries = fs::read_dir(directory).map_err(EvidenceError::file(directory))?;
    let mut others: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !sealed.contains(name.as_str()))
        .collect();
    others.sort();
    checked
        .findings
        .extend(others.into_iter().map(Finding::Unsealed));
    Ok(())
}

fn small(path: &Path) -> Result<String, EvidenceError> {
    let mut text = String::new();
    fs::File::open(path)
        .and_then(|file| file.take(MOST_BYTES).read_to_string(&mut text))
        .map_err(EvidenceError::file(path))?;
    Ok(text)
}
