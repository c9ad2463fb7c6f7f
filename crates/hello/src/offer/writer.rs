//! Writes the canonical bytes of an offer.

use super::{FLAG_GREASE, FORMAT, Offer};
use crate::Version;
use crate::grease::{is_grease, is_grease_alpn};

/// Writes the sections of an offer one after the other.
pub(crate) struct Writer {
    bytes: Vec<u8>,
    grease: bool,
}

impl Writer {
    pub(crate) fn new(flags: u8, legacy_version: Version) -> Self {
        // More than any browser's offer needs: one allocation for each.
        let mut bytes = Vec::with_capacity(384);
        bytes.extend([FORMAT, flags]);
        bytes.extend(legacy_version.0.to_be_bytes());
        Self {
            bytes,
            grease: false,
        }
    }

    /// Appends one section; items that would take it past what its length can say are left out.
    pub(crate) fn section<I: AsRef<[u8]>>(&mut self, items: impl IntoIterator<Item = I>) {
        let start = self.bytes.len();
        self.bytes.extend([0; 2]);
        for item in items {
            let item = item.as_ref();
            if self.bytes.len() - start - 2 + item.len() > usize::from(u16::MAX) {
                break;
            }
            self.bytes.extend_from_slice(item);
        }
        self.close(start);
    }

    fn close(&mut self, start: usize) {
        let length = u16::try_from(self.bytes.len() - start - 2).unwrap_or(u16::MAX);
        if let Some(slot) = self.bytes.get_mut(start..start + 2) {
            slot.copy_from_slice(&length.to_be_bytes());
        }
    }

    pub(crate) fn codes(&mut self, codes: impl IntoIterator<Item = u16>) {
        let start = self.bytes.len();
        self.bytes.extend([0; 2]);
        for code in codes {
            if is_grease(code) {
                self.grease = true;
            } else if self.bytes.len() - start < usize::from(u16::MAX) {
                self.bytes.extend(code.to_be_bytes());
            }
        }
        self.close(start);
    }

    /// ALPN names, and the two sections of extension types.
    pub(crate) fn finish<'a>(
        mut self,
        alpn: impl Iterator<Item = &'a [u8]>,
        extensions: impl Iterator<Item = u16> + Clone,
    ) -> Offer {
        let start = self.bytes.len();
        self.bytes.extend([0; 2]);
        for name in alpn {
            if is_grease_alpn(name) {
                self.grease = true;
            } else if let Ok(length) = u8::try_from(name.len())
                && self.bytes.len() - start + name.len() < usize::from(u16::MAX)
            {
                self.bytes.push(length);
                self.bytes.extend_from_slice(name);
            }
        }
        self.close(start);

        let start = self.bytes.len() + 2;
        self.codes(extensions.clone());
        if let Some(set) = self.bytes.get_mut(start..) {
            set.as_chunks_mut::<2>().0.sort_unstable();
        }
        self.codes(extensions);
        if self.grease
            && let Some(flags) = self.bytes.get_mut(1)
        {
            *flags |= FLAG_GREASE;
        }
        Offer { bytes: self.bytes }
    }
}
