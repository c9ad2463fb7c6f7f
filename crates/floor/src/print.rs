//! A floor as text: the policy that a reviewer reads and a commit keeps.

use std::fmt;

use hello::Version;
use hello::names::{Named, cipher_suite};

use crate::Floor;

impl fmt::Display for Floor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "floor {}", self.name)?;
        writeln!(f, "{}", self.title)?;
        writeln!(f, "\nversions\n  {} or later", self.min)?;
        if self.limits_suites {
            let sections = [
                (Version::TLSV1_3, "TLSv1.3", true),
                (Version::TLSV1_2, "TLSv1.2", self.allows_tls12()),
                (Version::TLSV1_1, "TLSv1.1 and older", self.allows_old()),
            ];
            for (version, title, _) in sections.into_iter().filter(|(_, _, shown)| *shown) {
                writeln!(f, "\ncipher suites of {title}")?;
                let mut suites = self.suites_of(version).peekable();
                if suites.peek().is_none() {
                    writeln!(f, "  none")?;
                }
                suites.try_for_each(|code| {
                    let iana = cipher_suite(code).map_or("", |name| name.iana);
                    match cipher_suite(code).and_then(|name| name.openssl) {
                        Some(openssl) if openssl != iana => {
                            writeln!(f, "  {code:#06x}  {openssl:<31} {iana}")
                        }
                        _ => writeln!(f, "  {code:#06x}  {iana}"),
                    }
                })?;
            }
        } else {
            writeln!(f, "\ncipher suites\n  any that these versions can use")?;
        }
        if self.limits_groups {
            writeln!(f, "\ngroups")?;
            self.groups()
                .try_for_each(|code| writeln!(f, "  {code:#06x}  {}", Named::Group(code)))?;
        } else {
            writeln!(f, "\ngroups\n  any that the suite needs")?;
        }
        if !self.sources.is_empty() {
            writeln!(f, "\nsources")?;
            self.sources
                .iter()
                .try_for_each(|source| writeln!(f, "  {source}"))?;
        }
        Ok(())
    }
}
