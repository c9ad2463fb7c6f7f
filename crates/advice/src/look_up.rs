//! From what a person types to a runtime: `java 7u25`, `.NET 4.5`, `windows 7`.

use std::fmt;

use crate::{
    data::Family,
    knowledge::Knowledge,
    recognise::{Confidence, Runtime, VERSION_LIMIT},
};

/// How alike a name must be to be suggested; below it suggestions are noise.
const ALIKE: f64 = 0.78;

/// Most suggestions given.
const SUGGESTIONS: usize = 5;

/// Longest query looked at, in bytes; comparing takes time that grows with it.
const QUERY_LIMIT: usize = 80;

/// Why nothing was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Miss {
    /// No family is called so; names that are like it.
    Name(Vec<String>),
    /// The family is known, and what follows its name is no version of it.
    Version {
        /// The family's name.
        family: String,
        /// What stood there.
        text: String,
    },
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(like) if like.is_empty() => f.write_str(
                "nothing by that name is known here; `sundown advise --list` shows what is",
            ),
            Self::Name(like) => write!(
                f,
                "nothing by that name is known here; did you mean {}?",
                like.join(", ")
            ),
            Self::Version { family, text } => write!(
                f,
                "{family} is known, but {text:?} is no version; write it as the runtime does, for instance 1.2.3"
            ),
        }
    }
}

impl std::error::Error for Miss {}

impl Knowledge {
    /// The runtime that a person names, with or without a version.
    ///
    /// # Errors
    ///
    /// [`Miss`], with what may have been meant.
    pub fn look_up(&self, typed: &str) -> Result<Runtime, Miss> {
        let query = &plain(typed);
        let named = || {
            self.families.iter().flat_map(|family| {
                names(family)
                    .filter_map(move |name| Some((family, name.len(), rest(query, &name)?)))
            })
        };
        let Some(longest) = named().map(|(_, length, _)| length).max() else {
            return Err(Miss::Name(self.alike(query)));
        };
        let best: Vec<(&Family<'static>, String)> = named()
            .filter(|(_, length, _)| *length == longest)
            .map(|(family, _, rest)| (family, rest))
            .collect();
        // Two families share a name (.NET): the one that has such a version is meant.
        let covering = best
            .iter()
            .find(|(family, rest)| rest.is_empty() || family.plain_rule(rest).is_some());
        let Some((family, version)) = covering.or(best.first()) else {
            return Err(Miss::Name(self.alike(query)));
        };
        if version.is_empty() {
            return Ok(asked(family, None));
        }
        let known = family.version(version).is_some() && version.len() <= VERSION_LIMIT;
        if !known {
            return Err(Miss::Version {
                family: family.name.clone(),
                text: version.clone(),
            });
        }
        Ok(asked(family, Some(version.clone())))
    }

    fn alike(&self, query: &str) -> Vec<String> {
        let word = query
            .split_once(|c: char| c.is_ascii_digit())
            .map_or(query, |(word, _)| word)
            .trim();
        let mut scored: Vec<(f64, &str)> = self
            .families
            .iter()
            .map(|family| {
                let best = names(family)
                    .map(|name| {
                        if word.len() > 2 && name.contains(word) {
                            1.0
                        } else {
                            strsim::jaro_winkler(word, &name)
                        }
                    })
                    .fold(0.0, f64::max);
                (best, family.name.as_str())
            })
            .filter(|(score, _)| *score >= ALIKE)
            .collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        scored
            .into_iter()
            .take(SUGGESTIONS)
            .map(|(_, name)| name.to_owned())
            .collect()
    }
}

fn asked(family: &Family<'static>, version: Option<String>) -> Runtime {
    Runtime {
        runtime: family.name.clone(),
        version,
        versions: None,
        library: None,
        like: None,
        confidence: Confidence::High,
        from: Vec::new(),
        family: family.id,
        candidates: Vec::new(),
        contradiction: None,
    }
}

/// Lower case, one space between words.
fn plain(text: &str) -> String {
    let mut end = text.len().min(QUERY_LIMIT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let front = text.get(..end).unwrap_or_default();
    front
        .to_lowercase()
        .split([' ', '/', '\t'])
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

fn names(family: &Family<'_>) -> impl Iterator<Item = String> {
    let aliases = family.aliases.iter().map(String::as_str);
    [family.id, family.name.as_str()]
        .into_iter()
        .chain(aliases)
        .map(plain)
}

/// What follows `name` in `query`, when that begins with it and a version or nothing follows.
fn rest(query: &str, name: &str) -> Option<String> {
    let rest = query.strip_prefix(name)?;
    if rest.is_empty() {
        return Some(String::new());
    }
    let begins_anew = rest.starts_with(' ') || rest.starts_with(|c: char| c.is_ascii_digit());
    let rest = rest.trim();
    let rest = rest.strip_prefix("version ").unwrap_or(rest);
    let rest = match rest.strip_prefix('v') {
        Some(number) if number.starts_with(|c: char| c.is_ascii_digit()) => number,
        _ => rest,
    };
    begins_anew.then(|| rest.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(typed: &str) -> String {
        match Knowledge::embedded().look_up(typed) {
            Ok(runtime) => format!("{} {:?}", runtime.family, runtime.version.as_deref()),
            Err(miss) => miss.to_string(),
        }
    }

    #[test]
    fn people_are_understood() {
        assert_eq!(found("java 7u25"), "java Some(\"7u25\")");
        assert_eq!(found(".NET 4.5"), "dotnet-framework Some(\"4.5\")");
        assert_eq!(found(".net 8"), "dotnet Some(\"8\")");
        assert_eq!(found("Node.js v0.8.28"), "node Some(\"0.8.28\")");
        assert_eq!(found("python3.4"), "python Some(\"3.4\")");
        assert_eq!(found("OpenSSL 1.0.0t"), "openssl Some(\"1.0.0t\")");
        assert_eq!(found("windows XP"), "schannel Some(\"xp\")");
        assert_eq!(found("ruby"), "ruby None");
    }

    #[test]
    fn a_typo_is_answered_with_what_may_be_meant() {
        let typo = found("pyhton 2.7");
        assert!(typo.contains("did you mean Python"), "{typo}");
        assert!(found("openss").contains("OpenSSL"), "{}", found("openss"));
        assert!(found("zzzzqqq").contains("--list"));
        assert!(found("java seven").contains("\"seven\" is no version"));
    }

    #[test]
    fn no_query_breaks_it() {
        for typed in [
            "",
            " ",
            "é".repeat(90).as_str(),
            "java ",
            "java \u{0}",
            "java 99999999999999",
        ] {
            found(typed);
        }
    }
}
