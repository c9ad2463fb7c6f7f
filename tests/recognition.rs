//! Who each real client is taken for by a real edge, held against what it is: `docs/recognition.md`.
//!
//! `UPDATE=1` in the environment writes the table. What a machine does not have is left out, and said so.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that meets the unexpected is to fail"
)]

use serde_json::Value;

#[path = "support/clients.rs"]
mod clients;
#[path = "recognition/document.rs"]
mod document;
#[path = "support/edge.rs"]
mod edge;
#[path = "recognition/truth.rs"]
mod truth;
#[path = "support/upstream.rs"]
mod upstream;

use clients::Case;
use edge::{Edge, WARN};
use truth::Truth;
use upstream::Upstream;

/// How one part of an answer stands with the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grade {
    Right,
    Unknown,
    Wrong,
}

/// One client, what it was taken for, and what that is worth.
struct Taken {
    case: &'static Case,
    truth: Truth,
    /// Whether it sent a User-Agent.
    user_agent: bool,
    /// The clues it was known by.
    from: Vec<String>,
    said: String,
    family: Grade,
    version: Grade,
    library: Grade,
}

#[test]
fn every_client_is_taken_for_what_it_is_or_for_nobody() {
    // The pokitdok clients ask for a token first.
    let upstream = Upstream::start();
    let edge = Edge::start(WARN, Some(&upstream.url));
    let taken: Vec<Taken> = clients::all()
        .iter()
        .filter_map(|case| take(&edge, case))
        .collect();
    if taken.is_empty() {
        clients::skipped("recognition", "no client is installed; run tests/setup");
        return;
    }
    for one in &taken {
        println!(
            "{}: {} | family {:?}, version {:?}, library {:?}",
            one.case, one.said, one.family, one.version, one.library
        );
    }
    document::hold(&taken);

    let wrong: Vec<String> = taken
        .iter()
        .filter(|one| [one.family, one.version, one.library].contains(&Grade::Wrong))
        .map(|one| {
            format!(
                "{} is taken for {}; it is {:?}",
                one.case, one.said, one.truth
            )
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let libraries = share(&taken, |one| one.library);
    assert!(libraries >= 95, "the library of {libraries} % is right");
    let named: Vec<&Taken> = taken.iter().filter(|one| one.user_agent).collect();
    let families = share(named, |one| one.family);
    assert!(families >= 90, "the family of {families} % is right");
}

impl Taken {
    /// Whether its very hello stands in the knowledge base.
    fn hello_known(&self) -> bool {
        self.from.iter().any(|clue| clue == "ja4" || clue == "ja3")
    }
}

/// How many of a hundred are right.
fn share<'t>(taken: impl IntoIterator<Item = &'t Taken>, part: fn(&Taken) -> Grade) -> usize {
    let grades: Vec<Grade> = taken.into_iter().map(part).collect();
    let right = grades
        .iter()
        .filter(|grade| **grade == Grade::Right)
        .count();
    right * 100 / grades.len().max(1)
}

fn take(edge: &Edge, case: &'static Case) -> Option<Taken> {
    let before = edge.sightings(0).len();
    let outcome = case.run(&edge.url("/api/v4/ssl/"), &edge.ca)?;
    let truth = truth::of(case);
    let body = outcome
        .served
        .unwrap_or_else(|| panic!("{case} is not served: {:?}", outcome.error))
        .body;
    let answer = answer(&body).unwrap_or_else(|| panic!("{case} got {body}"));
    let client = &answer["client"];
    // Its sightings come when its connections end; a browser opens several, and takes its time.
    let sightings = edge.sightings(before + 1);
    let user_agent = sightings
        .iter()
        .skip(before)
        .any(|sighting| sighting["user_agent"].is_string());
    let text = |key: &str| client[key].as_str().unwrap_or_default().to_owned();
    let from = client["from"].as_array().into_iter().flatten();
    let from = from.filter_map(Value::as_str).map(str::to_owned).collect();
    Some(Taken {
        case,
        user_agent,
        from,
        said: said(client),
        family: truth.family(&text("runtime"), client["contradiction"].is_string()),
        version: truth.version(&text("runtime"), &text("version"), &text("versions")),
        library: truth.library(&text("library")),
        truth,
    })
}

/// The JSON in what a client shows; a browser shows it within a page.
fn answer(body: &str) -> Option<Value> {
    if let Ok(answer) = serde_json::from_str::<Value>(body) {
        // The pokitdok clients wrap it.
        let inner = answer
            .get("data")
            .filter(|data| data.get("client").is_some());
        return Some(inner.unwrap_or(&answer).clone());
    }
    document::of_page(body)
}

fn said(client: &Value) -> String {
    let text = |key: &str| client[key].as_str();
    let mut words = vec![text("runtime").unwrap_or("nobody").to_owned()];
    words.extend(text("version").or(text("versions")).map(str::to_owned));
    let library = text("library").filter(|library| *library != words[0]);
    let mut said = words.join(" ");
    if let Some(library) = library {
        said.push_str(&format!(", {library}"));
    }
    if let Some(contradiction) = text("contradiction") {
        said.push_str(&format!(" ({contradiction})"));
    }
    said
}
