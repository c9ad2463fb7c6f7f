//! Floors from their names or their tables.

use std::collections::BTreeSet;

use hello::Version;
use hello::names::{
    GroupFacts, SuiteFacts, cipher_suite, cipher_suite_by_name, group, group_by_name, suite_facts,
};
use toml::Spanned;

use super::Builder;
use crate::Floor;
use crate::config::names::did_you_mean;
use crate::config::{FloorValue, InlineFloor};
use crate::floor::Rules;

impl Builder {
    pub(super) fn floor(&mut self, key: &str, value: Spanned<FloorValue>) -> Floor {
        match self.value(key, value) {
            FloorValue::Inline(table) => self.inline_floor(key, table),
            FloorValue::Named(name) => Floor::named(&name).cloned().unwrap_or_else(|| {
                let fallback = format!(
                    "one of {}, or a table {{ min = \"TLSv1.2\" }}",
                    Floor::NAMES.join(", ")
                );
                self.error(
                    key,
                    format!("there is no floor `{name}`"),
                    did_you_mean(&name, Floor::NAMES.into_iter(), &fallback),
                );
                stand_in()
            }),
        }
    }

    fn inline_floor(&mut self, key: &str, table: InlineFloor) -> Floor {
        let spelled = table.min.get_ref().clone();
        let min = self.min(&format!("{key}.min"), table.min);
        let suites = table.suites.map(|list| {
            self.codes(
                &format!("{key}.suites"),
                list,
                suite_code,
                suite_names,
                "a cipher suite",
            )
        });
        let groups = table.groups.map(|list| {
            self.codes(
                &format!("{key}.groups"),
                list,
                group_by_name,
                group_names,
                "a group",
            )
        });
        let listed = |count: Option<usize>, what: &str| {
            count
                .map(|count| format!(", one of {count} {what}"))
                .unwrap_or_default()
        };
        let title = format!(
            "{spelled} or later{}{}",
            listed(suites.as_ref().map(BTreeSet::len), "cipher suites"),
            listed(groups.as_ref().map(BTreeSet::len), "groups")
        );
        let floor = Floor::new(Rules {
            name: "inline".to_owned(),
            title,
            min,
            suites: suites
                .as_ref()
                .map(|codes| |code: u16, _: &SuiteFacts| codes.contains(&code)),
            groups: groups
                .as_ref()
                .map(|codes| |code: u16, _: &GroupFacts| codes.contains(&code)),
            sources: Vec::new(),
        });
        if suites.is_some_and(|codes| !codes.is_empty()) && floor.suites().next().is_none() {
            self.error(
                format!("{key}.suites"),
                format!("none of these suites can be used in {min} or later"),
                "add suites of those versions, or lower `min`",
            );
        }
        floor
    }

    fn min(&mut self, key: &str, min: Spanned<String>) -> Version {
        let min = self.value(key, min);
        let names = || Version::KNOWN.into_iter().filter_map(Version::name);
        Version::from_name(&min).unwrap_or_else(|| {
            let fallback = "write SSLv3, TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3";
            self.error(
                key,
                format!("there is no version `{min}`"),
                did_you_mean(&min, names(), fallback),
            );
            Version::TLSV1_2
        })
    }

    fn codes<'a, N: Iterator<Item = &'a str>>(
        &mut self,
        key: &str,
        list: Spanned<Vec<Spanned<String>>>,
        code: fn(&str) -> Option<u16>,
        candidates: fn() -> N,
        what: &str,
    ) -> BTreeSet<u16> {
        let list = self.value(key, list);
        if list.is_empty() {
            self.error(
                key,
                "an empty list lets nobody in",
                format!("name {what}, or leave the key out to allow any"),
            );
        }
        let mut codes = BTreeSet::new();
        for (index, name) in list.into_iter().enumerate() {
            let key = format!("{key}[{index}]");
            let name = self.value(&key, name);
            match code(&name) {
                Some(code) => {
                    codes.insert(code);
                }
                None => {
                    let help = did_you_mean(
                        &name,
                        candidates(),
                        "write its name as OpenSSL or IANA spells it",
                    );
                    self.error(key, format!("`{name}` is not {what}"), help);
                }
            }
        }
        codes
    }
}

/// What stands in for a floor that could not be read; no plan is made of it.
fn stand_in() -> Floor {
    Floor::new(Rules {
        name: String::new(),
        title: String::new(),
        min: Version::TLSV1_2,
        suites: None::<fn(u16, &SuiteFacts) -> bool>,
        groups: None::<fn(u16, &GroupFacts) -> bool>,
        sources: Vec::new(),
    })
}

/// A suite that can be negotiated: signalling values have a name and no facts.
fn suite_code(name: &str) -> Option<u16> {
    cipher_suite_by_name(name).filter(|&code| suite_facts(code).is_some())
}

fn suite_names() -> impl Iterator<Item = &'static str> {
    let named = (0..=u16::MAX)
        .filter(|&code| suite_facts(code).is_some())
        .filter_map(cipher_suite);
    named.flat_map(|name| name.openssl.into_iter().chain([name.iana]))
}

fn group_names() -> impl Iterator<Item = &'static str> {
    (0..=u16::MAX).filter_map(group)
}
