//! The client programs of the demo, with the hellos that they really send.

use advice::{Knowledge, KnownClient};
use anyhow::{Context, anyhow};
use floor::Floor;
use hello::{Offer, Version, names};
use ledger::Negotiated;
use serde::Deserialize;

const PROGRAMS: &str = include_str!("programs.toml");

/// One client program.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) user_agent: String,
    pub(super) offer: Offer,
    pub(super) negotiated: Negotiated,
    /// Where its account goes when it is fixed; an index.
    pub(super) after: Option<usize>,
    pub(super) weight: u32,
    /// Whether it misses the floor of the sunset that is under way.
    pub(super) is_old: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    program: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    hello: String,
    user_agent: String,
    after: Option<String>,
    weight: u32,
}

/// Reads the programs; those that miss `floor` are the old ones.
pub(super) fn programs(floor: &Floor) -> anyhow::Result<Vec<Program>> {
    let rows = toml::from_str::<File>(PROGRAMS)?.program;
    let programs = rows.iter().map(|row| {
        let after = row.after.as_ref().map(|name| {
            let found = rows.iter().position(|row| row.name == *name);
            found.with_context(|| format!("{}: there is no program {name}", row.name))
        });
        let offer = known(&row.hello)?.offer.clone();
        Ok(Program {
            user_agent: row.user_agent.clone(),
            negotiated: negotiated(&offer)
                .with_context(|| format!("{}: nothing can be agreed on", row.name))?,
            is_old: floor.judge(&offer).misses(),
            offer,
            after: after.transpose()?,
            weight: row.weight,
        })
    });
    programs.collect()
}

/// A client whose hello is known, by its name.
pub(super) fn known(name: &str) -> anyhow::Result<&'static KnownClient> {
    Knowledge::known_clients()
        .iter()
        .find(|client| client.name == name)
        .ok_or_else(|| anyhow!("no client is called {name:?}"))
}

/// What an edge agrees on with such a client: the first of each list that it offers.
pub(super) fn negotiated(offer: &Offer) -> Option<Negotiated> {
    const SUITES: [(&str, Version, bool); 7] = [
        ("TLS_AES_128_GCM_SHA256", Version::TLSV1_3, true),
        ("ECDHE-RSA-AES128-GCM-SHA256", Version::TLSV1_2, true),
        ("AES128-GCM-SHA256", Version::TLSV1_2, false),
        ("ECDHE-RSA-AES128-SHA", Version::SSLV3, true),
        ("AES128-SHA", Version::SSLV3, false),
        ("DES-CBC3-SHA", Version::SSLV3, false),
        ("RC4-SHA", Version::SSLV3, false),
    ];
    const GROUPS: [&str; 5] = [
        "X25519MLKEM768",
        "x25519",
        "secp256r1",
        "secp384r1",
        "secp521r1",
    ];
    let version = offer.max_version();
    let offers_group = |name: &&&str| {
        names::group_by_name(name).is_some_and(|code| offer.groups().any(|group| group == code))
    };
    let group = GROUPS.iter().find(offers_group).copied();
    let (cipher, _, with_group) = SUITES.into_iter().find(|(name, from, needs_group)| {
        let offered = names::cipher_suite_by_name(name)
            .is_some_and(|code| offer.suites().any(|suite| suite == code));
        let fits = if *from == Version::TLSV1_3 {
            version >= Version::TLSV1_3
        } else {
            version < Version::TLSV1_3 && version >= *from
        };
        offered && fits && (!needs_group || group.is_some())
    })?;
    Some(Negotiated {
        version,
        cipher,
        group: group.filter(|_| with_group),
        alpn: None,
        resumed: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_is_a_known_client_and_every_old_one_can_be_fixed() {
        let floor = Floor::named("tls1.2").expect("a shipped floor");
        let programs = programs(floor).expect("the programs");
        assert!(programs.iter().filter(|program| program.is_old).count() >= 5);
        for program in &programs {
            let after = program.after.and_then(|index| programs.get(index));
            assert!(
                !program.is_old || after.is_some_and(|after| !after.is_old),
                "{} stays old",
                program.user_agent
            );
        }
    }
}
