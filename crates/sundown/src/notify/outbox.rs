//! Sends letters: each is recorded before it is handed over and after, at a pace, and again where it was put off.

use std::io::IsTerminal;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use ledger::people::People;
use tokio::time::Instant;

use super::carrier::{Carrier, Refusal};
use super::letter::Letter;

/// Attempts at a letter that is put off, in one run. The next run goes on.
const ATTEMPTS: u32 = 3;

/// What became of a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Sent,
    /// It certainly was not.
    Failed(String),
    /// It may have been; it counts as sent.
    Unknown(String),
    /// Another program had it in hand meanwhile.
    Elsewhere,
}

/// How to send.
pub(super) struct Outbox<'a> {
    pub(super) people: &'a People,
    pub(super) carrier: &'a dyn Carrier,
    /// The time from one letter to the next.
    pub(super) pace: Duration,
    /// The time before letters that were put off are tried again.
    pub(super) retry_after: Duration,
    pub(super) now: Timestamp,
}

impl Outbox<'_> {
    /// Sends them all, and gives what became of each, in their order.
    ///
    /// # Errors
    ///
    /// When the record cannot be written. Nothing more is sent then.
    pub(super) fn send(&self, letters: &[Letter]) -> anyhow::Result<Vec<Fate>> {
        let bar = progress(letters.len());
        let mut fates: Vec<Option<Fate>> = vec![None; letters.len()];
        let mut next = Instant::now();
        for attempt in 1..=ATTEMPTS {
            let mut put_off = false;
            for (letter, fate) in letters.iter().zip(&mut fates) {
                if fate.is_some() {
                    continue;
                }
                thread::sleep(next.saturating_duration_since(Instant::now()));
                next = Instant::now() + self.pace;
                match self.one(letter)? {
                    (Fate::Failed(_), true) if attempt < ATTEMPTS => put_off = true,
                    (done, _) => {
                        *fate = Some(done);
                        bar.inc(1);
                    }
                }
            }
            if !put_off {
                break;
            }
            bar.set_message("waiting to try again");
            thread::sleep(self.retry_after);
            bar.set_message("sending");
        }
        bar.finish_and_clear();
        let lost = || Fate::Failed("not tried".to_owned());
        Ok(fates
            .into_iter()
            .map(|fate| fate.unwrap_or_else(lost))
            .collect())
    }

    /// Hands one over. `true` where another attempt may fare better.
    fn one(&self, letter: &Letter) -> anyhow::Result<(Fate, bool)> {
        let recipient = self.carrier.recipient(letter);
        let id = self.carrier.message_id(letter);
        let record = letter.record(recipient, id, self.now);
        let begun = self
            .people
            .begin(&record)
            .context("a letter cannot be recorded, so it is not sent")?;
        let Some(number) = begun else {
            return Ok((Fate::Elsewhere, false));
        };
        let carried = self.carrier.carry(letter);
        let failed = |reason: String, again| {
            self.people.failed(number, self.now, &reason)?;
            anyhow::Ok((Fate::Failed(reason), again))
        };
        match carried {
            Ok(()) => {
                self.people.sent(number, self.now)?;
                Ok((Fate::Sent, false))
            }
            Err(Refusal::Permanent(reason)) => failed(reason, false),
            Err(Refusal::Temporary(reason)) => failed(reason, true),
            // It stays begun, which counts as sent: better none than two.
            Err(Refusal::Unknown(reason)) => Ok((Fate::Unknown(reason), false)),
        }
    }
}

fn progress(letters: usize) -> ProgressBar {
    let bar = ProgressBar::new(letters as u64).with_message("sending");
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos} of {len}  {eta}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use ledger::people::LetterState;

    use super::*;

    /// Answers with what is written down, the last first.
    struct Scripted(RefCell<Vec<Result<(), Refusal>>>);

    impl Carrier for Scripted {
        fn recipient(&self, letter: &Letter) -> String {
            letter.to.to_string()
        }

        fn message_id(&self, letter: &Letter) -> String {
            letter.id.clone()
        }

        fn carry(&self, _: &Letter) -> Result<(), Refusal> {
            self.0.borrow_mut().pop().expect("no more attempts")
        }
    }

    fn letter() -> Letter {
        Letter {
            account: "acme".to_owned(),
            sunset: "tls1.2".to_owned(),
            occasion: "breaks".to_owned(),
            to: "it@acme.example".parse().unwrap(),
            subject: String::new(),
            text: String::new(),
            html: None,
            page: None,
            unsubscribe: None,
            id: "1".to_owned(),
        }
    }

    #[test]
    fn what_is_known_is_recorded_and_what_is_not_counts_as_sent() {
        let later = || Err(Refusal::Temporary("451 later".to_owned()));
        let lost = Err(Refusal::Unknown("reset".to_owned()));
        let never = Err(Refusal::Permanent("550 no".to_owned()));
        let failed = |reason: &str| LetterState::Failed(reason.to_owned());
        // The answers in turn, what is said of the letter, what the record says last, and whether a next run tries.
        for (answers, fate, state, again) in [
            (vec![Ok(())], Fate::Sent, LetterState::Sent, false),
            (
                vec![later(), later(), Ok(())],
                Fate::Sent,
                LetterState::Sent,
                false,
            ),
            (
                vec![later(), later(), later()],
                Fate::Failed("451 later".to_owned()),
                failed("451 later"),
                true,
            ),
            (
                vec![never],
                Fate::Failed("550 no".to_owned()),
                failed("550 no"),
                true,
            ),
            (
                vec![later(), lost],
                Fate::Unknown("reset".to_owned()),
                LetterState::Begun,
                false,
            ),
        ] {
            let directory = tempfile::tempdir().unwrap();
            let people = People::open(&directory.path().join("people")).unwrap();
            let attempts = answers.len();
            let mut answers = answers;
            answers.reverse();
            let carrier = Scripted(RefCell::new(answers));
            let outbox = Outbox {
                people: &people,
                carrier: &carrier,
                pace: Duration::ZERO,
                retry_after: Duration::ZERO,
                now: Timestamp::UNIX_EPOCH,
            };
            assert_eq!(
                outbox.send(&[letter()]).unwrap(),
                std::slice::from_ref(&fate)
            );
            assert!(carrier.0.borrow().is_empty(), "{fate:?}");
            let recorded = people.letters().unwrap();
            assert_eq!(recorded.len(), attempts);
            assert_eq!(recorded[0].state, state);
            carrier.0.borrow_mut().push(Ok(()));
            let next = outbox.send(&[letter()]).unwrap();
            assert_eq!(next == [Fate::Sent], again, "{fate:?}: {next:?}");
        }
    }
}
