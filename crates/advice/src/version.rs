//! Release numbers as runtimes write them, and ranges of them.

use std::cmp::Ordering;

use serde::Deserialize;

/// Most numbers kept of one version: `17.0.21.1` has four, and nobody was seen with more than five.
const MAX_PARTS: usize = 6;

/// A version as a list of numbers: `1.8.0_212` is 1, 8, 0, 212. Letters and what follows them are
/// dropped, and missing numbers count as zero, so `7` equals `7.0`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Version([u32; MAX_PARTS]);

impl Version {
    /// Reads a version; `None` when it does not start with a number or a number is past 32 bits.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = [0; MAX_PARTS];
        let numeric = text
            .find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '_'))
            .map_or(text, |end| text.get(..end).unwrap_or(text));
        let mut words = numeric.split(['.', '_']);
        let first = words.next()?;
        *parts.first_mut()? = first.parse().ok()?;
        for (part, word) in parts.iter_mut().skip(1).zip(words) {
            if word.is_empty() {
                break;
            }
            *part = word.parse().ok()?;
        }
        Some(Self(parts))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

/// A half-open range of versions: `>=4.1, <5`, `<0.10`, `>=12`, or `*` for all.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Range {
    pub(crate) from: Option<Version>,
    pub(crate) below: Option<Version>,
    /// As written in the data.
    pub(crate) text: String,
}

impl Range {
    /// Whether the range covers `version`.
    pub(crate) fn contains(&self, version: &Version) -> bool {
        self.from.is_none_or(|from| *version >= from)
            && self.below.is_none_or(|below| *version < below)
    }

    /// The first release of the range as written, for instance `12` of `>=12, <22`.
    pub(crate) fn first(&self) -> Option<&str> {
        let rest = self.text.strip_prefix(">=")?;
        Some(rest.split(',').next().unwrap_or(rest).trim())
    }
}

impl TryFrom<String> for Range {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is no version range; write `>=4.1, <5`, `<4.1`, `>=5` or `*`");
        let (mut from, mut below) = (None, None);
        if text != "*" {
            for bound in text.split(',') {
                let bound = bound.trim();
                let (slot, number) = if let Some(number) = bound.strip_prefix(">=") {
                    (&mut from, number)
                } else if let Some(number) = bound.strip_prefix('<') {
                    (&mut below, number)
                } else {
                    return Err(wrong());
                };
                if slot.is_some() {
                    return Err(wrong());
                }
                *slot = Some(Version::parse(number).ok_or_else(wrong)?);
            }
        }
        if let (Some(from), Some(below)) = (from, below)
            && from >= below
        {
            return Err(format!(
                "the range `{text}` is empty; its end must be past its start"
            ));
        }
        Ok(Self { from, below, text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    #[test]
    fn versions_order_as_their_makers_mean() {
        assert!(version("0.8.28") < version("0.10"));
        assert!(version("1.8.0_212") < version("1.8.0_261"));
        assert!(version("1.8.0_442") < version("9"));
        assert!(version("4.0.30319.34209") < version("4.0.30319.42000"));
        assert_eq!(version("7"), version("7.0.0"));
        assert_eq!(version("1.0.1g"), version("1.0.1"));
        assert_eq!(version("5.6.40-0+deb8u12"), version("5.6.40"));
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for text in ["", "x", ".", "-1", "99999999999", "1.99999999999"] {
            assert!(Version::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn ranges_are_half_open() {
        let range = Range::try_from(">=4.1, <5".to_owned()).unwrap();
        assert!(range.contains(&version("4.4.4")) && range.contains(&version("4.1")));
        assert!(!range.contains(&version("5.0")) && !range.contains(&version("4.0.4")));
        assert_eq!(range.first(), Some("4.1"));
        let all = Range::try_from("*".to_owned()).unwrap();
        assert!(all.contains(&version("0")) && all.first().is_none());
    }

    #[test]
    fn a_range_that_cannot_be_is_refused_with_the_form_to_write() {
        for text in ["", "4", "<=4", ">=5, <4", ">=4, >=5", "<"] {
            let refusal = Range::try_from(text.to_owned()).unwrap_err();
            assert!(refusal.contains("range"), "{refusal}");
        }
    }
}
