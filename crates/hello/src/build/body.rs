//! What stands in each extension of a built hello.

use super::{Fill, Grease, key_share, put_codes, vector8, vector16};
use crate::Offer;
use crate::client_hello::extension;

/// The bodies that do not depend on the offer, each the plainest that servers accept; an extension that is
/// not here has an empty one.
const FIXED: &[(u16, &[u8])] = &[
    // max_fragment_length: 4096 (RFC 6066 section 4).
    (1, &[4]),
    // status_request: OCSP, no responders, no extensions (RFC 6066 section 8).
    (5, &[1, 0, 0, 0, 0]),
    // srp: the user `user` (RFC 5054 section 2.8.1).
    (12, b"\x04user"),
    // use_srtp: SRTP_AES128_CM_HMAC_SHA1_80, no MKI (RFC 5764 section 4.1.1).
    (14, &[0, 2, 0, 1, 0]),
    // heartbeat: peer_allowed_to_send (RFC 6520 section 2).
    (15, &[1]),
    // status_request_v2: one OCSP request, as above (RFC 6961 section 2.2).
    (17, &[0, 7, 1, 0, 4, 0, 0, 0, 0]),
    // client_certificate_type and server_certificate_type: X.509 (RFC 7250 section 3).
    (19, &[1, 0]),
    (20, &[1, 0]),
    // token_binding: version 1.0, ecdsap256 (RFC 8472 section 2).
    (24, &[1, 0, 1, 2]),
    // compress_certificate: brotli (RFC 8879 section 3).
    (27, &[2, 0, 2]),
    // record_size_limit: 2^14 + 1 (RFC 8449 section 4).
    (28, &[0x40, 0x01]),
    // delegated_credential: ecdsa_secp256r1_sha256 (RFC 9345 section 4.1.1).
    (34, &[0, 2, 4, 3]),
    // pre_shared_key: one unknown identity and its binder (RFC 8446 section 4.2.11).
    (41, b"\0\x0a\0\x04none\0\0\0\0\0\x21\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
    // cookie: one byte (RFC 8446 section 4.2.2).
    (44, &[0, 1, 0]),
    // psk_key_exchange_modes: psk_dhe_ke (RFC 8446 section 4.2.9).
    (45, &[1, 1]),
    // certificate_authorities: the empty name (RFC 8446 section 4.2.4).
    (47, &[0, 4, 0, 2, 0x30, 0]),
    // application_settings, both code points: h2 (draft-vvv-tls-alps section 4).
    (0x4469, b"\0\x03\x02h2"),
    (0x44cd, b"\0\x03\x02h2"),
    // encrypted_client_hello: outer, HKDF-SHA256, AES-128-GCM, an unknown key (RFC 9849 section 5).
    (0xfe0d, &[0, 0, 1, 0, 1, 0, 0, 4, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0]),
    // renegotiation_info: none (RFC 5746 section 3.4).
    (0xff01, &[0]),
];

/// Appends the body of one extension.
pub(super) fn put(bytes: &mut Vec<u8>, code: u16, offer: &Offer, fill: &Fill, grease: &Grease) {
    match code {
        extension::SERVER_NAME if offer.has_sni() => vector16(bytes, |bytes| {
            bytes.push(0); // host_name
            let name = fill.server_name.as_deref().unwrap_or("example.com");
            vector16(bytes, |bytes| bytes.extend_from_slice(name.as_bytes()));
        }),
        extension::SUPPORTED_GROUPS => vector16(bytes, |bytes| {
            let grease = grease.group.filter(|_| offer.groups().len() > 0);
            put_codes(bytes, grease.into_iter().chain(offer.groups()));
        }),
        extension::EC_POINT_FORMATS => vector8(bytes, |bytes| {
            bytes.extend(offer.point_formats().iter().take(255))
        }),
        extension::SIGNATURE_ALGORITHMS => vector16(bytes, |bytes| {
            put_codes(bytes, offer.signature_algorithms())
        }),
        extension::SIGNATURE_ALGORITHMS_CERT => {
            vector16(bytes, |bytes| {
                put_codes(bytes, offer.signature_algorithms_cert())
            });
        }
        extension::ALPN => vector16(bytes, |bytes| {
            for name in offer.alpn() {
                vector8(bytes, |bytes| bytes.extend_from_slice(name));
            }
        }),
        extension::SUPPORTED_VERSIONS => vector8(bytes, |bytes| {
            /// What the one byte of length can say.
            const MOST: usize = 127;
            let versions = offer.supported_versions();
            let grease = grease
                .version
                .filter(|_| (1..MOST).contains(&versions.len()));
            put_codes(
                bytes,
                grease
                    .into_iter()
                    .chain(versions.map(|version| version.0).take(MOST)),
            );
        }),
        extension::KEY_SHARE => vector16(bytes, |bytes| {
            // One byte, as Chrome sends it: it stands for a group that nobody knows (RFC 8701 section 3.1).
            if let Some(group) = grease.group.filter(|_| offer.key_shares().len() > 0) {
                put_codes(bytes, [group, 1]);
                bytes.push(0);
            }
            for group in offer.key_shares() {
                put_codes(bytes, [group]);
                vector16(bytes, |bytes| key_share::put(bytes, group));
            }
        }),
        _ => {
            let fixed = FIXED.iter().find(|(fixed, _)| *fixed == code);
            bytes.extend_from_slice(fixed.map_or(&[], |(_, body)| body));
        }
    }
}
