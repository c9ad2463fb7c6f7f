//! Accounts by address: a table of ranges in a CSV file, read again when it changes.
//!
//! One range and its account a line, `203.0.113.0/24,acme`; a single address is a range. A first line
//! `range,account`, empty lines and lines that begin with `#` are passed over. Of ranges that contain each other the
//! smallest counts.

use std::io::Read;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use csv::{ReaderBuilder, StringRecord, Trim};
use floor::Cidr;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use prefix_trie::PrefixMap;

use crate::names::LONGEST_ID;
use crate::stamp::{Stamp, stamp};

/// The longest file that is read: about a million ranges, which take some 200 MB when they are held.
const LONGEST: u64 = 32 << 20;

/// A table of ranges that is swapped when its file changes.
pub(crate) struct Ranges {
    path: PathBuf,
    current: ArcSwap<Table>,
    /// The state of the file when it was last looked at, whether or not it could be used: once is enough to say so.
    seen: Mutex<Stamp>,
}

/// The ranges, by family.
#[derive(Default)]
struct Table {
    v4: PrefixMap<Ipv4Net, Arc<str>>,
    v6: PrefixMap<Ipv6Net, Arc<str>>,
}

/// A table of ranges that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RangesError {
    /// The file cannot be read.
    #[error("{}: {source}; `account.ranges` names the file", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// The file is too long.
    #[error("{}: longer than {} MiB, the most that is read; leave out ranges that a larger one covers", .0.display(), LONGEST >> 20)]
    TooLong(PathBuf),
    /// A line is no range and account.
    #[error("{}:{line}: {fault}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong, and what to do.
        fault: String,
    },
}

impl Ranges {
    /// Reads the file.
    pub(crate) fn open(path: &Path) -> Result<Self, RangesError> {
        // Taken first: a change while reading is seen as a change next time.
        let seen = Mutex::new(stamp(path));
        Ok(Self {
            current: ArcSwap::from_pointee(Table::read(path)?),
            path: path.to_owned(),
            seen,
        })
    }

    /// The account of the smallest range that has this address.
    pub(crate) fn find(&self, address: IpAddr) -> Option<Arc<str>> {
        let table = self.current.load();
        let found = match address.to_canonical() {
            IpAddr::V4(address) => table.v4.get_lpm(&address.into()).map(|(_, found)| found),
            IpAddr::V6(address) => table.v6.get_lpm(&address.into()).map(|(_, found)| found),
        };
        found.cloned()
    }

    /// Reads the file again if it has changed; on an error the old table stays in use.
    pub(crate) fn reload_if_changed(&self) -> Result<bool, RangesError> {
        let now = stamp(&self.path);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == now {
            return Ok(false);
        }
        *seen = now;
        drop(seen);
        self.current.store(Arc::new(Table::read(&self.path)?));
        Ok(true)
    }
}

impl Table {
    fn read(path: &Path) -> Result<Self, RangesError> {
        let unread = |source| RangesError::Read {
            path: path.to_owned(),
            source,
        };
        let mut text = Vec::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(LONGEST + 1).read_to_end(&mut text))
            .map_err(unread)?;
        if text.len() as u64 > LONGEST {
            return Err(RangesError::TooLong(path.to_owned()));
        }
        Self::parse(&text).map_err(|(line, fault)| RangesError::Line {
            path: path.to_owned(),
            line,
            fault,
        })
    }

    fn parse(text: &[u8]) -> Result<Self, (u64, String)> {
        let mut table = Self::default();
        let mut record = StringRecord::new();
        let mut first = true;
        // By the line: no account has a line end in it, and so a fault is where it seems to be.
        for (number, line) in (1..).zip(text.split(|&byte| byte == b'\n')) {
            if line.trim_ascii().is_empty() || line.starts_with(b"#") {
                continue;
            }
            let read = ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .trim(Trim::All)
                .buffer_capacity(line.len())
                .from_reader(line)
                .read_record(&mut record);
            let added = match read {
                Ok(_) if std::mem::take(&mut first) && is_head(&record) => Ok(()),
                Ok(_) => table.add(&record),
                Err(error) => Err(format!("{error}; write the file in UTF-8")),
            };
            added.map_err(|fault| (number, fault))?;
        }
        Ok(table)
    }

    fn add(&mut self, record: &StringRecord) -> Result<(), String> {
        let mut fields = record.iter();
        let (Some(range), Some(account), None) = (fields.next(), fields.next(), fields.next())
        else {
            return Err(format!(
                "{} fields; write a range and its account: 203.0.113.0/24,acme",
                record.len()
            ));
        };
        if account.is_empty() || account.len() > LONGEST_ID || account.contains(char::is_control) {
            return Err(format!(
                "the account {account:?} is empty, longer than {LONGEST_ID} bytes or has control characters; write a name: {range},acme"
            ));
        }
        let range: Cidr = range.parse().map_err(|error| {
            format!("{error}; write a range and its account: 203.0.113.0/24,acme")
        })?;
        let account: Arc<str> = account.into();
        let twice = match IpNet::new(range.network(), range.prefix()) {
            Ok(IpNet::V4(network)) => self.v4.insert(network, account.clone()),
            Ok(IpNet::V6(network)) => self.v6.insert(network, account.clone()),
            // A Cidr has no longer prefix than its address.
            Err(error) => return Err(error.to_string()),
        };
        match twice {
            Some(other) => Err(format!(
                "{range} is there already, for {other:?}; keep one of the two lines"
            )),
            None => Ok(()),
        }
    }
}

fn is_head(record: &StringRecord) -> bool {
    record.iter().eq(["range", "account"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn find(table: &Table, address: &str) -> Option<String> {
        let ranges = Ranges {
            path: PathBuf::new(),
            current: ArcSwap::from_pointee(Table {
                v4: table.v4.clone(),
                v6: table.v6.clone(),
            }),
            seen: Mutex::default(),
        };
        ranges
            .find(address.parse().unwrap())
            .map(|account| account.to_string())
    }

    #[test]
    fn the_smallest_range_with_an_address_names_its_account() {
        let text = "\u{feff}range,account\r\n# offices\n10.0.0.0/8, acme\n\n10.1.0.0/16,\"globex, inc\"\n10.1.2.3,kiosk\n2001:db8::/32,six\n#";
        let table = Table::parse(text.as_bytes()).unwrap();
        for (address, account) in [
            ("10.9.9.9", Some("acme")),
            ("10.1.9.9", Some("globex, inc")),
            ("10.1.2.3", Some("kiosk")),
            ("::ffff:10.1.2.3", Some("kiosk")),
            ("2001:db8::1", Some("six")),
            ("192.0.2.1", None),
            ("2001:db9::1", None),
        ] {
            assert_eq!(find(&table, address).as_deref(), account, "{address}");
        }
    }

    #[test]
    fn a_bad_line_is_named_with_its_number_and_the_remedy() {
        for (text, line, words) in [
            (
                "10.0.0.0/8,acme\n10.0.0.0/33,acme\n",
                2,
                "is not an address range",
            ),
            (
                "# one\n\n10.0.0.1/8,acme\n",
                3,
                "the range it is in is 10.0.0.0/8",
            ),
            ("10.0.0.0/8\n", 1, "1 fields; write a range and its account"),
            ("10.0.0.0/8,acme,x\n", 1, "3 fields"),
            (
                "10.0.0.0/8,a\r\n\r\n10.0.0.1/8,b\r\n",
                3,
                "the range it is in",
            ),
            ("10.0.0.0/8,\n", 1, "write a name"),
            (
                "10.0.0.0/8,a\n10.0.0.0/8,b\n",
                2,
                "is there already, for \"a\"",
            ),
            (
                "10.0.0.0/8,a\nrange,account\n",
                2,
                "is not an address range",
            ),
        ] {
            let (at, fault) = Table::parse(text.as_bytes()).err().unwrap();
            assert!(
                at == line && fault.contains(words),
                "{text:?}: {at}: {fault}"
            );
        }
        let (line, fault) = Table::parse(b"10.0.0.0/8,a\n10.1.0.0/16,\xff\n")
            .err()
            .unwrap();
        assert!(line == 2 && fault.contains("UTF-8"), "{line}: {fault}");
    }

    #[test]
    fn a_change_that_cannot_be_used_is_said_once_and_the_old_table_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ranges.csv");
        std::fs::write(&path, "10.0.0.0/8,acme\n").unwrap();
        let ranges = Ranges::open(&path).unwrap();
        let found = || ranges.find("10.0.0.1".parse().unwrap());
        assert!(!ranges.reload_if_changed().unwrap());
        std::fs::write(&path, "10.0.0.0/8,acme\nnonsense,x\n").unwrap();
        let error = ranges.reload_if_changed().unwrap_err().to_string();
        assert!(error.contains("ranges.csv:2: "), "{error}");
        assert!(!ranges.reload_if_changed().unwrap(), "said once");
        assert_eq!(found().as_deref(), Some("acme"));
        std::fs::write(&path, "10.0.0.0/8,globex incorporated\n").unwrap();
        assert!(ranges.reload_if_changed().unwrap());
        assert_eq!(found().as_deref(), Some("globex incorporated"));
    }

    proptest! {
        /// Whatever is in the file: a table, or a line that is in it.
        #[test]
        fn any_file_is_a_table_or_has_a_line_that_is_wrong(
            text in "([0-9:./a-f]{0,9}[,\"#\r\n ]{0,2}(10.0.0.0/8,a)?){0,6}",
            noise in prop::collection::vec(any::<u8>(), 0..60),
        ) {
            for text in [text.as_bytes(), &noise] {
                if let Err((line, fault)) = Table::parse(text) {
                    let lines = text.split(|&byte| byte == b'\n').count() as u64;
                    prop_assert!((1..=lines).contains(&line), "{} of {}: {}", line, lines, fault);
                }
            }
        }
    }
}
