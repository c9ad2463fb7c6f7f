//! What a group for key exchange is.

/// The parts of a group, derived from its IANA name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GroupFacts {
    /// What it computes with.
    pub kind: GroupKind,
    /// A quantum computer does not break it.
    pub post_quantum: bool,
    /// Post-quantum and classical together: it holds while either does.
    pub hybrid: bool,
    /// Bytes of a client's key share (RFC 8446 section 4.2.8); `None` for groups that TLS 1.3 does not use.
    pub key_share: Option<u16>,
}

/// What a group computes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GroupKind {
    /// An elliptic curve.
    Ec,
    /// A finite field (RFC 7919).
    Ffdhe,
    /// ML-KEM (FIPS 203), alone or in a hybrid.
    MlKem,
    /// A post-quantum trial that ML-KEM has replaced, in a hybrid.
    Experiment,
}
