//! The floors that ship: each a rule over the facts of suites and groups, with its source beside it.

use std::sync::LazyLock;

use hello::Version;
use hello::names::{Cipher, GroupFacts, GroupKind, KeyExchange, Mode, SuiteFacts};

use crate::Floor;
use crate::floor::Rules;

type SuiteRule = fn(u16, &SuiteFacts) -> bool;
type GroupRule = fn(u16, &GroupFacts) -> bool;

struct Named {
    name: &'static str,
    title: &'static str,
    min: Version,
    suites: Option<SuiteRule>,
    groups: Option<GroupRule>,
    sources: &'static [&'static str],
}

impl Floor {
    /// The names of the shipped floors.
    pub const NAMES: [&'static str; 8] = [
        "tls1.1",
        "tls1.2",
        "tls1.3",
        "rfc9325",
        "pci-4.0.1",
        "nist-800-52r2",
        "pq",
        "cnsa-2.0",
    ];

    /// A shipped floor by its name, exactly spelled as in [`Floor::NAMES`].
    pub fn named(name: &str) -> Option<&'static Self> {
        static FLOORS: LazyLock<Vec<Floor>> =
            LazyLock::new(|| NAMED.iter().map(Floor::from).collect());
        FLOORS.iter().find(|floor| floor.name == name)
    }
}

impl From<&Named> for Floor {
    fn from(named: &Named) -> Self {
        Self::new(Rules {
            name: named.name.to_owned(),
            title: named.title.to_owned(),
            min: named.min,
            suites: named.suites,
            groups: named.groups,
            sources: named
                .sources
                .iter()
                .map(|&source| source.to_owned())
                .collect(),
        })
    }
}

static NAMED: [Named; 8] = [
    Named {
        name: "tls1.1",
        title: "TLS 1.1 or later",
        min: Version::TLSV1_1,
        suites: None,
        groups: None,
        sources: &["RFC 4346"],
    },
    Named {
        name: "tls1.2",
        title: "TLS 1.2 or later",
        min: Version::TLSV1_2,
        suites: None,
        groups: None,
        sources: &["RFC 8996 sections 4 and 5: TLS 1.0 and TLS 1.1 must not be used"],
    },
    Named {
        name: "tls1.3",
        title: "TLS 1.3",
        min: Version::TLSV1_3,
        suites: None,
        groups: None,
        sources: &["RFC 8446", "RFC 9852: new protocols must require TLS 1.3"],
    },
    Named {
        name: "rfc9325",
        title: "RFC 9325 (BCP 195): forward secrecy and authenticated encryption, 128 bits or more",
        min: Version::TLSV1_2,
        suites: Some(rfc9325_suite),
        groups: Some(not_below_112_bits),
        sources: &[
            "versions: RFC 9325 section 3.1.1, nothing before TLS 1.2",
            "suites: RFC 9325 section 4.1, no NULL, RC4, export or anything under 128 bits, no static RSA, DH or ECDH, no TLS_DHE_*",
            "suites: RFC 9325 section 4.2, no CBC (it may stay where encrypt_then_mac is negotiated, which is not known before the handshake)",
            "groups: RFC 9325 section 4.5, curves of 224 bits and finite fields of 2048 bits at least",
        ],
    },
    Named {
        name: "pci-4.0.1",
        title: "PCI DSS 4.0.1: strong cryptography",
        min: Version::TLSV1_2,
        suites: Some(pci_suite),
        groups: None,
        sources: &[
            "versions: PCI DSS 4.0.1 requirement 4.2.1, secure versions only and no fallback; appendix A2, no SSL or early TLS; RFC 8996 for TLS 1.1",
            "suites: PCI DSS 4.0.1 appendix G, \"strong cryptography\": accepted algorithms of 112 bits of effective strength at least",
            "suites: no triple DES, which NIST SP 800-131A revision 2 section 2 disallows after 2023; no RC4, RFC 7465",
        ],
    },
    Named {
        name: "nist-800-52r2",
        title: "NIST SP 800-52 revision 2: TLS for US government systems",
        min: Version::TLSV1_2,
        suites: Some(nist_suite),
        groups: Some(nist_group),
        sources: &[
            "versions: NIST SP 800-52r2 section 3.1, TLS 1.2 with TLS 1.3 supported beside it",
            "suites: NIST SP 800-52r2 section 3.3.1, AES in GCM, CCM or CBC with ephemeral or certified Diffie-Hellman",
            "suites: NIST SP 800-52r2 appendix D, RSA key transport only for transition; SP 800-131A revision 2 section 6 ends it after 2023",
            "groups: NIST SP 800-52r2 section 3.4.2 (supported groups) with SP 800-56A revision 3 appendix D; ML-KEM by FIPS 203, in hybrids by SP 800-227",
        ],
    },
    Named {
        name: "pq",
        title: "post-quantum key exchange: ML-KEM, alone or in a hybrid",
        min: Version::TLSV1_3,
        suites: None,
        groups: Some(|_, facts| ml_kem(facts)),
        sources: &[
            "versions: post-quantum groups exist in TLS 1.3 only",
            "groups: FIPS 203; RFC 10024 (hybrids); draft-ietf-tls-mlkem (ML-KEM alone)",
        ],
    },
    Named {
        name: "cnsa-2.0",
        title: "CNSA 2.0: US national security systems",
        min: Version::TLSV1_3,
        suites: Some(|code, _| code == TLS_AES_256_GCM_SHA384),
        groups: Some(|code, _| code == MLKEM1024),
        sources: &[
            "draft-becker-cnsa2-tls-profile-05: TLS 1.3, TLS_AES_256_GCM_SHA384, ML-KEM-1024; a hybrid such as SecP384r1MLKEM1024 is not in the profile",
            "the profile also wants ML-DSA-87 certificates, which is the server's part and not judged here",
        ],
    },
];

/// IANA TLS Cipher Suites.
const TLS_AES_256_GCM_SHA384: u16 = 0x1302;
/// IANA TLS Supported Groups.
const MLKEM1024: u16 = 0x0202;

/// A block or stream cipher of 128 bits or more that the field has tested: RFC 9325 section 4.1, and what
/// PCI DSS calls accepted.
const fn strong(cipher: Cipher) -> bool {
    matches!(
        cipher,
        Cipher::Aes128
            | Cipher::Aes256
            | Cipher::ChaCha20
            | Cipher::Camellia128
            | Cipher::Camellia256
            | Cipher::Aria128
            | Cipher::Aria256
    )
}

/// ChaCha20 with Poly1305 as drafts had it before RFC 7905 gave it other code points.
const fn withdrawn(code: u16) -> bool {
    matches!(code, 0xcc13..=0xcc15)
}

fn rfc9325_suite(code: u16, facts: &SuiteFacts) -> bool {
    // CCM_8 cuts the tag to 64 bits: below the 128 of section 4.1.
    let aead = matches!(facts.mode, Mode::Gcm | Mode::Ccm | Mode::Poly1305);
    let forward_secret = facts.tls13 || facts.key_exchange == KeyExchange::Ecdhe;
    strong(facts.cipher) && aead && forward_secret && !facts.anonymous && !withdrawn(code)
}

fn pci_suite(code: u16, facts: &SuiteFacts) -> bool {
    strong(facts.cipher) && !facts.anonymous && !facts.export && !withdrawn(code)
}

fn nist_suite(_: u16, facts: &SuiteFacts) -> bool {
    let aes = matches!(facts.cipher, Cipher::Aes128 | Cipher::Aes256);
    // Pre-shared keys are appendix C: closed environments, by arrangement.
    let agreed = matches!(
        facts.key_exchange,
        KeyExchange::Ecdhe | KeyExchange::Dhe | KeyExchange::Ecdh | KeyExchange::Dh
    );
    aes && !facts.anonymous && (facts.tls13 || agreed)
}

/// The curves under 224 bits, all of RFC 8422's table that SP 800-57 part 1 puts below 112 bits of strength,
/// and the two code points that stand for a curve spelled out in the hello.
fn not_below_112_bits(code: u16, _: &GroupFacts) -> bool {
    const SECT163_AND_193: std::ops::RangeInclusive<u16> = 0x0001..=0x0005;
    const SECP160_AND_192: std::ops::RangeInclusive<u16> = 0x000f..=0x0013;
    const EXPLICIT: std::ops::RangeInclusive<u16> = 0xff01..=0xff02;
    ![SECT163_AND_193, SECP160_AND_192, EXPLICIT]
        .iter()
        .any(|weak| weak.contains(&code))
}

fn nist_group(code: u16, facts: &GroupFacts) -> bool {
    let binary = matches!(code, 0x0006 | 0x0007 | 0x0009..=0x000e); // sect233 to sect571, without sect239k1
    let prime = matches!(code, 0x0015 | 0x0017..=0x0019); // secp224r1, secp256r1, secp384r1, secp521r1
    let finite = matches!(code, 0x0100..=0x0104); // ffdhe2048 to ffdhe8192
    binary || prime || finite || ml_kem(facts)
}

/// ML-KEM as FIPS 203 has it; the Kyber of earlier drafts is another algorithm.
fn ml_kem(facts: &GroupFacts) -> bool {
    facts.kind == GroupKind::MlKem
}
