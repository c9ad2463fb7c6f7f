//! What each client is, from what `tests/setup` wrote down when it was installed.

use crate::Grade;
use crate::clients::Case;

/// What a client is.
#[derive(Debug)]
pub(crate) struct Truth {
    family: &'static str,
    /// Its release; empty where no part of the exchange could tell.
    version: String,
    library: &'static str,
    library_version: String,
}

/// Names of libraries as answers give them: the library, the first release that the name covers and the first past it.
const LIBRARIES: &[(&str, &str, &[u32], &[u32])] = &[
    ("OpenSSL", "OpenSSL", &[0], &[99]),
    ("OpenSSL 1.0.0", "OpenSSL", &[1, 0, 0], &[1, 0, 1]),
    ("OpenSSL 1.0.1", "OpenSSL", &[1, 0, 1], &[1, 0, 2]),
    ("OpenSSL 1.0.2", "OpenSSL", &[1, 0, 2], &[1, 1]),
    ("OpenSSL 1.1.0", "OpenSSL", &[1, 1], &[1, 1, 1]),
    ("OpenSSL 1.1.0 or later", "OpenSSL", &[1, 1], &[99]),
    ("OpenSSL 1.1.1 or 3", "OpenSSL", &[1, 1, 1], &[3, 5]),
    ("OpenSSL 3.5 or later", "OpenSSL", &[3, 5], &[99]),
    ("Java JSSE", "Java JSSE", &[0], &[99]),
    ("Go crypto/tls", "Go crypto/tls", &[0], &[99]),
    ("Mono BoringSSL", "Mono BoringSSL", &[0], &[99]),
    ("Chromium BoringSSL", "BoringSSL", &[0], &[99]),
    ("BoringSSL", "BoringSSL", &[0], &[99]),
];

pub(crate) fn of(case: &Case) -> Truth {
    let said = case.version();
    let (family, version, library, library_version) = match case.client {
        "node-0.8" | "pokitdok-nodejs-0.8" => ("Node.js", after(said, "v"), "OpenSSL", "1.0.0"),
        "node-0.10" => ("Node.js", after(said, "v"), "OpenSSL", "1.0.1"),
        "node" | "node-fetch" | "pokitdok-nodejs" => (
            "Node.js",
            after(said, "v"),
            "OpenSSL",
            bundled(&after(said, "v")),
        ),
        "python" | "pokitdok-python" => ("Python", after(said, "Python "), "OpenSSL", system()),
        "curl" => ("curl", after(said, "curl "), "OpenSSL", system()),
        "openssl" => ("OpenSSL", after(said, "OpenSSL "), "OpenSSL", system()),
        "ruby" => ("Ruby", after(said, "ruby "), "OpenSSL", system()),
        "php-curl" | "php-streams" => ("PHP", after(said, "PHP "), "OpenSSL", system()),
        "perl" => ("Perl LWP", after(said, "LWP "), "OpenSSL", system()),
        "java" => ("Java", after(said, "javac "), "Java JSSE", ""),
        "go" => ("Go", after(said, "go version go"), "Go crypto/tls", ""),
        "mono" => ("Mono", after(said, "version "), "Mono BoringSSL", ""),
        "chromium" => ("Chrome", after(said, "Chromium "), "BoringSSL", ""),
        other => panic!("say here what {other} is"),
    };
    Truth {
        family,
        version,
        library,
        library_version: library_version.to_owned(),
    }
}

/// The OpenSSL that Debian's programs are linked with.
fn system() -> &'static str {
    "3.0"
}

/// The OpenSSL that a Node.js carries, by its own change log.
fn bundled(node: &str) -> &'static str {
    let [major, minor] = [0, 1].map(|part| numbers(node).get(part).copied().unwrap_or(0));
    match (major, minor) {
        (24.., _) | (22, 20..) => "3.5",
        (18.., _) => "3.0",
        (12.., _) => "1.1.1",
        _ => "1.0.2",
    }
}

fn after(said: &str, word: &str) -> String {
    let rest = said.split_once(word).map_or(said, |(_, rest)| rest);
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.');
    rest[..end.unwrap_or(rest.len())].to_owned()
}

fn numbers(version: &str) -> Vec<u32> {
    version
        .split(['.', '_'])
        .map_while(|part| part.parse().ok())
        .collect()
}

impl Truth {
    /// The name of a library instead of a program claims nothing of the program.
    pub(crate) fn family(&self, said: &str, contradicted: bool) -> Grade {
        let library = LIBRARIES.iter().any(|(name, ..)| *name == said);
        if contradicted {
            Grade::Wrong
        } else if said == self.family {
            Grade::Right
        } else if said.is_empty() || library || said == self.library {
            Grade::Unknown
        } else {
            Grade::Wrong
        }
    }

    /// `said` is right when it is the beginning of the version, or the version lies within the span.
    pub(crate) fn version(&self, family: &str, said: &str, span: &str) -> Grade {
        let of = if family == self.family {
            &self.version
        } else {
            &self.library_version
        };
        let truth = numbers(of);
        if !said.is_empty() {
            let said = numbers(said);
            return if truth.starts_with(&said) || said.starts_with(&truth) {
                Grade::Right
            } else {
                Grade::Wrong
            };
        }
        if span.is_empty() || truth.is_empty() {
            return Grade::Unknown;
        }
        let within = span.split(',').all(|bound| {
            let bound = bound.trim();
            match (bound.strip_prefix(">="), bound.strip_prefix('<')) {
                (Some(from), _) => truth >= numbers(from),
                (None, Some(below)) => truth < numbers(below),
                (None, None) => true,
            }
        });
        if within { Grade::Right } else { Grade::Wrong }
    }

    pub(crate) fn library(&self, said: &str) -> Grade {
        if said.is_empty() {
            return Grade::Unknown;
        }
        let Some((_, library, from, below)) = LIBRARIES.iter().find(|(name, ..)| *name == said)
        else {
            return Grade::Wrong;
        };
        let truth = numbers(&self.library_version);
        let within = truth.is_empty() || truth.as_slice() >= *from && truth.as_slice() < *below;
        if *library == self.library && within {
            Grade::Right
        } else {
            Grade::Wrong
        }
    }

    pub(crate) fn words(&self) -> String {
        let mut words = format!("{} {}, {}", self.family, self.version, self.library);
        if !self.library_version.is_empty() {
            words.push_str(&format!(" {}", self.library_version));
        }
        words
    }
}
