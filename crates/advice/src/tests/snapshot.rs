//! Everything the knowledge base can say, as text, beside the text that was last agreed to: a change of
//! advice is a change of `tests/advice.txt` that somebody reviews.

use std::fmt::Write as _;

use hello::Version;

use crate::{Advice, Confidence, Knowledge, Runtime, data::Family};

const CHECK_URL: &str = "https://api.example.com/ssl/";
const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/advice.txt");

fn runtime(family: &Family<'static>, version: Option<&str>) -> Runtime {
    Runtime {
        runtime: family.name.clone(),
        version: version.map(str::to_owned),
        library: None,
        confidence: Confidence::High,
        from: vec!["user-agent"],
        family: family.id,
        candidates: Vec::new(),
        contradiction: None,
    }
}

fn print(text: &mut String, title: &str, advice: &Advice) {
    let Advice {
        summary,
        snippet,
        verify,
        sources,
    } = advice;
    let _ = writeln!(text, "## {title}\n{summary}");
    if let Some(snippet) = snippet {
        let _ = writeln!(text, "  change: {snippet}");
    }
    let _ = writeln!(text, "  verify: {verify}");
    for source in sources {
        let _ = writeln!(text, "  source: {source}");
    }
    text.push('\n');
}

fn everything() -> String {
    let knowledge = Knowledge::embedded();
    let mut text = String::from("# Advice, row by row: a client that offers TLSv1 at most\n\n");
    let mut say = |title: &str, runtime: Option<&Runtime>, offered, needed| {
        print(
            &mut text,
            title,
            &knowledge.advise(runtime, offered, needed, CHECK_URL),
        );
    };
    let offered = Version::TLSV1;
    say(
        "anybody who offers enough",
        None,
        Version::TLSV1_2,
        Version::TLSV1_2,
    );
    say("nobody known -> TLSv1.2", None, offered, Version::TLSV1_2);
    for family in &knowledge.families {
        let anyone = runtime(family, None);
        for needed in [Version::TLSV1_2, Version::TLSV1_3] {
            say(
                &format!("{}, version unknown -> {needed}", family.name),
                Some(&anyone),
                offered,
                needed,
            );
        }
        for release in &family.release {
            let one = runtime(family, Some(release.versions.first().unwrap_or("0")));
            for needed in [Version::TLSV1_2, Version::TLSV1_3] {
                let title = format!("{} {} -> {needed}", family.name, release.versions.text);
                say(&title, Some(&one), offered, needed);
            }
        }
    }
    for library in &knowledge.libraries {
        let family = knowledge.family(&library.family).unwrap();
        let mut stack = runtime(family, library.version.as_deref());
        stack.library = Some(library.name.clone());
        say(
            &format!("stack: {} -> TLSv1.2", library.name),
            Some(&stack),
            offered,
            Version::TLSV1_2,
        );
    }
    let mut belied = runtime(knowledge.family("chrome").unwrap(), Some("120"));
    belied.contradiction =
        Some("the User-Agent names Chrome 120, the handshake is that of Java JSSE".into());
    say(
        "clues that disagree -> TLSv1.2",
        Some(&belied),
        offered,
        Version::TLSV1_2,
    );
    text
}

#[test]
fn the_advice_is_what_was_agreed_to() {
    let text = everything();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(COMMITTED, &text).unwrap();
    }
    let committed = std::fs::read_to_string(COMMITTED).unwrap_or_default();
    let difference = text
        .lines()
        .zip(committed.lines())
        .position(|(now, then)| now != then);
    assert!(
        text == committed,
        "the advice differs from tests/advice.txt from line {} on; read the change with \
         `UPDATE=1 cargo test -p sundown-advice && git diff crates/advice/tests/advice.txt`",
        difference.unwrap_or_else(|| text.lines().count().min(committed.lines().count())) + 1
    );
}
