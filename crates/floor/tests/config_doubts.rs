//! What is doubtful about a plan that can be used, and where.
#![cfg(test)]

mod common;

use common::tables::WHOLE;
use common::{at, plan};
use floor::Severity;

#[test]
fn what_is_doubtful_is_a_warning_with_its_place() {
    let warnings = |toml: &str, now: &str| -> Vec<(String, String)> {
        let found = plan(toml).check(at(now));
        assert!(
            found
                .iter()
                .all(|problem| problem.severity == Severity::Warning && !problem.help.is_empty())
        );
        found
            .iter()
            .map(|problem| {
                (
                    problem.key.clone(),
                    toml[problem.span.clone()]
                        .lines()
                        .next()
                        .unwrap_or_default()
                        .to_owned(),
                )
            })
            .collect()
    };
    let keys = |toml: &str, now: &str| {
        warnings(toml, now)
            .into_iter()
            .map(|(key, _)| key)
            .collect::<Vec<_>>()
    };
    // Explain, and a brownout that explains, on a platform with card data; an account exception past refuse.
    assert_eq!(
        warnings(WHOLE, "2016-01-01"),
        [
            (
                "sunset[0].explain".to_owned(),
                "2016-12-15T00:00:00Z".to_owned()
            ),
            (
                "sunset[0].brownout[0].as".to_owned(),
                "\"explain\"".to_owned()
            ),
            ("exception[0].until".to_owned(), "\"2017-03-01\"".to_owned()),
        ]
    );
    let calm = WHOLE
        .replace("card_data_paths = [\"/v1/payments\"]\n", "")
        .replace("account = \"acme\"\n", "");
    assert_eq!(keys(&calm, "2016-01-01"), [""; 0]);
    assert_eq!(
        keys(&calm, "2018-01-01"),
        [
            "sunset[0].warn",
            "sunset[0].explain",
            "sunset[0].refuse",
            "sunset[0].brownout[0].to",
            "exception[0].until",
        ]
    );
    assert_eq!(
        keys(&calm.replace("2016-11-15T", "2016-10-01T"), "2016-01-01"),
        ["sunset[0].brownout[0].from"]
    );
    assert_eq!(
        keys(
            &calm.replace("warn = \"2016-09-15T00:00:00+02:00\"\n", ""),
            "2016-01-01"
        ),
        ["sunset[0].brownout[0].from"]
    );
    assert_eq!(
        keys(&calm.replace("offset = \"7m\"\n", ""), "2016-01-01"),
        ["sunset[0].brownout[0].offset"]
    );
    assert_eq!(
        keys(
            &calm
                .replace("offset = \"7m\"\n", "")
                .replace("\"1h\"", "\"50m\""),
            "2016-01-01"
        ),
        [""; 0]
    );
}
