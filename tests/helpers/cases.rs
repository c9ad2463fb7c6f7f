//! `clients/cases.json`: what every helper answers, and how an answer is held against it.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

/// All that is expected.
#[derive(Deserialize)]
pub(crate) struct Cases {
    pub(crate) plans: BTreeMap<String, String>,
    pub(crate) phases: Vec<PhaseCase>,
    pub(crate) servers: Vec<ServerCase>,
    pub(crate) urls: Vec<UrlCase>,
    pub(crate) misuse: Vec<Vec<String>>,
}

/// The real edge, with a plan, on a day.
#[derive(Deserialize)]
pub(crate) struct PhaseCase {
    pub(crate) title: String,
    pub(crate) plan: String,
    pub(crate) as_of: String,
    pub(crate) offers: String,
    pub(crate) path: String,
    pub(crate) exit: i32,
    pub(crate) answer: Value,
}

/// A server that is no Sundown.
#[derive(Clone, Deserialize)]
pub(crate) struct ServerCase {
    pub(crate) title: String,
    /// `answer`: a handshake, and then what it says. `elsewhere`, `stranger`: the same with a certificate for another
    /// name, or of another authority. `plain`: no TLS. `silence`: nothing.
    pub(crate) hello: String,
    /// In one piece.
    #[serde(default)]
    pub(crate) says: String,
    /// So many times, after that.
    #[serde(default)]
    pub(crate) body: String,
    #[serde(default)]
    pub(crate) repeat: usize,
    /// `close`, `hold`, `drip` (a byte now and then) or `endless` (as fast as it goes).
    pub(crate) then: String,
    #[serde(default)]
    pub(crate) timeout: Option<u64>,
    pub(crate) exit: i32,
    pub(crate) answer: Value,
}

/// A URL that leads nowhere.
#[derive(Deserialize)]
pub(crate) struct UrlCase {
    pub(crate) url: String,
    pub(crate) summary: String,
}

/// Reads the file.
pub(crate) fn read() -> Cases {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../clients/cases.json");
    let text = std::fs::read_to_string(file).expect("a file of the checkout");
    serde_json::from_str(&text).expect("cases as described here")
}

/// What stands for what in an expectation.
pub(crate) struct Words<'a> {
    pub(crate) protocol: &'a str,
    /// Absent where the library does not tell.
    pub(crate) own_protocol: Option<&'a str>,
    pub(crate) library: &'a str,
    pub(crate) server: &'a str,
}

/// The first thing in `answer` that is not as `expected`; an object may have more fields.
pub(crate) fn difference(
    expected: &Value,
    answer: &Value,
    words: &Words<'_>,
    at: &str,
) -> Option<String> {
    match (expected, answer) {
        (Value::Object(fields), Value::Object(_)) => fields.iter().find_map(|(name, value)| {
            let field = answer.get(name);
            let Some(field) = field else {
                return Some(format!("{at}/{name} is not there"));
            };
            difference(value, field, words, &format!("{at}/{name}"))
        }),
        (Value::Array(wanted), Value::Array(found)) if wanted.len() == found.len() => {
            let mut pairs = wanted.iter().zip(found).enumerate();
            pairs.find_map(|(index, (one, other))| {
                difference(one, other, words, &format!("{at}/{index}"))
            })
        }
        (Value::String(wanted), found) if wanted == "*" => {
            let fits = found.as_str().is_some_and(|text| !text.is_empty());
            (!fits).then(|| format!("{at} is {found}, not some text"))
        }
        (Value::String(wanted), found) if wanted == "{own_protocol}" => (found.as_str()
            != words.own_protocol)
            .then(|| format!("{at} is {found}, not {:?}", words.own_protocol)),
        (Value::String(wanted), found) => {
            let wanted = wanted
                .replace("{protocol}", words.protocol)
                .replace("{library}", words.library)
                .replace("{server}", words.server);
            (found.as_str() != Some(&wanted)).then(|| format!("{at} is {found}, not {wanted:?}"))
        }
        (wanted, found) => (wanted != found).then(|| format!("{at} is {found}, not {wanted}")),
    }
}
