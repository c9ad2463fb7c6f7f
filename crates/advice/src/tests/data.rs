//! Walks every row of the data.

use std::collections::HashSet;

use crate::{
    Clues, Knowledge,
    data::{Release, Support},
    knowledge::Source,
    version::Version,
};

fn assert_sources(sources: &[String], row: &str) {
    assert!(
        !sources.is_empty(),
        "{row}: name a page the facts come from"
    );
    for source in sources {
        let page = source.strip_prefix("https://");
        let well_formed = page.is_some_and(|page| {
            let host = page.split('/').next().unwrap_or_default();
            host.contains('.') && !source.contains(char::is_whitespace)
        });
        assert!(well_formed, "{row}: `{source}` is no https address");
    }
}

fn assert_says(text: &str, row: &str) {
    assert!(
        text.len() > 20 && text == text.trim(),
        "{row}: `{text}` says nothing"
    );
    assert!(
        text.ends_with(['.', ')']),
        "{row}: `{text}` ends in mid-sentence"
    );
}

fn assert_verifies(command: &str, row: &str) {
    assert!(
        command.contains("{url}") || command.contains("{host}"),
        "{row}: `{command}` must call {{url}} or {{host}}"
    );
}

#[test]
fn every_runtime_says_how_to_fix_find_and_verify_it() {
    let knowledge = Knowledge::embedded();
    for family in &knowledge.families {
        let row = family.id;
        assert!(
            !family.name.is_empty() && !family.find.ends_with('.'),
            "{row}"
        );
        assert_verifies(&family.verify, row);
        for fix in [&family.unknown, &family.pinned] {
            assert_says(&fix.summary, row);
            assert_sources(&fix.sources, row);
        }
        for id in &family.libraries {
            assert!(
                knowledge.family(id).is_some(),
                "{row}: no library has the id `{id}`"
            );
        }
    }
}

#[test]
fn every_release_has_its_fix_and_its_sources() {
    for family in &Knowledge::embedded().families {
        for release in &family.release {
            let row = format!("{} {}", family.id, release.versions.text);
            assert_sources(&release.sources, &row);
            assert_eq!(
                release.summary.is_none(),
                release.tls12 == Support::Default,
                "{row}: a summary is for rows that do not offer TLSv1.2 untouched"
            );
            if let Some(summary) = &release.summary {
                assert_says(summary, &row);
                assert!(summary.starts_with("{name}"), "{row}: `{summary}`");
            }
            if let Some(verify) = &release.verify {
                assert_verifies(verify, &row);
            }
            assert_eq!(
                release.tls13_snippet.is_some(),
                release.tls13 == Some(Support::OptIn),
                "{row}: tls13_snippet goes with tls13 = \"opt-in\""
            );
            assert!(
                release.tls12 != Support::Never || release.tls13 == Some(Support::Never),
                "{row}: TLSv1.3 without TLSv1.2"
            );
        }
    }
}

/// A version that only `release` covers.
fn within(release: &Release) -> String {
    release.versions.first().unwrap_or("0").to_owned()
}

#[test]
fn every_release_can_be_reached() {
    for family in &Knowledge::embedded().families {
        for release in &family.release {
            let found = family
                .release(&within(release))
                .map(|found| &found.versions.text);
            assert_eq!(found, Some(&release.versions.text), "{}", family.id);
        }
    }
}

#[test]
fn every_pattern_reads_its_examples() {
    let knowledge = Knowledge::embedded();
    for family in &knowledge.families {
        for pattern in &family.pattern {
            assert!(
                !pattern.examples.is_empty(),
                "{}: `{}` has no example",
                family.id,
                pattern.regex
            );
            for example in &pattern.examples {
                let clues = Clues {
                    user_agent: Some(&example.ua),
                    ja4: None,
                    ja3: None,
                    max_protocol: hello::Version::TLSV1,
                };
                let runtime = knowledge
                    .recognise(&clues)
                    .expect("an example is recognised");
                assert_eq!(runtime.family, family.id, "{}", example.ua);
                assert_eq!(runtime.version, example.version, "{}", example.ua);
                let (_, reader, _) = knowledge.by_user_agent(example.ua.as_bytes()).unwrap();
                assert_eq!(
                    reader.regex, pattern.regex,
                    "{}: another pattern is first",
                    example.ua
                );
                if let Some(version) = &example.version {
                    assert!(
                        family.release(version).is_some(),
                        "{}: no row for {version}",
                        family.id
                    );
                }
            }
        }
    }
}

#[test]
fn every_fingerprint_is_well_formed_and_leads_to_a_release() {
    let knowledge = Knowledge::embedded();
    let ja4_form =
        regex::Regex::new("^t(?:s[23]|1[0-3])[di][0-9]{4}[0-9a-z]{2}_[0-9a-f]{12}_[0-9a-f]{12}$");
    let ja3_form = regex::Regex::new("^[0-9a-f]{32}$");
    let (ja4_form, ja3_form) = (ja4_form.unwrap(), ja3_form.unwrap());
    for library in &knowledge.libraries {
        let row = &library.name;
        assert!(!library.fingerprint.is_empty(), "{row}");
        let family = knowledge.family(&library.family).unwrap();
        if let Some(version) = &library.version {
            let release = family
                .release(version)
                .unwrap_or_else(|| panic!("{row}: {version}"));
            assert_eq!(
                library.tls12, release.tls12,
                "{row}: the two files disagree on TLSv1.2"
            );
        }
        for print in &library.fingerprint {
            assert!(!print.ja4.is_empty() || !print.ja3.is_empty(), "{row}");
            assert!(
                print.ja4.iter().all(|ja4| ja4_form.is_match(ja4)),
                "{row}: {:?}",
                print.ja4
            );
            assert!(
                print.ja3.iter().all(|ja3| ja3_form.is_match(ja3)),
                "{row}: {:?}",
                print.ja3
            );
            let on_whose_word = ["measured: ", "recorded: "]
                .iter()
                .any(|word| print.seen.starts_with(word));
            assert!(on_whose_word, "{row}: `{}`", print.seen);
            let mut seen = HashSet::new();
            for candidate in &print.runtimes {
                assert!(
                    seen.insert(&candidate.family),
                    "{row}: {} twice",
                    candidate.family
                );
                let family = knowledge.family(&candidate.family).unwrap();
                let believed =
                    family.id == library.family || family.libraries.contains(&library.family);
                assert!(
                    believed,
                    "{row}: {} does not list {}",
                    family.id, library.family
                );
                if let Some(version) = &candidate.version {
                    assert!(family.release(version).is_some(), "{row}: {version}");
                }
            }
        }
    }
}

#[test]
fn the_general_answers_have_sources_and_a_command() {
    let general = &Knowledge::embedded().general;
    for answer in [
        &general.nothing,
        &general.unrecognised,
        &general.intermediary,
    ] {
        assert_says(&answer.summary, "general.toml");
        assert_verifies(&answer.verify, "general.toml");
        assert_sources(&answer.sources, "general.toml");
    }
}

#[test]
fn release_rows_hold_versions_that_parse() {
    for family in &Knowledge::embedded().families {
        for release in &family.release {
            assert!(Version::parse(&within(release)).is_some(), "{}", family.id);
        }
    }
}

const RUNTIMES: &str = r#"
[[runtime]]
id = "one"
name = "One"
find = "run `one -V`"
verify = "one '{url}'"
unknown = { summary = "Update it.", sources = ["https://example.com/"] }
pinned = { summary = "Unpin it.", sources = ["https://example.com/"] }
[[runtime.pattern]]
regex = '^one/(?<version>\d+)'
examples = [{ ua = "one/1", version = "1" }]
[[runtime.release]]
versions = "<2"
tls12 = "never"
summary = "Update it."
sources = ["https://example.com/"]
"#;
const FINGERPRINTS: &str = r#"
[[library]]
name = "One TLS"
family = "one"
tls12 = "never"
[[library.fingerprint]]
ja3 = ["00000000000000000000000000000000"]
seen = "measured: One 1"
"#;
const GENERAL: Source = ("general.toml", include_str!("../../data/general.toml"));

/// Why a knowledge base with these files is refused; leaks the texts, as tests may.
fn refusal(runtimes: &str, fingerprints: &str) -> String {
    let keep = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
    let runtimes = [("runtimes.toml", keep(runtimes))];
    match Knowledge::read(
        &runtimes,
        ("fingerprints.toml", keep(fingerprints)),
        GENERAL,
    ) {
        Ok(_) => String::new(),
        Err(problem) => problem.to_string(),
    }
}

#[test]
fn data_that_does_not_hold_together_is_refused_by_name() {
    assert_eq!(refusal(RUNTIMES, FINGERPRINTS), "");

    let typo = refusal(&RUNTIMES.replace("find =", "fnid ="), FINGERPRINTS);
    assert!(
        typo.contains("runtimes.toml") && typo.contains("line 5") && typo.contains("fnid"),
        "{typo}"
    );

    let range = refusal(&RUNTIMES.replace("\"<2\"", "\"<=2\""), FINGERPRINTS);
    assert!(
        range.contains("`<=2` is no version range; write"),
        "{range}"
    );

    let row = "[[runtime.release]]\nversions = \"<3\"\ntls12 = \"default\"\nsources = []\n";
    let overlap = refusal(&format!("{RUNTIMES}{row}"), FINGERPRINTS);
    assert!(overlap.contains("`<2` and `<3` overlap"), "{overlap}");

    let twice = refusal(&format!("{RUNTIMES}{RUNTIMES}"), FINGERPRINTS);
    assert!(twice.contains("`one`: this id is taken"), "{twice}");

    let pattern = refusal(&RUNTIMES.replace("^one/(", "^one/(("), FINGERPRINTS);
    assert!(
        pattern.contains("`one`") && pattern.contains("unclosed group"),
        "{pattern}"
    );

    let stranger = refusal(RUNTIMES, &FINGERPRINTS.replace("\"one\"", "\"two\""));
    assert!(
        stranger.contains("no runtime has the id `two`"),
        "{stranger}"
    );

    let again =
        "[[library.fingerprint]]\nja3 = [\"00000000000000000000000000000000\"]\nseen = \"\"\n";
    let again = refusal(RUNTIMES, &format!("{FINGERPRINTS}{again}"));
    assert!(again.contains("stands twice; merge"), "{again}");
}
