//! The data, read once and made ready to ask.

use std::{collections::HashMap, sync::OnceLock};

use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use serde::Deserialize;

use crate::{
    data::{Family, Fingerprint, General, Library, LibraryFile, Numbering, Pattern},
    error::DataError,
    valid,
    version::Range,
};

/// Bound on one compiled pattern, in bytes. A pattern past it is a mistake in the data: those here are
/// ASCII and take a few kilobytes each.
const PATTERN_LIMIT: usize = 256 << 10;

/// Bound on all patterns compiled as one set, in bytes: room for several hundred of them.
const SET_LIMIT: usize = 16 << 20;

/// A file of the knowledge base: its name below `data/` and its text.
pub(crate) type Source = (&'static str, &'static str);

// FAMILIES and FINGERPRINTS: every file of the two folders.
include!(concat!(env!("OUT_DIR"), "/data.rs"));

const GENERAL: Source = ("general.toml", include_str!("../data/general.toml"));

/// What is known about runtimes, TLS libraries and their fingerprints.
#[derive(Debug)]
pub struct Knowledge {
    /// In order of precedence: a browser's name also stands in the User-Agent of programs that are no
    /// browser.
    pub(crate) families: Vec<Family<'static>>,
    pub(crate) libraries: Vec<Library>,
    pub(crate) general: General,
    patterns: RegexSet,
    /// Beside each pattern of the set: its family and how to read the version out.
    readers: Vec<Reader>,
    by_id: HashMap<&'static str, usize>,
    ja4: HashMap<String, Place>,
    ja3: HashMap<String, Place>,
    /// The library that alone sends a list of cipher suites, by the second part of JA4.
    suites: HashMap<String, Option<usize>>,
    /// The same by the list of signature algorithms.
    schemes: HashMap<String, Option<usize>>,
}

#[derive(Debug)]
struct Reader {
    family: usize,
    pattern: usize,
    regex: Regex,
}

/// A TLS library under a runtime, as far as it is known.
#[derive(Debug)]
pub(crate) struct Stack<'k> {
    pub(crate) family: &'k Family<'static>,
    pub(crate) versions: Option<Range>,
}

/// Where a fingerprint stands: library, and row within it.
#[derive(Clone, Copy, Debug)]
struct Place(usize, usize);

impl Knowledge {
    /// The knowledge base of this build, read on first use (some ten milliseconds) and then shared.
    ///
    /// # Panics
    ///
    /// When the embedded data does not hold together, which the tests of a build rule out.
    pub fn embedded() -> &'static Self {
        static KNOWLEDGE: OnceLock<Knowledge> = OnceLock::new();
        KNOWLEDGE.get_or_init(|| {
            Self::read(&FAMILIES, &FINGERPRINTS, GENERAL)
                .expect("the embedded knowledge base is read by every test of this crate")
        })
    }

    /// Reads a knowledge base from its files.
    pub(crate) fn read(
        families: &[Source],
        fingerprints: &[Source],
        general: Source,
    ) -> Result<Self, DataError> {
        let mut all: Vec<Family<'static>> = Vec::new();
        for source in families {
            let mut family: Family<'static> = parse(source)?;
            if family.numbering == Some(Numbering::Java) {
                family
                    .rule
                    .iter_mut()
                    .for_each(|rule| rule.versions.as_java());
            }
            let said = |problem| sense(source.0, family.id, problem);
            if all.iter().any(|known| known.id == family.id) {
                return Err(said("this id is taken; merge the two files".to_owned()));
            }
            valid::family(&family).map_err(said)?;
            all.push(family);
        }
        valid::together(&all).map_err(|(id, problem)| sense("families", &id, problem))?;
        all.sort_by_key(|family| (family.rank, family.id));
        let by_id: HashMap<&'static str, usize> = all
            .iter()
            .enumerate()
            .map(|(place, family)| (family.id, place))
            .collect();
        let readers = readers(&all)?;
        let patterns = RegexSetBuilder::new(readers.iter().map(|reader| reader.regex.as_str()))
            .unicode(false)
            .size_limit(SET_LIMIT)
            .build()
            .map_err(|problem| sense("families", "patterns", problem.to_string()))?;

        let mut knowledge = Self {
            families: all,
            libraries: Vec::new(),
            general: parse(&general)?,
            patterns,
            readers,
            by_id,
            ja4: HashMap::new(),
            ja3: HashMap::new(),
            suites: HashMap::new(),
            schemes: HashMap::new(),
        };
        for source in fingerprints {
            for library in parse::<LibraryFile>(source)?.library {
                let name = library.name.clone();
                knowledge
                    .index(library)
                    .map_err(|problem| sense(source.0, &name, problem))?;
            }
        }
        Ok(knowledge)
    }

    fn index(&mut self, mut library: Library) -> Result<(), String> {
        if let (Some(family), Some(versions)) =
            (self.family(&library.family), &mut library.versions)
            && family.numbering == Some(Numbering::Java)
        {
            versions.as_java();
        }
        let seen_in = library.fingerprint.iter().flat_map(|row| &row.runtimes);
        for id in seen_in
            .map(|candidate| &candidate.family)
            .chain([&library.family])
        {
            if self.family(id).is_none() {
                return Err(format!(
                    "no family has the id `{id}`; add its file or mend the name"
                ));
            }
        }
        let outer = self.libraries.len();
        for (inner, row) in library.fingerprint.iter().enumerate() {
            for (index, values) in [(&mut self.ja4, &row.ja4), (&mut self.ja3, &row.ja3)] {
                for value in values {
                    if index.insert(value.clone(), Place(outer, inner)).is_some() {
                        return Err(format!("`{value}` stands twice; merge the two rows"));
                    }
                }
            }
            for suites in row.ja4.iter().filter_map(|ja4| suites_of(ja4)) {
                sole(&mut self.suites, &self.libraries, suites, outer, &library);
            }
        }
        for schemes in &library.schemes {
            sole(&mut self.schemes, &self.libraries, schemes, outer, &library);
        }
        self.libraries.push(library);
        Ok(())
    }

    /// The family with this id.
    pub(crate) fn family(&self, id: &str) -> Option<&Family<'static>> {
        self.families.get(*self.by_id.get(id)?)
    }

    /// What a runtime's `library` names: a library of the fingerprints, or a family and a release.
    pub(crate) fn stack(&self, name: &str) -> Option<Stack<'_>> {
        if let Some(library) = self.libraries.iter().find(|library| library.name == name) {
            return Some(Stack {
                family: self.family(&library.family)?,
                versions: library.versions.clone(),
            });
        }
        let (family, version) = name.rsplit_once(' ').unwrap_or((name, ""));
        let named = |family: &str| self.families.iter().find(|known| known.name == family);
        let (family, version) = match named(name) {
            Some(family) => (family, ""),
            None => (named(family)?, version),
        };
        Some(Stack {
            family,
            versions: family
                .version(version)
                .map(|release| Range::of(release, version)),
        })
    }

    pub(crate) fn by_ja4(&self, ja4: &str) -> Option<(&Library, &Fingerprint)> {
        self.at(*self.ja4.get(ja4)?)
    }

    pub(crate) fn by_ja3(&self, ja3: &str) -> Option<(&Library, &Fingerprint)> {
        self.at(*self.ja3.get(ja3)?)
    }

    /// A library that sends the cipher suites of this JA4, when no other library was seen to. Another release
    /// of it may send them too.
    pub(crate) fn by_suites(&self, ja4: &str) -> Option<&Library> {
        let place = (*self.suites.get(suites_of(ja4)?)?)?;
        self.libraries.get(place)
    }

    /// A library that sends these signature algorithms by itself, when no other was seen to.
    pub(crate) fn by_schemes(&self, schemes: &str) -> Option<&Library> {
        let place = (*self.schemes.get(schemes)?)?;
        self.libraries.get(place)
    }

    /// What `look` sees while this hello is in no row, so that a test does not find what it put in.
    #[cfg(test)]
    pub(crate) fn without<T>(&mut self, ja4: &str, ja3: &str, look: impl FnOnce(&Self) -> T) -> T {
        let (kept4, kept3) = (self.ja4.remove(ja4), self.ja3.remove(ja3));
        let mut suites = HashMap::new();
        for (value, Place(outer, _)) in &self.ja4 {
            let library = self.libraries.get(*outer).expect("an indexed place");
            if let Some(part) = suites_of(value) {
                sole(&mut suites, &self.libraries, part, *outer, library);
            }
        }
        let all = std::mem::replace(&mut self.suites, suites);
        let seen = look(self);
        self.suites = all;
        self.ja4.extend(kept4.map(|place| (ja4.to_owned(), place)));
        self.ja3.extend(kept3.map(|place| (ja3.to_owned(), place)));
        seen
    }

    /// As [`Self::embedded`], for a test that changes it.
    #[cfg(test)]
    pub(crate) fn own() -> Self {
        Self::read(&FAMILIES, &FINGERPRINTS, GENERAL).expect("the embedded data")
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

/// Notes who sends `value`. Two families do: then it says nothing.
fn sole(
    index: &mut HashMap<String, Option<usize>>,
    libraries: &[Library],
    value: &str,
    place: usize,
    library: &Library,
) {
    index
        .entry(value.to_owned())
        .and_modify(|known| {
            *known = known.filter(|other| {
                *other == place
                    || libraries
                        .get(*other)
                        .is_some_and(|other| other.family == library.family)
            });
        })
        .or_insert(Some(place));
}

/// The part of a JA4 that stands for the cipher suites; `None` where there are none.
fn suites_of(ja4: &str) -> Option<&str> {
    let part = ja4.split('_').nth(1)?;
    (part.len() == 12 && part != "000000000000").then_some(part)
}

fn readers(families: &[Family<'static>]) -> Result<Vec<Reader>, DataError> {
    let mut readers = Vec::new();
    for (place, family) in families.iter().enumerate() {
        for (number, pattern) in family.pattern.iter().enumerate() {
            let regex = RegexBuilder::new(&pattern.regex)
                .unicode(false)
                .size_limit(PATTERN_LIMIT)
                .build()
                .map_err(|problem| sense("families", family.id, problem.to_string()))?;
            readers.push(Reader {
                family: place,
                pattern: number,
                regex,
            });
        }
    }
    Ok(readers)
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
