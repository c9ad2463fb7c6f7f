//! From the words of a pattern to a [`Template`]: what every syntax does alike.

use super::format::FormatError;
use super::line::{Field, Written};
use super::template::{Kind, Piece, Slot, Template};

/// What a variable is to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Nothing.
    Nothing,
    /// The time, written like this.
    Time(Written),
    /// Something that is kept or looked at.
    Is(Slot),
}

impl From<Field> for Meaning {
    fn from(field: Field) -> Self {
        Self::Is(Slot::Field(field))
    }
}

/// A pattern in the making.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    pieces: Vec<Piece>,
    taken: Vec<Slot>,
    pub(crate) written: Option<Written>,
    /// Headers that HAProxy captures, in their order.
    pub(crate) captures: Vec<Option<Field>>,
}

impl Builder {
    /// Adds text.
    pub(crate) fn text(&mut self, text: &str) {
        if !text.is_empty() {
            self.pieces.push(Piece::Text(text.as_bytes().to_vec()));
        }
    }

    /// Adds a variable that stands at a character (from 1) of the pattern. Of two that show the same the first counts.
    pub(crate) fn variable(&mut self, name: String, column: usize, meaning: Meaning, kind: Kind) {
        let slot = match meaning {
            Meaning::Time(written) if self.written.is_none() => {
                self.written = Some(written);
                Slot::Time
            }
            Meaning::Is(slot) if !self.taken.contains(&slot) => {
                self.taken.push(slot);
                slot
            }
            _ => Slot::Ignored,
        };
        self.pieces.push(Piece::Variable {
            name,
            slot,
            kind,
            column,
        });
    }

    /// The template, and how its times are written. `remedy` says what to log where it shows no time or no TLS.
    pub(crate) fn finish(
        self,
        pattern: &str,
        remedy: &str,
    ) -> Result<(Template, Written), FormatError> {
        let template = Template::new(self.pieces, self.captures)
            .map_err(|fault| FormatError::at(pattern, fault.column, fault.reason))?;
        let Some(written) = self.written else {
            return Err(FormatError::Useless(format!(
                "this format has no time; {remedy}"
            )));
        };
        let shows = |field| template.fields().contains(&field);
        if !shows(Field::Protocol) && !shows(Field::OfferedVersions) && !shows(Field::Ja3) {
            return Err(FormatError::Useless(format!(
                "this format says nothing of TLS; {remedy}"
            )));
        }
        Ok((template, written))
    }
}
