//! What a cipher suite is made of, as its IANA name says.

/// The parts of a cipher suite, derived from its IANA name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SuiteFacts {
    /// How the keys are agreed.
    pub key_exchange: KeyExchange,
    /// How the server proves who it is.
    pub authentication: Authentication,
    /// What encrypts the records.
    pub cipher: Cipher,
    /// How the cipher is used.
    pub mode: Mode,
    /// The hash of the record MAC; with an AEAD mode, that of the PRF.
    pub hash: Hash,
    /// Weakened on purpose for export from the USA: 40- or 56-bit keys.
    pub export: bool,
    /// Nobody proves who they are, so anybody on the way can take part.
    pub anonymous: bool,
    /// A suite of TLS 1.3, useless to anything older; the others are useless to TLS 1.3.
    pub tls13: bool,
}

/// How a suite agrees on keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    missing_docs,
    reason = "each variant is the name that stands in the suite's own name"
)]
pub enum KeyExchange {
    Null,
    /// The client encrypts the secret to the server's RSA key: no forward secrecy.
    Rsa,
    /// Static Diffie-Hellman: the server's certificate holds the share.
    Dh,
    /// Ephemeral Diffie-Hellman; also `DH_anon`.
    Dhe,
    /// Static Diffie-Hellman on a curve.
    Ecdh,
    /// Ephemeral Diffie-Hellman on a curve; also `ECDH_anon`.
    Ecdhe,
    Psk,
    RsaPsk,
    DhePsk,
    EcdhePsk,
    Srp,
    Krb5,
    Gost,
    Eccpwd,
    /// Agreed apart from the suite, by supported_groups and key_share (RFC 8446 section 4.2.7).
    Tls13,
}

impl KeyExchange {
    /// Whether a key stolen later leaves recorded traffic unreadable. With TLS 1.3 it does, but for the
    /// PSK-only mode that no suite shows (RFC 8446 section 4.2.9).
    pub const fn forward_secret(self) -> bool {
        matches!(
            self,
            Self::Dhe
                | Self::Ecdhe
                | Self::DhePsk
                | Self::EcdhePsk
                | Self::Srp
                | Self::Eccpwd
                | Self::Tls13
        )
    }
}

/// How the server proves who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    missing_docs,
    reason = "each variant is the name that stands in the suite's own name"
)]
pub enum Authentication {
    Null,
    Anonymous,
    Rsa,
    Dss,
    Ecdsa,
    Psk,
    Srp,
    Krb5,
    Gost,
    Eccpwd,
    /// Agreed apart from the suite, by signature_algorithms (RFC 8446 section 4.2.3).
    Tls13,
}

/// What encrypts the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    missing_docs,
    reason = "each variant is the name that stands in the suite's own name"
)]
pub enum Cipher {
    Null,
    Rc2,
    Rc4,
    Idea,
    Des,
    TripleDes,
    Seed,
    Aes128,
    Aes256,
    Camellia128,
    Camellia256,
    Aria128,
    Aria256,
    ChaCha20,
    Sm4,
    Aegis128L,
    Aegis256,
    Gost28147,
    Kuznyechik,
    Magma,
}

/// How a cipher is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    missing_docs,
    reason = "each variant is the name that stands in the suite's own name"
)]
pub enum Mode {
    /// Nothing is encrypted.
    None,
    Stream,
    Cbc,
    Gcm,
    Ccm,
    /// CCM with a tag of 8 bytes.
    Ccm8,
    /// ChaCha20 with Poly1305.
    Poly1305,
    Aegis,
    /// GOST 28147-89 in counter mode.
    Cnt,
    CtrOmac,
    Mgm,
}

impl Mode {
    /// Whether it encrypts and authenticates in one (RFC 5116).
    pub const fn aead(self) -> bool {
        matches!(
            self,
            Self::Gcm | Self::Ccm | Self::Ccm8 | Self::Poly1305 | Self::Aegis | Self::Mgm
        )
    }
}

/// The hash of a suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    missing_docs,
    reason = "each variant is the name that stands in the suite's own name"
)]
pub enum Hash {
    Null,
    Md5,
    Sha1,
    Sha256,
    Sha384,
    Sha512,
    Sm3,
    /// GOST R 34.11-94.
    Gost94,
    /// GOST R 34.11-2012.
    Streebog,
}
