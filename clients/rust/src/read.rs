//! What the server says of the connection: an answer of `/ssl/`, an explanation, or the header that warns.

use serde_json::{json, Value};

use crate::{unable, Answer, Fix, Floor, Next, Server, Unable, Verdict};

const EXPLANATION: &str = "urn:sundown:problem:tls-floor";
/// An advice is a few sentences.
const LONGEST_TEXT: usize = 2000;
/// A plan has a few sunsets.
const LONGEST_LIST: usize = 32;

pub(crate) fn read(answer: &mut Answer, head: &str, body: &[u8]) -> Result<(), Unable> {
    let told: Value = serde_json::from_str(&String::from_utf8_lossy(body)).unwrap_or_default();
    let status = head.get(9..12).unwrap_or_default();
    if told.get("type").and_then(Value::as_str) == Some(EXPLANATION) {
        explained(answer, &told);
    } else if text(&told, "protocol").is_some() {
        answered(answer, &told);
    } else if let Some(notice) = field(head, "sundown-notice") {
        noticed(answer, status.parse().unwrap_or(0), &line(notice));
    } else {
        let kind = field(head, "content-type").unwrap_or_default();
        let kind = line(kind.split(';').next().unwrap_or_default());
        let kind = if kind.is_empty() {
            "no content type"
        } else {
            &kind
        };
        return Err(unable(
            format!("the server does not say how it sees this client (HTTP {status}, {kind})"),
            None,
        ));
    }
    compare(answer, text(&told, "cipher_iana").as_deref());
    Ok(())
}

/// The first header field of this name, which is in lower case.
pub(crate) fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = head
        .split("\r\n")
        .skip(1)
        .filter_map(|line| line.split_once(':'));
    fields
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

fn answered(answer: &mut Answer, told: &Value) {
    let client = told.get("client").map(|client| {
        let parts = ["runtime", "version", "library"].map(|name| text(client, name));
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    });
    answer.server = Some(Server {
        client: client.filter(|client| !client.is_empty()),
        report: text(told, "report"),
        ..seen(told)
    });
    for one in list(told, "floors").filter(|one| one.is_object()) {
        let floor = floor(one);
        if floor.verdict.as_deref() == Some("misses") && answer.contact.is_none() {
            answer.contact = text(one, "contact");
        }
        answer.floors.push(floor);
    }
    answer.fix = advice(told);
    match told.get("verdict").and_then(Value::as_str) {
        Some("ok") => conclude(answer, Verdict::Ok),
        Some("at-risk") => conclude(answer, Verdict::AtRisk),
        Some("blocked") => conclude(answer, Verdict::Blocked),
        _ => answer.summary = "the server gives no verdict".to_owned(),
    }
}

fn explained(answer: &mut Answer, told: &Value) {
    answer.server = Some(seen(told.get("seen").unwrap_or(&Value::Null)));
    let missed =
        json!({ "sunset": told.get("sunset"), "verdict": "misses", "needed": told.get("needed") });
    answer.floors.push(floor(&missed));
    answer.contact = text(told, "contact");
    answer.fix = advice(told);
    conclude(answer, Verdict::Blocked);
}

fn noticed(answer: &mut Answer, status: u16, notice: &str) {
    // A dictionary of strings (RFC 9651 section 3.2): every second part between quotation marks is a value.
    let mut parts = notice.split('"');
    let mut fields = serde_json::Map::new();
    while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
        let name = name.trim_start_matches([',', ' ']).trim_end_matches('=');
        fields.insert(name.to_owned(), value.into());
    }
    let fields = Value::Object(fields);
    let seen_as = json!({ "protocol": fields.get("seen"), "cipher": fields.get("seen-cipher"), "group": fields.get("seen-group") });
    answer.server = Some(seen(&seen_as));
    let needed = ["needed", "needed-cipher", "needed-group"].map(|name| fields.get(name));
    answer
        .floors
        .push(floor(&json!({ "verdict": "misses", "needed": needed })));
    conclude(
        answer,
        if status >= 400 {
            Verdict::Blocked
        } else {
            Verdict::AtRisk
        },
    );
}

fn conclude(answer: &mut Answer, verdict: Verdict) {
    answer.verdict = verdict;
    answer.summary = match verdict {
        Verdict::Ok => "this client meets every floor of the server",
        Verdict::AtRisk => "this client is served today and misses a floor",
        _ => "the server turns this client's requests away",
    }
    .to_owned();
}

fn seen(told: &Value) -> Server {
    let [protocol, cipher, group] = ["protocol", "cipher", "group"].map(|name| text(told, name));
    Server {
        protocol,
        cipher,
        group,
        client: None,
        report: None,
    }
}

fn floor(told: &Value) -> Floor {
    let texts = |name| {
        list(told, name)
            .filter_map(Value::as_str)
            .map(line)
            .collect()
    };
    let next = told.get("next").and_then(|next| {
        Some(Next {
            phase: text(next, "phase")?,
            at: text(next, "at")?,
        })
    });
    Floor {
        name: text(told, "name"),
        sunset: text(told, "sunset"),
        phase: text(told, "phase"),
        verdict: text(told, "verdict"),
        because: texts("because"),
        needed: texts("needed"),
        next,
        exception_until: text(told, "exception_until"),
    }
}

fn advice(told: &Value) -> Option<Fix> {
    let advice = told.get("advice")?;
    let snippet = advice
        .get("snippet")
        .and_then(Value::as_str)
        .map(|snippet| {
            let snippet: String = snippet.chars().take(LONGEST_TEXT).collect();
            snippet.split('\n').map(line).collect::<Vec<_>>().join("\n")
        });
    Some(Fix {
        summary: text(advice, "summary")?,
        snippet,
        verify: text(advice, "verify"),
    })
}

/// Whether the server saw another connection than the one that was made here.
fn compare(answer: &mut Answer, iana: Option<&str>) {
    let (own, Some(server)) = (&answer.own, &answer.server) else {
        return;
    };
    let protocols = own
        .protocol
        .as_ref()
        .zip(server.protocol.as_ref())
        .map(|(here, there)| here != there);
    // rustls has IANA's names only.
    let ciphers = own
        .cipher
        .as_deref()
        .zip(iana)
        .map(|(here, there)| here != there);
    answer.differs = match (protocols, ciphers) {
        (Some(one), Some(other)) => Some(one || other),
        (one, other) => one.or(other),
    };
}

fn text(told: &Value, name: &str) -> Option<String> {
    let text = line(told.get(name)?.as_str()?);
    (!text.is_empty()).then_some(text)
}

fn list<'a>(told: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    told.get(name)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .take(LONGEST_LIST)
}

/// One line without what steers a terminal or reorders it (Unicode TR 9).
pub(crate) fn line(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let parts = text
        .split(steers)
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    parts
        .chars()
        .take(LONGEST_TEXT)
        .collect::<String>()
        .trim()
        .to_owned()
}
