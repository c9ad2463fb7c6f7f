//! What the demo's operators wrote about accounts.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use ledger::people::{Note, PEOPLE, People};
use ledger::{LedgerError, Visitor};

use super::people::Person;

/// What is said of the first few that still have something old.
const SAID: [&str; 5] = [
    "Release is scheduled for the second week of next month; they test on the preview name.",
    "Called twice; their contractor left. Asked for a new contact.",
    "One machine in the warehouse is left, everything else is done.",
    "Waits for a firmware update from the vendor of its terminals.",
    "Did not know about the batch job. Looking for who owns it.",
];

/// Writes them: an owner and a contact for whoever has or had something old.
pub(super) fn write(data_dir: &Path, people: &[Person], now: Timestamp) -> Result<(), LedgerError> {
    let file = People::open(&data_dir.join(PEOPLE))?;
    let mut said = SAID.into_iter();
    for (index, person) in people.iter().filter(|person| person.was_old).enumerate() {
        let text = if person.fixed.is_none() {
            said.next().unwrap_or_default()
        } else {
            ""
        };
        let (owner, author) = if index % 2 == 0 {
            ("dana@example.com", "dana")
        } else {
            ("ravi@example.com", "ravi")
        };
        let days = SignedDuration::from_hours(24 * (2 + index as i64 % 20));
        file.write(&Note {
            account: person.id.to_string(),
            text: text.to_owned(),
            owner: owner.to_owned(),
            contact: format!("it@{}.example", person.id),
            visitor: Visitor::Customer,
            changed: now.checked_sub(days).unwrap_or(now),
            author: author.to_owned(),
        })?;
    }
    Ok(())
}
