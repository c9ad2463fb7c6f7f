//! The tables of a configuration file: what is read, what is refused and where.
#![cfg(test)]

mod common;

use std::path::Path;

use common::tables::{WHOLE, pointed, problems};
use common::{at, plan};
use floor::config::{PlanTables, template};
use floor::{Floor, Measure, Phase, Severity, What};
use jiff::SignedDuration;
use jiff::civil::Date;

/// A whole file, as far as this crate reads it: the tables of other rooms are let through.
#[derive(Debug, serde::Deserialize)]
struct File {
    #[serde(default)]
    sunset: Vec<toml::Spanned<floor::config::SunsetTable>>,
    #[serde(default)]
    exception: Vec<toml::Spanned<floor::config::ExceptionTable>>,
    #[serde(default)]
    preview: Vec<toml::Spanned<floor::config::PreviewTable>>,
    #[serde(default)]
    cohort: Vec<toml::Spanned<floor::config::CohortTable>>,
}

fn file(toml: &str) -> PlanTables {
    let File {
        sunset,
        exception,
        preview,
        cohort,
    } = toml::from_str(toml).unwrap_or_else(|error| panic!("{error}"));
    PlanTables {
        sunset,
        exception,
        preview,
        cohort,
    }
}

#[test]
fn every_key_is_read() {
    let plan = plan(WHOLE);
    let sunset = &plan.sunsets[0];
    assert_eq!(
        sunset.floor.title(),
        "TLSv1.2 or later, one of 2 cipher suites, one of 1 groups"
    );
    assert_eq!(sunset.observe, Some(at("2016-06-01T00:00:00Z")));
    assert_eq!(sunset.warn, Some(at("2016-09-14T22:00:00Z")));
    assert_eq!(sunset.explain, Some(at("2016-12-15")));
    assert_eq!(sunset.refuse, Some(at("2017-01-15T05:00:00Z")));
    assert_eq!(sunset.contact.as_deref(), Some("https://example.com/help"));
    assert_eq!(sunset.card_data_paths, ["/v1/payments"]);
    let run = &sunset.brownouts[0];
    assert_eq!(
        (run.from, run.to),
        (at("2016-11-15T09:00Z"), at("2016-11-15T17:00Z"))
    );
    assert_eq!(
        (run.length, run.every, run.offset),
        (
            SignedDuration::from_mins(10),
            SignedDuration::from_hours(1),
            SignedDuration::from_mins(7)
        )
    );
    assert_eq!(
        (run.share.get(), run.measure, run.exempt.as_slice()),
        (0.25, Measure::Explain, &["/ssl/".to_owned()][..])
    );
    assert_eq!(run.count(), 8);
    let exception = &plan.exceptions[0];
    assert_eq!(
        (
            exception.sunset,
            exception.account.as_deref(),
            exception.sni.as_deref()
        ),
        (0, Some("acme"), Some("old.example.com"))
    );
    assert_eq!(
        exception
            .address
            .map(|address| address.to_string())
            .as_deref(),
        Some("2001:db8::/32")
    );
    assert_eq!(exception.floor.as_ref().map(Floor::name), Some("tls1.1"));
    assert_eq!(
        (exception.owner.as_str(), exception.reason.as_str()),
        ("jo@example.com", "kiosk firmware ships in February")
    );
    assert_eq!(plan.previews[0].at, at("2017-01-16"));
}

#[test]
fn a_brownout_without_lengths_is_one_window() {
    let plan = plan(
        "[[sunset]]\nname = \"x\"\nfloor = \"tls1.2\"\n[[sunset.brownout]]\nfrom = \"2026-01-01\"\nto = \"2026-01-03\"",
    );
    let windows: Vec<_> = plan.sunsets[0].brownouts[0].windows().collect();
    assert_eq!(
        windows,
        [floor::Window {
            start: at("2026-01-01"),
            end: at("2026-01-03")
        }]
    );
}

#[test]
fn a_phase_may_begin_on_the_day_of_the_one_before() {
    let sunset =
        "[[sunset]]\nname = \"x\"\nfloor = \"tls1.2\"\nexplain = 2026-01-01\nrefuse = 2026-01-01";
    assert_eq!(
        plan(sunset).sunsets[0].phase(at("2026-01-01")),
        Some(Phase::Refuse)
    );
}

#[test]
fn a_problem_has_a_line_and_a_column() {
    let toml = "[[sunset]]\nname = \"é\"\nfloor = \"tls12\"\n";
    let found = problems(toml);
    assert_eq!(
        found
            .iter()
            .map(|problem| problem.position(toml))
            .collect::<Vec<_>>(),
        [(3, 9)]
    );
}

#[test]
fn an_unknown_key_is_refused_in_every_table() {
    let tables = [
        "[[sunset]]",
        "[[sunset.brownout]]",
        "[[exception]]",
        "[[preview]]",
        "floor = {",
    ];
    for table in tables {
        let (separator, key) = if table.ends_with('{') {
            (" ", "colour = 1,")
        } else {
            ("\n", "colour = 1\n")
        };
        let toml = WHOLE.replace(table, &format!("{table}{separator}{key}"));
        assert_ne!(toml, WHOLE, "{table}");
        let error = toml::from_str::<PlanTables>(&toml)
            .map(|_| ())
            .expect_err(table);
        assert!(
            error.message().contains("unknown field `colour`"),
            "{table}: {error}"
        );
        assert_eq!(
            error.span().map(|span| &toml[span]),
            Some("colour"),
            "{table}"
        );
    }
    assert!(toml::from_str::<PlanTables>(&format!("[colour]\n{WHOLE}")).is_err());
}

#[test]
fn what_is_wrong_is_named_with_its_place_and_its_remedy() {
    for (from, to, key, points_at, message, help) in [
        (
            "\"tls1.1\"",
            "\"tls11\"",
            "exception[0].floor",
            "\"tls11\"",
            "there is no floor `tls11`",
            "did you mean `tls1.1`?",
        ),
        (
            "\"TLSv1.2\"",
            "\"TLS1.2\"",
            "sunset[0].floor.min",
            "\"TLS1.2\"",
            "there is no version `TLS1.2`",
            "did you mean `TLSv1.2`?",
        ),
        (
            "-GCM-SHA256\"",
            "-GCM-SHA265\"",
            "sunset[0].floor.suites[0]",
            "\"ECDHE-RSA-AES128-GCM-SHA265\"",
            "is not a cipher suite",
            "`ECDHE-RSA-AES128-GCM-SHA256`",
        ),
        (
            "\"x25519\"",
            "\"X25519\"",
            "sunset[0].floor.groups[0]",
            "\"X25519\"",
            "is not a group",
            "did you mean `x25519`?",
        ),
        (
            "[\"x25519\"]",
            "[]",
            "sunset[0].floor.groups",
            "[]",
            "an empty list lets nobody in",
            "leave the key out",
        ),
        (
            "2016-06-01",
            "2016-10-01",
            "sunset[0].warn",
            "\"2016-09-15T00:00:00+02:00\"",
            "warn begins on 2016-09-14T22:00:00Z, before observe",
            "change one",
        ),
        (
            "\"2017-01-15T00",
            "\"2016-11-16T00",
            "sunset[0].refuse",
            "\"2016-11-16T00:00:00-05:00[America/New_York]\"",
            "before explain",
            "in the order",
        ),
        (
            "-05:00[",
            "-04:00[",
            "sunset[0].refuse",
            "\"2017-01-15T00:00:00-04:00[America/New_York]\"",
            "offset",
            "`2026-12-15T09:00Z`",
        ),
        (
            "2016-06-01",
            "\"June 2016\"",
            "sunset[0].observe",
            "\"June 2016\"",
            "June 2016",
            "`2026-12-15`",
        ),
        (
            "09:00Z",
            "09:00",
            "sunset[0].brownout[0].from",
            "\"2016-11-15T09:00\"",
            "does not say in which zone",
            "`2026-12-15T09:00Z`",
        ),
        (
            "11-15T17",
            "11-15T07",
            "sunset[0].brownout[0].to",
            "\"2016-11-15T07:00Z\"",
            "no later than it begins",
            "set `to` after `from`",
        ),
        (
            "11-15T17",
            "12-15T17",
            "sunset[0].brownout[0].to",
            "\"2016-12-15T17:00Z\"",
            "ends after 2016-12-15T00:00:00Z",
            "end it by then",
        ),
        (
            "\"2016-11-15T09",
            "\"2016-08-15T09",
            "sunset[0].brownout[0].from",
            "\"2016-08-15T09:00Z\"",
            "begins before warn",
            "warn first",
        ),
        (
            "\"10m\"",
            "\"2h\"",
            "sunset[0].brownout[0].length",
            "\"2h\"",
            "longer than the period",
            "below `every`",
        ),
        (
            "\"10m\"",
            "\"0s\"",
            "sunset[0].brownout[0].length",
            "\"0s\"",
            "a second at least",
            "`10m`",
        ),
        (
            "\"10m\"",
            "\"ten\"",
            "sunset[0].brownout[0].length",
            "\"ten\"",
            "ten",
            "such as `10m`",
        ),
        (
            "\"7m\"",
            "\"60m\"",
            "sunset[0].brownout[0].offset",
            "\"60m\"",
            "a whole period",
            "below `every`",
        ),
        (
            "\"7m\"",
            "\"-1m\"",
            "sunset[0].brownout[0].offset",
            "\"-1m\"",
            "outside the brownout",
            "within",
        ),
        (
            "0.25",
            "25.0",
            "sunset[0].brownout[0].share",
            "25.0",
            "no share",
            "0.25 is a quarter",
        ),
        (
            "0.25",
            "0.0",
            "sunset[0].brownout[0].share",
            "0.0",
            "no share",
            "above 0",
        ),
        (
            "0.25",
            "nan",
            "sunset[0].brownout[0].share",
            "nan",
            "no share",
            "above 0",
        ),
        (
            "\"/ssl/\"",
            "\"ssl\"",
            "sunset[0].brownout[0].exempt[0]",
            "\"ssl\"",
            "is not a path",
            "begin it with `/`",
        ),
        (
            "as = \"explain\"",
            "as = \"refuse\"",
            "sunset[0].brownout[0].exempt",
            "[[sunset.brownout]]",
            "names no path",
            "leave out `exempt`",
        ),
        (
            "sunset = \"TLS 1.0 and 1.1\"",
            "sunset = \"TLS 1.0\"",
            "exception[0].sunset",
            "\"TLS 1.0\"",
            "there is no sunset `TLS 1.0`",
            "`name` of one",
        ),
        (
            "owner = \"jo@example.com\"",
            "",
            "exception[0].owner",
            "[[exception]]",
            "is missing",
            "who answers",
        ),
        (
            "reason = \"kiosk firmware ships in February\"",
            "reason = \" \"",
            "exception[0].reason",
            "\" \"",
            "empty",
            "say why",
        ),
        (
            "::/32",
            "::1/32",
            "exception[0].address",
            "\"2001:db8::1/32\"",
            "the range it is in is 2001:db8::/32",
            "CIDR",
        ),
        (
            "account = \"acme\"\naddress = \"2001:db8::/32\"\nsni = \"old.example.com\"\n",
            "",
            "exception[0]",
            "[[exception]]",
            "nobody in particular",
            "add `account`",
        ),
    ] {
        let toml = WHOLE.replacen(from, to, 1);
        assert_ne!(toml, WHOLE, "{from}");
        let found = problems(&toml);
        let Some(problem) = found.iter().find(|problem| problem.key == key) else {
            panic!("{key}: {found:?}")
        };
        assert!(
            pointed(&toml, problem).starts_with(points_at),
            "{key} points at {:?}",
            pointed(&toml, problem)
        );
        assert!(
            problem.message.contains(message),
            "{key}: {}",
            problem.message
        );
        assert!(problem.help.contains(help), "{key}: {}", problem.help);
        assert_eq!(problem.severity, Severity::Error);
    }
}

#[test]
fn names_are_unique_and_all_problems_come_at_once() {
    let sunset = "[[sunset]]\nname = \"x\"\nfloor = \"tls1.2\"\n";
    let preview = |sni: &str| format!("[[preview]]\nsni = \"{sni}\"\nat = \"2026-01-01\"\n");
    let toml = format!(
        "{sunset}{sunset}{}{}",
        preview("a.example"),
        preview("A.example")
    );
    let found = problems(&toml);
    let keys: Vec<_> = found.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(keys, ["sunset[1].name", "preview[1].sni"]);
    assert_eq!(found[0].message, "`x` is the name of sunset[0] already");
}

#[test]
fn the_template_is_a_plan_in_order() {
    for today in ["2026-11-23", "2027-02-28", "2028-02-29", "2030-12-31"] {
        let today: Date = today.parse().unwrap();
        let text = template(today);
        assert!(
            !text.contains("{today}") && !text.contains("{warn}") && !text.contains("_end}"),
            "{text}"
        );
        let plan = file(&text)
            .build([0; 16])
            .unwrap_or_else(|problems| panic!("{problems:?}"));
        assert_eq!(plan.check(at(&today.to_string())), [], "{today}");
        assert_eq!(
            plan.state(at(&today.to_string()))[0].phase,
            Some(Phase::Observe)
        );
    }
}

/// A key that is shown commented out must be one that can be put in.
#[test]
fn the_template_holds_with_every_comment_taken_off() {
    let today: Date = "2026-11-23".parse().unwrap();
    let keys_only = |line: &str| {
        line.strip_prefix('#')
            .filter(|key| !key.starts_with(' ') && !key.is_empty())
            .map(str::to_owned)
    };
    let text: Vec<_> = template(today)
        .lines()
        .map(|line| keys_only(line).unwrap_or_else(|| line.to_owned()))
        .collect();
    let plan = file(&text.join("\n"))
        .build([0; 16])
        .unwrap_or_else(|problems| panic!("{problems:?}"));
    assert_eq!((plan.exceptions.len(), plan.previews.len()), (1, 1));
    assert_eq!(plan.sunsets[0].card_data_paths, ["/v1/payments"]);
}

#[test]
fn every_example_is_a_plan_in_order() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            let toml = std::fs::read_to_string(&path).unwrap();
            file(&toml)
                .build([0; 16])
                .unwrap_or_else(|problems| panic!("{}: {problems:?}", path.display()));
            for table in [
                "[[sunset]]",
                "[[sunset.brownout]]",
                "[[exception]]",
                "[[preview]]",
            ]
            .into_iter()
            .filter(|table| toml.contains(table))
            {
                let spoilt = toml.replacen(table, &format!("{table}\ncolour = 1"), 1);
                assert!(
                    toml::from_str::<File>(&spoilt).is_err(),
                    "{}: {table}",
                    path.display()
                );
            }
            seen += 1;
        }
    }
    assert!(seen > 0);
}

#[test]
fn the_plan_of_2016_has_the_dates_of_the_notice() {
    let plan = file(include_str!("../../../examples/pokitdok-2016.toml"))
        .build([0; 16])
        .unwrap();
    let dates: Vec<_> = plan.sunsets[0]
        .dates()
        .map(|change| (change.phase, change.at))
        .collect();
    let expected = [
        (Phase::Observe, at("2016-06-01")),
        (Phase::Warn, at("2016-09-15")),
        (Phase::Explain, at("2016-12-15")),
        (Phase::Refuse, at("2017-01-15")),
    ];
    assert_eq!(dates, expected);
    assert_eq!(plan.check(at("2016-05-01")), []);
    let calendar: Vec<_> = plan
        .calendar()
        .iter()
        .map(|event| (event.at.to_string(), word(event.what)))
        .collect();
    let calendar: Vec<_> = calendar
        .iter()
        .map(|(at, what)| format!("{at} {what}"))
        .collect();
    assert_eq!(
        calendar,
        [
            "2016-06-01T00:00:00Z observe",
            "2016-09-15T00:00:00Z warn",
            "2016-11-15T09:00:00Z 8 windows",
            "2016-11-15T17:00:00Z windows end",
            "2016-12-15T00:00:00Z explain",
            "2017-01-15T00:00:00Z refuse",
            "2017-01-16T00:00:00Z next.api.example.com",
        ]
    );
}

fn word(what: What<'_>) -> String {
    match what {
        What::Phase(phase) => phase.to_string(),
        What::Brownout { windows, .. } => format!("{windows} windows"),
        What::BrownoutEnds => "windows end".to_owned(),
        What::ExceptionEnds(exception) => format!("exception for {}", exception.owner),
        What::Preview(preview) => preview.sni.clone(),
    }
}
