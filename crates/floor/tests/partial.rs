//! An offer of which only a part is known is never judged wrongly: a floor that it meets is met by every offer that it
//! may be a part of, and one that it misses is missed by every one.

#![cfg(test)]

use floor::Floor;
use hello::{Facts, Offer, PartialOffer, Version};
use proptest::prelude::*;

const SUITES: [u16; 9] = [
    0x1301, 0x1302, 0xc02f, 0xc02b, 0x009c, 0xc013, 0x002f, 0x000a, 0x0005,
];
const GROUPS: [u16; 5] = [0x001d, 0x0017, 0x0018, 0x11ec, 0x0100];
const VERSIONS: [Version; 4] = [
    Version::TLSV1,
    Version::TLSV1_1,
    Version::TLSV1_2,
    Version::TLSV1_3,
];

/// What a client of this kind sends: the suites of TLS 1.3 go with that version.
fn offer() -> impl Strategy<Value = Offer> {
    (
        0..VERSIONS.len(),
        proptest::sample::subsequence(&SUITES[2..], 1..SUITES.len() - 2),
        proptest::sample::subsequence(&GROUPS[..], 0..GROUPS.len()),
    )
        .prop_map(|(latest, mut suites, mut groups)| {
            let latest = VERSIONS[latest];
            let newest = latest == Version::TLSV1_3;
            if newest {
                suites.insert(0, 0x1301);
                if groups.iter().all(|group| *group == 0x0100) {
                    groups.push(0x001d);
                }
            } else {
                groups.retain(|group| *group != 0x11ec);
            }
            Offer::from(&Facts {
                legacy_version: latest.min(Version::TLSV1_2),
                supported_versions: if newest {
                    vec![Version::TLSV1_3, Version::TLSV1_2]
                } else {
                    Vec::new()
                },
                suites,
                groups,
                ..Facts::default()
            })
        })
}

/// What a log may show of it: a handshake that a server made with it by the rules, and the lists or not.
fn seen(offer: &Offer, server_max: Version, shows: [bool; 5]) -> Option<PartialOffer> {
    let agreed = server_max.min(offer.max_version());
    let curve = offer.groups().find(|group| *group != 0x0100);
    let usable = |suite: &u16| match (agreed, suite) {
        (Version::TLSV1_3, suite) => suite & 0xff00 == 0x1300,
        (_, 0x1301 | 0x1302) => false,
        (Version::TLSV1_2, 0xc02f | 0xc02b) | (_, 0xc013) => {
            curve.is_some() || offer.groups().len() == 0
        }
        (Version::TLSV1_2, _) => true,
        (_, suite) => [0x002f, 0x000a, 0x0005].contains(suite),
    };
    // Without one there is no handshake.
    let suite = offer.suites().find(usable)?;
    let [suite_shown, group_shown, server_shown, suites, groups] = shows;
    let group = curve.filter(|_| suite & 0xff00 != 0);
    Some(PartialOffer {
        agreed_version: Some(agreed),
        agreed_suite: suite_shown.then_some(suite),
        agreed_group: group.filter(|_| group_shown),
        server_max: server_shown.then_some(server_max),
        max_version: None,
        suites: suites.then(|| offer.suites().collect()),
        groups: groups.then(|| offer.groups().collect()),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn a_part_is_never_judged_otherwise_than_the_whole(
        offer in offer(),
        server in 0..VERSIONS.len(),
        shows in any::<[bool; 5]>(),
        floor in proptest::sample::select(&Floor::NAMES[..]),
    ) {
        let Some(partial) = seen(&offer, VERSIONS[server], shows) else {
            return Ok(());
        };
        let floor = Floor::named(floor).expect("a shipped floor");
        let (whole, part) = (floor.judge(&offer), floor.judge(&Offer::from(&partial)));
        prop_assert!(
            part.cannot_tell() || part.meets() == whole.meets(),
            "{}: {part} by {partial:?}, and {whole} by {offer:?}",
            floor.name()
        );
    }
}

fn judged(floor: &str, partial: PartialOffer) -> String {
    let floor = Floor::named(floor).expect("a shipped floor");
    floor.judge(&Offer::from(&partial)).to_string()
}

#[test]
fn a_log_line_says_what_it_can() {
    let line = |version, suite, server_max| PartialOffer {
        agreed_version: Some(version),
        agreed_suite: Some(suite),
        server_max,
        ..PartialOffer::default()
    };
    let newest = Some(Version::TLSV1_3);
    let old = line(Version::TLSV1, 0xc013, newest);
    assert_eq!(
        judged("tls1.2", old.clone()),
        "misses: offers TLSv1 at most; TLSv1.2 needed"
    );
    let alone = line(Version::TLSV1, 0xc013, None);
    assert_eq!(
        judged("tls1.2", alone),
        "cannot tell",
        "the server may know no better"
    );
    let fine = line(Version::TLSV1_2, 0xc02f, newest);
    assert_eq!(judged("tls1.2", fine.clone()), "meets");
    assert_eq!(
        judged("tls1.3", fine.clone()),
        "misses: offers TLSv1.2 at most; TLSv1.3 needed"
    );
    assert!(
        judged("pq", fine).starts_with("misses"),
        "no such group before TLS 1.3"
    );
    let modern = line(Version::TLSV1_3, 0x1301, newest);
    assert_eq!(
        judged("pq", modern.clone()),
        "cannot tell",
        "the group is not shown"
    );
    let with_group = |group| PartialOffer {
        agreed_group: Some(group),
        ..modern.clone()
    };
    assert_eq!(judged("pq", with_group(0x11ec)), "meets");
    assert_eq!(
        judged("pq", with_group(0x001d)),
        "cannot tell",
        "it may offer more groups"
    );
    let with_groups = PartialOffer {
        groups: Some(vec![0x001d, 0x0017]),
        ..modern
    };
    assert!(judged("pq", with_groups).starts_with("misses"));
    assert_eq!(judged("tls1.2", PartialOffer::default()), "cannot tell");
}
