//! What `openapi.json` says of the API is so: every route, and every field of real answers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected is to fail"
)]

mod support;

use std::collections::BTreeSet;

use audit::Holds;
use console::ConsoleSettings;
use floor::Hold;
use http::StatusCode;
use ledger::people::{Note, PEOPLE, People};
use serde_json::{Value, json};
use support::{NOW, ask, at, console, fill, some};

fn description() -> Value {
    serde_json::from_str(include_str!("../src/api/openapi.json")).expect("JSON")
}

/// A validator of one of its schemas.
fn validator(description: &Value, name: &str) -> jsonschema::Validator {
    let schema = json!({
        "$ref": format!("#/components/schemas/{name}"),
        "components": description["components"],
    });
    jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .build(&schema)
        .expect("a schema")
}

fn hold() -> Hold {
    Hold {
        sunset: None,
        by: "dana".to_owned(),
        reason: "a test".to_owned(),
        at: at(NOW),
    }
}

#[tokio::test]
async fn real_answers_are_as_described() {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path(), some());
    let people = People::open(&directory.path().join(PEOPLE)).unwrap();
    people
        .write(&Note {
            account: "acme".to_owned(),
            text: "calls back".to_owned(),
            owner: "dana".to_owned(),
            contact: "it@acme.example".to_owned(),
            visitor: ledger::Visitor::Customer,
            changed: at(NOW),
            author: "dana".to_owned(),
        })
        .unwrap();
    Holds::of(directory.path())
        .change(|all| all.push(hold()))
        .unwrap();
    let description = description();
    let quiet = console(
        directory.path(),
        &ConsoleSettings::default(),
        "127.0.0.1:8444",
    );
    let mut held = support::plan(support::PLAN);
    held.hold(vec![hold()]);
    let on_hold = support::console_with(
        directory.path(),
        &ConsoleSettings::default(),
        "127.0.0.1:8444",
        support::fixed(held),
    );
    for (path, schema) in [
        ("/overview", "Overview"),
        ("/accounts?show=all", "Accounts"),
        ("/accounts?show=missing&q=no", "Accounts"),
        ("/account?id=acme", "Account"),
        ("/account?id=modern", "Account"),
        ("/account?id=excepted", "Account"),
        ("/plan", "Plan"),
        ("/clients", "Clients"),
        ("/rehearse?floor=pq&days=60", "Rehearsal"),
        ("/rehearse?floor=tls1.1", "Rehearsal"),
    ] {
        let validator = validator(&description, schema);
        for router in [&quiet, &on_hold] {
            let answer = ask(router, &format!("/api/v1{path}")).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
            let answer = answer.json();
            let wrong: Vec<String> = validator
                .iter_errors(&answer)
                .map(|error| format!("{}: {error}", error.instance_path))
                .collect();
            assert!(wrong.is_empty(), "{path}: {}", wrong.join("\n"));
        }
    }
    let error = validator(&description, "Error");
    for (path, status) in [
        ("/account?id=nobody", 404),
        ("/rehearse", 400),
        ("/rehearse?floor=none", 400),
    ] {
        let answer = ask(&quiet, &format!("/api/v1{path}")).await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
        assert!(error.is_valid(&answer.json()), "{path}: {}", answer.body);
    }
}

/// Every route of the code is in the description, and the other way round.
#[tokio::test]
async fn every_route_is_described() {
    let code = include_str!("../src/api.rs");
    let routes: BTreeSet<&str> = code
        .split(".route(\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    let description = description();
    let described: BTreeSet<&str> = description["paths"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(routes, described);
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path(), some());
    let router = console(
        directory.path(),
        &ConsoleSettings::default(),
        "127.0.0.1:8444",
    );
    let served = ask(&router, "/api/v1/openapi.json").await;
    assert_eq!(served.json(), description);
}
