//! The answer as lines for people.

use crate::{Answer, Floor};

/// The answer as lines for people.
pub fn render(answer: &Answer) -> String {
    let mut lines = Vec::new();
    let mut add = |name: &str, value: &str| lines.push(format!("{name:<8} {value}"));
    let Answer { own, server, .. } = answer;
    add("url", &answer.url);
    add("runtime", &format!("{}, {}", own.runtime, own.library));
    if own.protocol.is_some() || own.cipher.is_some() {
        add("here", &joined([&own.protocol, &own.cipher]));
    }
    if let Some(server) = server {
        add(
            "server",
            &joined([&server.protocol, &server.cipher, &server.group]),
        );
    }
    if answer.differs == Some(true) {
        add(
            "between",
            "something between this client and the server re-encrypts; the fix is due there",
        );
    }
    for floor in &answer.floors {
        add("floor", &floor_line(floor));
    }
    // As it is in JSON.
    let verdict = serde_json::to_string(&answer.verdict).unwrap_or_default();
    add(
        "verdict",
        &format!("{}: {}", verdict.trim_matches('"'), answer.summary),
    );
    if let Some(error) = &answer.error {
        add("error", error);
    }
    if let Some(fix) = &answer.fix {
        add("fix", &fix.summary);
        for line in fix
            .snippet
            .as_deref()
            .unwrap_or_default()
            .lines()
            .filter(|line| !line.is_empty())
        {
            add("", line);
        }
        if let Some(verify) = &fix.verify {
            add("verify", verify);
        }
    }
    if let Some(contact) = &answer.contact {
        add("help", contact);
    }
    if let Some(report) = server.as_ref().and_then(|server| server.report.as_ref()) {
        add("report", report);
    }
    lines.join("\n")
}

fn joined<const N: usize>(parts: [&Option<String>; N]) -> String {
    parts
        .into_iter()
        .flatten()
        .cloned()
        .collect::<Vec<_>>()
        .join(", ")
}

fn floor_line(floor: &Floor) -> String {
    let name = match (&floor.name, &floor.sunset) {
        (Some(name), Some(sunset)) => format!("{name} ({sunset})"),
        (Some(name), None) | (None, Some(name)) => name.clone(),
        (None, None) => "the server's".to_owned(),
    };
    let verdict = floor.verdict.as_deref().unwrap_or("unknown");
    if verdict == "meets" {
        return format!("{name}: meets");
    }
    let mut parts = vec![verdict.to_owned()];
    parts.extend(floor.because.iter().cloned());
    if !floor.needed.is_empty() {
        parts.push(format!("needs {}", floor.needed.join(", ")));
    }
    match (&floor.exception_until, &floor.next) {
        (Some(until), _) => parts.push(format!("excepted until {until}")),
        (None, Some(next)) => parts.push(format!("{} from {}", next.phase, next.at)),
        (None, None) => {}
    }
    format!("{name}: {}", parts.join("; "))
}
