//! Release numbers as runtimes write them, and ranges of them.

use std::cmp::Ordering;

use serde::Deserialize;

/// Most numbers kept of one version: `17.0.21.1` has four, and nobody was seen with more than five.
const MAX_PARTS: usize = 6;

/// A version as a list of numbers: `1.8.0_212` is 1, 8, 0, 212, and so is `8u212`. Other letters and what
/// follows them are dropped, and missing numbers count as zero, so `7` equals `7.0`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Version([u32; MAX_PARTS]);

impl Version {
    /// Reads a version; `None` when it does not start with a number or a number is past 32 bits.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = [0; MAX_PARTS];
        if let Some((series, update)) = java_update(text) {
            return Some(Self([1, series, 0, update, 0, 0]));
        }
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

    /// The same with Java's series up to 8 written as 1.x.
    pub(crate) fn as_java(self) -> Self {
        match self.0 {
            [series @ 2..=8, a, b, c, d, _] => Self([1, series, a, b, c, d]),
            _ => self,
        }
    }

    /// The least version that is past this one in the last of so many numbers; in its last that is not zero where none
    /// was written.
    fn next(self, written: usize) -> Self {
        let mut parts = self.0;
        let last = match written {
            0 => parts.iter().rposition(|part| *part != 0).unwrap_or(0),
            written => written.min(MAX_PARTS) - 1,
        };
        if let Some(part) = parts.get_mut(last) {
            *part = part.saturating_add(1);
        }
        Self(parts)
    }

    /// Whether the first three numbers are those of `other`.
    pub(crate) fn starts_like(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).take(3).all(|(a, b)| a == b)
    }
}

/// How many numbers a version is written with; none where it is a name, or a Java's update.
fn written(text: &str) -> usize {
    if java_update(text).is_some() {
        return 0;
    }
    let parts = text.split(['.', '_']);
    parts
        .take_while(|part| part.starts_with(|c: char| c.is_ascii_digit()))
        .count()
}

/// `8u212`: the series, and the update within it.
fn java_update(text: &str) -> Option<(u32, u32)> {
    let (series, update) = text.split_once(['u', 'U'])?;
    let end = update
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(update.len());
    Some((series.parse().ok()?, update.get(..end)?.parse().ok()?))
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

    /// One release and what is numbered below it: 1.0.2 is 1.0.2g too, 3.0 is 3.0.22 too and not 3.1. `text` is how the
    /// release was written.
    pub(crate) fn of(version: Version, text: &str) -> Self {
        Self {
            from: Some(version),
            below: Some(version.next(written(text))),
            text: String::new(),
        }
    }

    /// The same with Java's series up to 8 written as 1.x.
    pub(crate) fn as_java(&mut self) {
        self.from = self.from.map(Version::as_java);
        self.below = self.below.map(Version::as_java);
    }

    /// Whether the two have a release in common.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        let apart = |end: Option<Version>, start: Option<Version>| {
            end.zip(start).is_some_and(|(end, start)| end <= start)
        };
        !apart(self.below, other.from) && !apart(other.below, self.from)
    }

    /// Whether every release of `other` is in this.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        let starts = self
            .from
            .is_none_or(|from| other.from.is_some_and(|other| other >= from));
        let ends = self
            .below
            .is_none_or(|below| other.below.is_some_and(|other| other <= below));
        starts && ends
    }

    /// The range as a reader would say it: "4.1 to before 5", "before 4.1", "5 and later", "all versions".
    pub(crate) fn words(&self) -> String {
        let below = self
            .text
            .split(',')
            .find_map(|bound| bound.trim().strip_prefix('<'));
        match (self.first(), below) {
            (Some(first), Some(below)) => format!("{first} to before {below}"),
            (Some(first), None) => format!("{first} and later"),
            (None, Some(below)) => format!("before {below}"),
            (None, None) => "all versions".to_owned(),
        }
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
            // `>=6, <6u111` is no empty range: what it starts with is 1.6.
            && from.as_java() >= below.as_java()
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
    fn a_release_is_itself_and_what_is_numbered_below_it() {
        let of = |text: &str, other: &str| Range::of(version(text), text).contains(&version(other));
        assert!(of("1.0.2", "1.0.2g") && of("3.0", "3.0.22") && of("3", "3.5"));
        assert!(
            of("1.0.0t", "1.0.0")
                && !of("1.0.0t", "1.0.1")
                && !of("3.0", "3.1")
                && !of("1.1.0", "1.1.1")
        );
    }

    #[test]
    fn a_range_that_cannot_be_is_refused_with_the_form_to_write() {
        for text in ["", "4", "<=4", ">=5, <4", ">=4, >=5", "<"] {
            let refusal = Range::try_from(text.to_owned()).unwrap_err();
            assert!(refusal.contains("range"), "{refusal}");
        }
    }
}
