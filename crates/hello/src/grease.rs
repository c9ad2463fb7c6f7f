//! GREASE: values that mean nothing, sent so that servers stay tolerant (RFC 8701).

/// Whether a 16-bit code point is one of the sixteen GREASE values `0x0A0A`, `0x1A1A` … `0xFAFA`
/// (RFC 8701 section 2).
pub const fn is_grease(code: u16) -> bool {
    code & 0x0f0f == 0x0a0a && code >> 8 == code & 0xff
}

/// Whether an ALPN protocol name is a GREASE value (RFC 8701 section 2: the same two bytes, as a name).
pub(crate) fn is_grease_alpn(name: &[u8]) -> bool {
    matches!(name, [a, b] if is_grease(u16::from_be_bytes([*a, *b])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_sixteen_values_are_grease() {
        let values: Vec<u16> = (0..=u16::MAX).filter(|&code| is_grease(code)).collect();
        let expected: Vec<u16> = (0..16)
            .map(|n| (n << 12) | 0x0a00 | (n << 4) | 0x0a)
            .collect();
        assert_eq!(values, expected);
    }
}
