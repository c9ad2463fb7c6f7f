//! Who takes a letter where it belongs.

use super::letter::Letter;

/// Why a letter was not handed over, or may not have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It certainly was not, and another attempt would fare no better.
    Permanent(String),
    /// It certainly was not; another attempt may fare better.
    Temporary(String),
    /// The answer never came: nobody knows.
    Unknown(String),
}

/// Hands letters over.
pub(super) trait Carrier {
    /// What the record calls the receiver of a letter.
    fn recipient(&self, letter: &Letter) -> String;

    /// What the receiver knows a letter by.
    fn message_id(&self, letter: &Letter) -> String;

    /// Whether anything can be handed over at all.
    ///
    /// # Errors
    ///
    /// When not; then nobody's letter is tried.
    fn ready(&self) -> anyhow::Result<()> {
        Ok(())
    }

    /// Hands one over.
    ///
    /// # Errors
    ///
    /// When it was not handed over, or nobody knows.
    fn carry(&self, letter: &Letter) -> Result<(), Refusal>;
}

impl Refusal {
    /// In words.
    pub(super) fn reason(&self) -> &str {
        let (Self::Permanent(reason) | Self::Temporary(reason) | Self::Unknown(reason)) = self;
        reason
    }
}
