//! A cursor that cannot run past its end.

use crate::fault::{Field, Reason};

/// Reads big-endian fields from a slice; every failure carries the offset where it happened.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    offset: usize,
}

/// What went wrong, at an offset into the message that the first [`Reader`] was made for.
pub(crate) type Fault = (usize, Reason);

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8], offset: usize) -> Self {
        Self {
            rest: bytes,
            offset,
        }
    }

    pub(crate) const fn offset(&self) -> usize {
        self.offset
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn take(&mut self, length: usize, field: Field) -> Result<&'a [u8], Fault> {
        let (head, tail) = self
            .rest
            .split_at_checked(length)
            .ok_or((self.offset, Reason::Truncated(field)))?;
        self.rest = tail;
        self.offset += length;
        Ok(head)
    }

    pub(crate) fn u8(&mut self, field: Field) -> Result<u8, Fault> {
        Ok(self.array::<1>(field)?[0])
    }

    pub(crate) fn u16(&mut self, field: Field) -> Result<u16, Fault> {
        Ok(u16::from_be_bytes(self.array(field)?))
    }

    fn array<const N: usize>(&mut self, field: Field) -> Result<[u8; N], Fault> {
        let (head, tail) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or((self.offset, Reason::Truncated(field)))?;
        self.rest = tail;
        self.offset += N;
        Ok(*head)
    }

    /// A sub-reader over a vector with a one-byte length prefix.
    pub(crate) fn vector8(&mut self, field: Field) -> Result<Self, Fault> {
        let length = self.u8(field)?;
        self.sub(length.into(), field)
    }

    /// A sub-reader over a vector with a two-byte length prefix.
    pub(crate) fn vector16(&mut self, field: Field) -> Result<Self, Fault> {
        let length = self.u16(field)?;
        self.sub(length.into(), field)
    }

    fn sub(&mut self, length: usize, field: Field) -> Result<Self, Fault> {
        let offset = self.offset;
        Ok(Self::new(self.take(length, field)?, offset))
    }

    /// What is left, as a list of items of `size` bytes.
    pub(crate) fn items(self, size: usize, field: Field) -> Result<&'a [u8], Fault> {
        if self.rest.len().is_multiple_of(size) {
            Ok(self.rest)
        } else {
            Err((self.offset, Reason::OddLength(field)))
        }
    }
}
