//! Knowing a log again that was read before, by what is in it.

use ledger::{Mark, Place};
use observe::logs::Beginning;

/// Every place that is known. What begins with the same bytes and has the same bytes before the place is the same log,
/// whatever it is called and however it is packed.
#[derive(Debug, Default)]
pub(crate) struct Places(Vec<Place>);

impl Places {
    pub(crate) fn new(places: Vec<Place>) -> Self {
        Self(places)
    }

    /// Where this log was read to; a place at its beginning where it was not.
    pub(crate) fn of(&self, beginning: &Beginning, name: String) -> Place {
        let head = beginning.head();
        // Hashed once for each length that any place has.
        let mut marks: Vec<Mark> = Vec::new();
        let known = self.0.iter().find(|place| {
            let Some(start) = usize::try_from(place.head.length)
                .ok()
                .and_then(|length| head.get(..length))
            else {
                return false;
            };
            let mark = match marks.iter().find(|mark| mark.length == place.head.length) {
                Some(mark) => mark.clone(),
                None => {
                    marks.push(Mark::of(start));
                    Mark::of(start)
                }
            };
            mark == place.head
                && beginning.tail_before(place.position).is_some_and(|tail| {
                    let from = tail
                        .len()
                        .saturating_sub(usize::try_from(place.tail.length).unwrap_or(usize::MAX));
                    tail.get(from..).map(Mark::of).as_ref() == Some(&place.tail)
                })
        });
        let new = || Place {
            id: None,
            head: Mark::of(&[]),
            tail: Mark::of(&[]),
            position: 0,
            server: 0,
            seen: 0,
            name: name.clone(),
        };
        let mut place = known.cloned().unwrap_or_else(new);
        place.name = name;
        place
    }

    /// Remembers a place for the rest of the run.
    pub(crate) fn keep(&mut self, place: &Place) {
        self.0.retain(|known| known.id != place.id);
        self.0.push(place.clone());
    }
}
