//! Protocols, suites and groups in use as a cryptography bill of materials (CycloneDX 1.7,
//! <https://cyclonedx.org/docs/1.7/json/>). Only what was negotiated is in it: what clients offered is theirs.

use std::collections::{BTreeMap, BTreeSet};

use hello::names;
use serde_json::{Value, json};

use crate::pack::Pack;

/// The inventory of a pack.
pub fn cbom(pack: &Pack) -> Value {
    let mut protocols: BTreeMap<&str, BTreeMap<Option<&str>, BTreeSet<&str>>> = BTreeMap::new();
    let mut totals: BTreeMap<&str, u64> = BTreeMap::new();
    for used in &pack.inventory {
        *totals.entry(&used.protocol).or_default() += used.connections;
        let suites = protocols.entry(&used.protocol).or_default();
        let groups = suites.entry(used.cipher.as_deref()).or_default();
        groups.extend(used.group.as_deref());
    }
    let groups: BTreeSet<&str> = protocols
        .values()
        .flat_map(BTreeMap::values)
        .flatten()
        .copied()
        .collect();
    let mut components: Vec<Value> = Vec::new();
    for (protocol, suites) in &protocols {
        let suites = suites
            .iter()
            .filter_map(|(cipher, groups)| Some(suite((*cipher)?, groups)));
        components.push(json!({
            "type": "cryptographic-asset",
            "bom-ref": format!("protocol:{protocol}"),
            "name": protocol,
            "cryptoProperties": {
                "assetType": "protocol",
                "protocolProperties": {
                    "type": "tls",
                    "version": number(protocol),
                    "cipherSuites": suites.collect::<Vec<_>>(),
                },
            },
            "properties": [{
                "name": "sundown:connections",
                "value": totals.get(protocol).copied().unwrap_or_default().to_string(),
            }],
        }));
    }
    components.extend(groups.iter().map(|group| {
        json!({
            "type": "cryptographic-asset",
            "bom-ref": format!("group:{group}"),
            "name": group,
            "cryptoProperties": {
                "assetType": "algorithm",
                "algorithmProperties": {
                    "primitive": primitive(group),
                    "parameterSetIdentifier": group,
                    "cryptoFunctions": ["keygen"],
                },
            },
        })
    }));
    let mut properties = vec![
        json!({ "name": "sundown:from", "value": pack.period.from.to_string() }),
        json!({ "name": "sundown:until", "value": pack.period.until.to_string() }),
    ];
    if pack.demo {
        properties.push(json!({ "name": "sundown:demo", "value": "true" }));
    }
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.7.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "version": 1,
        "metadata": {
            "timestamp": pack.made_at.to_string(),
            "tools": { "components": [{ "type": "application", "name": "sundown", "version": pack.made_by.trim_start_matches("sundown ") }] },
            "properties": properties,
        },
        "components": components,
    })
}

fn suite(cipher: &str, groups: &BTreeSet<&str>) -> Value {
    let mut suite = json!({ "name": cipher });
    if let (Some(code), Some(fields)) = (names::cipher_suite_by_name(cipher), suite.as_object_mut())
    {
        if let Some(name) = names::cipher_suite(code) {
            fields.insert("name".to_owned(), json!(name.iana));
        }
        let bytes = code
            .to_be_bytes()
            .map(|byte| format!("{byte:#04X}").replace("0X", "0x"));
        fields.insert("identifiers".to_owned(), json!(bytes));
    }
    if let (false, Some(fields)) = (groups.is_empty(), suite.as_object_mut()) {
        fields.insert("tlsGroups".to_owned(), json!(groups));
    }
    suite
}

/// `1.2` of `TLSv1.2`.
fn number(protocol: &str) -> &str {
    let number = protocol.trim_start_matches(|c: char| !c.is_ascii_digit());
    match number {
        "1" if protocol.starts_with("TLS") => "1.0",
        number => number,
    }
}

/// What kind of algorithm a group stands for: ML-KEM and its hybrids are encapsulations, alone or combined.
fn primitive(group: &str) -> &'static str {
    let lower = group.to_ascii_lowercase();
    match lower.strip_prefix("mlkem") {
        Some(_) => "kem",
        None if lower.contains("mlkem") || lower.contains("kyber") => "combiner",
        None => "key-agree",
    }
}
