//! Listeners that are gates, told apart from the edge's by their `mode`: each kind is read strictly, with keys of its own.

use floor::config::did_you_mean;
use floor::{Problem, Severity};
use gate::settings::Listener;
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue, ValueDeserializer};

use super::problems;

/// Every `mode` there is.
const MODES: [&str; 2] = ["edge", "gate"];

/// The gates of a file.
#[derive(Debug, Default)]
pub(super) struct Gates {
    pub(super) listeners: Vec<Listener>,
    /// Whether there are any listeners besides.
    pub(super) beside_others: bool,
}

/// Takes the gates out of the tables of a file.
pub(super) fn take<'i>(root: &mut DeTable<'i>, text: &str) -> Result<Gates, Vec<Problem>> {
    let mut gates = Gates::default();
    let Some(listeners) = root.get_mut("listener") else {
        return Ok(gates);
    };
    // What is no list of tables, the reader of everything else complains about.
    let DeValue::Array(array) = listeners.get_mut() else {
        return Ok(gates);
    };
    let mut problems = Vec::new();
    let mut others = DeArray::new();
    let tables: Vec<Spanned<DeValue<'i>>> = std::mem::replace(array, DeArray::new())
        .into_iter()
        .collect();
    for (index, table) in tables.into_iter().enumerate() {
        match mode(&table) {
            Some((mode, _)) if mode == "gate" => match read(table, index, text) {
                Ok(gate) => gates.listeners.push(gate),
                Err(more) => problems.extend(more),
            },
            Some((mode, span)) if !MODES.contains(&mode.as_str()) => problems.push(Problem {
                span,
                key: format!("listener[{index}].mode"),
                message: format!("`{mode}` is not known here"),
                help: did_you_mean(&mode, MODES.into_iter(), "known here: edge, gate"),
                severity: Severity::Error,
            }),
            _ => {
                gates.beside_others = true;
                others.push(table);
            }
        }
    }
    *listeners.get_mut() = DeValue::Array(others);
    if problems.is_empty() {
        Ok(gates)
    } else {
        Err(problems)
    }
}

fn mode(table: &Spanned<DeValue<'_>>) -> Option<(String, std::ops::Range<usize>)> {
    let DeValue::Table(table) = table.get_ref() else {
        return None;
    };
    let mode = table.get("mode")?;
    match mode.get_ref() {
        DeValue::String(text) => Some((text.to_string(), mode.span())),
        _ => None,
    }
}

fn read(table: Spanned<DeValue<'_>>, index: usize, text: &str) -> Result<Listener, Vec<Problem>> {
    let span = table.span();
    let gate = Listener::deserialize(ValueDeserializer::from(table))
        .map_err(|error| vec![problems::from_toml(&error, text)])?;
    let faults = gate.faults().into_iter().map(|fault| Problem {
        span: fault.span.unwrap_or_else(|| span.clone()),
        key: format!("listener[{index}].{}", fault.key),
        message: fault.message,
        help: fault.help,
        severity: Severity::Error,
    });
    let faults: Vec<Problem> = faults.collect();
    if faults.is_empty() {
        Ok(gate)
    } else {
        Err(faults)
    }
}
