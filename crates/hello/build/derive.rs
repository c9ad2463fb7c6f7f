//! What the IANA name of a cipher suite or a group says about it, as Rust source.

/// The first entry of `table` that `text` starts with, and the rest of the text.
fn prefix<'t, T: Copy>(table: &[(&str, T)], text: &'t str) -> Option<(T, &'t str)> {
    table
        .iter()
        .find_map(|(prefix, value)| Some((*value, text.strip_prefix(prefix)?)))
}

/// Key exchange and authentication, by what stands before `_WITH_`.
const KEY_EXCHANGES: &[(&str, (&str, &str))] = &[
    ("NULL", ("Null", "Null")),
    ("RSA", ("Rsa", "Rsa")),
    // Netscape's suites for FIPS 140 differ from the others in the PRF of SSLv3 alone.
    ("RSA_FIPS", ("Rsa", "Rsa")),
    ("RSA_OLDFIPS", ("Rsa", "Rsa")),
    ("DH_DSS", ("Dh", "Dss")),
    ("DH_RSA", ("Dh", "Rsa")),
    ("DH_anon", ("Dhe", "Anonymous")),
    ("DHE_DSS", ("Dhe", "Dss")),
    ("DHE_RSA", ("Dhe", "Rsa")),
    ("ECDH_ECDSA", ("Ecdh", "Ecdsa")),
    ("ECDH_RSA", ("Ecdh", "Rsa")),
    ("ECDH_anon", ("Ecdhe", "Anonymous")),
    ("ECDHE_ECDSA", ("Ecdhe", "Ecdsa")),
    ("ECDHE_RSA", ("Ecdhe", "Rsa")),
    ("PSK", ("Psk", "Psk")),
    ("DHE_PSK", ("DhePsk", "Psk")),
    // RFC 6655 spells it the other way round for CCM_8.
    ("PSK_DHE", ("DhePsk", "Psk")),
    ("ECDHE_PSK", ("EcdhePsk", "Psk")),
    ("RSA_PSK", ("RsaPsk", "Rsa")),
    ("SRP_SHA", ("Srp", "Srp")),
    ("SRP_SHA_RSA", ("Srp", "Rsa")),
    ("SRP_SHA_DSS", ("Srp", "Dss")),
    ("KRB5", ("Krb5", "Krb5")),
    ("ECCPWD", ("Eccpwd", "Eccpwd")),
    ("GOSTR341094", ("Gost", "Gost")),
    ("GOSTR341001", ("Gost", "Gost")),
    ("GOSTR341112_256", ("Gost", "Gost")),
];

/// Cipher and mode, by how the part after `_WITH_` begins: a longer name comes before its prefix.
const CIPHERS: &[(&str, (&str, &str))] = &[
    ("NULL", ("Null", "None")),
    ("RC4_128", ("Rc4", "Stream")),
    ("RC4_40", ("Rc4", "Stream")),
    ("RC4_56", ("Rc4", "Stream")),
    ("RC2_CBC_40", ("Rc2", "Cbc")),
    ("RC2_CBC_56", ("Rc2", "Cbc")),
    ("IDEA_CBC", ("Idea", "Cbc")),
    ("DES40_CBC", ("Des", "Cbc")),
    ("DES_CBC_40", ("Des", "Cbc")),
    ("DES_CBC", ("Des", "Cbc")),
    ("3DES_EDE_CBC", ("TripleDes", "Cbc")),
    ("SEED_CBC", ("Seed", "Cbc")),
    ("AES_128_CBC", ("Aes128", "Cbc")),
    ("AES_128_GCM", ("Aes128", "Gcm")),
    ("AES_128_CCM_8", ("Aes128", "Ccm8")),
    ("AES_128_CCM", ("Aes128", "Ccm")),
    ("AES_256_CBC", ("Aes256", "Cbc")),
    ("AES_256_GCM", ("Aes256", "Gcm")),
    ("AES_256_CCM_8", ("Aes256", "Ccm8")),
    ("AES_256_CCM", ("Aes256", "Ccm")),
    ("CAMELLIA_128_CBC", ("Camellia128", "Cbc")),
    ("CAMELLIA_128_GCM", ("Camellia128", "Gcm")),
    ("CAMELLIA_256_CBC", ("Camellia256", "Cbc")),
    ("CAMELLIA_256_GCM", ("Camellia256", "Gcm")),
    ("ARIA_128_CBC", ("Aria128", "Cbc")),
    ("ARIA_128_GCM", ("Aria128", "Gcm")),
    ("ARIA_256_CBC", ("Aria256", "Cbc")),
    ("ARIA_256_GCM", ("Aria256", "Gcm")),
    ("CHACHA20_POLY1305", ("ChaCha20", "Poly1305")),
    ("SM4_GCM", ("Sm4", "Gcm")),
    ("SM4_CCM", ("Sm4", "Ccm")),
    ("AEGIS_128L", ("Aegis128L", "Aegis")),
    ("AEGIS_256", ("Aegis256", "Aegis")),
    ("28147_CNT_IMIT", ("Gost28147", "Cnt")),
    ("KUZNYECHIK_CTR_OMAC", ("Kuznyechik", "CtrOmac")),
    ("KUZNYECHIK_MGM_L", ("Kuznyechik", "Mgm")),
    ("KUZNYECHIK_MGM_S", ("Kuznyechik", "Mgm")),
    ("MAGMA_CTR_OMAC", ("Magma", "CtrOmac")),
    ("MAGMA_MGM_L", ("Magma", "Mgm")),
    ("MAGMA_MGM_S", ("Magma", "Mgm")),
    // Integrity alone (RFC 9150): the first of the two hashes is the "cipher".
    ("SHA256_SHA", ("Null", "None")),
    ("SHA384_SHA", ("Null", "None")),
];

/// The `SuiteFacts` of a suite by its IANA name; `Ok(None)` for a signalling value.
///
/// # Errors
///
/// The part of the name that is not known.
pub(crate) fn suite(name: &str) -> Result<Option<String>, String> {
    if name.ends_with("_SCSV") {
        return Ok(None);
    }
    let bare = name
        .trim_start_matches("TLS_")
        .trim_start_matches("SSL_")
        .trim_end_matches("_OLD");
    let (exchange, protection) = bare
        .split_once("_WITH_")
        .map_or((None, bare), |(exchange, rest)| (Some(exchange), rest));
    let (plain, export) = match exchange {
        Some(text) => match text
            .strip_suffix("_EXPORT")
            .or_else(|| text.strip_suffix("_EXPORT1024"))
        {
            Some(plain) => (Some(plain), true),
            None => (Some(text), false),
        },
        None => (None, false),
    };
    let ((cipher, mode), rest) = prefix(CIPHERS, protection).ok_or(protection)?;
    // The MGM suites are for TLS 1.3 although they name a key exchange (RFC 9367 section 4).
    let tls13 = plain.is_none() || mode == "Mgm";
    let (key_exchange, authentication) = match plain {
        Some(plain) if !tls13 => {
            KEY_EXCHANGES
                .iter()
                .find(|(name, _)| *name == plain)
                .ok_or(plain)?
                .1
        }
        _ => ("Tls13", "Tls13"),
    };
    let gost = plain.filter(|plain| plain.starts_with("GOSTR"));
    let hash = match rest.trim_start_matches('_') {
        _ if gost == Some("GOSTR341112_256") => "Streebog",
        _ if gost.is_some() => "Gost94",
        "NULL" => "Null",
        "MD5" => "Md5",
        "SHA" => "Sha1",
        // What is left of SHA256_SHA256 and SHA384_SHA384.
        "256" | "SHA256" => "Sha256",
        "384" | "SHA384" => "Sha384",
        "SHA512" => "Sha512",
        "SM3" => "Sm3",
        // CCM suites of TLS 1.2 name no hash: their PRF is that of TLS 1.2 (RFC 6655 section 3).
        "" if mode.starts_with("Ccm") => "Sha256",
        other => return Err(other.into()),
    };
    Ok(Some(format!(
        "SuiteFacts {{ key_exchange: KeyExchange::{key_exchange}, authentication: Authentication::{authentication}, \
         cipher: Cipher::{cipher}, mode: Mode::{mode}, hash: Hash::{hash}, export: {export}, \
         anonymous: {}, tls13: {tls13} }}",
        authentication == "Anonymous" || key_exchange == "Null",
    )))
}

/// The `GroupFacts` of a group by its IANA name.
pub(crate) fn group(name: &str, key_share: Option<u16>) -> String {
    let (kind, post_quantum) = match name {
        _ if name.contains("MLKEM") => ("MlKem", true),
        _ if name.contains("Kyber") || name == "CECPQ2" => ("Experiment", true),
        _ if name.starts_with("ffdhe") => ("Ffdhe", false),
        _ => ("Ec", false),
    };
    let hybrid = post_quantum && !name.starts_with("MLKEM");
    format!(
        "GroupFacts {{ kind: GroupKind::{kind}, post_quantum: {post_quantum}, hybrid: {hybrid}, key_share: {key_share:?} }}"
    )
}
