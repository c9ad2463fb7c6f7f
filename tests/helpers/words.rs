//! The lines for people, made here from the answer for programs: every helper has to write exactly these.

use serde_json::Value;

/// The lines of an answer.
pub(crate) fn lines(answer: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let joined = |of: &Value, names: &[&str]| {
        let parts = names.iter().filter_map(|name| text(&of[*name]));
        parts.collect::<Vec<_>>().join(", ")
    };
    let (own, server, fix) = (&answer["own"], &answer["server"], &answer["fix"]);
    let mut lines = Vec::new();
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            lines.push(format!("{name:<8} {value}"));
        }
    };
    add("url", text(&answer["url"]));
    add("runtime", Some(joined(own, &["runtime", "library"])));
    let here = joined(own, &["protocol", "cipher"]);
    add("here", (!here.is_empty()).then_some(here));
    let there = joined(server, &["protocol", "cipher", "group"]);
    add("server", server.is_object().then_some(there));
    let differs = answer["differs"] == true;
    add(
        "between",
        differs.then(|| {
            "something between this client and the server re-encrypts; the fix is due there"
                .to_owned()
        }),
    );
    for floor in answer["floors"].as_array().into_iter().flatten() {
        add("floor", Some(floor_line(floor)));
    }
    add(
        "verdict",
        Some(
            [&answer["verdict"], &answer["summary"]]
                .map(|part| part.as_str().unwrap_or_default())
                .join(": "),
        ),
    );
    add("error", text(&answer["error"]));
    add("fix", text(&fix["summary"]));
    for line in fix["snippet"].as_str().unwrap_or_default().lines() {
        add("", (!line.is_empty()).then(|| line.to_owned()));
    }
    add("verify", text(&fix["verify"]));
    add("help", text(&answer["contact"]));
    add("report", text(&server["report"]));
    lines
}

fn floor_line(floor: &Value) -> String {
    let name = match (floor["name"].as_str(), floor["sunset"].as_str()) {
        (Some(name), Some(sunset)) => format!("{name} ({sunset})"),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) => "the server's".to_owned(),
    };
    let verdict = floor["verdict"].as_str().unwrap_or("unknown");
    let texts = |name: &str| -> Vec<String> {
        let list = floor[name].as_array().into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    if verdict == "meets" {
        return format!("{name}: meets");
    }
    let mut parts = vec![verdict.to_owned()];
    parts.extend(texts("because"));
    if !texts("needed").is_empty() {
        parts.push(format!("needs {}", texts("needed").join(", ")));
    }
    if let Some(until) = floor["exception_until"].as_str() {
        parts.push(format!("excepted until {until}"));
    } else if let (Some(phase), Some(at)) = (
        floor["next"]["phase"].as_str(),
        floor["next"]["at"].as_str(),
    ) {
        parts.push(format!("{phase} from {at}"));
    }
    format!("{name}: {}", parts.join("; "))
}
