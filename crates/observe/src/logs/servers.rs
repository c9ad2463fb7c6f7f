//! The latest version that a server is known to speak, by what it was seen to speak.
//!
//! A server takes the latest version that both sides speak (RFC 5246 appendix E.1, RFC 8446 section 4.2.1). So what one
//! client got tells what another, which got an older version, does not speak.

use std::collections::HashMap;

use hello::Version;

/// Server names that are told apart; what comes for others is judged by all names together.
const MOST_NAMES: usize = 1024;

/// What the servers behind one log speak.
#[derive(Clone, Debug, Default)]
pub(crate) struct Servers {
    /// As somebody who knows says.
    stated: Option<Version>,
    latest: Option<Version>,
    by_name: HashMap<Box<[u8]>, Version>,
}

impl Servers {
    /// `stated` is certain; `seen` was seen before in the same log.
    pub(crate) fn new(stated: Option<Version>, seen: Option<Version>) -> Self {
        Self {
            stated,
            latest: seen,
            by_name: HashMap::new(),
        }
    }

    /// The latest that was seen.
    pub(crate) fn latest(&self) -> Option<Version> {
        self.latest
    }

    /// Whether enough is known to judge old clients by.
    pub(crate) fn is_known(&self) -> bool {
        self.stated.max(self.latest) >= Some(Version::TLSV1_2)
    }

    /// A client that asked for this name got this version.
    pub(crate) fn saw(&mut self, name: &[u8], version: Version) {
        self.latest = self.latest.max(Some(version));
        if name.is_empty() {
            return;
        }
        if let Some(latest) = self.by_name.get_mut(name) {
            *latest = version.max(*latest);
        } else if self.by_name.len() < MOST_NAMES {
            self.by_name.insert(name.into(), version);
        }
    }

    /// What the server of this name speaks, as far as is known. Servers of other names may be set up in another way: of
    /// them it is only taken that one which speaks TLS 1.2 somewhere does so everywhere.
    pub(crate) fn latest_of(&self, name: &[u8]) -> Option<Version> {
        if self.stated.is_some() {
            return self.stated.max(self.latest);
        }
        match self.by_name.get(name) {
            None => self.latest,
            Some(own) => Some(*own).max(self.latest.map(|latest| latest.min(Version::TLSV1_2))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_says_little_of_another() {
        let mut servers = Servers::default();
        assert_eq!(servers.latest_of(b"a"), None);
        servers.saw(b"a", Version::TLSV1);
        assert!(!servers.is_known());
        assert_eq!(servers.latest_of(b"a"), Some(Version::TLSV1));
        servers.saw(b"b", Version::TLSV1_3);
        assert!(servers.is_known());
        assert_eq!(servers.latest_of(b"a"), Some(Version::TLSV1_2));
        assert_eq!(servers.latest_of(b"b"), Some(Version::TLSV1_3));
        assert_eq!(
            servers.latest_of(b""),
            Some(Version::TLSV1_3),
            "whoever asks for no name gets the default server"
        );
        let stated = Servers::new(Some(Version::TLSV1_2), None);
        assert_eq!(stated.latest_of(b"a"), Some(Version::TLSV1_2));
    }
}
