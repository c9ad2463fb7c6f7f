//! What a replay calls certain is certain, and what it calls the most is the most: for any traffic and any plan, over a
//! ledger that keeps only hours, held against every sighting decided by itself.
#![cfg(test)]

mod support;

use std::collections::BTreeMap;

use floor::{Account, Action, Moment, Plan, Who};
use jiff::{SignedDuration, Timestamp};
use ledger::{Entry, Importer, LedgerSettings, Outcome, Reader};
use proptest::prelude::*;
use report::Options;
use report::replay::{Draft, Estimate, Fates, Replaying, replay};
use support::story::{Seen, at, memory, plan, seen, tls10, tls12, tls13};

/// Minutes of the range.
const RANGE: i64 = 2 * 24 * 60;

fn moment(minutes: i64, seconds: i64) -> Timestamp {
    at("2016-10-01T00:00Z") + SignedDuration::from_secs(60 * minutes + seconds)
}

prop_compose! {
    fn sighting()(
        minute in 0..RANGE, second in 0..60_i64, which in 0..5_u8, account in 0..4_u8, address in 0..4_u8,
        requests in 1..20_u64, refused in any::<bool>(),
    ) -> Seen {
        let offer = match which {
            0 | 1 => tls10(),
            2 => tls12(),
            3 => tls13(0x001d),
            _ => tls13(0x11ec),
        };
        let mut one = seen(&moment(minute, second).to_string(), Some(offer)).from(&format!("192.0.2.{}", 50 * address));
        if refused {
            // Who is refused shows nothing; one account is known to call from there, or two are.
            return match account {
                0 => one.refused(),
                1 | 2 => one.inferred(&[("account-1", 9)], false).refused(),
                _ => one.inferred(&[("account-1", 9), ("account-2", 5)], false).refused(),
            };
        }
        if account > 0 {
            one = one.account(&format!("account-{account}"));
        }
        one.requests(requests)
    }
}

/// The tables of a plan: sunsets whose phases begin within the range, brownouts of minutes, and exceptions.
fn plans() -> impl Strategy<Value = String> {
    let sunset = (
        prop::sample::select(vec!["tls1.2", "tls1.3", "pq", "rfc9325"]),
        prop::collection::vec(-60..RANGE + 60, 4),
        any::<[bool; 4]>(),
        prop::option::of((1..50_i64, 1..9_i64, 0..10_i64, 0..3_u8, any::<bool>())),
    )
        .prop_map(|(floor, mut times, has, brownout)| {
            times.sort_unstable();
            let mut text = format!("[[sunset]]\nname = \"NAME\"\nfloor = \"{floor}\"\n");
            for ((key, minutes), has) in ["observe", "warn", "explain", "refuse"].into_iter().zip(&times).zip(has) {
                if has {
                    text.push_str(&format!("{key} = \"{}\"\n", moment(*minutes, 0)));
                }
            }
            if let (Some((length, every, offset, share, refuses)), [_, from, until, _]) = (brownout, times.as_slice()) {
                let every = length + every;
                let share = ["1.0", "0.5", "0.25"][usize::from(share)];
                let action = if refuses { "refuse" } else { "explain" };
                text.push_str(&format!(
                    "[[sunset.brownout]]\nfrom = \"{}\"\nto = \"{}\"\nlength = \"{length}m\"\nevery = \"{every}m\"\n\
                     offset = \"{}m\"\nshare = {share}\nas = \"{action}\"\n",
                    moment(*from, 0),
                    moment(*until, 0),
                    offset.min(every - 1),
                ));
            }
            text
        });
    let exception = (1..4_u8, 0..RANGE, any::<bool>()).prop_map(|(which, until, by_account)| {
        let whom = if by_account {
            format!("account = \"account-{which}\"")
        } else {
            format!("address = \"192.0.2.{}\"", 50 * which)
        };
        format!(
            "[[exception]]\n{whom}\nsunset = \"sunset 0\"\nuntil = \"{}\"\nowner = \"jo\"\nreason = \"late\"\n",
            moment(until, 0)
        )
    });
    (
        prop::collection::vec(sunset, 1..3),
        prop::collection::vec(exception, 0..3),
    )
        .prop_map(|(sunsets, exceptions)| {
            let named = sunsets
                .iter()
                .enumerate()
                .map(|(number, text)| text.replace("NAME", &format!("sunset {number}")));
            named.chain(exceptions).collect()
        })
}

/// What becomes of one sighting, as an edge decides it that remembers who called from where.
fn truth(plan: &Plan, entry: &Entry) -> &'static str {
    let sighting = &entry.sighting;
    let shown = match &sighting.account {
        Some(ledger::Account::Known(id)) => Some(&**id),
        Some(ledger::Account::Inferred(inferred)) if !inferred.more => {
            match inferred.candidates.as_slice() {
                [only] => Some(&*only.id),
                _ => None,
            }
        }
        _ => None,
    };
    let ask = |account, moment| {
        let who = Who {
            address: sighting.address,
            sni: sighting.sni.as_deref(),
            account,
        };
        let offer = sighting.offer.as_ref().expect("each has one");
        plan.decide(offer, &who, moment, entry.at).action
    };
    let hello = ask(
        shown.map_or(Account::Unknown, Account::Remembered),
        Moment::Hello,
    );
    let was_refused = matches!(sighting.outcome, Outcome::Refused { .. });
    let action = match hello {
        Action::Refuse(_) => hello,
        _ if was_refused && shown.is_none() => hello,
        _ => ask(
            shown.map_or(Account::None, Account::Known),
            Moment::Request { path: "/" },
        ),
    };
    match action {
        Action::Serve => "served",
        Action::Warn => "warned",
        Action::Explain => "explained",
        Action::Refuse(_) => "refused",
    }
}

fn parts(fates: &Fates) -> [(&'static str, Estimate); 4] {
    [
        ("served", fates.served),
        ("warned", fates.warned),
        ("explained", fates.explained),
        ("refused", fates.refused),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_truth_is_between_what_is_certain_and_the_most(
        sightings in prop::collection::vec(sighting(), 1..60),
        text in plans(),
    ) {
        let tables: Result<floor::config::PlanTables, _> = toml::from_str(&text);
        let Ok(decides) = tables.expect(&text).build([7; 16]) else {
            // Dates that no plan may have.
            return Ok(());
        };
        let entries = memory(sightings).entries;
        let now = moment(RANGE + 60, 0);
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join(ledger::FILE);
        let mut importer = Importer::open(&path, &LedgerSettings::default(), now).expect("a ledger");
        for entry in &entries {
            importer.add(entry).expect("a ledger");
        }
        importer.finish().expect("a ledger");
        let ledger = Reader::open(&path).expect("a ledger");

        let replaying = Replaying {
            draft: Draft { name: "draft", plan: &decides },
            against: None,
            recorded: None,
            shift: SignedDuration::ZERO,
        };
        let made = replay(&ledger, &replaying, now, &Options::default()).expect("a replay").plan;
        let mut connections: BTreeMap<&str, u64> = BTreeMap::new();
        let mut requests: BTreeMap<&str, u64> = BTreeMap::new();
        for entry in &entries {
            let fate = truth(&decides, entry);
            *connections.entry(fate).or_default() += entry.connections;
            *requests.entry(fate).or_default() += entry.requests.total();
        }
        for (fates, truth) in [(made.connections, connections), (made.requests, requests)] {
            prop_assert_eq!(fates.unjudged, 0);
            prop_assert_eq!(fates.total, truth.values().sum::<u64>());
            for (name, estimate) in parts(&fates) {
                let truth = truth.get(name).copied().unwrap_or_default();
                prop_assert!(
                    estimate.at_least <= truth && truth <= estimate.at_most,
                    "{name}: {truth} in {estimate:?}\n{text}"
                );
            }
        }
    }
}

/// The plans of the test are plans: most of them are in order, and some turn somebody away.
#[test]
fn one_of_these_plans_turns_somebody_away() {
    let decides = plan(
        "[[sunset]]\nname = \"sunset 0\"\nfloor = \"tls1.2\"\nrefuse = \"2016-10-01T12:00Z\"\n",
    );
    let entries = memory([seen("2016-10-01T13:00Z", Some(tls10())).requests(1)]).entries;
    assert_eq!(
        entries
            .iter()
            .map(|entry| truth(&decides, entry))
            .collect::<Vec<_>>(),
        ["refused"]
    );
}
