//! The recorded clients, by their fingerprint alone: with their own rows, which says whether the data is right, and
//! without, which says what the matcher makes of a hello it has not seen. `docs/recognition-recorded.md` has the counts.

use std::fmt::Write as _;
use std::fs;

use hello::Version;

use crate::{Clues, Knowledge, Runtime};

/// What they are. What they sent is in `data/clients.toml`.
const CLIENTS: &str = include_str!("../../tests/recorded-clients.csv");
const HELLOS: &str = include_str!("../../data/clients.toml");
const COMMITTED: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../docs/recognition-recorded.md"
);

/// A client that was recorded.
struct Client {
    name: &'static str,
    ja4: String,
    ja3: String,
    /// Ids of the families that send this hello; none for a crawler, whose library nobody recorded.
    families: Vec<&'static str>,
    version: &'static str,
    library: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grade {
    Right,
    Unknown,
    Wrong,
}

/// Family, version and library: with the client's own rows, and without.
type Outcome = ([Grade; 3], [Grade; 3]);

fn clients() -> Vec<Client> {
    let hellos: toml::Table = HELLOS.parse().unwrap();
    let hellos = hellos["client"].as_array().unwrap();
    let rows = CLIENTS.lines().filter(|line| !line.starts_with('#'));
    rows.map(|row| {
        let fields: Vec<&'static str> = row.split(',').collect();
        let [name, families, version, library] = fields.try_into().unwrap();
        let hello = hellos
            .iter()
            .find(|hello| hello["name"].as_str() == Some(name));
        let hello = hello.unwrap_or_else(|| panic!("{name} is in data/clients.toml"));
        let of = |key: &str| hello[key].as_str().unwrap().to_owned();
        Client {
            name,
            ja4: of("ja4"),
            ja3: of("ja3"),
            families: families.split_whitespace().collect(),
            version,
            library,
        }
    })
    .collect()
}

impl Client {
    fn recognise(&self, knowledge: &Knowledge) -> Option<Runtime> {
        knowledge.recognise(&Clues {
            user_agent: None,
            ja4: Some(&self.ja4),
            ja3: Some(&self.ja3),
            max_protocol: Version::TLSV1_2,
        })
    }

    /// The library that the answer names: by a row of the fingerprints, or by a family.
    fn library(&self, knowledge: &Knowledge, said: Option<&Runtime>) -> Grade {
        let Some(stack) = said.and_then(|said| knowledge.stack(said.library.as_deref()?)) else {
            return Grade::Unknown;
        };
        // Chromium and Android are built on BoringSSL, and older ones on what came before it.
        let kin = ["boringssl", "android", "chrome"];
        let both = kin.contains(&stack.family.id) && kin.contains(&self.library);
        if stack.family.id == self.library || both {
            Grade::Right
        } else {
            Grade::Wrong
        }
    }

    fn family(&self, knowledge: &Knowledge, said: Option<&Runtime>) -> Grade {
        let Some(said) = said else {
            return Grade::Unknown;
        };
        let named = knowledge.family(said.family).unwrap();
        if self.families.contains(&said.family) {
            Grade::Right
        } else if named.id == self.library || named.kind == crate::Kind::Library {
            Grade::Unknown
        } else {
            Grade::Wrong
        }
    }

    /// Within what is said of the version of the family or of the library.
    fn version(&self, knowledge: &Knowledge, said: Option<&Runtime>) -> Grade {
        let Some(said) = said else {
            return Grade::Unknown;
        };
        let family = knowledge.family(said.family).unwrap();
        if !self.families.contains(&said.family) {
            return Grade::Unknown;
        }
        let truths: Vec<_> = self
            .version
            .split_whitespace()
            .filter_map(|version| family.version(version))
            .collect();
        let span = match (&said.version, &said.versions) {
            (Some(version), _) => family
                .version(version)
                .map(|release| crate::version::Range::of(release, version)),
            (None, Some(span)) => family.range(span),
            (None, None) => None,
        };
        match span {
            None => Grade::Unknown,
            Some(span) if truths.iter().any(|truth| span.contains(truth)) => Grade::Right,
            // A span may be of the library under several families.
            Some(_) if truths.is_empty() => Grade::Unknown,
            Some(_) => Grade::Wrong,
        }
    }
}

#[test]
fn recorded_clients_are_taken_for_what_they_are_or_for_nobody() {
    let mut knowledge = Knowledge::own();
    let clients = clients();
    assert_eq!(clients.len(), 175);
    let known: Vec<&Client> = clients
        .iter()
        .filter(|client| !client.library.is_empty())
        .collect();
    let crawlers = clients.len() - known.len();
    let mut table = String::new();
    let mut wrong = Vec::new();
    let mut outcomes = Vec::new();
    for client in &known {
        let own = client.recognise(&knowledge);
        let (ja4, ja3) = (client.ja4.as_str(), client.ja3.as_str());
        let new = knowledge.without(ja4, ja3, |knowledge| client.recognise(knowledge));
        let grade = |said: Option<&Runtime>| {
            [
                client.family(&knowledge, said),
                client.version(&knowledge, said),
                client.library(&knowledge, said),
            ]
        };
        let (with, without) = (grade(own.as_ref()), grade(new.as_ref()));
        for (grades, said) in [(with, &own), (without, &new)] {
            if grades.contains(&Grade::Wrong) {
                wrong.push(format!("{} {grades:?}: {said:?}", client.name));
            }
        }
        outcomes.push((with, without));
    }
    for (index, part) in ["family", "version", "library"].iter().enumerate() {
        let count = |of: fn(&Outcome) -> [Grade; 3], grade| {
            outcomes
                .iter()
                .filter(|outcome| of(outcome).get(index) == Some(&grade))
                .count()
        };
        let line = |of| {
            let [right, unknown, wrong] =
                [Grade::Right, Grade::Unknown, Grade::Wrong].map(|grade| count(of, grade));
            format!("{right} | {unknown} | {wrong}")
        };
        let _ = writeln!(
            table,
            "| {part} | {} | {} |",
            line(|outcome| outcome.0),
            line(|outcome| outcome.1)
        );
    }
    let text = format!(
        "# Recorded clients, by fingerprint alone\n\n\
Written by `UPDATE=1 cargo test -p sundown-advice`. {} clients of SSL Labs and of captures, as testssl.sh keeps them; {crawlers}\n\
more are crawlers of which nobody recorded what they are built on, and are not counted. No User-Agent is given.\n\n\
The matcher's own fingerprints come from this very list, so the first three columns say only that the data is what was\n\
recorded. For the other three the client's hello is taken out first: what is left are other hellos with the same list of\n\
cipher suites. The test fails where anything is wrong.\n\n\
| | right | unknown | wrong | left out: right | unknown | wrong |\n| --- | --- | --- | --- | --- | --- | --- |\n{table}",
        known.len()
    );
    if std::env::var_os("UPDATE").is_some() {
        fs::write(COMMITTED, &text).unwrap();
    }
    assert!(wrong.is_empty(), "{}: {wrong:#?}", wrong.len());
    assert_eq!(
        text,
        fs::read_to_string(COMMITTED).unwrap_or_default(),
        "docs/recognition-recorded.md is no longer so; UPDATE=1 writes it anew"
    );
}
