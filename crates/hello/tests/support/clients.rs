//! The offers of known clients, from their recorded facts.

use hello::{Facts, Offer, Version};
use serde_json::Value;

#[allow(dead_code, reason = "every test binary uses its own part")]
/// One client of `known-clients.json`, with the fingerprints that others computed.
pub(crate) struct Known {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) facts: Facts,
    pub(crate) ja3_text: String,
    pub(crate) ja3: String,
    pub(crate) ja4: String,
}

impl Known {
    pub(crate) fn offer(&self) -> Offer {
        Offer::from(&self.facts)
    }
}

/// All known clients; `None` if the data is not there.
pub(crate) fn known() -> Option<Vec<Known>> {
    let text = std::fs::read_to_string(crate::support::shared("data/known-clients.json")?).unwrap();
    let data: Value = serde_json::from_str(&text).unwrap();
    Some(
        data["clients"]
            .as_array()
            .unwrap()
            .iter()
            .map(client)
            .collect(),
    )
}

fn client(row: &Value) -> Known {
    let text = |key: &str| row[key].as_str().unwrap().to_owned();
    let code = |value: &Value| u16::from_str_radix(value.as_str().unwrap(), 16).unwrap();
    let codes = |key: &str| {
        row[key]
            .as_array()
            .unwrap()
            .iter()
            .map(code)
            .collect::<Vec<_>>()
    };
    let ja3_text = text("ja3");
    // The facts leave the point formats out; JA3 has them.
    let formats = ja3_text.rsplit(',').next().unwrap();
    let point_formats = formats
        .split('-')
        .filter_map(|format| format.parse().ok())
        .collect();
    let signature_algorithms = codes("signature_algorithms");
    let extensions = codes("extensions");
    // The facts leave the schemes for certificates out; an empty list is one that servers refuse.
    let signature_algorithms_cert = if extensions.contains(&50) {
        signature_algorithms.clone()
    } else {
        Vec::new()
    };
    let facts = Facts {
        sni: row["sni"].as_bool().unwrap(),
        grease: row["grease"].as_bool().unwrap(),
        legacy_version: Version(code(&row["legacy_version"])),
        supported_versions: codes("supported_versions")
            .into_iter()
            .map(Version)
            .collect(),
        suites: codes("ciphers"),
        compression: row["compression"]
            .as_array()
            .unwrap()
            .iter()
            .map(|method| method.as_u64().unwrap() as u8)
            .collect(),
        groups: codes("groups"),
        key_shares: codes("key_shares"),
        signature_algorithms,
        signature_algorithms_cert,
        point_formats,
        alpn: row["alpn"]
            .as_array()
            .unwrap()
            .iter()
            .map(|name| name.as_str().unwrap().as_bytes().to_vec())
            .collect(),
        extensions,
        ..Facts::default()
    };
    Known {
        id: text("id"),
        name: text("name"),
        facts,
        ja3_text,
        ja3: text("ja3_md5"),
        ja4: text("ja4"),
    }
}
