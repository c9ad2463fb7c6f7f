use super::*;
use crate::Visitor;
use crate::people::{Note, PEOPLE, People};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_000_000 + second).unwrap()
}

fn one(id: &str, standing: u8, requests: f64) -> Standing {
    Standing {
        who: Who::Known(id.into()),
        standing,
        state: Some(1),
        program: Some(format!("Program {}", requests as u64 % 3).into()),
        lacks: (standing == 0).then(|| "offers TLSv1 at most".into()),
        requests_a_day: requests,
        share: 0.5,
        missed: (standing == 0).then(|| at(requests as i64)),
        seen: Some(at(1_000)),
    }
}

fn many() -> Vec<Standing> {
    let mut all: Vec<Standing> = (0..60)
        .map(|number| {
            one(
                &format!("Account-{:02}", 59 - number),
                0,
                f64::from(60 - number),
            )
        })
        .collect();
    all.push(Standing {
        who: Who::Inferred {
            candidates: vec!["account-a".into(), "account-b".into()],
            more: false,
        },
        ..one("", 4, 3.0)
    });
    all.extend((0..60).map(|number| one(&format!("ready-{number}"), 5, f64::from(number % 4))));
    all
}

fn all() -> Asked {
    Asked {
        most: 7,
        ..Asked::default()
    }
}

/// Whatever is asked, turning the pages on gives the whole list once, and turning them back gives it again.
#[test]
fn pages_add_up_to_the_list_in_every_order() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(STANDINGS);
    let people = directory.path().join(PEOPLE);
    let mut standings = Standings::open(&path).unwrap();
    standings.replace("{}", [many(), many()]).unwrap();
    let reading = Standings::read(&path, &people).unwrap();
    for order in [Order::Harm, Order::Account, Order::Requests, Order::Seen] {
        for (kinds, text) in [
            (vec![], ""),
            (vec![0, 4], ""),
            (vec![5], "ready-1"),
            (vec![], "account-"),
        ] {
            let asked = Asked {
                order,
                standings: kinds,
                text: text.to_owned(),
                ..all()
            };
            let mut whole = Vec::new();
            reading.each(&asked, |row| whole.push(row)).unwrap();
            let mut turn = Turn::First;
            let mut found: Vec<Placed> = Vec::new();
            loop {
                let page = reading
                    .page(&Asked {
                        turn,
                        ..asked.clone()
                    })
                    .unwrap();
                assert_eq!(page.total, whole.len() as u64);
                let Some(last) = page.rows.last() else { break };
                assert_eq!(page.before, found.len() as u64, "{order:?}");
                turn = Turn::After(last.place);
                found.extend(page.rows);
            }
            assert_eq!(found, whole, "{order:?} {text}");
            let mut end = whole.len();
            while let Some(last) = whole.get(end.wrapping_sub(1)) {
                let turn = Turn::Before(last.place);
                let page = reading
                    .page(&Asked {
                        turn,
                        ..asked.clone()
                    })
                    .unwrap();
                let from = (end - 1).saturating_sub(7);
                assert_eq!(page.rows, whole[from..end - 1], "{order:?} {text}");
                if page.rows.is_empty() {
                    break;
                }
                assert_eq!(page.before, from as u64);
                end = from + 1;
            }
        }
    }
}

#[test]
fn what_is_asked_is_bound_and_never_read_as_a_question() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(STANDINGS);
    let people = directory.path().join(PEOPLE);
    let hostile = [
        "'; DROP TABLE who; --",
        "%",
        "_",
        "\" OR 1=1",
        "a\u{0}b",
        "*",
    ];
    let mut standings = Standings::open(&path).unwrap();
    let rows = || hostile.map(|id| one(id, 0, 1.0));
    standings.replace("{}", [rows()]).unwrap();
    let notes = People::open(&people).unwrap();
    for id in hostile {
        notes
            .write(&Note {
                account: id.to_owned(),
                text: String::new(),
                owner: id.to_owned(),
                contact: id.to_owned(),
                visitor: Visitor::Customer,
                changed: at(0),
                author: id.to_owned(),
            })
            .unwrap();
    }
    let reading = Standings::read(&path, &people).unwrap();
    for id in hostile {
        for asked in [
            Asked {
                text: id.to_lowercase(),
                ..all()
            },
            Asked {
                owner: id.to_owned(),
                ..all()
            },
        ] {
            let page = reading.page(&asked).unwrap();
            assert_eq!(page.total, 1, "{asked:?}");
            assert_eq!((&*page.rows[0].owner, &*page.rows[0].contact), (id, id));
        }
        for asked in [
            Asked {
                program: id.to_owned(),
                ..all()
            },
            Asked {
                lacks: id.to_owned(),
                ..all()
            },
        ] {
            assert_eq!(reading.page(&asked).unwrap().total, 0, "{asked:?}");
        }
    }
    assert_eq!(reading.owners(3).unwrap().len(), 3);
    let asked = Asked {
        program: "program 1".to_owned(),
        lacks: "offers tlsv1".to_owned(),
        ..all()
    };
    assert_eq!(reading.page(&asked).unwrap().total, 6);
    let far = Asked {
        turn: Turn::After(u64::MAX / 2),
        ..all()
    };
    assert!(reading.page(&far).unwrap().rows.is_empty());
    let beyond = Asked { sunset: 9, ..all() };
    assert_eq!(reading.page(&beyond).unwrap(), Page::default());
}

#[test]
fn a_judgement_takes_the_place_of_the_one_before() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(STANDINGS);
    let people = directory.path().join(PEOPLE);
    let mut standings = Standings::open(&path).unwrap();
    let reading = Standings::read(&path, &people).unwrap();
    assert_eq!(reading.body().unwrap(), None);
    standings.replace("first", [many()]).unwrap();
    standings
        .replace(
            "second",
            [vec![one("acme", 0, 1.0)], vec![one("acme", 5, 1.0)]],
        )
        .unwrap();
    assert_eq!(reading.body().unwrap().as_deref(), Some("second"));
    assert_eq!(reading.of("acme").unwrap(), [(0, 0), (1, 5)]);
    assert_eq!(reading.of("ready-1").unwrap(), []);
    assert_eq!(reading.counts(0).unwrap(), [(0, 1)]);
    assert_eq!(
        reading.programs(0, 5, 10).unwrap(),
        [("Program 1".to_owned(), 1)]
    );
    drop((standings, reading));
    let again = Standings::open(&path).unwrap();
    assert_eq!(
        again.body().unwrap().as_deref(),
        Some("second"),
        "it is kept"
    );
}

#[test]
fn what_is_damaged_is_made_anew() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(STANDINGS);
    std::fs::write(&path, vec![7; 10_000]).unwrap();
    let mut standings = Standings::open(&path).unwrap();
    assert_eq!(standings.body().unwrap(), None);
    standings.replace("{}", [many()]).unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    drop(standings);
    let _ = Standings::open(&path).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(
        mode & 0o077,
        0,
        "names of customers are for the owner's eyes"
    );
}
