//! A ledger as people have marked it: the same figures, another visitor.
#![allow(
    clippy::unwrap_used,
    reason = "what goes wrong in a helper of a test fails the test"
)]

mod support;

use ledger::people::{Marked, Note, PEOPLE, People};
use ledger::{Importer, LedgerSettings, Query, Reader, Visitor, Wanted, Who};
use support::{ALWAYS, served, time};

#[test]
fn what_is_marked_as_no_customer_is_one_in_every_answer() {
    let directory = tempfile::tempdir().unwrap();
    let at = time("2026-03-01T10:00:00Z");
    let path = directory.path().join(ledger::FILE);
    let mut importer = Importer::open(&path, &LedgerSettings::default(), at).unwrap();
    for account in ["acme", "probe"] {
        importer.add(&served(at, account, 3)).unwrap();
    }
    importer.finish().unwrap();
    let plain = Reader::open(&path).unwrap();
    let people = People::open(&directory.path().join(PEOPLE)).unwrap();
    let note = |account: &str, visitor| Note {
        account: account.to_owned(),
        text: String::new(),
        owner: String::new(),
        contact: String::new(),
        visitor,
        changed: at,
        author: "ann".to_owned(),
    };
    people.write(&note("probe", Visitor::HealthCheck)).unwrap();
    people.write(&note("acme", Visitor::Customer)).unwrap();
    let marked = Marked::open(directory.path()).unwrap();

    let expected = |who: &Who| match who {
        Who::Known(id) if &**id == "probe" => Visitor::HealthCheck,
        _ => Visitor::Customer,
    };
    let (groups, unmarked) = (
        marked.groups(ALWAYS).unwrap(),
        plain.groups(ALWAYS).unwrap(),
    );
    assert_eq!(groups.len(), 2);
    for (group, before) in groups.iter().zip(&unmarked) {
        assert_eq!(group.visitor, expected(&group.who));
        assert_eq!((&group.who, &group.counts), (&before.who, &before.counts));
    }
    let mut wanted = Vec::new();
    for group in &groups {
        let details = marked.details(ALWAYS, &group.who).unwrap();
        assert_eq!(details.len(), 1);
        assert_eq!(details.first().unwrap().visitor, expected(&group.who));
        wanted.push(Wanted {
            who: group.who.clone(),
            offers: group.offer.into_iter().collect(),
        });
    }
    let mut told = 0;
    marked
        .details_of_each(ALWAYS, &wanted, &mut |place, details| {
            for detail in details {
                assert_eq!(detail.visitor, expected(&wanted.get(place).unwrap().who));
                told += 1;
            }
        })
        .unwrap();
    assert_eq!(told, 2);
    let mut pieces = 0;
    marked
        .pieces(ALWAYS, &[], &mut |who, detail| {
            assert_eq!(detail.visitor, expected(who));
            pieces += 1;
        })
        .unwrap();
    assert_eq!(pieces, 2);
}
