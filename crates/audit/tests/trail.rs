//! The trail on a disk: what is appended is read, and nothing is changed unseen.
#![cfg(test)]

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::thread;

use audit::{Deed, Holds, Trail, When, Wrong};
use floor::Hold;
use jiff::Timestamp;

fn when(second: i64) -> When {
    When {
        real: Timestamp::from_second(second).unwrap(),
        plan: None,
    }
}

fn hold(reason: &str) -> Deed {
    Deed::Hold {
        sunset: None,
        reason: reason.to_owned(),
    }
}

fn trail_of(directory: &Path, count: i64) -> Trail {
    let trail = Trail::of(directory);
    for second in 0..count {
        let reason = format!("reason {second} with \"quotes\", a\nline and ,\"hash\":\"ü\"");
        trail.append(when(second), "jo", &[hold(&reason)]).unwrap();
    }
    trail
}

#[test]
fn what_is_appended_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let trail = trail_of(directory.path(), 3);
    let both = When {
        plan: Some("2016-12-15T00:00:00Z".parse().unwrap()),
        ..when(9)
    };
    trail.append(both, "edge", &[Deed::Stopped]).unwrap();
    let reading = trail.read().unwrap();
    assert_eq!((&reading.fault, reading.unfinished), (&None, 0));
    let seqs: Vec<_> = reading.records.iter().map(|record| record.seq).collect();
    assert_eq!(seqs, [1, 2, 3, 4]);
    let first = &reading.records[0];
    assert_eq!((first.kind.as_str(), first.by.as_str()), ("hold", "jo"));
    assert!(first.text("reason").unwrap().contains("a\nline"));
    assert_eq!(reading.records[3].kind, "stopped");
    assert_eq!(reading.records[3].plan_at, both.plan);
    assert_eq!(first.previous, "0".repeat(64));
    assert_eq!(reading.records[1].previous, first.hash);
}

#[test]
fn any_byte_that_is_changed_is_found_where_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let trail = trail_of(directory.path(), 3);
    let text = fs::read(trail.path()).unwrap();
    for place in 0..text.len() {
        let mut changed = text.clone();
        changed[place] ^= 1;
        fs::write(trail.path(), &changed).unwrap();
        let reading = trail.read().unwrap();
        let line = text[..place].iter().filter(|&&byte| byte == b'\n').count() + 1;
        if place == text.len() - 1 {
            // The last line feed alone: what is left cannot be told from a crash.
            assert!(reading.unfinished > 0 || reading.fault.is_some());
            continue;
        }
        let fault = reading
            .fault
            .unwrap_or_else(|| panic!("byte {place} of line {line}"));
        assert_eq!(fault.line, line, "byte {place}: {fault}");
    }
}

#[test]
fn a_record_removed_or_put_in_leaves_a_gap() {
    let directory = tempfile::tempdir().unwrap();
    let trail = trail_of(directory.path(), 4);
    let text = fs::read_to_string(trail.path()).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    for (kept, line, wrong) in [
        (vec![0, 2, 3], 2, Wrong::Gap),
        (vec![1, 2, 3], 1, Wrong::Gap),
        (vec![0, 1, 1, 2, 3], 3, Wrong::Gap),
        (vec![0, 2, 1, 3], 2, Wrong::Gap),
    ] {
        let kept: String = kept.into_iter().map(|index| lines[index]).collect();
        fs::write(trail.path(), kept).unwrap();
        let fault = trail.read().unwrap().fault.expect("a gap");
        assert_eq!((fault.line, fault.wrong), (line, wrong));
    }
    fs::write(trail.path(), format!("{}\n{}", lines[0], lines[1])).unwrap();
    let fault = trail.read().unwrap().fault.expect("an empty line");
    assert_eq!((fault.line, fault.wrong), (2, Wrong::NoRecord));
}

#[test]
fn after_a_crash_anywhere_in_a_record_the_trail_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let trail = trail_of(directory.path(), 2);
    let text = fs::read(trail.path()).unwrap();
    let second = text.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    for length in second..=text.len() {
        fs::write(trail.path(), &text[..length]).unwrap();
        let found = trail.read().unwrap();
        assert_eq!(found.fault, None, "{length}");
        // Twice: the attempt to go on may be cut short as well.
        for cut in [7, 0] {
            trail.append(when(9), "jo", &[hold("next")]).unwrap();
            let reading = trail.read().unwrap();
            assert_eq!(reading.fault, None, "{length}");
            assert_eq!(reading.unfinished, 0);
            assert_eq!(reading.records.last().unwrap().text("reason"), Some("next"));
            let whole = fs::read(trail.path()).unwrap();
            fs::write(trail.path(), &whole[..whole.len() - cut]).unwrap();
        }
        let records = trail.read().unwrap().records;
        let recovered = records.iter().filter(|record| record.kind == "recovered");
        let partial = (second + 1..text.len() - 1).contains(&length);
        assert_eq!(recovered.count(), 1 + usize::from(partial), "{length}");
    }
}

#[test]
fn several_unfinished_lines_are_found_as_one() {
    let directory = tempfile::tempdir().unwrap();
    let trail = trail_of(directory.path(), 1);
    let mut file = OpenOptions::new().append(true).open(trail.path()).unwrap();
    file.write_all(b"{\"seq\":2,\n\n{\"se\xff").unwrap();
    trail.append(when(9), "jo", &[hold("next")]).unwrap();
    let reading = trail.read().unwrap();
    assert_eq!(reading.fault, None);
    assert_eq!(reading.records.len(), 3);
    // And what was found may not be changed either.
    let text = fs::read(trail.path()).unwrap();
    let place = text.iter().position(|&byte| byte == 0xff).unwrap();
    let mut changed = text;
    changed[place] = 0xfe;
    fs::write(trail.path(), changed).unwrap();
    let fault = trail.read().unwrap().fault.expect("it was changed");
    assert_eq!((fault.line, fault.wrong), (2, Wrong::NoRecord));
}

#[test]
fn a_record_longer_than_what_is_read_at_first_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let trail = trail_of(directory.path(), 1);
    let long = "x".repeat(200_000);
    trail.append(when(1), "jo", &[hold(&long)]).unwrap();
    trail.append(when(2), "jo", &[hold("next")]).unwrap();
    let reading = trail.read().unwrap();
    assert_eq!((reading.records.len(), reading.fault), (3, None));
}

#[test]
fn many_can_write_at_once() {
    let directory = tempfile::tempdir().unwrap();
    thread::scope(|scope| {
        for writer in 0..8 {
            let trail = Trail::of(directory.path());
            scope.spawn(move || {
                for second in 0..20 {
                    let by = writer.to_string();
                    trail.append(when(second), &by, &[hold("x")]).unwrap();
                }
            });
        }
    });
    let reading = Trail::of(directory.path()).read().unwrap();
    assert_eq!((reading.records.len(), reading.fault), (160, None));
}

#[test]
fn a_trail_that_cannot_be_written_is_an_error_that_names_it() {
    let directory = tempfile::tempdir().unwrap();
    let trail = Trail::of(directory.path());
    fs::create_dir(trail.path()).unwrap();
    let error = trail.append(when(0), "jo", &[Deed::Stopped]).unwrap_err();
    assert!(error.to_string().contains("audit.jsonl"), "{error}");
}

#[test]
fn holds_are_replaced_whole_and_none_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let holds = Holds::of(&directory.path().join("made"));
    assert_eq!(holds.read().unwrap(), []);
    assert_eq!(holds.is_watched(), Some(false));
    let watching = holds.watch().unwrap();
    let another = holds.watch().unwrap();
    drop(another);
    assert_eq!(holds.is_watched(), Some(true));
    drop(watching);
    assert_eq!(holds.is_watched(), Some(false));
    let before = holds.stamp();
    thread::scope(|scope| {
        for writer in 0..8 {
            let holds = holds.clone();
            scope.spawn(move || {
                let hold = Hold {
                    sunset: Some(writer.to_string()),
                    by: "jo".to_owned(),
                    reason: "x".to_owned(),
                    at: Timestamp::UNIX_EPOCH,
                };
                holds.change(|all| all.push(hold)).unwrap();
            });
        }
    });
    assert_eq!(holds.read().unwrap().len(), 8);
    let between = holds.stamp();
    assert_ne!(before, between);
    holds.change(Vec::clear).unwrap();
    assert_ne!(between, holds.stamp());
    assert_eq!(holds.read().unwrap(), []);
    fs::write(holds.path(), "{").unwrap();
    assert!(holds.read().unwrap_err().to_string().contains("holds.json"));
    holds.change(|all| assert!(all.is_empty())).unwrap();
    assert_eq!(holds.read().unwrap(), []);
}
