//! Everything the knowledge base can say, as text, beside the text that was last agreed to: a change of
//! advice is a change of `snapshots/` that somebody reviews.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use hello::Version;

use crate::{Advice, Confidence, Goal, Knowledge, Runtime, Trust, data::Family};

const CHECK_URL: &str = "https://api.example.com/ssl/";
const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots");

fn runtime(family: &Family<'static>, version: Option<&str>) -> Runtime {
    Runtime {
        runtime: family.name.clone(),
        version: version.map(str::to_owned),
        versions: None,
        library: None,
        like: None,
        confidence: Confidence::High,
        from: vec!["user-agent"],
        family: family.id,
        candidates: Vec::new(),
        contradiction: None,
    }
}

fn print(text: &mut String, title: &str, advice: &Advice) {
    let _ = writeln!(text, "## {title}\n{}", advice.summary);
    if let (Some(snippet), Some(language)) = (&advice.snippet, &advice.language) {
        let _ = writeln!(text, "  change ({language}): {snippet}");
    }
    let _ = writeln!(text, "  verify: {}", advice.verify);
    if advice.confidence != Trust::Sourced {
        let _ = writeln!(text, "  confidence: {:?}", advice.confidence);
    }
    text.push('\n');
}

/// What each family says, release by release and floor by floor.
fn of(family: &Family<'static>) -> String {
    let knowledge = Knowledge::embedded();
    let mut text = format!(
        "# {}\n\nWhat is said to one that offers TLSv1 at most, or no post-quantum group. To see its version, {}.\n\n",
        family.name, family.find
    );
    let offered = Version::TLSV1;
    let anyone = runtime(family, None);
    for needed in [Version::TLSV1_2, Version::TLSV1_3] {
        let advice = knowledge.advise(Some(&anyone), offered, needed, CHECK_URL);
        print(&mut text, &format!("version unknown -> {needed}"), &advice);
    }
    for rule in &family.rule {
        let one = runtime(family, Some(rule.versions.first().unwrap_or("0")));
        if let Some(condition) = rule.condition() {
            for goal in Goal::ALL {
                let prospect = knowledge.prospect(&one, goal, CHECK_URL).unwrap();
                let found = prospect
                    .otherwise
                    .iter()
                    .find(|other| other.when == condition);
                let Some(other) = found else {
                    continue; // says what the rule without the fact says
                };
                let _ = writeln!(
                    text,
                    "## {} ({condition}) -> {goal}: {}\n{}\n",
                    rule.versions.text, other.support, other.fix
                );
            }
            continue;
        }
        for goal in Goal::ALL {
            let title = format!("{} -> {goal}", rule.versions.text);
            let advice = match goal {
                Goal::Tls12 => knowledge.advise(Some(&one), offered, Version::TLSV1_2, CHECK_URL),
                Goal::Tls13 => knowledge.advise(Some(&one), offered, Version::TLSV1_3, CHECK_URL),
                Goal::Pq => knowledge.prospect(&one, goal, CHECK_URL).unwrap().advice,
            };
            print(&mut text, &title, &advice);
        }
    }
    text
}

/// What is said without a family, and to stacks known by their fingerprint alone.
fn general() -> String {
    let knowledge = Knowledge::embedded();
    let mut text = String::from("# Without a family, and by fingerprint alone\n\n");
    let offered = Version::TLSV1;
    let mut say = |title: &str, runtime: Option<&Runtime>, offered, needed| {
        let advice = knowledge.advise(runtime, offered, needed, CHECK_URL);
        print(&mut text, title, &advice);
    };
    let (tls12, tls13) = (Version::TLSV1_2, Version::TLSV1_3);
    say("anybody who offers enough", None, tls12, tls12);
    say("nobody known -> TLSv1.2", None, offered, tls12);
    for library in &knowledge.libraries {
        let family = knowledge.family(&library.family).unwrap();
        let mut stack = runtime(family, None);
        stack.versions = library.versions.as_ref().map(|range| range.text.clone());
        stack.library = Some(library.name.clone());
        for needed in [tls12, tls13] {
            let title = format!("{} -> {needed}", library.name);
            say(&title, Some(&stack), offered, needed);
        }
    }
    let mut belied = runtime(knowledge.family("java").unwrap(), None);
    belied.contradiction =
        Some("the User-Agent names Chrome 120, the handshake is that of Java JSSE".into());
    say(
        "clues that disagree -> TLSv1.2",
        Some(&belied),
        offered,
        tls12,
    );
    text
}

#[test]
fn the_advice_is_what_was_agreed_to() {
    let families = Knowledge::embedded().families.iter();
    let mut pages: Vec<(String, String)> = families
        .map(|family| (format!("{}.md", family.id), of(family)))
        .collect();
    pages.push(("general.md".to_owned(), general()));
    let directory = Path::new(COMMITTED);
    if std::env::var_os("UPDATE").is_some() {
        let _ = fs::remove_dir_all(directory);
        fs::create_dir_all(directory).unwrap();
        for (name, text) in &pages {
            fs::write(directory.join(name), text).unwrap();
        }
    }
    for (name, text) in &pages {
        let committed = fs::read_to_string(directory.join(name)).unwrap_or_default();
        assert!(
            *text == committed,
            "the advice differs from snapshots/{name}; read the change with \
             `UPDATE=1 cargo test -p sundown-advice && git diff crates/advice/snapshots`"
        );
    }
    let left = fs::read_dir(directory).unwrap().count();
    assert_eq!(
        left,
        pages.len(),
        "snapshots/ holds a page of a family that is gone"
    );
}
