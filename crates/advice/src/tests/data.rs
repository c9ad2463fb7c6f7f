//! Walks every row of the data.

use std::collections::HashSet;

use crate::{Clues, Goal, Kind, Knowledge, Trust, data::Rule, knowledge::Source};

fn assert_sources(sources: &[String], row: &str) {
    assert!(
        !sources.is_empty(),
        "{row}: name a page the facts come from"
    );
    for source in sources {
        let page = source
            .strip_prefix("https://")
            .or_else(|| source.strip_prefix("http://"));
        let well_formed = page.is_some_and(|page| {
            let host = page.split('/').next().unwrap_or_default();
            host.contains('.') && !source.contains(char::is_whitespace)
        });
        assert!(well_formed, "{row}: `{source}` is no address of a page");
    }
}

fn assert_says(text: &str, row: &str) {
    assert!(
        text.len() > 10 && text == text.trim(),
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
fn every_family_says_how_to_fix_find_and_verify_it() {
    let knowledge = Knowledge::embedded();
    assert!(knowledge.families.len() > 80);
    for family in &knowledge.families {
        let row = family.id;
        assert!(
            !family.name.is_empty() && !family.find.ends_with('.'),
            "{row}"
        );
        assert_says(&format!("To see it, {}.", family.find), row);
        let in_words = family.kind == Kind::Product;
        assert!(
            in_words || family.verify.contains("{url}") || family.verify.contains("{host}"),
            "{row}: `{}` must call {{url}} or {{host}}",
            family.verify
        );
        for fix in [&family.unknown, &family.pinned, &family.suites]
            .into_iter()
            .flatten()
        {
            assert_says(&fix.fix, row);
            assert_sources(&fix.sources, row);
        }
    }
}

#[test]
fn every_rule_says_something_true_to_form() {
    let mut rules = 0;
    for family in &Knowledge::embedded().families {
        for rule in &family.rule {
            rules += 1;
            let row = format!("{} {}", family.id, rule.versions.text);
            if rule.confidence != Trust::Unsourced {
                assert_sources(&rule.sources, &row);
            }
            for goal in Goal::ALL {
                if let Some(fix) = &rule.answer(goal).fix {
                    assert_says(fix, &row);
                    assert!(
                        !fix.contains("TLS 1.2 ")
                            || fix.contains("Use TLS 1.2")
                            || fix.contains("TLS 1.2 Client"),
                        "{row}: {fix}"
                    );
                }
                assert!(
                    rule.when.values().all(|fact| !fact.is_empty()),
                    "{row}: an empty fact"
                );
            }
            if let Some(note) = &rule.note {
                assert_says(note, &row);
            }
            if let Some(verify) = &rule.verify {
                assert!(verify.contains("{url}"), "{row}: `{verify}`");
            }
        }
    }
    assert!(rules > 280, "{rules}");
}

/// A version that the rule covers.
fn within(rule: &Rule) -> String {
    rule.versions.first().unwrap_or("0").to_owned()
}

#[test]
fn every_rule_can_be_reached() {
    for family in &Knowledge::embedded().families {
        for rule in &family.rule {
            let (plain, conditional) = family.rules(&within(rule));
            let found = plain
                .into_iter()
                .chain(conditional)
                .any(|found| std::ptr::eq(found, rule));
            // What has no lower end may begin past zero by its family's numbering.
            assert!(found, "{} {}", family.id, rule.versions.text);
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
                        family.plain_rule(version).is_some(),
                        "{}: no rule for {version}",
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
    let ja4_form = regex::Regex::new(
        "^t(?:s[23]|1[0-3]|00)[di][0-9]{4}[0-9a-z]{2}_[0-9a-f]{12}_[0-9a-f]{12}$",
    );
    let ja3_form = regex::Regex::new("^[0-9a-f]{32}$");
    let (ja4_form, ja3_form) = (ja4_form.unwrap(), ja3_form.unwrap());
    let schemes_form = regex::Regex::new("^[0-9a-f]{4}(?:-[0-9a-f]{4})*$").unwrap();
    for library in &knowledge.libraries {
        let row = &library.name;
        assert!(!library.fingerprint.is_empty(), "{row}");
        for schemes in &library.schemes {
            assert!(schemes_form.is_match(schemes), "{row}: {schemes}");
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
            let on_whose_word = ["measured: ", "recorded: ", "counted: "]
                .iter()
                .any(|word| print.seen.starts_with(word));
            assert!(on_whose_word, "{row}: `{}`", print.seen);
            assert!(
                !print.peculiar || print.runtimes.len() == 1,
                "{row}: what is peculiar is one runtime's: {:?}",
                print.ja4
            );
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
                    assert!(family.plain_rule(version).is_some(), "{row}: {version}");
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
        &general.suites,
        &general.groups,
        &general.pinned,
    ] {
        assert_says(&answer.summary, "general.toml");
        assert_verifies(&answer.verify, "general.toml");
        assert_sources(&answer.sources, "general.toml");
    }
}

const FAMILY: &str = r#"
id = "one"
name = "One"
kind = "client"
find = "run `one -V`"
verify = "one '{url}'"
[[pattern]]
regex = '^one/(?<version>\d+)'
examples = [{ ua = "one/1", version = "1" }]
[[rule]]
versions = "<2"
"tls1.2" = { support = "never", fix = "Update it." }
"tls1.3" = "never"
pq = "never"
confidence = "sourced"
sources = ["https://example.com/"]
"#;
const FINGERPRINTS: &str = r#"
[[library]]
name = "One TLS"
family = "one"
[[library.fingerprint]]
ja3 = ["00000000000000000000000000000000"]
seen = "measured: One 1"
"#;
const GENERAL: Source = ("general.toml", include_str!("../../data/general.toml"));

/// Why a knowledge base with these files is refused; leaks the texts, as tests may.
fn refusal(family: &str, fingerprints: &str) -> String {
    let keep = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
    let families = [("families/one.toml", keep(family))];
    let fingerprints = [("fingerprints/one.toml", keep(fingerprints))];
    match Knowledge::read(&families, &fingerprints, GENERAL) {
        Ok(_) => String::new(),
        Err(problem) => problem.to_string(),
    }
}

#[test]
fn data_that_does_not_hold_together_is_refused_by_name() {
    assert_eq!(refusal(FAMILY, FINGERPRINTS), "");
    let changed = |from: &str, to: &str| {
        assert!(FAMILY.contains(from), "{from}");
        refusal(&FAMILY.replace(from, to), FINGERPRINTS)
    };

    let typo = changed("find =", "fnid =");
    assert!(
        typo.contains("families/one.toml") && typo.contains("line 5") && typo.contains("fnid"),
        "{typo}"
    );
    let range = changed("\"<2\"", "\"<=2\"");
    assert!(
        range.contains("`<=2` is no version range; write"),
        "{range}"
    );
    let word = changed("pq = \"never\"", "pq = \"maybe\"");
    assert!(word.contains("maybe") && word.contains("opt-in"), "{word}");
    let source = changed("https://example.com/", "example.com");
    assert!(
        source.contains("`example.com` is no address of a page"),
        "{source}"
    );
    let none = changed("[\"https://example.com/\"]", "[]");
    assert!(none.contains("confidence = \"unsourced\""), "{none}");
    let nameless = changed(
        "fix = \"Update it.\"",
        "fix = \"Update it.\", snippet = \"x\"",
    );
    assert!(nameless.contains("`x` is in no language"), "{nameless}");
    let how = changed(
        "{ support = \"never\", fix = \"Update it.\" }",
        "\"opt-in\"",
    );
    assert!(how.contains("\"opt-in\" needs a `fix`"), "{how}");
    let library = changed(
        "{ support = \"never\", fix = \"Update it.\" }",
        "{ support = \"depends\", on = { two = \">=1\" } }",
    );
    assert!(library.contains("`on` names `two`"), "{library}");
    let backwards = changed("\"tls1.3\" = \"never\"", "\"tls1.3\" = \"default\"");
    assert!(backwards.contains("TLSv1.3 without TLSv1.2"), "{backwards}");
    let pattern = changed("^one/(", "^one/((");
    assert!(
        pattern.contains("`one`") && pattern.contains("unclosed group"),
        "{pattern}"
    );

    let rule = "[[rule]]\nversions = \"<3\"\n\"tls1.2\" = \"default\"\n\"tls1.3\" = \"never\"\npq = \"never\"\nconfidence = \"unsourced\"\nsources = []\n";
    let overlap = refusal(&format!("{FAMILY}{rule}"), FINGERPRINTS);
    assert!(
        overlap.contains("`<2` and `<3` overlap and no fact separates them"),
        "{overlap}"
    );
    let apart = rule.replace("\"tls1.2\"", "when = { patch = \"KB1\" }\n\"tls1.2\"");
    assert_eq!(refusal(&format!("{FAMILY}{apart}"), FINGERPRINTS), "");

    let stranger = refusal(FAMILY, &FINGERPRINTS.replace("\"one\"", "\"two\""));
    assert!(
        stranger.contains("no family has the id `two`"),
        "{stranger}"
    );
    let again =
        "[[library.fingerprint]]\nja3 = [\"00000000000000000000000000000000\"]\nseen = \"\"\n";
    let again = refusal(FAMILY, &format!("{FINGERPRINTS}{again}"));
    assert!(again.contains("stands twice; merge"), "{again}");
}
