//! The data, read once and made ready to ask.

use std::{collections::HashMap, sync::OnceLock};

use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use serde::Deserialize;

use crate::{
    data::{Family, FamilyFile, Fingerprint, General, Library, LibraryFile, Pattern, Release},
    error::DataError,
    version::Version,
};

/// Bound on one compiled pattern, in bytes. A pattern past it is a mistake in the data: those here are
/// ASCII and take a few kilobytes each.
const PATTERN_LIMIT: usize = 256 << 10;

/// Bound on all patterns compiled as one set, in bytes: room for several hundred of them.
const SET_LIMIT: usize = 16 << 20;

/// A file of the knowledge base: its name below `data/` and its text.
pub(crate) type Source = (&'static str, &'static str);

/// Files of runtimes, in order of precedence: a browser's name also stands in the User-Agent of programs
/// that are no browser.
const FAMILIES: [Source; 4] = [
    ("runtimes.toml", include_str!("../data/runtimes.toml")),
    ("platforms.toml", include_str!("../data/platforms.toml")),
    ("browsers.toml", include_str!("../data/browsers.toml")),
    ("libraries.toml", include_str!("../data/libraries.toml")),
];
const FINGERPRINTS: Source = (
    "fingerprints.toml",
    include_str!("../data/fingerprints.toml"),
);
const GENERAL: Source = ("general.toml", include_str!("../data/general.toml"));

/// What is known about runtimes, TLS libraries and their fingerprints.
#[derive(Debug)]
pub struct Knowledge {
    pub(crate) families: Vec<Family<'static>>,
    pub(crate) libraries: Vec<Library>,
    pub(crate) general: General,
    patterns: RegexSet,
    /// Beside each pattern of the set: its family and how to read the version out.
    readers: Vec<Reader>,
    ja4: HashMap<String, Place>,
    ja3: HashMap<String, Place>,
}

#[derive(Debug)]
struct Reader {
    family: usize,
    pattern: usize,
    regex: Regex,
}

/// Where a fingerprint stands: library, and row within it.
#[derive(Clone, Copy, Debug)]
struct Place(usize, usize);

impl Knowledge {
    /// The knowledge base of this build, read on first use (a few milliseconds) and then shared.
    ///
    /// # Panics
    ///
    /// When the embedded data does not hold together, which the tests of a build rule out.
    pub fn embedded() -> &'static Self {
        static KNOWLEDGE: OnceLock<Knowledge> = OnceLock::new();
        KNOWLEDGE.get_or_init(|| {
            Self::read(&FAMILIES, FINGERPRINTS, GENERAL)
                .expect("the embedded knowledge base is read by every test of this crate")
        })
    }

    /// Reads a knowledge base from its files.
    pub(crate) fn read(
        families: &[Source],
        fingerprints: Source,
        general: Source,
    ) -> Result<Self, DataError> {
        let mut all = Vec::new();
        let mut readers = Vec::new();
        for source in families {
            for family in parse::<FamilyFile<'static>>(source)?.runtime {
                let place = all.len();
                let said = |problem| sense(source.0, family.id, problem);
                if all.iter().any(|known: &Family<'_>| known.id == family.id) {
                    return Err(said("this id is taken; merge the two tables".to_owned()));
                }
                check_releases(&family.release).map_err(said)?;
                for (number, pattern) in family.pattern.iter().enumerate() {
                    let regex = RegexBuilder::new(&pattern.regex)
                        .unicode(false)
                        .size_limit(PATTERN_LIMIT)
                        .build()
                        .map_err(|problem| said(problem.to_string()))?;
                    readers.push(Reader {
                        family: place,
                        pattern: number,
                        regex,
                    });
                }
                all.push(family);
            }
        }
        let patterns = RegexSetBuilder::new(readers.iter().map(|reader| reader.regex.as_str()))
            .unicode(false)
            .size_limit(SET_LIMIT)
            .build()
            .map_err(|problem| sense("*.toml", "patterns", problem.to_string()))?;

        let libraries = parse::<LibraryFile>(&fingerprints)?.library;
        let (mut ja4, mut ja3) = (HashMap::new(), HashMap::new());
        for (outer, library) in libraries.iter().enumerate() {
            let said = |problem| sense(fingerprints.0, &library.name, problem);
            let seen_in = library.fingerprint.iter().flat_map(|row| &row.runtimes);
            for id in seen_in
                .map(|candidate| &candidate.family)
                .chain([&library.family])
            {
                if !all.iter().any(|family| family.id == id.as_str()) {
                    return Err(said(format!(
                        "no runtime has the id `{id}`; add it or mend the name"
                    )));
                }
            }
            for (inner, row) in library.fingerprint.iter().enumerate() {
                for (index, values) in [(&mut ja4, &row.ja4), (&mut ja3, &row.ja3)] {
                    for value in values {
                        if index.insert(value.clone(), Place(outer, inner)).is_some() {
                            return Err(said(format!(
                                "`{value}` stands twice; merge the two rows"
                            )));
                        }
                    }
                }
            }
        }
        Ok(Self {
            families: all,
            libraries,
            general: parse(&general)?,
            patterns,
            readers,
            ja4,
            ja3,
        })
    }

    /// The family with this id.
    pub(crate) fn family(&self, id: &str) -> Option<&Family<'static>> {
        self.families.iter().find(|family| family.id == id)
    }

    /// The library that a runtime's `library` names.
    pub(crate) fn library(&self, name: &str) -> Option<&Library> {
        self.libraries.iter().find(|library| library.name == name)
    }

    pub(crate) fn by_ja4(&self, ja4: &str) -> Option<(&Library, &Fingerprint)> {
        self.at(*self.ja4.get(ja4)?)
    }

    pub(crate) fn by_ja3(&self, ja3: &str) -> Option<(&Library, &Fingerprint)> {
        self.at(*self.ja3.get(ja3)?)
    }

    fn at(&self, Place(outer, inner): Place) -> Option<(&Library, &Fingerprint)> {
        let library = self.libraries.get(outer)?;
        Some((library, library.fingerprint.get(inner)?))
    }

    /// The family that `user_agent` names, the pattern that says so, and the version as it stands there.
    pub(crate) fn by_user_agent<'ua>(
        &self,
        user_agent: &'ua [u8],
    ) -> Option<(&Family<'static>, &Pattern, Option<&'ua str>)> {
        let first = self.patterns.matches(user_agent).into_iter().next()?;
        let reader = self.readers.get(first)?;
        let family = self.families.get(reader.family)?;
        let version = reader.regex.captures(user_agent).and_then(|found| {
            let bytes = found.name("version")?.as_bytes();
            std::str::from_utf8(bytes).ok()
        });
        Some((family, family.pattern.get(reader.pattern)?, version))
    }
}

impl Family<'_> {
    /// The release row that covers `version`.
    pub(crate) fn release(&self, version: &str) -> Option<&Release> {
        let version = Version::parse(version)?;
        self.release
            .iter()
            .find(|release| release.versions.contains(&version))
    }
}

/// Rows ascend without overlap, so that each can be reached and none hides another.
fn check_releases(releases: &[Release]) -> Result<(), String> {
    if releases.is_empty() {
        return Err("it has no [[runtime.release]]; write at least one".to_owned());
    }
    for (earlier, later) in releases.iter().zip(releases.iter().skip(1)) {
        let apart = earlier.versions.below.zip(later.versions.from);
        if apart.is_none_or(|(end, start)| end > start) {
            return Err(format!(
                "`{}` and `{}` overlap or stand out of order; let the later row start where the earlier ends",
                earlier.versions.text, later.versions.text
            ));
        }
    }
    Ok(())
}

fn parse<T: Deserialize<'static>>((file, text): &Source) -> Result<T, DataError> {
    toml::from_str(text).map_err(|problem| DataError::Form { file, problem })
}

fn sense(file: &'static str, row: &str, problem: String) -> DataError {
    DataError::Sense {
        file,
        row: row.to_owned(),
        problem,
    }
}
