//! What a server says of a connection: an answer of `/ssl/`, in today's shape or in that of 2016, or the
//! explanation that turns a request away. Read leniently: a field that is missing or odd is left out.

use hello::Version;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::text::printable;

/// The most entries read from a list; no plan has as many sunsets.
const LONGEST_LIST: usize = 32;
/// The `type` of an explanation, which never changes.
const EXPLANATION: &str = "urn:sundown:problem:tls-floor";

/// An answer of `/ssl/`.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    pub(crate) protocol: String,
    pub(crate) cipher: Option<String>,
    pub(crate) cipher_iana: Option<String>,
    pub(crate) group: Option<String>,
    /// The client as the server recognised it.
    pub(crate) client: Option<String>,
    pub(crate) floors: Vec<Standing>,
    /// Absent where the server has no plan to judge by.
    pub(crate) verdict: Option<ServerVerdict>,
    pub(crate) advice: Option<Advice>,
    /// Where this answer can be read again.
    pub(crate) report: Option<String>,
}

/// How the client stands with the server's plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ServerVerdict {
    Ok,
    AtRisk,
    Blocked,
}

/// One sunset of the server's plan.
#[derive(Debug, Serialize)]
pub(crate) struct Standing {
    pub(crate) name: Option<String>,
    pub(crate) sunset: Option<String>,
    pub(crate) phase: Option<String>,
    pub(crate) verdict: Option<String>,
    pub(crate) because: Vec<String>,
    pub(crate) needed: Vec<String>,
    pub(crate) next: Option<Next>,
    pub(crate) exception_until: Option<Timestamp>,
}

/// What happens next, and when.
#[derive(Debug, Serialize)]
pub(crate) struct Next {
    pub(crate) phase: String,
    pub(crate) at: Timestamp,
}

/// What the server says to change.
#[derive(Debug, Serialize)]
pub(crate) struct Advice {
    pub(crate) summary: String,
    pub(crate) snippet: Option<String>,
}

/// Why a request was turned away (RFC 9457).
#[derive(Debug, Serialize)]
pub(crate) struct Explanation {
    pub(crate) title: String,
    pub(crate) detail: Option<String>,
    pub(crate) sunset: Option<String>,
    pub(crate) since: Option<Timestamp>,
    pub(crate) advice: Option<Advice>,
    pub(crate) contact: Option<String>,
}

impl Answer {
    /// An object that names the protocol; anything else is no such answer.
    pub(crate) fn read(value: &Value) -> Option<Self> {
        let client = value.get("client").map(|client| {
            let parts = ["runtime", "version", "library"].map(|part| text(client, part));
            parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
        });
        Some(Self {
            protocol: text(value, "protocol")?,
            cipher: text(value, "cipher"),
            cipher_iana: text(value, "cipher_iana"),
            group: text(value, "group"),
            client: client.filter(|client| !client.is_empty()),
            floors: list(value, "floors").map(Standing::read).collect(),
            verdict: value
                .get("verdict")
                .and_then(|verdict| ServerVerdict::deserialize(verdict).ok()),
            advice: Advice::read(value),
            report: text(value, "report"),
        })
    }

    /// Whether the server saw another version than the client did: then TLS ends somewhere between them.
    pub(crate) fn saw_another(&self, negotiated: Version) -> bool {
        Version::from_name(&self.protocol).is_some_and(|seen| seen != negotiated)
    }
}

impl Standing {
    fn read(value: &Value) -> Self {
        let texts = |name| {
            list(value, name)
                .filter_map(Value::as_str)
                .map(printable)
                .collect()
        };
        let next = value.get("next");
        Self {
            name: text(value, "name"),
            sunset: text(value, "sunset"),
            phase: text(value, "phase"),
            verdict: text(value, "verdict"),
            because: texts("because"),
            needed: texts("needed"),
            next: next.and_then(|next| {
                Some(Next {
                    phase: text(next, "phase")?,
                    at: moment(next, "at")?,
                })
            }),
            exception_until: moment(value, "exception_until"),
        }
    }
}

impl Advice {
    /// The advice in an answer or an explanation.
    fn read(value: &Value) -> Option<Self> {
        let advice = value.get("advice")?;
        Some(Self {
            summary: text(advice, "summary")?,
            snippet: text(advice, "snippet"),
        })
    }
}

impl Explanation {
    pub(crate) fn read(value: &Value) -> Option<Self> {
        if value.get("type")?.as_str()? != EXPLANATION {
            return None;
        }
        Some(Self {
            title: text(value, "title").unwrap_or_else(|| "misses the server's floor".to_owned()),
            detail: text(value, "detail"),
            sunset: text(value, "sunset"),
            since: moment(value, "since"),
            advice: Advice::read(value),
            contact: text(value, "contact"),
        })
    }
}

fn text(value: &Value, name: &str) -> Option<String> {
    let text = printable(value.get(name)?.as_str()?);
    (!text.is_empty()).then_some(text)
}

fn moment(value: &Value, name: &str) -> Option<Timestamp> {
    value.get(name)?.as_str()?.parse().ok()
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value
        .get(name)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .take(LONGEST_LIST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_of_2016_is_read() {
        let answer =
            Answer::read(&json!({ "protocol": "TLSv1.2", "cipher": "AES128-SHA" })).unwrap();
        assert_eq!(
            (answer.protocol.as_str(), answer.cipher.as_deref()),
            ("TLSv1.2", Some("AES128-SHA"))
        );
        assert!(answer.verdict.is_none() && answer.floors.is_empty());
        assert!(answer.saw_another(Version::TLSV1_3) && !answer.saw_another(Version::TLSV1_2));
    }

    #[test]
    fn odd_fields_are_left_out_and_the_rest_is_kept() {
        let answer = Answer::read(&json!({
            "protocol": "TLSv1\u{1b}[2J", "cipher": 7, "verdict": "splendid", "client": [], "advice": "update",
            "floors": [1, { "name": "tls1.2", "next": { "phase": "refuse", "at": "tomorrow" }, "needed": ["TLSv1.2", 9] }],
        }))
        .unwrap();
        assert_eq!(answer.protocol, "TLSv1[2J");
        assert!(
            answer.cipher.is_none()
                && answer.verdict.is_none()
                && answer.client.is_none()
                && answer.advice.is_none()
        );
        let floor = answer.floors.get(1).unwrap();
        assert_eq!(
            (floor.name.as_deref(), floor.needed.as_slice()),
            (Some("tls1.2"), &["TLSv1.2".to_owned()][..])
        );
        assert!(floor.next.is_none());
        assert!(
            !answer.saw_another(Version::TLSV1_2),
            "an unknown name proves nothing"
        );
    }

    #[test]
    fn what_is_no_answer_is_not_taken_for_one() {
        for value in [
            json!({}),
            json!([]),
            json!("TLSv1.2"),
            json!({ "protocol": 1.2 }),
            Value::Null,
        ] {
            assert!(Answer::read(&value).is_none(), "{value}");
            assert!(Explanation::read(&value).is_none(), "{value}");
        }
        assert!(
            Explanation::read(&json!({ "type": "about:blank", "title": "Forbidden" })).is_none()
        );
    }

    #[test]
    fn lists_are_bounded() {
        let floors = vec![json!({ "name": "tls1.2" }); 1000];
        let answer = Answer::read(&json!({ "protocol": "TLSv1", "floors": floors })).unwrap();
        assert_eq!(answer.floors.len(), LONGEST_LIST);
    }
}
